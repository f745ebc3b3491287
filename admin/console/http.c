/* http.c - see http.h.
 *
 * evhttp is lenient where HTTP was lenient once: a coding it does not know counts for nothing beside a length, a blank before
 * the colon becomes part of the name, a field that comes twice is found once. None of that is a fault of ours as long as nobody
 * reads along before us; a proxy does. So what is in doubt is refused here, whatever evhttp made of it. A folded line it has
 * joined already, and nobody can tell any more: none of our fields is one that a fold could split into another.
 *
 * Transfer codings are refused altogether: a request here is a few lines of JSON, whose length every client knows.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "admin/console/http.h"

#define PATH_MAX_LEN 1024
#define FIELDS_MAX 100

static const char *const field_names[HTTP_FIELDS] = {
	[HTTP_HOST] = "host",
	[HTTP_LENGTH] = "content-length",
	[HTTP_CODING] = "transfer-encoding",
	[HTTP_CONNECTION] = "connection",
	[HTTP_TYPE] = "content-type",
	[HTTP_COOKIE] = "cookie",
	[HTTP_CSRF] = "x-winpop-csrf",
	[HTTP_AUTHORIZATION] = "authorization",
	[HTTP_ORIGIN] = "origin",
	[HTTP_SITE] = "sec-fetch-site",
	[HTTP_MATCH] = "if-none-match",
	[HTTP_IDLE] = "x-winpop-idle",
};

bool slice_is(struct slice s, const char *z)
{
	return s.len == strlen(z) && memcmp(s.p, z, s.len) == 0;
}

static bool slice_is_word(struct slice s, const char *z)
{
	return s.len == strlen(z) && strncasecmp(s.p, z, s.len) == 0;
}

/* ---- octets (RFC 9110 section 5.6) ---- */

static bool is_token_octet(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_token_octet(s.p[i]))
			return false;
	}
	return s.len > 0;
}

/* Visible ASCII, and what stands between words if `blanks`. Octets above are nobody's business here: the fields we read are all
 * ASCII, those we do not may hold them. */
static bool is_clean(struct slice s, bool blanks)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 && !(blanks && c == '\t'))
			return false;
		if (c == 0x7F || (!blanks && (c == ' ' || c > 0x7E)))
			return false;
	}
	return true;
}

static struct slice trimmed(struct slice s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.len--;
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Up to the separator, which is eaten too; the rest if there is none. */
static struct slice cut(struct slice *rest, char at)
{
	const char *end = memchr(rest->p, at, rest->len);
	struct slice s = { rest->p, end ? (size_t)(end - rest->p) : rest->len };
	size_t eaten = s.len + (end ? 1 : 0);

	rest->p += eaten;
	rest->len -= eaten;
	return s;
}

/* ---- the request line ---- */

/* Only the origin form: nobody here is a proxy. A path is compared as it stands, never decoded. */
static int read_target(struct slice s, struct http_request *out)
{
	if (s.len > PATH_MAX_LEN)
		return 414;
	if (s.len == 0 || s.p[0] != '/' || !is_clean(s, false) || memchr(s.p, '#', s.len))
		return 400;
	out->query = s;
	out->path = cut(&out->query, '?');
	return 200;
}

/* The first fault stays. */
static void fault(struct http_request *r, int status)
{
	if (r->status == 200)
		r->status = status;
}

void http_begin(struct http_request *r, enum http_method method, const char *target, int major,
		int minor)
{
	*r = (struct http_request){ .method = method, .path = { "", 0 }, .query = { "", 0 } };
	for (int f = 0; f < HTTP_FIELDS; f++)
		r->field[f] = (struct slice){ "", 0 };
	r->status = major == 1 && (minor == 0 || minor == 1) ? 200 : 505;
	r->keep = minor == 1;
	fault(r, read_target((struct slice){ target, strlen(target) }, r));
}

/* ---- fields ---- */

void http_add(struct http_request *r, const char *name, const char *value)
{
	struct slice v = trimmed((struct slice){ value, strlen(value) });

	if (++r->n_fields > FIELDS_MAX)
		fault(r, 431);
	if (!is_token((struct slice){ name, strlen(name) }) || !is_clean(v, true))
		fault(r, 400);
	for (int f = 0; f < HTTP_FIELDS; f++) {
		if (strcasecmp(name, field_names[f]) != 0)
			continue;
		if (r->has[f])
			fault(r, 400);
		r->has[f] = true;
		r->field[f] = v;
	}
}

static int read_length(struct slice s, size_t *out)
{
	*out = 0;
	if (s.len == 0)
		return 400;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 400;
		if (*out <= HTTP_BODY_MAX) /* that is enough to know */
			*out = *out * 10 + (size_t)(s.p[i] - '0');
	}
	return *out > HTTP_BODY_MAX ? 413 : 200;
}

static bool lists_word(struct slice list, const char *word)
{
	while (list.len > 0) {
		if (slice_is_word(trimmed(cut(&list, ',')), word))
			return true;
	}
	return false;
}

/* What the fields say together. */
static int judge(const struct http_request *r)
{
	size_t said = 0;

	if (r->has[HTTP_CODING])
		return r->has[HTTP_LENGTH] ? 400 : 501;
	if (!r->has[HTTP_HOST])
		return 400;
	int status = r->has[HTTP_LENGTH] ? read_length(r->field[HTTP_LENGTH], &said) : 200;
	if (status != 200)
		return status;
	if (r->method == HTTP_POST && !r->has[HTTP_LENGTH])
		return 411;
	return said == r->body_len ? 200 : 400;
}

void http_end(struct http_request *r, size_t body_len)
{
	r->body_len = body_len;
	fault(r, judge(r));
	if (r->status != 200 || lists_word(r->field[HTTP_CONNECTION], "close"))
		r->keep = false;
}

/* ---- what is inside of fields ---- */

bool http_param(struct slice query, const char *name, struct slice *out)
{
	while (query.len > 0) {
		struct slice value = cut(&query, '&'), key = cut(&value, '=');
		if (slice_is(key, name)) {
			*out = value;
			return true;
		}
	}
	return false;
}

bool http_cookie(struct slice cookies, const char *name, struct slice *out)
{
	bool found = false;

	while (cookies.len > 0) {
		struct slice value = trimmed(cut(&cookies, ';')), key = cut(&value, '=');
		if (!slice_is(key, name))
			continue;
		if (found)
			return false;
		found = true;
		*out = value;
	}
	return found;
}

/* ---- answers ---- */

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 207, "Multi-Status" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 421, "Misdirected Request" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* On every answer, refusals too: nothing from elsewhere is loaded, nobody frames us, no type is guessed. */
static const struct {
	const char *name, *value;
} always[] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	  "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
	{ "Strict-Transport-Security", "max-age=31536000" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Embedder-Policy", "require-corp" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
};

static void put_if(const char *name, const char *value, http_put_fn *put, void *ctx)
{
	if (value)
		put(ctx, name, value);
}

static void put_number(const char *name, size_t value, http_put_fn *put, void *ctx)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", value);
	put(ctx, name, text);
}

void http_put_head(const struct http_head *h, http_put_fn *put, void *ctx)
{
	put_if("Content-Type", h->type, put, ctx);
	if (h->status != 304)
		put_number("Content-Length", h->body_len, put, ctx);
	put(ctx, "Cache-Control", h->fixed ? "no-cache" : "no-store");
	put_if("ETag", h->etag, put, ctx);
	put_if("Allow", h->allow, put, ctx);
	put_if("Set-Cookie", h->cookie, put, ctx);
	if (h->retry_s > 0)
		put_number("Retry-After", h->retry_s, put, ctx);
	if (h->status == 401)
		put(ctx, "WWW-Authenticate", "Bearer realm=\"winpop\"");
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		put(ctx, always[i].name, always[i].value);
	if (h->close)
		put(ctx, "Connection", "close");
}
