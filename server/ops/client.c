/* client.c - the other side of the admin socket: connect, ask, wait for one line.
 *
 * Blocking, with one deadline over all of it. A service that refuses us may have closed before we
 * have sent all: so a failed send still listens for the reason.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/ops/control.h"

#define REPLY_MAX (8u << 20)

struct call {
	const char *path;
	int fd;
	uint64_t end_ms;
	struct buf reply;
};

static uint64_t left_ms(const struct call *c)
{
	uint64_t now = clock_mono_ms();

	return now < c->end_ms ? c->end_ms - now : 0;
}

static enum ec too_late(const struct call *c, struct err *e)
{
	return err_set(e, EC_TEMP, "winpopd at %s did not answer in time", c->path);
}

static enum ec connect_failed(const struct call *c, struct err *e)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED: /* a socket file that nobody listens on any more */
		return err_set(e, EC_ABSENT, "winpopd is not running (nothing listens at %s)",
			       c->path);
	case EACCES:
	case EPERM:
		return err_set(e, EC_DENIED, "only root and the service's own user may ask at %s",
			       c->path);
	case EAGAIN: return too_late(c, e);
	default: return err_sys(e, "cannot connect to %s", c->path);
	}
}

static enum ec open_socket(struct call *c, unsigned timeout_ms, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	if (strlen(c->path) >= sizeof(sa.sun_path))
		return err_set(e, EC_USAGE, "socket path too long: %s", c->path);
	strcpy(sa.sun_path, c->path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return err_sys(e, "cannot make a socket");
	/* Bounds connect too, when the service is too stuck to accept. */
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return connect_failed(c, e);
	return EC_OK;
}

static void send_all(struct call *c, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* what comes back, or does not, tells why */
		p += n;
		len -= (size_t)n;
	}
}

static void send_request(struct call *c, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);

	if (!text)
		die("a request that is no JSON");
	send_all(c, text, strlen(text));
	send_all(c, "\n", 1);
	free(text);
}

/* EC_OK: some octets, or the end (*ended), were received. */
static enum ec receive(struct call *c, bool *ended, struct err *e)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	int ready = poll(&pfd, 1, (int)left_ms(c));

	if (ready < 0 && errno == EINTR)
		return EC_OK;
	if (ready <= 0)
		return too_late(c, e);
	ssize_t n = recv(c->fd, buf_room(&c->reply, 4096), 4096, 0);

	if (n < 0 && errno == EINTR)
		return EC_OK;
	if (n < 0)
		return err_sys(e, "cannot read the answer of winpopd");
	*ended = n == 0;
	buf_grew(&c->reply, (size_t)n);
	return EC_OK;
}

static const char *reply_end(const struct call *c)
{
	return memchr(buf_at(&c->reply), '\n', c->reply.len);
}

static enum ec wait_for_line(struct call *c, struct err *e)
{
	enum ec rc = EC_OK;
	bool ended = false;

	while (rc == EC_OK && !reply_end(c)) {
		if (ended)
			return err_set(e, EC_TEMP, "winpopd hung up without an answer");
		if (c->reply.len > REPLY_MAX)
			return err_set(e, EC_BROKEN, "the answer of winpopd has no end");
		rc = receive(c, &ended, e);
	}
	return rc;
}

static enum ec read_reply(struct call *c, json_t **reply, struct err *e)
{
	json_error_t why;
	enum ec rc = wait_for_line(c, e);

	if (rc != EC_OK)
		return rc;
	const char *line = buf_at(&c->reply);

	*reply = json_loadb(line, (size_t)(reply_end(c) - line), 0, &why);
	if (!json_is_object(*reply)) {
		json_decref(*reply);
		*reply = NULL;
		return err_set(e, EC_BROKEN, "the answer of winpopd is not a JSON object");
	}
	return EC_OK;
}

enum ec control_call(const char *socket_path, const struct json_t *request, struct json_t **reply,
		     unsigned timeout_ms, struct err *e)
{
	struct call c = { .path = socket_path, .fd = -1, .end_ms = clock_mono_ms() + timeout_ms };
	enum ec rc = open_socket(&c, timeout_ms, e);

	*reply = NULL;
	if (rc == EC_OK) {
		send_request(&c, request);
		rc = read_reply(&c, reply, e);
	}
	if (c.fd >= 0)
		close(c.fd);
	buf_drop(&c.reply);
	return rc;
}
