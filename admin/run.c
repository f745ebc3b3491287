/* run.c - see run.h.
 *
 * Both streams are read as they come, or a program that fills the one would wait for us for ever while we wait at the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/child.h"
#include "admin/run.h"

#define SAID_MAX_BYTES (1 << 20)
#define PATHS "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

struct stream {
	int ends[2];
	struct buf said;
};

const char *run_find(struct arena *mem, const char *name)
{
	const char *path = getenv("PATH");
	const char *dirs = arena_fmt(mem, "%s:" PATHS, path && *path ? path : PATHS);

	for (size_t len; *dirs; dirs += len + (dirs[len] == ':')) {
		len = strcspn(dirs, ":");
		const char *file = arena_fmt(mem, "%.*s/%s", (int)len, dirs, name);
		if (dirs[0] == '/' && access(file, X_OK) == 0)
			return file;
	}
	return NULL;
}

/* false: its end. Beyond the bound it is thrown away, so that the program can end. */
static bool take(struct stream *s)
{
	char more[4096];
	ssize_t n = read(s->ends[0], more, sizeof(more));

	if (n > 0 && s->said.len <= SAID_MAX_BYTES)
		buf_add(&s->said, more, (size_t)n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void listen_to(struct stream *out, struct stream *err)
{
	struct pollfd at[2] = { { .fd = out->ends[0], .events = POLLIN },
				{ .fd = err->ends[0], .events = POLLIN } };

	while (at[0].fd >= 0 || at[1].fd >= 0) {
		if (poll(at, 2, -1) < 0)
			continue; /* EINTR: nothing else can be wrong with two pipes */
		if (at[0].revents && !take(out))
			at[0].fd = -1;
		if (at[1].revents && !take(err))
			at[1].fd = -1;
	}
}

static const char *last_line(struct arena *mem, const struct buf *b)
{
	char *text = arena_str(mem, buf_at(b), b->len);
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	char *lf = strrchr(text, '\n');
	return lf ? lf + 1 : text;
}

static enum ec outcome(struct arena *mem, const char *name, int status, const struct stream *out,
		       const struct stream *err, struct err *e)
{
	if (!WIFEXITED(status))
		return err_set(e, EC_BROKEN, "%s was killed by signal %d", name, WTERMSIG(status));
	if (out->said.len > SAID_MAX_BYTES)
		return err_set(e, EC_BROKEN, "%s said more than can be read", name);
	if (WEXITSTATUS(status) == 0)
		return EC_OK;
	const char *why = last_line(mem, err->said.len > 0 ? &err->said : &out->said);
	return err_set(e, EC_REFUSED, "%s", *why ? why : arena_fmt(mem, "%s failed", name));
}

static enum ec run(struct arena *mem, const char *const argv[], struct stream *out,
		   struct stream *err, struct err *e)
{
	pid_t pid;
	int status, rc = child_start(argv, out->ends[1], err->ends[1], &pid);

	close(out->ends[1]);
	close(err->ends[1]);
	if (rc == 0)
		listen_to(out, err);
	close(out->ends[0]);
	close(err->ends[0]);
	if (rc != 0)
		return err_set(e, rc == ENOENT ? EC_ABSENT : EC_BROKEN, "cannot run %s: %s",
			       argv[0], strerror(rc));
	if (child_wait(pid, &status) < 0)
		return err_sys(e, "cannot wait for %s", argv[0]);
	return outcome(mem, argv[0], status, out, err, e);
}

enum ec run_program(struct arena *mem, const char *const argv[], const char **out, struct err *e)
{
	struct stream said = { 0 }, err = { 0 };

	if (pipe2(said.ends, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe");
	if (pipe2(err.ends, O_CLOEXEC) < 0) {
		close(said.ends[0]);
		close(said.ends[1]);
		return err_sys(e, "cannot make a pipe");
	}
	enum ec rc = run(mem, argv, &said, &err, e);
	*out = arena_str(mem, buf_at(&said.said), said.said.len);
	buf_drop(&said.said);
	buf_drop(&err.said);
	return rc;
}
