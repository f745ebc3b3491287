"""admin/quickstart by an ordinary user, who finds the packages there: twice, stopped, and removed without a trace."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = re.compile(r"(\w+)@example\.com +password (\S+)")


class Quickstart:
    """A copy of the source in a home of its own, run as nobody."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="winpop-quickstart-"))
        self.dir = self.home / "data"
        for part in "admin", "ldap", "migrate", "schema", "server", "tests", "meson.build", "README.md", "LICENSE":
            copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
            copy(SOURCE / part, self.home / part)
        nobody = pwd.getpwnam("nobody")
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def run(self, *args, directory=None):
        env = {**os.environ, "HOME": str(self.home), "WINPOP_QUICKSTART_DIR": str(directory or self.dir)}
        return subprocess.run(["setpriv", "--reuid=nobody", f"--regid={pwd.getpwnam('nobody').pw_gid}", "--clear-groups",
                               self.home / "admin/quickstart", *args], env=env, capture_output=True, text=True, timeout=600)

    def ok(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def pid(self):
        return int((self.dir / "pid").read_text())


@pytest.fixture
def quickstart():
    assert os.getuid() == 0, "run as root: it becomes nobody"
    made = Quickstart()
    yield made
    made.run("--purge")
    shutil.rmtree(made.home)


def runs(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


def test_twice_stop_purge(quickstart):
    first = quickstart.ok()
    assert sorted(PASSWORD.findall(first)[n][0] for n in range(2)) == ["kim", "lee"]
    assert "250 2.0.0 <kim@example.com> delivered" in first and first.count("This message went in by LMTP") == 2
    assert "\033" not in first, "colours where there is no terminal"
    pid = quickstart.pid()
    again = quickstart.ok()
    assert quickstart.pid() == pid and runs(pid), "the same programs: the service went on"
    assert not PASSWORD.findall(again) and "250 2.0.0 <guest@example.com> delivered" in again

    # A run that was interrupted between the two mailboxes is finished.
    winpop = [quickstart.dir / "bin/winpop", "--config", quickstart.dir / "winpop.conf"]
    subprocess.run([*winpop, "delete", "lee@example.com"], check=True, capture_output=True)
    # What runs is not what would be built now.
    running = quickstart.dir / "bin/winpopd"
    older = running.with_name("older")
    older.write_bytes(running.read_bytes() + b"\n")
    older.replace(running)
    third = quickstart.ok()
    assert [name for name, _ in PASSWORD.findall(third)] == ["lee"]
    assert quickstart.pid() != pid and not runs(pid)

    pid = quickstart.pid()
    assert quickstart.ok("--stop") == "stopped\n" and not runs(pid)
    assert quickstart.ok("--stop") == "stopped\n"
    quickstart.ok("--purge")
    assert not quickstart.dir.exists()


def test_what_it_did_not_make_is_not_removed(quickstart):
    other = quickstart.home / "precious"
    other.mkdir()
    (other / "thesis").write_text("x")
    for args in [], ["--purge"]:
        done = quickstart.run(*args, directory=other)
        assert done.returncode == 1 and "nothing was done" in done.stderr
    assert (other / "thesis").read_text() == "x" and len(list(other.iterdir())) == 1
