/* process.c - what the kernel knows of this process: processor, memory, descriptors. Names as every exporter has them.
 *
 * /proc says most; what cannot be read there (a cage without it) is left out, and nothing else suffers.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "server/ops/metrics.h"

static void put_memory(struct metrics *m)
{
	unsigned long size, resident;
	FILE *f = fopen("/proc/self/statm", "re");
	bool known = f && fscanf(f, "%lu %lu", &size, &resident) == 2;
	double page = (double)sysconf(_SC_PAGESIZE);

	if (f)
		fclose(f);
	if (!known)
		return;
	metrics_family(m, "process_virtual_memory_bytes", METRIC_GAUGE, "Address space in use");
	metrics_row(m, (double)size * page, NULL);
	metrics_family(m, "process_resident_memory_bytes", METRIC_GAUGE, "Memory in use");
	metrics_row(m, (double)resident * page, NULL);
}

static void put_fds(struct metrics *m)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (!dir)
		return;
	for (const struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	closedir(dir);
	metrics_family(m, "process_open_fds", METRIC_GAUGE, "Open file descriptors");
	metrics_row_n(m, n - 1, NULL); /* one was for looking */
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

void metrics_process(struct metrics *m)
{
	struct rusage used;
	struct rlimit files;

	getrusage(RUSAGE_SELF, &used); /* cannot fail for this process, as the next */
	metrics_family(m, "process_cpu_seconds", METRIC_COUNTER, "Processor time, user and system");
	metrics_row(m, seconds(&used.ru_utime) + seconds(&used.ru_stime), NULL);
	put_memory(m);
	put_fds(m);
	getrlimit(RLIMIT_NOFILE, &files);
	metrics_family(m, "process_max_fds", METRIC_GAUGE, "File descriptors there may be");
	metrics_row_n(m, files.rlim_cur, NULL);
}
