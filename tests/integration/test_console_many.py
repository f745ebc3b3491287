"""A domain of many mailboxes in the browser: pages, search as one types, a change, and no more on the page than is to be seen.

WINPOP_MANY=100000: as many as it is meant for; that takes two minutes.
"""
import os

import pytest

from fixtures.desk import KIM, browser_on, console, console_on, page, server  # noqa: F401
from test_console_page import reply_to, state_of

MANY, DOMAIN = int(os.environ.get("WINPOP_MANY", "20000")), "second.example"
LAST = f"user{MANY - 1:06}"
FOUND = f"user010000@{DOMAIN}"
NODES_MAX = 4000


@pytest.fixture
def crowd(server):
    """A mailbox is its directory, as the mail root has it; one of them has an account too."""
    server.winpop_ok("add", FOUND, "/createuser", "pw")
    for n in range(MANY):
        if n != 10_000:
            os.mkdir(server.mailroot / DOMAIN / f"P3_user{n:06}.mbx", 0o700)
    return server


def numbers(page):
    return [int(name.removeprefix("user")) for name in page.rows()]


def nodes(page):
    return page.run("return document.querySelectorAll('*').length")


def walk(page, crowd):
    """Open, page on and back, search, lock what was found, look at it: each answers, and the page stays small."""
    page.visit(f"domain/{DOMAIN}")
    assert numbers(page) == list(range(100))
    assert f"1 to 100 of {MANY:,}" in page.text(".pager")
    for first in (100, 200, 300):
        page.press("Next")
        page.wait(lambda: numbers(page)[0] == first)
        assert nodes(page) < NODES_MAX
    page.press("Previous")
    page.wait(lambda: numbers(page)[0] == 200)

    page.fill("Search mailboxes", "01000")
    page.wait(lambda: numbers(page) == [1000, *range(10_000, 10_010)])
    page.right_click(page.row("user010000"))
    page.choose("Lock")
    page.done(f"{FOUND} is locked.")
    assert page.cells("user010000")["State"] == "locked"
    assert state_of(crowd, DOMAIN, "/from", FOUND, "/limit", "1") == {FOUND: "locked"}
    assert reply_to(crowd, FOUND, "pw").startswith("-ERR [SYS/PERM]")
    assert reply_to(crowd, KIM).startswith("+OK")

    page.right_click(page.row("user010000"))
    page.choose("Properties")
    page.wait(lambda: page.heading() == FOUND)
    page.wait_calm()
    assert page.property("State") == "locked"
    page.driver.back()
    page.wait(lambda: page.heading() == DOMAIN and numbers(page)[0] == 1000)
    assert page.field("Search mailboxes").get_attribute("value") == "01000", "the search is kept"
    page.visit("computer")
    assert page.cells(DOMAIN)["Mailboxes"] == f"{MANY:,}"
    assert nodes(page) < NODES_MAX


def type_fast(page):
    """One question at a time, however slow the answers are; the last one typed is what is shown, and asked, in the end."""
    page.visit(f"domain/{DOMAIN}")
    page.driver.refresh()
    page.wait(lambda: numbers(page) == list(range(100)))
    page.wait_calm()
    search = page.field("Search mailboxes")
    page.between("/commands/stat", "async (go) => { await late(400); return go(); }")
    for letter in LAST:
        search.send_keys(letter)
    page.wait(lambda: numbers(page) == [MANY - 1] and page.seen("flying") == 0)
    asked = [question["switches"].get("match") for question in page.seen("asked")]
    assert asked[-1] == LAST
    assert len(asked) < len(LAST), "each letter was asked about"
    assert page.seen("most") == 1


def test_many(page, crowd):
    walk(page, crowd)
    type_fast(page)
