/* delegate.c - a front end for the tests of scope.h: performs a command line for somebody who signed in.
 *
 *	delegate {DOMAIN,DOMAIN... | "*"} COMMAND...		the outcome's class is the last line of standard error
 *
 * Who he is stands in DELEGATE_NAME.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "admin/args.h"
#include "admin/perform.h"

static struct scope scope_of(struct arena *mem, char *list)
{
	const char **domains = arena_alloc(mem, (strlen(list) + 1) * sizeof(*domains));
	struct scope s = { .whole = strcmp(list, "*") == 0, .domains = domains };

	for (char *one = strtok(list, ","); one; one = strtok(NULL, ","))
		domains[s.n_domains++] = one;
	return s;
}

int main(int argc, char **argv)
{
	struct arena *mem = arena_new("delegate", 1024);
	struct scope only = scope_of(mem, argv[1]);
	const char *name = getenv("DELEGATE_NAME");
	const struct wp_caller by = { name ? name : "pat@example.com", "192.0.2.7", &only };
	struct wp_result r = { 0 };
	struct wp_args a;

	argv[1] = argv[0];
	r.rc = args_parse(argc - 1, argv + 1, &a, &r.err);
	if (r.rc == EC_OK) {
		struct out *out = a.json ? out_json(stdout) : out_text(stdout, stderr, OUT_TABS);
		wp_perform(&a, &by, &out, &ask_nobody, &r);
		secret_drop(&a.secret);
	}
	fprintf(stderr, "%s%s%s\n%s\n", r.rc == EC_OK ? "" : r.err.text, *r.hint ? "; " : "",
		r.hint, ec_name(r.rc));
	arena_drop(&mem);
	return exit_for(r.rc, r.partly);
}
