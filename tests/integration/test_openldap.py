"""OpenLDAP alone: the ways to reach it, its password rules and hashes, what it is missing, how it was set up elsewhere."""
import socket

import pytest

from fixtures.ldaptools import LdapError
from fixtures.ntlm import md4
from fixtures.slapd import SERVICE_PASSWORD


def nt_hash(password):
    return md4(password.encode("utf-16-le")).hex().upper()


@pytest.fixture
def office(slapd, office_at):
    return office_at(slapd, catalog="directory")


@pytest.mark.parametrize("way", ["ldaps", "starttls", "ldapi", "external"])
def test_ways_to_the_server(slapd, office_at, way):
    office = office_at(slapd, **slapd.settings(way))
    kim = office.hire()
    assert office.signs_in(kim) and office.refused(kim, "not the password")
    office.server.winpop_ok("changepwd", kim.address, "another password")
    assert office.signs_in(kim, "another password")


def test_a_password_never_crosses_the_net_in_the_clear(slapd, office_at, make_server, space):
    """ldap:// without StartTLS is for this computer only."""
    office = office_at(slapd, **slapd.settings("starttls", directory_starttls="no"))
    assert office.signs_in(office.hire()), "127.0.0.1 is this computer"
    space.add_address("10.99.0.1")
    with space.inside():
        listener = socket.create_server(("10.99.0.1", 389))
    elsewhere = slapd.settings("starttls", directory_starttls="no", directory_servers="ldap://10.99.0.1")
    result = make_server(start=False, space=space, domain=None, **elsewhere).winpop("checkdirectory")
    assert result.code and "directory_starttls" in result.out + result.err, result
    heard = b""
    with listener, listener.accept()[0] as peer:
        while more := peer.recv(1 << 16):
            heard += more
    assert SERVICE_PASSWORD.encode() not in heard


# ---- what is written ----

@pytest.fixture
def spa_office(slapd, office_at):
    """SPA is proved with hashes."""
    return office_at(slapd, catalog="directory", spa="hash")


def test_what_createuser_makes(slapd, spa_office):
    office, address = spa_office, f"new.user@{spa_office.domain}"
    logon = office.rows("add", address, "/createuser", office.secret("a first password"))[1][1]
    entry = slapd.admin.entry(slapd.dn(logon))
    classes = {c.decode() for c in entry["objectclass"]}
    assert {"inetOrgPerson", "winpopMailbox"} <= classes
    assert entry["winpopaddress"] == [address.encode()] and entry["mail"] == [address.encode()]
    assert entry["userpassword"][0].startswith(b"{"), "the password is stored in the clear"
    assert entry["winpopnthash"] == [nt_hash("a first password").encode()]


def test_changepwd_keeps_the_hash_for_spa_in_step(slapd, spa_office):
    office, address = spa_office, f"in.step@{spa_office.domain}"
    logon = office.rows("add", address, "/createuser", "a first password")[1][1]
    office.server.winpop_ok("changepwd", address, "a second password")
    assert slapd.admin.value(slapd.dn(logon), "winpopNTHash") == nt_hash("a second password")


def test_smbk5pwd_may_keep_it_too(make_slapd, office_at):
    slapd = make_slapd(smbk5pwd=True)
    office = office_at(slapd, spa="hash", directory_nt_hash="sambaNTPassword")
    kim = office.hire(objectClass=["sambaSamAccount"], sambaSID="S-1-5-21-1-2-3-1001")
    office.server.winpop_ok("changepwd", kim.address, "a second password")
    assert slapd.admin.value(slapd.dn(kim.uid), "sambaNTPassword").upper() == nt_hash("a second password")
    assert office.signs_in(kim, "a second password")


def test_no_hash_where_nobody_asked_for_spa(slapd, office):
    """It is as good as the password."""
    address = f"no.hash@{office.domain}"
    logon = office.rows("add", address, "/createuser", "a first password")[1][1]
    office.server.winpop_ok("changepwd", address, "a second password")
    assert slapd.admin.value(slapd.dn(logon), "winpopNTHash") is None
    with office.server.pop() as pop:
        assert "NTLM" not in pop.capa()["SASL"]


# ---- its password policy ----

@pytest.fixture
def strict(slapd, office):
    slapd.set_policy(pwdMinLength=12, pwdCheckQuality=2)
    return office


def test_policy_of_changepwd(slapd, strict):
    kim = strict.hire()
    result = strict.server.winpop("changepwd", kim.address, "tooshort")
    assert result.code == 1 and "quality" in result.err, result
    assert "tooshort" not in result.out + result.err
    assert strict.signs_in(kim), "a refused password is in use"
    strict.server.winpop_ok("changepwd", kim.address, "long enough for it")
    assert strict.signs_in(kim, "long enough for it")


def test_policy_of_createuser_leaves_nothing(slapd, strict):
    address = f"weak@{strict.domain}"
    result = strict.server.winpop("add", address, "/createuser", "tooshort")
    assert result.code == 1, result
    assert slapd.admin.search(f"(|(uid=weak)(mail={address})(winpopAddress={address}))") == []
    assert not strict.server.box_dir(address).exists()
    strict.server.winpop_ok("add", address, "/createuser", "long enough for it")


# ---- what is missing ----

def test_no_schema(make_slapd, office_at):
    slapd = make_slapd(schema=False, acl=False)
    office = office_at(slapd, start=False, **slapd.settings("external"))
    office.server.write_conf(catalog="directory")
    result = office.server.winpop("checkdirectory")
    assert result.code == 4 and "schema" in (result.out + result.err), result


def test_no_schema_is_needed_for_a_local_catalog(make_slapd, office_at):
    slapd = make_slapd(schema=False, acl=False)
    office = office_at(slapd, **slapd.settings("external"))
    kim = office.hire()
    assert office.signs_in(kim)
    office.server.winpop_ok("changepwd", kim.address, "another password")
    assert office.signs_in(kim, "another password")
    findings = [line.split("\t") for line in office.server.winpop("checkdirectory").out.splitlines()]  # root may read passwords, which it is told not to
    assert [f[0] for f in findings if "schema" in f[1]] == ["good"], findings


def test_no_rights(make_slapd, make_server):
    slapd = make_slapd(acl=False)
    server = make_server(start=False, domain=None, **slapd.settings(catalog="directory"))
    result = server.winpop("checkdirectory")
    assert result.code in (3, 4) and "may not see" in result.out, result
    assert "acl.ldif" in result.out and "try again" not in result.out, result
    result = server.winpop("add", "example.com")
    assert result.code in (3, 4), result


def test_wrong_base(slapd, office_at):
    office = office_at(slapd, start=False)
    office.server.write_conf(directory_base="dc=nowhere")
    result = office.server.winpop("checkdirectory")
    assert result.code and "directory_base" in result.out + result.err, result


# ---- how others set theirs up ----

def test_other_attributes(slapd, office_at):
    office = office_at(slapd, **slapd.settings("external", directory_address="description mail", directory_logon="employeeNumber",
                                               directory_filter="(&(objectClass=inetOrgPerson)(!(employeeType=leaver)))"))
    kim = office.person(employeeNumber="4711")
    slapd.admin.replace(slapd.dn(kim.uid), description=f"desk.{kim.address}")
    office.server.winpop_ok("add", f"desk.{kim.address}")
    for name in (f"desk.{kim.address}", "4711"):
        assert office.reply(name, kim.password).startswith("+OK"), name
    slapd.admin.replace(slapd.dn(kim.uid), employeeType="leaver")
    assert office.reply("4711", kim.password).startswith("-ERR [AUTH]")


def test_an_address_of_two_people_is_nobodys(slapd, office):
    kim, lee = office.hire(), office.person()
    slapd.register(lee.uid, kim.address)
    assert not office.reply(kim.address, lee.password).startswith("+OK")
    assert office.server.events("signin", account=kim.address) == []


def test_more_mailboxes_than_one_answer_holds(make_slapd, make_server):
    """500 entries is OpenLDAP's limit."""
    slapd = make_slapd(people=1200, mailboxes="example.com")
    server = make_server(domain=None, **slapd.settings(catalog="directory"))
    server.winpop("add", "example.com")  # the domain is registered; this computer's mail root is new
    listed = [line.split("\t")[0] for line in server.winpop_ok("list", "example.com").splitlines()]
    assert listed == sorted(f"person{n}@example.com" for n in range(1200))
    with server.pop() as pop:
        pop.signin("person1199@example.com", "pw-person1199")


def test_a_login_is_one_bind(slapd, office):
    kim = office.hire()
    before = slapd.binds(kim.uid)
    for _ in range(3):
        assert office.signs_in(kim)
    assert slapd.binds(kim.uid) == before + 3


def test_a_lock_out_that_is_not_told(make_slapd, office_at):
    """olcPPolicyUseLockout is off unless set: the right password is called wrong for a while. That is not remembered."""
    slapd = make_slapd()
    slapd.admin.replace("olcOverlay={1}ppolicy,olcDatabase={1}mdb,cn=config", olcPPolicyUseLockout="FALSE")
    office = office_at(slapd, shield=900)
    kim = office.hire()
    for n in range(12):
        with pytest.raises(LdapError):
            slapd.as_person(kim.uid, f"wrong {n}").search(scope="base")
    assert office.refused(kim)
    slapd.admin.change(slapd.dn(kim.uid), "delete", "pwdAccountLockedTime")
    assert office.signs_in(kim)


def test_cache_saves_binds_and_ends_with_a_change_of_ours(slapd, office_at):
    office = office_at(slapd, cache=300)
    kim = office.hire()
    for _ in range(5):
        assert office.signs_in(kim)
    assert slapd.binds(kim.uid) == 1
    office.server.winpop_ok("changepwd", kim.address, "another password")
    assert office.refused(kim) and office.signs_in(kim, "another password")
