/* cmd_help.c - `winpop help`, and `winpop` alone. */
#include "admin/cmd.h"
#include "admin/syntax.h"

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	if (a->argc == 0)
		return syntax_all(w);
	const struct wp_cmd *cmd = wp_cmd_find(a->argv[0]);
	if (cmd)
		return syntax_command(w, cmd);
	wp_hint(w, EC_USAGE, "winpop help lists all commands");
	return err_set(e, EC_USAGE, "there is no command \"%.40s\"", a->argv[0]);
}

const struct wp_cmd wp_help = {
	.name = "help",
	.args = "[Command]",
	.help = "Displays help for winpop, or for one command.",
	.argc_max = 1,
	.how = WP_READS,
	.needs = WP_NOTHING,
	.scope = WP_DOMAIN,
	.run = run,
};
