/* ntlm_who.h - the names in an NTLM answer, out of their two encodings. Private to this folder. Pure. */
#pragma once
#include "server/auth/ntlm_wire.h"

/* As it went into the key of the client's response: UTF-16, the user in capitals. */
struct ntlm_spelling {
	unsigned char user[2 * NTLM_NAME_MAX], domain[2 * NTLM_NAME_MAX];
	size_t user_len, domain_len;
};

struct ntlm_who {
	/* UTF-8, without control octets; user is not empty */
	char user[NTLM_TEXT_MAX + 1], domain[NTLM_TEXT_MAX + 1], workstation[NTLM_TEXT_MAX + 1];
	struct ntlm_spelling spelling[2];
	size_t n_spellings;
};

/* flags: as agreed. False: no name can be read out of it. */
bool ntlm_who_read(const struct ntlm_answer *a, uint32_t flags, struct ntlm_who *out);
/* "DOMAIN\user" or "user", cut to fit: for the log and for penalties. */
void ntlm_who_typed(const struct ntlm_who *w, char *out, size_t size);
