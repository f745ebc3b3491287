"""winpop-openldap(7), winpop-ad(7), winpop-quota(7) and a section of README.md, typed as they stand.

Commands are the lines behind a prompt, `# ` or `$ `, in the pages' examples, in order, each with its continued lines and its
here-document; any other line of an example must be in the answer to the command above it. Typing happens on a terminal, and the
terminal asks for passwords.

So that nothing need be replaced, the computer is a private one: its own network with the pages' ports, its own /etc with their
names, its own /run, /var/lib and /root. Two exceptions. The test's domain is example.test, so the page about Active Directory
has that for example.com, in every spelling. `systemctl` is a script that does with winpopd what the unit does, and `samba-tool`
one that runs on the domain controller.
"""
import dataclasses
import errno
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

import pytest

from fixtures.certs import Certs
from fixtures.samba import Dc
from fixtures.spaces import Space
from fixtures.waiting import DIRECTORY_PATIENCE_MS, PATIENCE, wait_until
from fixtures.winpopd import SANITIZER, SANITIZER_ENV
from fixtures.wire import Lmtp

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROFF = {r"\-": "-", r"\e": "\\", r"\(aq": "'", r"\(dq": '"', r"\&": ""}
KIM, LEE, ADMIN, SERVICE = "pw-kim-0k", "pw-lee-0k", "pw-admin-0k", "pw-service-0k"
PROMPTS = (  # what a terminal asks -> what is typed
    (r"Enter LDAP Password: ?$", ADMIN),
    (r"Enter host password for user 'kim@.*: ?$", KIM),
    (r"Password for kim@.*: ?$", KIM),
    (r"Password of winpopd: ?$", SERVICE),
    (r"(New|Retype) Password: ?$", SERVICE),
    (r"Password of cn=admin,.*: ?$", ADMIN),
    (r"([Pp]assword|[Aa]gain|Once more).*: ?$", LEE),
    (r"\[y/N\] ?$", "y"),
)

SYSTEMCTL = """#!/bin/sh
# systemctl restart|stop winpopd: what winpopd.service says, without systemd
log={home}/winpopd.log
if [ -s {home}/pid ]; then
	kill "$(cat {home}/pid)" && while kill -0 "$(cat {home}/pid)" 2>/dev/null; do sleep 0.05; done
	rm {home}/pid
fi
[ "$1" = stop ] && exit 0
install -d -o winpop -g winpop /run/winpop
winpopd --check >>$log 2>&1 || exit 1
before=$(grep -c event=ready $log)
setsid winpopd >>$log 2>&1 </dev/null &
echo $! >{home}/pid
until [ "$(grep -c event=ready $log)" -gt "$before" ]; do kill -0 $! 2>/dev/null || exit 1; sleep 0.05; done
"""


@dataclasses.dataclass
class Step:
    command: str
    answer: list


def man_examples(page):
    text = (SOURCE / "admin/man" / f"{page}.in").read_text()
    for block in re.findall(r"^\.EX\n(.*?)^\.EE\n", text, re.M | re.S):
        for roff, plain in ROFF.items():
            block = block.replace(roff, plain)
        yield block


def readme_examples(section):
    text = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", (SOURCE / "README.md").read_text(), re.M | re.S).group(1)
    return re.findall(r"^```console\n(.*?)^```\n", text, re.M | re.S)


def steps(page, replace=()):
    """The commands of a manual page, or of a section of README.md, and what it says of their answers."""
    found = []
    for block in man_examples(page) if re.search(r"\.\d$", page) else readme_examples(page):
        for old, new in replace:
            block = block.replace(old, new)
        found += block_steps(block.splitlines())
    return found


def block_steps(lines):
    found = []
    while lines:
        line = lines.pop(0)
        if not line.startswith(("# ", "$ ")):
            found[-1].answer.append(line)
            continue
        command = [line[2:]]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        mark = re.search(r"<<(\w+)$", command[-1])
        while mark and command[-1] != mark.group(1):
            command.append(lines.pop(0))
        found.append(Step("\n".join(command), []))
    return found


def converse(words, env):
    """Runs it on a terminal, answers what it asks; (exit status, all that was displayed)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(words[0], words, env)
    shown, fresh, end = "", "", time.monotonic() + PATIENCE
    while select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        octets = read(terminal)
        if not octets:
            break
        shown, fresh = shown + octets, fresh + octets
        for prompt, answer in PROMPTS:
            if re.search(prompt, fresh):
                os.write(terminal, answer.encode() + b"\n")
                fresh = ""
                break
    else:
        os.kill(pid, 9)
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)  # not earlier: it would hang up on a command that is about to end
    return os.waitstatus_to_exitcode(status), shown.replace("\r\n", "\n")


def read(terminal):
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError as e:
        assert e.errno == errno.EIO, e  # its way to say that nobody is on the other side any more
        return ""


class Computer:
    """The private computer: `space` is inside, `etc` its /etc."""

    def __init__(self, build, space, etc, ca):
        self.home, self.space, self.etc = pathlib.Path(tempfile.mkdtemp(prefix="winpop-page-")), space, pathlib.Path(etc)
        self.home.chmod(0o755)
        self.bin = self.home / "bin"
        self.bin.mkdir()
        (self.home / "winpopd.log").touch()
        (self.bin / "winpop").symlink_to(build / "admin/winpop")
        (self.bin / "winpopd").symlink_to(build / "server/main/winpopd")
        self.script("systemctl", SYSTEMCTL.format(home=self.home))
        self.furnish(ca)
        self.env = {**os.environ, **SANITIZER_ENV, "PATH": f"{self.bin}:{os.environ['PATH']}:/usr/sbin:/sbin",
                    "KRB5CCNAME": f"FILE:{self.home}/ccache", "HISTFILE": "/dev/null"}

    def script(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def furnish(self, ca):
        for name in ("passwd", "group"):
            file = self.etc / name
            if "\nwinpop:" not in file.read_text():
                file.write_text(file.read_text() + {"passwd": "winpop:x:987:987::/nonexistent:/usr/sbin/nologin\n",
                                                    "group": "winpop:x:987:\n"}[name])
        shutil.rmtree(self.etc / "winpop", ignore_errors=True)
        (self.etc / "ssl/certs").mkdir(parents=True, exist_ok=True)
        (self.etc / "ssl/certs/ca-certificates.crt").write_bytes(pathlib.Path(ca).read_bytes())
        (self.etc / "ldap").mkdir(exist_ok=True)
        (self.etc / "ldap/ldap.conf").write_text("TLS_CACERT /etc/ssl/certs/ca-certificates.crt\n")
        (self.home / "root").mkdir(mode=0o700)
        (self.home / "source").mkdir()
        self.space.bind(SOURCE, self.home / "source")  # it may be below /root
        self.space.mount_tmpfs("/run", "16m")
        self.space.mount_tmpfs("/var/lib", "64m")
        self.space.bind(self.home / "root", "/root")
        self.space.run("chmod", "0755", "/run", "/var/lib")

    def type(self, command):
        return converse([*self.space.prefix, "bash", "-c", f"cd {self.home}/source\n{command}"], self.env)

    def follow(self, page, replace=(), since=None, until=None):
        """since: the first command; until: the first that is left to others."""
        for step in steps(page, replace):
            if step.command == until:
                return
            since = None if step.command == since else since
            if since:
                continue
            status, shown = self.type(step.command)
            assert status == 0, f"{page}: {step.command}\n{shown}\n{self.log()[-3000:]}"
            if step.command == "winpop init":  # a reader's machine may be less busy
                self.type_ok(f"winpop set directory_timeout_ms {DIRECTORY_PATIENCE_MS}")
            for line in step.answer:
                assert line in shown, f"{page}: {step.command}\n{shown}\ndoes not have {line!r}"

    def type_ok(self, command):
        status, shown = self.type(command)
        assert status == 0, f"{command}\n{shown}\n{self.log()[-3000:]}"
        return shown

    def curl(self, user, password, *words, mech="PLAIN"):
        # curl prefers Kerberos where it is offered, even to a password that it was given.
        words = [*self.space.prefix, "curl", "-sS", "--login-options", f"AUTH={mech}", "-u", f"{user}:{password}", "pop3://localhost/", *words]
        return subprocess.run(words, capture_output=True, text=True, env=self.env, timeout=PATIENCE)

    def signs_in(self, user, password, mech="PLAIN"):
        return self.curl(user, password, mech=mech).returncode == 0

    def uidls(self, user, password):
        done = self.curl(user, password, "-X", "UIDL")
        assert done.returncode == 0, f"{user}: {done.stderr}\n{self.log()[-3000:]}"
        return done.stdout

    def put_mail(self, address):
        local, domain = address.split("@")
        self.type_ok(f"printf 'Subject: kept\\r\\n\\r\\nkept\\r\\n' >/var/lib/winpop/mailroot/{domain}/P3_{local}.mbx/P3kept.eml; "
                     f"chown winpop: /var/lib/winpop/mailroot/{domain}/P3_{local}.mbx/P3kept.eml")

    def log(self):
        return (self.home / "winpopd.log").read_text(errors="replace")

    def close(self):
        try:
            self.type("systemctl stop winpopd")
            assert not SANITIZER.search(self.log()), self.log()[-8000:]
        finally:
            self.space.unmount(self.home / "source")
            shutil.rmtree(self.home)


BASE_DN = "dc=example,dc=com"
ENTRY = "dn: uid={0},ou=people,{1}\nobjectClass: inetOrgPerson\nuid: {0}\ncn: {0}\nsn: {0}\nmail: {0}@example.com\nuserPassword: {2}\n\n"


class DebianSlapd:
    """slapd as its Debian package sets it up, with a certificate and Kim, or nobody."""

    def __init__(self, space, home, people=("kim",)):
        self.space, self.home, self.process = space, home, None
        for name in ("conf", "db"):
            (home / name).mkdir()
        certs = Certs(home / "tls")
        cert, key = certs.server("ldap.example.com")
        self.ca = certs.ca
        base = BASE_DN
        config = pathlib.Path("/usr/share/slapd/slapd.init.ldif").read_text()
        for old, new in (("@SUFFIX@", base), ("@PASSWORD@", ADMIN), ("/var/lib/ldap", f"{home}/db"),
                         ("olcToolThreads: 1\n", f"olcToolThreads: 1\nolcTLSCertificateFile: {cert}\nolcTLSCertificateKeyFile: {key}\n")):
            assert old in config
            config = config.replace(old, new)
        self.add(0, config)
        self.add(1, f"dn: {base}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n"
                    f"dn: ou=people,{base}\nobjectClass: organizationalUnit\nou: people\n\n" +
                 "".join(ENTRY.format(uid, base, KIM) for uid in people))

    def add(self, database, ldif):
        subprocess.run(["slapadd", "-F", self.home / "conf", "-n", str(database)], input=ldif, text=True, check=True,
                       capture_output=True)

    def start(self):
        self.space.run("mkdir", "-p", "/run/slapd")
        self.process = subprocess.Popen([*self.space.prefix, "slapd", "-F", self.home / "conf", "-d", "0",
                                         "-h", "ldap:/// ldaps:/// ldapi:///"], stderr=subprocess.DEVNULL)
        wait_until(self.answers, why="slapd does not answer")

    def answers(self):
        assert self.process.poll() is None, f"slapd ended with {self.process.returncode}"
        return subprocess.run([*self.space.prefix, "ldapwhoami", "-x", "-H", "ldapi:///"], capture_output=True).returncode == 0

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture
def private_etc(tmp_path):
    etc = tmp_path / "etc"
    shutil.copytree("/etc", etc, symlinks=True)
    (etc / "hosts").unlink()
    (etc / "hosts").write_text("127.0.0.1 localhost ldap.example.com pop.example.com\n")
    return etc


def test_with_openldap(build, space, private_etc, tmp_path):
    slapd = DebianSlapd(space, tmp_path)
    space.bind(private_etc, "/etc")
    computer = Computer(build, space, private_etc, slapd.ca)
    slapd.start()
    try:
        computer.follow("winpop-openldap.7")
        assert computer.signs_in("kim@example.com", KIM) and computer.signs_in("kim", KIM)
        assert computer.signs_in("lee@example.com", LEE)
        assert not computer.signs_in("lee@example.com", KIM)
        for secret in (KIM, LEE, ADMIN, (private_etc / "winpop/directory.password").read_text()):
            assert secret not in computer.log()
    finally:
        computer.close()
        slapd.close()


README_SECTION = "Leaving the password file"
NO_SWITCH = (("authentication ad ", ""),)


def test_leaving_the_password_file(build, space, private_etc, tmp_path):
    """Two mailboxes of the password file, and a directory with nobody in it that has been prepared as winpop-openldap(7) says."""
    slapd = DebianSlapd(space, tmp_path, people=())
    space.bind(private_etc, "/etc")
    computer = Computer(build, space, private_etc, slapd.ca)
    slapd.start()
    people = {"kim@example.com": KIM, "lee@example.com": LEE}
    try:
        computer.follow("winpop-openldap.7", NO_SWITCH, until="winpop checkdirectory")
        computer.type_ok("systemctl restart winpopd; winpop add example.com")
        for address, password in people.items():
            computer.type_ok(f"echo {password} | winpop add {address} /createuser -")
            computer.put_mail(address)
        before = {address: computer.uidls(address, password) for address, password in people.items()}
        computer.follow(README_SECTION)
        for address, password in people.items():
            assert computer.uidls(address, password) == before[address] != ""
            assert computer.signs_in(address, password, "NTLM") and not computer.signs_in(address, "wrong", "NTLM")
        assert not list(computer.space.path("/var/lib/winpop").rglob("password")), "the password file is there still"
        for secret in (KIM, LEE, ADMIN, (private_etc / "winpop/directory.password").read_text()):
            assert secret not in computer.log()
    finally:
        computer.close()
        slapd.close()


def test_the_steps_of_the_readme():
    found = [step.command for step in steps(README_SECTION)]
    for command in ("winpop migrateToAD /all /dry-run", "winpop set authentication ad", "winpop purgepasswords"):
        assert command in found, found


QUOTA_PAGE, DOMAIN_LIMIT, LINKED = "winpop-quota.7", 20480, "winpop createquotafile kim@example.com /user:quota"
SMALLER = (("10737418240", str(DOMAIN_LIMIT)), ("10G", "20K"))
CLUB = ("kim@example.com", "lee@example.com", "quota@example.com")


def fill(computer, addresses, size):
    """Mail for all of them by turns until none gets more; how many messages were taken."""
    taken, open_ones = 0, list(addresses)
    text = b"Subject: more\r\n\r\n"
    text += b"x" * (size - len(text) - 2) + b"\r\n"
    with Lmtp(path=computer.space.path("/run/winpop/lmtp")) as lmtp:
        while open_ones:
            for address in list(open_ones):
                lmtp.mail()
                code, said = lmtp.cmd(f"RCPT TO:<{address}>")
                code, said = lmtp.data(text)[0] if code == 250 else (code, said)
                if code != 250:
                    assert code == 552 and "5.2.2" in said, (address, code, said)
                    open_ones.remove(address)
                    lmtp.cmd("RSET")
                taken += code == 250
    return taken


def mail_files(computer, address):
    local, domain = address.split("@")
    return list(computer.space.path(f"/var/lib/winpop/mailroot/{domain}/P3_{local}.mbx").glob("*.eml"))


def held(computer):
    return sum(file.stat().st_size for address in CLUB for file in mail_files(computer, address))


def used(computer):
    return int(computer.type_ok("winpop stat /quota --csv | grep ^quota@example.com").split(",")[1])


def remove_mail(computer, address, password):
    while mail_files(computer, address):
        done = computer.curl(address, password, "-I", "-X", "DELE 1")
        assert done.returncode == 0, done.stderr


def check_full(computer, size):
    """To the octet: what is counted is what is there, and there is no room for one message more."""
    taken = fill(computer, CLUB, size)
    biggest = max(file.stat().st_size for address in CLUB for file in mail_files(computer, address))
    assert used(computer) == held(computer) <= DOMAIN_LIMIT < held(computer) + biggest
    assert "problems: 0" in computer.type_ok("winpop check")
    return taken


def test_a_quota_for_a_domain(build, space, private_etc):
    """The page's procedure, with mail in the mailboxes already, once as far as the copies and once to its end."""
    space.bind(private_etc, "/etc")
    computer = Computer(build, space, private_etc, "/etc/ssl/certs/ca-certificates.crt")
    try:
        computer.type_ok("winpop init && systemctl restart winpopd && winpop add example.com")
        for address in ("kim@example.com", "lee@example.com", "not-in-it@example.com"):
            computer.type_ok(f"echo {KIM} | winpop add {address} /createuser -")
            for size in (100, 1000, 3000):
                fill_one(computer, address, size)
        computer.type_ok("mkdir /root/aside && cd /var/lib/winpop/mailroot/example.com && mv P3_not-in-it.mbx /root/aside")
        computer.follow(QUOTA_PAGE, SMALLER, until=LINKED)
        computer.type_ok("mv /root/aside/P3_not-in-it.mbx /var/lib/winpop/mailroot/example.com")
        before = held(computer)
        assert used(computer) == before > 8000, "copies did not count"
        assert check_full(computer, 700) > 5
        assert fill_one(computer, "not-in-it@example.com", 5000) == 250
        remove_mail(computer, "kim@example.com", KIM)
        assert used(computer) == held(computer) < DOMAIN_LIMIT
        computer.type_ok("rm /var/lib/winpop/mailroot/example.com/P3_[kl]*.mbx/quota && winpop check example.com /repair")
        assert used(computer) == sum(file.stat().st_size for file in mail_files(computer, "quota@example.com"))
        computer.follow(QUOTA_PAGE, SMALLER, since=LINKED)
        assert check_full(computer, 500) > 5
    finally:
        computer.close()


def fill_one(computer, address, size):
    with Lmtp(path=computer.space.path("/run/winpop/lmtp")) as lmtp:
        lmtp.mail()
        lmtp.expect(250, f"RCPT TO:<{address}>")
        return lmtp.data(b"Subject: there\r\n\r\n" + b"y" * size + b"\r\n")[0][0]


EXAMPLE_TEST = (("example.com", "example.test"), ("EXAMPLE.COM", "EXAMPLE.TEST"), ("DC=example,DC=com", "DC=example,DC=test"))


def test_with_active_directory(build, golden):
    dc = Dc(golden)
    try:
        dc.start()
        dc.add_person("kim", KIM)
        # What the fixture has prepared, the page prepares.
        dc.in_dc("samba-tool", "spn", "delete", "pop/pop.example.test", "winpop", f"--configfile={dc.dc_conf}")
        computer = Computer(build, dc.space, dc.home / "etc", dc.ca)
        dc.dc_space.bind(computer.home / "root", "/root")
        on_dc = " ".join(dc.dc_space.prefix)
        computer.script("samba-tool", f'#!/bin/sh\nexec {on_dc} /usr/bin/samba-tool "$@" --configfile={dc.dc_conf}\n')
        try:
            computer.follow("winpop-ad.7", EXAMPLE_TEST)
            assert computer.signs_in("kim@example.test", KIM)
            assert computer.signs_in("lee@example.test", LEE)
            assert not computer.signs_in("lee@example.test", KIM)
            for secret in (KIM, LEE, SERVICE):
                assert secret not in computer.log()
        finally:
            computer.close()
    finally:
        dc.close()


@pytest.mark.parametrize("page,command", [("winpop-openldap.7", "list"), ("winpop-ad.7", "list"), ("winpop-quota.7", "stat")])
def test_the_steps_of_a_page(page, command):
    """The parser sees what a reader sees: no example is skipped, no answer is taken for a command."""
    found = steps(page)
    text = (SOURCE / "admin/man" / f"{page}.in").read_text()
    assert len(found) == sum(line.startswith(("# ", "$ ")) for line in text.splitlines())
    assert [s.answer for s in found if s.command == f"winpop {command} example.com"] == [["kim@example.com", "lee@example.com"]]
