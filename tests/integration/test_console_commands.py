"""What an administrator looks at while the service runs: who is on, a mailbox's messages, what was done, pages of a large domain,
and the live view on a terminal.
"""
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

from fixtures.waiting import PATIENCE, wait_until
from fixtures.wire import Pop, sign_in_scram

BODY = b"Subject: quite secret\r\n\r\nnobody's business\r\n"


def asked(server, *args):
    result = server.winpop(*args, "--json")
    assert result.code == 0, result
    return json.loads(result.out)


def refused(server, code, *args):
    result = server.winpop(*args, "--json")
    assert result.code == code, result
    return json.loads(result.out)["error"]["text"]


@pytest.fixture
def admin(make_server):
    server = make_server(tls=True)
    server.mailbox()
    return server


# ---- who ----

def on(server, *args):
    return {row["mailbox"]: row for row in asked(server, "who", *args)["sessions"]}


def test_who_tells_of_each_session(admin, tls):
    lee = admin.mailbox("lee", "pw-lee")
    admin.winpop_ok("add", "example.org")
    admin.winpop_ok("add", "kim@example.org", "/createuser", "pw")
    assert asked(admin, "who")["sessions"] == []
    admin.deliver("kim@example.com", BODY, BODY)
    with admin.session("kim@example.com") as kim, Pop(admin.tls_port, tls=tls) as over_tls, \
            admin.session("kim@example.org", "pw"), admin.pop():
        sign_in_scram(over_tls, "SCRAM-SHA-256", lee, "pw-lee")
        kim.multi("RETR 1")
        kim.ok("DELE 1")
        rows = on(admin)
        assert set(rows) == {"kim@example.com", lee, "kim@example.org", "-"}
        row = rows["kim@example.com"]
        assert (row["peer"], row["tls"], row["mechanism"]) == ("127.0.0.1", "no", "USER")
        assert (row["retrieved"], row["deleted"]) == (1, 1) and row["octets"] > len(BODY)
        assert row["idle"] <= row["seconds"] <= 60
        assert admin.events("signin", sid=row["sid"], account="kim@example.com")
        assert rows[lee]["tls"] == "yes" and rows[lee]["mechanism"] == "SCRAM-SHA-256"
        assert rows["-"]["mechanism"] == "-"
        assert set(on(admin, "example.com")) == {"kim@example.com", lee}
        assert set(on(admin, lee.upper())) == {lee}
        assert on(admin, "nobody@example.com") == {}
    wait_until(lambda: not on(admin), why="sessions that have ended are listed")
    assert not admin.events("admin", command="who"), "looking is not audited"


def test_who_in_pages(admin):
    """Each session is there once, whatever the size of a page and however many come and go meanwhile."""
    many = [admin.pop() for _ in range(60)]
    whole = {row["sid"] for row in asked(admin, "who")["sessions"]}
    assert len(whole) == 60
    for size in (1, 7, 60, 100):
        seen, more = [], []
        while True:
            page = asked(admin, "who", "/limit", size, *more)
            seen += [row["sid"] for row in page["sessions"]]
            assert len(page["sessions"]) <= size
            if "more" not in page:
                break
            more = ["/from", page["more"]]
        assert sorted(seen) == sorted(whole)
    for one in many[::2]:
        one.close()
    wait_until(lambda: len(asked(admin, "who")["sessions"]) == 30, why="thirty have left")
    for bad in ("x", "1", "1.2.3", "-1.0x", "9" * 40):
        refused(admin, 2, "who", "/from", bad)
    assert asked(admin, "who", "/from", "31.0")["sessions"] == []


def test_who_counts_the_others(admin):
    with admin.lmtp():
        wait_until(lambda: asked(admin, "who")["lmtp_sessions"] == 1, why="an LMTP connection")
    assert asked(admin, "who")["mta_sessions"] == 0


def test_who_without_a_service(admin):
    admin.stop()
    assert "not running" in refused(admin, 4, "who")


def test_who_while_sessions_come_and_go(admin):
    """Looks and sessions do not get into each other's way; the sanitizer builds see to the rest."""
    admin.deliver("kim@example.com", BODY)
    looking = [subprocess.Popen(["/bin/sh", "-c", f"for i in 1 2 3 4 5 6 7 8; do '{admin.tool}' --config '{admin.conf}' who --json "
                                 ">/dev/null || exit 1; done"], env=admin.environment()) for _ in range(2)]
    while any(p.poll() is None for p in looking):
        with admin.session("kim@example.com") as kim:
            kim.multi("RETR 1")
            kim.ok("QUIT")
        admin.pop().vanish()
    assert [p.returncode for p in looking] == [0, 0]


def seen_by(server, build, domains, *args, by="pat@example.com"):
    """What somebody who administers these domains alone is told, by a front end other than the shell."""
    done = subprocess.run([build / "tests/unit/admin/delegate", domains, *args, "--json"], capture_output=True, text=True, timeout=PATIENCE,
                          env={**server.environment(), "WINPOP_CONFIG": str(server.conf), "DELEGATE_NAME": by})
    return json.loads(done.stdout), done.stderr.splitlines()[-1]


def test_a_delegate_sees_his_domains_alone(admin, build):
    admin.winpop_ok("add", "example.org")
    admin.winpop_ok("add", "lee@example.org", "/createuser", "pw")
    with admin.session("kim@example.com"), admin.session("lee@example.org", "pw"), admin.pop():
        answer, _ = seen_by(admin, build, "example.org", "who")
        assert [r["mailbox"] for r in answer["sessions"]] == ["lee@example.org"]
        assert "lmtp_sessions" not in answer
        assert len(seen_by(admin, build, "example.org", "who", "/limit", "1")[0]["sessions"]) == 1
        assert len(seen_by(admin, build, "*", "who")[0]["sessions"]) == 3
        for who in ("example.com", "kim@example.com"):
            assert seen_by(admin, build, "example.org", "who", who)[1] == "denied"
    assert seen_by(admin, build, "example.org", "messages", "kim@example.com")[1] == "denied"
    assert seen_by(admin, build, "example.org", "messages", "lee@example.org")[0]["total"] == 0
    admin.winpop_ok("lock", "kim@example.com")
    admin.winpop_ok("set", "logging", "3")
    answer, _ = seen_by(admin, build, "example.org", "history")
    assert {r["target"] for r in answer["actions"]} == {"example.org", "lee@example.org"}
    assert seen_by(admin, build, "example.org", "history", "example.com")[1] == "denied"
    seen_by(admin, build, "example.org", "lock", "lee@example.org")
    last = seen_by(admin, build, "example.org", "history", "/limit", "1")[0]["actions"][0]
    assert (last["who"], last["from"], last["command"]) == ("pat@example.com", "192.0.2.7", "lock"), "what he did himself"
    seen_by(admin, build, "*", "unlock", "lee@example.org", by="boss@example.com")
    last = seen_by(admin, build, "example.org", "history", "/limit", "1")[0]["actions"][0]
    assert (last["who"], last["from"], last["command"]) == ("elsewhere", "elsewhere", "unlock"), "who else did it"
    assert [r["who"] for r in asked(admin, "history")["actions"][:2]] == ["boss@example.com", "pat@example.com"]
    assert [r["domain"] for r in seen_by(admin, build, "example.org", "list", "/limit", "5")[0]["domains"]] == ["example.org"]
    assert seen_by(admin, build, "example.org", "list", "example.com", "/limit", "5")[1] == "denied"
    assert seen_by(admin, build, "*", "status", "/watch")[1] == "denied"


# ---- messages ----

def test_messages_of_a_mailbox_in_use(admin):
    admin.winpop_ok("setexpire", "example.com", "30")
    admin.deliver("kim@example.com", BODY, BODY + b"more\r\n", BODY)
    with admin.session("kim@example.com") as kim:
        kim.multi("RETR 1")
        kim.ok("QUIT")
    with admin.session("kim@example.com") as kim:
        uidl = [line.split()[1] for line in kim.lines("UIDL")]
        sizes = [size for _, size in kim.list()]
        answer = asked(admin, "messages", "kim@example.com")
        rows = answer["messages"]
        assert [r["number"] for r in rows] == [1, 2, 3] and answer["total"] == 3
        assert [r["uidl"] for r in rows] == uidl
        assert [r["size"] for r in rows] == sizes and answer["octets"] == sum(sizes)
        assert [r["fetched"] for r in rows] == ["yes", "no", "no"]
        assert all(re.fullmatch(r"2\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ", r["date"]) for r in rows)
        kim.ok("NOOP")
    for shown in (admin.winpop_ok("messages", "kim@example.com"), json.dumps(answer)):
        assert "secret" not in shown and "business" not in shown


def test_nobody_knows_what_was_fetched_where_mail_does_not_expire(admin):
    """Then it is not remembered either: a session that only reads writes nothing."""
    admin.deliver("kim@example.com", BODY)
    with admin.session("kim@example.com") as kim:
        kim.multi("RETR 1")
        kim.ok("QUIT")
    assert [r["fetched"] for r in asked(admin, "messages", "kim@example.com")["messages"]] == ["-"]


def test_messages_in_pages(admin):
    admin.deliver("kim@example.com", *[BODY] * 10)
    page = asked(admin, "messages", "kim@example.com", "/from", 4, "/limit", 3)
    assert [r["number"] for r in page["messages"]] == [4, 5, 6]
    assert (page["total"], page["more"]) == (10, 7)
    last = asked(admin, "messages", "kim@example.com", "/from", 8, "/limit", 3)
    assert [r["number"] for r in last["messages"]] == [8, 9, 10] and "more" not in last
    beyond = asked(admin, "messages", "kim@example.com", "/from", 11)
    assert beyond["messages"] == [] and beyond["total"] == 10
    for bad in (["/from", "0"], ["/from", "x"], ["/limit", "0"], ["/limit", "10001"]):
        refused(admin, 2, "messages", "kim@example.com", *bad)
    refused(admin, 1, "messages", "nobody@example.com")
    refused(admin, 2, "messages", "example.com")
    admin.stop()
    assert asked(admin, "messages", "kim@example.com")["total"] == 10


# ---- history ----

def test_history_tells_what_was_done(admin):
    for words in (["lock", "kim@example.com"], ["unlock", "kim@example.com"], ["list"], ["changepwd", "kim@example.com", "S3cretWord"]):
        admin.winpop_ok(*words)
    admin.winpop("delete", "nobody@example.com")
    admin.winpop_ok("add", "example.org")
    rows = asked(admin, "history")["actions"]
    assert [(r["command"], r["target"], r["result"]) for r in rows[:5]] == [
        ("add", "example.org", "ok"), ("delete", "nobody@example.com", "absent"), ("changepwd", "kim@example.com", "ok"),
        ("unlock", "kim@example.com", "ok"), ("lock", "kim@example.com", "ok")]
    assert rows[0]["from"] == "shell" and rows[0]["who"] and "nobody" in rows[1]["text"]
    assert "list" not in {r["command"] for r in rows}
    assert "S3cretWord" not in json.dumps(rows) and "S3cretWord" not in (admin.mailroot / ".history").read_text()
    assert [r["target"] for r in asked(admin, "history", "example.org")["actions"]] == ["example.org"]
    assert {r["target"] for r in asked(admin, "history", "kim@example.com")["actions"]} == {"kim@example.com"}
    assert {r["target"] for r in asked(admin, "history", "example.com")["actions"]} > {"kim@example.com", "nobody@example.com"}


def test_history_in_pages(admin):
    for _ in range(6):
        admin.winpop_ok("lock", "kim@example.com")
    whole = [r["time"] for r in asked(admin, "history")["actions"]]
    seen, more = [], []
    while True:
        page = asked(admin, "history", "/limit", 2, *more)
        seen += [r["time"] for r in page["actions"]]
        if "more" not in page:
            break
        more = ["/before", page["more"]]
        admin.winpop_ok("lock", "kim@example.com")
    assert seen == whole
    assert asked(admin, "history", "/before", "2020-01-01")["actions"] == []
    refused(admin, 2, "history", "/before", "yesterday")
    refused(admin, 1, "history", "/before", "c1.1")


def test_history_belongs_to_the_service(make_server):
    server = make_server(start=False)
    server.mailbox()
    os.chown(server.mailroot, 65534, 65534)
    subprocess.run(["chown", "-R", "65534:65534", server.mailroot, server.settings["key_file"]], check=True)
    (server.mailroot / ".history").unlink(missing_ok=True)
    server.home.chmod(0o755)
    server.write_conf(user="nobody", group="nogroup")
    server.winpop_ok("lock", "kim@example.com")
    server.winpop_ok("set", "logging", "2")
    found = (server.mailroot / ".history").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (65534, 65534, 0o640)
    assert [r["command"] for r in asked(server, "history")["actions"]][:2] == ["set", "lock"]


# ---- pages of a domain ----

def names(rows, key="mailbox"):
    return [r[key].split("@")[0] for r in rows]


def test_list_and_stat_in_pages(admin):
    for local in ("ada", "Ärger", "kim-2", "kim.a", "zoe"):
        admin.mailbox(local, "pw")
    everybody = ["ada", "kim", "kim-2", "kim.a", "zoe", "Ärger"]
    for command, key in (("list", "mailboxes"), ("stat", "per_mailbox")):
        page = asked(admin, command, "example.com", "/limit", 2)
        assert (names(page[key]), page["total"], page["before"], page["more"]) == (everybody[:2], 6, 0, "kim-2@example.com")
        seen, more = [], []
        while True:
            page = asked(admin, command, "example.com", "/limit", 4, *more)
            seen += names(page[key])
            if "more" not in page:
                break
            more = ["/from", page["more"]]
        assert seen == everybody
        page = asked(admin, command, "example.com", "/match", "KIM")
        assert (names(page[key]), page["total"]) == (["kim", "kim-2", "kim.a"], 3)
        assert names(asked(admin, command, "example.com", "/match", "är")[key]) == ["Ärger"]
        assert names(asked(admin, command, "example.com", "/from", "kim.")[key]) == ["kim.a", "zoe", "Ärger"]
        refused(admin, 2, command, "example.com", "/limit", "none")
        refused(admin, 1, command, "nowhere.org", "/limit", "1")
    assert "messages" not in asked(admin, "stat", "example.com", "/limit", 2), "a page has no totals"
    refused(admin, 2, "stat", "/limit", "2")


def test_domains_in_pages(admin):
    for domain in ("a.org", "b.org", "mail.example.net"):
        admin.winpop_ok("add", domain)
    page = asked(admin, "list", "/limit", 2)
    assert names(page["domains"], "domain") == ["a.org", "b.org"] and page["more"] == "example.com"
    assert names(asked(admin, "list", "/from", page["more"])["domains"], "domain") == ["example.com", "mail.example.net"]
    assert names(asked(admin, "list", "/match", "EXAMPLE")["domains"], "domain") == ["example.com", "mail.example.net"]
    assert asked(admin, "list", "/match", "example.com")["domains"][0]["mailboxes"] == 1


def test_a_page_takes_no_look_at_the_others(admin):
    """Mailboxes that cannot even be entered do not show on another page."""
    for local in ("a", "b"):
        admin.mailbox(local, "pw")
    box = admin.mailroot / "example.com/P3_b.mbx"
    (box / "quota").mkdir()
    page = asked(admin, "list", "example.com", "/limit", 1)
    assert names(page["mailboxes"]) == ["a"] and "notes" not in page


# ---- the live view ----

class Terminal:
    """A command on a terminal of 80 columns and 24 rows, whose other end we keep: to see how it is left."""

    def __init__(self, server, *args):
        self.fd, self.theirs = pty.openpty()
        self.resize(24, 80)
        self.found = self.mode()
        self.process = subprocess.Popen([server.tool, "--config", server.conf, *args], stdin=self.theirs, stdout=self.theirs,
                                        stderr=self.theirs, env=server.environment(), start_new_session=True)
        self.text = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if hasattr(self, "process"):  # as the kernel tells those whose controlling terminal it is
            os.kill(self.process.pid, signal.SIGWINCH)

    def read(self, seconds=0.2):
        """What has come; False: nothing."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        self.text += os.read(self.fd, 65536)
        return True

    def until(self, words):
        wait_until(lambda: self.read() and words.encode() in self.text, why=f"no {words!r}")
        return self.text.decode()

    def press(self, key):
        os.write(self.fd, key.encode())

    def mode(self):
        return termios.tcgetattr(self.theirs)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)

    def end(self):
        wait_until(lambda: self.read(0.01) or self.process.poll() is not None, why="it goes on")
        code = self.process.wait(PATIENCE)
        while self.read(0):
            pass
        return code

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)
        os.close(self.theirs)


@pytest.fixture
def on_terminal():
    """Makes terminals that are gone afterwards."""
    with contextlib.ExitStack() as stack:
        yield lambda *args: stack.enter_context(contextlib.closing(Terminal(*args)))


@pytest.mark.parametrize("args,how", [(["stat", "/watch"], "q"), (["status", "--watch", "1"], "\x03"), (["status", "/watch:1"], "Q"),
                                      (["stat", "/watch"], signal.SIGTERM), (["status", "/watch"], signal.SIGHUP)])
def test_the_live_view_gives_the_terminal_back(admin, on_terminal, args, how):
    with admin.session("kim@example.com"):
        terminal = on_terminal(admin, *args)
        before = terminal.found
        shown = terminal.until("what happens most")
        assert "\x1b[?1049h" in shown
        wait_until(lambda: terminal.read() and re.search(rb"POP3 sessions +1 ", terminal.text), why="the session is shown")
        assert terminal.mode() == 0 and before != 0
        if isinstance(how, str):
            terminal.press("x" + how)
        else:
            os.kill(terminal.process.pid, how)
        assert terminal.end() == 0
        assert terminal.mode() == before
        assert terminal.text.endswith(b"\x1b[?1049l")


def test_the_live_view_follows_the_window_and_the_service(admin, on_terminal):
    terminal = on_terminal(admin, "status", "/watch", "1")
    terminal.until("what happens most")
    terminal.resize(5, 30)
    wait_until(lambda: terminal.read() and narrow(terminal.text), why="it is drawn for the smaller window")
    admin.stop()
    terminal.resize(24, 80)
    terminal.until("not running")
    terminal.text = b""
    admin.start()
    wait_until(lambda: terminal.read() and b"what happens most" in terminal.text and b"not running" not in
               terminal.text.split(b"\x1b[H")[-1], why="it is back")
    terminal.press("q")
    assert terminal.end() == 0


def narrow(text):
    """Is the last whole frame at most five rows of thirty?"""
    frame = text.split(b"\x1b[H")[-1]
    rows = [re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", row) for row in frame.split(b"\n")]
    return frame.endswith(b"\x1b[J") and len(rows) <= 5 and max(map(len, rows)) <= 30


def test_the_live_view_needs_a_terminal(admin):
    for args in (["stat", "/watch"], ["status", "/watch", "3"]):
        assert "terminal" in refused_plainly(admin, *args)
        assert "--json" in refused(admin, 2, *args)
    refused(admin, 2, "stat", "/watch", "0")
    refused(admin, 2, "stat", "example.com", "/watch")


def refused_plainly(server, *args):
    result = server.winpop(*args)
    assert result.code == 2 and result.out == "", result
    return result.err
