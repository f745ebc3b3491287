"""get, set, init, help, and what the running service is told."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest

from winpop import MAN, ROOT, WINPOP, Session


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


def test_numbers_of_authentication_follow_the_role(place):
    for role, number in (("dc", "2"), ("member", "3"), ("standalone", "2")):
        place.ok("set", "role", role, "authentication", number)
        assert place.ok("get", "auth") == f"authentication\t{number} (file)\n"
    place.fails(2, "set", "auth", "3", "role", "member")
    assert "authentication\t2 (local)" in place.ok("set", "role", "member", "auth", "2")


@pytest.mark.parametrize("code,words,text", [
    (2, ["port", "0"], "65535"), (2, ["port", "65536"], "65535"), (2, ["port", "-1"], ""), (2, ["port", "1x"], ""),
    (2, ["port", ""], ""), (2, ["port"], "missing"), (2, ["logging", "9"], ""), (2, ["threadcount", "33"], ""),
    (2, ["socketmax", "15"], "socketmin"), (2, ["socketmin", "50"], ""), (2, ["socketthreshold", "0"], ""),
    (2, ["socketbacklog", "101"], ""), (2, ["socketmax", "32001"], ""), (2, ["socket", "1", "2", "3"], "four"),
    (2, ["socket", "10", "20", "5", "5"], ""), (2, ["sparequired", "2"], ""), (2, ["sparequired", "1"], "Password"),
    (2, ["authentication", "9"], ""),
    (2, ["mailroot", "C:\\mailstore"], "absolute"), (2, ["mailroot", "/" + "x" * 300], ""),
    (1, ["mailroot", "/nonexistent/x"], "not a directory"), (2, ["colour", "red"], "no setting"),
    (2, ["port", "110", "logging", "7"], "")])
def test_set_refusals(place, code, words, text):
    before = place.conf.read_bytes()
    assert text in place.fails(code, "set", *words)
    assert place.conf.read_bytes() == before


def test_method_changes_once_accounts_can_be_asked(domain):
    words = "set", "authentication", "local", "pam_service", "no-such-service"
    assert "/etc/pam.d/no-such-service" in domain.fails(4, *words)
    assert domain.ok("get", "authentication") == "authentication\t2 (file)\n"
    shutil.rmtree(domain.root / "example.com")
    domain.ok(*words)  # nobody's account has to be there


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
    for part in ("[changepwd UserName@DomainName", "[migrateToAD {UserName@DomainName | DomainName | /all}", "[lock {DomainName | User",
                 "[createquotafile UserName@DomainName [/user:UserName]]", "[help"):
        assert part in whole
    assert "[sparequired {0 | 1}]" in place.ok("set", "help")
    assert "[socketthreshold]" in place.ok("get", "help")
    assert place.ok("help", "add") == place.ok("add", "/?") == place.ok("Add", "--help")
    place.fails(2, "help", "frobnicate")
    place.fails(2, "frobnicate")
    place.fails(2, "set")
    assert not place.run("help", "--config", "/nonexistent").returncode


def test_json_also_when_the_line_is_wrong(place):
    for words in (["frobnicate"], ["add"], ["get", "prot"], ["lock", "nowhere.org"]):
        answer = place.json(*words)
        assert answer["ok"] is False and answer["error"]["text"] and "notes" not in answer


def test_reader_that_went_away(place):
    done = subprocess.run(f"{WINPOP} help | head -1", shell=True, env=place.env, capture_output=True, text=True)
    assert done.stdout.startswith("winpop - ") and done.stderr == ""
    with open("/dev/full", "w") as full:
        done = subprocess.run([WINPOP, "get"], env=place.env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 4 and "No space left" in done.stderr


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


def test_the_man_page_tells_of_every_event():
    source = pathlib.Path(__file__).resolve().parents[3]
    page = (MAN / "winpopd.8").read_text().replace("\\-", "-")
    told = set(re.findall(r"[\w-]+", page[page.index(".SH LOG"):page.index(".SH POP3")]))
    calls = [call for folder in ("server", "ldap") for file in (source / folder).rglob("*.c")
             for call in re.findall(r"log_event\([^;]*?(?:LV_(?!TRACE))[^;]*?KV", file.read_text())]
    found = {name for call in calls for name in re.findall(r'"([a-z-]+)"', call)}
    assert {"ready", "directory-up", "shadow-hidden"} <= found
    assert not found - told


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
    held = Session(domain, "kim@example.com")
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
