/* signin.c - see signin.h.
 *
 * Who administers is one of two kinds of people, and they are proved by the same glue (server/auth): with an address, somebody of
 * the accounts in use; without one, a user of this computer, whose password only root can have looked at. A keeper that is not
 * root has therefore no bare names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/auth/auth.h"
#include "server/backends/backends.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/base/utf8.h"
#include "admin/console/signin.h"
#include "admin/identity.h"
#include "admin/rank.h"
#include "admin/rights.h"

#define PAM_SERVICE "winpop-console"

/* ---- what came ---- */

static const char *member(const json_t *root, const char *key)
{
	const json_t *v = json_object_get(root, key);
	const char *z = json_string_value(v);

	return z && *z && strlen(z) == json_string_length(v) ? z : NULL;
}

enum ec signin_read(const char *body, size_t len, struct signin **out, struct err *e)
{
	json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	const char *name = member(root, "name"), *password = member(root, "password");
	bool good = name && password && strlen(name) <= SIGNIN_NAME_MAX &&
		    !has_control(name, strlen(name));

	*out = NULL;
	if (good) {
		*out = mem_new(sizeof(**out));
		(*out)->name = mem_strz(name);
		secret_set(&(*out)->password, password, strlen(password));
	}
	if (password)
		wipe((char *)(uintptr_t)password, strlen(password));
	json_decref(root);
	return good ? EC_OK : err_set(e, EC_USAGE, "send {\"name\":\"...\",\"password\":\"...\"}");
}

void signin_free(struct signin **sp)
{
	struct signin *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	secret_drop(&s->password);
	free(s->name);
	free(s);
}

/* ---- the password ---- */

struct proof {
	const struct conf *conf;
	const char *name; /* typed, or of who has been proved already */
	const char *peer;
	const struct secret *password; /* NULL: has been */
	struct log *log;
	struct backends backends; /* of an address */
	struct accounts *users;   /* of a bare name */
	char who[NAME_TEXT_MAX + 1];
	char stamp[ACCOUNT_STAMP_MAX + 1];
};

static enum ec open_auth(const struct proof *p, struct accounts *accounts, struct auth **out,
			 struct err *e)
{
	const struct conf *c = p->conf;
	const struct auth_setup setup = {
		.service = "console",
		.hostname = c->hostname,
		.mechanisms = "PLAIN",
		.spa = { .kind = SPA_OFF },
		.keytab = "",
		.accounts = accounts,
		.of_domain = !p->users && c->authentication == AUTHN_AD && c->directory == DIR_AD,
		.log = p->log,
	};

	return auth_open(&setup, NULL, out, e);
}

/* EC_DENIED, EC_REFUSED and the like are the answer's class, whose reason is in the log. */
static enum ec prove_password(const struct proof *p, struct accounts *accounts, struct name *who,
			      struct err *e)
{
	const struct auth_facts facts = {
		.sid = "console", .peer = p->peer, .service = "console", .secure = true
	};
	struct auth_answer answer;
	struct auth *auth;
	enum ec rc = open_auth(p, accounts, &auth, e);

	if (rc != EC_OK)
		return rc;
	struct login *login = login_new(auth, &facts);

	login_pass(login, p->name, strlen(p->name), p->password, &answer);
	if (answer.state == AUTH_DONE)
		*who = answer.who;
	else
		rc = err_set(e, answer.class < EC_BUSY ? EC_DENIED : answer.class,
			     "sign-in failed; its reason was logged");
	login_free(&login);
	auth_unref(&auth);
	return rc;
}

/* What can be told without a password; behind one, so that strangers learn nothing by the time it takes. */
static enum ec look_up(struct proof *p, struct accounts *accounts, const struct name *who,
		       struct err *e)
{
	struct account found;
	enum ec rc = accounts->ops->find(accounts, who, &found, e);

	if (rc == EC_ABSENT || rc == EC_REFUSED || (rc == EC_OK && !found.enabled))
		return err_set(e, EC_DENIED, "his account is gone, or not in force");
	if (rc != EC_OK)
		return rc;
	name_text(who, p->who);
	strcpy(p->stamp, found.stamp);
	return EC_OK;
}

static enum ec prove(struct proof *p, struct accounts *accounts, const char *name, struct err *e)
{
	struct name who;
	enum ec rc = p->password ? prove_password(p, accounts, &who, e)
				 : name_parse(&who, name, strlen(name), accounts->ops->rule, e);

	return rc == EC_OK ? look_up(p, accounts, &who, e) : rc;
}

static enum ec prove_address(struct proof *p, struct err *e)
{
	enum ec rc = identity_become_owner(p->conf, true, e);

	if (rc == EC_OK)
		rc = backends_open(p->conf, NULL, p->log, &p->backends, e);
	return rc == EC_OK ? prove(p, p->backends.accounts, p->name, e) : rc;
}

static enum ec prove_user(struct proof *p, struct err *e)
{
	const struct accounts_system_setup setup = { .pam_service = PAM_SERVICE,
						     .group = "",
						     .as_users = true };
	char name[SIGNIN_NAME_MAX + sizeof("@invalid")];

	if (geteuid() != 0)
		return err_set(e, EC_DENIED, "users of this computer are proved by root alone");
	snprintf(name, sizeof(name), "%s@invalid", p->name);
	enum ec rc = accounts_system_open(NULL, &setup, p->log, &p->users, e);

	if (rc == EC_OK)
		rc = prove(p, p->users, name, e);
	if (rc == EC_OK) /* user@invalid */
		p->who[strcspn(p->who, "@")] = '\0';
	return rc;
}

/* ---- groups ---- */

/* His login on this computer; "" = none. */
static void login_of(const struct proof *p, char out[NAME_TEXT_MAX + 1])
{
	bool has = p->users || p->conf->authentication == AUTHN_LOCAL;

	snprintf(out, NAME_TEXT_MAX + 1, "%.*s", has ? (int)strcspn(p->who, "@") : 0, p->who);
}

struct asking {
	const struct proof *proof;
	enum ec rc; /* of what could not be found out */
	struct err *e;
};

/* The file of rights asks; what cannot be told just now is no. */
static bool is_member(void *ctx, enum rights_group kind, const char *group)
{
	struct asking *a = ctx;
	bool is = false;
	char login[NAME_TEXT_MAX + 1];
	enum ec rc = EC_OK;

	login_of(a->proof, login);
	if (kind == RIGHTS_DIRECTORY_GROUP)
		rc = a->proof->users ? EC_OK
				     : rank_in_directory_group(a->proof->conf, a->proof->log,
							       a->proof->who, group, &is, a->e);
	else if (*login)
		rc = rights_in_group(login, group, &is, a->e);
	if (rc != EC_OK)
		a->rc = rc;
	return rc == EC_OK && is;
}

/* ---- what he may ---- */

/* While we are root still. */
static enum ec load_rights(const struct conf *c, struct arena *mem, struct rights **out,
			   struct err *e)
{
	enum ec rc = rights_load(mem, c->console_rights, out, e);

	return rc == EC_ABSENT ? err_set(e, EC_DENIED, "there is no %s, so nobody has any rights",
					 c->console_rights)
			       : rc;
}

/* "Nobody can tell" is not "no". */
static enum ec find_rights(const struct proof *p, const struct rights *rights, struct scope *out,
			   struct err *e)
{
	struct err why = { 0 };
	struct asking asking = { p, EC_OK, &why };
	enum ec rc = rights_of(rights, p->who, is_member, &asking, out, e);

	return rc == EC_DENIED && asking.rc != EC_OK ? err_set(e, asking.rc, "%s", why.text) : rc;
}

static enum ec answer(const struct proof *p, const struct scope *scope, int out, struct err *e)
{
	json_t *domains = json_array();

	for (size_t i = 0; i < scope->n_domains; i++)
		json_array_append_new(domains, json_string(scope->domains[i]));
	json_t *yes = json_pack("{s:s, s:b, s:o, s:s}", "who", p->who, "whole", scope->whole,
				"domains", domains, "stamp", p->stamp);
	char *text = yes ? json_dumps(yes, JSON_COMPACT) : NULL;
	bool written = text && file_write_all(out, text, strlen(text)) == 0;

	free(text);
	json_decref(yes);
	return written ? EC_OK : err_set(e, EC_TEMP, "the answer could not be handed over");
}

static enum ec tell(struct proof *p, int out, struct err *e)
{
	struct arena *mem = arena_new("sign-in", 4096);
	struct rights *rights = NULL;
	struct scope scope = { 0 };
	enum ec rc = load_rights(p->conf, mem, &rights, e);

	if (rc == EC_OK)
		rc = strchr(p->name, '@') ? prove_address(p, e) : prove_user(p, e);
	if (rc == EC_OK)
		rc = find_rights(p, rights, &scope, e);
	if (rc == EC_OK)
		rc = answer(p, &scope, out, e);
	arena_drop(&mem);
	return rc;
}

int signin_run(struct signin *s, int out)
{
	struct log_sink *sink = log_open(s->conf->log_to, "winpop-console", (int)s->conf->logging);
	struct log log = { .sink = sink, .peer = s->peer };
	struct proof p = { .conf = s->conf,
			   .name = s->name,
			   .peer = s->peer,
			   .password = &s->password,
			   .log = &log };
	struct err e;
	enum ec rc = tell(&p, out, &e);

	/* A wrong password is in the log already; this is about those who have none of these rights, and about trouble. */
	if (rc != EC_OK && (*p.who || rc != EC_DENIED))
		log_event(&log, rc == EC_DENIED ? LV_INFO : LV_WARN, "console-signin-denied",
			  KV("who", s->name), KV("reason", ec_name(rc)), KV("text", e.text));
	log_close(&sink);
	return (int)rc;
}

int signin_again(const struct conf *c, const char *who, const char *peer, int out)
{
	struct log_sink *sink = log_open(c->log_to, "winpop-console", (int)c->logging);
	struct log log = { .sink = sink, .peer = peer };
	struct proof p = { .conf = c, .name = who, .peer = peer, .log = &log };
	struct err e;
	enum ec rc = tell(&p, out, &e);

	if (rc != EC_OK)
		log_event(&log, rc == EC_DENIED ? LV_INFO : LV_WARN, "console-look-failed",
			  KV("who", who), KV("reason", ec_name(rc)), KV("text", e.text));
	log_close(&sink);
	return (int)rc;
}

/* ---- what came of it ---- */

bool signin_answer(struct arena *mem, const char *text, size_t len, struct session *out)
{
	json_t *yes = json_loadb(text, len, 0, NULL), *domains = json_object_get(yes, "domains");
	const char *who = json_string_value(json_object_get(yes, "who"));
	const char *stamp = json_string_value(json_object_get(yes, "stamp"));
	size_t n = json_array_size(domains);
	const char **list = arena_alloc(mem, (n + 1) * sizeof(*list));
	bool good = who && stamp;

	for (size_t i = 0; good && i < n; i++)
		list[i] = arena_strz(mem, json_string_value(json_array_get(domains, i)));
	if (good)
		*out = (struct session){
			.who = arena_strz(mem, who),
			.scope = { json_is_true(json_object_get(yes, "whole")), n, list },
			.stamp = arena_strz(mem, stamp),
		};
	json_decref(yes);
	return good;
}
