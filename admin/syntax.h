/* syntax.h - help made from the tables of commands and settings. Thread: any. */
#pragma once
#include "admin/cmd.h"
#include "admin/settings.h"

/* As answers: the whole syntax; one command with everything there is to say about it. */
enum ec syntax_all(struct wp *w);
enum ec syntax_command(struct wp *w, const struct wp_cmd *cmd);
/* EC_USAGE, with the setting that was probably meant. */
enum ec setting_unknown(const char *key, struct err *e);
