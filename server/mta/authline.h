/* authline.h - a line of the auth protocol, taken apart.
 *
 * Words are divided by TAB. Later minors of the protocol escape odd octets with 0x01; nothing that we look at may hold one, so
 * nothing is unescaped.
 * Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/mta/engine.h"

/* The next word; false: there is none. rest begins as the line without its LF. */
bool al_word(struct mta_text *rest, struct mta_text *out);
bool al_is(struct mta_text word, const char *z);
/* Digits alone, below 2^32. */
bool al_number(struct mta_text word, uint32_t *out);

struct al_auth { /* "AUTH"; slices, empty where nothing was said */
	uint32_t id;
	struct mta_text mech, service, rip;
	bool secured;
	bool has_resp;        /* the client sent an initial response: "=", if it has no octets */
	struct mta_text resp; /* base64 as it came */
};
/* rest is what follows the command's name. False: without an id there is nobody to answer. */
bool al_parse_auth(struct mta_text rest, struct al_auth *out);
