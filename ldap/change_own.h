/* change_own.h - a change as conn.c sends it. Private to ldap/. */
#pragma once
#include <ldap.h>
#include <stdbool.h>
#include "ldap/change.h"

const char *change_dn(const struct dir_change *ch);
/* Lives as long as ch. adding: for an entry to add, where operations mean nothing and an attribute comes once. */
LDAPMod **change_mods(const struct dir_change *ch, bool adding);
/* Is one of the attributes that hold a password among them? */
bool change_has_password(const struct dir_change *ch);
