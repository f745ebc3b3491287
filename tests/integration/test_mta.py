"""What an MTA asks winpopd: maps by socketmap, deliveries by access policy, sign-in by the auth protocol; with clients of our own
and Postfix's postmap.
"""
import concurrent.futures
import contextlib
import os
import signal
import socket
import stat
import statistics
import subprocess
import time

import pytest

from fixtures import ntlm
from fixtures.mta import Auth, Maps, Policy, connected, netstring, policy_request
from fixtures.waiting import PATIENCE, wait_until

WRONG = ("FAIL", ["reason=user name or password is wrong"])
LATER = ("FAIL", ["reason=cannot sign in just now; try again later", "temp", "code=temp_fail"])
TEMP = "TEMP winpopd cannot tell just now; ask again later"
FORBIDDEN = ("FAIL", ["reason=sign-in is not permitted; ask your administrator", "authz", "code=authz_fail"])
HELD = "450 4.2.1 mailbox takes no mail for now"
FULL = "552 5.2.2 mailbox is full (over quota)"
FULL_LATER = "452 4.2.2 mailbox is full (over quota), try again"
BODY = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n"


@pytest.fixture
def maps(service):
    with Maps(service.maps_socket) as client:
        yield client


@pytest.fixture
def policy(service):
    with Policy(service.maps_socket) as client:
        yield client


@pytest.fixture
def auth(service):
    with Auth(service.auth_socket) as client:
        yield client


def ask(server, question):
    with Maps(server.maps_socket) as maps:
        return maps.ask(question)


def against(server, recipient, size=0):
    """What speaks against a delivery."""
    with Policy(server.maps_socket) as policy:
        return policy.ask(recipient, size)


def sign_in(server, *who, mech="plain", **how):
    with Auth(server.auth_socket) as auth:
        return getattr(auth, mech)(*who, **how)


# ---- the maps ----

NO_ADDRESSES = ("", "kim", "@example.com", "kim@", "@", "a b@example.com", "kim@example.com@example.com", '"kim x"@example.com',
                "kim@[127.0.0.1]", "../example.com", "k\0m@example.com", "x" * 5000)


def test_domains(maps):
    assert maps.ask("domains example.com") == "OK example.com"
    assert maps.ask("domains EXAMPLE.com.") == "OK example.com"
    assert maps.ask("domains elsewhere.example") == "NOTFOUND "
    for key in ("", "kim@example.com", "exa mple.com", "..", "../example.com", "x" * 5000):
        assert maps.ask(f"domains {key}") == "NOTFOUND ", key


@pytest.mark.parametrize("table", ["mailboxes", "senders"])
def test_mailboxes_and_senders(service, maps, box, table):
    assert maps.ask(f"{table} {box.address}") == f"OK {box.address}"
    assert maps.ask(f"{table} {box.address.upper()}") == f"OK {box.address}"
    assert maps.ask(f"{table} nobody@example.com") == "NOTFOUND "
    assert maps.ask(f"{table} kim@elsewhere.example") == "NOTFOUND "
    for key in NO_ADDRESSES:
        assert maps.ask(f"{table} {key}") == "NOTFOUND ", key


def test_news_are_known_at_once(service, maps):
    assert maps.ask("domains new.example") == "NOTFOUND "
    service.winpop_ok("add", "new.example")
    service.winpop_ok("add", "new@new.example", "/createuser", "pw")
    assert maps.ask("domains new.example", "mailboxes new@new.example") == ["OK new.example", "OK new@new.example"]
    service.winpop_ok("delete", "new@new.example", "/deleteuser", "/y")
    assert maps.ask("mailboxes new@new.example") == "NOTFOUND "
    service.winpop_ok("delete", "new.example", "/y")
    assert maps.ask("domains new.example") == "NOTFOUND "


def test_locked_mailboxes_are_found(service, maps, policy, box):
    service.winpop_ok("lock", box.address)
    for table in ("mailboxes", "senders"):
        assert maps.ask(f"{table} {box.address}") == f"OK {box.address}"
    assert policy.ask(box.address) == "DUNNO"
    assert sign_in(service, box.address, box.password) == ("OK", [f"user={box.address}"]), "who is locked out may still send"


def test_what_speaks_against_a_delivery(service, maps, policy, box):
    assert policy.ask(box.address) == policy.ask("nobody@example.com") == policy.ask("kim@elsewhere.example") == "DUNNO"
    assert {policy.ask(key) for key in NO_ADDRESSES} == {"DUNNO"}
    service.winpop_ok("hold", box.address)
    assert policy.ask(box.address) == policy.ask(box.address.upper()) == HELD
    assert maps.ask(f"mailboxes {box.address}") == f"OK {box.address}"
    service.winpop_ok("unhold", box.address)
    assert policy.ask(box.address) == "DUNNO"


def test_a_held_domain(make_server):
    server = make_server()
    address = server.mailbox()
    server.winpop_ok("hold", "example.com")
    assert against(server, address) == HELD
    assert sign_in(server, address, "pw-kim")[0] == "OK"


def test_a_full_mailbox(make_server):
    server = make_server(quota_messages=2)
    address = server.mailbox()
    server.deliver(address, BODY)
    assert against(server, address) == "DUNNO"
    server.deliver(address, BODY)
    assert against(server, address) == FULL
    server.write_conf(quota_full="defer")
    server.reload()
    assert against(server, address) == FULL_LATER
    with server.session(address) as pop:
        pop.ok("DELE 1")
        pop.quit()
    wait_until(lambda: against(server, address) == "DUNNO", why="there is room again, and it is not seen")


def test_too_large_for_what_is_left(make_server):
    server = make_server(quota_bytes=10000)
    address = server.mailbox()
    server.deliver(address, BODY)
    assert [against(server, address, size) for size in (0, 1, 9000, 10000, 10 ** 30)] == ["DUNNO"] * 3 + [FULL] * 2
    with Policy(server.maps_socket) as policy:
        policy.send(policy_request(address, 9000) + policy_request(address, 10000) + policy_request("nobody@example.com", 10000))
        policy.sock.shutdown(socket.SHUT_WR)
        assert [policy.action() for _ in range(3)] == ["DUNNO", FULL, "DUNNO"]
        assert policy.ended()


def test_requests_one_after_the_other(service, box):
    """In one piece, octet by octet, and with a reader that comes late."""
    asked = [f"mailboxes {box.address}", "domains nowhere.example", f"senders {box.address}"] * 30
    told = [f"OK {box.address}", "NOTFOUND ", f"OK {box.address}"] * 30
    with Maps(service.maps_socket) as maps:
        assert maps.ask(*asked) == told
    with Maps(service.maps_socket) as maps:
        for octet in netstring(asked[0].encode()):
            maps.send(bytes([octet]))
        assert maps.reply() == told[0]
        maps.send(b"".join(netstring(a.encode()) for a in asked))
        maps.sock.shutdown(socket.SHUT_WR)
        assert [maps.reply() for _ in asked] == told
        assert maps.ended()


@pytest.mark.parametrize("junk", [b"\r\nGET / HTTP/1.0\r\n\r\n", b"10001:", b"09:domains x,", b"9:domains x;", b"\0"])
def test_no_socketmap(service, junk):
    with Maps(service.maps_socket) as maps:
        maps.send(junk)
        assert maps.reply().startswith("PERM not a netstring")
        assert maps.ended()


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.0\r\n\r\n", b"VERSION\t1\t0\nCPID\t1\n", b"request=junk\n\n", b"x" * 20000])
def test_no_access_policy(service, junk):
    """There is no word for it: the connection ends."""
    with Policy(service.maps_socket) as policy:
        with contextlib.suppress(OSError):
            policy.send(junk)
        with contextlib.suppress(ConnectionResetError):
            assert policy.ended()
    service.wait_event("mta-fault", door="policy")


def test_a_map_that_there_is_not(maps):
    for request in ("virtual kim@example.com", "access kim@example.com", "domains", "", " ", "Domains example.com"):
        assert maps.ask(request).startswith("PERM ask for domains, mailboxes or senders"), request
    assert maps.ask("domains example.com") == "OK example.com"


def test_an_unmounted_mail_root_is_not_an_empty_one(make_server):
    """What is not there may be only out of sight: mail waits."""
    server = make_server()
    address = server.mailbox()
    away = server.mailroot.with_name("away")
    (server.mailroot / "example.com").rename(away)
    for question in ("domains example.com", f"mailboxes {address}", f"senders {address}"):
        assert ask(server, question) == TEMP, question
    assert against(server, address) == "DUNNO", "the delivery says that it waits"
    server.wait_event("lookup-failed", asked=address)
    away.rename(server.mailroot / "example.com")
    assert ask(server, f"mailboxes {address}") == f"OK {address}"


def test_postmap(service, box):
    """Postfix's own client."""
    def postmap(key, table):
        done = subprocess.run(["postmap", "-q", key, f"socketmap:unix:{service.maps_socket}:{table}"], capture_output=True, text=True)
        return done.returncode, done.stdout.strip()
    assert postmap("example.com", "domains") == (0, "example.com")
    assert postmap(box.address, "mailboxes") == (0, box.address)
    assert postmap(box.address, "senders") == (0, box.address)
    assert postmap("nobody@example.com", "mailboxes") == (1, "")
    keys = "".join(f"{k}\n" for k in (box.address, "nobody@example.com", box.address.upper()))
    many = subprocess.run(["postmap", "-q", "-", f"socketmap:unix:{service.maps_socket}:mailboxes"], input=keys, capture_output=True,
                          text=True)
    assert many.stdout.split() == [box.address, box.address, box.address.upper(), box.address]


# ---- sign-in ----

@pytest.mark.parametrize("mech", ["plain", "plain_in_two", "login", "cram", "scram"])
def test_sign_in(service, auth, box, mech):
    assert getattr(auth, mech)(box.address, box.password) == ("OK", [f"user={box.address}"])
    assert getattr(auth, mech)(box.address, "wrong") == WRONG
    assert getattr(auth, mech)("nobody@example.com", box.password) == WRONG
    event = service.wait_event("signin", service="smtp", account=box.address)
    assert event["peer"] == "192.0.2.7" and event["secured"] == "yes"
    assert service.wait_event("signin-failed", service="smtp", account="nobody@example.com")["reason"] == "denied"
    assert box.password not in service.log_text()


def test_scram_sha_1(auth, box):
    assert auth.scram(box.address, box.password, algorithm="sha1") == ("OK", [f"user={box.address}"])


def test_the_handshake(service, auth):
    assert auth.hand["VERSION"] == ["1", "2"] and int(auth.hand["SPID"][0]) == service.pid
    assert len(auth.hand["COOKIE"][0]) == 32 and bytes.fromhex(auth.hand["COOKIE"][0])
    assert auth.mechs["PLAIN"] == auth.mechs["LOGIN"] == {"plaintext"}
    assert {"CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"} <= auth.mechs.keys()
    assert not {"EXTERNAL", "GSSAPI", "NTLM"} & auth.mechs.keys() and not [m for m in auth.mechs if m.endswith("-PLUS")]
    with Auth(service.auth_socket) as other:
        assert other.hand["COOKIE"] != auth.hand["COOKIE"] and other.hand["CUID"] != auth.hand["CUID"]


def test_the_name_in_ok_is_the_one_in_the_map(service, auth, maps, box):
    word, [user] = auth.plain(box.address.upper(), box.password)
    assert (word, maps.ask(f"senders {box.address.upper()}")) == ("OK", "OK " + user.removeprefix("user="))


def test_passwords_in_the_clear(make_server):
    server = make_server()
    address = server.mailbox()
    who = (address, "pw-kim")
    assert sign_in(server, *who, secured=False) == FORBIDDEN
    assert sign_in(server, *who, secured=False, rip="127.0.0.1")[0] == "OK"
    assert sign_in(server, *who, secured=False, mech="cram")[0] == "OK", "that is no password in the clear"
    server.write_conf(plaintext_without_tls="yes")
    server.reload()
    assert sign_in(server, *who, secured=False)[0] == "OK"


def test_several_at_a_time(auth, box):
    """Each answer names its question; one that is given up is in nobody's way."""
    first, second = auth.begin("CRAM-MD5"), auth.begin("LOGIN")
    assert auth.answer(first)[0] == auth.answer(second)[0] == "CONT"
    auth.begin("LOGIN")
    auth.answer()
    for _ in range(100):
        auth.begin("CRAM-MD5")
        assert auth.answer()[0] == "CONT"
    assert auth.plain(box.address, box.password)[0] == "OK"
    auth.cont(first, b"kim 0123")
    assert auth.answer(first)[0] == "FAIL", "the oldest were given up"


def test_a_response_cannot_smuggle_parameters(auth, box):
    n = auth.n = auth.n + 1
    auth.say("AUTH", n, "PLAIN", "service=smtp", "rip=192.0.2.7", "resp=" + "AGtpbQBwdw==", "secured", "rip=127.0.0.1")
    assert auth.answer(n) == ("FAIL", ["reason=malformed sign-in; check the mail program's settings"])
    assert auth.plain(box.address, box.password)[0] == "OK"


@pytest.mark.parametrize("junk", [b"EHLO x\r\n", b"AUTH\t1\tPLAIN\n", b"VERSION\t2\t0\n", b"\n", b"x" * 80000])
def test_no_auth_protocol(service, junk):
    with Auth(service.auth_socket, hello=False) as auth:
        with contextlib.suppress(OSError):
            auth.send(junk)
        with contextlib.suppress(ConnectionResetError):
            assert auth.ended()
    service.wait_event("mta-fault", door="auth")


def test_no_costs_the_same(make_server):
    """Somebody who is not there takes as long to refuse as somebody who is, and hears the same."""
    server = make_server()
    address = server.mailbox()

    def cost(auth, user):
        began = time.monotonic()
        assert auth.plain(user, "wrong") == WRONG
        return time.monotonic() - began
    with Auth(server.auth_socket) as auth:
        pairs = [(cost(auth, address), cost(auth, "nobody@example.com")) for _ in range(40)]
    known, unknown = (statistics.median(side) for side in zip(*pairs))
    assert 0.4 < known / unknown < 2.5, (known, unknown)


def test_guessing_is_slowed_by_the_address_of_the_guesser(make_server):
    """Whichever MTA he comes by; his neighbours and the owner of the account are not."""
    server = make_server(penalty_ms=1500)
    address, other = server.mailbox(), server.mailbox("other", "pw-other")
    with Auth(server.auth_socket) as auth:
        began = time.monotonic()
        guesses = [auth.begin("PLAIN", f"\0{address}\0wrong{n}".encode(), rip="192.0.2.66") for n in range(2)]
        assert auth.plain(other, "pw-other", rip="192.0.2.77")[0] == "OK"
        assert auth.plain(address, "pw-kim")[0] == "OK", "somebody waited for somebody else's penalty"
        answers = {int(of): (word, rest) for word, of, *rest in (auth.words() for _ in guesses)}
        took = time.monotonic() - began
    assert answers == {n: WRONG for n in guesses}
    first, second = sorted(int(e["delay_ms"]) for e in server.events("signin-failed", peer="192.0.2.66"))
    assert first <= 1500 and 3000 < second <= 4500, "guesses at the same time queue up"
    assert took > second / 1000 - 0.1  # the log has whole milliseconds


def test_an_answer_comes_before_postfix_gives_up(make_server):
    """It waits for ten seconds; a longer penalty would look like a broken service."""
    server = make_server(penalty_ms=15000)
    address = server.mailbox()
    with Auth(server.auth_socket) as auth:
        began = time.monotonic()
        assert auth.plain(address, "wrong") == WRONG
        assert 7 < time.monotonic() - began < 14, "not what is left of fifteen seconds"


def test_somebody_without_a_mailbox(slapd, office_at):
    """May sign in; no address is his to send from."""
    office = office_at(slapd)
    person = office.person()
    assert sign_in(office.server, person.address, person.password) == ("OK", [f"user={person.address}"])
    assert ask(office.server, f"senders {person.address}") == "NOTFOUND "


# ---- a directory behind it ----

@pytest.fixture(params=["local", "directory"])
def office(request, slapd, office_at):
    return office_at(slapd, catalog=request.param)


def test_people_of_a_directory(office):
    kim = office.hire()
    server = office.server
    with Auth(server.auth_socket) as auth:
        assert "CRAM-MD5" not in auth.mechs, "nobody knows their passwords"
        for mech in ("plain", "login"):
            assert getattr(auth, mech)(kim.address, kim.password) == ("OK", [f"user={kim.address}"])
            assert getattr(auth, mech)(kim.address, "wrong") == getattr(auth, mech)(f"nobody@{office.domain}", "x") == WRONG
        assert auth.plain(kim.uid, kim.password) == ("OK", [f"user={kim.address}"]), "by the logon name"
    with Maps(server.maps_socket) as maps:
        assert maps.ask(f"domains {office.domain}", f"mailboxes {kim.address}") == [f"OK {office.domain}", f"OK {kim.address}"]
        assert maps.ask(f"mailboxes nobody@{office.domain}", "domains elsewhere.example") == ["NOTFOUND "] * 2


def test_secure_password_authentication(slapd, office_at):
    """NTLM through an MTA; where it must be bound to the channel it cannot be had, as the channel is the MTA's."""
    office = office_at(slapd, spa="hash")
    kim = office.hire()
    slapd.allow_spa(kim.uid, kim.address, ntlm.md4(kim.password.encode("utf-16-le")))

    def tried(auth, password):
        client, n = ntlm.Own(kim.uid, password), auth.begin("NTLM", secured=False)
        assert auth.challenge(n) == b""
        auth.cont(n, client.negotiate())
        auth.cont(n, client.authenticate(auth.challenge(n)))
        return auth.answer(n)
    with Auth(office.server.auth_socket) as auth:
        assert auth.mechs["NTLM"] == {"dictionary", "active"}
        assert tried(auth, kim.password) == ("OK", [f"user={kim.address}"])
        assert tried(auth, "wrong") == WRONG
    office.server.write_conf(channel_binding="require")
    office.server.reload()
    with Auth(office.server.auth_socket) as auth:
        assert "NTLM" not in auth.mechs


def test_disabled_people(office):
    kim = office.hire()
    office.directory.disable(kim.uid)
    word, rest = sign_in(office.server, kim.address, kim.password)
    assert word == "FAIL" and "temp" not in rest


def test_the_directory_is_away(slapd, office_at):
    """Neither a wrong password nor an unknown recipient."""
    office = office_at(slapd, catalog="directory")
    kim, ann = office.hire(), office.hire()
    slapd.stop()
    assert sign_in(office.server, kim.address, kim.password) == LATER
    assert ask(office.server, f"mailboxes unseen@{office.domain}") == TEMP
    with Auth(office.server.auth_socket, minor=0) as postfix:
        postfix.begin("PLAIN", f"\0{kim.address}\0{kim.password}".encode())
        assert postfix.ended(), "to a client of version 1.0 every FAIL is a wrong password"
    slapd.start()
    wait_until(lambda: sign_in(office.server, ann.address, ann.password)[0] == "OK", why="the directory is not found again")
    assert ask(office.server, f"mailboxes {ann.address}") == f"OK {ann.address}"


# ---- many, and the end ----

def test_many_connections(make_server):
    server = make_server(mta_socketmax=520)
    address = server.mailbox()
    with contextlib.ExitStack() as stack:
        def opened(k):
            return stack.enter_context(Auth(server.auth_socket) if k % 2 else Maps(server.maps_socket))

        def use(k, client):
            if k % 2:
                return client.plain(address, "pw-kim")[0] == "OK"
            return client.ask(f"mailboxes {address}") == f"OK {address}"
        clients = [opened(k) for k in range(500)]
        with concurrent.futures.ThreadPoolExecutor(25) as pool:
            assert all(pool.map(use, range(500), clients))
            assert all(pool.map(use, range(500), clients))


def test_too_many_connections(make_server):
    server = make_server(mta_socketmax=2)
    with Maps(server.maps_socket) as maps, Auth(server.auth_socket):
        late = connected(server.maps_socket)
        assert late.recv(1) == b""
        late.close()
        server.wait_event("mta-turned-away", mta_socketmax=2)
        assert maps.ask("domains example.com") == "OK example.com"
    wait_until(lambda: ask_or_none(server) == "OK example.com", why="no place is free again")


def ask_or_none(server):
    try:
        return ask(server, "domains example.com")
    except (AssertionError, OSError):
        return None


def test_stop_answers_what_was_asked(make_server):
    server = make_server(penalty_ms=1500)
    address = server.mailbox()
    with Maps(server.maps_socket) as idle, Auth(server.auth_socket) as half, Auth(server.auth_socket) as guess:
        assert half.challenge(half.begin("CRAM-MD5"))
        n = guess.begin("PLAIN", f"\0{address}\0wrong".encode())
        server.wait_event("signin-failed")
        server.signal(signal.SIGTERM)
        assert idle.ended() and half.ended()
        assert guess.answer(n) == WRONG and guess.ended()
    assert server.process.wait(PATIENCE) == 0
    assert not server.maps_socket.exists() and not server.auth_socket.exists()


def test_reload_reaches_those_who_are_there(make_server):
    server = make_server(mechanisms="PLAIN")
    address = server.mailbox()
    with Auth(server.auth_socket) as auth:
        assert auth.mechs.keys() == {"PLAIN"}
        server.write_conf(mechanisms="PLAIN CRAM-MD5")
        server.reload()
        assert auth.cram(address, "pw-kim")[0] == "OK"


def test_who_may_ask(make_server):
    """The group of the directory, which the set-group-id bit gives to the sockets: in Postfix's own tree, its group."""
    server = make_server(start=False)
    place = server.home / "spool/winpop"
    place.mkdir(parents=True)
    os.chown(place, -1, 65534)
    place.chmod(0o2750)
    server.write_conf(maps_socket=place / "maps", auth_socket=place / "auth")
    server.start()
    for name in ("maps", "auth"):
        found = (place / name).stat()
        assert stat.S_IMODE(found.st_mode) == 0o660 and found.st_gid == 65534
    server.stop()
    assert not list(place.iterdir())


def test_no_doors_unless_wanted(make_server):
    server = make_server(maps_socket="", auth_socket="")
    assert not server.maps_socket.exists() and not server.auth_socket.exists()


def test_sockets_from_the_manager(make_server):
    server = make_server(start=False, maps_socket="", auth_socket="")
    address = server.mailbox()
    with contextlib.ExitStack() as stack:
        sockets = []
        for name in ("maps", "auth"):
            sockets.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            sockets[-1].bind(str(server.home / name))
            sockets[-1].listen(50)
        script = f'exec 3<&{sockets[0].fileno()} 4<&{sockets[1].fileno()}; LISTEN_PID=$$ exec "$@"'
        with server.log.open("ab") as log:
            server.process = subprocess.Popen(["bash", "-c", script, "-", *server.command()], stderr=log, stdout=log,
                                              stdin=subprocess.DEVNULL, pass_fds=[s.fileno() for s in sockets],
                                              env={**server.environment(), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "maps:auth"})
        server.n_starts += 1
        server.wait_ready()
        assert ask(server, f"mailboxes {address}") == f"OK {address}"
        assert sign_in(server, address, "pw-kim")[0] == "OK"


def test_numbers(server):
    ask(server, "domains example.com")
    sign_in(server, "kim@example.com", "pw-kim")
    sign_in(server, "kim@example.com", "wrong")
    status = server.winpop_ok("status")
    for words in ("lookups", "smtp_signins", "smtp_refused"):
        assert words in status, status
