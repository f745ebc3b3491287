"""Kerberos: tickets of an Active Directory's people instead of passwords, with the mail clients that can.

curl says nothing about whom it acts for, mpop and fetchmail name the user they were told; so the ways to spell a name are
fetchmail's to try.
"""
import contextlib
from pathlib import Path

import pytest

from fixtures import clients
from fixtures.mta import Submission
from fixtures.samba import REALM
from fixtures.winpopd import as_delivered

BODY = b"Subject: x\r\n\r\nbody\r\n"
NO_ENTRY = {"curl": 67, "mpop": 77, "fetchmail": 3}  # how a client says that it was not let in


def opened(office_at, dc, **settings):
    """A service with the keys of pop/pop.example.com; what it has seen of tickets is kept beside its mail."""
    office = office_at(dc, start=False, tls=True, keytab=dc.keytab, **settings)
    office.server.env = {"KRB5RCACHENAME": f"file2:{office.server.home}/rcache"}
    office.server.start()
    return office


@pytest.fixture
def office(dc, office_at):
    return opened(office_at, dc)


def ticket(office, person):
    office.directory.kinit(person.uid, person.password)


def access(office, certs, tmp_path, user, how="plain"):
    return clients.Access(office.server, user, "", how, certs.ca, tmp_path, env=office.directory.env, host=clients.HOST)


def principal(person):
    """curl asks for a ticket only if the user name has a domain."""
    return f"{person.uid}@{REALM}"


def came_in(office, person):
    return office.server.wait_event("signin", account=person.address, mech="GSSAPI")


def kept_out(office, certs, tmp_path, client, user):
    """The client fails as one that was refused does; returns what the service says about it."""
    where = access(office, certs, tmp_path, user)
    with pytest.raises(AssertionError, match=f"ended with {NO_ENTRY[client]}:"):
        getattr(clients, client)(where, "GSSAPI", 1)
    return office.server.wait_event("signin-failed", mech="GSSAPI")


@pytest.mark.parametrize("how", ["plain", "stls", "tls"])
@pytest.mark.parametrize("client", ["curl", "mpop", "fetchmail"])
def test_clients_fetch(office, certs, tmp_path, client, how):
    kim = office.hire()
    office.server.deliver(kim.address, BODY)
    ticket(office, kim)
    wanted = as_delivered(kim.address, BODY)
    got = getattr(clients, client)(access(office, certs, tmp_path, principal(kim), how), "GSSAPI", 1)
    assert got == [wanted if client == "curl" else wanted.replace(b"\r\n", b"\n")]
    came_in(office, kim)


@pytest.mark.parametrize("user", ["{uid}", "{address}", "{uid}@" + REALM.lower(), "{uid}@" + REALM])
def test_all_names_of_one_person(office, certs, tmp_path, user):
    kim = office.hire()
    office.server.deliver(kim.address, BODY)
    ticket(office, kim)
    clients.fetchmail(access(office, certs, tmp_path, user.format(uid=kim.uid, address=kim.address)), "GSSAPI", 1)
    came_in(office, kim)


def test_nobody_acts_for_another(office, certs, tmp_path):
    kim, lee = office.hire(), office.hire()
    ticket(office, kim)
    said = kept_out(office, certs, tmp_path, "fetchmail", lee.address)
    assert said["reason"] == "denied"


def test_senders_sign_in(office, certs, tmp_path):
    """By a ticket for smtp/HOST, handed on by an MTA."""
    kim = office.hire()
    ticket(office, kim)
    with contextlib.closing(Submission(office.server.auth_socket, office.directory.space, "GSSAPI")) as mta:
        clients.run(["curl", "-sS", "--noproxy", "*", "--resolve", f"{clients.HOST}:{mta.port}:127.0.0.1", "--user", f"{principal(kim)}:",
                     "--login-options", "AUTH=GSSAPI", "-X", "NOOP", f"smtp://{clients.HOST}:{mta.port}"],
                    access(office, certs, tmp_path, principal(kim)))
    assert mta.told == [("OK", [f"user={kim.address}"])]
    assert came_in(office, kim)["service"] == "smtp"


def test_offered_only_with_a_keytab(dc, office_at, office):
    other = office_at(dc)
    for server, there in ((office.server, True), (other.server, False)):
        with server.pop() as pop:
            assert ("GSSAPI" in pop.capa()["SASL"]) == there
            assert pop.cmd("AUTH GSSAPI").startswith(b"+ " if there else b"-ERR")


def test_garbage_is_refused(office):
    with office.server.pop() as pop:
        pop.challenge("AUTH GSSAPI")
        assert pop.answer(b"not a ticket").startswith(b"-ERR [AUTH]")
        pop.challenge("AUTH GSSAPI")
        assert pop.answer(b"x" * 48000).startswith(b"-ERR [AUTH]")  # as long as tickets get
        pop.challenge("AUTH GSSAPI")
        assert pop.answer(b"").startswith(b"-ERR")
        pop.challenge("AUTH GSSAPI")
        assert pop.cmd("*").startswith(b"-ERR")


@pytest.mark.parametrize("client", NO_ENTRY)
def test_a_disabled_account_with_a_ticket(office, certs, tmp_path, client):
    kim = office.hire()
    ticket(office, kim)
    office.directory.in_member("kvno", f"pop/{clients.HOST}")  # from now on nobody asks the domain
    office.directory.disable(kim.uid)
    assert kept_out(office, certs, tmp_path, client, principal(kim))["reason"] == "refused"


def test_an_account_without_a_mailbox(office, certs, tmp_path):
    kim = office.person()
    ticket(office, kim)
    clients.run([*clients.curl_words(access(office, certs, tmp_path, principal(kim)), "GSSAPI"),
                 clients.curl_url(access(office, certs, tmp_path, principal(kim)))], access(office, certs, tmp_path, principal(kim)), ok=(67,))
    assert not office.server.events("signin", mech="GSSAPI")


def test_the_group_counts(dc, office_at, certs, tmp_path):
    office = opened(office_at, dc, directory_group=dc.group_dn("kerberos"))
    kim, lee = office.hire(), office.hire()
    dc.add_group("kerberos", office.dn(kim))
    office.server.deliver(kim.address, BODY)
    ticket(office, kim)
    clients.mpop(access(office, certs, tmp_path, principal(kim)), "GSSAPI", 1)
    came_in(office, kim)
    ticket(office, lee)
    assert kept_out(office, certs, tmp_path, "curl", principal(lee))["reason"] == "refused"


def test_a_realm_is_no_part_of_an_address(dc, office_at, certs, tmp_path):
    """On a host of another realm the name in kim's ticket is kim@EXAMPLE.TEST, and somebody else has that for an address."""
    office = opened(office_at, dc)
    elsewhere = tmp_path / "krb5.conf"
    elsewhere.write_text(Path(dc.env["KRB5_CONFIG"]).read_text().replace(f"default_realm = {REALM}", "default_realm = ELSEWHERE.TEST"))
    office.server.env["KRB5_CONFIG"] = str(elsewhere)
    office.server.stop()
    office.server.start()
    kim, lee = office.hire(), office.person()
    office.server.deliver(kim.address, BODY)
    office.directory.admin.replace(office.dn(lee), mail=f"{kim.uid}@{REALM.lower()}")
    ticket(office, kim)
    clients.fetchmail(access(office, certs, tmp_path, kim.uid), "GSSAPI", 1)
    came_in(office, kim)


def test_with_the_directory_away_it_is_our_trouble(make_dc, office_at, certs, tmp_path):
    """A ticket needs nobody to be checked, but whose mailbox it opens is in the directory."""
    dc = make_dc()
    office = opened(office_at, dc)
    kim = office.hire()
    office.server.deliver(kim.address, BODY, BODY)
    ticket(office, kim)
    where = access(office, certs, tmp_path, principal(kim))
    words = [*clients.curl_words(where, "GSSAPI"), clients.curl_url(where)]
    clients.run(words, where)
    came_in(office, kim)
    dc.kill_dc()
    said = clients.run([*words, "-v"], where, ok=(67,))
    assert "-ERR [SYS/TEMP]" in said.stderr
    assert office.server.wait_event("signin-failed", mech="GSSAPI")["reason"] == "temp"
