/* world.c - do the settings fit the machine? What `winpopd --check` adds to parsing.
 *
 * Looks, never mends. Each text says what to do next, because the reader is an administrator in
 * front of a service that won't start.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/conf/conf.h"

static enum ec check_directory(const char *setting, const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		return err_set(e, EC_ABSENT,
			       "%s: directory %s is missing: make it, or set %s to where it is",
			       setting, path, setting);
	if (stat(path, &st) < 0)
		return err_sys(e, "%s: cannot look at %s", setting, path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, EC_BROKEN,
			       "%s: %s is not a directory: move it away, or change %s", setting,
			       path, setting);
	return EC_OK;
}

static enum ec check_readable(const char *setting, const char *path, struct err *e)
{
	int fd = *path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

	if (!*path)
		return EC_OK;
	if (fd < 0 && errno == ENOENT)
		return err_set(e, EC_ABSENT, "%s: file %s is missing: put it there, or change %s",
			       setting, path, setting);
	if (fd < 0)
		return err_sys(e, "%s: cannot read %s", setting, path);
	close(fd);
	return EC_OK;
}

/* Symbolic links are followed: a key that lies in the mail root by a detour lies there too. */
static bool lies_inside(const char *path, const char *dir)
{
	char *p = realpath(path, NULL), *d = realpath(dir, NULL);
	size_t len = d ? strlen(d) : 0;
	bool inside = p && d && strncmp(p, d, len) == 0 && (p[len] == '/' || len == 1);

	free(p);
	free(d);
	return inside;
}

/* For the service's eyes alone. */
static enum ec check_secret(const char *setting, const char *path, const char *if_missing,
			    struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		return err_set(e, EC_ABSENT, "%s: %s is missing: %s", setting, path, if_missing);
	if (stat(path, &st) < 0)
		return err_sys(e, "%s: cannot look at %s", setting, path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EC_BROKEN, "%s: %s is not a plain file", setting, path);
	if ((st.st_mode & 07777) != 0600 && (st.st_mode & 07777) != 0400)
		return err_set(e, EC_BROKEN,
			       "%s: %s must have mode 0600, not %04o: run chmod 600 %s", setting,
			       path, (unsigned)(st.st_mode & 07777), path);
	return check_readable(setting, path, e);
}

static enum ec check_key_file(const struct conf *c, struct err *e)
{
	const char *path = c->key_file;

	if (c->authentication != AUTHN_FILE)
		return EC_OK;
	enum ec rc = check_secret("key_file", path,
				  "restore it from your backup; without it stored passwords can't "
				  "be read",
				  e);
	if (rc != EC_OK || !lies_inside(path, c->mailroot))
		return rc;
	return err_set(e, EC_BROKEN,
		       "key_file: %s lies inside the mail root: move it out, or a copy of the "
		       "mail is a copy of the passwords",
		       path);
}

static enum ec check_keytab(const char *setting, const char *path, struct err *e)
{
	return *path ? check_secret(setting, path, "export it from the Kerberos server", e) : EC_OK;
}

static bool directory_over_tls(const struct conf *c)
{
	const char *servers = c->directory_servers;

	return strcasestr(servers, "ldaps://") || strcasestr(servers, "srv:") ||
	       (c->directory_starttls && strcasestr(servers, "ldap://"));
}

static enum ec check_directory_files(const struct conf *c, struct err *e)
{
	enum ec rc = EC_OK;

	if (!*c->directory_servers)
		return EC_OK;
	if (c->directory_bind == DIR_BIND_SIMPLE)
		rc = check_secret("directory_password_file", c->directory_password_file,
				  "write the password of directory_user there", e);
	if (c->directory_bind == DIR_BIND_GSSAPI)
		rc = check_keytab("directory_keytab", c->directory_keytab, e);
	if (rc == EC_OK && directory_over_tls(c))
		rc = check_readable("directory_ca", c->directory_ca, e);
	return rc;
}

/* Only root can become somebody else, so only then must they exist. */
static enum ec check_identity(const struct conf *c, struct err *e)
{
	if (geteuid() != 0)
		return EC_OK;
	if (*c->user && !getpwnam(c->user))
		return err_set(e, EC_ABSENT,
			       "user: there is no account %s: run adduser --system --group %s",
			       c->user, c->user);
	if (*c->group && !getgrnam(c->group))
		return err_set(e, EC_ABSENT,
			       "group: there is no group %s: run addgroup --system %s", c->group,
			       c->group);
	return EC_OK;
}

static enum ec check_tls(const struct conf *c, struct err *e)
{
	enum ec rc = check_readable("tls_cert", c->tls_cert, e);

	if (rc == EC_OK)
		rc = check_readable("tls_key", c->tls_key, e);
	if (rc == EC_OK)
		rc = check_readable("tls_ocsp", c->tls_ocsp, e);
	if (rc == EC_OK)
		rc = check_readable("tls_client_ca", c->tls_client_ca, e);
	if (rc == EC_OK && *c->tls_sni_dir)
		rc = check_directory("tls_sni_dir", c->tls_sni_dir, e);
	return rc;
}

enum ec conf_check_world(const struct conf *c, struct err *e)
{
	enum ec rc = check_identity(c, e);

	if (rc == EC_OK)
		rc = check_directory("mailroot", c->mailroot, e);
	if (rc == EC_OK)
		rc = check_key_file(c, e);
	if (rc == EC_OK)
		rc = check_keytab("keytab", c->keytab, e);
	if (rc == EC_OK)
		rc = check_directory_files(c, e);
	return rc == EC_OK ? check_tls(c, e) : rc;
}
