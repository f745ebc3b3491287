"""Limits, accounts, what is used, and what a count of the files finds."""
import json
import os

import pytest


@pytest.fixture
def club(domain):
    """kim and lee count against quota@example.com, each with a message of 100 octets; max only against himself."""
    for name in ("lee", "max", "quota"):
        domain.ok("add", f"{name}@example.com", "/createuser", "x")
    for name in ("kim", "lee"):
        domain.put_mail(f"{name}@example.com", 1)
        domain.ok("createquotafile", f"{name}@example.com", "/user:quota")
    return domain


def shown(place, *words):
    return dict(line.split("\t") for line in place.ok("setquota", *words).splitlines() if "\t" in line)


def limit(place, account):
    fields = shown(place, account)
    return fields["limit"], fields["limit_messages"], fields["limit_from"]


# ---- setquota ----

@pytest.mark.parametrize("words,is_now", [
    (["500M"], ("524288000", "-", "table")), (["1000"], ("1000", "-", "table")), (["2g"], ("2147483648", "-", "table")),
    (["1M", "/messages:7"], ("1048576", "7", "table")), (["/messages", "7"], ("-", "7", "table")),
    (["none"], ("-", "-", "table")), (["NONE", "--messages=3"], ("-", "3", "table")), (["default"], ("9000", "-", "settings"))])
def test_what_is_said_is_set(domain, words, is_now):
    domain.ok("set", "quota_bytes", "9000")
    assert limit(domain, "kim@example.com") == ("9000", "-", "settings")
    domain.ok("setquota", "Kim@Example.com", *words)
    assert limit(domain, "kim@example.com") == is_now


def test_what_is_not_said_stays(domain):
    domain.ok("setquota", "kim@example.com", "1K", "/messages:5")
    domain.ok("setquota", "kim@example.com", "2K")
    assert limit(domain, "kim@example.com") == ("2048", "5", "table")
    domain.ok("setquota", "kim@example.com", "/messages:none")
    assert limit(domain, "kim@example.com") == ("2048", "-", "table")
    domain.ok("setquota", "kim@example.com", "default")
    domain.ok("setquota", "kim@example.com", "default")
    assert limit(domain, "kim@example.com") == ("-", "-", "-")


@pytest.mark.parametrize("words", [["0"], ["5X"], ["-5"], [""], ["1.5G"], ["99999999T"], ["/messages:0"], ["/messages:many"],
                                   ["/messages:-1"], ["/messages:4294967296"], ["default", "/messages:3"], ["5M", "6M"]])
def test_what_is_no_limit(domain, words):
    domain.ok("setquota", "kim@example.com", "1K")
    domain.fails(2, "setquota", "kim@example.com", *words)
    assert limit(domain, "kim@example.com") == ("1024", "-", "table")


def test_whose_limit(domain):
    domain.fails(1, "setquota", "nobody@example.com", "5M")
    domain.fails(1, "setquota", "no-such-user", "5M")
    assert "administrator" in domain.fails(1, "setquota", "root", "5M")
    done = domain.run("setquota", "daemon", "5M")
    assert done.returncode == 0 and "createquotafile UserName@DomainName /user:daemon" in done.stderr
    domain.ok("createquotafile", "kim@example.com", "/user:daemon")
    assert domain.run("setquota", "daemon").stderr == "", "it is used now"
    assert domain.run("setquota", "kim@example.com").stderr != "", "and that one no more"
    domain.fails(2, "setquota")


def test_a_limit_that_cannot_be_read_is_mended(domain):
    for words in (["5M", "/messages:none"], ["default"], ["none"]):
        domain.ok("setquota", "kim@example.com", "1M")
        file = next((domain.root / ".quota").glob("*.limit"))
        file.write_text("account = kim@example.com\nbytes = plenty\n")
        assert "/messages" in domain.fails(4, "setquota", "kim@example.com", "5M")
        assert "limit file" in domain.run("check").stdout
        domain.ok("setquota", "kim@example.com", *words)
    domain.ok("check")


def test_over_a_new_limit(club):
    done = club.run("setquota", "quota@example.com", "150")
    assert done.returncode == 0 and "percent\t133\n" in done.stdout and "over its limit" in done.stderr


# ---- what is used ----

def test_accounts_are_added_up(club):
    fields = shown(club, "quota@example.com", "1000", "/messages:4")
    assert (fields["used"], fields["used_messages"], fields["percent"]) == ("200", "2", "50"), "of the nearer limit"
    said = club.json("stat", "example.com")["per_mailbox"]
    assert {row["mailbox"]: (row["quota_account"], row["used"], row["limit"], row["percent"]) for row in said} == {
        "kim@example.com": ("quota@example.com", 200, 1000, 50), "lee@example.com": ("quota@example.com", 200, 1000, 50),
        "max@example.com": ("max@example.com", 0, "-", "-"), "quota@example.com": ("quota@example.com", 200, 1000, 50)}
    club.ok("setquota", "max@example.com", "10")
    club.ok("setquota", "daemon", "10")
    assert [[row[0], row[1], row[-1]] for row in club.rows("stat", "/quota")] == [
        ["max@example.com", "0", "1"], ["quota@example.com", "200", "3"], ["daemon", "0", "0"]]
    club.fails(2, "stat", "example.com", "/quota")


def test_near_and_full(club):
    def counts():
        said = club.json("stat")
        return said["accounts_near_limit"], said["accounts_full"]

    assert counts() == (0, 0)
    for amount, expected in ((1000, (0, 0)), (223, (0, 0)), (222, (1, 0)), (200, (1, 1)), (100, (1, 1))):
        club.ok("setquota", "quota@example.com", str(amount))
        assert counts() == expected, amount
    club.ok("set", "quota_warn", "0")
    assert counts() == (0, 1)
    club.ok("delete", "quota@example.com")
    assert counts() == (0, 1), "an account without a mailbox of its own"


def test_createquotafile_counts_at_once(club):
    club.put_mail("max@example.com", 3)
    answer = json.loads(club.ok("createquotafile", "max@example.com", "/user:Quota@Example.com", "--json"))
    assert (answer["quota_account"], answer["used"], answer["used_messages"]) == ("quota@example.com", 500, 5)
    club.ok("createquotafile", "max@example.com")
    assert shown(club, "quota@example.com")["used"] == "200"


def test_a_limit_goes_with_its_account(club):
    for name in ("max", "quota"):
        club.ok("setquota", f"{name}@example.com", "5M")
    club.ok("delete", "max@example.com")
    club.ok("add", "max@example.com", "/createuser", "x")
    assert limit(club, "max@example.com") == ("-", "-", "-")
    assert "limit of quota@example.com stays" in club.run("delete", "quota@example.com").stderr
    assert limit(club, "quota@example.com") == ("5242880", "-", "table")
    club.ok("delete", "example.com", "/y")
    assert not list((club.root / ".quota").glob("*.limit"))
    assert club.json("stat", "/quota")["quota_accounts"] == []


# ---- check ----

def problems(place, *words):
    done = place.run("check", *words, "--json")
    said = json.loads(done.stdout)
    return done.returncode, sorted((row["what"], row["problem"], row["repaired"]) for row in said["findings"])


def test_check_finds_nothing(club):
    assert problems(club) == problems(club, "example.com") == problems(club, "kim@example.com") == (0, [])
    club.fails(1, "check", "nowhere.org")
    club.fails(1, "check", "nobody@example.com")


def test_check_counts_and_repairs(club):
    club.put_mail("kim@example.com", 1, 50)
    code, found = problems(club)
    assert code == 1 and ("quota@example.com", "ledger", "no") in found and found[0][0] == "kim@example.com", found
    assert "check /repair" in club.fails(1, "check")
    assert problems(club, "lee@example.com") == (0, [])
    code, found = problems(club, "/repair")
    assert code == 0 and {row[2] for row in found} == {"yes"}, found
    assert problems(club) == (0, []) and shown(club, "quota@example.com")["used"] == "250"


def test_check_takes_copies_in_and_ghosts_out(club):
    quota = (club.box("kim@example.com") / "quota").read_bytes()
    club.put_mail("max@example.com", 1)
    (club.box("max@example.com") / "quota").write_bytes(quota)
    code, found = problems(club)
    assert code == 1 and ("quota@example.com", "ledger", "no") in found, found
    assert problems(club, "/repair")[0] == 0
    assert shown(club, "quota@example.com")["used"] == "300"
    os.rename(club.box("max@example.com"), club.path / "elsewhere")
    assert problems(club)[0] == 1  # settled in this very second, perhaps
    assert problems(club, "/repair") == (0, [(".quota", "ledger", "yes")])
    assert problems(club) == (0, []) and shown(club, "quota@example.com")["used"] == "200"


def test_check_names_what_only_people_can_mend(club):
    (club.box("kim@example.com") / "quota").write_bytes(b"\0")
    (club.box("lee@example.com") / "quota").write_text("account = ghost@example.com\n")
    (club.box("max@example.com") / "hold").mkdir()
    (club.root / "example.com" / "expire").write_text("days = soon\n")
    expected = [("example.com", "expire", "no"), ("ghost@example.com", "no-account", "no"), ("kim@example.com", "quota-file", "no"),
                ("max@example.com", "hold", "no")]
    for words in ([], ["/repair"]):
        code, found = problems(club, *words)
        assert code == 1 and [row for row in found if row[1] != "ledger"] == expected, found
    assert [row[4] for row in club.rows("list", "example.com")] == ["?", "ghost@example.com", "-", "-"]
    club.ok("setquota", "ghost@example.com", "1M")  # an account that is there for its limit
    club.ok("createquotafile", "kim@example.com")
    (club.box("max@example.com") / "hold").rmdir()
    (club.root / "example.com" / "expire").unlink()
    club.ok("check", "/repair")
    assert problems(club) == (0, [])
