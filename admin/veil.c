/* veil.c - see veil.h.
 *
 * Every text is cut into words of letters that names are made of; a word and each of its endings behind a dot are looked for in
 * the sorted names. The longest that is known decides, so that mail.sales.example.com is a delegate's of sales.example.com,
 * although there is an example.com.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/mem.h"
#include "admin/veil.h"

struct veil {
	const struct scope *only;
	struct arena *mem;
	const struct wp_args *typed;
	const char *own;    /* his name */
	const char **names; /* sorted, of domains that are not his */
	size_t n, room;
};

/* ---- which names ---- */

static void keep(struct veil *v, const char *domain)
{
	if (v->n == v->room) {
		size_t room = v->room ? v->room * 2 : 64;
		const char **names = arena_alloc(v->mem, room * sizeof(*names));
		if (v->n > 0)
			memcpy(names, v->names, v->n * sizeof(*names));
		v->names = names;
		v->room = room;
	}
	v->names[v->n++] = arena_strz(v->mem, domain);
}

static bool note_domain(void *ctx, const struct entry *en)
{
	struct veil *v = ctx;

	if (!scope_has(v->only, en->name.domain))
		keep(v, en->name.domain);
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

enum ec veil_new(struct wp *w, const struct wp_args *typed, struct veil **out, struct err *e)
{
	struct catalog *all = w->everyone;
	struct veil *v = arena_alloc(w->mem, sizeof(*v));

	*v = (struct veil){ .only = w->only, .mem = w->mem, .typed = typed, .own = w->by->name };
	enum ec rc = all->ops->each(all, NULL, note_domain, v, e);
	if (rc != EC_OK)
		return rc;
	if (v->n > 0)
		qsort(v->names, v->n, sizeof(*v->names), compare);
	*out = v;
	return EC_OK;
}

/* ---- looking ---- */

static bool is_hidden_name(const struct veil *v, const char *name)
{
	return v->n > 0 && bsearch(&name, v->names, v->n, sizeof(*v->names), compare);
}

/* Longest first. A name of one label may be any word, and is a name only in an address. NULL: nothing of it is hidden. */
static const char *hidden_part(const struct veil *v, const char *word, bool in_address)
{
	if (!strchr(word, '.'))
		return in_address && !scope_has(v->only, word) && is_hidden_name(v, word) ? word
											  : NULL;
	for (const char *p = word; p && strchr(p, '.'); p = strchr(p, '.')) {
		p += *p == '.';
		if (scope_has(v->only, p))
			return NULL;
		if (is_hidden_name(v, p))
			return p;
	}
	return NULL;
}

static bool was_typed(const struct veil *v, const char *name)
{
	const struct wp_args *a = v->typed;
	bool found = false;

	for (int i = 0; i < a->argc; i++)
		found |= strcasestr(a->argv[i], name) != NULL;
	for (int i = 0; i < WP_SWITCHES_MAX; i++)
		found |= a->given[i] && strcasestr(a->given[i], name);
	return found;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

static bool hides(const struct veil *v, const char *text, bool but_typed)
{
	char word[NAME_DOMAIN_MAX + 1];

	for (const char *p = text + strcspn(text, letters); *p; p += strcspn(p, letters)) {
		size_t len = strspn(p, letters), all = len;
		while (len > 0 && p[len - 1] == '.') /* of a sentence */
			len--;
		size_t skip = len > NAME_DOMAIN_MAX ? len - NAME_DOMAIN_MAX : 0;
		memcpy(word, p + skip, len - skip);
		word[len - skip] = '\0';
		const char *name = hidden_part(v, word, p > text && p[-1] == '@');
		if (name && !(but_typed && was_typed(v, name)))
			return true;
		p += all;
	}
	return false;
}

bool veil_hides(const struct veil *v, const char *text)
{
	return hides(v, text, false);
}

/* What he typed himself an error may repeat: were it left out where there is such a domain, that would tell him so. */
void veil_err(const struct veil *v, struct err *e)
{
	if (v && hides(v, e->text, true))
		err_set(e, e->class,
			"this cannot be done, for a reason that only administrators of the whole "
			"server may know: ask one");
}

const char *veil_hint(const struct veil *v, const char *hint)
{
	return v && hint && hides(v, hint, true) ? NULL : hint;
}

/* ---- the answer ---- */

struct veiled {
	struct out base; /* first: the out that others hold */
	const struct veil *veil;
	struct out *to;
};

static struct veiled *of(struct out *o)
{
	return (struct veiled *)o;
}

static void put_list(struct out *o, const char *key)
{
	out_list(of(o)->to, key);
}

static void put_record(struct out *o)
{
	out_record(of(o)->to);
}

/* What somebody signs in with he knows himself, and nobody can set up his mail program without it: it is shown, although the
 * directory that he signs in to may be called like a domain. */
static bool is_open(const struct veil *v, const char *key, const char *value)
{
	/* What he did himself is told to be his, wherever his own account is. */
	bool is_he = strcmp(key, "who") == 0 && strcasecmp(value, v->own) == 0;

	return is_he || strcmp(key, "logon") == 0;
}

static void put_field(struct out *o, const char *key, const char *value)
{
	const struct veil *v = of(o)->veil;
	bool hidden = value && !is_open(v, key, value) && veil_hides(v, value);

	out_field(of(o)->to, key, hidden ? "elsewhere" : value);
}

static void put_number(struct out *o, const char *key, uint64_t value)
{
	out_field_u(of(o)->to, key, value);
}

static void put_end(struct out *o)
{
	out_end(of(o)->to);
}

static void put_say(struct out *o, const char *text)
{
	if (!veil_hides(of(o)->veil, text))
		of(o)->to->ops->say(of(o)->to, text);
}

static void put_note(struct out *o, const char *text)
{
	if (!veil_hides(of(o)->veil, text))
		of(o)->to->ops->note(of(o)->to, text);
}

static enum ec close_both(struct out **o, const struct err *failed, const char *hint, struct err *e)
{
	struct veiled *v = of(*o);
	enum ec rc = out_close(&v->to, failed, hint, e);

	free(v);
	*o = NULL;
	return rc;
}

struct out *veil_out(const struct veil *veil, struct out *to)
{
	static const struct out_ops ops = {
		.list = put_list,
		.record = put_record,
		.field = put_field,
		.number = put_number,
		.end = put_end,
		.say = put_say,
		.note = put_note,
		.close = close_both,
	};
	struct veiled *v = mem_new(sizeof(*v));

	*v = (struct veiled){ .base.ops = &ops, .veil = veil, .to = to };
	return &v->base;
}
