/* system_pam.c - PAM, one whole transaction per call.
 *
 * A handle lives for one call on one thread; libpam and the modules for passwd and shadow files keep nothing else. What a
 * module that talks to a server does while it waits is out of our hands: it holds one worker, and the number of workers is
 * the bound.
 *
 * libpam sleeps about two seconds after a wrong password, on the thread that asked. Slowing down is done elsewhere, by a
 * timer that holds no thread, so that delay is taken over by a function that does nothing.
 *
 * A wrong password and a stack that does not work must not be mixed up, but modules report both by the same few numbers,
 * and pam_deny at the end of a usual stack turns many into "wrong". So every number not known to be about the user is
 * trouble of ours, and what only looks like a wrong password is looked at again by the caller (SHADOW_HIDDEN).
 */
#include <ctype.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/accounts/system.h"
#include "server/base/mem.h"

/* What modules may write in access rules and logs; there is no terminal. */
#define TTY "pop3"

struct talk {
	const char *login;
	const struct secret *secret; /* NULL: none is to be proved */
	char said[160];              /* the last thing a module had to tell a person */
};

/* ---- conversation ---- */

static void forget_answers(struct pam_response *answers, int n)
{
	for (int i = 0; i < n; i++) {
		if (answers[i].resp)
			wipe(answers[i].resp, strlen(answers[i].resp));
		free(answers[i].resp);
	}
	free(answers);
}

/* False: no prompt that a mail program's user could answer. */
static bool answer(struct talk *t, const struct pam_message *m, struct pam_response *out)
{
	switch (m->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		if (!t->secret)
			return false;
		out->resp = mem_strz((const char *)t->secret->bytes);
		return true;
	case PAM_PROMPT_ECHO_ON: out->resp = mem_strz(t->login); return true;
	case PAM_ERROR_MSG:
	case PAM_TEXT_INFO: snprintf(t->said, sizeof(t->said), "%s", m->msg); return true;
	default: return false;
	}
}

/* out is NULL from modules that only mean to say something. */
static int converse(int n, const struct pam_message **messages, struct pam_response **out,
		    void *ctx)
{
	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	struct pam_response *answers = mem_new((size_t)n * sizeof(*answers));
	bool good = true;
	for (int i = 0; i < n && good; i++)
		good = answer(ctx, messages[i], &answers[i]);
	if (good && out)
		*out = answers;
	else
		forget_answers(answers, n);
	return good ? PAM_SUCCESS : PAM_CONV_ERR;
}

static void do_not_sleep(int status, unsigned usec, void *ctx)
{
	(void)status;
	(void)usec;
	(void)ctx;
}

/* ---- what numbers mean ---- */

static enum ec trouble(const struct system_service *at, int rc, const struct talk *t, struct err *e)
{
	bool passes = rc == PAM_AUTHINFO_UNAVAIL || rc == PAM_BUF_ERR ||
		      rc == PAM_AUTHTOK_LOCK_BUSY || rc == PAM_TRY_AGAIN;

	return err_set(e, passes ? EC_TEMP : EC_BROKEN, "PAM service %s: %s%s%s", at->name,
		       pam_strerror(NULL, rc), t->said[0] ? ": " : "", t->said);
}

static enum ec unproved(const struct system_service *at, int rc, const struct talk *t,
			struct err *e)
{
	enum ec ec;

	switch (rc) {
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_PERM_DENIED: return err_set(e, EC_DENIED, "wrong name or password");
	case PAM_MAXTRIES:
		ec = err_set(e, EC_DENIED, "too many wrong passwords");
		if (e)
			e->detail = REFUSAL_LOCKED_OUT;
		return ec;
	case PAM_ACCT_EXPIRED: /* some modules look before they ask: then nothing is proved */
		return err_set(e, EC_DENIED, "the account has expired");
	default: return trouble(at, rc, t, e);
	}
}

/* The password is right. */
static enum ec refused(const struct system_service *at, int rc, const struct talk *t, struct err *e)
{
	enum refusal why = REFUSAL_NONE;

	switch (rc) {
	case PAM_ACCT_EXPIRED: why = REFUSAL_DISABLED; break;
	case PAM_NEW_AUTHTOK_REQD: why = REFUSAL_MUST_CHANGE; break;
	case PAM_AUTHTOK_EXPIRED: why = REFUSAL_EXPIRED; break;
	case PAM_AUTH_ERR: /* pam_deny, behind a module that said more */
	case PAM_USER_UNKNOWN:
	case PAM_PERM_DENIED: break;
	default: return trouble(at, rc, t, e);
	}
	enum ec ec = err_set(e, EC_REFUSED, "%s", t->said[0] ? t->said : pam_strerror(NULL, rc));
	if (e)
		e->detail = why;
	return ec;
}

static enum ec unchanged(const struct system_service *at, int rc, const struct talk *t,
			 struct err *e)
{
	switch (rc) {
	case PAM_AUTHTOK_ERR:
	case PAM_MAXTRIES: /* of a module that asks for a better one */
	case PAM_PERM_DENIED:
		return err_set(e, EC_REFUSED, "the password was not changed: %s",
			       t->said[0] ? t->said : pam_strerror(NULL, rc));
	case PAM_USER_UNKNOWN: return err_set(e, EC_ABSENT, "PAM knows no user %s", t->login);
	default: return trouble(at, rc, t, e);
	}
}

/* ---- transactions ---- */

static int begin(const struct system_service *at, struct talk *t, pam_handle_t **h)
{
	const struct pam_conv conv = { converse, t };
	int rc = at->dir ? pam_start_confdir(at->name, t->login, &conv, at->dir, h)
			 : pam_start(at->name, t->login, &conv, h);

	if (rc == PAM_SUCCESS)
		rc = pam_set_item(*h, PAM_FAIL_DELAY, (const void *)do_not_sleep);
	if (rc == PAM_SUCCESS)
		rc = pam_set_item(*h, PAM_TTY, TTY);
	return rc;
}

static bool sendable(const struct secret *s)
{
	return s->len > 0 && s->len < PAM_MAX_RESP_SIZE && !memchr(s->bytes, '\0', s->len);
}

enum ec system_check_password(const struct system_service *at, const char *login,
			      const struct secret *s, struct err *e)
{
	struct talk t = { .login = login, .secret = s };
	pam_handle_t *h = NULL;
	enum ec ec = EC_OK;

	if (!sendable(s)) /* cut at its NUL or at PAM's limit it might become right */
		return err_set(e, EC_DENIED, "wrong name or password");
	int rc = begin(at, &t, &h);
	if (rc != PAM_SUCCESS) {
		ec = trouble(at, rc, &t, e);
	} else if ((rc = pam_authenticate(h, PAM_DISALLOW_NULL_AUTHTOK)) != PAM_SUCCESS) {
		ec = unproved(at, rc, &t, e);
	} else {
		t.said[0] = '\0'; /* greetings, last sign-ins */
		rc = pam_acct_mgmt(h, PAM_DISALLOW_NULL_AUTHTOK);
		if (rc != PAM_SUCCESS)
			ec = refused(at, rc, &t, e);
	}
	if (h)
		pam_end(h, rc);
	return ec;
}

/* That a password is old says nothing about a certificate; that it is so old that nobody may sign in any more does. */
enum ec system_may_sign_in(const struct system_service *at, const char *login, bool *may,
			   struct err *e)
{
	struct talk t = { .login = login };
	pam_handle_t *h = NULL;
	enum ec ec = EC_OK;
	int rc = begin(at, &t, &h);

	if (rc == PAM_SUCCESS)
		rc = pam_acct_mgmt(h, 0);
	switch (rc) {
	case PAM_SUCCESS:
	case PAM_NEW_AUTHTOK_REQD: *may = true; break;
	case PAM_ACCT_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_PERM_DENIED: *may = false; break;
	default: ec = trouble(at, rc, &t, e);
	}
	if (h)
		pam_end(h, rc);
	return ec;
}

enum ec system_change_password(const struct system_service *at, const char *login,
			       const struct secret *s, struct err *e)
{
	struct talk t = { .login = login, .secret = s };
	pam_handle_t *h = NULL;
	enum ec ec = EC_OK;

	if (!sendable(s))
		return err_set(e, EC_USAGE, "this password cannot be handed to PAM");
	int rc = begin(at, &t, &h);
	if (rc != PAM_SUCCESS)
		ec = trouble(at, rc, &t, e);
	else if ((rc = pam_chauthtok(h, 0)) != PAM_SUCCESS)
		ec = unchanged(at, rc, &t, e);
	if (h)
		pam_end(h, rc);
	return ec;
}

/* ---- is there such a service? ---- */

static bool has_file(const char *dir, const char *service)
{
	char path[512];
	struct stat st;
	int len = snprintf(path, sizeof(path), "%s/%s", dir, service);

	return len < (int)sizeof(path) && access(path, R_OK) == 0 && stat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

/* Without a file of its own a service gets what "other" says, which may be anything: everybody would be wrong, or too many
 * right. */
enum ec system_service_there(const struct system_service *at, struct err *e)
{
	if (strchr(at->name, '/'))
		return err_set(e, EC_BROKEN, "pam_service: %s: it must be a name without '/'",
			       at->name);
	bool there =
		at->dir ? has_file(at->dir, at->name)
			: has_file("/etc/pam.d", at->name) || has_file("/usr/lib/pam.d", at->name);
	return there ? EC_OK
		     : err_set(e, EC_BROKEN,
			       "pam_service: there is no /etc/pam.d/%s: put it there (winpop "
			       "brings one), or name another service",
			       at->name);
}
