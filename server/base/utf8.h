/* utf8.h - is it well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, below 0x110000)?
 * Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

size_t utf8_step(const char *p,
		 size_t len); /* octets of the character at p; 0 if it is malformed */
bool utf8_valid(const char *p, size_t len);
bool ascii_only(const char *p, size_t len);
bool has_control(const char *p, size_t len); /* octets 0..31 or 127 */
