/* signin.h - a name and a password: whose are they, and for which domains may he administer? In a process of its own.
 *
 * An address signs in as it does to its mailbox; a bare name is a user of this computer, by PAM. Who has no rights is told what
 * somebody with a wrong password is told.
 */
#pragma once
#include <jansson.h>
#include "server/base/arena.h"
#include "server/base/log.h"
#include "server/base/secret.h"
#include "server/conf/conf.h"
#include "admin/console/sessions.h"

#define SIGNIN_NAME_MAX 320

struct signin {
	char *name; /* as it was typed */
	struct secret password;
	const struct conf *conf; /* lent */
	const char *peer;        /* lent */
};

/* {"name":..., "password":...}, from untrusted octets; the body is not wiped. */
enum ec signin_read(const char *body, size_t len, struct signin **out, struct err *e);
void signin_free(struct signin **s);

/* There: answers with one JSON object, which signin_answer takes apart, and returns EC_OK; else the class of what is wrong. */
int signin_run(struct signin *s, int out);
/* The same of somebody who has proved his password already: is his account still there and in force, and what may he do?
 * EC_DENIED: it is not, or nothing; others: nobody can tell just now. */
int signin_again(const struct conf *c, const char *who, const char *peer, int out);
bool signin_answer(struct arena *mem, const char *text, size_t len, struct session *out);
