/* fuzz_control.c - a request line of any octets gives one reply line of JSON that says ok or why not. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/ops/request.h"

static enum ec handle(void *ctx, const json_t *request, json_t *reply, struct err *e)
{
	const char *what = json_string_value(json_object_get(request, "do"));

	(void)ctx;
	if (what[0] == 'e')
		return err_set(e, EC_BROKEN, "%s", what);
	json_object_set(reply, "said", json_object_get(request, "who"));
	return EC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const struct log silent;
	static const struct request_server server = { handle, NULL, &silent };
	static const struct audit_peer by;

	if (len > CONTROL_LINE_MAX || memchr(p, '\n', len))
		return 0;
	char *line = request_answer(&server, &by, (const char *)p, len);
	json_t *reply = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_boolean(json_object_get(reply, "ok")) ||
	    strchr(line, '\n') != line + strlen(line) - 1)
		abort();
	json_decref(reply);
	free(line);
	return 0;
}
