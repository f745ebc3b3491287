#!/usr/bin/python3
"""How long a sign-in takes while the server has heavy work to do: at 70 % of the highest rate, beside what a bad day brings.

    WINPOP_BUILD=build tests/bench/run --beside [--rounds 5] [--seconds 2] [--share 0.7] [--of same|alone] [--only all,fetch,big,rebuild] [--together]

First the highest rate of sessions (USER, PASS, STAT, QUIT): 16 clients or 256, whichever do more, each begins again as soon as it is
done, with the same work beside them (--of alone: with none). At once after it sessions begin at 70 % of it, at set times and not one
after the other: a session that the server keeps waiting does not make the next one late. Its time counts from when it was to begin,
and ends with the answer to QUIT. Each is in a mailbox that nobody else is in; with all 256 clients at work the next one waits, and that
counts too. Beside it:

    fetch    a message of 1 GiB, by one client as fast as it goes and by one that reads 1 MiB a second
    big      PASS, STAT, LIST, UIDL of 100,000 messages, without pause
    rebuild  the index of 100,000 messages deleted, and made again by the next session, without pause
    all      these together

Rows take turns in each round, and the figure is the middle one of the rounds'. Two more: `alone`, nothing beside, and `floor`, the
floor server at the same rate beside `all` done by winpopd, on the same processors.

**Processors.** The servers have one half of them, with a loop each; generator and heavy clients, which stand for other machines, the
other half, the heavy ones at nice 19 below the generator. Sharing (--together) measures the kernel: two loops and a generator are
three busy threads on two processors, none of which can be divided, and they stay where they are for most of a second: both loops on
one that is full while the other is idle nearly half of the time. Where this is a virtual machine, its host may give the processors to
others, or let them run at half their speed: then the highest rate is another one before the next second is over. So it is looked for
again at the end; a round in which it fell by more than 15 % ("slower") or that lost more than 1 % of the processors ("stolen") is
taken again, five times at most. Each row tells how late the generator itself was (p99 of its begins). With more than 2 ms of that, or
with a last try as unsteady as those before, the row says so, and is no figure of the server's. A session that fails makes the status 1.
"""
import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from big import Client, OurBig, session
from rows import IDLE
from servers import PASSWORD, TICK, Floor

from fixtures.certs import Certs
from fixtures.waiting import wait_until

MANY = 100_000
GIANT = 1 << 30
USERS, CLIENTS, FEW = 512, 256, 16  # at most so many sessions at once, each in a mailbox of its own
LINE = b"A giant among messages, and every line of it has 64 octets: xxx\r\n"
SLOWEST_MS, LATE_MS = 20, 2  # p99 that is wanted; and how much later the generator may be
STOLEN_MAX, SLOWER_MAX = 0.01, 0.15  # of all processors; of the highest rate, from before a round to after it
TRIES = 5                            # how often a round is taken until it has less of both
CPUS = sorted(os.sched_getaffinity(0))
CLIENTS_CPUS, SERVERS_CPUS = (CPUS[:len(CPUS) // 2], CPUS[len(CPUS) // 2:]) if len(CPUS) > 1 else (CPUS, CPUS)
LOADS = {"fetch": ("fetch_fast", "fetch_slow"), "big": ("open_big",), "rebuild": ("rebuild",),
         "all": ("fetch_fast", "fetch_slow", "open_big", "rebuild")}


class Burdened(OurBig):
    """Mailboxes to sign in to, one with a giant message, two with very many."""

    def __init__(self, build, certs):
        super().__init__(build, certs, [MANY, MANY + 1], range(IDLE, IDLE + USERS))
        for user in ("fast", "slow", f"box{MANY}", f"box{MANY + 1}"):
            Client(self.port, user).sign_in().leave()  # counted

    def prepare(self, users):
        super().prepare(users)
        self.server.write_conf(threadcount=len(os.sched_getaffinity(0)))
        for name in ("fast", "slow"):
            self.server.mailbox(name, PASSWORD)
        self.octets = write_giant(self.file("fast"))
        os.link(self.file("fast"), self.file("slow"))

    def file(self, name):
        return self.server.mailroot / "example.com" / f"P3_{name}.mbx" / "giant.eml"


def write_giant(path):
    block = LINE * (1 << 14)
    with path.open("wb") as file:
        file.write(b"Subject: giant\r\n\r\n")
        while file.tell() + len(block) <= GIANT:
            file.write(block)
        return file.tell()


# ---- what goes on beside: each counts what it has done ----

def fetch(server, user, done, pause_s):
    """RETR of a giant, dropped unread by the kernel; counts MiB."""
    once_free(server, user)
    client, room = Client(server.port, user).sign_in(), bytearray(1 << 20)
    while True:
        client.sock.sendall(b"RETR 1\r\n")
        head = client.sock.recv(1 << 16)
        left = head.index(b"\r\n") + 2 + server.octets + 3 - len(head)
        while left > 0:
            n = client.sock.recv_into(room, min(left, len(room)), socket.MSG_TRUNC)
            assert n, "the giant's connection ended"
            left -= n
            done.value += n / (1 << 20)
            time.sleep(pause_s * n / (1 << 20))


def fetch_fast(server, done):
    fetch(server, "fast", done, 0)


def fetch_slow(server, done):
    fetch(server, "slow", done, 1)


def once_free(server, user):
    """The session before may have lost its client in the middle of something."""
    def opened():
        try:
            Client(server.port, user).sign_in().leave()
        except AssertionError as why:
            assert "IN-USE" in str(why), why
            return False
        return True
    wait_until(opened, 60, f"{user} is never free")


def open_big(server, done):
    once_free(server, f"box{MANY}")
    first = session(server.port, f"box{MANY}")
    server.check(first.got, MANY)
    for done.value in itertools.count(1):
        got = session(server.port, f"box{MANY}").got
        assert all(got[step] == first.got[step] for step in ("STAT", "LIST", "UIDL"))


def rebuild(server, done):
    once_free(server, f"box{MANY + 1}")
    first = session(server.port, f"box{MANY + 1}")
    server.check(first.got, MANY + 1)
    for done.value in itertools.count(1):
        server.lose_index(MANY + 1)
        assert Client(server.port, f"box{MANY + 1}").sign_in().leave().got["PASS"].startswith(b"+OK")


def polite(what, server, done):
    os.nice(19)
    what(server, done)


@contextlib.contextmanager
def on(cpus):
    """Whatever is started within stays on these."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def beside(server, names):
    """Yields what each has done so far."""
    counts = {name: multiprocessing.Value("d") for name in names}
    running = [multiprocessing.Process(target=polite, args=(globals()[name], server, counts[name])) for name in names]
    for process in running:
        process.start()
    try:
        while not all(count.value for count in counts.values()):
            assert all(process.is_alive() for process in running), "what should go on beside has ended"
            time.sleep(0.1)
        yield counts
        assert all(process.is_alive() for process in running), "what should go on beside has ended"
    finally:
        for process in running:
            process.kill()
            process.join()


# ---- sign-ins ----

def goes_first():
    """What the generator itself waits for a processor is no delay of the server's. Wants root; else the row `floor` tells."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def signins(load, server, seconds, rate, clients=CLIENTS):
    words = [load, "--mode", "signin", "--port", server.port, "--password", PASSWORD, "--users", USERS, "--first-user", IDLE,
             "--clients", clients, "--seconds", seconds, "--rate", rate]
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, text=True, preexec_fn=goes_first)
    return json.loads(done.stdout) | {"ok": done.returncode == 0}


def highest(load, server):
    """Sessions a second."""
    got = [signins(load, server, 1, 0, clients) for clients in (FEW, CLIENTS)]
    assert all(one["ok"] for one in got), "sessions fail at the highest rate"
    return max(one["ops"] / one["seconds"] for one in got)


def stolen_s():
    """Time that the host gave to others while we wanted it, of all processors (proc_stat(5))."""
    return int(pathlib.Path("/proc/stat").read_text().split()[8]) / TICK


def measure(load, name, server, burdened, args):
    """One row, once: what report() wants."""
    what = LOADS.get("all" if name == "floor" else name, ())
    alone = highest(load, burdened) if args.of == "alone" else None
    with beside(burdened, what) as counts:
        began, stolen = time.monotonic(), stolen_s()
        top = highest(load, burdened)
        before, cpu_us = {key: count.value for key, count in counts.items()}, server.cpu_us()
        got = signins(load, server, args.seconds, args.share * (alone or top))
        cpu_us = server.cpu_us() - cpu_us
        done = {"done " + key: count.value - before[key] for key, count in counts.items()}
        slower = max(0, 1 - highest(load, burdened) / top)
        stolen = (stolen_s() - stolen) / (time.monotonic() - began) / len(CPUS)
    cpus, rate = cpu_us / 1e6 / got["seconds"], got["ops"] / got["seconds"]
    return got | done | {"top": alone or top, "rate": rate, "cpus": cpus, "stolen": stolen, "slower": slower}


def is_steady(of):
    return of["stolen"] <= STOLEN_MAX and of["slower"] <= SLOWER_MAX


def undisturbed(*of):
    for again in range(TRIES):
        got = measure(*of) | {"again": again}
        if is_steady(got):
            break
    return got


# ---- what came of it ----

def verdict(of, failed):
    if failed:
        return f"INVALID: {failed} failed"
    if of["late_p99_us"] > LATE_MS * 1000:
        return "GENERATOR LATE"
    if not is_steady(of):
        return "MACHINE UNSTEADY"
    return "met" if of["p99_us"] < SLOWEST_MS * 1000 else "MISSED"


HEAD = f"{'beside':9} {'at most':>8} {'per s':>8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'late p99':>8} {'CPUs':>6} {'stolen':>6} {'slower':>6}   p99 < {SLOWEST_MS} ms; p99 of each round; done beside it"


def report(name, rounds):
    """The middle one of everything. Returns whether all sessions were right."""
    of = {key: statistics.median(got[key] for got in rounds) for key, value in rounds[0].items() if key != "mode"}
    ms = " ".join(f"{of[key] / 1000:8.2f}" for key in ("p50_us", "p99_us", "max_us", "late_p99_us"))
    failed = sum(got["errors"] for got in rounds)
    each = " ".join(f"{got['p99_us'] / 1000:.1f}" for got in rounds)
    again = sum(got["again"] for got in rounds)
    beside_it = ", ".join(f"{key[5:].replace('_', ' ')} {value:.0f}" for key, value in of.items() if key.startswith("done "))
    print(f"{name:9} {of['top']:8.0f} {of['rate']:8.0f} {ms} {of['cpus']:6.2f} {of['stolen']:6.1%} {of['slower']:6.1%}   {verdict(of, failed)}; {each}; {again} taken again; {beside_it}", flush=True)
    return all(got["ok"] for got in rounds)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--share", type=float, default=0.7, help="of the highest rate")
    parser.add_argument("--of", choices=("same", "alone"), default="same", help="where that is found: with the same work beside it, or none")
    parser.add_argument("--only", type=lambda words: words.split(","), default=["alone", *LOADS, "floor"])
    parser.add_argument("--together", action="store_true", help="everything on all processors")
    return parser.parse_args()


def in_rounds(load, ours, floor, args):
    got = {name: [] for name in args.only}
    for _ in range(args.rounds):
        for name in args.only:
            got[name].append(undisturbed(load, name, floor if name == "floor" else ours, ours, args))
    print(f"sessions beside heavy work, {args.share:.0%} of the highest rate\n{HEAD}")
    return all([report(name, rounds) for name, rounds in got.items()])


def main():
    args = parse()
    build = pathlib.Path(os.environ.get("WINPOP_BUILD", "build")).resolve()
    load = build / "tests/bench/load"
    with tempfile.TemporaryDirectory(prefix="winpop-bench-") as work, contextlib.ExitStack() as stack:
        certs = Certs(work)
        certs.server("pop.example.com")
        with on(CPUS if args.together else SERVERS_CPUS):
            ours = stack.enter_context(contextlib.closing(Burdened(build, certs)))
            floor = stack.enter_context(contextlib.closing(Floor(build, certs, [(IDLE, IDLE + USERS - 1, 0, 0, False)])))
        with on(CPUS if args.together else CLIENTS_CPUS):
            return not in_rounds(load, ours, floor, args)


if __name__ == "__main__":
    sys.exit(main())
