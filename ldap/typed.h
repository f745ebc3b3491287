/* typed.h - what a client typed as its name, taken apart. Pure. Thread: any. */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"
#include "server/base/name.h"

struct typed {
	bool is_address;                /* user@domain: mail address or UPN */
	struct name address;            /* if so */
	char logon[NAME_TEXT_MAX + 1];  /* the user part, or all of it */
	char domain[NAME_TEXT_MAX + 1]; /* of DOMAIN\user, as typed; "" = none */
};

/* user@domain, user, DOMAIN\user, DOMAIN\user@domain (what SPA clients make of an address). EC_USAGE: nobody can be
 * meant by this. */
enum ec typed_parse(struct typed *out, const char *p, size_t len, struct err *e);
/* The address of a mailbox, as if typed. */
void typed_address(struct typed *out, const struct name *n);
