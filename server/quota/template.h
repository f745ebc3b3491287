/* template.h - a message with places to be filled in.
 *
 *	Subject: Your mailbox is {percent} % full         header lines, one line each; ASCII but for Subject
 *	                                                  an empty line
 *	{mailbox} holds {used} of {limit}.                text, UTF-8; "{{" is a brace
 *
 * Any line ends are taken; the message made of it has CRLF. Pure. Thread: any.
 */
#pragma once
#include <stddef.h>
#include "server/base/buf.h"
#include "server/base/err.h"

enum template_word {
	WORD_MAILBOX,
	WORD_ACCOUNT,
	WORD_PERCENT,
	WORD_USED,
	WORD_LIMIT,
	WORD_MESSAGES,
	WORD_MESSAGES_LIMIT,
	WORD_HOSTNAME,
	WORD_DATE,
	WORD_COUNT
};
#define TEMPLATE_LINE_MAX 998 /* RFC 5322 section 2.1.1, before words are filled in */

/* A header line for templates that have none of this name. */
struct template_field {
	const char *name, *value; /* ASCII, or UTF-8 where an address is */
};
/* Appends the message. word: UTF-8 without control octets. EC_USAGE names the line and what is wrong with it; what was appended
 * by then is worth nothing. */
enum ec template_fill(const char *text, size_t len, const char *const word[WORD_COUNT],
		      const struct template_field *standard, size_t n_standard, struct buf *out,
		      struct err *e);
