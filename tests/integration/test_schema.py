"""schema/ as its README says: loaded into an OpenLDAP that nobody has prepared, with rights for the service and no more."""
import pathlib
import re

import pytest

from fixtures.ldaptools import LdapAdmin, LdapError

SCHEMA = pathlib.Path(__file__).parents[2] / "schema"
ROOT = "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth"
DATABASE = "olcDatabase={1}mdb,cn=config"
FILES = [("ldapadd", "openldap/winpop.ldif"), ("ldapmodify", "index.ldif"), ("ldapmodify", "acl.ldif")]
INSUFFICIENT_ACCESS = 50


def close_to_all(slapd):
    """What is left is the administrator, and proving a password: whatever the service can do, our rules have given it."""
    slapd.admin.replace(DATABASE, olcAccess=[
        f"{{0}}to * by dn.exact={ROOT} manage by * break", "{1}to attrs=userPassword by anonymous auth by * none", "{2}to * by * none"])


def load(slapd, files=FILES):
    for tool, name in files:
        slapd.admin.run(tool, "-f", str(SCHEMA / name))


@pytest.fixture
def bare(make_slapd):
    made = make_slapd(schema=False, acl=False)
    close_to_all(made)
    return made


@pytest.fixture
def prepared(bare):
    bare.add_person("kim", "pw of kim")
    load(bare)
    return bare


@pytest.fixture
def service(prepared):
    """Who has the service's password and uses tools of his own."""
    password = (prepared.home / "service.password").read_text().strip()
    return LdapAdmin(["-H", prepared.ldapi_uri, "-x", "-D", prepared.service_dn, "-w", password], prepared.suffix,
                     env=prepared.environment())


def findings(result):
    rows = [line.split("\t") for line in result.out.splitlines()]
    return [(what, remedy) for state, what, remedy in rows if state == "bad"]


def test_checkdirectory_leads_from_nothing_to_all(bare, make_server):
    server = make_server(start=False, domain=None, **bare.settings(catalog="directory"))
    assert any("may not see" in what and "right" in remedy for what, remedy in findings(server.winpop("checkdirectory")))
    load(bare, FILES[:1])
    load(bare, FILES[2:])
    bare.add_person("kim", "pw of kim")
    assert server.winpop("checkdirectory").code == 0
    bare.admin.ldif(f"dn: {DATABASE}\nchangetype: modify\ndelete: olcAccess\nolcAccess: {{5}}\n-\n")
    result = server.winpop("checkdirectory")
    assert result.code == 3 and "acl.ldif" in findings(result)[0][1], result


def test_checkdirectory_names_what_to_load(make_slapd, make_server):
    slapd = make_slapd(schema=False, acl=False)
    slapd.add_person("kim", "pw of kim")
    server = make_server(start=False, domain=None, **slapd.settings(catalog="directory"))
    result = server.winpop("checkdirectory")
    command, = [re.search(r"ldapadd .* -f \S*/schema/openldap/winpop.ldif", remedy) for what, remedy in findings(result)
                if "schema" in what]
    assert result.code == 4 and command, result
    assert server.winpop("checkdirectory", "--json").out.startswith('{"findings":[{"finding":"good"')
    server.write_conf(catalog="local")
    assert not [what for what, remedy in findings(server.winpop("checkdirectory")) if "schema" in what]


def test_checkdirectory_with_nobody_there_yet(bare, make_server):
    """The service is a person, as winpop-openldap(7) makes it, and by Debian's rules may see its own password."""
    password = (bare.home / "service.password").read_text().strip()
    bare.admin.delete(bare.service_dn)
    bare.admin.add(bare.service_dn, objectClass="person", cn="winpop", sn="winpop", userPassword=password)
    bare.admin.replace(DATABASE, olcAccess=[f"{{0}}to * by dn.exact={ROOT} manage by * break",
                                            "{1}to attrs=userPassword by self write by anonymous auth by * none", "{2}to * by * read"])
    load(bare)
    server = make_server(start=False, domain=None, **bare.settings())
    result = server.winpop("checkdirectory")
    assert result.code == 0 and "nobody is below" in result.out, result
    bare.admin.delete(bare.people)
    result = server.winpop("checkdirectory")
    assert result.code == 1 and "sees no people" in result.out, result


def test_the_service_can_do_every_command(prepared, make_server):
    server = make_server(domain=None, **prepared.settings(catalog="directory"))
    server.winpop_ok("add", "example.com")
    server.winpop_ok("add", "kim@example.com")
    server.winpop_ok("add", "new@example.com", "/createuser", "first password")
    server.winpop_ok("lock", "kim@example.com")
    server.winpop_ok("lock", "example.com")
    assert "locked" in server.winpop_ok("list", "example.com")
    server.winpop_ok("unlock", "example.com")
    server.winpop_ok("unlock", "kim@example.com")
    server.winpop_ok("createquotafile", "kim@example.com", "/user:kim")
    server.winpop_ok("changepwd", "new@example.com", "second password")
    server.deliver("new@example.com", b"Subject: x\r\n\r\nbody\r\n")
    assert len(server.messages("new@example.com", "second password")) == 1
    with server.pop() as pop:
        pop.signin("kim", "pw of kim")
    assert "messages\t1" in server.winpop_ok("stat", "example.com")
    server.winpop_ok("delete", "new@example.com", "/deleteuser")
    assert prepared.admin.entry(prepared.dn("new")) is None
    server.winpop_ok("delete", "example.com", "/y")
    assert prepared.admin.search("(winpopDomainName=*)") == []
    assert "winpopaddress" not in prepared.admin.entry(prepared.dn("kim"))


def test_the_service_sees_no_passwords(prepared, service):
    kim = prepared.dn("kim")
    assert "userpassword" not in service.entry(kim, "*", "+")
    with pytest.raises(LdapError) as no:
        service.run("ldapcompare", kim, "userPassword:pw of kim")
    assert no.value.code == INSUFFICIENT_ACCESS
    assert {dn for dn, entry in service.search()} == {kim, prepared.people, f"ou=winpop,{prepared.suffix}"}
    assert set(service.entry(kim, "*", "+")) <= {"objectclass", "uid", "cn", "mail", "entrycsn", "modifytimestamp"}


@pytest.mark.parametrize("attr, value", [
    ("mail", "thief@example.com"), ("sn", "x"), ("description", "x"), ("uid", "x"), ("objectClass", "posixAccount"),
    ("objectClass", "pwdPolicy"), ("pwdAccountLockedTime", "000001010000Z")])
def test_the_service_writes_nothing_else(prepared, service, attr, value):
    with pytest.raises(LdapError) as no:
        service.change(prepared.dn("kim"), "add", attr, value)
    assert no.value.code == INSUFFICIENT_ACCESS


@pytest.mark.parametrize("dn", ["", "ou=people,", "ou=services,", "ou=winpop,", "cn=winpop,ou=services,", "cn=default,ou=policies,"])
def test_the_service_changes_no_other_entry(prepared, service, dn):
    with pytest.raises(LdapError):
        service.change(f"{dn}{prepared.suffix}", "add", "description", "x")
    with pytest.raises(LdapError):
        service.delete(f"{dn}{prepared.suffix}")
    assert prepared.admin.entry(f"{dn}{prepared.suffix}") is not None


def test_nt_hashes_are_the_service_s_alone(prepared, service):
    kim, lee = prepared.dn("kim"), prepared.add_person("lee", "pw of lee")
    prepared.admin.change(DATABASE, "add", "olcAccess", "to * by users read")
    service.change(kim, "add", "objectClass", "winpopAccount")
    service.replace(kim, winpopNTHash="0123456789ABCDEF" * 2)
    assert service.entry(kim, "winpopNTHash")
    other = LdapAdmin(["-H", prepared.ldapi_uri, "-x", "-D", lee, "-w", "pw of lee"], prepared.suffix, env=prepared.environment())
    assert not (other.entry(kim, "winpopNTHash") or {}).get("winpopnthash")
