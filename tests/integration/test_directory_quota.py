"""Holds, rules of expiry and limits as attributes, in OpenLDAP and Active Directory: set by us, and by an LDAP administrator."""
import pathlib
import re

import pytest

from fixtures.samba import BASE
from fixtures.waiting import wait_until

SCHEMA = pathlib.Path(__file__).parents[2] / "schema"
LATER = ("winpopHeld", "winpopExpireDays", "winpopQuota")
BODY = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def registry(make_office):
    return make_office(catalog="directory")


def domain_dn(office):
    (dn, _), = office.directory.admin.search(f"(winpopDomainName={office.domain})")
    return dn


def rcpt(office, address, size=0):
    with office.server.lmtp() as lmtp:
        lmtp.expect(250, f"MAIL FROM:<a@example.net> SIZE={size}")
        return lmtp.cmd(f"RCPT TO:<{address}>")


# ---- holds ----

def test_hold_and_unhold(registry):
    kim, admin = registry.hire(), registry.directory.admin
    registry.server.winpop_ok("hold", kim.address)
    assert admin.value(registry.dn(kim), "winpopHeld") == "TRUE"
    registry.server.winpop_ok("hold", registry.domain)
    assert admin.value(domain_dn(registry), "winpopHeld") == "TRUE"
    registry.server.winpop_ok("unhold", registry.domain)
    registry.server.winpop_ok("unhold", kim.address)
    assert admin.value(domain_dn(registry), "winpopHeld") is None and admin.value(registry.dn(kim), "winpopHeld") is None


def test_held_by_ldapmodify(registry):
    """At once, with every address, and only delivery; winpop unhold ends it."""
    kim, admin = registry.hire(), registry.directory.admin
    alias = f"alias.{kim.uid}@{registry.domain}"
    admin.replace(registry.dn(kim), winpopAlias=alias)
    registry.server.deliver(alias, BODY)
    admin.replace(registry.dn(kim), winpopHeld="TRUE")
    for address in (kim.address, alias):
        code, text = rcpt(registry, address)
        assert code == 450 and text.startswith("4.2.1"), text
    assert len(registry.server.messages(kim.address, kim.password)) == 1
    registry.server.winpop_ok("unhold", kim.address)
    assert rcpt(registry, alias)[0] == 250
    admin.replace(domain_dn(registry), winpopHeld="TRUE")
    assert rcpt(registry, kim.address)[0] == 450
    admin.replace(domain_dn(registry), winpopHeld="FALSE")
    assert rcpt(registry, kim.address)[0] == 250


def test_held_while_the_directory_is_away(make_slapd, office_at):
    slapd = make_slapd()
    office = office_at(slapd, catalog="directory")
    kim, lee = office.hire(), office.hire()
    office.server.winpop_ok("hold", kim.address)
    assert rcpt(office, kim.address)[0] == 450 and rcpt(office, lee.address)[0] == 250
    slapd.stop()
    code, text = rcpt(office, kim.address)
    assert code == 450 and text.startswith("4.2.1"), text
    assert rcpt(office, lee.address)[0] == 250


# ---- expiry ----

def test_setexpire(registry):
    def value():
        return registry.directory.admin.value(domain_dn(registry), "winpopExpireDays")

    for said, kept in (("30", "30"), ("never", "-1"), ("0", "0"), ("default", None)):
        registry.server.winpop_ok("setexpire", registry.domain, said)
        assert value() == kept


def test_expiry_by_ldapmodify(registry):
    kim, admin = registry.hire(), registry.directory.admin
    for kept, told in (("14", "14"), ("-1", "NEVER"), ("99999", "NEVER")):
        admin.replace(domain_dn(registry), winpopExpireDays=kept)
        with registry.server.pop() as pop:
            pop.signin(kim.address, kim.password)
            assert pop.capa()["EXPIRE"] == [told]


# ---- limits ----

def limit(office, dn):
    return tuple(office.directory.admin.value(dn, name) for name in ("winpopQuotaBytes", "winpopQuotaMessages"))


def test_setquota_of_a_mailbox(registry):
    kim = registry.hire()
    registry.server.winpop_ok("setquota", kim.address, "1M", "/messages:2")
    assert limit(registry, registry.dn(kim)) == (str(1 << 20), "2")
    registry.server.winpop_ok("setquota", kim.address, "none")
    assert limit(registry, registry.dn(kim)) == ("0", None)
    registry.server.winpop_ok("setquota", kim.address, "default")
    assert limit(registry, registry.dn(kim)) == (None, None)


def test_a_quota_for_a_domain(registry):
    """Of an account without a mailbox: all mailboxes that are counted for it share its limit."""
    whole, (kim, lee) = registry.person(), (registry.hire(), registry.hire())
    registry.server.winpop_ok("setquota", whole.address, "none", "/messages:3")
    for person in (kim, lee):
        registry.server.winpop_ok("createquotafile", person.address, f"/user:{whole.address}")
        registry.server.deliver(person.address, BODY)
    registry.server.deliver(kim.address, BODY)
    for person in (kim, lee):
        code, text = rcpt(registry, person.address)
        assert code == 552 and text.startswith("5.2.2"), text
    registry.server.winpop_ok("delete", kim.address, "/y")
    assert rcpt(registry, lee.address)[0] == 250


def test_limited_by_ldapmodify(make_office):
    """Seen when it is asked for the first time, and a change of it within a minute (by winpop setquota: at once)."""
    registry = make_office(catalog="directory")
    kim, admin = registry.hire(), registry.directory.admin
    admin.replace(registry.dn(kim), winpopQuotaMessages="1")
    registry.server.deliver(kim.address, BODY)
    assert rcpt(registry, kim.address)[0] == 552
    registry.server.winpop_ok("setquota", kim.address, "/messages:2")
    assert rcpt(registry, kim.address)[0] == 250


def test_what_a_limit_costs(make_slapd, office_at):
    """One search beside the mailbox's, and none for the next minute."""
    slapd = make_slapd()
    office = office_at(slapd, catalog="directory")
    kim = office.hire(winpopQuotaMessages="5", objectClass=["winpopQuota"])

    def searches():
        return sum(" SRCH base=" in line and kim.address in line for line in slapd.log_text().splitlines())

    for asked in (2, 1, 1):
        before_it = searches()
        assert rcpt(office, kim.address)[0] == 250
        assert searches() - before_it == asked


def test_full_while_the_directory_is_away(make_slapd, office_at):
    """A limit that was seen goes on; for an account that was never asked about mail waits."""
    slapd = make_slapd()
    office = office_at(slapd, catalog="directory")
    kim, lee = office.hire(), office.hire()
    office.server.winpop_ok("setquota", kim.address, "none", "/messages:1")
    office.server.deliver(kim.address, BODY)
    assert rcpt(office, kim.address)[0] == 552 and office.signs_in(lee)
    slapd.stop()
    code, text = rcpt(office, kim.address)
    assert code == 552 and text.startswith("5.2.2"), text
    code, text = rcpt(office, lee.address)
    assert code == 451 and text.startswith("4."), text
    slapd.start()
    wait_until(lambda: rcpt(office, lee.address)[0] == 250)


def test_administrators_cannot_be_limited(make_dc, office_at):
    """Of a group in a group of theirs, too."""
    dc = make_dc(schema=True)
    office = office_at(dc, catalog="directory")
    kim = office.hire()
    dc.add_group("helpers", dc.dn(kim.uid))
    dc.admin.change(f"CN=Domain Admins,CN=Users,{dc.base}", "add", "member", dc.group_dn("helpers"))
    result = office.server.winpop("setquota", kim.address, "1M")
    assert result.code != 0 and "administrator" in result.err, result
    assert limit(office, dc.dn(kim.uid)) == (None, None)
    dc.admin.replace(dc.dn(kim.uid), winpopQuotaMessages="1")
    office.server.deliver(kim.address, BODY)
    assert rcpt(office, kim.address)[0] == 250


def test_checkdirectory_changes_nothing(registry):
    """It tries to take values away that are not there; a Boolean has none that nobody has."""
    admin = registry.directory.admin
    dns = [dn for dn, _ in admin.search("(winpopDomainName=*)")]  # it takes the first one that it sees
    for dn in dns:
        admin.replace(dn, winpopLocked="FALSE", winpopHeld="FALSE", winpopExpireDays="0")
    before_it = [admin.entry(dn) for dn in dns]
    assert registry.server.winpop("checkdirectory").code == 0
    assert [admin.entry(dn) for dn in dns] == before_it


# ---- a schema from before all this ----

def before(text):
    """Without what came later: blocks of the schema's files that make it, and its names in others."""
    made = "|".join(LATER)
    text = re.sub(rf"^olc\w+: \( \S+ NAME '({made})'.*\n(  .*\n)*", "", text, flags=re.M)
    text = re.sub(rf"^dn: CN=({made}),(.+\n)+\n", "", text, flags=re.M)
    text = re.sub(rf"^mayContain: ({made})\n", "", text, flags=re.M)
    return re.sub(rf"\b({made}) \$ ", "", text)


def update_openldap(slapd):
    (dn, _), = slapd.admin.search("(cn=*winpop)", base="cn=schema,cn=config")
    slapd.admin.ldif((SCHEMA / "openldap/update.ldif").read_text().replace("cn={4}winpop,cn=schema,cn=config", dn))


def old_openldap(make_slapd, make_dc):
    slapd = make_slapd(schema=False, acl=False)
    slapd.admin.run("ldapadd", stdin=before((SCHEMA / "openldap/winpop.ldif").read_text()))
    acl = (SCHEMA / "acl.ldif").read_text().replace(",winpopHeld", "")
    slapd.admin.ldif(re.sub(r"^olcAccess: .*winpopQuota\"\n(  .*\n)*", "", acl, flags=re.M))
    return slapd, lambda: update_openldap(slapd), {}


def old_ad(make_slapd, make_dc):
    dc = make_dc()
    for name in ("1-attributes", "2-classes"):
        dc.admin.ldif(before((SCHEMA / f"ad/winpop-{name}.ldif").read_text()).replace("DC=example,DC=com", BASE))
    dc.admin.add(f"OU=winpop,{BASE}", objectClass="organizationalUnit", ou="winpop")
    administrator = {"directory_user": dc.admin_name, "directory_password_file": dc.secret_file("admin", dc.admin_password)}
    return dc, lambda: dc.admin.ldif((SCHEMA / "ad/update.ldif").read_text().replace("DC=example,DC=com", BASE)), administrator


def findings(office):
    return [line.split("\t") for line in office.server.winpop("checkdirectory").out.splitlines()]


@pytest.mark.parametrize("old", [old_openldap, old_ad])
def test_an_old_schema(make_slapd, make_dc, office_at, old):
    """All goes on with it; what needs a newer one says so; then it is there without a restart."""
    directory, update, identity = old(make_slapd, make_dc)
    office = office_at(directory, catalog="directory", **identity)
    kim, whole = office.hire(), office.person()
    assert office.signs_in(kim)
    office.server.winpop_ok("lock", kim.address)
    office.server.winpop_ok("unlock", kim.address)
    office.server.winpop_ok("unhold", kim.address)
    assert office.server.winpop("checkdirectory").code == 1
    assert any("update.ldif" in remedy for _, what, remedy in findings(office) if "schema" in what)
    late = ("hold", kim.address), ("hold", office.domain), ("setexpire", office.domain, "30"), ("setquota", whole.address, "1M")
    for command in late:
        result = office.server.winpop(*command)
        assert result.code == 4 and "update.ldif" in result.err, result
    office.server.winpop_ok("setquota", kim.address, "1M")
    office.server.winpop_ok("delete", kim.address, "/y")
    office.server.winpop_ok("add", kim.address)
    update()
    for command in late:
        office.server.winpop_ok(*command)
    assert office.server.winpop("checkdirectory").code == 0
    assert directory.admin.value(office.dn(kim), "winpopHeld") == "TRUE"
