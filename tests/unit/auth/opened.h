/* opened.h - sign-in as it is opened for the tests of what it offers and tells; its people are those of people.h. */
#pragma once
#include "server/auth/auth.h"
#include "tests/unit/auth/heard.h"
#include "tests/unit/auth/people.h"

#define ALL "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN EXTERNAL"

static struct people people = { .base = { .ops = &people_ops, .reveals = 1u << SECRET_CLEAR } };
static const struct auth_facts on_loopback = { .sid = "s1", .peer = "127.0.0.1", .clear_ok = true };
static const struct auth_facts far_tls = { .peer = "192.0.2.7", .secure = true, .tls_bits = 256 };

static inline struct auth_setup setup_of(const char *mechs)
{
	return (struct auth_setup){ .service = "pop",
				    .hostname = "mail.example.com",
				    .mechanisms = mechs,
				    .apop = true,
				    .accounts = &people.base,
				    .log = &the_log };
}

static inline struct auth *open_as(const struct auth_setup *s, const struct auth *before)
{
	struct auth *a = NULL;
	struct err e = { 0 };

	heard[0] = 0;
	assert_int_equal(auth_open(s, before, &a, &e), EC_OK);
	return a;
}

static inline struct auth *open_auth(const char *mechs)
{
	struct auth_setup s = setup_of(mechs);

	return open_as(&s, NULL);
}
