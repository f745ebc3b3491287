"""The service as a process: checking settings, reload, drain, sockets from the manager, privileges, logging."""
import base64
import os
import pathlib
import pwd
import resource
import signal
import socket
import subprocess

import pytest

from fixtures.waiting import PATIENCE, wait_until
from fixtures.wire import Lmtp, Pop, sign_in_scram, tls_context

BODY = b"Subject: x\r\n\r\nbody\r\n"


def check(server):
    done = subprocess.run([*server.command(), "--check"], capture_output=True, text=True, timeout=PATIENCE, env=server.environment())
    return done.returncode, done.stdout, done.stderr


def test_check_says_good_and_changes_nothing(make_server):
    server = make_server(tls=True, start=False)
    before = sorted(p for p in server.home.rglob("*"))
    code, out, err = check(server)
    assert (code, err) == (0, "") and "is good" in out
    assert sorted(p for p in server.home.rglob("*")) == before


@pytest.mark.parametrize("line,words", [
    ("port = 70000", ["port", "65535"]),
    ("port = ", ["port"]),
    ("nonsense = 1", ["nonsense"]),
    ("just words", ["line"]),
    ("socketmax = 5\nsocketmin = 5\nsocketthreshold = 3", ["socketthreshold"]),
    ("socketmax = 0", ["socketmax"]),
    ("threadcount = 33", ["threadcount", "32"]),
    ("logging = 9", ["logging"]),
    ("idle_timeout = 10", ["idle_timeout", "600"]),
    ("authentication = magic", ["authentication"]),
    ("sparequired = yes", ["sparequired"]),
    ("tls_cert = /nowhere/cert\ntls_key = /nowhere/key", ["/nowhere/cert"]),
    ("mailroot = /nowhere/mail", ["/nowhere/mail"]),
    ("key_file = /nowhere/key", ["/nowhere/key"]),
    ("mailroot = " + "/m" * 200, ["mailroot", "260"]),
    ("mechanisms = PLAIN tele:pathy", ["tele:pathy"]),
    ("tls_min = 1.0", ["tls_min"]),
    ("listen = 300.1.2.3", ["listen"]),
    ("hostname = \0", []),
    ("user = no-such-user-here", ["no-such-user-here"]),
])
def test_check_names_what_is_wrong(make_server, line, words):
    server = make_server(start=False)
    keys = [l.split(" =")[0] for l in line.splitlines()]
    server.write_conf(**{k: None for k in keys if k in server.settings})
    with server.conf.open("a") as f:
        f.write(line + "\n")
    code, out, err = check(server)
    assert code != 0 and out == ""
    assert err.count("\n") == 1 and err.startswith("winpopd: "), err
    assert all(w in err for w in words), err
    server.start(wait=False)
    assert server.process.wait(PATIENCE) != 0, "the service started all the same"
    server.process = None


def test_check_opens_what_a_start_opens(make_server):
    """A damaged key file, or a mail root that the service's user may not enter, is not good."""
    server = make_server(start=False)
    key_file = server.settings["key_file"]
    keys = key_file.read_bytes()
    key_file.write_bytes(b"junk\n")
    code, out, err = check(server)
    assert code == 3 and out == "" and str(key_file) in err
    key_file.write_bytes(keys)
    server.home.chmod(0o755)
    subprocess.run(["chown", "nobody:nogroup", key_file], check=True)
    server.mailroot.chmod(0o700)
    server.write_conf(user="nobody", group="nogroup")
    code, out, err = check(server)
    assert code == 3 and out == "" and str(server.mailroot) in err


def test_a_missing_settings_file(make_server):
    server = make_server(start=False)
    server.conf.unlink()
    code, _, err = check(server)
    assert code != 0 and str(server.conf) in err


def test_usage(build):
    for args, code in (["--help"], 0), (["--version"], 0), (["--nonsense"], 2), (["stray"], 2):
        done = subprocess.run([build / "server/main/winpopd", *args], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == code, done


def test_reload_keeps_sessions(server):
    address = "kim@example.com"
    server.deliver(address, BODY)
    with server.session(address) as pop, server.lmtp() as lmtp:
        lmtp.mail()
        server.write_conf(mechanisms="SCRAM-SHA-256", message_max="1M")
        server.reload()
        assert server.events("reload")
        lmtp.expect(250, f"RCPT TO:<{address}>")
        assert lmtp.data(BODY)[0][0] == 250
        assert pop.retr(1).endswith(BODY)
        pop.ok("DELE 1")
        pop.quit()
        with server.pop() as fresh:
            assert fresh.capa()["SASL"] == ["SCRAM-SHA-256"]
        with server.lmtp() as fresh:
            assert "SIZE 1048576" in fresh.features
    assert len(server.messages(address)) == 1


def test_a_bad_reload_changes_nothing(server):
    server.write_conf(logging="9")
    server.reload()
    failed = server.events("reload-failed")
    assert len(failed) == 1 and "logging" in failed[0]["text"]
    server.session("kim@example.com").quit()
    server.write_conf(logging=3)
    server.reload()
    assert server.events("reload")


def test_a_reload_finds_a_damaged_key_file(server):
    """Before the next start does, when nobody could sign in."""
    keys = pathlib.Path(server.settings["key_file"])
    good = keys.read_text()
    keys.write_text(good.replace("key = ", "kex = "))
    assert server.winpop("reload").code != 0
    assert str(keys) in server.events("reload-failed")[-1]["text"]
    server.session("kim@example.com").quit()
    keys.write_text(good)
    server.winpop_ok("reload")


def test_reload_tells_what_needs_a_restart(server):
    was = server.settings["port"]
    server.write_conf(port=server.ports.take())
    server.reload()
    assert "port" in server.events("reload")[-1]["restart_needed"].split()
    Pop(was).quit()


def test_many_reloads_under_load(server):
    address = "kim@example.com"
    server.deliver(address, BODY)
    for n in range(20):
        pop = server.pop()
        server.signal(signal.SIGHUP)
        pop.signin(address, "pw-kim")
        assert pop.retr(1).endswith(BODY)
        pop.quit()
    fds = len(os.listdir(f"/proc/{server.pid}/fd"))
    for _ in range(20):
        server.reload()
    wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) <= fds + 2, why="a reload leaks descriptors")


def test_stop_lets_sessions_finish(make_server):
    server = make_server(drain=PATIENCE)
    address = server.mailbox()
    server.deliver(address, BODY, BODY)
    pop, waiting = server.session(address), server.pop()
    lmtp = server.lmtp()
    lmtp.mail()
    server.signal(signal.SIGTERM)
    server.wait_event("stopping")
    waiting.ended()  # not signed in: told to come back, or just let go
    assert pop.retr(1).endswith(BODY)
    pop.ok("DELE 1")
    pop.quit()
    lmtp.expect(250, f"RCPT TO:<{address}>")
    assert lmtp.data(BODY)[0][0] == 250
    lmtp.ended()
    assert server.process.wait(PATIENCE) == 0
    server.process = None
    server.start()
    assert len(server.messages(address)) == 2


def test_stop_lets_nobody_in(make_server):
    """While an open session is waited for, newcomers are refused at once: they are not kept in a queue nobody looks at."""
    server = make_server(drain=PATIENCE)
    with server.session(server.mailbox()) as pop:
        server.signal(signal.SIGTERM)
        server.wait_event("stopping")
        wait_until(lambda: not server.lmtp_socket.exists(), why="the LMTP socket is still there")
        for port in server.port, server.lmtp_port:
            wait_until(lambda port=port: refused(port), why=f"port {port} still takes connections")
        assert server.winpop("reload").code == 1, "whoever ends does not read settings any more"
        assert server.winpop("status").code == 0
        pop.quit()
    assert server.process.wait(PATIENCE) == 0
    server.process = None


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_stop_does_not_wait_for_ever(make_server):
    server = make_server(drain=1)
    address = server.mailbox()
    server.deliver(address, BODY)
    pop = server.session(address)
    pop.ok("DELE 1")
    server.signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    server.process = None
    pop.ended()
    server.start()
    assert len(server.messages(address)) == 1, "a session that the stop ended deleted mail"


def test_stop_removes_its_sockets(make_server):
    server = make_server()
    assert server.lmtp_socket.exists()
    server.stop()
    assert not server.lmtp_socket.exists() and not server.settings["control_socket"].exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(make_server):
    server = make_server()
    other = make_server(start=False, lmtp_socket=server.lmtp_socket)
    other.start(wait=False)
    assert other.process.wait(PATIENCE) != 0
    other.process = None
    assert "lmtp" in other.log_text()
    server.lmtp().close()
    server.kill()
    assert server.lmtp_socket.exists()
    server.start()
    server.lmtp().close()


def test_a_port_in_use(make_server):
    server = make_server()
    other = make_server(start=False, port=server.port)
    other.start(wait=False)
    assert other.process.wait(PATIENCE) != 0
    other.process = None
    assert str(server.port) in other.log_text()


def test_more_addresses_than_each_loop_can_listen_at(make_server):
    """Nine addresses, two ports, 32 loops: where there are too many sockets for one each, one loop accepts for all."""
    hosts = [f"127.0.0.{n}" for n in range(1, 10)]
    server = make_server(tls=True, threadcount=32, listen=" ".join(hosts))
    for host in hosts:
        for _ in range(2):
            with socket.create_connection((host, server.port), PATIENCE) as pop:
                assert pop.recv(4) == b"+OK "
        socket.create_connection((host, server.tls_port), PATIENCE).close()
    server.stop()


def test_sockets_from_the_manager(make_server):
    """LISTEN_FDS: the port and the LMTP socket were opened by somebody else and outlive the service."""
    server = make_server(start=False, port=110, lmtp_socket="", lmtp_listen="")
    address = server.mailbox()
    pop3, lmtp = socket.socket(), socket.socket(socket.AF_UNIX)
    pop3.bind(("127.0.0.1", server.port))
    lmtp.bind(str(server.home / "handed-over"))
    for sock in (pop3, lmtp):
        sock.listen(50)
    command = server.command()
    script = f'exec 3<&{pop3.fileno()} 4<&{lmtp.fileno()}; LISTEN_PID=$$ exec "$@"'

    def start():
        with server.log.open("ab") as log:
            server.process = subprocess.Popen(["bash", "-c", script, "-", *command], stderr=log, stdout=log, stdin=subprocess.DEVNULL,
                                              pass_fds=(pop3.fileno(), lmtp.fileno()),
                                              env={**server.environment(), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "pop3:lmtp"})
        server.n_starts += 1
        server.wait_ready()
    start()
    with Lmtp(path=server.home / "handed-over") as client:
        client.deliver(address, BODY)
    assert len(server.messages(address)) == 1
    server.stop()
    waiting = socket.create_connection(("127.0.0.1", server.port), PATIENCE)  # the kernel keeps it until the next start
    start()
    waiting.settimeout(PATIENCE)
    assert waiting.recv(1000).startswith(b"+OK")
    waiting.close()
    assert (server.home / "handed-over").exists()
    pop3.close()
    lmtp.close()


def test_root_becomes_an_ordinary_user(make_server):
    assert os.getuid() == 0, "run as root: the service gives root up"
    server = make_server(start=False)
    nobody = pwd.getpwnam("nobody")
    server.home.chmod(0o755)
    subprocess.run(["chown", "-R", "nobody:nogroup", server.mailroot, server.settings["key_file"]], check=True)
    sockets = server.home / "run"  # made by the service while it is still root
    server.lmtp_socket = sockets / "lmtp"
    server.write_conf(user="nobody", group="nogroup", **{f"{door}_socket": sockets / door for door in ("lmtp", "maps", "auth", "control")})
    address = server.mailbox()
    server.start()
    status = open(f"/proc/{server.pid}/status").read()
    uids, groups = (status.split(f"\n{k}:")[1].split("\n")[0].split() for k in ("Uid", "Groups"))
    assert uids == [str(nobody.pw_uid)] * 4 and "0" not in groups
    assert int(status.split("CapEff:")[1].split()[0], 16) == 0
    assert status.split("NoNewPrivs:")[1].split()[0] == "1"
    server.deliver(address, BODY)
    [message] = server.box_dir(address).glob("*.eml")
    assert message.stat().st_uid == nobody.pw_uid
    assert len(server.messages(address)) == 1
    server.winpop_ok("changepwd", address, "pw-new")  # as root: what it writes must stay readable for the service
    server.winpop_ok("lock", address)
    server.winpop_ok("unlock", address)
    assert len(server.messages(address, "pw-new")) == 1


def test_check_before_the_socket_directory_is_made(make_server):
    """/run is empty after a reboot: what root would make at start is not missing; for anybody else it is."""
    server = make_server(start=False)
    missing = server.home / "run"
    server.write_conf(lmtp_socket=missing / "lmtp", control_socket=missing / "control")
    assert check(server) == (0, f"winpopd: {server.conf} is good\n", "") and not missing.exists()
    subprocess.run(["chown", "-R", "nobody:nogroup", server.home], check=True)
    server.prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    code, _, err = check(server)
    assert code == 3 and f"directory {missing} is missing: make it" in err


def test_never_root_with_one_capability(make_server, space):
    """As the unit for systemd starts it: the service's user, who may open port 110 and then gives that up too."""
    server = make_server(start=False)
    subprocess.run(["chown", "-R", "nobody:nogroup", server.home], check=True)
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "--bounding-set=-all,+net_bind_service",
            "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service", "--"]
    server.write_conf(port=110, user="nobody", group="nogroup")
    address = server.mailbox()
    server.prefix, server.port = [*space.prefix, *drop], 110
    server.start()
    status = open(f"/proc/{server.pid}/status").read()
    assert all(int(status.split(f"Cap{k}:")[1].split()[0], 16) == 0 for k in ("Inh", "Prm", "Eff", "Amb"))
    with space.inside():
        server.session(address).quit()
    server.reload()
    assert server.events("reload")


def test_ports_of_root_for_an_ordinary_user(make_server, space):
    """Port 110 in a network of its own: opened by root, served by nobody."""
    server = make_server(start=False, space=space)
    server.port = 110
    server.home.chmod(0o755)
    subprocess.run(["chown", "-R", "nobody:nogroup", server.home], check=True)
    server.write_conf(port=110, user="nobody", group="nogroup")
    address = server.mailbox()
    server.start()
    with space.inside():
        server.session(address).quit()


def test_closed_standard_descriptors(make_server):
    """No file gets the number of standard error: the log would be written into it, and that may be a mailbox."""
    server = make_server(start=False)
    server.process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "-", *server.command()], env=server.environment())
    wait_until(lambda: server.winpop("status").code == 0)
    assert {os.readlink(f"/proc/{server.pid}/fd/{n}") for n in range(3)} == {"/dev/null"}
    address = server.mailbox()
    server.deliver(address, BODY)
    assert len(server.messages(address)) == 1


def test_no_core_dumps(server):
    assert resource.prlimit(server.pid, resource.RLIMIT_CORE) == (0, 0)
    # a process that may not be dumped may not be looked at by its own user either: its files belong to root
    assert os.stat(f"/proc/{server.pid}/environ").st_uid == 0
    as_nobody = subprocess.run(["setpriv", "--reuid=nobody", "cat", f"/proc/{server.pid}/environ"], capture_output=True)
    assert as_nobody.returncode != 0


LEVELS = [set(), {"ready", "stopping"}, {"drain-over"}, {"signin", "signin-failed", "session-end"}]  # what each adds


@pytest.mark.parametrize("level", range(4))
def test_logging_levels(make_server, level):
    """0 nothing, 1 critical and that it is ready, 2 and warnings, 3 and information."""
    server = make_server(start=False, logging=level, drain=0)
    server.start(wait=False)
    wait_until(lambda: server.winpop("status").code == 0)  # level 0 does not even say that it is ready
    address = server.mailbox()
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        pop.err("PASS not-the-password")
        pop.signin(address, "pw-kim").quit()
    with server.session(address):
        server.stop()
    names = {e["event"] for e in server.events()}
    for n, added in enumerate(LEVELS):
        assert names & added == (added if n <= level else set()), f"level {n}: {names}"
    assert level > 0 or server.log_text() == ""


def test_no_secret_is_ever_logged(make_server):
    server = make_server(logging=4, tls=True)
    secret = "correct-horse-battery"
    address = server.mailbox("kim", secret)
    with server.pop() as pop:
        pop.ok(f"USER {address}")
        pop.err(f"PASS {secret}x")
        pop.err(f"PASS {secret}")
        pop.signin(address, secret).quit()
    blob = base64.b64encode(f"\0{address}\0{secret}".encode()).decode()
    with server.pop() as pop:
        pop.ok(f"AUTH PLAIN {blob}")
        pop.quit()
    with server.pop() as pop:
        pop.apop(address, secret)
        pop.quit()
    with server.pop() as pop:
        sign_in_scram(pop, "SCRAM-SHA-256", address, secret)
        pop.quit()
    server.winpop_ok("changepwd", address, secret + "2")
    server.stop()
    log = server.log_text()
    assert "event=signin" in log and secret not in log and blob not in log
    for path in server.home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), f"{path} holds the password in the clear"


def test_a_hostile_client_does_not_write_the_log(server):
    with server.pop() as pop:
        pop.cmd(b"USER a\xff\x1b[31mb\"event=signin account=root@example.com")
        pop.cmd(b"PASS x")
        pop.cmd(b"USER kim@example.com\" event=signin")
        pop.cmd(b"PASS x")
        pop.cmd("QUIT")
    server.wait_event("session-end")
    log = server.log.read_bytes()
    assert not any(octet < 0x20 and octet != 0x0a for octet in log)
    assert not [e for e in server.events() if e["event"] == "signin"]


def test_killed_clients_leave_nothing(server):
    address = "kim@example.com"
    for _ in range(20):
        server.pop().vanish()
        wait_until(lambda: try_session(server, address))
        server.lmtp().close()
    wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/fd")) < 40)


def try_session(server, address):
    pop = server.pop()
    pop.ok(f"USER {address}")
    good = pop.cmd("PASS pw-kim").startswith(b"+OK")
    pop.close()
    return good


def test_tls_contexts_do_not_pile_up(make_server, certs):
    server = make_server(tls=True)
    for _ in range(5):
        Pop(server.tls_port, tls=tls_context(certs.ca)).quit()
        server.reload()
    assert len(server.events("reload")) == 5
