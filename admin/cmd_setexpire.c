/* cmd_setexpire.c - when fetched mail of a domain is removed.
 *
 * The rule stands in the catalog, where each sign-in reads it; a running service is told only so that it says the right thing
 * to those who have not signed in yet.
 */
#include <strings.h>
#include "server/catalog/expire.h"
#include "admin/cmd.h"
#include "admin/service.h"

static enum ec take_days(const char *text, uint32_t *days, struct err *e)
{
	if (strcasecmp(text, "default") == 0)
		return *days = EXPIRE_UNSET, EC_OK;
	if (expire_parse(text, days))
		return EC_OK;
	return err_set(e, EC_USAGE, "\"%.40s\": expected 0 to %d days, never or default", text,
		       EXPIRE_DAYS_MAX);
}

/* Without a service nobody is told anything; one that cannot be reached looks again before long. */
static void tell_service(struct wp *w)
{
	struct err why;
	enum ec rc = service_upkeep(w->conf, w->by, &why);

	if (rc != EC_OK && rc != EC_ABSENT)
		out_note(w->out,
			 "the service was not told (%s): CAPA before sign-in changes when it looks "
			 "again by itself",
			 why.text);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct catalog *cat = w->backends.catalog;
	char rule[EXPIRE_TEXT_MAX], theirs[EXPIRE_TEXT_MAX];
	uint32_t days = EXPIRE_UNSET;
	struct name domain;
	enum ec rc = wp_domain(w, a->argv[0], &domain, e);

	if (rc == EC_OK)
		rc = take_days(a->argv[1], &days, e);
	if (rc == EC_OK)
		rc = cat->ops->set_expire(cat, &domain, days, e);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "domain", domain.domain);
	out_field(w->out, "expire", expire_text(days, rule));
	if (days == EXPIRE_UNSET)
		out_note(w->out, "the setting expire holds: %s",
			 expire_text(w->conf->expire_days, theirs));
	tell_service(w);
	return EC_OK;
}

const struct wp_cmd wp_setexpire = {
	.name = "setexpire",
	.args = "DomainName {Days | never | default}",
	.help = "Sets after how many days fetched mail of a domain is removed.",
	.more = "A message goes when its user retrieved it whole and it came more than Days days "
		"ago: when the user signs in, and once a day. With 0 it goes at the end of the "
		"session that retrieved it. What nobody has retrieved stays, and so does what was "
		"retrieved while there was no rule, until it is retrieved again. never keeps all; "
		"default is as the setting expire says. Mail programs that ask are told (EXPIRE, "
		"RFC 2449). Sessions that are open go on under the rule they began with.",
	.argc_min = 2,
	.argc_max = 2,
	.how = WP_WRITES,
	.needs = WP_MAIL,
	.scope = WP_DOMAIN,
	.extra = true,
	.run = run,
};
