/* status.h - LDAP result codes, what servers say beside them, and what that means to us. Pure. Thread: any.
 *
 * Sources: RFC 4511 appendix A; draft-behera-ldap-password-policy-10 (ppolicy); Windows error codes in the
 * diagnostic message of AD ("80090308: ... data 52e, ..."), the same by Samba.
 */
#pragma once
#include "server/base/err.h"

/* How an attempt to bind as somebody ended. */
enum proof {
	PROOF_OK,
	PROOF_WRONG,       /* password, or no such account */
	PROOF_LOCKED,      /* locked out: says nothing about the password */
	PROOF_EXPIRED,     /* the password is right and expired */
	PROOF_MUST_CHANGE, /* right, and must be changed first */
	PROOF_DISABLED,    /* right, the account is disabled or expired */
	PROOF_NOT_NOW,     /* right; hours or workstation forbid */
	PROOF_COUNT
};
const char *proof_name(enum proof p); /* "expired", ...: a word for the log */

/* "data 52e" and its kin out of a diagnostic message; 0 = none. */
unsigned ad_subcode(const char *diagnostic);
/* code: of the bind's result. ppolicy: error of the response control, -1 = none. */
enum proof proof_judge(int code, const char *diagnostic, int ppolicy);
/* PROOF_OK EC_OK; WRONG and LOCKED EC_DENIED; the rest EC_REFUSED: the password is right. */
enum ec proof_err(enum proof p, struct err *e);

/* What a failed operation means: EC_ABSENT noSuchObject, EC_EXISTS entryAlreadyExists and Samba's words for a taken name,
 * EC_DENIED insufficientAccessRights, EC_REFUSED constraintViolation (password policy: the server's words), EC_TEMP busy,
 * unavailable, a referral and whatever means a lost connection, EC_BROKEN the rest. doing: "adding cn=x"; secrets are never in it. */
enum ec status_err(struct err *e, int code, const char *diagnostic, const char *doing);
