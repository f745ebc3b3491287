/* cmd_who.c - who has a session open.
 *
 * The service tells of some sessions at a time, and the answer streams: 30,000 of them are neither one long line nor a pause for
 * anybody. A page is cut here; where it ended is told by the session that would have come next.
 */
#include <string.h>
#include "admin/cmd.h"
#include "admin/page.h"
#include "admin/service.h"

enum { FROM, LIMIT };

struct telling {
	struct wp *w;
	uint64_t left; /* of the page; UINT64_MAX: all */
	char more[SERVICE_AT_MAX];
};

/* A session that has not signed in is nobody's, so it is the server's. */
static bool may_see(const struct wp *w, const char *mailbox)
{
	const char *at = strrchr(mailbox, '@');

	return scope_is_whole(w->only) || (at && scope_has(w->only, at + 1));
}

static bool show(void *ctx, const struct service_session *s)
{
	struct telling *t = ctx;
	struct out *o = t->w->out;

	if (!may_see(t->w, s->mailbox))
		return true;
	if (t->left == 0) {
		strncpy(t->more, s->at, sizeof(t->more) - 1);
		return false;
	}
	t->left--;
	out_record(o);
	out_field(o, "sid", s->sid);
	out_field(o, "mailbox", *s->mailbox ? s->mailbox : "-");
	out_field(o, "peer", s->peer);
	out_field(o, "tls", s->tls ? "yes" : "no");
	out_field(o, "mechanism", *s->mechanism ? s->mechanism : "-");
	out_field_u(o, "seconds", s->seconds);
	out_field_u(o, "idle", s->idle);
	out_field_u(o, "retrieved", s->retrieved);
	out_field_u(o, "deleted", s->deleted);
	out_field_u(o, "octets", s->octets);
	out_end(o);
	return true;
}

static enum ec take_who(struct wp *w, const char *text, const char **who, struct err *e)
{
	struct name n;
	enum ec rc = name_parse_any(&n, text, strlen(text), NAME_FILE, e);

	if (rc != EC_OK)
		return rc;
	*who = w->target = wp_text(w, &n);
	return scope_check(w->only, n.domain, e);
}

static void tell_others(struct wp *w, const struct service_others *n)
{
	if (!scope_is_whole(w->only))
		return;
	out_field_u(w->out, "lmtp_sessions", n->lmtp);
	out_field_u(w->out, "mta_sessions", n->mta);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct telling t = { .w = w, .left = UINT64_MAX };
	struct service_others others = { 0 };
	const char *who = "*";
	enum ec rc = a->given[LIMIT] ? page_limit(a->given[LIMIT], &t.left, e) : EC_OK;

	if (rc == EC_OK && a->argc > 0)
		rc = take_who(w, a->argv[0], &who, e);
	if (rc != EC_OK)
		return rc;
	out_list(w->out, "sessions");
	rc = service_who(w->conf, who, a->given[FROM], show, &t, &others, e);
	out_end(w->out);
	if (rc != EC_OK)
		return wp_not_running(w, rc, e);
	tell_others(w, &others);
	if (*t.more)
		out_field(w->out, "more", t.more);
	return EC_OK;
}

const struct wp_cmd wp_who = {
	.name = "who",
	.args = "[DomainName | UserName@DomainName] [/from Place] [/limit N]",
	.help = "Lists the sessions that are open now.",
	.more = "For each session of the running service: its id in the log, the mailbox (- before "
		"sign-in), the client's address, whether it is encrypted, how it signed in, for "
		"how many seconds it has been open and idle, how many messages it has retrieved "
		"and "
		"marked as deleted, and the octets sent to it. Then how many connections deliver "
		"mail and how many are an MTA's. With /limit, a page; if there are others behind "
		"it, the place the next one begins at (more).",
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_CONF,
	.scope = WP_DOMAIN,
	.extra = true,
	.switches = { { .name = "from",
			.value = "Place",
			.help = "Begins there: what a page had as more" },
		      { .name = "limit", .value = "N", .help = "At most so many" } },
	.run = run,
};
