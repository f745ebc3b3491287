/* cmd_schema.c - is the directory as we need it, and what to do if not. */
#include "admin/cmd.h"

static void show(void *ctx, bool good, const char *what, const char *remedy)
{
	struct out *o = ctx;

	out_record(o);
	out_field(o, "finding", good ? "good" : "bad");
	out_field(o, "what", what);
	out_field(o, "remedy", good ? "-" : remedy);
	out_end(o);
}

static enum ec check(struct wp *w, struct dir *d, struct err *e)
{
	out_list(w->out, "findings");
	enum ec rc = dir_check(d, show, w->out, e);
	out_end(w->out);
	return rc == EC_OK ? rc : wp_hint(w, rc, "what to do is said beside each finding");
}

/* Before a directory is taken into use: the settings name it, and nothing of ours has opened it. */
static enum ec check_unused(struct wp *w, struct err *e)
{
	struct dir *d = NULL;

	if (!*w->conf->directory_servers)
		return wp_hint(w, err_set(e, EC_REFUSED, "the settings name no directory"),
			       "set directory_servers and what goes with it: winpop.conf(5)");
	enum ec rc = dir_open(w->conf, w->as, &w->log, &d, e);
	if (rc == EC_OK)
		rc = check(w, d, e);
	dir_close(&d);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	(void)a;
	return w->backends.dir ? check(w, w->backends.dir, e) : check_unused(w, e);
}

const struct wp_cmd wp_checkdirectory = {
	.name = "checkdirectory",
	.args = "",
	.help = "Checks whether the directory is as the service needs it.",
	.more = "Every server that the settings name, its certificate, who the service is there, "
		"whether it sees people, whether the schema is loaded, and what it may change. "
		"Where something is missing it says how to mend that. It changes nothing. A "
		"directory can be checked before it is taken into use, as soon as "
		"directory_servers is set; with --bind-as it is looked at with other rights.",
	.how = WP_READS,
	.needs = WP_CARRY,
	.scope = WP_WHOLE,
	.extra = true,
	.run = run,
};
