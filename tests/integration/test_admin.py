"""winpop as an administrator meets it: the commands of the original's documentation typed as it writes them, and the rest.

transcript.txt is such an administrator's terminal, with the service down and then up: `$ ` a command, `! ` a line on stderr,
`[n]` an exit status other than 0, everything else stdout. `# start` starts the service. HOME stands for the test's directory and
PORT for its port.
"""
import base64
import concurrent.futures
import json
import os
import pathlib
import pty
import shlex
import stat
import subprocess
import threading

import pytest

from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import Winpopd, as_delivered

TRANSCRIPT = pathlib.Path(__file__).with_name("transcript.txt")
BODY = b"Subject: x\r\n\r\nbody\r\n"


def steps(text):
    """(command, what follows it) of each step."""
    for block in text.split("\n$ ")[1:]:
        command, _, rest = ("$ " + block).partition("\n")
        yield command[2:], rest


def shown(server, result):
    """A command's result as the transcript writes it."""
    text = result.out + "".join(f"! {line}\n" for line in result.err.splitlines())
    text += f"[{result.code}]\n" if result.code else ""
    text = text.replace(str(server.home), "HOME").replace(str(server.port), "PORT")
    return text


def play(server, text):
    """The transcript as it is now."""
    out = [text.split("\n$ ")[0]]
    for command, rest in steps(text):
        words = [w.replace("HOME", str(server.home)).replace("PORT", str(server.port)) for w in shlex.split(command)[1:]]
        out.append(f"$ {command}\n{shown(server, server.winpop(*words))}".rstrip("\n"))
        if "\n# start" in f"\n{rest}":
            server.start()
            out.append("# start")
    return "\n".join(out) + "\n"


def test_the_transcript(build):
    server = Winpopd(build, hostname="pop.example.com", logging=None)
    try:
        wanted = TRANSCRIPT.read_text()
        assert play(server, wanted) == wanted
    finally:
        server.cleanup()


@pytest.fixture
def admin(make_server):
    return make_server()


def rows(server, *args):
    return [line.split("\t") for line in server.winpop_ok(*args).splitlines()]


def signs_in(server, address, password):
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        answer = pop.cmd(f"PASS {password}")
        pop.cmd("QUIT")  # the mailbox is free again once that is answered
        return answer.startswith(b"+OK")


def test_what_is_typed_takes_effect_at_once(admin):
    admin.winpop_ok("add", "kim@example.com", "/createuser", "one")
    assert signs_in(admin, "kim@example.com", "one")
    admin.winpop_ok("changepwd", "kim@example.com", "two")
    assert not signs_in(admin, "kim@example.com", "one") and signs_in(admin, "kim@example.com", "two")
    admin.deliver("kim@example.com", BODY)
    admin.winpop_ok("delete", "kim@example.com", "/deleteuser", "/y")
    assert not signs_in(admin, "kim@example.com", "two")
    assert not admin.box_dir("kim@example.com").exists()


@pytest.mark.parametrize("switch", [["/createuser", "pw"], ["/createuser:pw"], ["/CREATEUSER", "pw"], ["--createuser", "pw"],
                                    ["--createuser=pw"], ["/CreateUser:pw"]])
def test_spellings(make_server, switch):
    server = make_server()
    server.winpop_ok("ADD", "Kim@Example.COM", *switch)
    assert signs_in(server, "kim@example.com", "pw")


def test_locks(admin):
    """A domain's lock and a mailbox's are two; a locked mailbox receives, and tells nobody who does not know its password."""
    kim, lee = admin.mailbox("kim", "pw"), admin.mailbox("lee", "pw")
    open_session = admin.session(kim, "pw")
    admin.winpop_ok("lock", "example.com")
    for address in (kim, lee):
        with admin.pop() as pop:
            pop.ok(f"USER {address}")
            pop.err("PASS wrong", "AUTH")
            pop.ok(f"USER {address}")
            pop.err("PASS pw", "SYS/PERM")
    open_session.ok("STAT")
    open_session.quit()
    admin.deliver(kim, BODY)
    admin.winpop_ok("lock", lee)
    assert admin.winpop("unlock", kim).code == 1
    admin.winpop_ok("changepwd", kim, "pw2")
    admin.winpop_ok("unlock", "example.com")
    assert admin.messages(kim, "pw2") == [as_delivered(kim, BODY)]
    assert not signs_in(admin, lee, "pw"), "unlocking the domain unlocked a mailbox's own lock"
    admin.winpop_ok("unlock", lee)
    admin.winpop_ok("unlock", lee)
    assert signs_in(admin, lee, "pw")
    admin.stop()
    admin.winpop_ok("lock", lee)
    admin.start()
    assert not signs_in(admin, lee, "pw"), "a lock did not survive a restart"


def test_lock_now_and_kick_end_sessions(admin):
    kim, lee = admin.mailbox("kim", "pw"), admin.mailbox("lee", "pw")
    admin.deliver(kim, BODY)
    first, second = admin.session(kim, "pw"), admin.session(lee, "pw")
    first.ok("DELE 1")
    admin.winpop_ok("lock", kim, "/now")
    first.told_to_leave()
    second.ok("NOOP")
    admin.winpop_ok("kick", "*")
    second.told_to_leave()
    admin.winpop_ok("unlock", kim)
    assert len(admin.messages(kim, "pw")) == 1, "a session that was ended deleted mail"


def test_the_service_is_told_to_forget_passwords(admin):
    """Where it remembers right ones (cache), an old one is no good any more when the command returns."""
    kim = admin.mailbox("kim", "pw")
    admin.winpop_ok("changepwd", kim, "another")
    admin.wait_event("admin", command="forget", target=kim, result="ok")
    admin.winpop_ok("delete", kim, "/deleteuser")
    assert len(admin.events("admin", command="forget", target=kim)) == 2
    admin.stop()
    lee = admin.mailbox("lee", "pw")
    assert admin.winpop("changepwd", lee, "another").err == "", "no service, nothing to say"


def test_a_mailbox_in_use_is_not_deleted(admin):
    kim = admin.mailbox("kim", "pw")
    with admin.session(kim, "pw") as pop:
        assert admin.winpop("delete", kim, "/y").code == 1
        assert admin.winpop("delete", "example.com", "/y").code == 1
        pop.ok("NOOP")
        admin.winpop_ok("delete", kim, "/y", "/now")
    assert not signs_in(admin, kim, "pw")


def test_deleting_a_domain_takes_all_with_it(admin):
    kim = admin.mailbox("kim", "pw")
    admin.deliver(kim, BODY)
    assert admin.winpop("delete", "example.com").code == 1, "without a terminal nobody can say yes"
    admin.winpop_ok("delete", "example.com", "/y")
    assert os.listdir(admin.mailroot) == [".history"] and admin.winpop_ok("list") == ""
    with admin.lmtp() as lmtp:
        lmtp.mail()
        lmtp.expect(451, f"RCPT TO:<{kim}>")  # no domain at all: it may be a mail root that is not mounted
        admin.winpop_ok("add", "other.org")
        lmtp.expect(550, f"RCPT TO:<{kim}>")


@pytest.mark.parametrize("bad", ["kim/x", "kim..\\x", "a b", "a,b", "a*b", "<kim>", "k" * 65, "", "kim\n", "../x", "k|m", '"k"', "k:m"])
def test_names_that_are_none(admin, bad):
    before = sorted(admin.mailroot.rglob("*"))
    done = admin.winpop("add", f"{bad}@example.com", "/createuser", "pw")
    assert done.code == 2 and done.err.count("\n") == 1
    assert sorted(admin.mailroot.rglob("*")) == before


@pytest.mark.parametrize("domain", ["exa mple.com", "-example.com", "example..com", "x" * 64 + ".com", "a." * 130 + "com", "ex/ample", "..", "."])
def test_domains_that_are_none(admin, domain):
    done = admin.winpop("add", domain)
    assert done.code == 2 and done.err.count("\n") == 1
    assert sorted(os.listdir(admin.mailroot)) == [".history", "example.com"]


def test_domains_of_other_scripts_and_single_labels(admin):
    admin.winpop_ok("add", "Gr\u00fc\u00dfe.Example")
    admin.winpop_ok("add", "localhost")
    names = {row[0] for row in rows(admin, "list")}
    assert "localhost" in names and any(n.startswith("xn--") and n.endswith(".example") for n in names)


def test_long_names(admin):
    address = "k" * 64 + "@example.com"
    admin.winpop_ok("add", address, "/createuser", "pw")
    assert signs_in(admin, address, "pw")
    admin.winpop_ok("add", "with+plus@example.com", "/createuser", "pw")


def test_passwords_from_stdin_and_a_terminal(admin):
    for how in (["/createuser", "-"], ["/createuser"]):
        address = f"kim{len(how)}@example.com"
        admin.winpop_ok("add", address, *how, stdin="from stdin\n")
        assert signs_in(admin, address, "from stdin")
        admin.winpop_ok("changepwd", address, "-", stdin="another\n")
        assert signs_in(admin, address, "another")
        admin.winpop_ok("changepwd", address, stdin="a third\n")
        assert signs_in(admin, address, "a third")
    code, text = on_a_terminal(admin, ["add", "lee@example.com", "/createuser"], ["typed pw", "typed pw"])
    assert code == 0 and "typed pw" not in text and signs_in(admin, "lee@example.com", "typed pw")
    code, text = on_a_terminal(admin, ["changepwd", "lee@example.com"], ["one", "other"])
    assert code != 0 and signs_in(admin, "lee@example.com", "typed pw")
    code, text = on_a_terminal(admin, ["delete", "example.com"], ["n"])
    assert code == 1 and signs_in(admin, "lee@example.com", "typed pw")
    code, text = on_a_terminal(admin, ["delete", "example.com"], ["y"])
    assert code == 0 and not signs_in(admin, "lee@example.com", "typed pw")


def on_a_terminal(server, args, answers):
    """Types each answer when a question is waiting; everything that was on the screen."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(server.tool, [str(server.tool), "--config", str(server.conf), *args], server.environment())
    screen = b""
    try:
        for answer in answers:
            while not screen.rstrip().endswith((b":", b"?", b"]", b")")):
                screen += os.read(fd, 4096)
            os.write(fd, answer.encode() + b"\n")
            screen += b"\n"
        while True:
            screen += os.read(fd, 4096)
    except OSError:  # the terminal ends with its program
        pass
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode()


def test_an_empty_password_is_none(admin):
    for args in (["add", "kim@example.com", "/createuser", ""], ["add", "kim@example.com", "/createuser:"]):
        assert admin.winpop(*args).code != 0
    assert not admin.box_dir("kim@example.com").exists()


def test_json(admin):
    kim = admin.mailbox("kim", "pw")
    admin.deliver(kim, BODY, BODY)
    assert json.loads(admin.winpop_ok("--json", "list"))["domains"][0]["domain"] == "example.com"
    boxes = json.loads(admin.winpop_ok("stat", "example.com", "--json"))
    assert boxes["ok"] is True and kim in json.dumps(boxes)
    refused = admin.winpop("--json", "add", "example.com")
    assert refused.code == 1 and json.loads(refused.out)["ok"] is False
    assert json.loads(admin.winpop("--json", "nonsense").out)["ok"] is False


def test_stat_counts_what_is_there(admin):
    kim, lee = admin.mailbox("kim", "pw"), admin.mailbox("lee", "pw")
    admin.deliver(kim, BODY, BODY, BODY)
    admin.deliver(lee, BODY)
    size = len(as_delivered(kim, BODY))
    found = {row[0]: row for row in rows(admin, "stat", "example.com") if "@" in row[0]}
    assert [str(3), str(3 * size)] == found[kim][3:5] and [str(1), str(size)] == found[lee][3:5]
    total = dict(row for row in rows(admin, "stat") if len(row) == 2)
    assert total["domains"] == "1" and total["mailboxes"] == "2" and total["messages"] == "4" and total["disk_use"] == str(4 * size)


def test_settings_keep_the_file_as_it_was_written(admin):
    text = "# my settings\n" + admin.conf.read_text().replace("socketmax = 500", "  SocketMax   =  500\n  # why not more\n")
    admin.conf.write_text(text)
    admin.conf.chmod(0o640)
    admin.winpop_ok("set", "socketmax", "400")
    changed = [(was, now) for was, now in zip(text.splitlines(), admin.conf.read_text().splitlines(), strict=True) if was != now]
    assert len(changed) == 1 and "SocketMax" in changed[0][0] and "400" in changed[0][1]
    assert stat.S_IMODE(admin.conf.stat().st_mode) == 0o640
    assert admin.winpop_ok("get", "socketmax") == "socketmax\t400\n"
    wait_until(lambda: admin.events("reload"), why="the running service was not told")


@pytest.mark.parametrize("args", [
    ["port", "0"], ["port", "65536"], ["port", "x"], ["logging", "5"], ["authentication", "3"], ["threadcount", "0"], ["threadcount", "33"],
    ["socketmax", "0"], ["socketmax", "32001"], ["socketbacklog", "101"], ["socketthreshold", "101"], ["socketmin", "500"],
    ["socket", "50", "50", "10", "10"], ["socket", "50", "40", "10", "10"], ["socket", "50", "10", "10", "0"], ["socket", "50", "10", "10"],
    ["sparequired", "1"], ["sparequired", "2"], ["mailroot", "relative"], ["mailroot", "/" + "m" * 260], ["nonsense", "1"], ["port"],
    ["hostname", "a b"], ["port", "110\nuser = root"],
])
def test_settings_that_are_refused(admin, args):
    before = admin.conf.read_text()
    done = admin.winpop("set", *args)
    assert done.code in (1, 2) and done.out == "" and done.err.count("\n") == 1, done
    assert admin.conf.read_text() == before


@pytest.mark.parametrize("args", [["port", "110"], ["logging", "0"], ["auth", "2"], ["auth", "file"], ["threadcount", "32"],
                                  ["socket", "50", "10", "10", "10"], ["socket", "50", "50", "0", "0"], ["socketbacklog", "0"],
                                  ["sparequired", "0"]])
def test_settings_that_are_taken(make_server, args):
    server = make_server(start=False)
    server.winpop_ok("set", *args)
    assert server.winpop_ok("get", args[0]).split("\t")[1].split()[0].strip() in (args[1], "2")


def test_authentication_is_not_changed_to_what_cannot_be_asked(admin):
    for value in "1", "local":
        result = admin.winpop("set", "authentication", value, "pam_service", "no-such-service")
        assert result.code == 4 and "/etc/pam.d/no-such-service" in result.err
    assert admin.winpop_ok("get", "auth") == "authentication\t2 (file)\n"


def test_rekey_while_mail_is_fetched(admin):
    """Nobody fails to sign in while every record is encrypted anew, again and again; the old key is gone afterwards."""
    boxes = [admin.mailbox(f"box{n}", "pw") for n in range(20)]
    records = {a: (admin.box_dir(a) / "password").read_bytes() for a in boxes}
    keys = admin.settings["key_file"].read_text()
    stopping = threading.Event()

    def sign_in_on(address):
        n = 0
        while not stopping.is_set() or n < 5:
            with admin.pop() as pop:
                reply = pop.apop(address, "pw")
                assert reply.startswith(b"+OK"), reply
                pop.quit()
            n += 1
        return n
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(sign_in_on, a) for a in boxes[:4]]
        for _ in range(5):
            admin.winpop_ok("rekey")
        stopping.set()
        assert all(r.result(PATIENCE) for r in running)
    for address in boxes:
        assert (admin.box_dir(address) / "password").read_bytes() != records[address]
        assert signs_in(admin, address, "pw")
    now = admin.settings["key_file"].read_text()
    assert len(now.splitlines()) == len(keys.splitlines()) and not set(now.splitlines()) & set(keys.splitlines())


def test_passwords_changed_during_rekey_stay_changed(admin):
    boxes = [admin.mailbox(f"box{n}", "old") for n in range(30)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rekey = pool.submit(lambda: [admin.winpop_ok("rekey") for _ in range(3)])
        for n, address in enumerate(boxes):
            admin.winpop_ok("changepwd", address, f"new{n}")
        rekey.result(PATIENCE)
    assert all(signs_in(admin, a, f"new{n}") for n, a in enumerate(boxes))


def test_records_are_bound_to_their_mailbox(admin):
    """A record copied from one mailbox to another opens neither."""
    kim, lee = admin.mailbox("kim", "pw-kim"), admin.mailbox("lee", "pw-lee")
    (admin.box_dir(kim) / "password").write_bytes((admin.box_dir(lee) / "password").read_bytes())
    assert not signs_in(admin, kim, "pw-lee") and not signs_in(admin, kim, "pw-kim") and signs_in(admin, lee, "pw-lee")


def test_secrets_on_disk(admin):
    secret = "a very particular password"
    kim = admin.mailbox("kim", secret)
    for path in admin.home.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            assert secret.encode() not in octets and base64.b64encode(secret.encode()).rstrip(b"=")[:-1] not in octets, path
    assert stat.S_IMODE(admin.settings["key_file"].stat().st_mode) == 0o600
    for path in (admin.mailroot, admin.mailroot / "example.com", admin.box_dir(kim)):
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0, f"{path} is open to everybody"
    assert stat.S_IMODE((admin.box_dir(kim) / "password").stat().st_mode) & 0o077 == 0


def test_an_ordinary_person_may_not(admin):
    admin.home.chmod(0o755)
    os.chmod(admin.conf, 0o644)
    done = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", admin.tool, "--config", admin.conf, "list"],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 3 and done.stdout == "" and done.stderr.count("\n") == 1, done


def test_two_administrators_at_once(admin):
    """Each name is made once, whoever is first."""
    def add(n):
        return admin.winpop("add", f"box{n % 10}@example.com", "/createuser", "pw").code
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(add, range(40)))
    assert sorted(codes) == [0] * 10 + [1] * 30
    assert len(rows(admin, "list", "example.com")) == 10


def test_adding_while_the_service_starts(make_server):
    """A start tidies up what a crash left; what somebody is just making is not that."""
    server = make_server(start=False)
    starting = threading.Event()

    def add(k):
        n = 0
        while not starting.is_set():
            n += 1
            server.winpop_ok("add", f"box{k}-{n}@example.com", "/createuser", "pw")
            server.winpop_ok("delete", f"box{k}-{n}@example.com")
        return n
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(add, k) for k in range(4)]
        for _ in range(10):
            server.start()
            server.stop()
        starting.set()
        assert all(r.result(PATIENCE) for r in running)


def test_service_commands(admin):
    before = json.loads(admin.winpop_ok("status", "--json"))
    assert before["pid"] == admin.pid
    admin.winpop_ok("reload")
    assert admin.events("reload")
    admin.stop()
    for command in ("status", "reload"):
        done = admin.winpop(command)
        assert done.code == 4 and "not running" in done.err


def test_every_command_has_help(admin):
    overview = admin.winpop_ok("help")
    for word in ("add", "delete", "list", "lock", "unlock", "stat", "changepwd", "createquotafile", "migrateToAD", "rekey", "get", "set"):
        assert word in overview
        assert admin.winpop_ok("help", word) == admin.winpop_ok(word, "/?")
    for spelling in ("help", "HELP", "--help", "/?", "-?", "-h"):
        assert admin.winpop_ok(spelling) == overview
    assert admin.winpop().out == overview
    assert admin.winpop_ok("--version").split()[1] in overview
