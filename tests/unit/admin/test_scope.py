"""What a delegate of example.com can reach, and what he is told, on a server that has example.org too.

DELEGATE names a front end that performs a command line for somebody of some domains only (delegate.c).
"""
import json
import os
import subprocess

import pytest

DELEGATE = os.environ["DELEGATE"]


class Caller:
    def __init__(self, place, domains):
        self.place, self.domains = place, domains

    def run(self, *words):
        return subprocess.run([DELEGATE, self.domains, *words], input="", env=self.place.env, capture_output=True, text=True,
                              timeout=60)

    def outcome(self, *words):
        done = self.run(*words)
        return done.stderr.splitlines()[-1], done.stdout + done.stderr

    def ok(self, *words):
        outcome, said = self.outcome(*words)
        assert outcome == "ok", said
        return said

    def json(self, *words):
        return json.loads(self.run(*words, "--json").stdout)


@pytest.fixture
def server(domain):
    """example.com has kim and lee; example.org has quentin and ottoline. kim counts against ottoline@example.org, quentin against lee."""
    domain.ok("add", "example.org")
    for box in ("lee@example.com", "quentin@example.org", "ottoline@example.org"):
        domain.ok("add", box, "/createuser", "x")
    for box in ("kim@example.com", "lee@example.com", "quentin@example.org"):
        domain.put_mail(box, 2)
    domain.ok("setquota", "ottoline@example.org", "1M")
    domain.ok("setquota", "lee@example.com", "1M")
    domain.ok("createquotafile", "kim@example.com", "/user:ottoline@example.org")
    domain.ok("createquotafile", "quentin@example.org", "/user:lee@example.com")
    return domain


@pytest.fixture
def delegate(server):
    return Caller(server, "example.com")


# Everything a delegate may try: the words, and how it ends.
HIS = [
    ("messages kim@example.com", "ok"), ("history", "ok"), ("history example.com", "ok"), ("history kim@example.com", "ok"),
    ("who", "temp"), ("who example.com", "temp"), ("who kim@example.com", "temp"), ("list example.com /limit 1", "ok"),
    ("list /limit 9 /match e", "ok"), ("stat example.com /limit 1 /match k", "ok"),
    ("list", "ok"), ("list example.com", "ok"), ("stat", "ok"), ("stat example.com", "ok"), ("stat /quota", "ok"),
    ("lock example.com", "ok"), ("unlock example.com", "ok"), ("lock kim@example.com", "ok"), ("unlock kim@example.com", "ok"),
    ("hold example.com", "ok"), ("unhold example.com", "ok"), ("hold kim@example.com", "ok"), ("unhold kim@example.com", "ok"),
    ("add new@example.com /createuser x", "ok"), ("changepwd kim@example.com new", "ok"),
    ("delete kim@example.com", "ok"), ("delete lee@example.com", "ok"), ("delete nobody@example.com", "absent"),
    ("createquotafile kim@example.com", "ok"), ("createquotafile kim@example.com /user:lee", "ok"),
    ("createquotafile kim@example.com /user:lee@example.com", "ok"),
    ("setquota lee@example.com", "ok"), ("setquota lee@example.com 2M /messages:7", "ok"), ("setquota lee@example.com default", "ok"),
    ("setexpire example.com 30", "ok"), ("setexpire example.com default", "ok"),
    ("check kim@example.com", "ok"), ("check example.com", "ok"), ("check", "ok"), ("check /repair", "ok"),
    ("kick example.com", "temp"), ("kick kim@example.com", "temp"), ("help", "ok"), ("help add", "ok"),
]
OTHERS = [f"{words} {whose}" for whose in ("example.org", "none.example", "Example.ORG.") for words in
          ("who", "history", "list /limit 9", "stat /limit 9", "list", "stat", "lock", "unlock", "hold", "unhold", "delete /y", "check", "check /repair", "kick", "add")] + [
    f"{words} {whose}" for whose in ("quentin@example.org", "quentin@none.example", "QUENTIN@EXAMPLE.ORG") for words in
    ("lock", "unlock", "hold", "unhold", "delete", "delete /now", "delete /deleteuser", "add", "add /createuser:x", "createquotafile",
     "createquotafile /user:kim@example.com", "messages", "messages /limit 3", "who", "history", "changepwd", "check", "kick", "setquota")] + [
    "changepwd quentin@example.org new", "setexpire example.org 3", "setexpire none.example 3", "kick *", "setquota quentin@example.org 1K",
    "setquota ottoline@example.org none", "setquota quentin@example.org default", "createquotafile kim@example.com /user:ottoline@example.org",
    "createquotafile kim@example.com /user:ghost@none.example", "createquotafile kim@example.com /user:quentin@EXAMPLE.ORG",
    "add example.com", "add new.example.com", "add kim.example.com", "delete example.com /y", "lock .", "list ../example.org",
]
# Names that are in no domain: a user of this computer, a logon name.
NOBODY = ["setquota quentin", "setquota daemon", "createquotafile kim@example.com /user:quentin", "createquotafile kim@example.com /user:daemon"]
NOT_DELEGATED = ["status", "get", "get port", "set port 1110", "reload", "migrateToAD example.com", "migrateToAD /all /dry-run",
                 "checkdirectory"]
HOST_ONLY = ["token list", "token add x", "setup", "console", "support", "init", "adopt /srv/mail", "rekey", "mta show", "purgepasswords"]


@pytest.mark.parametrize("line,outcome", HIS)
def test_his_own(delegate, line, outcome):
    assert delegate.outcome(*line.split())[0] == outcome


def tree(place):
    """All there is in the mail root but what is his, with its content."""
    return {p.relative_to(place.root): p.read_bytes() for p in place.root.rglob("*")
            if p.is_file() and "example.com" not in p.parts and not p.name.endswith(".ledger") and ".history" not in str(p)}


def test_others_are_refused_and_untouched(delegate):
    before = tree(delegate.place)
    for line in OTHERS:
        outcome, said = delegate.outcome(*line.split())
        assert outcome in ("denied", "usage"), (line, said)
        assert outcome == "denied" or line in ("lock .", "list ../example.org"), (line, said)
    assert tree(delegate.place) == before


def test_a_domain_that_is_not_his_is_as_one_that_is_not_there(delegate):
    for line in OTHERS:
        if "none.example" in line:
            there = line.replace("none.example", "example.org")
            one, other = delegate.outcome(*line.split())[1], delegate.outcome(*there.split())[1]
            assert one.replace("none.example", "example.org") == other


def test_users_of_no_domain(delegate):
    for line in NOBODY:
        assert delegate.outcome(*line.split())[0] == "absent", line


def test_whose_commands(server, delegate):
    whole = Caller(server, "*")
    for line in NOT_DELEGATED + HOST_ONLY:
        assert delegate.outcome(*line.split())[0] == "denied", line
    for line in HOST_ONLY + ["list --bind-as cn=admin"]:
        assert whole.outcome(*line.split())[0] == "denied", line
    for line in ["set user root", "set port 1110 console_rights /tmp/x", "set KEY_FILE /tmp/x", "migrateToAD /all /report /tmp/x",
                 "migrateToAD example.org /newpassword:/tmp/x"]:
        assert whole.outcome(*line.split())[0] == "denied", line
    for line in ["set threadcount 3", "get port", "list example.org", "add example.net", "delete example.net /y"]:
        whole.ok(*line.split())


def test_no_scope_at_all(server):
    nobody = Caller(server, ",")
    assert nobody.json("list") == {"domains": [], "ok": True}
    for line, _ in HIS:
        if "@" in line or "example.com" in line:
            assert nobody.outcome(*line.split())[0] == "denied", line


def test_nothing_names_another_domain(delegate):
    """Neither answers, notes, errors nor hints; asked for or not."""
    for line in [*[h[0] for h in HIS], *OTHERS, *NOBODY, *NOT_DELEGATED, *HOST_ONLY]:
        for form in ([], ["--json"]):
            said = delegate.outcome(*line.split(), *form)[1]
            if "example.org" not in line.lower():
                assert "example.org" not in said.lower(), line
            assert "ottoline" not in said or "ottoline" in line, line
            assert "quentin" not in said or "quentin" in line.lower(), line


def test_nothing_is_counted_of_others(server, delegate):
    assert [d["domain"] for d in delegate.json("list")["domains"]] == ["example.com"]
    stat = delegate.json("stat")
    assert (stat["domains"], stat["mailboxes"], stat["messages"]) == (1, 2, 4)
    kim = delegate.json("stat", "example.com")["per_mailbox"][0]
    assert (kim["quota_account"], kim["used"], kim["limit"]) == ("elsewhere", "?", "?")
    assert delegate.json("list", "example.com")["mailboxes"][0]["quota_account"] == "elsewhere"
    assert [a["quota_account"] for a in delegate.json("stat", "/quota")["quota_accounts"]] == ["lee@example.com"]
    assert len(Caller(server, "example.com,example.org").json("list")["domains"]) == 2


def test_a_check_leaves_others_counted(server, delegate):
    """The ledger of an account that quentin@example.org counts against is not swept of him."""
    before = server.json("setquota", "lee@example.com")
    assert before["used_messages"] == 4
    delegate.ok("check", "/repair")
    assert server.json("setquota", "lee@example.com") == before
    assert server.json("setquota", "ottoline@example.org")["used_messages"] == 2


def test_a_limit_that_others_share_stays(server, delegate):
    said = delegate.ok("delete", "lee@example.com")
    assert "limit" not in said
    assert server.json("setquota", "lee@example.com")["limit"] == 1 << 20


def test_damage_elsewhere_is_not_told(server, delegate):
    (server.root / "example.org" / "expire").write_text("whenever\n")
    (server.box("quentin@example.org") / "quota").write_text("nonsense\n")
    for limit in (server.root / ".quota").glob("*.limit"):
        if "ottoline" in limit.read_text():
            limit.write_text("nonsense\n")
    for line in ("list", "stat", "stat /quota", "check"):
        said = delegate.ok(*line.split())
        assert ".quota" not in said and "nonsense" not in said and "whenever" not in said
    assert server.run("check").returncode != 0


def test_two_domains_are_told_once_and_in_order(server):
    server.ok("add", "a.example")
    both = Caller(server, "example.org,a.example,example.org")
    assert [d["domain"] for d in both.json("list")["domains"]] == ["a.example", "example.org"]
    page = both.json("list", "/limit", "1")
    assert (page["total"], page["more"], [d["domain"] for d in page["domains"]]) == (2, "example.org", ["a.example"])
    assert both.json("stat")["mailboxes"] == 2


def test_history_is_no_way_to_ask(server, delegate):
    """What was typed in vain is not repeated where another domain's name would be left out."""
    for whose in ("x@example.org", "x@none.example"):
        delegate.run("createquotafile", "kim@example.com", f"/user:{whose}")
    one, other = delegate.json("history", "/limit", "2")["actions"]
    assert one | {"time": ""} == other | {"time": ""}
    assert "example.org" in server.json("history", "/limit", "2")["actions"][1]["text"]


def test_what_he_did_and_tried_is_noted(server, delegate):
    for words in (["lock", "kim@example.com"], ["lock", "quentin@example.org"], ["set", "port", "1"]):
        delegate.run(*words)
    rows = [(a["who"], a["from"], a["command"], a["result"]) for a in server.json("history", "/limit", "3")["actions"]]
    assert rows == [("pat@example.com", "192.0.2.7", *r) for r in (("set", "denied"), ("lock", "denied"), ("lock", "ok"))]


def test_a_password_is_not_asked_for(delegate):
    outcome, said = delegate.outcome("changepwd", "kim@example.com")
    assert outcome == "usage" and "password is missing" in said
    assert delegate.outcome("add", "new@example.com", "/createuser")[0] == "usage"


def test_confirmation_is_a_switch(server):
    outcome, said = Caller(server, "*").outcome("delete", "example.org")
    assert outcome == "refused" and "/y" in said
