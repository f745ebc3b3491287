/* reload.c - new settings for a running service: parse, check, build, and only then swap.
 *
 * Sessions finish on what they started with; new ones get the new set. Runs on the keeper, which serves nobody, so reading a
 * file here delays no session. What waits for a restart is left as it was at the start, so that everything else is built on
 * settings that are in force.
 */
#include <stdio.h>
#include <string.h>
#include "server/ops/notify.h"
#include "server/main/privs.h"
#include "server/main/winpopd.h"
#include "server/quota/warning.h"

enum ec load_tls(const struct conf *c, const struct tls *before, const struct log *log,
		 struct tls **out, struct err *e)
{
	*out = NULL;
	enum ec rc = tls_new(c, before, log, out, e);
	return rc == EC_ABSENT ? EC_OK : rc;
}

static enum ec open_auth(const struct winpopd *w, const struct conf *c, struct backing *b,
			 const char *service, const struct auth *before, struct auth **out,
			 struct err *e)
{
	struct auth_setup setup = {
		.service = service,
		.hostname = c->hostname,
		.mechanisms = c->mechanisms,
		.apop = c->apop == TRI_YES ||
			(c->apop == TRI_AUTO && c->authentication == AUTHN_FILE),
		.spa_required = c->sparequired,
		.penalty_ms = c->penalty_ms,
		.shield_s = c->shield_s,
		.cache_s = c->cache_s,
		.spa = { .kind = c->spa,
			 .level = c->ntlm,
			 .binding = c->channel_binding,
			 .domain = c->ntlm_domain,
			 .timeout_ms = c->directory_timeout_ms },
		.keytab = c->keytab,
		.accounts = b->backends.accounts,
		.share = &b->share,
		.of_domain = c->authentication == AUTHN_AD && c->directory == DIR_AD,
		.log = &w->log,
	};
	return auth_open(&setup, before, out, e);
}

enum ec load_auth(const struct winpopd *w, const struct conf *c, struct backing *b,
		  struct auth **out, struct err *e)
{
	return open_auth(w, c, b, "pop", w->auth, out, e);
}

/* The service's name is in Kerberos tickets alone: pop/HOST is one key, smtp/HOST another. Penalties and what is remembered of
 * passwords are one for both doors. */
enum ec load_smtp_auth(const struct winpopd *w, const struct conf *c, struct backing *b,
		       struct auth *pop, struct auth **out, struct err *e)
{
	if (c->keytab[0] != '\0')
		return open_auth(w, c, b, "smtp", pop, out, e);
	*out = auth_ref(pop);
	return EC_OK;
}

void session_setups(const struct winpopd *w, struct setups *s)
{
	struct backends *b = &w->backing->backends;
	struct share *share = &w->backing->share;

	enum name_rule rule = b->accounts->ops->rule;

	s->pop3 = (struct pop3_setup){ w->conf,  w->tls, w->auth,        b->catalog,
				       b->store, share,  w->expire_days, w->expire_differs };
	s->lmtp = (struct lmtp_setup){ w->conf, rule, b->catalog, b->store, b->limits, share };
	s->mta = (struct mta_setup){ w->conf,  rule,      w->smtp_auth, b->catalog,
				     b->store, b->limits, share };
}

/* What a reload has built. */
struct built {
	struct conf *read; /* the file as it is */
	struct conf *conf; /* of it, what does not wait for a restart */
	struct tls *tls;
	struct backing *backing;
	struct auth *auth, *smtp_auth;
};

static void swap_in(struct winpopd *w, struct built *new)
{
	struct setups s;
	struct conf *was = w->conf;

	tls_unref(&w->tls);
	auth_unref(&w->auth);
	auth_unref(&w->smtp_auth);
	w->conf = new->conf;
	w->tls = new->tls;
	w->auth = new->auth;
	w->smtp_auth = new->smtp_auth;
	backing_swap(w, new->backing);
	caretaker_rules(w);
	session_setups(w, &s);
	pop3_setup(w->pop3, &s.pop3);
	lmtp_setup(w->lmtp, &s.lmtp);
	mta_setup(w->mta, &s.mta);
	log_set_level(w->sink, (int)w->conf->logging);
	caretaker_look(w);
	exporting_renew(w, was);
	conf_unref(&was);
}

/* Certificates are live, but the port that begins with TLS is opened at start, and only if there was one. */
static void add_tls_port(const struct winpopd *w, const struct conf *now, char *list, size_t len)
{
	bool had = *w->started->tls_cert, has = *now->tls_cert;
	size_t n = strlen(list);
	if (had != has && now->tls_port == w->started->tls_port && now->tls_port > 0)
		snprintf(list + n, len - n, "%stls_port", n ? " " : "");
}

static enum ec build(struct winpopd *w, struct built *new, struct err *e)
{
	enum ec rc = conf_load(w->conf->path, &new->read, e);

	if (rc == EC_OK)
		rc = conf_check_world(new->read, e);
	if (rc != EC_OK)
		return rc;
	new->conf = conf_in_force(w->started, new->read);
	rc = privs_files(new->conf, &w->log, e);
	if (rc == EC_OK)
		rc = quota_warning_check(new->conf->quota_warning, e);
	if (rc == EC_OK)
		rc = load_tls(new->conf, w->tls, &w->log, &new->tls, e);
	if (rc == EC_OK)
		rc = backing_open(w, new->conf, &new->backing, e);
	if (rc == EC_OK)
		rc = load_auth(w, new->conf, new->backing, &new->auth, e);
	if (rc == EC_OK)
		rc = load_smtp_auth(w, new->conf, new->backing, new->auth, &new->smtp_auth, e);
	return rc;
}

static void drop(struct winpopd *w, struct built *new)
{
	auth_unref(&new->smtp_auth);
	auth_unref(&new->auth);
	backing_drop(w, &new->backing);
	tls_unref(&new->tls);
	conf_unref(&new->conf);
}

enum ec winpopd_reload(struct winpopd *w, char *restart, size_t restart_len, struct err *e)
{
	struct built new = { 0 };

	if (w->stopping)
		return err_set(e, EC_REFUSED,
			       "winpopd is stopping; it reads its settings when it starts");
	notify_manager("RELOADING=1");
	enum ec rc = build(w, &new, e);
	if (rc == EC_OK) {
		conf_restart_list(w->started, new.read, restart, restart_len);
		add_tls_port(w, new.read, restart, restart_len);
		swap_in(w, &new);
		log_event(&w->log, LV_INFO, "reload",
			  KV("restart_needed", restart[0] ? restart : NULL));
	} else {
		drop(w, &new);
		log_event(&w->log, LV_CRIT, "reload-failed", KV("class", ec_name(rc)),
			  KV("text", e->text));
	}
	conf_unref(&new.read);
	notify_manager("READY=1");
	return rc;
}
