/* reply.c - what the client is told: +OK, -ERR, and response codes by error class.
 *
 * A reply is one line of at most 512 octets (RFC 1939 section 3), made from our own words and numbers: what a client sent is
 * never part of it, so nothing it sends can stretch or split one. The true story of an error (struct err) is for the log;
 * here only its class counts. RFC 3206 wants [AUTH] for what the user typed and [SYS/...] for what is our trouble, so that a
 * mail program asks for the password again only when that helps.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "server/base/digits.h"
#include "server/pop3/p3.h"

#define REPLY_MAX 512 /* with CRLF */

struct wording {
	const char *code, *text;
};
static const struct wording signin_words[EC_COUNT] = {
	[EC_USAGE] = { NULL, "malformed sign-in; check the mail program's settings" },
	[EC_ABSENT] = { "SYS/PERM", "this account has no mailbox; ask your administrator" },
	[EC_EXISTS] = { "SYS/TEMP", "cannot sign in just now; try again later" },
	[EC_DENIED] = { "AUTH", "user name or password is wrong" },
	[EC_REFUSED] = { "SYS/PERM", "sign-in is not permitted; ask your administrator" },
	[EC_LOCKED] = { "IN-USE",
			"mailbox is open in another session; try again when it has ended" },
	[EC_QUOTA] = { "SYS/TEMP", "server is out of space; try again later" },
	[EC_BUSY] = { "SYS/TEMP", "server is busy; try again later" },
	[EC_TEMP] = { "SYS/TEMP", "cannot sign in just now; try again later" },
	[EC_BROKEN] = { "SYS/PERM", "mailbox cannot be opened; ask your administrator" },
};
/* What a person can mend is [AUTH], with the way to mend it; what only an administrator can, is not: no mail program should ask
 * for another password because of the hour. */
static const struct wording refusal_words[] = {
	[REFUSAL_EXPIRED] = { "AUTH", "your password has expired; change it, then sign in again" },
	[REFUSAL_MUST_CHANGE] = { "AUTH",
				  "you must change your password before you can sign in here" },
	[REFUSAL_DISABLED] = { "AUTH", "this account is disabled; ask your administrator" },
	[REFUSAL_NOT_NOW] = { "SYS/PERM", "you may not sign in at this time or from here; ask your "
					  "administrator" },
	[REFUSAL_GROUP] = { "SYS/PERM", "you are not in the group that may sign in here; ask your "
					"administrator" },
};
static const struct wording mail_words[EC_COUNT] = {
	[EC_USAGE] = { "SYS/PERM", "server cannot do this; ask your administrator" },
	[EC_ABSENT] = { "SYS/TEMP", "message is no longer in the mailbox; sign in again" },
	[EC_EXISTS] = { "SYS/TEMP", "server cannot do this just now; try again later" },
	[EC_DENIED] = { "SYS/PERM", "server may not do this; ask your administrator" },
	[EC_REFUSED] = { "SYS/PERM", "this is not permitted; ask your administrator" },
	[EC_LOCKED] = { "SYS/TEMP", "mailbox is busy; try again later" },
	[EC_QUOTA] = { "SYS/TEMP", "server is out of space; try again later" },
	[EC_BUSY] = { "SYS/TEMP", "server is busy; try again later" },
	[EC_TEMP] = { "SYS/TEMP", "server cannot do this just now; try again later" },
	[EC_BROKEN] = { "SYS/PERM", "mailbox is damaged; ask your administrator" },
};

struct text {
	char *at, *end;
	va_list args;
};

static void add(struct text *t, const char *p, size_t len)
{
	size_t room = (size_t)(t->end - t->at);

	if (len > room)
		len = room;
	memcpy(t->at, p, len);
	t->at += len;
}

static void add_number(struct text *t, uint64_t n)
{
	char number[DECIMAL_MAX];

	add(t, number, (size_t)(decimal_put(number, n) - number));
}

static bool begins(const char *z, const char *with)
{
	return strncmp(z, with, strlen(with)) == 0;
}

/* What stands behind a '%'; returns what follows it. */
static const char *add_arg(struct text *t, const char *f)
{
	if (begins(f, ".*s")) {
		int max = va_arg(t->args, int);
		const char *z = va_arg(t->args, const char *);
		add(t, z, strnlen(z, (size_t)max));
		return f + 3;
	}
	if (begins(f, PRIu64)) {
		add_number(t, va_arg(t->args, uint64_t));
		return f + strlen(PRIu64);
	}
	assert(*f == 's' || *f == 'u');
	if (*f == 'u') {
		add_number(t, va_arg(t->args, unsigned));
	} else {
		const char *z = va_arg(t->args, const char *);
		add(t, z, strlen(z));
	}
	return f + 1;
}

/* As much of printf(3) as replies need: %s, %.*s, %u and PRIu64. The whole of it took longer than all else that a session's replies
 * cost here. */
static void put_line(struct p3 *s, const char *head, const char *fmt, va_list ap)
{
	char line[REPLY_MAX];
	struct text t = { .at = line, .end = line + sizeof(line) - 2 };

	va_copy(t.args, ap);
	add(&t, head, strlen(head));
	while (*fmt) {
		size_t plain = strcspn(fmt, "%");
		add(&t, fmt, plain);
		fmt += plain;
		if (*fmt)
			fmt = add_arg(&t, fmt + 1);
	}
	va_end(t.args);
	memcpy(t.at, "\r\n", 2);
	s->out->put(s->ctx, line, (size_t)(t.at - line) + 2);
}

void p3_ok(struct p3 *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(s, "+OK ", fmt, ap);
	va_end(ap);
}

void p3_err(struct p3 *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(s, "-ERR ", fmt, ap);
	va_end(ap);
}

void p3_line(struct p3 *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(s, "", fmt, ap);
	va_end(ap);
}

/* A name cut in half would be a lie about what is offered: cut between words. */
void p3_words(struct p3 *s, const char *head, const char *words)
{
	size_t len = strlen(words), max = REPLY_MAX - 2 - strlen(head) - 1;

	if (len > max)
		for (len = max; len && words[len] != ' '; len--)
			;
	p3_line(s, "%s %.*s", head, (int)len, words);
}

void p3_putz(struct p3 *s, const char *z)
{
	s->out->put(s->ctx, z, strlen(z));
}

enum verdict p3_bad(struct p3 *s, const char *fmt, ...)
{
	va_list ap;

	s->totals.n_bad++;
	if (++s->n_bad_row >= P3_MAX_BAD) {
		p3_err(s, "too many bad commands in a row; closing the connection");
		return p3_bye(s, "bad-commands");
	}
	va_start(ap, fmt);
	put_line(s, "-ERR ", fmt, ap);
	va_end(ap);
	return V_NEXT;
}

static void fail(struct p3 *s, const char *code, const char *text)
{
	if (code)
		p3_err(s, "[%s] %s", code, text);
	else
		p3_err(s, "%s", text);
}

void p3_fail(struct p3 *s, enum ec class, const char *say)
{
	const struct wording *w = &mail_words[class];

	fail(s, w->code, say ? say : w->text);
}

void p3_fail_signin(struct p3 *s, const struct p3_ask *q, const char *say)
{
	const struct wording *w = &signin_words[q->class];

	if (q->class == EC_REFUSED && refusal_words[q->refusal].text)
		w = &refusal_words[q->refusal];
	if (!say)
		say = q->say ? q->say : w->text;
	fail(s, q->code ? q->code : w->code, say);
}
