"""The console against those who mean ill: delegates who reach further, other sites' pages, malformed HTTP, guessed passwords.

What a delegate can ask for is not listed here: it is read from the server's own OpenAPI document, so that a new command is tried
the day it is added.
"""
import concurrent.futures
import hashlib
import http.client
import json
import os
import pwd
import re
import signal
import socket
import ssl
import time

import pytest

from fixtures.console import Console
from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import running

OURS, OTHER = "example.com", "other.example"
PASSWORD = "pw-kim"


class Browser:
    """Keeps the cookie, and brings the token of the page."""

    def __init__(self, console, name=None, password=PASSWORD):
        self.console, self.cookie, self.csrf = console, None, None
        if name:
            answer = self.sign_in(name, password)
            assert answer.status == 200, answer

    def sign_in(self, name, password, **headers):
        answer = self.ask("POST", "/api/v1/sign-in", {"name": name, "password": password}, **headers)
        if answer.status == 200:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
            self.csrf = answer.json["csrf"]
        return answer

    def ask(self, method, path, body=None, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        if self.cookie:
            fields.setdefault("Cookie", self.cookie)
        if self.csrf and "X-Winpop-CSRF" not in fields:
            fields["X-Winpop-CSRF"] = self.csrf
        return self.console.ask(method, path, body, fields)

    def run(self, command, *arguments, **body):
        return self.ask("POST", f"/api/v1/commands/{command}", {"arguments": list(arguments), **body})


@pytest.fixture(scope="module")
def console(build, certs):
    with running(build, certs) as server:
        for address in ("kim@" + OURS, "ann@" + OURS, "eve@" + OURS):
            server.winpop_ok("add", address, "/createuser", PASSWORD)
        server.winpop_ok("add", OTHER)
        server.winpop_ok("add", "lee@" + OTHER, "/createuser", "pw-lee")
        console = Console(server, {"kim@" + OURS: "*", "ann@" + OURS: OURS}, penalty_ms=300)
        server.write_conf(console_user="nobody")
        console.start()
        try:
            yield console
        finally:
            console.close()


@pytest.fixture
def whole(console):
    return Browser(console, "kim@" + OURS)


@pytest.fixture
def delegate(console):
    return Browser(console, "ann@" + OURS)


# ---- delegates ----

def tree_of(path):
    """Everything below, with what is in it."""
    return {p.relative_to(path): p.read_bytes() if p.is_file() else None for p in sorted(path.rglob("*"))}


def tries(schema, target, domain):
    """Bodies that aim at `target`: alone, twice, and by each switch there is."""
    properties = schema["properties"]
    most = properties["arguments"]["maxItems"]
    for arguments in ([target], [target, target], [OURS, target], ["kim@" + OURS, target], [target, "7"], [], [domain, "/y"]):
        if len(arguments) > most:
            continue
        yield {"arguments": arguments}
        for name, kind in properties["switches"]["properties"].items():
            values = [True] if kind["type"] == "boolean" else [target, "*", "1"]
            for value in values:
                body = {"arguments": arguments, "switches": {name: value}}
                yield body
                if "password" in properties:
                    yield body | {"password": "new-password"}
        if "password" in properties:
            yield {"arguments": arguments, "password": "new-password"}


def enumerate_tries(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "x-winpop-scope" not in operation:
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for target in (OTHER, "lee@" + OTHER, OTHER.upper(), "new@" + OTHER):
                for body in tries(schema, target, OTHER):
                    yield method.upper(), path, body, operation["x-winpop-scope"]


def aimed_only(body):
    """Nothing in it is ours: whatever is done is done elsewhere, or nowhere."""
    return OURS not in json.dumps(body) and body["arguments"]


def tells_of_other(answer, body):
    """Names of the other domain in an answer that are not merely what was asked."""
    text = answer.body.decode().lower()
    for word in sorted({"lee@" + OTHER, "new@" + OTHER, OTHER}, key=len, reverse=True):
        if word in json.dumps(body).lower():
            text = text.replace(word, "")
    return OTHER in text or "lee@" in text


def test_a_delegate_reaches_no_other_domain_by_any_call(console, delegate):
    document = console.ask("GET", "/openapi.json").json
    all_tries = list(enumerate_tries(document))
    assert {t[3] for t in all_tries} == {"whole", "domain"} and len(all_tries) > 300
    before = tree_of(console.server.mailroot / OTHER)
    settings = console.server.conf.read_text()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda t: delegate.ask(t[0], t[1], t[2]), all_tries))
    for (_, path, body, scope), answer in zip(all_tries, answers):
        where = f"{path} {body}: {answer}"
        assert answer.status in (200, 207, 400, 403, 404, 409, 503), where
        assert answer.status == 403 or scope == "domain", where
        assert not tells_of_other(answer, body), where
        assert not (aimed_only(body) and answer.status in (200, 207)) or path.endswith(("/help", "/who", "/check")), where
    assert tree_of(console.server.mailroot / OTHER) == before
    assert console.server.conf.read_text() == settings
    with console.server.session("lee@" + OTHER, "pw-lee"):
        pass  # neither locked nor with another password


def test_a_delegate_sees_no_other_domain_by_any_path(console, delegate, whole):
    job = whole.ask("POST", "/api/v1/commands/check?job=1", {"arguments": [OTHER]})
    assert job.status == 202, job
    document = console.ask("GET", "/openapi.json").json
    paths = [path.replace("{id}", job.json["job"]) for path, ways in document["paths"].items() if "get" in ways]
    for path in paths:
        answer = delegate.ask("GET", path)
        assert OTHER not in answer.body.decode(), path
    assert delegate.ask("GET", f"/api/v1/jobs/{job.json['job']}").status == 404
    assert delegate.ask("POST", f"/api/v1/jobs/{job.json['job']}/end", {}).status == 404
    assert whole.ask("GET", f"/api/v1/jobs/{job.json['job']}").status == 200
    assert delegate.ask("GET", "/metrics").status == 403
    assert delegate.ask("GET", "/api/v1/commands").json["settings"] == []


def test_commands_of_the_host_are_not_there(whole):
    for name in ("init", "rekey", "adopt", "mta", "console", "setup", "token", "support", "nonsense", "../list", "list/x", ""):
        assert whole.run(name).status == 404, name


# ---- sessions ----

def test_nothing_is_told_to_strangers(console):
    document = console.ask("GET", "/openapi.json").json
    for path, ways in document["paths"].items():
        for method, operation in ways.items():
            if not operation["security"]:
                continue
            body = {} if method == "post" else None
            answer = console.ask(method.upper(), path.replace("{id}", "1"), body)
            assert answer.status == 401, (path, answer)
            assert OURS not in answer.body.decode()


def test_the_cookie_is_only_for_us(console):
    cookie = Browser(console).sign_in("kim@" + OURS, PASSWORD).headers["Set-Cookie"]
    name, *attributes = [part.strip() for part in cookie.split(";")]
    assert name.startswith("__Host-winpop=") and len(name.split("=")[1]) == 64
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}


def test_changes_need_the_token_of_the_page(whole):
    for token in ("", "x", "0" * 64, whole.csrf[:-1], whole.csrf + "0"):
        answer = whole.ask("POST", "/api/v1/commands/list", {}, **{"X-Winpop-CSRF": token})
        assert answer.status == 403, token
    assert whole.run("list").status == 200
    stranger = Browser(whole.console, "ann@" + OURS)
    assert whole.ask("POST", "/api/v1/sign-out", {}, **{"X-Winpop-CSRF": stranger.csrf}).status == 403
    assert whole.ask("GET", "/api/v1/session").status == 200


def test_a_session_cannot_be_chosen_for_somebody(console):
    chosen = "__Host-winpop=" + "ab" * 32
    victim = Browser(console)
    victim.cookie = chosen
    victim.sign_in("kim@" + OURS, PASSWORD)
    assert victim.cookie != chosen
    assert console.ask("GET", "/api/v1/session", headers={"Cookie": chosen}).status == 401
    old = victim.cookie
    victim.sign_in("ann@" + OURS, PASSWORD)
    assert victim.cookie != old
    assert console.ask("GET", "/api/v1/session", headers={"Cookie": old}).status == 401


def test_signing_out_ends_the_session(console):
    browser = Browser(console, "kim@" + OURS)
    other = Browser(console, "kim@" + OURS)
    assert browser.ask("POST", "/api/v1/sign-out", {}).status == 200
    assert browser.ask("GET", "/api/v1/session").status == 401
    assert browser.run("list").status == 401
    assert other.ask("GET", "/api/v1/session").status == 200


@pytest.mark.parametrize("cookie", ["x", "__Host-winpop=", "__Host-winpop=" + "0" * 64, "__Host-winpop=" + "z" * 64,
                                    "__Host-winpop=" + "0" * 9000])
def test_no_other_cookie_is_a_session(console, cookie):
    assert console.ask("GET", "/api/v1/session", headers={"Cookie": cookie}).status == 401


def test_a_cookie_that_comes_twice_is_none(whole):
    assert whole.ask("GET", "/api/v1/session", Cookie=f"{whole.cookie}; {whole.cookie}").status == 401


# ---- sign-in ----

def refused(console, name, password):
    began = time.monotonic()
    answer = Browser(console).sign_in(name, password)
    return answer, time.monotonic() - began


def test_no_rights_look_like_a_wrong_password(console):
    wrong, waited = refused(console, "eve@" + OURS, "wrong")
    without, waited_too = refused(console, "eve@" + OURS, PASSWORD)
    stranger, _ = refused(console, "nobody@" + OURS, "wrong")
    assert wrong.status == without.status == stranger.status == 401
    assert wrong.body == without.body == stranger.body
    assert waited >= 0.3 and waited_too >= 0.6  # the next one waits longer
    assert "Set-Cookie" not in without.headers


def test_guessing_is_slow_and_not_faster_in_parallel(console):
    for _ in range(2):  # from now on each waits for seconds, in which all the others come
        refused(console, "ann@" + OURS, "guess")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = [a.status for a, _ in pool.map(lambda _: refused(console, "ann@" + OURS, "guess"), range(8))]
    assert statuses.count(401) <= 3 + statuses.count(503) and statuses.count(503) >= 3, statuses
    assert Browser(console).sign_in("ann@" + OURS, PASSWORD).status == 200  # the right one never waits


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"name":"kim@example.com"}', b'{"name":1,"password":2}', b"{",
                                  b'{"name":"kim@example.com","password":""}', b'{"name":"a\\u0000b","password":"x"}', b"\xff\xfe",
                                  b'{"name":"kim@example.com","name":"ann@example.com","password":"x"}', b"[" * 5000])
def test_what_is_no_sign_in_is_refused(console, body):
    assert console.ask("POST", "/api/v1/sign-in", body).status == 400


def test_passwords_are_told_to_nobody(console, whole):
    secret = "gargoyle-4711"
    assert whole.run("add", "sec@" + OURS, switches={"createuser": True}, password=secret).status == 200
    assert whole.run("changepwd", "sec@" + OURS, password=secret + "x").status == 200
    assert whole.run("changepwd", "sec@" + OURS, secret).status == 400
    assert whole.run("changepwd", "sec@" + OURS, switches={"createuser": secret}).status == 400
    refused(console, "sec@" + OURS, secret + "y")
    job = whole.ask("POST", "/api/v1/commands/changepwd?job=1", {"arguments": ["sec@" + OURS], "password": secret})
    told = wait_until(lambda: (a := whole.ask("GET", f"/api/v1/jobs/{job.json['job']}")).json["state"] != "running" and a)
    assert told.json["state"] == "done", told
    whole.run("delete", "sec@" + OURS, switches={"y": True})
    assert secret not in console.log_text() and secret not in console.server.log_text() and secret not in told.body.decode()
    assert secret not in whole.ask("GET", "/api/v1/jobs").body.decode()
    assert whole.csrf not in console.log_text() and whole.cookie.split("=")[1] not in console.log_text()


# ---- where requests come from ----

@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"},
                                     {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}])
def test_other_sites_pages_are_not_answered(whole, headers):
    assert whole.ask("POST", "/api/v1/commands/list", {}, **headers).status == 403
    assert whole.ask("GET", "/api/v1/session", **headers).status == 403
    assert whole.sign_in("kim@" + OURS, PASSWORD, **headers).status == 403


def test_our_own_page_is(whole):
    own = {"Origin": whole.console.url, "Sec_Fetch_Site": "same-origin"}
    assert whole.ask("POST", "/api/v1/commands/list", {}, **own).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8443", "127.0.0.1.evil.example", "localhost.evil", "[::1", ""])
def test_names_that_are_not_ours_are_refused(whole, host):
    assert whole.ask("GET", "/", Host=host).status in (400, 421)


@pytest.mark.parametrize("host", ["pop.example.com", "POP.example.com:443", "localhost:8443", "127.0.0.1", "[::1]:8443", "192.0.2.1"])
def test_names_that_are_ours(whole, host):
    assert whole.ask("GET", "/", Host=host).status == 200


def test_bodies_are_json(whole):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""):
        assert whole.ask("POST", "/api/v1/commands/list", b"{}", **{"Content-Type": kind}).status == 415, kind
    assert whole.ask("POST", "/api/v1/commands/list", b"{}", **{"Content-Type": "application/json; charset=utf-8"}).status == 200


def test_every_answer_protects_itself(console):
    for method, path in (("GET", "/"), ("GET", "/nothing"), ("GET", "/api/v1/session"), ("PUT", "/"), ("GET", "/assets/main.js")):
        headers = console.ask(method, path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, path
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert "max-age" in headers["Strict-Transport-Security"]
        assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == ("no-cache" if "assets" in path or (method, path) == ("GET", "/") else "no-store")


@pytest.mark.parametrize("path", [
    "/../etc/passwd", "/assets/../../etc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fetc/passwd", "//etc/passwd",
    "/assets//main.js", "/assets/main.js/", "/assets/", "/assets", "/assets/main.js%00.html", "/ASSETS/main.js", "/index.html",
    "/assets/..\\..\\x", "/./", "/assets/./main.js", "/api/v1/../../", "/api/v1/jobs/../session", "/api/v1/commands//list"])
def test_no_path_leads_out(console, path):
    answer = console.ask("GET", path)
    assert answer.status in (400, 404), answer


# ---- HTTP that is none ----

def raw(console, octets, seconds=PATIENCE, name=None):
    """What comes back until the other side hangs up, or has answered."""
    context = ssl._create_unverified_context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", console.port), seconds), server_hostname=name) as s:
        s.settimeout(seconds)
        got = b""
        try:
            s.sendall(octets)
            while chunk := s.recv(65536):
                got += chunk
        except (ConnectionError, ssl.SSLError):
            pass
        return got


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


HOST = b"Host: localhost\r\n"
CLOSE = b"Connection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /api/v1/sign-in HTTP/1.1\r\n" + HOST + CLOSE


@pytest.mark.parametrize("octets, statuses", [
    (b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {200}),
    (b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", {200}),
    (b"GET / HTTP/1.0\r\n\r\n", {400}),
    (b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n", {400}),
    (b"GET / HTTP/1.1\r\n" + HOST + HOST + CLOSE + b"\r\n", {400}),
    (b"GET /\r\n\r\n", {400, None}),
    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", {400, 505, None}),
    (b"GET / HTTP/1.9\r\n" + HOST + b"\r\n", {400, 505, None}),
    (b"GET http://localhost/ HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400}),
    (b"GET * HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400}),
    (b"CONNECT localhost:22 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 405, 501, None}),
    (b"TRACE / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 405, 501, None}),
    (b"BREW / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 405, 501, None}),
    (b"\r\n\r\n\r\n", {400, None}),
    (b"\x16\x03\x01\x00\x00" * 20, {400, None}),
    (b"GET / HTTP/1.1\r\nHost : localhost\r\n" + CLOSE + b"\r\n", {400}),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X y: z\r\n" + CLOSE + b"\r\n", {400}),
    (b"GET / HTTP/1.1\r\n" + HOST + b"no colon here\r\n" + CLOSE + b"\r\n", {400, None}),
    (b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"X: " + b"a" * 20000 + b"\r\n\r\n", {400, 413, 431, None}),
    (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {414}),
    (b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"".join(b"X-%d: 1\r\n" % i for i in range(200)) + b"\r\n", {431}),
    (POST + JSON + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", {400}),
    (POST + JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", {501}),
    (POST + JSON + b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 2\r\n\r\n{}", {400}),
    (POST + JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", {400}),
    (POST + JSON + b"Content-Length: +2\r\n\r\n{}", {400}),
    (POST + JSON + b"Content-Length: -2\r\n\r\n{}", {400, None}),
    (POST + JSON + b"Content-Length: 2x\r\n\r\n{}", {400, None}),
    (POST + JSON + b"Content-Length: 99999999999999999999\r\n\r\n{}", {400, 413, None}),
    (POST + JSON + b"Content-Length: 70000\r\n\r\n" + b" " * 70000, {413, None}),
    (POST + JSON + b"\r\n", {400, 411}),
    (b"GET / HTTP/1.1\r\n" + HOST + CLOSE + b"Cookie: a\r\nCookie: b\r\n\r\n", {400}),
])
def test_http_that_is_in_doubt_is_refused(console, octets, statuses):
    answer = raw(console, octets)
    assert status_of(answer) in statuses
    assert not answer or is_ours(answer), answer
    assert console.ask("GET", "/").status == 200


def is_ours(answer):
    """Whoever read the request: our words, and what protects them."""
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert int(fields[b"Content-Length"]) == len(body)
    assert answer.startswith(b"HTTP/1.0") or fields[b"Date"].endswith(b"GMT")
    if status_of(answer) != 200:
        assert fields[b"Content-Type"] == b"application/json" and json.loads(body)["error"]["text"]
    return (fields[b"Content-Security-Policy"].startswith(b"default-src 'none'") and fields[b"X-Content-Type-Options"] == b"nosniff"
            and fields[b"X-Frame-Options"] == b"DENY" and b"Strict-Transport-Security" in fields)


def test_a_refusal_behind_an_answer_is_ours_too(console):
    got = raw(console, b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\nBREW / HTCPCP/1.0\r\n\r\n")
    first, second = (b"HTTP/1.1 " + part for part in re.split(rb"(?m)^HTTP/1.1 ", got)[1:])
    assert (status_of(first), status_of(second)) == (404, 400) and is_ours(second)


def test_who_asks_whether_to_go_on_may(console):
    """What evhttp says by itself and is no refusal stays."""
    context = ssl._create_unverified_context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", console.port), PATIENCE)) as s:
        s.settimeout(PATIENCE)
        s.sendall(POST + JSON + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert s.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"{}")
        assert status_of(s.recv(4096)) == 400


def test_requests_in_one_piece_are_answered_in_turn(console):
    get = b"GET %s HTTP/1.1\r\n" + HOST + b"\r\n"
    got = raw(console, get % b"/nothing" + get % b"/assets/main.js" + b"GET /openapi.json HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    assert [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]] == [404, 200, 200]


def test_a_connection_serves_many_requests(console):
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", console.port, timeout=PATIENCE, context=context)
    for method in ("GET", "HEAD", "GET"):
        connection.request(method, "/")
        answer = connection.getresponse()
        assert answer.status == 200 and bool(answer.read()) == (method == "GET")
        assert int(answer.headers["Content-Length"]) > 0
    connection.request("GET", "/", headers={"If-None-Match": answer.headers["ETag"]})
    answer = connection.getresponse()
    assert answer.status == 304 and answer.read() == b""
    connection.close()


def test_who_trickles_is_cut_off(console):
    """One octet a second keeps every time-out of a mere silence away; the request as a whole has its time."""
    context = ssl._create_unverified_context()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", console.port), PATIENCE)) as s:
        s.settimeout(1)
        s.sendall(b"GET / HTTP/1.1\r\nX: ")

        def cut():
            try:
                s.sendall(b"a")
                return s.recv(4096) == b""
            except TimeoutError:
                return False
            except (ConnectionError, ssl.SSLError):
                return True
        wait_until(cut, why="a trickling client is served for ever")


def test_who_says_nothing_does_not_keep_others_out(console):
    idle = [socket.create_connection(("127.0.0.1", console.port), PATIENCE) for _ in range(60)]
    try:
        wait_until(lambda: console.events("console-crowd"), why="more connections of one address than it may have")
        for s in idle[:30]:
            s.close()
        wait_until(lambda: console.ask("GET", "/").status == 200, why="nobody else is served")
    finally:
        for s in idle:
            s.close()


def test_only_tls_and_not_of_yesterday(console):
    with socket.create_connection(("127.0.0.1", console.port), PATIENCE) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in s.recv(4096)
    old = ssl._create_unverified_context()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        old.wrap_socket(socket.create_connection(("127.0.0.1", console.port), PATIENCE))
    pop3 = ssl._create_unverified_context()
    pop3.set_alpn_protocols(["pop3"])
    with pytest.raises(ssl.SSLError):
        pop3.wrap_socket(socket.create_connection(("127.0.0.1", console.port), PATIENCE))


# ---- the two halves ----

def web_of(console):
    """The process ids of the half that talks to browsers: children of the keeper that hold its port."""
    text = open(f"/proc/{console.process.pid}/task/{console.process.pid}/children").read()
    return [int(pid) for pid in text.split()]


def test_the_half_that_talks_to_browsers_has_no_rights(console):
    [web] = web_of(console)
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{web}/status").read().splitlines() if ":\t" in line)
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert set(status["Uid"].split()) == {nobody} and status["Groups"].split() == []
    assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    limits = open(f"/proc/{web}/limits").read()
    assert "Max core file size        0 " in limits and "Max processes             0 " in limits
    assert status["Seccomp"] == "2" and not console.events("console-files-open")
    open_files = {os.readlink(f"/proc/{web}/fd/{n}") for n in os.listdir(f"/proc/{web}/fd")}
    assert not any(str(console.server.mailroot) in name or "keyring" in name for name in open_files)


@pytest.mark.parametrize("user, why", [("", "console_user is empty"), ("root", "is root"), ("nobody-knows-him", "there is no user")])
def test_what_talks_to_browsers_is_never_root(make_server, user, why):
    server = make_server(tls=True, start=False)
    console = Console(server, {})
    server.write_conf(console_user=user)
    try:
        result = server.winpop("console")
        assert result.code == 4 and why in result.err and "console_user" in result.err, result
    finally:
        console.close()


def test_a_reload_that_would_make_it_root_changes_nothing(console, whole):
    [web] = web_of(console)
    console.server.write_conf(console_user="")
    try:
        os.kill(console.process.pid, signal.SIGHUP)
        wait_until(lambda: console.events("console-reload-failed"), why="no complaint")
    finally:
        console.server.write_conf(console_user="nobody")
    assert web_of(console) == [web]
    assert whole.ask("GET", "/api/v1/session").status == 200


def test_a_killed_half_is_replaced_and_sessions_stay(console, whole):
    ready = len(console.events("console-ready"))
    [web] = web_of(console)
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: len(console.events("console-ready")) > ready, why="no other half was started")
    console.n_starts += 1
    assert web_of(console) != [web]
    assert whole.run("list").status == 200


def memory_holds(pid, what):
    """In what the process may write to; what a sanitizer keeps beside is too large to look at."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            (begin, _, end), how = line.split()[0].partition("-"), line.split()[1]
            begin, end = int(begin, 16), int(end, 16)
            if not how.startswith("rw") or end - begin > 256 << 20:
                continue
            memory.seek(begin)
            if what in memory.read(end - begin):
                return True
    return False


def test_a_new_half_knows_nobody(console, whole):
    """It is a fork of the keeper, which knows who is signed in."""
    known = hashlib.sha256(bytes.fromhex(whole.cookie.split("=")[1])).digest()
    ready = len(console.events("console-ready"))
    os.kill(web_of(console)[0], signal.SIGKILL)
    wait_until(lambda: len(console.events("console-ready")) > ready, why="no other half was started")
    console.n_starts += 1
    [web] = web_of(console)
    assert memory_holds(console.process.pid, known), "the test looks in the wrong place"
    assert not memory_holds(web, known)


def test_new_rights_sign_everybody_out(console, whole):
    ready = len(console.events("console-ready"))
    console.allow({"kim@" + OURS: "*", "ann@" + OURS: OURS, "eve@" + OURS: OTHER})
    os.kill(console.process.pid, signal.SIGHUP)
    wait_until(lambda: len(console.events("console-ready")) > ready, why="no reload")
    console.n_starts += 1
    assert whole.ask("GET", "/api/v1/session").status == 401
    eve = Browser(console, "eve@" + OURS)
    assert eve.run("list").json["domains"][0]["domain"] == OTHER


def test_rights_that_others_could_write_are_none(console):
    console.rights.chmod(0o666)
    try:
        answer = Browser(console).sign_in("kim@" + OURS, PASSWORD)
        assert answer.status == 503, answer
    finally:
        console.rights.chmod(0o600)
    assert Browser(console).sign_in("kim@" + OURS, PASSWORD).status == 200


def test_without_the_keeper_there_is_nothing(build, certs):
    with running(build, certs) as server:
        alone = Console(server, {}).start()
        [web] = web_of(alone)
        alone.process.kill()
        alone.process.wait(PATIENCE)
        alone.process = None
        wait_until(lambda: not os.path.exists(f"/proc/{web}") or "Z" in open(f"/proc/{web}/stat").read().split(")")[1].split()[0],
                   10, "the other half outlives its keeper")
        alone.close()


# ---- rights ----

@pytest.mark.parametrize("command, arguments, body", [
    ("changepwd", ["kim@" + OURS], {"password": "mine"}),
    ("delete", ["kim@" + OURS], {}),
    ("delete", ["kim@" + OURS], {"switches": {"deleteuser": True, "now": True}}),
    ("add", ["chief@" + OURS], {"switches": {"createuser": True}, "password": "mine"}),
])
def test_a_delegate_becomes_nobody_who_may_more(console, command, arguments, body):
    """Not the administrators of the whole server whose mailboxes are in his domain, nor one whose account is not made yet."""
    console.allow({"kim@" + OURS: "*", "chief@" + OURS: f"{OURS} {OTHER}", "ann@" + OURS: OURS})
    answer = Browser(console, "ann@" + OURS).run(command, *arguments, **body)
    assert (answer.status, answer.json["error"]["class"]) == (409, "refused"), answer
    assert OTHER not in answer.body.decode()
    assert Browser(console).sign_in("kim@" + OURS, PASSWORD).status == 200
    assert Browser(console).sign_in(arguments[0], "mine").status == 401


def test_a_delegate_sets_the_passwords_of_his_equals(console):
    console.allow({"kim@" + OURS: "*", "eve@" + OURS: OURS, "ann@" + OURS: OURS})
    ann = Browser(console, "ann@" + OURS)
    for name in ("ann@", "eve@"):
        assert ann.run("changepwd", name + OURS, password=PASSWORD).status == 200


def test_rights_taken_away_are_gone_at_once(console):
    """Without a signal: whoever edits the file need not think of one."""
    console.allow({"kim@" + OURS: "*", "ann@" + OURS: OURS})
    ann, kim = Browser(console, "ann@" + OURS), Browser(console, "kim@" + OURS)
    assert ann.run("list").status == 200
    console.allow({"kim@" + OURS: "*"})
    assert ann.run("list").status == 401
    assert kim.ask("GET", "/api/v1/session").status == 401
    assert Browser(console).sign_in("ann@" + OURS, PASSWORD).status == 401


def test_what_was_seen_with_more_rights_is_not_shown_again(console):
    console.allow({"kim@" + OURS: "*", "ann@" + OURS: "*"})
    ann = Browser(console, "ann@" + OURS)
    job = ann.ask("POST", "/api/v1/commands/check?job=1", {"arguments": []}).json["job"]
    wait_until(lambda: ann.ask("GET", "/api/v1/jobs/" + job).json["state"] == "done", why="the job does not end")
    console.allow({"kim@" + OURS: "*", "ann@" + OURS: OURS})
    ann = Browser(console, "ann@" + OURS)
    assert ann.ask("GET", "/api/v1/jobs").json["jobs"] == []
    assert ann.ask("GET", "/api/v1/jobs/" + job).status == 404
    assert ann.ask("POST", f"/api/v1/jobs/{job}/end", {}).status == 404


# ---- the halves, and strangers who send without end ----

def memory_of(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_who_sends_without_reading_fills_no_memory(console):
    [web] = web_of(console)
    get = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    before = memory_of(web)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", console.port))
    with ssl._create_unverified_context().wrap_socket(plain) as s:
        s.settimeout(3)
        sent = 0
        try:
            while sent < 100 << 20:
                sent += s.send(get * 400)
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        assert sent < 50 << 20, "everything was taken"
        assert memory_of(web) - before < 30 << 20
    assert console.ask("GET", "/").status == 200


def test_a_half_that_does_not_end_is_ended(console):
    """One that was taken over has no reason to heed a signal."""
    ready = len(console.events("console-ready"))
    [web] = web_of(console)
    os.kill(web, signal.SIGSTOP)
    os.kill(console.process.pid, signal.SIGHUP)
    wait_until(lambda: len(console.events("console-ready")) > ready, why="no reload")
    console.n_starts += 1
    wait_until(lambda: web not in web_of(console), why="it goes on")
