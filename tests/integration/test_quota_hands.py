"""Quotas and hands: links and files that somebody copies, replaces, breaks and removes while the service runs.

What a hand does counts from the mailbox's next delivery or from the next `winpop check /repair` (or pass of upkeep) on. Nothing is
lost by it, whatever it is, and mail that has room is taken.
"""
import concurrent.futures
import random
import shutil

import pytest

from fixtures.porter import Porter
from fixtures.quotasiege import count
from fixtures.waiting import wait_until
from fixtures.winpopd import DOMAIN, Winpopd, as_delivered

CLUB, KIM, LEE, MAX = (f"{name}@{DOMAIN}" for name in ("club", "kim", "lee", "max"))
LETTER = b"Subject: letter\r\n\r\n" + b"x" * 70 + b"\r\n"


def size(address, body=LETTER):
    return len(as_delivered(address, body))


def put(server, address, body=LETTER, options=""):
    """(code, text) of a delivery."""
    with server.lmtp() as lmtp:
        lmtp.mail(options=options)
        reply = lmtp.cmd(f"RCPT TO:<{address}>")
        return lmtp.data(body)[0] if reply[0] == 250 else reply


def takes(server, address, body=LETTER):
    code, text = put(server, address, body)
    assert code == 250, (address, code, text)


def refuses(server, address, body=LETTER):
    code, text = put(server, address, body)
    assert code == 552 and text.startswith("5.2.2"), (address, code, text)


def link(server, address, account):
    """By hand."""
    (server.box_dir(address) / "quota").write_text(f"account = {account}\n")


def copy_link(server, whose, *others):
    for other in others:
        shutil.copyfile(server.box_dir(whose) / "quota", server.box_dir(other) / "quota")


def unlink(server, address):
    (server.box_dir(address) / "quota").unlink()


def ledgers(server):
    return sorted((server.mailroot / ".quota").glob("*.ledger"))


@pytest.fixture
def office(make_server):
    """Three mailboxes."""
    server = make_server(quota_warn=0)
    for name in ("kim", "lee", "max"):
        server.mailbox(name, "pw")
    return server


@pytest.fixture
def porter(build, office):
    made = Porter(build, office.mailroot)
    yield made
    made.close()


def holds(server, porter, account, *members):
    assert porter.usage(account) == count(server, members), account


def repaired(server, build, account, *members):
    """After a check or two: what was settled in the very second in which a check began it has to believe."""
    looker = Porter(build, server.mailroot)

    def is_right():
        server.winpop_ok("check", "/repair")
        return looker.usage(account) == count(server, members)

    wait_until(is_right, why="the check does not set it right")
    looker.close()


def limit(server, account, messages):
    server.winpop_ok("setquota", account, f"/messages:{messages}")


def test_a_file_is_copied_into_mailboxes_that_hold_mail(office, porter):
    for address in (KIM, LEE, MAX):
        takes(office, address)
        takes(office, address)
    office.winpop_ok("createquotafile", KIM)
    limit(office, KIM, 9)
    copy_link(office, KIM, LEE, MAX)
    for address in (LEE, MAX, KIM):
        takes(office, address)
    holds(office, porter, KIM, KIM, LEE, MAX)
    for address in (LEE, MAX, KIM):
        refuses(office, address)
    assert count(office, [KIM, LEE, MAX])[1] == 9


def test_a_file_is_replaced_and_deleted(office, porter):
    office.winpop_ok("createquotafile", KIM)
    limit(office, KIM, 3)
    copy_link(office, KIM, LEE)
    takes(office, LEE)
    takes(office, LEE)
    takes(office, KIM)
    refuses(office, LEE)
    refuses(office, KIM)
    link(office, LEE, MAX)
    takes(office, LEE)
    holds(office, porter, MAX, LEE, MAX)
    holds(office, porter, KIM, KIM)
    takes(office, KIM)
    takes(office, KIM)
    refuses(office, KIM)
    unlink(office, LEE)
    takes(office, LEE)
    holds(office, porter, LEE, LEE)
    holds(office, porter, MAX, MAX)


def test_a_mailbox_is_removed(office, porter, build):
    """By the command there is room at once; by hand, once somebody has looked."""
    office.winpop_ok("createquotafile", KIM)
    copy_link(office, KIM, LEE, MAX)
    limit(office, KIM, 3)
    for address in (KIM, LEE, MAX):
        takes(office, address)
    refuses(office, KIM)
    office.winpop_ok("delete", LEE, "/y")
    holds(office, porter, KIM, KIM, MAX)
    takes(office, KIM)
    refuses(office, KIM)
    shutil.rmtree(office.box_dir(MAX))
    repaired(office, build, KIM, KIM)
    holds(office, porter, KIM, KIM)
    takes(office, KIM)
    refuses(office, KIM)


def test_a_mailbox_that_was_removed_comes_again(office, porter):
    """Under the same name, empty: what the former held counts no more."""
    office.winpop_ok("createquotafile", KIM)
    copy_link(office, KIM, LEE)
    limit(office, KIM, 2)
    takes(office, LEE)
    takes(office, LEE)
    refuses(office, KIM)
    for remove in (lambda: office.winpop_ok("delete", LEE, "/y"), lambda: shutil.rmtree(office.box_dir(LEE))):
        remove()
        office.winpop_ok("add", LEE, "/createuser", "pw")
        copy_link(office, KIM, LEE)
        takes(office, LEE)
        holds(office, porter, KIM, KIM, LEE)
        takes(office, LEE)
        refuses(office, KIM)


def test_a_domain_is_deleted(office, porter):
    """Its mailboxes counted against an account elsewhere."""
    office.winpop_ok("add", "other.example")
    guests = [f"guest{n}@other.example" for n in range(3)]
    office.winpop_ok("createquotafile", KIM)
    limit(office, KIM, 4)
    for guest in guests:
        office.winpop_ok("add", guest, "/createuser", "pw")
        copy_link(office, KIM, guest)
        takes(office, guest)
    takes(office, KIM)
    refuses(office, KIM)
    office.winpop_ok("delete", "other.example", "/y")
    holds(office, porter, KIM, KIM)
    takes(office, KIM)


@pytest.mark.parametrize("way", ["copy2", "copyfile"], ids=["as it was", "with new times"])
def test_a_mail_root_is_copied(office, porter, build, way):
    """The copy has a life of its own, and the original does not notice."""
    office.winpop_ok("createquotafile", KIM)
    copy_link(office, KIM, LEE)
    limit(office, KIM, 4)
    takes(office, KIM)
    takes(office, LEE)
    other = Winpopd(build, quota_warn=0, maps_socket="", key_file=office.settings["key_file"])
    try:
        shutil.copytree(office.mailroot, other.mailroot, copy_function=getattr(shutil, way))
        other.start()
        shutil.rmtree(other.box_dir(LEE))
        takes(other, KIM)
        repaired(other, build, KIM, KIM)
        takes(other, KIM)
        takes(other, KIM)
        refuses(other, KIM)
        takes(office, LEE)
        takes(office, KIM)
        refuses(office, LEE)
        holds(office, porter, KIM, KIM, LEE)
    finally:
        other.cleanup()


GARBAGE = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "noise": lambda path: path.write_bytes(random.Random(1).randbytes(path.stat().st_size)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2]),
    "one bit in the head": lambda path: flip(path, 100),
    "one bit further on": lambda path: flip(path, path.stat().st_size // 2),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "huge": lambda path: path.write_bytes(b"\xff" * (1 << 20)),
}


def flip(path, at):
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)


@pytest.mark.parametrize("damage", GARBAGE)
def test_a_ledger_is_damaged(office, porter, damage):
    """It is made again from the mailboxes; nobody's mail is refused for good or lost meanwhile."""
    office.winpop_ok("createquotafile", KIM)
    copy_link(office, KIM, LEE, MAX)
    limit(office, KIM, 8)
    for address in (KIM, LEE, MAX):
        takes(office, address)
    assert len(ledgers(office)) == 1
    GARBAGE[damage](ledgers(office)[0])
    for address in (KIM, LEE, MAX):
        assert put(office, address)[0] in (250, 450, 451, 452)
    if ledgers(office) and ledgers(office)[0].is_dir():
        ledgers(office)[0].rmdir()
    office.winpop("check", "/repair")
    holds(office, porter, KIM, KIM, LEE, MAX)
    while count(office, [KIM, LEE, MAX])[1] < 8:
        takes(office, MAX)
    for address in (KIM, LEE, MAX):
        refuses(office, address)


def test_an_account_is_written_in_another_case(office, porter):
    limit(office, KIM, 3)
    for address, text in ((KIM, "KIM@Example.COM"), (LEE, "Kim@EXAMPLE.com"), (MAX, KIM)):
        link(office, address, text)
        takes(office, address)
    holds(office, porter, KIM, KIM, LEE, MAX)
    for address in (KIM, LEE, MAX):
        refuses(office, address)


def test_two_hundred_mailboxes(make_server, build):
    """Of one account, used by many at once."""
    server = make_server(quota_warn=0)
    members = [f"m{n}@{DOMAIN}" for n in range(200)]
    for address in members:
        server.winpop_ok("add", address, "/createuser", "pw")
        link(server, address, CLUB)
    limit(server, CLUB, 500)
    codes = []
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for code, text in pool.map(lambda n: put(server, members[n * 7 % 200]), range(700)):
            codes.append(code)
            assert code in (250, 452, 451, 552), text
    assert count(server, members)[1] == codes.count(250) <= 500
    while put(server, members[0])[0] == 250:
        pass
    assert count(server, members)[1] == 500
    porter = Porter(build, server.mailroot)
    holds(server, porter, CLUB, *members)
    porter.close()


def test_a_limit_below_what_is_held(office, porter):
    office.winpop_ok("createquotafile", KIM)
    copy_link(office, KIM, LEE)
    for address in (KIM, LEE, KIM, LEE):
        takes(office, address)
    limit(office, KIM, 2)
    refuses(office, KIM)
    refuses(office, LEE)
    assert count(office, [KIM, LEE])[1] == 4
    for address, left in ((KIM, 3), (KIM, 2), (LEE, 1)):
        refuses(office, LEE)
        with office.session(address, "pw") as pop:
            pop.ok("DELE 1")
            pop.quit()
        assert count(office, [KIM, LEE])[1] == left
    takes(office, LEE)
    refuses(office, LEE)
    office.winpop_ok("setquota", KIM, size(KIM) * 3, "/messages:none")
    takes(office, KIM)
    refuses(office, KIM)
    office.winpop_ok("setquota", KIM, "none")
    takes(office, KIM)
