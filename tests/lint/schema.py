#!/usr/bin/python3
"""Fail when the forms of the schema drift apart: schema/openldap in its two forms, schema/ad, what brings older ones up to
date, and the numbers in oids.md.

    schema.py [ROOT]
"""
import pathlib
import re
import sys


def squeeze(text):
    return " ".join(text.split())


def definitions_conf(text):
    """{(kind, definition)} of slapd.conf's form: a line that begins with a blank goes on."""
    lines = re.sub(r"\n[ \t]+", " ", re.sub(r"^#.*\n", "", text, flags=re.M)).splitlines()
    return {(kind.lower(), squeeze(rest)) for kind, rest in (line.split(None, 1) for line in lines if line.strip())}


def definitions_ldif(text):
    kinds = {"olcObjectIdentifier": "objectidentifier", "olcAttributeTypes": "attributetype", "olcObjectClasses": "objectclass"}
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\n ", "").splitlines()
    pairs = (line.split(": ", 1) for line in lines if ": " in line)
    return {(kinds[key], squeeze(value)) for key, value in pairs if key in kinds}


def numbers_openldap(definitions):
    """{name: ending of its number}"""
    arcs = {"winpopAttribute": "1", "winpopClass": "2"}
    found = (re.match(r"\( (\w+):(\d+) NAME '(\w+)'", d) for kind, d in definitions if kind != "objectidentifier")
    return {m[3]: f"{arcs[m[1]]}.{m[2]}" for m in found}


def entries_ad(text):
    for block in re.sub(r"^#.*\n", "", text, flags=re.M).strip().split("\n\n"):
        yield dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)


def numbers_ad(texts, arc):
    found = {}
    for entry in (e for text in texts for e in entries_ad(text)):
        number = entry.get("attributeID") or entry.get("governsID")
        if number:
            assert number.startswith(arc + "."), f"{entry['cn']}: {number} is not below {arc}"
            found[entry["cn"]] = number[len(arc) + 1:]
    return found


def blocks(text):
    return re.sub(r"^#.*\n", "", text, flags=re.M).strip().split("\n\n")


def strays(schema, ldif):
    """What an update would make that who begins today does not have."""
    late = definitions_ldif((schema / "openldap/update.ldif").read_text())
    found = [f"openldap/update.ldif: not in winpop.ldif: {text}" for kind, text in sorted(late - ldif)]
    found += [f"openldap/update.ldif replaces all classes and lacks {text}" for kind, text in sorted(ldif - late)
              if kind == "objectclass"]
    whole = [block for file in sorted((schema / "ad").glob("winpop-*.ldif")) for block in blocks(file.read_text())]
    for block in blocks((schema / "ad/update.ldif").read_text()):
        if block in whole:
            continue
        dn = block.splitlines()[0]
        entry = next((known for known in whole if known.startswith(dn + "\n")), "")
        found += [f"ad/update.ldif: {dn} has no {line!r} in the other files" for line in block.splitlines()
                  if line.startswith("mayContain") and line not in entry.splitlines()]
        if "changetype: modify" not in block:
            found.append(f"ad/update.ldif: {dn} is another one in the other files")
    return found


def check(root):
    schema = root / "schema"
    oids = (schema / "oids.md").read_text()
    arcs = dict(re.findall(r"^\| (OpenLDAP|Active Directory) \| `([\d.]+)`", oids, re.M))
    written = dict((name, number) for number, name in re.findall(r"^\| arc`\.([\d.]+)` \| (\w+) \|", oids, re.M))
    conf = definitions_conf((schema / "openldap/winpop.schema").read_text())
    ldif = definitions_ldif((schema / "openldap/winpop.ldif").read_text())
    ad = numbers_ad([file.read_text() for file in sorted((schema / "ad").glob("*.ldif"))], arcs["Active Directory"])
    openldap = numbers_openldap(conf)

    bad = [f"only in one of winpop.schema, winpop.ldif: {kind} {text}" for kind, text in sorted(conf ^ ldif)]
    bad += [f"oids.md does not say what winpop.schema does: {pair}" for pair in sorted(openldap.items() ^ written.items())]
    bad += [f"ad: {pair} is not what OpenLDAP has" for pair in sorted(ad.items() - openldap.items())]
    bad += strays(schema, ldif)
    if ("objectidentifier", f"winpop {arcs['OpenLDAP']}") not in conf:
        bad.append("winpop.schema is not below the arc of oids.md")
    if len(set(written.values())) != len(written) or len(openldap) < 10 or len(ad) < 8:
        bad.append("a number was given twice, or not all definitions were found")
    return bad


def main():
    bad = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    print("\n".join(bad) if bad else "schema: its forms say the same")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
