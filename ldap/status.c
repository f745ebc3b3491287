/* status.c - what a directory server means by a result.
 *
 * The code alone is not enough. Active Directory says "invalid credentials" for eight different things and tells which in the
 * diagnostic text; a taken name comes as "constraint violation" from it and from OpenLDAP's unique overlay, just as a password that
 * the policy refuses. The texts looked for here are numbers and words that have not changed in twenty years.
 */
#include <assert.h>
#include <ldap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/status.h"
#include "server/accounts/accounts.h"

static const char *const names[PROOF_COUNT] = {
	[PROOF_OK] = "ok",
	[PROOF_WRONG] = "wrong",
	[PROOF_LOCKED] = "locked",
	[PROOF_EXPIRED] = "expired",
	[PROOF_MUST_CHANGE] = "must-change",
	[PROOF_DISABLED] = "disabled",
	[PROOF_NOT_NOW] = "not-now",
};

const char *proof_name(enum proof p)
{
	return (unsigned)p < PROOF_COUNT ? names[p] : "unknown";
}

/* "... comment: AcceptSecurityContext error, data 52e, v1db1". The number is a Windows error code, in hex. */
unsigned ad_subcode(const char *diagnostic)
{
	static const char mark[] = "data ";

	for (const char *p = diagnostic; p && (p = strstr(p, mark)); p++) {
		const char *digits = p + sizeof(mark) - 1;
		size_t n = strspn(digits, "0123456789abcdefABCDEF");

		if (n > 0 && n <= 8 && (digits[n] == ',' || digits[n] == '\0') &&
		    (p == diagnostic || p[-1] == ' ' || p[-1] == ','))
			return (unsigned)strtoul(digits, NULL, 16);
	}
	return 0;
}

static const struct {
	unsigned subcode;
	enum proof proof;
} by_subcode[] = {
	{ 0x525, PROOF_WRONG },       /* no such user; Windows and Samba say 52e as a rule */
	{ 0x52e, PROOF_WRONG },       /* wrong password */
	{ 0x52f, PROOF_NOT_NOW },     /* account restriction: Protected Users, blank password */
	{ 0x530, PROOF_NOT_NOW },     /* hours */
	{ 0x531, PROOF_NOT_NOW },     /* workstation */
	{ 0x532, PROOF_EXPIRED },     /* password */
	{ 0x533, PROOF_DISABLED },    /* account */
	{ 0x534, PROOF_NOT_NOW },     /* kind of logon not granted here */
	{ 0x701, PROOF_DISABLED },    /* account has expired */
	{ 0x773, PROOF_MUST_CHANGE }, /* pwdLastSet = 0 */
	{ 0x775, PROOF_LOCKED },      /* also with a wrong password */
};

static bool judge_by_subcode(const char *diagnostic, enum proof *out)
{
	unsigned code = ad_subcode(diagnostic);

	for (size_t i = 0; i < sizeof(by_subcode) / sizeof(by_subcode[0]); i++)
		if (code != 0 && by_subcode[i].subcode == code) {
			*out = by_subcode[i].proof;
			return true;
		}
	return false;
}

static bool has(const char *text, const char *part)
{
	return text && strcasestr(text, part);
}

/* draft-behera-ldap-password-policy-10 section 6.2: passwordExpired (0), accountLocked (1), changeAfterReset (2). The others
 * speak of changes of a password. An expired password is told after it was found right (section 8.1.2). */
static enum proof judge_success(int ppolicy)
{
	return ppolicy == 2 ? PROOF_MUST_CHANGE : PROOF_OK;
}

static enum proof judge_failure(const char *diagnostic, int ppolicy)
{
	enum proof p;

	switch (ppolicy) {
	case 0: return PROOF_EXPIRED;
	case 1: return PROOF_LOCKED;
	case 2: return PROOF_MUST_CHANGE;
	default: break;
	}
	if (judge_by_subcode(diagnostic, &p))
		return p;
	/* ppolicy's words when the control was not asked for, and those of servers without it */
	if (has(diagnostic, "account locked"))
		return PROOF_LOCKED;
	if (has(diagnostic, "password expired"))
		return PROOF_EXPIRED;
	return PROOF_WRONG;
}

enum proof proof_judge(int code, const char *diagnostic, int ppolicy)
{
	if (code == LDAP_SUCCESS)
		return judge_success(ppolicy);
	if (code ==
	    LDAP_CONSTRAINT_VIOLATION) /* "too many failures", by servers of Netscape's family */
		return PROOF_LOCKED;
	return judge_failure(diagnostic, ppolicy);
}

/* For the text to the client, and for whoever remembers wrong passwords: a lock-out says nothing about the password. */
static const struct {
	enum ec class;
	enum refusal detail;
	const char *text;
} meaning[PROOF_COUNT] = {
	[PROOF_WRONG] = { EC_DENIED, REFUSAL_NONE, "wrong name or password" },
	[PROOF_LOCKED] = { EC_DENIED, REFUSAL_LOCKED_OUT,
			   "the directory has locked the account out" },
	[PROOF_EXPIRED] = { EC_REFUSED, REFUSAL_EXPIRED, "the password has expired" },
	[PROOF_MUST_CHANGE] = { EC_REFUSED, REFUSAL_MUST_CHANGE,
				"the password must be changed first" },
	[PROOF_DISABLED] = { EC_REFUSED, REFUSAL_DISABLED,
			     "the account is disabled or has expired" },
	[PROOF_NOT_NOW] = { EC_REFUSED, REFUSAL_NOT_NOW,
			    "the directory does not let the account sign in from here or now" },
};

enum ec proof_err(enum proof p, struct err *e)
{
	assert((unsigned)p < PROOF_COUNT);
	if (p == PROOF_OK)
		return EC_OK;
	err_set(e, meaning[p].class, "%s", meaning[p].text);
	if (e)
		e->detail = meaning[p].detail;
	return meaning[p].class;
}

/* AD: "0000052D: ..." (password policy), "0000202F: ..." (a value that must be unique; Samba), "000021C8: ..." (a user principal
 * name that is another's in the forest; Windows since 2012 R2). */
static bool windows_code(const char *diagnostic, const char *hex)
{
	const char *p = diagnostic ? strcasestr(diagnostic, hex) : NULL;

	return p && (p == diagnostic || p[-1] == ' ') && p[strlen(hex)] == ':';
}

static bool name_taken(const char *diagnostic)
{
	return windows_code(diagnostic, "0000202F") || windows_code(diagnostic, "000021C8") ||
	       has(diagnostic, "non-unique") || has(diagnostic, "not unique") ||
	       has(diagnostic, "already in use");
}

static enum ec class_of(int code, const char *diagnostic)
{
	switch (code) {
	case LDAP_NO_SUCH_OBJECT: return EC_ABSENT;
	case LDAP_ALREADY_EXISTS:
	case LDAP_TYPE_OR_VALUE_EXISTS: return EC_EXISTS;
	case LDAP_INSUFFICIENT_ACCESS: return EC_DENIED;
	case LDAP_CONSTRAINT_VIOLATION: return name_taken(diagnostic) ? EC_EXISTS : EC_REFUSED;
	case LDAP_UNWILLING_TO_PERFORM: /* Windows; Samba says constraintViolation */
		return windows_code(diagnostic, "0000052D") ? EC_REFUSED : EC_BROKEN;
	case LDAP_REFERRAL: /* another server may have it: this one is of no use now */
	case LDAP_BUSY:
	case LDAP_UNAVAILABLE:
	case LDAP_TIMELIMIT_EXCEEDED:
	case LDAP_SERVER_DOWN:
	case LDAP_TIMEOUT:
	case LDAP_CONNECT_ERROR:
	case LDAP_DECODING_ERROR: return EC_TEMP;
	default: return EC_BROKEN;
	}
}

/* What an administrator may do about it, where the server's words do not say. */
static const char *hint_of(int code, const char *diagnostic)
{
	switch (code) {
	case LDAP_REFERRAL:
		return "; this server is a copy: name the one that takes changes in "
		       "directory_servers";
	case LDAP_CONFIDENTIALITY_REQUIRED:
	case LDAP_STRONG_AUTH_REQUIRED: return "; use ldaps:// or directory_starttls";
	case LDAP_ADMINLIMIT_EXCEEDED:
	case LDAP_SIZELIMIT_EXCEEDED: return "; the service needs a higher limit at the server";
	case LDAP_UNWILLING_TO_PERFORM:
		return windows_code(diagnostic, "0000001F") ? "; it wants TLS for passwords" : "";
	default: return "";
	}
}

/* The first line, without octets that could play tricks on a terminal. */
static void tidy(char *out, size_t max, const char *text)
{
	size_t n = 0;

	while (text && n < max - 1 && text[n] != '\0' && text[n] != '\n' && text[n] != '\r') {
		out[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
		n++;
	}
	out[n] = '\0';
}

enum ec status_err(struct err *e, int code, const char *diagnostic, const char *doing)
{
	char words[120];

	tidy(words, sizeof(words), diagnostic);
	return err_set(e, class_of(code, diagnostic), "%s: %s%s%s%s%s", doing,
		       ldap_err2string(code), words[0] ? " (" : "", words, words[0] ? ")" : "",
		       hint_of(code, diagnostic));
}
