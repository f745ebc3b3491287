/* probe.c - see probe.h.
 *
 * Each is the beginning of what Postfix says, and no more: no mail goes in and nobody signs in.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "admin/probe.h"

#define WAIT_S 5
#define SAID_MAX 16384

struct talk {
	int fd;
	const char *path;
	char said[SAID_MAX + 1]; /* all of it, so far */
	size_t len;
	struct err *e;
};

static enum ec not_connected(struct talk *t)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED: return err_set(t->e, EC_ABSENT, "nothing listens at %s", t->path);
	case EACCES:
	case EPERM: return err_set(t->e, EC_DENIED, "we may not connect to %s", t->path);
	default: return err_sys(t->e, "cannot connect to %s", t->path);
	}
}

static enum ec begin(struct talk *t, const char *path, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = WAIT_S };

	t->path = path;
	t->e = e;
	t->len = 0;
	t->fd = -1;
	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(e, EC_USAGE, "socket path too long: %s", path);
	strcpy(sa.sun_path, path);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return err_sys(e, "cannot make a socket");
	setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(t->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return not_connected(t);
	return EC_OK;
}

/* What cannot be sent shows in the answer that does not come. */
static void say(struct talk *t, const char *text)
{
	t->len = 0;
	if (send(t->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		shutdown(t->fd, SHUT_RDWR);
}

/* Its own words, as far as a line goes. */
static enum ec not_so(struct talk *t)
{
	t->said[strcspn(t->said, "\r\n")] = '\0';
	return err_set(t->e, EC_TEMP, "%s: %s%.100s", t->path,
		       *t->said ? "an answer that is not understood: " : "no answer", t->said);
}

/* Reads until done() says so. */
static enum ec hear(struct talk *t, bool (*done)(const char *said))
{
	t->said[t->len] = '\0';
	while (!done(t->said)) {
		ssize_t n = recv(t->fd, t->said + t->len, SAID_MAX - t->len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return not_so(t);
		t->len += (size_t)n;
		t->said[t->len] = '\0';
	}
	return EC_OK;
}

static void end(struct talk *t)
{
	if (t->fd >= 0)
		close(t->fd);
}

/* ---- LMTP ---- */

/* The last line of a reply has a blank behind its number. */
static bool whole_reply(const char *said)
{
	for (const char *lf; (lf = strchr(said, '\n')) != NULL; said = lf + 1) {
		if (strlen(said) > 3 && said[3] == ' ')
			return true;
	}
	return false;
}

static enum ec reply(struct talk *t, const char *code)
{
	enum ec rc = hear(t, whole_reply);

	return rc == EC_OK && strncmp(t->said, code, 3) != 0 ? not_so(t) : rc;
}

enum ec probe_lmtp(const char *path, struct err *e)
{
	struct talk t;
	enum ec rc = begin(&t, path, e);

	if (rc == EC_OK)
		rc = reply(&t, "220");
	if (rc == EC_OK) {
		say(&t, "LHLO localhost\r\n");
		rc = reply(&t, "250");
	}
	if (rc == EC_OK)
		say(&t, "QUIT\r\n");
	end(&t);
	return rc;
}

/* ---- socketmap ---- */

static bool whole_netstring(const char *said)
{
	size_t len;
	int at = 0;

	return sscanf(said, "%5zu:%n", &len, &at) == 1 && at > 0 && strlen(said + at) == len + 1 &&
	       said[at + (int)len] == ',';
}

enum ec probe_maps(const char *path, const char *map, const char *key, bool *found, struct err *e)
{
	char request[600];
	struct talk t;
	enum ec rc = begin(&t, path, e);
	size_t len = strlen(map) + 1 + strlen(key);

	*found = false;
	if (rc == EC_OK && len > 512)
		rc = err_set(e, EC_USAGE, "too long to be asked for: %.80s", key);
	if (rc == EC_OK) {
		snprintf(request, sizeof(request), "%zu:%s %s,", len, map, key);
		say(&t, request);
		rc = hear(&t, whole_netstring);
	}
	if (rc == EC_OK) {
		const char *answer = strchr(t.said, ':') + 1;
		*found = strncmp(answer, "OK ", 3) == 0;
		if (strncmp(answer, "TEMP ", 5) == 0)
			rc = err_set(e, EC_BUSY, "%s: %.*s", path, (int)strcspn(answer + 5, ","),
				     answer + 5);
		else if (!*found && strncmp(answer, "NOTFOUND ", 9) != 0)
			rc = not_so(&t);
	}
	end(&t);
	return rc;
}

/* ---- the auth protocol ---- */

static bool greeted(const char *said)
{
	return strncmp(said, "DONE\n", 5) == 0 || strstr(said, "\nDONE\n");
}

enum ec probe_auth(const char *path, struct err *e)
{
	char hello[64];
	struct talk t;
	enum ec rc = begin(&t, path, e);

	if (rc == EC_OK) {
		snprintf(hello, sizeof(hello), "VERSION\t1\t1\nCPID\t%d\n", (int)getpid());
		say(&t, hello);
		rc = hear(&t, greeted);
	}
	if (rc == EC_OK && !strstr(t.said, "MECH\t"))
		rc = err_set(e, EC_TEMP, "%s: it offers no way to sign in", path);
	end(&t);
	return rc;
}
