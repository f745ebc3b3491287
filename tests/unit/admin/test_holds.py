"""Delivery holds and rules for expiry, as an administrator types them."""


def test_a_hold_is_no_lock(domain):
    assert domain.json("hold", "Kim@Example.com") == {"ok": True, "mailbox": "kim@example.com", "delivery": "held"}
    assert (domain.box("kim@example.com") / "hold").is_file()
    assert not (domain.box("kim@example.com") / "lock").exists()
    domain.ok("hold", "kim@example.com")
    domain.ok("lock", "kim@example.com")
    assert domain.json("unhold", "kim@example.com") == {"ok": True, "mailbox": "kim@example.com", "delivery": "open"}
    assert not (domain.box("kim@example.com") / "hold").exists()
    assert (domain.box("kim@example.com") / "lock").exists()
    domain.ok("unhold", "kim@example.com")
    assert domain.ok("hold", "example.com", "--csv") == "domain,delivery\nexample.com,held\n"
    domain.ok("unlock", "kim@example.com")  # of the hold above it knows nothing


def test_one_mailbox_is_not_released_from_a_domain(domain):
    domain.ok("add", "ann@example.com", "/createuser", "x")
    domain.ok("hold", "ann@example.com")
    domain.ok("hold", "example.com")
    for who in ("ann@example.com", "kim@example.com"):
        text = domain.fails(1, "unhold", who)
        assert f"{who} is held as a part of its domain" in text and "winpop unhold example.com" in text
    done = domain.run("unhold", "example.com")
    assert done.returncode == 0 and "stay held by their own hold: 1" in done.stderr
    assert (domain.box("ann@example.com") / "hold").exists()
    assert "note" not in domain.run("unhold", "kim@example.com").stderr
    domain.fails(1, "hold", "nobody@example.com")
    domain.fails(1, "unhold", "nowhere.org")
    domain.fails(2, "hold")


def test_setexpire(domain):
    rule = domain.root / "example.com" / "expire"
    for days, kept in (("30", "30"), ("Never", "never"), ("0", "0"), ("36500", "36500")):
        assert domain.json("setexpire", "Example.com", days) == {"ok": True, "domain": "example.com", "expire": kept}
        assert rule.read_text() == f"days = {kept}\n"
    for bad in ("-1", "36501", "1.5", "soon", "", "30d"):
        assert "never or default" in domain.fails(2, "setexpire", "example.com", bad)
    assert rule.read_text() == "days = 36500\n"
    done = domain.run("setexpire", "example.com", "default")
    assert done.returncode == 0 and "the setting expire holds: never" in done.stderr
    assert not rule.exists()
    domain.ok("setexpire", "example.com", "default")
    domain.fails(1, "setexpire", "nowhere.org", "30")
    domain.fails(2, "setexpire", "kim@example.com", "30")
    domain.fails(2, "setexpire", "example.com")
