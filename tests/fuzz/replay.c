/* replay.c - drives a fuzz target without a fuzzer: its seeds, and what a little damage makes of them.
 *
 * Every run of the tests thus feeds each parser the same few thousand inputs: each seed whole, cut off at every position,
 * and with every octet replaced by the ones parsers trip over. The order and the inputs depend on the seeds alone, so a
 * failure comes back. libFuzzer (tests/fuzz/run) searches; this only keeps what was found from coming back, which is why a
 * target without seeds is an error.
 *
 * Each input is a block of exactly its size from malloc, so that the address sanitizer sees a read one octet too far.
 */
#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define PLACES_MAX 200u     /* positions of one seed that are damaged; a longer seed is sampled */
#define SEED_MAX (1u << 20) /* a seed is an example, not a load */
static const uint8_t nasty[] = { 0, '\n', '\r', ' ', '.', '"', 0x7f, 0x80, 0xff };

static unsigned long n_runs;

static void feed(const uint8_t *p, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	if (exact == NULL)
		err(1, "malloc");
	memcpy(exact, p, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	n_runs++;
}

static void cut_and_spoil(uint8_t *p, size_t len)
{
	size_t step = len / PLACES_MAX + 1;

	feed(p, len);
	for (size_t at = 0; at < len; at += step) {
		uint8_t was = p[at];

		feed(p, at);
		feed(p + at, len - at);
		for (size_t i = 0; i < sizeof nasty; i++) {
			p[at] = nasty[i];
			feed(p, len);
		}
		p[at] = was ^ 0x20;
		feed(p, len);
		p[at] = was;
	}
}

static void replay(const char *dir, const char *name)
{
	static uint8_t seed[SEED_MAX];
	char path[4096];
	size_t len;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (f == NULL)
		err(1, "%s", path);
	len = fread(seed, 1, sizeof seed, f);
	if (ferror(f) || !feof(f))
		errx(1, "%s: unreadable, or larger than a seed should be", path);
	fclose(f);
	cut_and_spoil(seed, len);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int n;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	if (argc != 2)
		errx(2, "usage: %s SEED-DIRECTORY", argv[0]);
	n = scandir(argv[1], &names, visible, alphasort);
	if (n < 0)
		err(1, "%s", argv[1]);
	if (n == 0)
		errx(1, "%s: no seeds", argv[1]);
	for (int i = 0; i < n; i++) {
		replay(argv[1], names[i]->d_name);
		free(names[i]);
	}
	free(names);
	printf("%d seeds, %lu inputs\n", n, n_runs);
	return 0;
}
