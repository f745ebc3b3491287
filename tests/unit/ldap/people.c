/* people.c - see people.h. */
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/ldap/people.h"

static const struct log silent;

static void open_dir(struct people *p, const char *settings)
{
	struct err e = { 0 };

	assert_says(conf_parse("test.conf", settings, strlen(settings), &p->conf, &e), EC_OK, &e);
	assert_says(dir_open(p->conf, NULL, &silent, &p->dir, &e), EC_OK, &e);
	assert_says(dir_accounts_open(p->dir, p->catalog, &p->a, &e), EC_OK, &e);
}

static void close_dir(struct people *p)
{
	p->a->ops->close(&p->a);
	dir_close(&p->dir);
	conf_unref(&p->conf);
}

void people_open(struct people *p, const char *settings)
{
	struct err e = { 0 };

	*p = (struct people){ 0 };
	tree_setup(&p->tree);
	assert_says(catalog_local_open(p->tree.root, &p->catalog, &e), EC_OK, &e);
	open_dir(p, settings);
}

void people_close(struct people *p)
{
	close_dir(p);
	p->catalog->ops->close(&p->catalog);
	tree_teardown(&p->tree);
}

void people_reopen(struct people *p, const char *settings)
{
	close_dir(p);
	open_dir(p, settings);
}

enum ec people_resolve(struct people *p, const char *typed, struct account *out, struct err *e)
{
	return p->a->ops->resolve(p->a, typed, strlen(typed), out, e);
}

enum ec people_find(struct people *p, const char *address, struct account *out, struct err *e)
{
	struct name n = tree_name(address);

	return p->a->ops->find(p->a, &n, out, e);
}

enum ec people_create(struct people *p, const char *address, const char *password, struct err *e)
{
	struct account_wish who = { .name = tree_name(address) };
	struct secret s = { 0 };

	secret_set(&s, password, strlen(password));
	enum ec rc = p->a->ops->create(p->a, &who, &s, NULL, e);
	secret_drop(&s);
	return rc;
}

enum ec people_change(struct people *p, const char *address, const char *password, struct err *e)
{
	struct name n = tree_name(address);
	struct secret s = { 0 };

	secret_set(&s, password, strlen(password));
	enum ec rc = p->a->ops->set_password(p->a, &n, &s, e);
	secret_drop(&s);
	return rc;
}

enum ec people_remove(struct people *p, const char *address, struct err *e)
{
	struct account who = { .name = tree_name(address) };

	return p->a->ops->remove(p->a, &who, e);
}

enum ec people_verify(struct people *p, const struct account *who, const char *password,
		      struct err *e)
{
	struct secret s = { 0 };

	secret_set(&s, password, strlen(password));
	enum ec rc = p->a->ops->verify(p->a, who, &s, e);
	secret_drop(&s);
	return rc;
}

enum ec people_sign_in(struct people *p, const char *typed, const char *password, struct err *e)
{
	struct account who;
	enum ec rc = people_resolve(p, typed, &who, e);

	return rc == EC_OK ? people_verify(p, &who, password, e) : rc;
}

/* ---- behind its back ---- */

void people_add_entry(struct dir_conn *c, const char *lines)
{
	char *text = strdup(lines), *rest = NULL;
	struct dir_change *ch = NULL;
	struct err e = { 0 };

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strstr(line, ": ");
		assert_non_null(value);
		*value = '\0';
		if (!ch)
			ch = change_new(value + 2);
		else
			change_putz(ch, CHANGE_ADD, line, value + 2);
	}
	assert_says(dir_conn_add(c, ch, &e), EC_OK, &e);
	change_free(&ch);
	free(text);
}

void people_put(struct dir_conn *c, const char *dn, const char *attr, const char *value)
{
	struct dir_change *ch = change_new(dn);
	struct err e = { 0 };

	if (value)
		change_putz(ch, CHANGE_REPLACE, attr, value);
	else
		change_drop(ch, CHANGE_REPLACE, attr);
	assert_says(dir_conn_modify(c, ch, &e), EC_OK, &e);
	change_free(&ch);
}
