/* mta.h - `winpop mta postfix`: what its three ways share.
 *
 * What is wanted is one list (postfix.h); show, apply and check differ in what they do with it.
 */
#pragma once
#include "admin/cmd.h"
#include "admin/postconf.h"

struct mta {
	struct wp *w;
	const char *instance; /* NULL = Postfix's own choice */
	struct conf *c;
	struct pf_now now;
	struct pf_want wants[PF_WANTS_MAX];
	size_t n_wants, n_bad;
	struct err *e;
};

/* read: how reading Postfix's settings went; EC_ABSENT is shown, too. */
enum ec mta_show(struct mta *m, enum ec read);
enum ec mta_apply(struct mta *m, bool yes);
enum ec mta_check(struct mta *m);

const char *mta_file_of(const struct pf_want *want);
void mta_tell_of_no_cert(struct mta *m);
/* The directory of our sockets in Postfix's queue: is it as it must be? Or makes it so. */
enum ec mta_dir_look(struct mta *m, bool *good);
enum ec mta_dir_make(struct mta *m, bool *changed);
