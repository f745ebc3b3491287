/* people.h - a mail root with a keyring and the password file, for tests. */
#pragma once
#include <string.h>
#include <unistd.h>
#include "server/accounts/accounts.h"
#include "server/accounts/keyring.h"
#include "tests/unit/store/tree.h"

struct people {
	struct tree tree;
	char key_file[80];
	struct keyring *ring;
	struct accounts *a;
};

static inline void people_setup(struct people *p)
{
	static const struct log silent = { 0 };
	struct err e;

	*p = (struct people){ 0 };
	tree_setup(&p->tree);
	strcat(strcpy(p->key_file, p->tree.path), ".key");
	assert_ec(keyring_create(p->key_file, geteuid(), getegid(), &e), EC_OK);
	assert_ec(keyring_open(p->key_file, &p->ring, &e), EC_OK);
	assert_ec(accounts_file_open(p->tree.root, p->ring, &silent, &p->a, &e), EC_OK);
}

static inline void people_teardown(struct people *p)
{
	p->a->ops->close(&p->a);
	keyring_close(&p->ring);
	unlink(p->key_file);
	tree_teardown(&p->tree);
}

static inline enum ec people_add(struct people *p, const char *who, const char *password)
{
	struct account_wish account = { .name = tree_name(who) };
	struct secret s = { 0 };
	struct draft *d = NULL;
	struct err e;
	enum ec rc = draft_begin(p->tree.root, &account.name, &d, &e);

	secret_set(&s, password, strlen(password));
	if (rc == EC_OK)
		rc = p->a->ops->create(p->a, &account, &s, d, &e);
	if (rc == EC_OK)
		rc = draft_commit(&d, &e);
	draft_drop(&d);
	secret_drop(&s);
	return rc;
}

static inline enum ec people_verify_now(struct people *p, const char *who, const char *password)
{
	struct name n = tree_name(who);
	struct secret s = { 0 };

	secret_set(&s, password, strlen(password));
	enum ec rc = p->a->ops->verify_now(p->a, &(struct account){ .name = n }, &s);
	secret_drop(&s);
	return rc;
}

/* What can be said without waiting is never anything else. */
static inline enum ec people_verify(struct people *p, const char *who, const char *password)
{
	struct name n = tree_name(who);
	struct secret s = { 0 };
	struct err e;
	enum ec now = people_verify_now(p, who, password);

	secret_set(&s, password, strlen(password));
	enum ec rc = p->a->ops->verify(p->a, &(struct account){ .name = n }, &s, &e);
	secret_drop(&s);
	assert_true(now == EC_BUSY || (now == EC_OK && rc == EC_OK));
	return rc;
}

static inline enum ec people_change(struct people *p, const char *who, const char *password)
{
	struct name n = tree_name(who);
	struct secret s = { 0 };
	struct err e;

	secret_set(&s, password, strlen(password));
	enum ec rc = p->a->ops->set_password(p->a, &n, &s, &e);
	secret_drop(&s);
	return rc;
}
