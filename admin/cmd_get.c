/* cmd_get.c - settings as they stand in the file, defaults filled in. */
#include <string.h>
#include <strings.h>
#include "admin/cmd.h"
#include "admin/settings.h"
#include "admin/syntax.h"

static void show(struct wp *w, const struct option *o)
{
	out_field(w->out, o->name, setting_text(w->mem, o, w->conf));
}

static enum ec show_one(struct wp *w, const char *key, struct err *e)
{
	const struct option *o = option_find(key);

	if (o)
		show(w, o);
	else if (strcasecmp(key, "socket") != 0)
		return wp_hint(w, setting_unknown(key, e), "winpop get lists all");
	for (size_t i = 0; !o && setting_socket[i]; i++)
		show(w, option_find(setting_socket[i]));
	return EC_OK;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	enum ec rc = EC_OK;

	if (a->argc == 1 && strcasecmp(a->argv[0], "help") == 0)
		return syntax_command(w, a->cmd);
	for (size_t i = 0; a->argc == 0 && i < n_options; i++)
		show(w, &options[i]);
	for (int i = 0; i < a->argc && rc == EC_OK; i++)
		rc = show_one(w, a->argv[i], e);
	return rc;
}

const struct wp_cmd wp_get = {
	.name = "get",
	.args = "[Setting ...]",
	.help = "Displays one setting, several, or all.",
	.more = "Settings that are not in the file show their default. authentication shows the "
		"number of the method on a computer of this role, and its name; socket shows "
		"socketmax, socketmin, socketbacklog and socketthreshold.",
	.argc_max = WP_ARGS_MAX,
	.how = WP_READS,
	.needs = WP_CONF,
	.scope = WP_WHOLE,
	.run = run,
};
