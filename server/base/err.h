/* err.h - what went wrong: a class for code, a text for people.
 *
 * The text is made once, where the fault is seen; callers hand the struct on and never re-word it.
 * It goes to the log and to administrators. Protocol clients get wording chosen by class alone.
 * Thread: any. Owner: the caller, usually on its stack. Text never holds a secret.
 */
#pragma once
#include <stddef.h>

enum ec {
	EC_OK,
	EC_USAGE,   /* the request itself is malformed */
	EC_ABSENT,  /* no such domain, mailbox, account, message */
	EC_EXISTS,  /* it is there already */
	EC_DENIED,  /* wrong credentials, or not permitted */
	EC_REFUSED, /* right credentials, but an administrator's setting or lock forbids it */
	EC_LOCKED,  /* another session holds the mailbox */
	EC_QUOTA,   /* over a limit set by the administrator */
	EC_BUSY,    /* no capacity just now; nothing was tried */
	EC_TEMP,    /* trouble that passes: try later */
	EC_BROKEN,  /* trouble that stays: an administrator must look */
	EC_COUNT
};

struct err {
	enum ec class;
	/* A contract may tell cases of one class apart, by an enum of its own; 0 = nothing to add.
	 * Every err_ function sets it to 0: whoever has something to add does so behind it. */
	unsigned char detail;
	char text[240];
};

/* Each returns the class, so that `return err_set(e, ...)` reads well. `e` may be NULL. */
enum ec err_set(struct err *e, enum ec class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* From errno: ENOENT is EC_ABSENT; EEXIST EC_EXISTS; EACCES, EPERM, EROFS, EIO, ELOOP, ENOTDIR
 * EC_BROKEN; everything else EC_TEMP (disk full, our own quota of it used up, no descriptors, no
 * memory). Appends ": strerror". */
enum ec err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "denied", "temp", ...: a stable word for logs and JSON. */
const char *ec_name(enum ec class);

/* For what no caller can handle (no memory, no entropy): one line on stderr, then abort. */
_Noreturn void die(const char *why);
