/* meter.c - cells per processor, not per thread: there are workers enough that a row for each would cost more to sum than it saves,
 * and no thread has to be told which row is its own. Where the kernel registers restartable sequences, which processor this is
 * is a word of memory. A thread that is moved between the look and the addition adds to a neighbour's row; the addition is
 * atomic, so that costs a cache line and loses nothing.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/base/meter.h"

#define LINE 64
#define SPAN_CELLS (METER_BOUNDS + 2) /* buckets, and the sum of all times */
#define CELLS (METER_COUNTS + METER_SPANS * SPAN_CELLS)

struct row {
	_Alignas(2 *
		 LINE) _Atomic uint64_t cell[CELLS]; /* twice: processors fetch lines in pairs */
};

struct meters {
	unsigned n_rows;
	struct row *rows;
};

const uint64_t meter_bound_us[METER_BOUNDS] = {
	50,    100,    250,    500,    1000,    2500,    5000,    10000,    25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
};

struct meters *meters_new(void)
{
	struct meters *m = mem_new(sizeof(*m));
	long n = sysconf(_SC_NPROCESSORS_CONF);

	m->n_rows = n > 0 ? (unsigned)n : 1;
	m->rows = aligned_alloc(_Alignof(struct row), m->n_rows * sizeof(struct row));
	if (!m->rows)
		die("out of memory");
	memset(m->rows, 0, m->n_rows * sizeof(struct row));
	return m;
}

void meters_free(struct meters **m)
{
	if (!*m)
		return;
	free((*m)->rows);
	free(*m);
	*m = NULL;
}

/* -1, no such call here, is some row too. */
static _Atomic uint64_t *row_here(struct meters *m)
{
	return m->rows[(unsigned)sched_getcpu() % m->n_rows].cell;
}

static void add(_Atomic uint64_t *cell, uint64_t by)
{
	atomic_fetch_add_explicit(cell, by, memory_order_relaxed);
}

void meter_add(struct meters *m, unsigned which, uint64_t by)
{
	if (m)
		add(&row_here(m)[which], by);
}

void meter_span(struct meters *m, enum meter_span which, uint64_t us)
{
	unsigned i = 0;

	if (!m)
		return;
	while (i < METER_BOUNDS && us > meter_bound_us[i])
		i++;
	_Atomic uint64_t *span = row_here(m) + METER_COUNTS + which * SPAN_CELLS;
	add(&span[i], 1);
	add(&span[METER_BOUNDS + 1], us);
}

static uint64_t sum(const struct meters *m, unsigned cell)
{
	uint64_t n = 0;

	for (unsigned i = 0; m && i < m->n_rows; i++)
		n += atomic_load_explicit(&m->rows[i].cell[cell], memory_order_relaxed);
	return n;
}

uint64_t meter_sum(const struct meters *m, unsigned which)
{
	return sum(m, which);
}

void meter_spread(const struct meters *m, enum meter_span which, struct meter_spread *out)
{
	unsigned first = METER_COUNTS + which * SPAN_CELLS;

	for (unsigned i = 0; i <= METER_BOUNDS; i++)
		out->n[i] = sum(m, first + i);
	out->us = sum(m, first + METER_BOUNDS + 1);
}

/* ---- names ---- */

static const char *const mech_name[METER_MECHS] = {
	[MECH_IS_USER] = "USER",
	[MECH_IS_APOP] = "APOP",
	[MECH_IS_PLAIN] = "PLAIN",
	[MECH_IS_LOGIN] = "LOGIN",
	[MECH_IS_CRAM_MD5] = "CRAM-MD5",
	[MECH_IS_SCRAM_SHA_1] = "SCRAM-SHA-1",
	[MECH_IS_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
	[MECH_IS_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[MECH_IS_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
	[MECH_IS_NTLM] = "NTLM",
	[MECH_IS_GSSAPI] = "GSSAPI",
	[MECH_IS_EXTERNAL] = "EXTERNAL",
	[MECH_IS_OTHER] = "other",
};

static const char *const result_name[METER_RESULTS] = {
	[SIGNIN_OK] = "ok",           [SIGNIN_WRONG] = "wrong",
	[SIGNIN_REFUSED] = "refused", [SIGNIN_MALFORMED] = "malformed",
	[SIGNIN_LOCKED] = "locked",   [SIGNIN_DELAYED] = "delayed",
	[SIGNIN_IN_USE] = "in_use",   [SIGNIN_MISSING] = "missing",
	[SIGNIN_BUSY] = "busy",       [SIGNIN_TROUBLE] = "trouble",
};

const char *meter_mech_name(enum meter_mech mech)
{
	return mech_name[mech];
}

const char *meter_result_name(enum meter_result result)
{
	return result_name[result];
}

enum meter_mech meter_mech_of(const char *name)
{
	unsigned i = 0;

	while (name && i < MECH_IS_OTHER && strcmp(mech_name[i], name) != 0)
		i++;
	return name ? i : MECH_IS_OTHER;
}

enum meter_result meter_result_of(enum ec class)
{
	static const enum meter_result of[EC_COUNT] = {
		[EC_OK] = SIGNIN_OK,          [EC_USAGE] = SIGNIN_MALFORMED,
		[EC_ABSENT] = SIGNIN_TROUBLE, [EC_EXISTS] = SIGNIN_TROUBLE,
		[EC_DENIED] = SIGNIN_WRONG,   [EC_REFUSED] = SIGNIN_REFUSED,
		[EC_LOCKED] = SIGNIN_IN_USE,  [EC_QUOTA] = SIGNIN_TROUBLE,
		[EC_BUSY] = SIGNIN_BUSY,      [EC_TEMP] = SIGNIN_TROUBLE,
		[EC_BROKEN] = SIGNIN_TROUBLE,
	};

	return of[class];
}

void meter_signin(struct meters *m, unsigned family, const char *mech, enum meter_result result)
{
	meter_add(m, family + meter_mech_of(mech) * METER_RESULTS + result, 1);
}
