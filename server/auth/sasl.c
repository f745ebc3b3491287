/* sasl.c - the only caller of libsasl.
 *
 * What libsasl would like to decide by itself is decided here: no configuration file is read (no
 * application name is given, and files are refused besides), only plug-ins of our table are loaded,
 * one mechanism is enabled per connection object, passwords are proved by a callback, secrets come
 * from our property plug-in, names are made canonical by ours - no realm is ever appended, so
 * kim@example.com and kim@example.org stay two people in every mechanism.
 *
 * libsasl is initialised once per process and never taken down: it keeps one global state, plug-ins
 * do not survive a second start, and others in the process (libldap) share it. That is why what is known
 * about it is here, the one thing in this folder that lives outside a struct's owner. Allocation and
 * mutex functions must be set before anybody in the process touches libsasl; without them it does
 * not lock at all, frees passwords as they are, and writes behind its buffers.
 */
#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/attempt.h"
#include "server/auth/cache.h"
#include "server/auth/ntlm.h"
#include "server/auth/principal.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

/* libsasl's type for "any function"; the detour over void is one that compilers accept. */
#define PROC(f) ((int (*)(void))(void (*)(void))(f))

/* Stands where a name should be that is none; no account can be called so. */
#define NO_NAME "?"
static const struct name nobody = { .local = "nobody", .domain = "invalid" };

/* ---- memory and locks for libsasl ---- */

/* Every block has a little room behind its end: libsasl 2.1.28 terminates an error text that fills
 * its buffer one octet too far (sasl_seterror), and a client can choose such a length in SCRAM. */
#define SLACK 16

static void *roomy_calloc(size_t n, size_t each)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, each, &bytes) || bytes > SIZE_MAX - SLACK)
		return NULL;
	return mem_zeroed(bytes + SLACK);
}

static void *roomy_malloc(size_t n)
{
	return roomy_calloc(1, n);
}

/* Passwords pass through buffers libsasl and its plug-ins free without a thought. */
static void wiping_free(void *p)
{
	if (p)
		wipe(p, malloc_usable_size(p));
	free(p);
}

static void *wiping_realloc(void *p, size_t n)
{
	void *q = roomy_malloc(n);
	size_t had = p ? malloc_usable_size(p) : 0;

	if (!q)
		return NULL;
	if (p)
		memcpy(q, p, had < n ? had : n);
	wiping_free(p);
	return q;
}

static void *lock_new(void)
{
	pthread_mutex_t *m = mem_new(sizeof(*m));

	pthread_mutex_init(m, NULL);
	return m;
}

static int lock_take(void *m)
{
	return pthread_mutex_lock(m) == 0 ? SASL_OK : SASL_FAIL;
}

static int lock_drop(void *m)
{
	return pthread_mutex_unlock(m) == 0 ? SASL_OK : SASL_FAIL;
}

static void lock_free(void *m)
{
	pthread_mutex_destroy(m);
	free(m);
}

/* ---- what plug-ins of ours ask ---- */

struct attempt *attempt_of(struct sasl_server_params *params)
{
	sasl_callback_ft proc = NULL;
	void *context = NULL;
	int rc = params->utils->getcallback(params->utils->conn, SASL_CB_SERVER_USERDB_CHECKPASS,
					    &proc, &context);

	return rc == SASL_OK ? context : NULL;
}

/* ---- what libsasl asks ---- */

static const struct {
	const char *option, *value;
} options[] = {
	{ "auxprop_plugin", AUXPROP_NAME },
	{ "auto_transition", "no" },
	{ "canon_user_plugin", "INTERNAL" },
	{ "pwcheck_method", "none" }, /* our callback has said no: nobody else is asked */
};

/* libsasl as this process has it; KEYTAB_MAX is what the GSSAPI plug-in takes. */
#define KEYTAB_MAX 1024
static struct {
	pthread_mutex_t lock;
	bool done;
	int rc;
	char keytab[KEYTAB_MAX + 1]; /* "" = no GSSAPI */
} library = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* context: the attempt, or NULL while libsasl is being set up. */
static int tell_option(void *context, const char *plugin, const char *option, const char **result,
		       unsigned *len)
{
	const struct attempt *at = context;
	const char *value = NULL;

	(void)plugin;
	if (at && strcmp(option, "mech_list") == 0)
		value = at->mech ? at->mech->name : "";
	if (strcmp(option, "keytab") == 0 && library.keytab[0])
		value = library.keytab;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(option, options[i].option) == 0)
			value = options[i].value;
	}
	if (!value)
		return SASL_FAIL;
	*result = value;
	if (len)
		*len = (unsigned)strlen(value);
	return SASL_OK;
}

static int judge_file(void *context, const char *file, sasl_verify_type_t type)
{
	unsigned has = MECH_SECRET | (library.keytab[0] ? MECH_KEYTAB : 0);

	(void)context;
	return type == SASL_VRFY_PLUGIN && mech_plugin_wanted(file, has) ? SASL_OK : SASL_CONTINUE;
}

/* libsasl's deepest levels print protocol data and passwords; those are dropped unread. */
static int take_log(void *context, int level, const char *message)
{
	const struct attempt *at = context;

	if (at && level < SASL_LOG_TRACE)
		log_event(at->log, LV_TRACE, "sasl", KV_U("level", level), KV("text", message));
	return SASL_OK;
}

void attempt_blame(struct attempt *at, enum ec class, const struct err *e)
{
	if (class == EC_OK || (at->class != EC_OK && class < EC_BUSY))
		return;
	at->class = class == EC_REFUSED || class >= EC_BUSY ? class : EC_DENIED;
	at->why = *e;
}

const char *attempt_account(const struct attempt *at, char text[NAME_TEXT_MAX + 1])
{
	return at->named ? name_text(&at->account.name, text) : at->typed;
}

/* Already looked up, or what came of it: libsasl asks for one identity more than once. */
static bool is_known(const struct attempt *at, const char *in, unsigned len)
{
	char text[NAME_TEXT_MAX + 1];

	if (!at->resolved || len > NAME_TEXT_MAX)
		return false;
	if (strlen(at->typed) == len && memcmp(at->typed, in, len) == 0)
		return true;
	return at->named && strlen(name_text(&at->account.name, text)) == len &&
	       memcmp(text, in, len) == 0;
}

/* Who is meant. Of what Kerberos says, a realm is a part that is not typed by anybody. */
static enum ec resolve(struct attempt *at, const char *in, unsigned len, struct err *e)
{
	struct accounts *acc = at->setup->accounts;
	char typed[PRINCIPAL_MAX + 1];

	if (!at->mech || !(at->mech->wants & MECH_KEYTAB))
		return acc->ops->resolve(acc, in, len, &at->account, e);
	enum ec ec = principal_typed(in, len, at->setup->of_domain, typed, e);
	return ec == EC_OK ? acc->ops->resolve(acc, typed, strlen(typed), &at->account, e) : ec;
}

/* The identity to sign in as, out of foreign bytes. A malformed one goes on as nobody, so that it
 * costs and ends like an account that does not exist. */
static void take_identity(struct attempt *at, const char *in, unsigned len)
{
	struct err e = { 0 };
	size_t keep = len < NAME_TEXT_MAX ? len : NAME_TEXT_MAX;
	enum ec ec = resolve(at, in, len, &e);

	memcpy(at->typed, in, keep);
	at->typed[keep] = 0;
	at->resolved = true;
	at->named = ec == EC_OK;
	if (!at->named) {
		at->account = (struct account){ .name = nobody };
		attempt_blame(at, ec, &e);
	}
}

/* Whom the client wants to act for, spelled as it likes: a name, or "?" if that is nobody. */
static void other_identity(struct attempt *at, const char *in, unsigned len,
			   char text[NAME_TEXT_MAX + 1])
{
	struct accounts *acc = at->setup->accounts;
	struct account other;
	struct err e = { 0 };
	enum ec ec = acc->ops->resolve(acc, in, len, &other, &e);

	if (ec == EC_OK)
		name_text(&other.name, text);
	attempt_blame(at, ec, &e);
}

/* libsasl compares what we return for the two identities, and refuses when they differ. */
static int make_canonical(sasl_conn_t *conn, void *context, const char *in, unsigned len,
			  unsigned flags, const char *realm, char *out, unsigned out_max,
			  unsigned *out_len)
{
	struct attempt *at = context;
	char text[NAME_TEXT_MAX + 1] = NO_NAME;
	bool known = is_known(at, in, len);

	(void)conn;
	(void)realm;
	if (!known && (flags & SASL_CU_AUTHID)) {
		take_identity(at, in, len);
		known = true;
	}
	if (!known)
		other_identity(at, in, len, text);
	else if (at->named)
		name_text(&at->account.name, text);
	*out_len = (unsigned)strlen(text);
	if (*out_len >= out_max)
		return SASL_BUFOVER;
	memcpy(out, text, *out_len + 1);
	return SASL_OK;
}

/* ---- passwords ---- */

static void remember(struct attempt *at, const struct cache_tag *tag, enum ec ec,
		     const struct err *e)
{
	const struct name *who = &at->account.name;
	uint64_t now = clock_mono_ms();

	if (ec == EC_OK && at->setup->cache_s > 0 && at->account.enabled)
		cache_keep(at->cache, tag, who, CACHED_RIGHT, now + at->setup->cache_s * 1000ull);
	else if (ec == EC_DENIED && e->detail == REFUSAL_NONE && at->setup->shield_s > 0)
		cache_keep(at->cache, tag, who, CACHED_WRONG, now + at->setup->shield_s * 1000ull);
}

/* What accounts say, unless their answer is remembered and may be used still. */
static enum ec prove(struct attempt *at, const struct secret *pass, struct err *e)
{
	const struct auth_setup *s = at->setup;
	struct cache_tag tag;
	bool kept = (s->shield_s > 0 || s->cache_s > 0) &&
		    cache_tag(at->cache, at->whose, &at->account, pass, &tag);
	enum cached was = kept ? cache_ask(at->cache, &tag, clock_mono_ms()) : CACHED_NOTHING;
	enum ec ec;

	if (was == CACHED_RIGHT && s->cache_s > 0)
		return EC_OK;
	at->shielded = was == CACHED_WRONG && s->shield_s > 0;
	if (at->shielded)
		return err_set(e, EC_DENIED, "a wrong password that was tried before");
	if (at->now)
		ec = s->accounts->ops->verify_now(s->accounts, &at->account, pass);
	else
		ec = s->accounts->ops->verify(s->accounts, &at->account, pass, e);
	if (kept)
		remember(at, &tag, ec, e);
	return ec;
}

static int check_password(sasl_conn_t *conn, void *context, const char *user, const char *pass,
			  unsigned len, struct propctx *props)
{
	struct attempt *at = context;
	const struct secret lent = { .bytes = (unsigned char *)pass, .len = len };
	struct err e = { 0 };
	enum ec ec;

	(void)conn;
	(void)user;
	(void)props;
	if (at->class >= EC_BUSY) /* whom we could not ask a moment ago we need not ask again */
		return SASL_BADAUTH;
	if (len == 0) /* some directories take it for an anonymous sign-in, and say yes */
		ec = err_set(&e, EC_DENIED, "empty password");
	else
		ec = prove(at, &lent, &e);
	attempt_blame(at, ec, &e);
	return at->class == EC_OK ? SASL_OK : SASL_BADAUTH;
}

/* ---- once per process ---- */

static int set_up(void)
{
	static const sasl_callback_t calls[] = {
		{ SASL_CB_GETOPT, PROC(tell_option), NULL },
		{ SASL_CB_VERIFYFILE, PROC(judge_file), NULL },
		{ SASL_CB_LOG, PROC(take_log), NULL },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	int rc;

	sasl_set_alloc(roomy_malloc, roomy_calloc, wiping_realloc, wiping_free);
	sasl_set_mutex(lock_new, lock_take, lock_drop, lock_free);
	rc = sasl_server_init(calls, NULL);
	if (rc == SASL_OK)
		rc = auxprop_register();
	return rc == SASL_OK ? ntlm_register() : rc;
}

enum ec attempt_library(const char *keytab, struct err *e)
{
	int rc;

	pthread_mutex_lock(&library.lock);
	if (!library.done) {
		snprintf(library.keytab, sizeof(library.keytab), "%s", keytab);
		library.rc = set_up();
		library.done = true;
	}
	rc = library.rc;
	pthread_mutex_unlock(&library.lock);
	if (rc == SASL_OK)
		return EC_OK;
	return err_set(e, EC_BROKEN, "Cyrus SASL cannot be initialised: %s",
		       sasl_errstring(rc, NULL, NULL));
}

/* Asked of a connection object: the process-wide list also holds what others load as clients. */
bool attempt_can(const struct mech *m)
{
	char want[MECH_LABEL_MAX + 3];
	const char *have = NULL;
	sasl_conn_t *conn = NULL;
	bool found;

	if (!m->plugin)
		return true; /* and not listed before there is a certificate */
	if (sasl_server_new("any", "localhost", NULL, NULL, NULL, NULL, 0, &conn) != SASL_OK)
		return false;
	snprintf(want, sizeof(want), " %s ", m->name);
	found = sasl_listmech(conn, NULL, " ", " ", " ", &have, NULL, NULL) == SASL_OK &&
		strstr(have, want);
	sasl_dispose(&conn);
	return found;
}

/* ---- one attempt ---- */

static bool set_properties(struct attempt *at)
{
	const struct auth_facts *f = at->facts;
	sasl_security_properties_t props = { .security_flags = SASL_SEC_NOANONYMOUS };
	sasl_ssf_t bits = f->secure ? f->tls_bits : 0;
	int rc;

	if (!f->secure && !f->clear_ok) /* a second lock on a door that is shut already */
		props.security_flags |= SASL_SEC_NOPLAINTEXT;
	rc = sasl_setprop(at->conn, SASL_SEC_PROPS, &props);
	if (rc == SASL_OK && bits > 0)
		rc = sasl_setprop(at->conn, SASL_SSF_EXTERNAL, &bits);
	if (rc == SASL_OK && f->cert_name)
		rc = sasl_setprop(at->conn, SASL_AUTH_EXTERNAL, f->cert_name);
	if (rc == SASL_OK && f->binding_name && at->mech && at->mech->plus) {
		at->binding = (sasl_channel_binding_t){ .name = f->binding_name,
							.critical = at->plus,
							.len = f->binding_len,
							.data = f->binding };
		rc = sasl_setprop(at->conn, SASL_CHANNEL_BINDING, &at->binding);
	}
	return rc == SASL_OK;
}

/* What a try leaves in libsasl's connection object is its mechanism's doing. A password leaves nothing but the name that it was
 * for: our callbacks judge it, and what they say is not kept (sasl_checkpass). So the event loops, which prove passwords by the
 * thousand from memory, have an object each for good; making one takes a third of the time that such a proof does. */
static pthread_key_t kept; /* whose destructor closes a thread's */

static void attempt_free(void *p)
{
	struct attempt *at = p;

	if (at->conn)
		sasl_dispose(&at->conn);
	wipe(at, sizeof(*at));
	free(at);
}

static void make_key(void)
{
	if (pthread_key_create(&kept, attempt_free) != 0)
		die("no thread key left");
}

struct attempt *attempt_new(void)
{
	return mem_new(sizeof(struct attempt));
}

struct attempt *attempt_here(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_key);
	struct attempt *at = pthread_getspecific(kept);
	if (!at) {
		at = attempt_new();
		at->here = true;
		if (pthread_setspecific(kept, at) != 0)
			die("out of memory");
	}
	return at;
}

bool attempt_open(struct attempt *at)
{
	const sasl_callback_t calls[] = {
		{ SASL_CB_GETOPT, PROC(tell_option), at },
		{ SASL_CB_LOG, PROC(take_log), at },
		{ SASL_CB_CANON_USER, PROC(make_canonical), at },
		{ SASL_CB_SERVER_USERDB_CHECKPASS, PROC(check_password), at },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	int rc;

	if (at->conn)
		return true;
	static_assert(sizeof(calls) == sizeof(at->calls), "one list, two sizes");
	memcpy(at->calls, calls, sizeof(calls));
	rc = sasl_server_new(at->setup->service, at->setup->hostname, NULL, NULL, NULL, at->calls,
			     0, &at->conn);
	/* What is so of one client must not stay for the next. */
	if (rc == SASL_OK && (at->here || set_properties(at)))
		return true;
	if (at->conn)
		sasl_dispose(&at->conn);
	at->class =
		err_set(&at->why, EC_TEMP, "no SASL context: %s", sasl_errstring(rc, NULL, NULL));
	return false;
}

/* A certificate or a ticket proves who somebody is, not that there is such an account. */
static void vouch(struct attempt *at)
{
	struct accounts *acc = at->setup->accounts;
	struct account found;
	struct err e = { 0 };
	enum ec ec = acc->ops->find(acc, &at->account.name, &found, &e);

	if (ec == EC_OK && !found.enabled) {
		ec = err_set(&e, EC_REFUSED, "the account is disabled, or not in the group");
		e.detail = REFUSAL_DISABLED;
	}
	attempt_blame(at, ec, &e);
}

static void forget_password(struct attempt *at)
{
	struct propctx *props = sasl_auxprop_getctx(at->conn);

	if (!props)
		return;
	prop_erase(props, PROP_PASSWORD);
	prop_erase(props, PROP_SCRAM_KEYS);
}

/* What libsasl says, weighed against what accounts said. */
static enum auth_state conclude(struct attempt *at, int rc)
{
	struct err e = { 0 };

	forget_password(at);
	if (rc == SASL_CONTINUE)
		return AUTH_MORE;
	if (rc == SASL_OK && at->class == EC_OK && at->mech && at->mech->vouched)
		vouch(at);
	if (rc == SASL_OK && at->class == EC_OK && at->named)
		return AUTH_DONE;
	err_set(&e, EC_DENIED, "%s", sasl_errdetail(at->conn));
	attempt_blame(at, EC_DENIED, &e);
	return AUTH_FAILED;
}

enum auth_state attempt_start(struct attempt *at, const char *ir, size_t len,
			      const char **challenge, size_t *challenge_len)
{
	unsigned out_len = 0;
	const char *out = NULL;
	int rc = sasl_server_start(at->conn, at->plus ? at->mech->plus : at->mech->name, ir,
				   (unsigned)len, &out, &out_len);

	at->turn = ir ? 1 : 0;
	*challenge = out ? out : "";
	*challenge_len = out_len;
	return conclude(at, rc);
}

enum auth_state attempt_step(struct attempt *at, const char *p, size_t len, const char **challenge,
			     size_t *challenge_len)
{
	unsigned out_len = 0;
	const char *out = NULL;
	int rc = sasl_server_step(at->conn, p, (unsigned)len, &out, &out_len);

	at->turn++;
	*challenge = out ? out : "";
	*challenge_len = out_len;
	return conclude(at, rc);
}

enum auth_state attempt_pass(struct attempt *at, const char *user, size_t user_len,
			     const struct secret *pass)
{
	const char *text = pass->len ? (const char *)pass->bytes : "";

	return conclude(
		at, sasl_checkpass(at->conn, user, (unsigned)user_len, text, (unsigned)pass->len));
}

enum auth_state attempt_apop(struct attempt *at, const char *stamp, const char *response)
{
	return conclude(at, sasl_checkapop(at->conn, stamp, (unsigned)strlen(stamp), response,
					   (unsigned)strlen(response)));
}

void attempt_close(struct attempt **pat)
{
	struct attempt *at = *pat;

	*pat = NULL;
	if (at && at->here)
		wipe(at, offsetof(struct attempt, conn));
	else if (at)
		attempt_free(at);
}
