/* mech.h - the SASL mechanisms we know, and what their client messages must look like.
 *
 * libsasl and its plug-ins take a length in one place and a C string in the next: a NUL behind a
 * name or a password would be cut off silently and the rest would sign in. So every message is
 * checked here, whole, before a plug-in sees it; what passes holds no NUL where a string is meant.
 * Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* What the connection must have before a mechanism may be used. */
enum mech_need {
	MECH_CLEAR = 1,   /* the password crosses the line */
	MECH_CERT = 2,    /* a verified client certificate */
	MECH_BINDING = 4, /* a channel binding */
	MECH_TLS = 8,     /* TLS, whatever can be bound to */
	MECH_NEEDS = 16,  /* number of combinations */
};

/* What the service must have before a mechanism is worth offering. */
enum mech_want {
	MECH_SECRET = 1, /* accounts that reveal clear passwords */
	MECH_SPA = 2,    /* somebody who proves NTLM responses */
	MECH_KEYTAB = 4, /* Kerberos keys */
};

/* Octets of one client message: as many as the longest line of RFC 5034 section 4 has in base64. A Kerberos ticket that
 * carries its owner's groups is longer than that; Windows makes none above 48000 octets unless told to. */
#define MECH_MESSAGE_MAX 12288
#define MECH_TICKET_MAX 49152
#define MECH_LABEL_MAX 20  /* octets of a mechanism's name (RFC 4422 section 3.1) */
#define MECH_NAME_MAX 1024 /* octets of a name before it is parsed: libsasl's own limit */

struct mech {
	const char *name;
	const char *plus;   /* name of the variant with channel binding, or NULL */
	const char *plugin; /* file it lives in, up to the first dot; NULL: in libsasl or in us */
	unsigned needs;     /* enum mech_need bits */
	unsigned wants;     /* enum mech_want bits */
	bool server_first;  /* takes no initial response */
	bool asks_all;      /* an empty initial response is none: the server asks for everything */
	bool vouched;       /* proves who somebody is, not that such an account may sign in */
	size_t longest;     /* octets of a client message */
	/* Is this a message a client may send in this turn (from 0)? Ask mech_sane. */
	bool (*sane)(unsigned turn, bool plus, const char *p, size_t len);
};

/* By name in any case; a -PLUS name finds its mechanism and sets *plus. NULL: unknown. */
const struct mech *mech_find(const char *name, size_t len, bool *plus);
bool mech_sane(const struct mech *m, unsigned turn, bool plus, const char *p, size_t len);
/* Does a mechanism of ours live in this file ("/usr/lib/.../libplain.so.2"), of use to whom has this (enum mech_want)? */
bool mech_plugin_wanted(const char *path, unsigned has);
/* A name as typed: not empty, bounded, no control octets. */
bool mech_name_sane(const char *p, size_t len);
