#!/usr/bin/python3
"""Has an operation become dear? Ours in units of the floor server, against budgets.json. A coarse look of half a minute.

    WINPOP_BUILD=build tests/bench/budget.py [--write] [--budgets FILE]

The floor server does the same work beside it, in turns of a fraction of a second, so a slow or busy machine makes both dear: what
is compared is CPU time of ours by that of the floor, the middle one of many turns, and the memory of an idle connection, never a time
on the wall. More than twice the budget is a failure; what fails is measured again, for longer, before it is believed. --write
makes budgets.json anew, from as long a look.

Delivery has no budget: what it costs is the file system's, many times as much for the same calls if somebody has just deleted many
files, next to nothing on tmpfs; and a floor that syncs message by message costs more than a server that syncs for several at once.
"""
import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import statistics
import sys
import tempfile

from measure import fill, idle, measure
from report import machine
from rows import IDLE, ROWS
from servers import Floor, Ours

from fixtures.certs import Certs

HERE = pathlib.Path(__file__).resolve().parent
USERS, MESSAGES, N_IDLE, TOLERANCE = 32, 10, 200, 2
TURNS, AGAIN, FEWEST = 9, 21, 5  # turns of a look, and of one that must be right; operations in each turn
CHECKED = {name: dataclasses.replace(ROWS[name], users=USERS, messages=min(MESSAGES, ROWS[name].messages))
           for name in ("signin", "signin-tls", "fetch-4k", "fetch-64k-tls")}


class Look:
    """Both servers, started and filled."""

    def __init__(self, build, certs):
        self.load = build / "tests/bench/load"
        rows = CHECKED.values()
        users = {n for r in rows for n in range(r.first, r.first + r.users)} | set(range(IDLE, IDLE + N_IDLE))
        held = [(r.first, r.first + r.users - 1, r.messages, r.size, r.dots) for r in rows]
        self.ours = Ours(build, certs, sorted(users))
        try:
            self.floor = Floor(build, certs, held)
        except BaseException:
            self.ours.close()
            raise

    def close(self):
        self.floor.close()
        self.ours.close()

    def idle_bytes(self):
        """First of all, for a server keeps what it has used once."""
        fresh, found = self.ours.own_kib(), {}
        for how, tls in (("idle", False), ("idle-tls", True)):
            kib, held = idle(self.load, self.ours, tls, N_IDLE, fresh)
            assert held, "not all could sign in"
            found[how] = {"bytes": round(kib * 1024)}
        return found

    def us(self, server, name, seconds):
        found = measure(self.load, server, CHECKED[name], seconds)
        assert found["ok"] and found["ops"] >= FEWEST, f"{name}: {server.name} answers wrongly, or hardly at all: {found}"
        return found["server_us"]

    def cost(self, name, seconds, n_turns):
        """Taking turns, so that both see the same machine."""
        turns = [(self.us(self.ours, name, seconds), self.us(self.floor, name, seconds)) for _ in range(n_turns + 1)]
        del turns[0]  # the first of each was to get warm
        ours, floor = (statistics.median(side) for side in zip(*turns))
        return {"ours_us": round(ours, 1), "floor_us": round(floor, 1), "ratio": round(statistics.median(a / b for a, b in turns), 2)}

    def all(self, seconds, n_turns):
        fill(self.ours, CHECKED.values())
        return {name: self.cost(name, seconds, n_turns) for name in CHECKED}


def figure(found):
    return found.get("ratio") or found["bytes"]


def too_dear(found, budgets):
    """The names of what is above twice its budget."""
    return [name for name, got in found.items() if figure(got) > TOLERANCE * figure(budgets[name])]


def falsified(found):
    """Budgets that everything found must be above."""
    return {name: {"ratio": figure(got) / TOLERANCE * 0.99} for name, got in found.items()}


def show(found, budgets):
    for name, got in found.items():
        more = f"ours {got['ours_us']:8.1f} us, floor {got['floor_us']:7.1f} us" if "ratio" in got else "bytes a connection"
        print(f"{name:15} {figure(got):9} (budget {figure(budgets[name]) if name in budgets else 'none':>7})   {more}")


def check(look, path, seconds):
    budgets = json.loads(path.read_text())["budgets"]
    found = look.idle_bytes() | look.all(seconds, TURNS)
    show(found, budgets)
    if set(found) != set(budgets):
        print("there must be a budget for each of these, and for nothing else: --write")
        return False
    if too_dear(found, falsified(found)) != [*found]:
        print("this check cannot fail")
        return False
    dear = too_dear(found, budgets)
    if not dear:
        return True
    print(f"above {TOLERANCE} times the budget: {', '.join(dear)}; neighbours may have been noisy: once more")
    again = {name: look.cost(name, seconds, AGAIN) if name in CHECKED else found[name] for name in dear}
    show(again, budgets)
    dear = too_dear(again, budgets)
    if dear:
        print(f"TOO DEAR: {', '.join(dear)}. Make it cheaper, or say why it is worth that: tests/bench/budget.py --write")
    return not dear


def write(look, path, seconds):
    found = look.idle_bytes() | look.all(seconds, AGAIN)
    path.write_text(json.dumps({"date": datetime.date.today().isoformat(), "machine": machine(), "budgets": found}, indent=1) + "\n")
    show(found, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--budgets", type=pathlib.Path, default=HERE / "budgets.json")
    parser.add_argument("--seconds", type=float, default=0.12, help="of a turn")
    args = parser.parse_args()
    build = pathlib.Path(os.environ.get("WINPOP_BUILD", "build")).resolve()
    with tempfile.TemporaryDirectory(prefix="winpop-budget-") as work:
        certs = Certs(work)
        certs.server("pop.example.com")
        look = Look(build, certs)
        try:
            if args.write:
                return write(look, args.budgets, args.seconds)
            return not check(look, args.budgets, args.seconds)
        finally:
            look.close()


if __name__ == "__main__":
    sys.exit(main())
