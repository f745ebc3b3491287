"""Whatever interrupts a migration: nobody is ever without a way in, the same command again completes it, nothing is left lying about.

A round is: a migration struck at a random point, the same command again, a look at both sides; then /undo struck at a random point,
/undo again, and the directory is as it was. WINPOP_MIGRATE_KILL_ROUNDS says how many on OpenLDAP; a quarter of it on Active
Directory, where each takes seconds.
"""
import collections
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import threading
import time

import pytest

from fixtures.migration import Books, Migration
from fixtures.ntlm import md4
from fixtures.siege import STRIKES, Link, Residents, Run, Siege
from fixtures.waiting import PATIENCE

ROUNDS = int(os.environ.get("WINPOP_MIGRATE_KILL_ROUNDS", "4"))
BODY = b"Subject: x\r\n\r\nbody\r\n"
ONE_IS_ENOUGH = pytest.mark.parametrize("directory", ["openldap"], indirect=True, scope="module")  # it is about us, not about it
numbers = itertools.count(1)


class Town(Migration):
    """Two mail domains with the same names in both, and a directory where strangers have some of them.

    taken: addresses that are a stranger's. Logon names may be taken too; that is no obstacle.
    """

    def __init__(self, directory, make_server, each, strangers=0, link=None, **settings):
        self.number = next(numbers)
        super().__init__(directory, make_server, [f"{word}{self.number}.example.com" for word in ("east", "west")],
                         **(link.settings if link else {}) | settings)
        self.link, self.taken, self.file = link, [], self.server.home / "report.csv"
        local = f"p{self.number}x{{}}"
        self.hire_many({f"{local.format(n)}@{domain}": f"pw of {n} in {domain}" for n in range(each) for domain in self.domains})
        for k in range(strangers):
            self.taken.append(f"{local.format(3 * k)}@{self.domains[k % 2]}")
            directory.add_person(f"s{self.number}x{k}", "a stranger's", mail=self.taken[-1])
            directory.add_person(local.format(3 * k + 1), "a stranger's", mail=f"s{k}@elsewhere{self.number}.example")
        self.books = Books(self)
        self.strangers = self.dump_of_taken()

    def dump_of_taken(self):
        return {address: self.entry_of(address).lasting() for address in self.taken}

    def run(self, *words, code=None):
        """To its end: the report's rows; what was said goes with them."""
        said, rows = self.said("/all", "/report", self.file, *words, code=code), self.report(self.file)
        told = {t["result"]: t["accounts"] for t in said["totals"] if t["accounts"]}
        assert told == collections.Counter(row["result"] for row in rows.values()), said["totals"]
        verb = "undone" if "/undo" in words else "migrated"
        assert said[verb] + said[f"not_{verb}"] == len(rows), said
        return rows

    def complete(self, *words):
        """The same command again: everybody is there but whose address is taken, who are taken over by /link."""
        linked = self.taken if "/link" in words else []
        rows = self.run(*words, code=5 if self.taken and not linked else 0)
        assert rows.keys() == self.people.keys()
        for address, row in rows.items():
            fine = {"link", "done"} if address in linked else {"conflict"} if address in self.taken else {"create", "done", "renew"}
            assert row["result"] in fine, row
        self.check(made=self.people.keys() - set(self.taken), linked=linked)
        assert self.dump_of_taken() == self.strangers, "a stranger's entry was touched"
        self.check_hashes()
        if "/register" in words:
            registered = {address for entry in self.persons().values() for address in entry.values("winpopaddress")}
            assert registered >= self.people.keys() - set(self.taken), "not all are registered"

    def check_hashes(self):
        """Where SPA is proved by hashes, a password and its hash change together."""
        if self.directory.kind == "ad":
            return
        hashes = {entry.mark: entry.values("winpopnthash") for entry in self.persons().values()}
        for address, (mark, *_) in self.journal().all("made").items():
            assert hashes[mark] == [md4(self.people[address].encode("utf-16-le")).hex().upper()], address

    def undo(self):
        """Nothing is left of it."""
        for address, row in self.run("/undo").items():
            assert row["result"] == "undone", row
        self.check(made=())

    def journal_size(self):
        return self.journal_path.stat().st_size if self.journal_path.exists() else 0


@pytest.fixture
def make_town(directory, make_server):
    """make_town(each, strangers=0, **settings) -> a running Town whose way to the directory can be cut"""
    with contextlib.ExitStack() as stack:
        def make(each, **how):
            link = Link(directory)
            stack.callback(link.close)
            return Town(directory, make_server, each, link=link, **how)
        yield make


def growth(town, what):
    """How many octets it adds to the journal."""
    before = town.journal_size()
    what()
    return max(town.journal_size() - before, 100)


def strikes(rng):
    """Each kind of interruption in turn, in a new order every time."""
    while True:
        yield from rng.sample(STRIKES, len(STRIKES))


# ---- at random points ----


def test_struck_at_random_points(make_town, directory):
    busy = directory.kind == "openldap"
    town, rng = make_town(each=60 if busy else 10, strangers=4), random.Random(ROUNDS)
    siege, ends = Siege(town, town.link, rng), collections.Counter()
    forth, back = growth(town, town.complete), growth(town, town.undo)
    with Residents(town.server, town.people) as residents:
        kinds = strikes(rng)
        for n in range(ROUNDS if busy else max(2, ROUNDS // 4)):
            how, kind = (["/register"], ["/link"], [])[n % 3], next(kinds)
            ends[kind] += siege.interrupt(kind, forth, "/all", "/report", town.file, *how)
            residents.check()
            town.check(settled=False)
            town.complete(*how)
            kind = next(kinds)
            ends["undo " + kind] += siege.interrupt(kind, back, "/all", "/undo")
            residents.check()
            town.undo()
        town.complete()
    print(f"\n{directory.kind}: {siege.n_struck} of {siege.n_runs} struck under way, {siege.n_ended} of them went on to their end, "
          f"{residents.n_welcome} signed in meanwhile; {dict(ends)}")


@ONE_IS_ENOUGH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_told_to_stop(make_town, number):
    """It ends in order, soon: what is in hand is brought to its end, totals are told, nothing is in doubt."""
    town = make_town(each=20)
    run = Run(town.server, "migrateToAD", "/all", "/rate", 2, "/report", town.file)
    run.reach(town.journal_path, 400)
    run.signal(number)
    result = run.end(15)  # all of them would take twenty seconds
    assert result.code in (1, 5), result
    made = {address for address, row in town.report(town.file).items() if row["result"] == "create"}
    assert made and len(made) < len(town.people)
    town.check(made=made)
    town.complete()


def test_killed_while_passwords_are_handed_out(make_town, directory):
    """Whoever's password the policy refuses gets another, which was on disk before it was set: the last line of each is right."""
    town, rng = make_town(each=2), random.Random(17)
    weak = [f"weak{town.number}x{n}@{town.domain}" for n in range(6)]
    town.hire_many(dict.fromkeys(weak, "ab"))
    if directory.kind == "openldap":
        directory.set_policy(pwdCheckQuality=2, pwdMinLength=3)
    siege, list_of_new = Siege(town, town.link, rng), town.server.home / "new"
    for kind in ("kill", "unanswered", "crash", "interrupt"):
        siege.interrupt(kind, 2000, "/all", "/newpassword", list_of_new)
        town.migrate_ok("/all", "/newpassword", list_of_new)
        new = dict(line.split("\t") for line in list_of_new.read_text().splitlines())
        assert new.keys() == set(weak)
        town.check(made=town.people, new_passwords=new)
        town.undo()


# ---- no room ----


@ONE_IS_ENOUGH
def test_no_room_in_the_middle_of_a_line(make_town):
    """A line of the journal is cut anywhere."""
    town, rng = make_town(each=8), random.Random(5)
    forth = growth(town, town.complete)
    town.undo()
    with Residents(town.server, town.people):
        for _ in range(3):
            room = town.journal_size() + rng.randint(1, forth - 1)
            result = Run(town.server, "migrateToAD", "/all", room=room).end()
            assert result.code in (4, 5) and str(town.journal_path) in result.err and result.err.count("\n") <= 2, result
            town.check(settled=False)
            town.complete()
            town.undo()


def test_no_room_for_the_journal(slapd, make_server, space):
    """A full disk: told in one line, nobody is hurt; with room again it goes on."""
    slapd.space = space  # by its socket it is reached from there too
    town = Town(slapd, make_server, 60, start=False, directory_servers=slapd.ldapi_uri)
    slapd.space = None  # where it runs itself
    kept = town.server.home / "kept"
    shutil.copytree(town.server.mailroot, kept)
    space.mount_tmpfs(town.server.mailroot, "2m")
    space.run("cp", "-a", f"{kept}/.", town.server.mailroot)
    town.server.start()
    inside = space.path(town.server.mailroot)
    with Residents(town.server, town.people) as residents:
        for pages in (0, 1, 3):
            fill(inside / "filler", leave=pages)
            result = town.server.winpop("migrateToAD", "/all")
            assert result.code in (4, 5) and "No space left" in result.err and result.err.count("\n") <= 2, result
            residents.check()
            (inside / "filler").unlink()
        assert town.server.winpop("migrateToAD", "/all").code == 0
    for address in town.people:
        assert town.opens(address)


def fill(file, leave):
    """Pages until there are no more, then so many are given back."""
    page = b"x" * 4096
    with open(file, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(page) == len(page):
            pass
    os.truncate(file, max(0, file.stat().st_size - leave * len(page)))


# ---- side by side ----


@ONE_IS_ENOUGH
def test_two_migrations_at_once(make_town):
    town = make_town(each=20)
    run = Run(town.server, "migrateToAD", "/all", "/rate", 1)
    run.reach(town.journal_path, 200)
    for words in (["/all"], ["/all", "/undo"], [next(iter(town.people))], [town.domain]):
        second = town.server.winpop("migrateToAD", *words)
        assert second.code == 1 and "another migration" in second.err and second.err.count("\n") <= 2, second
    assert run.under_way()
    run.kill()
    town.complete()


def test_life_goes_on(make_town):
    """Mail comes in, people sign in, passwords change, mailboxes come and go; what was not caught is caught by the next run."""
    town, rng = make_town(each=20), random.Random(3)
    leaving, changing = (sorted(town.people)[k::4] for k in range(2))
    staying = {address: password for address, password in town.people.items() if address not in leaving}
    home = sorted(staying)
    left, done = {}, threading.Event()

    def deliver_on():
        while not done.wait(0.02):
            town.server.deliver(rng.choice(home), BODY)
    postman = threading.Thread(target=deliver_on)
    with Residents(town.server, staying):
        run = Run(town.server, "migrateToAD", "/all", "/rate", 20, "/report", town.file)
        postman.start()
        try:
            for n, (goes, changes) in enumerate(zip(leaving, changing)):
                town.server.winpop_ok("delete", goes, "/y")
                left[goes] = town.people.pop(goes)
                staying.pop(changes)  # nobody knows which is right just now
                town.people[changes] = f"changed by {changes}"
                town.server.winpop_ok("changepwd", changes, town.people[changes])
                staying[changes] = town.people[changes]
                town.hire(f"new{town.number}x{n}")
                run.reach(town.journal_path, town.journal_size() + 200)
        finally:
            done.set()
            postman.join(PATIENCE)
        result = run.end()
    assert result.code in (0, 5), result
    for address, row in town.report(town.file).items():
        assert row["result"] == "create" or address in left, row
    town.run(code=0)
    journal = town.journal()
    town.people |= left  # for the books: an entry that was made for one who left is no orphan while the journal knows it
    town.check()
    for address in left:
        del town.people[address]
    assert journal.all("made").keys() >= town.people.keys()
    town.run("/undo", code=0)
    town.check(made=())


@ONE_IS_ENOUGH
def test_a_password_changed_behind_each_step(make_town):
    """Changed again and again while that very account is carried over: after the next run the last one opens the entry."""
    town = make_town(each=1)
    address = next(iter(town.people))
    for n in range(6):
        run = Run(town.server, "migrateToAD", address)
        while run.under_way():
            town.people[address] = f"changed {n} {time.monotonic_ns()}"
            town.server.winpop_ok("changepwd", address, town.people[address])
        assert run.end().code in (0, 5), run.result()
        town.migrate_ok(address)
        assert town.opens(address)


def test_struck_while_passwords_are_renewed(make_town):
    """Changed in the file, changed again after the run that was to carry it over was struck: the last one opens the entry."""
    town, rng = make_town(each=4), random.Random(19)
    town.complete()
    siege = Siege(town, town.link, rng)
    for n, kind in enumerate(("kill", "unanswered", "stop", "crash")):
        for moment in ("before", "after"):
            for address in town.people:
                town.people[address] = f"{n} {moment} of {address}"
                town.server.winpop_ok("changepwd", address, town.people[address])
            if moment == "before":
                siege.interrupt(kind, 1000, "/all")
        town.complete()


# ---- the way over ----


def shut_out(town, entry):
    """No password opens it any more."""
    if town.directory.kind == "ad":
        town.ldap().replace(entry.dn, accountExpires="1")
    else:
        town.ldap().change(entry.dn, "delete", "userPassword")


def break_address(town, entry):
    town.ldap().replace(entry.dn, mail="somebody@elsewhere.example")
    if town.directory.kind == "ad":
        town.ldap().replace(entry.dn, userPrincipalName="somebody@elsewhere.example")


def disable(town, entry):
    if town.directory.kind == "ad":
        town.ldap().replace(entry.dn, userAccountControl="514")
    else:
        town.ldap().replace(entry.dn, pwdAccountLockedTime="000001010000Z")


@pytest.mark.parametrize("spoil", [shut_out, break_address, disable, lambda town, entry: town.ldap().delete(entry.dn)],
                         ids=["shut-out", "address", "disabled", "gone"])
def test_the_switch_is_refused_if_an_entry_was_broken(make_town, spoil):
    town = make_town(each=3)
    town.complete()
    address = sorted(town.people)[2]
    spoil(town, town.entry_of(address))
    before = town.server.conf.read_text()
    result = town.server.winpop("--json", "set", "authentication", "ad")
    assert result.code == 1, result
    assert address in result.out and not any(other in result.out for other in town.people if other != address), result
    assert town.server.conf.read_text() == before
    assert all(town.signs_in(address) for address in town.people)


def duration(what):
    began = time.monotonic()
    what()
    return time.monotonic() - began


def kill_in_the_middle(town, rng, takes, *words):
    run = Run(town.server, *words)
    time.sleep(rng.uniform(0, takes))  # the random moment itself
    run.kill()


def test_killed_in_the_middle_of_the_switch(make_town):
    """By the one method or by the other, everybody gets in at any time."""
    town, rng = make_town(each=10), random.Random(11)
    town.complete()
    switch = "set", "authentication", "ad"
    with Residents(town.server, town.people) as residents:
        takes = duration(lambda: town.server.winpop_ok(*switch))
        for _ in range(max(2, ROUNDS // 2)):
            town.server.winpop_ok("set", "authentication", "file")
            kill_in_the_middle(town, rng, takes, *switch)
            residents.check()
            town.server.winpop_ok(*switch)
            assert json.loads(town.server.winpop_ok("status", "--json"))["authentication"] == "ad"
    town.server.stop()
    town.server.start()
    assert all(town.signs_in(address) for address in town.people)


@ONE_IS_ENOUGH
def test_killed_in_the_middle_of_the_purge(make_town):
    """After it, once more and all are gone; the key file too goes only with the last of them."""
    town, rng = make_town(each=20), random.Random(13)
    town.complete()
    town.server.winpop_ok("set", "authentication", "ad")
    records = town.records()
    purge = "purgepasswords", "/y"
    with Residents(town.server, town.people) as residents:
        takes = duration(lambda: town.server.winpop_ok(*purge))
        for _ in range(max(2, ROUNDS // 2)):
            for address, record in records.items():
                (town.server.box_dir(address) / "password").write_bytes(record)
            kill_in_the_middle(town, rng, takes, *purge)
            residents.check()
            town.server.winpop_ok(*purge)
            assert not [address for address in town.people if (town.server.box_dir(address) / "password").exists()]
