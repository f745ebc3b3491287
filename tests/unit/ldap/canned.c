/* canned.c - see canned.h. A thread writes: there may be more to say than a socket takes at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ldap/conn_own.h"
#include "tests/unit/ldap/canned.h"

void canned_start(struct canned *c)
{
	*c = (struct canned){ .fd = -1 };
}

void canned_stop(struct canned *c)
{
	if (c->fd >= 0) {
		shutdown(c->fd, SHUT_RDWR);
		pthread_join(c->thread, NULL);
		close(c->fd);
	}
	buf_drop(&c->words);
	buf_drop(&c->again);
}

static void take(struct buf *to, BerElement *ber)
{
	struct berval out;

	assert_int_equal(ber_flatten2(ber, &out, 0), 0);
	buf_add(to, out.bv_val, out.bv_len);
	ber_free(ber, 1);
}

void canned_entry(struct buf *to, int id, const char *dn, const char *lines)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	char *text = strdup(lines), *rest = NULL;

	ber_printf(ber, "{it{s{", id, (ber_tag_t)LDAP_RES_SEARCH_ENTRY, dn);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strstr(line, ": ");
		assert_non_null(value);
		*value = '\0';
		ber_printf(ber, "{s[s]}", line, value + 2);
	}
	ber_printf(ber, "}}}");
	take(to, ber);
	free(text);
}

void canned_result(struct buf *to, int id, int op, int code)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{ess}}", id, (ber_tag_t)op, (ber_int_t)code, "", "");
	take(to, ber);
}

void canned_end(struct buf *to, int id, int code)
{
	canned_result(to, id, LDAP_RES_SEARCH_RESULT, code);
}

static bool say(int fd, const struct buf *b)
{
	const char *p = buf_at(b);

	for (size_t at = 0; at < b->len;) {
		ssize_t n = send(fd, p + at, b->len - at, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static void *speak(void *arg)
{
	struct canned *c = arg;
	bool heard = say(c->fd, &c->words);

	while (heard && c->again.len > 0)
		heard = say(c->fd, &c->again);
	return NULL;
}

struct dir_conn *canned_open(struct canned *c, const struct link_setup *setup)
{
	struct dir_conn *conn = dir_conn_new("ldapi:///", setup);
	int ends[2];
	struct err e;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	if (dir_conn_attach(conn, ends[1], &e) != EC_OK)
		fail_msg("%s", e.text);
	c->fd = ends[0];
	assert_int_equal(pthread_create(&c->thread, NULL, speak, c), 0);
	return conn;
}
