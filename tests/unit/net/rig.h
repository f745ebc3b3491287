/* rig.h - what the tests of server/net share: a loop that runs until something is so, an owner that
 * writes down what it is told, a client for the other end. */
#pragma once
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include "server/base/buf.h"
#include "server/net/conn.h"
#include "server/net/loop.h"

struct loop *rig_loop(void);
/* Runs the loop here until done(ctx); a test that waits for more than 20 s has failed. */
void rig_until(struct loop *l, bool (*done)(void *ctx), void *ctx);
/* Runs what can run without waiting. */
void rig_spin(struct loop *l);
void rig_step(struct loop *l, unsigned n); /* n passes of the loop, without waiting */

#define N_EVENTS (CONN_SENT + 1)
struct owner {
	struct conn *c;
	unsigned told[N_EVENTS];
	struct buf in;    /* everything that was eaten */
	bool leave_input; /* do not eat */
	bool free_now;    /* free inside the callback of free_at */
	enum conn_ev free_at;
	bool inside;   /* for the check that it is never entered twice */
	char why[200]; /* conn_error at CONN_ERROR */
	void (*also)(struct owner *o, enum conn_ev ev); /* after the above */
	void *ctx;
};
void owner_fn(struct conn *c, enum conn_ev ev, void *ctx);
void owner_start(struct owner *o, struct loop *l, int fd, size_t in_max);
void owner_drop(struct owner *o);

struct wanted {
	struct owner *o;
	enum conn_ev ev;
	unsigned n;
};
void rig_until_told(struct loop *l, struct owner *o, enum conn_ev ev, unsigned n);
void rig_until_input(struct loop *l, struct owner *o, size_t len);

void rig_pair(int fd[2]);          /* unix sockets; [0] non-blocking */
void rig_tcp_pair(int fd[2]);      /* loopback TCP; [0] non-blocking, the server's side */
void rig_ethernet_pair(int fd[2]); /* the same in segments as short as on a real network */
int rig_file(uint64_t size);       /* unlinked, with the octets of rig_octet */
unsigned char rig_octet(uint64_t at);
uint32_t rig_random(uint32_t *state); /* repeatable */
void rig_send(int fd, const char *z);

/* A client of its own thread: blocking calls. */
struct client {
	int fd;
	SSL *ssl; /* NULL: plain */
};
/* Reads and checks, and perhaps writes, a head of 5 octets, a file, a tail of 3. */
struct reader {
	struct client client;
	uint64_t want, send, got;
	bool right;
	uint32_t seed;
	atomic_bool over;
	pthread_t thread;
};
void *reader_main(void *reader);
void *reader_send(void *reader); /* in a second thread; plain only */
bool reader_is_over(void *reader);
void owner_echo(struct owner *o, enum conn_ev ev); /* for `also`, with leave_input */

size_t client_read(struct client *c, void *p, size_t len); /* 0: end or error */
bool client_write(struct client *c, const void *p, size_t len);
