"""Another method of authentication under a running service: who is in stays in, who comes is asked by the new one."""
import base64
import contextlib
import os
import pathlib
import socket

import pytest

from fixtures.localaccounts import LocalAccounts
from fixtures.waiting import wait_until

KIM, LEE = "kim@example.com", "lee@example.com"
OLD = {KIM: "file pw of kim", LEE: "file pw of lee"}
NEW = {KIM: "directory pw of kim", LEE: "directory pw of lee"}
LARGE = b"Subject: large\r\n\r\n" + b"".join(b"line %07d of many, and no two are the same\r\n" % n for n in range(400000))


@pytest.fixture
def moving(slapd, make_server):
    """On the password file, with two mailboxes and mail; both have accounts in a directory, with other passwords."""
    server = make_server(**{**slapd.settings(), "authentication": "file"})
    for address in OLD:
        local = address.split("@")[0]
        server.mailbox(local, OLD[address])
        server.deliver(address, b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\nsecond\r\n")
        slapd.add_person(local, NEW[address])
    return server


def switch(server, *words):
    """At once, and said so."""
    said = server.winpop_ok("set", *words)
    assert "restart" not in said and "now" in said, said


def status(server):
    return dict(line.split("\t", 1) for line in server.winpop_ok("status").splitlines() if line.count("\t") == 1)


def only_the_new_ones_hold(server):
    """Sessions that began before have gone, and with them what was open for them alone."""
    wait_until(lambda: status(server)["retired"] == "0", why="what was before is still open")


def refused(server, address, password):
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        pop.err(f"PASS {password}", "AUTH")


def uidls(server, address, password):
    with server.session(address, password) as pop:
        found = pop.uidl()
        pop.quit()
        return found


def threads(server):
    found = []
    for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            found.append((task / "comm").read_text().strip())
    return sorted(found)


def plain(address, password):
    return base64.b64encode(f"\0{address}\0{password}".encode()).decode()


# ---- whoever is there ----


def begin_retr(server, address, password):
    """Signed in, the large message under way: more of it than the connection holds is still to come."""
    pop = server.pop()
    pop.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    pop.signin(address, password)
    pop.ok("RETR 3")
    return pop


def test_sessions_in_every_state_go_on(moving):
    """From the password file to the directory, with somebody in every state of a session."""
    server = moving
    server.deliver(KIM, LARGE)
    before = {address: uidls(server, address, OLD[address]) for address in OLD}

    greeted, named, asked = server.pop(), server.pop(), server.pop()
    named.ok(f"USER {LEE}")
    asked.challenge("AUTH PLAIN")
    fetching = begin_retr(server, KIM, OLD[KIM])
    lmtp = server.lmtp()
    open_mail = server.lmtp()
    open_mail.mail()
    open_mail.expect(250, f"RCPT TO:<{LEE}>")

    switch(server, "authentication", "ad")
    pid = server.pid
    assert status(server)["authentication"] == "ad" and status(server)["retired"] == "1"

    # the mailbox is held by a session of the old method: the new one sees that
    with server.pop() as pop:
        pop.ok(f"USER {KIM}")
        pop.err(f"PASS {NEW[KIM]}", "IN-USE")
    refused(server, KIM, OLD[KIM])

    assert fetching.body().endswith(LARGE)
    fetching.ok("NOOP")
    assert fetching.uidl() == before[KIM]
    fetching.ok("DELE 1")
    fetching.quit()
    for pop, word in (greeted, f"AUTH PLAIN {plain(LEE, OLD[LEE])}"), (named, f"PASS {OLD[LEE]}"), (asked, plain(LEE, OLD[LEE])):
        pop.ok(word)  # a sign-in ends as it began
        assert pop.uidl() == before[LEE]
        pop.quit()

    assert open_mail.data(b"Subject: three\r\n\r\nthird\r\n")[0][0] == 250
    lmtp.deliver(LEE, b"Subject: four\r\n\r\nfourth\r\n")
    del before[KIM][1]
    assert set(uidls(server, KIM, NEW[KIM]).values()) == set(before[KIM].values())
    after = uidls(server, LEE, NEW[LEE])
    assert {n: after[n] for n in before[LEE]} == before[LEE] and len(after) == 4, "only what is new is new"
    for client in lmtp, open_mail:
        client.expect(221, "QUIT")
    only_the_new_ones_hold(server)
    assert server.pid == pid and server.process.poll() is None


def test_the_password_file_is_not_used_any_more_and_back(moving, slapd):
    server = moving
    before = uidls(server, KIM, OLD[KIM])
    with server.pop() as pop:
        assert b"<" in pop.greeting, "APOP"
    switch(server, "authentication", "ad")
    for address in OLD:
        refused(server, address, OLD[address])
    with server.pop() as pop:
        assert b"<" not in pop.greeting, "nobody can prove APOP any more"
        assert "SCRAM-SHA-256" not in pop.capa()["SASL"]
    (server.home / "keyring").rename(server.home / "keyring.away")
    (server.box_dir(KIM) / "password").rename(server.home / "record.away")
    assert uidls(server, KIM, NEW[KIM]) == before
    (server.home / "keyring.away").rename(server.home / "keyring")
    (server.home / "record.away").rename(server.box_dir(KIM) / "password")

    switch(server, "authentication", "file")
    slapd.kill()
    refused(server, KIM, NEW[KIM])
    assert uidls(server, KIM, OLD[KIM]) == before
    with server.pop() as pop:
        assert pop.apop(KIM, OLD[KIM]).startswith(b"+OK")
        pop.quit()
    server.deliver(KIM, b"Subject: three\r\n\r\nthird\r\n")
    only_the_new_ones_hold(server)
    assert "directory" not in threads(server), "nobody watches a directory that nobody asks"
    assert [e["authentication"] for e in server.events("backends")] == ["ad", "file"]


def test_the_thread_that_watches_a_directory_ends_with_it(moving, slapd):
    server = moving
    switch(server, "authentication", "ad")
    only_the_new_ones_hold(server)
    held = server.session(LEE, NEW[LEE])
    slapd.kill()
    with server.pop() as pop:
        pop.ok(f"USER {KIM}")
        pop.err(f"PASS {NEW[KIM]}", "SYS/TEMP")
    wait_until(lambda: "directory" in threads(server), why="nobody looks for the directory")
    switch(server, "authentication", "file")
    assert status(server)["retired"] == "1", "it is still held"
    held.ok("NOOP")
    held.quit()
    only_the_new_ones_hold(server)
    assert "directory" not in threads(server)
    assert server.wait_event("backends-closed", authentication="ad")


def test_a_lmtp_connection_goes_over_between_two_mails(moving, slapd):
    """MTAs keep theirs for hours: mailboxes are looked up where they are registered by then."""
    server = moving
    slapd.admin.add(f"winpopDomainName=example.com,ou=winpop,{slapd.suffix}", objectClass="winpopDomain", winpopDomainName="example.com")
    lmtp = server.lmtp()
    lmtp.deliver(KIM, b"Subject: three\r\n\r\nthird\r\n")
    lmtp.mail()
    lmtp.expect(250, f"RCPT TO:<{KIM}>")
    for address in OLD:
        slapd.register(address.split("@")[0], address)
    slapd.add_person("max", "pw", objectClass=["winpopMailbox"], winpopAddress="max@example.com")
    switch(server, "authentication", "ad", "catalog", "directory")
    lmtp.expect(550, "RCPT TO:<max@example.com>")  # this mail is judged by what it began with
    assert lmtp.data(b"Subject: four\r\n\r\nfourth\r\n")[0][0] == 250
    only_the_new_ones_hold_after(server, lambda: lmtp.deliver("max@example.com", b"Subject: welcome\r\n\r\nto a new mailbox\r\n"))
    with server.session("max@example.com", "pw") as pop:
        assert pop.stat()[0] == 1
    assert len(uidls(server, KIM, NEW[KIM])) == 4
    lmtp.expect(221, "QUIT")


def only_the_new_ones_hold_after(server, what):
    assert status(server)["retired"] == "1"
    what()
    only_the_new_ones_hold(server)


def test_spa_begins_and_apop_ends(moving):
    """`spa` may be set before: with the password file there is none."""
    server = moving
    switch(server, "spa", "hash")
    with server.pop() as pop:
        assert b"<" in pop.greeting and "NTLM" not in pop.capa()["SASL"]
    switch(server, "authentication", "ad")
    with server.pop() as pop:
        assert b"<" not in pop.greeting and "NTLM" in pop.capa()["SASL"]
    switch(server, "authentication", "file")
    with server.pop() as pop:
        assert b"<" in pop.greeting and "NTLM" not in pop.capa()["SASL"]


def test_away_from_a_directory_that_has_fallen_silent(moving, slapd):
    """Who is just being asked about there waits for his answer; whoever comes by the new method waits for nobody."""
    server = moving
    switch(server, "authentication", "ad")
    only_the_new_ones_hold(server)
    slapd.freeze()
    with server.pop() as asked:
        asked.ok(f"USER {KIM}")
        asked.send(f"PASS {NEW[KIM]}\r\n".encode())
        switch(server, "authentication", "file")
        assert uidls(server, KIM, OLD[KIM])
        assert status(server)["retired"] == "1" and asked.silent(0.1)
        slapd.thaw()
        assert asked.line().startswith(b"+OK")
        asked.ok("QUIT")
    only_the_new_ones_hold(server)
    assert "directory" not in threads(server)


# ---- what does not work ----


def test_a_change_that_fails_half_way_changes_nothing(moving, slapd):
    """The backends open, and then nobody could sign in by what is demanded: all goes on as before."""
    server = moving
    for n in range(3):
        server.write_conf(authentication="ad", sparequired="yes", spa="auto")
        result = server.winpop("reload")
        assert result.code != 0 and "sparequired" in result.err, result
        assert uidls(server, KIM, OLD[KIM])
    assert len(server.events("reload-failed")) == 3 and not server.events("backends")
    assert status(server)["authentication"] == "file" and status(server)["retired"] == "0"
    server.write_conf(sparequired="no")
    server.winpop_ok("reload")
    assert uidls(server, KIM, NEW[KIM])


def test_settings_that_cannot_be_opened(moving):
    server = moving
    server.write_conf(authentication="ad", directory_filter="(broken")
    result = server.winpop("reload")
    assert result.code != 0 and "directory_filter" in result.err, result
    assert uidls(server, KIM, OLD[KIM]) and status(server)["authentication"] == "file"


def test_what_waits_for_a_restart_waits(moving):
    """With the method changed and the mail root too, the method is in force and the mail where it was."""
    server = moving
    before = uidls(server, KIM, OLD[KIM])
    other = server.home / "other"
    other.mkdir()
    server.write_conf(authentication="ad", mailroot=other, workers=5)
    said = server.winpop_ok("reload")
    assert "restart_needed\tmailroot workers" in said, said
    assert uidls(server, KIM, NEW[KIM]) == before
    server.deliver(KIM, LARGE)
    assert [p.name for p in other.iterdir()] == [".history"], "what winpop did by its settings, and nothing of the service"


def test_a_verdict_of_one_directory_is_not_the_others(moving, slapd, make_slapd):
    """A password that was wrong there is asked about here."""
    server = moving
    switch(server, "authentication", "ad", "shield", "900", "cache", "300")
    refused(server, KIM, "of the other one")
    refused(server, KIM, "of the other one")
    assert server.events("signin-failed")[-1].get("shield"), "the shield is up"
    assert uidls(server, KIM, NEW[KIM])
    other = make_slapd()
    for address in OLD:
        other.add_person(address.split("@")[0], "of the other one")
    switch(server, "directory_servers", other.ldaps_uri, "directory_ca", other.ca, "directory_password_file",
           other.home / "service.password")
    assert uidls(server, KIM, "of the other one")
    refused(server, KIM, NEW[KIM])


# ---- again and again ----


def test_a_storm_of_reloads(moving):
    """Other backends with each of them, and sessions all the while: nothing is left open, nobody is turned away."""
    server = moving
    held = server.session(LEE, OLD[LEE])
    n_files = None
    for n in range(40):
        method, passwords = ("ad", NEW) if n % 2 else ("file", OLD)
        server.write_conf(authentication=method, directory_timeout_ms=30_000 + n)
        server.reload()
        assert uidls(server, KIM, passwords[KIM])
        server.deliver(KIM, b"Subject: again\r\n\r\nand again\r\n")
        if n == 9:
            wait_until(lambda: status(server)["retired"] == "1")
            n_files = len(os.listdir(f"/proc/{server.pid}/fd"))
    assert not server.events("reload-failed")
    held.ok("NOOP")
    wait_until(lambda: status(server)["retired"] == "1", why="only one has a holder")
    wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) <= n_files, why="descriptors leak")
    held.quit()
    only_the_new_ones_hold(server)
    assert len(uidls(server, KIM, NEW[KIM])) == 42


def test_a_stop_while_two_are_open(moving):
    server = moving
    held = server.session(LEE, OLD[LEE])
    switch(server, "authentication", "ad")
    newer = server.session(KIM, NEW[KIM])
    server.write_conf(authentication="file", drain=1)
    server.reload()
    server.stop()
    for pop in held, newer:
        pop.told_to_leave()


def test_what_nothing_depends_on_opens_nothing(moving):
    server = moving
    switch(server, "socketmax", "400")
    switch(server, "penalty_ms", "1")
    switch(server, "local_group", "others")
    assert not server.events("backends") and status(server)["retired"] == "0"


# ---- local accounts ----


def test_to_the_users_of_this_computer(build, space, tmp_path):
    users = LocalAccounts(space, tmp_path / "etc")
    server = users.winpopd(build, authentication="file")
    try:
        server.init()
        server.start()
        server.mailbox("kim", OLD[KIM])
        server.deliver(KIM, b"Subject: one\r\n\r\nfirst\r\n")
        before = uidls(server, KIM, OLD[KIM])
        result = server.winpop("set", "authentication", "local")
        assert result.code == 1 and "kim" in result.out, result
        users.add("kim", NEW[KIM])
        switch(server, "authentication", "local")
        assert uidls(server, KIM, NEW[KIM]) == before
        refused(server, KIM, OLD[KIM])
        switch(server, "authentication", "file")
        assert uidls(server, KIM, OLD[KIM]) == before
    finally:
        server.cleanup()
