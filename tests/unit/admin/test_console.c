/* test_console.c - the console's pure parts: heads of requests, routes, frames, orders, sessions, what mail programs are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include "admin/console/autoconfig.h"
#include "admin/console/frame.h"
#include "admin/console/jobs.h"
#include "admin/console/order.h"
#include "admin/console/sessions.h"
#include "admin/console/signin.h"
#include "admin/console/site.h"
#include "server/base/buf.h"

#define N(list) (sizeof(list) / sizeof(list[0]))

static struct slice slice(const char *z)
{
	return (struct slice){ z, strlen(z) };
}

/* ---- requests ---- */

/* fields: "name: value" lines, each ended by LF. */
static void read_head(struct http_request *r, enum http_method method, const char *target,
		      int minor, char *fields, size_t body_len)
{
	char *rest, *line = strtok_r(fields, "\n", &rest);

	http_begin(r, method, target, 1, minor);
	for (; line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon = strchr(line, ':');

		*colon = '\0';
		http_add(r, line, colon + 1);
	}
	http_end(r, body_len);
}

#define HOST "Host: localhost\n"

static void requests_are_judged_as_a_whole(void **state)
{
	static const struct {
		enum http_method method;
		const char *target;
		int minor;
		const char *fields;
		size_t body_len;
		int status;
		bool keep;
	} cases[] = {
		{ HTTP_GET, "/", 1, HOST, 0, 200, true },
		{ HTTP_GET, "/", 0, HOST, 0, 200, false },
		{ HTTP_GET, "/", 2, HOST, 0, 505, false },
		{ HTTP_GET, "/", 1, HOST "Connection: close\n", 0, 200, false },
		{ HTTP_GET, "/", 1, HOST "Connection: x , CLOSE\n", 0, 200, false },
		{ HTTP_GET, "/", 1, "", 0, 400, false },
		{ HTTP_GET, "/", 1, HOST HOST, 0, 400, false },
		{ HTTP_GET, "/", 1, HOST "hOST: other\n", 0, 400, false },
		{ HTTP_GET, "/", 1, HOST "Accept: a\nAccept: b\n", 0, 200, true },
		{ HTTP_GET, "/", 1, "Host : localhost\n", 0, 400, false },
		{ HTTP_GET, "/", 1, HOST "X\tY: 1\n", 0, 400, false },
		{ HTTP_GET, "/", 1, HOST "X: a\x01\n", 0, 400, false },
		{ HTTP_GET, "/", 1, HOST "X: \xc3\xa4\n", 0, 200, true },
		{ HTTP_GET, "http://x/", 1, HOST, 0, 400, false },
		{ HTTP_GET, "*", 1, HOST, 0, 400, false },
		{ HTTP_GET, "/a b", 1, HOST, 0, 400, false },
		{ HTTP_GET, "/a\xc3\xa4", 1, HOST, 0, 400, false },
		{ HTTP_GET, "/a#b", 1, HOST, 0, 400, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length: 2\n", 2, 200, true },
		{ HTTP_POST, "/", 1, HOST "Content-Length: 3\n", 2, 400, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length: +2\n", 2, 400, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length: 2, 2\n", 2, 400, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length:\n", 0, 400, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length: 2\nContent-Length: 2\n", 2, 400, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length: 65537\n", 0, 413, false },
		{ HTTP_POST, "/", 1, HOST "Content-Length: 36893488147419103234\n", 2, 413, false },
		{ HTTP_POST, "/", 1, HOST, 0, 411, false },
		{ HTTP_POST, "/", 1, HOST "Transfer-Encoding: chunked\n", 2, 501, false },
		{ HTTP_POST, "/", 1, HOST "Transfer-Encoding: x\nContent-Length: 2\n", 2, 400,
		  false },
		{ HTTP_POST, "/", 1, HOST "Cookie: a\nCookie: b\nContent-Length: 2\n", 2, 400,
		  false },
	};
	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char *fields = strdup(cases[i].fields);
		struct http_request r;

		read_head(&r, cases[i].method, cases[i].target, cases[i].minor, fields,
			  cases[i].body_len);
		if (r.status != cases[i].status || r.keep != cases[i].keep)
			fail_msg("%s %s: %d", cases[i].target, cases[i].fields, r.status);
		free(fields);
	}
}

static void too_much_is_refused(void **state)
{
	struct http_request r;
	char target[2000];

	(void)state;
	memset(target, 'a', sizeof(target) - 1);
	target[0] = '/';
	target[sizeof(target) - 1] = '\0';
	http_begin(&r, HTTP_GET, target, 1, 1);
	assert_int_equal(r.status, 414);
	http_begin(&r, HTTP_GET, "/", 1, 1);
	for (int i = 0; i < 200; i++)
		http_add(&r, "X", "y");
	assert_int_equal(r.status, 431);
}

static void cookies_and_parameters(void **state)
{
	static const struct {
		const char *cookies, *value; /* NULL: none */
	} cases[] = {
		{ "c=1", "1" },   { "a=2; c=1; b=3", "1" }, { "c=1;c=1", NULL },
		{ "cc=1", NULL }, { "a=c=1", NULL },        { "c", "" },
		{ "", NULL },     { "C=1", NULL },          { " c=x=y ", "x=y" },
	};
	struct slice got;

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		bool found = http_cookie(slice(cases[i].cookies), "c", &got);

		assert_int_equal(found, cases[i].value != NULL);
		assert_true(!found || slice_is(got, cases[i].value));
	}
	assert_true(http_param(slice("a=1&job=1&b"), "job", &got) && slice_is(got, "1"));
	assert_false(http_param(slice("ajob=1"), "job", &got));
}

/* ---- routes ---- */

static void paths_lead_to_routes(void **state)
{
	static const struct {
		enum http_method method;
		const char *path;
		int status;
		const char *name, *param;
	} cases[] = {
		{ HTTP_POST, "/api/v1/sign-in", 200, "signIn", "" },
		{ HTTP_GET, "/api/v1/sign-in", 405, NULL, NULL },
		{ HTTP_HEAD, "/api/v1/session", 200, "session", "" },
		{ HTTP_OTHER, "/api/v1/session", 405, NULL, NULL },
		{ HTTP_POST, "/api/v1/commands/list", 200, "command", "list" },
		{ HTTP_POST, "/api/v1/commands/", 404, NULL, NULL },
		{ HTTP_POST, "/api/v1/commands/list/", 404, NULL, NULL },
		{ HTTP_POST, "/api/v1/commands/list/x", 404, NULL, NULL },
		{ HTTP_GET, "/api/v1/jobs", 200, "jobs", "" },
		{ HTTP_GET, "/api/v1/jobs/12", 200, "job", "12" },
		{ HTTP_POST, "/api/v1/jobs/12/end", 200, "endJob", "12" },
		{ HTTP_GET, "/api/v1/jobs/12/end", 405, NULL, NULL },
		{ HTTP_POST, "/api/v1/jobs//end", 404, NULL, NULL },
		{ HTTP_GET, "/API/v1/session", 404, NULL, NULL },
		{ HTTP_GET, "/api/v1/../v1/session", 404, NULL, NULL },
		{ HTTP_GET, "/.well-known/autoconfig/mail/config-v1.1.xml", 200, "autoconfig", "" },
		{ HTTP_POST, "/Autodiscover/Autodiscover.xml", 200, "autodiscover", "" },
	};
	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct slice param;
		const char *allow;
		int status;
		const struct api_route *r =
			api_find(cases[i].method, slice(cases[i].path), &param, &status, &allow);

		assert_int_equal(status, cases[i].status);
		assert_int_equal(r != NULL, cases[i].name != NULL);
		assert_int_equal(allow != NULL, status == 405);
		if (r) {
			assert_string_equal(r->name, cases[i].name);
			assert_true(slice_is(param, cases[i].param));
		}
	}
}

/* Every route and every command that can be asked for is described; what is the host's is not. */
static void the_document_is_whole(void **state)
{
	char *text = openapi_text();
	json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *paths = json_object_get(all, "paths");
	char path[128];

	(void)state;
	assert_non_null(paths);
	for (int i = 0; i < API_COUNT; i++)
		assert_true(i == API_COMMAND || json_object_get(paths, api_routes[i].path));
	for (size_t i = 0; wp_cmds[i]; i++) {
		snprintf(path, sizeof(path), "/api/v1/commands/%s", wp_cmds[i]->name);
		assert_int_equal(json_object_get(paths, path) != NULL,
				 wp_cmds[i]->scope != WP_HOST);
	}
	json_decref(all);
	free(text);
}

/* ---- frames ---- */

static void frames_come_in_pieces(void **state)
{
	struct buf b = { 0 };
	struct frame f;
	size_t used;

	(void)state;
	frame_put(&b, json_pack("{s:i}", "id", 7), "a\nbody", 6);
	size_t one = b.len;

	frame_put(&b, json_pack("{s:i}", "id", 8), "", 0);
	for (size_t len = 0; len < one; len++)
		assert_int_equal(frame_read(buf_at(&b), len, 100, &f, &used), FRAME_MORE);
	for (size_t len = one; len <= b.len; len++) {
		assert_int_equal(frame_read(buf_at(&b), len, 100, &f, &used), FRAME_WHOLE);
		assert_int_equal(used, one);
		assert_int_equal(f.body_len, 6);
		assert_memory_equal(f.body, "a\nbody", 6);
		json_decref(f.head);
	}
	assert_int_equal(frame_read(buf_at(&b), b.len, 10, &f, &used), FRAME_BAD);
	buf_drop(&b);
}

/* What a stranger has sent is no reason to hang up: JSON makes more of it, and it is still a frame. */
static void whatever_http_holds_fits(void **state)
{
	static const char worst[] = { '\x01', '"', '\t' };

	(void)state;
	for (size_t i = 0; i < N(worst); i++) {
		char *field = malloc(HTTP_HEAD_MAX);
		struct buf b = { 0 };
		struct frame f;
		size_t used;

		memset(field, worst[i], HTTP_HEAD_MAX);
		frame_put(&b,
			  json_pack("{s:s, s:o}", "peer", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
				    "cookie", json_stringn(field, HTTP_HEAD_MAX)),
			  "", 0);
		assert_int_equal(
			frame_read(buf_at(&b), b.len, HTTP_BODY_MAX + FRAME_HEAD_MAX, &f, &used),
			FRAME_WHOLE);
		assert_int_equal(json_string_length(json_object_get(f.head, "cookie")),
				 HTTP_HEAD_MAX);
		json_decref(f.head);
		buf_drop(&b);
		free(field);
	}
}

static void frames_that_are_none(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} cases[] = {
		{ "\0\0\0\0", 4 },         { "\0\0\0\2{}", 6 },   { "\0\0\0\3[]\n", 7 },
		{ "\xff\xff\xff\xff", 4 }, { "\0\0\0\3{ \n", 7 },
	};
	struct frame f;
	size_t used;

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(frame_read(cases[i].octets, cases[i].len, 100, &f, &used),
				 FRAME_BAD);
}

/* ---- orders ---- */

static void orders_follow_the_row(void **state)
{
	static const struct {
		const struct wp_cmd *cmd;
		const char *body, *complaint; /* NULL: taken */
	} cases[] = {
		{ &wp_list, "{}", NULL },
		{ &wp_list, "{\"arguments\":[\"example.com\"]}", NULL },
		{ &wp_list, "{\"arguments\":[\"/limit\"]}",
		  NULL }, /* no switch, whatever it begins with */
		{ &wp_list, "", "JSON object" },
		{ &wp_list, "[]", "JSON object" },
		{ &wp_list, "{\"arguments\":{}}", "is a list" },
		{ &wp_list, "{\"arguments\":[1]}", "strings" },
		{ &wp_list, "{\"arguments\":[\"a\\nb\"]}", "strings" },
		{ &wp_list, "{\"arguments\":[\"a\\u0000b\"]}", "JSON object" },
		{ &wp_list, "{\"arguments\":[\"a\",\"b\",\"c\"]}", "too many" },
		{ &wp_list, "{\"switches\":[]}", "is an object" },
		{ &wp_list, "{\"switches\":{\"nonsense\":true}}", "unknown switch" },
		{ &wp_list, "{\"switches\":{\"json\":true}}", "unknown switch" },
		{ &wp_list, "{\"switches\":{\"config\":\"/etc/passwd\"}}", "unknown switch" },
		{ &wp_list, "{\"switches\":{\"limit\":5}}", NULL },
		{ &wp_list, "{\"switches\":{\"limit\":true}}", "needs a value" },
		{ &wp_list, "{\"switches\":{\"limit\":\"5\",\"LIMIT\":\"6\"}}", "twice" },
		{ &wp_list, "{\"switches\":{\"limit\":false}}", NULL },
		{ &wp_list, "{\"password\":\"x\"}", "takes no password" },
		{ &wp_list, "{\"bind_as\":\"x\"}", "nothing else" },
		{ &wp_add, "{}", "something is missing" },
		{ &wp_add, "{\"arguments\":[\"k@e.x\"],\"password\":\"x\"}", "takes no password" },
		{ &wp_add,
		  "{\"arguments\":[\"k@e.x\"],\"switches\":{\"createuser\":true},"
		  "\"password\":\"x\"}",
		  NULL },
		{ &wp_add, "{\"arguments\":[\"k@e.x\"],\"switches\":{\"createuser\":\"x\"}}",
		  "send the password" },
		{ &wp_changepwd, "{\"arguments\":[\"k@e.x\"],\"password\":\"x\"}", NULL },
		{ &wp_changepwd, "{\"arguments\":[\"k@e.x\",\"secret\"]}", "send the password" },
		{ &wp_changepwd, "{\"arguments\":[\"k@e.x\"],\"password\":\"\"}", "not empty" },
		{ &wp_changepwd, "{\"arguments\":[\"k@e.x\"],\"password\":7}", "is a string" },
	};
	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct order *o = NULL;
		struct err e = { 0 };
		enum ec rc = order_read(cases[i].cmd, cases[i].body, strlen(cases[i].body), &o, &e);

		if ((rc == EC_OK) != !cases[i].complaint ||
		    (rc != EC_OK && !strstr(e.text, cases[i].complaint)))
			fail_msg("%s: %s", cases[i].body, e.text);
		assert_null(strstr(e.text, "secret"));
		order_free(&o);
	}
}

static void what_became_of_it(void **state)
{
	bool partly;

	(void)state;
	for (int c = EC_OK; c < EC_COUNT; c++) {
		assert_int_equal(order_result(c, &partly), c);
		assert_false(partly);
		assert_int_equal(order_result(c | 0x40, &partly), c);
		assert_true(partly);
	}
	assert_int_equal(order_result(-1, &partly), EC_BROKEN);
	assert_int_equal(order_result(0x3f, &partly), EC_BROKEN);
}

static void lines_of_progress(void **state)
{
	static const char *const none[] = { "winpop: waiting: 1 of 2, 3 failed", "1 of 2, 0 failed",
					    "winpop: 1 of 2", "winpop: 1 of 2, 0 failed!", "" };
	json_t *now = job_progress("winpop: plan: 12 of 30, 1 failed", 32);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(now, "done")), 12);
	assert_int_equal(json_integer_value(json_object_get(now, "of")), 30);
	assert_int_equal(json_integer_value(json_object_get(now, "failed")), 1);
	assert_true(json_is_true(json_object_get(now, "planning")));
	json_decref(now);
	for (size_t i = 0; i < N(none); i++)
		assert_null(job_progress(none[i], strlen(none[i])));
}

/* ---- sessions ---- */

#define IDLE_MS 1000

static const char *const domains[] = { "example.com" };
static const struct scope some = { false, 1, domains };

static enum ec add(struct sessions *s, const char *who, uint64_t now, char id[SESSION_ID_LEN + 1],
		   struct err *e)
{
	return sessions_add(s, &(struct session){ who, some, "stamp" }, now, id, e);
}

static void sessions_age(void **state)
{
	struct sessions *s = sessions_new(IDLE_MS);
	char id[SESSION_ID_LEN + 1], other[SESSION_ID_LEN + 1];
	uint64_t now = 5000;

	(void)state;
	assert_int_equal(add(s, "kim", now, id, NULL), EC_OK);
	assert_int_equal(add(s, "kim", now, other, NULL), EC_OK);
	assert_string_not_equal(id, other);
	const struct session *got = sessions_get(s, id, true, now + IDLE_MS - 1);

	assert_string_equal(got->who, "kim");
	assert_string_equal(got->scope.domains[0], "example.com");
	now += IDLE_MS;
	assert_null(sessions_get(s, other, true, now));   /* nobody was there */
	assert_non_null(sessions_get(s, id, false, now)); /* a poll is nobody */
	assert_null(sessions_get(s, id, true, now + IDLE_MS - 1));
	assert_int_equal(sessions_count(s), 0);
	sessions_free(&s);
}

static void even_the_busiest_session_ends(void **state)
{
	struct sessions *s = sessions_new(IDLE_MS);
	char id[SESSION_ID_LEN + 1];
	uint64_t now = 0;

	(void)state;
	add(s, "kim", now, id, NULL);
	while (now + IDLE_MS / 2 < SESSION_AGE_MS) {
		now += IDLE_MS / 2;
		assert_non_null(sessions_get(s, id, true, now));
	}
	assert_null(sessions_get(s, id, true, SESSION_AGE_MS));
	sessions_free(&s);
}

/* Not again until somebody has looked, and never of one that is not there. */
static void sessions_are_looked_at_again(void **state)
{
	static const struct {
		uint64_t idle_ms, every_ms;
	} cases[] = { { 900000, 60000 }, { 86400000, 60000 }, { 60000, 4000 } };

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct sessions *s = sessions_new(cases[i].idle_ms);
		char id[SESSION_ID_LEN + 1];
		uint64_t now = 7, every = cases[i].every_ms;

		add(s, "kim", now, id, NULL);
		assert_false(sessions_due(s, id, now + every - 1));
		assert_true(sessions_due(s, id, now + every));
		sessions_get(s, id, true, now + every);
		assert_true(sessions_due(s, id, now + every));
		sessions_looked(s, id, now + every);
		assert_false(sessions_due(s, id, now + 2 * every - 1));
		assert_true(sessions_due(s, id, now + 2 * every));
		sessions_end(s, id);
		assert_false(sessions_due(s, id, now + 3 * every));
		sessions_looked(s, id, now);
		sessions_free(&s);
	}
}

/* What one process tells the other about who has signed in. */
static void answers_to_a_sign_in(void **state)
{
	static const struct {
		const char *text;
		bool good, whole;
		size_t n_domains;
	} cases[] = {
		{ "{\"who\":\"kim\",\"whole\":true,\"domains\":[],\"stamp\":\"\"}", true, true, 0 },
		{ "{\"who\":\"kim\",\"whole\":false,\"domains\":[\"a.org\"],\"stamp\":\"1\"}", true,
		  false, 1 },
		{ "{\"whole\":true,\"domains\":[],\"stamp\":\"\"}", false, false, 0 },
		{ "{\"who\":\"kim\",\"whole\":true,\"domains\":[]}", false, false, 0 },
		{ "", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct arena *mem = arena_new("test", 256);
		struct session got;

		assert_int_equal(signin_answer(mem, cases[i].text, strlen(cases[i].text), &got),
				 cases[i].good);
		if (cases[i].good) {
			assert_string_equal(got.who, "kim");
			assert_int_equal(got.scope.whole, cases[i].whole);
			assert_int_equal(got.scope.n_domains, cases[i].n_domains);
		}
		arena_drop(&mem);
	}
}

static void one_person_has_a_few(void **state)
{
	struct sessions *s = sessions_new(IDLE_MS);
	char first[SESSION_ID_LEN + 1], id[SESSION_ID_LEN + 1], ann[SESSION_ID_LEN + 1];
	struct err e;

	(void)state;
	add(s, "kim", 0, first, NULL);
	add(s, "ann", 0, ann, NULL);
	for (int i = 0; i < SESSIONS_EACH; i++)
		add(s, "kim", 0, id, NULL);
	assert_null(sessions_get(s, first, true, 0));
	assert_non_null(sessions_get(s, ann, true, 0));
	assert_int_equal(sessions_count(s), SESSIONS_EACH + 1);
	char who[32];

	for (int i = 0; sessions_count(s) < SESSIONS_MAX; i++) {
		snprintf(who, sizeof(who), "p%d", i);
		assert_int_equal(add(s, who, 0, id, NULL), EC_OK);
	}
	assert_int_equal(add(s, "late", 0, id, &e), EC_BUSY);
	assert_int_equal(add(s, "late", IDLE_MS, id, &e), EC_OK);
	sessions_free(&s);
}

static void secrets_of_sessions(void **state)
{
	struct sessions *s = sessions_new(IDLE_MS);
	char id[SESSION_ID_LEN + 1], other[SESSION_ID_LEN + 1], csrf[SESSION_ID_LEN + 1];

	(void)state;
	add(s, "kim", 0, id, NULL);
	add(s, "kim", 0, other, NULL);
	session_csrf(id, csrf);
	assert_true(session_csrf_is(id, csrf));
	assert_false(session_csrf_is(other, csrf));
	assert_false(session_csrf_is(id, ""));
	assert_false(session_csrf_is(id, id));
	assert_null(sessions_get(s, csrf, true, 0));
	assert_null(sessions_get(s, "", true, 0));
	assert_null(sessions_get(s, "zz", true, 0));
	sessions_end(s, id);
	assert_null(sessions_get(s, id, true, 0));
	assert_non_null(sessions_get(s, other, true, 0));
	sessions_end(s, id);
	sessions_end_all(s);
	assert_int_equal(sessions_count(s), 0);
	sessions_free(&s);
}

/* ---- mail programs ---- */

static struct conf settings(void)
{
	return (struct conf){ .port = 110,
			      .tls_port = 995,
			      .tls_cert = "/x",
			      .authentication = AUTHN_FILE,
			      .hostname = "pop.example.com" };
}

static bool says(char *text, const char *what)
{
	bool found = strstr(text, what) != NULL;

	free(text);
	return found;
}

static void mail_programs_are_told(void **state)
{
	static const char ask[] = "<Request><EMailAddress>kim@example.net</EMailAddress></Request>";
	static const char kim[] = "kim@example.net", evil[] = "a@b</domain><x>&\"'";
	struct conf c = settings();

	(void)state;
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "<domain>example.net</domain>"));
	assert_true(says(autoconfig_text(&c, "", 0), "<domain>example.com</domain>"));
	assert_true(says(autoconfig_text(&c, evil, strlen(evil)), "<domain>example.com</domain>"));
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "<port>995</port>"));
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "%EMAILADDRESS%"));
	assert_true(says(autodiscover_text(&c, ask, strlen(ask)),
			 "<LoginName>kim@example.net</LoginName>"));
	assert_false(says(autodiscover_text(&c, evil, strlen(evil)), "LoginName"));
	c.tls_port = 0;
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "<socketType>STARTTLS<"));
	assert_true(says(autodiscover_text(&c, ask, strlen(ask)), "<Encryption>TLS<"));
	c.authentication = AUTHN_LOCAL;
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "%EMAILLOCALPART%"));
	assert_true(says(autodiscover_text(&c, ask, strlen(ask)), "<LoginName>kim</LoginName>"));
	c.tls_cert = "";
	c.sparequired = true;
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "<socketType>plain<"));
	assert_true(says(autoconfig_text(&c, kim, strlen(kim)), "<authentication>NTLM<"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_judged_as_a_whole),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(cookies_and_parameters),
		cmocka_unit_test(paths_lead_to_routes),
		cmocka_unit_test(the_document_is_whole),
		cmocka_unit_test(frames_come_in_pieces),
		cmocka_unit_test(whatever_http_holds_fits),
		cmocka_unit_test(frames_that_are_none),
		cmocka_unit_test(orders_follow_the_row),
		cmocka_unit_test(what_became_of_it),
		cmocka_unit_test(lines_of_progress),
		cmocka_unit_test(sessions_age),
		cmocka_unit_test(even_the_busiest_session_ends),
		cmocka_unit_test(sessions_are_looked_at_again),
		cmocka_unit_test(answers_to_a_sign_in),
		cmocka_unit_test(one_person_has_a_few),
		cmocka_unit_test(secrets_of_sessions),
		cmocka_unit_test(mail_programs_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
