"""What an MTA asks winpopd: maps by socketmap, sign-in by the auth protocol; with clients of our own and Postfix's."""
import pytest

from fixtures.mta import Auth, Maps, netstring


@pytest.fixture
def maps(service):
    with Maps(service.maps_socket) as client:
        yield client


@pytest.fixture
def auth(service):
    with Auth(service.auth_socket) as client:
        yield client


NO_ADDRESSES = ("", "kim", "@example.com", "kim@", "@", "a b@example.com", "kim@example.com@example.com", '"kim x"@example.com',
                "kim@[127.0.0.1]", "../example.com", "k\0m@example.com", "x" * 5000)


def test_domains(maps):
    assert maps.ask("domains example.com") == "OK example.com"
    assert maps.ask("domains EXAMPLE.com.") == "OK example.com"
    assert maps.ask("domains elsewhere.example") == "NOTFOUND "
    for key in ("", "kim@example.com", "exa mple.com", "..", "../example.com", "x" * 5000):
        assert maps.ask(f"domains {key}") == "NOTFOUND ", key


@pytest.mark.parametrize("table", ["mailboxes", "senders"])
def test_mailboxes_and_senders(service, maps, box, table):
    assert maps.ask(f"{table} {box.address}") == f"OK {box.address}"
    assert maps.ask(f"{table} {box.address.upper()}") == f"OK {box.address}"
    assert maps.ask(f"{table} nobody@example.com") == "NOTFOUND "
    assert maps.ask(f"{table} kim@elsewhere.example") == "NOTFOUND "
    for key in NO_ADDRESSES:
        assert maps.ask(f"{table} {key}") == "NOTFOUND ", key


def test_locked_mailboxes_are_found(service, maps, box):
    service.winpop_ok("lock", box.address)
    for table in ("mailboxes", "senders"):
        assert maps.ask(f"{table} {box.address}") == f"OK {box.address}"
    assert maps.ask(f"access {box.address}") == "NOTFOUND "


@pytest.mark.parametrize("mech", ["plain", "plain_in_two", "login", "cram", "scram"])
def test_sign_in(service, auth, box, mech):
    assert getattr(auth, mech)(box.address, box.password) == ("OK", [f"user={box.address}"])
    word, rest = getattr(auth, mech)(box.address, "wrong")
    assert word == "FAIL" and rest == ["reason=user name or password is wrong"]
    event = service.wait_event("signin", service="smtp", account=box.address)
    assert event["peer"] == "192.0.2.7" and event["secured"] == "yes"
