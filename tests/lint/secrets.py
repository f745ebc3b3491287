#!/usr/bin/python3
"""Fail when a password could reach a log, or when the tree speaks of what is not its own.

    secrets.py [ROOT]

Two searches. In C: no argument of a call that logs, prints or words an error may be a variable named like a password. In every
text file: no path of somebody's machine, no package host, no note that something is unfinished, no test that is skipped.
The type system does most of the first (a struct secret fits no log field); this catches a `pass.bytes` on its way out.
"""
import pathlib
import re
import sys

TELLS = re.compile(r"\b(KV|KV_B|printf|fprintf|dprintf|vprintf|puts|fputs|perror|syslog|sd_journal_\w+|err_set|err_errno|"
                   r"json_string|json_pack|out_field|out_text)\s*\(")
HIDDEN = re.compile(r"\b(?:\w+(?:->|\.))*(?:pass|passwd|password|pw|secret|clear_text|key_bytes)(?:(?:->|\.)bytes)?\b(?!\s*\()")
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

# Written in pieces, so that this file does not find itself.
FOREIGN = {
    "a path of one machine": r"(?<![\w.$}])/(?:wor" r"k|home/\w+)/\w",
    "a path out of the tree": r"\.\./sha" r"red",
    "a package host": r"\b(?:deb|security)\.deb" r"ian\.org|registry\.np" r"mjs|py" r"pi\.org|crat" r"es\.io",
    "unfinished work": r"\bTO" r"DO\b|\bFIX" r"ME\b|\bXX" r"X\b|\bHA" r"CK\b|not imple" r"mented",
    "a skipped test": r"pytest\.(?:sk" r"ip|mark\.(?:sk" r"ip|xf" r"ail))|sk" r"ipif|unittest\.sk" r"ip",
}
FOREIGN = {what: re.compile(pattern) for what, pattern in FOREIGN.items()}
# To boot a system takes mounts and cgroups that a container need not have: its tests say so there, and nothing else may.
EXCEPTED = {("a skipped test", "tests/integration/fixtures/booted.py")}
BINARY = {".pyc", ".png", ".ico", ".der", ".pem"}


def blank(found):
    """As many blanks and the same line ends, so that positions stay true."""
    return re.sub(r"[^\n]", " ", found.group())


def arguments(code, start):
    """The text between the bracket before start and its partner."""
    depth = 1
    for at in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return code[start:at]
    return code[start:]


def check_c(rel, text):
    code = NOT_CODE.sub(blank, text)
    for call in TELLS.finditer(code):
        hidden = HIDDEN.search(arguments(code, call.end()))
        if hidden:
            line = code.count("\n", 0, call.start()) + 1
            yield f"{rel}:{line}: {call.group(1)}() is given {hidden.group()}"


def check_text(rel, text):
    for what, pattern in FOREIGN.items():
        for found in () if (what, str(rel)) in EXCEPTED else pattern.finditer(text):
            yield f"{rel}:{text.count(chr(10), 0, found.start()) + 1}: {what}: {found.group()}"


def tree(root):
    for path in sorted(root.rglob("*")):
        rel = path.relative_to(root)
        ours = not rel.parts[0].startswith(("build", ".git", ".cache")) and "__pycache__" not in rel.parts
        if ours and path.is_file() and path.suffix not in BINARY and "seeds" not in rel.parts:
            yield rel, path.read_text(errors="replace")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad, n = [], 0
    for rel, text in tree(root):
        n += 1
        bad += check_text(rel, text)
        if rel.suffix in (".c", ".h") and rel.parts[0] != "tests":
            bad += check_c(rel, text)
    print("\n".join(bad) if bad else f"secrets: {n} files, clean")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
