/* interrupt.c - see interrupt.h. Signals are blocked and read from a descriptor: no handler, and no global for it to find. */
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "admin/interrupt.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

void interrupt_hold(struct interrupt *i)
{
	sigset_t ours;

	sigemptyset(&ours);
	for (size_t k = 0; k < sizeof(signals) / sizeof(signals[0]); k++)
		sigaddset(&ours, signals[k]);
	sigprocmask(SIG_BLOCK, &ours, &i->was);
	i->fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (i->fd < 0) /* no descriptor to be had: signals do what they always do */
		sigprocmask(SIG_SETMASK, &i->was, NULL);
}

bool interrupt_came(struct interrupt *i)
{
	struct signalfd_siginfo one;

	if (i->fd <= 0 || read(i->fd, &one, sizeof(one)) != sizeof(one))
		return false;
	close(i->fd);
	i->fd = -1;
	sigprocmask(SIG_SETMASK, &i->was, NULL);
	return true;
}

void interrupt_drop(struct interrupt *i)
{
	if (i->fd > 0 && !interrupt_came(i)) {
		close(i->fd);
		sigprocmask(SIG_SETMASK, &i->was, NULL);
	}
	i->fd = -1;
}
