/* winpop.c - administration of the service from the command line.
 *
 * Read the line, have the command performed (perform.h), tell the outcome. All that is told on
 * stderr is told here: one line, what happened and what to do next.
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
#include "admin/perform.h"

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

/* What had to wait (wp_hold_signals) strikes when all is told. */
static enum exit_code perform(const struct wp_args *a)
{
	struct out *out = open_out(a);
	struct wp_result r;
	sigset_t was;

	sigprocmask(SIG_BLOCK, NULL, &was);
	enum exit_code code = wp_perform(a, NULL, &out, &ask_terminal, &r);
	if (r.rc != EC_OK)
		complain(a->cmd->name, &r.err, *r.hint ? r.hint : NULL);
	sigprocmask(SIG_SETMASK, &was, NULL);
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
	if (args.version) {
		puts("winpop " WINPOP_VERSION);
		return fflush(stdout) == 0 ? EXIT_DONE : EXIT_TROUBLE;
	}
	turn_to_help(&args);
	enum exit_code code = perform(&args);
	secret_drop(&args.secret);
	return code;
}
