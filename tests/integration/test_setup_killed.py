"""winpop setup ended by force at any of its changes of a file, and begun anew: mail goes in and out, and nothing half-made is left.

feller.c ends it and all that it has started at the Nth change. A run goes through a few of them, evenly spread over all, with a
beginning that WINPOP_KILL_SEED chooses; WINPOP_KILL_ROUNDS says how many (a large number: each of them).
"""
import contextlib
import os
import random
import re
import subprocess

import pytest
from fixtures.barehost import BareHost
from fixtures.waiting import PATIENCE, wait_until

ROUNDS = int(os.environ.get("WINPOP_KILL_ROUNDS", "1"))
SEED = os.environ.get("WINPOP_KILL_SEED", "1")
KIM, PASSWORD = "kim@example.com", "pw-of-kim-7731"
MAIL = b"Subject: secret plans\r\n\r\nhello\r\n"
BASICS = {"domain": "example.com", "hostname": "mail.example.com", "mailbox": "kim"}
SETUPS = {
    "file": {"postfix": "no", "console": "yes", "console_administrators": "kim@example.com"},
    "local": {"postfix": "no", "authentication": "local"},
    "postfix": {"postfix": "yes"},
}
# What useradd(8) and its kin leave of themselves is theirs: a lock names who held it, and the next of them breaks it.
THEIRS = re.compile(r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)(\.\d+|\.lock|[+-])|/etc/\.pwd\.lock|/etc/postfix/.*-winpop-.*"
                    r"|/var/lib/(postfix/.*|maillog)")


def fell(build, host, n, *words):
    """(how many changes were made or begun, did it come to its end?)"""
    done = subprocess.run([*host.space.prefix, build / "tests/integration/feller", str(n), "sh", "-c", 'exec "$0" "$@" >/dev/null 2>&1',
                           host.tool, *map(str, words)], input=PASSWORD + "\n", capture_output=True, text=True, env=host.environment(),
                          timeout=PATIENCE)
    said = re.fullmatch(r"(?:felled (\d+) \w+|ended \d+ after (\d+))\n", done.stdout)
    assert said, done
    return int(said[1] or said[2]), said[1] is None


@contextlib.contextmanager
def computer(build, setup):
    with contextlib.closing(BareHost(build)) as host:
        if setup == "postfix":
            host.postfix()
        yield host, host.answers(**BASICS, **SETUPS[setup])


def shape(host):
    """What is there, and whose. Drafts of mailboxes are swept by the service, when it starts."""
    found = {}
    for path, (mode, _) in host.tree().items():
        st = host.path(path).lstat()
        if not THEIRS.fullmatch(path) and "/new~" not in path:
            found[path] = mode, st.st_uid == 0, st.st_gid == 0
    return found


def mail_goes_in_and_out(host, setup):
    host.start()
    host.deliver(KIM, MAIL, "/var/spool/postfix/winpop/lmtp" if setup == "postfix" else "/run/winpop/lmtp")
    found = host.fetch(KIM, PASSWORD)
    assert len(found) == 1 and found[0].endswith(MAIL)
    host.stop()
    assert not list(host.path("/var/lib/winpop/mailroot").rglob("new~*"))


@pytest.fixture(scope="module")
def whole(build):
    """whole(setup) -> (how many changes it makes, what is there afterwards)"""
    known = {}

    def get(setup):
        if setup not in known:
            with computer(build, setup) as (host, answers):
                n, ended = fell(build, host, 0, "setup", "--answers", answers)
                assert ended
                known[setup] = n, shape(host)
        return known[setup]
    return get


def places(n):
    """Of 1 .. n."""
    step = max(n // ROUNDS, 1)
    return range(random.Random(SEED).randint(1, step), n + 1, step)


def local_account_is_half_made(host, done):
    """Nobody's password is changed by the wizard: it says what to do about an account that stands in the way."""
    if "createuser with no" not in done.err:
        return False
    host.ok("setup", "--answers", host.answers(**BASICS, **SETUPS["local"], createuser="no"))
    host.ok("changepwd", KIM, "-", stdin=PASSWORD + "\n")
    return True


@pytest.mark.parametrize("setup", SETUPS)
def test_killed_at_any_change_it_goes_on_from_there(build, whole, setup):
    changes, wanted = whole(setup)
    for n in places(changes):
        with computer(build, setup) as (host, answers):
            fell(build, host, n, "setup", "--answers", answers)
            again = host.winpop("setup", "--answers", answers, stdin=PASSWORD + "\n")
            assert again.code == 0 or setup == "local" and local_account_is_half_made(host, again), (n, again)
            assert shape(host) == wanted, n
            mail_goes_in_and_out(host, setup)


@pytest.mark.parametrize("setup", ["file", "postfix"])
def test_killed_while_the_role_is_removed(build, setup):
    """The same computer again and again: each time it is removed a bit, then wholly, then taken up again."""
    with computer(build, setup) as (host, answers):
        host.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
        mail_goes_in_and_out(host, setup)
        changes, ended = fell(build, host, 0, "setup", "/remove", "/y")
        assert ended
        removed = shape(host)
        for n in places(changes):
            host.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
            fell(build, host, n, "setup", "/remove", "/y")
            again = host.winpop("setup", "/remove", "/y")
            assert again.code == 0 or "this is no mail server" in again.err, (n, again)
            assert shape(host) == removed, n
            for path in host.path("/etc/postfix").glob("m*.cf"):
                assert "winpop/" not in path.read_text(), (n, path)
            host.run("sh", "-c", "rm -f /etc/postfix/*-winpop-*")
        host.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
        host.start()
        assert host.fetch(KIM, PASSWORD)[0].endswith(MAIL)


def test_killed_while_postfix_is_left_it_reads_its_settings_all_the_same(build):
    """Between the last setting and the reload nothing is left to be done but that."""
    with computer(build, "postfix") as (host, answers):
        host.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
        host.run("sh", "-c", "for s in submission submissions; do postconf -MX $s/inet; done; "
                 "for s in $(postconf -n | sed -n 's,^\\([^ ]*\\) = .*winpop/.*,\\1,p'); do postconf -X $s; done")
        n = host.postfix_log().count("reload -- version")
        host.ok("setup", "/remove", "/y")
        wait_until(lambda: host.postfix_log().count("reload -- version") > n)
