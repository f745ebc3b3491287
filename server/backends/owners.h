/* owners.h - whose file a delivered message becomes. Private to this folder. */
#pragma once
#include "server/catalog/catalog.h"
#include "server/store/store.h"

/* May this process give files away? */
bool owners_possible(void);
/* The user of the mailbox's quota account, else the one called like the mailbox. catalog is lent. */
void owners_set(struct store *store, struct catalog *catalog);
