"""migrateToAD against OpenLDAP and Active Directory: one account, what is in its way, what it leaves behind, and the way back.

After every command the books are compared (fixtures/migration.py): what is in the directory, what the journal says, which password
opens what, and that nothing of others was touched. What it tells while it runs and afterwards is in test_migrate_report.py,
thousands at once in test_migrate_many.py, interruptions in test_migrate_faults.py, what comes afterwards in test_migrate_switch.py.
"""
import json
import stat
import time

import pytest

from fixtures.migration import WEAK, results
from fixtures.waiting import wait_until


# ---- as documented ----

def test_one_account(migration):
    kim, lee = migration.hire(), migration.hire()
    result = migration.migrate_ok(kim)
    assert kim in result.out, result
    migration.check(made=[kim])
    assert migration.opens(kim) and migration.entry_of(lee) is None
    assert migration.signs_in(kim) and migration.signs_in(lee), "the password file is still what counts"


def test_a_password_of_any_characters(migration):
    for password in ("pässwörd, mit Umlaut", 'quote " and \\ backslash', "  blanks around  ", "p" * 120):
        kim = migration.hire(password=password)
        migration.migrate_ok(kim)
        assert migration.opens(kim)
    migration.check(made=migration.people)


def test_only_while_the_password_file_is_in_use(migration):
    kim = migration.hire()
    before = migration.dump()
    migration.server.write_conf(authentication="ad")
    result = migration.migrate(kim)
    assert result.code == 1 and "password file" in result.err, result
    assert migration.dump() == before and not migration.journal_path.exists()


def test_nobody_there(migration):
    migration.hire()
    before = migration.dump()
    for whom in (f"nobody@{migration.domain}", "kim@elsewhere.example.com", "elsewhere.example.com"):
        result = migration.migrate(whom)
        assert result.code == 1 and whom.split("@")[-1] in result.err, result
    for words in ((), ("/all", migration.domain), ("not a name",), ("@",), (migration.domain, "/parallel", "0"), (migration.domain, "/rate", "x")):
        assert migration.migrate(*words).code == 2, words
    assert migration.dump() == before and not migration.journal_path.exists()


def test_without_a_directory(make_server):
    server = make_server(start=False, role="member")
    kim = server.mailbox()
    result = server.winpop("migrateToAD", kim)
    assert result.code == 4 and "directory_servers" in result.err and "winpop-openldap(7)" in result.err, result


def test_a_domain_and_all(make_migration):
    migration = make_migration(domains=("one.example.com", "two.example.com", "three.example.com"))
    people = migration.hire_many(4)
    ours = [address for address in people if address.endswith("@two.example.com")]
    migration.migrate_ok("two.example.com")
    migration.check(made=ours)
    migration.migrate_ok("/all", "/parallel", "3")
    migration.check(made=people)
    migration.migrate_ok("/all", "/undo")


def test_a_dry_run_touches_nothing(migration):
    """Each kind of account there can be; afterwards not an octet differs, in the directory or in the mail root."""
    done, good, weak, plus = migration.hire(), migration.hire(), migration.hire(password=WEAK), migration.hire("with+plus")
    foreign = migration.hire()
    migration.migrate_ok(done)
    migration.directory.add_person(f"{foreign.split('@')[0]}-theirs", "somebody's own", mail=foreign)
    before, tree = migration.dump(), files(migration.server.mailroot)
    said = migration.said("/all", "/dry-run", code=1)
    assert migration.dump() == before and files(migration.server.mailroot) == tree
    found = results(said)
    assert {a: found[a] for a in (done, good, plus, foreign)} == {done: "done", good: "create", plus: "name", foreign: "conflict"}
    assert found[weak] in ("create", "policy"), "the policy may not be known before it is tried"
    linked = results(migration.said("/all", "/dry-run", "/link", code=1))
    assert linked[foreign] == "link" and migration.dump() == before
    migration.migrate_ok(good, "/dry-run")
    assert migration.dump() == before and files(migration.server.mailroot) == tree


def files(root):
    """What is in a mail root, octet by octet, but for what was done to it."""
    return {path.relative_to(root): path.read_bytes() if path.is_file() else None for path in root.rglob("*")
            if path.name != ".history"}


# ---- names ----

def test_a_logon_name_that_is_taken(migration, tmp_path):
    kim = migration.hire()
    uid = kim.split("@")[0]
    migration.directory.add_person(uid, "somebody else's", mail=f"other.{uid}@elsewhere.example.com")
    migration.books.reopen()
    plan = migration.migrate_ok(kim, "/dry-run", "--json")
    assert json.loads(plan.out)["accounts"][0]["logon"] == f"{uid}1"
    result = migration.migrate_ok(kim, "/report", tmp_path / "r.csv")
    assert f"{uid}1" in result.out, "its owner has to be told"
    row = migration.report(tmp_path / "r.csv")[kim]
    assert (row["logon"], row["altered"]) == (f"{uid}1", "yes")
    assert migration.entry_of(kim).logon == f"{uid}1"
    migration.check(made=[kim])


def test_a_long_name(migration, tmp_path):
    """Active Directory has room for 20 characters before its own domain; OpenLDAP has room."""
    kim = migration.hire("a.rather.long.name.of.somebody")
    migration.migrate_ok(kim, "/report", tmp_path / "r.csv")
    row = migration.report(tmp_path / "r.csv")[kim]
    assert row["altered"] == ("yes" if migration.directory.kind == "ad" else "no"), row
    assert migration.entry_of(kim).logon == row["logon"]
    migration.check(made=[kim])


def test_the_same_name_in_two_domains(make_migration, tmp_path):
    """In order of the domains, whatever thread is first."""
    migration = make_migration(domains=[f"{x}.same.example.com" for x in "abcd"])
    people = migration.hire_many({f"sam@{domain}": f"pw of sam at {domain}" for domain in reversed(migration.domains)})
    plan = migration.said("/all", "/dry-run", code=0)
    migration.migrate_ok("/all", "/parallel", "8", "/report", tmp_path / "r.json")
    rows = migration.report(tmp_path / "r.json")
    assert [rows[a]["logon"] for a in sorted(people)] == ["sam", "sam1", "sam2", "sam3"]
    assert {r["mailbox"]: r["logon"] for r in plan["accounts"]} == {a: r["logon"] for a, r in rows.items()}
    migration.check(made=people)


def test_a_name_that_is_none_in_a_directory(migration):
    plus, good = migration.hire("kim+list"), migration.hire()
    result = migration.migrate("/all")
    assert result.code == 5 and plus in result.out, result
    migration.check(made=[good])
    alone = migration.migrate(plus)
    assert alone.code == 1 and "+" in alone.out + alone.err, alone


# ---- accounts in the way ----

def in_the_way(migration, address, how):
    """A foreign entry that somebody who comes with that address could mean; its DN."""
    uid, on = address.split("@")[0], migration.directory
    theirs = f"theirs-{uid}"[:20]
    if how == "mail":
        return on.add_person(theirs, "somebody's own", mail=address)
    if how == "upn":
        return on.add_person(theirs, "somebody's own", upn=address)
    if how == "registered":
        dn = on.add_person(theirs, "somebody's own", mail=f"{theirs}@elsewhere.example.com")
        on.register(theirs, address)
        return dn
    dn = on.dn(uid)  # a logon name, and no address at all
    if on.kind == "ad":
        on.admin.add(dn, objectClass="user", sAMAccountName=uid, userAccountControl="512",
                     unicodePwd='"somebody\'s own"'.encode("utf-16-le"))
    else:
        on.admin.add(dn, objectClass="inetOrgPerson", uid=uid, cn=uid, sn=uid, userPassword="somebody's own")
    return dn


@pytest.mark.parametrize("how", ["mail", "upn", "logon", "registered"])
def test_somebody_elses_account(migration, how, tmp_path):
    """Refused without a trace; on request taken over as it is, with its own password."""
    if (migration.directory.kind, how) == ("openldap", "upn"):
        how = "mail"
    kim, lee = migration.hire(), migration.hire()
    dn = in_the_way(migration, kim, how)
    migration.books.reopen()
    alone = migration.migrate(kim)
    assert alone.code == 1 and kim in alone.out + alone.err and "/link" in alone.out + alone.err, alone
    migration.check(made=[])
    some = migration.migrate("/all", "/report", tmp_path / "r.csv")
    assert some.code == 5, some
    row = migration.report(tmp_path / "r.csv")[kim]
    assert row["result"] == "conflict" and row["class"] != "ok" and row["why"], row
    migration.check(made=[lee])
    migration.migrate_ok(kim, "/link")
    migration.check(made=[lee], linked=[kim])
    opens = migration.binds(dn)
    assert opens("somebody's own") and not opens(migration.people[kim]), "its password was changed"


def test_linking_leaves_the_entry_as_it_is(migration):
    kim = migration.hire()
    dn = in_the_way(migration, kim, "mail")
    before = migration.persons()[dn.lower()].lasting()
    migration.migrate_ok(kim, "/link")
    assert migration.persons()[dn.lower()].lasting() == before
    again = migration.said(kim, code=0)
    assert results(again)[kim] in ("done", "link"), again


def test_a_disabled_account_is_not_linked(migration):
    kim = migration.hire()
    dn = in_the_way(migration, kim, "mail")
    migration.directory.disable(dn.split(",")[0].split("=")[1])
    migration.books.reopen()
    result = migration.migrate(kim, "/link")
    assert result.code == 1 and "disabled" in result.out + result.err, result
    migration.check(made=[])


def test_two_who_could_be_meant(migration):
    """Whoever has the address twice gets no third one, nor is either taken."""
    kim = migration.hire()
    uid = kim.split("@")[0]
    for n in "12":
        migration.directory.add_person(f"t{n}-{uid}", "somebody's own", mail=kim)
    migration.books.reopen()
    for words in ((), ("/link",)):
        assert migration.migrate(kim, *words).code == 1
    migration.check(made=[])


# ---- passwords that the directory does not take ----

def test_a_weak_password(migration, tmp_path):
    """In the server's words, or by what it says of itself beforehand; nothing of it is left."""
    kim, lee = migration.hire(password=WEAK), migration.hire()
    result = migration.migrate("/all", "/report", tmp_path / "r.csv")
    assert result.code == 5, result
    row = migration.report(tmp_path / "r.csv")[kim]
    assert row["result"] == "policy", row
    words = {"openldap": ("quality",), "ad": ("0000052D", "at least 3 characters")}[migration.directory.kind]
    assert any(word in row["why"] for word in words), row
    assert WEAK not in row["why"].split(), "a password in a report"
    migration.check(made=[lee])
    alone = migration.migrate(kim)
    assert alone.code == 1 and "/newpassword" in alone.out + alone.err, alone
    migration.check(made=[lee])


def test_new_passwords(migration, tmp_path):
    """Random ones, into a file for the administrator's eyes; who had a good password keeps it."""
    weak, good, file = [migration.hire(password=WEAK) for _ in range(3)], migration.hire(), tmp_path / "new"
    migration.migrate_ok("/all", "/newpassword", file, "/report", tmp_path / "r.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    new = dict(line.split("\t") for line in file.read_text().splitlines())
    assert sorted(new) == sorted(weak) and len(set(new.values())) == 3 and min(map(len, new.values())) >= 12
    rows = migration.report(tmp_path / "r.json")
    assert [rows[a]["new_password"] in ("yes", True) for a in (*weak, good)] == [True, True, True, False]
    migration.check(made=[*weak, good], new_passwords=new)
    assert not any(password in path.read_text() for password in new.values() for path in (tmp_path / "r.json", migration.journal_path))
    again = migration.said("/all", code=0)
    assert set(results(again).values()) == {"done"}, again
    migration.check(made=[*weak, good], new_passwords=new)


def test_the_file_of_new_passwords_is_only_added_to(migration, tmp_path):
    first, file = migration.hire(password=WEAK), tmp_path / "new"
    migration.migrate_ok(first, "/newpassword", file)
    before = file.read_text()
    second = migration.hire(password=WEAK)
    migration.migrate_ok("/all", "/newpassword", file)
    assert file.read_text().startswith(before)
    new = dict(line.split("\t") for line in file.read_text().splitlines())
    migration.check(made=[first, second], new_passwords=new)


def test_a_domain_that_wants_much(make_dc, migration_at, tmp_path):
    """Fourteen characters, and what the domain's own script says, which is known only when it is tried."""
    dc = make_dc(more="check password script = /usr/bin/python3 -c 'import sys; sys.exit(\"known\" in sys.stdin.read())'")
    dc.in_dc("samba-tool", "domain", "passwordsettings", "set", f"--configfile={dc.dc_conf}", "-H", dc.dc_home / "private/sam.ldb",
             "--complexity=on", "--min-pwd-length=14")
    migration = migration_at(dc)
    short = migration.hire(password="Sh0rt, tho")
    known, good = migration.hire(password="Well known, 1000 times"), migration.hire(password="Never seen 9 times")
    assert migration.migrate("/all", "/report", tmp_path / "r.csv").code == 5
    rows = migration.report(tmp_path / "r.csv")
    assert {a: rows[a]["result"] for a in (short, known, good)} == {short: "policy", known: "policy", good: "create"}
    assert "0000052D" in rows[known]["why"], "the server's words"
    migration.check(made=[good])
    migration.migrate_ok("/all", "/newpassword", tmp_path / "new")
    new = dict(line.split("\t") for line in (tmp_path / "new").read_text().splitlines())
    assert set(new) == {short, known}
    migration.check(made=migration.people, new_passwords=new)


def test_a_record_that_cannot_be_read(migration, tmp_path):
    """Nobody knows that password any more; the others go on."""
    kim, lee = migration.hire(), migration.hire()
    (migration.server.box_dir(kim) / "password").write_text("v1 = of no use\n")
    assert migration.migrate("/all", "/report", tmp_path / "r.csv").code == 5
    row = migration.report(tmp_path / "r.csv")[kim]
    assert (row["result"], row["class"]) == ("failed", "broken") and "changepwd" in row["why"], row
    migration.check(made=[lee])


# ---- trouble that everybody has ----

def test_no_container(make_migration):
    migration = make_migration()
    base = migration.directory.settings().get("directory_base") or migration.ldap().base
    people = [migration.hire() for _ in range(3)]
    migration.server.write_conf(directory_new_users=f"ou=nowhere,{base}")
    before = migration.dump()
    for words in (("/all",), (people[0],)):
        result = migration.migrate(*words)
        assert result.code == 4 and "nowhere" in result.err, result
        assert result.err.count("nowhere") == 1, f"said more than once: {result}"
        assert migration.dump() == before
    migration.check(made=[])


def test_no_rights(migration):
    people = [migration.hire() for _ in range(3)]
    reader, password = migration.directory.reader()
    file = migration.directory.home / "reader"
    file.touch(0o600)
    file.write_text(password)
    ours = {key: migration.server.settings[key] for key in ("directory_user", "directory_password_file")}
    migration.server.write_conf(directory_user=reader, directory_password_file=file)
    migration.books.reopen()
    before = migration.dump()
    for words in (("/all",), (people[0],)):
        result = migration.migrate(*words)
        assert result.code == 3 and len(result.err.splitlines()) <= 2, result
    assert migration.dump() == before
    migration.check(made=[])
    migration.server.write_conf(**ours)
    migration.migrate_ok("/all")
    migration.check(made=people)


def test_an_administrator_acts_under_his_own_name(migration):
    kim, lee = migration.hire(), migration.hire()
    reader, password = migration.directory.reader()
    file = migration.directory.home / "reader"
    file.touch(0o600)
    file.write_text(password)
    migration.server.write_conf(directory_user=reader, directory_password_file=file)
    migration.books.reopen()
    bind_as = ("--bind-as", migration.directory.admin_name)
    wrong = migration.migrate(kim, *bind_as, stdin="wrong\n")
    assert wrong.code in (3, 4), wrong
    migration.check(made=[])
    migration.migrate_ok("/all", *bind_as, stdin=migration.directory.admin_password + "\n")
    migration.check(made=[kim, lee])


def test_a_directory_that_is_away(make_slapd, migration_at):
    slapd = make_slapd()
    migration = migration_at(slapd, directory_timeout_ms=500)
    kim = migration.hire()
    slapd.stop()
    result = migration.migrate(kim, "/dry-run")
    assert result.code == 4 and "away" in result.err, result
    slapd.start()
    migration.check(made=[])


# ---- the proof ----

def test_the_proof_meets_the_group(make_migration):
    """Who may sign in is part of signing in: an account outside directory_group is no success, and is not left there."""
    migration = make_migration()
    kim, lee = migration.hire(), migration.hire()
    directory = migration.directory
    directory.add_group(f"staff {kim}", directory.add_person(f"boss-{kim.split('@')[0]}", "pw of boss", mail=f"boss.{kim}"))
    migration.books.reopen()
    migration.server.write_conf(directory_group=directory.group_dn(f"staff {kim}"))
    result = migration.migrate("/all")
    assert result.code != 0 and "group" in result.out + result.err, result
    migration.check(made=[])
    assert migration.entry_of(kim) is None and migration.entry_of(lee) is None
    migration.server.write_conf(directory_group=None)
    migration.migrate_ok("/all")
    migration.check(made=[kim, lee])


def test_the_proof_meets_the_filter(make_migration):
    """Made, and not found by the settings that sign-in goes by."""
    migration = make_migration(directory_filter="(title=postman)")
    kim = migration.hire()
    result = migration.migrate(kim)
    assert result.code != 0, result
    assert migration.entry_of(kim) is None, "left behind"
    migration.check(made=[])


def test_the_proof_is_a_bind(make_slapd, migration_at):
    """The server takes the password and then opens nothing with it: no bind as anybody new."""
    slapd = make_slapd()
    migration = migration_at(slapd)
    kim, lee = migration.hire(), migration.hire()
    slapd.admin.change("olcDatabase={1}mdb,cn=config", "add", "olcAccess",
                       f'{{0}}to dn.children="{slapd.people}" attrs=userPassword by dn.exact="{slapd.service_dn}" =w by anonymous none by * break')
    result = migration.migrate("/all")
    assert result.code != 0, result
    assert migration.entry_of(kim) is None and migration.entry_of(lee) is None, "left behind"
    assert "BIND dn=\"uid=" in slapd.log_text(), "nobody tried"
    slapd.admin.change("olcDatabase={1}mdb,cn=config", "delete", "olcAccess", "{0}")
    migration.migrate_ok("/all")
    migration.check(made=[kim, lee])


def test_the_proof_meets_a_password_that_must_be_changed(make_slapd, migration_at):
    """A policy that calls every password set by somebody else a provisional one."""
    slapd = make_slapd()
    migration = migration_at(slapd)
    slapd.set_policy(pwdMustChange="TRUE")
    kim = migration.hire()
    migration.server.write_conf(directory_user=slapd.admin_name, directory_password_file=secret_file(slapd, slapd.admin_password))
    result = migration.migrate(kim)
    assert result.code == 1 and "must be changed" in result.err, result
    assert migration.entry_of(kim) is None, "left behind"
    migration.check(made=[])
    slapd.set_policy(pwdMustChange="FALSE")
    migration.migrate_ok(kim)
    migration.check(made=[kim])


def secret_file(directory, password):
    file = directory.home / "another.password"
    file.touch(0o600)
    file.write_text(password + "\n")
    return file


# ---- again ----

def test_a_second_run_proves_again(migration):
    people = [migration.hire() for _ in range(3)]
    migration.migrate_ok("/all")
    before = migration.dump()
    said = migration.said("/all", code=0)
    assert results(said) == {address: "done" for address in people}
    assert migration.dump() == before
    migration.check(made=people)


def test_a_password_changed_in_between_is_carried_over(migration):
    kim, lee = migration.hire(), migration.hire()
    migration.migrate_ok("/all")
    old, migration.people[kim] = migration.people[kim], "what kim thought of since"
    migration.server.winpop_ok("changepwd", kim, migration.people[kim])
    assert results(migration.said("/all", code=0)) == {kim: "renew", lee: "done"}
    migration.check(made=[kim, lee])
    assert not migration.opens(kim, old)


def test_a_password_changed_in_the_directory_is_kept(migration):
    """Its owner may work with it already, for the computer at his desk; whatever he does to the one of the password file."""
    kim, lee = migration.hire(), migration.hire()
    migration.migrate_ok("/all")
    entry, old = migration.entry_of(kim), migration.people[kim]
    made = time.time()
    wait_until(lambda: time.time() > made + 1.1)  # pwdChangedTime counts seconds
    migration.directory.set_password(entry.logon, "the one of the desk")
    for _ in range(2):
        said = migration.said("/all", code=5)
        assert results(said) == {kim: "conflict", lee: "done"}, said
        assert "changed in the directory" in said["accounts"][0]["why"] + said["accounts"][-1]["why"]
        opens = migration.binds(entry.dn)
        assert opens("the one of the desk") and not opens(old)
        migration.server.winpop_ok("changepwd", kim, "another in the file")
        migration.people[kim] = "another in the file"
    migration.server.winpop_ok("set", "authentication", "ad")
    assert migration.signs_in(kim, "the one of the desk") and migration.signs_in(lee)


def test_an_entry_that_somebody_removed_is_made_again(migration):
    kim = migration.hire()
    migration.migrate_ok(kim)
    migration.ldap().delete(migration.entry_of(kim).dn)
    migration.migrate_ok(kim)
    migration.check(made=[kim])


def test_undo_removes_only_ours(migration):
    kim, lee, pat = (migration.hire() for _ in range(3))
    dn = in_the_way(migration, pat, "mail")
    migration.books.reopen()
    before = migration.dump()
    migration.migrate_ok(kim)
    migration.migrate_ok(pat, "/link")
    undone = migration.said("/all", "/undo", code=0)
    assert results(undone)[kim] == "undone", undone
    assert migration.dump() == before and migration.entry_of(pat).dn == dn
    migration.check(made=[])
    assert all(map(migration.signs_in, (kim, lee, pat)))
    migration.migrate("/all", "/undo")
    assert migration.dump() == before
    migration.migrate_ok(kim)
    migration.check(made=[kim])


def test_undo_leaves_what_is_no_longer_ours(migration):
    """Somebody took our mark off the entry: it is theirs."""
    kim = migration.hire()
    migration.migrate_ok(kim)
    mark = "adminDescription" if migration.directory.kind == "ad" else "description"
    dn = migration.entry_of(kim).dn
    migration.ldap().replace(dn, **{mark: "of the sales department"})
    result = migration.migrate(kim, "/undo")
    assert result.code != 0 and migration.entry_of(kim).dn == dn, result


def test_undo_of_nothing(migration):
    kim = migration.hire()
    before = migration.dump()
    migration.migrate(kim, "/undo")
    assert migration.dump() == before and not migration.journal_path.exists()


# ---- registered in the directory too ----

def test_lock_and_quota_account_go_along(make_migration):
    """Registered as entries, with their domains: then the directory can be the catalog."""
    migration = make_migration(domains=("open.example.com", "shut.example.com"))
    locked, quota, plain = (migration.hire() for _ in range(3))
    inside = migration.hire(domain="shut.example.com")
    migration.server.winpop_ok("lock", locked)
    migration.server.winpop_ok("lock", "shut.example.com")
    migration.server.winpop_ok("createquotafile", quota, f"/user:{plain}")
    migration.server.winpop_ok("setquota", plain, "5M", "/messages:9")
    limit = migration.server.winpop_ok("setquota", plain)
    listed = {domain: migration.server.winpop_ok("list", domain) for domain in migration.domains}
    migration.migrate_ok("/all", "/register")
    migration.check(made=[locked, quota, plain, inside])
    assert migration.entry_of(locked).values("winpoplocked") == ["TRUE"]
    assert migration.entry_of(inside).values("winpoplocked") != ["TRUE"], "that was its domain's"
    assert migration.entry_of(quota).values("winpopquotaaccount") == [plain]
    assert {domain: migration.server.winpop_ok("list", domain) for domain in migration.domains} == listed
    migration.server.winpop_ok("set", "authentication", "ad", "catalog", "directory")
    rows = [line.split("\t") for domain in migration.domains for line in migration.server.winpop_ok("list", domain).splitlines()]
    assert {row[0]: (row[1], row[2], row[4]) for row in rows} == {
        locked: ("locked", "mailbox", "-"), quota: ("unlocked", "-", plain), plain: ("unlocked", "-", "-"),
        inside: ("locked", "domain", "-")}
    assert migration.server.winpop_ok("setquota", plain) == limit, "an account is its address, wherever it is"


def test_registration_is_undone(migration):
    kim, pat = migration.hire(), migration.hire()
    in_the_way(migration, pat, "mail")
    before = migration.entry_of(pat).lasting()
    migration.migrate_ok("/all", "/link", "/register")
    assert migration.entry_of(pat).values("winpopaddress") == [pat]
    migration.migrate_ok("/all", "/undo", "/register")
    assert migration.entry_of(kim) is None and migration.entry_of(pat).lasting() == before
    assert all(migration.server.box_dir(address).exists() for address in (kim, pat)), "mail was taken away"


# ---- the journal ----

def test_the_journal_is_of_one_directory(make_slapd, migration_at):
    one, other = make_slapd(), make_slapd(suffix="dc=other,dc=org")
    migration = migration_at(one)
    kim = migration.hire()
    migration.migrate_ok(kim)
    settings = other.settings()
    migration.server.write_conf(**{key: settings[key] for key in settings if key.startswith("directory")})
    result = migration.migrate(kim)
    assert result.code == 1 and "dc=example,dc=com" in result.err, result


def test_the_journal_is_nobody_elses_business(migration):
    kim = migration.hire()
    migration.migrate_ok(kim)
    there = migration.journal_path.stat()
    root = migration.server.mailroot.stat()
    assert (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid) == (0o600, root.st_uid, root.st_gid)
    assert migration.people[kim] not in migration.journal_path.read_text()
    assert migration.server.winpop_ok("list").splitlines() == [f"{migration.domain}\tunlocked\t1\topen\tdefault"]
