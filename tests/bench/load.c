/* load.c - a load generator that looks at every octet.
 *
 * Many clients on one epoll loop, each running the same short script without end: sign in and leave; sign in and fetch; deliver;
 * or sign in and stay. A reply that is not the expected one, a message with one wrong octet, a connection that ends early: each
 * is an error, told on stderr once per kind, and makes the exit status 1. A figure from a server that answers wrongly is worth
 * nothing.
 *
 * Messages are made here too (--mode deliver): a header line `X-Bench: SIZE`, then SIZE octets of a pattern with lines that begin
 * with dots. Whatever a server puts before that header is skipped; from there on the wire must hold exactly the pattern.
 *
 * Output: one line of JSON. Times are microseconds.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum mode { MODE_SIGNIN, MODE_FETCH, MODE_DELIVER, MODE_HOLD };
static const char *const mode_name[] = { "signin", "fetch", "deliver", "hold" };

/* What a client waits for. */
enum step {
	AT_CONNECT,
	AT_HANDSHAKE,
	AT_GREETING,
	AT_USER,
	AT_PASS,
	AT_STAT,
	AT_RETR,
	AT_HEADER,
	AT_BODY,
	AT_QUIT,
	AT_HELD,
	AT_LHLO,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_DELIVERED,
};

struct options {
	enum mode mode;
	unsigned port, n_clients, n_users, first_user, n_messages, size;
	double seconds;
	const char *socket_path, *domain, *password;
	bool tls;
};

#define IN_SIZE (256u << 10)
struct client {
	int fd;
	SSL *ssl;
	enum step step;
	unsigned user, message;
	uint64_t began_us; /* of the operation being timed */
	size_t matched;    /* octets of the pattern seen so far */
	const char *out;
	size_t out_len;
	char small[512];
	char *in;
	size_t in_len;
};

struct load {
	struct options o;
	int epoll;
	SSL_CTX *tls;
	char *pattern; /* on the wire: stuffed, ".\r\n" at the end */
	size_t pattern_len;
	char *mail; /* header and pattern */
	size_t mail_len;
	struct client *clients;
	unsigned next_user, n_held;
	uint64_t n_ops, n_errors, octets;
	uint32_t *times_us;
	size_t n_times, max_times;
	bool stopping;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void *grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (p == NULL)
		err(1, "realloc");
	return p;
}

/* ---- the message ---- */

/* 64-octet lines; every eighth begins with a dot, which the wire doubles. */
static void make_pattern(struct load *l)
{
	unsigned left = l->o.size;

	l->pattern = grow(NULL, (size_t)l->o.size * 2 + 128);
	for (unsigned n = 0; left >= 2; n++) {
		unsigned len = left < 64 ? left - 2 : 62;
		char line[80];

		snprintf(line, sizeof line,
			 "%s%010u abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVW",
			 n % 8 == 7 ? "." : "x", n);
		if (len > 0 && line[0] == '.')
			l->pattern[l->pattern_len++] = '.';
		for (unsigned i = 0; i < len; i++)
			l->pattern[l->pattern_len++] = i < strlen(line) ? line[i] : '-';
		memcpy(l->pattern + l->pattern_len, "\r\n", 2);
		l->pattern_len += 2;
		left -= len + 2;
	}
	memcpy(l->pattern + l->pattern_len, ".\r\n", 3);
	l->pattern_len += 3;
}

static void make_mail(struct load *l)
{
	make_pattern(l);
	l->mail = grow(NULL, l->pattern_len + 200);
	l->mail_len = (size_t)sprintf(
		l->mail, "From: <bench@example.net>\r\nSubject: bench\r\nX-Bench: %u\r\n\r\n",
		l->o.size);
	memcpy(l->mail + l->mail_len, l->pattern, l->pattern_len);
	l->mail_len += l->pattern_len;
}

/* ---- clients come and go ---- */

static void watch(struct load *l, struct client *c, int how)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	if (c->out_len > 0 || c->step == AT_CONNECT)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(l->epoll, how, c->fd, &ev) != 0)
		err(1, "epoll_ctl");
}

static int open_socket(const struct options *o)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)o->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool local = o->socket_path != NULL;
	int one = 1, rc, fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	if (local) {
		snprintf(un.sun_path, sizeof un.sun_path, "%s", o->socket_path);
		rc = connect(fd, (struct sockaddr *)&un, sizeof un);
	} else {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		rc = connect(fd, (struct sockaddr *)&in, sizeof in);
	}
	if (rc != 0 && errno != EINPROGRESS)
		err(1, "connect");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void client_open(struct load *l, struct client *c)
{
	c->fd = open_socket(&l->o);
	c->step = AT_CONNECT;
	c->user = l->o.first_user + l->next_user++ % l->o.n_users;
	c->message = 0;
	c->in_len = c->out_len = 0;
	c->began_us = now_us();
	if (c->in == NULL)
		c->in = grow(NULL, IN_SIZE);
	if (l->o.tls) {
		c->ssl = SSL_new(l->tls);
		SSL_set_fd(c->ssl, c->fd);
		SSL_set_connect_state(c->ssl);
	}
	watch(l, c, EPOLL_CTL_ADD);
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void client_again(struct load *l, struct client *c)
{
	client_close(c);
	if (!l->stopping)
		client_open(l, c);
}

/* Says what was wrong the first few times; counts it always. */
static void client_fail(struct load *l, struct client *c, const char *what)
{
	const char *end = memchr(c->in, '\r', c->in_len);
	int shown = (int)(end ? end - c->in : (long)(c->in_len < 60 ? c->in_len : 60));

	if (l->stopping)
		return client_close(c);
	if (l->n_errors++ < 5)
		warnx("user %u, step %d: %s: \"%.*s\"", c->user, (int)c->step, what, shown, c->in);
	client_again(l, c);
}

/* ---- speaking ---- */

static void say(struct client *c, enum step next, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct client *c, enum step next, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	c->out_len = (size_t)vsnprintf(c->small, sizeof c->small, fmt, ap);
	va_end(ap);
	c->out = c->small;
	c->step = next;
}

static void op_done(struct load *l, struct client *c)
{
	uint64_t now = now_us();

	l->n_ops++;
	if (l->n_times == l->max_times) {
		l->max_times = l->max_times ? l->max_times * 2 : 65536;
		l->times_us = grow(l->times_us, l->max_times * sizeof *l->times_us);
	}
	l->times_us[l->n_times++] = (uint32_t)(now - c->began_us);
	c->began_us = now;
}

static void next_message(struct load *l, struct client *c)
{
	if (c->message == l->o.n_messages) {
		say(c, AT_QUIT, "QUIT\r\n");
		return;
	}
	c->began_us = now_us();
	say(c, AT_RETR, "RETR %u\r\n", ++c->message);
}

static void signed_in(struct load *l, struct client *c)
{
	if (l->o.mode == MODE_FETCH)
		next_message(l, c);
	else if (l->o.mode == MODE_HOLD) {
		c->step = AT_HELD;
		l->n_held++;
	} else
		say(c, AT_QUIT, "QUIT\r\n");
}

/* One reply line, without its end. False: not what it should be. */
static bool pop3_line(struct load *l, struct client *c, const char *line)
{
	if (strncmp(line, "+OK", 3) != 0)
		return false;
	switch (c->step) {
	case AT_GREETING: say(c, AT_USER, "USER box%u@%s\r\n", c->user, l->o.domain); return true;
	case AT_USER: say(c, AT_PASS, "PASS %s\r\n", l->o.password); return true;
	case AT_PASS: say(c, AT_STAT, "STAT\r\n"); return true;
	case AT_STAT: signed_in(l, c); return true;
	case AT_RETR: c->step = AT_HEADER; return true;
	default: return false;
	}
}

static void deliver_next(struct load *l, struct client *c)
{
	c->began_us = now_us();
	c->user = l->o.first_user + l->next_user++ % l->o.n_users;
	if (l->stopping || (l->o.n_messages > 0 && c->message++ == l->o.n_messages))
		say(c, AT_QUIT, "QUIT\r\n");
	else
		say(c, AT_MAIL, "MAIL FROM:<bench@example.net>\r\n");
}

static bool lmtp_line(struct load *l, struct client *c, const char *line)
{
	if (line[0] != (c->step == AT_DATA ? '3' : '2'))
		return false;
	if (line[1] && line[2] && line[3] == '-')
		return c->step == AT_LHLO || c->step == AT_GREETING;
	switch (c->step) {
	case AT_GREETING: say(c, AT_LHLO, "LHLO bench.example.net\r\n"); return true;
	case AT_LHLO: deliver_next(l, c); return true;
	case AT_MAIL: say(c, AT_RCPT, "RCPT TO:<box%u@%s>\r\n", c->user, l->o.domain); return true;
	case AT_RCPT: say(c, AT_DATA, "DATA\r\n"); return true;
	case AT_DATA:
		c->step = AT_DELIVERED;
		c->out = l->mail;
		c->out_len = l->mail_len;
		return true;
	case AT_DELIVERED:
		op_done(l, c);
		l->octets += l->mail_len;
		deliver_next(l, c);
		return true;
	default: return false;
	}
}

/* The servers' own header lines are skipped up to ours. */
static void header_line(struct load *l, struct client *c, const char *line)
{
	if (line[0] == '\0' && c->matched == 1) {
		c->step = AT_BODY;
		c->matched = 0;
	} else if (strncmp(line, "X-Bench: ", 9) == 0) {
		c->matched = strtoul(line + 9, NULL, 10) == l->o.size;
	}
}

/* ---- listening ---- */

static void eat(struct client *c, size_t n)
{
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
}

/* The end of a session is an operation of its own only for those who came to sign in. */
static void session_over(struct load *l, struct client *c)
{
	if (l->o.mode == MODE_SIGNIN)
		op_done(l, c);
	client_again(l, c);
}

/* 1: a line was handled. 0: more octets are needed. -1: the client is gone or starts again. */
static int take_line(struct load *l, struct client *c)
{
	char *end = memchr(c->in, '\n', c->in_len);
	bool good = true;

	if (end == NULL)
		return c->in_len < IN_SIZE ? 0 : (client_fail(l, c, "endless line"), -1);
	if (end == c->in || end[-1] != '\r')
		return client_fail(l, c, "a line without CR"), -1;
	end[-1] = '\0';
	if (c->step == AT_HEADER)
		header_line(l, c, c->in);
	else if (c->step == AT_QUIT)
		return session_over(l, c), -1;
	else
		good = l->o.mode == MODE_DELIVER ? lmtp_line(l, c, c->in) : pop3_line(l, c, c->in);
	if (!good)
		return client_fail(l, c, "unexpected reply"), -1;
	eat(c, (size_t)(end + 1 - c->in));
	return 1;
}

static int take_body(struct load *l, struct client *c)
{
	size_t left = l->pattern_len - c->matched, n = c->in_len < left ? c->in_len : left;

	if (memcmp(c->in, l->pattern + c->matched, n) != 0)
		return client_fail(l, c, "a wrong octet in a message"), -1;
	c->matched += n;
	l->octets += n;
	eat(c, n);
	if (c->matched < l->pattern_len)
		return 0;
	c->matched = 0;
	op_done(l, c);
	next_message(l, c);
	return 1;
}

static bool digest(struct load *l, struct client *c)
{
	int rc = 1;

	while (rc == 1 && c->in_len > 0)
		rc = c->step == AT_BODY ? take_body(l, c) : take_line(l, c);
	return rc >= 0;
}

/* ---- octets in and out; -1 is the end, 0 is "not now" ---- */

static ssize_t again_or_end(const struct client *c, ssize_t n)
{
	if (c->ssl == NULL)
		return errno == EAGAIN ? 0 : -1;
	int why = SSL_get_error(c->ssl, (int)n);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t pull(struct client *c)
{
	size_t room = IN_SIZE - c->in_len;
	ssize_t n = c->ssl ? SSL_read(c->ssl, c->in + c->in_len, (int)room)
			   : read(c->fd, c->in + c->in_len, room);

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
			return client_fail(l, c, "the connection ended"), false;
		if (n == 0)
			break;
		c->out += n;
		c->out_len -= (size_t)n;
	}
	return true;
}

/* 1: secure. 0: not yet. */
static int handshake(struct load *l, struct client *c)
{
	int rc = SSL_connect(c->ssl);

	if (rc == 1) {
		c->step = AT_GREETING;
		return 1;
	}
	if (again_or_end(c, rc) < 0)
		return client_fail(l, c, "the handshake failed"), -1;
	return 0;
}

static bool connected(struct load *l, struct client *c)
{
	int why = 0;
	socklen_t len = sizeof why;

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len);
	if (why != 0)
		return client_fail(l, c, strerror(why)), false;
	c->step = c->ssl ? AT_HANDSHAKE : AT_GREETING;
	return true;
}

static void on_ready(struct load *l, struct client *c, uint32_t events)
{
	if (c->step == AT_CONNECT && (!(events & (EPOLLOUT | EPOLLERR)) || !connected(l, c)))
		return;
	if (c->step == AT_HANDSHAKE && handshake(l, c) < 0)
		return;
	while (c->step > AT_HANDSHAKE) {
		ssize_t n = pull(c);

		if (n < 0)
			return client_fail(l, c, "the connection ended");
		c->in_len += (size_t)n;
		if (!digest(l, c) || !flush(l, c))
			return;
		if (n == 0)
			break;
	}
	watch(l, c, EPOLL_CTL_MOD);
}

/* ---- the whole ---- */

static void hold(struct load *l)
{
	printf("{\"held\": %u, \"errors\": %llu}\n", l->n_held, (unsigned long long)l->n_errors);
	fflush(stdout);
	while (getchar() != EOF)
		;
	exit(l->n_errors > 0);
}

static void run(struct load *l)
{
	uint64_t end = now_us() + (uint64_t)(l->o.seconds * 1e6);
	struct epoll_event ev[256];

	for (unsigned i = 0; i < l->o.n_clients; i++)
		client_open(l, &l->clients[i]);
	while (now_us() < end) {
		int n = epoll_wait(l->epoll, ev, 256, 100);

		for (int i = 0; i < n; i++)
			on_ready(l, ev[i].data.ptr, ev[i].events);
		if (l->o.mode == MODE_HOLD && l->n_held == l->o.n_clients)
			hold(l);
	}
	if (l->o.mode == MODE_HOLD)
		errx(1, "only %u of %u clients could sign in", l->n_held, l->o.n_clients);
}

static int by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int report(struct load *l, double seconds)
{
	struct rusage used;
	uint32_t none = 0, *t = l->n_times ? l->times_us : &none;
	size_t last = l->n_times ? l->n_times - 1 : 0;
	double cpu;

	getrusage(RUSAGE_SELF, &used);
	cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	qsort(t, l->n_times, sizeof *t, by_time);
	printf("{\"mode\": \"%s\", \"ops\": %llu, \"seconds\": %.3f, \"octets\": %llu, \"errors\": "
	       "%llu, \"p50_us\": %u, "
	       "\"p99_us\": %u, \"client_cpu_us\": %.0f}\n",
	       mode_name[l->o.mode], (unsigned long long)l->n_ops, seconds,
	       (unsigned long long)l->octets, (unsigned long long)l->n_errors, t[last / 2],
	       t[last * 99 / 100], cpu);
	return l->n_errors > 0 || l->n_ops == 0;
}

static enum mode parse_mode(const char *word)
{
	for (unsigned i = 0; i < sizeof mode_name / sizeof *mode_name; i++) {
		if (strcmp(word, mode_name[i]) == 0)
			return (enum mode)i;
	}
	errx(2, "unknown mode %s", word);
}

static void parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "mode", 1, NULL, 'm' },
		{ "port", 1, NULL, 'p' },
		{ "socket", 1, NULL, 'u' },
		{ "clients", 1, NULL, 'c' },
		{ "users", 1, NULL, 'n' },
		{ "first-user", 1, NULL, 'f' },
		{ "messages", 1, NULL, 'k' },
		{ "size", 1, NULL, 's' },
		{ "seconds", 1, NULL, 't' },
		{ "domain", 1, NULL, 'd' },
		{ "password", 1, NULL, 'w' },
		{ "tls", 0, NULL, 'T' },
		{ 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		switch (c) {
		case 'm': o->mode = parse_mode(optarg); break;
		case 'p': o->port = (unsigned)atoi(optarg); break;
		case 'u': o->socket_path = optarg; break;
		case 'c': o->n_clients = (unsigned)atoi(optarg); break;
		case 'n': o->n_users = (unsigned)atoi(optarg); break;
		case 'f': o->first_user = (unsigned)atoi(optarg); break;
		case 'k': o->n_messages = (unsigned)atoi(optarg); break;
		case 's': o->size = (unsigned)atoi(optarg); break;
		case 't': o->seconds = atof(optarg); break;
		case 'd': o->domain = optarg; break;
		case 'w': o->password = optarg; break;
		case 'T': o->tls = true; break;
		default: errx(2, "see tests/bench/README.md");
		}
	}
	if (o->n_users == 0 || o->n_clients == 0)
		errx(2, "--users and --clients must be at least 1");
}

int main(int argc, char **argv)
{
	struct load l = { .o = { .n_clients = 16,
				 .n_users = 64,
				 .first_user = 1,
				 .n_messages = 10,
				 .size = 4096,
				 .seconds = 5,
				 .domain = "example.com",
				 .password = "bench" } };
	uint64_t began;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	parse_options(&l.o, argc, argv);
	make_mail(&l);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.clients = calloc(l.o.n_clients, sizeof *l.clients);
	l.tls = l.o.tls ? SSL_CTX_new(TLS_client_method()) : NULL;
	if (l.clients == NULL || l.epoll < 0 || (l.o.tls && l.tls == NULL))
		err(1, "start");
	began = now_us();
	run(&l);
	l.stopping = true;
	rc = report(&l, (double)(now_us() - began) / 1e6);
	for (unsigned i = 0; i < l.o.n_clients; i++) {
		client_close(&l.clients[i]);
		free(l.clients[i].in);
	}
	SSL_CTX_free(l.tls);
	close(l.epoll);
	free(l.clients);
	free(l.pattern);
	free(l.mail);
	free(l.times_us);
	return rc;
}
