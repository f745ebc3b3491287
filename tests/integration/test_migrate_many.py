"""Thousands of accounts in three domains, with everything planted among them that is in the way: the report must say what was
planted, and afterwards every good account signs in with its old password, by PLAIN and by NTLM, and finds its mail as it was.

WINPOP_MIGRATE_ACCOUNTS says how many (2000 with OpenLDAP, 150 with Active Directory unless it is set); -s shows what it cost.
"""
import base64
import concurrent.futures
import os
import resource
import time

import pytest

from fixtures import ntlm
from fixtures.ldaptools import ldif_entry
from fixtures.migration import Migration
from fixtures.samba import NETBIOS
from fixtures.winpopd import as_delivered

DOMAINS = ("one.example.com", "three.example.com", "two.example.com")
TICK = os.sysconf("SC_CLK_TCK")
CLIENTS = 8


class Crowd:
    """Who is planted: `people` {address: password}, `wanted` {address: result}, `altered` those whose logon name cannot be the
    mailbox name, `foreign` what stands in the way of whom."""

    def __init__(self, directory, number):
        self.directory, self.people, self.wanted = directory, {}, {}
        self.altered, self.foreign = set(), []
        kinds = (self.weak, self.taken_mail, self.taken_logon, self.plus, self.long, self.taken_upn)
        n = 0
        while len(self.people) < number:
            if n % 100 < len(kinds):
                kinds[n % 100](n)
            elif n % 10 == 9:
                self.same(n)
            else:
                self.add(f"user{n}", n)
            n += 1

    def add(self, local, n, want="create", password=None, domain=None):
        address = f"{local}@{domain or DOMAINS[n % 3]}"
        self.people[address] = password or f"pw of user {n}, known since long"
        self.wanted[address] = want
        return address

    def same(self, n):
        """One name in all domains: the first in order keeps it."""
        for i, domain in enumerate(DOMAINS):
            address = self.add(f"same{n}", n, domain=domain)
            if i:
                self.altered.add(address)

    def weak(self, n):
        self.add(f"weak{n}", n, "policy", "ab")

    def plus(self, n):
        self.add(f"plus+{n}", n, "name")

    def long(self, n):
        address = self.add(f"a.very.long.mailbox.name.{n}", n)
        if self.directory.kind == "ad":
            self.altered.add(address)

    def taken_mail(self, n):
        self.foreign.append((f"theirs{n}", self.add(f"mail{n}", n, "conflict"), None))

    def taken_upn(self, n):
        if self.directory.kind == "ad":
            self.foreign.append((f"theirs{n}", None, self.add(f"upn{n}", n, "conflict")))

    def taken_logon(self, n):
        self.altered.add(self.add(f"logon{n}", n))
        self.foreign.append((f"logon{n}", f"somebody{n}@elsewhere.example.com", None))

    def foreign_ldif(self):
        on = self.directory
        for uid, mail, upn in self.foreign:
            if on.kind == "openldap":
                yield ldif_entry(on.dn(uid), **on.person_attrs(uid, "somebody's own", mail=mail))
            else:
                attrs = {"mail": mail} if mail else {"userPrincipalName": upn}
                yield ldif_entry(on.dn(uid), objectClass="user", sAMAccountName=uid, userAccountControl="512",
                                 unicodePwd='"somebody\'s own"'.encode("utf-16-le"), **attrs)

    def good(self):
        return [address for address, want in self.wanted.items() if want == "create"]


def message_for(address):
    return f"Subject: for {address}\r\n\r\nkept\r\n".encode()


@pytest.fixture
def directory(request):
    """Of this test alone; NTLM is proved by a winbindd in a domain."""
    if request.param == "openldap":
        made = request.getfixturevalue("make_slapd")()
        made.set_policy(pwdCheckQuality=2, pwdMinLength=3)
        return made
    return request.getfixturevalue("make_dc")(winbindd=True)


def cpu(directory):
    """Seconds of processor time the directory server has used."""
    if directory.kind == "openldap":
        pids = [directory.process.pid]
    else:
        ours = os.readlink(f"/proc/{directory.dc_daemon.first()}/ns/pid")
        pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and in_namespace(pid, ours)]
    return sum(ticks(pid) for pid in pids) / TICK


def in_namespace(pid, namespace):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") == namespace
    except OSError:
        return False


def ticks(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    except OSError:
        return 0


class Meter:
    """What a command, and the directory beside it, cost."""

    def __init__(self, what, n, directory):
        self.what, self.n, self.directory = what, n, directory

    def __enter__(self):
        self.used, self.served, self.start = self.children(), cpu(self.directory), time.monotonic()

    def __exit__(self, kind, *_):
        if kind is None:
            spent, took = self.children() - self.used, time.monotonic() - self.start
            print(f"\n{self.directory.kind}: {self.what}: {self.n} in {took:.1f} s, {self.n / took:.0f}/s; processor: "
                  f"winpop {spent:.1f} s, directory {cpu(self.directory) - self.served:.1f} s")

    @staticmethod
    def children():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime


def look(migration, address, sign_in):
    """UIDLs and the message, as whoever comes that way finds them."""
    with migration.server.pop() as pop:
        reply = sign_in(pop, address)
        assert reply.startswith("+OK"), f"{address}: {reply}"
        found = pop.uidl(), pop.retr(1)
        pop.cmd("QUIT")
        return found


def each(migration, addresses, sign_in):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return dict(zip(addresses, pool.map(lambda address: look(migration, address, sign_in), addresses)))


@pytest.mark.parametrize("directory,number", [("openldap", 2000), ("ad", 150)], indirect=["directory"])
def test_many(directory, number, make_server, tmp_path):
    number = int(os.environ.get("WINPOP_MIGRATE_ACCOUNTS", number))
    crowd = Crowd(directory, number)
    directory.admin.run("ldapadd", stdin="".join(crowd.foreign_ldif()))
    migration = Migration(directory, make_server, DOMAINS, workers=16)
    migration.hire_many(crowd.people)
    for address in crowd.people:
        migration.server.put(address, "P3kept.eml", as_delivered(address, message_for(address)))

    def plain(pop, address):
        words = base64.b64encode(f"\0{address}\0{crowd.people[address]}".encode()).decode()
        return pop.cmd(f"AUTH PLAIN {words}").decode()

    def spa(pop, address):
        return ntlm.sign_in(pop, ntlm.Own(rows[address]["logon"], crowd.people[address], NETBIOS))

    good = crowd.good()
    before = each(migration, good, plain)
    dump = migration.dump()
    with Meter("dry run", number, directory):
        plan = migration.migrate("/all", "/dry-run", "/report", tmp_path / "plan.csv", seconds=3600)
    assert plan.code == 1 and migration.dump() == dump, plan
    with Meter("migrated", number, directory):
        result = migration.migrate("/all", "/report", tmp_path / "report.csv", seconds=3600)
    assert result.code == 5, result
    rows = migration.report(tmp_path / "report.csv")
    check_report(crowd, rows)
    check_plan(crowd, rows, migration.report(tmp_path / "plan.csv"))
    migration.check(made=good)
    with Meter("again", number, directory):
        assert migration.migrate("/all", seconds=3600).code == 5
    leave_behind(migration, crowd)
    with Meter("the switch", len(good), directory):
        migration.server.winpop_ok("set", "authentication", "ad", seconds=3600)
    with Meter("sign-ins by PLAIN", len(good), directory):
        assert each(migration, good, plain) == before
    with Meter("sign-ins by NTLM", len(good), directory):
        assert each(migration, good, spa) == before
    migration.check(made=good)


def check_report(crowd, rows):
    """Everybody is in it, with what was planted for them."""
    assert set(rows) == set(crowd.people)
    wrong = {a: (row["result"], row["why"]) for a, row in rows.items() if row["result"] != crowd.wanted[a]}
    assert not wrong, f"{len(wrong)}: {list(wrong.items())[:5]}"
    good = {a: row for a, row in rows.items() if row["result"] == "create"}
    assert {a for a, row in good.items() if row["altered"] == "yes"} == crowd.altered
    logons = [row["logon"] for row in good.values()]
    assert len(set(logons)) == len(logons)
    assert all(row["logon"] == a.split("@")[0] for a, row in good.items() if a not in crowd.altered)
    assert all(row["class"] == "ok" and not row["why"] and row["entry"] for row in good.values())
    assert all(row["class"] != "ok" and row["why"] for a, row in rows.items() if a not in good)


def check_plan(crowd, rows, plan):
    """It promised what was done, but for what only trying tells."""
    for address, row in rows.items():
        if row["result"] != "policy":
            assert (plan[address]["result"], plan[address]["logon"]) == (row["result"], row["logon"]), (plan[address], row)


def leave_behind(migration, crowd):
    """The switch waits for those who were not migrated; here nobody does."""
    for address, want in crowd.wanted.items():
        if want != "create":
            migration.server.winpop_ok("delete", address, "/y")
