/* canned.h - a directory server that has said all it will say before it is asked: any octets, any messages. */
#pragma once
#include <pthread.h>
#include "ldap/conn.h"
#include "server/base/buf.h"

struct canned {
	int fd;
	struct buf words; /* what it says */
	struct buf again; /* and goes on to say without end, until the other side is gone */
	pthread_t thread;
};

void canned_start(struct canned *c);
void canned_stop(struct canned *c);
/* id: of the request that it answers; the first one on a connection is 1. lines: "attr: value", one per attribute. */
void canned_entry(struct buf *to, int id, const char *dn, const char *lines);
void canned_result(struct buf *to, int id, int op, int code);
/* The end of a search. */
void canned_end(struct buf *to, int id, int code);
/* Opens a connection, anonymous, on which it speaks. setup: in use until the connection is closed. */
struct dir_conn *canned_open(struct canned *c, const struct link_setup *setup);
