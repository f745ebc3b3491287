"""The servers of the comparison: private instances on loopback with the same mailboxes, certificate and users."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
from fixtures.ports import Ports  # noqa: E402
from fixtures.waiting import wait_until  # noqa: E402
from fixtures.winpopd import DOMAIN, Winpopd  # noqa: E402
from fixtures.wire import Pop  # noqa: E402

PASSWORD = "bench"
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """What the measuring needs: ports, an LMTP socket, and the processes' use of the machine."""

    behind = None  # a server that this one asks, measured beside it

    def tree(self):
        """The server's processes: its first one and all below it."""
        children, found, left = {}, [], [self.pid()]
        for entry in filter(str.isdigit, os.listdir("/proc")):
            fields = stat_fields(int(entry))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
        while left:
            pid = left.pop()
            found.append(pid)
            left += children.get(pid, [])
        return found

    def cpu_us(self):
        """User and system time of the tree with all its threads, children that have ended included.

        Not those of the kernel's own: the file system's journal writes for whoever asks it to, in all servers alike.
        """
        return sum(map(clock_us, self.tree()))

    def own_kib(self):
        return sum(map(own_of, self.tree()))


def stat_fields(pid):
    """/proc/PID/stat from the state on; None for a process that is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def clock_us(pid):
    """The process's own clock, in nanoseconds (clock_getcpuclockid); its ended children are counted in ticks."""
    try:
        ended = sum(map(int, (stat_fields(pid) or [0] * 15)[13:15]))
        return time.clock_gettime_ns((~pid << 3) | 2) / 1000 + ended * 1e6 / TICK
    except OSError:
        return 0


def own_of(pid):
    """What belongs to the process alone or is its share of common memory; no code: of that the share of each shrinks as soon as
    another program, the generator, uses the same libraries."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    except OSError:
        return 0


def runs(numbers):
    """[1, 2, 3, 7, 8] -> (1, 3), (7, 8)"""
    first = last = None
    for n in numbers:
        if last is not None and n != last + 1:
            yield first, last
            first = None
        first, last = n if first is None else first, n
    if last is not None:
        yield first, last


class Ours(Server):
    """winpopd as it comes, with room for many connections; like Dovecot it logs a line or two per session."""

    name = "winpopd"

    def __init__(self, build, certs, users, **settings):
        self.build = pathlib.Path(build)
        self.server = Winpopd(build, certs, logging=3, socketmax=5000, socketmin=100, socketthreshold=100, socketbacklog=100,
                              threadcount=os.cpu_count(), workers=None, drain=1, **settings)
        try:
            self.server.init()
            self.prepare(users)
            self.server.start()
        except BaseException:
            self.server.cleanup()
            raise
        self.port, self.tls_port, self.lmtp = self.server.port, self.server.tls_port, self.server.lmtp_socket

    def prepare(self, users):
        """A mail root of many mailboxes in one go; one by one where the build has no populate."""
        populate = self.build / "tests/bench/populate"
        for first, last in runs(users):
            if populate.exists():
                words = [populate, self.server.mailroot, self.server.home / "keyring", DOMAIN, first, last, PASSWORD]
                subprocess.run(list(map(str, words)), check=True)
            else:
                for n in range(first, last + 1):
                    self.server.mailbox(f"box{n}", PASSWORD)

    def pid(self):
        return self.server.pid

    def close(self):
        self.server.cleanup()


class Floor(Server):
    """floor.c: what the system calls alone cost. `boxes`: (first mailbox, last, messages in each, octets, dots)."""

    name, how = "floor", ["--reply-by-reply"]
    SENDFILE_FROM = 32 << 10

    def __init__(self, build, certs, boxes):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="winpop-floor-"))
        (self.home / "own").mkdir()
        self.ports = Ports()
        self.port, self.tls_port, self.lmtp = self.ports.take(), self.ports.take(), None
        words = [pathlib.Path(build) / "tests/bench/floor", "--port", self.port, "--tls-port", self.tls_port,
                 "--cert", certs.dir / "pop.example.com.crt", "--key", certs.dir / "pop.example.com.key",
                 "--file", self.home / "mail", "--sendfile-from", self.SENDFILE_FROM, *(str(word).format(home=self.home) for word in self.how)]
        for first, last, n, size, dots in boxes:
            words += ["--box", f"{first}:{last}:{n}:{size}{':dots' if dots else ''}"]
        self.process = subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "the floor server does not start"

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()
        self.ports.close()
        shutil.rmtree(self.home)


class FloorInOneCall(Floor):
    """All answers to a batch of commands in one call: only for a server that has its messages at hand, not each in a file."""

    name, how = "floor-1", []


class FloorOfFiles(Floor):
    """Long messages are opened and closed, each in a file of its own, as mail that other programs may read lies in ours."""

    name, how = "floor-n", ["--reply-by-reply", "--own-files", "{home}/own"]


DOVECOT_CONF = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = sdbox:{home}/mail/%n
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
mail_max_userip_connections = 0
mail_fsync = optimized
pop3_no_flag_updates = yes
pop3_fast_size_lookups = yes
postmaster_address = postmaster@example.com
{passdb}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%n allow_all_users=yes
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = {tls_port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = {logins}
  process_limit = {logins}
  client_limit = 8000
  vsz_limit = 0
}}
service pop3 {{
  service_count = 0
  client_limit = {client_limit}
  process_min_avail = {cpus}
  process_limit = 100
  vsz_limit = 0
}}
service lmtp {{
  unix_listener {home}/lmtp {{
    mode = 0666
  }}
  service_count = 0
  process_min_avail = {cpus}
  vsz_limit = 0
}}
service anvil {{
  client_limit = 10000
}}
service auth {{
  client_limit = 20000
  vsz_limit = 0
}}
service stats {{
  client_limit = 20000
}}
"""
DOVECOT_PASSDB_FILE = """
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {users}
}}
"""
DOVECOT_PASSDB_LDAP = """
passdb {{
  driver = ldap
  args = {conf}
}}
"""


class Dovecot(Server):
    """Debian's Dovecot as somebody runs it who knows it; README.md says why each setting is what it is.

    users: the numbers of the mailboxes in its password file. client_limit: sessions that one process serves. logins: processes
    that speak TLS; they do not know each other's tickets.
    """

    name = "dovecot"

    def __init__(self, certs, users=(), client_limit=200, logins=1):
        self.users = users
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="winpop-dovecot-"))
        self.home.chmod(0o755)
        self.ports = Ports()
        self.port, self.tls_port, self.lmtp = self.ports.take(), self.ports.take(), self.home / "lmtp"
        for name in ("state", "mail", "run"):
            (self.home / name).mkdir()
        shutil.chown(self.home / "mail", "nobody", "nogroup")
        conf = self.home / "dovecot.conf"
        conf.write_text(DOVECOT_CONF.format(
            home=self.home, cert=certs.dir / "pop.example.com.crt", key=certs.dir / "pop.example.com.key", passdb=self.passdb(),
            port=self.port, tls_port=self.tls_port, cpus=os.cpu_count(), client_limit=client_limit, logins=logins))
        self.process = subprocess.Popen(["dovecot", "-F", "-c", conf], stderr=subprocess.STDOUT,
                                        stdout=(self.home / "out").open("w"))
        wait_until(self.answers, 20, "dovecot does not answer")

    def passdb(self):
        users = self.home / "users"
        users.write_text("".join(f"box{n}@example.com:{PASSWORD}\n" for n in self.users))
        return DOVECOT_PASSDB_FILE.format(users=users)

    def answers(self):
        assert self.process.poll() is None, (self.home / "out").read_text() + (self.home / "log").read_text()
        try:
            Pop(self.port).close()
        except ConnectionRefusedError:
            return False
        return self.lmtp.exists()

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.ports.close()
        shutil.rmtree(self.home, ignore_errors=True)
