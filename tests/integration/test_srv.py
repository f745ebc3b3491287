"""Directory servers found by DNS (RFC 2782), in a private network with a name server of its own."""
import contextlib
import socket
import threading

import pytest

from fixtures.faultproxy import FaultProxy
from fixtures.nameserver import SRV, A, NameServer, srv
from fixtures.waiting import DIRECTORY_PATIENCE_MS, wait_until

SERVICE, HOST = "_ldap._tcp.example.com", "ldap.example.com"


class Gate(FaultProxy):
    """A way into the space for the directory outside."""

    def __init__(self, space, target):
        self.space = space
        super().__init__(target)

    def listen(self):
        with self.space.inside():
            self.door = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self.accept, args=(self.door,), daemon=True).start()


class Site:
    def __init__(self, slapd, space, make_server, tmp_path):
        self.slapd = slapd
        self.gates = [Gate(space, slapd.port) for _ in range(2)]
        self.names = NameServer(space, {
            (SERVICE, SRV): [srv(20, 0, self.gates[1].port, HOST), srv(10, 0, self.gates[0].port, HOST)],
            (HOST, A): [socket.inet_aton("127.0.0.1")]})
        resolv = tmp_path / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.1\n")
        space.bind(resolv, "/etc/resolv.conf")
        slapd.add_person("kim", "pw-kim")
        self.settings = {**slapd.settings(), "directory_servers": "srv:example.com"}
        self.make = lambda **more: make_server(space=space, **{**self.settings, **more})

    def signs_in(self, server):
        with server.pop() as pop:
            pop.ok("USER kim@example.com")
            answer = pop.cmd("PASS pw-kim")
            pop.cmd("QUIT")  # the mailbox is free again once that is answered
            return answer.startswith(b"+OK")

    def close(self):
        self.names.close()
        for gate in self.gates:
            gate.close()


@pytest.fixture
def site(slapd, space, make_server, tmp_path):
    with contextlib.closing(Site(slapd, space, make_server, tmp_path)) as made:
        yield made


def test_priority_decides_and_the_next_stands_in(site):
    server = site.make()
    server.winpop_ok("add", "kim@example.com")
    assert site.signs_in(server)
    assert site.gates[0].n_accepted and not site.gates[1].n_accepted
    site.gates[0].set("refuse")
    assert site.signs_in(server) and site.gates[1].n_accepted
    site.names.silent = True
    assert site.signs_in(server), "a name server is asked now and again, not at each sign-in"


def test_a_name_server_that_is_silent_at_the_start(site):
    site.names.silent = True
    server = site.make(start=False, directory_timeout_ms=3000)
    result = server.winpop("add", "kim@example.com")
    assert result.code == 4, result
    site.names.silent = False
    server.write_conf(directory_timeout_ms=DIRECTORY_PATIENCE_MS)
    server.winpop_ok("add", "kim@example.com")
    site.names.silent = True
    server.write_conf(directory_timeout_ms=3000)
    server.start()
    with server.pop() as pop:
        pop.ok("USER kim@example.com")
        assert pop.cmd("PASS pw-kim").startswith(b"-ERR [SYS/TEMP]")
    site.names.silent = False
    wait_until(lambda: site.signs_in(server))
    assert server.events("directory-unknown") and server.events("directory-known")


def test_a_domain_without_servers(site):
    site.names.records[(SERVICE, SRV)] = []
    result = site.make(start=False).winpop("add", "kim@example.com")
    assert result.code == 4 and "example.com" in result.err, result
