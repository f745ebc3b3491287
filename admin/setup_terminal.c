/* setup_terminal.c - the pages of the wizard on a terminal: the thin part, which shows and reads and decides nothing.
 *
 * Lines are read from the terminal as it gives them, without the buffer of stdio: what was typed ahead stays there for whoever
 * asks next, and that may be for a password. Ctrl-C ends us as always, for nothing has been done yet.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "admin/setup.h"

#define WIDTH_MAX 90
#define WIDTH_MIN 40

static size_t width(void)
{
	struct winsize ws;
	size_t cols = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 80;

	return cols > WIDTH_MAX ? WIDTH_MAX : cols < WIDTH_MIN ? WIDTH_MIN : cols;
}

/* Control octets in what a directory said never reach a terminal. */
static void put(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool control = (unsigned char)text[i] < 0x20 || text[i] == 0x7F;
		fputc(control ? '?' : text[i], stderr);
	}
}

static void wrap_line(const char *text, size_t len, size_t indent)
{
	size_t room = width() - 1, at = 0;

	for (size_t i = 0; i < len;) {
		size_t word = 0, gap = 0;
		while (i + word < len && text[i + word] != ' ')
			word++;
		while (i + word + gap < len && text[i + word + gap] == ' ')
			gap++;
		if (at == 0 || at + word > room) {
			fprintf(stderr, "%s%*s", at == 0 ? "" : "\n", (int)indent, "");
			at = indent;
		}
		put(text + i, word + gap);
		at += word + gap;
		i += word + gap;
	}
	fputc('\n', stderr);
}

/* Paragraphs and list lines, each on a line of its own. */
static void wrap(const char *text, size_t indent)
{
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		wrap_line(text, len, indent);
	}
}

void setup_say(const char *text)
{
	fputc('\n', stderr);
	wrap(text, 0);
}

static void show_heading(const struct wizard *z, const struct wizard_page *p)
{
	size_t nth, of, room = width() - 1, len = strlen(p->title);

	wizard_place(z, &nth, &of);
	fprintf(stderr, "\n%s ", p->title);
	for (size_t i = len + 1; i + 12 < room; i++)
		fputc('-', stderr);
	fprintf(stderr, " %zu of %zu\n\n", nth, of);
}

static void show_choices(const struct wizard *z, const struct wizard_page *p)
{
	unsigned nth = 0;

	for (const struct wizard_choice *c = p->choices; c->word; c++) {
		if (!wizard_offers(z, c))
			continue;
		fprintf(stderr, "\n %2u  %s (%s)\n", ++nth, c->title, c->word);
		wrap(c->text, 5);
	}
}

static void show_page(const struct wizard *z, const struct wizard_page *p)
{
	show_heading(z, p);
	wrap(p->text, 0);
	const char *found = p->finding ? p->finding(z->ctx) : NULL;
	if (found) {
		fputc('\n', stderr);
		wrap(found, 2);
	}
	if (p->kind == WIZARD_CHOICE)
		show_choices(z, p);
	fputc('\n', stderr);
}

static void show_prompt(const struct wizard *z, const struct wizard_page *p)
{
	const char *preset = wizard_default(z, p);

	fprintf(stderr, "%s", p->question);
	if (*preset) {
		fputs(" [", stderr);
		put(preset, strlen(preset));
		fputc(']', stderr);
	}
	fputs(": ", stderr);
	fflush(stderr);
}

static void show_help(const struct wizard_page *p)
{
	fputc('\n', stderr);
	if (p->help)
		wrap(p->help, 2);
	wrap("Enter takes what is in [ ], - stands for nothing, < goes back a page, ! leaves: "
	     "nothing is changed before "
	     "the last page.",
	     2);
	fputc('\n', stderr);
}

/* EC_REFUSED: the terminal is gone, or Ctrl-D. */
static enum ec read_line(char *line, size_t room, struct err *e)
{
	ssize_t n;

	do {
		n = read(STDIN_FILENO, line, room - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "cannot read from the terminal");
	if (n == 0)
		return err_set(e, EC_REFUSED, "left; nothing was changed");
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return EC_OK;
}

static enum ec talk_once(struct wizard *z, struct err *e)
{
	const struct wizard_page *p = wizard_page(z);
	char line[WIZARD_ANSWER_MAX + 2];
	struct err why;

	show_prompt(z, p);
	enum ec rc = read_line(line, sizeof(line), e);
	if (rc != EC_OK)
		return rc;
	switch (wizard_say(z, line, &why)) {
	case WIZARD_LEFT: return err_set(e, EC_REFUSED, "left; nothing was changed");
	case WIZARD_HELP: show_help(p); break;
	case WIZARD_AGAIN:
		fputc('\n', stderr);
		wrap(why.text, 2);
		fputc('\n', stderr);
		break;
	case WIZARD_NEXT:
		if (wizard_page(z))
			show_page(z, wizard_page(z));
	}
	return EC_OK;
}

enum ec setup_talk(struct setup *s, struct err *e)
{
	enum ec rc = EC_OK;

	if (wizard_page(&s->z))
		show_page(&s->z, wizard_page(&s->z));
	while (rc == EC_OK && wizard_page(&s->z))
		rc = talk_once(&s->z, e);
	return rc;
}
