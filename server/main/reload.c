/* reload.c - new settings for a running service: parse, check, build, and only then swap.
 *
 * Sessions finish on what they started with; new ones get the new set. Runs on the keeper, which serves nobody, so reading a
 * file here delays no session.
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

enum ec load_auth(const struct winpopd *w, const struct conf *c, struct auth **out, struct err *e)
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
		/* What needs a restart is what we started with. */
		.spa = { .kind = w->started->spa,
			 .level = c->ntlm,
			 .binding = c->channel_binding,
			 .domain = w->started->ntlm_domain,
			 .timeout_ms = w->started->directory_timeout_ms },
		.keytab = w->started->keytab,
		.accounts = w->backends.accounts,
		.of_domain =
			w->started->authentication == AUTHN_AD && w->started->directory == DIR_AD,
		.log = &w->log,
	};
	return auth_open(&setup, w->auth, out, e);
}

static void swap_in(struct winpopd *w, struct conf *conf, struct tls *tls, struct auth *auth)
{
	struct pop3_setup p = {
		conf, tls, auth, w->backends.accounts, w->backends.catalog, w->backends.store
	};
	struct lmtp_setup l = { conf, w->backends.accounts->ops->rule, w->backends.catalog,
				w->backends.store };
	pop3_setup(w->pop3, &p);
	lmtp_setup(w->lmtp, &l);
	log_set_level(w->sink, (int)conf->logging);
	conf_unref(&w->conf);
	tls_unref(&w->tls);
	auth_unref(&w->auth);
	w->conf = conf;
	w->tls = tls;
	w->auth = auth;
}

/* Certificates are live, but the port that begins with TLS is opened at start, and only if there was one. */
static void add_tls_port(const struct winpopd *w, const struct conf *now, char *list, size_t len)
{
	bool had = *w->started->tls_cert, has = *now->tls_cert;
	size_t n = strlen(list);
	if (had != has && now->tls_port == w->started->tls_port && now->tls_port > 0)
		snprintf(list + n, len - n, "%stls_port", n ? " " : "");
}

static enum ec build(struct winpopd *w, struct conf **conf, struct tls **tls, struct auth **auth,
		     struct err *e)
{
	enum ec rc = conf_load(w->conf->path, conf, e);
	if (rc == EC_OK)
		rc = conf_check_world(*conf, e);
	if (rc == EC_OK)
		rc = load_tls(*conf, w->tls, &w->log, tls, e);
	if (rc == EC_OK)
		rc = load_auth(w, *conf, auth, e);
	return rc;
}

enum ec winpopd_reload(struct winpopd *w, char *restart, size_t restart_len, struct err *e)
{
	struct conf *conf = NULL;
	struct tls *tls = NULL;
	struct auth *auth = NULL;
	if (w->stopping)
		return err_set(e, EC_REFUSED,
			       "winpopd is stopping; it reads its settings when it starts");
	notify_manager("RELOADING=1");
	enum ec rc = build(w, &conf, &tls, &auth, e);
	if (rc == EC_OK) {
		conf_restart_list(w->started, conf, restart, restart_len);
		add_tls_port(w, conf, restart, restart_len);
		swap_in(w, conf, tls, auth);
		log_event(&w->log, LV_INFO, "reload",
			  KV("restart_needed", restart[0] ? restart : NULL));
	} else {
		conf_unref(&conf);
		tls_unref(&tls);
		auth_unref(&auth);
		log_event(&w->log, LV_CRIT, "reload-failed", KV("class", ec_name(rc)),
			  KV("text", e->text));
	}
	notify_manager("READY=1");
	return rc;
}
