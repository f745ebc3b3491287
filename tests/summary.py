#!/usr/bin/python3
"""Adds up the reports of one tests/run: meson logs, pytest's JUnit file, lines in `passed` and `broken`. Last line: the sum."""
import json
import pathlib
import sys
import xml.etree.ElementTree as ET


def meson(path):
    for line in path.read_text().splitlines():
        t = json.loads(line)
        yield t["name"], {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}.get(t["result"], "failed")


def junit(path):
    for case in ET.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        yield f'{case.get("classname")}.{case.get("name")}', state


def lines(path, state):
    if path.exists():
        for line in path.read_text().splitlines():
            yield line, state


def main(folder):
    results = []
    for p in sorted(folder.glob("*.meson.json")):
        results += meson(p)
    for p in sorted(folder.glob("*.xml")):
        results += junit(p)
    results += lines(folder / "passed", "passed")
    results += lines(folder / "broken", "failed")
    count = {s: sum(1 for _, r in results if r == s) for s in ("passed", "failed", "skipped")}
    for name, state in results:
        if state != "passed":
            print(f"{state}: {name}")
    print(f'{count["passed"]} passed, {count["failed"]} failed, {count["skipped"]} skipped')
    return 0 if count["failed"] == 0 and count["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
