"""OpenLDAP and Active Directory, each with mailboxes registered in the mail root and in the directory: what must be the same.

What only one of them can do is in test_openldap.py and test_ad.py.
"""
import time

import pytest

from fixtures.ldaptools import LdapError
from fixtures.waiting import wait_until
from fixtures.winpopd import as_delivered

BODY = b"Subject: x\r\n\r\nbody\r\n"


# ---- commands ----

def test_a_mailbox_for_an_account_that_exists(office):
    kim = office.person()
    with pytest.raises(AssertionError):
        assert office.signs_in(kim), "signed in without a mailbox"
    assert office.rows("add", kim.address) == [["mailbox", kim.address], ["logon", kim.uid], ["The mailbox was added."]]
    assert office.signs_in(kim) and office.refused(kim, "wrong")
    again = office.server.winpop("add", kim.address)
    assert again.code == 1 and "exists already" in again.err


def test_no_mailbox_without_an_account(office):
    result = office.server.winpop("add", f"nobody@{office.domain}")
    assert result.code == 1 and "/createuser" in result.err, result
    assert not office.server.box_dir(f"nobody@{office.domain}").exists()
    assert office.rows("list", office.domain) == []


def test_a_mailbox_with_its_account(office):
    address = f"new.user@{office.domain}"
    rows = office.rows("add", address, "/createuser", "a first password")
    assert rows[0] == ["mailbox", address] and rows[1][0] == "logon", rows
    assert office.reply(address, "a first password").startswith("+OK")
    assert office.reply(rows[1][1], "a first password").startswith("+OK"), "the logon name printed is not the one that works"
    again = office.server.winpop("add", address, "/createuser", "another password")
    assert again.code == 1 and "exists already" in again.err
    assert office.reply(address, "a first password").startswith("+OK"), "a refused command changed the password"


def test_createuser_leaves_an_existing_account_alone(office):
    kim = office.person()
    result = office.server.winpop("add", kim.address, "/createuser", "another password")
    assert result.code == 1 and "/createuser" in result.err, result
    office.server.winpop_ok("add", kim.address)
    assert office.signs_in(kim)


def quota_file(office, person):
    """In the mail root each mailbox begins with one; an entry has none until it names another account."""
    return person.address if office.catalog == "local" else "-"


def test_list_shows_the_logon_name(office):
    kim, lee = office.hire(), office.hire()
    rows = [[p.address, "unlocked", "-", p.uid, quota_file(office, p), "open", "-"] for p in (kim, lee)]
    assert office.rows("list", office.domain) == rows
    assert [office.domain, "unlocked", "2", "open", "default"] in office.rows("list")


def test_locks_of_mailbox_and_domain(office):
    kim, lee = office.hire(), office.hire()
    office.server.winpop_ok("lock", office.domain)
    office.server.winpop_ok("lock", lee.address)
    for person in (kim, lee):
        assert office.refused(person, "wrong")
        assert office.reply(person.address, person.password).startswith("-ERR [SYS/PERM]")
    assert [row[1:3] for row in office.rows("list", office.domain)] == [["locked", "domain"], ["locked", "both"]]
    assert office.server.winpop("unlock", kim.address).code == 1
    office.server.deliver(kim.address, BODY)
    office.server.winpop_ok("unlock", office.domain)
    assert office.signs_in(kim) and not office.signs_in(lee)
    office.server.winpop_ok("unlock", lee.address)
    assert office.signs_in(lee)


def test_stat_counts(office):
    kim = office.hire()
    office.server.deliver(kim.address, BODY, BODY)
    rows = office.rows("stat", office.domain)
    assert rows[0][0] == kim.address and rows[0][3] == "2", rows
    assert ["mailboxes", "1"] in rows


def test_changepwd(office):
    kim = office.hire()
    office.server.winpop_ok("lock", kim.address)
    office.server.winpop_ok("changepwd", kim.address, "a new password")
    office.server.winpop_ok("unlock", kim.address)
    assert office.signs_in(kim, "a new password") and office.refused(kim)
    assert office.server.winpop("changepwd", f"nobody@{office.domain}", "x").code == 1


def test_a_password_from_standard_input(office):
    address = f"typed@{office.domain}"
    office.server.winpop_ok("add", address, "/createuser", stdin="typed, not shown\n")
    assert office.reply(address, "typed, not shown").startswith("+OK")


def test_createquotafile(office):
    kim, lee = office.hire(), office.hire()
    office.server.winpop_ok("createquotafile", kim.address)
    office.server.winpop_ok("createquotafile", lee.address, f"/user:{kim.address}")
    shown = {row[0]: row[4] for row in office.rows("list", office.domain)}
    assert shown == {kim.address: kim.address, lee.address: kim.address}


def test_delete_leaves_the_account(office):
    kim = office.hire()
    office.server.deliver(kim.address, BODY)
    office.server.winpop_ok("delete", kim.address, "/y")
    assert not office.server.box_dir(kim.address).exists()
    assert not office.signs_in(kim)
    assert office.entry(kim) is not None, "the person's entry went with the mailbox"
    office.server.winpop_ok("add", kim.address)
    assert office.server.messages(kim.address, kim.password) == []


def test_delete_with_its_account(office):
    kim = office.hire()
    office.server.winpop_ok("delete", kim.address, "/deleteuser", "/y")
    assert office.entry(kim) is None and not office.server.box_dir(kim.address).exists()
    assert office.refused(kim)


def test_deleting_a_domain_leaves_people(office):
    kim = office.hire()
    office.server.winpop_ok("delete", office.domain, "/y")
    assert office.entry(kim) is not None and not office.signs_in(kim)
    assert office.domain not in [row[0] for row in office.rows("list")]


def test_get_and_set(office):
    assert "ad" in office.server.winpop_ok("get", "authentication")
    office.server.winpop_ok("set", "logging", "2")
    assert "2" in office.server.winpop_ok("get", "logging")


def test_checkdirectory(office):
    assert office.server.winpop("checkdirectory").code == 0


def test_checkdirectory_says_what_to_mend(office):
    wrong = office.directory.home / "wrong.password"
    wrong.touch(0o600)
    wrong.write_text("not the password of the service\n")
    office.server.write_conf(directory_password_file=wrong)
    result = office.server.winpop("checkdirectory")
    assert result.code == 4 and "directory_password_file" in result.out + result.err, result


def test_an_administrator_acts_under_his_own_name(make_office):
    """The service itself may read, and no more."""
    office = make_office()
    address = f"made.by.admin@{office.domain}"
    reader, password = office.directory.reader()
    file = office.directory.home / "reader"
    file.touch(0o600)
    file.write_text(password)
    office.server.write_conf(directory_user=reader, directory_password_file=file)
    alone = office.server.winpop("add", address, "/createuser", "a first password")
    assert alone.code == 3, alone
    assert not office.server.box_dir(address).exists(), "half made"
    office.server.winpop_ok("--bind-as", office.directory.admin_name, "add", address, "/createuser", "a first password",
                            stdin=office.directory.admin_password + "\n")
    assert office.reply(address, "a first password").startswith("+OK")
    wrong = office.server.winpop("--bind-as", office.directory.admin_name, "changepwd", address, "x", stdin="wrong\n")
    assert wrong.code in (3, 4) and office.reply(address, "a first password").startswith("+OK"), wrong


# ---- signing in ----

@pytest.mark.parametrize("mech", ["USER", "PLAIN", "LOGIN"])
def test_every_name_with_every_mechanism(office, mech):
    kim = office.hire("pässword, mit Umlaut")
    for name in (kim.address, kim.address.upper(), *office.directory.names(kim.uid).values()):
        assert office.by(mech, name, kim.password).startswith("+OK"), name
        assert office.by(mech, name, "wrong").startswith("-ERR [AUTH]"), name
    event = office.server.wait_event("signin", account=kim.address, mech=mech)
    assert event["account"] == kim.address


def test_changed_elsewhere_works_at_once(office):
    kim = office.hire()
    hired = int(time.time())
    assert office.signs_in(kim) and office.refused(kim, "tomorrow's")
    wait_until(lambda: time.time() > hired + 1)  # ppolicy's pwdChangedTime counts seconds
    office.directory.set_password(kim.uid, "tomorrow's")
    assert office.signs_in(kim, "tomorrow's"), "the wrong password of before was remembered"
    assert office.refused(kim)


@pytest.mark.parametrize("trouble,word", [("disable", "disabled"), ("expire", "expired"), ("must_change", "change")])
def test_right_password_wrong_time(office, trouble, word):
    """Told to who knows the password, and to the log. OpenLDAP does not look at the password of a locked account: nor is it told."""
    if (office.directory.kind, trouble) == ("openldap", "disable"):
        word = "wrong"
    kim = office.hire()
    assert office.signs_in(kim)
    getattr(office.directory, trouble)(kim.uid)
    reply = office.reply(kim.address, kim.password)
    assert reply.startswith("-ERR [AUTH]") and word in reply, reply
    event = office.server.wait_event("signin-failed", account=kim.address)
    assert word in str(event) or "locked" in str(event), event
    assert office.reply(kim.address, "not the password").startswith("-ERR [AUTH] user name or password is wrong")


def test_locked_out_by_the_directory(office):
    kim = office.hire()
    for n in range(12):
        with pytest.raises((LdapError, IndexError)):
            office.directory.as_person(kim.uid, f"wrong {n}").search(scope="base")
    assert office.refused(kim)


def test_shield(make_office):
    """A forgotten telephone: its old password reaches the directory once, and the owner always gets in."""
    office = make_office()
    kim = office.hire()
    for _ in range(50):
        assert office.refused(kim, "the old password")
    assert office.directory.wrong_passwords(kim.uid) == 1
    assert office.signs_in(kim)
    for _ in range(5):
        assert office.refused(kim, "the old password")
    assert office.directory.wrong_passwords(kim.uid) <= 1
    assert office.signs_in(kim)


def test_required_group(make_office):
    """Membership counts through other groups too."""
    office = make_office(start=False)
    inside, outside = office.hire(), office.hire()
    office.directory.add_group(f"inner {inside.uid}", office.dn(inside))
    inner = office.directory.group_dn(f"inner {inside.uid}")
    office.directory.add_group(f"outer {inside.uid}", inner)
    office.server.write_conf(directory_group=office.directory.group_dn(f"outer {inside.uid}"))
    office.server.start()
    assert office.signs_in(inside) and not office.signs_in(outside)
    assert office.refused(outside, "wrong")


# ---- the directory as the place where mailboxes are registered ----

@pytest.fixture
def registry(make_office):
    return make_office(catalog="directory")


def test_made_by_ldapmodify_is_live_at_once(registry):
    kim, lee = registry.person(), registry.person()
    for person in (kim, lee):
        registry.directory.register(person.uid, person.address)
    assert registry.signs_in(kim)
    registry.server.deliver(lee.address, BODY)
    assert registry.server.messages(lee.address, lee.password) == [as_delivered(lee.address, BODY)]
    assert [row[0] for row in registry.rows("list", registry.domain)] == [kim.address, lee.address]


def test_locked_by_ldapmodify(registry):
    kim = registry.hire()
    registry.directory.admin.replace(registry.dn(kim), winpopLocked="TRUE")
    assert registry.reply(kim.address, kim.password).startswith("-ERR [SYS/PERM]")
    registry.server.winpop_ok("unlock", kim.address)
    assert registry.signs_in(kim)


def test_alias(registry):
    kim = registry.hire()
    alias = f"alias.{kim.uid}@{registry.domain}"
    registry.directory.admin.replace(registry.dn(kim), winpopAlias=[alias, f"second.{alias}"])
    registry.server.deliver(alias, BODY)
    registry.server.deliver(f"second.{alias}", BODY)
    assert len(registry.server.messages(kim.address, kim.password)) == 2
    assert [row[0] for row in registry.rows("list", registry.domain)] == [kim.address]


def test_two_services_on_one_directory_agree(registry, make_server):
    other = make_server(space=registry.directory.space, domain=None, **registry.directory.settings(catalog="directory"))
    other.winpop("add", registry.domain)  # registered already; its mail root is new
    kim = registry.hire()
    with other.pop() as pop:
        pop.signin(kim.address, kim.password)
    other.winpop_ok("lock", kim.address)
    assert registry.reply(kim.address, kim.password).startswith("-ERR [SYS/PERM]")
    registry.server.winpop_ok("unlock", kim.address)
    with other.pop() as pop:
        pop.signin(kim.address, kim.password)
    registry.server.winpop_ok("delete", kim.address, "/y")
    with other.pop() as pop:
        pop.ok(f"USER {kim.address}")
        pop.err(f"PASS {kim.password}")


# ---- trouble that is not the user's ----

def test_wrong_service_password_is_our_trouble(make_office):
    office = make_office(start=False)
    kim = office.hire()
    wrong = office.directory.home / "service.wrong"
    wrong.touch(0o600)
    wrong.write_text("not the password of the service\n")
    office.server.write_conf(directory_password_file=wrong)
    office.server.start()
    assert office.reply(kim.address, kim.password).startswith("-ERR [SYS/"), "told the user that the password is wrong"
    assert "not the password" not in office.server.log_text()


def test_a_certificate_by_somebody_else_is_refused(make_office, certs):
    office = make_office(start=False)
    kim = office.hire()
    office.server.write_conf(directory_ca=certs.ca)
    result = office.server.winpop("checkdirectory")
    assert result.code == 4 and "certificate" in (result.out + result.err).lower(), result
    office.server.start()
    assert office.reply(kim.address, kim.password).startswith("-ERR [SYS/")
