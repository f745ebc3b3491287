"""The package: built, installed in a bare Debian, set up, upgraded, removed, purged; and what `meson install` puts where."""
import re
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess

import pytest
from fixtures.barehost import Tmux
from fixtures.debianroot import DebianRoot
from fixtures.waiting import PATIENCE, wait_until
from fixtures.wire import Lmtp, Pop

SOURCE = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = "/usr/share/doc/winpop/examples"
MAILROOT = "/var/lib/winpop/mailroot"
KIM, PASSWORD = "kim@example.com", "pw-of-kim-4417"
MAIL = b"Subject: kept\r\n\r\nthrough everything\r\n"
CONFIGURED = "winpop.conf", "keyring", "tls.crt", "tls.key", "console.rights"

SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/systemctl.calls
case " $* " in *" is-enabled "*) echo enabled;; *" is-active "*) echo active;; *UnitFileState*) echo enabled;; esac
"""


# ---- meson install ----

@pytest.fixture(scope="module")
def installed(build, tmp_path_factory):
    to = tmp_path_factory.mktemp("installed")
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", to], check=True, capture_output=True)
    return to


@pytest.mark.parametrize("path", [
    "sbin/winpopd", "sbin/winpop", "lib/systemd/system/winpopd.service", "lib/systemd/system/winpopd.socket",
    "lib/systemd/system/winpop-console.service", "lib/sysusers.d/winpop.conf", "lib/tmpfiles.d/winpop.conf",
    "share/man/man8/winpop.8", "share/man/man8/winpopd.8", "share/man/man5/winpop.conf.5", "share/man/man7/winpop-setup.7",
    "share/man/man7/winpop-postfix.7", "share/winpop/schema/openldap/winpop.ldif", "share/winpop/schema/ad/update.ldif",
    "share/bash-completion/completions/winpop", "share/zsh/site-functions/_winpop", "share/fish/vendor_completions.d/winpop.fish",
    "share/winpop/dashboard/winpop.json", "share/doc/winpop/README.md", "share/doc/winpop/LICENSE", "share/doc/winpop/examples/winpop.conf",
])
def test_installed_below_the_prefix(installed, path):
    assert (installed / "usr/local" / path).is_file()


def test_installed_outside_of_it(installed):
    rest = {str(p.relative_to(installed)) for p in installed.rglob("*") if p.is_file() and "usr/local" not in str(p)}
    assert rest == {"etc/pam.d/winpop", "etc/pam.d/winpop-console"}, "settings are made by winpop setup"
    unit = (installed / "usr/local/lib/systemd/system/winpopd.service").read_text()
    assert "\nExecStart=/usr/local/sbin/winpopd\n" in unit and not re.search(r"@\w+@", unit)


def test_example_settings_are_good(build, certs, tmp_path):
    text = (SOURCE / "admin/package/examples/winpop.conf").read_text()
    for name in "crt", "key":
        text = text.replace(f"/etc/winpop/tls.{name}", str(certs.dir / f"pop.example.com.{name}"))
    (tmp_path / "winpop.conf").write_text(text + f"mailroot = {tmp_path}/mail\nkey_file = {tmp_path}/keyring\nuser =\ngroup =\n")
    for program in ["admin/winpop", "init"], ["server/main/winpopd", "--check"]:
        command = [build / program[0], "--config", tmp_path / "winpop.conf", program[1]]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done


# ---- the package ----

def newer(package, version):
    """The same package with a higher version."""
    tree = package.parent / "newer"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True, capture_output=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", f"\nVersion: {version}+"))
    made = package.parent / "winpop_newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, made], check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


@pytest.fixture
def package_and_root(tmp_path):
    """(the package's file, a root without it): made at the same time, as one waits for the processor and the other for the net."""
    env = {**os.environ, "DEBFULLNAME": "winpop", "DEBEMAIL": "winpop@mail.internal"}
    with contextlib.closing(DebianRoot()) as root, open(tmp_path / "build.log", "w+") as log:
        building = subprocess.Popen([SOURCE / "admin/package/build", tmp_path], stdout=log, stderr=log, env=env)
        try:
            root.make()
        finally:
            code = building.wait(600)
        assert code == 0, (tmp_path / "build.log").read_text()[-4000:]
        yield next(tmp_path.glob("winpop_*_*.deb")), root


def complaints_of_lintian(package):
    """But for who builds it, which is nobody here."""
    changes = next(package.parent.glob("*.changes"))
    return subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning",
                           "--suppress-tags", "bogus-mail-host,bogus-mail-host-in-debian-changelog", changes], capture_output=True, text=True)


def check_installed(root):
    for path, mode, owner in ("/etc/winpop", "750", "root winpop"), ("/var/lib/winpop", "750", "root winpop"):
        assert root.run("stat", "-c", "%a %U %G", path).stdout.strip() == f"{mode} {owner}"
    assert not list(root.path("/etc/winpop").iterdir()), "settings are made by winpop setup"
    assert root.run("getent", "group", "winpop-admin").stdout
    for user in "winpop", "winpop-console":
        assert root.run("getent", "passwd", user).stdout.endswith("nologin\n")
    state = [root.run("systemctl", "is-enabled", unit, ok=False).stdout.strip() for unit in ("winpopd", "winpop-console", "winpopd.socket")]
    assert state == ["enabled", "disabled", "disabled"]
    for unit in "winpopd.service", "winpopd.socket", "winpop-console.service":
        done = root.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"/lib/systemd/system/{unit}", ok=False)
        assert (done.returncode, done.stderr) == (0, ""), done
    for unit, exposure in ("winpopd.service", 23), ("winpop-console.service", 47):  # tenths: see test_booted.py
        root.run("systemd-analyze", "security", "--offline=yes", f"--threshold={exposure}", f"/lib/systemd/system/{unit}")


def set_up(root):
    done = root.run("winpop", "setup", "--answers", f"{EXAMPLES}/answers", stdin=PASSWORD + "\n")
    assert "This server is now a mail server." in done.stdout


@contextlib.contextmanager
def served(root):
    process = root.start("winpopd.service")

    def ready():
        assert process.poll() is None, root.log("winpopd.service")
        return root.run("winpop", "status", ok=False).returncode == 0
    wait_until(ready)
    yield
    root.stop(process)


def fetch(root):
    with root.space.inside():
        pop = Pop(110)
    with pop.signin(KIM, PASSWORD):
        found = [pop.retr(n) for n in range(1, pop.stat()[0] + 1)]
        pop.quit()
    return found


def mail_is_there(root):
    with served(root):
        found = fetch(root)
    assert len(found) == 1 and found[0].endswith(MAIL)


def mail_goes_in_and_out(root):
    with served(root), Lmtp(path=root.path("/run/winpop/lmtp")) as client:
        client.deliver(KIM, MAIL)
        client.expect(221, "QUIT")
        assert fetch(root)[0].endswith(MAIL)


def ask_console(root, method, path, body=None):
    with root.space.inside():
        web = http.client.HTTPSConnection("localhost", 8443, timeout=PATIENCE, context=ssl._create_unverified_context())
        web.connect()
    with contextlib.closing(web):
        web.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"} if body else {})
        answer = web.getresponse()
        return answer.status, answer.read()


def console_serves(root):
    """With the rights of its unit; a member of winpop-admin signs in by PAM."""
    root.run("useradd", "--groups", "winpop-admin", "--no-create-home", "ann")
    root.run("chpasswd", stdin=f"ann:{PASSWORD}\n")
    process = root.start("winpop-console.service")

    def ready():
        assert process.poll() is None, root.log("winpop-console.service")
        return "event=console-ready" in root.log("winpop-console.service")
    wait_until(ready)
    assert ask_console(root, "GET", "/")[0] == 200
    status, body = ask_console(root, "POST", "/api/v1/sign-in", {"name": "ann", "password": PASSWORD})
    assert status == 200 and json.loads(body)["whole"] is True, (body, root.log("winpop-console.service"))
    assert ask_console(root, "POST", "/api/v1/sign-in", {"name": "ann", "password": "another"})[0] == 401
    root.stop(process)
    root.run("userdel", "ann")


def settings(root):
    return {p.name: p.read_bytes() for p in root.path("/etc/winpop").iterdir()}


def upgrade(root, package):
    """Settings and mail stay, also what an administrator changed; a running service is restarted, a console that nobody enabled not."""
    before = settings(root)
    root.write("/etc/pam.d/winpop", "account required pam_permit.so\n")
    root.write("/tmp/systemctl", SYSTEMCTL, 0o755)
    root.run("mkdir", "-p", "/run/systemd/system")
    root.path("/usr/sbin/policy-rc.d").rename(root.path("/tmp/policy-rc.d"))
    root.space.run("mount", "--bind", root.root / "tmp/systemctl", root.root / "usr/bin/systemctl")
    root.install(package)
    root.space.run("umount", root.root / "usr/bin/systemctl")
    root.path("/tmp/policy-rc.d").rename(root.path("/usr/sbin/policy-rc.d"))
    root.run("rm", "-r", "/run/systemd/system")
    calls = root.path("/run/systemctl.calls").read_text()
    assert "restart winpopd.service" in calls and "stop winpopd.service" not in calls, calls
    assert settings(root) == before
    assert root.path("/etc/pam.d/winpop").read_text() == "account required pam_permit.so\n"
    mail_is_there(root)


def preseed(root, answer):
    root.run("debconf-set-selections", stdin=f"winpop winpop/delete-mail boolean {answer}\n")


POSTCONF = "#!/bin/sh\necho virtual_transport = lmtp:unix:winpop/lmtp\n"


def remove_and_take_up_again(root, package):
    """With a Postfix that leads to us."""
    before = settings(root)
    root.write("/usr/sbin/postconf", POSTCONF, 0o755)
    assert "Postfix still delivers to winpop" in root.apt("remove", "winpop")
    root.path("/usr/sbin/postconf").unlink()
    assert not root.path("/usr/sbin/winpopd").exists() and settings(root) == before
    assert root.path(f"{MAILROOT}/example.com/P3_kim.mbx").is_dir()
    root.install(package)
    mail_is_there(root)


def purge_keeps(root, mailroot):
    said = root.apt("purge", "winpop")
    assert f"the mail is left in {mailroot}" in said
    assert set(settings(root)) == {"keyring"} and not root.path("/etc/pam.d/winpop").exists()


def take_up_again(root, package):
    root.install(package)
    set_up(root)
    mail_is_there(root)


def purge_and_keep_mail(root, package):
    """The key file stays with the mail: the same people fetch it with the same passwords after another setup."""
    purge_keeps(root, MAILROOT)
    take_up_again(root, package)


def purge_spares_what_is_another_s(root, package):
    """Whatever is answered: a directory that is not the service's is no mail root."""
    conf = root.path("/etc/winpop/winpop.conf")
    conf.write_text(conf.read_text() + "mailroot = /srv/theirs\n")
    root.run("install", "-D", "/etc/hostname", "/srv/theirs/file")
    purge_keeps(root, "/srv/theirs")
    assert root.path("/srv/theirs/file").exists()
    take_up_again(root, package)


def purge_by_a_person(root, tmp_path, answer):
    """Who sits at a terminal is asked by debconf itself."""
    terminal = Tmux(tmp_path / "tmux")
    try:
        terminal.run(["env", "DEBIAN_FRONTEND=teletype", "LC_ALL=C.UTF-8", *map(str, root.online), "chroot", str(root.root),
                      "apt-get", "--yes", "purge", "winpop"])
        question = terminal.wait("Delete all mail of the mail service?")
        assert "holds the mailboxes of all users" in question and MAILROOT in question and "/etc/winpop/keyring" in question
        terminal.type(answer)
        terminal.end()
    finally:
        terminal.close()


def purge_by_a_person_who_keeps_it(root, package, tmp_path):
    purge_by_a_person(root, tmp_path, "no")
    assert set(settings(root)) == {"keyring"} and not root.path("/etc/pam.d/winpop").exists()
    take_up_again(root, package)


def purge_and_delete_mail(root, tmp_path):
    purge_by_a_person(root, tmp_path, "yes")
    left = [path for path in ("/etc/winpop", "/var/lib/winpop", "/var/log/winpop-setup.log") if root.path(path).exists()]
    assert not left and not root.run("find", "/etc", "/usr", "/lib", "-iname", "*winpop*", "!", "-path", "*/doc/*").stdout


def test_a_package_s_life(package_and_root, tmp_path):
    package, root = package_and_root
    done = complaints_of_lintian(package)
    assert done.returncode == 0, done.stdout
    root.install(package)
    check_installed(root)
    set_up(root)
    assert set(settings(root)) >= set(CONFIGURED)
    mail_goes_in_and_out(root)
    console_serves(root)
    upgrade(root, newer(package, "1:9"))
    remove_and_take_up_again(root, package)
    purge_and_keep_mail(root, package)
    purge_by_a_person_who_keeps_it(root, package, tmp_path)
    preseed(root, "true")
    purge_spares_what_is_another_s(root, package)
    purge_and_delete_mail(root, tmp_path)
