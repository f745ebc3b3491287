/* delay.h - LOGIN-DELAY: when did a mailbox last sign in (RFC 2449 section 6.5)?
 *
 * Bounded memory whatever the number of mailboxes: when a place is fought over, the oldest sign-in is forgotten, so somebody
 * may come early but nobody is refused who should not be. Forgotten with the process. Thread: any.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "server/base/name.h"

struct delay;

struct delay *delay_new(size_t n_places);
void delay_free(struct delay **d);
/* Seconds still to wait; 0: may sign in. */
unsigned delay_left_s(struct delay *d, const struct name *who, unsigned delay_s, uint64_t now_ms);
void delay_note(struct delay *d, const struct name *who, uint64_t now_ms);
