/* doubt.c - an absence that mail must not bounce for.
 *
 * A catalog without a single domain is rather a mail root that is not mounted, or a directory searched in the wrong place, than
 * a service that nobody set up. Asked only when a domain is not found: whoever has one mailbox has its domain.
 */
#include <string.h>
#include "server/catalog/catalog.h"

static bool stop_at_first(void *ctx, const struct entry *domain)
{
	(void)domain;
	*(bool *)ctx = true;
	return false;
}

static bool domain_is_absent(struct catalog *c, const struct name *n)
{
	struct name domain = { 0 };
	struct entry found;

	if (name_is_domain(n))
		return true;
	memcpy(domain.domain, n->domain, sizeof(domain.domain));
	return c->ops->find(c, &domain, &found, NULL) == EC_ABSENT;
}

enum ec catalog_find_for_mail(struct catalog *c, const struct name *n, struct entry *out,
			      struct err *e)
{
	enum ec rc = c->ops->find(c, n, out, e);
	bool any = false;

	if (rc != EC_ABSENT || !domain_is_absent(c, n))
		return rc;
	if (c->ops->each(c, NULL, stop_at_first, &any, NULL) == EC_OK && !any)
		rc = err_set(e, EC_TEMP, "there is no domain at all; is the mail root mounted?");
	return rc;
}
