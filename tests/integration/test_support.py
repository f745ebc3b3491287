"""winpop support: what helps is in it; secrets that were put everywhere are not."""
import base64
import re
import stat

import pytest

PLANTED = {
    "password of a mailbox": "plant-mailbox-8817",
    "password of the directory": "plant directory 9926",
    "subject": "plant-subject-5512",
    "body": "plant-body-5513",
    "comment in the settings": "plant-comment-1190",
    "user in a URI": "plant-uri-2207",
    "token": "wpt_plant3344556677",
    "hash": "{SSHA}cGxhbnRwbGFudHBsYW50cGxhbnQ=",
    "NT hash": "0123456789ABCDEF0123456789ABCDEF",
}


@pytest.fixture
def planted(make_server, tmp_path):
    """A server with a secret at each place that the text is made from."""
    directory = tmp_path / "directory.password"
    directory.touch(0o600)
    directory.write_text(PLANTED["password of the directory"] + "\n")
    made = make_server(tls=True, start=False, directory_servers="ldap://localhost:1", directory_user="cn=winpop",
                       directory_password_file=directory)
    made.mailbox("kim", PLANTED["password of a mailbox"])
    made.start()
    made.deliver("kim@example.com", f"Subject: {PLANTED['subject']}\r\n\r\n{PLANTED['body']}\r\n".encode())
    with made.conf.open("a") as conf:
        conf.write(f"# {PLANTED['comment in the settings']}\n")
    return made


def bundle(server, tmp_path):
    file = tmp_path / "help.txt"
    server.winpop_ok("support", "/to", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text()


def check_clean(text, server):
    for what, secret in PLANTED.items():
        assert secret not in text, what
        assert base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] not in text, f"{what} in base64"
    for line in (server.home / "keyring").read_text().splitlines():
        assert line.split()[-1] not in text
    key = server.settings["tls_key"].read_text()
    assert not any(line in text for line in key.splitlines() if len(line) > 20) and "PRIVATE KEY" not in text


def test_what_helps_is_there_and_secrets_are_not(planted, tmp_path):
    text = bundle(planted, tmp_path)
    check_clean(text, planted)
    for part in ("/etc/os-release", "settings that are not the default", "mail root", "winpop status", "winpop stat", "winpop check",
                 "winpop checkdirectory", "limits and units", "log of the service"):
        assert f"==== {part}" in text, part
    assert re.search(r"^winpop \d", text) and f"mailroot = {planted.mailroot}" in text and "free: " in text
    assert "cannot" in text.split("==== winpop checkdirectory")[1], "the directory is away, and that is said"
    assert "kim@example.com" not in text, "nothing is wrong with that mailbox"


def test_values_that_hold_secrets(planted, tmp_path):
    """Where nobody should have written them: in settings, and in a text that commands repeat."""
    with planted.conf.open("a") as conf:
        conf.write(f"directory_filter = (userPassword={PLANTED['hash']})\n")
        conf.write(f"directory_logon = {PLANTED['NT hash']}\n")
        conf.write(f"directory_group = cn={PLANTED['token']}\n")
    text = bundle(planted, tmp_path)
    check_clean(text, planted)
    assert text.count("[masked]") >= 3


def test_settings_that_cannot_be_read(planted, tmp_path):
    """An error often repeats what it does not understand."""
    with planted.conf.open("a") as conf:
        conf.write(f"{PLANTED['comment in the settings']}\n")
    text = bundle(planted, tmp_path)
    check_clean(text, planted)
    assert "cannot be read (usage line " in text


def test_its_place(planted, tmp_path):
    done = planted.winpop("support", "/to", tmp_path / "no/such/place")
    assert done.code != 0 and "no/such/place" in done.err
