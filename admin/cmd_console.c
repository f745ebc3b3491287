/* cmd_console.c - the administrator's console, until it is told to end. */
#include "admin/cmd.h"
#include "admin/console/console.h"
#include "admin/identity.h"

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	enum ec rc = identity_may_read(w->conf_path, e);

	(void)a;
	if (rc == EC_OK)
		rc = console_run(w->conf_path, e);
	return rc;
}

const struct wp_cmd wp_console = {
	.name = "console",
	.args = "",
	.help = "Serves the administrators' page and its API over HTTPS, in the foreground.",
	.more = "Listens on console_address and console_port, with the certificate of "
		"console_certificate or that of the service; who may sign in is in the file "
		"console_rights. The half that talks to browsers runs as console_user. Started by "
		"root it has all that winpop has; started by the user of the service it signs in "
		"no users of this computer and cannot do what takes root. SIGHUP reads settings, "
		"rights and certificate again and signs everybody out; SIGTERM ends it.",
	.argc_min = 0,
	.argc_max = 0,
	.how = WP_READS,
	.needs = WP_FILE,
	.scope = WP_HOST,
	.extra = true,
	.run = run,
};
