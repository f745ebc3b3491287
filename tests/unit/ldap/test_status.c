/* test_status.c - what servers are known to say, and what it means. The texts are as Samba 4.17, Windows and OpenLDAP 2.5 send
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>
#include "ldap/status.h"
#include "server/accounts/accounts.h"

#define AD(code)                                                                                   \
	"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data " code       \
	", v1db1"

static void subcodes(void **state)
{
	static const struct {
		const char *words;
		unsigned code;
	} rows[] = {
		{ AD("52e"), 0x52e },
		{ AD("773"), 0x773 },
		{ AD("0"), 0 },
		{ "data 52e", 0x52e },
		{ "data 52e, data 775,", 0x52e },
		{ "metadata 52e,", 0 },
		{ "data xyz, data 775, v1", 0x775 },
		{ "data ", 0 },
		{ "data 52e", 0x52e },
		{ "data 52ez", 0 },
		{ "data 123456789,", 0 },
		{ "data -1,", 0 },
		{ "", 0 },
		{ NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ad_subcode(rows[i].words), rows[i].code);
}

static void proofs(void **state)
{
	static const struct {
		int code;
		const char *words;
		int ppolicy;
		enum proof want;
	} rows[] = {
		{ LDAP_SUCCESS, NULL, -1, PROOF_OK },
		{ LDAP_SUCCESS, "", 2, PROOF_MUST_CHANGE },
		{ LDAP_SUCCESS, NULL, 0, PROOF_OK }, /* a grace login */
		{ LDAP_INVALID_CREDENTIALS, NULL, -1, PROOF_WRONG },
		{ LDAP_INVALID_CREDENTIALS, NULL, 0, PROOF_EXPIRED },
		{ LDAP_INVALID_CREDENTIALS, NULL, 1, PROOF_LOCKED },
		{ LDAP_INVALID_CREDENTIALS, NULL, 2, PROOF_MUST_CHANGE },
		{ LDAP_INVALID_CREDENTIALS, NULL, 5, PROOF_WRONG },
		{ LDAP_INVALID_CREDENTIALS, "Account locked", -1, PROOF_LOCKED },
		{ LDAP_INVALID_CREDENTIALS, "Password expired", -1, PROOF_EXPIRED },
		{ LDAP_INVALID_CREDENTIALS, AD("525"), -1, PROOF_WRONG },
		{ LDAP_INVALID_CREDENTIALS, AD("52e"), -1, PROOF_WRONG },
		{ LDAP_INVALID_CREDENTIALS, AD("52f"), -1, PROOF_NOT_NOW },
		{ LDAP_INVALID_CREDENTIALS, AD("530"), -1, PROOF_NOT_NOW },
		{ LDAP_INVALID_CREDENTIALS, AD("531"), -1, PROOF_NOT_NOW },
		{ LDAP_INVALID_CREDENTIALS, AD("532"), -1, PROOF_EXPIRED },
		{ LDAP_INVALID_CREDENTIALS, AD("533"), -1, PROOF_DISABLED },
		{ LDAP_INVALID_CREDENTIALS, AD("701"), -1, PROOF_DISABLED },
		{ LDAP_INVALID_CREDENTIALS, AD("773"), -1, PROOF_MUST_CHANGE },
		{ LDAP_INVALID_CREDENTIALS, AD("775"), -1, PROOF_LOCKED },
		{ LDAP_INVALID_CREDENTIALS, AD("999"), -1, PROOF_WRONG },
		{ LDAP_NO_SUCH_OBJECT, NULL, -1, PROOF_WRONG },
		{ LDAP_INAPPROPRIATE_AUTH, NULL, -1, PROOF_WRONG },
		{ LDAP_CONSTRAINT_VIOLATION, "Exceed password retry limit.", -1, PROOF_LOCKED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(proof_judge(rows[i].code, rows[i].words, rows[i].ppolicy),
				 rows[i].want);
}

static void proofs_have_a_class_and_a_word(void **state)
{
	static const struct {
		enum ec class;
		enum refusal detail;
	} want[PROOF_COUNT] = {
		[PROOF_OK] = { EC_OK, 0 },
		[PROOF_WRONG] = { EC_DENIED, 0 },
		[PROOF_LOCKED] = { EC_DENIED, REFUSAL_LOCKED_OUT },
		[PROOF_EXPIRED] = { EC_REFUSED, REFUSAL_EXPIRED },
		[PROOF_MUST_CHANGE] = { EC_REFUSED, REFUSAL_MUST_CHANGE },
		[PROOF_DISABLED] = { EC_REFUSED, REFUSAL_DISABLED },
		[PROOF_NOT_NOW] = { EC_REFUSED, REFUSAL_NOT_NOW },
	};

	(void)state;
	for (enum proof p = PROOF_OK; p < PROOF_COUNT; p++) {
		struct err e = { 0 };

		assert_int_equal(proof_err(p, &e), want[p].class);
		assert_int_equal(proof_err(p, NULL), want[p].class);
		assert_int_equal(e.detail, want[p].detail);
		assert_true(p == PROOF_OK || (e.class == want[p].class && e.text[0]));
		assert_string_not_equal(proof_name(p), "unknown");
	}
	assert_string_equal(proof_name(PROOF_COUNT), "unknown");
}

static void operations(void **state)
{
	static const struct {
		int code;
		const char *words;
		enum ec want;
		const char *text; /* somewhere in it */
	} rows[] = {
		{ LDAP_NO_SUCH_OBJECT, NULL, EC_ABSENT, "adding x: No such object" },
		{ LDAP_ALREADY_EXISTS, "Entry CN=x already exists", EC_EXISTS, "(Entry CN=x" },
		{ LDAP_ALREADY_EXISTS, "00002071: samldb: samAccountName 'x' already in use!",
		  EC_EXISTS, "in use" },
		{ LDAP_TYPE_OR_VALUE_EXISTS, NULL, EC_EXISTS, "" },
		{ LDAP_CONSTRAINT_VIOLATION,
		  "000021C8: AtrErr: DSID-03200BBA, #1: 0: 000021C8: DSID-03200BBA, problem 1005 "
		  "(CONSTRAINT_ATT_TYPE), data 0, Att 90290 (userPrincipalName)",
		  EC_EXISTS, "AtrErr" },
		{ LDAP_CONSTRAINT_VIOLATION, "0000202F: samldb: userPrincipalName exists",
		  EC_EXISTS, "" },
		{ LDAP_CONSTRAINT_VIOLATION,
		  "non-unique attributes found with (|(uid=x)(mail=x@y))", EC_EXISTS, "" },
		{ LDAP_CONSTRAINT_VIOLATION, "some attributes not unique", EC_EXISTS, "" },
		{ LDAP_CONSTRAINT_VIOLATION, "Password fails quality checking policy", EC_REFUSED,
		  "quality checking" },
		{ LDAP_CONSTRAINT_VIOLATION, "0000052D: Constraint violation - check_password",
		  EC_REFUSED, "check_password" },
		{ LDAP_UNWILLING_TO_PERFORM,
		  "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
		  EC_REFUSED, "" },
		{ LDAP_UNWILLING_TO_PERFORM, "0000001F: SvcErr: DSID-031A12D2, problem 5003",
		  EC_BROKEN, "TLS" },
		{ LDAP_UNWILLING_TO_PERFORM, "00002035: x", EC_BROKEN, "" },
		{ LDAP_INSUFFICIENT_ACCESS, NULL, EC_DENIED, "" },
		{ LDAP_BUSY, NULL, EC_TEMP, "" },
		{ LDAP_UNAVAILABLE, NULL, EC_TEMP, "" },
		{ LDAP_SERVER_DOWN, NULL, EC_TEMP, "" },
		{ LDAP_TIMEOUT, NULL, EC_TEMP, "" },
		{ LDAP_DECODING_ERROR, NULL, EC_TEMP, "" },
		{ LDAP_REFERRAL, NULL, EC_TEMP, "directory_servers" },
		{ LDAP_CONFIDENTIALITY_REQUIRED, NULL, EC_BROKEN, "directory_starttls" },
		{ LDAP_NO_SUCH_ATTRIBUTE, NULL, EC_BROKEN, "" },
		{ LDAP_OBJECT_CLASS_VIOLATION, NULL, EC_BROKEN, "" },
		{ LDAP_OTHER, "two\nlines \x1b[31m", EC_BROKEN, "(two)" },
		{ LDAP_OTHER,
		  "a\x1b"
		  "b",
		  EC_BROKEN, "(a?b)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { 0 };

		assert_int_equal(status_err(&e, rows[i].code, rows[i].words, "adding x"),
				 rows[i].want);
		if (!strstr(e.text, rows[i].text))
			fail_msg("\"%s\" is not in \"%s\"", rows[i].text, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subcodes),
		cmocka_unit_test(proofs),
		cmocka_unit_test(proofs_have_a_class_and_a_word),
		cmocka_unit_test(operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
