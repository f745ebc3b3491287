/* web.c - see web.h.
 *
 * HTTP is evhttp's, TLS is a bufferevent's over a context of server/net. What evhttp has no limits for is around it: how many
 * connections there are, of all and of one address, and how long a request may take to arrive however its octets trickle. For that
 * every connection has a `client`, which hangs on its SSL and goes with it: evhttp frees connections without telling anybody, but
 * never without freeing their streams.
 *
 * One request of a connection is done at a time; evhttp reads the next one when the answer is out.
 */
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "admin/console/link.h"
#include "admin/console/site.h"
#include "admin/console/web.h"

#define CLIENTS_MAX 256
#define CLIENTS_EACH 48 /* of one network: browsers open six, and there may be a proxy before us */
#define HELLO_MS 15000  /* for the handshake of TLS and the first request */
#define IDLE_MS 60000   /* from an answer to the end of the next request */
#define STALL_S 20      /* not one octet, while some are due */
#define INPUT_MAX (HTTP_HEAD_MAX + HTTP_BODY_MAX + 1024) /* of one request, and a chunk's line */
#define OCTETS_PER_MS 64 /* who takes an answer slower than this is not waited for */
#define DRAIN_MS 5000
#define LINK_MAX (8u << 20) /* what may wait for the keeper */
#define LISTENERS_MAX 32

struct client {
	struct client *next, **at;
	struct web *web;
	struct bufferevent *stream; /* evhttp's */
	char peer[PEER_TEXT_MAX];   /* "": not looked at yet */
	struct timer *deadline;
	struct evhttp_request *req; /* while the keeper is asked */
	uint64_t asked;             /* the number of that question */
	bool keep,
		bare; /* of the request being answered: the connection stays, the body does not go out */
	bool speaking;       /* what is put into the stream is ours */
	struct event *aside; /* what is in the stream is not */
};

struct web {
	struct loop *loop;
	struct conn *link;
	struct site *site;
	struct evhttp *http;
	const struct web_setup *setup;
	struct evconnlistener *doors[LISTENERS_MAX];
	unsigned n_doors;
	struct client *clients;
	unsigned n_clients;
	uint64_t last_asked;
	bool draining;
	struct timer *patience;
};

/* ---- clients go ---- */

static void open_doors(struct web *w, bool open)
{
	for (unsigned i = 0; i < w->n_doors; i++)
		(open ? evconnlistener_enable : evconnlistener_disable)(w->doors[i]);
}

/* Its stream has been freed. */
static void gone(void *ctx)
{
	struct client *c = ctx;
	struct web *w = c->web;

	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	timer_cancel(&c->deadline);
	event_free(c->aside);
	free(c);
	w->n_clients--;
	if (w->draining && w->n_clients == 0)
		loop_stop(w->loop);
	else if (!w->draining && w->n_clients == CLIENTS_MAX - 1)
		open_doors(w, true);
}

/* evhttp sees the end of the connection, and frees it. */
static void cut_off(void *ctx)
{
	const struct client *c = ctx;

	shutdown(bufferevent_getfd(c->stream), SHUT_RDWR);
}

static unsigned count_of(const struct web *w, const char *peer)
{
	unsigned n = 0;

	for (const struct client *c = w->clients; c; c = c->next)
		n += peer_same_network(c->peer, peer);
	return n;
}

/* The stream has got its socket meanwhile: who is it? */
static void look_at(void *ctx)
{
	struct client *c = ctx;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getpeername(bufferevent_getfd(c->stream), (struct sockaddr *)&sa, &len) < 0) {
		cut_off(c);
		return;
	}
	peer_text((struct sockaddr *)&sa, len, c->peer);
	if (count_of(c->web, c->peer) > CLIENTS_EACH) {
		log_event(c->web->setup->log, LV_INFO, "console-crowd", KV("peer", c->peer),
			  KV_U("connections", CLIENTS_EACH));
		cut_off(c);
		return;
	}
	timer_set(c->web->loop, &c->deadline, HELLO_MS, cut_off, c);
}

/* ---- what evhttp says by itself ---- */

static void put_line(void *ctx, const char *name, const char *value)
{
	evbuffer_add_printf(ctx, "%s: %s\r\n", name, value);
}

static void put_refusal(struct evbuffer *out, int status)
{
	char date[64];
	struct site_answer a;

	site_refuse(status, &a);
	a.head.close = true;
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
	if (evutil_date_rfc1123(date, sizeof(date), NULL) > 0)
		put_line(out, "Date", date);
	http_put_head(&a.head, put_line, out);
	evbuffer_add_printf(out, "\r\n%s", a.body);
}

/* 0: it is no refusal, as 100 (Continue) is none. Its words for a method that nobody knows, and for an expectation that nobody
 * has, are wider than ours. */
static int refusal_in(struct evbuffer *out)
{
	char line[sizeof("HTTP/1.1 400")] = "";
	int status = 0;

	evbuffer_copyout(out, line, sizeof(line) - 1);
	if (sscanf(line, "HTTP/%*1d.%*1d %3d", &status) != 1 || status < 400)
		return 0;
	return status == 501 ? 405 : status == 417 ? 400 : status;
}

/* A request that evhttp cannot read it refuses by itself, with a page of HTML and none of what every answer of ours carries. It is
 * in the stream now, and nothing has left: a socket is written to in the loop's next turn. evhttp closes behind it. */
static void speak_instead(evutil_socket_t fd, short what, void *ctx)
{
	struct client *c = ctx;
	struct evbuffer *out = bufferevent_get_output(c->stream);
	int status = refusal_in(out);

	(void)fd, (void)what;
	c->speaking = true;
	if (status > 0 && evbuffer_drain(out, evbuffer_get_length(out)) == 0)
		put_refusal(out, status);
	c->speaking = false;
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *ctx)
{
	struct client *c = ctx;

	(void)out;
	if (info->n_added > 0 && !c->speaking)
		event_active(c->aside, EV_TIMEOUT, 0);
}

/* ---- clients come ---- */

static struct bufferevent *on_accept(struct event_base *base, void *ctx)
{
	struct web *w = ctx;
	struct client *c = mem_new(sizeof(*c));

	*c = (struct client){ .next = w->clients, .at = &w->clients, .web = w };
	if (c->next)
		c->next->at = &c->next;
	w->clients = c;
	if (++w->n_clients >= CLIENTS_MAX)
		open_doors(w, false); /* the kernel's queue holds the others */
	c->stream =
		bufferevent_openssl_socket_new(base, -1, tls_lend(w->setup->tls, gone, c),
					       BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	c->aside = event_new(base, -1, 0, speak_instead, c);
	if (!c->stream || !c->aside ||
	    !evbuffer_add_cb(bufferevent_get_output(c->stream), on_output, c))
		die("out of memory");
	/* evhttp goes on reading while an answer leaves, to see an end: no more than it can need. */
	bufferevent_setwatermark(c->stream, EV_READ, 0, INPUT_MAX);
	timer_set(w->loop, &c->deadline, 0, look_at, c);
	return c->stream;
}

static struct client *client_of(const struct web *w, struct evhttp_request *req)
{
	struct bufferevent *stream =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	struct client *c = w->clients;

	while (c && c->stream != stream)
		c = c->next;
	return c;
}

/* ---- answers ---- */

static void put_field(void *ctx, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(ctx), name, value);
}

static void put_answer(struct client *c, struct evhttp_request *req, struct http_head *h,
		       const char *body)
{
	struct evbuffer *out = evbuffer_new();
	size_t len = c->bare || !h->type ? 0 : h->body_len;

	if (!out || evbuffer_add(out, body, len) < 0)
		die("out of memory");
	h->close = !c->keep || c->web->draining;
	http_put_head(h, put_field, req);
	timer_set(c->web->loop, &c->deadline, IDLE_MS + len / OCTETS_PER_MS, cut_off, c);
	c->speaking = true;
	evhttp_send_reply(req, h->status, http_reason(h->status), out);
	c->speaking = false;
	evbuffer_free(out);
}

static void refuse(struct client *c, struct evhttp_request *req, int status)
{
	struct site_answer a;

	site_refuse(status, &a);
	a.head.retry_s = status == 503 ? 2 : 0;
	put_answer(c, req, &a.head, a.body);
}

/* ---- the keeper ---- */

/* What is not UTF-8 is no value that anybody could have been given by us. */
static void put_slice(json_t *to, const char *key, struct slice s)
{
	json_t *value = s.len > 0 ? json_stringn(s.p, s.len) : NULL;

	if (value)
		json_object_set_new(to, key, value);
}

static json_t *question(const struct client *c, const struct http_request *r,
			const struct site_answer *a)
{
	json_t *q = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)c->asked, "do", a->ask->name,
			      "peer", c->peer);
	struct slice value;

	put_slice(q, "param", a->param);
	put_slice(q, "csrf", r->field[HTTP_CSRF]);
	put_slice(q, "authorization", r->field[HTTP_AUTHORIZATION]);
	if (http_cookie(r->field[HTTP_COOKIE], "__Host-winpop", &value))
		put_slice(q, "cookie", value);
	if (http_param(r->query, "job", &value))
		json_object_set_new(q, "job", json_boolean(slice_is(value, "1")));
	if (r->has[HTTP_IDLE])
		json_object_set_new(q, "idle", json_true());
	return q;
}

/* The request goes with the connection. */
static void on_close(struct evhttp_connection *evcon, void *ctx)
{
	struct client *c = ctx;

	(void)evcon;
	c->req = NULL;
	c->asked = 0;
}

static void ask(struct client *c, struct evhttp_request *req, const struct http_request *r,
		const struct site_answer *a, const char *body)
{
	struct web *w = c->web;

	if (conn_queued(w->link) > LINK_MAX) {
		refuse(c, req, 503);
		return;
	}
	c->req = req;
	c->asked = ++w->last_asked;
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, c);
	link_put(w->link, question(c, r, a), body, r->body_len);
	/* The keeper has deadlines of its own; evhttp's, for want of input, would end what takes its time. It reads again when the
	 * answer is out. */
	timer_cancel(&c->deadline);
	bufferevent_disable(c->stream, EV_READ);
}

/* ---- requests ---- */

static enum http_method method_of(struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET: return HTTP_GET;
	case EVHTTP_REQ_HEAD: return HTTP_HEAD;
	case EVHTTP_REQ_POST: return HTTP_POST;
	default: return HTTP_OTHER;
	}
}

static void read_request(struct evhttp_request *req, struct http_request *r, size_t body_len)
{
	const struct evkeyval *field;

	http_begin(r, method_of(req), evhttp_request_get_uri(req), req->major, req->minor);
	TAILQ_FOREACH(field, evhttp_request_get_input_headers(req), next)
	http_add(r, field->key, field->value);
	http_end(r, body_len);
}

static void answer(struct client *c, struct evhttp_request *req, const struct http_request *r,
		   const char *body)
{
	struct site_answer a;

	site_answer(c->web->site, r, body, &a);
	if (a.ask)
		ask(c, req, r, &a, body);
	else
		put_answer(c, req, &a.head, a.body);
	free(a.made);
}

static void on_request(struct evhttp_request *req, void *ctx)
{
	struct web *w = ctx;
	struct client *c = client_of(w, req);
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	size_t len = evbuffer_get_length(in);
	struct http_request r;

	if (!c || !c->peer[0]) { /* cut off before it was looked at */
		evhttp_send_error(req, 503, NULL);
		return;
	}
	read_request(req, &r, len);
	c->bare = r.method == HTTP_HEAD;
	c->keep = r.keep;
	if (r.status != 200)
		refuse(c, req, r.status);
	else
		answer(c, req, &r, len ? (const char *)evbuffer_pullup(in, -1) : "");
}

/* ---- what the keeper says ---- */

static struct client *who_asked(const struct web *w, uint64_t id)
{
	struct client *c = w->clients;

	while (c && c->asked != id)
		c = c->next;
	return id > 0 ? c : NULL;
}

/* One that has gone meanwhile is not looked for. */
static bool pass_on(void *ctx, const struct frame *f)
{
	struct client *c =
		who_asked(ctx, (uint64_t)json_integer_value(json_object_get(f->head, "id")));
	const char *type = json_string_value(json_object_get(f->head, "type"));

	if (!c)
		return true;
	struct http_head h = {
		.status = (int)json_integer_value(json_object_get(f->head, "status")),
		.type = type ? type : "application/json",
		.body_len = f->body_len,
		.cookie = json_string_value(json_object_get(f->head, "cookie")),
		.retry_s = (unsigned)json_integer_value(json_object_get(f->head, "retry")),
	};
	struct evhttp_request *req = c->req;

	c->asked = 0;
	c->req = NULL;
	put_answer(c, req, &h, f->body);
	return true;
}

static void on_link(struct conn *conn, enum conn_ev ev, void *ctx)
{
	struct web *w = ctx;

	if (!link_take(conn, ev, FRAME_MAX, pass_on, w))
		loop_stop(w->loop); /* without a keeper there is nothing to be done here */
}

/* ---- the process ---- */

static void out_of_patience(void *ctx)
{
	struct web *w = ctx;

	loop_stop(w->loop);
}

/* Whoever waits for an answer gets it; connections between two requests end. */
static void on_term(evutil_socket_t fd, short what, void *ctx)
{
	struct web *w = ctx;

	(void)fd, (void)what;
	if (w->draining)
		return;
	w->draining = true;
	open_doors(w, false);
	for (struct client *c = w->clients; c; c = c->next) {
		if (!c->req && evbuffer_get_length(bufferevent_get_output(c->stream)) == 0)
			cut_off(c);
	}
	timer_set(w->loop, &w->patience, w->n_clients ? DRAIN_MS : 0, out_of_patience, w);
}

static void say_ready(struct web *w)
{
	link_put(w->link, json_pack("{s:b}", "ready", 1), "", 0);
}

static void open_http(struct web *w)
{
	struct event_base *base = loop_base(w->loop);

	w->http = evhttp_new(base);
	if (!w->http)
		die("out of memory");
	evhttp_set_bevcb(w->http, on_accept, w);
	evhttp_set_gencb(w->http, on_request, w);
	evhttp_set_max_headers_size(w->http, HTTP_HEAD_MAX);
	evhttp_set_max_body_size(w->http, HTTP_BODY_MAX);
	evhttp_set_timeout(w->http, STALL_S);
	/* Those that are not ours too: so it is we who say 405. */
	evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
						    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	for (struct listener **l = w->setup->listeners; *l && w->n_doors < LISTENERS_MAX; l++) {
		struct evconnlistener *door = evconnlistener_new(
			base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listener_fd(*l));
		if (!door || !evhttp_bind_listener(w->http, door))
			die("out of memory");
		w->doors[w->n_doors++] = door;
	}
}

static void serve(struct web *w)
{
	sigset_t mask;

	/* Not libevent's way: its handlers are one for a process, and in the keeper, whose fork we are, they are taken. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	struct event *term = event_new(loop_base(w->loop), signalfd(-1, &mask, SFD_CLOEXEC),
				       EV_READ, on_term, w);

	event_add(term, NULL);
	w->link = conn_new(w->loop, w->setup->link, FRAME_MAX + 4, on_link, w);
	open_http(w);
	say_ready(w);
	loop_run(w->loop);
	event_free(term);
}

void web_run(const struct web_setup *s)
{
	struct web w = { .setup = s };
	struct err e;

	if (loop_new(0, &w.loop, &e) != EC_OK)
		die(e.text);
	w.site = site_new(s->conf);
	serve(&w);
	w.draining = true;
	evhttp_free(
		w.http); /* and with it listeners and connections; streams, and so clients, in the next turn */
	event_base_loop(loop_base(w.loop), EVLOOP_NONBLOCK);
	timer_cancel(&w.patience);
	conn_free(&w.link);
	site_free(&w.site);
	loop_free(&w.loop);
}
