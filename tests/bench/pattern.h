/* pattern.h - the message that the generator delivers and expects, and that the floor server sends.
 *
 * A header of ours, `X-Bench: SIZE [NUMBER]`, then exactly SIZE octets that both sides know by heart. message.py makes the same.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct pattern {
	char *wire;    /* the body as POP3 and LMTP send it: dots doubled, the final line behind */
	size_t len;    /* of wire */
	size_t octets; /* of the body as a mailbox holds it */
};

/* With dots, every eighth line begins with one: such a message cannot be sent as it lies in its file. */
void pattern_make(struct pattern *, unsigned size, bool dots);

/* Header and body, the final line behind. Number 0: none. The length of what *out then holds. */
size_t pattern_mail(const struct pattern *, unsigned size, unsigned number, char **out);
