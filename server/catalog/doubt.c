/* doubt.c - an absence that mail must not bounce for.
 *
 * A catalog without a single domain is rather a mail root that is not mounted, or a directory searched in the wrong place, than
 * a service that nobody set up. Asked only when a domain is not found: whoever has one mailbox has its domain.
 *
 * In a mail root that is a look at a directory. From afar all domains are read for it, and strangers ask for domains of others as
 * often as they like: there, one that was seen stands for some seconds.
 */
#include <stdatomic.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/catalog/catalog.h"

#define STANDS_MS 5000

static bool stop_at_first(void *ctx, const struct entry *domain)
{
	(void)domain;
	*(bool *)ctx = true;
	return false;
}

static bool domain_is_there(struct catalog *c, const struct name *n)
{
	struct name domain = { 0 };
	struct entry found;

	if (name_is_domain(n))
		return false;
	memcpy(domain.domain, n->domain, sizeof(domain.domain));
	return c->ops->find(c, &domain, &found, NULL) == EC_OK;
}

static bool seen_lately(const struct catalog *c)
{
	return c->ops->far && atomic_load(&c->any_until_ms) > clock_mono_ms();
}

/* EC_OK: there is some domain. */
static enum ec look_for_any(struct catalog *c, struct err *e)
{
	struct err why;
	bool any = false;
	enum ec rc = c->ops->each(c, NULL, stop_at_first, &any, &why);

	if (any) {
		atomic_store(&c->any_until_ms, clock_mono_ms() + STANDS_MS);
		return EC_OK;
	}
	if (rc == EC_OK)
		return err_set(e, EC_TEMP, "there is no domain at all; is the mail root mounted?");
	return err_set(e, EC_TEMP, "nobody can tell whether there is any domain: %s", why.text);
}

enum ec catalog_find_for_mail(struct catalog *c, const struct name *n, struct entry *out,
			      struct err *e)
{
	enum ec rc = c->ops->find(c, n, out, e), any;

	if (rc != EC_ABSENT || seen_lately(c) || domain_is_there(c, n))
		return rc;
	any = look_for_any(c, e);
	return any == EC_OK ? rc : any;
}
