#!/usr/bin/python3
"""Mailboxes of 10,000 and of 100,000 messages, ours and Dovecot's in the same run: PASS, STAT, LIST, UIDL, QUIT.

    WINPOP_BUILD=build tests/bench/run --big [--rounds 5] [--seconds 2] [--messages 10000,100000]

One client, one session after the other. The first session of each mailbox is checked line by line (numbers without a gap, the
octets of every message, UIDLs all different and legal); later ones must be the same octet by octet. A mailbox has the number of its
messages for a name. Dovecot keeps its mail in sdbox, indexes warm. `lost` is the first session after the index was deleted:
winpopd's whole one, of Dovecot's the cache only - without the rest it takes the mailbox for damaged.
"""
import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import PASSWORD, Dovecot, Ours

from fixtures.certs import Certs

SIZES = (10_000, 100_000)
STEPS = ("PASS", "STAT", "LIST", "UIDL", "QUIT")
ARRIVED_US = 1_700_000_000_000_000
BODY = b"All work and no play makes Jack a dull boy. " * 20


def octets_of(k):
    """Of message k, counted from 1: a row that stands in the wrong place shows."""
    return 300 + k * 37 % 512


def message(k):
    head = b"From: <bench@example.net>\r\nSubject: message %d\r\n\r\n" % k
    return head + BODY[:octets_of(k) - len(head) - 2] + b"\r\n"


def file_name(k):
    return f"P3{ARRIVED_US + k:014x}{k * 0x9E3779B97F4A7C15 % (1 << 64):016x}.eml"


def put_files(folder, n, name_of):
    for k in range(1, n + 1):
        with open(folder / name_of(k), "wb", buffering=0) as file:
            file.write(message(k))


class Client:
    """One session: what every command brought, and how long it took."""

    def __init__(self, port, user):
        self.sock = socket.create_connection(("127.0.0.1", port), 120)
        self.room = bytearray(1 << 22)
        self.reply(b"\r\n")
        self.user, self.took, self.got = user, {}, {}

    def reply(self, end):
        view, have = memoryview(self.room), 0
        while not self.room.endswith(end, 0, have):
            n = self.sock.recv_into(view[have:])
            assert n, f"the connection ended within a reply: {bytes(self.room[:have])[-200:]!r}"
            have += n
        assert self.room.startswith(b"+OK"), bytes(self.room[:200])
        return bytes(view[:have])

    def command(self, words, end=b"\r\n"):
        step, began = words.split()[0], time.perf_counter()
        self.sock.sendall(words.encode() + b"\r\n")
        self.got[step] = self.reply(end)
        self.took[step] = time.perf_counter() - began

    def sign_in(self):
        self.command(f"USER {self.user}@example.com")
        self.command(f"PASS {PASSWORD}")
        return self

    def look(self):
        self.command("STAT")
        self.command("LIST", b"\r\n.\r\n")
        self.command("UIDL", b"\r\n.\r\n")
        return self

    def leave(self):
        self.command("QUIT")
        self.sock.close()
        return self


def session(port, user):
    return Client(port, user).sign_in().look().leave()


def rows(reply):
    """The lines between the first one and the dot."""
    lines = reply.split(b"\r\n")
    assert lines[-2:] == [b".", b""], lines[-2:]
    return lines[1:-2]


def check(got, n):
    """Every line of STAT, LIST and UIDL; returns the UIDLs."""
    total = sum(map(octets_of, range(1, n + 1)))
    assert got["STAT"].split()[1:3] == [b"%d" % n, b"%d" % total], got["STAT"]
    assert rows(got["LIST"]) == [b"%d %d" % (k, octets_of(k)) for k in range(1, n + 1)], "LIST is wrong"
    numbers, uidls = zip(*(row.split(b" ") for row in rows(got["UIDL"])))
    assert list(numbers) == [b"%d" % k for k in range(1, n + 1)], "UIDL's numbers are wrong"
    assert len(set(uidls)) == n and all(1 <= len(u) <= 70 and all(0x21 <= c <= 0x7E for c in u) for u in uidls)
    return uidls


class OurBig(Ours):
    """`more`: mailboxes with nothing in them."""

    def __init__(self, build, certs, sizes, more=()):
        self.sizes = sizes
        super().__init__(build, certs, [*more, *sizes])

    def prepare(self, users):
        """Before the server runs: what grows under its eyes it may count half written."""
        super().prepare(users)
        for n in self.sizes:
            put_files(self.folder(n), n, file_name)
        os.sync()  # delivery would have; else the kernel's threads do it later, for seconds, in the middle of a measurement

    def folder(self, n):
        return self.server.mailroot / "example.com" / f"P3_box{n}.mbx"

    def lose_index(self, n):
        (self.folder(n) / "index").unlink(missing_ok=True)

    def check(self, got, n):
        assert check(got, n) == tuple(file_name(k)[:-4].encode() for k in range(1, n + 1)), "UIDLs are not the files' names"


class DovecotBig(Dovecot):
    def __init__(self, certs, sizes):
        super().__init__(certs, sizes)
        for n in sizes:
            self.take_in(n)

    def take_in(self, n):
        """By way of a maildir: Dovecot itself is to make its files."""
        maildir = self.home / f"from{n}"
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True)
        put_files(maildir / "cur", n, lambda k: f"{ARRIVED_US // 1_000_000 + k}.M{k}P1.bench:2,")
        subprocess.run(["chown", "-R", "nobody:nogroup", maildir], check=True)
        subprocess.run(["doveadm", "-c", self.home / "dovecot.conf", "-o", "mail_fsync=never", "import", "-u", f"box{n}", f"maildir:{maildir}", "", "all"],
                       check=True)
        shutil.rmtree(maildir)

    def lose_index(self, n):
        for cache in (self.home / "mail" / f"box{n}").rglob("dovecot.index.cache"):
            cache.unlink()

    def check(self, got, n):
        check(got, n)


class Row:
    """What was measured of one server's mailbox."""

    def __init__(self, server, n):
        self.server, self.n = server, n
        self.took, self.cpu_ms, self.lost_ms, self.lost_cpu_ms = {step: [] for step in STEPS}, [], [], []
        self.first = session(server.port, f"box{n}")
        server.check(self.first.got, n)

    def one(self):
        c = session(self.server.port, f"box{self.n}")
        for step in ("STAT", "LIST", "UIDL"):
            assert c.got[step] == self.first.got[step], f"{self.server.name}: {step} is not what it was"
        for step in STEPS:
            self.took[step].append(c.took[step] * 1000)

    def lose(self):
        self.server.lose_index(self.n)
        before, began = self.server.cpu_us(), time.perf_counter()
        self.one()
        self.lost_ms.append((time.perf_counter() - began) * 1000)
        self.lost_cpu_ms.append((self.server.cpu_us() - before) / 1000)
        for step in STEPS:
            self.took[step].pop()

    def measure(self, seconds):
        before, until, done = self.server.cpu_us(), time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            self.one()
            done += 1
        self.cpu_ms.append((self.server.cpu_us() - before) / 1000 / done)


def show(rows_):
    print(f"{'messages':>8} {'server':8} " + " ".join(f"{step:>7}" for step in STEPS) +
          f" {'server ms/session':>18} {'lost: ms':>9} {'server ms':>9}")
    for row in rows_:
        middle = statistics.median
        print(f"{row.n:8} {row.server.name:8} " + " ".join(f"{middle(row.took[step]):7.2f}" for step in STEPS) +
              f" {middle(row.cpu_ms):18.2f} {middle(row.lost_ms):9.0f} {middle(row.lost_cpu_ms):9.0f}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--messages", type=lambda words: [int(w) for w in words.split(",")], default=list(SIZES))
    parser.add_argument("--alone", action="store_true", help="without Dovecot")
    return parser.parse_args()


def compare(build, certs, args):
    running = []
    try:
        running.append(OurBig(build, certs, args.messages))
        if not args.alone:
            running.append(DovecotBig(certs, args.messages))
        table = [Row(server, n) for n in args.messages for server in running]
        for k in range(args.rounds):
            for row in table if k % 2 == 0 else reversed(table):
                row.lose()
                row.measure(args.seconds)
        show(table)
    finally:
        while running:
            running.pop().close()


def main():
    args = parse()
    build = pathlib.Path(os.environ.get("WINPOP_BUILD", "build")).resolve()
    with tempfile.TemporaryDirectory(prefix="winpop-bench-") as work:
        certs = Certs(work)
        certs.server("pop.example.com")
        compare(build, certs, args)


if __name__ == "__main__":
    sys.exit(main())
