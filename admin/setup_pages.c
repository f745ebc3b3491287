/* setup_pages.c - the questions of the wizard: those of "Configure Your Server" for a mail server, and what a server of today
 * needs besides.
 *
 * The order is that in which one answer decides about the next: a directory, if there is one, comes before the methods of
 * authentication, so that those that this computer cannot have are not offered. Where there are settings already, they are the
 * defaults: a wizard that is run again shows what is, and changes what is answered otherwise.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "admin/setup.h"

#define USERS "50"
#define YES_NO(yes) ((yes) ? "yes" : "no")

/* ---- answers so far ---- */

static const char *given(const struct setup *s, const char *key)
{
	const char *text = wizard_answer(&s->z, key);

	return text ? text : "";
}

static const struct wizard_page *here(const struct setup *s)
{
	return wizard_page(&s->z);
}

static bool has_directory(void *ctx)
{
	return *given(ctx, "directory_servers") != '\0';
}

static bool only_on_this_computer(const struct setup *s)
{
	const char *servers = given(s, "directory_servers");

	return strstr(servers, "ldapi:") && !strstr(servers, "ldap://") &&
	       !strstr(servers, "ldaps:") && !strstr(servers, "srv:");
}

/* ---- settings as answers ---- */

/* What is set; of the defaults, those that are one. */
static const char *preset_setting(void *ctx)
{
	const struct setup *s = ctx;

	return option_text(s->w->mem, option_find(here(s)->key), s->found.conf);
}

static enum ec check_setting(void *ctx, const char *answer, const char **stored, struct err *e)
{
	const struct setup *s = ctx;

	return option_check(s->w->mem, option_find(here(s)->key), answer, ROLE_STANDALONE, stored,
			    e);
}

static enum ec check_file(void *ctx, const char *answer, const char **stored, struct err *e)
{
	enum ec rc = check_setting(ctx, answer, stored, e);

	if (rc == EC_OK && access(*stored, R_OK) < 0)
		return err_sys(e, "cannot read %s", *stored);
	return rc;
}

/* ---- directory ---- */

static const char *preset_servers(void *ctx)
{
	const struct setup *s = ctx;
	const char *set = preset_setting(ctx);

	return *set || s->found.conf_from || !s->found.directory.kind ? set
								      : s->found.directory.servers;
}

static const char *found_directory(void *ctx)
{
	const struct setup *s = ctx;
	const struct found_directory *d = &s->found.directory;

	if (!d->kind)
		return "No directory was found in the files of this computer.";
	return arena_fmt(s->w->mem, "%s names %s: %s%s", d->where,
			 strcmp(d->kind, "ad") == 0 ? "an Active Directory" : "an LDAP server",
			 d->servers, d->controller ? ", of which this is a domain controller" : "");
}

static const char *preset_kind(void *ctx)
{
	const struct setup *s = ctx;

	if (*s->found.conf->directory_servers || !s->found.directory.kind)
		return only_on_this_computer(s) ? "openldap" : preset_setting(ctx);
	return s->found.directory.kind;
}

static const char *preset_base(void *ctx)
{
	const struct setup *s = ctx;
	const char *set = preset_setting(ctx);

	return *set || !s->found.directory.kind ? set : s->found.directory.base;
}

static bool offers_external(void *ctx)
{
	return only_on_this_computer(ctx);
}

static bool binds_by_name(void *ctx)
{
	return has_directory(ctx) &&
	       !wizard_is(&((struct setup *)ctx)->z, "directory_bind", "external");
}

static bool binds_by_password(void *ctx)
{
	return has_directory(ctx) &&
	       wizard_is(&((struct setup *)ctx)->z, "directory_bind", "simple");
}

static bool binds_by_keytab(void *ctx)
{
	return has_directory(ctx) &&
	       wizard_is(&((struct setup *)ctx)->z, "directory_bind", "gssapi");
}

static bool needs_ca(void *ctx)
{
	return has_directory(ctx) && !only_on_this_computer(ctx);
}

static const char *preset_password_file(void *ctx)
{
	const char *set = preset_setting(ctx);

	return *set ? set : setup_file(ctx, "directory.password");
}

/* One that is there is used as it is, unless a person types another: nothing stands for it then. */
static enum ec check_password_file(void *ctx, const char *answer, const char **stored,
				   struct err *e)
{
	struct setup *s = ctx;
	struct secret typed = { 0 };
	enum ec rc = check_setting(ctx, answer, stored, e);
	bool typed_before = s->directory_password.len > 0;
	bool there = rc == EC_OK && access(*stored, F_OK) == 0;

	s->trial.of = NULL;
	if (rc != EC_OK || (there && !s->person))
		return rc;
	rc = s->w->ask->known(s->w->ask->ctx,
			      arena_fmt(s->w->mem, "Password of %s%s", given(s, "directory_user"),
					typed_before ? " (nothing: as before)"
					: there      ? " (nothing: the one that is in the file)"
						     : ""),
			      &typed, e);
	if (rc == EC_OK && typed.len == 0 && !there && !typed_before)
		rc = err_set(e, EC_USAGE, "without a password there is nothing to sign in with");
	if (rc == EC_OK && typed.len > 0)
		secret_move(&s->directory_password, &typed);
	secret_drop(&typed);
	return rc;
}

static const char *found_by_trying(void *ctx)
{
	return setup_try(ctx)->text;
}

static const char *preset_ready(void *ctx)
{
	return YES_NO(setup_try(ctx)->good);
}

/* "no" tries again: whoever has mended something in the directory need not answer anything anew. */
static enum ec check_ready(void *ctx, const char *answer, const char **stored, struct err *e)
{
	struct setup *s = ctx;

	(void)stored;
	if (strcmp(answer, "yes") == 0)
		return EC_OK;
	const char *text = s->trial.text;
	s->trial.of = NULL;
	return err_set(
		e, EC_REFUSED, "the directory is not as it has to be: %s",
		s->person ? "mend what is said above, then answer here again, or go back with <"
			  : text);
}

/* ---- authentication ---- */

static bool offers_local(void *ctx)
{
	return !((struct setup *)ctx)->found.directory.controller;
}

static const char *preset_authentication(void *ctx)
{
	const struct setup *s = ctx;

	if (s->found.conf_from)
		return preset_setting(ctx);
	return has_directory(ctx) ? "ad" : "file";
}

/* ---- domain and names ---- */

static const char *preset_domain(void *ctx)
{
	const struct setup *s = ctx;

	return s->found.conf_from ? "" : s->found.domain;
}

/* A server that has, or had, domains. */
static bool has_settings(void *ctx)
{
	return ((struct setup *)ctx)->found.conf_from != NULL;
}

static enum ec check_domain(void *ctx, const char *answer, const char **stored, struct err *e)
{
	const struct setup *s = ctx;
	struct name n;

	if (!*answer)
		return EC_OK;
	enum ec rc = name_parse_domain(&n, answer, strlen(answer), e);
	if (rc == EC_OK)
		*stored = arena_strz(s->w->mem, n.domain);
	return rc;
}

static const char *preset_hostname(void *ctx)
{
	const struct setup *s = ctx;

	return s->found.conf_from ? preset_setting(ctx) : s->found.host;
}

/* A single word is the name of a computer in its own house, and no use to anybody else. */
static enum ec check_name(void *ctx, const char *answer, const char **stored, struct err *e)
{
	enum ec rc = check_setting(ctx, answer, stored, e);

	if (rc == EC_OK && !strchr(*stored, '.'))
		rc = err_set(e, EC_USAGE, "write the full name, like mail.%s",
			     *given(ctx, "domain") ? given(ctx, "domain") : "example.com");
	return rc;
}

/* ---- certificate ---- */

static const char *preset_certificate(void *ctx)
{
	const struct setup *s = ctx;

	return *s->found.conf->tls_cert || s->found.cert ? "files" : "self";
}

static bool has_files(void *ctx)
{
	return wizard_is(&((struct setup *)ctx)->z, "certificate", "files");
}

static const char *preset_cert(void *ctx)
{
	const struct setup *s = ctx;

	return *s->found.conf->tls_cert || !s->found.cert ? preset_setting(ctx) : s->found.cert;
}

static const char *preset_key(void *ctx)
{
	const struct setup *s = ctx;

	return *s->found.conf->tls_key || !s->found.key ? preset_setting(ctx) : s->found.key;
}

static enum ec check_key(void *ctx, const char *answer, const char **stored, struct err *e)
{
	enum ec rc = check_file(ctx, answer, stored, e);

	return rc == EC_OK ? setup_try_cert(given(ctx, "tls_cert"), *stored, e) : rc;
}

/* ---- size ---- */

static const char *preset_users(void *ctx)
{
	return ((struct setup *)ctx)->found.conf_from ? "" : USERS;
}

static enum ec check_users(void *ctx, const char *answer, const char **stored, struct err *e)
{
	const struct setup *s = ctx;
	size_t len = strlen(answer);
	unsigned long n = strtoul(answer, NULL, 10);

	(void)stored;
	if (len == 0 && s->found.conf_from)
		return EC_OK;
	if (strspn(answer, "0123456789") != len || n < 1 || n > SETUP_USERS_MAX)
		return err_set(e, EC_USAGE, "type a number between 1 and %d", SETUP_USERS_MAX);
	return EC_OK;
}

/* ---- Postfix ---- */

static bool has_postfix(void *ctx)
{
	return ((struct setup *)ctx)->found.postfix;
}

static bool offers_replacing(void *ctx)
{
	const char *which;
	size_t n;

	return setup_try_postfix(ctx, &which, &n, NULL) == EC_OK && n > 0;
}

static const char *found_in_postfix(void *ctx)
{
	struct err why;
	const char *which;
	size_t n;
	enum ec rc = setup_try_postfix(ctx, &which, &n, &why);

	if (rc != EC_OK)
		return arena_strz(((struct setup *)ctx)->w->mem, why.text);
	return n == 0 ? NULL
		      : arena_fmt(((struct setup *)ctx)->w->mem,
				  "These are set to something else than we need: %s", which);
}

static const char *preset_postfix(void *ctx)
{
	const struct setup *s = ctx;

	if (offers_replacing(ctx))
		return "no";
	return YES_NO(!s->found.in_role || strstr(s->found.conf->lmtp_socket, "postfix"));
}

static enum ec check_postfix(void *ctx, const char *answer, const char **stored, struct err *e)
{
	(void)stored;
	if (strcmp(answer, "yes") == 0 && offers_replacing(ctx))
		return err_set(e, EC_REFUSED,
			       "that would change what somebody has set: answer replace, or no");
	return EC_OK;
}

/* ---- console ---- */

static bool has_console(void *ctx)
{
	return wizard_yes(&((struct setup *)ctx)->z, "console");
}

static const char *preset_console(void *ctx)
{
	return YES_NO(access(setup_setting(ctx, "console_rights"), F_OK) == 0);
}

static const char *preset_administrators(void *ctx)
{
	const struct setup *s = ctx;

	return arena_fmt(s->w->mem, "%%%s", s->found.admins);
}

/* Also those the console would refuse: its file has a line for each. */
static enum ec check_administrators(void *ctx, const char *answer, const char **stored,
				    struct err *e)
{
	const struct setup *s = ctx;

	return setup_rights(s->w->mem, answer, stored, e);
}

/* ---- first mailbox ---- */

static bool has_mailbox(void *ctx)
{
	return *setup_mailbox(ctx) != '\0';
}

static bool may_use_account(void *ctx)
{
	return has_mailbox(ctx) && !wizard_is(&((struct setup *)ctx)->z, "authentication", "file");
}

static enum ec ask_mailbox_password(struct setup *s, const char *whose, struct err *e)
{
	bool asked = s->mailbox_password.len > 0 && strcmp(s->password_of, whose) == 0;

	if (s->dry || asked)
		return EC_OK;
	enum ec rc =
		s->w->ask->secret(s->w->ask->ctx, arena_fmt(s->w->mem, "New password of %s", whose),
				  &s->mailbox_password, e);
	if (rc == EC_OK && s->mailbox_password.len == 0)
		rc = err_set(e, EC_USAGE, "the password must not be empty");
	s->password_of = arena_strz(s->w->mem, whose);
	return rc;
}

static enum ec check_mailbox(void *ctx, const char *answer, const char **stored, struct err *e)
{
	static const enum name_rule rules[] = {
		[AUTHN_AD] = NAME_DIRECTORY, [AUTHN_LOCAL] = NAME_SYSTEM, [AUTHN_FILE] = NAME_FILE
	};
	struct setup *s = ctx;
	const char *domain = given(s, "domain");
	bool by_file = wizard_is(&s->z, "authentication", "file");
	bool by_ad = wizard_is(&s->z, "authentication", "ad");
	struct name n;

	if (!*answer)
		return EC_OK;
	if (!strchr(answer, '@') && !*domain)
		return err_set(e, EC_USAGE, "write it with its domain: %.60s@example.com", answer);
	const char *text =
		strchr(answer, '@') ? answer : arena_fmt(s->w->mem, "%s@%s", answer, domain);
	enum ec rc = name_parse(&n, text, strlen(text),
				rules[by_file ? AUTHN_FILE
				      : by_ad ? AUTHN_AD
					      : AUTHN_LOCAL],
				e);
	if (rc != EC_OK)
		return rc;
	*stored = wp_text(s->w, &n);
	return by_file ? ask_mailbox_password(s, *stored, e) : EC_OK;
}

static const char *preset_createuser(void *ctx)
{
	(void)ctx;
	return "yes";
}

static enum ec check_createuser(void *ctx, const char *answer, const char **stored, struct err *e)
{
	struct setup *s = ctx;

	(void)stored;
	return strcmp(answer, "yes") == 0 ? ask_mailbox_password(s, setup_mailbox(s), e) : EC_OK;
}

/* ---- summary ---- */

struct lines {
	struct arena *mem;
	const char *text;
};

static void add_line(void *ctx, const char *line)
{
	struct lines *l = ctx;

	l->text = arena_fmt(l->mem, "%s%s- %s", l->text, *l->text ? "\n" : "", line);
}

static const char *summary(void *ctx)
{
	const struct setup *s = ctx;
	struct lines l = { s->w->mem, "" };

	setup_summary(s, add_line, &l);
	return *l.text ? l.text : "Nothing is to be done: all is as it was answered.";
}

static const char *preset_apply(void *ctx)
{
	(void)ctx;
	return "yes";
}

static enum ec check_apply(void *ctx, const char *answer, const char **stored, struct err *e)
{
	struct conf *c = NULL;
	enum ec rc = setup_conf(ctx, &c, e);

	(void)stored;
	conf_unref(&c);
	if (rc == EC_OK && strcmp(answer, "yes") != 0)
		rc = err_set(e, EC_REFUSED,
			     "nothing was changed yet: go back with <, or leave with !");
	return rc;
}

/* ---- the pages ---- */

/* clang-format off */
static const struct wizard_choice kinds[] = {
	{ "ad", "Active Directory", "Windows Server or Samba as domain controllers.", NULL },
	{ "openldap", "OpenLDAP", "Another LDAP server.", NULL },
	{ 0 },
};

static const struct wizard_choice binds[] = {
	{ "simple", "With a name and a password", "An account of its own that may read people; winpop-ad(7) and winpop-openldap(7) say which rights it needs.", NULL },
	{ "external", "As a user of this computer", "The server is on this computer and knows the service by the user that it runs as.", offers_external },
	{ "gssapi", "With a key of Kerberos", "A keytab of an account in the directory.", NULL },
	{ 0 },
};

static const struct wizard_choice methods[] = {
	{ "ad", "Active Directory integrated",
	  "Your mail server is a domain controller or a member server, or uses OpenLDAP: people sign in as they do elsewhere, and a user name may be there in several e-mail domains.", has_directory },
	{ "local", "Local accounts",
	  "Your mail server is not a member of a directory, and you want user accounts on the computer that the service runs on. A user name can have one mailbox only, of at most 20 characters.", offers_local },
	{ "file", "Encrypted password file",
	  "Your mail server does not use a directory, or you do not want to have user accounts on this computer. Each mailbox has a password of its own, kept encrypted beside its mail.", NULL },
	{ 0 },
};

static const struct wizard_choice certificates[] = {
	{ "files", "Use files that are there", "A certificate with its chain and its key, in PEM; renewed files are taken over by winpop reload.", NULL },
	{ "self", "Make one now", "Signed by itself, for the names of this server, good for ten years. Mail programs ask once whether they may trust it.", NULL },
	{ "none", "Do without", "Then nobody can sign in with a password from another computer, but by ways that do not show it.", NULL },
	{ 0 },
};

static const struct wizard_choice postfixes[] = {
	{ "yes", "Set Postfix up", "Mail comes in by it, and goes out for people who sign in with their mailbox's name and password.", NULL },
	{ "replace", "Set Postfix up, and replace what is set otherwise", "The files as they were are kept beside.", offers_replacing },
	{ "no", "Leave Postfix alone", "winpop mta postfix /show tells what is to be set; other mail servers deliver by LMTP.", NULL },
	{ 0 },
};

const struct wizard_page setup_pages[] = {
	{ .key = "directory_servers", .title = "Directory", .question = "Servers of the directory (-: none)",
	  .text = "Is there an Active Directory or an LDAP server that knows your people? Then they can sign in to their mailboxes with the password they have.\n"
		  "Name its servers: ldaps://dc1.example.com, several of them parted by blanks; ldapi:/// for one on this computer; or srv:example.com to find them by DNS.",
	  .help = "ldap:// is taken too and secured by StartTLS. A directory can be named later: winpop set directory_servers. Naming one does not mean to use it: the method of authentication is a question of its own.",
	  .preset = preset_servers, .finding = found_directory, .check = check_setting },
	{ .key = "directory", .title = "Directory", .question = "Kind of directory", .kind = WIZARD_CHOICE, .choices = kinds,
	  .text = "It decides the names of attributes, and how passwords are set.", .applies = has_directory, .preset = preset_kind },
	{ .key = "directory_bind", .title = "Directory", .question = "How the service signs in", .kind = WIZARD_CHOICE, .choices = binds,
	  .text = "The service has an identity of its own in the directory.", .applies = has_directory, .preset = preset_setting },
	{ .key = "directory_user", .title = "Directory", .question = "Name of the service", .needed = true,
	  .text = "Its distinguished name, as cn=winpop,ou=services,dc=example,dc=com; with Active Directory also winpop@example.com; with Kerberos the principal.",
	  .applies = binds_by_name, .preset = preset_setting, .check = check_setting },
	{ .key = "directory_password_file", .title = "Directory", .question = "File for its password", .needed = true,
	  .text = "The password is kept in a file that the service alone can read. If there is none of that name, it is made, and the password asked for now.",
	  .applies = binds_by_password, .preset = preset_password_file, .check = check_password_file },
	{ .key = "directory_keytab", .title = "Directory", .question = "File with its Kerberos keys", .needed = true,
	  .text = "Made by ktpass, samba-tool domain exportkeytab or kadmin; readable by the service alone.",
	  .applies = binds_by_keytab, .preset = preset_setting, .check = check_file },
	{ .key = "directory_ca", .title = "Directory", .question = "File of authorities", .needed = true,
	  .text = "The PEM file of those who may vouch for the directory's certificate.", .applies = needs_ca, .preset = preset_setting, .check = check_file,
	  .help = "An Active Directory mostly has an authority of its own: copy its certificate to this computer and name it here." },
	{ .key = "directory_base", .title = "Directory", .question = "Where people are (-: the whole directory)",
	  .text = "The distinguished name below which people are searched.", .applies = has_directory, .preset = preset_base, .check = check_setting },
	{ .key = "directory_ready", .title = "Directory", .question = "Go on", .kind = WIZARD_YESNO,
	  .text = "The directory was tried:", .applies = has_directory, .finding = found_by_trying, .preset = preset_ready, .check = check_ready,
	  .help = "no tries again; with < the answers before are corrected; yes goes on all the same, for example because the directory is being set up elsewhere." },

	{ .key = "authentication", .title = "Configure POP3 Service", .question = "Authentication method", .kind = WIZARD_CHOICE, .choices = methods,
	  .text = "How do people prove who they are when they fetch their mail? Choose the method that fits:",
	  .help = "The method can be changed later without losing mail, once every mailbox has an account of the new one: winpop set authentication, winpop migrateToAD.",
	  .preset = preset_authentication },
	{ .key = "domain", .title = "Configure POP3 Service", .question = "E-mail domain name", .needed = true, .spares = has_settings,
	  .text = "Type your registered e-mail domain name, for example example.com: what is behind the @ of your addresses.",
	  .help = "Further e-mail domains are made by winpop add DomainName. With a server that has domains already this may be left empty.",
	  .preset = preset_domain, .check = check_domain },
	{ .key = "hostname", .title = "Name of this server", .question = "Name", .needed = true,
	  .text = "The name under which mail programs find this server. The certificate must hold it, and DNS must lead to it.",
	  .preset = preset_hostname, .check = check_name },
	{ .key = "certificate", .title = "Certificate", .question = "Certificate", .kind = WIZARD_CHOICE, .choices = certificates,
	  .text = "Passwords and mail travel under TLS. For that the server shows a certificate.", .preset = preset_certificate },
	{ .key = "tls_cert", .title = "Certificate", .question = "File with the certificate and its chain", .needed = true,
	  .text = "In PEM, the server's own first.", .applies = has_files, .preset = preset_cert, .check = check_file },
	{ .key = "tls_key", .title = "Certificate", .question = "File with its key", .needed = true,
	  .text = "In PEM, without a passphrase. The service must be able to read it, and nobody else should.",
	  .applies = has_files, .preset = preset_key, .check = check_key },
	{ .key = "mailroot", .title = "Mail root", .question = "Directory of the mail store", .needed = true,
	  .text = "All mail is kept below it: a directory for each domain, a directory in it for each mailbox, a file for each message. Choose a file system with room.",
	  .help = "Mail that is in another mail root is not moved.", .preset = preset_setting, .check = check_setting },
	{ .key = "users", .title = "Size", .question = "Expected number of users",
	  .text = "How many people will have a mailbox here? Sockets and threads are sized for it.",
	  .help = "winpop set socket and winpop set workers change single values later. Nothing (-) leaves them as they are.", .preset = preset_users, .check = check_users },
	{ .key = "postfix", .title = "Sending and receiving", .question = "Postfix", .kind = WIZARD_CHOICE, .choices = postfixes,
	  .text = "Postfix was found on this computer. It takes mail from other servers, and sends that of your people.",
	  .applies = has_postfix, .finding = found_in_postfix, .preset = preset_postfix, .check = check_postfix },
	{ .key = "console", .title = "Web console", .question = "Let people administer by a browser", .kind = WIZARD_YESNO,
	  .text = "The console is a page for administrators of the server, and for those of single domains. It listens on this computer only until console_address says otherwise.",
	  .preset = preset_console },
	{ .key = "console_port", .title = "Web console", .question = "Port", .needed = true, .text = "The console always speaks TLS, with the certificate of the service.",
	  .applies = has_console, .preset = preset_setting, .check = check_setting },
	{ .key = "console_administrators", .title = "Web console", .question = "Who may administer the whole server", .needed = true,
	  .text = "Names parted by semicolons: kim@example.com for an account of the mail server, %sudo for a group of this computer, group:\"cn=admins,dc=example,dc=com\" for one of the directory.",
	  .help = "They are written into the file of console_rights, where those who may administer single domains have their lines too.",
	  .applies = has_console, .preset = preset_administrators, .check = check_administrators },
	{ .key = "mailbox", .title = "Creating mailboxes", .question = "Name of a first mailbox (-: none)",
	  .text = "To send and receive e-mail, each user must have a unique mailbox in the e-mail domain. One can be made now; more are made by winpop add UserName@DomainName.",
	  .check = check_mailbox },
	{ .key = "createuser", .title = "Creating mailboxes", .question = "Create associated user for this mailbox", .kind = WIZARD_YESNO,
	  .text = "Answer no only if an account already exists with the same name as the mailbox that you want to create.",
	  .applies = may_use_account, .preset = preset_createuser, .check = check_createuser },
	{ .key = SETUP_APPLY, .title = "Summary of Selections", .question = "Apply", .kind = WIZARD_YESNO,
	  .text = "This will be done, all of it or nothing:", .finding = summary, .preset = preset_apply, .check = check_apply },
	{ 0 },
};
/* clang-format on */
