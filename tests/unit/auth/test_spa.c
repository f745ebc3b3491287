/* test_spa.c - who is to prove, and under which names. Here is no winbindd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "server/auth/spa.h"
#include "tests/unit/auth/people.h"

static char heard[1000];

static void hear(void *context, const char *line)
{
	(void)context;
	snprintf(heard, sizeof(heard), "%s", line);
}

struct place {
	struct accounts_ops ops;
	struct people people;
	struct log_sink *sink;
	struct log log;
	struct auth_setup setup;
};

static struct auth_setup *place(struct place *p, enum name_rule rule, unsigned reveals)
{
	*p = (struct place){ .ops = people_ops };
	p->ops.rule = rule;
	p->people.base = (struct accounts){ .ops = &p->ops, .reveals = reveals };
	p->sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(p->sink, hear, NULL);
	p->log.sink = p->sink;
	p->setup = (struct auth_setup){ .hostname = "mail.example.com",
					.accounts = &p->people.base,
					.log = &p->log,
					.spa = { .domain = "", .timeout_ms = 1000 } };
	heard[0] = 0;
	return &p->setup;
}

#define CLEAR (1u << SECRET_CLEAR)
#define NT (1u << SECRET_NT_HASH)

static void kinds(void **state)
{
	static const struct {
		enum spa_kind kind;
		enum name_rule rule;
		unsigned reveals;
		enum ec want;
		enum spa_kind found;
		const char *said;
		bool of_domain;
	} rows[] = {
		{ SPA_AUTO, NAME_DIRECTORY, NT, EC_OK, SPA_OFF, "people are not known" },
		{ SPA_AUTO, NAME_DIRECTORY, NT, EC_OK, SPA_OFF, "winbindd does not answer", true },
		{ SPA_AUTO, NAME_FILE, CLEAR, EC_OK, SPA_OFF, NULL }, /* nobody expects it */
		{ SPA_AUTO, NAME_DIRECTORY, 0, EC_OK, SPA_OFF, "people are not known" },
		{ SPA_AUTO, NAME_DIRECTORY, 0, EC_OK, SPA_OFF, "winbindd does not answer", true },
		{ SPA_AUTO, NAME_SYSTEM, 0, EC_OK, SPA_OFF, "winbind" },
		{ SPA_OFF, NAME_DIRECTORY, NT, EC_OK, SPA_OFF, NULL },
		{ SPA_HASH, NAME_DIRECTORY, NT, EC_OK, SPA_HASH, NULL },
		{ SPA_HASH, NAME_DIRECTORY, 0, EC_USAGE, SPA_OFF, "no NT hashes" },
		/* set already, for the switch that is to come */
		{ SPA_HASH, NAME_FILE, CLEAR, EC_OK, SPA_OFF, NULL },
		{ SPA_WINBIND, NAME_FILE, CLEAR, EC_OK, SPA_OFF, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct place p;
		struct auth_setup *setup = place(&p, rows[i].rule, rows[i].reveals);
		struct spa *s = NULL;
		struct err e = { 0 };

		setup->spa.kind = rows[i].kind;
		setup->of_domain = rows[i].of_domain;
		assert_int_equal(spa_open(setup, NULL, &s, &e), rows[i].want);
		assert_int_equal(spa_kind(s), rows[i].found);
		if (rows[i].said)
			assert_non_null(
				strstr(rows[i].want == EC_OK ? heard : e.text, rows[i].said));
		else
			assert_string_equal(heard, "");
		spa_unref(&s);
		log_close(&p.sink);
	}
}

static void named_after_the_host(void **state)
{
	static const struct {
		const char *host, *domain;
		struct spa_names want;
	} rows[] = {
		{ "mail.example.com",
		  "",
		  { "EXAMPLE", "MAIL", "example.com", "mail.example.com" } },
		{ "mail.example.com",
		  "corp",
		  { "CORP", "MAIL", "example.com", "mail.example.com" } },
		{ "mail", "", { "MAIL", "MAIL", "", "mail" } },
		{ "a-name-much-too-long.sub-domain-that-is-long.example",
		  "",
		  { "SUB-DOMAIN-THAT", "A-NAME-MUCH-TOO", "sub-domain-that-is-long.example",
		    "a-name-much-too-long.sub-domain-that-is-long.example" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct place p;
		struct auth_setup *setup = place(&p, NAME_DIRECTORY, NT);
		struct spa_names names;
		struct spa *s;
		struct err e;

		setup->spa.kind = SPA_HASH;
		setup->hostname = rows[i].host;
		setup->spa.domain = rows[i].domain;
		assert_int_equal(spa_open(setup, NULL, &s, &e), EC_OK);
		assert_int_equal(spa_names(s, &names, &e), EC_OK);
		assert_string_equal(names.nb_domain, rows[i].want.nb_domain);
		assert_string_equal(spa_domain(s), *rows[i].domain ? rows[i].want.nb_domain : "");
		assert_string_equal(names.nb_computer, rows[i].want.nb_computer);
		assert_string_equal(names.dns_domain, rows[i].want.dns_domain);
		assert_string_equal(names.dns_computer, rows[i].want.dns_computer);
		spa_unref(&s);
		log_close(&p.sink);
	}
}

/* Asked for by name, winbind may come later; a reload shares it. */
static void winbind_may_be_away(void **state)
{
	struct place p;
	struct auth_setup *setup = place(&p, NAME_DIRECTORY, 0);
	struct spa_names names;
	struct spa *s, *next;
	struct err e;

	(void)state;
	setup->spa.kind = SPA_WINBIND;
	assert_int_equal(spa_open(setup, NULL, &s, &e), EC_OK);
	assert_int_equal(spa_kind(s), SPA_WINBIND);
	assert_int_equal(spa_names(s, &names, &e), EC_TEMP);
	assert_non_null(strstr(e.text, "winbind"));
	assert_int_equal(spa_open(setup, s, &next, &e), EC_OK);
	assert_ptr_equal(spa_winbind(s), spa_winbind(next));
	spa_unref(&s);
	assert_int_equal(spa_names(next, &names, &e), EC_TEMP);
	setup->of_domain = true; /* auto that was settled before stays so */
	setup->spa.kind = SPA_AUTO;
	assert_int_equal(spa_open(setup, next, &s, &e), EC_OK);
	assert_int_equal(spa_kind(s), SPA_WINBIND);
	spa_unref(&s);
	spa_unref(&next);
	assert_int_equal(spa_kind(NULL), SPA_OFF);
	log_close(&p.sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(named_after_the_host),
		cmocka_unit_test(winbind_may_be_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
