/* walls.c - see walls.h.
 *
 * Files, TCP and signals by Landlock, with no rule at all: whatever this kernel knows to refuse is refused. It speaks of objects, so
 * no release of libc or OpenSSL can need something that it forbids by accident: what they read, they have read.
 *
 * System calls by a list of what is forbidden. A list of what is allowed would be stronger, and would break with the next
 * libc that does an old thing by a new call - in a process that is only tried when an administrator needs it. The forbidden ones
 * are those that reach out (a socket), that become another program, and those parts of the kernel where most of its
 * holes have been; nothing that answers HTTP calls any of them. They fail with EPERM.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "admin/console/walls.h"

/* ---- files, TCP, other processes ---- */

/* As the newest kernel has it; older ones take it as long as what they do not know is 0. */
struct refusals {
	uint64_t files, tcp, scope;
};

static struct refusals known_to(long abi)
{
	const unsigned files = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;

	return (struct refusals){
		.files = (UINT64_C(1) << files) - 1,
		.tcp = abi >= 4 ? 3 : 0,   /* bind, connect */
		.scope = abi >= 6 ? 3 : 0, /* abstract unix sockets of others, signals to them */
	};
}

static enum ec refuse_files(bool *refused, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	*refused = abi > 0;
	/* EPERM: a container whose own filter has never heard of it. */
	if (abi < 0 && errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM)
		return err_sys(e, "asking for Landlock");
	if (!*refused)
		return EC_OK;
	const struct refusals all = known_to(abi);
	int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0)
		return err_sys(e, "giving up files");
	long done = syscall(SYS_landlock_restrict_self, rules, 0);
	enum ec rc = done < 0 ? err_sys(e, "giving up files") : EC_OK;
	close(rules);
	return rc;
}

/* ---- system calls ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define CALLS_END 0x40000000u /* behind them are those of another ABI, by other numbers */
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define CALLS_END UINT32_MAX
#endif

#ifdef ARCH
static const uint16_t forbidden[] = {
	/* reaching out, or in */
	SYS_bind,
	SYS_listen,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	/* another program, another view of the computer */
	SYS_execve,
	SYS_execveat,
	SYS_unshare,
	SYS_setns,
	SYS_chroot,
	SYS_pivot_root,
	SYS_mount,
	SYS_umount2,
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	/* parts of the kernel with a history */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_init_module,
	SYS_finit_module,
	SYS_kexec_load,
};
#define N_FORBIDDEN (sizeof(forbidden) / sizeof(forbidden[0]))
#define FILTER_MAX (2 * N_FORBIDDEN + 16)

struct filter {
	struct sock_filter row[FILTER_MAX];
	unsigned short n;
};

static void put(struct filter *f, struct sock_filter row)
{
	f->row[f->n++] = row;
}

static void load(struct filter *f, size_t offset)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct filter *f, uint32_t what)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

/* If what was loaded compares so with `value`, the call fails. */
static void refuse_if(struct filter *f, unsigned short compare, uint32_t value, bool is)
{
	put(f,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | compare | BPF_K, value, is ? 0 : 1, is ? 1 : 0));
	answer(f, SECCOMP_RET_ERRNO | EPERM);
}

/* Sockets are for the log alone, if at all. An argument's lower half is its first on these machines. */
static void judge_sockets(struct filter *f, bool log_socket)
{
	if (!log_socket) {
		refuse_if(f, BPF_JEQ, SYS_socket, true);
		refuse_if(f, BPF_JEQ, SYS_connect, true);
		return;
	}
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3));
	load(f, offsetof(struct seccomp_data, args[0]));
	refuse_if(f, BPF_JEQ, AF_UNIX, false);
}

static enum ec refuse_calls(bool log_socket, struct err *e)
{
	struct filter f = { .n = 0 };

	load(&f, offsetof(struct seccomp_data, arch));
	refuse_if(&f, BPF_JEQ, ARCH, false);
	load(&f, offsetof(struct seccomp_data, nr));
	refuse_if(&f, BPF_JGE, CALLS_END, true);
	for (size_t i = 0; i < N_FORBIDDEN; i++)
		refuse_if(&f, BPF_JEQ, forbidden[i], true);
	judge_sockets(&f, log_socket);
	answer(&f, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = { f.n, f.row };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 || errno == EINVAL)
		return EC_OK; /* EINVAL: a kernel without it */
	return err_sys(e, "giving up system calls");
}
#else
/* How this machine numbers its calls is not known here. */
static enum ec refuse_calls(bool log_socket, struct err *e)
{
	(void)log_socket, (void)e;
	return EC_OK;
}
#endif

enum ec walls_raise(bool log_socket, bool *no_files, struct err *e)
{
	enum ec rc = refuse_files(no_files, e);

	return rc == EC_OK ? refuse_calls(log_socket, e) : rc;
}
