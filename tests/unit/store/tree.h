/* tree.h - a mail root of its own for a test, and the few things every test does in it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/store/mailroot.h"
#include "server/store/store.h"

struct tree {
	char path[64];
	struct mailroot *root;
	struct store *store;
};

/* A fresh directory under /tmp with the domain example.com and the mailbox kim@example.com; asserts
 * on any trouble. */
void tree_setup(struct tree *t);
void tree_setup_in(struct tree *t, const char *place); /* instead of /tmp */
void tree_teardown(struct tree *t);
void tree_reopen(struct tree *t, bool keep_fetched);

struct name tree_name(const char *text);
void tree_add_mailbox(struct tree *t, const char *address);
enum ec tree_deliver(struct tree *t, const char *address, const char *octets, size_t len);
/* Plain files, as somebody else would put them there; the path is below the mail root. */
void tree_write(struct tree *t, const char *path, const void *p, size_t len);
void tree_unlink(struct tree *t, const char *path);
void tree_path(const struct tree *t, const char *below, char out[512]);
bool tree_has(const struct tree *t, const char *below);

/* claim and table, or fails the test. */
struct box *tree_claim(struct tree *t, const char *address);
/* The whole stored message, malloc'ed. */
char *tree_fetch(struct box *box, uint32_t i, size_t *len);
/* Commits with message i removed. */
void tree_remove_message(struct box *box, uint32_t i);

#define assert_ec(got, want) assert_string_equal(ec_name(got), ec_name(want))
