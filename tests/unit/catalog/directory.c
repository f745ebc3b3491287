/* directory.c - see directory.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ldap/dir.h"
#include "tests/unit/catalog/directory.h"
#include "tests/unit/ldap/oldschema.h"
#include "tests/unit/ldap/slapd.h"

static struct slapd slapd;
static const struct log silent;

static void ok(enum ec rc, const struct err *e)
{
	if (rc != EC_OK)
		fail_msg("%s: %s", ec_name(rc), e->text);
}

static char schema[64] = ""; /* of the server, if it is not today's */

static void need_server(void)
{
	char global[200];
	static const char database[] = "limits * size.prtotal=unlimited\n"
				       "index uid,mail,winpopAlias eq\n"
				       "index winpopAddress,winpopDomainName pres,eq\n";

	if (slapd.pid)
		return;
	snprintf(global, sizeof(global), "include %s\n",
		 *schema ? schema : SCHEMA_DIR "/openldap/winpop.schema");
	slapd_start_with(&slapd, global, database);
}

void directory_use_old_schema(void)
{
	old_schema_write(SCHEMA_DIR "/openldap/winpop.schema", schema);
}

void directory_stop_server(void)
{
	if (slapd.dir[0])
		slapd_stop(&slapd);
	if (*schema)
		unlink(schema);
	schema[0] = '\0';
}

void directory_kill_server(void)
{
	slapd_kill(&slapd);
}

void directory_again_server(void)
{
	slapd_again(&slapd);
}

/* ---- with the administrator's own tools ---- */

static struct dir_conn *connect_admin(void)
{
	static struct link_setup setup; /* lent to the connection */
	struct dir_conn *c;
	struct err e;

	setup = slapd_setup(&slapd);
	ok(dir_conn_open(slapd.plain, &setup, true, &c, &e), &e);
	return c;
}

static const char *whole_dn(const struct directory *w, const char *rdn, char out[400])
{
	snprintf(out, 400, "%s%s%s", rdn, *rdn ? "," : "", w->base);
	return out;
}

static enum ec try_add(struct directory *w, const char *rdn, const char *lines, struct err *e)
{
	struct dir_conn *c = connect_admin();
	char dn[400], *text = strdup(lines), *rest = NULL;
	struct dir_change *ch = change_new(whole_dn(w, rdn, dn));

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strstr(line, ": ");
		assert_non_null(value);
		*value = '\0';
		change_putz(ch, CHANGE_ADD, line, value + 2);
	}
	enum ec rc = dir_conn_add(c, ch, e);
	change_free(&ch);
	free(text);
	dir_conn_close(&c);
	return rc;
}

void directory_add(struct directory *w, const char *rdn, const char *lines)
{
	struct err e;

	ok(try_add(w, rdn, lines, &e), &e);
}

void directory_modify(struct directory *w, const char *rdn, const char *how, const char *attr,
		      const char *value)
{
	enum change_op op = *how == 'a' ? CHANGE_ADD : *how == 'd' ? CHANGE_DELETE : CHANGE_REPLACE;
	struct dir_conn *c = connect_admin();
	char dn[400];
	struct dir_change *ch = change_new(whole_dn(w, rdn, dn));
	struct err e;

	if (value)
		change_putz(ch, op, attr, value);
	else
		change_drop(ch, op, attr);
	ok(dir_conn_modify(c, ch, &e), &e);
	change_free(&ch);
	dir_conn_close(&c);
}

void directory_delete(struct directory *w, const char *rdn)
{
	struct dir_conn *c = connect_admin();
	char dn[400];
	struct err e;

	ok(dir_conn_delete(c, whole_dn(w, rdn, dn), &e), &e);
	dir_conn_close(&c);
}

struct question {
	const char *attr, *value;
	bool answer;
};

static bool look(void *ctx, struct dir_entry *en)
{
	struct question *q = ctx;
	size_t len;

	q->answer = q->value ? dir_entry_has(en, q->attr, q->value)
			     : dir_entry_value(en, q->attr, 0, &len) != NULL;
	return true;
}

bool directory_has(struct directory *w, const char *rdn, const char *attr, const char *value)
{
	struct dir_conn *c = connect_admin();
	char dn[400];
	struct question asked = { attr, value, false };
	const struct dir_query q = { .base = whole_dn(w, rdn, dn),
				     .scope = LDAP_SCOPE_BASE,
				     .filter = "(objectClass=*)" };

	dir_conn_search(c, &q, look, &asked, NULL);
	dir_conn_close(&c);
	return asked.answer;
}

const char *directory_rdn(const char *address, char out[300])
{
	snprintf(out, 300, "uid=%s,ou=people", address);
	*strchr(out, '@') = '.';
	return out;
}

void directory_person(struct directory *w, const char *address)
{
	char rdn[300], lines[500], uid[200];
	struct err e;

	directory_rdn(address, rdn);
	snprintf(uid, sizeof(uid), "%.*s", (int)strcspn(rdn + 4, ","), rdn + 4);
	snprintf(lines, sizeof(lines),
		 "objectClass: inetOrgPerson\nuid: %s\ncn: x\nsn: x\nmail: %s", uid, address);
	enum ec rc = try_add(w, rdn, lines, &e);
	if (rc != EC_EXISTS)
		ok(rc, &e);
}

/* ---- worlds ---- */

static void plant(struct directory *w)
{
	char lines[80];

	snprintf(lines, sizeof(lines), "objectClass: organizationalUnit\nou: %.*s",
		 (int)strcspn(w->base + 3, ","), w->base + 3);
	directory_add(w, "", lines);
	directory_add(w, "ou=people", "objectClass: organizationalUnit\nou: people");
	directory_add(w, "ou=winpop", "objectClass: organizationalUnit\nou: winpop");
	directory_add(w, "winpopDomainName=example.com,ou=winpop",
		      "objectClass: winpopDomain\nwinpopDomainName: example.com");
	directory_add(
		w, "uid=kim.example.com,ou=people",
		"objectClass: inetOrgPerson\nobjectClass: winpopMailbox\nuid: kim.example.com\n"
		"cn: Kim\nsn: Kim\nmail: kim@example.com\nwinpopAddress: kim@example.com");
}

void directory_open(struct directory *w, const struct tree *tree, const char *more,
		    struct catalog **out)
{
	static unsigned n;
	char text[1500];
	struct err e;

	need_server();
	*w = (struct directory){ 0 };
	snprintf(w->base, sizeof(w->base), "ou=w%u," SLAPD_BASE, ++n);
	plant(w);
	int len = snprintf(
		text, sizeof(text),
		"role = member\nauthentication = ad\ncatalog = directory\ndirectory = openldap\n"
		"directory_servers = %s\ndirectory_base = %s\ndirectory_user = %s\n"
		"directory_password_file = %s\ndirectory_ca = %s\n"
		"directory_starttls = no\ndirectory_timeout_ms = 20000\nmailroot = %s\n%s",
		slapd.plain, w->base, SLAPD_ADMIN, slapd.password_file, slapd.ca, tree->path, more);
	ok(conf_parse("test.conf", text, (size_t)len, &w->conf, &e), &e);
	directory_open_again(w, tree->root, &w->dir, out);
}

void directory_open_again(const struct directory *w, struct mailroot *root, struct dir **dir,
			  struct catalog **out)
{
	struct err e;

	ok(dir_open(w->conf, NULL, &silent, dir, &e), &e);
	ok(dir_catalog_open(*dir, root, out, &e), &e);
}

void directory_close(struct directory *w)
{
	dir_close(&w->dir);
	conf_unref(&w->conf);
}
