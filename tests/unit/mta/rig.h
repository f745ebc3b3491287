/* rig.h - the service with real loops, workers and sign-in, a catalog that can be made to wait, and clients over sockets.
 *
 * The people are those of tests/unit/auth/people.h. "nobody" has no mailbox, "held" one that is on hold, "away" cannot be told
 * about; in example.org there is one mailbox with many names; everybody else has his own.
 */
#pragma once
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "server/mta/mta.h"
#include "tests/unit/auth/people.h"

#define T "\t"
#define N "\n"
#define HELLO "VERSION" T "1" T "2" N "CPID" T "1" N
#define OLD_HELLO "VERSION" T "1" T "0" N "CPID" T "1" N

struct rig {
	struct catalog catalog;
	struct people people;
	struct loop *loop;
	struct mta_work work;
	struct conf *conf;
	struct auth *auth;
	struct mta *mta;
	struct mta_setup setup;
	struct log_sink *sink;
	char dir[32];
	atomic_bool slow;
	atomic_bool away;  /* the catalog can tell nothing */
	sem_t entered, go; /* slow: a look-up says when it is in, and waits */
	sem_t idle;
	pthread_mutex_t lock;
	char heard[20000]; /* the log, under the lock */
};
extern struct rig rig;

void rig_begin(const char *more, unsigned max_jobs, unsigned penalty_ms);
void rig_end(void);
struct conf *settings(const char *more);
bool logged(const char *what);
struct mta_now now(void);
bool nobody_left(void);
void wait_until(bool (*what)(void));

/* A connection through this door. */
int client(enum mta_door door);
void say(int fd, const char *z);
/* What comes next is this and nothing else; "" is the end. */
void hear(int fd, const char *want);
/* Reads up to the end of the handshake; returns it. */
const char *hear_handshake(int fd);
int auth_client(const char *hello);
/* "AUTH" of this number with a password. */
void say_plain(int fd, const char *id, const char *user, const char *pass);
