"""Domains, mailboxes, locks, statistics, accounts, as an administrator types them."""
import contextlib

import pytest

from winpop import Session


# ---- domains and mailboxes ----

def test_add_domain(place):
    place.ok("add", "Example.COM")
    assert (place.root / "example.com").is_dir()
    assert "exists" in place.fails(1, "add", "example.com")
    for bad in ("-x.org", "a..b", "x/y", "../up", "a" * 300, "ex ample.com", ""):
        place.fails(2, "add", bad)
    done = place.run("add", "localhost")
    assert done.returncode == 0 and "note: localhost" in done.stderr
    assert sorted(p.name for p in place.root.iterdir() if not p.name.startswith(".")) == ["example.com", "localhost"]


def test_add_mailbox_without_account_is_refused(domain):
    text = domain.fails(1, "add", "lee@example.com")
    assert "/createuser" in text
    assert not domain.box("lee@example.com").exists()


@pytest.mark.parametrize("words", [
    ["/createuser", "pw"], ["/createuser:pw"], ["--createuser", "pw"], ["--createuser=pw"], ["/CreateUser", "pw"],
    ["/createuser", "-"], ["/createuser"]])
def test_add_mailbox(domain, words):
    domain.ok("ADD", "Lee@Example.com", *words, stdin="pw\nrest of a script\n")
    assert domain.box("lee@example.com").is_dir()
    assert domain.rows("list", "example.com")[1] == ["lee@example.com", "unlocked", "-", "lee@example.com", "-", "open", "-"]


def test_add_mailbox_refusals(domain):
    assert "winpop add nowhere.org" in domain.fails(1, "add", "kim@nowhere.org", "/createuser", "x")
    assert "exists" in domain.fails(1, "add", "kim@example.com", "/createuser", "x")
    assert "empty" in domain.fails(2, "add", "lee@example.com", "/createuser", "")
    assert "standard input" in domain.fails(2, "add", "lee@example.com", "/createuser", "-")
    for bad in ("a/b", "../..", "a b", "a" * 65, "", "a\x01b", "a\\b", "a:b", "a\udcff"):
        domain.fails(2, "add", bad + "@example.com", "/createuser", "x")
    assert len(domain.rows("list", "example.com")) == 1


def test_names_of_full_length_and_utf8(domain):
    for local in ("a" * 64, "bö", "a+b", "c%s%n", "-x"):
        domain.ok("add", local + "@example.com", "/createuser", "x")
    assert len(domain.rows("list", "example.com")) == 6
    domain.ok("add", "bücher.example")
    assert ["xn--bcher-kva.example", "unlocked", "0", "open", "default"] in domain.rows("list")


def test_delete_mailbox(domain):
    for words in ([], ["/deleteuser"], ["--deleteuser"]):
        domain.ok("add", "lee@example.com", "/createuser:x")
        domain.put_mail("lee@example.com", 3)
        domain.ok("delete", "lee@example.com", *words)
        assert not domain.box("lee@example.com").exists()
    domain.fails(1, "delete", "lee@example.com")
    domain.ok("lock", "kim@example.com")
    domain.ok("lock", "example.com")
    domain.ok("delete", "kim@example.com")


def test_what_is_in_use_is_not_deleted(domain):
    with contextlib.closing(Session(domain, "kim@example.com")):
        for words in (["kim@example.com"], ["kim@example.com", "/deleteuser"], ["example.com", "/y"]):
            text = domain.fails(1, "delete", *words)
            assert "winpop kick" in text and "/now" in text
        assert domain.rows("list", "example.com")[0][3] == "kim@example.com"
        domain.ok("lock", "kim@example.com")
        domain.ok("changepwd", "kim@example.com", "new")
    domain.ok("delete", "kim@example.com")


def test_delete_domain_wants_to_be_sure(domain):
    domain.put_mail("kim@example.com", 2)
    assert "/y" in domain.fails(1, "delete", "example.com")
    assert domain.box("kim@example.com").is_dir()
    domain.ok("delete", "example.com", "/y")
    assert not (domain.root / "example.com").exists()
    domain.fails(1, "delete", "example.com", "/y")
    domain.fails(2, "delete", "other.com", "/deleteuser", "/y", "/x")


def test_list(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("add", "a.org")
    assert domain.rows("list") == [["a.org", "unlocked", "0", "open", "default"], ["example.com", "unlocked", "2", "open", "default"]]
    assert [r[0] for r in domain.rows("list", "EXAMPLE.com")] == ["ann@example.com", "kim@example.com"]
    assert domain.rows("list", "a.org") == []
    domain.fails(1, "list", "b.org")
    domain.fails(2, "list", "kim@example.com")
    assert domain.json("list") == {"ok": True, "domains": [
        {"domain": "a.org", "state": "unlocked", "mailboxes": 0, "delivery": "open", "expire": "default"},
        {"domain": "example.com", "state": "unlocked", "mailboxes": 2, "delivery": "open", "expire": "default"}]}


def test_damaged_account_shows_and_is_mended(domain):
    record = [p for p in domain.box("kim@example.com").iterdir() if "password" in p.name.lower()]
    assert len(record) == 1
    record[0].write_bytes(b"\0garbage")
    done = domain.run("list", "example.com")
    assert done.returncode == 0 and "\t?\t" in done.stdout and "changepwd" in done.stderr
    domain.ok("changepwd", "kim@example.com", "new")
    assert domain.rows("list", "example.com")[0][3] == "kim@example.com"


@pytest.mark.parametrize("file,content", [("quota", b"\0\0"), ("quota", b"x\xffy"), ("lock", b"\xff")])
def test_damaged_files_do_not_stand_in_the_way(domain, file, content):
    def damage():
        (domain.box("kim@example.com") / file).write_bytes(content)

    for words in (["changepwd", "kim@example.com", "x"], ["lock", "kim@example.com"], ["unlock", "kim@example.com"],
                  ["createquotafile", "kim@example.com"]):
        damage()
        domain.ok(*words)
    damage()
    assert domain.json("list", "example.com")["mailboxes"][0]["mailbox"] == "kim@example.com"
    assert domain.json("stat")["mailboxes"] == domain.json("stat", "example.com")["mailboxes"] == 1
    domain.ok("delete", "kim@example.com", "/deleteuser")
    domain.ok("list", "example.com")


# ---- locks ----

def states(place):
    return {r[0]: (r[1], r[2]) for r in place.rows("list", "example.com")}


def test_locks_are_two_flags(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("lock", "ann@example.com")
    domain.ok("lock", "ann@example.com")
    assert states(domain) == {"ann@example.com": ("locked", "mailbox"), "kim@example.com": ("unlocked", "-")}
    domain.ok("lock", "example.com")
    domain.ok("LOCK", "example.com")
    assert domain.rows("list")[0][1] == "locked"
    assert states(domain) == {"ann@example.com": ("locked", "both"), "kim@example.com": ("locked", "domain")}
    assert "winpop unlock example.com" in domain.fails(1, "unlock", "kim@example.com")
    domain.fails(1, "unlock", "ann@example.com")
    domain.ok("unlock", "example.com")
    domain.ok("unlock", "example.com")
    assert states(domain) == {"ann@example.com": ("locked", "mailbox"), "kim@example.com": ("unlocked", "-")}
    domain.ok("unlock", "ann@example.com")
    domain.ok("unlock", "kim@example.com")
    domain.fails(1, "lock", "nobody@example.com")
    domain.fails(1, "unlock", "nowhere.org")


# ---- statistics ----

def test_stat(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("add", "b.org")
    domain.put_mail("kim@example.com", 3, 100)
    domain.put_mail("ann@example.com", 1, 50)
    domain.ok("lock", "b.org")
    whole = domain.json("stat")
    assert whole.pop("per_domain") == [
        {"domain": "b.org", "state": "locked", "mailboxes": 0, "messages": 0, "disk_use": 0},
        {"domain": "example.com", "state": "unlocked", "mailboxes": 2, "messages": 4, "disk_use": 350}]
    assert whole == {"ok": True, "domains": 2, "mailboxes": 2, "messages": 4, "disk_use": 350, "accounts_near_limit": 0,
                     "accounts_full": 0}
    one = domain.json("stat", "example.com")
    assert one["per_mailbox"][1] == {"mailbox": "kim@example.com", "state": "unlocked", "locked_by": "-", "messages": 3,
                                     "disk_use": 300, "quota_account": "kim@example.com", "used": 300, "limit": "-", "percent": "-"}
    assert (one["mailboxes"], one["messages"], one["disk_use"]) == (2, 4, 350)
    text = domain.ok("stat")
    assert text.endswith("\n\ndomains\t2\nmailboxes\t2\nmessages\t4\ndisk_use\t350\naccounts_near_limit\t0\naccounts_full\t0\n")
    domain.fails(1, "stat", "c.org")


# ---- accounts ----

def test_changepwd(domain):
    record = next(p for p in domain.box("kim@example.com").iterdir() if "password" in p.name.lower())
    seen = {record.read_bytes()}
    for words, stdin in ((["new"], ""), (["-"], "new\n"), ([], "new\r\n"), (["/slash"], ""), (["--dashes"], "")):
        domain.ok("changepwd", "kim@example.com", *words, stdin=stdin)
        seen.add(record.read_bytes())
    assert len(seen) == 6
    domain.ok("lock", "kim@example.com")
    domain.ok("changepwd", "kim@example.com", "while locked")
    domain.fails(1, "changepwd", "nobody@example.com", "x")
    domain.fails(2, "changepwd", "example.com", "x")
    domain.fails(2, "changepwd", "kim@example.com", "")
    domain.fails(2, "changepwd", "kim@example.com", "-", stdin="x" * 5000)


def test_createquotafile(domain):
    domain.ok("add", "quota@example.com", "/createuser", "x")

    def account():
        return domain.rows("list", "example.com")[0][4]

    domain.ok("createquotafile", "kim@example.com")
    assert account() == "kim@example.com"
    for words in (["/user:quota"], ["/user", "quota"], ["--user=quota@example.com"]):
        domain.ok("CreateQuotaFile", "kim@example.com", *words)
        assert account() == "quota@example.com"
    domain.ok("createquotafile", "kim@example.com", "/user:daemon")
    assert account() == "daemon"
    domain.fails(1, "createquotafile", "kim@example.com", "/user:no-such-account")
    domain.fails(1, "createquotafile", "kim@example.com", "/user:root")
    domain.fails(1, "createquotafile", "nobody@example.com")
    domain.fails(2, "createquotafile", "example.com")
    assert account() == "daemon"


def test_migrate_is_refused_and_touches_nothing(domain):
    def content():
        return {p: p.stat().st_mtime_ns for p in domain.root.rglob("*") if p.name != ".history"}

    before = content()
    assert "directory_servers" in domain.fails(4, "migrateToAD", "kim@example.com")
    assert "no mailbox" in domain.fails(1, "migratetoad", "nobody@example.com")
    assert "no domain" in domain.fails(1, "migratetoad", "nowhere.org")
    for words in ([], ["/all", "example.com"], ["/all", "/parallel", "0"], ["/all", "/parallel", "65"], ["/all", "/rate", "-1"],
                  ["/all", "/rate", "many"], ["/all", "/undo", "/dry-run"], ["/all", "/undo", "/link"], ["/all", "/report", "x.pdf"]):
        domain.fails(2, "migratetoad", *words)
    assert content() == before


def test_migrate_asks_for_files_first(domain):
    """Nobody is migrated whose new password could not be written down."""
    away = ("directory_servers", "ldap://127.0.0.1:1", "directory_starttls", "no", "directory_bind", "external", "role", "member")
    domain.ok("set", *away)
    new = domain.path / "new"
    new.write_text("theirs")
    new.chmod(0o644)
    assert "others could read it" in domain.fails(1, "migrateToAD", "/all", "/newpassword", str(new))
    assert new.read_text() == "theirs"
    new.unlink()
    both = str(domain.path / "both.txt")
    assert "cannot have both" in domain.fails(2, "migrateToAD", "/all", "/newpassword", both, "/report", f"{domain.path}/./both.txt")
    assert not (domain.path / "both.txt").exists()
    domain.fails(4, "migrateToAD", "/all", "/newpassword", str(new))  # the directory is away
    assert not new.exists()
    domain.fails(1, "migrateToAD", "/all", "/report", str(domain.path / "no/such/place.csv"))
    assert not (domain.root / ".migration").exists()


def test_purgepasswords(domain):
    assert "authentication is file" in domain.fails(1, "purgepasswords", "/y")
    domain.ok("add", "lee@example.com", "/createuser", "x")
    domain.ok("set", "directory_servers", "ldap://127.0.0.1:1", "directory_starttls", "no", "directory_bind", "external", "role", "member")
    domain.conf.write_text(domain.conf.read_text() + "authentication = ad\n")
    (domain.root / ".migration").write_text("of a migration")
    assert "/y" in domain.fails(1, "purgepasswords")
    assert len(list(domain.root.rglob("password"))) == 2 and domain.keys.exists()
    said = domain.json("purgepasswords", "/y")
    assert (said["removed"], said["failed"], said["ok"]) == (2, 0, True)
    assert not list(domain.root.rglob("password")) and not domain.keys.exists() and not (domain.root / ".migration").exists()
    assert domain.json("purgepasswords", "/y")["removed"] == 0
    domain.conf.write_text(domain.conf.read_text().replace("authentication = ad\n", ""))
    assert domain.box("kim@example.com").exists()


def test_purgepasswords_keeps_the_keys_until_all_is_gone(domain):
    """A record that is a directory, which nothing of ours would have made, cannot be removed as a file."""
    domain.ok("set", "directory_servers", "ldap://127.0.0.1:1", "directory_starttls", "no", "directory_bind", "external", "role", "member")
    domain.ok("add", "lee@example.com", "/createuser", "x")
    domain.conf.write_text(domain.conf.read_text() + "authentication = ad\n")
    record = domain.box("lee@example.com") / "password"
    record.unlink()
    record.mkdir()
    assert "keys are kept" in domain.fails(5, "purgepasswords", "/y")
    assert domain.keys.exists() and not (domain.box("kim@example.com") / "password").exists()
    record.rmdir()
    domain.ok("purgepasswords", "/y")
    assert not domain.keys.exists()


def test_csv_is_a_table(domain):
    assert domain.ok("list", "--csv") == "domain,state,mailboxes,delivery,expire\nexample.com,unlocked,1,open,default\n"  # text mode of this test: CRLF is LF
    assert domain.ok("lock", "example.com", "--csv") == "domain,state\nexample.com,locked\n"
    assert "mailbox" in domain.run("stat", "example.com", "--csv").stdout.split("\n\n")[0]
    domain.fails(2, "list", "--csv", "--json")


def test_rekey(domain):
    for i in range(5):
        domain.ok("add", f"box{i}@example.com", "/createuser", "x")
    old = domain.keys.read_text()
    assert domain.json("rekey") == {"ok": True, "reencrypted": 6, "failed": 0}
    new = domain.keys.read_text()
    assert old.strip() not in new and new.count("key =") == 1
    assert domain.keys.stat().st_mode & 0o777 == 0o600
    assert "?" not in domain.ok("list", "example.com")


def test_rekey_tells_what_it_could_not_do(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    record = next(p for p in domain.box("ann@example.com").iterdir() if "password" in p.name.lower())
    record.write_bytes(b"garbage\n")
    done = domain.run("rekey")
    assert done.returncode == 5 and "ann@example.com" in done.stderr
    assert domain.keys.read_text().count("key =") == 2
    domain.ok("changepwd", "ann@example.com", "x")
    domain.ok("rekey")
    assert domain.keys.read_text().count("key =") == 1


def test_list_counts_damaged_accounts(domain):
    for name, words in ("kim@example.com", "1 account could"), ("lee@example.com", "2 accounts could"):
        if name.startswith("lee"):
            domain.ok("add", name, "/createuser", "x")
        (domain.box(name) / "password").write_text("junk")
        assert words in domain.run("list", "example.com").stderr
