/* setup_next.c - the last page: this server is now a mail server, and what is left for people to do. */
#include <string.h>
#include "admin/service.h"
#include "admin/setup.h"

static void next(struct setup *s, const char *what, const char *how)
{
	out_record(s->w->out);
	out_field(s->w->out, "next_step", what);
	out_field(s->w->out, "how", how);
	out_end(s->w->out);
	setup_log_line(&s->log, "next: %s: %s", what, how);
}

static const char *domain_of(const struct setup *s)
{
	const char *domain = wizard_answer(&s->z, "domain");

	return domain && *domain ? domain : "example.com";
}

static void tell_mailboxes(struct setup *s)
{
	const char *with = wizard_is(&s->z, "authentication", "file") ? " /createuser" : "";

	next(s, "make a mailbox for each user",
	     arena_fmt(s->w->mem, "winpop add UserName@%s%s", domain_of(s), with));
}

static void tell_dns(struct setup *s)
{
	const char *domain = domain_of(s), *host = setup_setting(s, "hostname");

	next(s, "add to DNS", arena_fmt(s->w->mem, "%s. MX 10 %s.", domain, host));
	next(s, "add to DNS",
	     arena_fmt(s->w->mem, "%s. A and AAAA: the addresses of this computer", host));
	next(s, "add to DNS",
	     arena_fmt(s->w->mem, "_pop3s._tcp.%s. SRV 0 1 %s %s.", domain,
		       setup_setting(s, "tls_port"), host));
	if (s->found.postfix && !wizard_is(&s->z, "postfix", "no"))
		next(s, "add to DNS",
		     arena_fmt(s->w->mem, "_submissions._tcp.%s. SRV 0 1 465 %s.", domain, host));
	next(s, "add to DNS", arena_fmt(s->w->mem, "%s. TXT \"v=spf1 mx -all\"", domain));
}

static void tell_clients(struct setup *s)
{
	bool tls = *setup_setting(s, "tls_cert") != '\0';
	const char *host = setup_setting(s, "hostname");

	next(s, "settings of mail programs: incoming",
	     tls ? arena_fmt(
			   s->w->mem,
			   "POP3, %s, port %s (TLS) or %s (STARTTLS); user name: the whole address",
			   host, setup_setting(s, "tls_port"), setup_setting(s, "port"))
		 : arena_fmt(s->w->mem, "POP3, %s, port %s; user name: the whole address", host,
			     setup_setting(s, "port")));
	if (tls && s->found.postfix && !wizard_is(&s->z, "postfix", "no"))
		next(s, "settings of mail programs: outgoing",
		     arena_fmt(s->w->mem,
			       "SMTP, %s, port 465 (TLS) or 587 (STARTTLS); the same name and "
			       "password",
			       host));
}

/* Where nobody starts it for us. One that runs may wait for a restart. */
static void tell_start(struct setup *s)
{
	struct err why;
	const char *method;

	if (s->found.systemd)
		return;
	if (service_method(s->found.conf, s->w->mem, &method, &why) == EC_OK)
		next(s, "restart the service",
		     "it runs already; winpop reload says what waits for a restart");
	else
		next(s, "start the service",
		     arena_fmt(s->w->mem,
			       "winpopd --config %s, as root, at every start of this computer",
			       s->w->conf_path));
}

void setup_finish(struct setup *s)
{
	out_list(s->w->out, "next_steps");
	tell_start(s);
	tell_mailboxes(s);
	tell_dns(s);
	tell_clients(s);
	if (wizard_yes(&s->z, "console"))
		next(s, "administer by a browser",
		     arena_fmt(s->w->mem, "https://localhost:%s/",
			       setup_setting(s, "console_port")));
	next(s, "limit the room of mailboxes", "winpop setquota, see winpop-quota(7)");
	next(s, "look whether all is well", "winpop check");
	out_end(s->w->out);
	out_field(s->w->out, "log", SETUP_LOG);
	out_say(s->w->out, "This server is now a mail server.");
	setup_log_line(&s->log, "This server is now a mail server");
}
