"""Fixtures of the integration tests: where the programs are, certificates, private services.

`service` is shared by the tests of one file, which get a fresh mailbox each (`box`); `make_server` is for tests that need
settings of their own or that break things. Run by `pytest -n 4`: nothing is shared between processes but the port locks.
"""
import contextlib
import dataclasses
import functools
import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fixtures.certs import Certs  # noqa: E402
from fixtures.migration import Migration  # noqa: E402
from fixtures.office import Office  # noqa: E402
from fixtures.samba import Dc, Golden  # noqa: E402
from fixtures.slapd import Slapd  # noqa: E402
from fixtures.spaces import Space  # noqa: E402
from fixtures.winpopd import Winpopd, running, servers  # noqa: E402
from fixtures.wire import tls_context  # noqa: E402


@pytest.fixture(scope="session")
def build():
    path = pathlib.Path(os.environ.get("WINPOP_BUILD", "build")).resolve()
    assert (path / "server/main/winpopd").exists(), f"no programs in {path}: set WINPOP_BUILD to a build directory"
    return path


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    made = Certs(tmp_path_factory.mktemp("certs"))
    made.server("pop.example.com", ("127.0.0.1", "10.99.0.1"))
    return made


@pytest.fixture(scope="session")
def tls(certs):
    """A client context that trusts the test CA and checks the name."""
    return tls_context(certs.ca)


@pytest.fixture(scope="module")
def service(build, certs):
    """One running service for the tests of a file."""
    with running(build, certs) as server:
        yield server


@dataclasses.dataclass
class Box:
    """A mailbox of its own for one test."""

    server: Winpopd
    address: str
    password: str

    @property
    def dir(self):
        return self.server.box_dir(self.address)

    def session(self):
        return self.server.session(self.address, self.password)

    def deliver(self, *bodies):
        self.server.deliver(self.address, *bodies)

    def messages(self):
        return self.server.messages(self.address, self.password)


numbers = itertools.count(1)


@pytest.fixture
def box(service):
    local = f"user{next(numbers)}"
    return Box(service, service.mailbox(local, f"pw of {local}"), f"pw of {local}")


@pytest.fixture
def make_server(build, certs):
    """make_server(tls=True, start=True, space=None, **settings) -> Winpopd, in that space; ended after the test."""
    with servers(lambda tls=False, space=None, **settings: Winpopd(build, certs if tls else None, space, **settings)) as make:
        yield make


@pytest.fixture
def server(make_server):
    """A running service with one mailbox, kim@example.com, password pw-kim."""
    made = make_server()
    made.mailbox()
    return made


@pytest.fixture
def space():
    """A private network and private mounts."""
    made = Space()
    yield made
    made.close()


@pytest.fixture
def make_slapd():
    """make_slapd(suffix, people=N, ...) -> a running OpenLDAP server; gone after the test."""
    with contextlib.ExitStack() as stack:
        def make(**how):
            made = Slapd(**how)
            stack.callback(made.close)
            return made.start()
        yield make


@pytest.fixture
def slapd(make_slapd):
    return make_slapd()


@pytest.fixture(scope="session")
def golden(tmp_path_factory):
    """The image of a domain, made once for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    return Golden(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def make_dc(golden):
    """make_dc(winbindd=False, ntlm=..., schema=...) -> a running Active Directory of its own; gone after the test."""
    with contextlib.ExitStack() as stack:
        def make(winbindd=False, **how):
            made = Dc(golden, **how)
            stack.callback(made.close)
            made.start()
            if winbindd:
                made.start_winbindd()
            return made
        yield make


@pytest.fixture(scope="module")
def dc(golden):
    """An Active Directory shared by the tests of a file, which add people of their own; winbindd runs on the member."""
    made = Dc(golden)
    try:
        made.start()
        made.start_winbindd()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module", params=["openldap", "ad"])
def directory(request):
    """Each kind of directory in turn, our schema loaded; shared by the tests of a file, which add people of their own."""
    made = Slapd() if request.param == "openldap" else Dc(request.getfixturevalue("golden"), schema=True)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def office_at(make_server):
    """office_at(on, catalog="local", start=True, **settings) -> Office; its log is searched for passwords at the end."""
    made = []

    def make(on, kind=Office, **how):
        made.append(kind(on, make_server, **how))
        return made[-1]

    yield make
    for office in made:
        office.check_secrets()


@pytest.fixture
def make_office(directory, office_at):
    """make_office(catalog="local", start=True, **settings) -> Office on that directory"""
    return functools.partial(office_at, directory)


@pytest.fixture(params=["local", "directory"])
def office(request, make_office):
    """Mailboxes registered in the mail root, then in the directory."""
    return make_office(catalog=request.param)


@pytest.fixture
def migration_at(make_server):
    """migration_at(on, ...) -> Migration; in the end no password is to be found in the log and in the journal."""
    made = []

    def make(on, **how):
        made.append(Migration(on, make_server, **how))
        return made[-1]

    yield make
    for migration in made:
        migration.check_secrets()


@pytest.fixture
def make_migration(directory, migration_at):
    if directory.kind == "openldap":
        directory.set_policy(pwdCheckQuality=2, pwdMinLength=3)
    return functools.partial(migration_at, directory)


@pytest.fixture
def migration(make_migration):
    return make_migration()
