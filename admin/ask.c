/* ask.c - prompts.
 *
 * Signals that end or stop a program are blocked while the echo is off, and a signalfd tells that
 * one is waiting: the terminal is put back first, then unblocking lets the signal do what it was
 * sent for. No handler, no global. stdio is not used for reading, so that no password stays in a
 * buffer of the library.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include "admin/ask.h"

#define LINE_MAX_BYTES 1024

struct question {
	const char *what;
	bool is_new; /* typed twice: nobody sees a slip */
};

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

/* Waits for input; EC_REFUSED if a signal came first. sigfd -1: signals do what they always do. */
static enum ec wait_input(int sigfd, struct err *e)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = sigfd, .events = POLLIN } };

	while (poll(p, 2, -1) < 0) {
		if (errno != EINTR)
			return err_sys(e, "cannot wait for an answer");
	}
	return p[1].revents ? err_set(e, EC_REFUSED, "interrupted") : EC_OK;
}

/* One octet; *n is 0 at the end of input. */
static enum ec read_octet(int sigfd, char *c, ssize_t *n, struct err *e)
{
	enum ec rc = wait_input(sigfd, e);

	if (rc != EC_OK)
		return rc;
	do {
		*n = read(0, c, 1);
	} while (*n < 0 && errno == EINTR);
	return *n < 0 ? err_sys(e, "cannot read standard input") : EC_OK;
}

static enum ec read_octets(int sigfd, char line[LINE_MAX_BYTES], size_t *len, struct err *e)
{
	for (*len = 0;;) {
		char c = 0;
		ssize_t n = 0;
		enum ec rc = read_octet(sigfd, &c, &n, e);
		if (rc != EC_OK)
			return rc;
		if (n == 0 && *len == 0)
			return err_set(e, EC_USAGE, "no answer on standard input");
		if (n == 0 || c == '\n')
			return EC_OK;
		if (*len == LINE_MAX_BYTES)
			return err_set(e, EC_USAGE, "longer than %d octets", LINE_MAX_BYTES);
		line[(*len)++] = c;
	}
}

/* One line without its end; octet by octet, since what follows it is not ours. */
static enum ec read_line(int sigfd, struct secret *out, struct err *e)
{
	char line[LINE_MAX_BYTES];
	size_t len;
	enum ec rc = read_octets(sigfd, line, &len, e);

	if (rc == EC_OK)
		secret_set(out, line, len > 0 && line[len - 1] == '\r' ? len - 1 : len);
	wipe(line, sizeof(line));
	return rc;
}

static enum ec prompt(const char *what, int sigfd, struct secret *out, struct err *e)
{
	fprintf(stderr, "%s: ", what);
	fflush(stderr);
	enum ec rc = read_line(sigfd, out, e);
	fputc('\n', stderr);
	return rc;
}

static enum ec prompt_all(const struct question *q, int sigfd, struct secret *out, struct err *e)
{
	struct secret again = { 0 };
	enum ec rc = prompt(q->what, sigfd, out, e);

	if (rc != EC_OK || !q->is_new)
		return rc;
	rc = prompt("Once more", sigfd, &again, e);
	if (rc == EC_OK && !secret_equal(out, &again))
		rc = err_set(e, EC_USAGE, "the two passwords differ; nothing was changed");
	secret_drop(&again);
	return rc;
}

static enum ec without_echo(const struct question *q, struct secret *out, struct err *e)
{
	struct termios loud, quiet;
	sigset_t ours, was;

	if (tcgetattr(0, &loud) < 0)
		return err_sys(e, "cannot read the terminal's settings");
	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, &was);
	int sigfd = signalfd(-1, &ours, SFD_CLOEXEC);
	quiet = loud;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	tcsetattr(0, TCSAFLUSH, &quiet);

	enum ec rc = prompt_all(q, sigfd, out, e);

	tcsetattr(0, TCSAFLUSH, &loud);
	if (sigfd >= 0)
		close(sigfd);
	sigprocmask(SIG_SETMASK, &was, NULL); /* here a waiting signal strikes */
	return rc;
}

static enum ec ask(const struct question *q, struct secret *out, struct err *e)
{
	return isatty(0) ? without_echo(q, out, e) : read_line(-1, out, e);
}

static enum ec ask_secret(void *ctx, const char *what, struct secret *out, struct err *e)
{
	const struct question q = { what, true };

	(void)ctx;
	return ask(&q, out, e);
}

static enum ec ask_known(void *ctx, const char *what, struct secret *out, struct err *e)
{
	const struct question q = { what, false };

	(void)ctx;
	return ask(&q, out, e);
}

static enum ec ask_confirm(void *ctx, const char *question, struct err *e)
{
	struct secret answer = { 0 };

	(void)ctx;
	if (!isatty(0) || !isatty(2))
		return err_set(e, EC_REFUSED, "this must be confirmed and there is no terminal");
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	enum ec rc = read_line(-1, &answer, e);
	if (rc == EC_OK && strcasecmp((char *)answer.bytes, "y") != 0 &&
	    strcasecmp((char *)answer.bytes, "yes") != 0)
		rc = err_set(e, EC_REFUSED, "not confirmed; nothing was changed");
	secret_drop(&answer);
	return rc;
}

const struct wp_ask ask_terminal = { .secret = ask_secret,
				     .known = ask_known,
				     .confirm = ask_confirm };
