/* penalty.h - slows down guessing: how long the answer to a failed sign-in has to wait.
 *
 * Failures are counted per peer address (IPv6: per /64; loopback and unix sockets not, there a
 * webmail speaks for everybody) and per account name, existing or not. Each failure doubles the
 * wait of the next one, up to PENALTY_STEP_MAX_MS, and is forgotten PENALTY_EXPIRY_MS after its
 * answer was due. Waits queue up: guesses sent in parallel are answered one after the other, so
 * more connections do not mean more guesses. A right password never waits; the owner of an account
 * under attack notices nothing.
 * Thread: any. Time is a parameter (milliseconds, monotonic).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PENALTY_STEP_MAX_MS 15000         /* one failure adds at most this */
#define PENALTY_PEER_WAIT_MAX_MS 60000    /* longest queue of an address: clients give up by then */
#define PENALTY_ACCOUNT_WAIT_MAX_MS 15000 /* of an account: an owner's own slip waits behind it */
#define PENALTY_EXPIRY_MS (10 * 60 * 1000)
#define PENALTY_BURST 20 /* failures within a minute that are worth a warning */

struct penalty;

struct penalty *penalty_new(void);
struct penalty *penalty_ref(struct penalty *p);
void penalty_unref(struct penalty **p);

struct penalty_verdict {
	unsigned delay_ms;
	bool peer_burst,
		account_burst; /* PENALTY_BURST reached now; said once per minute and key */
};
/* base_ms: wait after the first failure; 0: count bursts only. peer: address text or NULL. */
struct penalty_verdict penalty_fail(struct penalty *p, unsigned base_ms, const char *peer,
				    const char *account, uint64_t now_ms);
/* The account signed in: its failures are forgotten. Those of the address stay, or whoever owns one
 * account could buy free guesses at the others with it. */
void penalty_forgive(struct penalty *p, const char *account);
