#!/usr/bin/python3
"""How winpopd grows: sign-in, memory and upkeep against mailboxes, connections and messages, with the shape of each curve.

    WINPOP_BUILD=build tests/bench/run --growth [--mailboxes 100,10000,1000000] [--domains 100] [--connections 1,1000,30000]
                                             [--messages 10,1000,100000] [--rounds 5] [--seconds 1] [--cold]

Mail roots are made in TMPDIR: a million mailboxes are two million files, 12 GB on ext4, and some minutes. The sizes take turns
within each round. --cold empties the kernel's caches of files before each size's first sign-ins (as root; it hits everybody on
the machine). No more connections are held than the limit of descriptors allows, two each; the table says how many that were.
"""
import argparse
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

from big import file_name, put_files
from measure import generator
from servers import PASSWORD, Server

from fixtures.winpopd import Winpopd
from fixtures.wire import Pop

RANDOM_BOXES = 5000  # of a site's, and hashed by the file system into any order
FLAT = 1.5           # what counts as no growth on a noisy machine
BESIDE = 700         # descriptors that are no session's


class Site(Server):
    """A winpopd over a mail root with many mailboxes; box1, box2, ... in each of its domains."""

    def __init__(self, build, boxes, domains=1):
        self.build, self.boxes, self.domains = build, boxes, [f"d{n}.example.com" for n in range(domains)]
        self.server = Winpopd(build, domain=None, logging=3, socketmax=32000, socketmin=100, socketthreshold=100, socketbacklog=100,
                              threadcount=os.cpu_count(), workers=None, drain=1)
        self.port, self.lmtp, self.found = self.server.port, self.server.lmtp_socket, {}
        try:
            self.fill()
            self.begin()
        except BaseException:
            self.close()
            raise

    def fill(self):
        self.server.init()
        began = time.monotonic()
        for domain in self.domains:
            subprocess.run([self.build / "tests/bench/populate", self.server.mailroot, self.server.settings["key_file"], domain,
                            "1", str(self.boxes // len(self.domains)), PASSWORD], check=True)
        self.found["fill, s"] = time.monotonic() - began

    def begin(self):
        """Starts it; whatever is measured comes after the first round of upkeep, which makes the indexes."""
        began = time.monotonic()
        self.server.start()
        self.found["start, ms"] = (time.monotonic() - began) * 1000
        self.found["first upkeep, s"] = int(self.server.wait_event("upkeep", 3600)["ms"]) / 1000

    def pid(self):
        return self.server.pid

    def signins(self, load, seconds, first=1, users=None, clients=8):
        """Processor time of one, in microseconds, and how long its client waited in the middle case, in milliseconds."""
        each = self.boxes // len(self.domains)
        users = users or min(each, RANDOM_BOXES)
        before = self.cpu_us()
        done = subprocess.run(generator(load, self, ["--mode", "signin"], domain=self.domains[-1], users=users,
                                        first_user=min(first, each - users + 1), clients=clients, seconds=seconds),
                              stdout=subprocess.PIPE, text=True)
        got = json.loads(done.stdout)
        assert done.returncode == 0 and got["errors"] == 0, got
        return (self.cpu_us() - before) / max(1, got["ops"]), got["p50_us"] / 1000

    def seconds_of(self, *words):
        began = time.monotonic()
        self.server.winpop_ok(*words, seconds=600)
        return time.monotonic() - began

    def stranger_ms(self):
        began = time.monotonic()
        with Pop(self.port) as pop:
            pop.cmd(f"USER nobody@{self.domains[0]}")
            assert pop.cmd("PASS x").startswith(b"-ERR")
        return (time.monotonic() - began) * 1000

    def close(self):
        self.server.stop()
        subprocess.run(["rm", "-rf", self.server.mailroot], check=False)
        self.server.cleanup()


# ---- shapes ----

def shape(sizes, values):
    """The slowest of the usual curves that the growth from the first size to the last stays below."""
    if len(sizes) < 2 or min(values) <= 0:
        return "-"
    grown, more = values[-1] / values[0], sizes[-1] / sizes[0]
    logs = math.log(sizes[-1] + 1) / math.log(sizes[0] + 1)
    for name, bound in (("flat", 1), ("log n", logs), ("n", more), ("n log n", more * logs)):
        if grown <= FLAT * bound:
            return name
    return "WORSE"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def print_section(title, sizes, rows, extra=""):
    """rows: name -> a value per size, and maybe one more that is no part of the curve. True: nothing is worse than n log n."""
    print(f"\n{title:40}" + "".join(f"{size:>12,}" for size in sizes) + f"   {'shape':8}{extra:>14}")
    for name, values in rows.items():
        curve, rest = values[:len(sizes)], values[len(sizes):]
        print(f"{name:40}" + "".join(f"{number(v):>12}" for v in curve) + f"   {shape(sizes, curve):8}"
              + "".join(f"{number(v):>14}" for v in rest), flush=True)
    return all(shape(sizes, values[:len(sizes)]) != "WORSE" for values in rows.values())


# ---- mailboxes ----

def in_turn(load, args, sites, **how):
    """[(processor time, wait) in the middle case] of each site; a round for nothing first."""
    rounds = [[site.signins(load, args.seconds, **how) for site in sites] for _ in range(args.rounds + 1)][1:]
    return [[statistics.median(r[i][k] for r in rounds) for i in range(len(sites))] for k in (0, 1)]


def cold_ms(load, site):
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
    return site.signins(load, 0.5, first=site.boxes // 2, clients=1)[1]


def domain_rows(sites):
    rows = {name: [] for name in ("wrong name, the first, ms", "wrong name, the next, ms", "winpop add, s", "winpop stat DOMAIN, s",
                                  "winpop list DOMAIN, s")}
    for site in sites:
        domain = site.domains[0]
        took = [site.stranger_ms(), site.stranger_ms(), site.seconds_of("add", f"another@{domain}", "/createuser", "x"),
                site.seconds_of("stat", domain), site.seconds_of("list", domain)]
        for values, value in zip(rows.values(), took):
            values.append(value)
    return rows


def of_mailboxes(build, load, args):
    sites = []
    try:
        for n in args.mailboxes:
            sites.append(Site(build, n))
        if args.domains > 1:
            sites.append(Site(build, args.mailboxes[-1], args.domains))
        rows = {name: [site.found[name] for site in sites] for name in sites[0].found}
        cpu, wait = in_turn(load, args, sites)
        rows |= {"sign in, server us": cpu, "sign in, p50 ms": wait, "memory, MiB": [site.own_kib() / 1024 for site in sites]}
        if args.cold:
            rows["first sign-in of cold caches, p50 ms"] = [cold_ms(load, site) for site in sites]
        rows |= domain_rows(sites)
        return print_section("mailboxes", args.mailboxes, rows, f"in {args.domains} domains" if args.domains > 1 else "")
    finally:
        while sites:
            sites.pop().close()


# ---- connections ----

def hold(load, site, n):
    holder = subprocess.Popen(generator(load, site, ["--mode", "hold"], domain=site.domains[0], clients=n, users=n, first_user=1,
                                        seconds=600), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    held = json.loads(holder.stdout.readline() or '{"held": 0}')
    assert held["held"] == n, f"only {held} of {n} could be held"
    return holder


def beside(load, args, site, n):
    """Sign-ins of others while n are held, and then the memory."""
    before = site.own_kib()
    holder = hold(load, site, n)
    after = site.own_kib()
    rounds = [site.signins(load, args.seconds, first=site.boxes) for _ in range(args.rounds)]
    holder.communicate()
    assert holder.returncode == 0, "a connection that was held is gone"
    return [after / 1024, (after - before) / n, *(statistics.median(r[k] for r in rounds) for k in (0, 1))]


def of_connections(build, load, args):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    sizes = [min(n, (hard - BESIDE) // 2) for n in args.connections]
    rows = {"memory, MiB": [], "of one connection, KiB": [], "sign in beside them, server us": [], "sign in beside them, p50 ms": []}
    for n in sizes:
        site = Site(build, sizes[-1] + RANDOM_BOXES)
        try:
            site.signins(load, args.seconds, first=site.boxes)
            for values, value in zip(rows.values(), beside(load, args, site, n)):
                values.append(value)
        finally:
            site.close()
    return print_section("connections held", sizes, rows)


# ---- messages ----

def of_messages(build, load, args):
    site = Site(build, 100)
    try:
        for at, n in enumerate(args.messages, 1):
            put_files(site.server.mailroot / site.domains[0] / f"P3_box{at}.mbx", n, file_name)
        boxes = range(1, len(args.messages) + 1)
        for at in boxes:  # counts them
            with Pop(site.port) as pop:
                assert pop.signin(f"box{at}@{site.domains[0]}", PASSWORD).stat()[0] == args.messages[at - 1]
        rounds = [[site.signins(load, args.seconds, first=at, users=1, clients=1) for at in boxes] for _ in range(args.rounds)]
        rows = {name: [statistics.median(r[i][k] for r in rounds) for i in range(len(args.messages))]
                for k, name in enumerate(("sign in, STAT, server us", "sign in, STAT, p50 ms"))}
        return print_section("messages in the mailbox", args.messages, rows)
    finally:
        site.close()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def numbers(text):
        return [int(word) for word in text.split(",") if word]

    parser.add_argument("--mailboxes", type=numbers, default=[100, 10_000, 1_000_000])
    parser.add_argument("--domains", type=int, default=100, help="the largest number of mailboxes again, in so many; 1: not")
    parser.add_argument("--connections", type=numbers, default=[1, 1000, 30_000])
    parser.add_argument("--messages", type=numbers, default=[10, 1000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--cold", action="store_true")
    return parser.parse_args()


def main():
    args = parse()
    build = pathlib.Path(os.environ.get("WINPOP_BUILD", "build")).resolve()
    load = build / "tests/bench/load"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    good = True
    for sizes, section in ((args.messages, of_messages), (args.connections, of_connections), (args.mailboxes, of_mailboxes)):
        good = (not sizes or section(build, load, args)) and good
    return not good


if __name__ == "__main__":
    sys.exit(main())
