"""Tokens: made once, shown once, kept as nothing that could be used."""
import hashlib
import os
import re
import subprocess
import time

import pytest

from winpop import ROOT, WINPOP


@pytest.fixture
def place(place):
    place.ok("set", "console_rights", str(place.path / "console.rights"))
    place.tokens = place.path / "console.tokens"
    return place


def test_a_token_is_shown_once(place):
    made = place.json("token", "add", "backup", "example.com", "Example.NET")
    assert re.fullmatch(r"wpt_[A-Za-z0-9_-]{43}", made["token"])
    assert (made["domains"], made["ends"]) == ("example.com example.net", "never")
    kept = place.tokens.read_text()
    assert made["token"] not in kept and hashlib.sha256(made["token"].encode()).hexdigest() in kept
    assert place.tokens.stat().st_mode & 0o777 == 0o600
    assert made["token"] not in str(place.json("token", "list")) + str(place.json("history"))
    assert place.json("token", "add", "other")["token"] != made["token"]
    assert place.rows("token", "list")[1][1] == "*"


def test_days(place):
    ends = place.json("token", "add", "x", "/days", "3")["ends"]
    assert ends in [time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400 + s)) for s in (-60, 0)]
    place.tokens.write_text(re.sub(r" \d+ \d+ ", " 1 2 ", place.tokens.read_text()))
    assert place.json("token", "list")["tokens"][0]["state"] == "over"


def test_delete(place):
    for name in ("a", "b", "c"):
        place.ok("token", "add", name)
    place.ok("token", "delete", "b")
    assert [r[0] for r in place.rows("token", "list")] == ["a", "c"]
    place.fails(1, "token", "delete", "b")
    place.fails(1, "token", "add", "a")


@pytest.mark.parametrize("words", [["add"], ["add", "a b"], ["add", ""], ["add", "x" * 65], ["add", "x", "no domain"], ["add", "x", "*"],
                                   ["add", "x", "/days", "0"], ["add", "x", "/days:many"], ["list", "x"], ["delete"], ["frob"],
                                   ["delete", "x", "y"], ["list", "/days:3"]])
def test_what_is_no_command(place, words):
    place.fails(2, "token", *words)
    assert not place.tokens.exists()


@pytest.mark.parametrize("text", ["x", "x\n", "a " + "0" * 63 + " 1 0 root *\n", "a " + "0" * 64 + " 1 0 root\n", "\0\n",
                                  "a " + "0" * 64 + " 1 0 root *", "a " + "0" * 64 + " 1 -1 root *\n",
                                  "a " + "0" * 64 + " 1 0 root * example.com\n", "a/b " + "0" * 64 + " 1 0 root *\n",
                                  "a  " + "0" * 64 + " 1 0 root *\n", "a " + "g" * 64 + " 1 0 root *\n"])
def test_a_damaged_file_is_left_as_it_is(place, text):
    place.tokens.write_text(text)
    place.tokens.chmod(0o600)
    place.fails(4, "token", "list")
    place.fails(4, "token", "add", "new")
    assert place.tokens.read_text() == text


def test_a_file_that_others_reach_is_refused(place):
    place.ok("token", "add", "x")
    for mode in (0o640, 0o604, 0o620):
        place.tokens.chmod(mode)
        assert "others can read or write" in place.fails(4, "token", "list")
    place.tokens.chmod(0o600)
    place.ok("token", "list")
    if ROOT:
        os.chown(place.tokens, 1, -1)
        place.fails(4, "token", "list")
    place.tokens.rename(place.path / "elsewhere")
    place.tokens.symlink_to(place.path / "elsewhere")
    place.fails(4, "token", "list")


def test_many_at_once(place):
    running = [subprocess.Popen([WINPOP, "token", "add", f"t{i % 6}"], env=place.env, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for i in range(12)]
    assert sorted(p.wait(60) for p in running) == [0] * 6 + [1] * 6
    assert sorted(r[0] for r in place.rows("token", "list")) == [f"t{i}" for i in range(6)]
