/* rig.h - the POP3 service on real loops, workers and sign-in, with a mailbox in memory that can be made to wait.
 *
 * The mailbox counts what it lends and gets back: rig_end fails unless every claim was released once and every message given back.
 */
#pragma once
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/pop3/attach.h"
#include "tests/unit/auth/people.h"

#define N "\r\n"
#define SIGNIN "USER kim@example.com" N "PASS tanstaaf" N
#define LARGE (300u << 10)
#define PATIENCE_S 60

enum { SMALL, BIG, DOTTED, N_MAIL };

/* The mail of kim@example.com: one small, one in a file, one with dots. */
enum slow { NOTHING, CLAIM, TABLE, FETCH, COMMIT };

struct rig {
	struct catalog catalog;
	struct store store;
	struct people people;
	struct loop *loops[2];
	struct work *work, *signin;
	struct conf *conf;
	struct auth *auth;
	struct pop3 *pop3;
	struct log_sink *sink;
	struct log log;
	char dir[32];
	int big_fd;
	char *big;

	atomic_int n_claims, n_releases, n_blobs, n_blobs_back, n_commits, n_removed;
	atomic_bool claimed, locked, remembered;
	atomic_bool release_now; /* as the store of files has it */
	_Atomic int stops_at;    /* the store operation that waits, see enum slow */
	_Atomic int commit_class;
	sem_t entered, go, idle;
	pthread_mutex_t lock;
	struct buf said; /* the log, under the lock */
};

extern struct rig rig;

/* settings: lines of winpop.conf. */
void rig_begin(const char *settings, unsigned n_workers, unsigned max_jobs);
void rig_end(void);
struct pop3_setup rig_settings(const char *settings); /* a new rig.conf; the old one is yours */
bool nobody_is_in(void);                              /* no session, and all is given back */
void wait_until(bool (*fn)(void));
unsigned count_logged(const char *text);

/* A client's end of a connection, new or signed in as kim. */
int rig_client(void);
int rig_client_from(const char *ipv4); /* who is not on this machine */
int rig_signed_in(void);
void say(int fd, const char *z);
bool hear_line(int fd, char *line,
	       size_t size);          /* its CRLF cut; false at the end of the connection */
void hear(int fd, const char *start); /* a line that begins so */
void hear_big(int fd);                /* the answer to RETR 2 */
void hear_end(int fd);                /* and closes */
bool both_loops_went_by(void);        /* what was posted to them before is done */
