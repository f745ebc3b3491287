"""winpop setup and a Postfix that runs already: set up on its page, taken back with all the rest, and left when the role is removed."""
import contextlib
import re
import smtplib

import pytest
from fixtures.barehost import BareHost
from fixtures.waiting import PATIENCE, wait_until

HOST = "mail.example.com"
KIM, PASSWORD = "kim@example.com", "pw-of-kim-7731"
MESSAGE = "From: lee@example.net\r\nSubject: secret plans\r\n\r\nhello\r\n"
FILES = "main.cf", "master.cf"
PAGES = ("Servers", "Authentication", "E-mail", "Name [", "Certificate", "mail store", "users", "Postfix [", "browser", "first mailbox",
         "New password", "Once more", "Apply")


@pytest.fixture
def bare(build):
    with contextlib.closing(BareHost(build, host=HOST)) as host:
        yield host


def answers(host, **more):
    return host.answers(**{"domain": "example.com", "hostname": HOST, "mailbox": "kim", **more})


def set_up(host, **more):
    return host.ok("setup", "--answers", answers(host, **more), stdin=PASSWORD + "\n")


def config(host):
    return {name: (host.etc / "postfix" / name).read_bytes() for name in FILES}


def worth(host):
    """What is set: name -> value, services too."""
    rows = [line.split("=", 1) for line in host.run("postconf", "-n").splitlines()]
    return {key.strip(): value.strip() for key, value in rows} | {line: "" for line in host.run("postconf", "-M").splitlines()}


def received(host, n=1):
    """Kim's messages, once there are n; they stay."""
    found = wait_until(lambda: (lambda all: all if len(all) >= n else None)(host.fetch(KIM, PASSWORD)), why="no mail: " + host.postfix_log())
    assert len(found) == n
    return found


def mail_comes_in_and_goes_out(host, before=0):
    """From elsewhere to kim; and by kim, who signs in to send, to kim."""
    with host.smtp() as client:
        client.sendmail("lee@example.net", KIM, MESSAGE)
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
            client.sendmail("lee@example.net", "nobody@example.com", MESSAGE)
    with host.smtp(587) as client:
        client.login(KIM, PASSWORD)
        client.sendmail(KIM, KIM, MESSAGE)
    assert all(b"hello" in message for message in received(host, before + 2))


def is_refused(host):
    with host.smtp() as client, pytest.raises(smtplib.SMTPRecipientsRefused, match="Relay access denied"):
        client.sendmail("lee@example.net", KIM, MESSAGE)


def test_by_a_person_and_out_again(bare):
    bare.postfix()
    before = worth(bare)
    is_refused(bare)
    t = bare.sit_down("setup")
    for page in PAGES:
        screen = t.wait(page)
        if page == "Postfix [":
            assert "Postfix [yes]:" in screen and "Postfix was found on this computer" in screen
        t.type({"first mailbox": "kim", "New password": PASSWORD, "Once more": PASSWORD}.get(page, ""))
    assert "Sets Postfix up" in screen and "Has Postfix read its settings" in screen
    assert "port 465 (TLS) or 587" in t.end()
    bare.start()
    mail_comes_in_and_goes_out(bare)
    said = bare.ok("setup", "--answers", answers(bare), "--dry-run")
    assert [line for line in said.splitlines() if line.strip() and "will_be_done" not in line] == ["Has Postfix read its settings"], said
    done = worth(bare)
    bare.ok("setup", "/remove", "/y")
    assert bare.process.wait(PATIENCE) == 0
    bare.process = None
    # Limits of size are no harm, and may be an administrator's by now; all that leads to us is gone.
    left = {key: value for key, value in worth(bare).items() if before.get(key) != value}
    assert set(left) <= {"message_size_limit", "smtpd_tls_security_level"}, left
    assert not set(before) - set(worth(bare)) and not bare.path("/var/spool/postfix/winpop").exists()
    copies = list((bare.etc / "postfix").glob("main.cf.with-winpop-*"))
    assert len(copies) == 1 and "lmtp:unix:winpop/lmtp" in copies[0].read_text()
    is_refused(bare)
    # Taken up again.
    set_up(bare)
    assert worth(bare) == done
    bare.start()
    mail_comes_in_and_goes_out(bare, 2)


def test_what_fails_is_taken_back(bare):
    bare.postfix()
    bare.systemd()
    before = config(bare), {p: m for p, (m, _) in bare.tree().items() if p.startswith("/etc/postfix")}
    bare.run("mkdir", "-p", "/run/stand-in")
    bare.run("touch", "/run/stand-in/fails")
    done = bare.winpop("setup", "--answers", answers(bare), stdin=PASSWORD + "\n")
    assert done.code != 0 and "Takes back: Sets Postfix up" in done.out, done
    after = {p: m for p, (m, _) in bare.tree().items() if p.startswith("/etc/postfix") and ".before-winpop-" not in p}
    assert (config(bare), after) == before
    assert not bare.path("/var/spool/postfix/winpop").exists()
    is_refused(bare)
    bare.run("rm", "/run/stand-in/fails")
    set_up(bare)
    wait_until(lambda: bare.winpop("status").code == 0)
    mail_comes_in_and_goes_out(bare)


def test_later_than_all_the_rest(bare):
    """A service that runs is restarted: the sockets that Postfix asks are new."""
    bare.postfix()
    bare.systemd()
    set_up(bare, postfix="no")
    wait_until(lambda: bare.winpop("status").code == 0)
    n = bare.systemctl_calls().count("restart winpopd.service")
    set_up(bare, postfix="yes")
    assert bare.systemctl_calls().count("restart winpopd.service") == n + 1
    wait_until(lambda: bare.path("/var/spool/postfix/winpop/auth").exists())
    mail_comes_in_and_goes_out(bare)
    # And one that was ended before the restart is made up for.
    bare.path("/var/spool/postfix/winpop/auth").unlink()
    assert "Restarts the service" in bare.ok("setup", "--answers", answers(bare), "--dry-run")


def test_what_somebody_has_set_otherwise(bare):
    bare.postfix(virtual_transport="lmtp:unix:private/theirs", smtpd_recipient_restrictions="reject_unknown_sender_domain, reject")
    before = config(bare)
    done = bare.winpop("setup", "--answers", answers(bare, postfix="yes"), stdin=PASSWORD + "\n")
    assert done.code != 0 and "answer replace, or no" in done.err and config(bare) == before
    t = bare.sit_down("setup")
    for page in PAGES[:PAGES.index("Postfix [")]:
        t.answer(page, "")
    page = re.sub(r"\s+", " ", t.wait("Postfix [no]:"))
    assert "virtual_transport = lmtp:unix:private/theirs" in page and "and replace what is set otherwise (replace)" in page
    t.key("C-c")
    set_up(bare, postfix="replace")
    assert next((bare.etc / "postfix").glob("main.cf.before-winpop-*")).read_bytes() == before["main.cf"]
    assert "reject_unknown_sender_domain, check_policy_service" in worth(bare)["smtpd_recipient_restrictions"]


def test_what_somebody_has_set_since_stays(bare):
    """Removal takes out what is ours, and nothing else."""
    bare.postfix()
    set_up(bare)
    theirs = {"virtual_mailbox_domains": "theirs.example, socketmap:unix:winpop/maps:domains",
              "smtpd_recipient_restrictions": "check_policy_service { unix:winpop/maps, default_action=DUNNO }, reject_unknown_sender_domain",
              "virtual_transport": "lmtp:unix:private/theirs", "message_size_limit": "1000000"}
    bare.run("postconf", "-e", *(f"{k}={v}" for k, v in theirs.items()))
    bare.ok("setup", "/remove", "/y")
    after = worth(bare)
    assert {key: after[key] for key in theirs} == theirs | {"virtual_mailbox_domains": "theirs.example",
                                                            "smtpd_recipient_restrictions": "reject_unknown_sender_domain"}
    assert "winpop" not in "".join(text.decode() for text in config(bare).values())


def test_a_postfix_that_was_left_alone_is_left_alone(bare):
    bare.postfix()
    before = {p: both for p, both in bare.tree().items() if p.startswith("/etc/postfix")}
    set_up(bare, postfix="no")
    bare.ok("setup", "/remove", "/y")
    assert {p: both for p, both in bare.tree().items() if p.startswith("/etc/postfix")} == before
    assert "reload" not in bare.postfix_log()
