/* authline.c - see authline.h. */
#include <string.h>
#include "server/mta/authline.h"

bool al_word(struct mta_text *rest, struct mta_text *out)
{
	if (!rest->p)
		return false;
	const char *tab = memchr(rest->p, '\t', rest->len);

	*out = (struct mta_text){ rest->p, tab ? (size_t)(tab - rest->p) : rest->len };
	if (tab)
		*rest = (struct mta_text){ tab + 1, rest->len - out->len - 1 };
	else
		*rest = (struct mta_text){ NULL, 0 };
	return true;
}

bool al_is(struct mta_text word, const char *z)
{
	return strlen(z) == word.len && memcmp(word.p, z, word.len) == 0;
}

bool al_number(struct mta_text word, uint32_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < word.len; i++) {
		if (word.p[i] < '0' || word.p[i] > '9' || n > UINT32_MAX)
			return false;
		n = n * 10 + (uint64_t)(word.p[i] - '0');
	}
	*out = (uint32_t)n;
	return word.len > 0 && n <= UINT32_MAX;
}

/* "name=": what follows is put into out. */
static bool take_value(struct mta_text word, const char *name, struct mta_text *out)
{
	size_t n = strlen(name);

	if (word.len < n || memcmp(word.p, name, n) != 0)
		return false;
	*out = (struct mta_text){ word.p + n, word.len - n };
	return true;
}

/* resp is the last parameter by decree: what a client sent it on to us may hold TABs, and must not be taken for parameters.
 * With a TAB in it, it is no base64. Exim writes it always: with nothing behind it, nothing was sent. */
static void take_parameters(struct mta_text rest, struct al_auth *out)
{
	struct mta_text word, ignored;

	while (rest.p) {
		if (take_value(rest, "resp=", &out->resp)) {
			out->has_resp = out->resp.len > 0;
			return;
		}
		al_word(&rest, &word);
		if (al_is(word, "secured") || take_value(word, "secured=", &ignored))
			out->secured = true;
		else if (!take_value(word, "service=", &out->service))
			take_value(word, "rip=", &out->rip);
	}
}

bool al_parse_auth(struct mta_text rest, struct al_auth *out)
{
	struct mta_text id;

	*out = (struct al_auth){
		.mech = { "", 0 }, .service = { "", 0 }, .rip = { "", 0 }, .resp = { "", 0 }
	};
	if (!al_word(&rest, &id) || !al_number(id, &out->id))
		return false;
	if (al_word(&rest, &out->mech))
		take_parameters(rest, out);
	return true;
}
