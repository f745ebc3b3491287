"""LMTP on the wire: RFC 2033, 1652, 1870, 2034, 2920, 3030, 6531, and what must never be taken for the end of a message."""
import concurrent.futures
import os
import re
import select
import signal
import socket

import pytest

from fixtures.wire import Lmtp, Wire
from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import as_delivered

BODY = b"Subject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def lmtp(service):
    with service.lmtp() as client:
        yield client


def test_features(service, lmtp):
    names = {f.split()[0] for f in lmtp.features[1:]}
    assert {"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "CHUNKING", "ENHANCEDSTATUSCODES"} <= names
    assert "SIZE 104857600" in lmtp.features
    with Lmtp(port=service.lmtp_port) as tcp:
        assert tcp.features == lmtp.features


def test_ehlo_and_helo_are_not_lmtp(service):
    with service.lmtp() as lmtp:
        assert lmtp.cmd("EHLO x")[0] == 500 or lmtp.cmd("HELO x")[0] >= 500


def test_one_reply_per_recipient(service, box, lmtp):
    second = service.mailbox("second-" + box.address.split("@")[0], "x1")
    lmtp.mail()
    lmtp.expect(250, f"RCPT TO:<{box.address}>")
    assert lmtp.cmd("RCPT TO:<nobody@example.com>")[0] == 550
    lmtp.expect(250, f"RCPT TO:<{second}>")
    assert [r[0] for r in lmtp.data(BODY, 2)] == [250, 250]
    assert box.messages() == [as_delivered(box.address, BODY)]
    assert service.messages(second, "x1") == [as_delivered(second, BODY)]


def test_unknown_mailboxes(lmtp):
    lmtp.mail()
    for address in ("nobody@example.com", "kim@elsewhere.example", "kim@", "@example.com", "../../etc/passwd@example.com", "a/b@example.com",
                    "%00@example.com", "k" * 300 + "@example.com", "kim"):
        code, text = lmtp.cmd(f"RCPT TO:<{address}>")
        assert 550 <= code < 560 or code == 501, f"{address}: {code} {text}"
        assert text.startswith("5.1."), text
    assert lmtp.cmd("RCPT TO:<nobody@example.com>")[1].startswith("5.1.1")
    assert lmtp.cmd("DATA")[0] in (503, 554)


def test_every_reply_has_an_enhanced_code(box, lmtp):
    for command in ("NOOP", "RSET", "MAIL FROM:<a@b.example>", f"RCPT TO:<{box.address}>", "XYZZY", "RCPT", "NOOP", "MAIL",
                    "MAIL FROM:<x", "VRFY kim", "RSET", "BDAT x"):
        code, text = lmtp.cmd(command)
        assert re.match(rf"{code // 100}\.\d+\.\d+ ", text), f"{command}: {code} {text}"
    assert lmtp.reply()[0] == 421 and lmtp.ended(), "nobody knows where the data behind a wrong BDAT ends"


def test_null_sender_and_odd_spaces(box, lmtp):
    lmtp.expect(250, "MAIL FROM: <>")  # postal and others send the blank
    lmtp.expect(250, f"RCPT TO: <{box.address}>")
    assert lmtp.data(BODY)[0][0] == 250
    [got] = box.messages()
    assert got == as_delivered(box.address, BODY, sender="")


def test_parameters(box, lmtp):
    lmtp.expect(250, "MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME SMTPUTF8")
    lmtp.cmd("RSET")
    for bad in (" SIZE=x", " BODY=9BIT", " X-NONE", " SIZE=99999999999999999999", " SIZE=104857601"):
        code, _ = lmtp.cmd(f"MAIL FROM:<a@example.net>{bad}")
        assert code in (501, 504, 552, 555), f"{bad}: {code}"
    lmtp.mail()


def test_too_large_a_message(make_server):
    server = make_server(message_max="64K")
    address = server.mailbox()
    big = b"x" * 70 + b"\r\n"
    big *= 1000
    with server.lmtp() as lmtp:
        assert lmtp.cmd("MAIL FROM:<a@example.net> SIZE=70000")[0] == 552
        for send in (lmtp.data, lmtp.bdat):
            lmtp.mail()
            lmtp.expect(250, f"RCPT TO:<{address}>")
            assert send(big)[0][0] == 552
        lmtp.deliver(address, BODY)
    assert server.messages(address) == [as_delivered(address, BODY)]


@pytest.mark.parametrize("end", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\n\n.\n\n", b"\r.\r\n"])
def test_nothing_but_crlf_dot_crlf_ends_a_message(service, box, lmtp, end):
    """SMTP smuggling: behind the false end stands a whole second transaction."""
    smuggled = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<" + box.address.encode() + b">\r\nDATA\r\nSubject: smuggled\r\n\r\n"
    lmtp.mail()
    lmtp.expect(250, f"RCPT TO:<{box.address}>")
    lmtp.expect(354, "DATA")
    lmtp.send(b"Subject: outer\r\n\r\nbefore" + end + smuggled + b"\r\n.\r\n")
    assert lmtp.reply()[0] in (250, 550, 554)
    lmtp.expect(250, "NOOP")
    assert len(box.messages()) <= 1, "one message became two"
    assert not any(m.startswith(b"Return-Path: <evil@") for m in box.messages())


def test_a_bare_lf_does_not_end_a_command(box, lmtp):
    lmtp.send(b"NOOP\nRSET\r\n")
    code, _ = lmtp.reply()
    assert code >= 500
    lmtp.expect(250, "NOOP")


def test_a_whole_session_in_one_segment(service, box):
    with service.lmtp() as lmtp:
        rcpt = box.address.encode()
        lmtp.send(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<" + rcpt + b">\r\nRCPT TO:<no@example.com>\r\nDATA\r\n")
        assert [lmtp.reply()[0] for _ in range(4)] == [250, 250, 550, 354]
        lmtp.send(BODY + b".\r\nMAIL FROM:<b@example.net>\r\nRCPT TO:<" + rcpt + b">\r\nBDAT 5\r\nhelloBDAT 2 LAST\r\n\r\nQUIT\r\n")
        assert [lmtp.reply()[0] for _ in range(6)] == [250, 250, 250, 250, 250, 221]
        assert lmtp.ended()
    assert box.messages() == [as_delivered(box.address, BODY, "a@example.net"), as_delivered(box.address, b"hello\r\n", "b@example.net")]


def test_octet_by_octet(service, box):
    with service.lmtp() as lmtp:
        for octet in f"MAIL FROM:<sender@example.net>\r\nRCPT TO:<{box.address}>\r\nDATA\r\n".encode() + BODY + b"..x\r\n.\r\n":
            lmtp.send(bytes([octet]))
        assert [lmtp.reply()[0] for _ in range(4)] == [250, 250, 354, 250]
    assert box.messages() == [as_delivered(box.address, BODY + b".x\r\n")]


def test_a_vanished_client_delivers_nothing(service, box):
    for partial in (b"", b"MAIL FROM:<a@b.example>\r\n", f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{box.address}>\r\nDATA\r\n".encode() + BODY,
                    f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{box.address}>\r\nBDAT 100 LAST\r\nhalf".encode()):
        lmtp = service.lmtp()
        lmtp.send(partial)
        lmtp.close()
    assert box.messages() == []
    wait_until(lambda: not [f for f in os.listdir(box.dir) if f.startswith(".tmp")], why="a spool file stays")


def test_bdat_out_of_place(box, lmtp):
    lmtp.mail()
    lmtp.expect(250, f"RCPT TO:<{box.address}>")
    assert lmtp.bdat(b"half ", last=False)[0][0] == 250
    assert lmtp.cmd("DATA")[0] == 503
    assert lmtp.cmd("RSET")[0] == 250
    lmtp.send(b"BDAT 5\r\nhello")  # no transaction: the octets are eaten all the same
    assert lmtp.reply()[0] == 503
    lmtp.expect(250, "NOOP")
    assert box.messages() == []


def test_overlong_and_binary_commands(lmtp):
    assert lmtp.cmd(b"MAIL FROM:<" + b"x" * 100_000 + b">")[0] >= 500
    assert lmtp.cmd(b"NO\0OP")[0] >= 500
    assert lmtp.cmd(b"\xff\xfe")[0] >= 500
    lmtp.expect(250, "NOOP")


def test_utf8_recipients(service, lmtp):
    address = service.winpop_ok("add", "gr\u00fc\u00dfe@example.com", "/createuser", "pw-kim") and "gr\u00fc\u00dfe@example.com"
    lmtp.expect(250, "MAIL FROM:<sender@example.net> SMTPUTF8")
    lmtp.expect(250, f"RCPT TO:<{address}>")
    assert lmtp.data(BODY)[0][0] == 250
    with service.pop() as pop:
        pop.ok("UTF8")
        pop.signin(address, "pw-kim")
        assert pop.stat()[0] == 1
        pop.quit()


def test_a_locked_mailbox_receives(service, box):
    service.winpop_ok("lock", box.address)
    box.deliver(BODY)
    service.winpop_ok("unlock", box.address)
    assert len(box.messages()) == 1


def test_many_deliveries_at_once(service, box):
    def some(k):
        with service.lmtp() as lmtp:
            for n in range(25):
                lmtp.deliver(box.address, b"Subject: %d-%d\r\n\r\n" % (k, n))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(some, range(8)))
    got = box.messages()
    assert len(got) == len(set(got)) == 200
    for k in range(8):  # one client's messages stay in order
        mine = [m for m in got if b"Subject: %d-" % k in m]
        assert [int(m.split(b"-")[-1]) for m in mine] == list(range(25))


def test_delivery_is_durable_before_it_is_said(make_server):
    """250, then kill -9 at once: the message is there."""
    server = make_server()
    address = server.mailbox()
    for n in range(1, 6):
        with server.lmtp() as lmtp:
            lmtp.deliver(address, b"Subject: %d\r\n\r\n" % n)
            server.signal(signal.SIGKILL)
        server.process.wait(PATIENCE)
        server.start()
        assert len(server.messages(address)) == n


def test_a_removed_mailbox_is_unknown_at_once(service, box):
    with service.lmtp() as lmtp:
        lmtp.mail()
        lmtp.expect(250, f"RCPT TO:<{box.address}>")
        service.winpop_ok("delete", box.address, "/y")
        code, text = lmtp.data(BODY)[0]
        assert (code, text[:5]) in ((550, "5.1.1"), (451, "4.3.0")), (code, text)
        lmtp.mail()
        lmtp.expect(550, f"RCPT TO:<{box.address}>")


def test_idle_clients_are_told_to_leave(make_server):
    server = make_server(lmtp_timeout=5)
    with server.lmtp() as lmtp:
        assert lmtp.reply()[0] == 421
        assert lmtp.ended()


def test_a_client_that_reads_no_replies(make_server):
    """It keeps its place no longer than an idle one, although it has always more to say."""
    server = make_server(lmtp_timeout=5)
    with server.lmtp() as lmtp:
        lmtp.mail()
        lmtp.sock.setblocking(False)
        rcpt, refused = b"RCPT TO:<nobody-of-that-name@example.com>\r\n" * 100, 0
        while refused < 3:  # until nothing is taken any more
            try:
                lmtp.sock.send(rcpt)
                refused = 0
            except BlockingIOError:
                refused += 1
                select.select([], [lmtp.sock], [], 0.5)
        wait_until(lambda: server.events("lmtp-end"), why="it still has its place")


def test_more_connections_than_allowed(make_server):
    server = make_server(lmtp_socketmax=2)
    server.mailbox()
    with server.lmtp(), server.lmtp():
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(server.lmtp_socket))
        with Wire(sock) as third:
            line = third.line()
            assert line.startswith(b"421 4.") and b"lmtp_socketmax" in line
            assert third.ended()
    wait_until(lambda: len(server.events("lmtp-end")) >= 2, why="they still have their places")
    server.deliver("kim@example.com", BODY)
