/* change.h - an entry to add, or changes to one, put together before they are sent as one operation.
 *
 *	struct dir_change *ch = change_new(dn);
 *	change_put(ch, CHANGE_REPLACE, "winpopLocked", "TRUE", 4);
 *	rc = dir_conn_modify(conn, ch, e);
 *	change_free(&ch);
 *
 * For dir_conn_add every value is one to add. Values are copied and wiped. Thread: one at a time.
 */
#pragma once
#include <stddef.h>

struct dir_change;
enum change_op { CHANGE_ADD, CHANGE_DELETE, CHANGE_REPLACE };

struct dir_change *change_new(const char *dn);
void change_put(struct dir_change *ch, enum change_op op, const char *attr, const void *p,
		size_t len);
void change_putz(struct dir_change *ch, enum change_op op, const char *attr, const char *z);
/* DELETE: the whole attribute; REPLACE: by nothing. */
void change_drop(struct dir_change *ch, enum change_op op, const char *attr);
void change_free(struct dir_change **ch);
