/* nthash.h - the NT hash of a password, for Secure Password Authentication, in entries of directories that keep one.
 *
 * It is as good as the password. Private to ldap/. Thread: any; what takes a connection may block.
 */
#pragma once
#include "ldap/person.h"

#define NT_HASH 16
#define NT_HASH_TEXT (2 * NT_HASH)

/* 32 hexadecimal digits, in either case. */
bool nt_hash_parse(unsigned char out[NT_HASH], const char *p, size_t len);
/* Of a password in UTF-8; out is no C string. False if it is not UTF-8. */
bool nt_hash_form(char out[NT_HASH_TEXT], const struct secret *pass);
/* After a change of the password: puts the hash in step where the entry has one, or where SPA wants one and the entry may have it. */
enum ec nt_hash_keep(struct dir *d, struct dir_conn *c, const char *dn, const struct secret *pass,
		     struct err *e);
/* Into an entry that is about to be added, if SPA wants one and new entries may have it. */
enum ec nt_hash_put(struct dir *d, struct dir_conn *c, struct dir_change *ch,
		    const struct secret *pass, struct err *e);
/* EC_REFUSED: there is none, or the account may not sign in; EC_ABSENT: no such entry. */
enum ec nt_hash_read(struct dir *d, struct dir_conn *c, const char *dn, struct secret *out,
		     struct err *e);
