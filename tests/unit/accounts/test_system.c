/* system: users of this computer, with PAM services of our own in a directory of our own. The user is nobody, whom every
 * computer has; nothing here changes a user. */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/accounts/system.h"
#include "server/base/clock.h"
#include "tests/unit/store/tree.h"

#define WHO "nobody"
#define BOX WHO "@example.com"
#define MATRIX PAM_MODULES "/pam_matrix.so"
#define QUICK_MS 15000 /* libpam would sleep for 20 to 60 seconds */

struct local {
	struct tree tree;
	char dir[80];
	struct accounts *a;
};

/* A PAM service of this text, and the accounts that use it. */
static enum ec serve(struct local *l, const char *name, const char *text, struct err *e)
{
	const struct accounts_system_setup setup = {
		.pam_service = name, .group = "pop3users", .computer = "MAILHOST", .pam_dir = l->dir
	};
	const struct log silent = { 0 };
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	if (l->a)
		l->a->ops->close(&l->a);
	return accounts_system_open(l->tree.root, &setup, &silent, &l->a, e);
}

static void serve_ok(struct local *l, const char *text)
{
	struct err e;

	assert_ec(serve(l, "stack", text, &e), EC_OK);
}

/* nobody's password is "right". */
static void serve_matrix(struct local *l, const char *options)
{
	char text[700], passdb[120];

	snprintf(passdb, sizeof(passdb), "%s/passdb", l->dir);
	FILE *f = fopen(passdb, "w");
	assert_non_null(f);
	fputs(WHO ":right:stack\n", f);
	fclose(f);
	snprintf(text, sizeof(text),
		 "auth required %s passdb=%s %s\naccount required %s passdb=%s %s\n", MATRIX,
		 passdb, options, MATRIX, passdb, options);
	serve_ok(l, text);
}

static int setup(void **state)
{
	static struct local l;

	l = (struct local){ 0 };
	tree_setup(&l.tree);
	tree_add_mailbox(&l.tree, BOX);
	strcat(strcpy(l.dir, l.tree.path), ".pam");
	assert_int_equal(mkdir(l.dir, 0700), 0);
	*state = &l;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	struct local *l = *state;

	if (l->a)
		l->a->ops->close(&l->a);
	nftw(l->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	tree_teardown(&l->tree);
	return 0;
}

static enum ec verify_octets(struct accounts *a, const char *who, const void *p, size_t len,
			     struct err *e)
{
	struct account account = { .name = tree_name(who) };
	struct secret s = { 0 };

	*e = (struct err){ 0 };
	secret_set(&s, p, len);
	enum ec rc = a->ops->verify(a, &account, &s, e);
	secret_drop(&s);
	return rc;
}

static enum ec verify(struct local *l, const char *who, const char *password)
{
	struct err e;

	return verify_octets(l->a, who, password, strlen(password), &e);
}

static struct local_user nobody_here(void)
{
	struct local_user p;
	struct err e;

	assert_ec(local_user_find(WHO, 1, &p, &e), EC_OK);
	return p;
}

/* Where his password may not be read, "wrong" from PAM may be trouble of ours. */
static enum ec wrong(void)
{
	return nobody_here().shadow == SHADOW_HIDDEN ? EC_BROKEN : EC_DENIED;
}

static void right_and_wrong(void **state)
{
	struct local *l = *state;

	serve_matrix(l, "");
	assert_ec(verify(l, BOX, "right"), EC_OK);
	assert_ec(verify(l, BOX, "Right"), wrong());
	assert_ec(verify(l, BOX, "right "), wrong());
	assert_ec(verify(l, "no-such-user@example.com", "right"), EC_DENIED);
	assert_ec(verify(l, "root@example.com", "right"), EC_DENIED);
}

/* A C string would end earlier than the password does. */
static void what_pam_cannot_take(void **state)
{
	struct local *l = *state;
	char longest[600];
	struct err e;

	serve_matrix(l, "");
	assert_ec(verify_octets(l->a, BOX, "right\0x", 7, &e), wrong());
	assert_ec(verify_octets(l->a, BOX, "right\0", 6, &e), wrong());
	assert_ec(verify_octets(l->a, BOX, "", 0, &e), wrong());
	memset(longest, 'r', sizeof(longest));
	assert_ec(verify_octets(l->a, BOX, longest, sizeof(longest), &e), wrong());
	assert_ec(verify_octets(l->a, BOX, longest, 511, &e), wrong());
}

/* Some modules speak without room for an answer. */
static void modules_that_only_speak(void **state)
{
	struct local *l = *state;

	serve_matrix(l, "verbose");
	assert_ec(verify(l, BOX, "right"), EC_OK);
	assert_ec(verify(l, BOX, "wrong"), wrong());
}

/* A service that lets everybody in lets in no strangers. */
static void strangers_are_not_for_pam_to_judge(void **state)
{
	struct local *l = *state;

	serve_ok(l, "auth required pam_permit.so\naccount required pam_permit.so\n");
	assert_ec(verify(l, BOX, "x"), EC_OK);
	assert_ec(verify(l, "root@example.com", "x"), EC_DENIED);
	assert_ec(verify(l, "daemon@example.com", "x"), EC_DENIED);
	assert_ec(verify(l, "no-such-user@example.com", "x"), EC_DENIED);
	assert_ec(verify(l, WHO "@invalid", "x"), EC_DENIED); /* has no mailbox */
}

static void what_pam_says(void **state)
{
	static const struct {
		const char *auth, *acct;
		enum ec class; /* EC_DENIED: or what a hidden shadow makes of it */
		enum refusal detail;
	} cases[] = {
		{ "success", "success", EC_OK, REFUSAL_NONE },
		{ "auth_err", "success", EC_DENIED, REFUSAL_NONE },
		{ "user_unknown", "success", EC_DENIED, REFUSAL_NONE },
		{ "perm_denied", "success", EC_DENIED, REFUSAL_NONE },
		{ "acct_expired", "success", EC_DENIED, REFUSAL_NONE },
		{ "maxtries", "success", EC_DENIED, REFUSAL_LOCKED_OUT },
		{ "authinfo_unavail", "success", EC_TEMP, REFUSAL_NONE },
		{ "buf_err", "success", EC_TEMP, REFUSAL_NONE },
		{ "abort", "success", EC_BROKEN, REFUSAL_NONE },
		{ "service_err", "success", EC_BROKEN, REFUSAL_NONE },
		{ "system_err", "success", EC_BROKEN, REFUSAL_NONE },
		{ "cred_insufficient", "success", EC_BROKEN, REFUSAL_NONE },
		{ "conv_err", "success", EC_BROKEN, REFUSAL_NONE },
		{ "module_unknown", "success", EC_BROKEN, REFUSAL_NONE },
		{ "success", "acct_expired", EC_REFUSED, REFUSAL_DISABLED },
		{ "success", "authtok_expired", EC_REFUSED, REFUSAL_EXPIRED },
		{ "success", "auth_err", EC_REFUSED, REFUSAL_NONE },
		{ "success", "perm_denied", EC_REFUSED, REFUSAL_NONE },
		{ "success", "authinfo_unavail", EC_TEMP, REFUSAL_NONE },
		{ "success", "service_err", EC_BROKEN, REFUSAL_NONE },
	};
	struct local *l = *state;
	struct err e;
	char text[300];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "auth required pam_debug.so auth=%s\naccount required pam_debug.so "
			 "acct=%s\n",
			 cases[i].auth, cases[i].acct);
		serve_ok(l, text);
		enum ec class = cases[i].class == EC_DENIED ? wrong() : cases[i].class;
		enum ec got = verify_octets(l->a, BOX, "x", 1, &e);
		if (got != class || (class != EC_BROKEN && e.detail != (int)cases[i].detail))
			fail_msg("%s, %s: %s %d", cases[i].auth, cases[i].acct, ec_name(got),
				 e.detail);
		/* Trouble is trouble for strangers too; all else is a wrong password. */
		class = class == EC_TEMP || cases[i].class == EC_BROKEN ? class : EC_DENIED;
		got = verify_octets(l->a, "root@example.com", "x", 1, &e);
		if (cases[i].acct[0] == 's' || class == EC_DENIED)
			assert_ec(got, class);
	}
}

/* Whoever was proved by somebody else: an old password is no matter. */
static void what_pam_says_of_others_proofs(void **state)
{
	static const struct {
		const char *acct;
		enum ec class;
		bool enabled;
	} cases[] = {
		{ "success", EC_OK, true },          { "new_authtok_reqd", EC_OK, true },
		{ "acct_expired", EC_OK, false },    { "authtok_expired", EC_OK, false },
		{ "perm_denied", EC_OK, false },     { "authinfo_unavail", EC_TEMP, false },
		{ "service_err", EC_BROKEN, false },
	};
	struct local *l = *state;
	struct name box = tree_name(BOX);
	struct account found;
	struct err e;
	char text[160];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "auth required pam_deny.so\naccount required pam_debug.so acct=%s\n",
			 cases[i].acct);
		serve_ok(l, text);
		bool blind = shadow_hidden() && cases[i].class == EC_OK && !cases[i].enabled;
		enum ec got = l->a->ops->find(l->a, &box, &found, &e);
		if (got != (blind ? EC_BROKEN : cases[i].class) ||
		    (got == EC_OK && found.enabled != cases[i].enabled))
			fail_msg("%s: %s", cases[i].acct, ec_name(got));
	}
}

/* Its text does not depend on what passwd says: it is expired only if shadow says how long it may last. */
static void must_change(void **state)
{
	struct local *l = *state;
	struct local_user p = nobody_here();
	struct err e;

	serve_ok(l, "auth required pam_debug.so\naccount required pam_debug.so "
		    "acct=new_authtok_reqd\n");
	assert_ec(verify_octets(l->a, BOX, "x", 1, &e), EC_REFUSED);
	assert_int_equal(e.detail, p.must_change ? REFUSAL_MUST_CHANGE : REFUSAL_EXPIRED);
}

static void a_stack_that_does_not_work(void **state)
{
	struct local *l = *state;
	struct err e;

	serve_ok(l, "auth required pam_no_such_module.so\naccount required pam_permit.so\n");
	assert_ec(verify(l, BOX, "x"), EC_BROKEN);
	assert_ec(verify(l, "root@example.com", "x"), EC_BROKEN);
	assert_ec(serve(l, "Stack", "auth required pam_permit.so\n", &e), EC_OK); /* as "stack" */
	assert_ec(verify(l, BOX, "x"), EC_BROKEN);
}

static void no_such_service(void **state)
{
	struct local *l = *state;
	struct accounts_system_setup setup = { .pam_service = "nothere",
					       .group = "g",
					       .pam_dir = l->dir };
	const struct log silent = { 0 };
	struct err e;

	assert_ec(accounts_system_open(l->tree.root, &setup, &silent, &l->a, &e), EC_BROKEN);
	assert_null(l->a);
	assert_non_null(strstr(e.text, "nothere"));
	setup.pam_service = "../stack";
	assert_ec(accounts_system_open(l->tree.root, &setup, &silent, &l->a, &e), EC_BROKEN);
	setup.pam_service = ".."; /* can be read, and "other" would answer for it */
	assert_ec(accounts_system_open(l->tree.root, &setup, &silent, &l->a, &e), EC_BROKEN);
}

static void nobody_sleeps(void **state)
{
	struct local *l = *state;
	uint64_t began = clock_mono_ms();

	serve_ok(l, "auth required pam_faildelay.so delay=40000000\nauth required pam_deny.so\n"
		    "account required pam_permit.so\n");
	assert_ec(verify(l, BOX, "x"), wrong());
	assert_ec(verify(l, "root@example.com", "x"), EC_DENIED);
	assert_true(clock_mono_ms() - began < QUICK_MS);
}

/* ---- names ---- */

static enum ec resolve(struct local *l, const char *typed, char text[NAME_TEXT_MAX + 1])
{
	struct account account;
	struct err e;
	size_t len = strlen(typed);
	char *exact = malloc(len ? len : 1); /* a reader beyond its end is seen */

	memcpy(exact, typed, len);
	enum ec rc = l->a->ops->resolve(l->a, exact, len, &account, &e);
	free(exact);
	if (rc == EC_OK)
		name_text(&account.name, text);
	return rc;
}

static void who_is_meant(void **state)
{
	static const struct {
		const char *typed;
		enum ec class;
		const char *who;
	} cases[] = {
		{ BOX, EC_OK, BOX },
		{ "Nobody@EXAMPLE.com", EC_OK, BOX },
		{ "nobody", EC_OK, BOX },
		{ "NOBODY", EC_OK, BOX },
		{ "MAILHOST\\nobody", EC_OK, BOX },
		{ "mailhost\\Nobody", EC_OK, BOX },
		{ "mailhost\\nobody@example.com", EC_OK, BOX },
		{ "other\\nobody", EC_ABSENT, NULL },
		{ "mailhos\\nobody", EC_ABSENT, NULL },
		{ "\\nobody", EC_ABSENT, NULL },
		{ "mailhost\\", EC_USAGE, NULL },
		{ "mailhost\\a\\b", EC_USAGE, NULL },
		{ "stranger@example.com", EC_OK, "stranger@example.com" },
		{ "stranger", EC_OK, "stranger@invalid" }, /* as slow as everybody */
		{ "root", EC_OK, "root@invalid" },
		{ "mailhost\\daemon", EC_OK, "daemon@invalid" },
		{ "", EC_USAGE, NULL },
		{ "no body", EC_USAGE, NULL },
		{ "no/body", EC_USAGE, NULL },
		{ "..", EC_OK, "..@invalid" },
		{ "twenty-one-characters", EC_USAGE, NULL },
		{ "twenty-one-characters@example.com", EC_USAGE, NULL },
		{ "sixty-five-characters-are-more-than-any-name-has-anywhere-in-here", EC_USAGE,
		  NULL },
	};
	struct local *l = *state;
	char text[NAME_TEXT_MAX + 1];

	serve_matrix(l, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum ec rc = resolve(l, cases[i].typed, text);
		if (rc != cases[i].class)
			fail_msg("%s: %s", cases[i].typed, ec_name(rc));
		if (rc == EC_OK)
			assert_string_equal(text, cases[i].who);
	}
}

/* As a tree copied from elsewhere may have it. */
static void one_user_in_two_domains(void **state)
{
	struct local *l = *state;
	struct name other = tree_name("example.net"), box = tree_name(BOX);
	struct name second = tree_name(WHO "@example.net");
	char text[NAME_TEXT_MAX + 1];
	struct account found;
	struct err e;

	serve_matrix(l, "");
	assert_ec(l->a->ops->find(l->a, &box, &found, &e), EC_OK);
	assert_ec(mailroot_add_domain(l->tree.root, &other, &e), EC_OK);
	assert_ec(l->a->ops->find(l->a, &box, &found, &e), EC_OK);
	assert_ec(l->a->ops->find(l->a, &second, &found, &e), EC_REFUSED);
	assert_non_null(strstr(e.text, BOX));
	assert_ec(resolve(l, WHO, text), EC_OK);
	tree_add_mailbox(&l->tree, WHO "@example.net");
	assert_ec(resolve(l, WHO, text), EC_ABSENT);
	assert_ec(resolve(l, BOX, text), EC_OK);
	assert_ec(l->a->ops->find(l->a, &box, &found, &e), EC_REFUSED);
}

static void what_is_known_of_a_user(void **state)
{
	struct local *l = *state;
	struct name box = tree_name(BOX), root = tree_name("root@example.com");
	struct name none = tree_name("no-such-user@example.com");
	struct account found;
	struct secret s = { 0 };
	struct err e;

	serve_matrix(l, "");
	assert_ec(l->a->ops->find(l->a, &box, &found, &e), EC_OK);
	assert_true(name_equal(&found.name, &box));
	assert_string_equal(found.logon, WHO);
	assert_true(found.enabled && !found.admin);
	assert_int_equal(found.stamp[0] == '\0', nobody_here().shadow == SHADOW_HIDDEN);
	assert_ec(l->a->ops->find(l->a, &none, &found, &e), EC_ABSENT);
	assert_ec(l->a->ops->find(l->a, &root, &found, &e), EC_ABSENT);
	assert_non_null(strstr(e.text, "the system itself"));
	found.name = box;
	assert_ec(l->a->ops->reveal(l->a, &found, SECRET_CLEAR, &s, &e), EC_REFUSED);
	assert_ec(l->a->ops->reveal(l->a, &found, SECRET_NT_HASH, &s, &e), EC_REFUSED);
	assert_int_equal(l->a->reveals, 0);
	assert_true(local_user_is_admin(&(struct local_user){ .login = "root" }));
	assert_ec(local_user_free("root", &e), EC_EXISTS);
	assert_ec(local_user_free("no-such-user", &e), EC_OK);
}

/* ---- changes ---- */

static int change_as_nobody(struct local *l)
{
	struct account_wish account = { .name = tree_name("fresh@example.com") };
	struct name box = tree_name(BOX);
	struct secret s = { 0 };
	struct err e;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 1;
	secret_set(&s, "Pa55word", 8);
	bool good = l->a->ops->create(l->a, &account, &s, NULL, &e) == EC_DENIED &&
		    l->a->ops->set_password(l->a, &box, &s, &e) == EC_DENIED &&
		    l->a->ops->remove(l->a, &(struct account){ .name = box }, &e) == EC_DENIED;
	secret_drop(&s);
	return good ? 0 : 2;
}

static void root_alone_changes_users(void **state)
{
	struct local *l = *state;
	int status;

	serve_matrix(l, "");
	pid_t pid = fork();
	if (pid == 0)
		_exit(change_as_nobody(l));
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_int_equal(status, 0);
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS 20

static void *sign_in_often(void *ctx)
{
	struct accounts *a = ctx;
	uintptr_t bad = 0;
	struct err e;

	for (int i = 0; i < ROUNDS; i++) {
		bool right = i % 4 != 0;
		enum ec want = right ? EC_OK : wrong();
		enum ec got = verify_octets(a, BOX, right ? "right" : "wrong", 5, &e);
		bad += got != want;
	}
	return (void *)bad;
}

static void many_at_once(void **state)
{
	struct local *l = *state;
	pthread_t threads[THREADS];
	void *bad;

	serve_matrix(l, "");
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_in_often, l->a), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(right_and_wrong),
		T(what_pam_cannot_take),
		T(modules_that_only_speak),
		T(strangers_are_not_for_pam_to_judge),
		T(what_pam_says),
		T(what_pam_says_of_others_proofs),
		T(must_change),
		T(a_stack_that_does_not_work),
		T(no_such_service),
		T(nobody_sleeps),
		T(who_is_meant),
		T(one_user_in_two_domains),
		T(what_is_known_of_a_user),
		T(root_alone_changes_users),
		T(many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
