/* office.c - see office.h. */
#include <stdio.h>
#include <unistd.h>
#include "tests/unit/ldap/office.h"
#include "tests/unit/ldap/oldschema.h"

#define SERVICE "cn=winpop," SLAPD_BASE

/* What of Samba's schema is looked at here. */
#define SAMBA_SCHEMA                                                                               \
	"attributetype ( 1.3.6.1.4.1.7165.2.1.25 NAME 'sambaNTPassword'"                           \
	" SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{32} SINGLE-VALUE )\n"                               \
	"attributetype ( 1.3.6.1.4.1.7165.2.1.26 NAME 'sambaAcctFlags'"                            \
	" SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{16} SINGLE-VALUE )\n"                               \
	"attributetype ( 1.3.6.1.4.1.7165.2.1.20 NAME 'sambaSID'"                                  \
	" SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{64} SINGLE-VALUE )\n"                               \
	"objectclass ( 1.3.6.1.4.1.7165.2.2.6 NAME 'sambaSamAccount' SUP top AUXILIARY"            \
	" MUST ( uid $ sambaSID ) MAY ( sambaNTPassword $ sambaAcctFlags ) )\n"

static struct slapd slapd;
struct dir_conn *office_admin;

/* Lines of winpop.conf; hashes are used unless `more` says otherwise. */
static const char *settings(struct office *o, const char *more)
{
	snprintf(
		o->settings, sizeof(o->settings),
		"role = member\nauthentication = ad\ndirectory = openldap\ndirectory_servers = %s\n"
		"directory_base = %s\ndirectory_user = %s\ndirectory_password_file = %s\n"
		"directory_ca = %s\ndirectory_starttls = no\ndirectory_timeout_ms = 20000\n%s%s",
		slapd.plain, o->base, SERVICE, slapd.password_file, slapd.ca,
		strstr(more, "spa =") ? "" : "spa = hash\n", more);
	return o->settings;
}

void office_add(struct office *o, const char *rdn, const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), "dn: %s,%s\n%s", rdn, o->base, lines);
	people_add_entry(office_admin, text);
}

/* A person as somebody else made it; more: further lines. */
void office_add_person(struct office *o, const char *uid, const char *password, const char *more)
{
	char rdn[96], lines[700];

	snprintf(rdn, sizeof(rdn), "uid=%s,ou=people", uid);
	snprintf(lines, sizeof(lines),
		 "objectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: x\nuserPassword: %s\n%s", uid,
		 uid, password, more);
	office_add(o, rdn, lines);
}

const char *office_dn(const struct office *o, const char *uid, char out[160])
{
	snprintf(out, 160, "uid=%s,%s", uid, o->people);
	return out;
}

int office_open(void **state)
{
	static struct office o;
	static unsigned n;
	char unit[16], text[256];

	o = (struct office){ 0 };
	snprintf(unit, sizeof(unit), "o%u", ++n);
	snprintf(o.base, sizeof(o.base), "ou=%s," SLAPD_BASE, unit);
	snprintf(o.people, sizeof(o.people), "ou=people,%s", o.base);
	people_open(&o.p, settings(&o, ""));
	snprintf(text, sizeof(text), "dn: %s\nobjectClass: organizationalUnit\nou: %s", o.base,
		 unit);
	people_add_entry(office_admin, text);
	office_add(&o, "ou=people", "objectClass: organizationalUnit\nou: people");
	office_add(&o, "ou=groups", "objectClass: organizationalUnit\nou: groups");
	*state = &o;
	return 0;
}

int office_close(void **state)
{
	struct office *o = *state;

	people_close(&o->p);
	return 0;
}

void office_add_group(struct office *o, const char *name, const char *class, const char *attr,
		      const char *member)
{
	char rdn[64], lines[400];

	snprintf(rdn, sizeof(rdn), "cn=%s,ou=groups", name);
	snprintf(lines, sizeof(lines), "objectClass: %s\ncn: %s\n%s: %s%s", class, name, attr,
		 member, strcmp(class, "posixGroup") == 0 ? "\ngidNumber: 1" : "");
	office_add(o, rdn, lines);
}

const char *office_group_dn(const struct office *o, const char *name, char out[160])
{
	snprintf(out, 160, "cn=%s,ou=groups,%s", name, o->base);
	return out;
}

void office_require(struct office *o, const char *name)
{
	char more[256], dn[160];

	snprintf(more, sizeof(more), "directory_group = %s\n", office_group_dn(o, name, dn));
	office_reopen(o, more);
}

void office_reopen(struct office *o, const char *more)
{
	people_reopen(&o->p, settings(o, more));
}

void office_put(const char *dn, const char *attr, const char *value)
{
	people_put(office_admin, dn, attr, value);
}

static void start(const char *schema)
{
	static struct link_setup setup;
	struct err e = { 0 };
	char global[1500];

	snprintf(global, sizeof(global),
		 "include /etc/ldap/schema/nis.schema\n" SAMBA_SCHEMA "include %s\n", schema);
	slapd_start_with(&slapd, global,
			 "access to dn.regex=\"ou=blind,\" attrs=description by * none\n"
			 "access to * by dn.exact=" SERVICE " write by * break\n");
	setup = slapd_setup(&slapd);
	assert_says(dir_conn_open(slapd.plain, &setup, true, &office_admin, &e), EC_OK, &e);
	people_add_entry(office_admin, "dn: " SERVICE "\nobjectClass: organizationalRole\n"
				       "objectClass: simpleSecurityObject\ncn: winpop\n"
				       "userPassword: " SLAPD_PASSWORD);
}

#define SCHEMA_TODAY SCHEMA_DIR "/openldap/winpop.schema"

int office_start(void **state)
{
	(void)state;
	start(SCHEMA_TODAY);
	return 0;
}

int office_start_old(void **state)
{
	char path[64];

	(void)state;
	old_schema_write(SCHEMA_TODAY, path);
	start(path);
	unlink(path); /* it has been read */
	return 0;
}

void office_kill_server(void)
{
	slapd_kill(&slapd);
}

int office_stop(void **state)
{
	(void)state;
	dir_conn_close(&office_admin);
	slapd_stop(&slapd);
	return 0;
}
