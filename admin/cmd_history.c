/* cmd_history.c - what administrators did, newest first. */
#include <string.h>
#include <strings.h>
#include "admin/history.h"
#include "admin/page.h"
#include "admin/veil.h"

enum { BEFORE, LIMIT };

struct telling {
	struct wp *w;
	const struct name *about; /* NULL: everything */
};

static bool is_about(const struct name *about, const struct name *target)
{
	if (!about)
		return true;
	return name_is_domain(about) ? strcmp(about->domain, target->domain) == 0
				     : name_equal(about, target);
}

/* Of what was done to the whole service, or to nothing that has a name, only those hear who may know everything. */
static bool wants(void *ctx, const char *target)
{
	const struct telling *t = ctx;
	struct name n;

	if (!t->about && scope_is_whole(t->w->only))
		return true;
	return name_parse_any(&n, target, strlen(target), NAME_FILE, NULL) == EC_OK &&
	       scope_has(t->w->only, n.domain) && is_about(t->about, &n);
}

static const char *dash(const char *z)
{
	return *z ? z : "-";
}

/* Where somebody sits whose name is veiled is as little a delegate's to know. */
static const char *from_of(const struct wp *w, const struct history_line *line)
{
	bool open = !w->veil || strcasecmp(line->who, w->by->name) == 0 ||
		    !veil_hides(w->veil, line->who);

	return open ? dash(line->from) : "elsewhere";
}

static void show(void *ctx, const struct history_line *line)
{
	const struct telling *t = ctx;
	struct out *o = t->w->out;

	out_record(o);
	out_field(o, "time", line->time);
	out_field(o, "who", dash(line->who));
	out_field(o, "from", from_of(t->w, line));
	out_field(o, "command", line->command);
	out_field(o, "target", dash(line->target));
	out_field(o, "result", dash(line->result));
	/* It may repeat what was typed, and so tell whether there is such a domain (veil.h). */
	out_field(o, "text", scope_is_whole(t->w->only) ? dash(line->text) : "-");
	out_end(o);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	char more[HISTORY_CURSOR_MAX];
	struct name about;
	struct telling t = { .w = w };
	struct history_query q = {
		.before = a->given[BEFORE], .wants = wants, .show = show, .ctx = &t
	};
	enum ec rc = page_limit(a->given[LIMIT], &q.limit, e);

	if (rc == EC_OK && a->argc > 0) {
		rc = wp_name(w, a->argv[0], &about, e);
		t.about = &about;
		q.about = about.domain; /* plain letters: the same in JSON */
	}
	if (rc != EC_OK)
		return rc;
	out_list(w->out, "actions");
	rc = history_read(w->conf->mailroot, &q, more, e);
	out_end(w->out);
	if (rc == EC_OK && *more)
		out_field(w->out, "more", more);
	return rc;
}

const struct wp_cmd wp_history = {
	.name = "history",
	.args = "[DomainName | UserName@DomainName] [/limit N] [/before Time]",
	.help = "Lists what administrators did, the newest first.",
	.more = "For each action: when, who (in the console, the name signed in with), from where, "
		"the command, what it acted on, how it ended, and what was wrong if it failed. "
		"Commands that only look are not in it, and passwords never are. Time is UTC, "
		"or its beginning: 2026-11-21, 2026-11-21T14:40; or what an answer had as more, to "
		"go on from there. Kept are the last 8 to 16 megabytes, in the mail root.",
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.switches = { { .name = "before", .value = "Time", .help = "Only what was done before" },
		      { .name = "limit",
			.value = "N",
			.help = "At most so many; 100 if not given, 10000 at most" } },
	.run = run,
};
