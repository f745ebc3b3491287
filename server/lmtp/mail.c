/* mail.c - a transaction and its memory.
 *
 * Envelope in an arena, body in a buffer of its own: the body's size changes by the megabyte and it
 * leaves for the spool file while the envelope stays. Recipients are a list, because their number
 * is the client's to choose and their order is the order of the replies.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/lmtp/mail.h"

struct lm_mail *lm_mail_new(const char *from, size_t from_len)
{
	struct lm_mail *m = mem_new(sizeof(*m));

	m->mem = arena_new("lmtp-mail", 1024);
	m->from = arena_str(m->mem, from, from_len);
	m->spool_fd = -1;
	return m;
}

void lm_mail_unspool(struct lm_mail *m)
{
	if (m->spool_fd >= 0)
		close(m->spool_fd);
	m->spool_fd = -1;
	m->spool_len = 0;
}

void lm_mail_free(struct lm_mail **m)
{
	if (!*m)
		return;
	lm_mail_unspool(*m);
	buf_drop(&(*m)->body);
	arena_drop(&(*m)->mem);
	free(*m);
	*m = NULL;
}

struct lm_rcpt *lm_mail_add(struct lm_mail *m, const struct name *name, const struct charge *charge,
			    const char *address, size_t address_len)
{
	struct lm_rcpt *r = arena_alloc(m->mem, sizeof(*r));

	r->name = *name;
	r->address = arena_str(m->mem, address, address_len);
	r->charge = *charge;
	r->charge.account = arena_strz(m->mem, charge->account);
	if (m->last)
		m->last->next = r;
	else
		m->rcpts = r;
	m->last = r;
	m->n_rcpts++;
	return r;
}

/* Without a name from the start where the file system can do that, else (NFS) for all but a moment. */
static int spool_open(const char *dir)
{
	char path[PATH_MAX];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || errno != EOPNOTSUPP)
		return fd;
	snprintf(path, sizeof(path), "%s/" FILE_TEMP_PREFIX "XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum ec lm_mail_spool(struct lm_mail *m, const char *dir, struct err *e)
{
	if (m->spool_fd < 0)
		m->spool_fd = spool_open(dir);
	if (m->spool_fd < 0)
		return err_sys(e, "cannot make a spool file in %s", dir);
	while (m->body.len > 0) {
		ssize_t n = write(m->spool_fd, buf_at(&m->body), m->body.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot write to the spool file in %s", dir);
		buf_eat(&m->body, (size_t)n);
		m->spool_len += (uint64_t)n;
	}
	return EC_OK;
}
