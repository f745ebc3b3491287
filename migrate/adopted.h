/* adopted.h - what of another server's messages a mailbox has got already: the file `adopted` in it.
 *
 *	winpop-adopted 1 FROM
 *	SUM OCTETS NAME HERE
 *	end 2
 *
 * A message is known by its file name, its octets and their sum, so that the same one is never brought in twice - also when its owner
 * has long deleted it - and another one is never taken for it. HERE is the name it got in the mailbox, nearly always the same.
 * Names are escaped (%XX), FROM is where the first ones came from. The file is replaced whole.
 *
 * Thread: one at a time. Owner: strings are copied into the list. Failure: EC_BROKEN: damaged.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/buf.h"
#include "server/base/err.h"

#define ADOPTED_FILE "adopted"
#define ADOPTED_BYTES_MAX (1u << 30)
#define ADOPTED_SUM 16

struct adopted_item {
	const char *name, *here;
	uint64_t octets;
	unsigned char sum[ADOPTED_SUM];
};
struct adopted;

struct adopted *adopted_new(const char *from);
void adopted_free(struct adopted **a);
enum ec adopted_parse(const char *text, size_t len, struct adopted **out, struct err *e);
void adopted_form(struct adopted *a, struct buf *out);

const char *adopted_from(const struct adopted *a);
size_t adopted_count(const struct adopted *a);
const struct adopted_item *adopted_at(const struct adopted *a, size_t i);
/* Found only after adopted_settle: a hundred thousand are added one by one and looked for in between, each of another name. */
void adopted_add(struct adopted *a, const struct adopted_item *item);
void adopted_settle(struct adopted *a);
/* Is there one of that name? With octets and sum alike? */
bool adopted_has_name(const struct adopted *a, const char *name);
bool adopted_has(const struct adopted *a, const struct adopted_item *item);
