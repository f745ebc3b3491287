"""What nobody should type: names that mean something to LDAP, passwords that are none; and nothing secret left to be read."""
import base64
import pathlib

import pytest

from fixtures import ntlm

# `kim` stands for somebody who is there, with that password: whoever gets in with one of these got in as kim.
NAMES = [b"*", b"kim*", b"*kim*", b"k*m", b"*@DOMAIN", b"kim)(uid=*", b"*)(uid=*))(|(uid=*", b"kim)(objectClass=*", b"kim))(|(cn=*",
         b"\\2a", b"kim\\2a", b"kim\\00", b"kim\\", b"\\", b"kim\\\\", b"(kim)", b"(&(uid=kim))", b"|(uid=kim)", b"!kim", b"kim,ou=people",
         b"uid=kim", b"uid=kim,ou=people,dc=example,dc=com", b"CN=kim,CN=Users,DC=example,DC=test", b"kim=", b"#6b696d", b"kim;x",
         b"kim\xc0\xaa", b"\xc0\xaa", b"\xe0\x80\xaa", b"kim\xff", b"\xfe\xff", b"kim\xe2\x80\x8b", "kím".encode(), b"kim@", b"@", b"@DOMAIN",
         b"kim@@DOMAIN", b"kim@*", b"kim@DOMAIN)(uid=*", b"kim@DOMAIN@DOMAIN", b"EXAMPLE\\*", b"EXAMPLE\\kim)(uid=*", b"\\kim\\kim",
         b"k" * 400, b"*" * 300, b"k" * 64 + b"@DOMAIN", b"%00", b"kim%00", b"$(id)", b"kim\t", b"../kim", b"."]


@pytest.fixture
def office(make_office):
    return make_office()


def filled(name, kim, office):
    return name.replace(b"DOMAIN", office.domain.encode()).replace(b"kim", kim.uid.encode())


def plain(*parts):
    return b"AUTH PLAIN " + base64.b64encode(b"\0".join(parts))


def attempts(office, name, password):
    """The last reply of each way to sign in with octets."""
    with office.server.pop() as pop:
        if pop.cmd(b"USER " + name).startswith(b"+OK"):
            yield pop.cmd(b"PASS " + password)
    with office.server.pop() as pop:
        yield pop.cmd(plain(b"", name, password))
    with office.server.pop() as pop:
        pop.challenge("AUTH LOGIN")
        reply = pop.answer(name)
        yield pop.answer(password) if reply.startswith(b"+ ") else reply


def test_names_that_mean_something(office):
    kim = office.hire()
    for name in NAMES:
        for password in (kim.password.encode(), b"wrong password", b"*"):
            for reply in attempts(office, filled(name, kim, office), password):
                assert reply.startswith(b"-ERR"), (name, reply)
                assert b"[SYS" not in reply, f"{name} is no trouble of ours: {reply}"
    assert not office.server.events("signin")
    assert office.signs_in(kim)
    if office.directory.kind == "openldap":
        asked = [line for line in office.directory.log_text().splitlines() if "SRCH" in line and "filter=" in line]
        assert asked and not [line for line in asked if "(uid=*" in line or "(mail=*" in line]


def test_nul_in_names_and_passwords(office):
    kim = office.hire()
    name, password = kim.address.encode(), kim.password.encode()
    for words in ((b"", name + b"\0x", password), (b"", name, password + b"\0"), (b"", name, password + b"\0x"), (b"", name + b"\0", password),
                  (name, name, password, b""), (b"\0", name, password)):
        with office.server.pop() as pop:
            assert pop.cmd(plain(*words)).startswith(b"-ERR"), words
    for n, p in ((name + b"\0", password), (name, password + b"\0"), (b"\0" + name, password), (name, b"\0")):
        with office.server.pop() as pop:
            pop.challenge("AUTH LOGIN")
            reply = pop.answer(n)
            if reply.startswith(b"+ "):
                reply = pop.answer(p)
            assert reply.startswith(b"-ERR"), (n, p)
    assert office.signs_in(kim)


def test_acting_for_somebody_else(office):
    kim, lee = office.hire(), office.hire()
    with office.server.pop() as pop:
        pop.err(plain(lee.address.encode(), kim.address.encode(), kim.password.encode()))
    with office.server.pop() as pop:
        assert pop.cmd(plain(kim.address.encode(), kim.address.encode(), kim.password.encode())).startswith(b"+OK")


def test_no_password_is_no_sign_in(office):
    """A bind with a name and no password succeeds, as nobody (RFC 4513 section 5.1.2): here on a server that allows it."""
    if office.directory.kind == "openldap":
        office.directory.admin.replace("cn=config", olcAllows=["bind_anon_cred", "bind_anon_dn"])
    kim = office.hire()
    for line in (b"PASS ", b"PASS"):
        with office.server.pop() as pop:
            pop.ok(f"USER {kim.address}")
            assert pop.cmd(line).startswith(b"-ERR"), line
    for words in ((b"", kim.address.encode(), b""), (b"", kim.uid.encode(), b""), (b"", kim.address.encode())):
        with office.server.pop() as pop:
            assert pop.cmd(plain(*words)).startswith(b"-ERR"), words
    with office.server.pop() as pop:
        pop.challenge("AUTH LOGIN")
        pop.challenge(base64.b64encode(kim.address.encode()))
        assert pop.cmd("").startswith(b"-ERR")
    assert not office.server.events("signin")
    assert office.signs_in(kim)


def test_no_password_by_spa(slapd, office_at):
    office = office_at(slapd, spa="hash")
    kim = office.hire()
    slapd.allow_spa(kim.uid, kim.address, ntlm.md4(kim.password.encode("utf-16-le")))
    for client in (ntlm.Own(kim.uid, ""), ntlm.Own("", ""), ntlm.Own("*", kim.password), ntlm.Own(f"{kim.uid})(uid=*", kim.password),
                   ntlm.Own(kim.uid + "\0", kim.password)):
        with office.server.pop() as pop:
            assert ntlm.sign_in(pop, client).startswith("-ERR"), client.user
    with office.server.pop() as pop:
        assert ntlm.sign_in(pop, ntlm.Own(kim.uid, kim.password)).startswith("+OK")


@pytest.mark.parametrize("name", ['Lee, "Kim" #1 + \\x', "#kim", " kim ", "Kim=Lee;<x>", "Kim (Sales) *", "Kïm 李", "kim\\2c"], ids=repr)
def test_names_that_directories_quote(office, name):
    """Found by address, bound by DN, looked for in a group by DN."""
    d = office.directory
    plain_rdn = "".join("\\%02x" % o for o in name.encode())
    kim = office.person()
    if d.kind == "openldap":
        d.admin.run("ldapmodrdn", "-r", office.dn(kim), f"cn={plain_rdn}")
        dn = f"cn={plain_rdn},{d.people}"
    else:
        d.admin.run("ldapmodrdn", "-r", office.dn(kim), f"CN={plain_rdn}")
        dn = f"CN={plain_rdn},CN=Users,{d.base}"
    group = f"quoted {kim.uid}"
    d.add_group(group, dn)
    office.server.winpop_ok("add", kim.address)
    assert office.signs_in(kim) and office.refused(kim, "not the password")
    office.server.stop()
    office.server.write_conf(directory_group=d.group_dn(group))
    office.server.start()
    assert office.signs_in(kim)
    office.server.winpop_ok("changepwd", kim.address, "another password")
    assert office.signs_in(kim, "another password")


def test_passwords_that_mean_something(office):
    """They are octets, not text to be read."""
    for password in ("***", "*)(uid=*", "\\2a\\00", "{SSHA}abc", "pass word", "'\"\\", "пароль", "%s%n", "x" * 200):
        kim = office.hire(password)
        assert office.signs_in(kim), password
        assert office.refused(kim, password + "x")


def test_recipients(office):
    kim = office.hire()
    with office.server.lmtp() as lmtp:
        lmtp.mail()
        for rcpt in (f"*@{office.domain}", f"kim)(uid=*@{office.domain}", f"\\2a@{office.domain}", f"{kim.uid}*@{office.domain}",
                     f'"*"@{office.domain}', f'"{kim.uid})(uid=*"@{office.domain}'):
            code, _ = lmtp.cmd(f"RCPT TO:<{rcpt}>")
            assert 500 <= code < 600, rcpt
        lmtp.expect(250, f"RCPT TO:<{kim.address}>")


@pytest.mark.parametrize("words", [["add", "*@{d}"], ["list", "*"], ["delete", "*@{d}", "/y"], ["delete", "{d})(uid=*", "/y"],
                                   ["lock", "{u}*@{d}"], ["changepwd", "{u})(uid=*@{d}", "pw"], ["stat", "*"]], ids=" ".join)
def test_commands(office, words):
    kim = office.hire()
    result = office.server.winpop(*(w.format(d=office.domain, u=kim.uid) for w in words))
    assert result.code in (1, 2), result
    assert office.signs_in(kim) and office.entry(kim) is not None


def test_nothing_secret_can_be_read(make_office):
    """Not with the most talkative log, not in the list of processes, not in what went wrong."""
    office = make_office(logging=4, tls=True)
    said = []
    kim = office.hire("Sesam 1 of kim")
    lee = f"lee@{office.domain}"

    def winpop(*words, **how):
        said.append(office.server.winpop(*words, **how))

    winpop("add", lee, "/createuser", office.secret("Sesam 2 of lee"))
    winpop("add", lee, "/createuser", office.secret("Sesam 3 again"))
    winpop("changepwd", lee, office.secret("Sesam 4 of lee"))
    winpop("changepwd", f"nobody@{office.domain}", office.secret("Sesam 5 of nobody"))
    winpop("add", "nobody@nowhere.example", "/createuser", office.secret("Sesam 6 of nobody"))
    winpop("--bind-as", office.directory.admin_name, "changepwd", lee, office.secret("Sesam 7 of lee"), stdin=office.directory.admin_password + "\n")
    winpop("--bind-as", office.directory.admin_name, "changepwd", lee, office.secret("Sesam 8 of lee"), stdin=office.secret("Sesam 9 wrong") + "\n")
    for mech in ("USER", "PLAIN", "LOGIN"):
        for password in (kim.password, "Sesam 10 wrong"):
            said.append(office.by(mech, kim.address, password))
    said.append(office.reply(f"{kim.uid}.not.there", "Sesam 11 of nobody"))
    with office.server.pop() as pop:
        said.append(ntlm.sign_in(pop, ntlm.Own(kim.uid, kim.password)) if "NTLM" in pop.capa()["SASL"] else "")
    office.secrets |= {office.directory.admin_password, ntlm.md4(kim.password.encode("utf-16-le")).hex()}
    proc = pathlib.Path(f"/proc/{office.server.pid}")
    seen = repr(said).encode() + (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
    for secret in office.secrets:
        assert secret.encode() not in seen, secret
    office.check_secrets()
