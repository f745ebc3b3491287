"""Terminals, who may do what, and being killed."""
import fcntl
import os
import pathlib
import pty
import random
import signal
import subprocess
import termios
import time

import pytest

from winpop import ROOT, WINPOP, Place, wait_until


SOMEBODY = 1  # "daemon": an ordinary user that every system has


# ---- secrets, terminals ----

def test_password_leaves_the_list_of_processes(domain):
    with open(domain.keys) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        p = subprocess.Popen([WINPOP, "changepwd", "kim@example.com", "topsecret"], env=domain.env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        cmdline = pathlib.Path(f"/proc/{p.pid}/cmdline")
        wait_until(lambda: b"topsecret" not in cmdline.read_bytes())
        assert p.poll() is None
    out, err = p.communicate(timeout=120)
    assert p.returncode == 0 and b"topsecret" not in out + err


def test_closed_standard_descriptors(domain):
    """Nothing that is opened takes their numbers, to be read as a password or to be written into."""
    for words, closed, code in [(["changepwd", "kim@example.com"], "<&-", 4), (["list"], ">&-", 4), (["frob"], "2>&-", 2)]:
        done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "-", WINPOP, *words], env=domain.env, capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == code, done
        if code == 4:
            assert "cannot read standard input" in done.stderr or "cannot write the answer" in done.stderr


class Terminal:
    def __init__(self, place, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # whoever started the tests in the background left these ignored
            for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
                signal.signal(sig, signal.SIG_DFL)
            os.execve(WINPOP, [WINPOP, *words], place.env)
        self.seen = b""

    def echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def expect(self, text):
        while text not in self.seen:
            self.seen += os.read(self.fd, 4096)

    def type(self, text):
        os.write(self.fd, text)

    def wait(self):
        try:
            while chunk := os.read(self.fd, 4096):
                self.seen += chunk
        except OSError:  # the other end is gone
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_password_is_asked_for_twice_and_not_shown(domain):
    t = Terminal(domain, "changepwd", "kim@example.com")
    t.expect(b"New password: ")
    assert not t.echo()
    t.type(b"topsecret\n")
    t.expect(b"Once more: ")
    t.type(b"topsecret\n")
    assert t.wait() == 0
    assert b"topsecret" not in t.seen and b"changed" in t.seen


def test_passwords_that_differ_change_nothing(domain):
    t = Terminal(domain, "add", "lee@example.com", "/createuser")
    t.expect(b"New password: ")
    t.type(b"one\n")
    t.expect(b"Once more: ")
    t.type(b"two\n")
    assert t.wait() == 2
    assert not domain.box("lee@example.com").exists()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_echo_comes_back_after_a_signal(domain, sig):
    t = Terminal(domain, "changepwd", "kim@example.com")
    t.expect(b"New password: ")
    wait_until(lambda: not t.echo())
    keep = os.dup(t.fd)
    os.kill(t.pid, sig)
    assert t.wait() == -sig
    assert termios.tcgetattr(keep)[3] & termios.ECHO
    os.close(keep)


@pytest.mark.parametrize("answer,code", [(b"y\n", 0), (b"yes\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_deleting_a_domain_asks(domain, answer, code):
    t = Terminal(domain, "delete", "example.com")
    t.expect(b"its mailboxes (1) and all their mail? [y/N] ")
    t.type(answer)
    assert t.wait() == code
    assert domain.box("kim@example.com").exists() == (code != 0)


def test_terminal_gets_columns(domain):
    t = Terminal(domain, "list")
    assert t.wait() == 0
    assert t.seen.split() == [b"domain", b"state", b"mailboxes", b"delivery", b"expire",
                              b"example.com", b"unlocked", b"1", b"open", b"default"]
    assert b"\t" not in t.seen


# ---- who may ----

def as_somebody():
    os.setgroups([])
    os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
    os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)


class Identity:
    """Becoming somebody else takes root: elsewhere these are no tests."""

    @pytest.fixture
    def reachable(self, domain):
        """A directory that others may pass. LeakSanitizer can't look into a process that changed its user."""
        domain.path.chmod(0o755)
        domain.env["ASAN_OPTIONS"] = "detect_leaks=0"
        return domain

    def test_strangers_are_not_permitted(self, reachable):
        reachable.conf.chmod(0o644)
        reachable.fails(3, "list", preexec_fn=as_somebody)
        reachable.fails(3, "add", "b.org", preexec_fn=as_somebody)
        reachable.fails(3, "set", "port", "1", preexec_fn=as_somebody)
        reachable.conf.chmod(0o600)
        reachable.fails(3, "list", preexec_fn=as_somebody)
        reachable.fails(3, "get", preexec_fn=as_somebody)
        reachable.fails(3, "set", "port", "1", preexec_fn=as_somebody)

    def test_where_others_may_not_write(self, reachable, tmp_path):
        reachable.fails(3, "init", "--config", str(tmp_path / "no" / "x.conf"), preexec_fn=as_somebody)
        for p in [reachable.root, reachable.keys, *reachable.root.rglob("*")]:
            os.chown(p, SOMEBODY, SOMEBODY)
        reachable.conf.chmod(0o644)
        reachable.fails(3, "rekey", preexec_fn=as_somebody)
        reachable.ok("rekey")

    def test_what_root_makes_belongs_to_the_service(self, reachable):
        for p in [reachable.root, reachable.keys, *reachable.root.rglob("*")]:
            os.chown(p, SOMEBODY, SOMEBODY)
        os.chown(reachable.conf, 0, SOMEBODY)
        reachable.ok("add", "b.org")
        reachable.ok("add", "lee@b.org", "/createuser", "x")
        reachable.ok("changepwd", "kim@example.com", "x")
        reachable.ok("createquotafile", "kim@example.com")
        reachable.ok("lock", "example.com")
        reachable.ok("lock", "kim@example.com")
        reachable.ok("stat")
        reachable.ok("rekey")
        reachable.ok("set", "logging", "3")
        for p in [reachable.root, reachable.keys, *reachable.root.rglob("*")]:
            assert (p.stat().st_uid, p.stat().st_gid) == (SOMEBODY, SOMEBODY), p
        assert (reachable.conf.stat().st_uid, reachable.conf.stat().st_gid) == (0, SOMEBODY)
        assert "lee@b.org" in reachable.ok("list", "b.org", preexec_fn=as_somebody)
        reachable.ok("add", "ann@b.org", "/createuser", "x", preexec_fn=as_somebody)

    def test_a_mail_root_of_somebody_else(self, reachable):
        """`winpop set mailroot /home` by mistake, and `winpop delete kim /y` would remove a home."""
        home = reachable.path / "home"
        (home / "kim").mkdir(parents=True)
        reachable.ok("set", "user", "daemon", "group", "daemon")
        assert "does not belong to" in reachable.fails(1, "set", "mailroot", str(home))
        reachable.conf.write_text(reachable.conf.read_text().replace(str(reachable.root), str(home)))
        for words in ["list"], ["delete", "kim", "/y"]:
            assert "belongs to root" in reachable.fails(4, *words)
        assert (home / "kim").exists()

    def test_init_gives_to_the_service(self, tmp_path):
        p = Place(tmp_path / "new")
        p.ok("init", "user", "daemon", "group", "daemon", "mailroot", str(p.root), "key_file", str(p.keys))
        assert p.conf.stat().st_uid == 0 and p.conf.stat().st_mode & 0o777 == 0o640
        assert p.keys.stat().st_uid == SOMEBODY and p.keys.stat().st_mode & 0o777 == 0o600
        assert p.root.stat().st_uid == SOMEBODY and p.root.stat().st_mode & 0o777 == 0o750
        assert p.path.stat().st_uid == 0
        p.fails(1, "init", "--config", str(tmp_path / "other.conf"), "user", "no-such-user")
        assert not (tmp_path / "other.conf").exists()


if ROOT:
    class TestIdentity(Identity):
        pass


# ---- killed at any moment ----

def test_killed_while_adding(domain):
    """50 times: the mailbox is whole or absent, and nothing stands in the way of the next try. How long each has follows how it
    went so far, on any machine."""
    begin = time.monotonic()
    domain.ok("add", "pace@example.com", "/createuser", "x")
    longest = 1.3 * (time.monotonic() - begin)
    whole = 0
    for i in range(50):
        name = f"box{i}@example.com"
        p = subprocess.Popen([WINPOP, "add", name, "/createuser", "x"], env=domain.env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, longest))  # the random moment itself
        p.kill()
        p.wait()
        there = domain.box(name).exists()
        whole += there
        longest *= 0.8 if there else 1.2
        done = domain.run("add", name, "/createuser", "x")
        assert done.returncode == (1 if there else 0), done.stderr
    assert 0 < whole < 50  # else the moments were badly chosen
    rows = domain.rows("list", "example.com")
    assert len(rows) == 52 and all(r[3] == r[0] for r in rows)
    assert domain.json("rekey") == {"ok": True, "reencrypted": 52, "failed": 0}


def test_many_add_at_once(domain):
    running = [subprocess.Popen([WINPOP, "add", f"box{i % 4}@example.com", "/createuser", "x"], env=domain.env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(16)]
    codes = [p.wait(120) for p in running]
    assert sorted(codes) == [0] * 4 + [1] * 12
    assert len(domain.rows("list", "example.com")) == 5


def test_many_rekey_at_once(domain):
    """None throws away the key that another has just begun to use."""
    for i in range(20):
        domain.ok("add", f"box{i}@example.com", "/createuser", "x")
    for _ in range(5):
        running = [subprocess.Popen([WINPOP, "rekey"], env=domain.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                   for _ in range(6)]
        assert [p.wait(120) for p in running] == [0] * 6
    assert domain.json("rekey") == {"ok": True, "reencrypted": 21, "failed": 0}
