"""Changing the method of authentication, and where mailboxes are registered, with domains and mail present."""
import json

import pytest


@pytest.fixture
def moving(slapd, make_server):
    """A service on the password file with two mailboxes and mail, and a directory it could use."""
    server = make_server(**{**slapd.settings(), "authentication": "file"})
    for local in "kim", "lee":
        server.mailbox(local, f"file pw of {local}")
        server.deliver(f"{local}@example.com", b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\nsecond\r\n")
    return server


def uidls(server, local, password):
    with server.session(f"{local}@example.com", password) as pop:
        return pop.uidl()


def test_those_without_an_account_are_listed_and_nothing_changes(slapd, moving):
    slapd.add_person("kim", "directory pw of kim")
    before = moving.conf.read_text()
    result = moving.winpop("set", "authentication", "ad", "--json")
    assert result.code == 1, result
    said = json.loads(result.out)
    assert [m["mailbox"] for m in said["missing"]] == ["lee@example.com"], said
    assert "1 of 2" in said["error"]["text"], said
    assert moving.conf.read_text() == before
    uidls(moving, "kim", "file pw of kim")


def test_the_method_changes_and_the_mail_stays(slapd, moving):
    before = uidls(moving, "kim", "file pw of kim")
    for local in "kim", "lee":
        slapd.add_person(local, f"directory pw of {local}")
    said = moving.winpop_ok("set", "authentication", "1")
    assert "authentication\t1 (ad)\tnow" in said, said
    assert uidls(moving, "kim", "directory pw of kim") == before
    with moving.pop() as pop:
        assert pop.cmd("USER kim@example.com").startswith(b"+OK")
        assert pop.cmd("PASS file pw of kim").startswith(b"-ERR [AUTH]")


def test_a_directory_that_is_away_changes_nothing(slapd, moving):
    slapd.kill()
    before = moving.conf.read_text()
    result = moving.winpop("set", "authentication", "ad")
    assert result.code == 4 and "directory is away" in result.err, result
    assert moving.conf.read_text() == before


def test_away_from_a_directory_that_is_gone(slapd, make_server):
    """The mailboxes are in the mail root: a directory is not asked about them."""
    server = make_server(start=False, **slapd.settings())
    slapd.kill()
    server.winpop_ok("set", "authentication", "file", "directory_servers", "")
    assert server.winpop_ok("list") == "example.com\tunlocked\t0\topen\tdefault\n"


def test_without_domains_nobody_is_asked(slapd, make_server):
    server = make_server(start=False, **{**slapd.settings(), "authentication": "file"})
    server.winpop_ok("delete", "example.com", "/y")
    slapd.kill()
    server.winpop_ok("set", "authentication", "ad")


def test_the_catalog_moves_once_all_are_registered(slapd, make_server):
    server = make_server(**slapd.settings())
    slapd.add_person("kim", "pw-kim")
    server.winpop_ok("add", "kim@example.com")
    result = server.winpop("set", "catalog", "directory")
    assert result.code == 1 and "kim@example.com" in result.out and "no entry" in result.err, result
    slapd.register("kim", "kim@example.com")
    slapd.admin.add(f"winpopDomainName=example.com,ou=winpop,{slapd.suffix}", objectClass="winpopDomain",
                    winpopDomainName="example.com")
    server.winpop_ok("set", "catalog", "directory")


def test_another_administrators_name(slapd, make_server):
    """--bind-as: who may do less than the service can do less; a wrong password changes nothing."""
    server = make_server(**slapd.settings())
    slapd.add_person("kim", "pw-kim")
    server.winpop_ok("add", "kim@example.com")
    name, password = slapd.reader()
    result = server.winpop("changepwd", "kim@example.com", "a new one", "--bind-as", name, stdin=f"{password}\n")
    assert result.code == 3, result
    result = server.winpop("changepwd", "kim@example.com", "a new one", "--bind-as", slapd.admin_name, stdin="wrong\n")
    assert result.code == 3 and "does not accept" in result.err and "away" not in result.err, result
    server.session("kim@example.com", "pw-kim").close()
    server.winpop_ok("changepwd", "kim@example.com", "a new one", "--bind-as", slapd.admin_name,
                     stdin=f"{slapd.admin_password}\n")
    server.session("kim@example.com", "a new one").close()


def test_no_directory_to_act_in(make_server):
    result = make_server(start=False).winpop("list", "--bind-as", "cn=admin", stdin="x\n")
    assert result.code == 2 and "no directory" in result.err, result
    result = make_server(start=False).winpop("set", "port", "1110", "--bind-as", "cn=admin", stdin="x\n")
    assert result.code == 2 and "leave out --bind-as" in result.err, "a switch that would do nothing"
