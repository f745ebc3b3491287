/* warning.c - who is warned, and of what.
 *
 * Nothing is kept about who was warned: the delivery that crosses the threshold tells, by what the account held before it and
 * after it. Whoever tidies up and fills up again is warned again. A file that remembers would have to be kept in step with
 * the counting, by several processes, for less.
 *
 * The mailbox of an account that others are linked to is somebody who looks after all of them, so it hears of it too. It is
 * charged to what its own entry says: that may be yet another account.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "server/base/amount.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/meter.h"
#include "server/quota/template.h"
#include "server/quota/warning.h"
#include "server/store/canon.h"

#define TEMPLATE_MAX_BYTES 65536
#define DATE_MAX 40
#define NUMBER_MAX 24

static const char ours[] =
	"Subject: Your mailbox is {percent} % full\n"
	"\n"
	"The mailbox {mailbox} is {percent} % full:\n"
	"\n"
	"    size      {used}, limit {limit}\n"
	"    messages  {messages}, limit {messages_limit}\n"
	"\n"
	"When it is full, mail to you is sent back to whoever wrote it. Please delete what\n"
	"you no longer need. Look into the settings of your mail programs too: messages that\n"
	"they leave on the server after fetching them stay there and count.\n"
	"\n"
	"The limit is that of {account}; if other mailboxes share it, they are counted in.\n";

/* ---- crossing ---- */

/* Rounded up, so that who is warned has reached the percentage. */
static uint64_t threshold(uint64_t limit, unsigned percent)
{
	return limit / 100 * percent + (limit % 100 * percent + 99) / 100;
}

static bool crossed(uint64_t limit, unsigned percent, uint64_t before, uint64_t after)
{
	uint64_t at = threshold(limit, percent);

	return limit > 0 && before < at && after >= at;
}

bool quota_crossed(const struct charge *c, unsigned percent)
{
	if (percent == 0)
		return false;
	return crossed(c->limit.octets, percent, c->before.octets, c->after.octets) ||
	       crossed(c->limit.messages, percent, c->before.messages, c->after.messages);
}

static unsigned percent_of(uint64_t used, uint64_t limit)
{
	return limit > 0 ? (unsigned)((double)used * 100 / (double)limit) : 0;
}

/* Of whichever limit is nearer. */
static unsigned percent_full(const struct charge *c)
{
	unsigned octets = percent_of(c->after.octets, c->limit.octets);
	unsigned messages = percent_of(c->after.messages, c->limit.messages);

	return octets > messages ? octets : messages;
}

/* ---- the message ---- */

/* Texts of the words, and of the header lines that templates need not have. */
struct letter {
	char mailbox[NAME_TEXT_MAX + 1], to[NAME_TEXT_MAX + 1];
	char percent[NUMBER_MAX], messages[NUMBER_MAX], messages_limit[NUMBER_MAX];
	char used[AMOUNT_TEXT_MAX], limit[AMOUNT_TEXT_MAX];
	char date[DATE_MAX], from[NAME_DOMAIN_MAX + 40], id[NAME_DOMAIN_MAX + 80], subject[80];
	const char *word[WORD_COUNT];
};

static void date_text(char out[DATE_MAX])
{
	time_t now = (time_t)clock_wall_s();
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(out, DATE_MAX, "%a, %d %b %Y %H:%M:%S +0000", &tm);
}

static void number_text(uint64_t n, char out[NUMBER_MAX])
{
	snprintf(out, NUMBER_MAX, "%" PRIu64, n);
}

static void write_amounts(struct letter *l, const struct charge *c)
{
	snprintf(l->percent, sizeof(l->percent), "%u", percent_full(c));
	amount_about(c->after.octets, l->used);
	number_text(c->after.messages, l->messages);
	strcpy(l->limit, "none");
	strcpy(l->messages_limit, "none");
	if (c->limit.octets > 0)
		amount_about(c->limit.octets, l->limit);
	if (c->limit.messages > 0)
		number_text(c->limit.messages, l->messages_limit);
}

static void write_letter(struct letter *l, const struct name *mailbox, const struct charge *c,
			 const char *hostname)
{
	name_text(mailbox, l->mailbox);
	strcpy(l->to, l->mailbox);
	write_amounts(l, c);
	date_text(l->date);
	snprintf(l->from, sizeof(l->from), "Mail service <postmaster@%s>", mailbox->domain);
	snprintf(l->subject, sizeof(l->subject), "Your mailbox is %s %% full", l->percent);
	const char *const word[WORD_COUNT] = {
		[WORD_MAILBOX] = l->mailbox, [WORD_ACCOUNT] = c->account,
		[WORD_PERCENT] = l->percent, [WORD_USED] = l->used,
		[WORD_LIMIT] = l->limit,     [WORD_MESSAGES] = l->messages,
		[WORD_HOSTNAME] = hostname,  [WORD_MESSAGES_LIMIT] = l->messages_limit,
		[WORD_DATE] = l->date,
	};
	memcpy(l->word, word, sizeof(word));
}

static enum ec compose(struct letter *l, const char *template, size_t len, struct buf *out,
		       struct err *e)
{
	snprintf(l->id, sizeof(l->id), "<quota.%016" PRIx64 ".%" PRId64 "@%.253s>", random_u64(),
		 clock_wall_s(), l->word[WORD_HOSTNAME]);
	const struct template_field standard[] = {
		{ "From", l->from },
		{ "To", l->to },
		{ "Subject", l->subject },
		{ "Date", l->date },
		{ "Message-ID", l->id },
		{ "Auto-Submitted", "auto-generated" },
		{ "MIME-Version", "1.0" },
		{ "Content-Type", "text/plain; charset=utf-8" },
		{ "Content-Transfer-Encoding", "8bit" },
	};

	buf_fmt(out, "Return-Path: <>\r\nDelivered-To: %s\r\n", l->to);
	return template_fill(template, len, l->word, standard,
			     sizeof(standard) / sizeof(standard[0]), out, e);
}

/* ---- the template ---- */

static enum ec read_template(struct arena *mem, const char *path, char **text, size_t *len,
			     struct err *e)
{
	if (!*path) {
		*text = arena_str(mem, ours, sizeof(ours) - 1);
		*len = sizeof(ours) - 1;
		return EC_OK;
	}
	return file_read_at(mem, AT_FDCWD, path, TEMPLATE_MAX_BYTES, text, len, e);
}

enum ec quota_warning_check(const char *path, struct err *e)
{
	static const struct name nobody = { "user", "example.com" };
	static const struct charge nothing = { .account = "user@example.com" };
	struct arena *mem = arena_new("template", 4096);
	struct letter l;
	struct buf out = { 0 };
	struct err why;
	char *text;
	size_t len;
	enum ec rc = read_template(mem, path, &text, &len, &why);

	write_letter(&l, &nobody, &nothing, "example.com");
	if (rc == EC_OK)
		rc = compose(&l, text, len, &out, &why);
	if (rc != EC_OK)
		err_set(e, rc, "quota_warning: %s: %s", path, why.text);
	buf_drop(&out);
	arena_drop(&mem);
	return rc;
}

/* ---- sending ---- */

/* A template that went bad since it was checked: the people are told all the same. */
static void write_message(const struct quota_warner *w, struct letter *l, struct buf *out)
{
	struct arena *mem = arena_new("template", 4096);
	struct err e;
	char *text;
	size_t len;
	enum ec rc = read_template(mem, w->conf->quota_warning, &text, &len, &e);

	if (rc == EC_OK)
		rc = compose(l, text, len, out, &e);
	if (rc != EC_OK) {
		log_event(w->log, LV_WARN, "quota-warning-template",
			  KV("file", w->conf->quota_warning), KV("text", e.text));
		buf_drop(out);
		compose(l, ours, sizeof(ours) - 1, out, NULL);
	}
	arena_drop(&mem);
}

static uint32_t flags_of(const struct buf *message)
{
	struct canon c;

	canon_begin(&c);
	canon_feed(&c, buf_at(message), message->len, NULL);
	canon_end(&c, NULL);
	return c.flags & (MSG_DOTS | MSG_UTF8);
}

static void send(const struct quota_warner *w, struct letter *l, const struct name *to,
		 struct charge charge)
{
	struct buf text = { 0 };
	struct err e;

	name_text(to, l->to);
	write_message(w, l, &text);
	struct iovec iov = { (void *)(uintptr_t)buf_at(&text), text.len };
	const struct message m = {
		.iov = &iov, .n_iov = 1, .spool_fd = -1, .flags = flags_of(&text), .charge = &charge
	};
	enum ec rc = w->store->ops->deliver(w->store, to, &m, &e);

	meter_add(log_meters(w->log), METER_QUOTA_WARNINGS, rc == EC_OK);
	if (rc == EC_OK)
		log_event(w->log, LV_INFO, "quota-warning", KV("mailbox", l->to),
			  KV("account", l->word[WORD_ACCOUNT]), KV("percent", l->percent));
	else
		log_event(w->log, LV_WARN, "quota-warning-failed", KV("mailbox", l->to),
			  KV("account", l->word[WORD_ACCOUNT]), KV("class", ec_name(rc)),
			  KV("text", e.text));
	buf_drop(&text);
}

/* EC_ABSENT: the account is no mailbox, or the one that was told already. */
static enum ec find_other(const struct quota_warner *w, const char *account,
			  const struct name *told, struct entry *out, struct err *e)
{
	struct name name;

	if (name_parse(&name, account, strlen(account), NAME_FILE, NULL) != EC_OK)
		return EC_ABSENT;
	if (name_equal(&name, told))
		return EC_ABSENT;
	enum ec rc = w->catalog->ops->find(w->catalog, &name, out, e);

	if (rc == EC_OK && (out->held || out->domain_held || name_equal(&out->name, told)))
		return EC_ABSENT;
	return rc;
}

static void tell_account(const struct quota_warner *w, struct letter *l, const struct name *told)
{
	char account[NAME_TEXT_MAX + 1];
	struct charge charge;
	struct entry other;
	struct err e;
	enum ec rc = find_other(w, l->word[WORD_ACCOUNT], told, &other, &e);

	if (rc == EC_OK)
		rc = limits_charge(w->limits, &other, w->conf, account, &charge, &e);
	if (rc == EC_OK)
		send(w, l, &other.name, charge);
	else if (rc != EC_ABSENT)
		log_event(w->log, LV_WARN, "quota-warning-failed",
			  KV("mailbox", l->word[WORD_ACCOUNT]),
			  KV("account", l->word[WORD_ACCOUNT]), KV("class", ec_name(rc)),
			  KV("text", e.text));
}

void quota_warn(const struct quota_warner *w, const struct name *mailbox,
		const struct charge *charge)
{
	char own[NAME_TEXT_MAX + 1];
	struct charge c = *charge;
	struct letter l;

	if (!quota_crossed(charge, w->conf->quota_warn))
		return;
	if (!*c.account)
		c.account = name_text(mailbox, own);
	write_letter(&l, mailbox, &c, w->conf->hostname);
	send(w, &l, mailbox, *charge);
	tell_account(w, &l, mailbox);
}
