"""Limits: how many, how long, how often - and that one client's limit is not another's."""
import concurrent.futures
import contextlib
import json
import os
import socket
import time

import pytest

from fixtures.waiting import PATIENCE, wait_until
from fixtures.wire import Pop, Wire

BODY = b"Subject: x\r\n\r\nbody\r\n"


def silent(server):
    """A connection whose greeting is not waited for."""
    return Pop(server.port, greet=False)


def test_socketmax_then_silence_then_denial(make_server):
    server = make_server(socketmax=5, socketmin=2, socketthreshold=1, socketbacklog=3)
    served = [server.pop() for _ in range(5)]
    held = []
    for n in range(3):
        held.append(silent(server))
        wait_until(lambda n=n: status(server)["held"] == n + 1, why="the connection is not held")
    assert all(h.silent(0.05) for h in held), "a held connection was spoken to"
    with silent(server) as denied:
        assert denied.ended(), "beyond the backlog a connection is closed without a word"
    for waiter in held:  # a freed slot goes to who came first
        served.pop(0).quit()
        assert waiter.line().startswith(b"+OK")
        served.append(waiter)
    held[1].quit()
    server.pop().quit()
    for pop in served:
        pop.close()


def status(server):
    return json.loads(server.winpop_ok("status", "--json"))


def test_a_held_client_that_leaves_gives_up_its_place(make_server):
    server = make_server(socketmax=3, socketmin=1, socketthreshold=1, socketbacklog=1)
    served = [server.pop() for _ in range(3)]
    first = silent(server)
    wait_until(lambda: status(server)["held"] == 1)
    first.vanish()
    wait_until(lambda: status(server)["held"] == 0, why="a held client left and still counts")
    second = silent(server)
    wait_until(lambda: status(server)["held"] == 1)
    served.pop().quit()
    assert second.line().startswith(b"+OK")
    for pop in (*served, second):
        pop.close()


def test_socketbacklog_of_none(make_server):
    server = make_server(socketmax=3, socketmin=1, socketthreshold=1, socketbacklog=0)
    served = [server.pop() for _ in range(3)]
    with silent(server) as denied:
        assert denied.ended()
    for pop in served:
        pop.quit()
    server.pop().quit()


def test_socketmax_changes_while_running(make_server):
    server = make_server(socketmax=3, socketmin=1, socketthreshold=1, socketbacklog=0)
    server.winpop_ok("set", "socketmax", "6")
    served = []
    wait_until(lambda: served.append(silent(server)) or len(served) >= 6)
    assert sum(s.more() for s in served) == 6
    for pop in served:
        pop.close()


def test_a_client_that_does_not_sign_in(make_server):
    server = make_server(tls=True, signin_timeout=5)
    began = time.monotonic()
    idle, tls_idle = server.pop(), Pop(server.tls_port, greet=False)
    stuck = server.pop()
    stuck.ok("STLS")  # and no handshake ever
    slow = server.pop()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        trickle = pool.submit(trickle_until_closed, slow)
        for pop in (idle, tls_idle, stuck):
            pop.ended()
        assert trickle.result(2 * PATIENCE), "octets that say nothing moved the deadline"
    took = time.monotonic() - began
    assert 4 < took < 55, took  # by default it would be a minute
    wait_until(lambda: len(server.events("session-end")) >= 4 or status(server)["sessions"] == 0)


def trickle_until_closed(pop):
    """One octet every tenth of a second, until the server has had enough."""
    pop.sock.settimeout(0.1)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            pop.send(b"x")
            if not pop.sock.recv(100):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_login_delay_is_announced_and_enforced(make_server):
    server = make_server(login_delay=3600)
    address = server.mailbox()
    other = server.mailbox("lee", "pw-lee")
    with server.pop() as pop:
        assert pop.capa()["LOGIN-DELAY"][0] == "3600"
        pop.signin(address, "pw-kim").quit()
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        pop.err("PASS pw-kim", "LOGIN-DELAY")
        pop.ok(f"USER {address}")
        pop.err("PASS wrong", "AUTH")
    server.pop().signin(other, "pw-lee").quit()
    server.write_conf(login_delay=1)
    server.reload()
    wait_until(lambda: Pop.cmd(opened(server, address), "PASS pw-kim").startswith(b"+OK"))


def opened(server, address):
    pop = server.pop()
    pop.ok(f"USER {address}")
    return pop


def test_expire_is_announced_and_enforced(make_server):
    server = make_server(expire=0)
    address = server.mailbox()
    server.deliver(address, BODY, BODY, BODY)
    with server.session(address) as pop:
        assert pop.capa()["EXPIRE"] == ["0"]
        pop.retr(1)
        pop.multi("TOP 2 0")
        pop.quit()
    with server.session(address) as pop:
        assert pop.stat()[0] == 2, "EXPIRE 0: what was fetched goes at QUIT, what was looked at stays"
        pop.retr(1)
        pop.close()
    wait_until(lambda: left(server, address) == 2, why="a client that vanished lost mail")


def left(server, address):
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        if not pop.cmd("PASS pw-kim").startswith(b"+OK"):
            return None
        n = pop.stat()[0]
        pop.quit()
        return n


def test_expire_after_days(make_server):
    """Fetched and old enough: gone. Old and not fetched, or fetched and young: kept."""
    server = make_server(expire=3)
    address = server.mailbox()
    past = time.time() - 4 * 86400
    for name in ("P3A1.eml", "P3A2.eml"):
        server.put(address, name, BODY)
        os.utime(server.box_dir(address) / name, (past, past))
    server.deliver(address, BODY)
    with server.session(address) as pop:
        assert pop.capa()["EXPIRE"] == ["3"] and pop.stat()[0] == 3
        pop.retr(1)
        pop.retr(3)
        pop.quit()
    left(server, address)
    with server.session(address) as pop:
        assert pop.stat()[0] == 2
        pop.quit()
    assert not (server.box_dir(address) / "P3A1.eml").exists()


def test_guessing_is_slowed_for_the_guesser_alone(make_server, space):
    """Failed sign-ins from one address: its answers wait longer and longer, nobody else's do."""
    server = guarded(make_server, space)
    victim, other = server.mailbox(), server.mailbox("lee", "pw-lee")
    with space.inside():
        times = [fail(server, "10.99.0.2", victim) for _ in range(2)]
        with guessing(space, server, victim) as guess:
            answer_time(server, "10.99.0.3", other, "pw-lee", True)
            assert not guess.done(), "another client and another account waited for a penalty"
        times.append(guess.result())
    waits = [int(e["delay_ms"]) for e in server.events("signin-failed")]
    assert [round(ms, -2) for ms in waits] == [1500, 3000, 6000], waits
    assert all(took >= ms / 1000 for took, ms in zip(times, waits)), (times, waits)


def test_the_owner_gets_in_while_somebody_guesses(make_server, space):
    server = guarded(make_server, space)
    victim = server.mailbox()
    with space.inside():
        for _ in range(2):
            fail(server, "10.99.0.2", victim)
        with guessing(space, server, victim) as guess:
            answer_time(server, "10.99.0.3", victim, "pw-kim", True)
            assert not guess.done(), "the owner waited for a penalty"


def guarded(make_server, space):
    """A service on one address, with clients at two more: loopback has no penalties."""
    for address in ("10.99.0.1", "10.99.0.2", "10.99.0.3"):
        space.add_address(address)
    return make_server(space=space, listen="10.99.0.1", penalty_ms=1500, plaintext_without_tls="yes")


@contextlib.contextmanager
def guessing(space, server, victim):
    """A wrong password, judged and not answered yet."""
    def guess():
        with space.inside():  # a thread has a network of its own
            return fail(server, "10.99.0.2", victim)
    before = len(server.events("signin-failed"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(guess)
        wait_until(lambda: len(server.events("signin-failed")) > before, why="it is not judged")
        yield future


def fail(server, source, address):
    return answer_time(server, source, address, "wrong", False)


def answer_time(server, source, address, password, good):
    with Pop(server.port, host="10.99.0.1", source=source) as pop:
        pop.ok(f"USER {address}")
        began = time.monotonic()
        reply = pop.cmd(f"PASS {password}")
        took = time.monotonic() - began
        assert reply.startswith(b"+OK" if good else b"-ERR"), reply
        pop.cmd("QUIT")
        return took


@pytest.mark.parametrize("door", ["port", "lmtp_port"])
def test_floods_of_connections_leave_it_well(make_server, door):
    server = make_server(socketmax=50, lmtp_socketmax=50)
    address = server.mailbox()
    for _ in range(20):
        socks = [socket.create_connection(("127.0.0.1", getattr(server, door)), PATIENCE) for _ in range(100)]
        for sock in socks:
            Wire(sock).vanish()
    wait_until(lambda: status(server)["sessions"] == 0)
    server.deliver(address, BODY)
    assert len(server.messages(address)) == 1
    assert len(os.listdir(f"/proc/{server.pid}/fd")) < 60, "descriptors leak"
