/* escape.h - foreign text into filters and DNs: the only way they get there. Pure. Thread: any.
 *
 * A filter or DN is built with these alone; format strings never see a value that somebody typed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/buf.h"

/* RFC 4515 section 3: * ( ) \ control octets and what is no valid UTF-8 become \xx. */
void filter_value(struct buf *b, const char *p, size_t len);
/* "(attr=value)"; attr is ours (from the settings, checked by attribute_sane). */
void filter_equals(struct buf *b, const char *attr, const char *p, size_t len);
/* RFC 4514 section 2.4: a value inside a DN. */
void dn_value(struct buf *b, const char *p, size_t len);
/* "attr=value,parent" */
void dn_child(struct buf *b, const char *attr, const char *p, size_t len, const char *parent);
/* An attribute description without options (RFC 4512 section 1.4), at most 64 octets. */
bool attribute_sane(const char *attr);
/* Parses as a DN (RFC 4514), not empty. */
bool dn_sane(const char *dn);
/* Two spellings of one DN? */
bool dn_same(const char *a, const char *b);
/* Is the entry below the other one, or that one itself? Both as a server or ldap_dn_normalize spells them. */
bool dn_lies_in(const char *dn, const char *top);
