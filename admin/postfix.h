/* postfix.h - what is to be set in Postfix so that its mail comes to us, and how far it is.
 *
 * Pure: our settings and what Postfix says of its own go in, a list of wants comes out. postconf.h asks and tells Postfix.
 * Thread: any. Owner: everything lives in the arena.
 */
#pragma once
#include <stddef.h>
#include "server/base/arena.h"
#include "server/conf/conf.h"

struct pf_pair {
	const char *key, *value;
};
struct pf_list {
	struct pf_pair *at;
	size_t n;
};
/* How it is set up. All zero but the first two: as if nothing had been set. */
struct pf_now {
	const char *queue, *owner; /* the directory of its queue; the user that its processes are */
	struct pf_list set;        /* main.cf, as it is written */
	struct pf_list worth;      /* main.cf with defaults filled in and variables replaced */
	struct pf_list services;   /* master.cf: "submission/inet" -> its line */
	struct pf_list options;    /* "submission/inet/smtpd_sasl_path" -> its value */
};

enum pf_kind { PF_MAIN, PF_SERVICE, PF_OPTION };
enum pf_state {
	PF_GOOD,  /* as it should be */
	PF_FREE,  /* not set */
	PF_TAKEN, /* an administrator has set something else */
};
struct pf_want {
	enum pf_kind kind;
	const char *key;   /* as in the lists of struct pf_now */
	const char *value; /* that it is to have */
	const char *now;   /* that it has; "" = none */
	const char *why;   /* a sentence */
	enum pf_state state;
};
#define PF_WANTS_MAX 48

size_t postfix_wants(struct arena *mem, const struct conf *c, const struct pf_now *now,
		     struct pf_want out[PF_WANTS_MAX]);
/* The line as it stands in main.cf or master.cf. */
const char *postfix_line(struct arena *mem, const struct pf_want *want);
/* Is there a certificate to show to who wants TLS, ours or its own? Without one nobody can sign in to send. */
bool postfix_has_cert(const struct conf *c, const struct pf_now *now);
/* NULL if it is not there. */
const char *pf_get(const struct pf_list *l, const char *key);

/* Where the sockets are: in Postfix's queue, which is all that its processes can see, for Debian locks them in there. */
#define PF_SOCKETS 3
struct pf_socket {
	const char *setting; /* of ours */
	const char *name;    /* below the queue directory */
};
extern const struct pf_socket pf_sockets[PF_SOCKETS];
const char *postfix_socket_dir(struct arena *mem, const struct pf_now *now);
const char *postfix_socket_path(struct arena *mem, const struct pf_now *now,
				const struct pf_socket *s);
/* Where conf has it now. */
const char *postfix_socket_set(const struct conf *c, const struct pf_socket *s);
