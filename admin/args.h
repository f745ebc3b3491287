/* args.h - a command line as people write it: words and switches in any case.
 *
 *	/createuser pw   /createuser:pw   --createuser pw   --createuser=pw   -? /? --help
 *
 * A password is taken into args->secret and overwritten where it stood, so that `ps` shows it no
 * longer than it must. Failure: EC_USAGE; the text never holds a password. Thread: any.
 */
#pragma once
#include "admin/cmd.h"

enum ec args_parse(int argc, char **argv, struct wp_args *out, struct err *e);
/* "domain", "kim@example.com": is this word a request for help? ("/?", "-?", "-h", "--help") */
bool args_is_help(const char *word);
