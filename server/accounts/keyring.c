/* keyring.c - the key file, and the lock that replacing a password record needs.
 *
 * The lock is flock(2) on the key file itself: no second file, free with its holder, and it works
 * for a service that may only read. The file is replaced as a whole now and then, so after locking
 * we look whether the path still leads to what we locked. Taking the lock also reads the keys
 * again: who seals a record under it always uses the current key, even if another process made that
 * key a moment ago; otherwise pruning could throw away the key of a record just written.
 *
 * The mutex: the keys are read by every sign-in on every worker and replaced when the file changed;
 * it is held for a copy of 40 octets or for swapping a pointer, never across a system call. /
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/accounts/keyring.h"
#include "server/accounts/keyfile.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "server/store/mailroot.h"

#define LOCK_TRIES 16

struct keyring {
	char *path;
	pthread_mutex_t mutex;
	struct keys keys;
	struct stat seen; /* the file they were read from */
	_Atomic uint64_t era;
};

static enum ec check_file(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at key file %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EC_BROKEN, "key file %s is not a plain file", path);
	if (st.st_mode & 077)
		return err_set(e, EC_BROKEN,
			       "key file %s can be read by others: chmod 600 it, and rekey if it "
			       "may have been read",
			       path);
	return EC_OK;
}

static enum ec open_file(const char *path, int *fd, struct err *e)
{
	*fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 && errno == ENOENT) /* no account is absent: the settings are wrong */
		return err_set(e, EC_BROKEN, "there is no key file %s", path);
	if (*fd < 0)
		return err_sys(e, "cannot open key file %s", path);
	enum ec rc = check_file(*fd, path, e);
	if (rc != EC_OK)
		close(*fd);
	return rc;
}

static enum ec read_fd(int fd, const char *path, struct keys *out, struct err *e)
{
	char text[KEYFILE_MAX + 1];
	size_t got = 0;
	ssize_t n = 1;
	enum ec rc;

	while (got < sizeof(text) && n != 0) {
		n = pread(fd, text + got, sizeof(text) - got, (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		got += (size_t)n;
	}
	if (n < 0)
		rc = err_sys(e, "cannot read key file %s", path);
	else if (got > KEYFILE_MAX)
		rc = err_set(e, EC_BROKEN, "key file %s is too large", path);
	else
		rc = keyfile_parse(text, got, path, out, e);
	wipe(text, sizeof(text));
	return rc;
}

/* Swaps in what the file holds; on failure the keys stay as they are. */
static enum ec reread_fd(struct keyring *r, int fd, struct err *e)
{
	struct keys fresh, old;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at key file %s", r->path);
	enum ec rc = read_fd(fd, r->path, &fresh, e);
	if (rc != EC_OK)
		return rc;
	pthread_mutex_lock(&r->mutex);
	old = r->keys;
	r->keys = fresh;
	r->seen = st;
	if (!same_bytes(&old, &fresh, sizeof(old)))
		atomic_fetch_add(&r->era, 1);
	pthread_mutex_unlock(&r->mutex);
	wipe(&old, sizeof(old));
	wipe(&fresh, sizeof(fresh));
	return EC_OK;
}

enum ec keyring_check(struct keyring *r, struct err *e)
{
	int fd;
	enum ec rc = open_file(r->path, &fd, e);

	if (rc != EC_OK)
		return rc;
	rc = reread_fd(r, fd, e);
	close(fd);
	return rc;
}

enum ec keyring_open(const char *path, struct keyring **out, struct err *e)
{
	struct keyring *r = mem_new(sizeof(*r));

	r->path = mem_strz(path);
	pthread_mutex_init(&r->mutex, NULL);
	enum ec rc = keyring_check(r, e);
	if (rc == EC_OK)
		*out = r;
	else
		keyring_close(&r);
	return rc;
}

void keyring_close(struct keyring **r)
{
	if (!*r)
		return;
	pthread_mutex_destroy(&(*r)->mutex);
	wipe(&(*r)->keys, sizeof((*r)->keys));
	free((*r)->path);
	free(*r);
	*r = NULL;
}

static bool copy_key(struct keyring *r, const char *id, unsigned char key[AEAD_KEY],
		     char id_out[KEY_ID_LEN + 1])
{
	pthread_mutex_lock(&r->mutex);
	const struct key *k = keys_find(&r->keys, id);
	if (k) {
		memcpy(key, k->bytes, AEAD_KEY);
		if (id_out)
			strcpy(id_out, k->id);
	}
	pthread_mutex_unlock(&r->mutex);
	return k != NULL;
}

bool keyring_have(struct keyring *r, const char *id, unsigned char key[AEAD_KEY])
{
	return copy_key(r, id, key, NULL);
}

uint64_t keyring_era(const struct keyring *r)
{
	return atomic_load(&r->era);
}

/* Is it another file than the one we read? A record with a made-up key id costs no more than this
 * question. */
static bool has_changed(struct keyring *r)
{
	struct stat now;

	if (lstat(r->path, &now) < 0)
		return true; /* reading it will say what is wrong */
	pthread_mutex_lock(&r->mutex);
	const struct stat *seen = &r->seen;
	bool same = now.st_dev == seen->st_dev && now.st_ino == seen->st_ino &&
		    now.st_size == seen->st_size && now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
		    now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec;
	pthread_mutex_unlock(&r->mutex);
	return !same;
}

enum ec keyring_get(struct keyring *r, const char *id, unsigned char key[AEAD_KEY],
		    char id_out[KEY_ID_LEN + 1], struct err *e)
{
	if (copy_key(r, id, key, id_out))
		return EC_OK;
	if (has_changed(r)) {
		enum ec rc = keyring_check(r, e);
		if (rc != EC_OK)
			return rc;
		if (copy_key(r, id, key, id_out))
			return EC_OK;
	}
	return err_set(e, EC_BROKEN, "key file %s has no key %.8s", r->path, id ? id : "");
}

/* oldest NULL: with a fresh key; else without those older than that one. */
static enum ec write_changed(struct keys *k, const char *oldest, const char *path, unsigned uid,
			     unsigned gid, struct err *e)
{
	char text[KEYFILE_MAX];

	if (oldest)
		keys_keep_from(k, oldest);
	else if (!keys_add_fresh(k))
		return err_set(e, EC_REFUSED, "key file %s is full: finish rekeying first", path);
	size_t len = keyfile_form(k, text);
	enum ec rc = file_replace_for(path, text, len, 0600, uid, gid, e);
	wipe(text, sizeof(text));
	return rc;
}

enum ec keyring_create(const char *path, unsigned uid, unsigned gid, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return err_set(e, EC_EXISTS, "key file %s exists already", path);
	struct keys k = { 0 };
	enum ec rc = write_changed(&k, NULL, path, uid, gid, e);
	wipe(&k, sizeof(k));
	return rc;
}

enum ec keyring_remove(const char *path, struct err *e)
{
	const char *base;
	int dir = file_open_parent(AT_FDCWD, path, &base);

	if (dir < 0)
		return err_sys(e, "cannot open the directory of key file %s", path);
	enum ec rc = mailroot_unlink(dir, base, e);
	close(dir);
	return rc;
}

/* The file keeps its owner, whoever rewrites it. keyring_lock has just read the keys. */
static enum ec rewrite(struct keyring *r, const char *oldest, struct err *e)
{
	struct stat st;
	struct keys k;
	int token;
	enum ec rc = keyring_lock(r, &token, e);

	if (rc != EC_OK)
		return rc;
	pthread_mutex_lock(&r->mutex);
	k = r->keys;
	pthread_mutex_unlock(&r->mutex);
	if (fstat(token, &st) < 0)
		rc = err_sys(e, "cannot look at key file %s", r->path);
	else
		rc = write_changed(&k, oldest, r->path, st.st_uid, st.st_gid, e);
	if (rc == EC_OK)
		rc = keyring_check(r, e);
	keyring_unlock(r, token);
	wipe(&k, sizeof(k));
	return rc;
}

enum ec keyring_add(struct keyring *r, struct err *e)
{
	return rewrite(r, NULL, e);
}

enum ec keyring_prune(struct keyring *r, const char *oldest_id, struct err *e)
{
	return rewrite(r, oldest_id, e);
}

static bool leads_to(const char *path, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static enum ec lock_file(int fd, const char *path, struct err *e)
{
	int rc;

	while ((rc = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	return rc < 0 ? err_sys(e, "cannot lock key file %s", path) : EC_OK;
}

enum ec keyring_lock(struct keyring *r, int *token, struct err *e)
{
	for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
		int fd;
		enum ec rc = open_file(r->path, &fd, e);
		if (rc != EC_OK)
			return rc;
		rc = lock_file(fd, r->path, e);
		if (rc != EC_OK) {
			close(fd);
			return rc;
		}
		if (leads_to(r->path, fd)) {
			rc = reread_fd(r, fd, e);
			if (rc == EC_OK)
				*token = fd;
			else
				close(fd);
			return rc;
		}
		close(fd);
	}
	return err_set(e, EC_TEMP, "key file %s keeps changing; try again", r->path);
}

void keyring_unlock(struct keyring *r, int token)
{
	(void)r;
	close(token);
}
