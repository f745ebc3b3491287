"""Quotas, one system call at a time: a process that counts is killed before each of its system calls in turn, or stands still there
while another does something whole. Whatever the place, the limit holds, and the sums are those of the files.

The processes are porters (porter.c): the store alone, no service, so that what is cut up is a single request. `first` is the one that
is cut up, `second` the one that comes in between; the numbers of system calls follow from the code and are the same on every machine.
"""
import contextlib
import dataclasses
import pathlib
import select
import shutil
import tempfile
import time

import pytest

from fixtures.porter import Died, Porter, Strike
from fixtures.waiting import wait_until

CLUB, OTHER = "club@example.com", "other@example.com"  # accounts; one of them may be a mailbox too
A, B, C = "a@example.com", "b@example.com", "c@example.com"
LOCKS = {"72", "73"}  # fcntl and flock: what a process sleeps in that waits for another (x86-64)
HELD, SIZE = 500, 400  # octets in each mailbox at first, and of a message
CALLS_MAX = 2000
MEMORY = "/dev/shm"  # system calls are counted here, not what a disk does with them
TIGHT = (2 * HELD + SIZE + SIZE // 2, 0)  # of an account with two mailboxes: room for one message more, and not for two
FEW = (0, 3)
WIDE = (1_000_000, 1000)


def message(size, word="x"):
    head = f"Subject: {word}\r\n\r\n".encode()
    return head + b"y" * (size - len(head) - 2) + b"\r\n"


@dataclasses.dataclass(frozen=True)
class Step:
    """One request to a porter."""

    words: tuple
    octets: bytes = b""

    @property
    def verb(self):
        return self.words[0]

    def send(self, porter):
        porter.send(*self.words, octets=self.octets)


def deliver(mailbox, account=CLUB, limit=TIGHT, word="x"):
    octets = message(SIZE, word)
    return Step(Porter.delivery(mailbox, octets, account, limit), octets)


def request(*words):
    return Step(words)


def fits(octets, messages, limit):
    return (not limit[0] or octets <= limit[0]) and (not limit[1] or messages <= limit[1])


class Place:
    """A mail root with mailboxes of one message each. links: {mailbox: its account}"""

    def __init__(self, build, links=None):
        self.build, self.root = build, pathlib.Path(tempfile.mkdtemp(prefix="winpop-steps-", dir=MEMORY))
        self.porters, self.links = [], dict(links or {A: CLUB, B: CLUB, C: C})
        maker = self.porter()
        maker.must("add", "example.com")
        for address, account in self.links.items():
            maker.must("add", address)
            maker.must("settle", address, account)
            maker.must(*Porter.delivery(address, message(HELD), account), octets=message(HELD))

    def porter(self):
        self.porters.append(Porter(self.build, self.root))
        return self.porters[-1]

    # ---- what is there, by the files ----

    def box(self, address):
        local, domain = address.split("@")
        return self.root / domain / f"P3_{local}.mbx"

    def count(self, *addresses):
        sizes = [f.stat().st_size for address in addresses for f in self.box(address).glob("*.eml")]
        return sum(sizes), len(sizes)

    def has(self, address, word):
        return any(f.read_bytes().startswith(f"Subject: {word}\r".encode()) for f in self.box(address).glob("*.eml"))

    def members(self, account):
        return [a for a, linked in self.links.items() if linked == account and self.box(a).exists()]

    def held(self, account):
        return self.count(*self.members(account))

    # ---- what the store says ----

    def check(self, porter):
        """The sums are those of the files, without anybody's having settled anything."""
        for account in set(self.links.values()):
            assert porter.usage(account) == self.held(account), account
            for address in self.members(account):
                recount = porter.recount(address, account)
                assert recount.counted == recount.indexed == recount.charged == self.count(address), (address, account, recount)

    def settle(self, porter):
        for address, account in self.links.items():
            if self.box(address).exists():
                porter.must("settle", address, account)

    def sweep(self, porter):
        """As upkeep does: what is not settled in a pass that began in a later second is gone."""
        now = int(time.time())
        wait_until(lambda: time.time() >= now + 1)
        since = int(time.time())
        self.settle(porter)
        porter.must("sweep", since)

    def sweep_remains(self, porter):
        """Of a mailbox whose removal was broken off. Until then the account seems to hold more, never less."""
        said = [(porter.usage(account), self.held(account)) for account in set(self.links.values())]
        assert all(seems >= held for usage in said for seems, held in [*zip(*usage)]), said
        if any(usage != held for usage, held in said):
            self.sweep(porter)

    def fill(self, porter):
        """CLUB's mailboxes take what there is room for, and not an octet more."""
        members = self.members(CLUB)
        limit = (self.held(CLUB)[0] + SIZE, 0)
        assert self.put(porter, members[0], SIZE + 1, limit) == "quota"
        assert self.put(porter, members[-1], SIZE, limit) == "ok"
        assert self.held(CLUB)[0] == limit[0]
        assert self.put(porter, members[0], 50, limit) == "quota"
        n = self.held(CLUB)[1]
        assert self.put(porter, members[0], 50, (0, n)) == "quota"
        assert self.put(porter, members[0], 50, (0, n + 1)) == "ok"

    @staticmethod
    def put(porter, mailbox, size, limit):
        return porter.deliver(mailbox, message(size), CLUB, limit).kind

    def close(self):
        for porter in self.porters:
            porter.close()
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture
def cut(build):
    """cut(step, links, prepare) gives (place, porter, strike), the porter held before each of the step's system calls in turn."""

    def places(step, links=None, prepare=None):
        for n in range(1, CALLS_MAX):
            with contextlib.closing(Place(build, links)) as place:
                first = place.porter()
                if prepare:
                    prepare(place, first)
                strike = Strike(first, n)
                step.send(first)
                if not strike.wait():
                    strike.tell("go")
                    assert first.answer().kind == "ok" and n > 3, "it is not even done when nobody interferes"
                    return
                with said_where(strike):
                    yield place, first, strike
        raise AssertionError("it makes system calls without end")

    return places


@contextlib.contextmanager
def said_where(strike):
    try:
        yield
    except AssertionError as e:
        raise AssertionError(f"held before call {strike.n} (number {strike.call}): {e}") from e


def die(first, strike):
    strike.tell("kill")
    with pytest.raises(Died):
        first.answer()
    first.revive()


# ---- killed ----

KILLED = {
    "delivery": deliver(A),
    "delivery to a mailbox of its own": deliver(C, C, (HELD + SIZE, 0)),
    "delivery that links": deliver(C, limit=WIDE),
    "deletion": request("delete", A, 1),
    "settling": request("settle", A, CLUB),
    "joining": request("settle", C, CLUB),
    "leaving": request("settle", A, OTHER),
    "removal": request("remove", A),
    "repair": request("recount", A, CLUB, 1),
    "sweep": request("sweep", 1),
    "asking": Step(("fits", A, CLUB, *TIGHT, SIZE)),
}
MOVES = {"delivery that links": {C: CLUB}, "joining": {C: CLUB}, "leaving": {A: OTHER}}


@pytest.mark.parametrize("name", KILLED)
def test_killed(cut, name):
    for place, first, strike in cut(KILLED[name]):
        die(first, strike)
        other = place.porter()
        if name not in MOVES:
            beyond = TIGHT[0] - place.held(CLUB)[0] + 1
            assert place.put(other, B, beyond, TIGHT) in ("temp", "quota"), "taken above the limit"
        assert place.put(other, B, SIZE, WIDE) == "ok", "mail waits though there is room"
        place.links |= MOVES.get(name, {})
        place.settle(other)
        if name == "removal":
            place.sweep_remains(other)
        place.check(other)
        place.fill(other)


@pytest.mark.parametrize("name", ["delivery", "deletion", "delivery to a mailbox of its own"])
def test_a_delivery_heals_what_was_killed(cut, name):
    """The next visit is enough, whatever visit it is."""
    step = KILLED[name]
    for place, first, strike in cut(step):
        die(first, strike)
        address, account = step.words[1], place.links[step.words[1]]
        assert place.porters[0].deliver(address, message(SIZE), account, WIDE).kind == "ok"
        place.check(place.porters[0])


# ---- one stands still, another goes by ----

OWN_AND_GUEST = {CLUB: CLUB, B: B}  # the account is a mailbox with nobody else: there is no ledger yet
PAIRS = {
    "two mailboxes": (deliver(A, word="first"), deliver(B, word="second"), None),
    "two mailboxes, by count": (deliver(A, limit=FEW, word="first"), deliver(B, limit=FEW, word="second"), None),
    "two mailboxes, with room": (deliver(A, limit=WIDE, word="first"), deliver(B, limit=WIDE, word="second"), None),
    "one mailbox": (deliver(A, word="first"), deliver(A, word="second"), None),
    "delivery, deletion": (deliver(A, word="first"), request("delete", A, 1), None),
    "delivery, deletion elsewhere": (deliver(A, word="first"), request("delete", B, 1), None),
    "deletion, delivery": (request("delete", A, 1), deliver(A, word="second"), None),
    "deletion, delivery elsewhere": (request("delete", A, 1), deliver(B, word="second"), None),
    "deletion, settling": (request("delete", A, 1), request("settle", A, CLUB), None),
    "settling, delivery": (request("settle", A, CLUB), deliver(A, word="second"), None),
    "repair, delivery": (request("recount", A, CLUB, 1), deliver(A, word="second"), None),
    "delivery, repair": (deliver(A, word="first"), request("recount", A, CLUB, 1), None),
    "delivery, repair elsewhere": (deliver(A, word="first"), request("recount", B, CLUB, 1), None),
    "sweep, delivery": (request("sweep", 1), deliver(A, word="second"), None),
    "delivery, sweep": (deliver(A, word="first"), request("sweep", 1), None),
    "delivery, removal": (deliver(A, word="first"), request("remove", A), None),
    "removal, delivery": (request("remove", A), deliver(A, word="second"), None),
    "removal, delivery elsewhere": (request("remove", A), deliver(B, word="second"), None),
    "first guest": (deliver(B, limit=TIGHT, word="first"), deliver(CLUB, limit=TIGHT, word="second"), OWN_AND_GUEST),
    "host, first guest": (deliver(CLUB, limit=TIGHT, word="first"), deliver(B, limit=TIGHT, word="second"), OWN_AND_GUEST),
    "host deletes, first guest": (request("delete", CLUB, 1), deliver(B, limit=TIGHT, word="second"), OWN_AND_GUEST),
    "first guest settles, host": (request("settle", B, CLUB), deliver(CLUB, limit=TIGHT, word="second"), OWN_AND_GUEST),
    "two join": (request("settle", C, OTHER), request("settle", B, OTHER), None),
    "one leaves, one comes": (request("settle", A, OTHER), request("settle", C, CLUB), None),
    "tug of war": (request("settle", A, OTHER), request("settle", A, CLUB), None),
    "leaving, delivery": (request("settle", A, OTHER), deliver(B, word="second"), None),
    "leaving, deletion": (request("settle", A, OTHER), request("delete", A, 1), None),
}


def blocked(porter):
    """Does it sleep until somebody lets go of a lock?"""
    return pathlib.Path(f"/proc/{porter.pid}/syscall").read_text().split()[0] in LOCKS


def answered(porter):
    return bool(select.select([porter.process.stdout], [], [], 0)[0])


def within_limit(place, *steps):
    """A delivery never leads above the limit that it was made under."""
    limits = [step.words[3:5] for step in steps if step.verb == "deliver"]
    held = place.held(CLUB)
    assert all(fits(*held, limit) for limit in limits), f"{held} is held, above {limits}"


def is_told(place, step, answer, word):
    """What was answered is so."""
    address = step.words[1]
    if step.verb == "deliver" and place.box(address).exists():
        assert place.has(address, word) == (answer.kind == "ok"), (answer, place.count(address))
        assert answer.kind in ("ok", "quota", "temp"), answer
        assert answer.kind == "ok" or step.words[3:5] != WIDE, f"mail waits though there is room: {answer}"
    elif step.verb == "deliver":
        assert answer.kind in ("ok", "absent"), answer
    else:
        assert answer.kind in ("ok", "locked", "absent"), answer


def note_move(place, step, answer):
    """Who is linked where, after that. A delivery that was not taken may have come to nothing before it could link."""
    if answer.kind == "ok" and step.verb in ("settle", "deliver"):
        place.links[step.words[1]] = step.words[2]
    elif step.verb == "deliver" and answer.kind != "absent" and place.links[step.words[1]] != step.words[2]:
        place.links[step.words[1]] = step.words[2]
        place.porters[0].must("settle", *step.words[1:3])


@pytest.mark.parametrize("end", ["go", "kill"])
@pytest.mark.parametrize("pair", PAIRS)
def test_held_while_another_goes_by(cut, pair, end):
    one, two, links = PAIRS[pair]
    for place, first, strike in cut(one, links):
        second = place.porter()
        two.send(second)
        wait_until(lambda: answered(second) or blocked(second), why="it neither answers nor waits")  # noqa: B023
        was_blocked = not answered(second)
        within_limit(place, one, two)
        if end == "kill":
            die(first, strike)
            note_move(place, two, second.answer())
            within_limit(place, one, two)
            place.settle(second)
            if one.verb == "remove":
                place.sweep_remains(second)
        else:
            strike.tell("go")
            said = first.answer(), second.answer()
            order = ((two, said[1]), (one, said[0])) if not was_blocked else ((one, said[0]), (two, said[1]))
            for step, answer in order:
                note_move(place, step, answer)
            within_limit(place, one, two)
            is_told(place, one, said[0], "first")
            is_told(place, two, said[1], "second")
            if pair == "tug of war":
                place.settle(second)
        place.check(second)
        if place.members(CLUB):
            place.fill(second)


@pytest.mark.parametrize("mailbox, account", [(A, CLUB), (C, C)])
def test_asking_waits_for_nobody_where_there_is_room(cut, mailbox, account):
    """At RCPT, while a delivery to the same mailbox stands still, whatever it holds; but for moments of doubt."""
    n_asked = n_waited = 0
    for place, first, strike in cut(deliver(mailbox, account, WIDE)):
        second = place.porter()
        second.send("fits", mailbox, account, *WIDE, SIZE)
        wait_until(lambda: answered(second) or blocked(second), why="it neither answers nor waits")  # noqa: B023
        n_asked, n_waited = n_asked + 1, n_waited + (not answered(second))
        strike.tell("go")
        assert first.answer().kind == second.answer().kind == "ok"
    assert n_waited < n_asked / 2, f"waited {n_waited} times of {n_asked}"


# ---- a ledger grows ----

def crowd(n):
    return {f"m{k}@example.com": CLUB for k in range(n)}


def growth(build, most=400):
    """How many mailboxes an account has when the next one makes its ledger a new file."""
    with contextlib.closing(Place(build, {A: CLUB, B: CLUB})) as place:
        porter = place.porters[0]
        ledger = place.root / ".quota" / f"{porter.stem(CLUB)}.ledger"
        inode = ledger.stat().st_ino
        for n in range(2, most):
            porter.must("add", f"m{n}@example.com")
            porter.must("settle", f"m{n}@example.com", CLUB)
            if ledger.stat().st_ino != inode:
                return n
    raise AssertionError(f"a ledger of {most} mailboxes has not grown")


@pytest.mark.parametrize("end", ["go", "kill"])
def test_held_while_the_ledger_grows(build, cut, end):
    n = growth(build)
    links = {A: CLUB, B: CLUB, **crowd(n - 2), C: C}
    for place, first, strike in cut(request("settle", C, CLUB), links):
        second = place.porter()
        limit = (place.held(CLUB)[0] + SIZE, 0)
        deliver(A, limit=limit, word="second").send(second)
        wait_until(lambda: answered(second) or blocked(second), why="it neither answers nor waits")  # noqa: B023
        if end == "kill":
            die(first, strike)
        else:
            strike.tell("go")
            assert first.answer().kind == "ok"
            place.links[C] = CLUB
        answer = second.answer()
        assert answer.kind in ("ok", "quota", "temp"), answer
        if end == "kill":
            place.links[C] = CLUB
            place.settle(second)
        place.check(second)
        place.fill(second)
