"""Sign-in through OpenLDAP: one slapd with 10,000 people, winpopd and Dovecot in front of it, the same look-up and bind by both.

Both search the address and bind as the entry they find (Dovecot: auth_bind = yes), both keep their connections, neither
remembers an answer. slapd's own use of the processor is measured beside the servers', for it is the one that should be busy.
"""
import base64
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from rows import N_SLOW, PEOPLE, SLOW
from servers import DOVECOT_PASSDB_LDAP, PASSWORD, Dovecot, Ours, Server

from fixtures.ports import Ports
from fixtures.waiting import wait_until

BASE, SERVICE = "dc=example,dc=com", "cn=winpop,dc=example,dc=com"
SERVICE_PASSWORD = "bench-service"

SLAPD_CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {home}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload argon2
threads {threads}
loglevel 0
database mdb
suffix {base}
directory {home}/db
maxsize 1073741824
dbnosync
index objectClass,uid,mail eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact={service} read by * none
"""
PERSON = """dn: uid=box{n},ou=people,{base}
objectClass: inetOrgPerson
uid: box{n}
cn: Box {n}
sn: {n}
mail: box{n}@example.com
userPassword: {password}

"""


def salted(password, salt=b"bench-salt"):
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


def argon2(password):
    """As slapd's own tool makes them: 4 MiB and three passes."""
    words = ["slappasswd", "-o", "module-path=/usr/lib/ldap", "-o", "module-load=argon2.so", "-h", "{ARGON2}", "-s", password]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip("\n\0")


def tree():
    """The whole directory as LDIF."""
    yield (f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: bench\ndc: example\n\n"
           f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n"
           f"dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: winpop\n"
           f"userPassword: {salted(SERVICE_PASSWORD)}\n\n")
    quick, slow = salted(PASSWORD), argon2(PASSWORD)
    for n in range(1, PEOPLE + 1):
        yield PERSON.format(n=n, base=BASE, password=quick)
    for n in range(SLOW, SLOW + N_SLOW):
        yield PERSON.format(n=n, base=BASE, password=slow)


class Slapd(Server):
    """Filled before it starts; plain connections on loopback, so that neither side's TLS is measured."""

    name = "slapd"

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="winpop-slapd-"))
        (self.home / "db").mkdir()
        self.password_file = self.home / "password"
        self.password_file.touch(0o600)
        self.password_file.write_text(SERVICE_PASSWORD + "\n")
        self.ports = Ports()
        self.port = self.ports.take()
        self.uri = f"ldap://127.0.0.1:{self.port}"
        conf = self.home / "slapd.conf"
        conf.write_text(SLAPD_CONF.format(home=self.home, base=BASE, service=SERVICE, threads=max(4, 2 * os.cpu_count())))
        subprocess.run(["slapadd", "-q", "-f", conf], input="".join(tree()), text=True, check=True)
        self.process = subprocess.Popen(["slapd", "-f", conf, "-h", self.uri, "-d", "0"], stderr=subprocess.DEVNULL)
        wait_until(self.answers, 20, "slapd does not answer")

    def answers(self):
        assert self.process.poll() is None, f"slapd ended with {self.process.returncode}"
        words = ["ldapwhoami", "-x", "-H", self.uri, "-D", SERVICE, "-w", SERVICE_PASSWORD]
        return subprocess.run(words, capture_output=True).returncode == 0

    def pid(self):
        return self.process.pid

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.ports.close()
        shutil.rmtree(self.home)


class OursInDirectory(Ours):
    """Mailboxes are put where they belong without a run of winpop for each of them."""

    def __init__(self, build, certs, slapd):
        self.behind = slapd
        super().__init__(build, certs, (), authentication="ad", role="member", directory="openldap", directory_servers=slapd.uri,
                         directory_starttls="no", directory_base=BASE, directory_user=SERVICE,
                         directory_password_file=slapd.password_file)

    def prepare(self, users):
        for n in (*range(1, PEOPLE + 1), *range(SLOW, SLOW + N_SLOW)):
            self.server.box_dir(f"box{n}@example.com").mkdir(mode=0o750)


class DovecotInDirectory(Dovecot):
    def __init__(self, certs, slapd):
        self.behind = slapd
        super().__init__(certs)

    def passdb(self):
        conf = self.home / "ldap.conf"
        conf.write_text(f"hosts = 127.0.0.1:{self.behind.port}\ndn = {SERVICE}\ndnpass = {SERVICE_PASSWORD}\nauth_bind = yes\n"
                        f"base = {BASE}\npass_filter = (&(objectClass=inetOrgPerson)(mail=%u))\npass_attrs = mail=user\n")
        return DOVECOT_PASSDB_LDAP.format(conf=conf)
