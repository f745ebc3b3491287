"""The page of the console, driven in Debian's Chromium by the names of what is on it, against a running service.

Every window of the original's documentation is walked; what was done is looked for by POP3 and with winpop, not on the page alone.
"""
import json
import pathlib
import re

import pytest
from selenium.webdriver.common.keys import Keys

from fixtures import ntlm
from fixtures.desk import BODY, CHIEF, DORA, KIM, LEE, browser_on, console, console_on, page, server  # noqa: F401
from fixtures.waiting import wait_until

ROOT = pathlib.Path(__file__).parents[2]


def reply_to(server, address, password=None):
    """The answer to PASS."""
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        answer = pop.cmd(f"PASS {password or f'pw of {address}'}").decode()
        pop.cmd("QUIT")
    return answer


def state_of(server, *args):
    """{name: state} as winpop lists it."""
    rows = json.loads(server.winpop_ok("list", *args, "--json"))
    return {row.get("mailbox", row.get("domain")): row["state"] for row in rows.get("mailboxes", rows.get("domains"))}


def newest(page, *columns):
    """Of the history."""
    cells = page.cells(page.rows()[0])
    return [cells[column] for column in columns]


# ---- the windows of the original ----

def test_sign_in(console, browser_on, server):
    """Who has no rights, or a wrong password, is told the same; who signs out is out, also by Back."""
    browser = browser_on(console)
    browser.sign_in(CHIEF, "wrong")
    wrong = browser.refused()
    browser.sign_in(KIM, f"pw of {KIM}")
    assert browser.refused() == wrong
    browser.signed_in(CHIEF, f"pw of {CHIEF}")
    assert browser.heading() == "pop.example.com"
    browser.visit("quotas")
    browser.press("Sign out")
    browser.field("Password")
    browser.driver.back()
    browser.driver.refresh()
    browser.field("Password")
    assert not browser.all("[role=tree]")


def test_lock_a_domain(page, server):
    """Computer node, right click on the domain in the details pane, Lock: as the documentation has it."""
    page.go("pop.example.com")
    page.right_click(page.row("example.com"))
    page.choose("Lock")
    page.done("example.com is locked.")
    assert "locked" in page.cells("example.com")["State"]
    assert state_of(server)["example.com"] == "locked"
    assert reply_to(server, KIM, "wrong").startswith("-ERR [AUTH]")
    assert reply_to(server, KIM).startswith("-ERR [SYS/PERM]")
    server.deliver(KIM, BODY)

    page.go("example.com")
    page.wait(lambda: page.heading() == "example.com")
    page.right_click(page.row("kim"))
    page.choose("Unlock")
    assert "unlock" in page.refused(), "a single mailbox of a locked domain"
    page.right_click(page.tree("example.com"))
    page.choose("Unlock")
    page.done("example.com is unlocked.")
    assert reply_to(server, KIM).startswith("+OK")


def test_lock_a_mailbox(page, server):
    page.go("example.com")
    page.right_click(page.row("kim"))
    page.choose("Lock")
    page.done(f"{KIM} is locked.")
    assert state_of(server, "example.com") == {KIM: "locked", LEE: "unlocked"}
    assert reply_to(server, KIM).startswith("-ERR [SYS/PERM]")
    assert reply_to(server, LEE).startswith("+OK")
    page.button(f"Actions for {KIM}").click()
    page.choose("Unlock")
    page.done(f"{KIM} is unlocked.")
    assert reply_to(server, KIM).startswith("+OK")


def test_new_domain_and_mailbox(page, server):
    page.right_click(page.tree("pop.example.com"))
    page.choose("New", "Domain")
    page.fill("Domain name", "third.example")
    page.press("Create")
    page.done("third.example is created.")
    page.right_click(page.tree("third.example"))
    page.choose("New", "Mailbox")
    page.fill("Mailbox name", "mia")
    page.fill("Password", "pw of mia")
    page.fill("Confirm password", "something else")
    page.press("Create")
    assert "not the same" in page.refused()
    page.fill("Confirm password", "pw of mia")
    page.press("Create")
    page.done("mia@third.example is created.")
    assert page.rows() == ["mia"], "the new mailbox is shown"
    assert reply_to(server, "mia@third.example", "pw of mia").startswith("+OK")


def test_what_exists_is_refused_in_the_servers_words(page):
    page.go("example.com")
    page.press("New")
    page.choose("Mailbox")
    page.fill("Mailbox name", "kim")
    page.fill("Password", "x")
    page.fill("Confirm password", "x")
    page.press("Create")
    assert page.refused() == f"the mailbox {KIM} exists already"
    page.keys(Keys.ESCAPE)
    page.wait(lambda: not page.dialog())


def test_change_password(page, server):
    page.visit("domain/example.com")
    page.right_click(page.row("kim"))
    page.choose("Change password")
    page.fill("Password", "a new one")
    page.fill("Confirm password", "a new one")
    page.press("Change password")
    page.done(f"The password of {KIM} is changed.")
    assert "a new one" not in page.text("body"), "the command line shown has no password"
    assert reply_to(server, KIM).startswith("-ERR [AUTH]")
    assert reply_to(server, KIM, "a new one").startswith("+OK")


def test_delete(page, server):
    """What is lost is named; the focus is on Cancel."""
    server.deliver(KIM, BODY)
    page.visit("domain/example.com")
    page.right_click(page.row("kim"))
    page.choose("Delete")
    page.button("Delete mailbox")
    assert f"Deletes the mailbox {KIM}, its account, and 1 message in it" in page.dialog().text
    assert page.active().text == "Cancel"
    page.press("Delete mailbox")
    page.done(f"The mailbox {KIM} is deleted.")
    assert page.rows() == ["lee"]
    assert reply_to(server, KIM).startswith("-ERR [AUTH]")

    page.visit("computer")
    page.right_click(page.row("example.com"))
    page.choose("Delete")
    page.fill("Type the name of the domain", "second.example")
    page.press("Delete domain")
    assert "Nothing was deleted" in page.refused()
    assert "example.com" in state_of(server)
    page.fill("Type the name of the domain", "example.com")
    page.press("Delete domain")
    page.done("The domain example.com is deleted.")
    assert "example.com" not in page.rows()
    assert set(state_of(server)) == {"office.example", "second.example"}


def test_properties(page, server):
    """Changed there, seen by `winpop get`; each says whether it is in effect."""
    page.right_click(page.tree("pop.example.com"))
    page.choose("Properties")
    page.wait(lambda: page.heading().startswith("Properties"))
    assert page.field("Encrypted password file").is_selected()
    assert page.field("Server port").get_attribute("value") == str(server.port)
    assert page.field("Root mail directory").get_attribute("value") == str(server.mailroot)
    page.fill("socketmax", "77")
    page.fill("threadcount", "3")
    page.fill("Logging level", "2")
    page.tick("Always create an associated user for new mailboxes", False)
    page.press("Save")
    page.wait(lambda: "Saved: 4 settings." in page.text("[role=status]"))
    assert "restart winpopd to apply threadcount" in page.text("[role=status]")
    told = {setting: page.run("""
        const input = document.querySelector(`[data-key="setting ${arguments[0]}"]`);
        return input.closest('.setting').querySelector('.told').textContent;""", setting) for setting in ("socketmax", "threadcount")}
    assert told == {"socketmax": "In effect.", "threadcount": "Waits for a restart of the service."}
    got = json.loads(server.winpop_ok("get", "--json"))
    assert (got["socketmax"], got["threadcount"], got["logging"], got["create_user"]) == ("77", "3", "2", "no")
    page.fill("socketmax", "5")
    page.press("Save")
    assert "socketmax" in page.refused()
    assert json.loads(server.winpop_ok("get", "socketmax", "--json"))["socketmax"] == "77"


def test_find_a_setting(page):
    page.visit("properties")
    page.fill("Find a setting", "warning by mail")
    page.wait(lambda: [node.accessible_name for node in page.all(".setting input")] == ["quota_warn"])


def test_spa_needs_another_method(page, server):
    page.visit("properties")
    page.tick("Require Secure Password Authentication (SPA) for all client connections")
    page.press("Save")
    assert "sparequired" in page.refused()
    assert json.loads(server.winpop_ok("get", "sparequired", "--json"))["sparequired"] == "0"


def test_require_spa(slapd, office_at, console_on, browser_on):
    """With accounts of a directory: plaintext ends, NTLM signs in."""
    office = office_at(slapd, tls=True, spa="hash")
    chief, kim = office.hire(), office.hire()
    slapd.allow_spa(kim.uid, kim.address, ntlm.md4(kim.password.encode("utf-16-le")))
    page = browser_on(console_on(office.server, {chief.address: "*"})).signed_in(chief.address, chief.password)
    assert office.signs_in(kim)
    page.visit("properties")
    assert page.field("Active Directory-Integrated").is_selected()
    page.tick("Require Secure Password Authentication (SPA) for all client connections")
    page.press("Save")
    page.wait(lambda: "Saved: 1 setting." in page.text("[role=status]"))
    with office.server.pop() as pop:
        assert pop.cmd(f"USER {kim.address}").startswith(b"-ERR")
        assert ntlm.sign_in(pop, ntlm.Own(kim.uid, kim.password)).startswith("+OK")


def test_quota(page, server):
    server.deliver(KIM, BODY)
    page.visit("domain/example.com")
    page.right_click(page.row("kim"))
    page.choose("Quota")
    page.fill("Size", "lots")
    page.press("Set quota")
    page.refused()
    page.fill("Size", "1K")
    page.fill("Messages", "7")
    page.press("Set quota")
    page.done(f"The quota of {KIM} is set.")
    limit = json.loads(server.winpop_ok("setquota", KIM, "--json"))
    assert (limit["limit"], limit["limit_messages"]) == (1024, 7)
    assert page.cells("kim")["Quota"] == f"{limit['percent']} %"
    page.go("Quotas")
    page.wait(lambda: page.rows() == [KIM])
    assert page.cells(KIM)["Limit"] == "1 KB"


def test_quota_account_expiry_and_hold(page, server):
    page.visit("domain/example.com")
    page.right_click(page.row("kim"))
    page.choose("Quota account")
    page.fill("Account", LEE)
    page.press("Create quota file")
    page.done("The quota file of")
    page.right_click(page.row("kim"))
    page.choose("Hold mail back")
    page.done("waits")
    assert "held" in page.cells("kim")["State"]
    page.press("Expiry")
    page.fill("Days", "30")
    page.press("Set expiry")
    page.done("The expiry of example.com is set.")
    mailboxes = json.loads(server.winpop_ok("list", "example.com", "--json"))["mailboxes"]
    assert (mailboxes[0]["quota_account"], mailboxes[0]["delivery"]) == (LEE, "held")
    assert json.loads(server.winpop_ok("list", "--json"))["domains"][0]["expire"] == "30"


# ---- what the original had not ----

def test_a_mailbox(page, server):
    """Messages by size and date; nothing of what they say is anywhere on the page, nor in what the server answered."""
    server.winpop_ok("setexpire", "example.com", "30")  # so that it is noted what was fetched
    server.deliver(KIM, BODY, BODY + b"more\r\n" * 1000)
    with server.session(KIM, f"pw of {KIM}") as pop:
        pop.retr(1)
        pop.quit()
    with server.session(KIM, f"pw of {KIM}") as pop:
        page.visit(f"mailbox/{KIM}")
        assert page.rows() == ["1", "2"]
        assert (page.cells("1")["Fetched"], page.cells("2")["Fetched"]) == ("yes", "no")
        assert page.cells("2")["Size"].startswith("6 KB") and page.property("Messages") == "2"
        assert "127.0.0.1" in page.text("main ul"), "his open session"
        pop.quit()
    said = page.run("return fetch('/api/v1/commands/messages', { method: 'POST', body: JSON.stringify({ arguments: [arguments[0]] }), "
                    "headers: { 'Content-Type': 'application/json', 'X-Winpop-CSRF': arguments[1] } }).then((answer) => answer.text())",
                    KIM, page.run("return fetch('/api/v1/session').then((answer) => answer.json()).then((session) => session.csrf)"))
    assert json.loads(said)["total"] == 2
    assert "nobody may see" not in page.driver.page_source + said


def test_sessions_and_kick(page, server):
    pop = server.session(KIM, f"pw of {KIM}")
    page.go("Sessions")
    page.right_click(page.row(KIM))
    page.choose("End sessions")
    page.press("End sessions")
    page.done(f"Sessions of {KIM} were ended.")
    pop.told_to_leave()


def test_statistics(page, server):
    """What happens is seen within seconds."""
    page.go("Statistics")
    page.wait(lambda: page.property("Signed in") == "0")
    with server.session(KIM, f"pw of {KIM}") as pop:
        server.deliver(LEE, BODY)
        page.wait(lambda: page.property("Signed in") == "1")
        page.wait(lambda: page.run("return [...document.querySelectorAll('.chart .line')].filter((l) => l.getAttribute('points')).length") == 5)
        pop.quit()
    assert page.run("return [...document.querySelectorAll('.chart')].map((chart) => chart.firstChild.textContent)") == [
        "Connections", "Sign-ins", "Deliveries", "Errors", "Disk"]


def test_history(page):
    page.visit("computer")
    page.right_click(page.row("second.example"))
    page.choose("Lock")
    page.done("second.example is locked.")
    page.go("History")
    page.wait(lambda: page.heading() == "History" and page.rows())
    assert newest(page, "Who", "From", "Command", "Of what") == [CHIEF, "127.0.0.1", "lock", "second.example"]


def test_migration(slapd, office_at, console_on, browser_on):
    """Plan, run with progress, report: two people who are not in the directory yet."""
    office = office_at(slapd, tls=True)
    server = office.server
    server.write_conf(authentication="file")
    server.reload()
    people = [f"{name}@{office.domain}" for name in ("mia", "noa")]
    for address in (*people, f"chief@{office.domain}"):
        server.winpop_ok("add", address, "/createuser", office.secret(f"long pw of {address}"))
    page = browser_on(console_on(server, {f"chief@{office.domain}": "*"})).signed_in(
        f"chief@{office.domain}", f"long pw of chief@{office.domain}")
    page.go("Migration")
    page.press("Plan")
    page.wait(lambda: len(page.rows()) == 3)
    assert slapd.admin.search(f"(mail={people[0]})") == [] if hasattr(slapd.admin, "search") else True
    page.press("Migrate")
    page.dialog()
    page.press("Migrate")
    page.wait(lambda: page.heading() == "Migration" and page.all(".report table") and "create" in page.text(".report"))
    page.press("Download as CSV")
    page.press("Download as JSON")

    def files():
        return sorted(path.suffix for path in pathlib.Path(page.profile).glob("migration-*") if path.suffix in (".csv", ".json"))
    wait_until(lambda: files() == [".csv", ".json"], why="no files were saved")
    report = json.loads(next(pathlib.Path(page.profile).glob("migration-*.json")).read_text())
    assert {row["mailbox"] for row in report["accounts"]} >= set(people)
    server.winpop_ok("set", "authentication", "ad")
    assert reply_to(server, people[0], f"long pw of {people[0]}").startswith("+OK")


# ---- many, and strange ----

def test_search_and_pages(page, server):
    """A hundred at a time; what is typed is searched for."""
    for n in range(230):
        box = server.mailroot / "second.example" / f"P3_user{n:03}.mbx"
        box.mkdir(mode=0o700)
    page.visit("domain/second.example")
    assert page.rows() == [f"user{n:03}" for n in range(100)]
    assert "1 to 100 of 230" in page.text(".pager")
    page.press("Next")
    page.wait(lambda: page.rows()[0] == "user100")
    page.press("Next")
    page.wait(lambda: page.rows() == [f"user{n:03}" for n in range(200, 230)])
    assert not page.button("Next").is_enabled()
    page.press("Previous")
    page.wait(lambda: page.rows()[0] == "user100")
    page.right_click(page.row("user101"))
    page.choose("Lock")
    page.done("is locked")
    assert page.rows()[0] == "user100", "a change does not lead away from the page"
    page.fill("Search mailboxes", "er01")
    page.wait(lambda: page.rows() == [f"user01{n}" for n in range(10)])
    assert page.active().accessible_name == "Search mailboxes", "the focus stays in the search"
    page.fill("Search mailboxes", "nobody")
    page.wait(lambda: "Nothing matches" in page.text("main"))


def test_names_are_text(page, server):
    """A name that looks like markup, and one in another script, are shown as they are."""
    for name in ("grüße", "地址", "&amp"):
        server.winpop_ok("add", f"{name}@second.example", "/createuser", "pw")
    listed = [name.split("@")[0] for name in state_of(server, "second.example")]
    assert "grüße" in listed
    page.visit("domain/second.example")
    assert page.rows() == listed
    page.visit("mailbox/" + "grüße@second.example")
    assert page.heading() == "grüße@second.example"
    page.visit("domain/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    assert "<img" in page.heading() and not page.all("main img")


# ---- everything winpop can ----

def do(page, opener, action=None, **typed):
    """A button of the toolbar, and the dialog that it may open. What was told before is out of the way."""
    page.run("for (const notice of document.querySelectorAll('.notice')) notice.remove()")
    page.press(opener)
    for name, text in typed.items():
        page.fill(name.replace("_", " "), text)
    if action:
        page.press(action)
    page.wait(lambda: page.text("[role=status] .notice") or page.text(".notice.bad"))
    page.wait(lambda: not page.dialog())
    page.wait_calm()


def walk_a_domain(page):
    """Every view and action of a domain and of a mailbox in it."""
    for view in ("computer", "domain/example.com", "domain/example.com/sessions", "domain/example.com/history", f"mailbox/{LEE}"):
        page.visit(view)
    page.visit("domain/example.com")
    page.press("New")
    page.choose("Mailbox")
    for label, text in (("Mailbox name", "mia"), ("Password", "pw of mia"), ("Confirm password", "pw of mia")):
        page.fill(label, text)
    page.press("Create")
    page.done("mia@example.com is created.")
    for opener in ("Lock", "Unlock", "Hold mail back", "Let mail in"):
        do(page, opener)
    do(page, "Expiry", "Set expiry", Days="30")
    do(page, "End sessions", "End sessions")
    page.press("Check")
    page.wait(lambda: page.heading() == "Check of example.com")
    page.press("Check")
    page.wait(lambda: "0 problems" in page.text(".report"))
    page.visit("mailbox/mia@example.com")
    do(page, "Change password", "Change password", Password="new pw", Confirm_password="new pw")
    do(page, "Quota", "Set quota", Size="1M")
    do(page, "Quota account", "Create quota file")
    do(page, "Delete", "Delete mailbox")


def walk_the_server(page):
    for view in ("statistics", "sessions", "quotas", "history"):
        page.visit(view)
    page.visit("computer")
    do(page, "Read settings again")
    page.visit("properties")
    page.fill("socketmax", "77")
    page.press("Save")
    page.wait(lambda: "Saved" in page.text("[role=status]"))
    page.visit("migration")
    page.press("Plan")
    page.wait(lambda: page.text(".report .notice"))
    page.visit("check")
    page.press("Check the directory")
    page.wait(lambda: page.text(".report .notice"))


@pytest.mark.parametrize("who", [CHIEF, DORA], ids=["server", "domain"])
def test_every_command_is_in_the_page(console, browser_on, who):
    """But for those that the console's README names, with the reason."""
    page = browser_on(console).signed_in(who, f"pw of {who}")
    page.run("performance.setResourceTimingBufferSize(10000)")
    walk_a_domain(page)
    if who == CHIEF:
        walk_the_server(page)
    offered = page.run("return fetch('/api/v1/commands').then((answer) => answer.json()).then(({ commands }) => commands.map(({ name }) => name))")
    reached = page.run("""
        return performance.getEntriesByType('resource').map((entry) => /commands\\/(\\w+)/.exec(entry.name)?.[1]).filter(Boolean)""")
    readme = (ROOT / "admin/console/README.md").read_text()
    reasons = re.search(r"Commands that are not in the page: (.*?)\.\n", readme, re.S).group(1)
    assert set(offered) - set(reached) == set(re.findall(r"`(\w+)`", reasons))


def test_names_never_become_markup():
    """There is one way to make an element in the page, and it takes text."""
    for source in sorted((ROOT / "admin/console/www").glob("*.js")):
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|document\.write|\beval\b|new Function",
                           source.read_text())
        assert not found, f"{source.name}: {found}"


# ---- who may what ----

def test_a_delegated_administrator(console, browser_on, server):
    """Sees his domain, nothing of the server, and changes what is his."""
    page = browser_on(console).signed_in(DORA, f"pw of {DORA}")
    assert [node.text for node in page.all("[role=treeitem] .name")] == ["winpop", "pop.example.com", "example.com"]
    assert page.rows() == ["example.com"]
    page.right_click(page.row("example.com"))
    assert [node.text for node in page.all("[role=menuitem]")] == [
        "New", "Lock", "Hold mail back", "End sessions", "Expiry", "Check", "Refresh", "Properties"]
    page.choose("Lock")
    page.done("example.com is locked.")
    assert reply_to(server, KIM).startswith("-ERR [SYS/PERM]")
    page.visit("domain/example.com/history")
    assert newest(page, "Command", "Of what") == ["lock", "example.com"]
    for place in ("domain/second.example", "mailbox/chief@office.example", "properties", "statistics"):
        page.visit(place)
        page.refused()
    assert state_of(server)["second.example"] == "unlocked"


def test_the_end_of_a_session(page, console):
    """A warning first; then it is over on the server too, and the next one comes back to where this one was."""
    page.visit("domain/example.com")
    page.run("const now = Date.now; window.skipped = 0; Date.now = () => now() + window.skipped")
    page.run("window.skipped = 870000")
    page.press("Stay signed in")
    page.wait(lambda: not page.dialog())
    page.run("window.skipped = 1780000")
    page.field("Password")
    assert "Nobody did anything for a while" in page.text("main")
    assert page.run("return fetch('/api/v1/session').then((answer) => answer.status)") == 401
    page.fill("Name", CHIEF)
    page.fill("Password", f"pw of {CHIEF}")
    page.press("Sign in")
    page.wait(lambda: page.all("[role=tree]") and page.heading() == "example.com")


def test_the_console_is_started_again(page, console):
    """Sessions do not survive that; the page says so and asks for the password."""
    console.stop()
    page.press("Refresh")
    assert "does not answer" in page.refused()
    console.start()
    page.press("Refresh")
    page.field("Password")


def test_the_service_is_down(page, server):
    """What needs it says so; the rest works."""
    server.stop()
    page.visit("statistics")
    assert "winpopd" in page.refused()
    page.visit("domain/example.com")
    assert page.rows() == ["kim", "lee"]
