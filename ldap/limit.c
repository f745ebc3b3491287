/* limit.c - limits as attributes of accounts.
 *
 * Either attribute makes it a limit of the account's own, and then nothing of the settings' standard holds for it any more, also
 * where the other attribute is missing. A number that is no limit - 0, below 0, or too large for anybody to reach - says "none";
 * refusing mail because of it would help nobody.
 *
 * An account that has no mailbox gets the class that allows the attributes in a change of its own: Active Directory (Samba's, at
 * least) refuses both in one, and the class alone, should we end in between, means nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include "ldap/conn.h"
#include "ldap/limit.h"
#include "ldap/schema.h"

const char *const limit_attrs[] = { LIMIT_BYTES_ATTR, LIMIT_MESSAGES_ATTR, NULL };

/* ---- reading ---- */

static bool read_number(struct dir_entry *en, const char *attr, uint64_t *out)
{
	size_t len;
	int64_t n;

	*out = 0;
	if (!dir_entry_value(en, attr, 0, &len))
		return false;
	if (dir_entry_i64(en, attr, &n) && n > 0)
		*out = (uint64_t)n;
	return true;
}

void limit_read(struct dir_entry *en, struct account *out)
{
	bool octets = read_number(en, LIMIT_BYTES_ATTR, &out->limit.octets);
	bool messages = read_number(en, LIMIT_MESSAGES_ATTR, &out->limit.messages);

	out->has_limit = octets || messages;
}

/* ---- writing ---- */

static enum ec modify(struct dir_conn *c, struct dir_change *ch, struct err *e)
{
	enum ec rc = dir_conn_modify(c, ch, e);

	change_free(&ch);
	return rc;
}

static enum ec add_class(struct dir *d, struct dir_conn *c, const char *dn, struct err *e)
{
	struct schema_term need = { .name = QUOTA_CLASS };
	struct dir_change *ch = change_new(dn);

	change_putz(ch, CHANGE_ADD, "objectClass", QUOTA_CLASS);
	enum ec rc = modify(c, ch, e);
	if (rc == EC_EXISTS)
		return EC_OK;
	return rc == EC_BROKEN ? schema_blame(d, c, &need, rc, e) : rc;
}

static void put_number(struct dir_change *ch, const char *attr, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	change_putz(ch, CHANGE_REPLACE, attr, text);
}

/* "None" has to be said too: no attribute at all would mean the standard. */
static enum ec write_limit(struct dir_conn *c, const struct entry_limit *l, struct err *e)
{
	struct dir_change *ch = change_new(l->dn);

	if (l->limit && (l->limit->octets > 0 || l->limit->messages == 0))
		put_number(ch, LIMIT_BYTES_ATTR, l->limit->octets);
	else
		change_drop(ch, CHANGE_REPLACE, LIMIT_BYTES_ATTR);
	if (l->limit && l->limit->messages > 0)
		put_number(ch, LIMIT_MESSAGES_ATTR, l->limit->messages);
	else
		change_drop(ch, CHANGE_REPLACE, LIMIT_MESSAGES_ATTR);
	return modify(c, ch, e);
}

enum ec limit_write(struct dir *d, struct dir_conn *c, const struct entry_limit *l, struct err *e)
{
	enum ec rc = EC_OK;

	if (l->limit && (l->limit->octets > INT64_MAX || l->limit->messages > INT64_MAX))
		return err_set(e, EC_USAGE, "a directory holds no number above %" PRId64,
			       INT64_MAX);
	if (l->limit && !l->is_mailbox)
		rc = add_class(d, c, l->dn, e);
	return rc == EC_OK ? write_limit(c, l, e) : rc;
}
