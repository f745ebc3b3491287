/* name.h - account, domain and mailbox names: the only door from foreign bytes to a name.
 *
 * Domain: letters, digits, hyphen, underscore; labels 1..63; 253 in all; lower-cased; UTF-8 becomes
 * its A-label (IDNA 2008); one trailing dot is dropped. Mailbox: 1..64 octets (20 for local
 * accounts), valid UTF-8, no control octets, no blank, none of  @ ( ) / \ [ ] : ; , " < > * = | ?
 * and no + but in the password file; ASCII letters are lower-cased. So a name is always a safe file
 * name and never needs escaping in the mail root. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/err.h"

#define NAME_LOCAL_MAX 64
#define NAME_DOMAIN_MAX 253
#define NAME_TEXT_MAX (NAME_LOCAL_MAX + 1 + NAME_DOMAIN_MAX)

enum name_rule { NAME_FILE, NAME_DIRECTORY, NAME_SYSTEM };

struct name {
	char local[NAME_LOCAL_MAX + 1]; /* "" for a domain */
	char domain[NAME_DOMAIN_MAX + 1];
};

/* "user@domain"; EC_USAGE with a text that says what to change. */
enum ec name_parse(struct name *out, const char *p, size_t len, enum name_rule rule, struct err *e);
/* "domain" alone. */
enum ec name_parse_domain(struct name *out, const char *p, size_t len, struct err *e);
/* Either, by the presence of '@'. */
enum ec name_parse_any(struct name *out, const char *p, size_t len, enum name_rule rule,
		       struct err *e);
bool name_is_domain(const struct name *n);
bool name_equal(const struct name *a, const struct name *b);
/* "user@domain" or "domain", NUL-terminated; returns out. */
const char *name_text(const struct name *n, char out[NAME_TEXT_MAX + 1]);
