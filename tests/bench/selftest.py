#!/usr/bin/python3
"""Proves that the load generator notices a server that answers wrongly.

    selftest.py LOAD

A small POP3 server sends the right message, then the same with one octet changed, one missing, one too many, a dot not doubled,
a bare LF; only the first may end with status 0.
"""
import contextlib
import json
import socket
import subprocess
import sys
import threading

from message import on_the_wire

SIZE = 4096


GOOD = on_the_wire(SIZE, dots=True)
CASES = {
    "the right octets": (GOOD, True),
    "one octet changed": (GOOD[:3000] + b"?" + GOOD[3001:], False),
    "the last octet changed": (GOOD[:-6] + b"?\r\n.\r\n", False),
    "one octet missing": (GOOD[:2000] + GOOD[2001:], False),
    "one octet too many": (GOOD[:-3] + b"\r\n.\r\n", False),
    "a dot not doubled": (GOOD.replace(b"\r\n..", b"\r\n.", 1), False),
    "a bare LF": (GOOD.replace(b"\r\n", b"\n", 1), False),
    "cut off": (GOOD[:1000], False),
}


def serve(sock, body):
    answers = {b"STAT": b"+OK 3 %d\r\n" % (3 * SIZE), b"RETR": b"+OK\r\nReceived: by us\r\nX-Bench: %d\r\n\r\n" % SIZE + body}
    with contextlib.suppress(ConnectionError), sock, sock.makefile("rb") as lines:
        sock.sendall(b"+OK ready\r\n")
        for line in lines:
            word = line.split()[0]
            sock.sendall(answers.get(word, b"+OK\r\n"))
            if word == b"QUIT" or (word == b"RETR" and len(body) == 1000):
                return


def listen(body):
    door = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                sock = door.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(sock, body), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return door


def main():
    wrong = 0
    for what, (body, good) in CASES.items():
        with listen(body) as door:
            done = subprocess.run([sys.argv[1], "--mode", "fetch", "--port", str(door.getsockname()[1]), "--clients", "2", "--users", "2",
                                   "--messages", "3", "--size", str(SIZE), "--dots", "--seconds", "0.3"], capture_output=True, text=True, timeout=30)
            door.shutdown(socket.SHUT_RDWR)
        result = json.loads(done.stdout)
        right = (done.returncode == 0) == good and (result["errors"] == 0) == good and (result["ops"] > 0 or not good)
        wrong += not right
        print(f"{'ok' if right else 'WRONG'}: {what}: status {done.returncode}, {result['errors']} errors, {result['ops']} messages")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
