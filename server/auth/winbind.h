/* winbind.h - a domain controller's word on an NTLM response, by way of Samba's winbindd. Private to
 * this folder.
 *
 * winbindd answers when it likes: with a frozen domain controller, after minutes. So questions are
 * asked on a few threads of its own, whoever asks waits no longer than the deadline, and as long as
 * questions are overdue the next ones are not even asked.
 * Thread:  any; prove and names may block up to the deadline.
 * Failure: EC_DENIED wrong response; EC_REFUSED right, but the account may not sign in; EC_TEMP
 *          winbindd or the domain is away.
 */
#pragma once
#include "server/auth/ntlm_proof.h"
#include "server/auth/spa.h"

struct winbind;

/* EC_ABSENT: libwbclient is not installed. It is loaded here and stays. */
enum ec winbind_open(unsigned timeout_ms, struct winbind **out, struct err *e);
struct winbind *winbind_ref(struct winbind *w);
void winbind_unref(struct winbind **w);

/* Of the host that winbindd speaks for; asked once, and again after it was away. dns_computer is
 * left empty. */
enum ec winbind_names(struct winbind *w, struct spa_names *out, struct err *e);

/* The library cuts what is longer, in silence. */
#define WINBIND_NAME_MAX 255

struct winbind_question {
	const char *user, *domain, *workstation; /* UTF-8 */
	const char *home; /* whom to ask about an address of which winbind knows no domain */
	unsigned char nonce[NTLM_NONCE]; /* by ntlm_nonce */
	struct ntlm_bytes nt, lm;
};
struct winbind_person {
	/* as the domain spells them */
	char user[WINBIND_NAME_MAX + 1], domain[WINBIND_NAME_MAX + 1];
	unsigned char key[NTLM_KEY];
};
enum ec winbind_prove(struct winbind *w, const struct winbind_question *q,
		      struct winbind_person *out, struct err *e);
