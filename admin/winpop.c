/* winpop.c - administration of the service from the command line.
 *
 * Read the line, open what the command's row says it needs, run it, note it, tell the outcome. All
 * that is told on stderr is told here: one line, what happened and what to do next.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "admin/args.h"
#include "admin/ask.h"
#include "admin/audit.h"
#include "admin/exits.h"
#include "admin/identity.h"

/* A fault in the settings is trouble of ours, not of this command line. */
static enum ec load_conf(struct wp *w, struct err *e)
{
	enum ec rc = identity_may_read(w->conf_path, e);
	if (rc == EC_OK)
		rc = conf_load(w->conf_path, &w->conf, e);
	if (rc == EC_ABSENT)
		return wp_hint(w, err_set(e, EC_BROKEN, "there is no %s", w->conf_path),
			       "make it with winpop init");
	if (rc == EC_USAGE)
		rc = e->class = EC_BROKEN;
	return rc;
}

/* Asked for before anything is looked at: it is the first line where standard input is no terminal. */
static enum ec ask_identity(struct wp *w, const char *user, struct secret *password, struct err *e)
{
	struct dir_identity *as = arena_alloc(w->mem, sizeof(*as));
	const char *what = arena_fmt(w->mem, "Password of %s", user);

	*as = (struct dir_identity){ user, password };
	w->as = as;
	return w->ask->known(w->ask->ctx, what, password, e);
}

/* Who acts in a directory that is not in use yet is nobody to the backends that are. */
static enum ec open_backends(struct wp *w, enum wp_needs needs, struct err *e)
{
	bool in_use = w->conf->authentication == AUTHN_AD || w->conf->catalog == CATALOG_DIRECTORY;
	bool elsewhere = needs == WP_CARRY && !in_use;

	return backends_open(w->conf, elsewhere ? NULL : w->as, &w->log, &w->backends, e);
}

/* Between changes it is the owner of the mail root all the same. */
static bool wants_root(const struct wp *w, const struct wp_cmd *cmd)
{
	return cmd->needs >= WP_KEYS ||
	       (cmd->how == WP_WRITES && w->conf->authentication == AUTHN_LOCAL);
}

/* What a command's row asks for. Backends come last: before them we become the mail root's owner. */
static enum ec prepare(struct wp *w, const struct wp_args *a, struct secret *password,
		       struct err *e)
{
	enum wp_needs needs = a->cmd->needs;

	if (a->bind_as && needs < WP_MAIL)
		return err_set(e, EC_USAGE,
			       "%s signs in nowhere: leave out --bind-as, or use checkdirectory to "
			       "try a name",
			       a->cmd->name);
	enum ec rc = needs >= WP_CONF ? load_conf(w, e) : EC_OK;

	if (rc == EC_OK && needs >= WP_MAIL)
		rc = identity_become_owner(w->conf, !wants_root(w, a->cmd), e);
	if (rc == EC_OK && a->bind_as)
		rc = ask_identity(w, a->bind_as, password, e);
	if (rc == EC_OK && needs >= WP_MAIL)
		rc = open_backends(w, needs, e);
	return rc;
}

static const char *conf_path(const struct wp_args *a)
{
	const char *env = getenv("WINPOP_CONFIG");

	return a->config ? a->config : env && *env ? env : WINPOP_CONFIG;
}

static struct out *open_out(const struct wp_args *a)
{
	if (a->json)
		return out_json(stdout);
	if (a->csv)
		return out_csv(stdout, stderr);
	return out_text(stdout, stderr, isatty(STDOUT_FILENO) ? OUT_ALIGNED : OUT_TABS);
}

/* One line, whatever a name or a path on the command line held. */
static void complain(const char *cmd, const struct err *e, const char *hint)
{
	char line[800];
	int len = snprintf(line, sizeof(line), "winpop: %s%s%s%s%s", cmd ? cmd : "",
			   cmd ? ": " : "", e->text, hint ? "; " : "", hint ? hint : "");

	for (int i = 0; i < len && line[i]; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
			line[i] = '?';
	}
	fprintf(stderr, "%s\n", line);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct secret password = { 0 }; /* of w->as */
	enum ec rc = prepare(w, a, &password, e);

	if (rc == EC_OK)
		rc = a->cmd->run(w, a, e);
	backends_close(&w->backends);
	secret_drop(&password);
	return rc;
}

/* The whole life of one command, from checked words to exit code. */
static enum exit_code perform(const struct wp_args *a)
{
	struct err e = { 0 }, io;
	struct wp w = {
		.mem = arena_new("winpop", 4096),
		.conf_path = conf_path(a),
		.out = open_out(a),
		.ask = &ask_terminal,
	};
	struct audit who = audit_who();
	sigset_t was;

	sigprocmask(SIG_BLOCK, NULL, &was);
	/* `winpop list | head` ends quietly; what changes things is not cut short by its reader. */
	if (a->cmd->how == WP_WRITES)
		signal(SIGPIPE, SIG_IGN);
	enum ec rc = run(&w, a, &e);

	if (a->cmd->how == WP_WRITES && !w.looked)
		audit_write(&who, &w, a, rc == EC_OK ? NULL : &e);
	enum ec written = out_close(&w.out, rc == EC_OK ? NULL : &e, w.hint, &io);
	if (rc != EC_OK)
		complain(a->cmd->name, &e, w.hint);
	else if (written != EC_OK)
		complain(a->cmd->name, &io, NULL);
	enum exit_code code = exit_for(rc != EC_OK ? rc : written, w.partly);
	conf_unref(&w.conf);
	arena_drop(&w.mem);
	sigprocmask(SIG_SETMASK, &was, NULL); /* here strikes what had to wait (wp_hold_signals) */
	return code;
}

/* `winpop` alone and "/?" are `winpop help`; "add /?" is `winpop help add`. */
static void turn_to_help(struct wp_args *a)
{
	if (a->cmd && !a->help)
		return;
	a->argc = 0;
	if (a->cmd && a->cmd != &wp_help)
		a->argv[a->argc++] = a->cmd->name;
	a->cmd = &wp_help;
}

/* A line that could not be read may still have asked for JSON. */
static enum exit_code refuse_line(int argc, char **argv, const struct err *e)
{
	static const char hint[] = "see winpop help";

	for (int i = 1; i < argc; i++) {
		if (strcasecmp(argv[i], "--json") != 0 && strcasecmp(argv[i], "/json") != 0)
			continue;
		struct out *o = out_json(stdout);
		out_close(&o, e, hint, NULL);
		break;
	}
	complain(NULL, e, hint);
	return exit_for(e->class, false);
}

int main(int argc, char **argv)
{
	struct wp_args args;
	struct err e;

	file_fill_standard();
	umask(027);
	signal(SIGCHLD, SIG_DFL); /* may be inherited as ignored: then nobody's end could be seen */
	enum ec rc = args_parse(argc, argv, &args, &e);
	if (rc != EC_OK)
		return refuse_line(argc, argv, &e);
	turn_to_help(&args);
	enum exit_code code = perform(&args);
	secret_drop(&args.secret);
	return code;
}
