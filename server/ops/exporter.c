/* exporter.c - a small HTTP server on evhttp.
 *
 * evhttp parses and writes; what it leaves open is closed here. It takes any number of clients, and its time limit is one between
 * two octets. So there is a fixed number of clients - doors are closed meanwhile, the kernel's queue holds the others -, each
 * has one deadline for all it does, and no connection is kept for a second request: scrapers come every few seconds, and
 * opening anew costs them nothing that shows. With no second request, nothing behind the first can be smuggled in.
 *
 * evhttp tells nobody when a connection is over that never asked. So each stream is held by a reference of ours too, and once a second,
 * while there is any, we look which have been let go of. Until then a descriptor stays open that its client saw closed.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "server/base/mem.h"
#include "server/net/listen.h"
#include "server/ops/exporter.h"

#define HEAD_MAX 8192
#define STALL_S 5
#define LOOK_MS 1000
#define LOOKS_MAX 10
#define BACKLOG 64
#define DOORS_MAX 8

struct client {
	struct client *next;
	struct bufferevent *stream; /* held */
	unsigned looks;             /* so many seconds it has been here */
};

struct exporter {
	struct exporter_setup with;
	struct evhttp *http;
	struct listener *sockets[DOORS_MAX];
	struct evconnlistener *doors[DOORS_MAX];
	unsigned n_sockets, n_doors, n_clients;
	struct client *clients;
	struct timer *look;
};

/* ---- clients come and go ---- */

static void open_doors(struct exporter *x, bool open)
{
	for (unsigned i = 0; i < x->n_doors; i++)
		(open ? evconnlistener_enable : evconnlistener_disable)(x->doors[i]);
}

/* evhttp hears of every event as long as it has the stream. */
static bool is_let_go(const struct client *c)
{
	bufferevent_event_cb on_event = NULL;

	bufferevent_getcb(c->stream, NULL, NULL, &on_event, NULL);
	return !on_event;
}

static void forget(struct exporter *x, struct client **at)
{
	struct client *c = *at;

	*at = c->next;
	bufferevent_decref(c->stream);
	free(c);
	x->n_clients--;
}

/* Who takes too long is cut off; evhttp sees the end, and lets go. */
static void look(void *ctx)
{
	struct exporter *x = ctx;

	for (struct client **at = &x->clients; *at;) {
		if (is_let_go(*at)) {
			forget(x, at);
			continue;
		}
		if (++(*at)->looks > LOOKS_MAX)
			shutdown(bufferevent_getfd((*at)->stream), SHUT_RDWR);
		at = &(*at)->next;
	}
	open_doors(x, x->n_clients < EXPORTER_CLIENTS_MAX);
	if (x->clients)
		timer_set(x->with.loop, &x->look, LOOK_MS, look, x);
}

static struct bufferevent *on_accept(struct event_base *base, void *ctx)
{
	struct exporter *x = ctx;
	struct client *c = mem_new(sizeof(*c));

	*c = (struct client){ .next = x->clients,
			      .stream = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE) };
	if (!c->stream)
		die("out of memory");
	bufferevent_incref(c->stream);
	x->clients = c;
	if (++x->n_clients >= EXPORTER_CLIENTS_MAX)
		open_doors(x, false);
	if (!x->look)
		timer_set(x->with.loop, &x->look, LOOK_MS, look, x);
	return c->stream;
}

/* ---- requests ---- */

static void put_header(struct evhttp_request *req, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

static void reply(struct evhttp_request *req, int status, const char *type, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (!body)
		die("out of memory");
	if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
		evbuffer_add(body, text, strlen(text));
	put_header(req, "Content-Type", type);
	put_header(req, "Cache-Control", "no-store");
	put_header(req, "Connection", "close");
	evhttp_send_reply(req, status, NULL, body);
	evbuffer_free(body);
}

static void say(struct evhttp_request *req, int status, const char *text)
{
	reply(req, status, "text/plain; charset=utf-8", text);
}

static void metrics(struct exporter *x, struct evhttp_request *req)
{
	const char *accept = evhttp_find_header(evhttp_request_get_input_headers(req), "Accept");
	enum metrics_form form = metrics_form_for(accept);
	char *text = x->with.metrics(x->with.ctx, form);

	reply(req, 200, metrics_content_type(form), text);
	free(text);
}

static void health(struct exporter *x, struct evhttp_request *req)
{
	struct err why = { 0 };

	if (x->with.health(x->with.ctx, &why))
		say(req, 200, "ok\n");
	else
		say(req, 503, why.text);
}

static void on_request(struct evhttp_request *req, void *ctx)
{
	static const struct {
		const char *path;
		void (*answer)(struct exporter *, struct evhttp_request *);
	} pages[] = { { "/metrics", metrics }, { "/health", health } };
	enum evhttp_cmd_type how = evhttp_request_get_command(req);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	if (how != EVHTTP_REQ_GET && how != EVHTTP_REQ_HEAD) {
		put_header(req, "Allow", "GET, HEAD");
		say(req, 405, "GET and HEAD only\n");
		return;
	}
	for (size_t i = 0; path && i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(path, pages[i].path) == 0) {
			pages[i].answer(ctx, req);
			return;
		}
	}
	say(req, 404, "there are /metrics and /health\n");
}

/* ---- doors ---- */

static enum ec open_sockets(struct exporter *x, struct err *e)
{
	enum ec rc = EC_OK;
	char host[128];

	for (const char *at = x->with.addresses; rc == EC_OK && *(at += strspn(at, " \t"));) {
		size_t len = strcspn(at, " \t");
		if (len >= sizeof(host) || x->n_sockets == DOORS_MAX)
			return err_set(e, EC_USAGE, "metrics_address: at most %d addresses",
				       DOORS_MAX);
		memcpy(host, at, len);
		host[len] = '\0';
		at += len;
		rc = listen_tcp(host, x->with.port, BACKLOG, &x->sockets[x->n_sockets], e);
		x->n_sockets += rc == EC_OK;
	}
	return rc;
}

static void open_http(struct exporter *x)
{
	struct event_base *base = loop_base(x->with.loop);

	x->http = evhttp_new(base);
	if (!x->http)
		die("out of memory");
	evhttp_set_bevcb(x->http, on_accept, x);
	evhttp_set_gencb(x->http, on_request, x);
	evhttp_set_max_headers_size(x->http, HEAD_MAX);
	evhttp_set_max_body_size(x->http, 1); /* 0 would be any */
	evhttp_set_timeout(x->http, STALL_S);
	/* Those that are not ours too: so it is we who say 405. */
	evhttp_set_allowed_methods(x->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
						    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	for (unsigned i = 0; i < x->n_sockets; i++) {
		struct evconnlistener *door = evconnlistener_new(
			base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listener_fd(x->sockets[i]));
		if (!door || !evhttp_bind_listener(x->http, door))
			die("out of memory");
		x->doors[x->n_doors++] = door;
	}
}

enum ec exporter_new(const struct exporter_setup *s, struct exporter **out, struct err *e)
{
	struct exporter *x = mem_new(sizeof(*x));

	x->with = *s;
	enum ec rc = open_sockets(x, e);
	if (rc == EC_OK)
		open_http(x);
	else
		exporter_free(&x);
	*out = x;
	return rc;
}

void exporter_free(struct exporter **px)
{
	struct exporter *x = *px;

	if (!x)
		return;
	*px = NULL;
	timer_cancel(&x->look);
	if (x->http)
		evhttp_free(x->http); /* and with it doors and connections */
	while (x->clients)
		forget(x, &x->clients);
	for (unsigned i = 0; i < x->n_sockets; i++)
		listen_close(&x->sockets[i]);
	free(x);
}
