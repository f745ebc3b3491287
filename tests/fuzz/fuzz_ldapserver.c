/* fuzz_ldapserver.c - whatever a server sends: octets that libldap takes apart and entries of any contents. Who is found by them is
 * somebody with a DN and names that are some; what fails has a class and a text.
 *
 * The first octet chooses what is asked. The rest is all that the server says before it hangs up; requests have the numbers 1, 2...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ldap/conn_own.h"
#include "ldap/flavour.h"
#include "ldap/group.h"
#include "ldap/limit.h"
#include "ldap/listed.h"
#include "ldap/nthash.h"
#include "ldap/schema.h"
#include "server/base/arena.h"
#include "server/base/utf8.h"
#include "server/catalog/expire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/* libldap forgets a request whose answer it could not take apart, and a text inside. To tell those from leaks of ours the stack is
 * needed as it is. */
const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0:malloc_context_size=10";
}

const char *__lsan_default_suppressions(void)
{
	return "leak:ldap_send_server_request\nleak:ber_get_stringa_null\n";
}

#define SAID_MAX (64u << 10) /* fits into the socket: nobody reads while it is written */

static const struct log silent;
static const struct link_setup anonymous = { .timeout_ms = 10000 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

struct rig {
	struct conf *conf;
	struct dir *dir;
	struct dir_root root;
};

static void rig_start(struct rig *r, const char *kind)
{
	static const char *const none[] = { NULL },
				 *const address[] = { MAILBOX_ATTR, "mail", NULL },
				 *const attrs[] = { MAILBOX_ATTR, "mail", "uid", NULL };
	char text[256];

	snprintf(text, sizeof(text),
		 "role = member\nauthentication = ad\ndirectory = %s\nspa = hash\n"
		 "catalog = directory\n"
		 "directory_servers = ldap://127.0.0.1:1\ndirectory_user = cn=x\n"
		 "directory_password_file = /nonexistent\n",
		 kind);
	check(conf_parse("fuzz.conf", text, strlen(text), &r->conf, NULL) == EC_OK);
	check(dir_open(r->conf, NULL, &silent, &r->dir, NULL) == EC_OK);
	r->root = (struct dir_root){ .base = "dc=test",
				     .context = "dc=test",
				     .domains = "ou=winpop,dc=test",
				     .new_users = "ou=people,dc=test",
				     .dns = "ad.test",
				     .netbios = "AD",
				     .address = address,
				     .stamp = none,
				     .attrs = attrs,
				     .marked = attrs };
}

/* As if it had been asked before. */
static void know_root(struct rig *r, const struct dir_root *root)
{
	atomic_store(&r->dir->root, root);
}

static void ask_person(struct rig *r, struct dir_conn *c, const char *typed)
{
	struct person p;
	struct typed who;
	struct name n;
	char text[NAME_TEXT_MAX + 1];
	struct err e = { 0 };

	check(typed_parse(&who, typed, strlen(typed), NULL) == EC_OK);
	enum ec rc = person_search(r->dir, c, &who, &p, &e);
	check(rc == EC_OK ? p.match != MATCH_NONE : *e.text != '\0');
	check(p.n_addresses <= PERSON_ADDRESSES_MAX);
	check(p.account.limit.octets <= INT64_MAX && p.account.limit.messages <= INT64_MAX);
	check(p.account.has_limit || !quota_limits(&p.account.limit));
	for (unsigned i = 0; rc == EC_OK && i < p.n_addresses; i++) {
		name_text(&p.addresses[i], text);
		check(name_parse(&n, text, strlen(text), NAME_DIRECTORY, NULL) == EC_OK);
	}
}

static void ask_address(struct rig *r, struct dir_conn *c)
{
	ask_person(r, c, "kim@example.com");
}

static void ask_logon(struct rig *r, struct dir_conn *c)
{
	ask_person(r, c, "kim");
}

/* Whatever is in the attribute, a mark is one that could have been given. */
static void ask_mark(struct rig *r, struct dir_conn *c)
{
	struct person p;
	struct name n;
	struct err e = { 0 };

	check(name_parse(&n, "kim@example.com", 15, NAME_DIRECTORY, NULL) == EC_OK);
	enum ec rc = person_by_mark(r->dir, c, &n, "winpop-1", &p, &e);
	check(rc == EC_OK ? *p.account.key != '\0' : *e.text != '\0');
	size_t len = strnlen(p.mark, sizeof(p.mark));
	check(len <= ACCOUNT_MARK_MAX && ascii_only(p.mark, len) && !has_control(p.mark, len));
	check(strnlen(p.changed, sizeof(p.changed)) <= ACCOUNT_STAMP_MAX);
}

static bool expires_sanely(const struct entry *en)
{
	uint32_t days = expire_rule(en, EXPIRE_NEVER);

	return days == EXPIRE_NEVER || days <= EXPIRE_DAYS_MAX;
}

static void ask_mailbox(struct rig *r, struct dir_conn *c)
{
	struct name n;
	struct listed l;
	struct entry found;
	struct err e = { 0 };

	check(name_parse(&n, "kim@example.com", 15, NAME_DIRECTORY, NULL) == EC_OK);
	enum ec rc = listed_find(r->dir, c, &n, &l, &e);
	if (rc == EC_OK)
		rc = listed_judge(&l, &n, &found, &e);
	if (rc == EC_OK)
		check(l.n_boxes == 1 && *l.box.dn && *found.name.local && *found.name.domain &&
		      expires_sanely(&found));
	else
		check(*e.text != '\0');
}

static void ask_list(struct rig *r, struct dir_conn *c)
{
	struct name n;
	struct listing l = { 0 };

	check(name_parse_domain(&n, "example.com", 11, NULL) == EC_OK);
	if (listing_get(r->dir, c, &n, &l, NULL) == EC_OK) {
		for (size_t i = 1; i < l.n; i++)
			check(strcmp(l.rows[i - 1]->name, l.rows[i]->name) <= 0);
	}
	listing_drop(&l);
}

static void ask_hash(struct rig *r, struct dir_conn *c)
{
	struct secret s = { 0 };

	check(nt_hash_read(r->dir, c, "uid=kim,dc=test", &s, NULL) != EC_OK || s.len == NT_HASH);
	secret_drop(&s);
}

static void ask_group(struct rig *r, struct dir_conn *c)
{
	const struct account kim = { .key = "uid=kim,dc=test", .logon = "kim" };
	bool in = false;
	struct err e = { 0 };

	check(group_has(r->dir, c, "cn=staff,dc=test", &kim, &in, &e) == EC_OK || *e.text);
}

static void ask_password(struct rig *r, struct dir_conn *c)
{
	const struct secret s = { .bytes = (unsigned char *)"secret", .len = 6 };
	enum proof p = PROOF_COUNT;

	(void)r;
	check(dir_conn_prove(c, "uid=kim,dc=test", &s, &p, NULL) == EC_OK || p == PROOF_WRONG);
	check(p < PROOF_COUNT);
}

/* The one that is known is put away meanwhile. */
static void ask_root(struct rig *r, struct dir_conn *c)
{
	const struct dir_root *root;
	struct err e = { 0 };

	know_root(r, NULL);
	if (dir_root_get(r->dir, c, &root, &e) == EC_OK) {
		check(*root->base && root->context && root->domains && root->attrs);
		dir_root_free(r->dir);
	} else {
		check(*e.text != '\0');
	}
}

/* Nothing is known that was not looked for. */
static void ask_schema(struct rig *r, struct dir_conn *c)
{
	struct schema_term terms[] = { { .name = HELD_ATTR, .in = MAILBOX_CLASS },
				       { .name = QUOTA_CLASS, .known = true },
				       { .name = "noSuchThing" } };
	struct err e = { 0 };

	(void)r;
	if (schema_look(c, terms, 2, &e) != EC_OK)
		check(*e.text != '\0');
	check(!terms[2].known);
}

static void (*const questions[])(struct rig *, struct dir_conn *) = {
	ask_address, ask_logon, ask_mailbox, ask_list, ask_hash, ask_group, ask_password, ask_root
};
#define N_QUESTIONS (sizeof(questions) / sizeof(questions[0]))
#define OF_AD 8
/* Those that came later have a bit each. */
#define MARK 16
#define SCHEMA 32

static void put(struct rig *r, struct dir_conn *c, uint8_t question)
{
	if (question & SCHEMA)
		ask_schema(r, c);
	else if (question & MARK)
		ask_mark(r, c);
	else
		questions[question % N_QUESTIONS](r, c);
}

static void answer(struct rig *r, uint8_t question, const uint8_t *said, size_t len)
{
	struct dir_conn *c = dir_conn_new("ldapi:///", &anonymous);
	int ends[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	check(send(ends[0], said, len, 0) == (ssize_t)len);
	check(shutdown(ends[0], SHUT_WR) == 0);
	check(dir_conn_attach(c, ends[1], NULL) == EC_OK);
	know_root(r, &r->root);
	put(r, c, question);
	know_root(r, NULL);
	dir_conn_close(&c);
	close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig openldap, ad;

	if (!openldap.dir) {
		rig_start(&openldap, "openldap");
		rig_start(&ad, "ad");
	}
	if (size == 0 || size > SAID_MAX)
		return 0;
	answer(data[0] & OF_AD ? &ad : &openldap, data[0], data + 1, size - 1);
	return 0;
}
