/* control.c - the server's side of the admin socket.
 *
 * Rare, short and local: one request per connection, a handful of connections at a time, each with
 * one deadline for all it does. So a client that says nothing, or half of something, costs a slot
 * for some seconds and nothing else.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/net/conn.h"
#include "server/ops/request.h"

#define CLIENTS_MAX 32
#define DEADLINE_MS 10000

struct client {
	struct client *next, **at;
	struct control *control;
	struct conn *conn;
	struct audit_peer who;
	struct control_later *later; /* the answer that is still to come */
	bool answered;
};

struct control_later {
	struct client *asked; /* NULL: has gone */
};

struct control {
	struct loop *loop;
	struct listener *listener;
	struct request_server server;
	struct log log;
	struct client *clients;
	unsigned n_clients;
	struct client *now; /* whose request is being handled */
};

static void drop(struct client *c)
{
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	c->control->n_clients--;
	if (c->later)
		c->later->asked = NULL;
	conn_free(&c->conn);
	free(c);
}

/* Takes the line, which is malloc'ed. */
static void reply(struct client *c, char *line)
{
	c->answered = true;
	conn_putz(c->conn, line);
	conn_finish(c->conn);
	free(line);
}

static void handle(struct client *c, const char *line, size_t len)
{
	c->control->now = c;
	char *answer = request_answer(&c->control->server, &c->who, line, len);
	c->control->now = NULL;
	if (c->later)
		free(answer);
	else
		reply(c, answer);
}

struct control_later *control_later(struct control *control)
{
	struct control_later *later = mem_new(sizeof(*later));

	later->asked = control->now;
	control->now->later = later;
	return later;
}

void control_answer(struct control_later **plater, json_t *answer)
{
	struct control_later *later = *plater;
	struct client *c = later->asked;

	*plater = NULL;
	free(later);
	if (c) {
		c->later = NULL;
		reply(c, request_line(answer));
	} else {
		json_decref(answer);
	}
}

static void data(struct client *c)
{
	size_t len;
	const char *in = conn_in(c->conn, &len);
	const char *lf = memchr(in, '\n', len);

	if (lf)
		handle(c, in, (size_t)(lf - in));
	else if (len >= CONTROL_LINE_MAX)
		reply(c, request_refuse(EC_USAGE, "the request is too long"));
}

static void on_conn(struct conn *conn, enum conn_ev ev, void *ctx)
{
	struct client *c = ctx;

	(void)conn;
	if (ev == CONN_DATA && !c->answered && !c->later)
		data(c);
	else if (ev == CONN_TIMEOUT && !c->answered)
		reply(c, request_refuse(EC_TEMP, "no whole request came in time"));
	else if (ev == CONN_EOF && c->answered)
		return; /* it may still read */
	else if (ev != CONN_DATA && ev != CONN_DRAINED)
		drop(c);
}

/* Before there is a client: one try, as the buffer of a new socket is empty. */
static void turn_away(int fd, enum ec class, const char *text)
{
	char *line = request_refuse(class, text);

	if (send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		/* it has gone: nobody to be told */
	}
	free(line);
	close(fd);
}

/* The file's mode keeps others out; the kernel's word also holds when somebody widened it. */
static bool may_ask(int fd, struct audit_peer *who)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	*who = (struct audit_peer){ .uid = cred.uid, .pid = cred.pid };
	return cred.uid == 0 || cred.uid == geteuid();
}

static void begin(struct control *control, int fd, const struct audit_peer *who)
{
	struct client *c = mem_new(sizeof(*c));

	c->control = control;
	c->who = *who;
	c->at = &control->clients;
	c->next = control->clients;
	if (c->next)
		c->next->at = &c->next;
	control->clients = c;
	control->n_clients++;
	c->conn = conn_new(control->loop, fd, CONTROL_LINE_MAX, on_conn, c);
	conn_deadline(c->conn, DEADLINE_MS);
}

static void came_in(int fd, const struct sockaddr *sa, socklen_t len, void *ctx)
{
	struct control *control = ctx;
	struct audit_peer who = { .uid = (uid_t)-1 };

	(void)sa, (void)len;
	if (!may_ask(fd, &who)) {
		log_event(&control->log, LV_WARN, "control-denied", KV_U("uid", who.uid),
			  KV_I("pid", who.pid));
		turn_away(fd, EC_DENIED, "only root and the service's own user may ask");
	} else if (control->n_clients >= CLIENTS_MAX) {
		turn_away(fd, EC_BUSY, "too many requests at once, try again");
	} else {
		begin(control, fd, &who);
	}
}

struct control *control_new(struct loop *loop, struct listener *l, control_fn *fn, void *ctx,
			    const struct log *log)
{
	struct control *c = mem_new(sizeof(*c));

	c->loop = loop;
	c->listener = l;
	c->log = *log;
	c->server = (struct request_server){ fn, ctx, &c->log };
	listen_start(l, loop, &c->log, came_in, c);
	return c;
}

void control_free(struct control **cp)
{
	struct control *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	while (c->clients) {
		conn_flush(c->clients->conn); /* the answer to "stop" may still be here */
		drop(c->clients);
	}
	listen_close(&c->listener);
	free(c);
}
