/* oldschema.h - the schema as it was before there were holds, rules of expiry and accounts without a mailbox. */
#pragma once

/* From the file of today; into a new file, whose path is returned in out. The caller removes it. */
void old_schema_write(const char *schema, char out[64]);
