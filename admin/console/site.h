/* site.h - a request that was read, judged: is it for us, from where it may come from, and who answers it?
 *
 * No sockets, no waiting: the half that talks to browsers acts on what is decided here. Thread: any; a site does not change.
 * Owner: what an answer points at lives as long as the site and the request; `made` is the caller's to free.
 */
#pragma once
#include "server/conf/conf.h"
#include "admin/console/api.h"

struct site;

struct site *site_new(const struct conf *c); /* lent */
void site_free(struct site **s);

struct site_answer {
	const struct api_route *ask; /* not NULL: the keeper answers */
	struct slice param;
	struct http_head head;
	const char *body;
	char *made; /* the same, if it was made for this */
};
/* body: as long as the head says, or NULL as long as it has not come: then a refusal is final already, anything else is to be
 * asked again. */
void site_answer(const struct site *s, const struct http_request *r, const char *body,
		 struct site_answer *out);
/* A refusal as the API words it. */
void site_refuse(int status, struct site_answer *out);
