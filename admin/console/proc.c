/* proc.c - see proc.h.
 *
 * A child is forked and never executes anything: it is this program, so its arguments are in memory and no password is ever on a
 * command line or in an environment. It closes every descriptor but its own, forgets our signals, and gets a process group, so
 * that what it starts itself can be ended with it.
 *
 * It is over when it has been waited for and its answer has ended. What it leaves running may hold the answer open: then it is
 * over a moment later.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/mem.h"
#include "server/net/conn.h"
#include "admin/console/proc.h"

#define KILL_MS 5000   /* from SIGTERM to SIGKILL */
#define LINGER_MS 1000 /* from its end to that of its answer */
#define LINE_MAX_LEN 1024

struct proc {
	struct proc *next, **at;
	struct procs *procs;
	struct proc_work work;
	pid_t pid;
	bool reaped, cut; /* cut: more than anybody wants */
	bool out_of_time;
	int wait_status;
	struct conn *out, *lines; /* NULL: ended */
	struct buf answer;
	struct timer *limit;
};

struct procs {
	struct loop *loop;
	const struct log *log;
	struct proc *first;
};

struct procs *procs_new(struct loop *loop, const struct log *log)
{
	struct procs *p = mem_new(sizeof(*p));

	*p = (struct procs){ .loop = loop, .log = log };
	return p;
}

/* ---- its end ---- */

static void drop(struct proc *p)
{
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	timer_cancel(&p->limit);
	conn_free(&p->out);
	conn_free(&p->lines);
	buf_wipe(&p->answer);
	free(p);
}

void procs_free(struct procs **pp)
{
	struct procs *p = *pp;

	*pp = NULL;
	if (!p)
		return;
	while (p->first) {
		if (!p->first->reaped)
			proc_signal(p->first, SIGTERM);
		drop(p->first);
	}
	free(p);
}

static void tell(struct proc *p)
{
	bool whole = WIFEXITED(p->wait_status) && !p->cut;
	const struct proc_end end = {
		.status = whole ? WEXITSTATUS(p->wait_status) : -1,
		.out_of_time = p->out_of_time,
		.too_long = p->cut,
		.answer = buf_at(&p->answer),
		.len = p->answer.len,
	};
	struct proc_work work = p->work;

	if (!whole)
		log_event(
			p->procs->log, LV_WARN, "console-child",
			KV("text", p->cut ? "its answer is too long" : "it did not end by itself"),
			KV_I("status", p->wait_status));
	work.done(work.ctx, &end);
	drop(p);
}

static void settle(void *ctx)
{
	struct proc *p = ctx;

	conn_free(&p->out);
	conn_free(&p->lines);
	tell(p);
}

static void look_whether_over(struct proc *p)
{
	if (!p->reaped)
		return;
	if (!p->out && !p->lines)
		tell(p);
	else
		timer_set(p->procs->loop, &p->limit, LINGER_MS, settle, p);
}

bool procs_ended(struct procs *ps, int pid, int status)
{
	for (struct proc *p = ps->first; p; p = p->next) {
		if (p->pid != pid || p->reaped)
			continue;
		p->reaped = true;
		p->wait_status = status;
		timer_cancel(&p->limit);
		look_whether_over(p);
		return true;
	}
	return false;
}

void proc_signal(struct proc *p, int sig)
{
	if (!p->reaped)
		kill(-p->pid, sig);
}

static void no_more_patience(void *ctx)
{
	proc_signal(ctx, SIGKILL);
}

static void too_long(void *ctx)
{
	struct proc *p = ctx;

	p->out_of_time = true;
	proc_signal(p, SIGTERM);
	timer_set(p->procs->loop, &p->limit, KILL_MS, no_more_patience, p);
}

/* ---- its answer ---- */

static void on_out(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct proc *p = ctx;
	size_t len;
	const char *in = conn_in(c, &len);

	if (ev == CONN_DRAINED)
		return;
	if (!p->cut)
		buf_add(&p->answer, in, len);
	conn_eat(c, len);
	if (p->answer.len > PROC_ANSWER_MAX && !p->cut) {
		p->cut = true;
		buf_wipe(&p->answer);
		proc_signal(p, SIGTERM);
	}
	if (ev == CONN_DATA)
		return;
	conn_free(&p->out);
	look_whether_over(p);
}

/* A line too long is told in pieces. */
static void take_lines(struct proc *p, struct conn *c, bool all)
{
	size_t len, n;

	for (;;) {
		const char *in = conn_in(c, &len);
		const char *lf = memchr(in, '\n', len);

		if (!lf && !all && len < LINE_MAX_LEN)
			return;
		if (len == 0)
			return;
		n = lf ? (size_t)(lf - in) : len;
		p->work.line(p->work.ctx, in, n);
		conn_eat(c, n + (lf ? 1 : 0));
	}
}

static void on_lines(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct proc *p = ctx;

	if (ev == CONN_DRAINED)
		return;
	take_lines(p, c, ev != CONN_DATA);
	if (ev == CONN_DATA)
		return;
	conn_free(&p->lines);
	look_whether_over(p);
}

/* ---- its beginning ---- */

struct ends {
	int out[2], err[2]; /* ours, its; -1: none */
};

static void close_ends(const struct ends *e, int which)
{
	if (e->out[which] >= 0)
		close(e->out[which]);
	if (e->err[which] >= 0)
		close(e->err[which]);
}

static enum ec open_ends(struct ends *ends, bool lines, struct err *e)
{
	*ends = (struct ends){ { -1, -1 }, { -1, -1 } };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->out) == 0 &&
	    (!lines || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->err) == 0))
		return EC_OK;
	err_sys(e, "cannot make a socket for a command");
	close_ends(ends, 0);
	close_ends(ends, 1);
	return e->class = EC_TEMP;
}

static void default_signals(void)
{
	static const int ours[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input and output are nobody's; 3 is where the answer goes, and no program that is run here has it. */
static _Noreturn void be_child(const struct proc_work *work, const struct ends *ends)
{
	int null = open("/dev/null", O_RDWR);

	closelog(); /* or its socket's number would be the next file's */
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    (ends->err[1] >= 0 && dup2(ends->err[1], 2) < 0) || dup2(ends->out[1], 3) < 0 ||
	    fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		_exit(EC_TEMP);
	close_range(4, ~0U, 0);
	setpgid(0, 0);
	default_signals();
	int status = work->run(work->ctx, 3);

	_exit(status);
}

static struct proc *watch(struct procs *ps, const struct proc_work *work, pid_t pid,
			  const struct ends *ends)
{
	struct proc *p = mem_new(sizeof(*p));

	*p = (struct proc){
		.next = ps->first, .at = &ps->first, .procs = ps, .work = *work, .pid = pid
	};
	if (p->next)
		p->next->at = &p->next;
	ps->first = p;
	close_ends(ends, 1);
	fcntl(ends->out[0], F_SETFL, O_NONBLOCK);
	p->out = conn_new(ps->loop, ends->out[0], 256u << 10, on_out, p);
	if (ends->err[0] >= 0) {
		fcntl(ends->err[0], F_SETFL, O_NONBLOCK);
		p->lines = conn_new(ps->loop, ends->err[0], LINE_MAX_LEN, on_lines, p);
	}
	if (work->limit_ms > 0)
		timer_set(ps->loop, &p->limit, work->limit_ms, too_long, p);
	return p;
}

enum ec proc_start(struct procs *ps, const struct proc_work *work, struct proc **out, struct err *e)
{
	struct ends ends;
	sigset_t all, was;
	enum ec rc = open_ends(&ends, work->line != NULL, e);

	if (rc != EC_OK)
		return rc;
	/* A signal in the child before it has forgotten our handlers would be told to us. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &was);
	pid_t pid = fork();

	if (pid == 0)
		be_child(work, &ends);
	int why = errno;

	if (pid > 0)
		setpgid(pid, pid); /* whichever of us is first */
	sigprocmask(SIG_SETMASK, &was, NULL);
	if (pid < 0) {
		close_ends(&ends, 0);
		close_ends(&ends, 1);
		return err_set(e, EC_TEMP, "no process can be started: %s", strerrordesc_np(why));
	}
	*out = watch(ps, work, pid, &ends);
	return EC_OK;
}
