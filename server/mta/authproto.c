/* authproto.c - see authproto.h.
 *
 * "Try later" must not look like a wrong password, or mail programs ask their users for another one. The protocol says it by
 * `temp` and `code=temp_fail`, which MTAs that speak version 1.0 of it - Postfix is one - do not know: to them every FAIL is a
 * wrong password (535). What they do take for trouble that passes (454) is a connection that ends without an answer; so that is
 * what they get, once everybody else on it has been answered.
 *
 * Lines that are no protocol end the connection: an id nobody can read has no answer, and octets of one message taken for the
 * next command would be worse.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "server/base/b64.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "server/mta/authline.h"
#include "server/mta/authproto.h"

#define MAJOR 1
#define MINOR 2
#define COOKIE 16

struct exchange {
	struct ap_ask q; /* first, so that the one is the other */
	bool asked;      /* an answer will come; else the client's word is awaited */
	struct exchange *next;
};

struct ap {
	const struct ap_out *out;
	void *ctx;
	struct exchange *first; /* the oldest first */
	unsigned n, n_asked;
	bool greeted, stopping;
	uint32_t minor; /* of the client's version */
	const char *fault;
};

/* ---- words ---- */

/* What an MTA may want to know of a mechanism, to offer only what its administrator allows. */
static const struct {
	const char *mech, *properties;
} traits[] = {
	{ "PLAIN", "\tplaintext" },
	{ "LOGIN", "\tplaintext" },
	{ "CRAM-MD5", "\tdictionary\tactive" },
	{ "NTLM", "\tdictionary\tactive" },
	{ "SCRAM-SHA-1", "\tmutual-auth" },
	{ "SCRAM-SHA-256", "\tmutual-auth" },
	{ "GSSAPI", "\tmutual-auth" },
};

struct words {
	const char *code, *reason;
	bool later; /* says nothing about the password */
};
#define LATER "\ttemp\tcode=temp_fail"
#define EXPIRED "\tpass_expired\tcode=pass_expired"
#define DISABLED "\tuser_disabled\tcode=user_disabled"
#define FORBIDDEN "\tauthz\tcode=authz_fail"

static const struct words trouble = { LATER, "cannot sign in just now; try again later", true };
static const struct words class_words[EC_COUNT] = {
	[EC_USAGE] = { "", "malformed sign-in; check the mail program's settings" },
	[EC_DENIED] = { "", "user name or password is wrong" },
	[EC_REFUSED] = { FORBIDDEN, "sign-in is not permitted; ask your administrator" },
	[EC_BUSY] = { LATER, "server is busy; try again later", true },
};
static const struct words refusal_words[] = {
	[REFUSAL_EXPIRED] = { EXPIRED, "your password has expired; change it, then try again" },
	[REFUSAL_MUST_CHANGE] = { EXPIRED,
				  "you must change your password before you can sign in here" },
	[REFUSAL_DISABLED] = { DISABLED, "this account is disabled; ask your administrator" },
	[REFUSAL_NOT_NOW] = { FORBIDDEN, "you may not sign in at this time or from here; ask your "
					 "administrator" },
	[REFUSAL_GROUP] = { FORBIDDEN, "you are not in the group that may sign in here; ask your "
				       "administrator" },
};
#define N_REFUSALS (sizeof(refusal_words) / sizeof(refusal_words[0]))

static const struct words *words_for(const struct ap_ask *q)
{
	if (q->class == EC_REFUSED && q->refusal < N_REFUSALS && refusal_words[q->refusal].code)
		return &refusal_words[q->refusal];
	return class_words[q->class].code ? &class_words[q->class] : &trouble;
}

static void putf(struct ap *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void putf(struct ap *a, const char *fmt, ...)
{
	struct buf line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&line, fmt, ap);
	va_end(ap);
	a->out->put(a->ctx, buf_at(&line), line.len);
	buf_drop(&line);
}

/* ---- the handshake ---- */

static const char *properties_of(const char *mech, size_t len)
{
	for (size_t i = 0; i < sizeof(traits) / sizeof(traits[0]); i++)
		if (strlen(traits[i].mech) == len && strncasecmp(traits[i].mech, mech, len) == 0)
			return traits[i].properties;
	return "";
}

struct ap *ap_new(struct arena *mem, const struct ap_out *out, void *ctx)
{
	struct ap *a = arena_alloc(mem, sizeof(*a));

	a->out = out;
	a->ctx = ctx;
	return a;
}

/* MECH comes before SPID: that is how Postfix knows the right socket from a wrong one. The cookie is for whoever asks
 * afterwards who signed in; nobody can here, but clients count on the line. */
void ap_greet(struct ap *a, const char *mechs, uint64_t serial)
{
	unsigned char cookie[COOKIE];
	char hex[2 * COOKIE + 1] = "";

	random_bytes(cookie, sizeof(cookie));
	hex_encode(hex, cookie, sizeof(cookie));
	putf(a, "VERSION\t%d\t%d\n", MAJOR, MINOR);
	while (*(mechs += strspn(mechs, " "))) {
		size_t n = strcspn(mechs, " ");

		putf(a, "MECH\t%.*s%s\n", (int)n, mechs, properties_of(mechs, n));
		mechs += n;
	}
	putf(a, "SPID\t%d\nCUID\t%llu\nCOOKIE\t%s\nDONE\n", (int)getpid(),
	     (unsigned long long)serial, hex);
}

/* ---- exchanges ---- */

static struct exchange **place_of(struct ap *a, uint32_t id)
{
	struct exchange **at = &a->first;

	while (*at && (*at)->q.id != id)
		at = &(*at)->next;
	return at;
}

static struct exchange *add(struct ap *a, uint32_t id)
{
	struct exchange *x = mem_new(sizeof(*x)), **at = &a->first;

	while (*at)
		at = &(*at)->next;
	*at = x;
	x->q.id = id;
	a->n++;
	return x;
}

static void take_out(struct ap *a, struct exchange *x)
{
	struct exchange **at = place_of(a, x->q.id);

	assert(*at == x);
	*at = x->next;
	a->n--;
	a->n_asked -= x->asked;
	free(x);
}

static void give_up(struct ap *a, struct exchange *x)
{
	a->out->drop(a->ctx, &x->q);
	take_out(a, x);
}

void ap_forget(struct ap *a, struct ap_ask *q)
{
	give_up(a, (struct exchange *)q);
}

static void give_up_waiting(struct ap *a)
{
	struct exchange *next;

	for (struct exchange *x = a->first; x; x = next) {
		next = x->next;
		if (!x->asked)
			give_up(a, x);
	}
}

/* There are fewer than AP_EXCHANGES_MAX asked, or no line would have been read. */
static void make_room(struct ap *a)
{
	struct exchange *x = a->first;

	if (a->n < AP_EXCHANGES_MAX)
		return;
	while (x->asked)
		x = x->next;
	give_up(a, x);
}

void ap_gone(struct ap *a)
{
	while (a->first)
		give_up(a, a->first);
}

/* ---- answers ---- */

static void challenge(struct ap *a, const struct ap_ask *q)
{
	struct buf line = { 0 };
	size_t n = B64_ENC_LEN(q->challenge_len);

	buf_fmt(&line, "CONT\t%u\t", q->id);
	b64_encode(buf_room(&line, n), q->challenge, q->challenge_len);
	buf_grew(&line, n);
	buf_addz(&line, "\n");
	a->out->put(a->ctx, buf_at(&line), line.len);
	buf_wipe(&line);
}

static void fail(struct ap *a, uint32_t id, const struct words *w)
{
	if (w->later && a->minor == 0)
		ap_stop(a);
	else
		putf(a, "FAIL\t%u\treason=%s%s\n", id, w->reason, w->code);
}

/* The answer goes out; all but a challenge end the exchange. */
static void tell(struct ap *a, struct exchange *x)
{
	char text[NAME_TEXT_MAX + 1];

	a->n_asked -= x->asked;
	x->asked = false;
	switch (x->q.state) {
	case AUTH_MORE:
		challenge(a, &x->q);
		if (a->stopping)
			give_up(a, x);
		return;
	case AUTH_DONE: putf(a, "OK\t%u\tuser=%s\n", x->q.id, name_text(&x->q.who, text)); break;
	case AUTH_FAILED: break;
	}
	struct ap_ask q = x->q;

	take_out(a, x);
	if (q.state == AUTH_FAILED)
		fail(a, q.id, words_for(&q));
}

static enum mta_verdict go_on(const struct ap *a)
{
	if (a->fault || (a->stopping && a->n_asked == 0))
		return MTA_BYE;
	return a->stopping || a->n_asked >= AP_EXCHANGES_MAX ? MTA_WAIT : MTA_NEXT;
}

enum mta_verdict ap_answered(struct ap *a, struct ap_ask *q)
{
	struct exchange *x = (struct exchange *)q;

	assert(x->asked);
	tell(a, x);
	return go_on(a);
}

enum mta_verdict ap_stop(struct ap *a)
{
	a->stopping = true;
	give_up_waiting(a);
	return go_on(a);
}

/* ---- lines ---- */

static void ask(struct ap *a, struct exchange *x, enum ap_kind kind)
{
	x->q.kind = kind;
	x->asked = true;
	a->n_asked++;
	if (a->out->ask(a->ctx, &x->q))
		tell(a, x);
}

/* Asks with what the base64 says; "=" is how SMTP writes an initial response of no octets (RFC 4954 section 4). */
static void ask_with(struct ap *a, struct exchange *x, enum ap_kind kind, struct mta_text b64)
{
	struct buf octets = { 0 };
	size_t n = 0;
	bool none = b64.len == 0 || al_is(b64, "=");
	char *room = buf_room(&octets, B64_DEC_MAX(b64.len) + 1);

	if (none || b64_decode((unsigned char *)room, &n, b64.p, b64.len)) {
		buf_grew(&octets, n);
		x->q.data = buf_at(&octets);
		x->q.data_len = octets.len;
		ask(a, x, kind);
	} else {
		uint32_t id = x->q.id;

		give_up(a, x);
		fail(a, id, &class_words[EC_USAGE]);
	}
	buf_wipe(&octets);
}

static const char *copy_word(char *to, size_t room, struct mta_text word)
{
	if (word.len >= room)
		return NULL;
	memcpy(to, word.p, word.len);
	to[word.len] = '\0';
	return to;
}

static const char *do_auth(struct ap *a, struct mta_text rest)
{
	struct al_auth said;

	if (!al_parse_auth(rest, &said))
		return "AUTH without a number";
	if (*place_of(a, said.id))
		return "AUTH with the number of an exchange under way";
	make_room(a);
	struct exchange *x = add(a, said.id);
	struct ap_ask *q = &x->q;

	q->secured = said.secured;
	q->has_data = said.has_resp;
	if (copy_word(q->mech, sizeof(q->mech), said.mech) &&
	    copy_word(q->service, sizeof(q->service), said.service) &&
	    copy_word(q->rip, sizeof(q->rip), said.rip)) {
		ask_with(a, x, AP_BEGIN, said.resp);
	} else {
		take_out(a, x);
		fail(a, said.id, &class_words[EC_USAGE]);
	}
	return NULL;
}

/* An id that is not known was given up, for want of room or of time: that says nothing about the password. */
static const char *do_cont(struct ap *a, struct mta_text rest)
{
	struct mta_text word;
	uint32_t id;

	if (!al_word(&rest, &word) || !al_number(word, &id))
		return "CONT without a number";
	struct exchange *x = *place_of(a, id);

	if (x && x->asked)
		return "CONT before the answer";
	if (x)
		ask_with(a, x, AP_STEP, rest.p ? rest : (struct mta_text){ "", 0 });
	else
		fail(a, id, &trouble);
	return NULL;
}

/* Of later minors. One that is asked comes to its end: its answer is ignored there. */
static const char *do_cancel(struct ap *a, struct mta_text rest)
{
	struct mta_text word;
	uint32_t id;

	if (!al_word(&rest, &word) || !al_number(word, &id))
		return "CANCEL without a number";
	struct exchange *x = *place_of(a, id);

	if (x && !x->asked)
		give_up(a, x);
	return NULL;
}

static const char *do_version(struct ap *a, struct mta_text rest)
{
	struct mta_text word;
	uint32_t major;

	if (!al_word(&rest, &word) || !al_number(word, &major) || !al_word(&rest, &word) ||
	    !al_number(word, &a->minor))
		return "VERSION without numbers";
	a->greeted = true;
	return major == MAJOR ? NULL : "a version of the protocol that is not 1";
}

static const char *do_cpid(struct ap *a, struct mta_text rest)
{
	(void)a, (void)rest; /* who would ask for it? */
	return NULL;
}

static const struct {
	const char *name;
	bool greeted;                                          /* allowed behind VERSION only */
	const char *(*run)(struct ap *, struct mta_text rest); /* NULL, or what was wrong */
} commands[] = {
	{ "AUTH", true, do_auth },        { "CONT", true, do_cont }, { "CANCEL", true, do_cancel },
	{ "VERSION", false, do_version }, { "CPID", true, do_cpid },
};

static const char *run_line(struct ap *a, struct mta_text line)
{
	struct mta_text word;

	al_word(&line, &word);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!al_is(word, commands[i].name))
			continue;
		if (commands[i].greeted && !a->greeted)
			return "a command before VERSION";
		return commands[i].run(a, line);
	}
	return "an unknown command";
}

enum mta_verdict ap_feed(struct ap *a, const char *p, size_t len, size_t *eaten)
{
	*eaten = 0;
	if (go_on(a) != MTA_NEXT)
		return go_on(a);
	const char *lf = memchr(p, '\n', len);

	if (lf) {
		*eaten = (size_t)(lf - p) + 1;
		a->fault = run_line(a, (struct mta_text){ p, *eaten - 1 });
	} else if (len > AP_LINE_MAX) {
		a->fault = "a line that is too long";
	}
	return go_on(a);
}

const char *ap_fault(const struct ap *a)
{
	return a->fault;
}
