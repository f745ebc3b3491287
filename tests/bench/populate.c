/* populate.c - a mail root with as many mailboxes as asked, for measuring how things grow.
 *
 *	populate MAILROOT KEYRING DOMAIN FIRST LAST PASSWORD	boxFIRST@DOMAIN ... boxLAST@DOMAIN
 *
 * The files are those that `winpop add` makes. What is left out is all that makes one mailbox safe beside others at work - drafts,
 * locks, the look for other spellings, fsync - because a million of them shall take minutes: for a mail root of a test's own, that
 * nobody else uses.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/accounts/record.h"

struct key {
	unsigned char octets[AEAD_KEY];
	char id[KEY_ID_LEN + 1];
};

static void load_key(const char *path, struct key *out)
{
	struct keyring *ring;
	struct err e;

	if (keyring_open(path, &ring, &e) != EC_OK ||
	    keyring_get(ring, NULL, out->octets, out->id, &e) != EC_OK)
		errx(1, "%s", e.text);
	keyring_close(&ring);
}

static int open_domain(const char *root, const char *domain)
{
	int fd, at = open(root, O_RDONLY | O_DIRECTORY);

	if (at < 0)
		err(1, "%s", root);
	(void)mkdirat(at, domain, 0750); /* it may be there */
	fd = openat(at, domain, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		err(1, "%s", domain);
	close(at);
	return fd;
}

static void put_record(int box, const struct key *key, const struct name *n, const struct secret *s)
{
	char text[RECORD_TEXT_MAX];
	struct record r;
	int fd = openat(box, RECORD_FILE, O_WRONLY | O_CREAT | O_EXCL, 0600);

	record_seal(&r, key->octets, key->id, n, s);
	ssize_t len = (ssize_t)record_form(&r, text);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		err(1, "the password of %s", n->local);
	close(fd);
}

static void add(int domain, const struct key *key, const struct name *n, const struct secret *s)
{
	char entry[NAME_LOCAL_MAX + 8];

	snprintf(entry, sizeof entry, "P3_%s.mbx", n->local);
	if (mkdirat(domain, entry, 0750) != 0)
		err(1, "%s", entry);
	int box = openat(domain, entry, O_RDONLY | O_DIRECTORY);
	if (box < 0)
		err(1, "%s", entry);
	put_record(box, key, n, s);
	close(box);
}

int main(int argc, char **argv)
{
	struct secret s = { 0 };
	struct key key;
	struct name n;

	if (argc != 7)
		errx(2, "usage: populate MAILROOT KEYRING DOMAIN FIRST LAST PASSWORD");
	umask(0);
	load_key(argv[2], &key);
	secret_set(&s, argv[6], strlen(argv[6]));
	int domain = open_domain(argv[1], argv[3]);
	snprintf(n.domain, sizeof n.domain, "%s", argv[3]);
	for (unsigned i = (unsigned)atoi(argv[4]); i <= (unsigned)atoi(argv[5]); i++) {
		snprintf(n.local, sizeof n.local, "box%u", i);
		add(domain, &key, &n, &s);
	}
	close(domain);
	secret_drop(&s);
	return 0;
}
