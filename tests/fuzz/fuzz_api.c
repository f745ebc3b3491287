/* fuzz_api.c - what strangers send to the console, after its first octet: o an order, s a sign-in, f a frame, h the parts of an HTTP
 * head, x a mail program's question. What is taken keeps its bounds; what is not says why.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/utf8.h"
#include "admin/console/api.h"
#include "admin/console/autoconfig.h"
#include "admin/console/frame.h"
#include "admin/console/order.h"
#include "admin/console/signin.h"

static void must(bool so)
{
	if (!so)
		abort();
}

/* The first octet says which command, so that all switches are met. */
static void try_order(const char *p, size_t len)
{
	size_t n = 0;
	struct order *o;
	struct err e = { 0 };

	while (wp_cmds[n])
		n++;
	if (len == 0)
		return;
	const struct wp_cmd *cmd = wp_cmds[(unsigned char)p[0] % n];
	enum ec rc = order_read(cmd, p + 1, len - 1, &o, &e);

	must(rc == EC_OK ? o != NULL : !o && rc == EC_USAGE && e.text[0]);
	if (rc != EC_OK)
		return;
	must(o->args.argc >= cmd->argc_min && o->args.argc <= cmd->argc_max);
	must(cmd->secret_at == 0 || o->args.argc <= cmd->secret_at);
	for (int i = 0; i < o->args.argc; i++)
		must(!has_control(o->args.argv[i], strlen(o->args.argv[i])));
	order_free(&o);
}

static void try_signin(const char *p, size_t len)
{
	struct signin *s;
	struct err e = { 0 };
	enum ec rc = signin_read(p, len, &s, &e);

	must(rc == EC_OK ? s->name[0] && s->password.len > 0 && strlen(s->name) <= SIGNIN_NAME_MAX
			 : !s && rc == EC_USAGE);
	signin_free(&s);
}

/* What is whole stays whole with more behind it, and comes out as it was put in. */
static void try_frame(const char *p, size_t len)
{
	struct frame f, again;
	struct buf copy = { 0 };
	size_t used, used_again;

	if (frame_read(p, len, 1 << 16, &f, &used) != FRAME_WHOLE)
		return;
	must(used <= len && f.body + f.body_len == p + used);
	frame_put(&copy, json_incref(f.head), f.body, f.body_len);
	must(frame_read(buf_at(&copy), copy.len, FRAME_MAX, &again, &used_again) == FRAME_WHOLE);
	must(json_equal(f.head, again.head) && f.body_len == again.body_len);
	for (size_t cut = 0; cut < used && cut < 64; cut++) {
		struct frame part;
		size_t n;
		enum frame_read got = frame_read(p, cut, 1 << 16, &part, &n);
		must(got == FRAME_MORE);
	}
	json_decref(f.head);
	json_decref(again.head);
	buf_drop(&copy);
}

/* Lines: the target, then names and values by turns. */
static void try_http(char *text)
{
	struct http_request r;
	struct slice param;
	const char *allow;
	char *rest, *name = NULL, *line = strtok_r(text, "\n", &rest);
	int status;

	http_begin(&r, HTTP_POST, line ? line : "", 1, 1);
	while ((line = strtok_r(NULL, "\n", &rest)) != NULL) {
		if (name)
			http_add(&r, name, line);
		name = name ? NULL : line;
	}
	http_end(&r, 2);
	must(r.status >= 200 && r.status < 600 && (r.status == 200 || !r.keep));
	must(r.status != 200 || (r.has[HTTP_HOST] && !r.has[HTTP_CODING] && r.body_len == 2));
	const struct api_route *route = api_find(r.method, r.path, &param, &status, &allow);

	must((route != NULL) == (status == 200));
	http_cookie(r.field[HTTP_COOKIE], "__Host-winpop", &param);
	http_param(r.query, "job", &param);
}

/* No octet of the question ends a tag of the answer. */
static void try_xml(const char *p, size_t len)
{
	static const struct conf c = { .port = 110, .hostname = "pop.example.com", .tls_cert = "" };
	char *texts[] = { autoconfig_text(&c, p, len), autodiscover_text(&c, p, len) };

	for (int i = 0; i < 2; i++) {
		must(!strstr(texts[i], "<script") && texts[i][strlen(texts[i]) - 2] == '>');
		free(texts[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	size_t len = size - 1;

	if (size == 0 || size > 1 << 16)
		return 0;
	char *text = strndup(p, len);

	switch (data[0]) {
	case 'o': try_order(p, len); break;
	case 's': try_signin(p, len); break;
	case 'f': try_frame(p, len); break;
	case 'h': try_http(text); break;
	case 'x': try_xml(p, len); break;
	}
	free(text);
	return 0;
}
