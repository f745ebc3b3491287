/* carry.c - looked at first, then changed only where it differs: an account that was carried over before costs one search. */
#include <string.h>
#include "server/catalog/expire.h"
#include "migrate/carry.h"

/* *there: registered under this very name; out is empty otherwise. */
static enum ec look(struct catalog *c, const struct name *n, bool *there, struct entry *out,
		    struct err *e)
{
	char text[NAME_TEXT_MAX + 1], other[NAME_TEXT_MAX + 1];
	enum ec rc = c->ops->find(c, n, out, e);

	*there = rc == EC_OK;
	if (rc == EC_ABSENT) {
		*out = (struct entry){ .name = *n, .expire_days = EXPIRE_UNSET };
		return EC_OK;
	}
	if (rc == EC_OK && !name_equal(n, &out->name))
		return err_set(e, EC_EXISTS, "%s is another address of %s", name_text(n, text),
			       name_text(&out->name, other));
	return rc;
}

enum ec carry_is_there(struct catalog *to, const struct name *mailbox, bool *there, struct err *e)
{
	struct entry found;

	return look(to, mailbox, there, &found, e);
}

/* Another thread may be at the same domain. */
static enum ec add_domain(struct catalog *to, const struct name *domain, struct entry *out,
			  struct err *e)
{
	bool there;
	enum ec rc = look(to, domain, &there, out, e);

	if (rc != EC_OK || there)
		return rc;
	rc = to->ops->add(to, domain, NULL, e);
	return rc == EC_EXISTS ? look(to, domain, &there, out, e) : rc;
}

static enum ec carry_flags(struct catalog *to, const struct entry *has, bool locked, bool held,
			   struct err *e)
{
	enum ec rc = EC_OK;

	if (has->locked != locked)
		rc = to->ops->set_flag(to, &has->name, ENTRY_LOCKED, locked, e);
	if (rc == EC_OK && has->held != held)
		rc = to->ops->set_flag(to, &has->name, ENTRY_HELD, held, e);
	return rc;
}

/* Nothing expires by a rule that cannot be read, and without any the settings' rule would hold. */
static uint32_t rule_to_carry(const struct entry *want)
{
	return want->expire_days == EXPIRE_DAMAGED ? EXPIRE_NEVER : want->expire_days;
}

/* want: of a mailbox in it. */
static enum ec carry_domain(struct catalog *to, const struct entry *want, struct err *e)
{
	struct name domain = { 0 };
	struct entry has;

	strcpy(domain.domain, want->name.domain);
	enum ec rc = add_domain(to, &domain, &has, e);
	if (rc == EC_OK)
		rc = carry_flags(to, &has, want->domain_locked, want->domain_held, e);
	if (rc == EC_OK && has.expire_days != rule_to_carry(want))
		rc = to->ops->set_expire(to, &domain, rule_to_carry(want), e);
	return rc;
}

/* What a mailbox shows of its domain. */
static bool same_domain(const struct entry *has, const struct entry *want)
{
	return has->domain_locked == want->domain_locked && has->domain_held == want->domain_held &&
	       has->expire_days == rule_to_carry(want);
}

/* Whatever else it says, it may have been added before the trouble came. */
static enum ec add_mailbox(struct catalog *to, const struct name *mailbox, bool *added,
			   struct err *e)
{
	enum ec rc = to->ops->add(to, mailbox, NULL, e);

	if (added)
		*added = rc != EC_EXISTS;
	return rc;
}

/* Carried over without, it would count against itself from then on, and nobody would know. */
static enum ec damaged_quota(const struct name *mailbox, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	return err_set(e, EC_BROKEN,
		       "the quota file of %s cannot be read; write it again with createquotafile",
		       name_text(mailbox, text));
}

enum ec carry_mailbox(struct catalog *from, struct catalog *to, const struct name *mailbox,
		      bool *added, struct err *e)
{
	struct entry want, has;
	bool there;
	enum ec rc = from->ops->find(from, mailbox, &want, e);

	if (added)
		*added = false;
	if (rc == EC_OK && want.quota_damaged)
		rc = damaged_quota(mailbox, e);
	if (rc == EC_OK)
		rc = look(to, mailbox, &there, &has, e);
	if (rc == EC_OK && (!there || !same_domain(&has, &want)))
		rc = carry_domain(to, &want, e);
	if (rc == EC_OK && !there)
		rc = add_mailbox(to, mailbox, added, e);
	if (rc == EC_OK)
		rc = carry_flags(to, &has, want.locked, want.held, e);
	if (rc == EC_OK && strcmp(has.quota, want.quota) != 0)
		rc = to->ops->set_quota(to, mailbox, want.quota, e);
	return rc;
}
