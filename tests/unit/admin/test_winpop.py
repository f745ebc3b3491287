"""winpop as an administrator runs it: the built program against a mail root of its own.

WINPOP names the program, MAN the directory of the built man pages.
"""
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import threading
import time

import pytest

WINPOP = os.environ["WINPOP"]
MAN = pathlib.Path(os.environ["MAN"])
ROOT = os.geteuid() == 0
SOMEBODY = 1  # "daemon": an ordinary user that every system has


class Place:
    """A settings file, a key file and a mail root in a directory of their own."""

    def __init__(self, path):
        self.path = path
        self.conf = path / "winpop.conf"
        self.root = path / "mail"
        self.keys = path / "keyring"
        self.control = path / "control"
        self.env = dict(os.environ, WINPOP_CONFIG=str(self.conf), LC_ALL="C")

    def run(self, *words, stdin="", **more):
        return subprocess.run([WINPOP, *words], input=stdin, env=self.env, capture_output=True, text=True, timeout=60,
                              **more)

    def ok(self, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, code, *words, **more):
        done = self.run(*words, **more)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert re.fullmatch(r"(winpop: note: .*\n)*winpop: .*\n", done.stderr), done.stderr
        return done.stderr

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)

    def rows(self, *words):
        table = self.ok(*words).split("\n\n")[0]
        return [line.split("\t") for line in table.splitlines()]

    def init(self):
        self.ok("init", "user", "", "group", "", "mailroot", str(self.root), "key_file", str(self.keys),
                "control_socket", str(self.control))

    def box(self, name):
        local, domain = name.split("@")
        return self.root / domain / f"P3_{local}.mbx"

    def put_mail(self, name, n, octets=100):
        for i in range(n):
            (self.box(name) / f"P3{random.getrandbits(48):012x}{i}.eml").write_bytes(b"x" * (octets - 2) + b"\r\n")


@pytest.fixture
def place():
    path = pathlib.Path(tempfile.mkdtemp(prefix="winpop-admin-"))
    p = Place(path)
    p.init()
    yield p
    shutil.rmtree(path)


@pytest.fixture
def domain(place):
    place.ok("add", "example.com")
    place.ok("add", "kim@example.com", "/createuser", "first")
    return place


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.005)
    raise AssertionError(f"not within {seconds} s")


# ---- domains and mailboxes ----

def test_add_domain(place):
    place.ok("add", "Example.COM")
    assert (place.root / "example.com").is_dir()
    assert "exists" in place.fails(1, "add", "example.com")
    for bad in ("-x.org", "a..b", "x/y", "../up", "a" * 300, "ex ample.com", ""):
        place.fails(2, "add", bad)
    done = place.run("add", "localhost")
    assert done.returncode == 0 and "note: localhost" in done.stderr
    assert sorted(p.name for p in place.root.iterdir() if not p.name.startswith(".")) == ["example.com", "localhost"]


def test_add_mailbox_without_account_is_refused(domain):
    text = domain.fails(1, "add", "lee@example.com")
    assert "/createuser" in text
    assert not domain.box("lee@example.com").exists()


@pytest.mark.parametrize("words", [
    ["/createuser", "pw"], ["/createuser:pw"], ["--createuser", "pw"], ["--createuser=pw"], ["/CreateUser", "pw"],
    ["/createuser", "-"], ["/createuser"]])
def test_add_mailbox(domain, words):
    domain.ok("ADD", "Lee@Example.com", *words, stdin="pw\nrest of a script\n")
    assert domain.box("lee@example.com").is_dir()
    assert domain.rows("list", "example.com")[1] == ["lee@example.com", "unlocked", "-", "lee@example.com", "-"]


def test_add_mailbox_refusals(domain):
    assert "winpop add nowhere.org" in domain.fails(1, "add", "kim@nowhere.org", "/createuser", "x")
    assert "exists" in domain.fails(1, "add", "kim@example.com", "/createuser", "x")
    assert "empty" in domain.fails(2, "add", "lee@example.com", "/createuser", "")
    assert "standard input" in domain.fails(2, "add", "lee@example.com", "/createuser", "-")
    for bad in ("a/b", "../..", "a b", "a" * 65, "", "a\x01b", "a\\b", "a:b", "a\udcff"):
        domain.fails(2, "add", bad + "@example.com", "/createuser", "x")
    assert len(domain.rows("list", "example.com")) == 1


def test_names_of_full_length_and_utf8(domain):
    for local in ("a" * 64, "bö", "a+b", "c%s%n", "-x"):
        domain.ok("add", local + "@example.com", "/createuser", "x")
    assert len(domain.rows("list", "example.com")) == 6
    domain.ok("add", "bücher.example")
    assert ["xn--bcher-kva.example", "unlocked", "0"] in domain.rows("list")


def test_delete_mailbox(domain):
    for words in ([], ["/deleteuser"], ["--deleteuser"]):
        domain.ok("add", "lee@example.com", "/createuser:x")
        domain.put_mail("lee@example.com", 3)
        domain.ok("delete", "lee@example.com", *words)
        assert not domain.box("lee@example.com").exists()
    domain.fails(1, "delete", "lee@example.com")
    domain.ok("lock", "kim@example.com")
    domain.ok("lock", "example.com")
    domain.ok("delete", "kim@example.com")


def session(place, name):
    """Holds a mailbox as a session does; close it to let go."""
    fd = os.open(place.box(name), os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return open(fd)


def test_what_is_in_use_is_not_deleted(domain):
    with session(domain, "kim@example.com"):
        for words in (["kim@example.com"], ["kim@example.com", "/deleteuser"], ["example.com", "/y"]):
            text = domain.fails(1, "delete", *words)
            assert "winpop kick" in text and "/now" in text
        assert domain.rows("list", "example.com")[0][3] == "kim@example.com"
        domain.ok("lock", "kim@example.com")
        domain.ok("changepwd", "kim@example.com", "new")
    domain.ok("delete", "kim@example.com")


def test_delete_domain_wants_to_be_sure(domain):
    domain.put_mail("kim@example.com", 2)
    assert "/y" in domain.fails(1, "delete", "example.com")
    assert domain.box("kim@example.com").is_dir()
    domain.ok("delete", "example.com", "/y")
    assert not (domain.root / "example.com").exists()
    domain.fails(1, "delete", "example.com", "/y")
    domain.fails(2, "delete", "other.com", "/deleteuser", "/y", "/x")


def test_list(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("add", "a.org")
    assert domain.rows("list") == [["a.org", "unlocked", "0"], ["example.com", "unlocked", "2"]]
    assert [r[0] for r in domain.rows("list", "EXAMPLE.com")] == ["ann@example.com", "kim@example.com"]
    assert domain.rows("list", "a.org") == []
    domain.fails(1, "list", "b.org")
    domain.fails(2, "list", "kim@example.com")
    assert domain.json("list") == {"ok": True, "domains": [
        {"domain": "a.org", "state": "unlocked", "mailboxes": 0},
        {"domain": "example.com", "state": "unlocked", "mailboxes": 2}]}


def test_damaged_account_shows_and_is_mended(domain):
    record = [p for p in domain.box("kim@example.com").iterdir() if "password" in p.name.lower()]
    assert len(record) == 1
    record[0].write_bytes(b"\0garbage")
    done = domain.run("list", "example.com")
    assert done.returncode == 0 and "\t?\t" in done.stdout and "changepwd" in done.stderr
    domain.ok("changepwd", "kim@example.com", "new")
    assert domain.rows("list", "example.com")[0][3] == "kim@example.com"


# ---- locks ----

def states(place):
    return {r[0]: (r[1], r[2]) for r in place.rows("list", "example.com")}


def test_locks_are_two_flags(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("lock", "ann@example.com")
    domain.ok("lock", "ann@example.com")
    assert states(domain) == {"ann@example.com": ("locked", "mailbox"), "kim@example.com": ("unlocked", "-")}
    domain.ok("lock", "example.com")
    domain.ok("LOCK", "example.com")
    assert domain.rows("list")[0][1] == "locked"
    assert states(domain) == {"ann@example.com": ("locked", "both"), "kim@example.com": ("locked", "domain")}
    assert "winpop unlock example.com" in domain.fails(1, "unlock", "kim@example.com")
    domain.fails(1, "unlock", "ann@example.com")
    domain.ok("unlock", "example.com")
    domain.ok("unlock", "example.com")
    assert states(domain) == {"ann@example.com": ("locked", "mailbox"), "kim@example.com": ("unlocked", "-")}
    domain.ok("unlock", "ann@example.com")
    domain.ok("unlock", "kim@example.com")
    domain.fails(1, "lock", "nobody@example.com")
    domain.fails(1, "unlock", "nowhere.org")


# ---- statistics ----

def test_stat(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("add", "b.org")
    domain.put_mail("kim@example.com", 3, 100)
    domain.put_mail("ann@example.com", 1, 50)
    domain.ok("lock", "b.org")
    whole = domain.json("stat")
    assert whole.pop("per_domain") == [
        {"domain": "b.org", "state": "locked", "mailboxes": 0, "messages": 0, "disk_use": 0},
        {"domain": "example.com", "state": "unlocked", "mailboxes": 2, "messages": 4, "disk_use": 350}]
    assert whole == {"ok": True, "domains": 2, "mailboxes": 2, "messages": 4, "disk_use": 350}
    one = domain.json("stat", "example.com")
    assert one["per_mailbox"][1] == {"mailbox": "kim@example.com", "state": "unlocked", "locked_by": "-", "messages": 3,
                                     "disk_use": 300}
    assert (one["mailboxes"], one["messages"], one["disk_use"]) == (2, 4, 350)
    text = domain.ok("stat")
    assert text.endswith("\n\ndomains\t2\nmailboxes\t2\nmessages\t4\ndisk_use\t350\n")
    domain.fails(1, "stat", "c.org")


# ---- accounts ----

def test_changepwd(domain):
    record = next(p for p in domain.box("kim@example.com").iterdir() if "password" in p.name.lower())
    seen = {record.read_bytes()}
    for words, stdin in ((["new"], ""), (["-"], "new\n"), ([], "new\r\n"), (["/slash"], ""), (["--dashes"], "")):
        domain.ok("changepwd", "kim@example.com", *words, stdin=stdin)
        seen.add(record.read_bytes())
    assert len(seen) == 6
    domain.ok("lock", "kim@example.com")
    domain.ok("changepwd", "kim@example.com", "while locked")
    domain.fails(1, "changepwd", "nobody@example.com", "x")
    domain.fails(2, "changepwd", "example.com", "x")
    domain.fails(2, "changepwd", "kim@example.com", "")
    domain.fails(2, "changepwd", "kim@example.com", "-", stdin="x" * 5000)


def test_createquotafile(domain):
    domain.ok("add", "quota@example.com", "/createuser", "x")

    def account():
        return domain.rows("list", "example.com")[0][4]

    domain.ok("createquotafile", "kim@example.com")
    assert account() == "kim@example.com"
    for words in (["/user:quota"], ["/user", "quota"], ["--user=quota@example.com"]):
        domain.ok("CreateQuotaFile", "kim@example.com", *words)
        assert account() == "quota@example.com"
    domain.ok("createquotafile", "kim@example.com", "/user:daemon")
    assert account() == "daemon"
    domain.fails(1, "createquotafile", "kim@example.com", "/user:no-such-account")
    domain.fails(1, "createquotafile", "kim@example.com", "/user:root")
    domain.fails(1, "createquotafile", "nobody@example.com")
    domain.fails(2, "createquotafile", "example.com")
    assert account() == "daemon"


def test_migrate_is_refused_and_touches_nothing(domain):
    def content():
        return {p: p.stat().st_mtime_ns for p in domain.box("kim@example.com").iterdir()}

    before = content()
    assert "not built into this version" in domain.fails(1, "migrateToAD", "kim@example.com")
    assert "no mailbox" in domain.fails(1, "migratetoad", "nobody@example.com")
    assert content() == before


def test_rekey(domain):
    for i in range(5):
        domain.ok("add", f"box{i}@example.com", "/createuser", "x")
    old = domain.keys.read_text()
    assert domain.json("rekey") == {"ok": True, "reencrypted": 6, "failed": 0}
    new = domain.keys.read_text()
    assert old.strip() not in new and new.count("key =") == 1
    assert domain.keys.stat().st_mode & 0o777 == 0o600
    assert "?" not in domain.ok("list", "example.com")


def test_rekey_tells_what_it_could_not_do(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    record = next(p for p in domain.box("ann@example.com").iterdir() if "password" in p.name.lower())
    record.write_bytes(b"garbage\n")
    done = domain.run("rekey")
    assert done.returncode == 5 and "ann@example.com" in done.stderr
    assert domain.keys.read_text().count("key =") == 2
    domain.ok("changepwd", "ann@example.com", "x")
    domain.ok("rekey")
    assert domain.keys.read_text().count("key =") == 1


# ---- settings ----

def test_get(place):
    assert place.ok("get", "port") == "port\t110\n"
    assert place.ok("GET", "Auth") == "authentication\t2 (file)\n"
    assert place.ok("get", "socket").split() == ["socketmax", "50", "socketmin", "10", "socketbacklog", "10",
                                                "socketthreshold", "10"]
    assert place.ok("get", "sparequired") == "sparequired\t0\n"
    everything = dict(line.split("\t") for line in place.ok("get").splitlines())
    assert everything["mailroot"] == str(place.root) and len(everything) > 30
    assert "did you mean port" in place.fails(2, "get", "prot")


def test_set(place):
    place.conf.write_text("# keep me\n" + place.conf.read_text())
    for words in (["port", "1110"], ["Logging", "1"], ["authentication", "2"], ["auth", "file"], ["threadcount", "4"],
                  ["socketmax", "100"], ["socketmin", "20"], ["socketbacklog", "0"], ["socketthreshold", "5"],
                  ["sparequired", "0"], ["mailroot", str(place.root)], ["socket", "60", "30", "5", "10"],
                  ["socket", "40", "40", "5", "0"]):
        place.ok("set", *words)
    assert place.ok("get", "port", "logging", "socket").split()[1::2] == ["1110", "1", "40", "40", "5", "0"]
    assert place.conf.read_text().startswith("# keep me\n")
    assert place.conf.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("code,words,text", [
    (2, ["port", "0"], "65535"), (2, ["port", "65536"], "65535"), (2, ["port", "-1"], ""), (2, ["port", "1x"], ""),
    (2, ["port", ""], ""), (2, ["port"], "missing"), (2, ["logging", "9"], ""), (2, ["threadcount", "33"], ""),
    (2, ["socketmax", "15"], "socketmin"), (2, ["socketmin", "50"], ""), (2, ["socketthreshold", "0"], ""),
    (2, ["socketbacklog", "101"], ""), (2, ["socketmax", "32001"], ""), (2, ["socket", "1", "2", "3"], "four"),
    (2, ["socket", "10", "20", "5", "5"], ""), (2, ["sparequired", "2"], ""), (2, ["sparequired", "1"], "Password"),
    (1, ["authentication", "1"], "not built into this version"), (2, ["authentication", "9"], ""),
    (2, ["mailroot", "C:\\mailstore"], "absolute"), (2, ["mailroot", "/" + "x" * 300], ""),
    (1, ["mailroot", "/nonexistent/x"], "not a directory"), (2, ["colour", "red"], "no setting"),
    (2, ["port", "110", "logging", "7"], "")])
def test_set_refusals(place, code, words, text):
    before = place.conf.read_bytes()
    assert text in place.fails(code, "set", *words)
    assert place.conf.read_bytes() == before


def test_method_stays_while_there_are_domains(domain):
    domain.conf.write_text(domain.conf.read_text() + "authentication = local\n")
    assert "no domains" in domain.fails(1, "set", "authentication", "file")
    shutil.rmtree(domain.root / "example.com")
    domain.ok("set", "authentication", "2")


def test_two_sets_at_once_lose_nothing(place):
    keys = ["logging", "drain", "login_delay", "penalty_ms", "workers", "lmtp_socketmax", "signin_timeout",
            "socketbacklog"]
    running = [subprocess.Popen([WINPOP, "set", k, "7" if k != "logging" else "3"], env=place.env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for k in keys]
    assert [p.wait(60) for p in running] == [0] * len(keys)
    values = dict(line.split("\t") for line in place.ok("get", *keys).splitlines())
    assert values == {k: "7" if k != "logging" else "3" for k in keys}


def test_broken_settings_are_trouble(domain):
    domain.conf.write_text("port = many\n")
    assert "line 1" in domain.fails(4, "list")
    domain.conf.unlink()
    assert "winpop init" in domain.fails(4, "list")
    assert "winpop init" in domain.run("set", "port", "110").stderr


def test_broken_mail_root_and_keys_are_trouble(domain):
    domain.keys.chmod(0o644)
    assert "read by others" in domain.fails(4, "list")
    domain.keys.chmod(0o600)
    domain.root.rename(domain.path / "away")
    assert "winpop init" in domain.fails(4, "list")
    domain.root.write_text("a file")
    domain.fails(4, "list")


def test_init_changes_nothing_that_is_there(domain):
    before = (domain.conf.read_bytes(), domain.keys.read_bytes())
    domain.ok("init", "port", "9999")
    assert (domain.conf.read_bytes(), domain.keys.read_bytes()) == before
    assert domain.box("kim@example.com").is_dir()


# ---- help ----

def test_help(place):
    whole = place.ok("help")
    assert place.ok() == whole == place.ok("/?") == place.ok("--help") == place.ok("-?")
    for part in ("[changepwd UserName@DomainName", "[migrateToAD UserName@DomainName]", "[lock {DomainName | User",
                 "[createquotafile UserName@DomainName [/user:UserName]]", "[help"):
        assert part in whole
    assert "[sparequired {0 | 1}]" in place.ok("set", "help")
    assert "[socketthreshold]" in place.ok("get", "help")
    assert place.ok("help", "add") == place.ok("add", "/?") == place.ok("Add", "--help")
    place.fails(2, "help", "frobnicate")
    place.fails(2, "frobnicate")
    place.fails(2, "set")
    assert not place.run("help", "--config", "/nonexistent").returncode


def test_man_pages_tell_of_everything(place):
    def page(name):
        return (MAN / name).read_text().replace("\\-", "-").replace("\\&", "")

    assert "@" not in re.sub(r"\S@\S|@ \(", "", page("winpop.8"))
    for command in re.findall(r"^(?:winpop|      ) \[(\w+)", place.ok("help"), re.M):
        assert f"\\fB{command}\\fR" in page("winpop.8")
    for setting in (line.split("\t")[0] for line in place.ok("get").splitlines()):
        assert f"\\fB{setting}\\fR" in page("winpop.conf.5")
    if shutil.which("groff"):
        for name in ("winpop.8", "winpopd.8", "winpop.conf.5"):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", MAN / name], capture_output=True, text=True)
            assert done.returncode == 0 and done.stderr == ""


# ---- the running service ----

class Service:
    """Stands in for winpopd on the control socket."""

    def __init__(self, place, answer):
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(place.control))
        self.listener.listen(8)
        if ROOT:
            os.chown(place.control, place.root.stat().st_uid, -1)
        self.answer = answer
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as f:
                line = f.readline()
                if line:
                    self.asked.append(json.loads(line))
                    f.write(json.dumps(self.answer(self.asked[-1])).encode() + b"\n")
                    f.flush()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture
def service(domain):
    answers = {"status": {"ok": True, "pid": 7, "version": "1", "events": {"signin": 3}},
               "reload": {"ok": True, "restart": "port threadcount"}, "kick": {"ok": True}}

    def answer(asked):
        if asked["do"] == "kick":
            s.on_kick()
        return answers[asked["do"]]

    s = Service(domain, answer)
    s.answers = answers
    s.on_kick = lambda: None
    yield s
    s.close()


def test_set_tells_the_service(domain, service):
    done = domain.json("set", "port", "1110", "logging", "3")
    assert service.asked == [{"do": "reload"}]
    assert done["settings"] == [{"setting": "port", "value": "1110", "takes_effect": "at restart"},
                                {"setting": "logging", "value": "3", "takes_effect": "now"}]
    assert "systemctl restart winpopd" in done["notes"][0]


def test_set_that_the_service_refuses_is_partly_done(domain, service):
    service.answers["reload"] = {"ok": False, "class": "broken", "text": "no such certificate"}
    assert "no such certificate" in domain.fails(5, "set", "logging", "3")
    assert domain.ok("get", "logging") == "logging\t3\n"


def test_now_ends_sessions(domain, service):
    domain.ok("lock", "kim@example.com", "/now")
    domain.ok("lock", "example.com", "--now")
    held = session(domain, "kim@example.com")
    service.on_kick = held.close
    domain.ok("delete", "kim@example.com", "/now")
    domain.ok("kick", "*")
    assert [a["who"] for a in service.asked] == ["kim@example.com", "example.com", "kim@example.com", "*"]


def test_status(domain, service):
    assert domain.json("status") == {"ok": True, "pid": 7, "version": "1",
                                     "events": [{"event": "signin", "count": 3}]}
    assert "threadcount" in domain.ok("reload")


def test_without_a_service(domain):
    for words in (["status"], ["reload"], ["kick", "kim@example.com"]):
        assert "systemctl start winpopd" in domain.fails(4, *words)
    domain.ok("lock", "kim@example.com", "/now")
    assert "not running" in domain.run("set", "port", "1110").stderr


# ---- secrets, terminals ----

def test_password_leaves_the_list_of_processes(domain):
    with open(domain.keys) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        p = subprocess.Popen([WINPOP, "changepwd", "kim@example.com", "topsecret"], env=domain.env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        cmdline = pathlib.Path(f"/proc/{p.pid}/cmdline")
        wait_until(lambda: b"topsecret" not in cmdline.read_bytes())
        assert p.poll() is None
    out, err = p.communicate(timeout=60)
    assert p.returncode == 0 and b"topsecret" not in out + err


class Terminal:
    def __init__(self, place, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
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
    t.expect(b"1 mailboxes and all their mail? [y/N] ")
    t.type(answer)
    assert t.wait() == code
    assert domain.box("kim@example.com").exists() == (code != 0)


def test_terminal_gets_columns(domain):
    t = Terminal(domain, "list")
    assert t.wait() == 0
    assert t.seen.split() == [b"domain", b"state", b"mailboxes", b"example.com", b"unlocked", b"1"]
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
    """50 times: the mailbox is whole or absent, and nothing stands in the way of the next try."""
    begin = time.monotonic()
    domain.ok("add", "pace@example.com", "/createuser", "x")
    length = time.monotonic() - begin
    whole = 0
    for i in range(50):
        name = f"box{i}@example.com"
        p = subprocess.Popen([WINPOP, "add", name, "/createuser", "x"], env=domain.env, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, length))
        p.kill()
        p.wait()
        there = [r for r in domain.rows("list", "example.com") if r[0] == name]
        assert there == [] or there[0][3] == name
        whole += len(there)
        done = domain.run("add", name, "/createuser", "x")
        assert done.returncode == (1 if there else 0), done.stderr
    assert len(domain.rows("list", "example.com")) == 52
    assert domain.json("rekey")["failed"] == 0


def test_many_add_at_once(domain):
    running = [subprocess.Popen([WINPOP, "add", f"box{i % 4}@example.com", "/createuser", "x"], env=domain.env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(16)]
    codes = [p.wait(60) for p in running]
    assert sorted(codes) == [0] * 4 + [1] * 12
    assert len(domain.rows("list", "example.com")) == 5
