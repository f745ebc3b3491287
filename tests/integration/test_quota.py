"""Quotas at delivery: who is told what and when, whose limit counts, and who is warned."""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess

import pytest

from fixtures.localaccounts import LocalAccounts
from fixtures.waiting import wait_until
from fixtures.winpopd import as_delivered

BODY = b"Subject: hello\r\n\r\nbody\r\n"
KIB = (b"Subject: a kibibyte\r\n\r\n" + b"x" * 1000)[:1022] + b"\r\n"
KIM = "kim@example.com"
FULL_QUOTA = pathlib.Path(__file__).parent / "fixtures/fullquota.py"


def full(address=KIM):
    return 552, f"5.2.2 <{address}> mailbox is full (over quota)"


def full_now(address=KIM):
    return 452, f"4.2.2 <{address}> mailbox is full (over quota), try again later"


def limit(server, account, octets="none", messages="none"):
    server.winpop_ok("setquota", account, octets, f"/messages:{messages}")


def send(server, address=KIM, body=BODY, size=None):
    """The reply that decided: to RCPT, or to the data."""
    with server.lmtp() as lmtp:
        lmtp.mail(options=f" SIZE={size}" if size else "")
        reply = lmtp.cmd(f"RCPT TO:<{address}>")
        return reply if reply[0] != 250 else lmtp.data(body)[0]


def send_as_an_mta(server, address, body):
    """While room is taken by a delivery under way, which may fail still, the next one is told to wait: 451."""
    def decided():
        reply = send(server, address, body)
        return reply if reply[0] != 451 else None
    return wait_until(decided)


def fill(server, address=KIM, body=BODY):
    """Sends until it is refused: how many were taken, and the refusal."""
    for n in range(1000):
        reply = send(server, address, body)
        if reply[0] != 250:
            return n, reply
    raise AssertionError("nothing was refused")


def empty(server, address=KIM, keep=0):
    with server.session(address) as pop:
        for n in range(keep + 1, pop.stat()[0] + 1):
            pop.ok(f"DELE {n}")
        pop.quit()


def octets(server, address=KIM):
    with server.session(address) as pop:
        held = pop.stat()[1]
        pop.quit()
    return held


def warnings(server, address=KIM):
    return [m for m in server.messages(address) if b"\r\nAuto-Submitted: auto-generated\r\n" in m]


@pytest.fixture
def calm(make_server):
    """A server with kim's mailbox, that warns nobody."""
    server = make_server(quota_warn=0)
    server.mailbox()
    return server


# ---- limits ----

def test_octets(calm):
    each = len(as_delivered(KIM, KIB))
    limit(calm, KIM, "10K")
    taken, refusal = fill(calm, body=KIB)
    assert (taken, refusal) == (10240 // each, full())
    assert octets(calm) == taken * each
    assert send(calm, body=b"")[0] == 250, "what is left is left for smaller ones"
    [event] = calm.events("over-quota")
    assert event | {"account": KIM, "mailbox": KIM, "from": "sender@example.net", "used": str(taken * each), "limit": "10240",
                    "messages": str(taken), "messages_limit": "0"} == event
    assert not calm.events("delivery-refused")
    empty(calm, keep=2)
    assert fill(calm, body=KIB) == ((10240 - 2 * each) // each, full())


def test_the_last_octet(calm):
    each = len(as_delivered(KIM, BODY))
    limit(calm, KIM, 3 * each)
    assert fill(calm) == (3, full())
    limit(calm, KIM, 4 * each - 1)
    assert send(calm) == full()
    limit(calm, KIM, 4 * each)
    assert send(calm)[0] == 250 and octets(calm) == 4 * each


def test_messages(calm):
    limit(calm, KIM, messages=3)
    assert fill(calm) == (3, full())
    [event] = calm.events("over-quota")
    assert (event["messages"], event["messages_limit"], event["limit"]) == ("3", "3", "0")
    empty(calm, keep=2)
    assert fill(calm) == (1, full())


def test_size_saves_the_data(calm):
    limit(calm, KIM, "10K")
    with calm.lmtp() as lmtp:
        lmtp.deliver(KIM, BODY)  # of a mailbox that nobody has ever counted, only delivery can tell
        lmtp.mail(options=" SIZE=20000")
        assert lmtp.cmd(f"RCPT TO:<{KIM}>") == full()
        assert lmtp.cmd("DATA")[0] == 503, "no recipient is left"
        lmtp.expect(250, "RSET")
        lmtp.mail(options=" SIZE=5000")
        lmtp.expect(250, f"RCPT TO:<{KIM}>")
        assert lmtp.data(KIB * 20)[0] == full(), "what was said of the size is not what counts"
        lmtp.deliver(KIM, BODY)
    assert len(calm.events("over-quota")) == 2


def test_larger_than_the_server_takes(make_server):
    server = make_server(message_max=100000, quota_bytes="10K")
    server.mailbox()
    with server.lmtp() as lmtp:
        code, text = lmtp.cmd("MAIL FROM:<a@example.net> SIZE=100001")
        assert (code, text.split()[0]) == (552, "5.3.4")
    assert not server.events("over-quota")


def test_one_full_of_three(calm):
    for local in "lee", "pat":
        calm.mailbox(local, f"pw-{local}")
    limit(calm, "lee@example.com", "1K")
    body = KIB * 1500  # by way of a spool file
    with calm.lmtp() as lmtp:
        lmtp.mail()
        for local in "kim", "lee", "pat":
            lmtp.expect(250, f"RCPT TO:<{local}@example.com>")
        replies = lmtp.data(body, 3)
    assert [r[0] for r in replies] == [250, 552, 250] and replies[1] == full("lee@example.com")
    assert calm.messages("lee@example.com", "pw-lee") == []
    assert calm.messages("pat@example.com", "pw-pat") == [as_delivered("pat@example.com", body)]


def test_several_mailboxes_one_account(calm):
    """Together they hold what the account may."""
    calm.mailbox("lee", "pw-lee")
    calm.mailbox("office", "pw-office")
    for address in KIM, "lee@example.com":
        calm.winpop_ok("createquotafile", address, "/user:office@example.com")
    limit(calm, "office@example.com", messages=3)
    assert [send(calm)[0], send(calm, "lee@example.com")[0], send(calm, "office@example.com")[0]] == [250] * 3
    for address in KIM, "lee@example.com", "office@example.com":
        assert send(calm, address) == full(address)
    assert {e["account"] for e in calm.events("over-quota")} == {"office@example.com"}
    empty(calm)
    assert send(calm, "lee@example.com")[0] == 250 and send(calm) == full()


def test_eight_at_once(calm):
    limit(calm, KIM, messages=40)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = [r for some in pool.map(lambda _: [send(calm) for _ in range(10)], range(8)) for r in some]
    assert sorted({r[0] for r in replies}) == [250, 552]
    assert sum(r[0] == 250 for r in replies) == 40
    assert len(calm.messages(KIM)) == 40


# ---- where limits come from ----

def test_settings_change_live(calm):
    calm.write_conf(quota_messages=2)
    calm.reload()
    assert fill(calm) == (2, full())
    with calm.lmtp() as lmtp:  # MTAs keep sessions open
        lmtp.mail()
        assert lmtp.cmd(f"RCPT TO:<{KIM}>") == full()
        lmtp.expect(250, "RSET")
        calm.write_conf(quota_full="defer")
        calm.reload()
        lmtp.mail()
        assert lmtp.cmd(f"RCPT TO:<{KIM}>") == full_now()
        lmtp.expect(250, "RSET")
        calm.write_conf(quota_messages=3)
        calm.reload()
        lmtp.deliver(KIM, BODY)
        lmtp.mail(options=" SIZE=10")
        assert lmtp.cmd(f"RCPT TO:<{KIM}>") == full_now()
    calm.write_conf(quota_messages=None, quota_full=None)
    calm.reload()
    assert send(calm)[0] == 250


def test_deferred_after_the_data(make_server):
    server = make_server(quota_bytes="1K", quota_full="defer")
    server.mailbox()
    assert send(server, body=KIB) == full_now()


def test_own_limit_before_the_settings(calm):
    calm.write_conf(quota_messages=2)
    calm.reload()
    limit(calm, KIM, "1M", 4)
    assert fill(calm) == (4, full())
    limit(calm, KIM, "none", "none")
    assert send(calm)[0] == 250
    calm.winpop_ok("setquota", KIM, "default")
    assert send(calm) == full()


def test_no_restart_no_reload(calm):
    """What winpop sets is seen with the next message."""
    for n in range(1, 6):
        limit(calm, KIM, messages=n)
        assert fill(calm) == (1, full())


def test_without_limits_there_are_no_files(calm):
    assert send(calm)[0] == 250
    assert sorted(p.name for p in calm.mailroot.iterdir()) == [".history", "example.com"]


def test_damaged_limit(calm):
    """Mail waits until somebody has looked."""
    limit(calm, KIM, "10K")
    [file] = (calm.mailroot / ".quota").glob("*.limit")
    good = file.read_text()
    file.write_text(good.replace("10K", "plenty"))
    code, text = send(calm)
    assert code == 451 and text.startswith("4.3.5 ")
    assert "bytes = plenty: write an amount" in calm.events("delivery-refused", **{"class": "broken"})[0]["text"]
    file.write_text(good)
    assert send(calm)[0] == 250


def test_damaged_link(calm):
    (calm.box_dir(KIM) / "quota").write_text("account\n")
    code, text = send(calm)
    assert code == 451 and text.startswith("4.3."), text
    calm.winpop_ok("createquotafile", KIM)
    assert send(calm)[0] == 250


# ---- holds ----

def test_hold_and_lock(calm):
    for what in KIM, "example.com":
        calm.winpop_ok("lock", what)
        assert send(calm)[0] == 250, "a lock is about retrieval"
        calm.winpop_ok("hold", what)
        assert send(calm) == (450, f"4.2.1 <{KIM}> mailbox takes no mail for now")
        calm.winpop_ok("unlock", what)
        assert send(calm)[0] == 450
        calm.winpop_ok("unhold", what)
        assert send(calm)[0] == 250
    assert len(calm.messages(KIM)) == 4
    assert {e["class"] for e in calm.events("delivery-refused")} == {"locked"}


# ---- warnings ----

@pytest.fixture
def server(make_server):
    server = make_server()
    server.mailbox()
    return server


def test_warned_once_per_crossing(server):
    limit(server, KIM, messages=10)
    for n in range(8):
        assert send(server)[0] == 250
    assert warnings(server) == []
    assert send(server)[0] == 250
    [warning] = warnings(server)
    head, text = warning.decode().split("\r\n\r\n", 1)
    assert head.startswith(f"Return-Path: <>\r\nDelivered-To: {KIM}\r\n")
    for line in ("Subject: Your mailbox is 90 % full", "From: Mail service <postmaster@example.com>", f"To: {KIM}", "MIME-Version: 1.0"):
        assert line in head.split("\r\n")
    assert re.search(r"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n", head)
    assert re.search(r"\r\nMessage-ID: <quota\.\w+\.\d+@pop\.example\.com>\r\n", head)
    assert "messages  9, limit 10" in text and "limit none" in text
    assert fill(server) == (0, full()), "the warning is a message too"
    assert len(warnings(server)) == 1
    assert server.events("quota-warning", mailbox=KIM, account=KIM, percent=90)
    empty(server, keep=3)
    for n in range(8):
        send(server)
    assert len(warnings(server)) == 1, "once more, the first one having been removed"


def test_eight_cross_at_once(server):
    """The sixth of these crosses 90 percent, a seventh has no room, but the warning has."""
    limit(server, KIM, "200K")
    for _ in range(3):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            codes = [r[0] for r in pool.map(lambda _: send(server, body=KIB * 30), range(16))]
        assert sorted(codes) == [250] * 6 + [552] * 10
        assert len(warnings(server)) == 1
        assert octets(server) <= 204800
        empty(server)


def test_several_mailboxes_cross_once(server):
    """Of a shared account one delivery crosses, to whichever mailbox: that one is told, and the account's own."""
    addresses = [KIM, "lee@example.com", "pat@example.com"]
    for local in "lee", "pat", "office":
        server.mailbox(local)
    for address in addresses:
        server.winpop_ok("createquotafile", address, "/user:office@example.com")
    limit(server, "office@example.com", "300K")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = [r[0] for r in pool.map(lambda n: send_as_an_mta(server, addresses[n % 3], KIB * 30), range(24))]
    assert sorted(codes) == [250] * 9 + [552] * 15, "the ninth crosses"
    assert sorted(len(warnings(server, address)) for address in addresses) == [0, 0, 1]
    assert len(warnings(server, "office@example.com")) == 1
    assert sum(octets(server, address) for address in [*addresses, "office@example.com"]) <= 300 << 10


def test_never_over_the_limit(server):
    """A warning that has no room is not sent; it is told to the log."""
    limit(server, KIM, messages=1)
    assert fill(server) == (1, full())
    assert warnings(server) == []
    assert server.events("quota-warning-failed", mailbox=KIM, **{"class": "quota"})


def test_the_account_s_mailbox_is_told_too(server):
    server.mailbox("office")
    server.winpop_ok("createquotafile", KIM, "/user:office@example.com")
    limit(server, "office@example.com", messages=20)
    for address in ("office@example.com", KIM) * 9:
        assert warnings(server, KIM) == warnings(server, "office@example.com") == []
        assert send(server, address)[0] == 250
    for address in KIM, "office@example.com":
        [warning] = warnings(server, address)
        assert f"\r\nTo: {address}\r\n".encode() in warning
        assert b"\r\nThe mailbox kim@example.com is 90 % full:\r\n" in warning
        assert b"The limit is that of office@example.com;" in warning
        assert send(server, address) == full(address)


def test_own_template(server):
    template = server.home / "warning"
    template.write_text("From: Büro <office@example.com>\n\nx\n")
    server.write_conf(quota_warning=template)
    server.reload()
    assert "line 1: of the header lines only Subject" in server.events("reload-failed")[-1]["text"]
    template.write_text("From: Post <office@example.com>\nSubject: Fast voll für {mailbox}\n\nÜber {percent} %\n.\n{{{account}}\n")
    server.reload()
    limit(server, KIM, messages=4)
    for _ in range(4):
        send(server)
    assert server.events("quota-warning-failed"), "the fourth crossed, and left no room"
    limit(server, KIM, messages=20)
    for _ in range(14):
        send(server)
    [warning] = warnings(server)
    assert b"\r\nFrom: Post <office@example.com>\r\nSubject: =?UTF-8?B?" in warning
    assert warning.endswith("\r\n\r\nÜber 90 %\r\n.\r\n{kim@example.com}\r\n".encode())


def test_a_bad_template(make_server):
    server = make_server(start=False)
    template = server.home / "warning"
    server.write_conf(quota_warning=template)
    for text, says in (("\nhello {mailbx}\n", "line 2: {mailbx} is nothing that can be filled in"), (None, "warning"),
                       ("Subject: x\n", "there is no text")):
        if text is None:
            template.unlink()
        else:
            template.write_text(text)
        done = subprocess.run([*server.command(), "--check"], capture_output=True, text=True, env=server.environment())
        assert done.returncode == 3 and says in done.stderr and "quota_warning" in done.stderr, done
    template.write_text("Subject: x\n\ny {used}\n")
    subprocess.run([*server.command(), "--check"], check=True, capture_output=True, env=server.environment())


# ---- the directory is away ----

def test_what_was_known_counts(make_slapd, office_at):
    slapd = make_slapd()
    office = office_at(slapd, catalog="directory", quota_warn=0, quota_messages=5)
    kim, lee = office.hire(), office.hire()
    slapd.admin.replace(office.dn(kim), winpopQuotaMessages="2")
    assert send(office.server, kim.address)[0] == 250
    slapd.stop()
    assert fill(office.server, kim.address) == (1, full(kim.address)), "its own limit, not the settings'"
    code, text = send(office.server, lee.address)
    assert (code, text[:2]) == (451, "4."), "nothing was ever heard of lee"
    slapd.start()
    wait_until(lambda: send(office.server, lee.address)[0] == 250, why="lee gets no mail")
    assert fill(office.server, lee.address) == (4, full(lee.address))


def test_mailboxes_here_accounts_there(make_slapd, office_at):
    """All that the directory could add is that somebody is an administrator: asked only where there is a limit to be free of."""
    slapd = make_slapd()
    office = office_at(slapd, quota_warn=0)
    kim, server = office.hire(), office.server
    slapd.stop()
    assert send(server, kim.address)[0] == 250
    server.write_conf(quota_messages=2)
    server.reload()
    code, text = send(server, kim.address)
    assert (code, text[:2]) == (451, "4."), text
    slapd.start()
    wait_until(lambda: send(server, kim.address)[0] == 250, why="kim gets no mail")
    assert send(server, kim.address) == full(kim.address)


# ---- the file system's own quotas ----

def test_the_disk_quota_of_its_owner(build, space, tmp_path):
    """Where mail belongs to whom it is for, and that user's disk quota is used up."""
    users = LocalAccounts(space, tmp_path / "etc")
    for login in "kim", "lee":
        users.add(login, f"pw-{login}")
    server = users.winpopd(build)
    try:
        server.init()
        server.winpop_ok("add", KIM)
        server.winpop_ok("add", "lee@example.com")
        users.run("install", "-d", "-o", "winpop", "-g", "winpop", server.home / "run")
        launcher = shutil.copy(FULL_QUOTA, server.home)
        tool = server.prefix
        server.prefix = [*tool, "setpriv", "--reuid=winpop", "--regid=winpop", "--init-groups", "--no-new-privs", "--bounding-set=-all,+chown",
                         "--inh-caps=-all,+chown", "--ambient-caps=-all,+chown", "--", "/usr/bin/python3", launcher, users.uid("kim")]
        server.prefix = list(map(str, server.prefix))
        server.start()
        server.prefix = tool
        assert send(server) == full()
        assert send(server, "lee@example.com")[0] == 250
        [event] = server.events("over-quota")
        assert event["mailbox"] == KIM and "Disk quota exceeded" in event["text"]
        assert not list(server.box_dir(KIM).glob("*.eml")) and not list(server.box_dir(KIM).glob(".tmp-*"))
        server.write_conf(quota_full="defer")
        server.reload()
        assert send(server) == full_now()
    finally:
        server.cleanup()
