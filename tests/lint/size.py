#!/usr/bin/python3
"""Fail when a function or a file has grown beyond what one head holds.

    size.py [ROOT]

A function above 100 lines or a file above 700 is an error; functions above 50 are listed. The formatter puts the braces of a
function body, and only those, alone into the first column: that is all the parsing needed, and tables are no functions.
"""
import pathlib
import re
import statistics
import sys

FUNCTION_MAX, FUNCTION_LONG, FILE_MAX = 100, 50, 700
SUFFIXES = {".c", ".h", ".py"}
NAME = re.compile(r"(\w+)\(")


def functions(lines):
    """(name, first line, length) of each function body."""
    start = None
    for n, line in enumerate(lines):
        if line == "{":
            start = n
        elif line.startswith("}") and start is not None:
            yield name_before(lines, start), start + 1, n - start - 1
            start = None


def name_before(lines, n):
    while n > 0 and lines[n - 1].startswith(("\t", " ")):
        n -= 1
    found = NAME.search(lines[n - 1]) if n > 0 else None
    return found.group(1) if found else "?"


def sources(root):
    for path in sorted(root.rglob("*")):
        rel = path.relative_to(root)
        if path.suffix in SUFFIXES and path.is_file() and not rel.parts[0].startswith(("build", ".")):
            yield rel, path.read_text(errors="replace").splitlines()


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad, long, lengths = [], [], []
    for rel, lines in sources(root):
        if len(lines) > FILE_MAX:
            bad.append(f"{rel}: {len(lines)} lines, at most {FILE_MAX}")
        if rel.suffix != ".c":
            continue
        for name, at, length in functions(lines):
            lengths.append(length)
            if length > FUNCTION_MAX:
                bad.append(f"{rel}:{at}: {name} has {length} lines, at most {FUNCTION_MAX}")
            elif length > FUNCTION_LONG:
                long.append((length, f"{rel}:{at}", name))
    for length, where, name in sorted(long, reverse=True):
        print(f"{length:5}  {where}  {name}")
    if lengths:
        ninth = sorted(lengths)[len(lengths) * 9 // 10]
        print(f"size: {len(lengths)} functions, median {statistics.median(lengths):g} lines, 9 of 10 below {ninth + 1}")
    print("\n".join(bad) if bad else "size: clean")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
