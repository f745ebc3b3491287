/* newpass.h - random passwords for those whose own the directory refuses. Private to migrate/.
 *
 * Thread: any. Owner: secrets are the caller's, who drops them.
 */
#pragma once
#include "server/base/err.h"
#include "server/base/name.h"
#include "server/base/secret.h"

#define NEWPASS_LEN 16

/* Letters of both cases, digits and punctuation, at least one of each, none that looks like another: 90 bits. */
void newpass_make(struct secret *out);
/* Appends "address TAB password"; on disk when EC_OK. What is cut short by an error is taken away again. One at a time. */
enum ec newpass_note(int fd, const struct name *n, const struct secret *s, struct err *e);
