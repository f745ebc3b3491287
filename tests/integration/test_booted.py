"""The units as they are installed, under a real systemd (fixtures/booted.py): does what they take away leave all that is needed?"""
import contextlib
import http.client
import json
import re
import resource
import ssl

import pytest
from fixtures.booted import Booted
from fixtures.waiting import PATIENCE, wait_until

KIM, PASSWORD = "kim@example.com", "pw-of-kim-7731"
MAIL = b"Subject: secret plans\r\n\r\nhello\r\n"
DAEMON, CONSOLE = "winpopd.service", "winpop-console.service"
BASICS = {"domain": "example.com", "hostname": "mail.example.com", "postfix": "no", "mailbox": "kim"}


@pytest.fixture
def computer(build):
    with contextlib.closing(Booted(build)) as made:
        yield made


def set_up(computer, **more):
    computer.path("/root/answers").write_text("".join(f"{k} = {v}\n" for k, v in {**BASICS, **more}.items()))
    return computer.do("winpop", "setup", "--answers", "/root/answers", stdin=PASSWORD + "\n")


def state(computer, unit):
    return computer.shows(unit, "ActiveState"), computer.shows(unit, "UnitFileState")


def ask(computer, method, path, body=None, session=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    headers |= {"Cookie": session[0], "X-Winpop-CSRF": session[1]} if session else {}
    with computer.inside():
        web = http.client.HTTPSConnection("localhost", 8443, timeout=PATIENCE, context=ssl._create_unverified_context())
        web.connect()
    with contextlib.closing(web):
        web.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, headers)
        answer = web.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers


def sign_in(computer, name, password):
    status, said, headers = ask(computer, "POST", "/sign-in", {"name": name, "password": password})
    assert status == 200, (said, computer.journal("--unit", CONSOLE)[-3000:])
    return headers["Set-Cookie"].split(";")[0], said["csrf"]


def command(computer, session, name, *arguments, password=None, **switches):
    body = {"arguments": arguments, "switches": switches} | ({"password": password} if password else {})
    status, said, _ = ask(computer, "POST", f"/commands/{name}", body, session)
    assert status == 200, (name, said, computer.journal("--unit", CONSOLE)[-3000:])
    return said


def test_before_setup_nothing_is_started_and_that_is_no_failure(computer):
    for unit in DAEMON, CONSOLE:
        computer.do("systemctl", "start", unit)
        assert state(computer, unit)[0] == "inactive" and computer.shows(unit, "ConditionResult") == "no"
    assert computer.do("systemctl", "is-system-running", ok=False).stdout.strip() in ("running", "starting")


def test_a_service_s_life(computer):
    set_up(computer)
    assert state(computer, DAEMON) == ("active", "enabled"), computer.journal()[-3000:]
    assert computer.shows(DAEMON, "Type") == "notify"
    computer.do("winpop", "set", "logging", "3")
    computer.deliver(KIM, MAIL)
    assert computer.fetch(KIM, PASSWORD)[0].endswith(MAIL)
    # Not root, no rights left, and as many descriptors as it may have.
    pid = int(computer.shows(DAEMON, "MainPID"))
    status = computer.path(f"/proc/{pid}/status").read_text()
    user = computer.do("id", "-u", "winpop").stdout.strip()
    assert re.search(rf"^Uid:(\t{user}){{4}}$", status, re.M) and re.search(r"^CapEff:\t0+$", status, re.M), status
    files = min(262144, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # nobody gets more than we have
    assert re.search(rf"^Max open files +{files} +{files} ", computer.path(f"/proc/{pid}/limits").read_text(), re.M)
    # Settings are taken by a reload, with a session open.
    with computer.pop().signin(KIM, PASSWORD) as pop:
        computer.do("winpop", "set", "port", "1110")
        computer.do("systemctl", "reload", DAEMON)
        wait_until(lambda: 'event=reload restart_needed="port"' in computer.journal("--unit", DAEMON), why="no reload")
        pop.quit()
    computer.do("winpop", "set", "port", "110")
    # What it says is in the journal, with its priority.
    events = computer.events(DAEMON)
    assert any("event=signin " in text for _, text in events)
    assert not [text for priority, text in events if priority <= 4], events
    # Killed, it is back.
    computer.do("kill", "-9", pid)
    wait_until(lambda: int(computer.shows(DAEMON, "MainPID")) not in (0, pid) and state(computer, DAEMON)[0] == "active")
    assert computer.fetch(KIM, PASSWORD)[0].endswith(MAIL)
    # Stopped, its sessions may end.
    with computer.pop().signin(KIM, PASSWORD) as pop:
        computer.do("systemctl", "stop", "--no-block", DAEMON)
        wait_until(lambda: state(computer, DAEMON)[0] == "deactivating")
        assert pop.retr(1).endswith(MAIL)
        pop.quit()
    wait_until(lambda: state(computer, DAEMON)[0] == "inactive")
    assert computer.shows(DAEMON, "Result") == "success"
    computer.do("systemctl", "start", DAEMON)
    computer.do("winpop", "setup", "/remove", "/y")
    assert state(computer, DAEMON) == ("inactive", "disabled")
    assert list(computer.path("/var/lib/winpop/mailroot/example.com/P3_kim.mbx").glob("*.eml"))


def test_accounts_of_this_computer_and_the_console(computer):
    """The service asks PAM with the rights of one group; the console makes users, as root would by winpop."""
    computer.do("useradd", "--no-create-home", "--groups", "winpop-admin", "ann")
    computer.do("chpasswd", stdin="ann:pw-of-ann-1\n")
    set_up(computer, authentication="local", console="yes", console_administrators="%winpop-admin")
    for unit in DAEMON, CONSOLE:
        wait_until(lambda: state(computer, unit) == ("active", "enabled"), why=computer.journal()[-3000:])
    computer.deliver(KIM, MAIL)
    assert computer.fetch(KIM, PASSWORD)[0].endswith(MAIL), "the password in /etc/shadow"
    with computer.pop() as pop:
        pop.ok(f"USER {KIM}")
        pop.err("PASS another", "AUTH")
    session = sign_in(computer, "ann", "pw-of-ann-1")
    assert ask(computer, "POST", "/sign-in", {"name": "ann", "password": "another"})[0] == 401
    command(computer, session, "add", "lee@example.com", createuser=True, password="pw-of-lee-1")
    assert computer.do("getent", "passwd", "lee").stdout
    computer.deliver("lee@example.com", MAIL)
    assert computer.fetch("lee@example.com", "pw-of-lee-1")
    command(computer, session, "changepwd", "lee@example.com", password="pw-of-lee-2")
    assert computer.fetch("lee@example.com", "pw-of-lee-2")
    command(computer, session, "add", "example.org")
    command(computer, session, "lock", "example.org")
    command(computer, session, "set", "logging", "3")
    assert command(computer, session, "status")
    command(computer, session, "delete", "lee@example.com", deleteuser=True)
    assert not computer.do("getent", "passwd", "lee", ok=False).stdout
    assert list(computer.path("/var/lib/winpop/mailroot").glob("*")) and not computer.do("systemctl", "--failed", "--no-legend").stdout
    # Its halves: the one that talks to browsers is nobody.
    users = computer.do("ps", "-o", "user=", "-p", computer.do("pgrep", "-d,", "-f", "winpop console").stdout.strip()).stdout.split()
    assert "root" in users and any(user.startswith("winpop-") for user in users), users


def test_started_by_a_connection(computer):
    set_up(computer)
    computer.do("systemctl", "disable", "--now", DAEMON)
    computer.do("systemctl", "enable", "--now", "winpopd.socket")
    assert state(computer, DAEMON)[0] == "inactive"
    with computer.pop() as pop:  # it waits for the greeting
        assert state(computer, DAEMON)[0] in ("activating", "active")
        pop.quit()
    assert computer.fetch(KIM, PASSWORD) == []


@pytest.mark.parametrize("unit, exposure", [(DAEMON, 2.3), (CONSOLE, 4.7)])
def test_how_exposed_they_are(computer, unit, exposure):
    """systemd's own measure, from 0 to 10; it knows nothing of what a program gives up by itself."""
    done = computer.do("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"/usr/local/lib/systemd/system/{unit}")
    assert done.stderr == ""
    told = computer.do("systemd-analyze", "security", "--no-pager", unit).stdout
    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", told).group(1)) <= exposure, told
