/* order.h - a command as it comes by HTTP: JSON to a checked line, and its run in a process of its own.
 *
 *	{"arguments":["kim@example.com"], "switches":{"createuser":true, "copy":"info@example.com"}, "password":"..."}
 *
 * Thread: any. Failure: EC_USAGE, whose text never holds a password.
 */
#pragma once
#include "admin/cmd.h"

struct order {
	struct arena *mem;
	struct wp_args args;
	struct wp_caller by;
	struct scope scope; /* by.only points here, if it is not the whole server */
};

/* Reads untrusted octets. */
enum ec order_read(const struct wp_cmd *cmd, const char *body, size_t len, struct order **out,
		   struct err *e);
/* Who ran it, and how far he reaches; copied. */
void order_sign(struct order *o, const char *who, const char *from, const struct scope *scope,
		const char *conf_path);
void order_free(struct order **o); /* wiped */

/* In a process of its own: the answer goes to `out`, as `winpop COMMAND --json` has it. Returns what order_result takes apart. */
int order_run(struct order *o, int out);
/* What became of it, by what the process returned; EC_BROKEN for what it cannot have returned. */
enum ec order_result(int status, bool *partly);
