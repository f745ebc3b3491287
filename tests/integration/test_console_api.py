"""The console's API: what `winpop --json` says, over HTTPS; tokens, jobs, mail programs' settings, users of this computer."""
import contextlib
import json
import re
import shutil
import xml.etree.ElementTree as xml

import pytest

from fixtures.console import Console
from fixtures.localaccounts import SOURCE, LocalAccounts
from fixtures.waiting import wait_until
from fixtures.winpopd import running, servers
from test_console_security import OURS, PASSWORD, Browser

KIM, ANN = "kim@" + OURS, "ann@" + OURS


@pytest.fixture(scope="module")
def console(build, certs):
    with running(build, certs) as server:
        for address in (KIM, ANN):
            server.winpop_ok("add", address, "/createuser", PASSWORD)
        console = Console(server, {KIM: "*", ANN: OURS}).start()
        try:
            yield console
        finally:
            console.close()


@pytest.fixture
def whole(console):
    return Browser(console, KIM)


# ---- the same as the command line ----

@pytest.mark.parametrize("line", ["list", f"list {OURS}", f"stat {OURS}", "get", "get console_port", f"messages {KIM}", "checkdirectory",
                                  "list nowhere.example", "stat nobody@" + OURS, "who", "help list"])
def test_both_ways_say_the_same(console, whole, line):
    command, *arguments = line.split()
    typed = console.server.winpop(*line.split(), "--json")
    asked = whole.run(command, *arguments)
    assert asked.json == json.loads(typed.out)
    assert (asked.status == 200) == (typed.code == 0)


def test_classes_have_their_status(whole):
    for status, command, *arguments in ((404, "stat", "nowhere.example"), (409, "add", OURS), (400, "stat", "nobody@" + OURS),
                                        (400, "list", "a", "b", "c")):
        answer = whole.run(command, *arguments)
        assert answer.status == status and answer.json["ok"] is False and answer.json["error"]["text"], (command, answer)


def test_what_is_changed_here_is_seen_by_mail_programs(console, whole):
    new = "new@" + OURS
    assert whole.run("add", new, switches={"createuser": True}, password="pw-new").status == 200
    console.server.session(new, "pw-new").quit()
    assert whole.run("lock", new).status == 200
    with console.server.pop() as pop:
        pop.ok(f"USER {new}")
        assert pop.cmd("PASS pw-new").startswith(b"-ERR")
    assert whole.run("unlock", new).status == 200
    assert whole.run("delete", new, switches={"deleteuser": True}).status == 200


def test_who_did_it_is_written_down(console, whole):
    assert whole.run("hold", ANN).status == 200
    assert whole.run("unhold", ANN).status == 200
    last = whole.run("history").json["actions"][0]
    assert last["command"] == "unhold" and last["target"] == ANN and KIM in last["who"] and "127.0.0.1" in last["from"], last


def test_the_session_tells_the_page_what_it_needs(console, whole):
    told = whole.ask("GET", "/api/v1/session").json
    assert told == {"ok": True, "who": KIM, "whole": True, "domains": [], "csrf": whole.csrf, "computer": "pop.example.com",
                    "idle": 900, "authentication": "file", "create_user": True}
    delegate = Browser(console, ANN).ask("GET", "/api/v1/session").json
    assert (delegate["whole"], delegate["domains"]) == (False, [OURS])


def test_the_menu_is_what_may_be_run(console, whole):
    document = console.get("/openapi.json").json
    menu = whole.ask("GET", "/api/v1/commands").json
    paths = {path.rsplit("/", 1)[1] for path, ways in document["paths"].items() if "x-winpop-scope" in ways.get("post", {})}
    assert {row["name"] for row in menu["commands"]} == paths
    assert {"logging", "console_idle", "create_user"} <= {row["name"] for row in menu["settings"]}
    narrow = Browser(console, ANN).ask("GET", "/api/v1/commands").json
    assert {row["name"] for row in narrow["commands"]} == {row["name"] for row in menu["commands"] if row["scope"] == "domain"}


def test_the_document_is_sound(console):
    document = console.get("/openapi.json").json
    assert document["openapi"].startswith("3.1") and document["info"]["version"]
    ids = [op["operationId"] for ways in document["paths"].values() for op in ways.values()]
    assert len(ids) == len(set(ids))
    schemes = document["components"]["securitySchemes"]
    for path, ways in document["paths"].items():
        for op in ways.values():
            assert op["summary"] and op["responses"]["200"]["description"]
            assert all(name in schemes for way in op["security"] for name in way)
            inside = {p["name"] for p in op.get("parameters", []) if p["in"] == "path"}
            assert inside == set(re.findall(r"{(\w+)}", path))


# ---- tokens ----

def test_tokens_are_for_scripts(console):
    server = console.server
    text = re.search(r"wpt_[\w-]+", server.winpop_ok("token", "add", "backup", OURS)).group()
    bearer = {"Authorization": f"Bearer {text}"}
    assert console.ask("GET", "/api/v1/session", headers=bearer).json["who"] == "token:backup"
    listed = console.ask("POST", "/api/v1/commands/list", {}, bearer)
    assert [row["domain"] for row in listed.json["domains"]] == [OURS]
    assert console.ask("POST", "/api/v1/commands/set", {"arguments": ["logging", "3"]}, bearer).status == 403
    assert console.ask("POST", "/api/v1/sign-out", {}, bearer).status == 400
    assert console.ask("GET", "/metrics", headers=bearer).status == 403
    for wrong in (text[:-1], text + "x", text.swapcase(), "", "wpt_"):
        assert console.ask("GET", "/api/v1/session", headers={"Authorization": f"Bearer {wrong}"}).status == 401, wrong
    assert console.ask("GET", "/api/v1/session", headers={"Authorization": f"Basic {text}"}).status == 401
    server.winpop_ok("token", "delete", "backup")
    assert console.ask("GET", "/api/v1/session", headers=bearer).status == 401
    assert text not in console.log_text() and console.events("console-token-refused")


# ---- jobs ----

def ended(browser, job):
    def look():
        answer = browser.ask("GET", f"/api/v1/jobs/{job}")
        return answer.json["state"] != "running" and answer.json
    return wait_until(look, why="the job does not end")


def test_a_job_tells_what_the_command_would_have(console, whole):
    begun = whole.ask("POST", "/api/v1/commands/check?job=1", {"arguments": [OURS]})
    assert begun.status == 202, begun
    job = ended(whole, begun.json["job"])
    assert job["state"] == "done" and job["command"] == "check" and job["arguments"] == [OURS] and job["who"] == KIM
    assert job["result"] == json.loads(console.server.winpop("check", OURS, "--json").out)
    assert begun.json["job"] in [row["job"] for row in whole.ask("GET", "/api/v1/jobs").json["jobs"]]
    failed = whole.ask("POST", "/api/v1/commands/check?job=1", {"arguments": ["nowhere.example"]})
    job = ended(whole, failed.json["job"])
    assert job["state"] == "failed" and job["result"]["error"]["class"] == "absent"


def migrate_by(migration, whole, people, before):
    plan = whole.ask("POST", "/api/v1/commands/migrateToAD?job=1", {"arguments": [migration.domain], "switches": {"dry-run": True}})
    told = ended(whole, plan.json["job"])
    assert told["state"] == "done" and people[0] in json.dumps(told["result"]), told
    assert migration.dump() == before
    done = whole.ask("POST", "/api/v1/commands/migrateToAD?job=1", {"arguments": [people[0]]})
    assert ended(whole, done.json["job"])["state"] == "done"
    migration.check(made=[people[0]])


def test_a_migration_by_the_console(migration, certs):
    people = [migration.hire() for _ in range(3)]
    boss = migration.hire("boss", "pw-boss")
    before, space = migration.dump(), migration.server.space
    console = Console(migration.server, {boss: "*"}, console_certificate=certs.dir / "pop.example.com.crt",
                      console_key=certs.dir / "pop.example.com.key").start()
    try:
        with space.inside() if space else contextlib.nullcontext():
            migrate_by(migration, Browser(console, boss, "pw-boss"), people, before)
    finally:
        console.close()


# ---- others who ask ----

def test_load_balancers_and_monitors(console, whole):
    assert console.get("/health").status == 200
    assert console.get("/metrics").status == 401
    told = whole.ask("GET", "/metrics")
    assert told.status == 200 and told.headers["Content-Type"].startswith("application/openmetrics-text") and b"# EOF" in told.body, told


def test_health_is_what_the_service_says(console):
    """It answers, and is not well: clients should be sent elsewhere."""
    root = console.server.mailroot
    root.rename(root.with_name("away"))
    try:
        wait_until(lambda: console.get("/health").status == 503, why="a service without its mail root is healthy")
        assert str(root) not in console.get("/health").body.decode()
    finally:
        root.with_name("away").rename(root)
    wait_until(lambda: console.get("/health").status == 200, why="it is well again")


def test_thunderbird_finds_its_settings(console):
    for path in ("/mail/config-v1.1.xml?emailaddress=kim%40example.com", "/.well-known/autoconfig/mail/config-v1.1.xml"):
        answer = console.get(path, Host="autoconfig.example.com")
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/xml")
        [server] = xml.fromstring(answer.body).iter("incomingServer")
        assert server.get("type") == "pop3" and server.findtext("port") == str(console.server.tls_port)
        assert server.findtext("hostname") == "pop.example.com" and server.findtext("username") == "%EMAILADDRESS%"
        assert server.findtext("socketType") == "SSL"


def test_outlook_finds_its_settings(console):
    body = b"<Autodiscover><Request><EMailAddress>kim@example.com</EMailAddress></Request></Autodiscover>"
    answer = console.ask("POST", "/autodiscover/autodiscover.xml", body, {"Content-Type": "text/xml", "Host": "autodiscover.example.com"})
    spaces = {"o": "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"}
    [pop3, smtp] = xml.fromstring(answer.body).iterfind(".//o:Protocol", spaces)
    assert pop3.findtext("o:Port", None, spaces) == str(console.server.tls_port)
    assert pop3.findtext("o:LoginName", None, spaces) == "kim@example.com"
    assert smtp.findtext("o:Type", None, spaces) == "SMTP" and smtp.findtext("o:Encryption", None, spaces) == "TLS"


# ---- users of this computer ----

@pytest.fixture
def computer(space, tmp_path, build, certs):
    users = LocalAccounts(space, tmp_path / "etc")
    shutil.copy(SOURCE / "admin/package/pam.d/winpop-console", users.etc / "pam.d/winpop-console")
    users.add("root2", "pw-root2")
    users.add("clerk", "pw-clerk")
    users.run("groupadd", "desk")
    users.run("usermod", "-a", "-G", "desk", "root2")
    with servers(lambda: users.winpopd(build, None)) as make:
        server = make()
        console = Console(server, {"%desk": "*"}, penalty_ms=0, console_certificate=certs.dir / "pop.example.com.crt",
                          console_key=certs.dir / "pop.example.com.key")
        console.start()
        try:
            with space.inside():
                yield console
        finally:
            console.close()


def test_users_of_this_computer_sign_in_by_their_group(computer):
    boss = Browser(computer, "root2", "pw-root2")
    assert boss.ask("GET", "/api/v1/session").json["who"] == "root2"
    assert boss.run("list").json["domains"][0]["domain"] == OURS
    assert boss.run("add", "lee@" + OURS, switches={"createuser": True}, password="pw-Lee-4711").status == 200
    for name, password in (("clerk", "pw-clerk"), ("root2", "wrong"), ("root", "pw-root2"), ("nobody", ""), ("ghost", "x")):
        if password:
            assert Browser(computer).sign_in(name, password).status == 401, name
