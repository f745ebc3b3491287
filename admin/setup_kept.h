/* setup_kept.h - a file as it was, to be put back. Thread: one at a time. Owner: its text lives in the arena, and is wiped with it. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "admin/identity.h"

struct kept_file {
	const char *path; /* NULL: nothing was kept */
	bool there;
	char *text;
	size_t len;
	mode_t mode;
	struct owner owner;
};
enum ec kept_take(struct arena *mem, const char *path, struct kept_file *out, struct err *e);
/* As it was: its text, mode and owner; or gone, if it was not there. Fine if zeroed. */
enum ec kept_put_back(const struct kept_file *k, struct err *e);

/* A file of this mode and owner, at once: nobody can read it before it is theirs. */
enum ec kept_write(const char *path, const void *text, size_t len, mode_t mode,
		   const struct owner *o, struct err *e);
/* Removes from a directory of root's what writing a file left there when we were killed: it may be a copy of a secret. */
void kept_sweep(const char *dir);
