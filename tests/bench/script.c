/* script.c - what a client of the load generator says, and what it must hear.
 *
 * A POP3 session is a fixed walk of steps, follows(); with --pipeline the same commands are sent in two batches, one up to PASS and one
 * behind it, for what may be sent depends on nothing but the sign-in (RFC 2449, 6.6). The check of the answers does not know the
 * difference.
 */
#include "tests/bench/load.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- speaking ---- */

/* Where in its session a client is. */
struct place {
	enum step step;
	unsigned message;
};

static struct place retr_or_quit(const struct load *l, unsigned message)
{
	if (message < l->o.n_messages)
		return (struct place){ AT_RETR, message + 1 };
	return (struct place){ AT_QUIT, message };
}

static enum step after_stat(enum mode mode)
{
	return mode == MODE_HOLD ? AT_HELD : mode == MODE_LIST ? AT_LIST : AT_QUIT;
}

/* The command behind the one that is at `p`. */
static struct place follows(const struct load *l, struct place p)
{
	bool fetch = l->o.mode == MODE_FETCH;

	switch (p.step) {
	case AT_GREETING: return (struct place){ AT_USER, 0 };
	case AT_USER: return (struct place){ AT_PASS, 0 };
	case AT_PASS: return (struct place){ fetch && l->o.list ? AT_LIST : AT_STAT, 0 };
	case AT_STAT:
		return fetch ? retr_or_quit(l, 0) : (struct place){ after_stat(l->o.mode), 0 };
	case AT_LIST:
	case AT_LIST_LINES: return fetch ? retr_or_quit(l, 0) : (struct place){ AT_UIDL, 0 };
	case AT_RETR:
	case AT_BODY: return retr_or_quit(l, p.message);
	default: return (struct place){ AT_QUIT, 0 };
	}
}

static void say(struct load *l, struct client *c, enum step step, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void say(struct load *l, struct client *c, enum step step, const char *fmt, ...)
{
	va_list ap;

	if (c->out_len == 0)
		c->text_len = 0;
	va_start(ap, fmt);
	c->text_len += (size_t)vsnprintf(c->text + c->text_len, l->text_max - c->text_len, fmt, ap);
	va_end(ap);
	c->out = c->text;
	c->out_len = c->text_len;
	c->unsaid = true;
	c->step = step;
}

static void say_command(struct load *l, struct client *c, struct place p)
{
	switch (p.step) {
	case AT_USER: say(l, c, p.step, "USER box%u@%s\r\n", c->user, l->o.domain); break;
	case AT_PASS: say(l, c, p.step, "PASS %s\r\n", l->o.password); break;
	case AT_STAT: say(l, c, p.step, "STAT\r\n"); break;
	case AT_LIST: say(l, c, p.step, "LIST\r\n"); break;
	case AT_UIDL: say(l, c, p.step, "UIDL\r\n"); break;
	case AT_RETR: say(l, c, p.step, "RETR %u\r\n", p.message); break;
	default: say(l, c, p.step, "QUIT\r\n"); break;
	}
}

/* Answers are read in one go, so a batch is out before the first of its answers is looked at. */
static void say_batch(struct load *l, struct client *c, struct place p)
{
	enum step ends = p.step == AT_USER ? AT_PASS : AT_QUIT;

	for (; p.step != AT_HELD; p = follows(l, p)) {
		say_command(l, c, p);
		if (p.step == ends)
			break;
	}
}

/* To the next command of the session: said now, or already with its batch. */
static void proceed(struct load *l, struct client *c)
{
	struct place from = { c->step, c->message }, to = follows(l, from);

	if (to.step == AT_HELD)
		l->n_held++;
	else if (!l->o.pipeline)
		say_command(l, c, to);
	else if (from.step == AT_GREETING || from.step == AT_PASS)
		say_batch(l, c, to);
	c->step = to.step;
	c->message = to.message;
	if (to.step == AT_RETR && !l->o.pipeline)
		c->op_us = now_us();
}

void script_begin(struct load *l, struct client *c)
{
	c->user = l->boxes[l->n_taken++ % l->o.n_users];
	c->message = 0;
	c->matched = 0;
	c->stat_octets = 0;
	c->n_listed = 0;
	if (c->text == NULL)
		c->text = zeroed(l->text_max, 1);
}

static void op_done(struct load *l, struct client *c)
{
	uint64_t now = now_us();

	l->n_ops++;
	times_add(&l->ops, now - c->op_us);
	c->op_us = now;
}

/* ---- lists ---- */

/* "+OK 10 51200" */
static bool take_stat(struct load *l, struct client *c, const char *line)
{
	unsigned n;
	unsigned long long octets;

	if (sscanf(line, "+OK %u %llu", &n, &octets) != 2)
		return false;
	c->stat_octets = octets;
	return l->o.mode != MODE_LIST || n == l->o.n_messages;
}

/* "7 1234": numbers rise by one. */
static bool take_size(struct load *l, struct client *c, const char *line)
{
	char *end;
	unsigned long n = strtoul(line, &end, 10), size;

	if (*end != ' ' || !isdigit((unsigned char)end[1]) || n != c->n_listed + 1 ||
	    n > l->o.n_messages)
		return false;
	size = strtoul(end + 1, &end, 10);
	if (*end != '\0' || size < l->pattern.octets)
		return false;
	if (c->sizes == NULL)
		c->sizes = zeroed(l->o.n_messages, sizeof *c->sizes);
	c->sizes[c->n_listed++] = (uint32_t)size;
	c->listed_octets += size;
	return true;
}

static uint64_t hash_of(const char *s)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a; never 0, which is an empty place */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h | 1;
}

/* False: it was there already. */
static bool note_id(struct load *l, struct client *c, const char *id)
{
	uint64_t h = hash_of(id);
	size_t at = (h >> 8) & (l->n_slots - 1);

	while (c->ids[at] != 0 && c->ids[at] != h)
		at = (at + 1) & (l->n_slots - 1);
	if (c->ids[at] == h)
		return false;
	c->ids[at] = h;
	return true;
}

/* "7 id": one to seventy visible characters, no two alike (RFC 1939, 7). */
static bool take_id(struct load *l, struct client *c, const char *line)
{
	char *end;
	unsigned long n = strtoul(line, &end, 10);
	const char *id = end + 1;
	size_t len = *end == ' ' ? strlen(id) : 0;

	if (n != c->n_ids + 1 || n > l->o.n_messages || len < 1 || len > 70)
		return false;
	for (const char *p = id; *p; p++) {
		if (*p < 0x21 || *p > 0x7e)
			return false;
	}
	c->n_ids++;
	return note_id(l, c, id);
}

static void begin_sizes(struct client *c)
{
	c->n_listed = 0;
	c->listed_octets = 0;
	c->step = AT_LIST_LINES;
}

static void begin_ids(struct load *l, struct client *c)
{
	if (c->ids == NULL)
		c->ids = zeroed(l->n_slots, sizeof *c->ids);
	memset(c->ids, 0, l->n_slots * sizeof *c->ids);
	c->n_ids = 0;
	c->step = AT_UIDL_LINES;
}

/* A line of LIST or UIDL; the last one only when all have come. */
static bool take_listed(struct load *l, struct client *c, const char *line)
{
	bool sizes = c->step == AT_LIST_LINES;

	if (strcmp(line, ".") != 0)
		return sizes ? take_size(l, c, line) : take_id(l, c, line);
	if ((sizes ? c->n_listed : c->n_ids) != l->o.n_messages)
		return false;
	if (sizes && l->o.mode == MODE_LIST && c->listed_octets != c->stat_octets)
		return false;
	proceed(l, c);
	return true;
}

/* ---- messages ---- */

enum { OWN_LINES = 3 };

/* What the generator itself has written into the header: line by line, the number of the message in the last one. */
static bool is_own(const struct load *l, const struct client *c, const char *line)
{
	char bench[64];

	if (c->own == 0)
		return strcmp(line, "From: <bench@example.net>") == 0;
	if (c->own == 1)
		return strcmp(line, "Subject: bench") == 0;
	snprintf(bench, sizeof bench, "X-Bench: %u %u", l->o.size, c->message);
	return c->own == 2 && strcmp(line, bench) == 0;
}

/* Lines that the server has put in front are counted and skipped; behind them is our header and nothing else. */
static bool take_header(struct load *l, struct client *c, const char *line, size_t len)
{
	c->octets += len + 2 - (line[0] == '.');
	if (len == 0) {
		c->step = AT_BODY;
		c->matched = 0;
		return c->own == OWN_LINES;
	}
	if (is_own(l, c, line))
		c->own++;
	else if (c->own > 0)
		return false;
	return true;
}

static bool take_body(struct load *l, struct client *c, struct input *in)
{
	size_t left = l->pattern.len - c->matched, n = in->len < left ? in->len : left;

	if (memcmp(in->at, l->pattern.wire + c->matched, n) != 0)
		return client_fail(l, c, "a wrong octet in a message", NULL), false;
	c->matched += n;
	l->octets += n;
	in->at += n;
	in->len -= n;
	if (c->matched < l->pattern.len)
		return true;
	c->octets += l->pattern.octets;
	if (c->n_listed > 0 && c->sizes[c->message - 1] != c->octets)
		return client_fail(l, c, "another size than LIST said", NULL), false;
	op_done(l, c);
	proceed(l, c);
	return true;
}

/* ---- lines ---- */

/* False: not what it should be. */
static bool pop3_line(struct load *l, struct client *c, const char *line)
{
	if (strncmp(line, "+OK", 3) != 0)
		return false;
	switch (c->step) {
	case AT_LIST: begin_sizes(c); return true;
	case AT_UIDL: begin_ids(l, c); return true;
	case AT_RETR:
		c->step = AT_HEADER;
		c->octets = 0;
		c->own = 0;
		return true;
	case AT_STAT:
		if (!take_stat(l, c, line))
			return false;
		break;
	case AT_HELD: return false;
	default: break;
	}
	proceed(l, c);
	return true;
}

static void deliver_next(struct load *l, struct client *c)
{
	c->op_us = now_us();
	c->user = l->boxes[l->n_taken++ % l->o.n_users];
	if (l->stopping || (l->o.n_messages > 0 && c->message++ == l->o.n_messages))
		say(l, c, AT_QUIT, "QUIT\r\n");
	else if (c->takes_size)
		say(l, c, AT_MAIL, "MAIL FROM:<bench@example.net> SIZE=%zu\r\n", l->mail_len);
	else
		say(l, c, AT_MAIL, "MAIL FROM:<bench@example.net>\r\n");
}

static bool lmtp_line(struct load *l, struct client *c, const char *line)
{
	if (line[0] != (c->step == AT_DATA ? '3' : '2'))
		return false;
	if (c->step == AT_LHLO &&
	    (strncmp(line, "250-SIZE", 8) == 0 || strncmp(line, "250 SIZE", 8) == 0))
		c->takes_size = true;
	if (line[1] && line[2] && line[3] == '-')
		return c->step == AT_LHLO || c->step == AT_GREETING;
	switch (c->step) {
	case AT_GREETING:
		c->takes_size = false;
		say(l, c, AT_LHLO, "LHLO bench.example.net\r\n");
		return true;
	case AT_LHLO: deliver_next(l, c); return true;
	case AT_MAIL:
		say(l, c, AT_RCPT, "RCPT TO:<box%u@%s>\r\n", c->user, l->o.domain);
		return true;
	case AT_RCPT: say(l, c, AT_DATA, "DATA\r\n"); return true;
	case AT_DATA:
		c->step = AT_DELIVERED;
		c->out = l->mail;
		c->out_len = l->mail_len;
		c->unsaid = true;
		return true;
	case AT_DELIVERED:
		op_done(l, c);
		l->octets += l->mail_len;
		deliver_next(l, c);
		return true;
	default: return false;
	}
}

/* The end of a session is an operation of its own where no message is. */
static bool session_over(struct load *l, struct client *c, const struct input *rest)
{
	if (rest->len > 0)
		return client_fail(l, c, "octets behind the end", NULL), false;
	if (l->o.mode == MODE_SIGNIN || l->o.mode == MODE_LIST)
		op_done(l, c);
	times_add(&l->sessions, now_us() - c->session_us);
	client_close(l, c);
	return false;
}

static bool take_line(struct load *l, struct client *c, struct input *in, char *end)
{
	const char *line = in->at;
	size_t len = (size_t)(end - line) - 1;
	bool good;

	if (end == line || end[-1] != '\r')
		return client_fail(l, c, "a line without CR", NULL), false;
	end[-1] = '\0';
	in->len -= len + 2;
	in->at += len + 2;
	if (c->step == AT_QUIT && (line[0] == '+' || line[0] == '2'))
		return session_over(l, c, in);
	if (c->step == AT_HEADER)
		good = take_header(l, c, line, len);
	else if (c->step == AT_LIST_LINES || c->step == AT_UIDL_LINES)
		good = take_listed(l, c, line);
	else
		good = l->o.mode == MODE_DELIVER ? lmtp_line(l, c, line) : pop3_line(l, c, line);
	if (!good)
		return client_fail(l, c, "unexpected reply", line), false;
	return true;
}

bool script_take(struct load *l, struct client *c, struct input *in)
{
	while (in->len > 0) {
		char *end;

		if (c->unsaid)
			return client_fail(l, c, "more than was asked for", NULL), false;
		if (c->step == AT_BODY) {
			if (!take_body(l, c, in))
				return false;
			continue;
		}
		end = memchr(in->at, '\n', in->len);
		if (end == NULL)
			return true;
		if (!take_line(l, c, in, end))
			return false;
	}
	return true;
}
