/* setup_size.c - how many sockets and threads so many people need.
 *
 * A mail program looks for mail every five to ten minutes, and is done in a second: one in a few hundred is there at a time.
 * What counts is the worst minute - Monday at eight, or after a failure of the network, when all of them come at once. One in
 * five may then be served together, and the others wait for a moment in the backlog; beyond the original's limits nobody can
 * ask. Workers wait for the disk and for the directory, so there may be more of them than processors.
 */
#include "admin/setup.h"

static unsigned clamp(unsigned long n, unsigned min, unsigned max)
{
	return n < min ? min : n > max ? max : (unsigned)n;
}

static unsigned long up_to_ten(unsigned long n)
{
	return (n + 9) / 10 * 10;
}

struct setup_size setup_size(unsigned long users)
{
	struct setup_size s = { .socketmax = clamp(up_to_ten(users / 5), 50, 32000) };

	s.socketmin = clamp(up_to_ten(s.socketmax / 10), 10, 1000);
	s.socketthreshold = clamp(s.socketmin, 10, 100);
	s.socketbacklog = clamp(s.socketmax / 5, 10, 100);
	s.workers = clamp(users / 100, 16, 128);
	return s;
}
