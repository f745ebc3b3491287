/* principal.h - who is meant by the name in a Kerberos ticket. Private to this folder. Pure. Thread: any.
 *
 * The plug-in leaves the realm out if it is this host's own. One that it leaves in vouches for its people, and for nobody of
 * ours: kim@OTHER.REALM is not whoever has that text for an address.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/err.h"
#include "server/base/name.h"

#define PRINCIPAL_MAX (NAME_TEXT_MAX + 1)

/* In out, what accounts->resolve may be asked: the name itself, or REALM\name where accounts can tell whether that realm is
 * theirs (of_domain). EC_ABSENT: nobody of ours. */
enum ec principal_typed(const char *in, size_t len, bool of_domain, char out[PRINCIPAL_MAX + 1],
			struct err *e);
