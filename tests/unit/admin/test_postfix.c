/* test_postfix.c - what is wanted of Postfix, from our settings and what is set already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "admin/postfix.h"

#define SET(...)                                                                                   \
	{                                                                                          \
		(struct pf_pair[]){ __VA_ARGS__ },                                                 \
			sizeof((struct pf_pair[]){ __VA_ARGS__ }) / sizeof(struct pf_pair)         \
	}
#define POLICY "check_policy_service { unix:winpop/maps, default_action=DUNNO }"
#define DOMAINS "socketmap:unix:winpop/maps:domains"

static const char plain[] = "message_max = 100M\n";
static const char with_cert[] = "tls_cert = /etc/c.pem\ntls_key = /etc/k.pem\n";

struct asked {
	struct arena *mem;
	struct conf *c;
	struct pf_want wants[PF_WANTS_MAX];
	size_t n;
};

static void ask(struct asked *a, const char *settings, struct pf_now now)
{
	struct err e;

	now.queue = "/var/spool/postfix";
	now.owner = "postfix";
	a->mem = arena_new("test", 4096);
	assert_int_equal(conf_parse("winpop.conf", settings, strlen(settings), &a->c, &e), EC_OK);
	a->n = postfix_wants(a->mem, a->c, &now, a->wants);
	assert_true(a->n <= PF_WANTS_MAX);
}

static void done(struct asked *a)
{
	conf_unref(&a->c);
	arena_drop(&a->mem);
}

static const struct pf_want *wanted(const struct asked *a, const char *key)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->wants[i].key, key) == 0)
			return &a->wants[i];
	}
	return NULL;
}

static const struct {
	const char *settings;
	struct pf_now now;
	const char *key;
	enum pf_state state;
	const char *value; /* NULL: not wanted at all */
} cases[] = {
	{ plain, { 0 }, "virtual_transport", PF_FREE, "lmtp:unix:winpop/lmtp" },
	{ plain,
	  { .set = SET({ "virtual_transport", "lmtp:unix:winpop/lmtp" }) },
	  "virtual_transport",
	  PF_GOOD,
	  "lmtp:unix:winpop/lmtp" },
	{ plain,
	  { .set = SET({ "virtual_transport", "lmtp:unix:private/dovecot-lmtp" }) },
	  "virtual_transport",
	  PF_TAKEN,
	  "lmtp:unix:winpop/lmtp" },
	/* ours may be one of several, and part of a variable */
	{ plain,
	  { .set = SET({ "virtual_mailbox_domains", "example.net, " DOMAINS }) },
	  "virtual_mailbox_domains",
	  PF_GOOD,
	  "example.net, " DOMAINS },
	{ plain,
	  { .set = SET({ "virtual_mailbox_domains", "$ours" }),
	    .worth = SET({ "virtual_mailbox_domains", DOMAINS }) },
	  "virtual_mailbox_domains",
	  PF_GOOD,
	  "$ours" },
	{ plain,
	  { .set = SET({ "virtual_mailbox_domains", DOMAINS "2" }) },
	  "virtual_mailbox_domains",
	  PF_TAKEN,
	  DOMAINS },
	/* rules that are there stay, and ours is reached */
	{ plain, { 0 }, "smtpd_recipient_restrictions", PF_FREE, POLICY },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions", "" }) },
	  "smtpd_recipient_restrictions",
	  PF_FREE,
	  POLICY },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions", "reject_rbl_client a.example, " }) },
	  "smtpd_recipient_restrictions",
	  PF_FREE,
	  "reject_rbl_client a.example, " POLICY },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions", "permit_mynetworks permit" }) },
	  "smtpd_recipient_restrictions",
	  PF_FREE,
	  "permit_mynetworks " POLICY ", permit" },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions", "reject" }) },
	  "smtpd_recipient_restrictions",
	  PF_FREE,
	  POLICY ", reject" },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions", POLICY ",permit" }) },
	  "smtpd_recipient_restrictions",
	  PF_GOOD,
	  POLICY ",permit" },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions",
			 "check_policy_service {unix:winpop/maps} permit" }) },
	  "smtpd_recipient_restrictions",
	  PF_GOOD,
	  "check_policy_service {unix:winpop/maps} permit" },
	{ plain,
	  { .set = SET({ "smtpd_recipient_restrictions",
			 "check_recipient_access socketmap:unix:winpop/maps:mailboxes" }) },
	  "smtpd_recipient_restrictions",
	  PF_FREE,
	  "check_recipient_access socketmap:unix:winpop/maps:mailboxes, " POLICY },
	/* sizes */
	{ plain, { 0 }, "message_size_limit", PF_FREE, "104857600" },
	{ plain,
	  { .set = SET({ "message_size_limit", "5000" }) },
	  "message_size_limit",
	  PF_GOOD,
	  "5000" },
	{ plain,
	  { .set = SET({ "message_size_limit", "0" }) },
	  "message_size_limit",
	  PF_TAKEN,
	  "104857600" },
	{ plain,
	  { .set = SET({ "message_size_limit", "204857600" }) },
	  "message_size_limit",
	  PF_TAKEN,
	  "104857600" },
	{ plain, { .worth = SET({ "mailbox_size_limit", "0" }) }, "mailbox_size_limit", 0, NULL },
	{ plain,
	  { .worth = SET({ "mailbox_size_limit", "51200000" }) },
	  "mailbox_size_limit",
	  PF_FREE,
	  "0" },
	{ plain,
	  { .set = SET({ "message_size_limit", "5000" }),
	    .worth = SET({ "mailbox_size_limit", "51200000" }) },
	  "mailbox_size_limit",
	  0,
	  NULL },
	/* the certificate: ours, unless there is one that somebody trusts */
	{ plain, { 0 }, "smtpd_tls_cert_file", 0, NULL },
	{ plain, { 0 }, "submission/inet", 0, NULL },
	{ with_cert, { 0 }, "smtpd_tls_cert_file", PF_FREE, "/etc/c.pem" },
	{ with_cert, { 0 }, "smtpd_tls_security_level", PF_FREE, "may" },
	{ with_cert,
	  { .set = SET({ "smtpd_tls_cert_file", "/etc/ssl/certs/ssl-cert-snakeoil.pem" },
		       { "smtpd_tls_security_level", "encrypt" }) },
	  "smtpd_tls_cert_file",
	  PF_FREE,
	  "/etc/c.pem" },
	{ with_cert,
	  { .set = SET({ "smtpd_tls_security_level", "encrypt" }) },
	  "smtpd_tls_security_level",
	  0,
	  NULL },
	{ with_cert,
	  { .set = SET({ "smtpd_tls_chain_files", "/etc/own.pem" }) },
	  "smtpd_tls_cert_file",
	  0,
	  NULL },
	{ plain,
	  { .set = SET({ "smtpd_tls_chain_files", "/etc/own.pem" }) },
	  "submission/inet",
	  PF_FREE,
	  "submission inet  n - y - - smtpd" },
	/* services: those that are there are used, under any name of the port */
	{ with_cert, { 0 }, "submissions/inet", PF_FREE, "submissions inet  n - y - - smtpd" },
	{ with_cert,
	  { .services = SET({ "smtps/inet", "smtps inet n - n - - smtpd -o x=y" }) },
	  "smtps/inet",
	  PF_GOOD,
	  "smtps inet n - n - - smtpd -o x=y" },
	{ with_cert,
	  { .services = SET({ "smtps/inet", "smtps inet n - n - - smtpd" }) },
	  "submissions/inet",
	  0,
	  NULL },
	{ with_cert,
	  { .services = SET({ "submission/inet", "submission inet n - n - - spawn argv=x" }) },
	  "submission/inet",
	  PF_TAKEN,
	  "submission inet  n - y - - smtpd" },
	{ with_cert,
	  { .services = SET({ "587/inet", "587 inet n - n - - smtpd" }),
	    .options = SET({ "587/inet/smtpd_sasl_path", "private/auth" }) },
	  "587/inet/smtpd_sasl_path",
	  PF_TAKEN,
	  "winpop/auth" },
	/* UTF-8: on, unless somebody turned it off */
	{ plain, { .worth = SET({ "smtputf8_enable", "yes" }) }, "smtputf8_enable", 0, NULL },
	{ plain, { .worth = SET({ "smtputf8_enable", "no" }) }, "smtputf8_enable", PF_FREE, "yes" },
	{ plain,
	  { .set = SET({ "smtputf8_enable", "no" }), .worth = SET({ "smtputf8_enable", "no" }) },
	  "smtputf8_enable",
	  0,
	  NULL },
};

static void wants_follow_from_what_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct asked a;
		ask(&a, cases[i].settings, cases[i].now);
		const struct pf_want *want = wanted(&a, cases[i].key);
		if (!want != !cases[i].value)
			fail_msg("case %zu: %s", i, cases[i].key);
		if (want) {
			assert_string_equal(want->value, cases[i].value);
			if (want->state != cases[i].state)
				fail_msg("case %zu: %s is %d", i, want->key, want->state);
		}
		done(&a);
	}
}

/* What was applied is found applied: nothing is wanted twice. */
static void all_set_is_all_good(void **state)
{
	struct pf_pair set[PF_WANTS_MAX], services[PF_WANTS_MAX], options[PF_WANTS_MAX];
	struct pf_now now = { .set = { set, 0 },
			      .services = { services, 0 },
			      .options = { options, 0 } };
	struct pf_list *const lists[] = {
		[PF_MAIN] = &now.set, [PF_SERVICE] = &now.services, [PF_OPTION] = &now.options
	};
	struct asked first, again;

	(void)state;
	ask(&first, with_cert, (struct pf_now){ 0 });
	for (size_t i = 0; i < first.n; i++) {
		const struct pf_want *w = &first.wants[i];
		struct pf_list *l = lists[w->kind];
		assert_int_equal(w->state, PF_FREE);
		assert_null(pf_get(l, w->key));
		l->at[l->n++] = (struct pf_pair){ w->key, w->value };
	}
	ask(&again, with_cert, now);
	for (size_t i = 0; i < again.n; i++)
		assert_int_equal(again.wants[i].state, PF_GOOD);
	assert_int_equal(again.n, first.n - 1); /* smtpd_tls_security_level is anybody's now */
	done(&again);
	done(&first);
}

static void lines_are_as_in_the_files(void **state)
{
	struct asked a;

	(void)state;
	ask(&a, with_cert, (struct pf_now){ 0 });
	assert_string_equal(postfix_line(a.mem, wanted(&a, "virtual_transport")),
			    "virtual_transport = lmtp:unix:winpop/lmtp");
	assert_string_equal(postfix_line(a.mem, wanted(&a, "submission/inet")),
			    "submission inet  n - y - - smtpd");
	assert_string_equal(
		postfix_line(a.mem, wanted(&a, "submission/inet/smtpd_helo_restrictions")),
		"  -o smtpd_helo_restrictions=");
	done(&a);
}

static void sockets_are_in_the_queue(void **state)
{
	struct pf_now now = { .queue = "/q" };
	struct arena *mem = arena_new("test", 1024);
	static const char text[] = "lmtp_socket = /l\nmaps_socket = /m\nauth_socket = /a\n";
	static const char *const want[PF_SOCKETS][2] = { { "/q/winpop/lmtp", "/l" },
							 { "/q/winpop/maps", "/m" },
							 { "/q/winpop/auth", "/a" } };
	struct conf *c;
	struct err e;

	(void)state;
	assert_int_equal(conf_parse("winpop.conf", text, strlen(text), &c, &e), EC_OK);
	for (size_t i = 0; i < PF_SOCKETS; i++) {
		assert_string_equal(postfix_socket_path(mem, &now, &pf_sockets[i]), want[i][0]);
		assert_string_equal(postfix_socket_set(c, &pf_sockets[i]), want[i][1]);
	}
	conf_unref(&c);
	arena_drop(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wants_follow_from_what_is_there),
		cmocka_unit_test(all_set_is_all_good),
		cmocka_unit_test(lines_are_as_in_the_files),
		cmocka_unit_test(sockets_are_in_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
