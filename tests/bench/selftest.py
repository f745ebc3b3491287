#!/usr/bin/python3
"""Proves that the load generator notices a server that answers wrongly, and that the floor server answers rightly.

    selftest.py LOAD FLOOR

A small server of POP3 and LMTP gives the right answers, then answers with one thing wrong in each; only the right ones may end with
status 0.
"""
import contextlib
import itertools
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from message import header, on_the_wire  # noqa: E402
from fixtures.certs import Certs  # noqa: E402

SIZE, N = 4096, 3
WIRE = on_the_wire(SIZE, dots=True)
PROLOGUE = b"Received: by us\r\n"
OK = b"+OK\r\n"


def mail(number, wire=WIRE, size=SIZE):
    return OK + PROLOGUE + header(size, number) + wire


def octets(number):
    return len(PROLOGUE + header(SIZE, number)) + SIZE


def lines(*what):
    return b"\r\n".join((b"+OK", *what, b".", b""))


def sizes(wrong=0, numbers=range(1, N + 1)):
    return lines(*(b"%d %d" % (k, octets(k) + wrong) for k in numbers))


def ids(*names):
    return lines(*(b"%d %s" % (k + 1, name) for k, name in enumerate(names)))


RIGHT = {
    "STAT": b"+OK %d %d\r\n" % (N, sum(map(octets, range(1, N + 1)))), "LIST": sizes(), "UIDL": ids(b"a", b"b", b"c"),
    **{f"RETR {k}": mail(k) for k in range(1, N + 1)},
}
RIGHT_LMTP = {"greeting": b"220 here\r\n", "LHLO": b"250-here\r\n250 SIZE\r\n", "MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n",
              ".": b"250 kept\r\n", "QUIT": b"221 bye\r\n"}


def bodies(wire):
    return {f"RETR {k}": mail(k, wire) for k in range(1, N + 1)}


FETCH = ("--mode", "fetch", "--dots")
LISTED, BATCH, LIST = (*FETCH, "--list"), (*FETCH, "--list", "--pipeline"), ("--mode", "list")
# what is wrong -> how the generator looks, answers that differ from the right ones
WRONG = {
    "one octet changed": (FETCH, bodies(WIRE[:3000] + b"?" + WIRE[3001:])),
    "the last octet changed": (FETCH, bodies(WIRE[:-6] + b"?\r\n.\r\n")),
    "one octet missing": (FETCH, bodies(WIRE[:2000] + WIRE[2001:])),
    "one octet too many": (FETCH, bodies(WIRE[:-3] + b"\r\n.\r\n")),
    "a dot not doubled": (FETCH, bodies(WIRE.replace(b"\r\n..", b"\r\n.", 1))),
    "a reply without CR": (FETCH, {"STAT": RIGHT["STAT"].replace(b"\r", b"")}),
    "a bare LF": (FETCH, bodies(WIRE.replace(b"\r\n", b"\n", 1))),
    "cut off": (FETCH, {"RETR 1": mail(1)[:1000]}),
    "no last line": (FETCH, bodies(WIRE[:-3])),
    "no last line, in a batch": (BATCH, bodies(WIRE[:-3])),
    "an empty body": (FETCH, bodies(b".\r\n")),
    "another message": (FETCH, {"RETR 1": mail(2), "RETR 2": mail(1)}),
    "another message, in a batch": (BATCH, {"RETR 1": mail(2), "RETR 2": mail(1)}),
    "the first message twice, in a batch": (BATCH, {"RETR 2": mail(1)}),
    "an octet of the header changed": (FETCH, {"RETR 2": mail(2).replace(b"Subject", b"subject")}),
    "a line of the header left out": (FETCH, {"RETR 2": mail(2).replace(b"Subject: bench\r\n", b"")}),
    "a header cut short": (FETCH, {"RETR 2": mail(2).replace(b"X-Bench: %d 2\r\n" % SIZE, b"")}),
    "a header with a line more": (FETCH, {"RETR 2": mail(2).replace(b"X-Bench", b"X-More: 1\r\nX-Bench")}),
    "a message of another size": (FETCH, {"RETR 2": mail(2, on_the_wire(SIZE - 64, True), SIZE - 64)}),
    "an answer twice": (FETCH, {"RETR 2": mail(2) + mail(2)}),
    "an answer too many, in a batch": (BATCH, {"RETR 3": mail(3) + OK}),
    "answers of a batch in the wrong order": (BATCH, {"LIST": mail(1), "RETR 1": sizes()}),
    "an answer before it was asked for": (FETCH, {"USER": OK + OK}),
    "an answer left out, in a batch": (BATCH, {"RETR 2": b""}),
    "octets behind the end": (FETCH, {"QUIT": OK + b"+OK?\r\n"}),
    "every other client left waiting": (("--mode", "signin"), {"PASS": itertools.cycle((OK, b""))}),
    "every other message left out": (FETCH, {"RETR 2": itertools.cycle((mail(2), b""))}),
    "no sign-in": (("--mode", "signin"), {"PASS": b"-ERR [AUTH] no\r\n"}),
    "no sign-in, in a batch": (("--mode", "signin", "--pipeline"), {"PASS": b"-ERR [AUTH] no\r\n"}),
    "LIST says one octet more": (LISTED, {"LIST": sizes(+1)}),
    "LIST says one octet less": (LISTED, {"LIST": sizes(-1)}),
    "LIST says one octet more, in a batch": (BATCH, {"LIST": sizes(+1)}),
    "LIST leaves one out": (LISTED, {"LIST": sizes(numbers=(1, 2))}),
    "LIST with a gap": (LISTED, {"LIST": sizes(numbers=(1, 3))}),
    "LIST in the wrong order": (LISTED, {"LIST": sizes(numbers=(2, 1, 3))}),
    "LIST of one too many": (LISTED, {"LIST": sizes(numbers=(1, 2, 3, 4))}),
    "LIST is not what STAT said": (LIST, {"STAT": b"+OK 3 %d\r\n" % (3 * SIZE)}),
    "LIST says less than was put in": (LIST, {"STAT": b"+OK %d %d\r\n" % (N, sum(map(octets, range(1, N + 1))) - N * 500), "LIST": sizes(-500)}),
    "STAT counts wrong": (LIST, {"STAT": RIGHT["STAT"].replace(b"3", b"4", 1)}),
    "UIDL twice the same": (LIST, {"UIDL": ids(b"a", b"b", b"a")}),
    "UIDL leaves one out": (LIST, {"UIDL": ids(b"a", b"b")}),
    "UIDL with an empty name": (LIST, {"UIDL": ids(b"a", b"", b"c")}),
    "UIDL with a space": (LIST, {"UIDL": ids(b"a", b"b b", b"c")}),
    "UIDL without its last line": (LIST, {"UIDL": ids(b"a", b"b", b"c")[:-3]}),
}
DELIVER = ("--mode", "deliver")
WRONG_LMTP = {
    "no greeting": {"greeting": b"421 full\r\n"}, "no such sender": {"MAIL": b"550 no\r\n"}, "no such mailbox": {"RCPT": b"550 no\r\n"},
    "no place for mail": {"DATA": b"452 full\r\n"}, "mail taken before it came": {"DATA": b"250 kept\r\n"},
    "mail not kept": {".": b"451 no\r\n"}, "one of two not kept": {".": itertools.cycle((b"250 kept\r\n", b"451 no\r\n"))},
    "mail left unanswered": {".": itertools.cycle((b"250 kept\r\n", b""))}, "an answer twice": {".": b"250 kept\r\n250 kept\r\n"},
}


class Door:
    """The server. context: TLS at once. It hangs up behind QUIT and behind a message cut short. An answer can be a cycle of several."""

    def __init__(self, answers, context=None, right=RIGHT):
        self.answers, self.context, self.other = right | answers, context, OK if right is RIGHT else b""
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.sock.accept()[0],), daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError):
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as commands:
                sock.sendall(self.answers.get("greeting", OK))
                for line in commands:
                    asked = line.decode().strip()
                    reply = self.answers.get(asked, self.answers.get(asked[:4], self.other))
                    reply = next(reply) if isinstance(reply, itertools.cycle) else reply
                    sock.sendall(reply)
                    if asked == "QUIT" or (asked == "RETR 1" and len(reply) == 1000):
                        return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def look(load, port, *how, seconds="0.2"):
    done = subprocess.run([load, "--port", str(port), "--clients", "2", "--users", "2", "--messages", str(N), "--size", str(SIZE),
                           "--seconds", seconds, "--patience", "0.3", *how], capture_output=True, text=True, timeout=30)
    return done.returncode, json.loads(done.stdout)


def good(found):
    status, result = found
    return status == 0 and result["errors"] == 0 and result["ops"] > 0


def bad(found):
    """An error was counted, not only noticed."""
    status, result = found
    return status == 1 and result["errors"] > 0


def answers(load):
    for how in (FETCH, LISTED, BATCH, LIST, (*LIST, "--pipeline"), ("--mode", "signin", "--pipeline"), (*FETCH, "--rate", "50")):
        with Door({}) as door:
            yield "right answers, " + " ".join(how), good(look(load, door.port, *how))
    for what, (how, wrong) in WRONG.items():
        with Door(wrong) as door:
            yield what, bad(look(load, door.port, *how))
    with Door({}, right=RIGHT_LMTP) as door:
        yield "delivery", good(look(load, door.port, *DELIVER))
    for what, wrong in WRONG_LMTP.items():
        with Door(wrong, right=RIGHT_LMTP) as door:
            yield what, bad(look(load, door.port, *DELIVER))


def tickets(load, certs):
    """TLS sessions taken up again, and not: the generator insists on what it was told."""
    for n_tickets, how, fine in ((2, "--resume", True), (0, "--resume", False), (2, "--tls", True)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs.dir / "pop.example.com.crt", certs.dir / "pop.example.com.key")
        context.num_tickets = n_tickets
        with Door({}, context) as door:
            found = look(load, door.port, *LISTED, how, seconds="0.4")
            yield f"{n_tickets} tickets, {how}", good(found) if fine else bad(found)


def floor(load, program, certs, home):
    """The floor server answers rightly in every mode and way, plain and in TLS."""
    with Door({}) as one, Door({}) as other:
        ports = one.port, other.port
    for way in (("--sendfile-from", "0"), ("--sendfile-from", "0", "--reply-by-reply"), ("--reply-by-reply",), (),
                ("--sendfile-from", "0", "--reply-by-reply", "--own-files", home / "own")):
        (home / "own").mkdir(exist_ok=True)
        words = [program, "--port", ports[0], "--tls-port", ports[1], "--cert", certs.dir / "pop.example.com.crt",
                 "--key", certs.dir / "pop.example.com.key", "--file", home / "mail", "--box", f"1:2:{N}:{SIZE}:dots",
                 *way]
        with subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            for how in (LISTED, BATCH, (*LIST, "--pipeline")):
                for port, tls in ((ports[0], ()), (ports[1], ("--tls",)), (ports[1], ("--resume",))):
                    found = look(load, port, *how, *tls, seconds="0.4" if tls else "0.1")
                    yield f"floor {' '.join(map(str, way))}, {' '.join(how + tls)}", good(found) and (found[1]["resumed"] > 0) == (tls == ("--resume",))
            process.kill()


def main():
    load, program = sys.argv[1:]
    wrong = n = 0
    with tempfile.TemporaryDirectory(prefix="winpop-selftest-") as home:
        certs = Certs(home)
        certs.server("pop.example.com")
        for group in (answers(load), tickets(load, certs), floor(load, program, certs, pathlib.Path(home))):
            for what, right in group:
                n += 1
                wrong += not right
                print(f"{'ok' if right else 'WRONG'}: {what}")
    print(f"{n} looked at, {wrong} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
