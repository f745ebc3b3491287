/* sock.h - a connected descriptor before a deadline. Private to ldap/. Thread: any; blocks. */
#pragma once
#include <ldap.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"

/* Every address of the name in turn, each for its share of the time. *fd is set from the first attempt on, so that another thread
 * can shut it down; -1 afterwards if none answered. Non-blocking. EC_TEMP. */
enum ec dir_sock_open(const LDAPURLDesc *u, unsigned timeout_ms, atomic_int *fd, struct err *e);
/* Waits for POLLIN or POLLOUT. False: not before the deadline (clock_mono_ms). */
bool dir_sock_wait(int fd, short events, uint64_t deadline_ms);
/* Is the peer this very computer? */
bool dir_sock_loopback(int fd);
