/* syntax.h - help made from the tables of commands and settings. Thread: any. */
#pragma once
#include "admin/cmd.h"
#include "admin/settings.h"

/* As answers: the whole syntax; one command with everything there is to say about it. */
enum ec syntax_all(struct wp *w);
enum ec syntax_command(struct wp *w, const struct wp_cmd *cmd);
/* The synopsis alone, and all there is to say about a setting: also for the man pages. */
struct buf;
void syntax_calls(struct buf *b, struct arena *mem);
const char *syntax_setting_text(struct arena *mem, const struct option *o);
/* EC_USAGE, with the setting that was probably meant. */
enum ec setting_unknown(const char *key, struct err *e);
