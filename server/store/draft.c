/* draft.c - a mailbox in the making: a directory beside its place, renamed into it.
 *
 * Whoever looks sees no mailbox or a whole one with its password record; what a crash leaves is a
 * directory that is no name, for the sweep (removal.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/store/mailtree.h"

struct draft {
	struct mailroot *root;
	struct name name;
	int parent, dir, held;
	char side[SIDE_NAME_MAX];
};

static enum ec refuse_if_there(struct draft *d, struct err *e)
{
	char entry[NAME_MAX + 1], actual[NAME_MAX + 1], text[NAME_TEXT_MAX + 1];

	tree_entry(&d->name, entry);
	int fd = tree_open_entry(d->root, d->parent, entry, actual);
	if (fd < 0)
		return errno == ENOENT ? EC_OK : tree_cannot_open(&d->name, e);
	close(fd);
	return err_set(e, EC_EXISTS, "mailbox %s exists already", name_text(&d->name, text));
}

static void draft_free(struct draft **d)
{
	if ((*d)->dir >= 0)
		close((*d)->dir);
	if ((*d)->held >= 0)
		close((*d)->held);
	close((*d)->parent);
	free(*d);
	*d = NULL;
}

enum ec draft_begin(struct mailroot *root, const struct name *mailbox, struct draft **out,
		    struct err *e)
{
	int parent;
	enum ec rc = tree_open_parent(root, mailbox, &parent, e);

	if (rc != EC_OK)
		return rc;
	struct draft *d = mem_new(sizeof(*d));
	*d = (struct draft){
		.root = root, .name = *mailbox, .parent = parent, .dir = -1, .held = -1
	};
	rc = refuse_if_there(d, e);
	if (rc == EC_OK) {
		d->dir = tree_make_side(root, parent, d->side, DRAFT_PREFIX);
		if (d->dir < 0)
			rc = err_sys(e, "cannot make mailbox %s@%s", mailbox->local,
				     mailbox->domain);
	}
	if (rc == EC_OK)
		*out = d;
	else
		draft_free(&d);
	return rc;
}

enum ec draft_put(struct draft *d, const char *file, const void *p, size_t len, struct err *e)
{
	if (tree_put(d->root, d->dir, file, p, len, 0600) < 0)
		return err_sys(e, "cannot write %s of mailbox %s@%s", file, d->name.local,
			       d->name.domain);
	return EC_OK;
}

int draft_dir(const struct draft *d)
{
	return d->dir;
}

void draft_hold(struct draft *d, int fd)
{
	if (d->held >= 0)
		close(d->held);
	d->held = fd;
}

static enum ec put_in_place(struct draft *d, struct err *e)
{
	char entry[NAME_MAX + 1];
	enum ec rc = refuse_if_there(d, e); /* in another spelling, too */

	tree_entry(&d->name, entry);
	if (rc != EC_OK)
		return rc;
	if (fsync(d->dir) < 0 || tree_rename_new(d->parent, d->side, entry) < 0)
		return err_sys(e, "cannot make mailbox %s@%s", d->name.local, d->name.domain);
	d->side[0] = '\0';
	if (fsync(d->parent) < 0)
		return err_sys(e, "cannot make mailbox %s@%s durable", d->name.local,
			       d->name.domain);
	return EC_OK;
}

enum ec draft_commit(struct draft **d, struct err *e)
{
	enum ec rc = put_in_place(*d, e);

	draft_drop(d);
	return rc;
}

void draft_drop(struct draft **d)
{
	if (!*d)
		return;
	if ((*d)->side[0])
		tree_delete((*d)->parent, (*d)->side);
	draft_free(d);
}
