"""One figure: the generator on one row against one server, with the server's processor time around it."""
import json
import subprocess

from message import message
from rows import DELIVERED_TO, IDLE, USERS, address
from servers import PASSWORD

from fixtures.wire import Lmtp, Pop


def generator(load, server, options, tls=False, **more):
    words = [load, "--password", PASSWORD, *options]
    words += ["--socket", server.lmtp] if "deliver" in options else ["--port", server.tls_port if tls else server.port]
    for key, value in more.items():
        words += [f"--{key.replace('_', '-')}", value]
    return list(map(str, words))


def measure(load, server, row, seconds):
    before, behind_before = server.cpu_us(), server.behind.cpu_us() if server.behind else 0
    done = subprocess.run(generator(load, server, row.options(), row.tls, seconds=seconds), stdout=subprocess.PIPE, text=True)
    used = server.cpu_us() - before
    result = json.loads(done.stdout)
    ops = max(1, result["ops"])
    behind = (server.behind.cpu_us() - behind_before) / ops if server.behind else 0
    return {"ops": result["ops"], "per_s": result["ops"] / result["seconds"], "server_us": used / ops, "behind_us": behind,
            "p50": result["p50_us"] / 1000, "p99": result["p99_us"] / 1000, "session_p99": result["session_p99_us"] / 1000,
            "client_us": result["client_cpu_us"] / ops, "errors": result["errors"], "ok": done.returncode == 0}


def warm(load, server, row):
    """Once for nothing: processes are started, caches filled, and every mailbox of a directory is opened for the first time."""
    rate = measure(load, server, row, 1)["per_s"]
    if row.directory:
        measure(load, server, row, 1.2 * row.users / max(1, rate))


def fill(server, rows):
    """Every mailbox that a row fetches from; each message carries its number."""
    if server.lmtp is None:
        return
    held = {(r.first, r.users, r.size, r.messages, r.dots) for r in rows if r.mode == "fetch"}
    with Lmtp(path=server.lmtp) as lmtp:
        for first, users, size, n, dots in sorted(held):
            for k in range(1, n + 1):
                octets = message(size, dots, k)
                for user in range(first, first + users):
                    lmtp.deliver(address(user), octets)


def delivered(server):
    """How many messages are in the mailboxes that are delivered to."""
    n = 0
    for user in range(DELIVERED_TO, DELIVERED_TO + USERS):
        with Pop(server.port) as pop:
            n += pop.signin(address(user), PASSWORD).stat()[0]
            pop.quit()
    return n


def empty(server):
    """What deliveries left; at the end of a round: ext4 without a journal looks at all that was just deleted before it makes a file."""
    for user in range(DELIVERED_TO, DELIVERED_TO + USERS):
        with Pop(server.port) as pop:
            pop.signin(address(user), PASSWORD)
            n = pop.stat()[0]
            pop.send(b"".join(b"DELE %d\r\n" % k for k in range(1, n + 1)))
            assert all(pop.line().startswith(b"+OK") for _ in range(n))
            pop.quit()


def idle(load, server, tls, n, fresh_kib):
    """KiB per connection that has signed in and is silent, each into a mailbox of its own, over a server just started."""
    options = ["--mode", "hold", *(["--tls"] if tls else [])]
    holder = subprocess.Popen(generator(load, server, options, tls, clients=n, users=n, first_user=IDLE, seconds=60),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    held = json.loads(holder.stdout.readline() or '{"held": 0, "errors": 1}')
    grown = server.own_kib() - fresh_kib
    holder.communicate(timeout=60)
    return grown / n, held["held"] == n and holder.returncode == 0
