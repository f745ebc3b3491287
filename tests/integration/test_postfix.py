"""A real Postfix in front (fixtures/postfix.py): mail comes in by SMTP and goes out by POP3; what cannot be delivered waits or comes
back; people send by the passwords they have. `winpop mta postfix` sets all of it up.
"""
import collections
import contextlib
import itertools
import os
import re
import shutil
import smtplib
import subprocess
import threading

import pytest

from fixtures.localaccounts import LocalAccounts
from fixtures.postfix import Postfix, signed_in
from fixtures.spaces import Space
from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import Winpopd
import test_pages
from test_pages import LEE, SYSTEMCTL, Computer, private_etc, steps  # noqa: F401 (private_etc is a fixture)

numbers = itertools.count(1)
LINE = "0123456789abcdef" * 4


class Flow:
    """Postfix and winpopd side by side, in one space, set up by `winpop mta postfix /apply`; winpopd with two domains."""

    def __init__(self, space, server, ca, **settings):
        self.space, self.server, self.ca = space, server, ca
        self.postfix = Postfix(space, **settings)
        self.init()
        self.mta("/apply")
        self.follow_settings()
        server.start()
        self.postfix.start()

    def init(self):
        self.server.init()
        self.server.winpop_ok("add", "example.net")

    def mta(self, *words, ok=True):
        run = self.server.winpop_ok if ok else self.server.winpop
        return run("mta", "postfix", *words, "/instance", self.postfix.conf)

    def follow_settings(self):
        """What winpop wrote is what the fixture knows."""
        paths = {f"{name}_socket": self.postfix.queue / "winpop" / name for name in ("lmtp", "maps", "auth")}
        text = self.server.conf.read_text()
        for key, path in paths.items():
            assert f"\n{key} = {path}\n" in text, text
        self.server.settings |= paths
        self.server.lmtp_socket = paths["lmtp_socket"]

    def mailbox(self, domain="example.com", local=None):
        local = local or f"user{next(numbers)}"
        address = f"{local}@{domain}"
        self.server.winpop_ok("add", address, "/createuser", password(address))
        return address

    def received(self, address, n=1):
        """The messages of a mailbox, once there are so many."""
        def there():
            found = self.server.messages(address, password(address))
            return found if len(found) >= n else None
        found = wait_until(there, why=f"{address} has not got {n} messages: {self.postfix.log_text()[-3000:]}")
        assert len(found) == n, found
        return found

    def sender(self, address, port=587, mech=None, secret=None):
        return signed_in(self.postfix, address, secret or password(address), self.ca, port, mech)

    def close(self):
        self.postfix.close()


def password(address):
    return f"pw of {address.split('@')[0]}"


def message(subject, octets=0, sender="sender@example.net"):
    """With all that Postfix would add."""
    head = f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{next(numbers)}@client.example.net>\r\n"
    return f"From: {sender}\r\n{head}Subject: {subject}\r\n\r\n" + f"{LINE}\r\n" * (octets // 66 + 1)


def refusal(what, *args, **how):
    """(code, text) of what smtplib raises."""
    with pytest.raises(smtplib.SMTPException) as e:
        what(*args, **how)
    said = next(iter(e.value.recipients.values())) if isinstance(e.value, smtplib.SMTPRecipientsRefused) else e.value.args
    return said[0], said[1].decode()


@contextlib.contextmanager
def flowing(build, certs, **settings):
    with contextlib.ExitStack() as stack:
        space = Space()
        stack.callback(space.close)
        server = Winpopd(build, certs, space, **settings)
        stack.callback(server.cleanup)
        flow = Flow(space, server, certs.ca)
        stack.callback(flow.close)
        yield flow


@pytest.fixture(scope="module")
def flow(build, certs):
    """Shared by tests that use mailboxes of their own."""
    with flowing(build, certs) as made:
        yield made


@pytest.fixture
def own_flow(build, certs):
    """For tests that stop or change things."""
    with flowing(build, certs) as made:
        yield made


# ---- in by SMTP, out by POP3 ----

def by_swaks(flow, rcpt, body):
    subprocess.run([*flow.space.prefix, "swaks", "--server", "127.0.0.1", "--from", "sender@example.net", "--to", rcpt, "--data", "-"],
                   input=body, check=True, text=True, capture_output=True, timeout=PATIENCE)


def by_curl(flow, rcpt, body):
    subprocess.run([*flow.space.prefix, "curl", "-sS", "--noproxy", "*", "smtp://127.0.0.1/client.example.net", "--mail-from",
                    "sender@example.net", "--mail-rcpt", rcpt, "-T", "-"], input=body, check=True, text=True, capture_output=True, timeout=PATIENCE)


def by_smtplib(flow, rcpt, body):
    flow.postfix.send(rcpt, body)


@pytest.mark.parametrize("send", [by_swaks, by_curl, by_smtplib])
def test_in_by_smtp_out_by_pop3_in_two_domains(flow, send):
    """The same name in both domains is two mailboxes."""
    local = f"user{next(numbers)}"
    boxes = [flow.mailbox(domain, local) for domain in ("example.com", "example.net")]
    for address in boxes:
        body = message(f"to {address}", 3000)
        send(flow, address, body)
        got = flow.received(address)[0].decode()
        assert got.startswith(f"Return-Path: <sender@example.net>\r\nDelivered-To: {address}\r\n"), got
        assert "Received: from" in got and got.rstrip("\r\n").endswith(body.rstrip("\r\n")), got


def test_one_message_to_many_mailboxes(flow):
    boxes = [flow.mailbox(domain) for domain in ("example.com", "example.net") * 3]
    with flow.postfix.smtp() as client:
        client.sendmail("sender@example.net", boxes, message("to all"))
    for address in boxes:
        assert b"Subject: to all\r\n" in flow.received(address)[0]


def test_whom_we_do_not_have_is_refused_at_once(flow):
    known = flow.mailbox()
    code, said = refusal(flow.postfix.send, "nobody@example.com", message("x"))
    assert code == 550 and "5.1.1" in said, said
    code, said = refusal(flow.postfix.send, known.replace("example.com", "example.net"), message("x"))
    assert code == 550 and "5.1.1" in said, said
    code, said = refusal(flow.postfix.send, "kim@elsewhere.example", message("x"))
    assert code in (454, 554) and "Relay access denied" in said, said


def test_what_is_new_and_what_is_gone_needs_no_reload(flow):
    """Postfix itself remembers for a moment which domains it has asked about: so the domain was not, before."""
    domain = f"new{next(numbers)}.example"
    flow.server.winpop_ok("add", domain)
    assert refusal(flow.postfix.send, f"kim@{domain}", message("x"))[0] == 550
    address = flow.mailbox(domain, "kim")
    flow.postfix.send(address, message("at once"))
    assert b"Subject: at once" in flow.received(address)[0]
    flow.server.winpop_ok("delete", address, "/deleteuser", "/y")
    assert refusal(flow.postfix.send, address, message("x"))[0] == 550


def test_letters_of_other_scripts(flow):
    domain = f"bücher{next(numbers)}.example"
    flow.server.winpop_ok("add", domain)
    address = flow.mailbox(domain, "kim")
    for rcpt in address, f"kim@{domain.encode('idna').decode()}":
        flow.postfix.send(rcpt, message("Bücher", sender="x@example.net").encode())
    flow.received(address, 2)


def test_capitals_in_an_address(flow):
    address = flow.mailbox()
    flow.postfix.send(address.upper(), message("LOUD"))
    flow.received(address)


def test_too_large_is_told_before_it_is_sent(flow):
    address = flow.mailbox()
    assert flow.postfix.get("message_size_limit") == str(100 << 20)
    with flow.postfix.smtp() as client:
        client.ehlo()
        assert client.esmtp_features["size"] == str(100 << 20)
        code, said = client.mail("sender@example.net", [f"SIZE={101 << 20}"])
        assert code == 552, said
    assert flow.server.messages(address, password(address)) == []


# ---- people send ----

@pytest.mark.parametrize("port", [587, 465])
@pytest.mark.parametrize("mech", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_sending_with_the_password_file(flow, port, mech):
    kim, lee = flow.mailbox(), flow.mailbox("example.net")
    with flow.sender(kim, port, mech) as client:
        client.sendmail(kim, [lee], message("from kim", sender=kim))
    assert f"Return-Path: <{kim}>".encode() in flow.received(lee)[0]


def test_who_may_not_send(flow):
    kim, lee = flow.mailbox(), flow.mailbox()
    for mech in "PLAIN", "CRAM-MD5":
        with pytest.raises(smtplib.SMTPAuthenticationError) as e:
            with flow.sender(kim, mech=mech, secret="wrong"):
                pass
        assert e.value.smtp_code == 535
    with flow.postfix.smtp(587) as client:  # no password without TLS
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert client.mail(kim)[0] == 530
    with flow.postfix.smtp(587, flow.ca) as client:  # nobody
        code, said = refusal(client.sendmail, kim, [lee], message("x"))
        assert code in (553, 554), said
    with flow.postfix.smtp() as client:  # port 25 is for servers
        client.ehlo()
        assert "auth" not in client.esmtp_features


def test_nobody_sends_as_somebody_else(flow):
    kim, lee = flow.mailbox(), flow.mailbox()
    for forged in lee, "nobody@example.com", "boss@elsewhere.example":
        with flow.sender(kim) as client:
            code, said = refusal(client.sendmail, forged, [lee], message("x"))
            assert code == 553 and "5.7.1" in said, (forged, said)
    assert flow.server.messages(lee, password(lee)) == []


def test_locked_ones_receive_and_send(flow):
    kim = flow.mailbox()
    domain = f"locked{next(numbers)}.example"
    flow.server.winpop_ok("add", domain)
    lee = flow.mailbox(domain)
    flow.server.winpop_ok("lock", kim)
    flow.server.winpop_ok("lock", domain)
    for locked, other in (kim, lee), (lee, kim):
        flow.postfix.send(locked, message("from outside"))
        with flow.sender(locked) as client:
            client.sendmail(locked, [other], message("from behind a lock", sender=locked))
        with flow.server.pop() as pop:
            pop.ok(f"USER {locked}")
            pop.err(f"PASS {password(locked)}", "SYS/PERM")
    flow.postfix.wait_empty()
    flow.server.winpop_ok("unlock", kim)
    flow.server.winpop_ok("unlock", domain)
    for address in kim, lee:
        subjects = sorted(re.search(rb"Subject: (.*)\r", m)[1] for m in flow.received(address, 2))
        assert subjects == [b"from behind a lock", b"from outside"]


# ---- limits and holds ----

def test_a_sender_is_told_what_was_too_much(flow):
    """Accepted from a mail program, refused at delivery, and back with the reason."""
    kim, lee = flow.mailbox(), flow.mailbox("example.net")
    flow.server.winpop_ok("setquota", lee, "20K")
    flow.postfix.send(lee, message("fits", 5000))
    flow.received(lee)
    with flow.sender(kim) as client:
        client.sendmail(kim, [lee], message("does not fit", 30000, kim))
    report = flow.received(kim)[0].decode()
    assert "Return-Path: <>" in report and "Undelivered Mail Returned to Sender" in report, report
    assert re.search(rf"<{lee}>.*552[ -]5\.2\.2", report, re.S), report
    assert re.search(r"^Status: 5\.2\.2", report, re.M) and "Subject: does not fit" in report, report
    assert len(flow.received(lee)) == 1


def test_a_full_mailbox_is_known_before_the_message_comes(flow):
    lee = flow.mailbox()
    flow.server.winpop_ok("setquota", lee, "1M", "/messages:1")
    flow.postfix.send(lee, message("the only one"))
    flow.received(lee)
    wait_until(lambda: flow.server.events("quota-warning-failed", mailbox=lee), why="no warning, which would have taken the room")
    code, said = refusal(flow.postfix.send, lee, message("one more"))
    assert code == 552 and "5.2.2" in said, said
    with flow.server.session(lee, password(lee)) as pop:
        pop.ok("DELE 1")
        pop.quit()
    flow.postfix.send(lee, message("there is room again"))
    assert b"there is room again" in flow.received(lee)[0]


def test_what_is_too_large_for_what_is_left_is_known_by_its_size(flow):
    """Whoever sends is told by his own server, and Postfix has nothing to return to a sender who may be forged."""
    lee, other = flow.mailbox(), flow.mailbox("example.net")
    flow.server.winpop_ok("setquota", lee, "40K")
    flow.postfix.send(lee, message("fits", 25000))
    flow.received(lee)
    n = len(flow.postfix.log_text())
    with flow.postfix.smtp() as client:
        refused = client.sendmail("sender@example.net", [lee, other], message("too large", 25000))
    assert refused.keys() == {lee}, refused
    code, said = refused[lee]
    assert code == 552 and said.startswith(b"5.2.2") and b"mailbox is full (over quota)" in said, said
    flow.postfix.send(lee, message("fits, too", 5000))
    subjects = [re.search(rb"Subject: (.*)\r", m)[1] for m in flow.received(lee, 2)]
    assert subjects == [b"fits", b"fits, too"] and b"Subject: too large" in flow.received(other)[0]
    flow.postfix.wait_empty()
    assert "status=bounced" not in flow.postfix.log_text()[n:]


def test_mail_may_wait_for_room(own_flow):
    flow = own_flow
    kim, lee = flow.mailbox(), flow.mailbox("example.net")
    flow.server.winpop_ok("set", "quota_full", "defer")
    flow.server.winpop_ok("setquota", lee, "1M", "/messages:1")
    flow.postfix.send(lee, message("the only one"))
    flow.received(lee)
    wait_until(lambda: flow.server.events("quota-warning-failed", mailbox=lee), why="no warning, which would have taken the room")
    code, said = refusal(flow.postfix.send, lee, message("one more"))
    assert code == 452 and "4.2.2" in said, said
    with flow.sender(kim) as client:
        client.sendmail(kim, [lee], message("waits", sender=kim))
    wait_until(lambda: any("452" in why for _, _, why in flow.postfix.queued()), why="it does not wait")
    with flow.server.session(lee, password(lee)) as pop:
        pop.ok("DELE 1")
        pop.quit()
    flow.postfix.wait_empty()
    assert b"Subject: waits" in flow.received(lee)[0]
    assert flow.server.messages(kim, password(kim)) == []


def test_a_hold_makes_mail_wait(flow):
    """Another server keeps it; a mail program, which has no queue, hands it to ours."""
    kim, lee = flow.mailbox(), flow.mailbox("example.net")
    flow.server.winpop_ok("hold", lee)
    code, said = refusal(flow.postfix.send, lee, message("from outside"))
    assert code == 450 and "4.2.1" in said, said
    with flow.sender(kim) as client:
        client.sendmail(kim, [lee], message("from kim", sender=kim))
    wait_until(lambda: any(rcpt == lee and "450" in why for _, rcpt, why in flow.postfix.queued()), why="it does not wait")
    assert flow.server.messages(lee, password(lee)) == [], "and its owner goes on fetching"
    flow.server.winpop_ok("unhold", lee)
    flow.postfix.send(lee, message("from outside"))
    flow.postfix.wait_empty()
    subjects = sorted(re.search(rb"Subject: (.*)\r", m)[1] for m in flow.received(lee, 2))
    assert subjects == [b"from kim", b"from outside"]


# ---- winpopd is away ----

@pytest.fixture
def outside(own_flow):
    """Another computer's Postfix, at an address of its own, which sends to ours and has a queue."""
    own_flow.space.add_address("127.0.0.3")
    made = Postfix(own_flow.space, "mail.example.net", listens=False, inet_interfaces="127.0.0.3", mydestination="",
                   relayhost="[127.0.0.1]:25", default_transport="smtp")
    try:
        yield made.start()
    finally:
        made.close()


def all_comes(outside, postfix):
    """Postfix's SMTP processes remember for whom they got no answer, as long as they live; so it is reloaded, as the page has it. On a
    busy machine one that began with the reload was seen to say 451 for minutes; so it is reloaded again while mail waits outside.
    """
    def has_come():
        postfix.reload()
        with contextlib.suppress(AssertionError):
            outside.wait_empty(20)
            return True
    wait_until(has_come, why="it waits outside for ever")


def test_mail_waits_for_winpopd(own_flow, outside):
    """What was accepted waits here, what comes waits where it comes from; nobody is told that a mailbox does not exist."""
    flow, server, postfix = own_flow, own_flow.server, own_flow.postfix
    kim, lee = flow.mailbox(), flow.mailbox("example.net")
    server.stop()
    code, said = refusal(postfix.send, kim, message("x"))
    assert code == 451, said
    assert refusal(postfix.send, "nobody@example.com", message("x"))[0] == 451
    postfix.submit(kim, message("from here"))
    outside.submit(lee, message("from there"))
    wait_until(lambda: any(why for _, _, why in postfix.queued()), why="it does not wait here")
    wait_until(lambda: any("451" in why for _, _, why in outside.queued()), why="it does not wait there")
    server.start()
    all_comes(outside, postfix)
    postfix.wait_empty()
    assert b"Subject: from here" in flow.received(kim)[0]
    assert b"Subject: from there" in flow.received(lee)[0]


N_STREAM = 200


def end_orderly(server):
    server.stop()


def end_killed(server):
    server.kill()


@pytest.mark.parametrize("end", [end_orderly, end_killed])
def test_no_mail_is_lost_when_winpopd_ends_in_a_stream(own_flow, outside, end):
    """Three times in the middle of it. Killed between having a message and saying so, winpopd gets it once more: RFC 1047. That
    can be, for each delivery under way, once; an orderly end answers what it has.
    """
    flow, server = own_flow, own_flow.server
    boxes = [flow.mailbox(domain) for domain in ("example.com", "example.net")]
    sent = []

    def stream():
        for n in range(N_STREAM):
            outside.submit(boxes[n % 2], message(f"number {n}", 2000))
            sent.append(n)

    sender = threading.Thread(target=stream)
    sender.start()
    for part in 1, 2, 3:
        wait_until(lambda: len(list_messages(server, boxes)) > part * N_STREAM // 5, why="nothing comes in")
        end(server)
        server.start()
        flow.postfix.reload()
    sender.join(PATIENCE)
    assert len(sent) == N_STREAM
    all_comes(outside, flow.postfix)
    flow.postfix.wait_empty()
    got = collections.Counter(int(re.search(rb"Subject: number (\d+)", m)[1])
                              for address in boxes for m in server.messages(address, password(address)))
    assert sorted(got) == list(range(N_STREAM)), "lost"
    twice = sum(got.values()) - N_STREAM
    at_once = int(flow.postfix.get("default_destination_concurrency_limit"))
    assert twice <= (0 if end is end_orderly else 3 * at_once), got.most_common(5)
    for address in boxes:
        for m in server.messages(address, password(address)):
            assert m.endswith(f"{LINE}\r\n".encode()), "a part of a message"


def list_messages(server, boxes):
    return [m for address in boxes for m in server.box_dir(address).glob("*.eml")]


# ---- other accounts ----

def test_sending_with_openldap(make_slapd, build, certs):
    slapd = make_slapd()
    kim = "kim@example.com"
    slapd.add_person("kim", "pw of kim", mail=kim)
    with flowing(build, certs, **slapd.settings("ldapi")) as flow:
        flow.server.winpop_ok("add", kim)
        lee = flow.mailbox("example.net")
        for name in kim, "kim":
            with flow.sender(name, mech="PLAIN", secret="pw of kim") as client:
                client.sendmail(kim, [lee], message("from kim", sender=kim))
                code, said = refusal(client.sendmail, lee, [kim], message("forged"))
                assert code == 553, said
        flow.received(lee, 2)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            with flow.sender(kim, mech="PLAIN", secret="wrong"):
                pass
        flow.postfix.send(kim, message("to kim"))
        flow.received(kim)
        slapd.stop()
        with pytest.raises(smtplib.SMTPAuthenticationError) as e:
            with flow.sender(kim, mech="PLAIN", secret="pw of kim"):
                pass
        assert e.value.smtp_code == 454, "not that the password is wrong"
        slapd.start()


def test_sending_with_local_accounts(build, certs, space, tmp_path):
    """The service is not root here: the sockets are its own, and Postfix's by their group."""
    computer = LocalAccounts(space, tmp_path / "etc")
    server = computer.winpopd(build, certs)
    try:
        flow = Flow(space, server, certs.ca)
        try:
            kim, lee = flow.mailbox(), flow.mailbox("example.net")
            with flow.sender(kim, mech="PLAIN") as client:
                client.sendmail(kim, [lee], message("from kim", sender=kim))
                assert refusal(client.sendmail, lee, [kim], message("forged"))[0] == 553
            with flow.sender(lee.split("@")[0], 465, "LOGIN", password(lee)) as client:
                client.sendmail(lee, [kim], message("from lee", sender=lee))
            flow.received(lee)
            flow.received(kim)
            assert flow.mta("/check", ok=False).code == 0
            for name in "lmtp", "maps", "auth":
                path = flow.postfix.queue / "winpop" / name
                assert path.stat().st_uid == computer.uid("winpop") and path.group() == "postfix", path
        finally:
            flow.close()
    finally:
        server.cleanup()


# ---- the command ----

def bad(result):
    return [line.split("\t")[1:] for line in result.out.splitlines() if line.startswith("bad\t")]


def test_set_up_once_and_again(flow):
    assert flow.mta("/apply") == "Postfix was set up already.\n"
    result = flow.mta("/check", ok=False)
    assert result.code == 0 and not bad(result), result
    assert len(list(flow.postfix.conf.glob("*.before-winpop-*"))) == 2
    assert "virtual_transport" not in next(flow.postfix.conf.glob("main.cf.before-winpop-*")).read_text()
    flow.postfix.run("postfix", "check")
    warnings = [line for line in flow.postfix.log_text().splitlines() if "warning:" in line]
    assert all("authentication failed" in line for line in warnings), warnings


def test_what_is_shown_is_what_is_set(flow):
    shown = [line.split("\t")[:2] for line in flow.mta("/show").splitlines()]
    main_cf, text = [line for file, line in shown if file == "main.cf"], flow.postfix.run("postconf", "-n")
    assert len(main_cf) > 5 and all(line + "\n" in text for line in main_cf), (main_cf, text)
    services = flow.postfix.run("postconf", "-M")
    for file, line in shown:
        if file == "master.cf" and line.startswith("  -o "):
            assert services.count(line.strip()) >= 1, line


def test_what_an_administrator_has_set_is_not_replaced_unasked(own_flow):
    flow, postfix = own_flow, own_flow.postfix
    postfix.set(virtual_transport="lmtp:unix:private/other", smtpd_recipient_restrictions="reject_non_fqdn_recipient, permit",
                message_size_limit="0")
    before = (postfix.conf / "main.cf").read_text()
    result = flow.mta("/apply", ok=False)
    assert result.code == 1 and "nothing was changed" in result.err, result
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert ["virtual_transport", "lmtp:unix:private/other", "lmtp:unix:winpop/lmtp"] in rows and len(rows) == 2, rows
    assert (postfix.conf / "main.cf").read_text() == before
    assert len(bad(flow.mta("/check", ok=False))) == 3
    flow.mta("/apply", "/y")
    assert postfix.get("smtpd_recipient_restrictions") == \
        "reject_non_fqdn_recipient, check_policy_service { unix:winpop/maps, default_action=DUNNO }, permit"
    assert flow.mta("/check", ok=False).code == 0
    kept = sorted(postfix.conf.glob("main.cf.before-winpop-*"))
    assert kept[-1].read_text() == before


def test_what_fails_half_way_is_told_and_can_be_repeated(build, certs, space, tmp_path):
    """postconf fails at the second of its three commands."""
    fake = tmp_path / "postconf"
    fake.write_text("#!/bin/sh\ncase \"$*\" in *-M*=*) echo 'postconf: fatal: no space' >&2; exit 1;; esac\nexec /usr/sbin/postconf \"$@\"\n")
    fake.chmod(0o755)
    postfix, server = Postfix(space), Winpopd(build, certs, space)
    apply = "mta", "postfix", "/apply", "/instance", postfix.conf
    try:
        server.init()
        before = (postfix.conf / "main.cf").read_text()
        server.env["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        result = server.winpop(*apply)
        assert result.code == 5 and "postconf: fatal: no space" in result.err, result
        assert next(postfix.conf.glob("main.cf.before-winpop-*")).read_text() == before
        server.env.clear()
        assert "submission/inet" in server.winpop_ok(*apply)
        assert server.winpop_ok(*apply) == "Postfix was set up already.\n"
    finally:
        server.cleanup()
        postfix.close()


def test_check_names_each_trouble(own_flow):
    flow, postfix, server = own_flow, own_flow.postfix, own_flow.server

    def finds(*words):
        found = bad(flow.mta("/check", ok=False))
        assert len(found) == 1 and all(word in " ".join(found[0]) for word in words), found

    postfix.set(mydestination="localhost, example.net, hash:/nowhere")
    finds("example.net is in mydestination", "take it out")
    postfix.set(mydestination="localhost")
    (postfix.queue / "winpop").chmod(0o700)
    finds("/apply", "group")
    flow.mta("/apply")
    (postfix.queue / "winpop/maps").chmod(0o600)
    finds("maps", "restart winpopd")
    (postfix.queue / "winpop/maps").chmod(0o660)
    postfix.run("postconf", "-PX", "submission/inet/smtpd_sasl_path")
    finds("submission/inet/smtpd_sasl_path=winpop/auth", "/apply")
    flow.mta("/apply")
    postfix.run("postconf", "-MX", "submissions/inet")
    assert any("submissions/inet is served" in what for what, _ in bad(flow.mta("/check", ok=False)))
    flow.mta("/apply")
    assert flow.mta("/check", ok=False).code == 0
    server.stop()
    found = bad(flow.mta("/check", ok=False))
    assert len(found) == 3 and all("restart winpopd" in remedy for _, remedy in found), found
    server.start()
    for domain in "example.com", "example.net":
        server.winpop_ok("delete", domain, "/y")
    finds("cannot tell", "winpop add")
    server.winpop_ok("add", "example.com")
    postfix.stop()
    finds("Postfix is running", "start")


def test_without_a_certificate_nobody_sends(build, space):
    postfix = Postfix(space)
    server = Winpopd(build, None, space)
    try:
        server.init()
        result = server.winpop("mta", "postfix", "--apply", "--instance", postfix.conf)
        assert result.code == 0 and "winpop set tls_cert" in result.err, result
        assert "submission" not in postfix.run("postconf", "-M")
    finally:
        server.cleanup()
        postfix.close()


def test_where_there_is_no_postfix(build, space):
    """It can be shown for another computer, and not be set up."""
    server = Winpopd(build, None, space)
    space.bind("/dev/null", "/usr/sbin/postconf")
    try:
        server.init()
        result = server.winpop("mta", "postfix", "/show")
        assert result.code == 0 and "/var/spool/postfix/winpop/lmtp" in result.out and "not installed" in result.err, result
        result = server.winpop("mta", "postfix", "/apply")
        assert result.code == 1 and "apt-get install postfix" in result.err, result
    finally:
        server.cleanup()


@pytest.mark.parametrize("words, code", [(("exim", "/show"), 2), (("postfix",), 2), (("postfix", "/show", "/check"), 2),
                                         (("postfix", "/check", "/instance", "relative"), 2), (("postfix", "/show", "/instance", "/nowhere"), 1)])
def test_lines_that_are_refused(server, words, code):
    assert server.winpop("mta", *words).code == code


# ---- winpop-postfix(7) ----

PAGE = "winpop-postfix.7"
APT_GET = """#!/bin/sh -e
# apt-get install postfix: the program is there, here is what its installation makes
install -d -o postfix /var/lib/postfix
: >/etc/postfix/main.cf
cp /etc/postfix/master.cf.proto /etc/postfix/master.cf
postconf -e compatibility_level=3.6 myhostname=mail.example.com 'mydestination=$myhostname, localhost' inet_protocols=ipv4 \
	alias_maps= alias_database= maillog_file=/var/lib/maillog mailbox_size_limit=0 recipient_delimiter=+
"""
SYSTEMCTL_BOTH = """#!/bin/sh
[ "$2" = winpopd ] && exec systemctl-winpopd "$1"
postfix status 2>/dev/null && postfix stop
[ "$1" = stop ] || postfix start
"""


def test_the_page_as_it_stands(build, certs, space, private_etc, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(test_pages, "PROMPTS", ((r"([Pp]assword|Once more).*: ?$", LEE),))
    (private_etc / "hosts").write_text("127.0.0.1 localhost mail.example.com\n")
    (tmp_path / "queue").mkdir()
    space.bind(private_etc, "/etc")
    space.bind(tmp_path / "queue", "/var/spool/postfix")
    computer = Computer(build, space, private_etc, certs.ca)
    for name, text in (("apt-get", APT_GET), ("systemctl", SYSTEMCTL_BOTH), ("systemctl-winpopd", SYSTEMCTL.format(home=computer.home))):
        computer.script(name, text)
    (private_etc / "winpop").mkdir()
    for path, name in zip(certs.server("mail.example.com"), ("mail.crt", "mail.key")):
        shutil.copy(path, private_etc / "winpop" / name)
        (private_etc / "winpop" / name).chmod(0o644)
    found = steps(PAGE)
    assert len(found) == sum(line.startswith(("# ", "$ ")) for line in (test_pages.SOURCE / f"admin/man/{PAGE}.in").read_text().splitlines())
    try:
        for step in found:
            if "pop3s:" in step.command:  # who reads the page is slower
                wait_until(lambda: "Mail queue is empty" in computer.type_ok("postqueue -p"), why="the queue is not empty")
            status, shown = computer.type(step.command)
            trouble = f"{step.command}\n{shown}\n{computer.log()[-2000:]}\n{postfix_log(space)[-2000:]}"
            assert status == 0, trouble
            for line in step.answer:
                assert line in shown, f"no {line!r} after {trouble}"
        assert LEE not in computer.log() + postfix_log(space)
    finally:
        computer.type("postfix stop")
        computer.close()


def postfix_log(space):
    path = space.path("/var/lib/maillog")
    return path.read_text(errors="replace") if path.exists() else ""
