/* ask.h - asking the person at the terminal, or standard input.
 *
 * A password is typed twice and not shown; where standard input is not a terminal it is one line of
 * it. The terminal's echo comes back whatever signal ends us. Thread: one at a time.
 */
#pragma once
#include "admin/cmd.h"

extern const struct wp_ask ask_terminal;
