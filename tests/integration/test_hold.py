"""Holds: mail waits at the sender's server and comes when the hold is over; retrieval knows nothing of it, and a lock nothing of mail."""
import pytest

BODY = b"Subject: x\r\n\r\nbody\r\n"


def rcpt(server, address):
    with server.lmtp() as lmtp:
        lmtp.mail()
        return lmtp.cmd(f"RCPT TO:<{address}>")


def try_once(server, address, body):
    """As an MTA with a queue does: delivered, or told to come back; nothing else."""
    with server.lmtp() as lmtp:
        lmtp.mail()
        code, text = lmtp.cmd(f"RCPT TO:<{address}>")
        if code == 450:
            return False
        assert code == 250, text
        (code, text), = lmtp.data(body)
        assert code in (250, 450), text
        return code == 250


@pytest.mark.parametrize("who", ["mailbox", "domain"])
def test_mail_waits_for_the_end_of_a_hold(make_server, who):
    server = make_server()
    kim, lee = server.mailbox(), server.mailbox("lee", "pw-lee")
    target = kim if who == "mailbox" else server.domain
    server.deliver(kim, BODY)
    server.winpop_ok("hold", target)
    code, text = rcpt(server, kim)
    assert code == 450 and text.startswith("4.2.1 "), text
    assert rcpt(server, lee)[0] == (250 if who == "mailbox" else 450)
    assert rcpt(server, f"nobody@{server.domain}")[0] == 550, "a hold does not make mailboxes"
    assert not try_once(server, kim, BODY)
    assert len(server.messages(kim)) == 1, "what is there can be retrieved"
    server.winpop_ok("unhold", target)
    assert try_once(server, kim, BODY)
    assert len(server.messages(kim)) == 2


def test_each_recipient_is_judged_alone(make_server):
    server = make_server()
    kim, lee = server.mailbox(), server.mailbox("lee", "pw-lee")
    server.winpop_ok("hold", kim)
    with server.lmtp() as lmtp:
        lmtp.mail()
        lmtp.expect(450, f"RCPT TO:<{kim}>")
        lmtp.expect(250, f"RCPT TO:<{lee}>")
        assert lmtp.data(BODY)[0][0] == 250
    assert len(server.messages(lee, "pw-lee")) == 1 and not server.messages(kim)


def test_a_hold_between_recipient_and_message(make_server):
    """The message that is on its way was promised a mailbox: taken or told to come back, never sent back, never lost."""
    server = make_server()
    kim = server.mailbox()
    with server.lmtp() as lmtp:
        lmtp.mail()
        lmtp.expect(250, f"RCPT TO:<{kim}>")
        server.winpop_ok("hold", kim)
        (code, text), = lmtp.data(BODY)
    assert code in (250, 450), text
    assert len(server.messages(kim)) == (code == 250)


def test_a_lock_holds_no_mail(make_server):
    server = make_server()
    kim = server.mailbox()
    server.winpop_ok("lock", kim)
    server.winpop_ok("lock", server.domain)
    server.deliver(kim, BODY)
    with server.pop() as pop:
        pop.ok(f"USER {kim}")
        pop.err("PASS pw-kim")
    server.winpop_ok("hold", kim)
    server.winpop_ok("unlock", server.domain)
    server.winpop_ok("unlock", kim)
    assert rcpt(server, kim)[0] == 450
    assert len(server.messages(kim)) == 1


def test_a_hold_by_hand_counts_at_once(make_server):
    server = make_server()
    kim = server.mailbox()
    (server.box_dir(kim) / "hold").touch()
    assert rcpt(server, kim)[0] == 450
    (server.box_dir(kim) / "hold").unlink()
    (server.mailroot / server.domain / "hold").touch()
    assert rcpt(server, kim)[0] == 450
    server.winpop_ok("unhold", server.domain)
    assert rcpt(server, kim)[0] == 250
