/* sock.c - connecting, without libldap.
 *
 * libldap can connect by itself, but with its asynchronous option, without which it does not keep its timeouts, it takes the first
 * address of a name that does not refuse at once: a server whose IPv6 address leads nowhere would never be reached. And a
 * descriptor of our own can be shut down by another thread while it is still connecting.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "ldap/sock.h"
#include "server/base/clock.h"

bool dir_sock_wait(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = clock_mono_ms();
		int n = poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

bool dir_sock_loopback(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);

	if (getpeername(fd, (struct sockaddr *)&at, &len) < 0)
		return false;
	if (at.ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)&at;
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	}
	if (at.ss_family == AF_INET6) {
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&at)->sin6_addr;
		return IN6_IS_ADDR_LOOPBACK(v6) ||
		       (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
	}
	return at.ss_family == AF_UNIX;
}

/* 0, or errno. */
static int connected(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at), size = sizeof(int);
	int why = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) < 0)
		return errno;
	/* Shut down meanwhile: there is no error to see, and no peer. */
	if (why == 0 && getpeername(fd, (struct sockaddr *)&at, &len) < 0)
		return errno;
	return why;
}

/* Whoever sets stop before connect is called finds nothing that can be shut down; whoever sets it later does. */
static int connect_until(struct dir_sock *s, const struct sockaddr *to, socklen_t len,
			 uint64_t deadline_ms)
{
	int fd = atomic_load(&s->fd);
	int why = connect(fd, to, len) < 0 ? errno : 0;

	if (why != 0 && why != EINPROGRESS && why != EINTR)
		return why;
	if (atomic_load(&s->stop))
		return ECANCELED;
	if (why == 0)
		return 0;
	return dir_sock_wait(fd, POLLOUT, deadline_ms) ? connected(fd) : ETIMEDOUT;
}

/* A new socket under the same number as the one before, if there was one. */
static int fresh_socket(struct dir_sock *s, int family)
{
	int new = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int fd = atomic_load(&s->fd), on = 1, rc = 0;

	if (new < 0)
		return -1;
	if (family != AF_UNIX) {
		setsockopt(new, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(new, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	if (fd < 0) {
		atomic_store(&s->fd, new);
		return 0;
	}
	rc = dup3(new, fd, O_CLOEXEC);
	close(new);
	return rc < 0 ? -1 : 0;
}

/* Tries one address; 0, or errno. */
static int try_address(int family, const struct sockaddr *to, socklen_t len, uint64_t deadline_ms,
		       struct dir_sock *s)
{
	if (fresh_socket(s, family) < 0)
		return errno;
	return connect_until(s, to, len, deadline_ms);
}

static enum ec open_unix(const char *path, uint64_t deadline_ms, struct dir_sock *s, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(e, EC_BROKEN, "the path of the directory's socket is too long: %s",
			       path);
	strcpy(at.sun_path, path);
	int why = try_address(AF_UNIX, (struct sockaddr *)&at, sizeof(at), deadline_ms, s);
	if (why != 0)
		return err_set(e, EC_TEMP, "cannot connect to %s: %s", path, strerrordesc_np(why));
	return EC_OK;
}

/* The resolver's own patience is 5 s for each name server, twice. It is kept per thread, and read anew here each time, so that a
 * changed resolv.conf counts. */
static void hurry_resolver(unsigned timeout_ms)
{
	if (res_init() < 0)
		return; /* as patient as it is */
	_res.retry = 1;
	_res.retrans = timeout_ms < 4000 ? 1 : (int)(timeout_ms / 2000);
}

static enum ec resolve(const char *host, int port, unsigned timeout_ms, struct addrinfo **out,
		       struct err *e)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	char service[12];

	snprintf(service, sizeof(service), "%d", port);
	hurry_resolver(timeout_ms);
	int rc = getaddrinfo(host, service, &want, out);
	/* With no network but loopback AI_ADDRCONFIG finds nothing. */
	if (rc == EAI_NONAME || rc == EAI_ADDRFAMILY)
		rc = getaddrinfo(host, service,
				 &(struct addrinfo){ .ai_socktype = SOCK_STREAM,
						     .ai_flags = AI_NUMERICSERV },
				 out);
	if (rc != 0)
		return err_set(e, EC_TEMP, "cannot find the address of directory server %s: %s",
			       host, rc == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(rc));
	return EC_OK;
}

static enum ec open_tcp(const LDAPURLDesc *u, unsigned timeout_ms, uint64_t deadline_ms,
			struct dir_sock *s, struct err *e)
{
	const char *host = u->lud_host && u->lud_host[0] ? u->lud_host : "localhost";
	struct addrinfo *list;
	unsigned left = 0;
	int why = 0;
	enum ec rc = resolve(host, u->lud_port, timeout_ms, &list, e);

	if (rc != EC_OK)
		return rc;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = list; a; a = a->ai_next, left--) {
		uint64_t now = clock_mono_ms();
		uint64_t share = now < deadline_ms ? (deadline_ms - now) / left : 0;

		why = try_address(a->ai_family, a->ai_addr, a->ai_addrlen, now + share, s);
		if (why == 0)
			break;
	}
	freeaddrinfo(list);
	if (why != 0)
		rc = err_set(e, EC_TEMP, "cannot connect to %s port %d: %s", host, u->lud_port,
			     strerrordesc_np(why));
	return rc;
}

enum ec dir_sock_open(const LDAPURLDesc *u, unsigned timeout_ms, struct dir_sock *s, struct err *e)
{
	uint64_t deadline_ms = clock_mono_ms() + timeout_ms;

	if (strcmp(u->lud_scheme, "ldapi") == 0)
		return open_unix(u->lud_host && u->lud_host[0] ? u->lud_host
							       : "/var/run/slapd/ldapi",
				 deadline_ms, s, e);
	return open_tcp(u, timeout_ms, deadline_ms, s, e);
}

void dir_sock_init(struct dir_sock *s)
{
	atomic_init(&s->fd, -1);
	atomic_init(&s->stop, false);
}

void dir_sock_close(struct dir_sock *s)
{
	int fd = atomic_exchange(&s->fd, -1);

	if (fd >= 0)
		close(fd);
}

void dir_sock_stop(struct dir_sock *s)
{
	atomic_store(&s->stop, true);
	int fd = atomic_load(&s->fd);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}
