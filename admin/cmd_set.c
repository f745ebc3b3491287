/* cmd_set.c - change settings: in the file, then in the running service.
 *
 * All of the line or nothing: values are checked one by one, then the text as a whole with the rules
 * between settings (so that `socket` can pass through states that single changes could not), and
 * only then the file is replaced. Comments and order in it stay as the administrator left them.
 */
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "admin/cmd.h"
#include "admin/edit.h"
#include "admin/identity.h"
#include "admin/method.h"
#include "admin/service.h"
#include "admin/settings.h"
#include "admin/syntax.h"

struct change {
	struct wp *w;
	struct edit ed;
	struct conf *now;
	enum host_role role; /* as it is by now: the words before may have changed it */
	const struct option *changed[WP_ARGS_MAX];
	size_t n_changed;
	struct err *e;
};

/* ---- values into the text ---- */

/* Which of "a|b|c" it is. */
static unsigned word_index(const char *words, const char *word)
{
	size_t len = strlen(word);
	unsigned i = 0;

	while (strncmp(words, word, len) != 0 || (words[len] != '|' && words[len] != '\0')) {
		words = strchr(words, '|');
		if (!words)
			return 0;
		words++;
		i++;
	}
	return i;
}

static enum ec put_value(struct change *c, const char *key, const char *value)
{
	const struct option *o = option_find(key);
	const char *stored;

	if (!o)
		return wp_hint(c->w, setting_unknown(key, c->e), "winpop set help lists all");
	enum ec rc = scope_may_set(c->w->by, o->name, c->e);
	if (rc != EC_OK)
		return rc;
	rc = option_check(c->w->mem, o, value, c->role, &stored, c->e);
	/* The file may say 0, for no port at all; as a command that would be a slip. */
	if (strcmp(o->name, "port") == 0 && (rc != EC_OK || strcmp(stored, "0") == 0))
		rc = err_set(c->e, EC_USAGE, "port: must be between 1 and 65535");
	if (rc != EC_OK)
		return rc;
	if (strcmp(o->name, "role") == 0)
		c->role = (enum host_role)word_index(o->words, stored);
	edit_put(&c->ed, o->name, stored);
	c->changed[c->n_changed++] = o;
	return EC_OK;
}

static enum ec put_socket(struct change *c, const struct wp_args *a, int at)
{
	enum ec rc = EC_OK;

	if (a->argc - at < 5)
		return err_set(c->e, EC_USAGE,
			       "socket takes four values: socketmax socketmin "
			       "socketbacklog socketthreshold");
	for (int i = 0; setting_socket[i] && rc == EC_OK; i++)
		rc = put_value(c, setting_socket[i], a->argv[at + 1 + i]);
	return rc;
}

static enum ec put_values(struct change *c, const struct wp_args *a)
{
	enum ec rc = EC_OK;

	for (int at = 0; at < a->argc && rc == EC_OK;) {
		bool socket = strcasecmp(a->argv[at], "socket") == 0;
		if (socket)
			rc = put_socket(c, a, at);
		else if (at + 1 == a->argc)
			rc = err_set(c->e, EC_USAGE, "%.40s: the value is missing", a->argv[at]);
		else
			rc = put_value(c, a->argv[at], a->argv[at + 1]);
		at += socket ? 5 : 2;
	}
	return rc;
}

static const char *target_of(struct change *c)
{
	const char *text = "";

	for (size_t i = 0; i < c->n_changed; i++)
		text = arena_fmt(c->w->mem, "%s%s%s=%s", text, i > 0 ? " " : "",
				 c->changed[i]->name,
				 option_text(c->w->mem, c->changed[i], c->now));
	return text;
}

/* ---- rules that need more than the text ---- */

/* Somebody else's directory could not be served; and what winpop deletes there as its owner would not be mail. */
static enum ec check_mailroot(struct change *c)
{
	struct owner service;
	struct stat st;
	enum ec rc;

	if (c->ed.was && strcmp(c->ed.was->mailroot, c->now->mailroot) == 0)
		return EC_OK;
	if (stat(c->now->mailroot, &st) < 0 || !S_ISDIR(st.st_mode)) {
		wp_hint(c->w, EC_REFUSED,
			"make it, owned by the user of the service: install -d "
			"-m 0750 -o winpop -g winpop %s",
			c->now->mailroot);
		return err_set(c->e, EC_REFUSED, "%s is not a directory", c->now->mailroot);
	}
	rc = identity_service(c->now, &service, c->e);
	if (rc != EC_OK)
		return rc;
	if (st.st_uid != service.uid)
		return err_set(
			c->e, EC_REFUSED,
			"%s does not belong to the user of the service: chown it, or make another",
			c->now->mailroot);
	out_note(c->w->out, "mail in the old mail root is not moved");
	return EC_OK;
}

/* ---- telling the service ---- */

static bool in_list(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; (p = strstr(p, name)) != NULL; p += len) {
		bool begins = p == names || p[-1] == ' ';
		if (begins && (p[len] == ' ' || p[len] == '\0'))
			return true;
	}
	return false;
}

static void show_changes(struct change *c, const char *when, const char *waiting)
{
	out_list(c->w->out, "settings");
	for (size_t i = 0; i < c->n_changed; i++) {
		const struct option *o = c->changed[i];
		bool waits = waiting && in_list(waiting, o->name);
		out_record(c->w->out);
		out_field(c->w->out, "setting", o->name);
		out_field(c->w->out, "value", setting_text(c->w->mem, o, c->now));
		out_field(c->w->out, "takes_effect", waits ? "at restart" : when);
		out_end(c->w->out);
	}
	out_end(c->w->out);
	/* Also what was changed before, or has to follow from what was changed now. */
	if (waiting && *waiting)
		out_note(c->w->out, "restart winpopd to apply %s: systemctl restart winpopd",
			 waiting);
}

/* The running service is reached where it listens now, not where it will after a restart. */
static enum ec tell_service(struct change *c)
{
	const struct conf *reach = c->ed.was ? c->ed.was : c->now;
	const char *waiting = NULL;
	enum ec rc = service_reload(reach, c->w->by, c->w->mem, &waiting, c->e);

	if (rc == EC_OK) {
		show_changes(c, "now", waiting);
		return EC_OK;
	}
	show_changes(c, "at start", NULL);
	if (rc == EC_ABSENT) {
		out_note(c->w->out, "winpopd is not running; it will start with these settings");
		return EC_OK;
	}
	c->w->partly = true;
	return wp_hint(c->w, rc, "the settings are saved, the service goes on with the old ones");
}

/* What people, and the administrator, will meet that is not in the settings. */
static void tell_of_leaving(const struct change *c)
{
	const struct conf *was = c->ed.was, *now = c->now;
	struct out *o = c->w->out;

	if (!was || was->authentication != AUTHN_FILE || now->authentication == AUTHN_FILE)
		return;
	if (was->apop != TRI_NO)
		out_note(o,
			 "APOP ends: no other method than the password file knows what it needs");
	if (now->authentication == AUTHN_AD && now->spa != SPA_OFF)
		out_note(o, "Secure Password Authentication begins, as the setting spa has it");
	out_note(o,
		 "the password file is kept until winpop purgepasswords: winpop set authentication "
		 "file is the way back to it");
	if (now->authentication == AUTHN_AD)
		out_note(
			o,
			"winpop migrateToAD /undo is refused from now on: people sign in with what "
			"it would remove");
}

/* ---- the command ---- */

static enum ec save(struct change *c, const struct wp_args *a)
{
	enum ec rc = put_values(c, a);

	if (rc == EC_OK)
		rc = edit_check(&c->ed, &c->now, c->e);
	if (rc != EC_OK)
		return rc;
	c->w->target = target_of(c);
	rc = c->ed.was ? method_check(c->w, c->ed.was, c->now, c->e) : EC_OK;
	if (rc == EC_OK)
		rc = check_mailroot(c);
	if (rc == EC_OK)
		rc = edit_commit(&c->ed, c->e);
	if (rc != EC_OK)
		return rc;
	rc = tell_service(c);
	tell_of_leaving(c);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct change c = { .w = w, .e = e };

	if (strcasecmp(a->argv[0], "help") == 0)
		return syntax_command(w, a->cmd);
	enum ec rc = identity_may_write(w->conf_path, e);
	if (rc != EC_OK)
		return rc;
	rc = edit_begin(w->conf_path, w->mem, &c.ed, e);
	if (rc == EC_ABSENT)
		return wp_hint(w, rc, "make it with winpop init");
	if (rc != EC_OK)
		return rc;
	c.role = c.ed.was ? c.ed.was->role : ROLE_STANDALONE;
	rc = save(&c, a);
	if (c.ed.was) /* the audit goes where the log went so far */
		w->conf = conf_ref(c.ed.was);
	conf_unref(&c.now);
	edit_end(&c.ed);
	return rc;
}

const struct wp_cmd wp_set = {
	.name = "set",
	.args = "Setting Value [Setting Value ...]",
	.help = "Changes settings.",
	.more = "The values are checked, together with all other settings, before anything is "
		"written. Then a running service is told, and the answer says which changes are in "
		"effect and which wait for a restart. 'set socket' takes the values of socketmax, "
		"socketmin, socketbacklog and socketthreshold in this order and checks only the "
		"result. Settings can also be changed in the file by hand; winpopd --check checks "
		"it, winpop reload applies it.\n"
		"The numbers of authentication depend on the computer's role: 1 Active Directory "
		"integrated, 2 encrypted password file on a domain controller; 1 Active Directory "
		"integrated, 2 local accounts, 3 encrypted password file on a member server; 1 "
		"local "
		"accounts, 2 encrypted password file otherwise. The names ad, local and file are "
		"accepted too, and the file keeps the name. The method can be changed once every "
		"mailbox has an account of the new one; if some have none, they are listed and "
		"nothing is changed. Accounts that were migrated sign in to the directory first, "
		"each with its password. Mail stays where it is. In a running service sessions go "
		"on, "
		"and who signs in from then on is asked by the new method. The same holds for "
		"catalog: every mailbox must be registered in the new place.",
	.argc_min = 1,
	.argc_max = WP_ARGS_MAX,
	.raw_from = 1,
	.how = WP_WRITES,
	.needs = WP_FILE,
	.scope = WP_WHOLE,
	.run = run,
};
