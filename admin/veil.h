/* veil.h - the last look at what a delegate is told: a text that names a domain which is not his does not reach him.
 *
 * Commands need not know it. A value that names another domain is shown as "elsewhere", a sentence or a note is left out, and an
 * error that names one he did not type keeps its class alone. The names that count are the domains there are when the command
 * begins, each as a whole or at the end of a longer name; a part of one of his own names is his.
 *
 * Thread: one at a time. Owner: a veil lives as long as its arena.
 */
#pragma once
#include <stdbool.h>
#include "admin/cmd.h"

struct veil;

/* Of w->only; typed is lent. */
enum ec veil_new(struct wp *w, const struct wp_args *typed, struct veil **out, struct err *e);
/* Does the text name a domain that is not his? */
bool veil_hides(const struct veil *v, const char *text);
/* Takes `to` over: closing closes it. */
struct out *veil_out(const struct veil *v, struct out *to);
/* NULL v: nothing is hidden. */
void veil_err(const struct veil *v, struct err *e);
const char *veil_hint(const struct veil *v, const char *hint); /* NULL: it is hidden */
