/* winroot: names in any spelling, kinds, twins, links; what is odd is told once and passed over. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "migrate/winroot.h"

static void names_of_domains(void **state)
{
	static const struct {
		const char *entry, *domain; /* NULL: none */
	} cases[] = {
		{ "example.com", "example.com" },
		{ "EXAMPLE.Com", "example.com" },
		{ "Example.com.", "example.com" },
		{ "mail", "mail" },
		{ "my_host.example", "my_host.example" },
		{ "b\xC3\xBC"
		  "cher.example",
		  "xn--bcher-kva.example" },
		{ "b\xFC"
		  "cher.example",
		  NULL },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ ".hidden", NULL },
		{ "a..b", NULL },
		{ "-a.example", NULL },
		{ "System Volume Information", NULL },
		{ "$RECYCLE.BIN", NULL },
		{ "lost+found", NULL },
		{ "new~00000000", NULL },
		{ "gone~1", NULL },
		{ "kim@example.com", NULL },
		{ "P3_kim.mbx", NULL },
		{ "p3_.MBX", NULL },
		{ "a\nb.example", NULL },
	};
	struct name n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool is = winroot_domain_name(cases[i].entry, &n);
		if (is != (cases[i].domain != NULL))
			fail_msg("%s", cases[i].entry);
		if (is)
			assert_string_equal(n.domain, cases[i].domain);
	}
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void names_of_mailboxes(void **state)
{
	static const struct {
		const char *entry, *local; /* NULL: none */
		bool looks_like_one;
	} cases[] = {
		{ "P3_kim.mbx", "kim", true },
		{ "P3_KIM.MBX", "kim", true },
		{ "p3_Kim.mBx", "kim", true },
		{ "p3_kim.mbx", "kim", true },
		{ "P3_kim.lee.mbx", "kim.lee", true },
		{ "P3_.mbx.mbx", ".mbx", true },
		{ "P3_P3_kim.mbx.mbx", "p3_kim.mbx", true },
		{ "P3_x+y.mbx", "x+y", true },
		{ "P3_o'neil.mbx", "o'neil", true },
		{ "P3_m\xC3\xBCller.mbx", "m\xC3\xBCller", true },
		{ "P3_m\xFCller.mbx", NULL, true },
		{ "P3_" A64 ".mbx", A64, true },
		{ "P3_" A64 "a.mbx", NULL, true },
		{ "P3_.mbx", NULL, true },
		{ "P3_a b.mbx", NULL, true },
		{ "P3_a@b.mbx", NULL, true },
		{ "P3_a\x01.mbx", NULL, true },
		{ "P3kim.mbx", NULL, false },
		{ "P3_kim.mb", NULL, false },
		{ "P3_kim.mbx ", NULL, false },
		{ "P3_mbx", NULL, false },
		{ "kim", NULL, false },
		{ "lock", NULL, false },
		{ "", NULL, false },
	};
	static const struct name domain = { .domain = "example.com" };
	struct name n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool is = winroot_box_name(cases[i].entry, &domain, &n);
		if (is != (cases[i].local != NULL) ||
		    winroot_is_box(cases[i].entry) != cases[i].looks_like_one)
			fail_msg("%s", cases[i].entry);
		if (is) {
			assert_string_equal(n.local, cases[i].local);
			assert_string_equal(n.domain, "example.com");
		}
	}
}

/* ---- whole trees ---- */

struct look {
	struct tree t; /* its mail root is the tree */
	char told[4096];
	int depth; /* of as_reader */
	unsigned times;
	bool own;
};

static void as_reader(void *ctx, bool on)
{
	struct look *l = ctx;

	l->depth += on ? 1 : -1;
	assert_in_range(l->depth, 0, 1);
	l->times++;
}

static void odd(void *ctx, const char *path, enum winroot_why why, int error)
{
	struct look *l = ctx;
	size_t len = strlen(l->told);

	assert_int_equal(l->depth, 0);
	snprintf(l->told + len, sizeof(l->told) - len, "%s:%d%s ", path, why, error ? "!" : "");
}

static struct winroot *scan(struct look *l)
{
	const struct winroot_eye eye = {
		.as_reader = as_reader, .odd = odd, .own = l->own, .ctx = l
	};
	struct winroot *w;
	struct err e;
	int fd = open(l->t.path, O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	l->told[0] = '\0';
	assert_ec(winroot_scan(fd, &eye, &w, &e), EC_OK);
	assert_int_equal(l->depth, 0);
	return w;
}

static int setup(void **state)
{
	struct look *l = calloc(1, sizeof(*l));

	tree_setup(&l->t);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct look *l = *state;

	tree_teardown(&l->t);
	free(l);
	return 0;
}

static void make_dir(struct look *l, const char *below)
{
	char path[512];

	tree_path(&l->t, below, path);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void make_link(struct look *l, const char *below, const char *to)
{
	char path[512];

	tree_path(&l->t, below, path);
	assert_int_equal(symlink(to, path), 0);
}

static void put(struct look *l, const char *below, const char *text)
{
	tree_write(&l->t, below, text, strlen(text));
}

static enum winroot_next collect(void *ctx, const struct winroot_message *m)
{
	char *all = ctx, text[100];
	ssize_t n = read(m->fd, text, sizeof(text) - 1);

	assert_int_equal(n, m->st->st_size);
	text[n] = '\0';
	strcat(strcat(strcat(strcat(all, m->name), "="), text), " ");
	return strcmp(text, "stop") == 0 ? WINROOT_STOP : WINROOT_GO;
}

static void check_messages(struct winroot *w, size_t box, const char *want)
{
	char all[500] = "";
	struct err e;

	assert_ec(winroot_messages(w, &w->boxes[box], collect, all, &e), EC_OK);
	assert_string_equal(all, want);
}

static void counts(void **state)
{
	struct look *l = *state;

	put(l, "example.com/P3_kim.mbx/b.EML", "two");
	put(l, "example.com/P3_kim.mbx/a.eml", "one!");
	put(l, "example.com/P3_kim.mbx/c.eml", "stop");
	put(l, "example.com/P3_kim.mbx/d.eml", "not seen");
	make_dir(l, "example.com/p3_ANN.mbx");
	make_dir(l, "A.Example");
	make_dir(l, "A.Example/P3_x.mbx");
	make_dir(l, "empty.example");
	make_dir(l, "folder");
	struct winroot *w = scan(l);

	assert_int_equal(w->n_domains, 3);
	assert_string_equal(w->domains[0].name.domain, "a.example");
	assert_string_equal(w->domains[0].entry, "A.Example");
	assert_string_equal(w->domains[1].name.domain, "empty.example");
	assert_int_equal(w->domains[1].n_boxes, 0);
	assert_int_equal(w->domains[2].n_boxes, 2);
	assert_int_equal(w->domains[2].first, 1);
	assert_int_equal(w->domains[2].n_msgs, 4);
	assert_int_equal(w->domains[2].octets, 19);
	assert_int_equal(w->n_boxes, 3);
	assert_string_equal(w->boxes[1].name.local, "ann");
	assert_string_equal(w->boxes[1].entry, "p3_ANN.mbx");
	assert_string_equal(w->boxes[2].name.local, "kim");
	assert_int_equal(w->boxes[2].n_msgs, 4);
	check_messages(w, 2, "a.eml=one! b.EML=two c.eml=stop ");
	check_messages(w, 1, "");
	assert_string_equal(l->told, "folder:0 ");
	assert_true(l->times > 0);
	assert_false(w->is_domain);
	winroot_close(&w);
	assert_null(w);
	winroot_close(&w);
}

static void odd_things(void **state)
{
	struct look *l = *state;
	char path[512];

	put(l, "desktop.ini", "x");
	make_link(l, "linked.example", "example.com");
	make_dir(l, "example.com/Thumbs");
	put(l, "example.com/lock", "x");
	put(l, "example.com/P3_file.mbx", "x");
	make_dir(l, "example.com/P3_a b.mbx");
	make_link(l, "example.com/P3_link.mbx", "P3_kim.mbx");
	put(l, "example.com/P3_kim.mbx/Thumbs.db", "x");
	put(l, "example.com/P3_kim.mbx/adopted", "x");
	put(l, "example.com/P3_kim.mbx/empty.eml", "");
	put(l, "example.com/P3_kim.mbx/.tmp-1", "x");
	make_dir(l, "example.com/P3_kim.mbx/dir.eml");
	make_link(l, "example.com/P3_kim.mbx/link.eml", "/etc/passwd");
	tree_path(&l->t, "example.com/P3_kim.mbx/fifo.eml", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	put(l, "example.com/P3_kim.mbx/good.eml", "good");

	struct winroot *w = scan(l);
	char want[1000];
	snprintf(want, sizeof(want),
		 "desktop.ini:%d linked.example:%d example.com/P3_a b.mbx:%d "
		 "example.com/P3_file.mbx:%d example.com/P3_link.mbx:%d example.com/Thumbs:%d "
		 "example.com/lock:%d example.com/P3_kim.mbx/.tmp-1:%d "
		 "example.com/P3_kim.mbx/Thumbs.db:%d example.com/P3_kim.mbx/adopted:%d "
		 "example.com/P3_kim.mbx/dir.eml:%d example.com/P3_kim.mbx/empty.eml:%d "
		 "example.com/P3_kim.mbx/fifo.eml:%d example.com/P3_kim.mbx/link.eml:%d ",
		 WINROOT_NO_DOMAIN, WINROOT_LINK, WINROOT_BAD_NAME, WINROOT_NO_BOX, WINROOT_LINK,
		 WINROOT_NO_BOX, WINROOT_NO_BOX, WINROOT_NO_MESSAGE, WINROOT_NO_MESSAGE,
		 WINROOT_NO_MESSAGE, WINROOT_NO_FILE, WINROOT_EMPTY, WINROOT_NO_FILE, WINROOT_LINK);
	assert_string_equal(l->told, want);
	assert_int_equal(w->n_odd, 14);
	assert_int_equal(w->domains[0].n_odd, 12);
	assert_int_equal(w->boxes[0].n_odd, 7);
	assert_int_equal(w->boxes[0].n_msgs, 1);
	l->told[0] = '\0';
	check_messages(w, 0, "good.eml=good ");
	assert_string_equal(l->told, ""); /* once is enough */
	winroot_close(&w);

	/* In a mail root of ours some of that is ours. */
	l->own = true;
	w = scan(l);
	assert_null(strstr(l->told, "/lock:"));
	assert_null(strstr(l->told, "/adopted:"));
	assert_null(strstr(l->told, ".tmp-1:"));
	assert_non_null(strstr(l->told, "Thumbs.db:"));
	winroot_close(&w);
}

/* As the mail root would serve it: our spelling, else the first in byte order. */
static void twins(void **state)
{
	struct look *l = *state;

	make_dir(l, "EXAMPLE.com");
	make_dir(l, "EXAMPLE.com/P3_kim.mbx");
	make_dir(l, "example.com/P3_KIM.mbx");
	make_dir(l, "example.com/P3_Lee.mbx");
	make_dir(l, "example.com/P3_LEE.mbx");
	struct winroot *w = scan(l);

	assert_int_equal(w->n_domains, 1);
	assert_string_equal(w->domains[0].entry, "example.com");
	assert_int_equal(w->n_boxes, 2);
	assert_string_equal(w->boxes[0].entry, "P3_kim.mbx");
	assert_string_equal(w->boxes[1].entry, "P3_LEE.mbx");
	assert_non_null(strstr(l->told, "EXAMPLE.com:5 "));
	assert_non_null(strstr(l->told, "example.com/P3_KIM.mbx:5 "));
	assert_non_null(strstr(l->told, "example.com/P3_Lee.mbx:5 "));
	winroot_close(&w);
}

/* A domain instead of the directory above it. */
static void one_level_too_deep(void **state)
{
	struct look *l = *state;
	const struct winroot_eye eye = { .odd = odd, .ctx = l };
	struct winroot *w;
	char path[512];
	struct err e;

	tree_path(&l->t, "example.com", path);
	assert_ec(winroot_scan(open(path, O_RDONLY | O_DIRECTORY), &eye, &w, &e), EC_OK);
	assert_int_equal(w->n_domains, 0);
	assert_true(w->is_domain);
	winroot_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_domains),
		cmocka_unit_test(names_of_mailboxes),
		cmocka_unit_test_setup_teardown(counts, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_things, setup, teardown),
		cmocka_unit_test_setup_teardown(twins, setup, teardown),
		cmocka_unit_test_setup_teardown(one_level_too_deep, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
