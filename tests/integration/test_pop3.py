"""POP3 on the wire, case by case: RFC 1939, 2449, 2595, 3206, 5034, 6856, and what clients do besides."""
import base64
import contextlib
import itertools

import pytest

from fixtures.winpopd import as_delivered
from fixtures.wire import sign_in_scram
from fixtures.waiting import cpu_seconds, wait_until

SMALL = b"Subject: small\r\n\r\nbody\r\n"


def test_greeting_has_a_stamp_every_client_takes(service):
    with service.pop() as pop:
        assert pop.greeting.count(b"<") == 1
        stamp = pop.greeting.split(b"<")[1].split(b">")[0].decode()
        assert stamp.replace("@", "").replace(".", "").replace("_", "").replace("-", "").isalnum()
        with service.pop() as other:
            assert other.greeting != pop.greeting, "a stamp that comes back can be replayed"


def test_capabilities_are_told_in_every_state_and_truly(service, box, tls):
    with service.pop() as pop:
        before = pop.capa()
        assert {"TOP", "UIDL", "USER", "SASL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE", "IMPLEMENTATION", "STLS",
                "UTF8", "LANG"} <= before.keys()
        assert before["EXPIRE"] == ["NEVER"]
        assert {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"} <= set(before["SASL"])
        pop.stls(tls)
        secure = pop.capa()
        assert "STLS" not in secure, "STLS is offered inside TLS"
        pop.signin(box.address, box.password)
        after = pop.capa()
        # RFC 2449 section 5: only STLS and the like may come and go
        assert secure.keys() - after.keys() <= {"STLS"}
        assert {"SASL", "USER"} <= after.keys()


def test_bare_auth_lists_mechanisms(service):
    with service.pop() as pop:
        names = pop.lines("AUTH")
        assert names == pop.lines("AUTH ") and "PLAIN" in names
        assert set(names) == set(pop.capa()["SASL"])
        pop.err("AUTH X-NONE")


def test_octets_pipelined_behind_stls_are_dropped(service, box, tls):
    with service.pop() as pop:
        pop.send(b"STLS\r\nUSER " + box.address.encode() + b"\r\nNOOP\r\n")
        assert pop.line().startswith(b"+OK")
        assert pop.silent(0.3), "a command sent in the clear was answered before the handshake"
        pop.sock = tls.wrap_socket(pop.sock, server_hostname="pop.example.com")
        pop.err(f"PASS {box.password}")  # the USER of before must be forgotten
        pop.signin(box.address, box.password)
        pop.quit()


def test_stls_forgets_a_user_given_before(service, box, tls):
    with service.pop() as pop:
        pop.ok(f"USER {box.address}")
        pop.stls(tls)
        pop.err(f"PASS {box.password}")


def test_stls_twice_and_after_sign_in(service, box, tls):
    with service.pop() as pop:
        pop.stls(tls)
        pop.err("STLS")
    with box.session() as pop:
        pop.err("STLS")
        pop.quit()


@pytest.mark.parametrize("line", [
    b"NOOP\0", b"DELE 1\0", b"DELE\x001", b"\0", b"NO\x01OP", b"RETR 1\x7f", b"STAT\t\x1b[2J", b"LIST \x00", b"UIDL 1\x08",
])
def test_control_octets_are_refused(box, line):
    box.deliver(SMALL)
    with box.session() as pop:
        pop.err(line)
        assert pop.stat()[0] == 1, "a command with a control octet was obeyed"
        pop.quit()
    assert len(box.messages()) == 1


@pytest.mark.parametrize("line", [b"PASS %s\0junk", b"PASS %s\0", b"PASS \0%s", b"PASS %s\r"])
def test_a_password_is_not_cut_off(service, box, line):
    with service.pop() as pop:
        pop.ok(f"USER {box.address}")
        pop.err(line.replace(b"%s", box.password.encode()))
        pop.err("STAT")
    assert not service.events("signin", account=box.address)


def test_auth_plain_with_nul_junk_is_refused(service, box):
    for blob in (f"\0{box.address}\0{box.password}\0junk", f"\0{box.address}\0{box.password}\0", f"x\0{box.address}\0{box.password}"):
        with service.pop() as pop:
            pop.err(b"AUTH PLAIN " + base64.b64encode(blob.encode()))
            pop.err("STAT")


@pytest.mark.parametrize("number", ["0", "-1", "2", "4294967296", "4294967297", "18446744073709551617", "1x", "01x", "+1", "", "1 2",
                                    "one", "0x1", "1.0", "٣"])
@pytest.mark.parametrize("verb", ["RETR", "DELE", "LIST", "UIDL", "TOP"])
def test_message_numbers_that_are_none(box, verb, number):
    if number == "" and verb in ("LIST", "UIDL"):
        number = "999999999999999999999999999999"
    box.deliver(SMALL)
    with box.session() as pop:
        pop.err(f"{verb} {number} 0".rstrip() if verb == "TOP" and number else f"{verb} {number}".rstrip())
        assert pop.stat()[0] == 1
        pop.quit()


def test_top_counts_that_are_none(box):
    box.deliver(SMALL)
    with box.session() as pop:
        for count in ("-1", "x", "1x", "0x1"):
            pop.err(f"TOP 1 {count}")
        pop.err("TOP 1")
        assert pop.multi("TOP 1 0").endswith(b"Subject: small\r\n\r\n")
        for count in ("1", "4294967295", "4294967296", "99999999999999999999999999"):
            assert pop.multi(f"TOP 1 {count}") == pop.retr(1)
        pop.quit()


def test_an_overlong_line_is_one_error(service):
    with service.pop() as pop:
        pop.err(b"NOOP " + b"x" * 20_000)
        pop.err("NOOP")  # not signed in; but in step
        assert b"SASL" in pop.multi("CAPA")
        pop.quit()


def test_a_line_without_end_ends_the_session(service):
    with service.pop() as pop:
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                pop.send(b"x" * 10_000)
            raise AssertionError("ten million octets of nothing were taken")


def test_a_sasl_answer_may_have_12288_octets_and_no_more(service):
    with service.pop() as pop:
        pop.challenge("AUTH PLAIN")
        pop.err(b"A" * 12286)  # too long a name, but a legal line: one refusal and we are in step
        pop.challenge("AUTH PLAIN")
        pop.err(b"A" * 20_000)
        assert b"SASL" in pop.multi("CAPA")
        pop.quit()


@pytest.mark.parametrize("answer", [b"*", b"", b"====", b"!!!!", b"QUI=T", b"\0"])
def test_a_sasl_exchange_can_be_ended(service, box, answer):
    with service.pop() as pop:
        pop.challenge("AUTH PLAIN")
        pop.err(answer)
        pop.signin(box.address, box.password)
        pop.quit()


def test_nonsense_does_not_go_on_for_ever(service):
    with service.pop() as pop:
        replies = 0
        try:
            for _ in range(1000):
                pop.send(b"XYZZY\r\n")
                pop.line()
                replies += 1
        except (AssertionError, ConnectionError):
            pass
        assert 3 <= replies < 1000


def test_sign_in_by_each_mechanism(service, box):
    blob = base64.b64encode(f"\0{box.address}\0{box.password}".encode()).decode()
    with service.pop() as pop:
        pop.ok(f"AUTH PLAIN {blob}")
        pop.quit()
    with service.pop() as pop:
        pop.challenge("AUTH plain")
        assert pop.cmd(blob).startswith(b"+OK")
        pop.quit()
    with service.pop() as pop:
        pop.challenge("AUTH LOGIN")
        assert pop.answer(box.address.encode()).startswith(b"+ ")
        assert pop.answer(box.password.encode()).startswith(b"+OK")
        pop.quit()
    with service.pop() as pop:
        assert pop.apop(box.address, box.password).startswith(b"+OK")
        pop.quit()
    for mech in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        with service.pop() as pop:
            assert sign_in_scram(pop, mech, box.address, box.password).startswith(b"+OK")
            pop.quit()


def test_wrong_password_and_unknown_user_look_the_same(service, box):
    def tries(user, password):
        blob = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        with service.pop() as pop:
            yield pop.ok(f"USER {user}")
            yield pop.err(f"PASS {password}", "AUTH")
            yield pop.err(f"AUTH PLAIN {blob}", "AUTH")
            yield pop.apop(user, password)
            yield sign_in_scram_refused(pop, user, password)
    known = [r.replace(box.address.encode(), b"WHO") for r in tries(box.address, "wrong")]
    unknown = [r.replace(b"nobody@example.com", b"WHO") for r in tries("nobody@example.com", "wrong")]
    foreign = [r.replace(b"nobody@no.example", b"WHO") for r in tries("nobody@no.example", "wrong")]
    assert known == unknown == foreign
    assert known[3].startswith(b"-ERR [AUTH]")


def sign_in_scram_refused(pop, user, password):
    """An unknown user's exchange must go as far as a known one's."""
    reply = sign_in_scram(pop, "SCRAM-SHA-256", user, password)
    assert reply.startswith(b"-ERR [AUTH]"), reply
    return reply


@pytest.mark.parametrize("name", ["../kim", "kim/../kim@example.com", "kim@../example.com", "%s%n@example.com", "k" * 300, "@", "",
                                  "kim@", "@example.com", "kim@example.com@example.com", "K\u00efm@example.com", "kim@exa mple.com",
                                  ".@example.com", "kim@" + "e" * 300])
def test_names_that_are_none(service, name):
    with service.pop() as pop:
        reply = pop.cmd(f"USER {name}")
        if reply.startswith(b"+OK"):
            pop.err("PASS x", "AUTH")
    with service.pop() as pop:
        pop.err(b"AUTH PLAIN " + base64.b64encode(b"\0" + name.encode() + b"\0x"))


def test_names_match_in_any_case(service, box):
    with service.pop() as pop:
        pop.signin(box.address.upper(), box.password)
        pop.quit()


def test_a_password_may_hold_blanks_and_utf8(service):
    address = service.mailbox("blanks", " two  blanks, gr\u00fc\u00dfe ")
    with service.pop() as pop:
        pop.ok(f"USER {address}")
        pop.ok("PASS  two  blanks, gr\u00fc\u00dfe ")
        pop.quit()


def test_a_whole_session_in_one_segment(service, box):
    box.deliver(SMALL, SMALL)
    message = as_delivered(box.address, SMALL)
    with service.pop() as pop:
        pop.send(f"CAPA\r\nUSER {box.address}\r\nPASS {box.password}\r\nSTAT\r\nLIST\r\nRETR 1\r\nRETR 2\r\nDELE 1\r\nQUIT\r\n".encode())
        assert pop.line().startswith(b"+OK") and b"PIPELINING\r\n" in pop.body()
        for want in (b"+OK", b"+OK", b"+OK 2 %d" % (2 * len(message))):
            assert pop.line().startswith(want)
        assert pop.line().startswith(b"+OK") and pop.body() == b"1 %d\r\n2 %d\r\n" % (len(message), len(message))
        for _ in range(2):
            assert pop.line().startswith(b"+OK") and pop.body() == message
        assert pop.line().startswith(b"+OK") and pop.line().startswith(b"+OK")
        assert pop.ended()
    assert len(box.messages()) == 1


def test_a_session_octet_by_octet(service, box):
    box.deliver(SMALL)
    with service.pop() as pop:
        for octet in f"USER {box.address}\r\nPASS {box.password}\r\nRETR 1\r\nQUIT\r\n".encode():
            pop.send(bytes([octet]))
        assert pop.line().startswith(b"+OK") and pop.line().startswith(b"+OK") and pop.line().startswith(b"+OK")
        assert pop.body() == as_delivered(box.address, SMALL)
        assert pop.line().startswith(b"+OK") and pop.ended()


def test_commands_pipelined_behind_a_refused_sign_in_stay_refused(service, box):
    with service.pop() as pop:
        pop.send(f"USER {box.address}\r\nPASS wrong\r\nSTAT\r\nQUIT\r\n".encode())
        assert [pop.line()[:4] for _ in range(4)] == [b"+OK ", b"-ERR", b"-ERR", b"+OK "]


def test_pipelined_in_thousands(box):
    box.deliver(*[SMALL] * 20)
    with box.session() as pop:
        rounds = 200
        pop.send(b"".join(b"RETR %d\r\n" % n for n in range(1, 21)) * rounds)
        for _ in range(20 * rounds):
            assert pop.line().startswith(b"+OK") and pop.body() == as_delivered(box.address, SMALL)
        pop.quit()


def test_in_use_at_once_and_free_at_once(service, box):
    with box.session() as holder:
        with service.pop() as pop:
            pop.ok(f"USER {box.address}")
            pop.err(f"PASS {box.password}", "IN-USE")
            holder.quit()
            pop.signin(box.address, box.password)
            pop.quit()


def test_a_vanished_holder_lets_go_and_deletes_nothing(service, box):
    box.deliver(SMALL)
    for leave in ("close", "vanish"):
        pop = box.session()
        pop.ok("DELE 1")
        getattr(pop, leave)()
        wait_until(lambda: signs_in(service, box), why="the claim of a vanished client stays")
    assert len(box.messages()) == 1


def signs_in(service, box):
    with service.pop() as pop:
        pop.ok(f"USER {box.address}")
        good = pop.cmd(f"PASS {box.password}").startswith(b"+OK")
        if good:
            pop.quit()
    return good


def test_delivery_during_a_session_is_not_seen_by_it(box):
    box.deliver(SMALL)
    with box.session() as pop:
        pop.ok("DELE 1")
        box.deliver(b"Subject: later\r\n\r\n")
        assert pop.stat() == (0, 0)
        pop.err("RETR 2")
        pop.ok("RSET")
        assert pop.stat()[0] == 1
        pop.ok("DELE 1")
        pop.quit()
    [left] = box.messages()
    assert b"Subject: later" in left


def test_deleted_messages_are_gone_for_every_command(box):
    box.deliver(SMALL, SMALL, SMALL)
    with box.session() as pop:
        pop.ok("DELE 2")
        for verb in ("RETR 2", "DELE 2", "LIST 2", "UIDL 2", "TOP 2 0"):
            pop.err(verb)
        assert [n for n, _ in pop.list()] == [1, 3] == sorted(pop.uidl())
        assert pop.stat()[0] == 2
        pop.ok("RSET")
        assert pop.stat()[0] == 3
        pop.quit()
    assert len(box.messages()) == 3


def test_commands_of_the_wrong_state(service, box):
    with service.pop() as pop:
        for verb in ("STAT", "LIST", "RETR 1", "DELE 1", "RSET", "UIDL", "TOP 1 0", "NOOP"):
            pop.err(verb)
        pop.err(f"PASS {box.password}")
        pop.signin(box.address, box.password)
        for verb in (f"USER {box.address}", f"PASS {box.password}", "AUTH PLAIN", "APOP x y"):
            pop.err(verb)
        pop.err("QUIT now")
        pop.quit()


def test_utf8_and_lang(service, box):
    box.deliver("Subject: gr\u00fc\u00dfe\r\n\r\nbody\r\n".encode())
    with service.pop() as pop:
        pop.ok("UTF8")
        assert any(line.split()[0] in ("en", "i-default") for line in pop.lines("LANG"))
        pop.ok("LANG en")
        pop.err("LANG xx-nowhere")
        pop.ok("LANG *")
        pop.signin(box.address, box.password)
        assert "gr\u00fc\u00dfe".encode() in pop.retr(1)
        pop.quit()


# ---- octets ----

SIZES = [0, 1, 2, 3, 75, 4094, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537]
ODD = {
    "empty": b"", "one": b"x", "dot": b".", "dot-crlf": b".\r\n", "lf": b"\n", "cr": b"\r", "crlf": b"\r\n", "crcr": b"\r\r\n",
    "no-newline": b"Subject: x\r\n\r\nlast line", "bare-lf": b"Subject: x\n\na\n.b\n..c\n", "bare-cr": b"Subject: x\r\n\r\na\rb\r.c\r\n",
    "mixed": b"a\r\nb\nc\r\r\n.d\n\r\n.", "nul": b"Subject: x\r\n\r\n\0\r\n.\0\r\n", "eight-bit": bytes(range(128, 256)) + b"\r\n",
    "only-dots": b".\r\n" * 50, "end-of-data-inside": b"a\r\n.\r\nb\r\n", "half-end": b"a\r\n.", "lf-dot-lf": b"a\n.\nb\n",
}


def canonical(octets):
    """CRLF form: bare LF becomes CRLF, a last line without an end gets one, bare CR is an octet."""
    lines = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return lines + b"\r\n" if lines and not lines.endswith(b"\r\n") else lines


def check_octets(box, wanted):
    """STAT, LIST, LIST n, RETR's first line and the octets themselves agree."""
    with box.session() as pop:
        sizes = dict(pop.list())
        assert pop.stat() == (len(sizes), sum(sizes.values()))
        got = []
        for n, size in sizes.items():
            assert pop.ok(f"LIST {n}").split()[1:3] == [b"%d" % n, b"%d" % size]
            pop.send(b"RETR %d\r\n" % n)
            first = pop.line()
            assert first.startswith(b"+OK") and str(size).encode() in first
            message = pop.body()
            assert len(message) == size, f"message {n}: {size} announced, {len(message)} sent"
            assert pop.multi(f"TOP {n} 1000000") in (message, message + b"\r\n")
            got.append(message)
        pop.quit()
    assert sorted(got) == sorted(wanted)


@pytest.mark.parametrize("name", ODD)
def test_odd_files_of_others_are_served_exactly(box, name):
    """Put there by somebody else, in whatever form; one per mailbox so that nothing hides behind another."""
    box.server.put(box.address, "P31A2B.eml", ODD[name])
    check_octets(box, [canonical(ODD[name])])


@pytest.mark.parametrize("name", ODD)
def test_odd_messages_delivered_by_bdat(box, name):
    with box.server.lmtp() as lmtp:
        lmtp.mail()
        lmtp.expect(250, f"RCPT TO:<{box.address}>")
        assert lmtp.bdat(ODD[name])[0][0] == 250
    check_octets(box, [as_delivered(box.address, canonical(ODD[name]))])


@pytest.mark.parametrize("size", SIZES)
def test_dots_at_every_boundary(box, size):
    """A line of exactly that length, then lines that begin with dots; as delivered and as a foreign file."""
    body = b"x" * size + b"\r\n.\r\n..\r\n.y" + b"\r\n.z" * 3 + b"\r\n"
    box.deliver(body)
    foreign = body.replace(b"\r\n", b"\n")
    box.server.put(box.address, "P3B0.eml", body)
    box.server.put(box.address, "P3B1.eml", foreign)
    check_octets(box, [as_delivered(box.address, body), body, body])


@pytest.mark.parametrize("at", [4096, 16384, 65536])
def test_a_dot_moves_over_a_boundary(box, at):
    """CRLF and dot fall before, on and behind a buffer's end."""
    wanted = []
    for k, shift in enumerate(range(-4, 5)):
        body = b"x" * (at + shift) + b"\r\n.dot\r\nend\r\n"
        box.server.put(box.address, f"P3C{k:X}.eml", body)
        wanted.append(body)
    check_octets(box, wanted)


def test_fifty_mebibytes(box):
    line = bytes(itertools.islice(itertools.cycle(b"0123456789abcdef"), 70)) + b"\r\n"
    body = b"Subject: large\r\n\r\n" + line * (50 * 1024 * 1024 // len(line)) + b".end\r\n"
    box.deliver(body)
    [got] = box.messages()
    assert len(got) == len(as_delivered(box.address, body)) and got == as_delivered(box.address, body)


def test_a_gibibyte_of_nothing(box):
    """A sparse file of 1 GiB without a line end: counted and sent exactly, in bounded memory."""
    size = 1 << 30
    with (box.dir / "P3FF.eml").open("wb") as f:
        f.truncate(size)
    with box.server.pop() as pop:
        pop.sock.settimeout(180)  # the sign-in counts it once
        pop.signin(box.address, box.password)
        assert pop.stat() == (1, size + 2)
        pop.ok("RETR 1")
        left, zero = size, bytes(1 << 20)
        while left:
            chunk, pop.have = pop.have or pop.sock.recv(1 << 20), b""
            chunk, pop.have = chunk[:left], chunk[left:]
            assert chunk and zero.startswith(chunk)
            left -= len(chunk)
        assert pop.line() == b"" and pop.line() == b"."
        status = open(f"/proc/{box.server.pid}/status").read()
        peak = int(status.split("VmHWM:")[1].split()[0])
        assert peak < 300 * 1024, f"{peak} KiB at the peak"
        pop.quit()


# ---- identity ----

def test_uidl_is_stable_over_everything(make_server):
    server = make_server()
    address = server.mailbox()
    server.deliver(address, *[SMALL] * 5)
    server.put(address, "P3347865.eml", b"foreign\n")
    directory = server.box_dir(address)

    def uidls():
        with server.session(address) as pop:
            found = pop.uidl()
            pop.quit()
        assert len(set(found.values())) == len(found)
        assert all(0 < len(u) <= 70 and all(0x21 <= ord(c) <= 0x7e for c in u) for u in found.values())
        return found

    first = uidls()
    assert len(first) == 6 and uidls() == first
    server.stop()
    server.start()
    assert uidls() == first, "after a restart"
    index = directory / "index"
    assert index.exists(), "the message index"
    index.unlink()
    assert uidls() == first, "after the index was lost"
    for damage in (b"", b"\0" * 100, b"garbage", index.read_bytes()[:-3], b"\xff" + index.read_bytes()[1:]):
        index.write_bytes(damage)
        assert uidls() == first, f"after the index was damaged: {damage[:10]!r}"
    octets = bytearray(index.read_bytes())
    for at in range(0, len(octets), max(1, len(octets) // 20)):
        spoiled = octets.copy()
        spoiled[at] ^= 0x41
        index.write_bytes(spoiled)
        assert uidls() == first, f"after octet {at} of the index was changed"


def test_a_uidl_never_comes_back(box):
    seen = set()
    for _ in range(5):
        box.deliver(SMALL, SMALL)
        with box.session() as pop:
            now = set(pop.uidl().values())
            assert not now & seen, "a new message has an old one's UIDL"
            seen |= now
            for n in pop.uidl():
                pop.ok(f"DELE {n}")
            pop.quit()


def test_order_is_order_of_arrival(box):
    box.deliver(*[b"Subject: %d\r\n\r\n" % n for n in range(30)])
    subjects = [m.split(b"Subject: ")[1].split(b"\r\n")[0] for m in box.messages()]
    assert subjects == [b"%d" % n for n in range(30)]


def test_an_original_tree_is_served_as_it_is(make_server):
    """Odd case, LF only, no index, no password file but what changepwd makes."""
    server = make_server()
    address = server.mailbox("paula", "pw-kim")
    server.stop()
    domain = server.mailroot / "example.com"
    (domain / "P3_paula.mbx").rename(domain / "p3_Paula.MBX")
    domain.rename(server.mailroot / "Example.COM")
    odd = server.mailroot / "Example.COM" / "p3_Paula.MBX"
    (odd / "P3347865.EML").write_bytes(b"Subject: one\n\n.dot\n")
    (odd / "p3abc.eml").write_bytes(b"Subject: two\n\nno end")
    (odd / "notes.txt").write_bytes(b"not a message")
    server.start()
    assert sorted(server.messages(address)) == [b"Subject: one\r\n\r\n.dot\r\n", b"Subject: two\r\n\r\nno end\r\n"]
    server.deliver(address, SMALL)
    assert len(server.messages(address)) == 3
    assert (odd / "notes.txt").exists() and not (server.mailroot / "example.com").exists()


def test_a_file_that_vanishes_in_a_session(box):
    box.deliver(SMALL, SMALL)
    with box.session() as pop:
        assert pop.stat()[0] == 2
        for f in sorted(box.dir.glob("*.eml"))[:1]:
            f.unlink()
        replies = [pop.cmd(f"RETR {n}") for n in (1,)]
        assert replies[0].startswith(b"-ERR"), replies
        assert pop.retr(2) == as_delivered(box.address, SMALL)
        pop.quit()
    assert len(box.messages()) == 1


def test_quit_says_when_a_removal_failed(make_server, space):
    """The mailbox directory is read-only at QUIT: -ERR, and nothing is lost."""
    server = make_server(start=False, space=space)
    address = server.mailbox()
    directory = server.box_dir(address)
    space.bind(directory, directory)
    server.start()
    with space.inside():
        server.deliver(address, SMALL, SMALL)
        pop = server.session(address)
        pop.ok("DELE 1")
        space.remount(directory, "bind,ro")
        pop.err("QUIT", "SYS")
        assert pop.ended()
        space.remount(directory, "bind,rw")
        assert len(server.messages(address)) == 2


def test_a_hundred_thousand_messages(make_server, space):
    """Sign-in and STAT do not depend on the number of messages once there is an index."""
    server = make_server(start=False, space=space, logging=4)
    address = server.mailbox()
    directory = server.box_dir(address)
    space.run("cp", "-a", directory, server.home / "kept")
    space.mount_tmpfs(directory, "1g")  # making the files is not what is timed
    space.run("cp", "-a", f"{server.home}/kept/.", directory)
    inside = space.path(directory)
    for n in range(100_000):
        with open(f"{inside}/P3{n:X}.eml", "wb") as f:
            f.write(b"a\r\n")
    server.start()
    server.wait_event("upkeep")  # it is not what is timed either
    with space.inside():
        with server.pop() as pop:
            pop.sock.settimeout(180)  # the sign-in builds the index
            assert pop.signin(address, "pw-kim").stat() == (100_000, 300_000)
            pop.quit()
        assert min(sign_in_and_stat(server, address, (100_000, 300_000)) for _ in range(5)) < 0.1
        with server.session(address) as pop:
            assert len(pop.list()) == 100_000 and len(set(pop.uidl().values())) == 100_000
            pop.quit()
        later = []
        for n in range(1, 4):
            server.deliver(address, SMALL)
            later.append(sign_in_and_stat(server, address, (100_000 + n, 300_000 + n * len(as_delivered(address, SMALL)))))
        assert min(later) < 0.1, later


def sign_in_and_stat(server, address, wanted):
    """Seconds of processor time."""
    before = cpu_seconds(server.pid)
    with server.session(address) as pop:
        assert pop.stat() == wanted
        took = cpu_seconds(server.pid) - before
        pop.quit()
    return took


def test_a_second_process_holds_the_mailbox(make_server, build):
    """Two services on one mail root: IN-USE across processes, and free at once after kill -9 of the holder."""
    first, second = make_server(), make_server(start=False)
    address = first.mailbox()
    second.write_conf(mailroot=first.mailroot, key_file=first.settings["key_file"])
    second.start()
    holder = first.session(address)
    with second.pop() as pop:
        pop.ok(f"USER {address}")
        pop.err("PASS pw-kim", "IN-USE")
        first.kill()
        pop.signin(address, "pw-kim")
        pop.quit()
    holder.close()
    first.start()


def test_another_persons_mail_is_out_of_reach(service, box):
    other = service.mailbox("other-" + box.address.split("@")[0], "secret-other")
    service.deliver(other, SMALL)
    with service.pop() as pop:
        pop.ok(f"USER {other}")
        pop.err(f"PASS {box.password}", "AUTH")
        # an authorisation name that is not one's own
        pop.err(b"AUTH PLAIN " + base64.b64encode(f"{other}\0{box.address}\0{box.password}".encode()))
        pop.signin(box.address, box.password)
        assert pop.stat() == (0, 0)
        pop.quit()
