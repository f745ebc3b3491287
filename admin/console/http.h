/* http.h - what evhttp has read, judged once more before anything is done with it; and what every answer carries.
 *
 * What two readers could understand in two ways is refused, and the connection with it: a transfer coding, two lengths, a blank
 * before the colon, a field twice of which we look at one.
 * Pure. Thread: any. Owner: slices point into what was given, and live as long.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX (16u << 10)
#define HTTP_BODY_MAX (64u << 10)

struct slice {
	const char *p; /* never NULL */
	size_t len;
};
bool slice_is(struct slice s, const char *z);

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

/* Header fields that somebody here looks at; each may come once. */
enum http_field {
	HTTP_HOST,
	HTTP_LENGTH,
	HTTP_CODING,
	HTTP_CONNECTION,
	HTTP_TYPE,
	HTTP_COOKIE,
	HTTP_CSRF,
	HTTP_AUTHORIZATION,
	HTTP_ORIGIN,
	HTTP_SITE, /* Sec-Fetch-Site */
	HTTP_MATCH,
	HTTP_IDLE, /* X-Winpop-Idle: no person caused this request */
	HTTP_FIELDS
};

struct http_request {
	enum http_method method;
	bool keep; /* the connection stays */
	struct slice path, query;
	struct slice field[HTTP_FIELDS]; /* empty: not there */
	bool has[HTTP_FIELDS];
	size_t n_fields, body_len;
	int status; /* 200, or what to refuse it with, after which the connection is closed */
};

/* In this order: the line, each field, the end of it all. The first fault stays. */
void http_begin(struct http_request *r, enum http_method method, const char *target, int major,
		int minor);
void http_add(struct http_request *r, const char *name, const char *value);
void http_end(struct http_request *r, size_t body_len);

/* One parameter of the query, as it stands; false: not there. */
bool http_param(struct slice query, const char *name, struct slice *out);
/* A cookie's value. False: not there, or there twice. */
bool http_cookie(struct slice cookies, const char *name, struct slice *out);

/* What an answer begins with. Strings hold no control octets. */
struct http_head {
	int status;
	const char *type; /* NULL: there is no body */
	size_t body_len;
	const char *etag, *allow; /* NULL: none */
	const char *cookie;       /* whole value of Set-Cookie; NULL: none */
	bool fixed;               /* part of the program: may be kept, and asked for again */
	bool close;
	unsigned retry_s; /* 0: nothing said */
};
typedef void http_put_fn(void *ctx, const char *name, const char *value);
void http_put_head(const struct http_head *h, http_put_fn *put, void *ctx);
const char *http_reason(int status);
