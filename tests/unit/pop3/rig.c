/* rig.c - the POP3 service with a mailbox in memory, and a client that insists. */
#include <arpa/inet.h>
#include "tests/unit/pop3/rig.h"

static const char small[] = "Subject: small" N N "hello" N;
static const char dotted[] = "Subject: dots" N N ".one" N "..two" N;

struct rig rig;

/* A worker arrives here and waits for the test, if the test said so. */
static void pass(enum slow what)
{
	if (atomic_load(&rig.stops_at) != (int)what)
		return;
	sem_post(&rig.entered);
	sem_wait(&rig.go);
}

/* ---- catalog and store ---- */

static enum ec find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	if (strcmp(n->domain, "example.org") == 0)
		return err_set(e, EC_ABSENT, "no mailbox");
	*out = (struct entry){ .name = *n,
			       .locked = atomic_load(&rig.locked),
			       .expire_days = EXPIRE_UNSET,
			       .remembered = atomic_load(&rig.remembered) };
	return EC_OK;
}

static const struct store_ops store_ops;

static enum ec claim(struct store *s, const struct name *who, const char *holder, struct box **out,
		     struct err *e)
{
	(void)s;
	assert_non_null(holder);
	pass(CLAIM);
	if (atomic_exchange(&rig.claimed, true))
		return err_set(e, EC_LOCKED, "mailbox is open in another session");
	struct box *b = mem_new(sizeof(*b));
	*b = (struct box){ .ops = &store_ops,
			   .name = *who,
			   .n_msgs = N_MAIL,
			   .octets = sizeof(small) - 1 + LARGE + sizeof(dotted) - 1,
			   .release_now = atomic_load(&rig.release_now) };
	atomic_fetch_add(&rig.n_claims, 1);
	*out = b;
	return EC_OK;
}

static enum ec table(struct box *b, struct err *e)
{
	static const struct msg msgs[N_MAIL] = {
		[SMALL] = { .octets = sizeof(small) - 1, .uidl = "small" },
		[BIG] = { .octets = LARGE, .uidl = "big" },
		[DOTTED] = { .octets = sizeof(dotted) - 1, .uidl = "dotted", .flags = MSG_DOTS },
	};

	(void)e;
	pass(TABLE);
	b->msgs = msgs;
	return EC_OK;
}

static enum ec fetch(struct box *b, uint32_t i, unsigned flags, struct blob *out, struct err *e)
{
	(void)b;
	if (flags & FETCH_NOWAIT && atomic_load(&rig.stops_at) == FETCH)
		return err_set(e, EC_BUSY, "not in memory");
	pass(FETCH);
	*out = (struct blob){ .fd = -1, .len = sizeof(small) - 1, .mem = small };
	if (i == BIG)
		*out = (struct blob){ .fd = rig.big_fd, .len = LARGE };
	if (i == DOTTED)
		*out = (struct blob){ .fd = rig.big_fd, .off = LARGE, .len = sizeof(dotted) - 1 };
	atomic_fetch_add(&rig.n_blobs, 1);
	return EC_OK;
}

static enum ec read_blob(struct box *b, const struct blob *m, uint64_t off, void *to, size_t len,
			 size_t *got, struct err *e)
{
	(void)b, (void)e;
	if (len > 7)
		len = 7;
	*got = (size_t)pread(m->fd, to, len, (off_t)(m->off + off));
	return EC_OK;
}

/* Some of it is in memory. */
static enum ec read_now(struct box *b, const struct blob *m, uint64_t off, void *to, size_t len,
			size_t *got, struct err *e)
{
	if (off % 2)
		return err_set(e, EC_BUSY, "not in memory");
	return read_blob(b, m, off, to, len, got, e);
}

static void blob_done(struct box *b, struct blob *m)
{
	assert_non_null(b);
	m->fd = -1;
	atomic_fetch_add(&rig.n_blobs_back, 1);
}

static enum ec commit(struct box *b, const struct marks *marks, struct commit *out, struct err *e)
{
	(void)b;
	pass(COMMIT);
	for (unsigned i = 0; marks->removed && i < N_MAIL; i++)
		out->n_removed += marks->removed[0] >> i & 1;
	atomic_fetch_add(&rig.n_commits, 1);
	atomic_fetch_add(&rig.n_removed, (int)out->n_removed);
	return atomic_load(&rig.commit_class) ? err_set(e, (enum ec)rig.commit_class, "disk")
					      : EC_OK;
}

static void release(struct box **b)
{
	free(*b);
	*b = NULL;
	atomic_fetch_add(&rig.n_releases, 1);
	atomic_store(&rig.claimed, false);
}

static const struct catalog_ops catalog_ops = { .name = "test", .find = find };
static const struct store_ops store_ops = {
	.name = "test",
	.claim = claim,
	.table = table,
	.fetch = fetch,
	.read = read_blob,
	.read_now = read_now,
	.blob_done = blob_done,
	.commit = commit,
	.release = release,
};

/* ---- the rig ---- */

static void heard(void *ctx, const char *line)
{
	(void)ctx;
	pthread_mutex_lock(&rig.lock);
	buf_addz(&rig.said, line);
	buf_addz(&rig.said, "\n");
	pthread_mutex_unlock(&rig.lock);
}

unsigned count_logged(const char *text)
{
	unsigned n = 0;

	pthread_mutex_lock(&rig.lock);
	buf_add(&rig.said, "", 1);
	for (const char *p = buf_at(&rig.said); (p = strstr(p, text)); p++)
		n++;
	rig.said.len--;
	pthread_mutex_unlock(&rig.lock);
	return n;
}

void wait_until(bool (*fn)(void))
{
	uint64_t end = clock_mono_ms() + PATIENCE_S * 1000;

	while (!fn()) {
		if (clock_mono_ms() > end)
			fail_msg("waited in vain");
		sched_yield();
	}
}

static void make_big(void)
{
	rig.big = mem_new(LARGE);
	for (size_t i = 0; i < LARGE; i++)
		rig.big[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);
	rig.big_fd = memfd_create("mail", MFD_CLOEXEC);
	assert_int_equal(write(rig.big_fd, rig.big, LARGE), LARGE);
	assert_int_equal(write(rig.big_fd, dotted, sizeof(dotted) - 1), sizeof(dotted) - 1);
}

struct pop3_setup rig_settings(const char *settings)
{
	char text[600];
	struct err e;

	snprintf(text, sizeof(text), "mailroot = %s\nhostname = mx.test\nidle_timeout = 600\n%s",
		 rig.dir, settings);
	if (conf_parse("test", text, strlen(text), &rig.conf, &e) != EC_OK)
		fail_msg("%s", e.text);
	return (struct pop3_setup){
		.conf = rig.conf,
		.auth = rig.auth,
		.catalog = &rig.catalog,
		.store = &rig.store,
		.expire_days = rig.conf->expire_days,
	};
}

void rig_begin(const char *settings, unsigned n_workers, unsigned max_jobs)
{
	struct err e;

	rig = (struct rig){ .catalog.ops = &catalog_ops,
			    .store.ops = &store_ops,
			    .people.base = { .ops = &people_ops, .reveals = 1u << SECRET_CLEAR } };
	strcpy(rig.dir, "/tmp/winpop-pop3-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	pthread_mutex_init(&rig.lock, NULL);
	sem_init(&rig.entered, 0, 0);
	sem_init(&rig.go, 0, 0);
	sem_init(&rig.idle, 0, 0);
	make_big();
	rig.sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(rig.sink, heard, NULL);
	rig.log.sink = rig.sink;
	struct pop3_setup setup = rig_settings(settings);
	struct auth_setup as = { .service = "pop",
				 .hostname = "mx.test",
				 .mechanisms = "PLAIN LOGIN",
				 .apop = true,
				 .penalty_ms =
					 strstr(settings, "penalty_ms") ? rig.conf->penalty_ms : 0,
				 .accounts = &rig.people.base,
				 .log = &rig.log };
	if (auth_open(&as, NULL, &rig.auth, &e) != EC_OK)
		fail_msg("%s", e.text);
	setup.auth = rig.auth;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_new(i, &rig.loops[i], &e), EC_OK);
	assert_int_equal(work_new("test", n_workers, max_jobs, &rig.work, &e), EC_OK);
	assert_int_equal(work_new("signin", n_workers, max_jobs, &rig.signin, &e), EC_OK);
	rig.pop3 = pop3_new(rig.loops, 2,
			    (struct pop3_work){ .signin = rig.signin, .mailbox = rig.work }, &setup,
			    &rig.log);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(loop_start(rig.loops[i], &e), EC_OK);
}

void rig_end(void)
{
	for (unsigned i = 0; i < 2; i++) {
		loop_stop(rig.loops[i]);
		loop_join(rig.loops[i]);
	}
	work_free(&rig.signin);
	work_free(&rig.work);
	pop3_free(&rig.pop3);
	for (unsigned i = 0; i < 2; i++)
		loop_free(&rig.loops[i]);
	auth_unref(&rig.auth);
	conf_unref(&rig.conf);
	log_close(&rig.sink);
	close(rig.big_fd);
	free(rig.big);
	buf_drop(&rig.said);
	assert_int_equal(rmdir(rig.dir), 0);
	assert_int_equal(rig.n_claims, rig.n_releases);
	assert_int_equal(rig.n_blobs, rig.n_blobs_back);
}

bool nobody_is_in(void)
{
	struct pop3_now now;

	pop3_now(rig.pop3, &now);
	return now.sessions == 0 && now.slots.served == 0 && now.signed_in == 0 &&
	       rig.n_claims == rig.n_releases;
}

/* ---- the client ---- */

static int client(const struct sockaddr *sa, socklen_t len)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	pop3_accept(rig.pop3, NULL, fd[1], sa, len, false);
	return fd[0];
}

int rig_client(void)
{
	static const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };

	return client((const struct sockaddr *)&unnamed, sizeof(sa_family_t));
}

int rig_client_from(const char *ipv4)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };

	assert_int_equal(inet_pton(AF_INET, ipv4, &sa.sin_addr), 1);
	return client((const struct sockaddr *)&sa, sizeof(sa));
}

void say(int fd, const char *z)
{
	size_t len = strlen(z);

	assert_int_equal(send(fd, z, len, MSG_NOSIGNAL), (ssize_t)len);
}

bool hear_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, line + n, 1, 0);
		if (got == 0)
			return false;
		assert_int_equal(got, 1);
		assert_true(++n < size);
		if (n >= 2 && line[n - 2] == '\r' && line[n - 1] == '\n') {
			line[n - 2] = '\0';
			return true;
		}
	}
}

void hear(int fd, const char *start)
{
	char line[600];

	if (!hear_line(fd, line, sizeof(line)))
		fail_msg("wanted '%s', got the end", start);
	if (strncmp(line, start, strlen(start)))
		fail_msg("wanted '%s', got '%s'", start, line);
}

void hear_end(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
}

void hear_big(int fd)
{
	char *got = mem_new(LARGE);

	hear(fd, "+OK 307200 octets");
	assert_int_equal(recv(fd, got, LARGE, MSG_WAITALL), LARGE);
	assert_memory_equal(got, rig.big, LARGE);
	free(got);
	hear(fd, ".");
}

int rig_signed_in(void)
{
	int fd = rig_client();

	hear(fd, "+OK mx.test POP3 ready <");
	say(fd, SIGNIN);
	hear(fd, "+OK send PASS");
	hear(fd, "+OK mailbox open, 3 messages (");
	return fd;
}

static void went_by(struct job *j)
{
	sem_post(&rig.idle);
	free(j);
}

bool both_loops_went_by(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct job *j = mem_new(sizeof(*j));
		*j = (struct job){ .home = rig.loops[i], .done = went_by };
		loop_post(rig.loops[i], j);
		sem_wait(&rig.idle);
	}
	return true;
}
