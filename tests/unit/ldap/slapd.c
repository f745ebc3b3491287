/* slapd.c - see slapd.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "tests/unit/ldap/slapd.h"
#include "tests/unit/net/pki.h"

#define PATIENCE_MS 60000

static const char config[] =
	"include /etc/ldap/schema/core.schema\n"
	"include /etc/ldap/schema/cosine.schema\n"
	"include /etc/ldap/schema/inetorgperson.schema\n"
	"modulepath /usr/lib/ldap\n"
	"moduleload back_mdb\n"
	"moduleload ppolicy\n"
	"%2$s"
	"TLSCACertificateFile %1$s/ca.pem\n"
	"TLSCertificateFile %1$s/srv.pem\n"
	"TLSCertificateKeyFile %1$s/srv.key\n"
	"password-hash {SSHA}\n"
	"authz-regexp gidNumber=.*,cn=peercred,cn=external,cn=auth " SLAPD_ADMIN "\n"
	"database mdb\n"
	"suffix " SLAPD_BASE "\n"
	"rootdn " SLAPD_ADMIN "\n"
	"rootpw \"" SLAPD_PASSWORD "\"\n"
	"directory %1$s/db\n"
	"dbnosync\n"
	"index objectClass,cn eq\n"
	"%3$s"
	"access to attrs=userPassword by self write by anonymous auth by * none\n"
	"access to * by * read\n"
	"overlay ppolicy\n"
	"ppolicy_default cn=policy," SLAPD_BASE "\n"
	"ppolicy_use_lockout\n";

static void write_file(const char *dir, const char *name, const char *text, unsigned mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void make_certificates(struct slapd *s)
{
	char crt[80], key[80];
	struct pki_cert ca = pki_make(&(struct pki_want){ .cn = "Test CA" }, NULL);
	struct pki_cert other = pki_make(&(struct pki_want){ .cn = "Other CA" }, NULL);
	struct pki_cert srv =
		pki_make(&(struct pki_want){ .cn = "server", .dns = "localhost" }, &ca);

	snprintf(s->ca, sizeof(s->ca), "%s/ca.pem", s->dir);
	snprintf(s->other_ca, sizeof(s->other_ca), "%s/other.pem", s->dir);
	snprintf(key, sizeof(key), "%s/ca.key", s->dir);
	pki_write(&ca, s->ca, key);
	pki_write(&other, s->other_ca, key);
	snprintf(crt, sizeof(crt), "%s/srv.pem", s->dir);
	snprintf(key, sizeof(key), "%s/srv.key", s->dir);
	pki_write(&srv, crt, key);
	pki_drop(&srv);
	pki_drop(&other);
	pki_drop(&ca);
}

/* Free at this moment; whoever takes it before slapd does makes slapd_start try again. */
static int free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static void escape_path(char *out, size_t max, const char *path)
{
	size_t n = 0;

	for (; *path && n + 4 < max; path++)
		n += (size_t)(*path == '/' ? snprintf(out + n, max - n, "%%2F")
					   : snprintf(out + n, max - n, "%c", *path));
}

static void choose_addresses(struct slapd *s)
{
	char path[80];

	snprintf(s->plain, sizeof(s->plain), "ldap://127.0.0.1:%d", free_port());
	snprintf(s->tls, sizeof(s->tls), "ldaps://localhost:%d", free_port());
	snprintf(path, sizeof(path), "%s/ldapi", s->dir);
	strcpy(s->local, "ldapi://");
	escape_path(s->local + 8, sizeof(s->local) - 8, path);
}

static void run_slapd(const struct slapd *s)
{
	char conf[96], urls[400], log[96];

	snprintf(conf, sizeof(conf), "%s/slapd.conf", s->dir);
	snprintf(urls, sizeof(urls), "%s/ %s/ %s/", s->plain, s->tls, s->local);
	snprintf(log, sizeof(log), "%s/log", s->dir);
	if (!freopen(log, "a", stderr) || !freopen("/dev/null", "r", stdin))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that crashes */
	/* -d keeps it in the foreground */
	execl("/usr/sbin/slapd", "slapd", "-f", conf, "-h", urls, "-d", "0", (char *)NULL);
	_exit(127);
}

/* False: it ended at once. */
static bool launch(struct slapd *s)
{
	struct link_setup setup = { .timeout_ms = 5000, .bind = DIR_BIND_EXTERNAL };
	uint64_t end = clock_mono_ms() + PATIENCE_MS;

	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		run_slapd(s);
	while (clock_mono_ms() < end) {
		struct dir_conn *c;
		if (dir_conn_open(s->local, &setup, true, &c, NULL) == EC_OK) {
			dir_conn_close(&c);
			return true;
		}
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
			return false;
		poll(NULL, 0, 5);
	}
	slapd_kill(s);
	return false;
}

static void add_top(struct slapd *s)
{
	static const char *const entries[][5] = {
		{ SLAPD_BASE, "dcObject organization", "dc", "test", "o" },
		{ "ou=people," SLAPD_BASE, "organizationalUnit", "ou", "people", NULL },
		{ "cn=policy," SLAPD_BASE, "device pwdPolicy", "cn", "policy", NULL },
	};
	struct link_setup setup = slapd_setup(s);
	struct dir_conn *c;

	assert_int_equal(dir_conn_open(s->plain, &setup, true, &c, NULL), EC_OK);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct dir_change *ch = change_new(entries[i][0]);
		char classes[64], *rest = NULL;

		strcpy(classes, entries[i][1]);
		for (char *w = strtok_r(classes, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
			change_putz(ch, CHANGE_ADD, "objectClass", w);
		change_putz(ch, CHANGE_ADD, entries[i][2], entries[i][3]);
		if (entries[i][4])
			change_putz(ch, CHANGE_ADD, entries[i][4], "test");
		if (strncmp(entries[i][0], "cn=policy", 9) == 0) {
			change_putz(ch, CHANGE_ADD, "pwdAttribute", "userPassword");
			change_putz(ch, CHANGE_ADD, "pwdMinLength", "5");
			change_putz(ch, CHANGE_ADD, "pwdCheckQuality", "2");
			change_putz(ch, CHANGE_ADD, "pwdLockout", "TRUE");
			change_putz(ch, CHANGE_ADD, "pwdMaxFailure", "3");
			change_putz(ch, CHANGE_ADD, "pwdMustChange", "TRUE");
			change_putz(ch, CHANGE_ADD, "pwdAllowUserChange", "TRUE");
		}
		assert_int_equal(dir_conn_add(c, ch, NULL), EC_OK);
		change_free(&ch);
	}
	dir_conn_close(&c);
}

void slapd_start(struct slapd *s)
{
	slapd_start_with(s, "", "");
}

void slapd_start_with(struct slapd *s, const char *global, const char *database)
{
	char text[4000], db[80];

	signal(SIGPIPE, SIG_IGN); /* as the programs do: a server may go while it is written to */
	*s = (struct slapd){ 0 };
	strcpy(s->dir, "/tmp/winpop-ldap-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(db, sizeof(db), "%s/db", s->dir);
	assert_int_equal(mkdir(db, 0700), 0);
	make_certificates(s);
	assert_true(snprintf(text, sizeof(text), config, s->dir, global, database) < sizeof(text));
	write_file(s->dir, "slapd.conf", text, 0600);
	snprintf(s->password_file, sizeof(s->password_file), "%s/password", s->dir);
	write_file(s->dir, "password", SLAPD_PASSWORD "\n", 0600);
	for (int tries = 0;; tries++) {
		choose_addresses(s);
		if (launch(s))
			break;
		assert_true(tries < 5);
	}
	add_top(s);
}

void slapd_kill(struct slapd *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGCONT);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void slapd_again(struct slapd *s)
{
	assert_true(launch(s));
}

void slapd_freeze(struct slapd *s)
{
	kill(s->pid, SIGSTOP);
	assert_int_equal(waitpid(s->pid, NULL, WUNTRACED), s->pid); /* until it really stands */
}

void slapd_thaw(struct slapd *s)
{
	kill(s->pid, SIGCONT);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void slapd_stop(struct slapd *s)
{
	slapd_kill(s);
	nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct link_setup slapd_setup(const struct slapd *s)
{
	return (struct link_setup){ .ca = s->ca,
				    .timeout_ms = 10000, /* a busy machine */
				    .bind = DIR_BIND_SIMPLE,
				    .user = SLAPD_ADMIN,
				    .password_file = s->password_file };
}

void slapd_add_person(struct dir_conn *c, const char *name, const char *password)
{
	char dn[128];
	struct err e = { 0 };

	snprintf(dn, sizeof(dn), "cn=%s,ou=people," SLAPD_BASE, name);
	struct dir_change *ch = change_new(dn);
	change_putz(ch, CHANGE_ADD, "objectClass", "person");
	change_putz(ch, CHANGE_ADD, "cn", name);
	change_putz(ch, CHANGE_ADD, "sn", "Test");
	if (password)
		change_putz(ch, CHANGE_ADD, "userPassword", password);
	if (dir_conn_add(c, ch, &e) != EC_OK)
		fail_msg("%s", e.text);
	change_free(&ch);
}
