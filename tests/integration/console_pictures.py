"""Takes the pictures of the console that the documentation shows; no test, and in no run of them:

WINPOP_BUILD=BUILD python3 -m pytest tests/integration/console_pictures.py
"""
import pathlib
import time

from fixtures.browser import PHONE
from fixtures.desk import BODY, CHIEF, LEE, browser_on, console, console_on, server  # noqa: F401

TO = pathlib.Path(__file__).parents[2] / "admin/console/screens"
PEOPLE = ("ada", "ben", "cleo", "dan", "eve", "fay", "gus")
BUSY_S = 45
DESK = (1080, 660)
PICTURES = [("domain", "light", DESK, "domain/example.com"), ("properties", "light", DESK, "properties"),
            ("statistics", "dark", DESK, "statistics"), ("phone", "dark", PHONE, "domain/example.com")]


def furnish(server):
    for n, local in enumerate(PEOPLE):
        address = f"{local}@example.com"
        server.winpop_ok("add", address, "/createuser", "pw")
        server.deliver(address, *[BODY + b"x" * 70 * (n + 1) + b"\r\n"] * (3 * n))
        server.winpop_ok("setquota", address, f"{1 + 2 * n}K")
    server.winpop_ok("lock", "ben@example.com")
    server.winpop_ok("hold", "dan@example.com")


def be_busy(server):
    """For charts that show something."""
    end = time.monotonic() + BUSY_S
    while time.monotonic() < end:
        for n in range(1 + int(time.monotonic()) % 7):
            server.messages("gus@example.com", "pw")
            server.deliver(LEE, BODY)


def test_pictures(console, server, browser_on):  # noqa: F811
    TO.mkdir(exist_ok=True)
    furnish(server)
    for name, scheme, window, place in PICTURES:
        page = browser_on(console, scheme=scheme, window=window).signed_in(CHIEF, f"pw of {CHIEF}")
        page.visit(place)
        if name == "domain":
            page.right_click(page.row("cleo"))
        if name == "statistics":
            be_busy(server)
        page.picture(TO / f"{name}.png")
