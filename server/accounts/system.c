/* system.c - accounts that are users of this computer, as the contract has them.
 *
 * A user has one name here and no domain, so a mailbox's account is the user called like the part before the '@', and that
 * part may stand once only over all domains: otherwise one person's password would open another's mail. The mail root says
 * which domain a bare name belongs to.
 *
 * Everybody is asked of PAM, whether there is such a user or not, and everybody costs a hash: strangers, users of the
 * system itself and locked ones, whom PAM turns away at once, pay it here, against a stand-in that is made as this
 * computer makes new passwords. How often PAM hashes is not ours to say (pam_unix 1.5.2 does it twice), so it is seen from
 * what the others' passwords cost.
 */
#include <crypt.h>
#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include "server/accounts/record.h"
#include "server/accounts/system.h"
#include "server/base/mem.h"

#define HASHES_MAX 8    /* more than any PAM module does */
#define COMPUTER_MAX 15 /* NetBIOS names are cut there */
/* Whoever has no mailbox goes on in this domain, which can be nobody's (RFC 2606), and under a stamp: what is remembered of
 * wrong passwords is remembered of his too, or the time of a second answer would tell him from the others. */
#define NOWHERE "invalid"
#define STRANGER "-"

struct accounts_system {
	struct accounts accounts;
	struct mailroot *root;
	struct arena *mem; /* of the strings */
	struct system_service service;
	const char *group, *computer;
	uid_t uid_min;
	bool as_users;
	char stand_in[CRYPT_GENSALT_OUTPUT_SIZE];
	_Atomic uint64_t
		check_ns; /* what PAM needed for the last password it looked at; 0: none yet */
};

static struct accounts_system *system_of(struct accounts *a)
{
	return (struct accounts_system *)a;
}

/* ---- which mailboxes a user has ---- */

struct homes {
	struct mailroot *root;
	const char *login;
	const char *but; /* a domain that does not count, or NULL */
	struct name first;
	unsigned n;
	enum ec rc;
	struct err *e;
};

static bool look_in_domain(void *ctx, const struct name *domain)
{
	struct homes *h = ctx;
	struct name box = *domain;
	struct err why;
	int dir;

	if (h->but && strcmp(h->but, domain->domain) == 0)
		return true;
	strcpy(box.local, h->login);
	enum ec rc = mailroot_dir(h->root, &box, &dir, &why);
	if (rc == EC_OK) {
		close(dir);
		if (h->n++ == 0)
			h->first = box;
	} else if (rc != EC_ABSENT) {
		h->rc = err_set(h->e, rc, "%s", why.text);
	}
	return h->rc == EC_OK;
}

/* All domains are looked through, also when it is found: the time it takes tells nothing. */
static enum ec find_homes(const struct accounts_system *s, const char *login, const char *but,
			  struct homes *h, struct err *e)
{
	*h = (struct homes){ .root = s->root, .login = login, .but = but, .e = e };
	if (s->as_users)
		return EC_OK;
	enum ec rc = mailroot_each(s->root, NULL, look_in_domain, h, e);

	return rc == EC_OK ? h->rc : rc;
}

static enum ec refuse_taken(const struct accounts_system *s, const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	struct homes h;
	enum ec rc = find_homes(s, n->local, n->domain, &h, e);

	if (rc != EC_OK || h.n == 0)
		return rc;
	return err_set(
		e, EC_REFUSED,
		"user %s has the mailbox %s: with local accounts a user name stands once over "
		"all domains",
		n->local, name_text(&h.first, text));
}

/* ---- looking up ---- */

static void fill(struct account *out, const struct name *n, const struct local_user *p)
{
	*out = (struct account){ .name = *n, .enabled = !p->expired };
	strcpy(out->logon, p->login);
	strcpy(out->stamp, p->stamp);
}

/* The user that a mailbox is for. */
static enum ec mailbox_user(const struct accounts_system *s, const struct name *n,
			    struct local_user *out, struct err *e)
{
	if (!s->as_users && strcmp(n->domain, NOWHERE) == 0)
		return err_set(e, EC_ABSENT, "no domain has a mailbox of user %s", n->local);
	return local_user_find(n->local, s->uid_min, out, e);
}

/* A stack that may not read the passwords calls every one wrong. */
static enum ec hidden(struct err *e)
{
	return err_set(e, EC_BROKEN,
		       "passwords of this computer cannot be read: put the user of the service "
		       "into group shadow and restart it");
}

/* Whoever comes with a certificate, or by way of winbind, must pass what keeps out those with a password. */
static enum ec ask_pam(const struct accounts_system *s, const struct local_user *p,
		       struct account *out, struct err *e)
{
	bool may = false;
	enum ec rc = system_may_sign_in(&s->service, p->login, &may, e);

	if (rc == EC_OK && !may && p->shadow == SHADOW_HIDDEN)
		return hidden(e);
	out->enabled = out->enabled && may;
	return rc;
}

static enum ec system_find(struct accounts *a, const struct name *n, struct account *out,
			   struct err *e)
{
	struct accounts_system *s = system_of(a);
	struct local_user p;
	struct err why;
	enum ec rc = mailbox_user(s, n, &p, e);

	/* Also where there is no such user yet: whoever makes one asks here first. */
	if ((rc == EC_OK || rc == EC_ABSENT) && refuse_taken(s, n, &why) != EC_OK)
		return err_set(e, why.class, "%s", why.text);
	if (rc != EC_OK)
		return rc;
	fill(out, n, &p);
	out->admin = local_user_is_admin(&p);
	return ask_pam(s, &p, out, e);
}

/* COMPUTER\user, as SPA clients write it; other computers' users are nobody here. */
static enum ec strip_computer(const struct accounts_system *s, const char **typed, size_t *len,
			      struct err *e)
{
	const char *slash = memchr(*typed, '\\', *len);
	size_t n = slash ? (size_t)(slash - *typed) : 0;

	if (!slash)
		return EC_OK;
	if (n != strlen(s->computer) || strncasecmp(*typed, s->computer, n) != 0)
		return err_set(e, EC_ABSENT, "users of another computer than %s are not known here",
			       s->computer);
	*typed += n + 1;
	*len -= n + 1;
	return EC_OK;
}

static enum ec resolve_bare(const struct accounts_system *s, const char *typed, size_t len,
			    struct name *out, struct err *e)
{
	char address[NAME_LOCAL_MAX + sizeof("@" NOWHERE)];
	struct homes h;
	struct name n;

	if (len > NAME_LOCAL_MAX)
		return err_set(e, EC_USAGE, "user name is too long");
	int n_address = snprintf(address, sizeof(address), "%.*s@" NOWHERE, (int)len, typed);
	enum ec rc = name_parse(&n, address, (size_t)n_address, NAME_SYSTEM, e);
	if (rc == EC_OK)
		rc = find_homes(s, n.local, NULL, &h, e);
	if (rc != EC_OK)
		return rc;
	if (h.n > 1)
		return err_set(e, EC_ABSENT,
			       "user %s has mailboxes in several domains: sign in by address",
			       n.local);
	*out = h.n == 1 ? h.first : n;
	return EC_OK;
}

static enum ec system_resolve(struct accounts *a, const char *typed, size_t len,
			      struct account *out, struct err *e)
{
	struct accounts_system *s = system_of(a);
	struct local_user p = { .stamp = STRANGER };
	struct name n;
	enum ec rc = strip_computer(s, &typed, &len, e);

	if (rc != EC_OK)
		return rc;
	rc = memchr(typed, '@', len) ? name_parse(&n, typed, len, NAME_SYSTEM, e)
				     : resolve_bare(s, typed, len, &n, e);
	if (rc != EC_OK)
		return rc;
	/* That there is none is not to be told yet. */
	rc = mailbox_user(s, &n, &p, e);
	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	fill(out, &n, &p);
	return EC_OK;
}

/* ---- passwords ---- */

/* Time of this thread on a processor: a busy computer does not change what a hash takes of it. */
static uint64_t work_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* What a wrong password costs. */
static void pretend(const struct accounts_system *s, const struct secret *secret)
{
	struct crypt_data *work = mem_new(sizeof(*work));
	const char *text = secret->len ? (const char *)secret->bytes : "";
	uint64_t began = work_ns();
	uint64_t due = atomic_load_explicit(&s->check_ns, memory_order_relaxed);
	uint64_t once;

	(void)crypt_rn(text, s->stand_in, work, sizeof(*work));
	once = work_ns() - began;
	for (int n = 1; n < HASHES_MAX && n * once + once / 2 < due; n++)
		(void)crypt_rn(text, s->stand_in, work, sizeof(*work));
	wipe(work, sizeof(*work));
	free(work);
}

static enum ec judge(struct accounts_system *s, const struct local_user *p,
		     const struct secret *secret, struct err *e)
{
	uint64_t began = work_ns();
	enum ec rc = system_check_password(&s->service, p->login, secret, e);

	if (p->shadow == SHADOW_HASH && (rc == EC_OK || rc == EC_DENIED))
		atomic_store_explicit(&s->check_ns, work_ns() - began, memory_order_relaxed);
	if (rc == EC_DENIED && p->shadow == SHADOW_HIDDEN)
		return hidden(e);
	if (rc == EC_DENIED && p->shadow == SHADOW_LOCKED)
		pretend(s, secret);
	/* The usual stack ends with pam_deny, which drops the reason. */
	if (rc == EC_REFUSED && e && e->detail == REFUSAL_NONE && p->expired)
		e->detail = REFUSAL_DISABLED;
	if (rc == EC_REFUSED && e && e->detail == REFUSAL_MUST_CHANGE && !p->must_change)
		e->detail = REFUSAL_EXPIRED;
	return rc;
}

/* Root and the system's own users come here too: PAM is not told their names, so nothing can lock them out. */
static enum ec turn_away(const struct accounts_system *s, const struct secret *secret,
			 struct err *e)
{
	enum ec rc = system_check_password(&s->service, SYSTEM_NOBODY, secret, e);

	if (rc == EC_TEMP || rc == EC_BROKEN)
		return rc;
	pretend(s, secret);
	return err_set(e, EC_DENIED, "wrong name or password");
}

static enum ec system_verify(struct accounts *a, const struct account *who,
			     const struct secret *secret, struct err *e)
{
	struct accounts_system *s = system_of(a);
	struct local_user p;
	enum ec rc = mailbox_user(s, &who->name, &p, e);

	if (rc == EC_OK)
		return judge(s, &p, secret, e);
	return rc == EC_ABSENT ? turn_away(s, secret, e) : rc;
}

static enum ec system_reveal(struct accounts *a, const struct account *who, enum secret_kind kind,
			     struct secret *out, struct err *e)
{
	(void)a;
	(void)who;
	(void)kind;
	(void)out;
	return err_set(e, EC_REFUSED, "passwords of this computer's users cannot be had back");
}

/* ---- changes ---- */

static enum ec only_root(struct err *e)
{
	return geteuid() == 0 ? EC_OK
			      : err_set(e, EC_DENIED,
					"users of this computer are changed by root: run winpop "
					"as root");
}

static enum ec make_user(const struct accounts_system *s, const char *login,
			 const struct secret *secret, struct err *e)
{
	struct err undo, why;
	enum ec rc = tool_add_group(s->group, e);

	if (rc == EC_OK)
		rc = tool_add_user(login, s->group, e);
	if (rc != EC_OK)
		return rc;
	rc = system_change_password(&s->service, login, secret, &why);
	if (rc == EC_OK)
		return EC_OK;
	if (tool_remove_user(login, &undo) != EC_OK)
		return err_set(e, rc, "%s; run userdel %s, it was made already", why.text, login);
	return err_set(e, rc, "%s", why.text);
}

static enum ec system_create(struct accounts *a, const struct account_wish *wish,
			     const struct secret *secret, struct draft *draft, struct err *e)
{
	struct accounts_system *s = system_of(a);
	const char *login = wish->name.local;
	enum ec rc = only_root(e);

	(void)draft;
	if (rc == EC_OK)
		rc = password_check(secret, e);
	if (rc == EC_OK)
		rc = local_user_free(login, e);
	return rc == EC_OK ? make_user(s, login, secret, e) : rc;
}

static enum ec system_set_password(struct accounts *a, const struct name *n,
				   const struct secret *secret, struct err *e)
{
	struct accounts_system *s = system_of(a);
	struct local_user p;
	enum ec rc = only_root(e);

	if (rc == EC_OK)
		rc = password_check(secret, e);
	if (rc == EC_OK)
		rc = local_user_find(n->local, s->uid_min, &p, e);
	return rc == EC_OK ? system_change_password(&s->service, p.login, secret, e) : rc;
}

static enum ec system_remove(struct accounts *a, const struct account *who, struct err *e)
{
	struct accounts_system *s = system_of(a);
	struct local_user p;
	enum ec rc = only_root(e);

	if (rc == EC_OK)
		rc = local_user_find(who->name.local, s->uid_min, &p, e);
	if (rc == EC_OK && local_user_is_admin(&p))
		rc = err_set(e, EC_REFUSED, "user %s is an administrator of this computer",
			     p.login);
	return rc == EC_OK ? tool_remove_user(p.login, e) : rc;
}

/* ---- open, close ---- */

static void system_close(struct accounts **a)
{
	if (*a)
		arena_drop(&system_of(*a)->mem);
	free(*a);
	*a = NULL;
}

static const struct accounts_ops system_ops = {
	.name = "system",
	.rule = NAME_SYSTEM,
	.by_root = true,
	.find = system_find,
	.resolve = system_resolve,
	.verify = system_verify,
	.reveal = system_reveal,
	.create = system_create,
	.set_password = system_set_password,
	.remove = system_remove,
	.close = system_close,
};

static const char *computer_name(struct arena *mem, const char *given)
{
	char host[256] = "";

	if (given)
		return arena_strz(mem, given);
	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	size_t len = strcspn(host, ".");
	return arena_str(mem, host, len < COMPUTER_MAX ? len : COMPUTER_MAX);
}

/* libpam looks for it in lower case. */
static const char *service_name(struct arena *mem, const char *given)
{
	char *name = arena_strz(mem, given);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

enum ec accounts_system_open(struct mailroot *root, const struct accounts_system_setup *setup,
			     const struct log *log, struct accounts **out, struct err *e)
{
	struct accounts_system *s = mem_new(sizeof(*s));
	struct arena *mem = arena_new("local accounts", 512);

	*s = (struct accounts_system){
		.accounts = { .ops = &system_ops },
		.root = root,
		.mem = mem,
		.service = { service_name(mem, setup->pam_service),
			     arena_strz(mem, setup->pam_dir) },
		.group = arena_strz(mem, setup->group),
		.computer = computer_name(mem, setup->computer),
		.uid_min = local_uid_min(),
		.as_users = setup->as_users,
	};
	*out = &s->accounts;
	enum ec rc = system_service_there(&s->service, e);
	if (rc == EC_OK && !crypt_gensalt_rn(NULL, 0, NULL, 0, s->stand_in, sizeof(s->stand_in)))
		rc = err_set(e, EC_BROKEN, "libcrypt has no method for passwords");
	if (rc != EC_OK)
		system_close(out);
	else if (shadow_hidden())
		log_event(log, LV_WARN, "shadow-hidden", KV("pam_service", s->service.name),
			  KV("text", "passwords of this computer cannot be read; put the user of "
				     "the service into group shadow"));
	return rc;
}
