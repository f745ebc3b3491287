"""Metrics: what is counted is what the log tells, exactly; the text is what scrapers take; health says when to stay away."""
import base64
import collections
import hashlib
import hmac
import http.client
import json
import math
import pathlib
import re
import socket
import subprocess

import pytest

from fixtures.slapd import Slapd
from fixtures.waiting import PATIENCE, wait_until
from fixtures.wire import Pop, sign_in_scram

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "admin/dashboard"
BODY = b"Subject: hello\r\n\r\nbody\r\n"
DOTS = b"Subject: dots\r\n\r\n.one\r\n..two\r\n"
KIB = (b"Subject: a kibibyte\r\n\r\n" + b"x" * 1000)[:1022] + b"\r\n"
OPEN = "application/openmetrics-text; version=1.0.0"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? ([0-9.e+-]+|\+Inf)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Numbers(dict):
    """{(name, frozenset of labels): value}, read strictly; `types` of the families."""

    def __init__(self, text, is_open=True):
        super().__init__()
        self.types, self.is_open, family = {}, is_open, None
        lines = text.split("\n")
        assert lines.pop() == "" and (not is_open or lines.pop() == "# EOF")
        for line in lines:
            word = line.split(" ", 3)
            if word[:2] == ["#", "HELP"]:
                assert word[3].endswith(".") and word[2] not in self.types
            elif word[:2] == ["#", "TYPE"]:
                family = word[2]
                assert family not in self.types
                self.types[family] = word[3]
            else:
                self.add(family, line)

    def add(self, family, line):
        found = SAMPLE.fullmatch(line)
        assert found, line
        name, labels, value = found.groups()
        tails = {"counter": ["_total" if self.is_open else ""], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
        assert name in [family + tail for tail in tails[self.types[family]]], line
        key = name, frozenset(LABEL.findall(labels or ""))
        assert key not in self, line
        self[key] = float(value)

    def one(self, name, **labels):
        return self[name, frozenset(labels.items())]

    def by(self, name, label, **where):
        """{value of label: sum}, without zeros."""
        sums = collections.Counter()
        for (n, labels), value in self.items():
            if n == name and set(where.items()) <= labels:
                sums[dict(labels)[label]] += value
        return {k: v for k, v in sums.items() if v}

    def buckets(self, name):
        found = [(float(dict(labels)["le"]), v) for (n, labels), v in self.items() if n == name + "_bucket"]
        return sorted(found)


def ask(server, path="/metrics", method="GET", accept=OPEN, port=None):
    http_to = http.client.HTTPConnection("127.0.0.1", port or server.metrics_port, timeout=PATIENCE)
    http_to.request(method, path, headers={"Accept": accept})
    reply = http_to.getresponse()
    reply.text = reply.read().decode()
    http_to.close()
    return reply


def numbers(server):
    reply = ask(server)
    assert reply.status == 200 and reply.headers["Content-Type"].startswith(OPEN)
    return Numbers(reply.text)


@pytest.fixture
def metered(make_server):
    def make(start=True, **settings):
        server = make_server(start=False, metrics_port=0, **settings)
        server.metrics_port = server.ports.take()
        server.write_conf(metrics_port=server.metrics_port)
        return server.start() if start else server
    return make


# ---- a mixed load ----

def plain(pop, user, password):
    return pop.cmd("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())


def cram(pop, user, password):
    digest = hmac.new(password.encode(), pop.challenge("AUTH CRAM-MD5"), hashlib.md5).hexdigest()
    return pop.answer(f"{user} {digest}".encode())


def passed(pop, user, password):
    pop.ok(f"USER {user}")
    return pop.cmd(f"PASS {password}")


def scram(pop, user, password):
    return sign_in_scram(pop, "SCRAM-SHA-256", user, password)


WAYS = {"USER": passed, "APOP": Pop.apop, "PLAIN": plain, "CRAM-MD5": cram, "SCRAM-SHA-256": scram}


def sign_in_all_ways(server, user):
    for n, way in enumerate(WAYS.values(), 1):
        for _ in range(n):
            with server.pop() as pop:
                assert way(pop, user, "pw-kim").startswith(b"+OK")
                pop.quit()
        with server.pop() as pop:
            if way is not scram:
                assert way(pop, user, "not it").startswith(b"-ERR")
            assert passed(pop, "nobody@example.com", "x").startswith(b"-ERR")


def refuse_in_other_ways(server, tls):
    server.mailbox("shut")
    server.winpop_ok("lock", "shut@example.com")
    with server.pop() as pop:
        pop.ok("USER shut@example.com")
        pop.err("PASS pw-kim", "SYS")
    with server.session("kim@example.com"), server.pop() as pop:
        pop.ok("USER kim@example.com")
        pop.err("PASS pw-kim", "IN-USE")
    with server.pop() as pop:
        pop.err("AUTH PLAIN " + base64.b64encode(b"no such form").decode())
    with server.pop().stls(tls) as pop:
        passed(pop, "kim@example.com", "pw-kim")
        pop.quit()
    with socket.create_connection(("127.0.0.1", server.tls_port)) as wrong:
        wrong.sendall(b"this is no handshake\r\n\r\n")
        wrong.recv(1000)


def mail_and_fetch(server):
    address = server.mailbox("ann", "pw-kim")
    server.deliver(address, BODY, DOTS, KIB, BODY)
    with server.lmtp() as lmtp:
        lmtp.mail()
        assert lmtp.cmd("RCPT TO:<nobody@example.com>")[0] == 550
    full = server.mailbox("full", "pw-kim")
    server.winpop_ok("setquota", full, "none", "/messages:2")
    server.deliver(full, BODY, BODY)
    with server.lmtp() as lmtp:
        lmtp.mail()
        assert lmtp.cmd(f"RCPT TO:<{full}>")[0] == 552
    with server.session(address) as pop:
        for n in range(1, 5):
            pop.retr(n)
        pop.multi("TOP 1 0")
        pop.ok("DELE 1")
        pop.ok("DELE 3")
        pop.quit()


def load(server, tls):
    sign_in_all_ways(server, server.mailbox())
    refuse_in_other_ways(server, tls)
    mail_and_fetch(server)
    wait_until(lambda: numbers(server).one("winpop_sockets", state="served") == 0 and
               numbers(server).one("winpop_lmtp_sessions") == 0, why="sessions end")


@pytest.fixture
def loaded(metered, tls):
    server = metered(tls=True)
    load(server, tls)
    return server


def total(server, event, field):
    return sum(int(e[field]) for e in server.events(event))


def test_counters_are_what_the_log_tells(loaded):
    got = numbers(loaded)
    lines = collections.Counter(e["event"] for e in loaded.events())
    told = got.by("winpop_events_total", "event")
    assert {k: told[k] for k in lines} == dict(lines)
    mechanisms = collections.Counter(e["mech"] for e in loaded.events("signin"))
    assert set(mechanisms) == set(WAYS)
    assert got.by("winpop_signins_total", "mechanism", result="ok") == dict(mechanisms)
    wrong = collections.Counter(e["mech"] for e in loaded.events("signin-failed", reason="denied"))
    assert wrong["PLAIN"] == 1 and got.by("winpop_signins_total", "mechanism", result="wrong") == dict(wrong)
    assert got.by("winpop_signins_total", "result") == {
        "ok": lines["signin"], "wrong": sum(wrong.values()), "malformed": 1,
        "locked": len(loaded.events("mailbox-refused")), "in_use": len(loaded.events("mailbox-in-use"))}
    assert lines["mailbox-refused"] == lines["mailbox-in-use"] == 1
    assert got.by("winpop_deliveries_total", "result") == {
        "ok": lines["delivered"], "absent": lines["delivery-refused"], "quota": lines["over-quota"]}
    assert got.one("winpop_delivered_octets_total") == total(loaded, "delivered", "octets")
    assert got.one("winpop_retrieved_messages_total") == total(loaded, "session-end", "retr") == 4
    assert got.one("winpop_retrieved_octets_total") == total(loaded, "session-end", "octets")
    assert got.one("winpop_removed_messages_total") == total(loaded, "session-end", "dele") == 2
    assert got.one("winpop_sessions_begun_total") == lines["session-end"]
    assert got.one("winpop_quota_refusals_total") == lines["over-quota"] == 1
    assert got.one("winpop_quota_warnings_total") == lines["quota-warning"]
    assert got.by("winpop_tls_handshakes_total", "result") == {"ok": 1, "failed": 1}


def test_histograms_hold_each_operation_once(loaded):
    got = numbers(loaded)
    wanted = {"winpop_signin_seconds": sum(got.by("winpop_signins_total", "result").values()),
              "winpop_retrieval_seconds": got.one("winpop_retrieved_messages_total"),
              "winpop_delivery_seconds": len(loaded.events("delivered")),
              "winpop_directory_operation_seconds": 0}
    for name, n in wanted.items():
        buckets = got.buckets(name)
        assert [v for _, v in buckets] == sorted(v for _, v in buckets)
        assert buckets[-1] == (math.inf, n) and got.one(name + "_count") == n
        assert (got.one(name + "_sum") > 0) == (n > 0)


def test_status_and_the_control_socket_tell_the_same(loaded):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(loaded.home / "control"))
        control.sendall(b'{"do":"metrics"}\n')
        reply = json.loads(control.makefile().read())
    assert reply["ok"]
    here, there = Numbers(reply["text"]), numbers(loaded)
    assert here.keys() == there.keys()
    assert here.by("winpop_signins_total", "result") == there.by("winpop_signins_total", "result")
    status = json.loads(loaded.winpop_ok("status", "--json"))
    assert status["delivered"] == there.by("winpop_deliveries_total", "result")["ok"]
    assert not loaded.events("admin", command="metrics")


# ---- the form ----

def test_prometheus_takes_both_forms(loaded):
    for accept in ("text/plain", "*/*"):
        reply = ask(loaded, accept=accept)
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        Numbers(reply.text, is_open=False)
        subprocess.run(["promtool", "check", "metrics"], input=reply.text, text=True, check=True, timeout=PATIENCE)


def test_names_in_dashboard_and_rules_are_told(loaded):
    got = numbers(loaded)
    told = {name for name, _ in got} | {"up"}
    dashboard = json.loads((DASHBOARD / "winpop.json").read_text())
    asked = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    rules = re.findall(r"expr: (.*)", (DASHBOARD / "winpop.rules.yml").read_text())
    used = {name for text in asked + rules for name in re.findall(r"\b(?:winpop|process)_[a-z_]+", text)}
    assert len(asked) > 20 and rules and used <= told, used - told
    # And nothing that is told is shown nowhere, but for parts of what is.
    unseen = {n for n in told - used if not n.endswith(("_sum", "_count")) and n.startswith("winpop_")}
    assert not unseen


def test_rules_are_valid():
    subprocess.run(["promtool", "check", "rules", DASHBOARD / "winpop.rules.yml"], check=True, timeout=PATIENCE)


# ---- the door ----

def test_only_what_is_there_is_served(metered):
    server = metered()
    assert ask(server, "/health").text == "ok\n"
    assert ask(server, "/metrics?a=b").status == 200
    head = ask(server, "/metrics", "HEAD")
    assert head.status == 200 and head.text == "" and head.headers["Connection"] == "close"
    for path in ("/", "/metrics/", "/../metrics", "/Health", "//metrics", "*"):
        assert ask(server, path).status in (400, 404), path
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert ask(server, method=method).status == 405, method
    assert ask(server, "/" + "a" * 9000).status in (400, 414)


def raw(server, octets=b""):
    client = socket.create_connection(("127.0.0.1", server.metrics_port), PATIENCE)
    client.sendall(octets)
    return client


def test_clients_that_say_nothing_keep_nobody_out_for_long(metered):
    server = metered()
    silent = [raw(server, b"GET /metrics HTTP/1.1\r\nX: ") for _ in range(40)]
    assert ask(server, "/health").status == 200
    for client in silent:
        while client.recv(1000):  # 400 or 408, or nothing: but ended
            pass
        client.close()
    with raw(server, b"GET /health HTTP/1.1\r\n\r\n" * 3) as client:
        assert b"".join(iter(lambda: client.recv(1000), b"")).count(b"HTTP/1.1") == 1


def test_settings_are_taken_at_reload(metered):
    server = metered()
    before, after = server.metrics_port, server.ports.take()
    server.write_conf(metrics_port=after)
    server.reload()
    assert ask(server, "/health", port=after).status == 200
    with pytest.raises(ConnectionRefusedError):
        ask(server, port=before)
    server.write_conf(metrics_port=server.port)
    server.reload()
    server.wait_event("metrics-failed")
    server.write_conf(metrics_port=0)
    server.reload()
    with pytest.raises(ConnectionRefusedError):
        ask(server, port=after)


def test_a_port_that_is_taken_is_told_at_start(metered):
    server = metered(start=False)
    server.write_conf(metrics_port=server.port)
    server.start(wait=False)
    assert server.process.wait(PATIENCE) == 3
    assert "metrics" in server.events("start-failed")[0]["text"] or str(server.port) in server.events("start-failed")[0]["text"]
    server.process = None


# ---- health ----

def test_health_says_that_the_mail_root_has_gone(metered):
    server = metered()
    server.mailroot.rename(server.home / "away")
    reply = ask(server, "/health")
    assert reply.status == 503 and str(server.mailroot) in reply.text
    assert numbers(server).one("winpop_healthy") == 0
    (server.home / "away").rename(server.mailroot)
    assert ask(server, "/health").status == 200


def test_health_says_that_it_is_stopping(metered):
    server = metered(drain=PATIENCE)
    address = server.mailbox()
    with server.session(address):
        server.signal(15)
        reply = wait_until(lambda: next((r for r in [ask(server, "/health")] if r.status == 503), None))
        assert "stopping" in reply.text
    assert server.process.wait(PATIENCE) == 0


@pytest.fixture
def slapd():
    made = Slapd(people=2).start()
    yield made
    made.close()


def servers_by_state(got):
    return {state: got.one("winpop_directory_servers", state=state) for state in ("up", "down")}


def test_the_directory_is_counted_and_its_absence_told(metered, slapd):
    server = metered(start=False, **slapd.settings())
    server.winpop_ok("add", "person0@example.com")
    server.start()
    before = numbers(server).one("winpop_directory_operation_seconds_count")
    server.session("person0@example.com", "pw-person0").quit()
    with server.pop() as pop:
        pop.ok("USER person0@example.com")
        pop.err("PASS wrong", "AUTH")
    got = numbers(server)
    assert servers_by_state(got) == {"up": 1, "down": 0} and ask(server, "/health").status == 200
    assert got.one("winpop_directory_operation_seconds_count") >= before + 2
    slapd.kill()
    with server.pop() as pop:
        pop.ok("USER person0@example.com")
        pop.err("PASS pw-person0", "SYS")
    got = numbers(server)
    assert servers_by_state(got) == {"up": 0, "down": 1}
    assert got.one("winpop_directory_failures_total") == len(server.events("directory-down")) == 1
    assert got.by("winpop_signins_total", "result") == {"ok": 1, "wrong": 1, "trouble": 1}
    reply = ask(server, "/health")
    assert reply.status == 503 and "directory" in reply.text
    slapd.start()
    wait_until(lambda: ask(server, "/health").status == 200, why="the directory is back")
