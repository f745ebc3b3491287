"""Expiry by the domains' own rules: what CAPA says to whom, what goes at sign-in, what goes without anybody signing in."""
import os
import time

import pytest

from fixtures.waiting import wait_until

BODY = b"Subject: x\r\n\r\nbody\r\n"
DAY = 86400
STAMP = ".upkeep"


def told(server, address=None):
    """The EXPIRE line, before sign-in or after."""
    with server.pop() if address is None else server.session(address) as pop:
        words = pop.capa().get("EXPIRE")
        pop.quit()
    return words


def old_mail(server, address, name, days=10):
    server.put(address, name, BODY)
    past = time.time() - days * DAY
    os.utime(server.box_dir(address) / name, (past, past))


def fetch(server, address, *numbers):
    with server.session(address) as pop:
        for n in numbers:
            pop.retr(n)
        pop.quit()


def mail_of(server, address):
    return sorted(p.name for p in server.box_dir(address).glob("*.eml"))


def passes(server):
    return len(server.events("upkeep"))


def look(server, daily=False):
    """Has the service go through all mailboxes now, and waits for the end of it."""
    wait_until(lambda: passes(server) > 0, why="no pass after start")
    if daily:
        (server.mailroot / STAMP).unlink(missing_ok=True)
    before = len(server.events("upkeep", whole="yes"))
    server.reload()
    wait_until(lambda: len(server.events("upkeep", whole="yes")) > before, why="no whole pass")
    return server.events("upkeep", whole="yes")[-1]


@pytest.fixture
def two(make_server):
    """Two domains, a mailbox in each; passes show in the log."""
    server = make_server(logging=4)
    server.winpop_ok("add", "example.org")
    server.winpop_ok("add", "max@example.org", "/createuser", "pw-kim")
    server.kim, server.max = server.mailbox(), "max@example.org"
    return server


def test_what_capa_says(two):
    assert told(two) == ["NEVER"] == told(two, two.kim)
    two.winpop_ok("setexpire", "example.com", 30)
    assert told(two) == ["30", "USER"]
    assert told(two, two.kim) == ["30"] and told(two, two.max) == ["NEVER"]
    two.winpop_ok("setexpire", "example.org", 0)
    assert told(two) == ["0", "USER"]
    assert told(two, two.kim) == ["30"] and told(two, two.max) == ["0"]
    two.winpop_ok("setexpire", "example.org", 30)
    assert told(two) == ["30"] == told(two, two.max)
    two.winpop_ok("set", "expire", "7")
    assert told(two) == ["30"], "both have rules of their own"
    two.winpop_ok("setexpire", "example.com", "default")
    assert told(two) == ["7", "USER"] and told(two, two.kim) == ["7"]
    two.winpop_ok("setexpire", "example.com", "never")
    assert told(two) == ["30", "USER"] and told(two, two.kim) == ["NEVER"]
    two.winpop_ok("delete", "example.org", "/y")
    look(two)
    assert told(two) == ["NEVER"]


def test_an_open_session_keeps_its_rule(two):
    two.deliver(two.kim, BODY)
    two.winpop_ok("setexpire", "example.com", 0)
    with two.session(two.kim) as pop:
        two.winpop_ok("setexpire", "example.com", "never")
        assert pop.capa()["EXPIRE"] == ["0"]
        pop.retr(1)
        pop.quit()
    assert mail_of(two, two.kim) == []


def test_sign_in_removes_by_the_domains_own_rule(two):
    two.winpop_ok("set", "expire", "3")
    two.winpop_ok("setexpire", "example.org", "never")
    for address in (two.kim, two.max):
        old_mail(two, address, "P3A1.eml")
        old_mail(two, address, "P3A2.eml")
        fetch(two, address, 1)
        fetch(two, address)
    assert mail_of(two, two.kim) == ["P3A2.eml"]
    assert mail_of(two, two.max) == ["P3A1.eml", "P3A2.eml"]
    two.winpop_ok("setexpire", "example.com", 11)
    fetch(two, two.kim, 1)
    fetch(two, two.kim)
    assert mail_of(two, two.kim) == ["P3A2.eml"], "not old enough yet"


def test_mail_of_those_who_stay_away_goes_once_a_day(two):
    two.winpop_ok("setexpire", "example.com", 60)
    old_mail(two, two.kim, "P3A1.eml", 40)
    old_mail(two, two.kim, "P3A2.eml", 40)
    fetch(two, two.kim, 1)
    look(two)
    assert (two.mailroot / STAMP).read_text().startswith("expired = 20")
    two.winpop_ok("setexpire", "example.com", 30)
    look(two)
    assert mail_of(two, two.kim) == ["P3A1.eml", "P3A2.eml"], "not again on this day"
    two.stop()
    two.start()
    wait_until(lambda: two.events("upkeep", whole="yes", mailboxes=2), why="no pass after the restart")
    look(two)
    assert mail_of(two, two.kim) == ["P3A1.eml", "P3A2.eml"], "a restart is no new day"
    with two.session(two.max) as pop:
        assert look(two, daily=True)["expired"] == "1"
        pop.quit()
    assert mail_of(two, two.kim) == ["P3A2.eml"], "fetched and old goes, unfetched stays"
    assert two.events("expired", account=two.kim, messages=1)


def test_an_open_mailbox_is_left_alone(two):
    two.winpop_ok("setexpire", "example.com", 60)
    old_mail(two, two.kim, "P3A1.eml", 40)
    fetch(two, two.kim, 1)
    with two.session(two.kim) as pop:
        two.winpop_ok("setexpire", "example.com", 30)
        assert look(two, daily=True)["expired"] == "0"
        assert pop.retr(1) == BODY
        pop.quit()
    assert mail_of(two, two.kim) == ["P3A1.eml"]
    assert not two.events("upkeep-trouble")


def test_a_damaged_rule_deletes_nothing_and_keeps_nobody_out(two):
    two.winpop_ok("set", "expire", "1")
    old_mail(two, two.kim, "P3A1.eml")
    fetch(two, two.kim, 1)
    (two.mailroot / "example.com/expire").write_text("days = soon\n")
    assert told(two, two.kim) == ["NEVER"]
    look(two, daily=True)
    assert two.events("expire-rule-damaged", domain="example.com")
    assert mail_of(two, two.kim) == ["P3A1.eml"]
    two.deliver(two.kim, BODY)
    two.winpop_ok("setexpire", "example.com", 1)
    assert told(two, two.kim) == ["1"]
    assert len(mail_of(two, two.kim)) == 1


def test_a_copied_quota_file_is_found(two):
    """The seeds' way to a domain quota: copy the template's file. Nobody has to send the mailbox anything for it to count."""
    two.winpop_ok("createquotafile", two.kim)
    two.winpop_ok("set", "quota_messages", "3")
    lee = two.mailbox("lee", "pw-kim")
    two.deliver(lee, BODY, BODY)
    (two.box_dir(lee) / "quota").write_bytes((two.box_dir(two.kim) / "quota").read_bytes())
    look(two)
    two.deliver(two.kim, BODY)
    with two.lmtp() as lmtp:
        lmtp.mail()
        code, text = lmtp.cmd(f"RCPT TO:<{two.kim}>")
        assert code == 552, f"three messages are there: {text}"


def test_a_pass_does_not_hold_up_the_end(make_server):
    """A stop comes in the middle of a large mail root."""
    server = make_server(start=False, logging=4)
    for n in range(5_000):
        (server.mailroot / "example.com" / f"P3_u{n}.mbx").mkdir()
    server.start()
    boxes = list((server.mailroot / "example.com").glob("P3_u*0.mbx"))
    wait_until(lambda: any(any(box.iterdir()) for box in boxes), why="no mailbox is settled")
    server.stop()
    assert server.events("upkeep", whole="no"), "the pass was over already"
    assert not (server.mailroot / STAMP).exists()
