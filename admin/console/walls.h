/* walls.h - what the kernel itself refuses the half that talks to browsers from now on, whoever has taken it over.
 *
 * Thread: main, of a process that can get no more privileges (PR_SET_NO_NEW_PRIVS) and has opened all it needs.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"

/* No file, no program, no connection or port of its own, nobody else's process; no call of the kernel that a server of HTTP has no
 * use for. log_socket: syslog(3) may connect again. *no_files: false where this kernel cannot refuse files (no Landlock). */
enum ec walls_raise(bool log_socket, bool *no_files, struct err *e);
