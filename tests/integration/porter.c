/* porter.c - the store by line, for tests that need several processes at one mail root.
 *
 *	porter MAILROOT		then requests on standard input, one answer line each
 *
 * Each request is one call of store.h or quota.h, so that a test can stop or kill it at any system call of just that. What it
 * does not know are settings and a catalog: the caller names account and limit, as winpopd would have found them.
 *
 *	deliver MAILBOX ACCOUNT OCTETS MESSAGES LENGTH	then so many octets; the limit first, 0 = none
 *	fits    MAILBOX ACCOUNT OCTETS MESSAGES SIZE
 *	settle  MAILBOX ACCOUNT
 *	usage   ACCOUNT
 *	recount MAILBOX ACCOUNT REPAIR
 *	delete  MAILBOX COUNT				the first so many messages
 *	add     MAILBOX|DOMAIN
 *	remove  MAILBOX
 *	sweep   SINCE
 *	stem    ACCOUNT
 *
 * ACCOUNT "-" is the mailbox itself. An answer is the class's word, then its numbers; a text about trouble is behind a tab. /
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/store/mailroot.h"
#include "server/store/store.h"

#define WORDS 6

struct porter {
	struct mailroot *root;
	struct store *store;
	char *word[WORDS];
	char said[256]; /* numbers of the answer, each with a blank before it */
	struct err err;
};

static uint64_t number(const struct porter *p, unsigned i)
{
	return p->word[i] ? strtoull(p->word[i], NULL, 10) : 0;
}

static const char *account(const struct porter *p, unsigned i)
{
	return p->word[i] && strcmp(p->word[i], "-") != 0 ? p->word[i] : "";
}

static void say(struct porter *p, uint64_t n)
{
	size_t len = strlen(p->said);

	snprintf(p->said + len, sizeof(p->said) - len, " %" PRIu64, n);
}

static void say_usage(struct porter *p, const struct quota_usage *u)
{
	say(p, u->octets);
	say(p, u->messages);
}

static enum ec mailbox(struct porter *p, struct name *out)
{
	const char *text = p->word[1] ? p->word[1] : "";

	return name_parse(out, text, strlen(text), NAME_FILE, &p->err);
}

static struct charge charge(const struct porter *p)
{
	return (struct charge){ .account = account(p, 2),
				.limit = { .octets = number(p, 3), .messages = number(p, 4) } };
}

static enum ec deliver(struct porter *p)
{
	size_t len = (size_t)number(p, 5);
	char *octets = mem_new(len + 1);
	struct iovec iov = { octets, len };
	struct charge c = charge(p);
	struct message m = {
		.iov = &iov, .n_iov = 1, .spool_fd = -1, .flags = MSG_DOTS, .charge = &c
	};
	struct name n;
	enum ec rc = mailbox(p, &n);

	if (fread(octets, 1, len, stdin) != len)
		rc = err_set(&p->err, EC_USAGE, "the message is cut off");
	if (rc == EC_OK)
		rc = p->store->ops->deliver(p->store, &n, &m, &p->err);
	free(octets);
	say_usage(p, &c.before);
	say_usage(p, &c.after);
	return rc;
}

static enum ec fits(struct porter *p)
{
	struct charge c = charge(p);
	struct name n;
	enum ec rc = mailbox(p, &n);

	if (rc == EC_OK)
		rc = p->store->quota->fits(p->store, &n, &c, number(p, 5), &p->err);
	say_usage(p, &c.before);
	say_usage(p, &c.after);
	return rc;
}

static enum ec settle(struct porter *p)
{
	struct name n;
	enum ec rc = mailbox(p, &n);

	return rc == EC_OK ? p->store->quota->settle(p->store, &n, account(p, 2), &p->err) : rc;
}

static enum ec usage(struct porter *p)
{
	struct quota_usage u = { 0 };
	enum ec rc = p->store->quota->usage(p->store, account(p, 1), &u, &p->err);

	say_usage(p, &u);
	return rc;
}

static enum ec recount(struct porter *p)
{
	struct quota_recount r = { 0 };
	struct name n;
	enum ec rc = mailbox(p, &n);

	if (rc == EC_OK)
		rc = p->store->quota->recount(p->store, &n, account(p, 2), number(p, 3) != 0, &r,
					      &p->err);
	say_usage(p, &r.counted);
	say_usage(p, &r.indexed);
	say_usage(p, &r.charged);
	return rc;
}

static enum ec delete_first(struct porter *p, struct box *box)
{
	uint64_t n = number(p, 2) < box->n_msgs ? number(p, 2) : box->n_msgs;
	uint8_t *bits = mem_new(box->n_msgs / 8 + 1);
	struct commit done = { 0 };

	for (uint64_t i = 0; i < n; i++)
		bits[i / 8] |= (uint8_t)(1u << (i % 8));
	enum ec rc = box->ops->commit(box, &(struct marks){ .removed = bits }, &done, &p->err);
	free(bits);
	say(p, done.n_removed);
	return rc;
}

static enum ec delete (struct porter *p) {
	struct box *box = NULL; struct name n; enum ec rc = mailbox(p, &n);

	if (rc == EC_OK) rc = p->store->ops->claim(p->store, &n, "porter", &box, &p->err);
	if (rc != EC_OK) return rc;
	rc = delete_first(p, box);
	box->ops->release(&box);
	return rc;
}

static enum ec add(struct porter *p)
{
	const char *text = p->word[1] ? p->word[1] : "";
	struct draft *draft = NULL;
	struct name n;
	enum ec rc = name_parse_any(&n, text, strlen(text), NAME_FILE, &p->err);

	if (rc == EC_OK && name_is_domain(&n))
		return mailroot_add_domain(p->root, &n, &p->err);
	if (rc == EC_OK)
		rc = draft_begin(p->root, &n, &draft, &p->err);
	return rc == EC_OK ? draft_commit(&draft, &p->err) : rc;
}

static enum ec remove_mailbox(struct porter *p)
{
	struct name n;
	enum ec rc = mailbox(p, &n);

	return rc == EC_OK ? mailroot_remove(p->root, &n, &p->err) : rc;
}

static enum ec sweep(struct porter *p)
{
	unsigned dropped = 0;
	enum ec rc = p->store->quota->sweep(p->store, (int64_t)number(p, 1), &dropped, &p->err);

	say(p, dropped);
	return rc;
}

static enum ec stem(struct porter *p)
{
	char text[QUOTA_STEM_MAX];

	quota_stem(account(p, 1), text);
	snprintf(p->said, sizeof(p->said), " %s", text);
	return EC_OK;
}

static const struct {
	const char *verb;
	enum ec (*run)(struct porter *);
} verbs[] = {
	{ "deliver", deliver }, { "fits", fits },
	{ "settle", settle },   { "usage", usage },
	{ "recount", recount }, { "delete", delete },
	{ "add", add },         { "remove", remove_mailbox },
	{ "sweep", sweep },     { "stem", stem },
};

static enum ec obey(struct porter *p, char *line)
{
	char *rest = line;

	p->said[0] = '\0';
	for (unsigned i = 0; i < WORDS; i++)
		p->word[i] = strtok_r(rest, " \n", &rest);
	for (size_t i = 0; p->word[0] && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(p->word[0], verbs[i].verb) == 0)
			return verbs[i].run(p);
	}
	return err_set(&p->err, EC_USAGE, "no such request");
}

static int fail(const struct err *e)
{
	fprintf(stderr, "porter: %s\n", e->text);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct log silent = { 0 };
	struct porter p = { 0 };
	char *line = NULL;
	size_t room = 0;

	if (argc != 2)
		return fail(&(struct err){ .text = "usage: porter MAILROOT" });
	if (mailroot_open(argv[1], &p.root, &p.err) != EC_OK ||
	    store_files_open(p.root, &silent, false, &p.store, &p.err) != EC_OK)
		return fail(&p.err);
	puts("ready");
	for (fflush(stdout); getline(&line, &room, stdin) > 0; fflush(stdout)) {
		enum ec rc = obey(&p, line);
		printf("%s%s\t%s\n", ec_name(rc), p.said, rc == EC_OK ? "" : p.err.text);
	}
	free(line);
	p.store->ops->close(&p.store);
	mailroot_close(&p.root);
	return 0;
}
