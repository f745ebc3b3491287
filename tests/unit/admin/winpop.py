"""What the tests of winpop share.

WINPOP names the program, MAN the directory of the built man pages.
"""
import fcntl
import json
import os
import pathlib
import random
import re
import subprocess
import time

WINPOP = os.environ["WINPOP"]
MAN = pathlib.Path(os.environ["MAN"])
ROOT = os.geteuid() == 0


class Place:
    """A settings file, a key file and a mail root in a directory of their own."""

    def __init__(self, path):
        self.path = path
        self.conf = path / "winpop.conf"
        self.root = path / "mail"
        self.keys = path / "keyring"
        self.control = path / "control"
        self.env = dict(os.environ, WINPOP_CONFIG=str(self.conf), LC_ALL="C")

    def run(self, *words, stdin="", **more):
        return subprocess.run([WINPOP, *words], input=stdin, env=self.env, capture_output=True, text=True, timeout=120,
                              **more)

    def ok(self, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, code, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert re.fullmatch(r"(winpop: note: .*\n)*winpop: .*\n", done.stderr), done.stderr
        return done.stderr

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    def rows(self, *words):
        table = self.ok(*words).split("\n\n")[0]
        return [line.split("\t") for line in table.splitlines()]

    def init(self):
        self.ok("init", "user", "", "group", "", "mailroot", str(self.root), "key_file", str(self.keys),
                "control_socket", str(self.control))

    def box(self, name):
        local, domain = name.split("@")
        return self.root / domain / f"P3_{local}.mbx"

    def put_mail(self, name, n, octets=100):
        for i in range(n):
            (self.box(name) / f"P3{random.getrandbits(48):012x}{i}.eml").write_bytes(b"x" * (octets - 2) + b"\r\n")


class Session:
    """Holds a mailbox as a session does, until it is closed."""

    def __init__(self, place, name):
        self.fd = os.open(place.box(name), os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


def wait_until(what, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s")
