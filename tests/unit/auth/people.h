/* people.h - a handful of accounts in memory, for the tests of sign-in.
 *
 * kim exists in two domains with two passwords, and "kimmy" means the first. away and broken are
 * accounts whose record cannot be read now or ever; off is disabled, old has an expired password and
 * locked was guessed at too often. Every question is counted.
 */
#pragma once
#include <stdatomic.h>
#include <string.h>
#include "server/accounts/accounts.h"
#include "server/base/crypto.h"
#include "server/base/utf16.h"

struct person {
	const char *name, *pass;
	size_t pass_len;
	enum ec trouble; /* EC_OK: none */
	enum refusal refusal;
};

#define PERSON(n, p, t)                                                                            \
	{                                                                                          \
		n, p, sizeof(p) - 1, t                                                             \
	}
static const struct person persons[] = {
	PERSON("kim@example.com", "tanstaaf", EC_OK),
	PERSON("kim@example.org", "grok-and-roll", EC_OK),
	PERSON("j\xc3\xbcrgen@example.com",
	       "gr\xc3\xbc\xc3\x9f"
	       "e \xe2\x82\xac 5",
	       EC_OK),
	PERSON("nul@example.com", "fr0nt\0behind", EC_OK),
	PERSON("empty@example.com", "", EC_OK),
	PERSON("off@example.com", "was-here", EC_REFUSED),
	PERSON("away@example.com", "unreachable", EC_TEMP),
	PERSON("broken@example.com", "unreadable", EC_BROKEN),
	{ "old@example.com", "yesterday", 9, EC_REFUSED, REFUSAL_EXPIRED },
	{ "locked@example.com", "patience", 8, EC_DENIED, REFUSAL_LOCKED_OUT },
};
#define N_PERSONS (sizeof(persons) / sizeof(persons[0]))

struct people {
	struct accounts base;
	atomic_uint n_resolve, n_verify, n_verify_now, n_reveal, n_find;
	bool down;         /* nobody can be asked about passwords */
	bool lost;         /* nor who is meant */
	const char *stamp; /* everybody's; NULL: not known */
};

static inline const struct person *person_of(const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(n, text);
	for (size_t i = 0; i < N_PERSONS; i++) {
		if (strcmp(persons[i].name, text) == 0)
			return &persons[i];
	}
	return NULL;
}

static inline enum ec people_find(struct accounts *a, const struct name *n, struct account *out,
				  struct err *e)
{
	const struct person *p = person_of(n);

	((struct people *)a)->n_find++;
	if (!p)
		return err_set(e, EC_ABSENT, "no such account");
	if (p->trouble >= EC_BUSY)
		return err_set(e, p->trouble, "record cannot be read");
	*out = (struct account){ .name = *n, .enabled = p->trouble != EC_REFUSED };
	return EC_OK;
}

static inline enum ec people_resolve(struct accounts *a, const char *typed, size_t len,
				     struct account *out, struct err *e)
{
	struct people *p = (struct people *)a;
	bool bare = len == 5 && memcmp(typed, "kimmy", 5) == 0;

	p->n_resolve++;
	if (p->lost)
		return err_set(e, EC_TEMP, "the directory is away");
	*out = (struct account){ 0 };
	if (p->stamp)
		strcpy(out->stamp, p->stamp);
	enum ec ec = bare ? name_parse(&out->name, "kim@example.com", 15, NAME_FILE, e)
			  : name_parse(&out->name, typed, len, NAME_FILE, e);
	const struct person *who = ec == EC_OK ? person_of(&out->name) : NULL;
	out->enabled = !who || who->trouble != EC_REFUSED;
	return ec;
}

static inline enum ec people_verify(struct accounts *a, const struct account *who,
				    const struct secret *pass, struct err *e)
{
	const struct person *p = person_of(&who->name);

	((struct people *)a)->n_verify++;
	if (((struct people *)a)->down)
		return err_set(e, EC_TEMP, "nobody at home");
	if (p && p->trouble >= EC_BUSY)
		return err_set(e, p->trouble, "record cannot be read");
	if (!p || p->pass_len != pass->len || memcmp(p->pass, pass->bytes, pass->len) != 0)
		return err_set(e, EC_DENIED, "wrong password");
	if (p->trouble == EC_OK)
		return EC_OK;
	err_set(e, p->trouble, p->refusal ? "something forbids it" : "the account is disabled");
	e->detail = p->refusal;
	return p->trouble;
}

/* Only of those about whom there is nothing else to say. */
static inline enum ec people_verify_now(struct accounts *a, const struct account *who,
					const struct secret *pass)
{
	const struct person *p = person_of(&who->name);

	((struct people *)a)->n_verify_now++;
	return p && p->trouble == EC_OK && p->pass_len == pass->len &&
			       memcmp(p->pass, pass->bytes, pass->len) == 0
		       ? EC_OK
		       : EC_BUSY;
}

static inline void people_nt_hash(const char *pass, size_t len, struct secret *out)
{
	unsigned char wide[256], hash[16];
	size_t n = 0;

	if (!utf16_from_utf8(wide, &n, pass, len))
		return;
	md4(hash, wide, n);
	secret_set(out, hash, sizeof(hash));
}

static inline enum ec people_reveal(struct accounts *a, const struct account *who,
				    enum secret_kind kind, struct secret *out, struct err *e)
{
	const struct person *p = person_of(&who->name);

	((struct people *)a)->n_reveal++;
	if (((struct people *)a)->down)
		return err_set(e, EC_TEMP, "nobody at home");
	if (!p)
		return err_set(e, EC_ABSENT, "no such account");
	if (p->trouble != EC_OK)
		return err_set(e, p->trouble, "not revealed");
	if (kind == SECRET_NT_HASH)
		people_nt_hash(p->pass, p->pass_len, out);
	else
		secret_set(out, p->pass, p->pass_len);
	return EC_OK;
}

static const struct accounts_ops people_ops = {
	.name = "people",
	.rule = NAME_DIRECTORY, /* with SPA if it is set */
	.find = people_find,
	.resolve = people_resolve,
	.verify = people_verify,
	.verify_now = people_verify_now,
	.reveal = people_reveal,
};
