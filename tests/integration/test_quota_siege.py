"""Quota accounts besieged: eight deliverers and four deleting clients, through two services and two store processes at one mail root,
killed with -9 at random. The limit is never exceeded, by bytes or by count, not by one message; nothing is refused that had room;
and at the end index, ledger and the files agree. fixtures/quotasiege.py says how that is known while everything moves.

    WINPOP_SIEGE_SECONDS=60 WINPOP_SIEGE_SEED=7     longer, and another one
"""
import contextlib
import json
import os
import random
import subprocess

import pytest

from fixtures.load import make_message
from fixtures.porter import Porter
from fixtures.quotasiege import PASSWORD, Account, Item, Siege, count
from fixtures.winpopd import Winpopd

SECONDS = float(os.environ.get("WINPOP_SIEGE_SECONDS", "15"))
SEED = os.environ.get("WINPOP_SIEGE_SEED", "1")


def boxes(*names):
    return tuple(f"{name}@example.com" for name in names)


ACCOUNTS = (
    Account("club@example.com", boxes(*(f"club{n}" for n in range(6))), octets=40_000),  # no mailbox of that name
    Account("crew@example.com", boxes("crew", "crew1", "crew2", "crew3"), octets=60_000, messages=30),  # one of its mailboxes
    Account("solo@example.com", boxes("solo"), octets=20_000),
    Account("list@example.com", boxes("list"), messages=12),
    Account("free@example.com", boxes("free")),
)


def fill(server, build, addresses):
    subprocess.run([build / "tests/integration/fill", server.mailroot, server.settings["key_file"]], check=True, text=True,
                   input="".join(f"{a}\t{PASSWORD}\n" for a in addresses))


def set_up(server, build):
    fill(server, build, [address for account in ACCOUNTS for address in account.members])
    for account in ACCOUNTS:
        for address in account.members:
            if address != account.name:
                (server.box_dir(address) / "quota").write_text(f"account = {account.name}\n")
        if any(account.limit):
            server.winpop_ok("setquota", account.name, account.octets or "none", f"/messages:{account.messages or 'none'}")


@pytest.fixture
def two_services(build):
    """At one mail root."""
    with contextlib.ExitStack() as stack:
        def make(**settings):
            made = Winpopd(build, logging=2, quota_warn=0, maps_socket="", workers=6, **settings)
            stack.callback(made.cleanup)
            return made
        first = make()
        first.init()
        set_up(first, build)
        second = make(mailroot=first.mailroot, key_file=first.settings["key_file"])
        second.mailroot = first.mailroot
        yield first.start(), second.start()


@pytest.fixture
def porters(build, two_services):
    made = [Porter(build, two_services[0].mailroot) for _ in range(2)]
    yield made
    for porter in made:
        porter.close()


LOW = Account("low@example.com", boxes("low"), octets=1000)
THERE = {"octets": 600, "begun": 1, "answered": 2, "fate": "kept"}
TOLD = {
    "room": ([], {"octets": 1000}, True),
    "no room at all": ([], {"octets": 1001}, False),
    "room beside another": ([THERE], {"octets": 400}, True),
    "no room beside another": ([THERE], {"octets": 401}, False),
    "the other was gone": ([{**THERE, "gone": 4.5, "sure": True}], {"octets": 500}, True),
    "the other was gone only just": ([{**THERE, "gone": 5.5, "sure": True}], {"octets": 500}, False),
    "the other came only just": ([{**THERE, "begun": 5.5, "answered": 7}], {"octets": 500}, False),
    "the other came too late": ([{**THERE, "begun": 6.5, "answered": 7}], {"octets": 500}, True),
    "the other came to nothing": ([{**THERE, "fate": "deferred"}], {"octets": 500}, True),
    "nobody knows what became of the other": ([{**THERE, "fate": "unknown"}], {"octets": 500}, True),
}


@pytest.mark.parametrize("case", TOLD)
def test_books_notice_a_wrong_refusal(case):
    others, refused, wrong = TOLD[case]
    siege = Siege((), (), (LOW,), SEED)
    lives = [*others, {"begun": 5, "answered": 6, "fate": "refused", **refused}]
    siege.books.items = {f"siege-0-{n}": Item(LOW, LOW.name, **life) for n, life in enumerate(lives)}
    siege.check_refusals({name: None for name, item in siege.books.items.items() if item.fate == "kept" and item.gone is None})
    assert bool(siege.books.faults) == wrong


def test_a_siege(two_services, porters):
    rng = random.Random(SEED)
    siege = Siege(two_services, porters, ACCOUNTS, SEED).start()
    try:
        siege.besiege(SECONDS, rng, kills=5 if SECONDS < 30 else 20)
        for server in two_services:  # with work under way, and not started again
            server.kill()
    finally:
        siege.stop()
    siege.audit()
    n = siege.books.n
    print(f"\n{SECONDS:.0f} s, seed {SEED}: {n['kept']} kept, {n['refused']} refused, {n['deferred']} deferred, {n['removed']} removed, "
          f"{n['kills']} kills, {n['freezes']} freezes, {n['looks']} looks")
    checked_while_away(two_services[0])
    visited(two_services[0].start())
    for account in ACCOUNTS:
        agrees(two_services[0], porters[0], account)
        fills_up(two_services[0], porters[0], account)
    said_by_commands(two_services[0])


def checked_while_away(server):
    """Nobody serves: the check counts the files and says what is in doubt. A look settles what is no more than an unfinished index."""
    found = server.winpop("check", "--json")
    assert found.code in (0, 1), found
    said = json.loads(found.out)
    print(f"check: {said}")
    assert said["mailboxes"] == sum(len(account.members) for account in ACCOUNTS) and said["not_checked"] == 0, said
    assert (found.code == 1) == (said["problems"] > 0), found


def visited(server):
    """The next visit heals: a client that looks at each mailbox."""
    for account in ACCOUNTS:
        for address in account.members:
            server.session(address, PASSWORD).quit()


def agrees(server, porter, account):
    """Index, ledger and files."""
    own = count(server, account.members)
    assert porter.usage(account.name) == own, account.name
    for address in account.members:
        recount = porter.recount(address, account.name)
        assert recount.counted == recount.indexed == recount.charged == count(server, [address]), (address, recount)


def fills_up(server, porter, account):
    """It takes what there is room for, and not an octet or a message more."""
    if not any(account.limit):
        return
    octets, messages = count(server, account.members)
    kinds = set()
    for n in range(10_000):
        answer = porter.deliver(account.members[n % len(account.members)], make_message(f"fill-0-{n}", 200), account.name, account.limit)
        kinds.add(answer.kind)
        if answer.kind != "ok":
            break
        octets, messages = answer.numbers[2:4]
    assert kinds <= {"ok", "quota"} and "quota" in kinds and account.holds(octets, messages)
    assert count(server, account.members) == (octets, messages)
    room = account.octets - octets
    if account.octets and room >= 30 and (not account.messages or messages < account.messages):
        octets_of = lambda size: b"Subject: x\r\n\r\n" + b"y" * (size - 16) + b"\r\n"  # noqa: E731
        assert porter.deliver(account.members[0], octets_of(room + 1), account.name, account.limit).kind == "quota"
        assert porter.deliver(account.members[0], octets_of(room), account.name, account.limit).kind == "ok"


def said_by_commands(server):
    """What an administrator is shown."""
    server.winpop_ok("check")
    for account in ACCOUNTS:
        said = json.loads(server.winpop_ok("setquota", account.name, "--json"))
        assert (said["used"], said["used_messages"]) == count(server, account.members), said
