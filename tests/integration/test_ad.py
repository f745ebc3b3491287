"""Active Directory alone: names, passwords, states of accounts; without our schema."""
import pytest

from fixtures.ldaptools import LdapError
from fixtures.samba import DOMAIN, NETBIOS
from fixtures.waiting import wait_until


@pytest.fixture
def office(dc, office_at):
    return office_at(dc)


@pytest.mark.parametrize("way", ["ldaps", "starttls", "gssapi"])
def test_ways_to_the_server(dc, office_at, way):
    office = office_at(dc, **dc.settings(way))
    kim = office.hire()
    assert office.signs_in(kim) and office.refused(kim, "not the password")
    office.server.winpop_ok("changepwd", kim.address, "another password")
    assert office.signs_in(kim, "another password")
    assert office.server.winpop("checkdirectory").code == 0


def test_kerberos_and_a_samba_of_its_own_settings(make_dc, office_at):
    dc = make_dc(strong="yes")
    office = office_at(dc, **dc.settings("gssapi"))
    kim = office.hire()
    assert office.signs_in(kim) and office.refused(kim, "not the password")
    office.server.winpop_ok("changepwd", kim.address, "another password")
    assert office.signs_in(kim, "another password")
    office.server.write_conf(directory_servers=dc.ldaps_uri)
    result = office.server.winpop("checkdirectory")
    assert result.code == 4 and "use ldap:// in directory_servers" in result.out, result


def test_no_schema_needed(dc, office):
    assert dc.admin.search("(lDAPDisplayName=winpop*)", base=f"CN=Schema,CN=Configuration,{dc.base}") == []
    kim = office.hire()
    assert office.signs_in(kim) and office.server.winpop("checkdirectory").code == 0


# ---- what is written ----

def test_what_createuser_makes(dc, office):
    address = f"new.user@{office.domain}"
    logon = office.rows("add", address, "/createuser", office.secret("a first password"))[1][1]
    (_, entry), = dc.admin.search(f"(sAMAccountName={logon})")
    assert entry["userprincipalname"] == [address.encode()] and entry["mail"] == [address.encode()]
    assert int(entry["useraccountcontrol"][0]) & 0x2 == 0 and int(entry["useraccountcontrol"][0]) & 0x200
    assert int(entry["pwdlastset"][0]) > 0


def test_user_password_is_never_written(dc, office):
    """In a domain it is just an attribute, which many may read."""
    address = f"pw@{office.domain}"
    office.server.winpop_ok("add", address, "/createuser", "a first password")
    office.server.winpop_ok("changepwd", address, "a second password")
    assert dc.admin.search("(userPassword=*)") == []


def test_altered_names(dc, office):
    """Unique, at most 20 characters, printed, listed, good for signing in."""
    other = f"other.{office.domain}"
    office.server.winpop_ok("add", other)
    long = "a.very.long.name.of.a.person"
    made = {}
    for address in (f"twin@{office.domain}", f"twin@{other}", f"{long}@{office.domain}", f"{long}@{other}"):
        made[address] = office.rows("add", address, "/createuser", f"password of {address}")[1][1]
    assert len({name.lower() for name in made.values()}) == 4
    assert made[f"twin@{office.domain}"] == "twin" and all(len(name) <= 20 for name in made.values())
    listed = {row[0]: row[3] for domain in (office.domain, other) for row in office.rows("list", domain)}
    assert listed == made
    for address, logon in made.items():
        for name in (address, logon, f"{NETBIOS}\\{logon}"):
            assert office.reply(name, f"password of {address}").startswith("+OK"), name
        assert {e["account"] for e in office.server.events("signin")} >= {address}
        office.server.winpop_ok("delete", address, "/deleteuser", "/y")


def test_words_of_the_password_policy(dc, office):
    kim = office.hire()
    result = office.server.winpop("changepwd", kim.address, "x")
    assert result.code == 1 and "too short" in result.err, result
    assert office.signs_in(kim)
    result = office.server.winpop("add", f"weak@{office.domain}", "/createuser", "x")
    assert result.code == 1, result
    assert dc.admin.search(f"(|(sAMAccountName=weak)(userPrincipalName=weak@{office.domain}))") == [], "half made"
    assert not office.server.box_dir(f"weak@{office.domain}").exists()


def test_administrators_are_not_deleted(dc, office):
    kim = office.hire()
    dc.admin.change(f"CN=Domain Admins,CN=Users,{dc.base}", "add", "member", dc.dn(kim.uid))
    result = office.server.winpop("delete", kim.address, "/deleteuser", "/y")
    assert result.code in (1, 5), result
    assert office.entry(kim) is not None


def test_the_domain_of_a_name_counts(dc, office):
    kim = office.hire()
    for domain, good in ((NETBIOS, True), (NETBIOS.lower(), True), (DOMAIN, True), ("*", False), ("ELSEWHERE", False), ("EXAMPLE*", False)):
        assert office.reply(f"{domain}\\{kim.uid}", kim.password).startswith("+OK" if good else "-ERR [AUTH]"), domain


# ---- accounts that may not ----

@pytest.mark.parametrize("change,code", [({"accountExpires": "116444736000000000"}, "AUTH"), ({"logonHours": bytes(21)}, "SYS/PERM"),
                                         ({"userWorkstations": "NOSUCH"}, "SYS/PERM")], ids=["expired", "hours", "workstations"])
def test_accounts_that_may_not(dc, office, change, code):
    """Only who knows the password is told; where another one would not help, none is asked for."""
    kim = office.hire()
    dc.admin.replace(dc.dn(kim.uid), **change)
    assert office.reply(kim.address, kim.password).startswith(f"-ERR [{code}]") and office.refused(kim, "not the password")


def test_locked_out_and_unlocked(dc, office):
    kim = office.hire()
    for n in range(11):
        with pytest.raises(LdapError):
            dc.as_person(kim.uid, f"wrong {n}").search(scope="base")
    assert office.refused(kim)
    dc.admin.replace(dc.dn(kim.uid), lockoutTime="0")
    assert office.signs_in(kim), "the lock-out of before was remembered"


# ---- trouble ----

def test_away_and_back(make_dc, office_at):
    dc = make_dc()
    office = office_at(dc)
    kim = office.hire()
    with office.server.pop() as open_session:
        open_session.signin(kim.address, kim.password)
        dc.stop()
        assert office.reply(kim.address, kim.password).startswith("-ERR [SYS/TEMP]")
        open_session.ok("STAT")
        dc.start()
        open_session.quit()
    wait_until(lambda: office.signs_in(kim), why="the domain controller is back and nobody gets in")
