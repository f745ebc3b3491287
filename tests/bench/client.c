/* client.c - one connection of the load generator.
 *
 * All clients read into the same buffer: what arrives is compared at once, and only a line that is not whole yet is kept for
 * later. So 30,000 of them need little memory, and the processor's cache is left to the server.
 */
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- TLS ---- */

static int index_of_client(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

/* The newest ticket is the one to come back with (RFC 8446, 4.6.1). */
static int on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
	struct client *c = SSL_get_ex_data(ssl, index_of_client());

	SSL_SESSION_free(c->ticket);
	c->ticket = ticket;
	return 1;
}

/* Whose certificate it is, is not looked at: that would only take the processor from the server. */
static int believe(X509_STORE_CTX *store, void *arg)
{
	(void)store, (void)arg;
	return 1;
}

/* One version, one cipher, and one group, the one that clients ask for first: TLS is the same work for all servers. */
void client_tls(struct load *l)
{
	l->tls = SSL_CTX_new(TLS_client_method());
	if (l->tls == NULL || !SSL_CTX_set_min_proto_version(l->tls, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(l->tls, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set1_groups_list(l->tls, "X25519"))
		errx(1, "TLS 1.3 with AES-128 and X25519 is not to be had");
	SSL_CTX_set_cert_verify_callback(l->tls, believe, NULL);
	if (!l->o.resume)
		return;
	SSL_CTX_set_session_cache_mode(l->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(l->tls, on_ticket);
}

static void tls_open(struct load *l, struct client *c)
{
	c->ssl = SSL_new(l->tls);
	if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd))
		errx(1, "SSL_new");
	SSL_set_ex_data(c->ssl, index_of_client(), c);
	if (c->ticket)
		SSL_set_session(c->ssl, c->ticket);
	SSL_set_connect_state(c->ssl);
}

/* With --resume only the very first handshake of a client may be a full one; without, none may be anything else. */
static bool resumed_as_said(struct load *l, struct client *c)
{
	bool resumed = SSL_session_reused(c->ssl), first = !c->was_here;

	c->was_here = true;
	l->n_resumed += resumed;
	return resumed == (l->o.resume && !first);
}

/* ---- a connection comes and goes ---- */

static void watch(struct load *l, struct client *c, int how)
{
	uint32_t events = EPOLLIN;

	if (c->out_len > 0 || c->step == AT_CONNECT)
		events |= EPOLLOUT;
	if (how == EPOLL_CTL_MOD && events == c->watched)
		return;
	c->watched = events;
	if (epoll_ctl(l->epoll, how, c->fd, &(struct epoll_event){ events, { c } }) != 0)
		err(1, "epoll_ctl");
}

static int open_local(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		err(1, "%s", path);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* One address has some 28,000 ports; more connections than that need several, 127.0.0.1 and up. The port is chosen by connect():
 * it need only be free towards this server. */
static int open_inet(const struct load *l, const struct client *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)l->o.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr =
					    htonl(INADDR_LOOPBACK + c->number % l->o.n_sources) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (l->o.n_sources > 1 && bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
		err(1, "bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
		err(1, "connect");
	return fd;
}

void client_open(struct load *l, struct client *c, uint64_t due_us)
{
	c->fd = l->o.socket_path ? open_local(l->o.socket_path) : open_inet(l, c);
	c->step = AT_CONNECT;
	c->session_us = c->op_us = due_us;
	c->kept_len = c->out_len = 0;
	c->unsaid = false;
	script_begin(l, c);
	if (l->o.tls)
		tls_open(l, c);
	watch(l, c, EPOLL_CTL_ADD);
}

void client_close(struct load *l, struct client *c)
{
	if (c->step == AT_REST)
		return;
	/* Else the next session could not be resumed: what was not shut down in order is not to be trusted (SSL_free). */
	if (c->ssl)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
	c->fd = -1;
	c->step = AT_REST;
	l->idle[l->n_idle++] = c;
	if (l->o.mode != MODE_DELIVER)
		l->boxes[l->n_left++ % l->o.n_users] = c->user;
}

/* Says what was wrong the first few times; counts it always. */
void client_fail(struct load *l, struct client *c, const char *why, const char *line)
{
	if (l->n_errors++ < 5)
		warnx("user %u, message %u, step %d: %s%s%.100s", c->user, c->message, (int)c->step,
		      why, line ? ": " : "", line ? line : "");
	client_close(l, c);
}

/* ---- octets in and out; -1 is the end, 0 is "not now" ---- */

static ssize_t again_or_end(const struct client *c, ssize_t n)
{
	int why = c->ssl ? SSL_get_error(c->ssl, (int)n) : 0;

	if (c->ssl == NULL)
		return errno == EAGAIN ? 0 : -1;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t pull(struct client *c, char *into, size_t room)
{
	ssize_t n = c->ssl ? SSL_read(c->ssl, into, (int)room) : read(c->fd, into, room);

	if (n == 0 && c->ssl == NULL)
		return -1;
	return n > 0 ? n : again_or_end(c, n);
}

static ssize_t push(struct client *c)
{
	ssize_t n = c->ssl ? SSL_write(c->ssl, c->out, (int)c->out_len)
			   : write(c->fd, c->out, c->out_len);

	return n > 0 ? n : again_or_end(c, n);
}

static bool flush(struct load *l, struct client *c)
{
	while (c->out_len > 0) {
		ssize_t n = push(c);

		if (n < 0)
			return client_fail(l, c, "the connection ended", NULL), false;
		if (n == 0)
			break;
		c->unsaid = false;
		c->out += n;
		c->out_len -= (size_t)n;
	}
	return true;
}

static bool handshake(struct load *l, struct client *c)
{
	int rc = SSL_connect(c->ssl);

	if (rc != 1 && again_or_end(c, rc) == 0)
		return true;
	if (rc != 1)
		return client_fail(l, c, "the handshake failed", NULL), false;
	if (!resumed_as_said(l, c))
		return client_fail(l, c, l->o.resume ? "not resumed" : "resumed", NULL), false;
	c->step = AT_GREETING;
	return true;
}

static bool connected(struct load *l, struct client *c)
{
	int why = 0;
	socklen_t len = sizeof why;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len);
	if (why != 0)
		return client_fail(l, c, strerror(why), NULL), false;
	c->step = c->ssl ? AT_HANDSHAKE : AT_GREETING;
	return true;
}

/* Everything that is there now. False: the client is at rest. */
static bool listen_to(struct load *l, struct client *c)
{
	for (bool more = true; more;) {
		size_t kept = c->kept_len, room = IN_SIZE - kept;
		ssize_t n = pull(c, l->in + kept, room);
		struct input in = { l->in, kept };

		if (n < 0)
			return client_fail(l, c, "the connection ended", NULL), false;
		if (n == 0)
			return true;
		memcpy(l->in, c->kept, kept);
		in.len += (size_t)n;
		if (!script_take(l, c, &in))
			return false;
		if (in.len > sizeof c->kept)
			return client_fail(l, c, "endless line", NULL), false;
		memcpy(c->kept, in.at, in.len);
		c->kept_len = in.len;
		if (!flush(l, c))
			return false;
		more = c->ssl || (size_t)n == room; /* a short read has emptied the socket */
	}
	return true;
}

void client_ready(struct load *l, struct client *c, uint32_t events)
{
	if (c->step == AT_CONNECT && (!(events & (EPOLLOUT | EPOLLERR)) || !connected(l, c)))
		return;
	if (c->step == AT_HANDSHAKE && !handshake(l, c))
		return;
	if (c->step > AT_HANDSHAKE && (!flush(l, c) || !listen_to(l, c)))
		return;
	watch(l, c, EPOLL_CTL_MOD);
}
