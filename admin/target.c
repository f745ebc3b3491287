/* target.c - see target.h.
 *
 * The settings are those of the file with two words changed, checked like any others: so whatever would keep the service from
 * being switched over later is found before the first account is touched.
 */
#include "admin/edit.h"
#include "admin/identity.h"
#include "admin/target.h"

/* No name of a domain: whoever lists the mail root passes it over. */
#define JOURNAL_FILE ".migration"

const char *target_journal(struct arena *mem, const struct conf *c)
{
	return arena_fmt(mem, "%s/" JOURNAL_FILE, c->mailroot);
}

static enum ec settings(struct wp *w, unsigned threads, struct conf **out, struct err *e)
{
	unsigned most = w->conf->directory_connections;
	struct edit ed;
	struct err why;

	enum ec rc = edit_begin(w->conf_path, w->mem, &ed, e);
	if (rc != EC_OK)
		return rc;
	edit_put(&ed, "authentication", "ad");
	/* Each thread has one of its own: who waits for another's would be told that the directory is busy. */
	edit_put(&ed, "directory_connections",
		 arena_fmt(w->mem, "%u", most < threads ? threads : most));
	rc = edit_check(&ed, out, &why);
	edit_end(&ed);
	if (rc == EC_OK)
		return EC_OK;
	wp_hint(w, rc,
		"set role, directory_servers and what goes with them first, see "
		"winpop-openldap(7), winpop-ad(7)");
	return err_set(e, EC_BROKEN, "%s", why.text);
}

static enum ec connect(struct wp *w, bool registers, struct target *t, struct err *e)
{
	enum ec rc = dir_open(t->conf, w->as, &w->log, &t->dir, e);

	if (rc == EC_OK)
		rc = dir_context(t->dir, w->mem, &t->directory, e);
	if (rc == EC_OK)
		rc = dir_accounts_open(t->dir, w->backends.catalog, &t->accounts, e);
	if (rc == EC_OK && registers)
		rc = dir_catalog_open(t->dir, w->backends.root, &t->entries, e);
	return rc;
}

enum ec target_open(struct wp *w, bool registers, unsigned threads, struct target *out,
		    struct err *e)
{
	*out = (struct target){ 0 };
	identity_root(true);
	enum ec rc = settings(w, threads, &out->conf, e);
	identity_root(false);
	if (rc == EC_OK)
		rc = connect(w, registers, out, e);
	if (rc != EC_OK)
		target_close(out);
	return rc;
}

void target_close(struct target *t)
{
	if (t->entries)
		t->entries->ops->close(&t->entries);
	if (t->accounts)
		t->accounts->ops->close(&t->accounts);
	dir_close(&t->dir);
	conf_unref(&t->conf);
	*t = (struct target){ 0 };
}
