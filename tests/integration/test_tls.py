"""TLS: RFC 2595, 8314, 5246, 8446, 7301, 6066, 5077; certificates that change, names, clients with certificates."""
import base64
import shutil
import socket
import ssl
import subprocess

import pytest

from fixtures.certs import Certs
from fixtures.waiting import PATIENCE, wait_until
from fixtures.wire import Pop, Scram, sign_in_scram, tls_context

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def certificate(pop):
    return pop.sock.getpeercert(binary_form=True)


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.parametrize("how", ["stls", "tls"])
@pytest.mark.parametrize("version", [V12, V13])
def test_versions(service, box, certs, how, version):
    context = tls_context(certs.ca, lowest=version, highest=version)
    with Pop(service.tls_port, tls=context) if how == "tls" else service.pop().stls(context) as pop:
        assert pop.sock.version() == version.name.replace("_", ".")
        pop.signin(box.address, box.password)
        pop.quit()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(service, certs, version):
    context = tls_context(certs.ca, lowest=version, highest=version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Pop(service.tls_port, tls=context)


def test_tls_min_is_obeyed(make_server, certs):
    server = make_server(tls=True, tls_min="1.3")
    Pop(server.tls_port, tls=tls_context(certs.ca)).close()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Pop(server.tls_port, tls=tls_context(certs.ca, highest=V12))


@pytest.mark.parametrize("ciphers", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "aNULL"])
def test_weak_ciphers_are_refused(service, certs, ciphers):
    context = tls_context(certs.ca, highest=V12)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Pop(service.tls_port, tls=context)


def test_alpn(service, certs):
    with Pop(service.tls_port, tls=tls_context(certs.ca, alpn=["pop3"])) as pop:
        assert pop.sock.selected_alpn_protocol() == "pop3"
    with Pop(service.tls_port, tls=tls_context(certs.ca, alpn=["h2", "pop3"])) as pop:
        assert pop.sock.selected_alpn_protocol() == "pop3"
    with Pop(service.tls_port, tls=tls_context(certs.ca)) as pop:
        assert pop.sock.selected_alpn_protocol() is None
    for wrong in (["h2"], ["http/1.1", "imap"]):
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            Pop(service.tls_port, tls=tls_context(certs.ca, alpn=wrong))


@pytest.mark.parametrize("version", [V12, V13])
def test_resumption(service, box, certs, version):
    context = tls_context(certs.ca, lowest=version, highest=version)

    def connect(session=None):
        raw = socket.create_connection(("127.0.0.1", service.tls_port), PATIENCE)
        return context.wrap_socket(raw, server_hostname="pop.example.com", session=session)
    first = connect()
    assert first.recv(1000).startswith(b"+OK") and not first.session_reused  # TLS 1.3 tickets come with data
    again = connect(first.session)
    assert again.recv(1000).startswith(b"+OK") and again.session_reused
    service.reload()
    after = connect(first.session)
    assert after.recv(1000).startswith(b"+OK") and after.session_reused, "a reload must keep the ticket keys"
    for sock in (first, again, after):
        sock.close()


def test_names(make_server, certs, tmp_path):
    """SNI: a certificate per name, the default for anything else."""
    directory = tmp_path / "sni"
    directory.mkdir()
    for name in ("mail.one.example", "mail.two.example"):
        for source in certs.server(name):
            shutil.copy(source, directory)
    server = make_server(tls=True, tls_sni_dir=directory)
    default = der(certs.dir / "pop.example.com.crt")
    loose = tls_context(certs.ca)
    loose.check_hostname = False
    for name in ("mail.one.example", "mail.two.example", "MAIL.ONE.EXAMPLE"):
        for connect in (lambda n: Pop(server.tls_port, tls=loose, name=n), lambda n: server.pop().stls(loose, n)):
            with connect(name) as pop:
                assert certificate(pop) == der(directory / f"{name.lower()}.crt")
    for name in ("pop.example.com", "other.example", None, "..example", "../../etc"):
        try:
            with Pop(server.tls_port, tls=loose, name=name) as pop:
                assert certificate(pop) == default
        except ValueError:  # Python refuses to send that name
            assert name.startswith(".")


def test_a_first_certificate_needs_a_restart_for_its_port(make_server, certs):
    """STLS is there at once; the port that begins with TLS is opened at start."""
    server = make_server()
    cert, key = certs.dir / "pop.example.com.crt", certs.dir / "pop.example.com.key"
    server.winpop_ok("set", "tls_cert", cert, "tls_key", key)
    with server.pop() as pop:
        assert "STLS" in pop.capa()
    assert "restart_needed\ttls_port\n" in server.winpop_ok("reload")
    server.stop()
    server.start()
    assert "restart_needed" not in server.winpop_ok("reload")


def test_a_new_certificate_without_dropping_anybody(make_server, certs, tmp_path):
    cert, key = tmp_path / "cert", tmp_path / "key"
    shutil.copy(certs.dir / "pop.example.com.crt", cert)
    shutil.copy(certs.dir / "pop.example.com.key", key)
    server = make_server(tls_cert=cert, tls_key=key)
    address = server.mailbox()
    server.deliver(address, b"Subject: x\r\n\r\n")
    context = tls_context(certs.ca)
    old = Pop(server.tls_port, tls=context).signin(address, "pw-kim")
    before = certificate(old)
    fresh_cert, fresh_key = Certs(tmp_path / "new").server("pop.example.com")
    shutil.copy(fresh_cert, cert)
    server.reload()
    # certificate and key do not belong together: the old pair stays, and the log says why
    assert server.events("reload-failed")
    with Pop(server.tls_port, tls=context) as pop:
        assert certificate(pop) == before
    shutil.copy(fresh_key, key)
    server.reload()
    with Pop(server.tls_port, tls=tls_context(tmp_path / "new/ca.crt")) as pop:
        assert certificate(pop) == der(fresh_cert) != before
    assert b"Subject: x" in old.retr(1)
    old.quit()


def test_client_certificates_sign_in(make_server, certs):
    server = make_server(tls=True, tls_client_ca=certs.ca)
    address = server.mailbox()
    context = tls_context(certs.ca)
    context.load_cert_chain(*certs.client(address))
    for connect in (lambda c: Pop(server.tls_port, tls=c), lambda c: server.pop().stls(c)):
        with connect(context) as pop:
            assert "EXTERNAL" in pop.capa()["SASL"]
            pop.ok("AUTH EXTERNAL =")
            pop.quit()
    with Pop(server.tls_port, tls=context) as pop:
        assert pop.challenge("AUTH EXTERNAL") == b""
        assert pop.answer(address.encode()).startswith(b"+OK")
        pop.quit()
    server.mailbox("lee", "pw-lee")
    with Pop(server.tls_port, tls=context) as pop:
        pop.err(b"AUTH EXTERNAL " + base64.b64encode(b"lee@example.com"))
    with Pop(server.tls_port, tls=tls_context(certs.ca)) as pop:  # without a certificate all else works
        assert "EXTERNAL" not in pop.capa()["SASL"]
        pop.err("AUTH EXTERNAL =")
        pop.signin(address, "pw-kim")
        pop.quit()
    with server.pop() as pop:
        assert "EXTERNAL" not in pop.capa()["SASL"]


def test_resumption_with_client_certificates(make_server, certs):
    server = make_server(tls=True, tls_client_ca=certs.ca)
    address = server.mailbox()
    context = tls_context(certs.ca)
    context.load_cert_chain(*certs.client(address))
    session = None
    for reused in (False, True):
        raw = socket.create_connection(("127.0.0.1", server.tls_port), PATIENCE)
        with context.wrap_socket(raw, server_hostname="pop.example.com", session=session) as sock:
            assert sock.recv(1000).startswith(b"+OK")
            assert sock.session_reused == reused
            sock.sendall(b"AUTH EXTERNAL =\r\nQUIT\r\n")
            assert sock.recv(1000).startswith(b"+OK")
            session = sock.session
        wait_until(lambda n=1 + reused: len(server.events("signin", account=address)) == n)


def test_a_client_certificate_of_somebody_else(make_server, certs, tmp_path):
    server = make_server(tls=True, tls_client_ca=certs.ca)
    address = server.mailbox()
    context = tls_context(certs.ca)
    context.load_cert_chain(*Certs(tmp_path / "evil").client(address))
    try:
        with Pop(server.tls_port, tls=context) as pop:
            pop.err("AUTH EXTERNAL =")
    except (ssl.SSLError, ConnectionError):
        pass  # or refused in the handshake
    assert not server.events("signin", account=address)


def test_ocsp_is_stapled(make_server, certs, tmp_path):
    response = certs.ocsp(certs.dir / "pop.example.com.crt", tmp_path / "ocsp.der")
    with_it, without = make_server(tls=True, tls_ocsp=response), make_server(tls=True)

    def status(server):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.tls_port}", "-status", "-servername",
                               "pop.example.com", "-CAfile", certs.ca], input="QUIT\n", capture_output=True, text=True, timeout=PATIENCE).stdout
    assert "Cert Status: good" in status(with_it)
    assert "OCSP response: no response sent" in status(without)


@pytest.mark.parametrize("mech", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"])
def test_channel_binding(service, box, certs, mech):
    context = tls_context(certs.ca, highest=V12)
    with Pop(service.tls_port, tls=context) as pop:
        assert mech in pop.capa()["SASL"]
        binding = ("tls-unique", pop.sock.get_channel_binding("tls-unique"))
        assert sign_in_scram(pop, mech, box.address, box.password, binding).startswith(b"+OK")
        pop.quit()
    with Pop(service.tls_port, tls=context) as pop:  # a man in the middle has another channel
        wrong = ("tls-unique", bytes(len(binding[1])))
        scram = Scram(mech, box.address, box.password, wrong)
        first = pop.challenge(f"AUTH {mech} {base64.b64encode(scram.first).decode()}")
        assert pop.answer(scram.final(first)).startswith(b"-ERR")
    with service.pop() as pop:
        assert mech not in pop.capa()["SASL"]


def test_passwords_in_the_clear_from_afar(make_server, certs, space):
    """A peer that is not loopback: nothing in the clear is offered or taken, unless the administrator says so."""
    space.add_address("10.99.0.1")
    server = make_server(tls=True, space=space, listen="10.99.0.1 127.0.0.1")
    address = server.mailbox()
    with space.inside():
        with Pop(server.port, host="10.99.0.1", source="10.99.0.1") as pop:
            capa = pop.capa()
            assert "USER" not in capa and not {"PLAIN", "LOGIN"} & set(capa["SASL"])
            assert {"CRAM-MD5", "SCRAM-SHA-256"} <= set(capa["SASL"])
            refused = pop.cmd(f"USER {address}")
            if refused.startswith(b"+OK"):
                refused = pop.cmd("PASS pw-kim")
            assert refused.startswith(b"-ERR") and b"[AUTH]" not in refused
            pop.err("AUTH PLAIN")
            pop.err("AUTH PLAIN AGtpbUBleGFtcGxlLmNvbQBwdy1raW0=")
            assert sign_in_scram(pop, "SCRAM-SHA-256", address, "pw-kim").startswith(b"+OK")
            pop.quit()
        with Pop(server.port, host="10.99.0.1", source="10.99.0.1").stls(tls_context(certs.ca)) as pop:
            assert {"PLAIN", "LOGIN"} <= set(pop.capa()["SASL"])
            pop.signin(address, "pw-kim").quit()
        server.pop().signin(address, "pw-kim").quit()
        server.write_conf(plaintext_without_tls="yes")
        server.reload()
        with Pop(server.port, host="10.99.0.1", source="10.99.0.1") as pop:
            assert "USER" in pop.capa()
            pop.signin(address, "pw-kim").quit()


def test_no_certificate_no_stls(make_server):
    server = make_server()
    with server.pop() as pop:
        assert "STLS" not in pop.capa()
        pop.err("STLS")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.tls_port), PATIENCE)


def test_nonsense_instead_of_a_handshake(service, box):
    for junk in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 1000, b"\0" * 100, b"QUIT\r\n"):
        sock = socket.create_connection(("127.0.0.1", service.tls_port), PATIENCE)
        sock.sendall(junk)
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(PATIENCE)
        try:
            while sock.recv(4096):
                pass
        except ConnectionError:
            pass
        sock.close()
        pop = service.pop()
        pop.ok("STLS")
        pop.send(junk)
        pop.sock.shutdown(socket.SHUT_WR)
        pop.ended()
        pop.close()
    box.session().quit()


def test_large_messages_through_tls(service, box, tls):
    body = b"Subject: large\r\n\r\n" + b"".join(b"%08d .\r\n..dots\r\n" % n for n in range(200_000))
    box.deliver(body)
    with service.pop().stls(tls).signin(box.address, box.password) as pop:
        assert pop.retr(1).endswith(body)
        assert pop.retr(1).endswith(body)
        pop.quit()
