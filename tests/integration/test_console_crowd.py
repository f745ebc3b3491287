"""Many who sign in to the console at once, from many addresses: one customer's /64 is one address, and those who guess keep nobody
out.
"""
import json
import socket
import ssl

import pytest

from fixtures.console import Console
from fixtures.waiting import PATIENCE, wait_until

SERVER = "2001:db8:0:1::1"
KIM, PASSWORD = "kim@example.com", "pw-kim"


def net(n, host=7):
    return f"2001:db8:1:{n:x}::{host:x}"


@pytest.fixture
def console(space, make_server):
    for address in (SERVER, *(net(0, host) for host in range(1, 9)), *(net(n) for n in range(1, 9))):
        space.run("ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad")
    server = make_server(tls=True, space=space)
    server.mailbox()
    made = Console(server, {KIM: "*"}, penalty_ms=8000)
    server.write_conf(console_address=SERVER)
    made.start()
    try:
        with space.inside():
            yield made
    finally:
        made.close()


def asks(console, source, name, password):
    """A connection from there on which somebody has asked to sign in."""
    body = json.dumps({"name": name, "password": password}).encode()
    plain = socket.create_connection((SERVER, console.port), PATIENCE, (source, 0))
    connection = ssl._create_unverified_context().wrap_socket(plain)
    connection.sendall(b"POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def status(connection):
    with connection:
        return int(connection.recv(4096).split(b" ", 2)[1])


def wait_for_noes(console, n):
    wait_until(lambda: len(console.events("console-signin-failed")) >= n, why="so many have been refused, and wait to be told")


def test_one_customer_is_one_address(console):
    guesses = []
    for host in range(1, 4):
        guesses.append(asks(console, net(0, host), f"x{host}@example.com", "guess"))
        wait_for_noes(console, host)
    assert [status(asks(console, net(0, host), KIM, PASSWORD)) for host in range(4, 9)] == [503] * 5
    assert status(asks(console, net(1), KIM, PASSWORD)) == 200, "a neighbour is somebody else"
    for guess in guesses:
        guess.close()


def test_who_waits_for_a_no_keeps_nobody_out(console):
    """Not even those of many networks."""
    guesses = []
    for n in range(1, 8):
        guesses += [asks(console, net(n), f"x{n}-{i}@example.com", "guess") for i in range(3)]
        wait_for_noes(console, len(guesses))
    assert status(asks(console, net(8), KIM, PASSWORD)) == 200
    for guess in guesses:
        guess.close()
