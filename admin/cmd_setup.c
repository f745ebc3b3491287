/* cmd_setup.c - "Configure Your Server": asks by a terminal or by a file of answers, then does it; or takes the role away. */
#include <fcntl.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/base/kv.h"
#include "admin/setup.h"
#include "admin/setup_kept.h"

enum { ANSWERS, DRY_RUN, REMOVE, YES };
#define FILE_MAX_BYTES (1 << 20)

static void welcome(const struct setup *s)
{
	struct arena *mem = s->w->mem;
	const struct conf *c = s->found.conf;

	setup_say("Configure Your Server: mail server (POP3)");
	if (s->found.in_role)
		setup_say(arena_fmt(mem,
				    "This is a mail server already. Its settings are in %s, its "
				    "mail is in %s, and people "
				    "sign in by the method \"%s\". What is set is the default of "
				    "each page: what you answer "
				    "otherwise is changed. winpop setup /remove removes the role.",
				    s->w->conf_path, c->mailroot,
				    option_text(mem, option_find("authentication"), c)));
	else if (s->found.conf_from)
		setup_say(arena_fmt(mem,
				    "The role was removed from this server. Its settings are still "
				    "in %s, and are the "
				    "defaults of the pages.",
				    s->found.conf_from));
	setup_say("Enter takes what is in [ ], ? helps, < goes back a page, ! leaves. Nothing is "
		  "changed before the last page.");
}

static enum ec read_answers(struct setup *s, const char *path, struct err *e)
{
	struct err why;
	struct kv answers;
	char *text;
	size_t len;
	enum ec rc = identity_may_read(path, e);

	if (rc == EC_OK)
		rc = file_read_at(s->w->mem, AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, e);
	if (rc != EC_OK)
		return rc;
	rc = kv_parse(s->w->mem, text, len, &answers, &why);
	if (rc == EC_OK)
		rc = wizard_fill(&s->z, &answers, &why);
	return rc == EC_OK
		       ? EC_OK
		       : err_set(e, rc, "%s%s%s", path,
				 why.text[0] == 'l' && why.text[1] == 'i' ? " " : ": ", why.text);
}

static enum ec ask(struct setup *s, const struct wp_args *a, struct err *e)
{
	if (a->given[ANSWERS])
		return read_answers(s, a->given[ANSWERS], e);
	if (!s->person)
		return wp_hint(s->w, err_set(e, EC_USAGE, "the wizard needs a terminal"),
			       "without one, give it a file: winpop setup --answers File");
	welcome(s);
	return setup_talk(s, e);
}

/* What was said, for the log; passwords are in none of the answers. */
static void log_answers(struct setup *s)
{
	setup_log_line(&s->log, "winpop setup");
	for (const struct wizard_page *p = s->z.pages; p->key; p++) {
		const char *answer = wizard_answer(&s->z, p->key);
		if (answer)
			setup_log_line(&s->log, "  %s = %s", p->key, answer);
	}
}

static void show_line(void *ctx, const char *line)
{
	struct out *o = ctx;

	out_record(o);
	out_field(o, "will_be_done", line);
	out_end(o);
}

static enum ec apply(struct setup *s, struct err *e)
{
	if (s->dry) {
		s->w->looked = true;
		out_list(s->w->out, "summary");
		setup_summary(s, show_line, s->w->out);
		out_end(s->w->out);
		return EC_OK;
	}
	enum ec rc = setup_log_open(&s->log, e);
	if (rc != EC_OK)
		return rc;
	log_answers(s);
	kept_sweep(setup_file(s, "."));
	rc = setup_apply(s, setup_steps, e);
	if (rc == EC_OK)
		setup_finish(s);
	else
		setup_log_line(&s->log, "failed: %s", e->text);
	return rc;
}

static enum ec perform(struct setup *s, const struct wp_args *a, struct err *e)
{
	enum ec rc = found_all(s->w->mem, s->w->conf_path, &s->found, e);

	if (rc != EC_OK)
		return rc;
	if (a->given[REMOVE])
		return setup_remove(s, a->given[YES] != NULL, e);
	wizard_begin(&s->z, setup_pages, s, s->w->mem);
	rc = ask(s, a, e);
	if (rc != EC_OK)
		s->w->looked = true;
	return rc == EC_OK ? apply(s, e) : rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct setup s = { .w = w,
			   .dry = a->given[DRY_RUN] != NULL,
			   .person = !a->given[ANSWERS] && isatty(STDIN_FILENO) &&
				     isatty(STDERR_FILENO) };

	w->target = w->conf_path;
	if (geteuid() != 0)
		return err_set(e, EC_DENIED, "a server is set up by root: run winpop as root");
	if (a->given[REMOVE] && (a->given[ANSWERS] || a->given[DRY_RUN]))
		return err_set(e, EC_USAGE, "/remove stands alone");
	enum ec rc = perform(&s, a, e);
	setup_log_close(&s.log);
	secret_drop(&s.directory_password);
	secret_drop(&s.mailbox_password);
	found_drop(&s.found);
	return rc;
}

const struct wp_cmd wp_setup = {
	.name = "setup",
	.args = "[/answers File] [/dry-run] | /remove [/y]",
	.help = "Makes this computer a mail server, page by page.",
	.more = "The pages ask for a directory, the method of authentication, the e-mail domain, "
		"name and "
		"certificate of the server, the mail root, the expected number of users, Postfix, "
		"the web "
		"console and a first mailbox. Each answer is checked at once, and a directory is "
		"tried. The "
		"last page shows what will be done; before it nothing is changed, and then all of "
		"it is done "
		"or nothing. On a computer that is a mail server already the pages show what is "
		"set, and "
		"change what is answered otherwise. What was done is in " SETUP_LOG ". See "
		"winpop-setup(7).\n"
		"/remove stops the service, takes our settings out of Postfix and puts the "
		"settings aside. "
		"The mail stays where it is.",
	.how = WP_WRITES,
	.needs = WP_FILE,
	.scope = WP_HOST,
	.extra = true,
	.switches = { { "answers", "File", false,
			"Takes the answers from this file, and asks nobody" },
		      { "dry-run", NULL, false, "Displays what would be done, and does nothing" },
		      { "remove", NULL, false, "Removes the role of a mail server" },
		      { "y", NULL, false, "Does not ask before removing it" } },
	.run = run,
};
