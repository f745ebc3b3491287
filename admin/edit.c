/* edit.c - winpop.conf under a lock.
 *
 * The lock is flock(2) on the file itself, so that whoever can't read the settings can't hold up
 * those who change them, and nothing is left behind by a crash. Since an edit replaces the file, a
 * waiter may get the lock on one that no longer has the name; it then starts over on the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/base/kv.h"
#include "admin/edit.h"
#include "admin/identity.h"

#define FILE_MAX_BYTES (1 << 20)

static enum ec open_locked(const char *path, int *fd, struct stat *st, struct err *e)
{
	struct stat now;

	for (;;) {
		*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (*fd < 0)
			return err_sys(e, "cannot open %s", path);
		while (flock(*fd, LOCK_EX) < 0) {
			if (errno == EINTR)
				continue;
			close(*fd);
			return err_sys(e, "cannot lock %s", path);
		}
		if (fstat(*fd, st) == 0 && stat(path, &now) == 0 && st->st_ino == now.st_ino &&
		    st->st_dev == now.st_dev)
			return EC_OK;
		close(*fd);
	}
}

enum ec edit_begin(const char *path, struct arena *mem, struct edit *out, struct err *e)
{
	char *real = realpath(path, NULL);
	struct stat st;

	*out = (struct edit){ .mem = mem, .fd = -1, .path = arena_strz(mem, real ? real : path) };
	free(real);
	enum ec rc = identity_may_read(out->path, e);
	if (rc == EC_OK)
		rc = open_locked(out->path, &out->fd, &st, e);
	if (rc != EC_OK) {
		out->fd = -1;
		return rc;
	}
	out->mode = st.st_mode & 07777;
	out->uid = st.st_uid;
	out->gid = st.st_gid;
	rc = file_read_at(mem, AT_FDCWD, out->path, FILE_MAX_BYTES, &out->text, &out->len, e);
	if (rc == EC_OK)
		conf_parse(out->path, out->text, out->len, &out->was, NULL);
	else
		edit_end(out);
	return rc;
}

void edit_put(struct edit *ed, const char *key, const char *value)
{
	ed->text = kv_edit(ed->mem, ed->text, ed->len, key, value);
	ed->len = strlen(ed->text);
}

/* Behind "winpop.conf line 12: ". */
static const char *behind_place(const char *text)
{
	const char *line = strstr(text, " line ");
	const char *colon = line ? strstr(line, ": ") : NULL;

	return colon ? colon + 2 : text;
}

enum ec edit_check(const struct edit *ed, struct conf **now, struct err *e)
{
	struct err why;
	enum ec rc = conf_parse(ed->path, ed->text, ed->len, now, &why);

	/* If the file was good, the fault is in what was put, and its line number is in a text that
	 * nobody will ever see. */
	if (rc == EC_OK)
		return EC_OK;
	return err_set(e, rc, "%s", ed->was ? behind_place(why.text) : why.text);
}

enum ec edit_commit(struct edit *ed, struct err *e)
{
	return file_replace_for(ed->path, ed->text, ed->len, ed->mode, ed->uid, ed->gid, e);
}

void edit_end(struct edit *ed)
{
	if (ed->was)
		conf_unref(&ed->was);
	if (ed->fd >= 0)
		close(ed->fd);
	ed->fd = -1;
}
