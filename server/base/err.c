/* err.c - error classes and their texts.
 *
 * A text that does not fit is cut at a character's border and ends in "...": it is better to see
 * that something is missing than to guess. errno is kept, so that an error path may still look.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/err.h"

static const char *const names[EC_COUNT] = {
	[EC_OK] = "ok",         [EC_USAGE] = "usage",   [EC_ABSENT] = "absent",
	[EC_EXISTS] = "exists", [EC_DENIED] = "denied", [EC_REFUSED] = "refused",
	[EC_LOCKED] = "locked", [EC_QUOTA] = "quota",   [EC_BUSY] = "busy",
	[EC_TEMP] = "temp",     [EC_BROKEN] = "broken",
};

static void mark_cut(struct err *e)
{
	size_t end = sizeof(e->text) - sizeof("...");

	while (end > 0 && ((unsigned char)e->text[end] & 0xC0) == 0x80)
		end--;
	memcpy(e->text + end, "...", sizeof("..."));
}

__attribute__((format(printf, 3, 0))) static void fill(struct err *e, enum ec class,
						       const char *fmt, va_list ap)
{
	e->class = class;
	e->detail = 0;
	if (vsnprintf(e->text, sizeof(e->text), fmt, ap) >= (int)sizeof(e->text))
		mark_cut(e);
}

enum ec err_set(struct err *e, enum ec class, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		fill(e, class, fmt, ap);
		va_end(ap);
	}
	errno = saved;
	return class;
}

static enum ec class_of(int number)
{
	switch (number) {
	case ENOENT: return EC_ABSENT;
	case EEXIST: return EC_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
	case EIO:
	case ELOOP:
	case ENOTDIR: return EC_BROKEN;
	default: return EC_TEMP;
	}
}

enum ec err_sys(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	enum ec class = class_of(saved);
	char what[sizeof(e->text)], why[80];
	va_list ap;

	if (e) {
		va_start(ap, fmt);
		if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
			what[0] = '\0';
		va_end(ap);
		err_set(e, class, "%s: %s", what, strerror_r(saved, why, sizeof(why)));
	}
	errno = saved;
	return class;
}

const char *ec_name(enum ec class)
{
	return (unsigned)class < EC_COUNT ? names[class] : "unknown";
}

void die(const char *why)
{
	/* dprintf, not stdio: stdio may want memory, and that may be what is missing. */
	dprintf(STDERR_FILENO, "event=die why=\"%s\"\n", why);
	abort();
}
