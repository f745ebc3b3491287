/* entry_own.h - making entries out of messages. Private to ldap/. */
#pragma once
#include <ldap.h>
#include "ldap/entry.h"

/* NULL: the server sent something that is no entry. msg is lent until dir_entry_drop. */
struct dir_entry *dir_entry_read(LDAP *ld, LDAPMessage *msg);
void dir_entry_drop(struct dir_entry **en);
