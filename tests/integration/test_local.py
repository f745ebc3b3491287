"""Users of this computer as accounts: real useradd and pam_unix, in an /etc of the test's own (fixtures/localaccounts.py)."""
import base64
import os
import pathlib
import poplib
import shutil
import signal
import subprocess
import time

import pytest

from fixtures.localaccounts import LocalAccounts, LocalSam
from fixtures.ntlm import Own, sign_in
from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import servers
from fixtures.wire import tls_context
from test_pages import KIM, LEE, SOURCE, Computer, steps

BODY = b"Subject: one\r\n\r\nHello.\r\n"
BOX = "kim@example.com"


@pytest.fixture
def users(space, tmp_path):
    return LocalAccounts(space, tmp_path / "etc")


@pytest.fixture
def make_local(users, build, certs):
    """make_local(start=True, tls=False, **settings) -> Winpopd that runs as winpop with local accounts and one domain"""
    with servers(lambda tls=False, **settings: users.winpopd(build, certs if tls else None, **settings)) as make:
        yield make


@pytest.fixture
def server(make_local):
    """A running service with one mailbox, kim@example.com, password pw-kim, whose user winpop made."""
    made = make_local()
    made.mailbox()
    return made


def refused(server, *args, code=1, stdin=""):
    """What winpop says instead of doing it."""
    result = server.winpop(*args, stdin=stdin)
    assert result.code == code, result
    return result.err


def server_ca(certs, users):
    """The authority's certificate where the service may read it."""
    copy = pathlib.Path(shutil.copy(certs.ca, users.etc / "ca.crt"))
    copy.chmod(0o644)
    return f"/etc/{copy.name}"


def try_pass(server, user, password):
    """The answer to PASS."""
    with server.pop() as pop:
        pop.ok(f"USER {user}")
        answer = pop.cmd(f"PASS {password}")
        pop.cmd("QUIT")  # the mailbox is free again once that is answered
        return answer


# ---- every command ----

def test_a_user_made_and_removed(users, server):
    kim = users.passwd("kim")
    assert kim[1] == "x" and kim[5:] == ["/nonexistent", "/usr/sbin/nologin"]
    assert kim[3] == users.group("pop3users")[2], "no group of its own"
    assert users.shadow("kim")[1].startswith("$"), "a password that can be right"
    assert not users.group("kim")
    assert server.winpop_ok("list", "example.com") == f"{BOX}\tunlocked\t-\tkim\t{BOX}\topen\t-\n"
    server.session(BOX).quit()
    server.winpop_ok("changepwd", BOX, "-", stdin="another one\n")
    assert try_pass(server, BOX, "pw-kim").startswith(b"-ERR [AUTH]")
    server.session(BOX, "another one").quit()
    assert "Its" not in server.winpop_ok("delete", BOX, "/deleteuser")
    assert not users.passwd("kim") and not users.shadow("kim") and not server.box_dir(BOX).exists()


def test_a_user_who_was_there(users, server):
    users.add("lee", "pw-lee")
    before = users.passwd("lee"), users.shadow("lee")
    assert server.winpop_ok("add", "lee@example.com") == "mailbox\tlee@example.com\nlogon\tlee\nThe mailbox was added.\n"
    assert (users.passwd("lee"), users.shadow("lee")) == before
    server.session("lee@example.com", "pw-lee").quit()
    server.winpop_ok("delete", "lee@example.com")
    assert users.passwd("lee"), "without /deleteuser the user stays"
    assert "leave out /createuser" in refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8")
    assert (users.passwd("lee"), users.shadow("lee")) == before
    assert "make the account too, with /createuser" in refused(server, "add", "nobody-here@example.com")


def test_locks_quota_and_sums(server):
    server.deliver(BOX, BODY)
    server.winpop_ok("lock", BOX)
    assert try_pass(server, BOX, "pw-kim").startswith(b"-ERR [SYS/PERM]")
    server.winpop_ok("changepwd", BOX, "pw-kim2")
    server.winpop_ok("unlock", BOX)
    assert len(server.messages(BOX, "pw-kim2")) == 1
    server.winpop_ok("createquotafile", BOX)
    assert server.winpop_ok("list", "example.com").split("\t")[4] == BOX
    assert f"{BOX}\t" in server.winpop_ok("stat", "example.com")
    assert server.winpop_ok("get", "authentication") == "authentication\t1 (local)\n"


def test_quota_accounts_are_users(users, server):
    """By address if the user has a mailbox, whichever domain that is in; else by name."""
    server.winpop_ok("add", "example.org")
    users.add("lee", "pw-lee")
    users.add("max", "pw-max")
    server.winpop_ok("add", "lee@example.org")
    for typed, account in (("kim", BOX), ("KIM", BOX), (BOX, BOX), ("max", "max")):
        said = server.winpop_ok("createquotafile", "lee@example.org", f"/user:{typed}")
        assert f"quota_account\t{account}\n" in said, typed
        assert f"quota_account\t{account}\n" in server.winpop_ok("setquota", typed, "5M")
    assert [row.split("\t")[0] for row in server.winpop_ok("stat", "/quota").splitlines()] == [BOX, "max"]
    users.run("usermod", "-a", "-G", "sudo", "max")
    assert "administrator" in refused(server, "setquota", "max", "6M")
    assert "administrator" in refused(server, "createquotafile", "lee@example.org", "/user:max")
    found = server.winpop("check")
    assert found.code == 1 and found.out.count("\tadministrator\t") == 2, found
    server.winpop_ok("setquota", "max", "default")
    server.winpop_ok("createquotafile", "lee@example.org")
    server.winpop_ok("check", "/repair")


def test_a_name_stands_once_over_all_domains(users, server):
    server.winpop_ok("add", "example.net")
    for how in [], ["/createuser", "x2x4x6x8"]:
        said = refused(server, "add", "kim@example.net", *how)
        assert f"user kim has the mailbox {BOX}" in said and "once over all domains" in said
    assert not server.box_dir("kim@example.net").exists()
    users.add("lee", "pw-lee")
    server.winpop_ok("add", "lee@example.net")
    server.session("lee", "pw-lee").quit()
    assert server.events("signin", account="lee@example.net")


def test_names(users, server):
    assert "above 20 characters" in refused(server, "add", "a-name-of-21-letters-@example.com", "/createuser", "x2x4x6x8", code=2)
    server.winpop_ok("add", "a-name-of-20-letters@example.com", "/createuser", "x2x4x6x8")
    server.session("A-Name-Of-20-Letters", "x2x4x6x8").quit()
    said = refused(server, "add", "-rf@example.com", "/createuser", "x2x4x6x8")  # a name, not a switch, for useradd too
    assert "invalid user name" in said and not server.box_dir("-rf@example.com").exists()


def test_the_system_s_own_users_have_no_mail(users, server):
    users.run("chpasswd", stdin="root:pw-root\ndaemon:pw-daemon\n")
    for login in "root", "daemon":
        said = refused(server, "add", f"{login}@example.com")
        assert "of the system itself" in said
        refused(server, "add", f"{login}@example.com", "/createuser", "x2x4x6x8")
        # a mailbox from a tree that somebody copied
        users.run("install", "-d", "-o", "winpop", "-g", "winpop", server.box_dir(f"{login}@example.com"))
        assert try_pass(server, login, f"pw-{login}").startswith(b"-ERR [AUTH]")
        refused(server, "changepwd", f"{login}@example.com", "x2x4x6x8")
        users.run("grep", "-q", f"^{login}:", "/etc/passwd")
    assert server.events("signin") == []


def test_administrators_are_not_deleted(users, server):
    users.add("boss", "pw-boss", "-G", "sudo")
    server.winpop_ok("add", "boss@example.com")
    server.session("boss", "pw-boss").quit()
    assert "administrator" in refused(server, "delete", "boss@example.com", "/deleteuser")
    assert users.passwd("boss") and server.box_dir("boss@example.com").exists()
    assert "administrator" in refused(server, "createquotafile", "boss@example.com")
    server.winpop_ok("delete", "boss@example.com")
    assert users.passwd("boss")


def test_users_are_changed_by_root_alone(users, server):
    """The service's user may do the rest."""
    server.prefix = [*users.space.prefix, "setpriv", "--reuid=winpop", "--regid=winpop", "--init-groups"]
    for words in (["add", "lee@example.com", "/createuser", "x2x4x6x8"], ["changepwd", BOX, "x2x4x6x8"], ["delete", BOX, "/deleteuser"]):
        assert "run winpop as root" in refused(server, *words, code=3)
    for words in ["add", "lee@example.com", "/createuser"], ["changepwd", BOX]:
        assert "run winpop as root" in refused(server, *words, code=3), "before a password is asked for"
    assert not users.passwd("lee") and server.box_dir(BOX).exists()
    server.winpop_ok("lock", BOX)
    server.winpop_ok("delete", BOX)
    assert users.passwd("kim")


def test_all_or_nothing(users, server):
    """The rules for passwords say no when the user has been made already."""
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_debug.so chauthtok=authtok_err\n")
    said = refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8")
    assert "the password was not changed" in said and "x2x4x6x8" not in said
    assert not users.passwd("lee") and not server.box_dir("lee@example.com").exists()
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_no_such_module.so\n")
    refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8", code=4)
    assert not users.passwd("lee") and not server.box_dir("lee@example.com").exists()


def test_a_refusal_in_pam_s_words(users, server):
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\n"
              "password required pam_pwhistory.so remember=5 enforce_for_root\npassword required pam_unix.so use_authtok\n")
    server.winpop_ok("changepwd", BOX, "second one")
    server.winpop_ok("changepwd", BOX, "third one")
    assert "Password has been already used" in refused(server, "changepwd", BOX, "second one")
    server.session(BOX, "third one").quit()


def test_a_lock_on_the_password_files(users, server):
    """Somebody else is changing users: nothing is half made."""
    (users.etc / "passwd.lock").write_text(str(os.getpid()))
    said = refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8", code=4)
    assert "passwd.lock" in said
    (users.etc / "passwd.lock").unlink()
    assert not server.box_dir("lee@example.com").exists()
    server.winpop_ok("add", "lee@example.com", "/createuser", "x2x4x6x8")


def kill_while_the_password_is_set(users, server, *signals):
    script = server.home / "stop-it"
    script.write_text("#!/bin/sh\n" + "".join(f"kill -{s} $PPID\n" for s in signals))
    script.chmod(0o755)
    users.pam(f"auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\n"
              f"password optional pam_exec.so quiet {script}\n")


def test_what_kill_9_leaves(users, server):
    """The way out is in winpop-local(7)."""
    kill_while_the_password_is_set(users, server, "KILL")
    assert server.winpop("add", "lee@example.com", "/createuser", "x2x4x6x8").code == -signal.SIGKILL
    assert users.passwd("lee") and not server.box_dir("lee@example.com").exists()
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\n")
    assert "leave out /createuser" in refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8")
    server.winpop_ok("add", "lee@example.com")
    server.winpop_ok("changepwd", "lee@example.com", "another one")
    server.session("lee", "another one").quit()


def test_signals_wait_until_all_is_made(users, server):
    kill_while_the_password_is_set(users, server, "INT", "TERM", "HUP")
    result = server.winpop("add", "lee@example.com", "/createuser", "x2x4x6x8")
    assert -result.code in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) and "The mailbox was added." in result.out, result
    assert users.passwd("lee") and server.box_dir("lee@example.com").exists()
    server.session("lee", "x2x4x6x8").quit()


def test_what_tools_are_given(users, server):
    """Root in earnest, nothing of ours open, no environment of ours, and no Ctrl-C."""
    real, seen, script = server.home / "useradd", server.home / "seen", server.home / "script"
    shutil.copy("/usr/sbin/useradd", real)
    script.write_text(f"""#!/bin/sh
(echo $(ls /proc/self/fd)
id -u; id -ru; id -g; id -rg
cut -d' ' -f5 /proc/$$/stat; echo $$
tr '\\0' '\\n' </proc/$$/environ) >{seen}
exec {real} "$@"
""")
    script.chmod(0o755)
    users.space.bind(script, "/usr/sbin/useradd")
    server.winpop_ok("add", "lee@example.com", "/createuser", "x2x4x6x8")
    descriptors, *ids, group, own, path, language = seen.read_text().splitlines()
    assert descriptors == "0 1 2 3", "3 is of ls itself"
    assert ids == ["0"] * 4
    assert group == own
    assert path.startswith("PATH=/usr/sbin:") and language == "LC_ALL=C"


def test_a_tool_that_cannot_run(users, server):
    users.space.bind("/dev/null", "/usr/sbin/useradd")
    assert "cannot run /usr/sbin/useradd: Permission denied" in refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8", code=4)


def test_children_that_were_to_be_ignored(users, server):
    """As some programs start others."""
    server.prefix = [*users.space.prefix, "env", "--ignore-signal=CHLD"]
    server.winpop_ok("add", "lee@example.com", "/createuser", "x2x4x6x8")


def test_root_stays_out_of_the_mail_root(users, server):
    """What its owner may not see there is not seen with other rights."""
    server.winpop_ok("add", "example.net")
    hidden = server.box_dir("kim@example.net").parent
    users.run("chown", "root:root", hidden)
    hidden.chmod(0o700)
    refused(server, "add", "lee@example.com", "/createuser", "x2x4x6x8", code=4)
    assert not users.passwd("lee") and not server.box_dir("lee@example.com").exists()
    refused(server, "delete", BOX, "/deleteuser", code=4)
    assert users.passwd("kim") and server.box_dir(BOX).exists(), "both or none"


def test_root_marks_no_mail_root(users, build):
    server = users.winpopd(build, catalog="directory", directory_servers="ldapi:///", directory_bind="external")
    try:
        server.winpop_ok("init")
        mark = server.mailroot / ".winpop"
        assert mark.stat().st_uid == users.uid("winpop")
        mark.unlink()
        server.mailroot.chmod(0o550)
        refused(server, "init", code=4)
        assert not mark.exists()
    finally:
        server.cleanup()


# ---- signing in ----

def test_ways_in(users, make_local, certs):
    server = make_local(tls=True)
    server.mailbox()
    server.deliver(BOX, BODY)
    computer = users.run("hostname").strip().split(".")[0][:15]
    for name in BOX, "Kim@Example.COM", "kim", "KIM", f"{computer}\\kim", f"{computer.upper()}\\kim@example.com":
        assert try_pass(server, name, "pw-kim").startswith(b"+OK"), name
        with server.pop() as pop:
            blob = base64.b64encode(f"\0{name}\0pw-kim".encode()).decode()
            pop.ok(f"AUTH PLAIN {blob}")
    with users.space.inside():
        client = poplib.POP3("127.0.0.1", server.port, timeout=PATIENCE)
    client.user("kim")
    client.pass_("pw-kim")
    assert client.stat()[0] == 1
    client.quit()
    for extra in [], ["--ssl-reqd"]:
        words = ["curl", "-sS", *extra, "--cacert", certs.ca, "--resolve", f"pop.example.com:{server.port}:127.0.0.1", "--login-options",
                 "AUTH=PLAIN", "-u", f"{BOX}:pw-kim", f"pop3://pop.example.com:{server.port}/1"]
        assert users.run(*words).replace("\r\n", "\n").endswith("Hello.\n")
    assert not server.events("signin-failed")


def test_no_is_always_the_same_no(users, server):
    users.add("locked", "pw-locked")
    server.winpop_ok("add", "locked@example.com")
    users.run("usermod", "-L", "locked")
    answers = {try_pass(server, name, "bad") for name in
               (BOX, "kim", "locked", "nobody-here", "nobody-here@example.com", "nobody-here@nowhere.example", "root", "OTHER\\kim")}
    assert len(answers) == 1, answers
    assert try_pass(server, "locked", "pw-locked") in answers


def work_ns(server):
    """Time on a processor so far: what a busy computer does not change."""
    return sum(int(task.read_text().split()[0]) for task in pathlib.Path(f"/proc/{server.pid}/task").glob("*/schedstat"))


def cost(server, name, password):
    before = work_ns(server)
    assert try_pass(server, name, password).startswith(b"-ERR [AUTH]")
    return work_ns(server) - before


def test_no_costs_the_same(users, server):
    """A name that is none, or locked, is not told by its quickness; nor is one that was tried before."""
    users.add("locked", "pw-locked")
    server.winpop_ok("add", "locked@example.com")
    users.run("usermod", "-L", "locked")
    names = "kim", "locked", "nobody-here", "nobody-here@example.com", "root"
    fresh, again = {}, {}
    for n in range(5):
        for name in names:
            fresh[name] = min(fresh.get(name, 1e12), cost(server, name, f"bad{n}"))
            again[name] = min(again.get(name, 1e12), cost(server, name, f"bad{n}"))
    assert min(fresh.values()) > max(fresh.values()) / 2, fresh
    assert max(again.values()) < min(fresh.values()) / 2, f"some are remembered and some are not: {again}"


def test_libpam_does_not_sleep(users, server):
    users.pam("auth required pam_faildelay.so delay=40000000\nauth required pam_unix.so\naccount required pam_unix.so\n")
    began = time.monotonic()
    assert try_pass(server, BOX, "bad").startswith(b"-ERR [AUTH]")
    assert time.monotonic() - began < 40


def ends(server, user, password):
    answer = try_pass(server, user, password)
    failed = wait_until(lambda: server.events("signin-failed"))[-1]
    return answer.decode(), failed["reason"], failed["why"]


def test_a_right_password_that_does_not_do(users, server):
    for login in "old", "fresh", "stale":
        users.add(login, f"pw-{login}")
        server.winpop_ok("add", f"{login}@example.com")
        assert try_pass(server, login, f"pw-{login}").startswith(b"+OK")
    users.run("chage", "-E", "1", "old")
    users.run("chage", "-d", "0", "fresh")
    users.run("chage", "-d", "2020-01-01", "-M", "30", "stale")
    for login, told, why in (("old", "disabled", "has expired"), ("fresh", "must change your password", "change your password"),
                             ("stale", "expired", "change your password")):
        answer, reason, text = ends(server, login, f"pw-{login}")
        assert (reason, told in answer, why in text) == ("refused", True, True), (login, answer, reason, text)
        answer, reason, _ = ends(server, login, "bad")
        assert reason == "denied" and told not in answer, "that an account has expired is for its owner to know"
    server.winpop_ok("changepwd", "fresh@example.com", "pw-fresh2")
    server.session("fresh", "pw-fresh2").quit()


def test_a_certificate_opens_no_account_that_pam_closes(users, make_local, certs):
    server = make_local(tls=True, tls_client_ca=server_ca(certs, users))
    server.mailbox()
    context = tls_context(certs.ca)
    context.load_cert_chain(*certs.client(BOX))

    def answer():
        with server.pop().stls(context) as pop:
            return pop.cmd("AUTH EXTERNAL =").decode()

    assert answer().startswith("+OK")
    users.run("chage", "-d", "0", "kim")
    assert answer().startswith("+OK"), "his password is not what he comes with"
    users.run("chage", "-d", "-1", "-E", "0", "kim")
    assert "disabled" in answer()
    users.run("chage", "-E", "-1", "kim")
    closed = "auth required pam_unix.so\naccount required pam_succeed_if.so quiet user != kim\naccount required pam_unix.so\n"
    users.pam(closed)
    assert "disabled" in answer()
    users.pam("auth required pam_unix.so\naccount required pam_no_such_module.so\n")
    assert answer().startswith("-ERR [SYS/PERM]")
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\n")
    assert answer().startswith("+OK")


def test_passwords_that_cannot_be_read_are_not_wrong(users, make_local):
    server = make_local(start=False)
    server.mailbox()
    users.run("gpasswd", "-d", "winpop", "shadow")
    check = subprocess.run([*server.prefix, server.daemon, "--config", server.conf, "--check"], capture_output=True, text=True,
                           env=server.environment())
    assert check.returncode == 0 and "event=shadow-hidden" in check.stderr and "group shadow" in check.stderr
    server.start()
    assert server.events("shadow-hidden")
    for password in "pw-kim", "bad":
        answer, reason, why = ends(server, BOX, password)
        assert answer.startswith("-ERR [SYS/PERM]") and reason == "broken" and "group shadow" in why
    server.stop()
    users.run("usermod", "-a", "-G", "shadow", "winpop")
    server.start()
    server.session(BOX).quit()


def test_trouble_with_pam_is_not_a_wrong_password(users, make_local):
    server = make_local()
    server.mailbox()
    with server.session(BOX) as pop:
        for text, code in (("auth required pam_no_such_module.so\naccount required pam_unix.so\n", "[SYS/PERM]"),
                           ("auth required pam_debug.so auth=authinfo_unavail\naccount required pam_unix.so\n", "[SYS/TEMP]"),
                           ("auth required pam_unix.so\naccount required pam_debug.so acct=authinfo_unavail\n", "[SYS/TEMP]")):
            users.pam(text)
            assert ends(server, BOX, "pw-kim")[0].startswith(f"-ERR {code}")
        pop.ok("NOOP")
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\n")
    server.session(BOX).quit()
    server.stop()
    (users.etc / "pam.d/winpop").unlink()
    server.start(wait=False)
    assert server.process.wait(PATIENCE) != 0
    server.process = None
    assert "there is no /etc/pam.d/winpop" in server.log_text()


def test_a_module_that_hangs_holds_its_worker_only(users, make_local):
    server = make_local(workers=4)
    server.mailbox()
    server.mailbox("lee", "pw-lee")
    began, go_on, script = server.home / "run/began", server.home / "go-on", server.home / "hang"
    script.write_text(f"#!/bin/sh\ntouch {began}\nuntil test -e {go_on}; do sleep 0.05; done\n")
    script.chmod(0o755)
    users.pam(f"auth optional pam_exec.so quiet {script}\nauth required pam_unix.so\naccount required pam_unix.so\n")
    hung = server.pop()
    hung.ok(f"USER {BOX}")
    hung.send(b"PASS pw-kim\r\n")
    wait_until(began.exists)
    users.pam("auth required pam_unix.so\naccount required pam_unix.so\n")
    for _ in range(5):
        server.session("lee", "pw-lee").quit()
    go_on.touch()
    assert hung.line().startswith(b"+OK")
    hung.close()


# ---- SPA ----

def test_spa_without_winbind(server):
    with server.pop() as pop:
        assert "NTLM" not in pop.capa()["SASL"] and "NTLM" not in pop.lines("AUTH")
        pop.err("AUTH NTLM")
    said = refused(server, "set", "sparequired", "1", code=5)
    assert "nothing here can prove Secure Password Authentication" in said, "nobody could sign in"
    server.session(BOX).quit()


@pytest.fixture
def sam(users):
    made = LocalSam(users)
    yield made
    made.close()


def test_spa_by_winbind(users, sam, make_local):
    """Samba keeps passwords of the same users; the domain beside the name is this computer, or nothing."""
    server = make_local(start=False)
    server.mailbox()
    server.mailbox("lee", "pw-lee")
    sam.add("kim", "pw-of-samba")
    sam.start()
    server.write_conf(sparequired=1)
    server.start()
    for user, domain in ("kim", "MAILHOST"), ("KIM", "mailhost"), ("kim", ""):
        with server.pop() as pop:
            assert pop.capa()["SASL"] == ["NTLM"]
            assert sign_in(pop, Own(user, "pw-of-samba", domain)).startswith("+OK"), (user, domain)
    for user, password, domain in (("kim", "pw-kim", "MAILHOST"), ("lee", "pw-lee", "MAILHOST"), ("kim", "pw-of-samba", "ELSEWHERE")):
        with server.pop() as pop:
            assert sign_in(pop, Own(user, password, domain)).startswith("-ERR"), (user, domain)
    assert {e["account"] for e in server.events("signin")} == {BOX}


# ---- mail on disk ----

def owner(server, address):
    [message] = server.box_dir(address).glob("*.eml")
    return message.stat().st_uid


def test_mail_is_the_service_s_own(users, server):
    server.deliver(BOX, BODY)
    assert owner(server, BOX) == users.uid("winpop")
    status = open(f"/proc/{server.pid}/status").read()
    assert int(status.split("CapEff:")[1].split()[0], 16) == 0


def test_mail_belongs_to_whom_it_is_for(users, make_local):
    """A service that was never root and may give files away."""
    server = make_local(start=False)
    server.mailbox()
    users.add("lee", "pw-lee")
    server.winpop_ok("add", "lee@example.com")
    users.run("install", "-d", "-o", "winpop", "-g", "winpop", server.home / "run")
    tool = server.prefix
    server.prefix = [*tool, "setpriv", "--reuid=winpop", "--regid=winpop", "--init-groups", "--no-new-privs", "--bounding-set=-all,+chown",
                     "--inh-caps=-all,+chown", "--ambient-caps=-all,+chown", "--"]
    server.start()
    server.prefix = tool
    status = open(f"/proc/{server.pid}/status").read()
    assert {k: int(status.split(f"Cap{k}:")[1].split()[0], 16) for k in ("Inh", "Prm", "Eff", "Amb")} == {"Inh": 0, "Prm": 1, "Eff": 1, "Amb": 0}
    server.deliver(BOX, BODY)
    assert owner(server, BOX) == users.uid("kim")
    server.winpop_ok("createquotafile", "lee@example.com", "/user:kim")
    server.deliver("lee@example.com", BODY)
    assert owner(server, "lee@example.com") == users.uid("kim"), "the quota file says whose it is"
    with server.session(BOX) as pop:
        assert pop.retr(1).endswith(BODY)
        pop.ok("DELE 1")
        pop.quit()
    assert not list(server.box_dir(BOX).glob("*.eml"))


# ---- changing to it ----

def test_from_the_password_file(users, make_local):
    server = make_local(start=False, authentication="file")
    server.mailbox("kim", "pw-file")
    server.mailbox("lee", "pw-file")
    server.winpop_ok("add", "example.net")
    server.winpop_ok("add", "lee@example.net", "/createuser", "pw-file")
    users.add("kim", "pw-kim")
    users.add("lee", "pw-lee")
    result = server.winpop("set", "authentication", "local")
    assert result.code == 1 and "2 of 3 mailboxes" in result.err, result
    assert result.out.count("once over all domains") == 2
    server.winpop_ok("delete", "lee@example.net")
    server.winpop_ok("set", "authentication", "local")
    server.start()
    server.session("kim", "pw-kim").quit()
    assert try_pass(server, "kim", "pw-file").startswith(b"-ERR [AUTH]")


def test_away_from_accounts_that_cannot_be_asked(users, make_local):
    """What is broken may be why they are left: of the present method only its mailboxes matter."""
    server = make_local(start=False)
    server.mailbox()
    (users.etc / "pam.d/winpop").unlink()
    refused(server, "list", code=4)
    result = server.winpop("set", "authentication", "file")
    assert result.code == 1 and "1 of 1 mailboxes" in result.err and result.out.startswith(f"{BOX}\t"), result
    shutil.rmtree(server.box_dir(BOX))
    server.winpop_ok("set", "authentication", "file")
    assert server.winpop_ok("list") == "example.com\tunlocked\t0\topen\tdefault\n"


def test_no_secret_is_told(users, make_local):
    server = make_local(logging=4)
    secrets = "correct-horse-1", "correct-horse-2", "wrong-horse-3"
    server.mailbox("kim", secrets[0])
    server.winpop_ok("changepwd", BOX, "-", stdin=secrets[1] + "\n")
    for secret in secrets:
        try_pass(server, BOX, secret)
        try_pass(server, "nobody-here", secret)
    assert len(server.events("signin")) == 1
    log = server.log_text()
    assert not any(secret in log for secret in secrets) and users.shadow("kim")[1] not in log


# ---- the page ----

def test_the_page(build, space, users, certs):
    """winpop-local(7), typed as it stands."""
    users.run("gpasswd", "-d", "winpop", "shadow")  # it is the page that lets it
    users.add("kim", KIM)
    computer = Computer(build, space, users.etc, certs.ca)
    try:
        computer.follow("winpop-local.7")
        assert computer.signs_in("kim@example.com", KIM) and computer.signs_in("kim", KIM)
        assert computer.signs_in("lee", LEE) and not computer.signs_in("lee", KIM)
        assert users.passwd("lee")[6] == "/usr/sbin/nologin"
        assert not any(secret in computer.log() for secret in (KIM, LEE))
    finally:
        computer.close()


def test_installing_keeps_the_administrator_s_own(build, tmp_path):
    kept, brought = tmp_path / "etc/pam.d/winpop", SOURCE / "server/main/pam.d/winpop"
    command = ["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    assert kept.read_text() == brought.read_text() and kept.stat().st_mode & 0o777 == 0o644
    kept.write_text("account required pam_access.so\n" + brought.read_text())
    subprocess.run(command, check=True, capture_output=True)
    assert kept.read_text().startswith("account required pam_access.so\n")


def test_the_steps_of_the_page():
    commands = [step.command for step in steps("winpop-local.7")]
    assert "winpop set authentication local" in commands and "winpop add lee@example.com /createuser" in commands
