/* fill.c - many mailboxes with accounts in the password file, for tests of what is done with many.
 *
 *	fill MAILROOT KEYRING	then lines on standard input: address TAB password, or domain
 *
 * They are made as `winpop add` makes them, by the same calls; a process for each would take longer than the test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/accounts/accounts.h"
#include "server/catalog/catalog.h"

struct place {
	struct mailroot *root;
	struct keyring *ring;
	struct catalog *catalog;
	struct accounts *accounts;
};

static void must(enum ec rc, const struct err *e)
{
	if (rc == EC_OK)
		return;
	fprintf(stderr, "fill: %s\n", e->text);
	exit(1);
}

static void add_mailbox(struct place *p, const struct name *n, const char *password)
{
	const struct account_wish wish = { .name = *n };
	struct secret s = { 0 };
	struct draft *draft;
	struct err e;

	secret_set(&s, password, strlen(password));
	must(draft_begin(p->root, n, &draft, &e), &e);
	must(p->accounts->ops->create(p->accounts, &wish, &s, draft, &e), &e);
	must(p->catalog->ops->add(p->catalog, n, &draft, &e), &e);
	secret_drop(&s);
}

static void add(struct place *p, char *line)
{
	char *tab = strchr(line, '\t');
	struct name n;
	struct err e;

	line[strcspn(line, "\n")] = '\0';
	if (tab)
		*tab = '\0';
	must(name_parse_any(&n, line, strlen(line), NAME_FILE, &e), &e);
	if (name_is_domain(&n))
		must(p->catalog->ops->add(p->catalog, &n, NULL, &e), &e);
	else
		add_mailbox(p, &n, tab ? tab + 1 : "");
}

int main(int argc, char **argv)
{
	static const struct log silent = { 0 };
	struct place p = { 0 };
	char *line = NULL;
	size_t room = 0;
	struct err e;

	if (argc != 3) {
		fprintf(stderr, "usage: fill MAILROOT KEYRING <accounts\n");
		return 2;
	}
	must(mailroot_open(argv[1], &p.root, &e), &e);
	must(keyring_open(argv[2], &p.ring, &e), &e);
	must(catalog_local_open(p.root, &p.catalog, &e), &e);
	must(accounts_file_open(p.root, p.ring, &silent, &p.accounts, &e), &e);
	while (getline(&line, &room, stdin) > 0)
		add(&p, line);
	free(line);
	p.accounts->ops->close(&p.accounts);
	p.catalog->ops->close(&p.catalog);
	keyring_close(&p.ring);
	mailroot_close(&p.root);
	return 0;
}
