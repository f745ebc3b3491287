#!/usr/bin/python3
"""Fail when an include breaks the layers, or when a third-party header leaks out of its home.

    layers.py [ROOT]

A folder has a level, and a list of the folders below it whose headers it may name. Both are checked: every entry of the list
lies on a lower level, so the table can hold no circle and no sideways step; every include in the tree is an entry of the
list. A folder with C code that has no row is an error too, so nothing escapes by being new.
"""
import pathlib
import re
import sys

LEVEL = {
    "server/base": 0,
    "server/conf": 1,
    "server/net": 2,
    "server/store": 3, "server/ops": 3,
    "server/catalog": 4, "server/accounts": 4,
    "server/auth": 5, "server/quota": 5, "ldap": 5,
    "server/pop3": 6, "server/lmtp": 6, "server/mta": 6, "server/upkeep": 6, "migrate": 6, "server/backends": 6,
    "server/main": 7, "admin": 7,
}

BASE = ["server/base"]
CONF = BASE + ["server/conf"]
MAIL = CONF + ["server/store"]
PEOPLE = MAIL + ["server/catalog", "server/accounts"]
UNDER = {
    "server/base": [],
    "server/conf": BASE,
    "server/net": CONF,
    "server/ops": CONF + ["server/net"],
    "server/store": CONF,
    "server/catalog": MAIL,
    "server/accounts": MAIL,
    "ldap": PEOPLE,
    "server/auth": CONF + ["server/accounts"],
    "server/quota": PEOPLE,
    "server/pop3": PEOPLE + ["server/net", "server/auth"],
    "server/lmtp": PEOPLE + ["server/net", "server/quota"],
    "server/mta": PEOPLE + ["server/net", "server/auth", "server/quota"],
    "server/upkeep": PEOPLE,
    "migrate": PEOPLE,
    "server/backends": PEOPLE + ["ldap", "server/quota"],
    "server/main": PEOPLE + ["server/net", "server/auth", "server/quota", "server/pop3", "server/lmtp", "server/mta",
                             "server/upkeep", "server/ops", "server/backends"],
    "admin": PEOPLE + ["migrate", "server/quota", "server/upkeep", "server/ops", "server/backends", "server/auth", "server/net"],
}

# third-party header prefix -> where it may be named (a folder, or the beginning of a file's path)
HOME = {
    "ldap.h": ["ldap/"],
    "lber.h": ["ldap/"],
    "sasl/": ["server/auth/", "ldap/kerberos"],
    "gssapi/": ["ldap/kerberos"],
    "krb5.h": ["ldap/kerberos"],
    "wbclient.h": ["server/auth/winbind"],
    "security/": ["server/accounts/system"],
    "rados/": ["server/store/ceph"],
    "openssl/": ["server/net/tls", "server/base/crypto", "ldap/secure"],
    "idn2.h": ["server/base/name"],
    "jansson.h": ["server/ops/", "server/main/", "admin/"],
    "event2/http": ["admin/console", "server/ops/"],
    "event2/": ["server/net/", "server/main/", "server/ops/", "admin/console"],
}

# folders whose C code is not the product's: tests reach where they must
FREE = ("tests/", "build")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def folder_of(path):
    """The row that a file (or an include's text) falls under; the longest wins."""
    return max((f for f in UNDER if path.startswith(f + "/")), key=len, default=None)


def check_table():
    bad = [f"table: {f} has no level" for f in UNDER if f not in LEVEL]
    for folder, below in UNDER.items():
        bad += [f"table: {folder} (level {LEVEL[folder]}) must not look at {b} (level {LEVEL[b]})"
                for b in below if LEVEL[b] >= LEVEL[folder]]
    return bad


def check_quoted(root, rel, folder, inc):
    if not (root / inc).is_file():
        return f'{rel}: "{inc}" is not a path from the root of the tree'
    to = folder_of(inc)
    if to not in (folder, *UNDER[folder]):
        return f"{rel}: {folder} must not include {inc}"
    return None


def check_angle(rel, inc):
    prefix = max((p for p in HOME if inc.startswith(p)), key=len, default=None)
    if prefix and not any(rel.startswith(h) for h in HOME[prefix]):
        return f"{rel}: <{inc}> belongs to {', '.join(HOME[prefix])}"
    return None


def check_file(root, path):
    rel = path.relative_to(root).as_posix()
    if rel.startswith(FREE):
        return []
    folder = folder_of(rel)
    if folder is None:
        return [f"{rel}: its folder has no row in the layer table"]
    found = (check_quoted(root, rel, folder, inc) if mark == '"' else check_angle(rel, inc)
             for mark, inc in INCLUDE.findall(path.read_text(errors="replace")))
    return [f for f in found if f]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad = check_table()
    files = sorted(root.rglob("*.[ch]"))
    for path in files:
        bad += check_file(root, path)
    print("\n".join(bad) if bad else f"layers: {len(files)} files, clean")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
