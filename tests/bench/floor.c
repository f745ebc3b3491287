/* floor.c - the server that nobody can be faster than.
 *
 *	floor --port N [--tls-port N --cert FILE --key FILE] --file FILE --box FIRST:LAST:MESSAGES:SIZE[:dots]... [--sendfile-from OCTETS] [--reply-by-reply]
 *	      [--own-files DIRECTORY]
 *
 * It speaks POP3 to the generator and does only what no server can leave out: accept, read, send, close, and the arithmetic of TLS. No
 * sign-in, no store, no log, no limits; every answer lies ready. One thread for each processor, each with listening sockets of its own
 * (SO_REUSEPORT); the answers to all that one read() brought are sent by one call. What ours costs above it is what there is to win.
 *
 * --sendfile-from: messages of that size and above go from the file to a plain socket by sendfile(), all others from a mapping of the
 * same file. For small ones the copy is cheaper. --reply-by-reply: each answer is sent by a call of its own, as by a server that
 * finds its messages one after the other. --own-files: what goes by sendfile() is opened for that, and closed: what a server cannot
 * leave out that keeps each message in a file of its own.
 */
#include "tests/bench/floor.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_SIZE = 16 << 10,
	MAX_ITEMS = READ_SIZE / 6 + 8,
	RECORD = 16 << 10,
	TLS_STEP = 128 << 10
};

struct options {
	struct mail mail;
	struct floor_tls tls;
	uint16_t port, tls_port;
	const char *file, *cert, *key;
	unsigned n_threads;
	bool reply_by_reply;
};

struct conn {
	int fd;
	SSL *ssl;
	const struct boxes *boxes;
	unsigned number; /* which of the boxes */
	bool leaving, blocked;
	unsigned kept_len;
	char kept[48]; /* the begin of a command */

	struct item *queue; /* what the socket did not take, and where in the first of it */
	size_t n_queue, skip;
	char *rest; /* in TLS: octets already encrypted */
	size_t rest_at, rest_len;
};

struct thread {
	const struct options *o;
	int epoll, listener, tls_listener;
	struct wire wire;
	char in[READ_SIZE + sizeof((struct conn *)0)->kept];
	char record[RECORD];
	struct item items[MAX_ITEMS];
	size_t n_items;
};

/* ---- commands ---- */

static void answer(struct thread *t, const char *text)
{
	t->items[t->n_items++] = (struct item){ text, strlen(text), -1 };
}

static void answer_item(struct thread *t, struct item item)
{
	t->items[t->n_items++] = item;
}

static void retr(struct thread *t, const struct conn *c, const char *arg)
{
	const struct boxes *b = c->boxes;
	unsigned long k = strtoul(arg, NULL, 10);

	if (k < 1 || k > b->n)
		return answer(t, "-ERR\r\n");
	answer_item(t, b->messages[(c->number - b->first) * b->n + k - 1]);
}

/* A first letter is enough to know a command of the generator by; USER box12@...: the number is the mailbox. */
static void command(struct thread *t, struct conn *c, const char *line, size_t len)
{
	if (len < 6)
		return answer(t, "-ERR\r\n");
	switch (line[0]) {
	case 'U':
		if (line[1] != 'S')
			return answer_item(t, c->boxes->uidl);
		c->number = (unsigned)strtoul(line + 8, NULL, 10);
		return answer(t, "+OK\r\n");
	case 'P': c->boxes = mail_find(&t->o->mail, c->number); return answer(t, "+OK\r\n");
	case 'S': return answer_item(t, c->boxes->stat);
	case 'L': return answer_item(t, c->boxes->list);
	case 'R': return retr(t, c, line + 5);
	case 'Q': c->leaving = true; return answer(t, "+OK\r\n");
	default: return answer(t, "-ERR\r\n");
	}
}

/* False: a line too long, or too many. */
static bool commands(struct thread *t, struct conn *c, size_t len)
{
	char *line = t->in, *end = t->in + len, *nl;

	while (!c->leaving && t->n_items < MAX_ITEMS &&
	       (nl = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		command(t, c, line, (size_t)(nl + 1 - line));
		line = nl + 1;
	}
	c->kept_len = (unsigned)(end - line);
	if (c->kept_len > sizeof c->kept || t->n_items == MAX_ITEMS)
		return false;
	memcpy(c->kept, line, c->kept_len);
	return true;
}

/* ---- sending; false: the connection is gone ---- */

/* Takes n octets off the front of the items. */
static size_t drop(struct item *items, size_t n_items, size_t *skip, size_t n)
{
	size_t i = 0;

	for (*skip += n; i < n_items && *skip >= items[i].len; i++)
		*skip -= items[i].len;
	return i;
}

static bool by_sendfile(const struct thread *t, const struct item *item)
{
	return item->offset >= 0 && item->len >= t->o->mail.sendfile_from;
}

static ssize_t send_file(const struct thread *t, const struct conn *c, const struct item *item,
			 size_t skip)
{
	bool own = t->o->mail.own_files != NULL;
	int fd = own ? openat(item->dir, item->name, O_RDONLY | O_CLOEXEC) : t->o->mail.fd;
	off_t at = (own ? 0 : item->offset) + (off_t)skip;
	ssize_t n = sendfile(c->fd, fd, &at, item->len - skip);

	if (own)
		close(fd);
	return n;
}

/* All that lies in memory up to the next one that does not. */
static ssize_t send_memory(const struct thread *t, const struct conn *c, const struct item *items,
			   size_t n, size_t skip)
{
	struct iovec iov[256];
	struct msghdr msg = { .msg_iov = iov };
	bool file = false;

	n = t->o->reply_by_reply ? 1 : n;
	for (size_t i = 0; i < n && msg.msg_iovlen < 256; i++) {
		file = by_sendfile(t, &items[i]);
		if (file)
			break;
		iov[msg.msg_iovlen++] =
			(struct iovec){ (char *)items[i].at + skip, items[i].len - skip };
		skip = 0;
	}
	return sendmsg(c->fd, &msg, file ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
}

static bool send_plain(struct thread *t, struct conn *c, struct item **items, size_t *n_items)
{
	while (*n_items > 0) {
		const struct item *first = *items;
		bool file = by_sendfile(t, first);
		ssize_t n = file ? send_file(t, c, first, c->skip)
				 : send_memory(t, c, first, *n_items, c->skip);
		size_t done;

		if (n < 0)
			return errno == EAGAIN;
		done = drop(*items, *n_items, &c->skip, (size_t)n);
		*items += done;
		*n_items -= done;
	}
	return true;
}

/* Whole records straight from where a message lies; what is less is gathered, so that a record is small only at the very end. */
static size_t encrypt_some(struct thread *t, struct conn *c, const struct item *items, size_t n)
{
	size_t left = items->len - c->skip, room = TLS_STEP - t->wire.out_len;
	size_t skip = c->skip, len = 0;

	if (left >= RECORD) {
		len = (left < room ? left : room) / RECORD * RECORD;
		return SSL_write(c->ssl, items->at + skip, (int)len) > 0 ? len : 0;
	}
	n = t->o->reply_by_reply ? 1 : n;
	for (size_t i = 0; i < n && len < RECORD; i++) {
		left = items[i].len - skip;
		left = left < RECORD - len ? left : RECORD - len;
		memcpy(t->record + len, items[i].at + skip, left);
		len += left;
		skip = 0;
	}
	return SSL_write(c->ssl, t->record, (int)len) > 0 ? len : 0;
}

/* What is on the wire; the rest of it waits with the connection. */
static bool send_wire(struct thread *t, struct conn *c)
{
	struct wire *w = &t->wire;
	ssize_t n = send(c->fd, w->out, w->out_len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return false;
	n = n < 0 ? 0 : n;
	if ((size_t)n < w->out_len) {
		c->rest_at = 0;
		c->rest_len = w->out_len - (size_t)n;
		c->rest = malloc(c->rest_len);
		if (c->rest == NULL)
			err(1, "malloc");
		memcpy(c->rest, w->out + n, c->rest_len);
	}
	w->out_len = 0;
	return true;
}

static bool send_rest(struct conn *c)
{
	ssize_t n = send(c->fd, c->rest + c->rest_at, c->rest_len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN;
	c->rest_at += (size_t)n;
	c->rest_len -= (size_t)n;
	if (c->rest_len == 0) {
		free(c->rest);
		c->rest = NULL;
	}
	return true;
}

static bool send_tls(struct thread *t, struct conn *c, struct item **items, size_t *n_items)
{
	if (c->rest_len > 0 && (!send_rest(c) || c->rest_len > 0))
		return c->rest_len > 0;
	while (c->rest_len == 0 && (*n_items > 0 || t->wire.out_len > 0)) {
		while (*n_items > 0 && t->wire.out_len + RECORD < TLS_STEP) {
			size_t n = encrypt_some(t, c, *items, *n_items),
			       done = drop(*items, *n_items, &c->skip, n);

			if (n == 0)
				return false;
			*items += done;
			*n_items -= done;
			if (done > 0 && t->o->reply_by_reply)
				break;
		}
		if (!send_wire(t, c))
			return false;
	}
	return true;
}

static void keep(struct conn *c, const struct item *items, size_t n)
{
	struct item *kept = n > 0 ? malloc(n * sizeof *kept) : NULL;

	if (n > 0 && kept == NULL)
		err(1, "malloc");
	if (n > 0)
		memcpy(kept, items, n * sizeof *kept);
	free(c->queue);
	c->queue = kept;
	c->n_queue = n;
}

static void watch(struct thread *t, struct conn *c, bool blocked)
{
	struct epoll_event ev = { blocked ? EPOLLOUT : EPOLLIN, { c } };

	if (blocked != c->blocked)
		epoll_ctl(t->epoll, EPOLL_CTL_MOD, c->fd, &ev);
	c->blocked = blocked;
}

static bool send_all(struct thread *t, struct conn *c, struct item *items, size_t n)
{
	if (!(c->ssl ? send_tls(t, c, &items, &n) : send_plain(t, c, &items, &n)))
		return false;
	if (n > 0 || c->n_queue > 0)
		keep(c, items, n);
	watch(t, c, n > 0 || c->rest_len > 0);
	return c->blocked || !c->leaving;
}

/* ---- connections ---- */

static void conn_close(struct conn *c)
{
	if (c->ssl)
		SSL_set_quiet_shutdown(c->ssl, 1);
	SSL_free(c->ssl);
	close(c->fd);
	free(c->queue);
	free(c->rest);
	free(c);
}

static bool read_plain(struct thread *t, struct conn *c)
{
	ssize_t n;

	memcpy(t->in, c->kept, c->kept_len);
	n = read(c->fd, t->in + c->kept_len, READ_SIZE);
	if (n < 0)
		return errno == EAGAIN;
	return n > 0 && commands(t, c, c->kept_len + (size_t)n);
}

/* The greeting goes with the ticket; what came behind the handshake is read as well. */
static bool shake_hands(struct thread *t, struct conn *c)
{
	int rc = SSL_accept(c->ssl);

	if (rc == 1)
		answer(t, "+OK\r\n");
	return rc == 1 || SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ;
}

static bool read_tls(struct thread *t, struct conn *c)
{
	ssize_t n = read(c->fd, t->wire.in, WIRE_IN);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	t->wire.in_at = 0;
	t->wire.in_len = (size_t)n;
	if (!SSL_is_init_finished(c->ssl) && !shake_hands(t, c))
		return false;
	while (SSL_is_init_finished(c->ssl) && t->wire.in_at < t->wire.in_len) {
		int got;

		memcpy(t->in, c->kept, c->kept_len);
		got = SSL_read(c->ssl, t->in + c->kept_len, READ_SIZE);
		if (got <= 0)
			return SSL_get_error(c->ssl, got) == SSL_ERROR_WANT_READ;
		if (!commands(t, c, c->kept_len + (size_t)got))
			return false;
	}
	return true;
}

static void on_ready(struct thread *t, struct conn *c)
{
	t->n_items = 0;
	t->wire.out_len = 0;
	if (c->blocked ? !send_all(t, c, c->queue, c->n_queue)
		       : !(c->ssl ? read_tls(t, c) : read_plain(t, c)) ||
				 !send_all(t, c, t->items, t->n_items))
		conn_close(c);
}

static void on_connect(struct thread *t, int listener, bool tls)
{
	static const char greeting[] = "+OK\r\n";
	struct conn *c;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		err(1, "calloc");
	c->fd = fd;
	c->boxes = &nobodys;
	if (tls)
		c->ssl = floor_tls_new(&t->o->tls, &t->wire);
	else if (send(fd, greeting, strlen(greeting), MSG_NOSIGNAL) < 0)
		return conn_close(c);
	epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){ EPOLLIN, { c } });
}

/* ---- threads ---- */

static int listen_at(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		   sizeof one); /* inherited by what is accepted */
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
		err(1, "port %u", port);
	return fd;
}

static void watch_listener(struct thread *t, int *fd)
{
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, *fd, &(struct epoll_event){ EPOLLIN, { fd } }) != 0)
		err(1, "epoll_ctl");
}

static void *run(void *arg)
{
	struct thread *t = arg;
	struct epoll_event ev[64];

	for (;;) {
		int n = epoll_wait(t->epoll, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == &t->listener)
				on_connect(t, t->listener, false);
			else if (ev[i].data.ptr == &t->tls_listener)
				on_connect(t, t->tls_listener, true);
			else
				on_ready(t, ev[i].data.ptr);
		}
	}
	return NULL;
}

static struct thread *thread_new(const struct options *o)
{
	struct thread *t = calloc(1, sizeof *t);

	if (t == NULL)
		err(1, "calloc");
	t->o = o;
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->listener = listen_at(o->port);
	watch_listener(t, &t->listener);
	if (o->tls_port) {
		t->tls_listener = listen_at(o->tls_port);
		watch_listener(t, &t->tls_listener);
	}
	return t;
}

static void parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "port", 1, NULL, 'p' },
		{ "tls-port", 1, NULL, 't' },
		{ "cert", 1, NULL, 'c' },
		{ "key", 1, NULL, 'k' },
		{ "file", 1, NULL, 'f' },
		{ "box", 1, NULL, 'b' },
		{ "reply-by-reply", 0, NULL, 'r' },
		{ "threads", 1, NULL, 'n' },
		{ "sendfile-from", 1, NULL, 's' },
		{ "own-files", 1, NULL, 'o' },
		{ 0 },
	};
	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		switch (c) {
		case 'p': o->port = (uint16_t)atoi(optarg); break;
		case 't': o->tls_port = (uint16_t)atoi(optarg); break;
		case 'c': o->cert = optarg; break;
		case 'k': o->key = optarg; break;
		case 'f': o->file = optarg; break;
		case 'b': mail_add(&o->mail, optarg); break;
		case 'n': o->n_threads = (unsigned)atoi(optarg); break;
		case 'o': o->mail.own_files = optarg; break;
		case 'r': o->reply_by_reply = true; break;
		case 's': o->mail.sendfile_from = strtoul(optarg, NULL, 10); break;
		default: errx(2, "see the top of floor.c");
		}
	}
	if (o->port == 0 || o->file == NULL || (o->tls_port && (!o->cert || !o->key)))
		errx(2, "--port, --file, and --cert and --key for TLS");
}

int main(int argc, char **argv)
{
	static struct options o;
	struct rlimit files;
	struct thread *last;
	pthread_t id;

	o.mail.sendfile_from = SIZE_MAX;
	o.n_threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	parse_options(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN); /* sendfile() has no MSG_NOSIGNAL */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	mail_fill(&o.mail, o.file);
	if (o.tls_port)
		floor_tls_open(&o.tls, o.cert, o.key);
	last = thread_new(&o);
	for (unsigned i = 1; i < o.n_threads; i++) {
		if (pthread_create(&id, NULL, run, thread_new(&o)) != 0)
			errx(1, "pthread_create");
	}
	puts("ready");
	fflush(stdout);
	run(last);
	return 0;
}
