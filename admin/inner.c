/* inner.c - see inner.h.
 *
 * Most commands become the owner of the mail root for good, which who runs them must not; so each has a process. Nothing is
 * executed anew: no password is in a list of processes, and what runs is what is installed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/child.h"
#include "admin/args.h"
#include "admin/perform.h"
#include "admin/inner.h"

#define ANSWER_MAX_BYTES (1 << 20)

/* ---- what a process of its own tells us ---- */

struct told {
	struct wp_result result;
	bool done; /* it came to its end */
};

struct job {
	struct wp *w;
	const char *const *words;
	const struct secret *password;
	FILE *answer;
	struct told *told;
};

static enum ec no_question(void *ctx, const char *question, struct err *e)
{
	(void)ctx, (void)question, (void)e;
	return EC_OK; /* who runs it has asked */
}

static void run_in_child(const struct job *j)
{
	char *argv[WP_ARGS_MAX + 4] = { (char *)(uintptr_t) "winpop",
					(char *)(uintptr_t) "--config" };
	struct wp_args args;
	struct wp_ask ask = ask_nobody;
	int argc = 3;

	ask.confirm = no_question;
	argv[2] = arena_strz(j->w->mem, j->w->conf_path);
	for (size_t i = 0; j->words[i]; i++) {
		assert(argc < (int)(sizeof(argv) / sizeof(argv[0])));
		argv[argc++] = arena_strz(j->w->mem, j->words[i]);
	}
	struct wp_result *r = &j->told->result;
	r->rc = args_parse(argc, argv, &args, &r->err);
	if (r->rc != EC_OK)
		return;
	if (j->password)
		secret_set(&args.secret, j->password->bytes, j->password->len);
	struct out *out = out_text(j->answer, j->answer, OUT_TABS);
	wp_perform(&args, NULL, &out, &ask, r);
	secret_drop(&args.secret);
}

static enum ec wait_for(pid_t pid, const struct job *j, struct err *e)
{
	int status;

	if (child_wait(pid, &status) < 0)
		return err_sys(e, "cannot wait for a process of ours");
	if (!j->told->done)
		return err_set(e, EC_BROKEN, "winpop %s ended before it was done", j->words[0]);
	if (j->told->result.rc == EC_OK)
		return EC_OK;
	if (j->told->result.hint[0])
		wp_hint(j->w, EC_OK, "%s", j->told->result.hint);
	return err_set(e, j->told->result.rc, "%s", j->told->result.err.text);
}

static enum ec run(struct job *j, struct err *e)
{
	j->told = mmap(NULL, sizeof(*j->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (j->told == MAP_FAILED)
		return err_sys(e, "cannot share memory with a process of ours");
	fflush(NULL); /* or what is in the buffers would be written by both */
	pid_t pid = fork();
	if (pid == 0) {
		run_in_child(j);
		j->told->done = fflush(j->answer) == 0;
		_exit(0);
	}
	enum ec rc = pid < 0 ? err_sys(e, "cannot start a process of ours") : wait_for(pid, j, e);
	munmap(j->told, sizeof(*j->told));
	return rc;
}

/* ---- what it answers ---- */

static const char *read_back(struct arena *mem, FILE *f)
{
	struct buf b = { 0 };
	size_t n;

	rewind(f);
	do {
		n = fread(buf_room(&b, 4096), 1, 4096, f);
		buf_grew(&b, n);
	} while (n > 0 && b.len < ANSWER_MAX_BYTES);
	const char *text = arena_str(mem, buf_at(&b), b.len);
	buf_drop(&b);
	return text;
}

enum ec inner_run(struct wp *w, const char *const words[], const struct secret *password,
		  const char **answer, struct err *e)
{
	int fd = memfd_create("answer", MFD_CLOEXEC);
	struct job j = { .w = w,
			 .words = words,
			 .password = password,
			 .answer = fd < 0 ? NULL : fdopen(fd, "w+") };

	*answer = "";
	if (!j.answer)
		return err_sys(e, "cannot make room for an answer");
	enum ec rc = run(&j, e);
	*answer = read_back(w->mem, j.answer);
	fclose(j.answer);
	return rc;
}
