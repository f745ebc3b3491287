/* newpass.c - drawn by lot until each kind of character is there, which takes one draw or two.
 *
 * To put one of each kind into chosen places would be quicker and make some passwords likelier than others. The four kinds are what
 * Active Directory calls complex (three of them would do). People type these once from a list: so nothing that needs a second
 * look, and no punctuation that a shell, a spreadsheet or a mail program takes for its own.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "migrate/newpass.h"
#include "server/base/buf.h"
#include "server/base/crypto.h"
#include "server/base/file.h"

static const char *const kinds[] = { "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz",
				     "23456789", "-_.+" };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+";
#define LETTERS (sizeof(letters) - 1)

/* Octets above the last whole multiple would make the first letters likelier. */
static char draw_letter(void)
{
	unsigned char dice;

	do
		random_bytes(&dice, 1);
	while (dice >= 256 / LETTERS * LETTERS);
	return letters[dice % LETTERS];
}

static bool has_all_kinds(const char *text)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strpbrk(text, kinds[i]))
			return false;
	return true;
}

void newpass_make(struct secret *out)
{
	char text[NEWPASS_LEN + 1] = "";

	do
		for (size_t i = 0; i < NEWPASS_LEN; i++)
			text[i] = draw_letter();
	while (!has_all_kinds(text));
	secret_set(out, text, NEWPASS_LEN);
	wipe(text, sizeof(text));
}

/* Half a line would spoil the next one. */
static void take_back(int fd, off_t from)
{
	int saved = errno;

	if (ftruncate(fd, from) == 0)
		lseek(fd, from, SEEK_SET);
	errno = saved;
}

enum ec newpass_note(int fd, const struct name *n, const struct secret *s, struct err *e)
{
	char who[NAME_TEXT_MAX + 1];
	struct buf line = { 0 };
	enum ec rc = EC_OK;
	off_t from = lseek(fd, 0, SEEK_END);

	buf_fmt(&line, "%s\t", name_text(n, who));
	buf_add(&line, s->bytes, s->len);
	buf_addz(&line, "\n");
	if (from < 0 || file_write_all(fd, buf_at(&line), line.len) < 0 || fsync(fd) < 0) {
		if (from >= 0)
			take_back(fd, from);
		rc = err_sys(e, "cannot write down the new password of %s", who);
	}
	buf_wipe(&line);
	return rc;
}
