"""What only a domain knows: a plan foresees what it will say of passwords and of names."""
import pytest

from fixtures.migration import Migration
from fixtures.samba import BASE

# By the domain's rules: seven characters, three kinds of them.
PASSWORDS = {
    "Ab1": "policy", "secret1": "policy", "ABCDEFG1": "policy", "abcdef 1": "policy", "abcdefä1": "policy", "ABCDEFÄ1": "policy",
    "Secret1": "create", "secret1!": "create", "abcdefÄ1": "create", "漢字abcde1": "create"}


def results(said):
    return {row["mailbox"]: row["result"] for row in said["accounts"]}


def test_a_plan_foresees_the_policy(make_dc, make_server):
    dc = make_dc()
    dc.in_dc("samba-tool", "domain", "passwordsettings", "set", "--complexity=on", "--min-pwd-length=7", f"--configfile={dc.dc_conf}",
             "-H", dc.dc_home / "private/sam.ldb")
    migration = Migration(dc, make_server)
    wanted = {migration.hire(password=password): result for password, result in PASSWORDS.items()}
    assert results(migration.said("/all", "/dry-run")) == wanted
    assert results(migration.said("/all")) == wanted
    migration.check(made=[address for address, result in wanted.items() if result == "create"])


@pytest.fixture
def migration(dc, make_server):
    return Migration(dc, make_server)


def in_the_way(migration, address):
    """Told before, not made, nothing left."""
    migration.books.reopen()
    for words in (("/dry-run",), ()):
        assert results(migration.said(address, *words, code=1)) == {address: "conflict"}
    migration.check(made=[])


def test_a_computer_with_the_address(dc, migration):
    """userPrincipalName is one in all the forest, not among people only."""
    kim = migration.hire()
    uid = kim.split("@")[0]
    dc.admin.add(f"CN=pc-{uid},CN=Computers,{BASE}", objectClass="computer", sAMAccountName=f"pc-{uid}$", userPrincipalName=kim)
    in_the_way(migration, kim)


def test_things_with_the_names(dc, migration):
    """What is called like the mailbox may be anything; the address is the next name to try, and then there is none."""
    kim, lee = migration.hire(), migration.hire()
    for name in (kim.split("@")[0], kim, lee.split("@")[0]):
        dc.admin.add(f"CN={name},CN=Users,{BASE}", objectClass="contact")
    in_the_way(migration, kim)
    migration.migrate_ok(lee)
    assert migration.entry_of(lee).dn.lower().startswith(f"cn={lee},")
    migration.check(made=[lee])
