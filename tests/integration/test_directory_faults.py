"""The directory is killed, frozen, replaced, slow, full of nonsense: who is in stays, who comes is told at once, it passes by itself.

Nearly all faults come from fixtures/faultproxy.py between winpopd and slapd; killing and freezing is also done to slapd itself,
and to a domain controller.
"""
import contextlib
import json
import socket
import statistics
import threading
import time

import pytest

from fixtures.certs import Certs
from fixtures.faultproxy import FaultProxy
from fixtures.slapd import Slapd
from fixtures.waiting import PATIENCE, cpu_seconds, wait_until

BODY = b"Subject: x\r\n\r\nbody\r\n"
# Times, so far from each other that a busy machine does not take one for the other; where it delays some, the quickest counts, or
# the one in the middle.
TIMEOUT = 3.0      # directory_timeout_ms of these services
DC_TIMEOUT = 10.0  # of those on Active Directory, which is slower
SLACK = 2.5        # what may come on top of a deadline: nobody waits for two of them
AT_ONCE = 0.75     # an answer that waited for nothing; a few milliseconds on a quiet machine
RECOVERY = 40      # back-off ends at 5 s
PEOPLE = 8
CERT = "ldap.example.com"


def person(n):
    return f"person{n}@example.com"


class Site:
    """slapd, a proxy in front of it, and a winpopd that knows the proxy only."""

    def __init__(self, make_server, tls=False, start=True, mailboxes=4, **settings):
        self.slapd = Slapd(people=PEOPLE).start()
        self.proxy = FaultProxy(self.slapd.tls_port if tls else self.slapd.port)
        uri = f"{'ldaps' if tls else 'ldap'}://127.0.0.1:{self.proxy.port}"
        settings = {"directory_servers": uri, "directory_starttls": "no", "directory_timeout_ms": int(TIMEOUT * 1000)} | settings
        self.server = make_server(start=False, **self.slapd.settings("ldaps" if tls else "starttls", **settings))
        for n in range(mailboxes):
            self.server.winpop_ok("add", person(n))
        if start:
            self.server.start()

    def close(self):
        self.proxy.close()
        self.slapd.close()

    def begin(self, fault, seconds=2 * TIMEOUT):
        if hasattr(self.slapd, fault):
            getattr(self.slapd, fault)()
        else:
            self.proxy.set(fault, seconds)

    def end(self, fault):
        if fault == "freeze":
            self.slapd.thaw()
        elif fault == "kill":
            self.slapd.start()
        else:
            self.proxy.set("pass")


@pytest.fixture
def make_site(make_server):
    made = []

    def make(**how):
        made.append(Site(make_server, **how))
        return made[-1]

    yield make
    for site in made:
        site.close()


def sign_in(server, n=0, password=None):
    """(what PASS was answered, seconds from the connection to that answer)"""
    began = time.monotonic()
    with server.pop() as pop:
        pop.ok(f"USER {person(n)}")
        reply = pop.cmd(f"PASS {password or f'pw-person{n}'}")
        took = time.monotonic() - began
        pop.cmd("QUIT")
    return reply, took


def gets_in(server, n=0, password=None):
    return sign_in(server, n, password)[0].startswith(b"+OK")


def told_to_try_later(results, deadline=TIMEOUT):
    """Soon after the deadline; if there are many, the machine may have kept some of them waiting."""
    for reply, _ in results:
        assert reply.startswith(b"-ERR [SYS/TEMP]"), reply
    assert min(took for _, took in results) < deadline + SLACK, results


def at_once(what, n):
    """n threads do what(k) together; their results in order."""
    results, gate = [None] * n, threading.Barrier(n)

    def one(k):
        gate.wait()
        results[k] = what(k)
    threads = [threading.Thread(target=one, args=(k,)) for k in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert None not in results, "a client did not get to its end"
    return results


@contextlib.contextmanager
def trying(server, clients=2):
    """Clients who do not give up, ten times a second each."""
    done = threading.Event()

    def on_and_on(n):
        while not done.wait(0.1):
            with contextlib.suppress(OSError, AssertionError):
                sign_in(server, n)
    threads = [threading.Thread(target=on_and_on, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(PATIENCE)


def stays_idle(server, seconds=2):
    with server.pop() as quiet, trying(server):
        before = cpu_seconds(server.pid)
        assert quiet.silent(seconds)
        used = cpu_seconds(server.pid) - before
    assert used < 0.2 * seconds, f"{used:.2f} s of CPU in {seconds} s while the directory is away"


def is_away(server, held, deadline=TIMEOUT):
    """All that is promised while no server of the directory can be used."""
    told_to_try_later(at_once(lambda n: sign_in(server, n), 4), deadline)
    later = [sign_in(server, n % 4) for n in range(20)]
    told_to_try_later(later, deadline)
    assert statistics.median(took for _, took in later) < AT_ONCE, "clients wait for a directory that is known to be away"
    assert held.retr(1).endswith(BODY)
    held.ok("NOOP")
    stays_idle(server)


def is_back(server, within=RECOVERY):
    wait_until(lambda: gets_in(server), within, "it did not recover")
    for n in range(20):
        reply = sign_in(server, n % 2)[0]
        assert reply.startswith(b"+OK"), f"it recovered for some only: {reply}"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("fault", ["kill", "freeze", *FaultProxy.FAULTS])
def test_the_directory_goes_away_and_comes_back(make_site, fault, tls):
    site = make_site(tls=tls)
    site.server.deliver(person(0), BODY)
    site.server.deliver(person(7 % 4), BODY)
    held = site.server.session(person(3), "pw-person3")
    assert gets_in(site.server)
    site.begin(fault)
    told_to_try_later([sign_in(site.server, 1)])
    is_away(site.server, held)
    held.ok("DELE 1")
    held.quit()
    site.end(fault)
    is_back(site.server)
    assert len(site.server.messages(person(0), "pw-person0")) == 1
    assert site.server.messages(person(3), "pw-person3") == []


def test_a_wrong_password_is_wrong_again_afterwards(make_site):
    """Away and wrong are never mixed, in either direction."""
    site = make_site(shield=0)
    assert sign_in(site.server, 0, "wrong")[0].startswith(b"-ERR [AUTH]")
    site.begin("kill")
    told_to_try_later([sign_in(site.server, 0, "wrong"), sign_in(site.server, 0), sign_in(site.server, 5)])
    site.end("kill")
    is_back(site.server)
    assert sign_in(site.server, 0, "wrong")[0].startswith(b"-ERR [AUTH]")


def test_winpopd_starts_while_the_directory_is_away(make_site):
    site = make_site(start=False)
    site.begin("kill")
    site.server.start()
    told_to_try_later([sign_in(site.server)])
    site.end("kill")
    is_back(site.server)


def test_a_restart_of_the_directory_is_not_noticed(make_site):
    """Connections that died while nobody used them are replaced, not passed on."""
    site = make_site()
    assert all(reply.startswith(b"+OK") for reply, _ in at_once(lambda n: sign_in(site.server, n), 4))
    for _ in range(3):
        site.slapd.stop()
        site.slapd.start()
        assert all(reply.startswith(b"+OK") for reply, _ in at_once(lambda n: sign_in(site.server, n), 4))
    site.proxy.reset_all()
    assert gets_in(site.server)


def test_a_slow_directory_slows_nobody_else(make_site):
    """Three seconds for every answer, within the deadline: they get in, late; others do not feel it."""
    site = make_site(directory_timeout_ms=30_000)
    site.server.deliver(person(3), BODY)
    held = site.server.session(person(3), "pw-person3")
    site.begin("slow", 3)
    results = []
    thread = threading.Thread(target=lambda: results.extend(at_once(lambda n: sign_in(site.server, n), 3)))
    thread.start()
    waits = []
    while thread.is_alive():
        began = time.monotonic()
        held.ok("NOOP")
        waits.append(time.monotonic() - began)
        thread.join(0.05)
    assert all(reply.startswith(b"+OK") for reply, _ in results), results
    assert max(took for _, took in results) > 3
    assert statistics.median(waits) < AT_ONCE and max(waits) < SLACK
    assert held.retr(1).endswith(BODY)
    site.end("slow")
    assert sign_in(site.server)[1] < SLACK


def test_who_is_in_does_not_queue_behind_sign_ins(make_site):
    """More clients than workers, all waiting for a slow directory: mail is fetched and removed as ever."""
    site = make_site(directory_timeout_ms=60_000, workers=2)
    site.server.deliver(person(3), BODY, BODY)
    held = site.server.session(person(3), "pw-person3")
    site.begin("slow", 50)
    results = []
    crowd = threading.Thread(target=lambda: results.extend(at_once(lambda k: sign_in(site.server, k % 3), 8)))
    crowd.start()
    wait_until(lambda: json.loads(site.server.winpop_ok("status", "--json"))["signin_queue"] > 0, why="no crowd")
    assert held.retr(1).endswith(BODY) and held.multi("TOP 2 0")
    held.ok("DELE 1")
    held.quit()
    site.server.deliver(person(3), BODY)
    assert json.loads(site.server.winpop_ok("status", "--json"))["signin_queue"] > 0, "the crowd was served meanwhile"
    site.end("slow")
    crowd.join(PATIENCE)
    assert all(reply.startswith((b"+OK", b"-ERR [IN-USE]")) for reply, _ in results) and len(results) == 8, results


# ---- replaced ----


def take_place(old, new):
    """new listens where old did."""
    old.stop()
    new.stop()
    new.ldap_uri, new.ldaps_uri = old.ldap_uri, old.ldaps_uri
    new.start()


def test_replaced_by_one_with_other_passwords(make_site, make_slapd):
    """What the directory says now counts: no connection, password or entry of the old one is believed."""
    site = make_site(cache=0)
    assert gets_in(site.server)
    take_place(site.slapd, make_slapd(people=2, password="new-{}"))
    wait_until(lambda: gets_in(site.server, 0, "new-person0"), RECOVERY)
    assert sign_in(site.server, 0)[0].startswith(b"-ERR [AUTH]")
    assert sign_in(site.server, 3)[0].startswith(b"-ERR [AUTH]"), "this person is no more"


@pytest.mark.parametrize("how", ["suffix", "service"])
def test_replaced_by_one_that_is_not_ours(make_site, make_slapd, how):
    """It answers, but it does not know the service or has another tree: our trouble, not a wrong password."""
    site = make_site(directory_base="dc=example,dc=com")
    site.server.deliver(person(3), BODY)
    held = site.server.session(person(3), "pw-person3")
    other = make_slapd(people=PEOPLE, suffix="dc=other,dc=com" if how == "suffix" else "dc=example,dc=com")
    if how == "service":
        other.admin.delete(other.service_dn)
    take_place(site.slapd, other)
    is_away(site.server, held)
    other.stop()
    site.slapd.start()
    is_back(site.server)


def test_another_certificate(make_site, tmp_path):
    """An authority nobody trusts, one that has expired, another host's; then a good one again."""
    site = make_site(tls=True)
    site.server.deliver(person(3), BODY)
    held = site.server.session(person(3), "pw-person3")
    for spoil in (lambda: Certs(tmp_path / "foreign").server(CERT), lambda: site.slapd.certs.server(CERT, days=-1),
                  lambda: site.slapd.certs.server(CERT, addresses=("127.0.0.9",))):
        cert, key = spoil()
        site.slapd.stop()
        for made, used in ((cert, f"{CERT}.crt"), (key, f"{CERT}.key")):
            if made != site.slapd.certs.dir / used:
                (site.slapd.certs.dir / used).write_bytes(made.read_bytes())
        site.slapd.start()
        is_away(site.server, held)
        site.slapd.certs.server(CERT)
        site.slapd.stop()
        site.slapd.start()
        is_back(site.server)


# ---- referrals ----


class Elsewhere:
    """Where referrals point; nobody may come."""

    def __init__(self):
        self.door = socket.create_server(("127.0.0.1", 0))
        self.uri = f"ldap://127.0.0.1:{self.door.getsockname()[1]}"

    def visitors(self):
        self.door.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            self.door.accept()
            return 1
        return 0


@pytest.fixture
def elsewhere():
    made = Elsewhere()
    yield made
    made.door.close()


def add_referral(slapd, dn, uri):
    slapd.admin.run("ldapadd", "-M", stdin=(f"dn: {dn}\nobjectClass: referral\nobjectClass: extensibleObject\n"
                                            f"ref: {uri}/{dn}\n\n"))


def test_full_of_search_references(make_site, elsewhere):
    """Found entries count, references to other servers are not followed."""
    site = make_site()
    for n in range(100):
        add_referral(site.slapd, f"ou=away{n},{site.slapd.suffix}", elsewhere.uri)
    results = at_once(lambda n: sign_in(site.server, n), 4)
    assert all(reply.startswith(b"+OK") and took < TIMEOUT for reply, took in results), results
    assert sign_in(site.server, 0, "wrong")[0].startswith(b"-ERR [AUTH]")
    assert elsewhere.visitors() == 0


def test_full_of_referrals(make_site, make_slapd, elsewhere):
    """The part of the tree with people is said to be elsewhere now: not followed, not taken for a wrong password."""
    site = make_site(directory_base="ou=people,dc=example,dc=com")
    site.server.deliver(person(3), BODY)
    held = site.server.session(person(3), "pw-person3")
    other = make_slapd()
    other.admin.delete(other.people)
    add_referral(other, other.people, elsewhere.uri)
    take_place(site.slapd, other)
    is_away(site.server, held)
    assert elsewhere.visitors() == 0
    other.stop()
    site.slapd.start()
    is_back(site.server)


# ---- deliveries ----


@pytest.mark.parametrize("fault", ["kill", "freeze", "garbage"])
def test_deliveries_go_on(make_site, fault):
    """Who got mail before gets it; strangers are told to come again, never that nobody is there."""
    site = make_site(catalog="directory", mailboxes=2)
    server = site.server
    server.deliver(person(0), BODY)
    site.begin(fault)
    with server.lmtp() as lmtp:
        lmtp.mail()
        for rcpt in (person(1), "nobody@example.com", "kim@elsewhere.example"):
            began = time.monotonic()
            assert lmtp.cmd(f"RCPT TO:<{rcpt}>")[0] == 451
            assert time.monotonic() - began < TIMEOUT + SLACK
        began = time.monotonic()
        lmtp.expect(250, f"RCPT TO:<{person(0)}>")
        assert lmtp.data(BODY)[0][0] == 250
        assert time.monotonic() - began < TIMEOUT + SLACK
    began = time.monotonic()
    for _ in range(10):
        server.deliver(person(0), BODY)
    assert time.monotonic() - began < SLACK + 10 * AT_ONCE
    stays_idle(server)
    site.end(fault)
    is_back(server)
    with server.lmtp() as lmtp:
        lmtp.mail()
        lmtp.expect(250, f"RCPT TO:<{person(1)}>")
        lmtp.expect(550, "RCPT TO:<nobody@example.com>")
    assert len(server.messages(person(0), "pw-person0")) == 12


# ---- two servers ----


@pytest.fixture
def pair(make_server, make_slapd):
    """Two servers with the same people, and a winpopd that prefers the first."""
    first, second = make_slapd(people=PEOPLE), make_slapd(people=PEOPLE)
    both = first.home / "both.ca"
    both.write_bytes(first.ca.read_bytes() + second.ca.read_bytes())
    server = make_server(start=False, **first.settings(
        directory_servers=f"{first.ldaps_uri} {second.ldaps_uri}", directory_ca=both, directory_timeout_ms=int(TIMEOUT * 1000)))
    for n in range(4):
        server.winpop_ok("add", person(n))
    return server.start(), first, second


def sign_in_all(server, rounds=5):
    """Everybody at once, several times: nobody is turned away."""
    for _ in range(rounds):
        for reply, took in at_once(lambda n: sign_in(server, n), 4):
            assert reply.startswith(b"+OK"), reply
            assert took < 3 * TIMEOUT + SLACK


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_one_of_two_servers_dies(pair, fault):
    server, first, second = pair
    sign_in_all(server)
    assert second.binds("person0") == 0, "the first is preferred"
    getattr(first, fault)()
    sign_in_all(server)
    assert second.binds("person0") > 0
    assert statistics.median(sign_in(server, n % 4)[1] for n in range(20)) < AT_ONCE
    first.thaw() if fault == "freeze" else first.start()

    def returned():
        before = first.binds("person1")
        return gets_in(server, 1) and first.binds("person1") > before
    wait_until(returned, RECOVERY, "it does not go back to the server it prefers")
    sign_in_all(server)
    getattr(second, fault)()
    sign_in_all(server)


def test_one_of_two_servers_is_dead_from_the_start(pair):
    server, first, _ = pair
    server.stop()
    first.kill()
    server.start()
    sign_in_all(server)


# ---- Active Directory ----


def test_a_domain_controller_goes_away_and_comes_back(make_dc, make_server):
    dc = make_dc()
    for n in range(4):
        dc.add_person(f"person{n}", f"pw-person{n}", mail=person(n))
    server = make_server(start=False, space=dc.space, **dc.settings(directory_timeout_ms=int(DC_TIMEOUT * 1000)))
    for n in range(4):
        server.winpop_ok("add", person(n))
    server.start()
    with dc.space.inside():
        for begin, end in ((dc.freeze, dc.thaw), (dc.stop, dc.start)):
            server.deliver(person(3), BODY)
            held = server.session(person(3), "pw-person3")
            assert gets_in(server)
            begin()
            is_away(server, held, DC_TIMEOUT)
            held.ok("DELE 1")
            held.quit()
            end()
            is_back(server)


# ---- crowds ----


def test_a_crowd_before_a_frozen_directory(make_site):
    """A hundred clients at once: all are answered about when the deadline is over, and they are in nobody's way."""
    site = make_site()
    site.server.deliver(person(3), BODY)
    held = site.server.session(person(3), "pw-person3")
    assert gets_in(site.server)
    site.begin("freeze")
    results, waits = [], []
    crowd = threading.Thread(target=lambda: results.extend(at_once(lambda k: sign_in(site.server, k % 3), 100)))
    crowd.start()
    while crowd.is_alive():
        for command in ("NOOP", "STAT", "LIST 1"):
            began = time.monotonic()
            held.ok(command)
            waits.append(time.monotonic() - began)
        crowd.join(0.02)
    told_to_try_later(results)
    assert len(results) == 100 and statistics.median(took for _, took in results) < 2 * TIMEOUT + SLACK
    assert statistics.median(waits) < AT_ONCE and max(waits) < 0.8 * TIMEOUT, "they hinder who is in"
    assert held.retr(1).endswith(BODY)
    site.end("freeze")
    is_back(site.server)


def test_everybody_comes_back_at_the_same_moment(make_site):
    """The directory returns with a crowd before the door: nobody fails for good, and it is not met by more than the pool."""
    site = make_site(directory_connections=4)
    assert gets_in(site.server)
    site.begin("refuse")
    told_to_try_later([sign_in(site.server)])
    most, done = [0], threading.Event()

    def watch():
        while not done.wait(0.002):
            most[0] = max(most[0], site.proxy.n_open())

    def patient(k):
        end = time.monotonic() + RECOVERY + 10
        while time.monotonic() < end:
            reply = sign_in(site.server, k % 4)[0]
            if reply.startswith(b"+OK"):
                return time.monotonic()
            assert reply.startswith((b"-ERR [SYS/TEMP]", b"-ERR [IN-USE]")), reply
        return None
    watcher = threading.Thread(target=watch)
    watcher.start()
    opener = threading.Timer(0.5, site.end, ["refuse"])
    opener.start()
    try:
        ends = at_once(patient, 60)
    finally:
        opener.join()
        done.set()
        watcher.join()
    assert max(ends) - min(ends) < RECOVERY, "the last is served long after the first"
    assert most[0] <= 2 * 4 + 1, f"{most[0]} connections to the directory, for a pool of two times four and its one probe"
