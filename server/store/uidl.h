/* uidl.h - what a message's file name says: is it one, when did it arrive, what is its UIDL.
 *
 * All three come from the name alone, never from the index, so that no damage to a cache can change
 * a UIDL. Pure. /
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UIDL_MAX 70         /* RFC 1939 section 7 */
#define MESSAGE_NAME_MAX 64 /* of our own making, with its NUL */

/* "*.eml" in any case, one path component of at most 255 octets. */
bool is_message_name(const char *name);
bool is_message_name_n(const char *name, size_t len);
/* One of our own making: a message, its UIDL its stem. */
bool is_own_name(const char *name, size_t len);
/* Returns its length. Distinct names give distinct UIDLs. */
size_t uidl_of(const char *name, char out[UIDL_MAX + 1]);
/* Is the UIDL just the name without ".eml"? */
bool uidl_is_stem(const char *name, size_t len);
/* Our own names: P3, 14 hex digits of microseconds, 16 of chance, .eml. */
void message_name_make(char out[MESSAGE_NAME_MAX], uint64_t arrived_us);
bool message_name_arrival(const char *name, int64_t *arrived_us);
