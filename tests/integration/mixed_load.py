#!/usr/bin/python3
"""A mixed load on one service, with an audit: delivery, retrieval, sign-ins of every kind, administration and reloads at once;
every other reload opens the backends anew.

    WINPOP_BUILD=build-tsan tests/integration/mixed_load.py [--seconds 20]

Made for a build with the thread sanitizer: whatever that reports makes the run fail. The test suite runs it briefly too.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fixtures.certs import Certs  # noqa: E402
from fixtures.load import Load  # noqa: E402
from fixtures.winpopd import Winpopd  # noqa: E402


def administer(server, addresses, stopping, faults):
    """Everything an administrator may do while the service runs."""
    n = 0
    while not stopping.is_set():
        n += 1
        try:
            server.winpop_ok("stat", "example.com")
            server.winpop_ok("lock", addresses[0])
            server.winpop_ok("unlock", addresses[0])
            server.winpop_ok("add", f"new{n}@example.com", "/createuser", "x")
            server.winpop_ok("delete", f"new{n}@example.com", "/y")
            server.winpop_ok("rekey")
            server.winpop_ok("status", "--json")
            server.winpop_ok("set", "socketmax", str(400 + n % 50), "directory_timeout_ms", str(5000 + n))
            server.reload()
        except AssertionError as e:
            faults.append(str(e))
            return


def run(build, seconds, work):
    certs = Certs(work)
    certs.server("pop.example.com")
    server = Winpopd(build, certs)
    try:
        server.init().start()
        addresses = [server.mailbox(f"box{n}", "pw") for n in range(6)]
        faults, stopping = [], threading.Event()
        # the first mailbox is the administrator's: it is locked now and then, which is no fault of the service
        load = Load(server, addresses[1:], "pw", tls=True, patient=False).start(4, 6)
        admin = threading.Thread(target=administer, args=(server, addresses, stopping, faults))
        admin.start()
        stopping.wait(seconds)
        stopping.set()
        load.stop()
        admin.join()
        left = load.audit()
        assert not faults, faults[0]
        books = load.books
        print(f"{len(books.acked)} delivered, {books.sessions} sessions, {len(books.gone)} deleted, {len(left)} left, "
              f"{len(server.events('reload'))} reloads")
        assert books.acked and books.gone and server.events("backends-closed"), "the load did not reach everything"
    finally:
        server.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    build = pathlib.Path(os.environ.get("WINPOP_BUILD", "build")).resolve()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="winpop-load-") as work:
        run(build, seconds, work)
    print(f"mixed load: clean after {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
