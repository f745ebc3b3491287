/* api.c - the table of routes, and looking one up. */
#include <string.h>
#include "admin/console/api.h"

#define V1 "/api/v1"

/* clang-format off */
const struct api_route api_routes[API_COUNT] = {
	[API_SIGN_IN] = { "signIn", HTTP_POST, V1 "/sign-in", FOR_PAGE, true, "Begin a session, which is kept in a cookie" },
	[API_SIGN_OUT] = { "signOut", HTTP_POST, V1 "/sign-out", FOR_PEOPLE, true, "End the session" },
	[API_SESSION] = { "session", HTTP_GET, V1 "/session", FOR_PEOPLE, false, "Who is signed in, and for which domains" },
	[API_COMMANDS] = { "commands", HTTP_GET, V1 "/commands", FOR_PEOPLE, false, "The commands that the caller may run, and the settings there are" },
	[API_COMMAND] = { "command", HTTP_POST, V1 "/commands/{name}", FOR_PEOPLE, true, "Run a command" },
	[API_JOBS] = { "jobs", HTTP_GET, V1 "/jobs", FOR_PEOPLE, false, "Long commands of the caller, ended ones for an hour" },
	[API_JOB] = { "job", HTTP_GET, V1 "/jobs/{id}", FOR_PEOPLE, false, "How far a long command is, and what became of it" },
	[API_JOB_END] = { "endJob", HTTP_POST, V1 "/jobs/{id}/end", FOR_PEOPLE, true, "Interrupt a long command" },
	[API_HEALTH] = { "health", HTTP_GET, "/health", FOR_ALL, false, "Should clients be sent here? As winpopd itself has it, for load balancers" },
	[API_METRICS] = { "metrics", HTTP_GET, "/metrics", FOR_WHOLE, false, "Counters of winpopd, as OpenMetrics text" },
	[API_OPENAPI] = { "openapi", HTTP_GET, "/openapi.json", FOR_ALL, false, "This document" },
	[API_AUTOCONFIG] = { "autoconfig", HTTP_GET, "/mail/config-v1.1.xml", FOR_ALL, false, "Settings for Thunderbird and others" },
	[API_AUTODISCOVER] = { "autodiscover", HTTP_POST, "/autodiscover/autodiscover.xml", FOR_ALL, false, "Settings for Outlook" },
};
/* clang-format on */

/* Other names of a path, as clients of the world ask for it. */
static const struct {
	const char *path;
	enum api_do what;
} aliases[] = {
	{ "/.well-known/autoconfig/mail/config-v1.1.xml", API_AUTOCONFIG },
	{ "/Autodiscover/Autodiscover.xml", API_AUTODISCOVER },
	{ "/AutoDiscover/AutoDiscover.xml", API_AUTODISCOVER },
};

static bool begins(struct slice s, const char *with, size_t len)
{
	return s.len >= len && memcmp(s.p, with, len) == 0;
}

/* A part in braces stands for one part of the path, of at least one octet. */
static bool matches(const char *pattern, struct slice path, struct slice *param)
{
	size_t fixed = strcspn(pattern, "{");
	const char *tail = strchr(pattern, '}');

	*param = (struct slice){ "", 0 };
	if (!tail)
		return slice_is(path, pattern);
	if (!begins(path, pattern, fixed))
		return false;
	struct slice rest = { path.p + fixed, path.len - fixed };
	const char *slash = memchr(rest.p, '/', rest.len);

	*param = (struct slice){ rest.p, slash ? (size_t)(slash - rest.p) : rest.len };
	rest = (struct slice){ rest.p + param->len, rest.len - param->len };
	return param->len > 0 && slice_is(rest, tail + 1);
}

static const struct api_route *by_path(struct slice path, struct slice *param)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		*param = (struct slice){ "", 0 };
		if (slice_is(path, aliases[i].path))
			return &api_routes[aliases[i].what];
	}
	for (int i = 0; i < API_COUNT; i++) {
		if (matches(api_routes[i].path, path, param))
			return &api_routes[i];
	}
	return NULL;
}

const struct api_route *api_find(enum http_method method, struct slice path, struct slice *param,
				 int *status, const char **allow)
{
	const struct api_route *r = by_path(path, param);

	*allow = NULL;
	*status = r ? 200 : 404;
	if (!r || r->method == method || (method == HTTP_HEAD && r->method == HTTP_GET))
		return r;
	*status = 405;
	*allow = r->method == HTTP_GET ? "GET, HEAD" : "POST";
	return NULL;
}

const struct api_route *api_named(const char *name)
{
	for (int i = 0; i < API_COUNT; i++) {
		if (strcmp(api_routes[i].name, name) == 0)
			return &api_routes[i];
	}
	return NULL;
}
