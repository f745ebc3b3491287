/* settings.h - settings as winpop shows them. Thread: any. */
#pragma once
#include "server/base/arena.h"
#include "server/conf/options.h"

/* The value as the original shows it: authentication as its number for this computer's role, with
 * its name behind it ("2 (file)"); 0 or 1 for the original's switches; else the text of the file. */
const char *setting_text(struct arena *mem, const struct option *o, const struct conf *c);
/* What follows the name in help: "{0 | 1 | 2 | 3}", "Path", "Value". */
const char *setting_syntax(struct arena *mem, const struct option *o);
/* "1 - 65535", "at most 260 characters", "" if there is nothing to say. */
const char *setting_range(struct arena *mem, const struct option *o);
/* "Where it listens": a heading. */
const char *setting_group(enum opt_group group);
/* The default in the same dress; "" if there is none or it depends on the computer. */
const char *setting_preset(const struct option *o);
/* The words `socket` stands for, in the order of its values; ends with NULL. */
extern const char *const setting_socket[];
