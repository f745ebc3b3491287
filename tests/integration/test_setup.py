"""winpop setup: a computer without anything of ours becomes a mail server, by a person at a real terminal and by a file of answers,
with each method of authentication; and stops being one, with all of its mail left."""
import contextlib
import os
import pathlib
import re
import stat
import subprocess

import pytest
from fixtures.barehost import BareHost
from fixtures.waiting import PATIENCE, wait_until

HOST = "mail.example.com"
MAIL = b"Subject: secret plans\r\n\r\nhello\r\n"
PASSWORD = "pw-of-kim-7731"


@pytest.fixture
def bare(build):
    with contextlib.closing(BareHost(build, host=HOST)) as host:
        yield host


@pytest.fixture
def bare_at(build):
    """bare_at(space) -> a computer in that network."""
    with contextlib.ExitStack() as stack:
        yield lambda space: stack.enter_context(contextlib.closing(BareHost(build, space)))


def mail_goes_in_and_out(host, address="kim@example.com", user=None, password=PASSWORD):
    host.deliver(address, MAIL)
    found = host.fetch(user or address, password)
    assert len(found) == 1 and found[0].endswith(MAIL)


def basics(**more):
    return {"domain": "example.com", "hostname": HOST, "postfix": "no", **more}


# ---- a person ----

def walk(terminal, *answers):
    """(question, answer), in order."""
    for question, text in answers:
        terminal.answer(question, text)


def test_password_file_by_a_person(bare):
    before = bare.tree()
    t = bare.sit_down("setup")
    t.wait("Servers of the directory (-: none):")
    assert "No directory was found" in t.screen() and "1 of " in t.screen()
    walk(t, ("Servers of the directory", "?"), ("Servers of the directory", ""))
    page = t.wait("Authentication method [file]:")
    assert "Encrypted password file (file)" in page and "Local accounts (local)" in page
    assert "Active Directory integrated (ad)" not in page, "there is no directory"
    walk(t, ("Authentication method", "ad"), ("Authentication method", "2"), ("E-mail domain name [example.com]", "exa mple"))
    t.answer("E-mail domain name", "<")
    walk(t, ("Authentication method [file]", ""), ("E-mail domain name", ""), (f"Name [{HOST}]", ""), ("Certificate [self]", ""),
         ("Directory of the mail store", ""), ("Expected number of users [50]", "many"), ("Expected number of users", "300"),
         ("Postfix [yes]", "no"), ("Let people administer by a browser [no]", ""), ("Name of a first mailbox", "Kim"),
         ("New password of kim@example.com", PASSWORD), ("Once more", PASSWORD))
    summary = t.wait("Apply [yes]:")
    for said in "Makes the system user winpop", "Adds the e-mail domain example.com", "Makes the mailbox kim@example.com", "socketmax = 60":
        assert said in summary, said
    assert PASSWORD not in summary and bare.tree() == before, "nothing was changed yet"
    t.type("")
    assert "This server is now a mail server." in t.end()
    bare.start()
    mail_goes_in_and_out(bare)
    assert PASSWORD not in bare.log() and PASSWORD not in bare.daemon_log()
    # Again: it shows what is, and has nothing to do.
    t = bare.sit_down("setup")
    first = t.wait("Servers of the directory")
    assert "This is a mail server already." in first and 'by the method "file"' in re.sub(r"\s+", " ", first)
    for question in ("Servers of the directory", "Authentication method [file]", "E-mail domain name:", "Name [", "Certificate [files]",
                     "certificate and its chain [/etc/winpop/tls.crt]", "with its key [/etc/winpop/tls.key]", "mail store", "number of users:",
                     "Postfix [no]", "browser [no]", "first mailbox"):
        t.answer(question, "")
    assert "Nothing is to be done" in t.wait("Apply [yes]:")
    t.type("!")
    assert "left; nothing was changed" in t.end(1)
    # The role is removed; its mail is not.
    t = bare.sit_down("setup", "/remove")
    assert "Users will no longer be able" in t.wait("[y/N]")
    t.type("n")
    t.end(1)
    t = bare.sit_down("setup", "/remove")
    t.answer("[y/N]", "y")
    assert "The mail is where it was" in t.end()
    assert bare.process.wait(PATIENCE) == 0, "the service was stopped"
    bare.process = None
    assert list(bare.path("/var/lib/winpop/mailroot/example.com/P3_kim.mbx").glob("*.eml"))
    assert bare.winpop("setup", "/remove", "/y").code == 1
    # And taken up again, as it was.
    t = bare.sit_down("setup")
    assert "The role was removed" in t.wait("Servers of the directory")
    for _ in range(12):
        t.type("")
    t.answer("Apply [yes]:", "")
    t.end()
    bare.start()
    assert bare.fetch("kim@example.com", PASSWORD)[0].endswith(MAIL), "as it was before"


@pytest.mark.parametrize("at", ["E-mail domain name", "Apply"])
def test_interrupted_before_the_last_page_nothing_is_changed(bare, at):
    before = bare.tree()
    t = bare.sit_down("setup")
    for question in ("Servers", "Authentication", "E-mail", "Name [", "Certificate", "mail store", "users", "Postfix [", "browser",
                     "first mailbox", "Apply"):
        t.wait(question)
        if at in question or question in at:
            break
        t.type("no" if question == "Postfix [" else "")
    t.key("C-c")
    wait_until(lambda: not winpop_runs(bare), why="it goes on after Ctrl-C")
    assert bare.tree() == before and not bare.path("/var/log/winpop-setup.log").exists()


def winpop_runs(host):
    """In that computer's mounts."""
    ours = os.readlink(f"/proc/{host.space.holder.pid}/ns/mnt")
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(proc / "ns/mnt") == ours and b"setup" in (proc / "cmdline").read_bytes().split(b"\0"):
                return True
    return False


def test_local_accounts_by_a_person(bare):
    bare.run("useradd", "--no-create-home", "kim")
    bare.run("chpasswd", stdin=f"kim:{PASSWORD}\n")
    t = bare.sit_down("setup")
    walk(t, ("Servers", ""), ("Authentication method", "local"), ("E-mail", ""), ("Name [", ""), ("Certificate", ""), ("mail store", ""),
         ("users", ""), ("Postfix [", "no"), ("browser", ""), ("first mailbox", "kim"), ("Create associated user", "no"))
    assert "winpop joins the group shadow" in re.sub(r"\s+", " ", t.wait("Apply"))
    t.type("")
    t.end()
    bare.start()
    mail_goes_in_and_out(bare)
    assert bare.fetch("kim", PASSWORD), "the bare name, too"
    # The account of a first mailbox that there is not, made with it.
    bare.ok("setup", "--answers", bare.answers(mailbox="lee@example.com", authentication="local"), stdin="lee-pw-1\n")
    mail_goes_in_and_out(bare, "lee@example.com", password="lee-pw-1")
    bare.ok("setup", "/remove", "/y")
    assert len(list(bare.path("/var/lib/winpop/mailroot/example.com").glob("*/*.eml"))) == 2


def ca_for(host, directory):
    """Where the service's user can read it, too."""
    copy = host.etc / "directory-ca.crt"
    copy.write_bytes(directory.ca.read_bytes())
    copy.chmod(0o644)
    return "/etc/directory-ca.crt"


def test_openldap_by_a_person(bare_at, slapd):
    with slapd_space(slapd) as space:
        host = bare_at(space)
        person = slapd.add_person("kim", PASSWORD, mail="kim@example.com")
        assert person
        t = host.sit_down("setup")
        walk(t, ("Servers of the directory", slapd.ldaps_uri), ("Kind of directory", "openldap"), ("How the service signs in [simple]", ""),
             ("Name of the service", slapd.service_dn), ("File for its password", ""), ("Password of", "wrong"),
             ("File of authorities", ca_for(host, slapd)), ("Where people are", ""))
        page = t.wait("Go on [no]:")
        assert "look at the name and the password" in re.sub(r"\s+", " ", page)
        t.type("")
        walk(t, ("Go on [no]", "<"), ("Where people are", "<"), ("File of authorities", "<"), ("File for its password", ""),
             ("(nothing: as before)", "service of winpop"), ("File of authorities", ""), ("Where people are", ""))
        assert "the service is" in t.wait("Go on [yes]:")
        t.type("")
        page = t.wait("Authentication method [ad]:")
        assert "Active Directory integrated (ad)" in page
        walk(t, ("Authentication method", ""), ("E-mail", "example.com"), ("Name", HOST),
             ("Certificate", ""), ("mail store", ""), ("users", ""), ("Postfix [", "no"), ("browser", ""), ("first mailbox", "kim"),
             ("Create associated user", "no"), ("Apply", ""))
        t.end()
        host.start()
        mail_goes_in_and_out(host)
        secret = host.path("/etc/winpop/directory.password")
        assert secret.read_text().strip() == "service of winpop" and stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert "service of winpop" not in host.log()
        host.ok("setup", "/remove", "/y")
        assert list(host.path("/var/lib/winpop/mailroot/example.com").glob("*/*.eml"))


@contextlib.contextmanager
def slapd_space(slapd):
    """slapd listens on this machine's loopback: a computer that shares its network."""
    from fixtures.spaces import Space

    class Beside:
        holder = type("holder", (), {"pid": os.getpid()})
    space = Space(beside=Beside)
    try:
        yield space
    finally:
        space.close()


def test_active_directory_by_answers(bare_at, dc):
    host = bare_at(dc.space)
    dc.add_person("kim", PASSWORD, mail="kim@example.com")
    answers = host.answers(directory_servers=dc.ldaps_uri, directory="ad", directory_user="winpop@example.test", directory_ca=ca_for(host, dc),
                           mailbox="kim", createuser="no", **basics(hostname="pop.example.com"))
    refused = host.winpop("setup", "--answers", answers, stdin="not the password\n")
    assert refused.code == 1 and "directory_ready: the directory is not as it has to be" in refused.err, refused
    assert not host.path("/etc/winpop").exists()
    host.ok("setup", "--answers", answers, stdin="Passw0rd!of winpop\n")
    assert host.ok("get", "authentication").split() == ["authentication", "1", "(ad)"] or "ad" in host.ok("get", "authentication")
    host.start()
    mail_goes_in_and_out(host)
    host.ok("setup", "/remove", "/y")
    assert list(host.path("/var/lib/winpop/mailroot/example.com").glob("*/*.eml"))


# ---- a file of answers ----

def test_answers_twice(bare):
    answers = bare.answers(mailbox="kim", console="yes", console_administrators="kim@example.com; %sudo", **basics())
    dry = bare.ok("setup", "--answers", answers, "--dry-run")
    assert "Adds the e-mail domain example.com" in dry and not bare.path("/etc/winpop").exists()
    bare.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
    rights = bare.path("/etc/winpop/console.rights")
    assert "\nkim@example.com *\n%sudo *\n" in rights.read_text() and rights.stat().st_uid == 0
    key = bare.path("/etc/winpop/tls.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o640 and key.stat().st_uid == 0
    bare.start()
    mail_goes_in_and_out(bare)
    before = bare.tree()
    assert bare.ok("setup", "--answers", answers, "--dry-run") == "", "there is nothing left to do"
    bare.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
    assert bare.tree() == before
    # One answer that is another.
    bare.ok("setup", "--answers", bare.answers(users="1000", **basics()))
    assert bare.ok("get", "socketmax").split()[-1] == "200"
    assert "wpt_" not in bare.log() and PASSWORD not in bare.log()


@pytest.mark.parametrize("answers, says", [
    ({}, "these must be answered"),
    (basics(hostname="mail"), "hostname: write the full name"),
    (basics(domain="a b"), "domain: "),
    (basics(authentication="ad"), 'authentication: "ad" cannot be chosen here: choose one of local, file'),
    (basics(certificate="files", tls_cert="/nowhere", tls_key="/nowhere"), "cannot read /nowhere"),
    (basics(certificate="files", tls_cert="/etc/hosts", tls_key="/etc/hosts"), "tls_key: "),
    (basics(users="0"), "users: type a number"),
    (basics(mailbox="a/b"), "mailbox: "),
    (basics(console_port="99"), "console_port has no place here"),
    (basics(port="110"), 'nobody asks for "port"'),
    (basics(console="yes", console_administrators="kim"), "names nobody"),
    (basics(apply="no"), "apply: nothing was changed yet"),
])
def test_answers_that_will_not_do(bare, answers, says):
    if not answers:
        (bare.etc / "hosts").write_text("127.0.0.1 localhost\n")
    before = bare.tree()
    done = bare.winpop("setup", "--answers", bare.answers(**answers), stdin="x\n")
    assert done.code != 0 and says in done.err, done
    assert bare.tree() == before


def test_not_by_everybody_and_not_without_a_terminal(bare):
    assert "needs a terminal" in bare.winpop("setup").err
    done = subprocess.run([*bare.space.prefix, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", bare.tool, "setup"],
                          capture_output=True, text=True, env=bare.environment())
    assert done.returncode == 3 and "run winpop as root" in done.stderr


# ---- all or nothing ----

def test_what_fails_is_taken_back(bare):
    """The last step of all fails: the service does not start."""
    bare.systemd()
    before = bare.tree()
    bare.space.run("mkdir", "-p", "/run/stand-in")
    bare.space.run("touch", "/run/stand-in/fails")
    answers = bare.answers(mailbox="kim", console="yes", **basics())
    done = bare.winpop("setup", "--answers", answers, stdin=PASSWORD + "\n")
    assert done.code == 4 or done.code == 1, done
    assert "Job for winpopd.service failed" in done.err and "taken back" in done.err
    after = bare.tree()
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert not {p for p in changed if not re.fullmatch(r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock", p)}, changed
    for path in "/etc/passwd", "/etc/group", "/etc/shadow":
        assert before[path][1] == after[path][1], path
    # What was in the way is gone: the same answers do.
    bare.space.run("rm", "/run/stand-in/fails")
    bare.ok("setup", "--answers", answers, stdin=PASSWORD + "\n")
    wait_until(lambda: bare.winpop("status").code == 0)
    mail_goes_in_and_out(bare)
    assert "enable winpopd.service" in bare.systemctl_calls()
    bare.ok("setup", "/remove", "/y")
    assert "disable --now winpopd.service" in bare.systemctl_calls()
    assert bare.winpop("status").code != 0


def test_an_account_that_is_there_already_is_not_taken_for_its_mailbox(bare):
    """Nobody's password is changed, and no success is told without a mailbox."""
    bare.run("useradd", "--no-create-home", "kim")
    bare.run("chpasswd", stdin=f"kim:{PASSWORD}\n")
    done = bare.winpop("setup", "--answers", bare.answers(authentication="local", mailbox="kim", **basics()), stdin="another\n")
    assert done.code == 1 and "createuser with no" in done.err and not bare.path("/etc/winpop").exists(), done
    bare.ok("setup", "--answers", bare.answers(authentication="local", mailbox="kim", createuser="no", **basics()))
    bare.start()
    mail_goes_in_and_out(bare)


def test_a_user_without_his_group_is_completed(bare):
    """As useradd leaves him when it is ended between its files."""
    group = bare.etc / "group"
    bare.run("useradd", "--system", "--user-group", "--no-create-home", "winpop")
    group.write_text("".join(line for line in group.read_text().splitlines(True) if not line.startswith("winpop:")))
    assert "Makes the group winpop" in bare.ok("setup", "--answers", bare.answers(mailbox="kim", **basics()), stdin=PASSWORD + "\n")
    assert bare.run("id", "-gn", "winpop").strip() == "winpop"
    bare.start()
    mail_goes_in_and_out(bare)
