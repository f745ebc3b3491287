"""Secure Password Authentication (NTLM) with the clients there are, proved by NT hashes in OpenLDAP and by winbind in a domain.

fetchmail and mpop know NTLMv1 only, curl sends version 2, ntlm_auth and impacket what they are told; fixtures/ntlm.py does what
none of them does: integrity codes and channel bindings, right ones and wrong ones.
"""
import functools
import ssl

import pytest

from fixtures import clients, ntlm
from fixtures.ldaptools import LdapError
from fixtures.office import Office
from fixtures.samba import Dc, NETBIOS
from fixtures.slapd import Slapd
from fixtures.winpopd import as_delivered

BODY = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture(scope="module", params=["hash", "winbind"])
def prover(request):
    """What proves an answer; both let NTLMv1 pass, so that refusing it is ours."""
    made = Slapd() if request.param == "hash" else Dc(request.getfixturevalue("golden"), ntlm="yes")
    try:
        made.start()
        if request.param == "winbind":
            made.start_winbindd()
        yield made
    finally:
        made.close()


class SpaOffice(Office):
    def hire(self, password=None, **more):
        """Known to SPA: with an NT hash, or with the address as UPN."""
        person = super().hire(password, **more)
        self.directory.allow_spa(person.uid, person.address, ntlm.md4(person.password.encode("utf-16-le")))
        return person

    def spa(self, client, pop=None, initial=False):
        with pop or self.server.pop() as pop:
            return ntlm.sign_in(pop, client, initial)


@pytest.fixture
def spa_office(prover, office_at):
    return functools.partial(office_at, prover, kind=SpaOffice, tls=True, spa="hash" if prover.kind == "openldap" else "auto")


@pytest.fixture
def office(spa_office):
    return spa_office()


def came_in(office, reply, person):
    assert reply.startswith("+OK"), (reply, office.server.log_text()[-1500:])
    return office.server.wait_event("signin", account=person.address, mech="NTLM")


# ---- clients ----

MAKERS = {
    "own": lambda office, user, password, domain: ntlm.Own(user, password, domain),
    "impacket": lambda office, user, password, domain: ntlm.Impacket(user, password, domain),
    "ntlm_auth": lambda office, user, password, domain: ntlm.NtlmAuth(user, password, domain, office.server.prefix),
}


@pytest.mark.parametrize("initial", [False, True], ids=["", "initial-response"])
@pytest.mark.parametrize("client", MAKERS)
def test_version_2(office, client, initial):
    kim = office.hire("pässword")
    came_in(office, office.spa(MAKERS[client](office, kim.uid, kim.password, NETBIOS), initial=initial), kim)
    assert office.spa(MAKERS[client](office, kim.uid, "wrong", NETBIOS), initial=initial).startswith("-ERR [AUTH]")
    assert office.spa(MAKERS[client](office, "nobody", "wrong", NETBIOS), initial=initial).startswith("-ERR [AUTH]")


@pytest.mark.parametrize("how", ["plain", "stls", "tls"])
def test_curl(office, certs, tmp_path, how):
    kim = office.hire()
    office.server.deliver(kim.address, BODY)
    access = clients.Access(office.server, kim.address, kim.password, how, certs.ca, tmp_path)
    assert clients.curl(access, "NTLM", 1) == [as_delivered(kim.address, BODY)]
    assert office.server.events("signin", account=kim.address, mech="NTLM")


@pytest.mark.parametrize("client", ["fetchmail", "mpop"])
def test_clients_of_version_1(spa_office, certs, tmp_path, client):
    office = spa_office(ntlm="v1")
    kim = office.hire()
    office.server.deliver(kim.address, BODY)
    # Both make a user and a domain of what is before and after the '@'.
    access = clients.Access(office.server, f"{kim.uid}@{NETBIOS}", kim.password, "stls", certs.ca, tmp_path)
    assert getattr(clients, client)(access, "NTLM", 1) == [as_delivered(kim.address, BODY).replace(b"\r\n", b"\n")]
    assert office.server.events("signin", account=kim.address, mech="NTLM")


def test_version_1_is_refused_unless_set(spa_office):
    office = spa_office()
    kim = office.hire()
    assert office.spa(ntlm.Impacket(kim.uid, kim.password, NETBIOS, v1=True)).startswith("-ERR [AUTH]")
    office.server.winpop_ok("set", "ntlm", "v1")
    office.server.reload()
    came_in(office, office.spa(ntlm.Impacket(kim.uid, kim.password, NETBIOS, v1=True)), kim)
    assert office.spa(ntlm.Impacket(kim.uid, "wrong", NETBIOS, v1=True)).startswith("-ERR [AUTH]")


# ---- names ----

@pytest.mark.parametrize("user,domain", [("{uid}", ""), ("{uid}", NETBIOS), ("{uid}", NETBIOS.lower()), ("{UID}", NETBIOS),
                                         ("{address}", "")])
def test_names_lead_to_the_mailbox(office, user, domain):
    kim = office.hire()
    words = {"uid": kim.uid, "UID": kim.uid.upper(), "address": kim.address}
    came_in(office, office.spa(ntlm.Own(user.format(**words), kim.password, domain.format(**words))), kim)


def test_names_of_other_domains(office):
    """A domain knows which it is; with hashes there is one only, and clients send whatever their form had in that box."""
    kim = office.hire()
    reply = office.spa(ntlm.Own(kim.uid, kim.password, "ELSEWHERE"))
    assert reply.startswith("-ERR [AUTH]" if office.directory.kind == "ad" else "+OK")


def test_same_name_in_two_domains(office):
    """The second one's logon name is altered, printed, and leads to the second mailbox."""
    other = f"other.{office.domain}"
    office.server.winpop_ok("add", other)
    first = office.rows("add", f"same@{office.domain}", "/createuser", "password one")[1][1]
    second = office.rows("add", f"same@{other}", "/createuser", "password two")[1][1]
    assert first != second
    for logon, address, password in ((first, f"same@{office.domain}", "password one"), (second, f"same@{other}", "password two")):
        assert office.spa(ntlm.Own(logon, password, NETBIOS)).startswith("+OK")
        assert office.server.events("signin", account=address, mech="NTLM")
    assert office.spa(ntlm.Own(second, "password one", NETBIOS)).startswith("-ERR [AUTH]")
    for address in (f"same@{office.domain}", f"same@{other}"):
        office.server.winpop_ok("delete", address, "/deleteuser", "/y")


# ---- passwords and their hashes stay together ----

def test_changepwd_reaches_spa(office):
    kim = office.hire()
    office.server.winpop_ok("changepwd", kim.address, "a new password")
    came_in(office, office.spa(ntlm.Own(kim.uid, "a new password", NETBIOS)), kim)
    assert office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)).startswith("-ERR [AUTH]")


def test_createuser_can_use_spa(office):
    address = f"made@{office.domain}"
    logon = office.rows("add", address, "/createuser", "first password")[1][1]
    assert office.spa(ntlm.Own(logon, "first password", NETBIOS)).startswith("+OK")
    office.server.winpop_ok("delete", address, "/deleteuser", "/y")


def test_disabled(office):
    kim = office.hire()
    office.directory.disable(kim.uid)
    assert office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)).startswith("-ERR [")
    assert not office.server.events("signin", account=kim.address)


# ---- what is offered ----

def test_offered(office):
    with office.server.pop() as pop:
        assert "NTLM" in pop.capa()["SASL"]
        assert "NTLM" in pop.lines("AUTH")
        assert pop.cmd("AUTH NTLM") == b"+ "
        pop.err("*")
        pop.ok("CAPA")


def test_spa_required(spa_office):
    office = spa_office(sparequired="yes")
    kim = office.hire()
    with office.server.pop() as pop:
        capa = pop.capa()
        assert capa["SASL"] == ["NTLM"] and "USER" not in capa
        assert set(pop.lines("AUTH")) == {"NTLM"}
        for line in (f"PASS {kim.password}", "AUTH PLAIN", "AUTH LOGIN"):
            pop.cmd(f"USER {kim.address}")
            assert pop.cmd(line).startswith(b"-ERR"), line
    came_in(office, office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)), kim)


def test_legacy_answer(spa_office):
    office = spa_office(ntlm_legacy_ok="yes")
    with office.server.pop() as pop:
        assert pop.cmd("AUTH NTLM") == b"+OK"
        assert pop.answer(ntlm.Own("kim", "pw").negotiate()).startswith(b"+ ")


def test_off(spa_office):
    office = spa_office(spa="off")
    with office.server.pop() as pop:
        assert "NTLM" not in pop.capa()["SASL"]
        pop.err("AUTH NTLM")


# ---- integrity ----

@pytest.mark.parametrize("mic,good", [("good", True), (None, True), ("bad", False), ("missing", False)])
def test_integrity_code(office, mic, good):
    kim = office.hire()
    assert office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS, mic=mic)).startswith("+OK" if good else "-ERR [AUTH]")


BINDINGS = [("off", "none", True), ("off", "good", True), ("off", "bad", True),
            ("accept", "none", True), ("accept", "zero", True), ("accept", "good", True), ("accept", "bad", False),
            ("require", "none", False), ("require", "zero", False), ("require", "good", True), ("require", "bad", False)]


@pytest.mark.parametrize("rule,sent,good", BINDINGS)
def test_channel_binding(spa_office, certs, tls, rule, sent, good):
    office = spa_office(channel_binding=rule)
    kim = office.hire()
    right = ntlm.endpoint_binding(ssl.PEM_cert_to_DER_cert((certs.dir / "pop.example.com.crt").read_text()))
    binding = {"none": None, "zero": bytes(16), "good": right, "bad": bytes(15) + b"\1"}[sent]
    with office.server.pop() as pop:
        pop.stls(tls)
        reply = ntlm.sign_in(pop, ntlm.Own(kim.uid, kim.password, NETBIOS, binding=binding))
    assert reply.startswith("+OK" if good else "-ERR"), reply


# ---- trouble ----

@pytest.mark.parametrize("blob", [b"", b"NTLMSSP", b"NTLMSSP\0\3\0\0\0", b"\xff" * 64, b"NTLMSSP\0" + b"\xff" * 400, b"A" * 12000])
def test_garbage(office, blob):
    for first in (blob, ntlm.Own("kim", "pw").negotiate()):
        with office.server.pop() as pop:
            pop.challenge("AUTH NTLM")
            reply = pop.answer(first)
            if reply.startswith(b"+ "):
                reply = pop.answer(blob)
            assert reply.startswith(b"-ERR"), reply
    with office.server.pop() as pop:
        pop.capa()


def test_cancel(office):
    with office.server.pop() as pop:
        pop.challenge("AUTH NTLM")
        pop.answer(ntlm.Own("kim", "pw").negotiate())
        pop.err("*")
        pop.capa()


def test_states_that_the_domain_tells(make_dc, office_at):
    """By winbind: an expired password, one to be changed first, and a lock-out, which outlives no unlocking."""
    dc = make_dc(winbindd=True)
    office = office_at(dc, kind=SpaOffice, spa="winbind")
    for state, says in ((dc.expire, "expired"), (dc.must_change, "must be changed")):
        kim = office.hire()
        state(kim.uid)
        reply = office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS))
        assert reply.startswith("-ERR [AUTH]") and says.split()[-1][:6] in reply, reply
        assert says in office.server.events("signin-failed", reason="refused")[-1]["why"]
        assert office.spa(ntlm.Own(kim.uid, "another", NETBIOS)).startswith("-ERR [AUTH] user name or password")
    kim = office.hire()
    for n in range(11):
        with pytest.raises(LdapError):
            dc.as_person(kim.uid, f"wrong {n}").search(scope="base")
    assert office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)).startswith("-ERR [AUTH] user name or password")
    assert "locked out" in office.server.events("signin-failed", reason="denied")[-1]["why"]
    dc.admin.replace(dc.dn(kim.uid), lockoutTime="0")
    came_in(office, office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)), kim)


def test_winbind_away_is_our_trouble(make_dc, office_at):
    dc = make_dc(winbindd=True)
    office = office_at(dc, kind=SpaOffice, spa="winbind")
    kim = office.hire()
    came_in(office, office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)), kim)
    dc.kill_winbindd()
    reply = office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS))
    assert reply.startswith("-ERR [SYS/TEMP]"), reply
    assert office.signs_in(kim), "passwords need no winbind"
    dc.start_winbindd()
    came_in(office, office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)), kim)
    dc.stop()
    assert office.spa(ntlm.Own(kim.uid, kim.password, NETBIOS)).startswith("-ERR [SYS/TEMP]")
