/* out.c - what the writers share: making sentences. */
#include <stdarg.h>
#include <stdlib.h>
#include "server/base/buf.h"
#include "admin/out.h"

__attribute__((format(printf, 1, 0))) static char *sentence(const char *fmt, va_list ap)
{
	struct buf b = { 0 };

	buf_vfmt(&b, fmt, ap);
	return buf_take(&b);
}

void out_say(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *text = sentence(fmt, ap);
	va_end(ap);
	o->ops->say(o, text);
	free(text);
}

void out_note(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	char *text = sentence(fmt, ap);
	va_end(ap);
	o->ops->note(o, text);
	free(text);
}

enum ec out_close(struct out **o, const struct err *failed, const char *hint, struct err *e)
{
	return (*o)->ops->close(o, failed, hint, e);
}
