/* reload.c - new settings for a running service: parse, check, build, and only then swap.
 *
 * Sessions finish on what they started with; new ones get the new set. Runs on the keeper, which serves nobody, so reading a
 * file here delays no session. What waits for a restart is left as it was at the start, so that everything else is built on
 * settings that are in force.
 */
#include <stdio.h>
#include <string.h>
#include "server/main/notify.h"
#include "server/main/winpopd.h"

enum ec load_tls(const struct conf *c, const struct tls *before, const struct log *log,
		 struct tls **out, struct err *e)
{
	*out = NULL;
	enum ec rc = tls_new(c, before, log, out, e);
	return rc == EC_ABSENT ? EC_OK : rc;
}

enum ec load_auth(const struct winpopd *w, const struct conf *c, struct backing *b,
		  struct auth **out, struct err *e)
{
	struct auth_setup setup = {
		.service = "pop",
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
	return auth_open(&setup, w->auth, out, e);
}

void session_setups(const struct winpopd *w, struct pop3_setup *p, struct lmtp_setup *l)
{
	struct backends *b = &w->backing->backends;
	struct share *share = &w->backing->share;

	*p = (struct pop3_setup){ w->conf, w->tls, w->auth, b->catalog, b->store, share };
	*l = (struct lmtp_setup){ w->conf, b->accounts->ops->rule, b->catalog, b->store, share };
}

/* What a reload has built. */
struct built {
	struct conf *read; /* the file as it is */
	struct conf *conf; /* of it, what does not wait for a restart */
	struct tls *tls;
	struct backing *backing;
	struct auth *auth;
};

static void swap_in(struct winpopd *w, struct built *new)
{
	struct pop3_setup p;
	struct lmtp_setup l;

	conf_unref(&w->conf);
	tls_unref(&w->tls);
	auth_unref(&w->auth);
	w->conf = new->conf;
	w->tls = new->tls;
	w->auth = new->auth;
	backing_swap(w, new->backing);
	session_setups(w, &p, &l);
	pop3_setup(w->pop3, &p);
	lmtp_setup(w->lmtp, &l);
	log_set_level(w->sink, (int)w->conf->logging);
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
	rc = load_tls(new->conf, w->tls, &w->log, &new->tls, e);
	if (rc == EC_OK)
		rc = backing_open(w, new->conf, &new->backing, e);
	if (rc == EC_OK)
		rc = load_auth(w, new->conf, new->backing, &new->auth, e);
	return rc;
}

static void drop(struct winpopd *w, struct built *new)
{
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
