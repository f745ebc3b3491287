/* table.h - limits that are files: `.quota/<stem>.limit` in the mail root, one for each account that has a limit there.
 *
 * Files are replaced as a whole and belong to the mail root's owner; reading makes nothing, not even the directory.
 * Thread: any; may block. Failure: EC_BROKEN names the file.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"
#include "server/store/mailroot.h"
#include "server/store/quota.h"

/* EC_ABSENT: none is kept for this account; without a text. */
enum ec limit_table_read(const struct mailroot *root, const char *account, struct quota_limit *out,
			 struct err *e);
/* Never waits. False: there is one, or nobody can tell. */
bool limit_table_has_none(const struct mailroot *root, const char *account);
enum ec limit_table_write(struct mailroot *root, const char *account,
			  const struct quota_limit *limit, struct err *e);
/* EC_OK also if there was none. */
enum ec limit_table_drop(struct mailroot *root, const char *account, struct err *e);
/* In no order; fn false stops. A damaged file is an error, after all others were told. */
enum ec limit_table_each(struct mailroot *root,
			 bool (*fn)(void *ctx, const char *account, const struct quota_limit *),
			 void *ctx, struct err *e);
/* The text of such a file. Pure. */
enum ec limit_table_parse(const char *text, size_t len, char account[NAME_TEXT_MAX + 1],
			  struct quota_limit *out, struct err *e);
