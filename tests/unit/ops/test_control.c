/* test_control.c - server and client of the admin socket, and clients that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>
#include "server/net/work.h"
#include "server/ops/control.h"

struct rig {
	char dir[32], path[64];
	struct loop *loop;
	struct control *control;
	struct errand *waiting; /* its answer is not on the way */
	_Atomic bool asked;
};

static struct rig rig;

/* {"do":"later"} is answered by the loop, after something else; "never" not at all, before the end of its test. */
struct errand {
	struct job job;
	struct control_later *later;
	unsigned rounds;
};

static void come_round(struct job *j)
{
	struct errand *r = (struct errand *)j;

	if (r->rounds-- > 0) {
		loop_post(rig.loop, &r->job);
		return;
	}
	control_answer(&r->later, json_pack("{s:b, s:s}", "ok", 1, "said", "later"));
	assert_null(r->later);
	free(r);
}

static void put_off(unsigned rounds)
{
	struct errand *r = calloc(1, sizeof(*r));

	*r = (struct errand){ .later = control_later(rig.control), .rounds = rounds };
	r->job = (struct job){ .home = rig.loop, .done = come_round };
	if (rounds > 0)
		loop_post(rig.loop, &r->job);
	else
		rig.waiting = r;
}

/* {"do":"echo","who":X} gives {"said":X}; anything else is refused in words. */
static enum ec handle(void *ctx, const json_t *request, json_t *reply, struct err *e)
{
	const char *what = json_string_value(json_object_get(request, "do"));

	(void)ctx;
	if (strcmp(what, "later") == 0 || strcmp(what, "never") == 0) {
		put_off(*what == 'l' ? 100 : 0);
		rig.asked = true;
		return EC_OK;
	}
	if (strcmp(what, "echo") != 0)
		return err_set(e, EC_ABSENT, "no \"%s\" here", what);
	json_object_set(reply, "said", json_object_get(request, "who"));
	return EC_OK;
}

static void rig_begin(unsigned mode)
{
	static const struct log silent;
	struct listener *l;
	struct err e;

	rig = (struct rig){ .dir = "/tmp/winpop-ops-XXXXXX" };
	assert_non_null(mkdtemp(rig.dir));
	assert_int_equal(chmod(rig.dir, 0755), 0);
	snprintf(rig.path, sizeof(rig.path), "%s/control", rig.dir);
	assert_int_equal(loop_new(0, &rig.loop, &e), EC_OK);
	assert_int_equal(listen_unix(rig.path, mode, 100, &l, &e), EC_OK);
	rig.control = control_new(rig.loop, l, handle, NULL, &silent);
	assert_int_equal(loop_start(rig.loop, &e), EC_OK);
}

static void rig_end(void)
{
	loop_stop(rig.loop);
	loop_join(rig.loop);
	control_free(&rig.control);
	loop_free(&rig.loop);
	assert_int_equal(access(rig.path, F_OK), -1);
	assert_int_equal(rmdir(rig.dir), 0);
}

static enum ec call(const char *what, const char *who, json_t **reply, struct err *e)
{
	json_t *request = json_pack("{s:s, s:s}", "do", what, "who", who);
	enum ec rc = control_call(rig.path, request, reply, 10000, e);

	json_decref(request);
	return rc;
}

static int dial(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 60 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void send_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* refused early */
		p += n;
		len -= (size_t)n;
	}
}

/* Everything up to the end. */
static const char *hear(int fd)
{
	static char text[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

static void test_ask_and_answer(void **state)
{
	json_t *reply;
	struct err e;

	(void)state;
	rig_begin(0600);
	assert_int_equal(call("echo", "kim\n\"\xC3\xA4", &reply, &e), EC_OK);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_string_equal(json_string_value(json_object_get(reply, "said")), "kim\n\"\xC3\xA4");
	json_decref(reply);
	assert_int_equal(call("dance", "", &reply, &e), EC_OK);
	assert_true(json_is_false(json_object_get(reply, "ok")));
	assert_string_equal(json_string_value(json_object_get(reply, "class")), "absent");
	assert_string_equal(json_string_value(json_object_get(reply, "text")), "no \"dance\" here");
	json_decref(reply);
	rig_end();
}

static void test_long_answer(void **state)
{
	static char who[60000];
	json_t *reply;
	struct err e;

	(void)state;
	memset(who, 'x', sizeof(who) - 1);
	rig_begin(0600);
	assert_int_equal(call("echo", who, &reply, &e), EC_OK);
	assert_string_equal(json_string_value(json_object_get(reply, "said")), who);
	json_decref(reply);
	rig_end();
}

static void test_nobody_there(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/winpop-ops-XXXXXX";
	json_t *reply;
	struct err e;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(rig.path, sizeof(rig.path), "%s/control", dir);
	assert_int_equal(call("echo", "", &reply, &e), EC_ABSENT);
	assert_null(reply);

	/* what a killed service leaves behind */
	strcpy(sa.sun_path, rig.path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	assert_int_equal(call("echo", "", &reply, &e), EC_ABSENT);
	assert_non_null(strstr(e.text, "not running"));
	unlink(rig.path);
	rmdir(dir);
}

static void test_path_too_long(void **state)
{
	char path[300];
	json_t *reply, *request = json_object();
	struct err e;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_call(path, request, &reply, 100, &e), EC_USAGE);
	json_decref(request);
}

/* A service that accepts (its kernel does) and never says a word. */
static void test_mute_service(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/winpop-ops-XXXXXX";
	json_t *reply, *request = json_object();
	struct err e;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(control_call(sa.sun_path, request, &reply, 50, &e), EC_TEMP);
	json_decref(request);
	close(fd);
	unlink(sa.sun_path);
	rmdir(dir);
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *line;
		size_t len;
		const char *reply; /* how it begins */
	} rows[] = {
#define ROW(in, out) { in, sizeof(in) - 1, out }
		ROW("\n", "{\"ok\":false,\"class\":\"usage\",\"text\":\"not JSON"),
		ROW("status\n", "{\"ok\":false,\"class\":\"usage\",\"text\":\"not JSON"),
		ROW("[1]\n", "{\"ok\":false,\"class\":\"usage\",\"text\":\"a request is"),
		ROW("{}\n", "{\"ok\":false,\"class\":\"usage\",\"text\":\"a request is"),
		ROW("{\"do\":1}\n", "{\"ok\":false,\"class\":\"usage\",\"text\":\"a request is"),
		ROW("{\"do\":\"a\",\"do\":\"b\"}\n",
		    "{\"ok\":false,\"class\":\"usage\",\"text\":\"not J"),
		ROW("{\"do\":\"a\\u0000b\"}\n", "{\"ok\":false,\"class\":\"usage\""),
		ROW("{\"do\":\"\xFF\"}\n", "{\"ok\":false,\"class\":\"usage\""),
		ROW("\0\n", "{\"ok\":false,\"class\":\"usage\""),
		ROW("GET / HTTP/1.1\r\n\r\n", "{\"ok\":false,\"class\":\"usage\""),
		ROW("{\"do\":\"echo\",\"who\":1}\nmore", "{\"ok\":true,\"said\":1}\n"),
#undef ROW
	};

	(void)state;
	rig_begin(0600);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = dial(rig.path);

		send_all(fd, rows[i].line, rows[i].len);
		const char *got = hear(fd);

		if (strncmp(got, rows[i].reply, strlen(rows[i].reply)) != 0)
			fail_msg("row %zu: %s", i, got);
		assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
	}
	rig_end();
}

static void test_octet_by_octet(void **state)
{
	static const char line[] = "{\"do\":\"echo\",\"who\":\"kim\"}\n";
	int fd;

	(void)state;
	rig_begin(0600);
	fd = dial(rig.path);
	for (size_t i = 0; i < sizeof(line) - 1; i++)
		send_all(fd, line + i, 1);
	assert_string_equal(hear(fd), "{\"ok\":true,\"said\":\"kim\"}\n");
	rig_end();
}

static void test_answered_later(void **state)
{
	static const char two[] = "{\"do\":\"later\"}\n{\"do\":\"echo\"}\n";
	json_t *reply;
	struct err e;

	(void)state;
	rig_begin(0600);
	assert_int_equal(call("later", "", &reply, &e), EC_OK);
	assert_string_equal(json_string_value(json_object_get(reply, "said")), "later");
	json_decref(reply);

	/* a second line is not heard meanwhile, and the first is answered once */
	int fd = dial(rig.path);
	send_all(fd, two, sizeof(two) - 1);
	assert_string_equal(hear(fd), "{\"ok\":true,\"said\":\"later\"}\n");
	rig_end();
}

static int ask_in_vain(void)
{
	static const char line[] = "{\"do\":\"never\"}\n";
	int fd = dial(rig.path);

	rig.asked = false;
	send_all(fd, line, sizeof(line) - 1);
	while (!rig.asked)
		usleep(1000);
	return fd;
}

/* Who asked has gone, or the whole control has, before the answer is there: nobody is told, and nothing is lost. */
static void test_nobody_waits_for_the_answer(void **state)
{
	json_t *reply;
	struct err e;

	(void)state;
	rig_begin(0600);
	close(ask_in_vain());
	assert_int_equal(call("echo", "x", &reply, &e), EC_OK); /* by now the end was heard */
	json_decref(reply);
	struct errand *first = rig.waiting;
	int fd = ask_in_vain();
	struct errand *second = rig.waiting;
	rig_end();
	control_answer(&first->later, json_object());
	control_answer(&second->later, json_object());
	free(first);
	free(second);
	close(fd);
}

static void test_too_long(void **state)
{
	static char line[2 * CONTROL_LINE_MAX];
	int fd;

	(void)state;
	memset(line, ' ', sizeof(line));
	rig_begin(0600);
	fd = dial(rig.path);
	send_all(fd, line, sizeof(line));
	assert_non_null(strstr(hear(fd), "the request is too long"));
	rig_end();
}

/* Clients that say half of something hold nobody up, until there are very many of them. */
static void test_silent_clients(void **state)
{
	int fd[32];
	json_t *reply;
	struct err e;

	(void)state;
	rig_begin(0600);
	for (int i = 0; i < 31; i++) {
		fd[i] = dial(rig.path);
		send_all(fd[i], "{\"do\":", 6);
	}
	assert_int_equal(call("echo", "x", &reply, &e), EC_OK);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	json_decref(reply);
	fd[31] = dial(rig.path);
	assert_int_equal(call("echo", "x", &reply, &e), EC_OK);
	assert_string_equal(json_string_value(json_object_get(reply, "class")), "busy");
	json_decref(reply);
	for (int i = 0; i < 32; i++)
		close(fd[i]);
	rig_end();
}

/* The file's mode may have been widened by hand: the kernel still says who asks. Needs root, as
 * only root can become somebody else; without it, ourselves is who may ask, as tested above. */
static void test_somebody_else(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	rig_begin(0666);
	pid_t pid = fork();

	if (pid == 0) {
		json_t *reply = NULL;
		struct err e;
		bool fine =
			setuid(65534) == 0 && call("echo", "x", &reply, &e) == EC_OK &&
			strcmp(json_string_value(json_object_get(reply, "class")), "denied") == 0;

		_exit(fine ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask_and_answer),
		cmocka_unit_test(test_long_answer),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_mute_service),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_answered_later),
		cmocka_unit_test(test_nobody_waits_for_the_answer),
		cmocka_unit_test(test_silent_clients),
		cmocka_unit_test(test_somebody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
