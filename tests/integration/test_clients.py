"""Real mail clients fetch and delete mail, each in every way it can; a real MTA tool delivers it.

The matrix lists what each client can do (curl 7.88 without GSASL: no SCRAM; getmail6: no STLS, USER and APOP; poplib: USER and
APOP). The messages hold what clients and servers trip over; whatever a client rewrites by its own rules is undone before
comparing, and nothing else.
"""
import re
import subprocess

import pytest

from fixtures import clients
from fixtures.waiting import PATIENCE
from fixtures.winpopd import as_delivered

BODIES = [
    b"Message-ID: <1@example.net>\r\nFrom: a@example.net\r\nSubject: 1 plain\r\n\r\nHello.\r\n",
    b"Message-ID: <2@example.net>\r\nFrom: a@example.net\r\nSubject: 2 dots\r\n\r\n.\r\n..\r\n.dot\r\n\r\n.\r\n",
    b"Message-ID: <3@example.net>\r\nFrom: a@example.net\r\nSubject: 3 eight bits\r\n\r\nGr\xc3\xbc\xc3\x9fe \xff\xfe\r\n" + b"x" * 900 + b"\r\n",
    b"Message-ID: <4@example.net>\r\nFrom: a@example.net\r\nSubject: 4 large\r\n\r\n" + b"0123456789abcdef" * 4 + b"\r\n"
    + b".line of a large message\r\n" * 9000,
]

WAYS = ("plain", "stls", "tls")
MATRIX = [
    *(("curl", how, auth) for how in WAYS for auth in ("apop", "PLAIN", "LOGIN", "CRAM-MD5")),
    *(("mpop", how, auth) for how in WAYS
      for auth in ("user", "apop", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")),
    *(("fetchmail", how, auth) for how in WAYS for auth in ("user", "apop", "CRAM-MD5")),
    *(("getmail", how, auth) for how in ("plain", "tls") for auth in ("user", "apop")),
    *(("python", how, auth) for how in WAYS for auth in ("user", "apop")),
]
# what each program stores: exact octets, or lines ended by LF as its local format wants
LOCAL_LINES = {"mpop", "fetchmail", "getmail"}


def wanted(address, client):
    messages = [as_delivered(address, body) for body in BODIES]
    return [m.replace(b"\r\n", b"\n") for m in messages] if client in LOCAL_LINES else messages


def check_signin(service, address, auth, how):
    mechs = {e["mech"].upper() for e in service.events("signin", account=address)}
    assert mechs == {auth.upper()}, f"signed in by {mechs}"


def fetch(service, box, certs, tmp_path, client, how, auth):
    box.deliver(*BODIES)
    access = clients.Access(service, box.address, box.password.replace(" ", "-"), how, certs.ca, tmp_path)
    service.winpop_ok("changepwd", box.address, access.password)
    got = getattr(clients, client)(access, auth, len(BODIES))
    assert sorted(got) == sorted(wanted(box.address, client))
    assert not list(box.dir.glob("*.eml")), "fetched and not deleted"
    check_signin(service, box.address, auth, how)


@pytest.mark.parametrize("client,how,auth", MATRIX, ids=lambda v: v.lower())
def test_fetch_and_delete(service, box, certs, tmp_path, client, how, auth):
    fetch(service, box, certs, tmp_path, client, how, auth)


@pytest.mark.parametrize("how", WAYS)
def test_curl_by_user_and_pass(make_server, certs, tmp_path, how):
    """curl takes USER and PASS only where nothing better is offered."""
    server = make_server(tls=True, mechanisms="EXTERNAL", apop="no")
    address = server.mailbox("kim", "pw-kim")
    server.deliver(address, *BODIES)
    got = clients.curl(clients.Access(server, address, "pw-kim", how, certs.ca, tmp_path), "user", len(BODIES))
    assert got == wanted(address, "curl")
    check_signin(server, address, "user", how)


@pytest.mark.parametrize("auth", ["apop", "CRAM-MD5", "PLAIN"])
def test_curl_is_told_of_a_wrong_password(service, box, certs, tmp_path, auth):
    access = clients.Access(service, box.address, "wrong", "plain", certs.ca, tmp_path)
    clients.run([*clients.curl_words(access, auth), clients.curl_url(access)], access, ok=(67,))  # CURLE_LOGIN_DENIED
    service.wait_event("signin-failed", account=box.address)


@pytest.mark.parametrize("door", ["unix", "tcp"])
def test_swaks_delivers(service, box, tmp_path, door):
    body = b"From: a@example.net\r\nTo: b@example.com\r\nSubject: by swaks\r\n\r\n.dots\r\n..\r\nlast line\r\n"
    data = tmp_path / "message"
    data.write_bytes(body.replace(b"\r\n", b"\n"))
    where = ["--socket", service.lmtp_socket] if door == "unix" else ["--server", f"127.0.0.1:{service.lmtp_port}"]
    done = subprocess.run(["swaks", "--protocol", "LMTP", *map(str, where), "--from", "sender@example.net", "--to", box.address,
                           "--data", f"@{data}", "--suppress-data"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    [got] = box.messages()
    assert got.startswith(as_delivered(box.address, b""))
    assert re.sub(rb"(\r\n)+$", b"\r\n", got) == as_delivered(box.address, body)


def test_swaks_hears_of_an_unknown_mailbox(service, tmp_path):
    done = subprocess.run(["swaks", "--protocol", "LMTP", "--socket", str(service.lmtp_socket), "--from", "a@example.net", "--to",
                           "nobody-here@example.com"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 24, done.stdout
    assert "550 5.1.1" in done.stdout
