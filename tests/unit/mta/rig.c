/* rig.c - see rig.h. */
#include <fcntl.h>
#include <sched.h>
#include "server/base/b64.h"
#include "tests/unit/mta/rig.h"

struct rig rig;

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	if (atomic_load(&rig.slow)) {
		sem_post(&rig.entered);
		sem_wait(&rig.go);
	}
	if (strcmp(n->local, "nobody") == 0)
		return err_set(e, EC_ABSENT, "no mailbox");
	if (atomic_load(&rig.away) || strcmp(n->local, "away") == 0)
		return err_set(e, EC_TEMP, "the directory is away");
	*out = (struct entry){ .name = *n, .locked = true };
	out->held = strcmp(n->local, "held") == 0;
	if (strcmp(n->domain, "example.org") == 0)
		strcpy(out->name.local, "mailbox");
	return EC_OK;
}

static enum ec each(struct catalog *c, const struct name *domain,
		    bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	static const struct entry entry = { .name.domain = "c" };

	(void)c, (void)domain, (void)e;
	fn(ctx, &entry);
	return EC_OK;
}

static const struct catalog_ops catalog_ops = { .name = "test", .find = find, .each = each };

static void hear_log(void *ctx, const char *line)
{
	(void)ctx;
	pthread_mutex_lock(&rig.lock);
	if (strlen(rig.heard) + strlen(line) + 2 < sizeof(rig.heard))
		strcat(strcat(rig.heard, line), "\n");
	pthread_mutex_unlock(&rig.lock);
}

bool logged(const char *what)
{
	pthread_mutex_lock(&rig.lock);
	bool found = strstr(rig.heard, what);

	pthread_mutex_unlock(&rig.lock);
	return found;
}

static void open_auth(const struct log *log, unsigned penalty_ms)
{
	struct err e;
	const struct auth_setup setup = {
		.service = "pop",
		.hostname = "mx.test",
		.mechanisms = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN EXTERNAL",
		.penalty_ms = penalty_ms,
		.accounts = &rig.people.base,
		.log = log,
	};

	if (auth_open(&setup, NULL, &rig.auth, &e) != EC_OK)
		fail_msg("%s", e.text);
}

struct conf *settings(const char *more)
{
	char text[400];
	struct conf *c;
	struct err e;

	snprintf(text, sizeof(text), "mailroot = %s\nhostname = mx.test\n%s", rig.dir, more);
	if (conf_parse("test", text, strlen(text), &c, &e) != EC_OK)
		fail_msg("%s", e.text);
	return c;
}

void rig_begin(const char *more, unsigned max_jobs, unsigned penalty_ms)
{
	struct err e;

	memset(&rig, 0, sizeof(rig));
	rig.catalog.ops = &catalog_ops;
	rig.people.base = (struct accounts){ .ops = &people_ops, .reveals = 1u << SECRET_CLEAR };
	strcpy(rig.dir, "/tmp/winpop-mta-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	pthread_mutex_init(&rig.lock, NULL);
	sem_init(&rig.entered, 0, 0);
	sem_init(&rig.go, 0, 0);
	sem_init(&rig.idle, 0, 0);
	rig.sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(rig.sink, hear_log, NULL);
	const struct log log = { .sink = rig.sink };

	rig.conf = settings(more);
	open_auth(&log, penalty_ms);
	assert_int_equal(loop_new(0, &rig.loop, &e), EC_OK);
	assert_int_equal(work_new("lookup", 2, max_jobs, &rig.work.lookup, &e), EC_OK);
	assert_int_equal(work_new("signin", 2, max_jobs, &rig.work.signin, &e), EC_OK);
	rig.setup = (struct mta_setup){
		.conf = rig.conf, .rule = NAME_FILE, .auth = rig.auth, .catalog = &rig.catalog
	};
	rig.mta = mta_new(&rig.loop, 1, rig.work, &rig.setup, &log);
	assert_int_equal(loop_start(rig.loop, &e), EC_OK);
}

void rig_end(void)
{
	loop_stop(rig.loop);
	loop_join(rig.loop);
	work_free(&rig.work.lookup);
	work_free(&rig.work.signin);
	mta_free(&rig.mta);
	loop_free(&rig.loop);
	auth_unref(&rig.auth);
	conf_unref(&rig.conf);
	log_close(&rig.sink);
	assert_int_equal(rmdir(rig.dir), 0);
}

/* ---- a client ---- */

int client(enum mta_door door)
{
	struct timeval patience = { .tv_sec = 60 };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	mta_accept(rig.mta, fd[1], door);
	return fd[0];
}

void say(int fd, const char *z)
{
	for (size_t len = strlen(z); len > 0;) {
		ssize_t n = send(fd, z, len, MSG_NOSIGNAL);

		assert_true(n > 0);
		z += n;
		len -= (size_t)n;
	}
}

void hear(int fd, const char *want)
{
	char got[2000];
	size_t len = 0, all = strlen(want);

	while (len < all || all == 0) {
		ssize_t n = recv(fd, got + len, all ? all - len : 1, 0);

		if (n == 0 && all == 0)
			return;
		if (n <= 0 || all == 0) {
			fail_msg("wanted \"%s\", heard \"%.*s\" (%zd)", want, (int)len, got, n);
			return;
		}
		len += (size_t)n;
	}
	if (memcmp(got, want, all) != 0)
		fail_msg("wanted \"%s\", heard \"%.*s\"", want, (int)len, got);
}

const char *hear_handshake(int fd)
{
	static char all[2000];
	size_t len = 0;

	do {
		assert_true(len + 1 < sizeof(all));
		assert_int_equal(recv(fd, all + len, 1, 0), 1);
		all[++len] = '\0';
	} while (len < 6 || strcmp(all + len - 6, "\nDONE\n") != 0);
	return all;
}

int auth_client(const char *hello)
{
	int fd = client(MTA_AUTH);

	hear_handshake(fd);
	say(fd, hello);
	return fd;
}

void say_plain(int fd, const char *id, const char *user, const char *pass)
{
	char raw[200], b64[300], line[500];
	int n = snprintf(raw, sizeof(raw), "%c%s%c%s", 0, user, 0, pass);

	b64[b64_encode(b64, raw, (size_t)n)] = '\0';
	snprintf(line, sizeof(line),
		 "AUTH\t%s\tPLAIN\tservice=smtp\tnologin\trip=192.0.2.7\tsecured\tresp=%s\n", id,
		 b64);
	say(fd, line);
}

void wait_until(bool (*what)(void))
{
	uint64_t end_ms = clock_mono_ms() + 60000;

	while (!what()) {
		assert_true(clock_mono_ms() < end_ms);
		sched_yield();
	}
}

struct mta_now now(void)
{
	struct mta_now n;

	mta_now(rig.mta, &n);
	return n;
}

bool nobody_left(void)
{
	return now().sessions == 0;
}
