"""The rows of the table: what is done, on which mailboxes, and how much of a rival's processor we may use for it."""
from dataclasses import dataclass

USERS = 64
PEOPLE = 10000             # of the directory
SLOW, N_SLOW = 20001, 500  # and those of them whose passwords are under argon2, as a careful administrator's are
DELIVERED_TO, IDLE = 801, 1001


@dataclass(frozen=True)
class Row:
    mode: str
    first: int = 301     # mailbox
    users: int = USERS
    size: int = 0        # octets of a message's body
    messages: int = 0    # in each mailbox, all fetched in each session
    clients: int = 16
    tls: bool = False
    resume: bool = False
    pipeline: bool = False
    dots: bool = False
    of_dovecot: float = 0  # ours at most this part of Dovecot's,
    of_floor: float = 0    # and at most this many times the floor's; 0: no bound
    rate: float = 0        # operations per second, as a multiple of Dovecot's
    directory: bool = False

    def options(self):
        """For the generator."""
        words = ["--mode", self.mode, "--first-user", self.first, "--users", self.users, "--clients", self.clients,
                 "--messages", self.messages, "--size", self.size]
        for flag in ("tls", "resume", "pipeline", "dots"):
            words += [f"--{flag}"] if getattr(self, flag) else []
        return words + (["--list"] if self.mode == "fetch" else [])


SMALL = {"mode": "fetch", "first": 1, "size": 4096, "messages": 20, "pipeline": True, "of_dovecot": 1 / 3, "of_floor": 1.7}
MIDDLE = {"mode": "fetch", "first": 101, "size": 65536, "messages": 20, "of_floor": 1.4}
LARGE = {"mode": "fetch", "first": 201, "size": 1 << 20, "messages": 5, "clients": 8, "of_floor": 1.3}
ROWS = {
    "signin": Row("signin", of_dovecot=1 / 5, of_floor=2),
    "signin-pipelined": Row("signin", pipeline=True),
    "signin-tls": Row("signin", tls=True, of_floor=1.4),
    "signin-tls-resumed": Row("signin", tls=True, resume=True, of_floor=1.4),
    "fetch-4k": Row(**SMALL),
    "fetch-4k-tls": Row(**SMALL, tls=True),
    "fetch-64k": Row(**MIDDLE),
    "fetch-64k-tls": Row(**MIDDLE, tls=True),
    "fetch-64k-dots": Row("fetch", 401, size=65536, messages=20, dots=True),
    "fetch-1m": Row(**LARGE),
    "fetch-1m-tls": Row(**LARGE, tls=True),
    "deliver-4k": Row("deliver", DELIVERED_TO, size=4096, of_dovecot=1 / 4, rate=3),
    "deliver-64k": Row("deliver", DELIVERED_TO, size=65536),
    "ldap": Row("signin", 1, PEOPLE, of_dovecot=1 / 4, directory=True),
    "ldap-argon2": Row("signin", SLOW, N_SLOW, directory=True),
}
IDLE_KIB = {"plain": 9, "tls": 40}  # of a connection that has signed in and is silent, at most
OF_QUOTA = ("deliver-4k", "deliver-64k")


def address(n):
    return f"box{n}@example.com"


def mailboxes(names, n_idle=0):
    """The numbers of all mailboxes that the rows need."""
    ranges = {(ROWS[name].first, ROWS[name].users) for name in names}
    return [n for first, many in sorted(ranges) for n in range(first, first + many)] + list(range(IDLE, IDLE + n_idle))


def boxes(names, n_idle=0):
    """The same as the floor server wants them, with what lies in them."""
    held = {(r.first, r.first + r.users - 1, r.messages, r.size if r.mode == "fetch" else 0, r.dots) for r in map(ROWS.get, names)}
    return [*sorted(held), *([(IDLE, IDLE + n_idle - 1, 0, 0, False)] if n_idle else [])]
