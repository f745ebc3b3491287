/* listen_open.c - where listening sockets come from: an address, a path, or systemd.
 *
 * TCP_NODELAY is set on the listener, from which Linux hands it down: one call instead of one per
 * connection. A half-filled segment is wanted at the end of a reply, and MSG_MORE says where it is
 * not.
 *
 * SO_REUSEPORT is set once a socket is bound, not before: so the first one still finds out whether somebody else has the port,
 * and those that follow it share it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "server/net/listen_own.h"

#define FIRST_INHERITED 3 /* sd_listen_fds(3) */

static void set_int(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value)); /* a wish: works without */
}

/* -1 and errno. */
static int open_tcp(const struct sockaddr *sa, socklen_t len, bool dual, bool beside, int backlog)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;
	bool bound;

	if (fd < 0)
		return -1;
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (sa->sa_family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual);
	if (beside)
		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	bound = bind(fd, sa, len) == 0;
	if (bound)
		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (bound && listen(fd, backlog) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int open_any(unsigned port, int backlog)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = open_tcp((struct sockaddr *)&v6, sizeof(v6), true, false, backlog);

	/* No IPv6 in the kernel, or switched off by sysctl. */
	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
		fd = open_tcp((struct sockaddr *)&v4, sizeof(v4), false, false, backlog);
	return fd;
}

enum ec listen_tcp(const char *host, unsigned port, int backlog, struct listener **out,
		   struct err *e)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	int fd;

	if (port > 65535)
		return err_set(e, EC_USAGE, "%u is not a port", port);
	if (strcmp(host, "*") == 0) {
		fd = open_any(port, backlog);
	} else {
		if (getaddrinfo(host, NULL, &hints, &ai) != 0)
			return err_set(e, EC_USAGE, "\"%s\" is not an IP address", host);
		/* sin_port and sin6_port are in the same place, but say so by name. */
		if (ai->ai_family == AF_INET6)
			((struct sockaddr_in6 *)(void *)ai->ai_addr)->sin6_port = htons(port);
		else
			((struct sockaddr_in *)(void *)ai->ai_addr)->sin_port = htons(port);
		fd = open_tcp(ai->ai_addr, ai->ai_addrlen, false, false, backlog);
		freeaddrinfo(ai);
	}
	if (fd < 0)
		return err_sys(e, "cannot listen on %s port %u", host, port);
	*out = listener_new(fd, NULL);
	return EC_OK;
}

enum ec listen_beside(const struct listener *first, int backlog, struct listener **out,
		      struct err *e)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa), only_len = sizeof(int);
	int fd = -1, v6_only = 0;

	getsockopt(listener_fd(first), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &only_len);
	if (getsockname(listener_fd(first), (struct sockaddr *)&sa, &len) == 0)
		fd = open_tcp((struct sockaddr *)&sa, len, !v6_only, true, backlog);
	if (fd < 0)
		return err_sys(e, "cannot listen on port %u once more", listen_port(first));
	*out = listener_new(fd, NULL);
	return EC_OK;
}

/* A file that nobody listens behind is what a killed process leaves; anything else is not ours to
 * remove. */
static enum ec clear_stale(const struct sockaddr_un *sa, struct err *e)
{
	struct stat st;
	int fd, rc, why;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? EC_OK : err_sys(e, "cannot look at %s", sa->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EC_BROKEN, "%s is there and is not a socket", sa->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	why = errno;
	close(fd);
	if (rc == 0 || why != ECONNREFUSED)
		return err_set(e, EC_EXISTS, "somebody listens on %s already", sa->sun_path);
	if (unlink(sa->sun_path) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove the stale socket %s", sa->sun_path);
	return EC_OK;
}

/* -1 and errno. fchmod first, so that the file is never more open than asked; chmod because of
 * umask. */
static int open_unix(const struct sockaddr_un *sa, unsigned mode, int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool bound = false;
	int saved;

	if (fd < 0)
		return -1;
	bound = fchmod(fd, mode) == 0 && bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0;
	if (bound && chmod(sa->sun_path, mode) == 0 && listen(fd, backlog) == 0)
		return fd;
	saved = errno;
	if (bound)
		unlink(sa->sun_path);
	close(fd);
	errno = saved;
	return -1;
}

enum ec listen_unix(const char *path, unsigned mode, int backlog, struct listener **out,
		    struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	enum ec rc;
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(e, EC_USAGE, "socket path is longer than %zu octets: %s",
			       sizeof(sa.sun_path) - 1, path);
	strcpy(sa.sun_path, path);
	rc = clear_stale(&sa, e);
	if (rc != EC_OK)
		return rc;
	fd = open_unix(&sa, mode, backlog);
	if (fd < 0)
		return err_sys(e, "cannot listen on %s", sa.sun_path);
	*out = listener_new(fd, path);
	return EC_OK;
}

/* The number behind a name of the environment, 0 if there is none. */
static long env_number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

static bool is_listening(int fd)
{
	int yes = 0, type = 0;
	socklen_t len = sizeof(yes), type_len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 && yes &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM;
}

/* systemd hands its sockets over without close-on-exec (they came through an exec); we set it when
 * we take one. So the descriptor itself remembers that it is taken. */
static bool take(int fd)
{
	int flags = fcntl(fd, F_GETFD), fl = fcntl(fd, F_GETFL);

	return flags >= 0 && !(flags & FD_CLOEXEC) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
	       fl >= 0 && fcntl(fd, F_SETFL, fl | O_NONBLOCK) == 0;
}

enum ec listen_inherited(const char *name, struct listener **out, struct err *e)
{
	const char *names = getenv("LISTEN_FDNAMES");
	long n = env_number("LISTEN_PID") == getpid() && names ? env_number("LISTEN_FDS") : 0;
	size_t len = strlen(name);

	for (int fd = FIRST_INHERITED; fd < FIRST_INHERITED + n; fd++) {
		size_t this_len = strcspn(names, ":");
		bool ours = this_len == len && memcmp(names, name, len) == 0;

		names += this_len + (names[this_len] == ':');
		if (!ours || !take(fd))
			continue;
		if (!is_listening(fd))
			return err_set(e, EC_BROKEN, "descriptor %d (%s) is not a listening socket",
				       fd, name);
		set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		*out = listener_new(fd, NULL);
		return EC_OK;
	}
	return err_set(e, EC_ABSENT, "no (more) socket named %s was handed over", name);
}
