/* api.h - what can be asked of the console over HTTP: one table, from which requests are routed and OpenAPI is written.
 *
 * Thread: any; constant.
 */
#pragma once
#include <stdbool.h>
#include "server/base/buf.h"
#include "admin/console/http.h"

enum api_do {
	API_SIGN_IN,
	API_SIGN_OUT,
	API_SESSION,
	API_COMMANDS,
	API_COMMAND,
	API_JOBS,
	API_JOB,
	API_JOB_END,
	API_HEALTH,
	API_METRICS,
	/* from here on the half that talks to browsers answers by itself */
	API_OPENAPI,
	API_AUTOCONFIG,
	API_AUTODISCOVER,
	API_COUNT
};
enum api_for {
	FOR_ALL,    /* anybody */
	FOR_PAGE,   /* anybody, but from our own page or from a script, never from another site */
	FOR_PEOPLE, /* those who are signed in, or bring a token */
	FOR_WHOLE,  /* the same, if the server is theirs */
};

struct api_route {
	const char *name; /* as the halves tell each other, and operationId */
	enum http_method method;
	const char *path; /* one part in braces stands for anything */
	enum api_for who;
	bool json; /* the body is JSON */
	const char *summary;
};
extern const struct api_route api_routes[API_COUNT];

/* *status: 404, or 405 with what is allowed in *allow. param: what stood in the place of the braces. */
const struct api_route *api_find(enum http_method method, struct slice path, struct slice *param,
				 int *status, const char **allow);
/* By name; NULL: none. */
const struct api_route *api_named(const char *name);
static inline enum api_do api_what(const struct api_route *r)
{
	return (enum api_do)(r - api_routes);
}

/* The document of what there is (OpenAPI 3.1), made from the tables of routes and of commands. malloc'ed. */
char *openapi_text(void);
