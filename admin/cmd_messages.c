/* cmd_messages.c - the messages of a mailbox, as far as they are an administrator's business: how large, since when, fetched
 * or not. What is in them is not read.
 *
 * The mailbox is not claimed: its owner is not told that it is in use, and mail comes in meanwhile. So a page is as it is now;
 * numbers are those a session that begins now would see.
 */
#include <stdlib.h>
#include "server/base/clock.h"
#include "server/catalog/expire.h"
#include "admin/cmd.h"
#include "admin/page.h"

enum { FROM, LIMIT };

struct telling {
	struct out *o;
	uint64_t from, end; /* numbers: first of the page, first behind it */
	uint64_t n, octets; /* all so far */
	const char *unmarked;
};

/* What was fetched is remembered where mail expires; elsewhere nobody needs it, and nobody knows. */
static const char *unmarked(const struct entry *mailbox, const struct conf *c)
{
	return expire_rule(mailbox, c->expire_days) == EXPIRE_NEVER ? "-" : "no";
}

static void show(const struct telling *t, uint64_t number, const struct msg *m)
{
	struct out *o = t->o;
	char date[CLOCK_TEXT_LEN + 1] = "-";

	if (m->arrived_us > 0)
		clock_text((uint64_t)m->arrived_us, date);
	out_record(o);
	out_field_u(o, "number", number);
	out_field_u(o, "size", m->octets);
	out_field(o, "date", date);
	out_field(o, "fetched", m->flags & MSG_FETCHED ? "yes" : t->unmarked);
	out_field(o, "uidl", m->uidl);
	out_end(o);
}

static bool take(void *ctx, const struct msg *m)
{
	struct telling *t = ctx;

	t->n++;
	t->octets += m->octets;
	if (t->n >= t->from && t->n < t->end)
		show(t, t->n, m);
	return true;
}

static enum ec take_from(const char *text, uint64_t *out, struct err *e)
{
	char *end;

	*out = 1;
	if (!text)
		return EC_OK;
	*out = strtoul(text, &end, 10);
	if (*text >= '1' && *text <= '9' && !*end && *out <= UINT32_MAX)
		return EC_OK;
	return err_set(e, EC_USAGE, "/from is the number of a message, not \"%.40s\"", text);
}

static enum ec list(struct wp *w, const struct name *mailbox, struct telling *t, struct err *e)
{
	struct store *store = w->backends.store;

	out_list(w->out, "messages");
	enum ec rc = store->ops->each(store, mailbox, take, t, e);
	out_end(w->out);
	if (rc == EC_ABSENT) /* a directory's mailbox that nobody has looked at yet */
		rc = EC_OK;
	if (rc != EC_OK)
		return rc;
	out_field_u(w->out, "total", t->n);
	out_field_u(w->out, "octets", t->octets);
	if (t->n >= t->end)
		out_field_u(w->out, "more", t->end);
	return EC_OK;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct telling t = { .o = w->out };
	struct name mailbox;
	struct entry found;
	uint64_t limit;
	enum ec rc = take_from(a->given[FROM], &t.from, e);

	if (rc == EC_OK)
		rc = page_limit(a->given[LIMIT], &limit, e);
	if (rc == EC_OK)
		rc = wp_mailbox(w, a->argv[0], &mailbox, e);
	if (rc == EC_OK)
		rc = wp_find(w, &mailbox, &found, e);
	if (rc != EC_OK)
		return rc;
	t.end = t.from + limit;
	t.unmarked = unmarked(&found, w->conf);
	return list(w, &found.name, &t, e);
}

const struct wp_cmd wp_messages = {
	.name = "messages",
	.args = "UserName@DomainName [/from N] [/limit N]",
	.help = "Lists the messages of a mailbox: sizes and dates, never what is in them.",
	.more = "For each message: its number, its size in octets as it is retrieved, when it "
		"arrived, whether it was fetched whole in an earlier session (- where mail does "
		"not expire: "
		"there nobody notes it), and its unique id. "
		"Then how many there are, their size together, and, if there are others behind the "
		"page, the number the next one begins with (more). The mailbox may be in use.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.switches = { { .name = "from", .value = "N", .help = "Begins with this message" },
		      { .name = "limit",
			.value = "N",
			.help = "At most so many; 100 if not given, 10000 at most" } },
	.run = run,
};
