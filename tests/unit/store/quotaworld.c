#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tests/unit/store/quotaworld.h"

static const char *const addresses[N_MAILBOXES] = {
	[KIM] = "kim@example.com", [LEE] = "lee@example.com", [SAM] = "sam@example.com",
	[ANN] = "ann@example.com", [BOB] = "bob@example.com", [NOMAD] = "nomad@example.com",
};
static const char *const accounts[N_MAILBOXES] = {
	[KIM] = "kim@example.com", [LEE] = TEAM, [SAM] = TEAM, [ANN] = "ann@example.com",
	[BOB] = "ann@example.com",
};

const char *world_address(unsigned mailbox)
{
	return addresses[mailbox];
}

const char *world_account(const struct world *w, unsigned mailbox)
{
	return mailbox == NOMAD ? w->nomad_in : accounts[mailbox];
}

void world_setup(struct world *w)
{
	tree_setup(&w->tree); /* kim is there */
	for (unsigned i = LEE; i < N_MAILBOXES; i++)
		tree_add_mailbox(&w->tree, addresses[i]);
	w->nomad_in = TEAM;
	for (unsigned i = 0; i < N_MAILBOXES; i++)
		world_settle(w, i, world_account(w, i));
}

void world_teardown(struct world *w)
{
	tree_teardown(&w->tree);
}

enum ec world_deliver(struct world *w, unsigned mailbox, size_t n, struct err *e)
{
	struct name name = tree_name(addresses[mailbox]);
	char *text = malloc(n + 1);
	struct iovec iov = { text, n };
	struct charge c = { .account = world_account(w, mailbox), .limit = { .octets = LIMIT } };
	struct message m = { .iov = &iov, .n_iov = 1, .spool_fd = -1, .charge = &c };
	struct store *s = w->tree.store;

	memset(text, 'x', n);
	memcpy(text + n - 2, "\r\n", 2);
	enum ec rc = s->ops->deliver(s, &name, &m, e);
	free(text);
	return rc;
}

void world_remove(struct world *w, unsigned mailbox, unsigned n)
{
	struct name name = tree_name(addresses[mailbox]);
	struct store *s = w->tree.store;
	struct box *box = NULL;
	struct commit done;
	struct err e;

	if (s->ops->claim(s, &name, "test", &box, &e) != EC_OK)
		return;
	if (box->ops->table(box, &e) == EC_OK) {
		uint8_t *bits = calloc(1, box->n_msgs / 8 + 1);
		for (unsigned i = 0; i < n && i < box->n_msgs; i++)
			bits[i / 8] |= (uint8_t)(1u << i % 8);
		box->ops->commit(box, &(struct marks){ .removed = bits }, &done, &e);
		free(bits);
	}
	box->ops->release(&box);
}

void world_settle(struct world *w, unsigned mailbox, const char *account)
{
	struct name name = tree_name(addresses[mailbox]);
	struct err e;

	if (w->tree.store->quota->settle(w->tree.store, &name, account, &e) != EC_OK)
		fail_msg("settle %s: %s", addresses[mailbox], e.text);
}

struct quota_usage world_files(const struct world *w, unsigned mailbox)
{
	char path[512], file[1024];
	struct quota_usage u = { 0 };
	struct dirent *d;
	struct stat st;

	snprintf(path, sizeof(path), "%s/example.com/P3_%.*s.mbx", w->tree.path,
		 (int)strcspn(addresses[mailbox], "@"), addresses[mailbox]);
	DIR *dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		size_t len = strlen(d->d_name);
		if (len < 4 || strcmp(d->d_name + len - 4, ".eml") != 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
		assert_int_equal(stat(file, &st), 0);
		u.octets += (uint64_t)st.st_size;
		u.messages++;
	}
	if (dir)
		closedir(dir);
	return u;
}

struct quota_usage world_files_of(const struct world *w, const char *account)
{
	struct quota_usage sum = { 0 };

	for (unsigned i = 0; i < N_MAILBOXES; i++) {
		const char *in = world_account(w, i);
		struct quota_usage u = world_files(w, i);
		if (!in || strcmp(in, account) != 0)
			continue;
		sum.octets += u.octets;
		sum.messages += u.messages;
	}
	return sum;
}

void world_check_limits(const struct world *w)
{
	for (unsigned i = 0; i < N_MAILBOXES; i++) {
		const char *account = world_account(w, i);
		if (account && world_files_of(w, account).octets > LIMIT)
			fail_msg("%s holds %ju octets", account,
				 (uintmax_t)world_files_of(w, account).octets);
	}
}

void world_check_mailbox(struct world *w, unsigned mailbox, const char *when)
{
	struct name name = tree_name(addresses[mailbox]);
	struct quota_usage files = world_files(w, mailbox);
	struct quota_recount r;
	struct err e;

	if (w->tree.store->quota->recount(w->tree.store, &name, world_account(w, mailbox), false,
					  &r, &e) != EC_OK)
		fail_msg("recount: %s", e.text);
	if (r.counted.octets != files.octets || r.indexed.octets != files.octets ||
	    r.charged.octets != files.octets || r.counted.messages != files.messages ||
	    r.indexed.messages != files.messages || r.charged.messages != files.messages)
		fail_msg("%s, %s: files %ju, counted %ju, indexed %ju, charged %ju", when,
			 addresses[mailbox], (uintmax_t)files.octets, (uintmax_t)r.counted.octets,
			 (uintmax_t)r.indexed.octets, (uintmax_t)r.charged.octets);
}

void world_check_accounts(struct world *w, const char *when)
{
	struct err e;

	for (unsigned i = 0; i < N_MAILBOXES; i++) {
		const char *account = world_account(w, i);
		struct quota_usage u, files = world_files_of(w, account);
		if (w->tree.store->quota->usage(w->tree.store, account, &u, &e) != EC_OK)
			fail_msg("usage: %s", e.text);
		if (u.octets != files.octets || u.messages != files.messages)
			fail_msg("%s, %s: files hold %ju octets, its ledger says %ju", when,
				 account, (uintmax_t)files.octets, (uintmax_t)u.octets);
	}
}
