"""The switch: from the password file to the directory, live, after which nobody notices anything; and purgepasswords.

Signing in afterwards is with the old password, by PLAIN and by NTLM (hashes in OpenLDAP, winbind in a domain); the mail is there
under the names that mail programs know it by.
"""
import base64
import mailbox
import os
import pathlib
import pty
import subprocess

import pytest

from fixtures import ntlm
from fixtures.samba import NETBIOS, Dc
from fixtures.slapd import Slapd
from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import as_delivered

BODIES = [b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\nsecond\r\n"]


@pytest.fixture(scope="module", params=["openldap", "ad"])
def directory(request):
    """With winbindd, which proves NTLM in a domain."""
    made = Slapd() if request.param == "openldap" else Dc(request.getfixturevalue("golden"), schema=True)
    try:
        made.start()
        if request.param == "ad":
            made.start_winbindd()
        yield made
    finally:
        made.close()


@pytest.fixture
def migration(make_migration):
    return make_migration()


@pytest.fixture
def staff(migration):
    """Three with mail."""
    people = [migration.hire() for _ in range(3)]
    for address in people:
        migration.server.deliver(address, *BODIES)
    return people


def switch(migration, *words):
    return migration.server.winpop_ok("set", "authentication", "ad", *words)


def uidls(migration, address):
    with migration.server.session(address, migration.people[address]) as pop:
        found = pop.uidl()
        pop.cmd("QUIT")
        return found


def plain(migration, address, password=None):
    words = base64.b64encode(f"\0{address}\0{password or migration.people[address]}".encode()).decode()
    with migration.server.pop() as pop:
        reply = pop.cmd(f"AUTH PLAIN {words}").decode()
        pop.cmd("QUIT")
        return reply


def by_ntlm(migration, user, password, domain=""):
    with migration.server.pop() as pop:
        reply = ntlm.sign_in(pop, ntlm.Own(user, password, domain))
        pop.cmd("QUIT")
        return reply


def test_nobody_notices(migration, staff):
    before = {address: uidls(migration, address) for address in staff}
    migration.migrate_ok("/all")
    pid = migration.server.pid
    said = migration.server.winpop("set", "authentication", "ad")
    assert said.code == 0, said
    assert "APOP" in said.out + said.err and "Secure Password Authentication" in said.out + said.err, said
    for address in staff:
        assert plain(migration, address).startswith("+OK") and migration.signs_in(address)
        assert plain(migration, address, "wrong").startswith("-ERR [AUTH]")
        assert uidls(migration, address) == before[address]
        assert migration.server.messages(address, migration.people[address]) == [as_delivered(address, body) for body in BODIES]
    assert migration.server.pid == pid and "authentication" in migration.server.conf.read_text()
    migration.check(made=staff)


def test_ntlm_begins(migration, staff):
    """By address and by logon name: what a mail program has in its form."""
    migration.migrate_ok("/all")
    with migration.server.pop() as pop:
        assert "NTLM" not in pop.capa()["SASL"] or pop.cmd("QUIT")
    switch(migration)
    for address in staff:
        logon, password = migration.entry_of(address).logon, migration.people[address]
        for user, domain in ((address, ""), (logon, NETBIOS)):
            assert by_ntlm(migration, user, password, domain).startswith("+OK"), (user, migration.server.log_text()[-1500:])
            assert by_ntlm(migration, user, "wrong", domain).startswith("-ERR [AUTH]"), user


def test_ntlm_with_an_altered_name(migration):
    kim = migration.hire()
    uid = kim.split("@")[0]
    migration.directory.add_person(uid, "somebody else's", mail=f"other.{uid}@elsewhere.example.com")
    migration.migrate_ok(kim)
    switch(migration)
    assert by_ntlm(migration, f"{uid}1", migration.people[kim], NETBIOS).startswith("+OK")
    assert by_ntlm(migration, uid, migration.people[kim], NETBIOS).startswith("-ERR")


def test_apop_ends(migration, staff):
    kim, *_ = staff
    with migration.server.pop() as pop:
        assert pop.apop(kim, migration.people[kim]).startswith(b"+OK")
        pop.cmd("QUIT")
    migration.migrate_ok("/all")
    switch(migration)
    with migration.server.pop() as pop:
        assert b"<" not in pop.greeting
        assert pop.cmd(f"APOP {kim} {'0' * 32}").startswith(b"-ERR")


def test_sessions_go_on(migration, staff):
    """Who is inside stays inside, and what was begun before ends as it began."""
    kim, lee, _ = staff
    migration.migrate_ok("/all")
    with migration.server.session(kim, migration.people[kim]) as inside, migration.server.pop() as half:
        half.ok(f"USER {lee}")
        switch(migration)
        assert inside.stat()[0] == 2 and inside.retr(1) == as_delivered(kim, BODIES[0])
        inside.ok("DELE 1")
        inside.quit()
        half.ok(f"PASS {migration.people[lee]}")
        half.quit()
    assert len(uidls(migration, kim)) == 1
    migration.server.deliver(kim, BODIES[0])
    assert len(uidls(migration, kim)) == 2


def test_clients_download_nothing_twice(migration, staff, tmp_path):
    """mpop keeps a list of what it has seen."""
    kim, *_ = staff
    (tmp_path / "password").write_text(migration.people[kim] + "\n")
    mailbox.Maildir(tmp_path / "Maildir")
    fetch = [*migration.server.prefix, "mpop", "--host=127.0.0.1", f"--port={migration.server.port}", f"--user={kim}", "--auth=plain",
             f"--passwordeval=cat {tmp_path}/password", "--tls=off", "--keep=on", f"--delivery=maildir,{tmp_path}/Maildir",
             f"--uidls-file={tmp_path}/uidls"]
    subprocess.run(fetch, check=True, timeout=PATIENCE)
    first = sorted((tmp_path / "Maildir/new").iterdir())
    assert len(first) == 2
    migration.migrate_ok("/all")
    switch(migration)
    subprocess.run(fetch, check=True, timeout=PATIENCE)
    assert sorted((tmp_path / "Maildir/new").iterdir()) == first


def test_it_is_refused_while_somebody_would_be_left_behind(migration, staff):
    """Each with the reason; the password file stays in use."""
    kim, lee, pat = staff
    result = migration.server.winpop("set", "authentication", "ad")
    assert result.code == 1 and "winpop migrateToAD" in result.err, result
    migration.migrate_ok(kim)
    result = migration.server.winpop("set", "authentication", "1")
    assert result.code == 1 and lee in result.out and pat in result.out and kim not in result.out, result
    migration.migrate_ok("/all")
    migration.server.winpop_ok("changepwd", lee, "since then another")
    migration.people[lee] = "since then another"
    result = migration.server.winpop("set", "authentication", "ad")
    assert result.code == 1 and lee in result.out and kim not in result.out and pat not in result.out, result
    assert all(map(migration.signs_in, staff)) and migration.server.winpop_ok("get", "authentication").count("file") == 1
    migration.migrate_ok("/all")
    switch(migration)
    assert all(map(migration.signs_in, staff))


def test_linked_people_come_in_with_their_own_password(migration):
    kim = migration.hire()
    dn = migration.directory.add_person(f"own-{kim.split('@')[0]}", "somebody's own", mail=kim)
    migration.migrate_ok(kim, "/link")
    switch(migration)
    assert migration.signs_in(kim, "somebody's own") and not migration.signs_in(kim)
    assert migration.entry_of(kim).dn == dn


def test_locks_stay_locked(migration, staff):
    kim, lee, _ = staff
    migration.server.winpop_ok("lock", kim)
    migration.migrate_ok("/all")
    switch(migration)
    assert migration.reply(kim).startswith("-ERR [SYS/PERM]") and migration.signs_in(lee)
    migration.server.winpop_ok("unlock", kim)
    assert migration.signs_in(kim)


def test_no_undo_behind_the_switch(migration, staff):
    """It would take away what people sign in with."""
    migration.migrate_ok("/all")
    switch(migration)
    result = migration.migrate("/all", "/undo")
    assert result.code == 1 and "winpop set authentication file" in result.err, result
    migration.check(made=staff)
    assert all(map(migration.signs_in, staff))


def test_there_and_back(migration, staff):
    """The password file is kept until it is purged."""
    migration.migrate_ok("/all")
    switch(migration)
    migration.server.winpop_ok("set", "authentication", "file")
    wait_until(lambda: migration.signs_in(staff[0]))
    with migration.server.pop() as pop:
        assert pop.apop(staff[0], migration.people[staff[0]]).startswith(b"+OK")
        pop.cmd("QUIT")
    undone = migration.migrate("/all", "/undo")
    assert undone.code == 0, undone
    migration.check(made=[])


def records(migration):
    return [path for path in pathlib.Path(migration.server.mailroot).rglob("password")]


def test_purgepasswords(migration, staff):
    assert migration.server.winpop("purgepasswords", "/y").code == 1, "while it is in use"
    migration.migrate_ok("/all")
    assert migration.server.winpop("purgepasswords", "/y").code == 1
    switch(migration)
    assert len(records(migration)) == 3
    migration.server.winpop_ok("purgepasswords", "/y")
    assert records(migration) == []
    assert all(map(migration.signs_in, staff))
    migration.server.winpop_ok("purgepasswords", "/y")
    result = migration.server.winpop("set", "authentication", "file")
    assert result.code != 0, "back to a password file in which there is nobody"
    assert all(map(migration.signs_in, staff))


def test_it_is_asked_for(migration, staff):
    """Without a terminal somebody has to say yes."""
    migration.migrate_ok("/all")
    switch(migration)
    result = migration.server.winpop("purgepasswords")
    assert result.code != 0 and "/y" in result.err, result
    assert len(records(migration)) == 3


def test_an_answer_that_came_late(migration, staff):
    """While the question stood there somebody went back to the password file."""
    migration.migrate_ok("/all")
    switch(migration)
    words = [*migration.server.prefix, migration.server.tool, "--config", migration.server.conf, "purgepasswords"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(words[0], list(map(str, words)), migration.server.environment())
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)
    migration.server.winpop_ok("set", "authentication", "file")
    os.write(terminal, b"y\n")
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 1 and len(records(migration)) == 3
    assert all(map(migration.signs_in, staff))
