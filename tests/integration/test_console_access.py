"""The console's page with the eyes of somebody who sees little, or has no mouse.

Every view, menu and dialog is judged by axe-core (fixtures/axe.py), in light on a desk and in dark on a phone, signed out and signed in,
as an administrator of the server and of a domain. Whatever axe objects to is a failure, small things too, and so is what
nobody can decide. Chromium's own accessibility tree says whether all that groups others has a name, which no rule of axe's asks. Then the
way of Tab through each view, and everything by keyboard alone.
"""
import pytest
from selenium.webdriver.common.keys import Keys

from fixtures.axe import Axe, NoAxe, literal_of
from fixtures.browser import DESK, PHONE, SCRIPT
from fixtures.desk import BODY, CHIEF, DORA, KIM, LEE, browser_on, console, console_on, page, server  # noqa: F401
from test_console_page import state_of

SCHEME = {DESK: "light", PHONE: "dark"}
WINDOWS = pytest.mark.parametrize("window", [DESK, PHONE], ids=["desk", "phone"])
ON_A_PHONE = pytest.mark.parametrize("window", [PHONE], ids=["phone"])  # where there is less room for the same
OF_SERVER = ["computer", "properties", "statistics", "sessions", "quotas", "history", "migration", "check"]
OF_DOMAIN = ["domain/example.com", "domain/example.com/sessions", "domain/example.com/history", "domain/example.com/properties",
             f"mailbox/{KIM}", f"check/{KIM}"]
HIS_VIEWS = ["computer", "domain/example.com", "domain/example.com/sessions", f"mailbox/{KIM}", "check/example.com",
             "domain/second.example", "properties"]
GROUPS = {"tree", "menu", "dialog", "table", "navigation"}


class Eyes:
    """Looks at one state of the page after the other, and keeps what is wrong."""

    def __init__(self, browser, window):
        self.browser, self.window = browser, window
        self.axe = Axe(browser)
        self.found = {}

    def look(self, what):
        wrong = [f"no name: {role}" for role, name in self.browser.accessible() if role in GROUPS and not name.strip()]
        self.browser.choose_scheme(SCHEME[self.window])
        wrong += self.axe.findings()
        if self.browser.run("return document.documentElement.scrollWidth") > self.window[0]:
            wrong.append("wider than the window")
        self.note(what, *wrong)

    def note(self, what, *wrong):
        if wrong:
            self.found.setdefault(what, []).extend(wrong)


@pytest.fixture
def eyes_on():
    made = []

    def make(browser, window):
        browser.resize(window)
        made.append(Eyes(browser, window))
        return made[-1]
    yield make
    found = [f"{what}: {one}" for eyes in made for what, wrong in eyes.found.items() for one in wrong]
    assert not found, "\n".join(found)


@pytest.fixture
def furnished(server):
    """Something of everything to look at: mail, a limit that is reached, a lock, a hold."""
    server.deliver(KIM, BODY)
    server.winpop_ok("setquota", KIM, "1K")
    server.winpop_ok("lock", LEE)
    server.winpop_ok("hold", LEE)
    return server


# ---- axe-core ----

@WINDOWS
def test_signing_in(console, browser_on, eyes_on, window):
    browser = browser_on(console)
    eyes = eyes_on(browser, window)
    browser.open()
    browser.field("Password")
    eyes.look("sign-in")
    browser.sign_in(CHIEF, "wrong")
    browser.refused()
    eyes.look("sign-in refused")


@WINDOWS
@pytest.mark.parametrize("views", [OF_SERVER, OF_DOMAIN], ids=["server", "domain"])
def test_every_view(page, furnished, eyes_on, window, views):
    eyes = eyes_on(page, window)
    with furnished.session(CHIEF, f"pw of {CHIEF}"), furnished.session(KIM, f"pw of {KIM}"):
        for view in views:
            page.visit(view)
            eyes.look(view)


@ON_A_PHONE
def test_what_views_tell(page, furnished, eyes_on, window):
    """Notices, empty lists, everything unfolded, what was found."""
    eyes = eyes_on(page, window)
    page.visit("domain/example.com")
    page.fill("Search mailboxes", "nobody")
    page.wait(lambda: "Nothing matches" in page.text("main"))
    eyes.look("nothing matches")
    page.press("Lock")
    page.done("example.com is locked.")
    eyes.look("done")
    page.visit("domain/nowhere.example")
    page.refused()
    eyes.look("a view that is refused")
    page.visit("properties")
    page.run("for (const group of document.querySelectorAll('details')) group.open = true")
    eyes.look("all settings")
    page.fill("Server port", "99999")
    page.press("Save")
    page.refused()
    eyes.look("a setting refused")
    page.press("Discard")
    page.wait_calm()
    page.fill("socketmax", "77")
    page.press("Save")
    page.wait(lambda: "Saved: 1 setting." in page.text("[role=status]"))
    eyes.look("a setting saved")
    (furnished.box_dir(KIM) / "quota").write_text("nonsense")
    page.visit("check")
    page.press("Check")
    page.wait(lambda: page.all(".report table"))
    eyes.look("problems found")
    if window == PHONE:
        page.press("Menu")
    eyes.look("the tree")


@ON_A_PHONE
def test_every_menu(page, eyes_on, window):
    eyes = eyes_on(page, window)
    for place, name in (("computer", "example.com"), ("domain/example.com", KIM)):
        page.visit(place)
        page.button(f"Actions for {name}").click()
        eyes.look(f"menu of {name}")
        page.keys(Keys.ESCAPE)
    page.visit("computer")
    page.button("Actions for example.com").click()
    page.choose("New")
    eyes.look("menu in a menu")


DIALOGS = [("computer", "New", "Domain"), ("domain/example.com", "New", "Mailbox"), ("domain/example.com", "End sessions"),
           ("domain/example.com", "Expiry"), ("domain/example.com", "Delete"),
           *[(f"mailbox/{KIM}", opener) for opener in ("End sessions", "Change password", "Quota", "Quota account", "Delete")],
           ("migration", "Migrate"), ("migration", "Undo")]


@ON_A_PHONE
def test_every_dialog(page, eyes_on, window):
    """Each keeps the focus, also with Tab, and Escape leaves it and gives the focus back."""
    eyes = eyes_on(page, window)
    for place, opener, *choice in DIALOGS:
        what = " ".join((place, opener, *choice))
        page.visit(place)
        page.press(opener)
        page.choose(*choice)
        page.wait(page.dialog, f"no dialog: {what}")
        eyes.look(what)
        for _ in range(12):
            page.keys(Keys.TAB)
            if not page.run("return document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))"):
                eyes.note(what, "the focus leaves it")
        page.keys(Keys.ESCAPE)
        page.wait(lambda: not page.dialog(), "Escape does not leave it")
        if page.active().text != opener:
            eyes.note(what, f"the focus is on {page.active().tag_name} {page.active().text!r} afterwards")


@WINDOWS
def test_dialogs_that_complain(page, eyes_on, window):
    eyes = eyes_on(page, window)
    page.visit(f"mailbox/{KIM}")
    page.press("Quota")
    page.fill("Size", "lots")
    page.press("Set quota")
    page.refused()
    eyes.look("a dialog that was refused")
    page.keys(Keys.ESCAPE)
    page.run("const now = Date.now; Date.now = () => now() + 870000")
    page.button("Stay signed in")
    eyes.look("the session is about to end")
    page.run("const now = Date.now; Date.now = () => now() + 900000")
    page.field("Password")
    eyes.look("the session has ended")


@WINDOWS
def test_what_a_delegate_sees(console, browser_on, furnished, eyes_on, window):
    page = browser_on(console).signed_in(DORA, f"pw of {DORA}")
    eyes = eyes_on(page, window)
    for view in HIS_VIEWS:
        page.visit(view)
        eyes.look(view)
    page.visit("domain/example.com")
    page.button(f"Actions for {KIM}").click()
    eyes.look("menu of a mailbox")
    page.choose("Quota")
    eyes.look("a dialog")


BROKEN = {
    "label": "document.querySelector('input[name=match]').labels[0].remove()",
    "color-contrast": "document.querySelector('.who').style.color = '#ccc'",
    "button-name": "for (const name of ['aria-label', 'title']) document.querySelector('.more').removeAttribute(name)",
    "html-has-lang": "document.documentElement.removeAttribute('lang')",
    "aria-required-attr": "document.querySelector('.page-told').setAttribute('role', 'slider')",
    "aria-hidden-focus": "document.querySelector('header').setAttribute('aria-hidden', 'true')",
    "aria-valid-attr-value": "document.querySelector('[role=treeitem]').setAttribute('aria-selected', 'perhaps')",
    "target-size": "document.querySelector('.tools').style.gap = 0; for (const button of document.querySelectorAll('.tools button')) "
                   "button.style.cssText = 'min-height: 0; height: 8px; width: 8px; padding: 0; border: 0; overflow: hidden'",
}


def test_axe_can_object(page):
    """What is broken on purpose is found, and is no small thing; before and after it all is well."""
    axe = Axe(page)
    page.visit("domain/example.com")
    for rule, breaking in BROKEN.items():
        assert axe.findings() == []
        page.run(breaking)
        assert rule in {name for impact, name, _, _ in axe.findings() if impact in ("serious", "critical")}
        page.driver.refresh()
        page.row("kim")
        page.wait_calm()
    assert axe.findings() == []


def test_a_chromium_without_axe():
    """Another Chromium may carry it otherwise: then it is said, and nothing passes."""
    assert literal_of("before=`/*! axe v9 \\` it's */`;after`") == "`/*! axe v9 \\` it's */`"
    for bundle in ("", "axe.run()", "a=`/*! axe v9 that never ends"):
        with pytest.raises(NoAxe, match="fixtures/axe.py"):
            literal_of(bundle)


# ---- without a mouse ----

def faults_of_tab(page):
    stops = page.tab_round()
    numbers = [number for number, _, _ in stops]
    first = numbers.index(min(numbers))
    wanted = page.run(f"{SCRIPT}\nreturn stops();")
    found = [f"not to be seen: {name}" for _, seen, name in stops if not seen]
    if numbers[first:] + numbers[:first] != sorted(numbers):
        found.append(f"not in the order of the page: {stops}")
    return found + [f"Tab passes by {number}" for number in sorted(set(wanted) - set(numbers))]


def test_tab_goes_through_every_view(page, furnished):
    found = {}
    for view in OF_SERVER + OF_DOMAIN:
        page.visit(view)
        found[view] = faults_of_tab(page)
    assert not {view: wrong for view, wrong in found.items() if wrong}


def test_keyboard_alone(page, server):
    """From the tree into a menu and back, a dialog, a row's menu."""
    page.run("document.querySelector('[role=treeitem][tabindex=\"0\"]').focus()")
    page.keys(Keys.HOME)
    assert page.active().text == "winpop"
    page.keys(Keys.ARROW_LEFT)
    assert len(page.all("[role=treeitem]")) == 1
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.active().text == "example.com"
    page.keys(Keys.ENTER)
    page.wait(lambda: page.heading() == "example.com")
    page.wait_calm()
    page.menu_key()
    page.keys(Keys.ARROW_DOWN)
    assert page.active().text == "Lock"
    page.keys(Keys.ESCAPE)
    assert page.active().text == "example.com", "the focus goes back"
    page.menu_key()
    page.keys(Keys.ARROW_RIGHT)
    assert page.active().text == "Mailbox"
    page.keys(Keys.ARROW_LEFT)
    assert (page.active().text, page.active().get_attribute("aria-expanded")) == ("New", "false")
    page.keys(Keys.ESCAPE)
    page.menu_key()
    page.keys("d")
    assert page.active().text == "Delete"
    page.keys(Keys.ENTER)
    assert page.active().text == "Cancel"
    page.keys(Keys.ENTER)
    page.wait(lambda: not page.dialog())
    assert page.active().text == "example.com"
    page.run("document.querySelector('.row-name').focus()")
    page.keys(Keys.ARROW_DOWN)
    assert page.active().text == "lee"
    page.menu_key()
    page.keys(Keys.ENTER)
    page.done(f"{LEE} is locked.")
    assert page.active().text == "lee", "the focus stays where it was"
    assert state_of(server, "example.com")[LEE] == "locked"
