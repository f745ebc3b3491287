/* load.c - a load generator that looks at every octet.
 *
 * Many clients on one epoll loop, each running the same short script: sign in and leave; sign in and fetch; look at lists; deliver;
 * or sign in and stay. A reply that is not the expected one, a message with one wrong octet, of another size than LIST said or out
 * of order, a list with a gap, a connection that ends early, a handshake that is full where it should not be: each is an error, told
 * on stderr the first few times, and makes the exit status 1. A figure from a server that answers wrongly is worth nothing.
 *
 * A client that is done begins again at once; with --rate sessions begin at fixed times instead, whatever became of those before
 * them, and a latency counts from the time that was due: a server that stalls cannot hide it by keeping the clients waiting. How late
 * the generator itself was is told too. POP3 lets one session into a mailbox: each takes the one that was left longest ago.
 *
 * When the time is over, sessions that have begun come to their end; one that the server leaves unanswered is an error.
 *
 * Output: one line of JSON. Times are microseconds. With --mode hold a second one when stdin ends: how many are still there.
 */
#include "tests/bench/load.h"

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const mode_name[] = { "signin", "fetch", "list", "deliver", "hold" };

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (p == NULL)
		err(1, "calloc");
	return p;
}

void times_add(struct times *t, uint64_t us)
{
	if (t->n == t->max) {
		t->max = t->max ? t->max * 2 : 65536;
		t->us = realloc(t->us, t->max * sizeof *t->us);
		if (t->us == NULL)
			err(1, "realloc");
	}
	t->us[t->n++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* ---- the loop ---- */

/* Waits for stdin to end, then counts those the server has not left alone. */
static void hold(struct load *l)
{
	unsigned n_alive = 0;
	char octet;

	printf("{\"held\": %u, \"errors\": %llu}\n", l->n_held, (unsigned long long)l->n_errors);
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (unsigned i = 0; i < l->o.n_clients; i++)
		n_alive += l->clients[i].step == AT_HELD &&
			   recv(l->clients[i].fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
	printf("{\"alive\": %u}\n", n_alive);
	exit(l->n_errors > 0 || n_alive < l->n_held);
}

/* The sessions that may begin now; when to look again. One that is late because all clients are at work is the server's fault, not
 * counted as the generator's. */
static uint64_t open_due(struct load *l, uint64_t began, uint64_t *n_opened)
{
	uint64_t now = now_us(), due = began;
	bool was_full = l->was_full;

	/* Thousands that connect at once would only fill the queue behind listen(). */
	while (l->n_idle > 0) {
		if (l->o.mode == MODE_HOLD && *n_opened - l->n_held >= l->o.ramp)
			break;
		if (l->o.rate > 0)
			due = began + (uint64_t)((double)*n_opened * 1e6 / l->o.rate);
		if (due > now)
			return due;
		if (l->o.rate > 0 && !was_full)
			times_add(&l->late, now - due);
		client_open(l, l->idle[--l->n_idle], l->o.rate > 0 ? due : now);
		++*n_opened;
		l->was_full = l->n_idle == 0;
	}
	return now + 100000;
}

static void turn(struct load *l, uint64_t until)
{
	uint64_t now = now_us(), left = until > now ? until - now : 0;
	struct timespec t = { (time_t)(left / 1000000), (long)(left % 1000000) * 1000 };
	struct epoll_event ev[256];
	int n = epoll_pwait2(l->epoll, ev, 256, &t, NULL);

	for (int i = 0; i < n; i++)
		client_ready(l, ev[i].data.ptr, ev[i].events);
}

/* Lets those come to their end who have begun. */
static void finish(struct load *l)
{
	uint64_t end = now_us() + (uint64_t)(l->o.patience * 1e6);

	l->stopping = true;
	while (l->n_idle < l->o.n_clients && now_us() < end)
		turn(l, end);
	for (unsigned i = 0; i < l->o.n_clients; i++) {
		if (l->clients[i].step != AT_REST)
			client_fail(l, &l->clients[i], "no answer", NULL);
	}
}

static void run(struct load *l, uint64_t began)
{
	uint64_t end = began + (uint64_t)(l->o.seconds * 1e6), n_opened = 0;

	while (now_us() < end) {
		uint64_t next = open_due(l, began, &n_opened);

		turn(l, next < end ? next : end);
		if (l->o.mode == MODE_HOLD && l->n_held == l->o.n_clients)
			hold(l);
	}
	if (l->o.mode == MODE_HOLD)
		errx(1, "only %u of %u clients could sign in", l->n_held, l->o.n_clients);
	finish(l);
}

/* ---- the figures ---- */

static int by_time(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_times(const char *prefix, struct times *t)
{
	size_t last = t->n ? t->n - 1 : 0;

	if (t->n == 0)
		times_add(t, 0);
	qsort(t->us, t->n, sizeof *t->us, by_time);
	printf(", \"%sp50_us\": %u, \"%sp99_us\": %u, \"%smax_us\": %u", prefix, t->us[last / 2],
	       prefix, t->us[last * 99 / 100], prefix, t->us[last]);
}

static int report(struct load *l, double seconds)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	printf("{\"mode\": \"%s\", \"ops\": %llu, \"sessions\": %zu, \"resumed\": %llu, "
	       "\"seconds\": %.3f, "
	       "\"octets\": %llu, \"errors\": %llu",
	       mode_name[l->o.mode], (unsigned long long)l->n_ops, l->sessions.n,
	       (unsigned long long)l->n_resumed, seconds, (unsigned long long)l->octets,
	       (unsigned long long)l->n_errors);
	print_times("", &l->ops);
	print_times("session_", &l->sessions);
	if (l->o.rate > 0)
		print_times("late_", &l->late);
	printf(", \"client_cpu_us\": %.0f}\n",
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
		       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
	return l->n_errors > 0 || l->n_ops == 0;
}

/* ---- beginning and end ---- */

static enum mode parse_mode(const char *word)
{
	for (unsigned i = 0; i < sizeof mode_name / sizeof *mode_name; i++) {
		if (strcmp(word, mode_name[i]) == 0)
			return (enum mode)i;
	}
	errx(2, "unknown mode %s", word);
}

static const struct option long_options[] = {
	{ "mode", 1, NULL, 'm' },     { "port", 1, NULL, 'p' },     { "socket", 1, NULL, 'u' },
	{ "clients", 1, NULL, 'c' },  { "users", 1, NULL, 'n' },    { "first-user", 1, NULL, 'f' },
	{ "messages", 1, NULL, 'k' }, { "size", 1, NULL, 's' },     { "seconds", 1, NULL, 't' },
	{ "domain", 1, NULL, 'd' },   { "password", 1, NULL, 'w' }, { "rate", 1, NULL, 'r' },
	{ "sources", 1, NULL, 'a' },  { "ramp", 1, NULL, 'g' },     { "patience", 1, NULL, 'e' },
	{ "tls", 0, NULL, 'T' },      { "resume", 0, NULL, 'R' },   { "pipeline", 0, NULL, 'P' },
	{ "list", 0, NULL, 'L' },     { "dots", 0, NULL, 'D' },     { 0 },
};

static void parse_options(struct options *o, int argc, char **argv)
{
	for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
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
		case 'r': o->rate = atof(optarg); break;
		case 'e': o->patience = atof(optarg); break;
		case 'a': o->n_sources = (unsigned)atoi(optarg); break;
		case 'g': o->ramp = (unsigned)atoi(optarg); break;
		case 'T': o->tls = true; break;
		case 'R': o->tls = o->resume = true; break;
		case 'P': o->pipeline = true; break;
		case 'L': o->list = true; break;
		case 'D': o->dots = true; break;
		default: errx(2, "see tests/bench/README.md");
		}
	}
	if (o->n_users == 0 || o->n_clients == 0 || o->ramp == 0)
		errx(2, "--users, --clients and --ramp must be at least 1");
	if (o->n_users < o->n_clients && o->mode != MODE_DELIVER)
		errx(2, "each client needs a mailbox of its own: --users");
	if (o->n_sources == 0)
		o->n_sources = 1 + o->n_clients / 20000;
}

static void prepare(struct load *l)
{
	struct rlimit files = { l->o.n_clients + 64, l->o.n_clients + 64 };

	if (l->o.n_clients > 900 && setrlimit(RLIMIT_NOFILE, &files) != 0)
		err(1, "a limit of %u open files", l->o.n_clients + 64);
	pattern_make(&l->pattern, l->o.size, l->o.dots);
	l->mail_len = pattern_mail(&l->pattern, l->o.size, 0, &l->mail);
	l->text_max = 512 + (l->o.pipeline ? 16 * (size_t)l->o.n_messages : 0);
	for (l->n_slots = 64; l->n_slots < 2 * (size_t)l->o.n_messages;)
		l->n_slots *= 2;
	l->in = zeroed(IN_SIZE, 1);
	l->clients = zeroed(l->o.n_clients, sizeof *l->clients);
	l->idle = zeroed(l->o.n_clients, sizeof(struct client *));
	for (unsigned i = 0; i < l->o.n_clients; i++) {
		struct client *c = &l->clients[l->o.n_clients - 1 - i];

		c->number = l->o.n_clients - 1 - i;
		l->idle[l->n_idle++] = c;
	}
	l->boxes = zeroed(l->o.n_users, sizeof(unsigned));
	for (unsigned i = 0; i < l->o.n_users; i++)
		l->boxes[i] = l->o.first_user + i;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		err(1, "epoll_create1");
	if (l->o.tls)
		client_tls(l);
}

static void end(struct load *l)
{
	for (unsigned i = 0; i < l->o.n_clients; i++) {
		struct client *c = &l->clients[i];

		client_close(l, c);
		SSL_SESSION_free(c->ticket);
		free(c->text);
		free(c->sizes);
		free(c->ids);
	}
	SSL_CTX_free(l->tls);
	close(l->epoll);
	free(l->clients);
	free(l->idle);
	free(l->boxes);
	free(l->in);
	free(l->pattern.wire);
	free(l->mail);
	free(l->ops.us);
	free(l->sessions.us);
	free(l->late.us);
}

int main(int argc, char **argv)
{
	struct load l = { .o = { .n_clients = 16,
				 .n_users = 64,
				 .first_user = 1,
				 .n_messages = 10,
				 .size = 4096,
				 .seconds = 5,
				 .ramp = 200,
				 .patience = 10,
				 .domain = "example.com",
				 .password = "bench" } };
	uint64_t began;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	parse_options(&l.o, argc, argv);
	prepare(&l);
	began = now_us();
	run(&l, began);
	rc = report(&l, (double)(now_us() - began) / 1e6);
	end(&l);
	return rc;
}
