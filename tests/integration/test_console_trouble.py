"""The console's page when something is wrong: with the server, with the way to it, with what it answers, or with who sits before it.

Where the trouble is one of moments, the answers are held back, lost or exchanged between page and server (Browser.between).
"""
import subprocess

from selenium.webdriver.common.keys import Keys

from fixtures.browser import PHONE
from fixtures.desk import CHIEF, DORA, KIM, LEE, browser_on, console, console_on, page, server  # noqa: F401
from test_console_page import state_of

CSRF = "(await (await fetch('/api/v1/session')).json()).csrf"
SIGN_OUT = f"""return (async () => (await fetch('/api/v1/sign-out', {{ method: 'POST', body: '{{}}',
    headers: {{ 'Content-Type': 'application/json', 'X-Winpop-CSRF': {CSRF} }} }})).status)()"""


# ---- answers that are late, lost, or not what they should be ----

def test_an_old_answer_is_not_shown(page):
    """What was typed first is answered last, or not at all: what was typed since stays."""
    page.visit("domain/example.com")
    for first in ("await late(1200); return go();", "await late(1200); throw new TypeError('lost');"):
        page.between("/commands/stat", "async (go, number) => { if (number === 1) { %s } return go(); }" % first)
        page.fill("Search mailboxes", "ki")
        page.wait(lambda: len(page.seen("asked")) == 1)
        page.fill("Search mailboxes", "lee")
        page.wait(lambda: page.rows() == ["lee"])
        page.wait(lambda: page.seen("flying") == 0)
        page.wait_calm()
        assert page.rows() == ["lee"] and not page.all(".notice.bad")
        assert page.seen("most") == 1, "two questions at a time"
        page.driver.refresh()
        page.row("kim")


def test_the_filter_of_domains(page, server):
    """The same in the tree, which has a filter once there are many domains."""
    for n in range(120):
        (server.mailroot / f"d{n:03}.example").mkdir(mode=0o700)
    page.press("Refresh")
    page.tree("More domains").click()
    page.wait(lambda: len(page.all("[role=treeitem]")) > 120)
    page.between("/commands/list", "async (go, number) => { if (number === 1) await late(1200); return go(); }")
    page.fill("Filter domains", "d0")
    page.wait(lambda: page.seen("asked"))
    page.fill("Filter domains", "d119")
    page.wait(lambda: page.seen("flying") == 0 and len(page.seen("asked")) == 2)
    page.wait_calm()
    names = page.run("return [...document.querySelectorAll('[role=treeitem].level-3 .name')].map((name) => name.textContent)")
    assert names == ["d119.example"] and page.seen("most") == 1


def test_next_twice(page, server):
    """A second click before the page has come leads no further, and does not spoil the way back."""
    for n in range(230):
        (server.mailroot / "second.example" / f"P3_user{n:03}.mbx").mkdir(mode=0o700)
    page.visit("domain/second.example")
    page.between("/commands/stat", "async (go) => { await late(300); return go(); }")
    forth = page.button("Next")
    page.run("arguments[0].click(); arguments[0].click()", forth)
    page.wait(lambda: page.rows()[0] == "user100")
    page.press("Previous")
    page.wait(lambda: page.rows()[0] == "user000")
    for first in ("user100", "user200"):
        page.press("Next")
        page.wait(lambda: page.rows()[0] == first)
    assert page.active().text == "Previous", "there is no next page that the focus could lead to"


def test_the_last_row_of_the_last_page(page, server):
    """When it is deleted, the page before is shown, and not that there is nothing."""
    for n in range(100):
        (server.mailroot / "second.example" / f"P3_user{n:03}.mbx").mkdir(mode=0o700)
    server.winpop_ok("add", "zoe@second.example", "/createuser", "pw")
    page.visit("domain/second.example")
    page.press("Next")
    page.wait(lambda: page.rows() == ["zoe"])
    page.right_click(page.row("zoe"))
    page.choose("Delete")
    page.press("Delete mailbox")
    page.done("The mailbox zoe@second.example is deleted.")
    assert len(page.rows()) == 100


def test_done_in_part(page):
    """Is not called done; what was and what was not stands there, in the dialog or above the view."""
    page.visit("domain/example.com")
    part = {"ok": "false", "text": "['the mailbox is gone']", "error": "{ class: 'temp', text: 'its account is still there', hint: 'once more' }"}
    page.between("/commands/", "async (go, number, { arguments: [name] }) => name === '%s' && number === 1 ? answer(207, {%s}) : go()" % (
        LEE, ", ".join(f"{key}: {value}" for key, value in part.items())))
    page.right_click(page.row("lee"))
    page.choose("Lock")
    told = page.refused()
    assert all(words in told for words in ("its account is still there", "once more", "the mailbox is gone"))
    assert "is locked" not in page.text("main")
    page.run("window.seen.asked.length = 0")
    page.right_click(page.row("lee"))
    page.choose("Delete")
    page.press("Delete mailbox")
    assert "its account is still there" in page.refused()
    assert page.dialog() and "is deleted" not in page.text("body")


def test_a_refusal_after_the_dialog_was_left(page):
    """Escape does not call back what was sent: how it ended is told all the same."""
    page.visit(f"mailbox/{KIM}")
    page.between("/commands/setquota", "async (go, number, { arguments: words }) => { if (words[1]) await late(500); return go(); }")
    page.press("Quota")
    page.fill("Size", "lots")
    page.press("Set quota")
    page.keys(Keys.ESCAPE)
    page.wait(lambda: not page.dialog())
    assert "lots" in page.refused()


def test_an_answer_that_makes_no_sense(page):
    """A fault of the page itself is told to who sees it, and is in the browser's console."""
    page.between("/commands/get", "async () => answer(200, null)")
    page.visit("properties")
    assert "This page has a fault" in page.refused()
    assert page.said(), "where it was"
    page.visit("computer")
    assert page.rows() == ["example.com", "office.example", "second.example"]


def test_polls_do_not_multiply(page):
    """Statistics looked away from and at again while an answer is under way are asked for as often as before."""
    page.between("/commands/status", "async (go) => { await late(200); return go(); }")
    page.visit("statistics")
    page.run("""document.dispatchEvent(new Event('visibilitychange')); document.dispatchEvent(new Event('visibilitychange'));
             window.seen.asked.length = 0""")
    page.wait(lambda: len(page.seen("asked")) >= 3)
    times = [question["at"] for question in page.seen("asked")]
    assert min(later - earlier for earlier, later in zip(times, times[1:])) > 1500


def test_the_command_line_that_is_shown(page, server):
    """Can be pasted into a shell, whatever the name."""
    name = "o'neil&co@second.example"
    server.winpop_ok("add", name, "/createuser", "pw")
    page.visit("domain/second.example")
    page.right_click(page.row("o'neil&co"))
    page.choose("Lock")
    page.done("is locked")
    shown = page.text(".notice code")
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {shown}"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words == ["winpop", "lock", name]


# ---- sessions that end, others that go on ----

def test_the_session_ends_in_the_middle_of_a_dialog(page, server):
    """Somebody signed out elsewhere: the sign-in is all there is, and leads back to where one was."""
    page.visit("domain/example.com")
    page.press("New")
    page.choose("Mailbox")
    page.fill("Mailbox name", "mia")
    page.fill("Password", "pw of mia")
    page.fill("Confirm password", "pw of mia")
    assert page.run(SIGN_OUT) == 200
    page.press("Create")
    page.wait(lambda: page.all("main.sign-in"))
    assert "The session has ended. Sign in again." in page.text("main") and not page.all("dialog")
    page.fill("Name", CHIEF)
    page.fill("Password", f"pw of {CHIEF}")
    page.press("Sign in")
    page.wait(lambda: page.all("[role=tree]") and page.heading() == "example.com")
    assert "mia@example.com" not in state_of(server, "example.com")


def test_two_windows(page):
    """One that nobody touches does not end the session that somebody works in by the other."""
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open()
    page.row("example.com")
    page.run("const now = Date.now; Date.now = () => now() + 880000")
    page.press("Refresh")
    page.wait_calm()
    page.driver.switch_to.window(first)
    page.run("const now = Date.now; window.looks = 0; Date.now = () => { window.looks += 1; return now() + 890000; }")
    page.wait(lambda: page.run("return window.looks") >= 2)
    assert page.all("[role=tree]") and not page.dialog()


def test_another_signs_in_by_the_other_window(page):
    """The first can no longer change anything in that one's name."""
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.open()
    page.row("example.com")
    page.press("Sign out")
    page.fill("Name", DORA)
    page.fill("Password", f"pw of {DORA}")
    page.press("Sign in")
    page.wait(lambda: page.all("[role=tree]"))
    page.driver.switch_to.window(first)
    page.press("Refresh")
    page.refused()


def test_escape_means_staying(page):
    page.run("const now = Date.now; window.skipped = 0; Date.now = () => now() + window.skipped")
    page.between("/session", "(go) => go()")
    page.run("window.skipped = 870000")
    page.button("Stay signed in")
    page.keys(Keys.ESCAPE)
    page.wait(lambda: not page.dialog())
    page.wait(lambda: page.seen("asked"), "the server was not told")


# ---- where one is changes below what is open ----

def test_back_closes_what_is_open(page):
    """A menu and a dialog belong to what was shown when they were opened."""
    page.visit("domain/example.com")
    page.visit(f"mailbox/{KIM}")
    page.press("Delete")
    page.wait(page.dialog)
    page.driver.back()
    page.wait(lambda: page.heading() == "example.com" and not page.dialog())
    page.wait_calm()
    page.button(f"Actions for {KIM}").click()
    page.named("[role=menuitem]", "Delete")
    page.driver.back()
    page.wait(lambda: page.heading() != "example.com")
    assert not page.all("[role=menu]")


def test_the_focus_after_a_dialog_that_did_something(page):
    """Is again on what it was opened from, though all of it was made anew; in the tree too."""
    page.visit("domain/example.com")
    page.run("document.querySelector('[aria-selected=true]').focus()")
    page.menu_key()
    page.keys("e")
    page.named("[role=menuitem]", "Expiry")
    page.choose("Expiry")
    page.fill("Days", "30")
    page.press("Set expiry")
    page.done("The expiry of example.com is set.")
    page.wait(lambda: page.active().get_attribute("role") == "treeitem")
    assert page.active().text == "example.com"


def test_a_job_of_a_console_that_is_away(page, server):
    """A console that is away for a moment loses no job that runs."""
    page.visit("check")
    page.between("/jobs/", "async (go, number) => { if (number < 3) throw new TypeError('away'); return go(); }")
    page.press("Check")
    page.wait(lambda: "asking again" in page.text("main"))
    page.wait(lambda: "0 problems" in page.text(".report"))


def test_a_report_is_found_again(page):
    """What ended while nobody looked."""
    page.visit("check")
    page.press("Check")
    page.wait(lambda: "0 problems" in page.text(".report"))
    page.visit("computer")
    page.visit("check")
    told = page.text(".report")
    assert "0 problems" in told and f"by {CHIEF}" in told


def test_no_answer_at_all(page):
    """When the page is loaded: it can be tried again."""
    page.command("Network.enable")
    page.command("Network.setBlockedURLs", urls=["*/api/v1/session"])
    page.driver.refresh()
    assert "does not answer" in page.refused()
    page.command("Network.setBlockedURLs", urls=[])
    page.press("Try again")
    page.row("example.com")


def test_settings_that_were_not_saved(page):
    """Are there again when one comes back, and gone when they are discarded."""
    page.visit("properties")
    was = page.field("socketmax").get_attribute("value")
    page.fill("socketmax", "77")
    page.tick("Local accounts")
    page.visit("computer")
    page.visit("properties")
    assert page.field("socketmax").get_attribute("value") == "77" and page.field("Local accounts").is_selected()
    assert "2 changes" in page.text(".save-bar")
    page.press("Discard")
    page.wait(lambda: page.field("socketmax").get_attribute("value") == was)
    assert page.field("Encrypted password file").is_selected() and not page.button("Save").is_enabled()


def test_the_focus_when_what_has_it_is_disabled(page):
    """Saved, checked: Tab goes on from there, not from the top."""
    page.visit("properties")
    page.fill("socketmax", "77")
    page.press("Save")
    page.wait(lambda: "Saved: 1 setting." in page.text("[role=status]"))
    assert page.active().accessible_name == "socketmax"
    page.visit("check")
    page.press("Check")
    page.wait(lambda: "0 problems" in page.text(".report"))
    page.wait(lambda: page.active().text == "Check")


def test_the_focus_on_a_phone(page):
    """The tree folds away once one has gone by it: the heading is what comes next."""
    page.resize(PHONE)
    page.press("Menu")
    page.tree("History").click()
    page.wait(lambda: page.heading() == "History")
    page.wait_calm()
    assert page.active().tag_name == "h1"
