/* ledgerfile.h - what the two files of the ledger share; nobody else includes it. */
#pragma once
#include "server/store/ledger.h"

#define LEDGER_NO_PAGE UINT64_MAX

/* From errno; always EC_TEMP. */
enum ec ledger_trouble(const struct ledger *l, const char *what, struct err *e);
/* 0, or -1 with errno. */
int ledger_write_at(int fd, const void *p, size_t len, uint64_t off);
int ledger_get_line(struct ledger *l, uint64_t slot, struct ledger_line *out);
/* All sound lines that were settled since; free() them. NULL with errno. n_found: those that were not, too. */
struct ledger_line *ledger_all_lines(struct ledger *l, int64_t since_s, uint64_t *n,
				     uint64_t *n_found);
/* Another file with these lines, held instead of this one. */
enum ec ledger_replace(struct ledger *l, const struct ledger_line *lines, uint64_t n,
		       struct err *e);
/* The same with what can be had of it. loose: the lines may be wrong in any way. */
enum ec ledger_mend(struct ledger *l, bool loose, struct err *e);
