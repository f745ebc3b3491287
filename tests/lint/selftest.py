#!/usr/bin/python3
"""Proves that each check of this folder can fail: a small tree with one fault in it, and what the check must say about it."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LONG = "int f(void)\n{\n" + "\tg();\n" * 101 + "}\n"
CASES = [  # check, file, content, what it must complain about (None: nothing)
    ("layers", "server/base/a.c", '#include "server/base/err.h"\n', None),
    ("layers", "server/base/a.c", '#include "server/conf/conf.h"\n', "server/base must not include server/conf/conf.h"),
    ("layers", "server/pop3/a.c", '#include "server/lmtp/session.h"\n', "must not include server/lmtp/session.h"),
    ("layers", "server/pop3/a.c", '#include "session.h"\n', "is not a path from the root"),
    ("layers", "server/pop3/a.c", "#include <openssl/ssl.h>\n", "belongs to server/net/tls"),
    ("layers", "server/new/a.c", "int x;\n", "no row in the layer table"),
    ("size", "server/base/a.c", LONG.replace("\tg();\n", "", 1), None),
    ("size", "server/base/a.c", LONG, "f has 101 lines"),
    ("size", "server/base/a.c", "\n" * 701, "701 lines"),
    ("secrets", "server/base/a.c", 'int f(void) { return printf("%s", pass_file); }\n', None),
    ("secrets", "server/base/a.c", '/* printf(pass) */ int f(void) { puts("pass(pass)"); }\n', None),
    ("secrets", "server/base/a.c", 'int f(void)\n{\n\tprintf("%s", q->pass.bytes);\n}\n', "a.c:3: printf() is given q->pass.bytes"),
    ("secrets", "server/base/a.c", 'void f(void) { log_event(l, LV_INFO, "x", KV("a", secret)); }\n', "KV() is given secret"),
    ("secrets", "README.md", "see /wor" "k/notes\n", "a path of one machine"),
    ("secrets", "tests/a.py", "# TO" "DO later\n", "unfinished work"),
    ("secrets", "tests/a.py", "@pytest.mark.sk" "ip\n", "a skipped test"),
]

DRIFT = [  # a file of schema/, what is put in place of what
    ("openldap/winpop.ldif", "{318}", "{319}", "only in one of"),
    ("openldap/winpop.schema", "MAY winpopNTHash", "MUST winpopNTHash", "only in one of"),
    ("ad/winpop-1-attributes.ldif", ".1.2\n", ".1.9\n", "is not what OpenLDAP has"),
    ("oids.md", "`.2.3`", "`.2.4`", "oids.md does not say"),
    ("openldap/update.ldif", "integerMatch ORDERING integerOrderingMatch", "integerMatch", "not in winpop.ldif"),
    ("openldap/update.ldif", "olcObjectClasses: ( winpopClass:2", "olcObjectClasses: ( winpopClass:5", "lacks"),
    ("ad/update.ldif", "mayContain: winpopExpireDays", "mayContain: winpopExpire", "has no 'mayContain: winpopExpire'"),
    ("ad/update.ldif", "oMSyntax: 2\n", "oMSyntax: 65\n", "is another one"),
]


def run(check, name, content):
    with tempfile.TemporaryDirectory(prefix="lint-") as root:
        for path, text in (("server/base/err.h", ""), ("server/conf/conf.h", ""), ("server/lmtp/session.h", ""), (name, content)):
            to = pathlib.Path(root, path)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text)
        return subprocess.run([sys.executable, HERE / f"{check}.py", root], capture_output=True, text=True)


def run_schema(name, what, instead):
    with tempfile.TemporaryDirectory(prefix="lint-") as root:
        shutil.copytree(HERE.parents[1] / "schema", pathlib.Path(root, "schema"))
        file = pathlib.Path(root, "schema", name)
        file.write_text(file.read_text().replace(what, instead, 1))
        return subprocess.run([sys.executable, HERE / "schema.py", root], capture_output=True, text=True)


def main():
    bad = 0
    for name, what, instead, want in DRIFT:
        got = run_schema(name, what, instead)
        if got.returncode != 1 or want not in got.stdout:
            bad += 1
            print(f"schema on {name}: wanted {want!r}, got {got.returncode}: {got.stdout}{got.stderr}")
    for check, name, content, want in CASES:
        got = run(check, name, content)
        right = (got.returncode == 0) if want is None else (got.returncode == 1 and want in got.stdout)
        if not right:
            bad += 1
            print(f"{check} on {name}: {content!r}\n  wanted {want!r}, got {got.returncode}: {got.stdout}{got.stderr}")
    print(f"selftest: {len(CASES) + len(DRIFT)} cases, {bad} wrong")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
