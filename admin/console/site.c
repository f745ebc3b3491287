/* site.c - see site.h.
 *
 * Whose page is it that sends a request? The browser says so in Origin and Sec-Fetch-Site, and cannot be made to lie. The
 * session's cookie is not sent by other sites at all (SameSite), and beside it the keeper demands a token that only our page can
 * know: three fences, because each of them has been missing in some browser.
 *
 * Host is compared because of names that strangers let point here: their pages would be of "our" origin. An address in its place
 * is no such name.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/mem.h"
#include "server/base/name.h"
#include "admin/console/assets.h"
#include "admin/console/autoconfig.h"
#include "admin/console/site.h"

#define JSON_TYPE "application/json"
#define HOST_MAX 255

struct site {
	const struct conf *conf;
	char *openapi;
};

struct site *site_new(const struct conf *c)
{
	struct site *s = mem_new(sizeof(*s));

	*s = (struct site){ .conf = c, .openapi = openapi_text() };
	return s;
}

void site_free(struct site **sp)
{
	struct site *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	free(s->openapi);
	free(s);
}

/* ---- refusals ---- */

static const struct {
	int status;
	const char *body;
} refusals[] = {
#define REFUSAL(status, class, text)                                                               \
	{                                                                                          \
		status, "{\"ok\":false,\"error\":{\"class\":\"" class "\",\"text\":\"" text        \
								      "\"}}\n"                     \
	}
	REFUSAL(400, "usage", "this is no request of HTTP/1.1 that could be understood"),
	REFUSAL(403, "denied", "requests from pages of other sites are not answered"),
	REFUSAL(404, "absent", "there is nothing at this path"),
	REFUSAL(405, "usage", "this path is asked with another method"),
	REFUSAL(408, "temp", "the request did not come in time"),
	REFUSAL(411, "usage", "send the length of the body"),
	REFUSAL(413, "usage", "the request is too long"),
	REFUSAL(414, "usage", "the path is too long"),
	REFUSAL(415, "usage", "send the body as application/json"),
	REFUSAL(421, "denied",
		"this is not the name of this server: use the one that hostname in its settings "
		"says"),
	REFUSAL(431, "usage", "the head of the request is too long"),
	REFUSAL(500, "broken", "the console could not do that; its log says why"),
	REFUSAL(501, "usage", "send the body with its length instead of in chunks"),
	REFUSAL(503, "busy", "too much at once: try again in a moment"),
	REFUSAL(504, "temp", "it took too long and was ended"),
	REFUSAL(505, "usage", "speak HTTP/1.1"),
#undef REFUSAL
};

void site_refuse(int status, struct site_answer *out)
{
	*out = (struct site_answer){ .head = { .status = status, .type = JSON_TYPE }, .body = "" };
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (refusals[i].status == status)
			out->body = refusals[i].body;
	}
	out->head.body_len = strlen(out->body);
}

/* ---- where it comes from ---- */

/* Without its port: which of them leads here is not ours to know. */
static bool host_name(struct slice host, char out[HOST_MAX + 1])
{
	const char *end = memrchr(host.p, ':', host.len);

	if (host.len > 0 && host.p[0] == '[')
		end = memchr(host.p, ']', host.len);
	size_t len = end ? (size_t)(end - host.p) : host.len;
	size_t skip = host.len > 0 && host.p[0] == '[' && end ? 1 : 0;

	if (len - skip > HOST_MAX)
		return false;
	memcpy(out, host.p + skip, len - skip);
	out[len - skip] = '\0';
	return out[0] != '\0';
}

static bool is_our_name(const struct site *s, struct slice host)
{
	char name[HOST_MAX + 1];
	struct in6_addr any;

	if (!host_name(host, name))
		return false;
	return strcasecmp(name, s->conf->hostname) == 0 || strcasecmp(name, "localhost") == 0 ||
	       inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

/* Browsers send Origin with every POST; programs that are none need not. */
static bool is_our_page(const struct http_request *r)
{
	static const char scheme[] = "https://";
	struct slice origin = r->field[HTTP_ORIGIN], site = r->field[HTTP_SITE];

	if (r->has[HTTP_SITE] && !slice_is(site, "same-origin") && !slice_is(site, "none"))
		return false;
	if (!r->has[HTTP_ORIGIN])
		return true;
	if (origin.len < sizeof(scheme) - 1 || memcmp(origin.p, scheme, sizeof(scheme) - 1) != 0)
		return false;
	origin.p += sizeof(scheme) - 1;
	origin.len -= sizeof(scheme) - 1;
	return origin.len == r->field[HTTP_HOST].len &&
	       strncasecmp(origin.p, r->field[HTTP_HOST].p, origin.len) == 0;
}

static bool is_json(struct slice type)
{
	static const char want[] = JSON_TYPE;
	size_t len = sizeof(want) - 1;

	return type.len >= len && strncasecmp(type.p, want, len) == 0 &&
	       (type.len == len || type.p[len] == ';' || type.p[len] == ' ');
}

/* ---- answers of our own ---- */

static void give(struct site_answer *out, const char *type, const char *body, size_t len)
{
	out->head = (struct http_head){ .status = 200, .type = type, .body_len = len };
	out->body = body;
}

static void give_made(struct site_answer *out, const char *type, char *body)
{
	out->made = body;
	give(out, type, body, strlen(body));
}

static void give_asset(const struct http_request *r, const struct asset *a, struct site_answer *out)
{
	give(out, a->type, (const char *)a->data, a->len);
	out->head.etag = a->etag;
	out->head.fixed = true;
	if (!slice_is(r->field[HTTP_MATCH], a->etag))
		return;
	out->head.status = 304;
	out->head.type = NULL;
	out->head.body_len = 0;
}

static const struct asset *find_asset(struct slice path)
{
	for (size_t i = 0; i < n_assets; i++) {
		if (slice_is(path, assets[i].path))
			return &assets[i];
	}
	return NULL;
}

/* Query values come with '@' as it is or as %40; nothing else of an address needs a percent sign. */
static char *give_autoconfig(const struct site *s, struct slice query)
{
	struct slice value = { "", 0 };
	char address[NAME_TEXT_MAX + 1];
	size_t n = 0;

	http_param(query, "emailaddress", &value);
	for (size_t i = 0; i < value.len && n < NAME_TEXT_MAX; i++) {
		bool coded = value.len - i >= 3 && memcmp(value.p + i, "%40", 3) == 0;
		address[n++] = coded ? '@' : value.p[i];
		i += coded ? 2 : 0;
	}
	return autoconfig_text(s->conf, address, n);
}

static void answer_here(const struct site *s, const struct http_request *r,
			const struct api_route *route, const char *body, struct site_answer *out)
{
	switch (api_what(route)) {
	case API_OPENAPI: give(out, JSON_TYPE, s->openapi, strlen(s->openapi)); break;
	case API_AUTOCONFIG:
		give_made(out, "text/xml; charset=utf-8", give_autoconfig(s, r->query));
		break;
	case API_AUTODISCOVER:
		give_made(out, "text/xml; charset=utf-8",
			  autodiscover_text(s->conf, body ? body : "", body ? r->body_len : 0));
		break;
	default: out->ask = route; break;
	}
}

/* Mail programs look for their settings under other names of this computer (autoconfig.example.com). */
static bool any_name_will_do(const struct api_route *route)
{
	return route && (route->path[0] == '/' && (api_what(route) == API_AUTOCONFIG ||
						   api_what(route) == API_AUTODISCOVER));
}

/* 200, or the status to refuse it with. */
static int judge(const struct site *s, const struct http_request *r, const struct api_route *route)
{
	if (!any_name_will_do(route) && !is_our_name(s, r->field[HTTP_HOST]))
		return 421;
	if (route && route->who != FOR_ALL && !is_our_page(r))
		return 403;
	if (route && route->json && !is_json(r->field[HTTP_TYPE]))
		return 415;
	return 200;
}

void site_answer(const struct site *s, const struct http_request *r, const char *body,
		 struct site_answer *out)
{
	const struct asset *asset = find_asset(r->path);
	const char *allow = NULL;
	int status = 200;

	*out = (struct site_answer){ 0 };
	const struct api_route *route =
		asset ? NULL : api_find(r->method, r->path, &out->param, &status, &allow);
	int judged = judge(s, r, route);

	if (asset && r->method != HTTP_GET && r->method != HTTP_HEAD) {
		status = 405;
		allow = "GET, HEAD";
	}
	if (judged != 200 || status != 200) {
		site_refuse(judged != 200 ? judged : status, out);
		out->head.allow = judged == 200 ? allow : NULL;
	} else if (asset) {
		give_asset(r, asset, out);
	} else {
		answer_here(s, r, route, body, out);
	}
}
