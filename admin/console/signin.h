/* signin.h - a name and a password: whose are they, and for which domains may he administer? In a process of its own.
 *
 * An address signs in as it does to its mailbox; a bare name is a user of this computer, by PAM. Who has no rights is told what
 * somebody with a wrong password is told.
 */
#pragma once
#include <jansson.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/secret.h"
#include "server/conf/conf.h"

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

/* There: answers with one JSON object, {"who","whole","domains"}, and returns EC_OK; else the class of what is wrong. */
int signin_run(struct signin *s, int out);
