/* sock.h - a connected descriptor before a deadline. Private to ldap/. Thread: any; blocks. */
#pragma once
#include <ldap.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"

/* The descriptor keeps its number from the first attempt until dir_sock_close, so that another thread may shut it down at any
 * time in between without hitting somebody else's. */
struct dir_sock {
	atomic_int fd;    /* -1: none yet */
	atomic_bool stop; /* no attempt succeeds any more */
};

void dir_sock_init(struct dir_sock *s);
/* Every address of the name in turn, each for its share of the time. Non-blocking. EC_TEMP: none answered. */
enum ec dir_sock_open(const LDAPURLDesc *u, unsigned timeout_ms, struct dir_sock *s, struct err *e);
void dir_sock_close(struct dir_sock *s);
/* From any thread, but not beside dir_sock_close. */
void dir_sock_stop(struct dir_sock *s);
/* Waits for POLLIN or POLLOUT. False: not before the deadline (clock_mono_ms). */
bool dir_sock_wait(int fd, short events, uint64_t deadline_ms);
/* Is the peer this very computer? */
bool dir_sock_loopback(int fd);
