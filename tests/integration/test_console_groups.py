"""Rights by groups of a directory: for administrators and delegates, groups in groups; and when what somebody may do ends, who is
signed in already.
"""
import itertools
import time

import pytest

from fixtures.console import Console
from fixtures.waiting import wait_until
from test_console_security import Browser

LOOK_S = 4  # console_idle / 15, the least there is
serial = itertools.count(1)


class Desk:
    """A console on a service that signs in by a directory; everybody in it has a mailbox in the office's domain."""

    def __init__(self, office, certs):
        self.office, self.directory = office, office.directory
        self.other = f"other{next(serial)}.example.org"
        office.server.winpop_ok("add", self.other)
        self.console = Console(office.server, {}, console_idle=60, penalty_ms=0, console_certificate=certs.dir / "pop.example.com.crt",
                               console_key=certs.dir / "pop.example.com.key")
        self.console.start()

    def group(self, *members):
        """Its DN."""
        name = f"desk{next(serial)}"
        self.directory.add_group(name, *members)
        return self.directory.group_dn(name)

    def dn(self, person):
        return self.office.dn(person)

    def allow(self, **groups):
        self.console.allow({f'group:"{dn}"': where for dn, where in groups.items()})

    def tries(self, person):
        return Browser(self.console).sign_in(person.address, person.password)

    def sits(self, person):
        before = time.monotonic()
        browser = Browser(self.console, person.address, person.password)
        browser.looked_at = before
        return browser

    def soon_out(self, browser):
        """Within the time that is promised and the time that the tests give; every question in between is answered."""
        wait_until(lambda: browser.ask("GET", "/api/v1/session").status != 200, why="he is signed in for ever")
        assert time.monotonic() - browser.looked_at > LOOK_S / 2, "it has not been looked again so soon"
        assert browser.ask("GET", "/api/v1/session").status == 401
        assert browser.run("list").status == 401


@pytest.fixture
def desk(make_office, certs):
    office = make_office()
    made = Desk(office, certs)
    try:
        if office.server.space:
            with office.server.space.inside():
                yield made
        else:
            yield made
    finally:
        made.console.close()


def test_members_administer(desk):
    """Those of the group, and of a group in a group of it; nobody else."""
    chief, inner, outsider = (desk.office.hire() for _ in range(3))
    helpers = desk.group(desk.group(desk.dn(inner)))
    staff = desk.group(desk.dn(chief), helpers)
    desk.console.allow({f'group:"{staff}"': "*"})
    for person in (chief, inner):
        session = desk.sits(person)
        assert session.ask("GET", "/api/v1/session").json["whole"]
        assert {row["domain"] for row in session.run("list").json["domains"]} >= {desk.office.domain, desk.other}
    assert desk.tries(outsider).status == 401


def test_members_are_delegates(desk):
    """Of several lines the domains add up; a delegate by a group reaches no further than any other."""
    ann, bob, lee = (desk.office.hire() for _ in range(3))
    clerks, others = desk.group(desk.dn(ann), desk.group(desk.dn(bob))), desk.group(desk.dn(bob))
    desk.console.allow({f'group:"{clerks}"': desk.office.domain, f'group:"{others}"': desk.other})
    session = desk.sits(ann)
    assert session.ask("GET", "/api/v1/session").json["domains"] == [desk.office.domain]
    assert [row["domain"] for row in session.run("list").json["domains"]] == [desk.office.domain]
    assert session.run("list", desk.other).status == 403
    assert session.run("lock", lee.address).status == 200
    assert sorted(desk.sits(bob).ask("GET", "/api/v1/session").json["domains"]) == sorted([desk.office.domain, desk.other])
    assert desk.tries(lee).status == 401


def test_a_delegate_sets_no_password_of_a_groups_member(desk):
    """Nor of one whose account is disabled just now: he would be the administrator of tomorrow."""
    ann, boss, off, lee = (desk.office.hire() for _ in range(4))
    bosses = desk.group(desk.group(desk.dn(boss)), desk.dn(off))
    desk.console.allow({f'group:"{bosses}"': "*", ann.address: desk.office.domain})
    desk.directory.disable(off.uid)
    session = desk.sits(ann)
    for person in (boss, off):
        answer = session.run("changepwd", person.address, password="Another-4711")
        assert (answer.status, answer.json["error"]["class"]) == (409, "refused"), answer
    assert session.run("changepwd", lee.address, password="Another-4711").status == 200
    assert desk.tries(boss).status == 200


def test_out_of_the_group_is_out(desk):
    chief, inner = desk.office.hire(), desk.office.hire()
    helpers = desk.group(desk.dn(inner), desk.dn(desk.office.hire()))
    staff = desk.group(desk.dn(chief), helpers)
    desk.console.allow({f'group:"{staff}"': "*"})
    first, second = desk.sits(chief), desk.sits(inner)
    desk.directory.admin.change(helpers, "delete", "member", desk.dn(inner))
    desk.soon_out(second)
    assert first.ask("GET", "/api/v1/session").status == 200, "who is in it still stays"
    assert desk.tries(inner).status == 401
    assert [e["reason"] for e in desk.console.events("console-session-ended")] == ["denied"]


def test_fewer_rights_are_another_session(desk):
    ann = desk.office.hire()
    bosses, clerks = desk.group(desk.dn(ann), desk.dn(desk.office.hire())), desk.group(desk.dn(ann))
    desk.console.allow({f'group:"{bosses}"': "*", f'group:"{clerks}"': desk.office.domain})
    session = desk.sits(ann)
    desk.directory.admin.change(bosses, "delete", "member", desk.dn(ann))
    desk.soon_out(session)
    assert [e["reason"] for e in desk.console.events("console-session-ended")] == ["rights"]
    assert desk.sits(ann).ask("GET", "/api/v1/session").json["domains"] == [desk.office.domain]


@pytest.mark.parametrize("how", ["disabled", "deleted", "another password"])
def test_an_account_that_ends_ends_its_session(desk, how):
    kim, boss = desk.office.hire(), desk.office.hire()
    hired = int(time.time())
    desk.console.allow({kim.address: "*", boss.address: "*"})
    session, other = desk.sits(kim), desk.sits(boss)
    if how == "disabled":
        desk.directory.disable(kim.uid)
    elif how == "deleted":
        desk.directory.admin.delete(desk.dn(kim))
    else:
        wait_until(lambda: time.time() > hired + 1)  # ppolicy's pwdChangedTime counts seconds
        desk.office.server.winpop_ok("changepwd", kim.address, desk.office.secret("Another-4711"))
    desk.soon_out(session)
    assert other.ask("GET", "/api/v1/session").status == 200
    assert desk.tries(kim).status == 401


def test_a_directory_that_is_away_ends_nothing(desk):
    kim = desk.office.hire()
    desk.console.allow({kim.address: "*"})
    session = desk.sits(kim)
    desk.office.server.write_conf(directory_timeout_ms=500)
    desk.directory.stop()
    try:
        wait_until(lambda: session.ask("GET", "/api/v1/session").status == 200 and desk.console.events("console-look-failed"),
                   why="nobody looked")
        assert session.ask("GET", "/api/v1/session").status == 200
    finally:
        desk.directory.start()
    assert not desk.console.events("console-session-ended")
