/* setup_kept.c - see setup_kept.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "admin/setup_kept.h"

#define FILE_MAX_BYTES (4 << 20)

enum ec kept_take(struct arena *mem, const char *path, struct kept_file *out, struct err *e)
{
	char *real = realpath(path, NULL); /* a link stays one */
	struct stat st;

	*out = (struct kept_file){ .path = arena_strz(mem, real ? real : path) };
	free(real);
	enum ec rc =
		file_read_at(mem, AT_FDCWD, out->path, FILE_MAX_BYTES, &out->text, &out->len, e);
	if (rc == EC_ABSENT)
		return EC_OK;
	if (rc == EC_OK && stat(out->path, &st) < 0)
		rc = err_sys(e, "cannot look at %s", out->path);
	if (rc != EC_OK) {
		out->path = NULL;
		return rc;
	}
	out->there = true;
	out->mode = st.st_mode & 07777;
	out->owner = (struct owner){ st.st_uid, st.st_gid };
	return EC_OK;
}

enum ec kept_write(const char *path, const void *text, size_t len, mode_t mode,
		   const struct owner *o, struct err *e)
{
	return file_replace_for(path, text, len, mode, o->uid, o->gid, e);
}

enum ec kept_put_back(const struct kept_file *k, struct err *e)
{
	if (!k->path)
		return EC_OK;
	if (k->there)
		return kept_write(k->path, k->text, k->len, k->mode, &k->owner, e);
	if (unlink(k->path) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove %s", k->path);
	return EC_OK;
}

/* Of somebody else at work there is nothing to see for longer than a moment; he would be told, and try again. */
void kept_sweep(const char *dir)
{
	DIR *d = opendir(dir);

	for (const struct dirent *en; d && (en = readdir(d)) != NULL;) {
		if (strncmp(en->d_name, FILE_TEMP_PREFIX, sizeof(FILE_TEMP_PREFIX) - 1) == 0)
			unlinkat(dirfd(d), en->d_name, 0);
	}
	if (d)
		closedir(d);
}
