/* test_optvalue.c - each type: what is taken, how it is stored, what a refusal says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/conf/options.h"

#define X100                                                                                       \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxx"
#define E10 "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
#define E50 E10 E10 E10 E10 E10

struct row {
	const char *option, *value;
	const char *stored; /* NULL: refused */
};

static const struct row rows[] = {
	{ "port", "0", "0" },
	{ "port", "65535", "65535" },
	{ "port", "00110", "110" },
	{ "port", "65536", NULL },
	{ "port", "-1", NULL },
	{ "port", "+1", NULL },
	{ "port", " 1", NULL },
	{ "port", "1 ", NULL },
	{ "port", "0x10", NULL },
	{ "port", "", NULL },
	{ "port", "18446744073709551726", NULL }, /* 110 modulo 2^64 */
	{ "logging", "4", "4" },
	{ "logging", "5", NULL },
	{ "threadcount", "1", "1" },
	{ "threadcount", "32", "32" },
	{ "threadcount", "0", NULL },
	{ "threadcount", "33", NULL },
	{ "socketmax", "1", "1" },
	{ "socketmax", "32000", "32000" },
	{ "socketmax", "0", NULL },
	{ "socketmax", "32001", NULL },
	{ "socketmin", "0", NULL },
	{ "socketbacklog", "0", "0" },
	{ "socketbacklog", "100", "100" },
	{ "socketbacklog", "101", NULL },
	{ "socketthreshold", "100", "100" },
	{ "socketthreshold", "101", NULL },
	{ "idle_timeout", "599", NULL },
	{ "idle_timeout", "600", "600" },
	{ "signin_timeout", "4", NULL },
	{ "workers", "256", "256" },
	{ "workers", "257", NULL },
	{ "sparequired", "1", "yes" },
	{ "sparequired", "0", "no" },
	{ "sparequired", "YES", "yes" },
	{ "sparequired", "No", "no" },
	{ "sparequired", "2", NULL },
	{ "sparequired", "", NULL },
	{ "message_max", "100M", "100M" },
	{ "message_max", "1024", "1K" },
	{ "message_max", "1536k", "1536K" },
	{ "message_max", "2048K", "2M" },
	{ "message_max", "1000001", "1000001" },
	{ "message_max", "16g", "16G" },
	{ "message_max", "17G", NULL },
	{ "message_max", "1023", NULL },
	{ "message_max", "100MB", NULL },
	{ "message_max", "M", NULL },
	{ "message_max", "1T", NULL },
	{ "message_max", "1.5G", NULL },
	{ "message_max", "18014398509481985K", NULL }, /* 1 K modulo 2^64 */
	{ "expire", "never", "never" },
	{ "expire", "NEVER", "never" },
	{ "expire", "0", "0" },
	{ "expire", "36500", "36500" },
	{ "expire", "36501", NULL },
	{ "expire", "4294967295", NULL }, /* EXPIRE_NEVER itself */
	{ "expire", "", NULL },
	{ "apop", "AUTO", "auto" },
	{ "apop", "yes", "yes" },
	{ "apop", "1", NULL },
	{ "apop", "no|yes", NULL },
	{ "apop", "", NULL },
	{ "log_to", "journal", "journal" },
	{ "log_to", "file", NULL },
	{ "role", "Member", "member" },
	{ "tls_min", "1.3", "1.3" },
	{ "tls_min", "1.1", NULL },
	{ "tls_min", "", NULL },
	{ "mailroot", "/srv/mail", "/srv/mail" },
	{ "mailroot", "/srv/mail//", "/srv/mail" },
	{ "mailroot", "/", "/" },
	{ "mailroot", "srv", NULL },
	{ "mailroot", "", NULL },
	{ "mailroot", "C:\\mailstore", NULL },
	{ "mailroot", "/a\nb", NULL },
	{ "mailroot", "/a\xFF", NULL },
	/* 260 characters, not octets */
	{ "mailroot", "/" E50 E50 E50 E50 E50 "123456789", "/" E50 E50 E50 E50 E50 "123456789" },
	{ "mailroot", "/" E50 E50 E50 E50 E50 "1234567890", NULL },
	{ "control_socket", "", NULL },
	{ "lmtp_socket", "", "" },
	{ "lmtp_socket", "/" X100 "123456", "/" X100 "123456" },
	{ "lmtp_socket", "/" X100 "1234567", NULL },
	{ "lmtp_socket", "/" E50 "1234567", NULL }, /* sun_path counts octets */
	{ "tls_cert", "", "" },
	{ "listen", "*", "*" },
	{ "listen", "127.0.0.1 ::1", "127.0.0.1 ::1" },
	{ "listen", "", NULL },
	{ "listen", " ", NULL },
	{ "listen", "localhost", NULL },
	{ "listen", "127.0.0.1,::1", NULL },
	{ "listen", "127.0.0.1:110", NULL },
	{ "listen", "::1 " X100, NULL },
	{ "lmtp_listen", "", "" },
	{ "lmtp_listen", "127.0.0.1:24 [::1]:24 *:0", "127.0.0.1:24 [::1]:24 *:0" },
	{ "lmtp_listen", "::1:24", NULL },
	{ "lmtp_listen", "127.0.0.1", NULL },
	{ "lmtp_listen", "127.0.0.1:", NULL },
	{ "lmtp_listen", "127.0.0.1:65536", NULL },
	{ "lmtp_listen", "127.0.0.1:-1", NULL },
	{ "lmtp_listen", "[127.0.0.1]:24", NULL },
	{ "lmtp_listen", "[::1:24", NULL },
	{ "lmtp_listen", "[:24", NULL },
	{ "lmtp_listen", ":24", NULL },
	{ "lmtp_listen", "[]:24", NULL },
	{ "hostname", "mail.example.com", "mail.example.com" },
	{ "hostname", "m\xC3\xBCnchen.de", NULL },
	{ "hostname", "a b", NULL },
	{ "hostname", "", NULL },
	{ "mechanisms", "PLAIN SCRAM-SHA-256", "PLAIN SCRAM-SHA-256" },
	{ "mechanisms", "", "" },
	{ "mechanisms", "plain", NULL },
	{ "mechanisms", "SCRAM-SHA-265", NULL },
	{ "mechanisms", "PLAIN DIGEST-MD5", NULL },
	{ "mechanisms", "SCRAM-SHA", NULL },
	{ "mechanisms", "PLAIN,LOGIN", NULL },
	{ "mechanisms", "ABCDEFGHIJKLMNOPQRSTU", NULL },
	{ "user", "", "" },
	{ "user", "winpop", "winpop" },
};

static void rows_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arena *a = arena_new("test", 1024);
		const struct option *o = option_find(rows[i].option);
		struct err e = { 0 };
		const char *stored = NULL;
		enum ec rc = option_check(a, o, rows[i].value, ROLE_STANDALONE, &stored, &e);
		if (rc != (rows[i].stored ? EC_OK : EC_USAGE))
			fail_msg("%s = \"%s\": %s", o->name, rows[i].value, e.text);
		if (rows[i].stored)
			assert_string_equal(stored, rows[i].stored);
		else /* the text begins with the setting's name */
			assert_memory_equal(e.text, o->name, strlen(o->name));
		arena_drop(&a);
	}
}

/* What was put into a snapshot comes out as the same text. */
static void values_survive_the_snapshot(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct conf c = { .mem = arena_new("test", 1024) };
		const struct option *o = option_find(rows[i].option);
		if (rows[i].stored) {
			option_put(&c, o, rows[i].stored);
			assert_string_equal(option_text(c.mem, o, &c), rows[i].stored);
		}
		arena_drop(&c.mem);
	}
}

/* The original's tables: number and method by role. */
static void methods_by_role(void **state)
{
	static const struct {
		enum host_role role;
		const char *value, *stored;
	} cases[] = {
		{ ROLE_DC, "1", "ad" },
		{ ROLE_DC, "2", "file" },
		{ ROLE_DC, "3", NULL },
		{ ROLE_DC, "local", NULL },
		{ ROLE_MEMBER, "1", "ad" },
		{ ROLE_MEMBER, "2", "local" },
		{ ROLE_MEMBER, "3", "file" },
		{ ROLE_MEMBER, "4", NULL },
		{ ROLE_STANDALONE, "1", "local" },
		{ ROLE_STANDALONE, "2", "file" },
		{ ROLE_STANDALONE, "3", NULL },
		{ ROLE_STANDALONE, "ad", NULL },
		{ ROLE_STANDALONE, "FILE", "file" },
		{ ROLE_MEMBER, "Ad", "ad" },
		{ ROLE_STANDALONE, "0", NULL },
		{ ROLE_STANDALONE, "", NULL },
		{ ROLE_STANDALONE, "files", NULL },
	};
	const struct option *o = option_find("authentication");
	struct arena *a = arena_new("test", 1024);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *stored = NULL;
		struct err e = { 0 };
		enum ec rc = option_check(a, o, cases[i].value, cases[i].role, &stored, &e);
		if (rc != (cases[i].stored ? EC_OK : EC_USAGE))
			fail_msg("role %d, %s: %s", cases[i].role, cases[i].value, e.text);
		if (cases[i].stored)
			assert_string_equal(stored, cases[i].stored);
		else
			assert_non_null(strstr(e.text, "file"));
	}
	assert_int_equal(authn_number(AUTHN_FILE, ROLE_MEMBER), 3);
	assert_int_equal(authn_number(AUTHN_AD, ROLE_STANDALONE), 0);
	assert_int_equal(authn_number(AUTHN_LOCAL, ROLE_DC), 0);
	arena_drop(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_hold),
		cmocka_unit_test(values_survive_the_snapshot),
		cmocka_unit_test(methods_by_role),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
