/* daily.c - once a day, across restarts, and across the hosts that share a mail root.
 *
 * The time is kept in the mail root, because that is what the day's work is done to: a service that is restarted every night must
 * not do it at each start, nor never. The file's text decides and not its age, so that a mail root that was copied or
 * restored has its own past with it. A time in the future is a clock that was wrong then: it counts for nothing.
 */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/kv.h"
#include "server/upkeep/upkeep.h"

#define DAY_S 86400
#define KEY "expired"
#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"
#define FILE_MAX 4096

static enum ec open_root(const struct upkeep *u, int *fd, struct err *e)
{
	*fd = open(u->conf->mailroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "cannot open %s", u->conf->mailroot) : EC_OK;
}

static bool parse_time(struct arena *a, const char *text, size_t len, int64_t *out)
{
	struct tm tm = { 0 };
	struct kv kv;

	if (kv_parse(a, text, len, &kv, NULL) != EC_OK)
		return false;
	const char *value = kv_get(&kv, KEY);
	const char *end = value ? strptime(value, TIME_FORMAT, &tm) : NULL;
	if (!end || *end)
		return false;
	*out = timegm(&tm);
	return true;
}

bool upkeep_due(const struct upkeep *u)
{
	struct arena *a = arena_new("upkeep", 512);
	int64_t now = clock_wall_s(), last;
	bool known = false;
	char *text;
	size_t len;
	int fd;

	if (open_root(u, &fd, NULL) == EC_OK) {
		known = mailroot_read(a, fd, UPKEEP_FILE, FILE_MAX, &text, &len, NULL) == EC_OK &&
			parse_time(a, text, len, &last);
		close(fd);
	}
	arena_drop(&a);
	return !known || last > now || now - last >= DAY_S;
}

enum ec upkeep_done(const struct upkeep *u, struct err *e)
{
	char text[64];
	time_t now = (time_t)clock_wall_s();
	struct tm tm;
	int fd;
	enum ec rc = open_root(u, &fd, e);

	if (rc != EC_OK)
		return rc;
	size_t len = strftime(text, sizeof(text), KEY " = " TIME_FORMAT "\n", gmtime_r(&now, &tm));
	rc = mailroot_replace(u->root, fd, UPKEEP_FILE, text, len, 0640, e);
	close(fd);
	return rc;
}
