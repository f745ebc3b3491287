#!/usr/bin/python3
"""Fail when a C file is not as clang-format would write it.

    format.py [ROOT]
"""
import pathlib
import subprocess
import sys


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    files = sorted(p for p in root.rglob("*.[ch]") if not p.relative_to(root).parts[0].startswith(("build", ".")))
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", "--style=file", *files], cwd=root,
                         stderr=subprocess.PIPE, text=True)
    names = sorted({line.split(":")[0] for line in run.stderr.splitlines() if ": error:" in line})
    print("\n".join(f"{pathlib.Path(n).relative_to(root)}: run clang-format -i" for n in names) or f"format: {len(files)} files, clean")
    return bool(run.returncode)


if __name__ == "__main__":
    sys.exit(main())
