/* floorbox.c - the mailboxes of the floor server.
 *
 * Each has messages of its own, one behind the other in one file, as much mail in all as the other servers hold: octets come from
 * the page cache here as there, not from the processor's own.
 */
#include "tests/bench/floor.h"
#include "tests/bench/pattern.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *room_for(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (p == NULL)
		err(1, "calloc");
	return p;
}

void mail_add(struct mail *m, const char *words)
{
	struct boxes *b = &m->boxes[m->n_boxes++];
	char dots[8] = "";

	if (m->n_boxes > MAX_BOXES ||
	    sscanf(words, "%u:%u:%u:%u:%7s", &b->first, &b->last, &b->n, &b->size, dots) < 4 ||
	    b->last < b->first)
		errx(2, "--box FIRST:LAST:MESSAGES:SIZE[:dots], at most %d times", MAX_BOXES);
	b->dots = strcmp(dots, "dots") == 0;
}

static void write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0)
			err(1, "the mail file");
		p += n;
		len -= (size_t)n;
	}
}

/* A reply that grows line by line. */
static void reply_add(struct item *reply, const char *line)
{
	size_t len = strlen(line);
	char *text = realloc((char *)reply->at, reply->len + len);

	if (text == NULL)
		err(1, "realloc");
	memcpy(text + reply->len, line, len);
	*reply = (struct item){ text, reply->len + len, -1 };
}

static void reply_number(struct item *reply, const char *fmt, unsigned k, size_t octets)
{
	char line[64];

	snprintf(line, sizeof line, fmt, k, octets);
	reply_add(reply, line);
}

/* What a mailbox says of itself; all of them say the same. */
static void make_replies(struct boxes *b, const struct pattern *p)
{
	size_t sum = 0;

	reply_add(&b->list, "+OK\r\n");
	reply_add(&b->uidl, "+OK\r\n");
	for (unsigned k = 1; k <= b->n; k++) {
		char *mail;
		size_t octets = pattern_mail(p, b->size, k, &mail) - p->len + p->octets;

		free(mail);
		sum += octets;
		reply_number(&b->list, "%u %zu\r\n", k, octets);
		reply_number(&b->uidl, "%u %zx\r\n", k, (size_t)k);
	}
	reply_add(&b->list, ".\r\n");
	reply_add(&b->uidl, ".\r\n");
	reply_number(&b->stat, "+OK %u %zu\r\n", b->n, sum);
}

static int make_directory(int above, unsigned number)
{
	char name[12];
	int fd;

	snprintf(name, sizeof name, "%u", number);
	if (mkdirat(above, name, 0700) != 0 ||
	    (fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		err(1, "%s", name);
	return fd;
}

static void write_own(const struct item *item)
{
	int fd = openat(item->dir, item->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		err(1, "%s", item->name);
	write_all(fd, item->at, item->len);
	close(fd);
}

/* What goes by sendfile() lies once more in a file of its own, with those of its mailbox in one directory. */
static void write_own_files(const struct mail *m)
{
	int above = open(m->own_files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (above < 0)
		err(1, "%s", m->own_files);
	for (unsigned i = 0; i < m->n_boxes; i++) {
		const struct boxes *b = &m->boxes[i];
		int dir = -1;

		for (unsigned k = 0; k < (b->last - b->first + 1) * b->n; k++) {
			struct item *item = &b->messages[k];

			if (item->len < m->sendfile_from)
				continue;
			if (k % b->n == 0)
				dir = make_directory(above, b->first + k / b->n);
			item->dir = dir;
			snprintf(item->name, sizeof item->name, "%u", k % b->n + 1);
			write_own(item);
		}
	}
	close(above);
}

static off_t write_messages(struct mail *m, struct boxes *b, const struct pattern *p, off_t at)
{
	static const char ok[] = "+OK\r\n";
	unsigned many = (b->last - b->first + 1) * b->n;

	b->messages = room_for(many, sizeof *b->messages);
	for (unsigned i = 0; i < many; i++) {
		char *mail;
		size_t len = pattern_mail(p, b->size, i % b->n + 1, &mail);

		write_all(m->fd, ok, strlen(ok));
		write_all(m->fd, mail, len);
		free(mail);
		b->messages[i] = (struct item){ NULL, strlen(ok) + len, at };
		at += (off_t)b->messages[i].len;
	}
	return at;
}

/* Mapped too, for those who send from memory. */
static void map(struct mail *m, size_t len)
{
	const char *at;

	if (len == 0)
		return;
	at = mmap(NULL, len, PROT_READ, MAP_SHARED | MAP_POPULATE, m->fd, 0);
	if (at == MAP_FAILED)
		err(1, "mmap");
	for (unsigned i = 0; i < m->n_boxes; i++) {
		struct boxes *b = &m->boxes[i];

		for (unsigned k = 0; k < (b->last - b->first + 1) * b->n; k++)
			b->messages[k].at = at + b->messages[k].offset;
	}
}

void mail_fill(struct mail *m, const char *path)
{
	off_t at = 0;

	m->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (m->fd < 0)
		err(1, "%s", path);
	for (unsigned i = 0; i < m->n_boxes; i++) {
		struct boxes *b = &m->boxes[i];
		struct pattern p;

		pattern_make(&p, b->size, b->dots);
		make_replies(b, &p);
		at = write_messages(m, b, &p, at);
		free(p.wire);
	}
	map(m, (size_t)at);
	if (m->own_files)
		write_own_files(m);
}

#define REFUSED                                                                                    \
	{                                                                                          \
		"-ERR\r\n", 6, -1                                                                  \
	}
const struct boxes nobodys = { .stat = REFUSED, .list = REFUSED, .uidl = REFUSED };

const struct boxes *mail_find(const struct mail *m, unsigned number)
{
	for (unsigned i = 0; i < m->n_boxes; i++) {
		if (number >= m->boxes[i].first && number <= m->boxes[i].last)
			return &m->boxes[i];
	}
	return &nobodys;
}
