/* setup_log.c - see setup_log.h. Each line is written at once: what ends us in the middle is just what one wants to read about. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "admin/setup_log.h"

enum ec setup_log_open(struct setup_log *l, struct err *e)
{
	int fd = open(SETUP_LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	l->to = fd < 0 ? NULL : fdopen(fd, "a");
	if (l->to)
		return EC_OK;
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return err_sys(e, "cannot write the log %s", SETUP_LOG);
}

void setup_log_close(struct setup_log *l)
{
	if (l->to)
		fclose(l->to);
	l->to = NULL;
}

void setup_log_line(struct setup_log *l, const char *fmt, ...)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	struct buf b = { 0 };
	va_list ap;

	if (!l->to)
		return;
	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	char *text = buf_take(&b);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = ' ';
	}
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	fprintf(l->to, "%s %s\n", stamp, text);
	fflush(l->to);
	free(text);
}
