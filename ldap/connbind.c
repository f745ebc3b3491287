/* connbind.c - the service proves who it is: password, its own user over ldapi, or Kerberos. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ldap/conn_own.h"
#include "server/base/arena.h"
#include "server/base/file.h"

#define PASSWORD_FILE_MAX 4096

/* Sent, answered, and a refusal named for what it is: settings that somebody must mend. */
static enum ec bind_with(struct dir_conn *c, const char *who, const char *mechanism,
			 const struct berval *credentials, struct err *e)
{
	char doing[200];
	int id = 0;
	int sent = ldap_sasl_bind(c->ld, who, mechanism, (struct berval *)credentials, NULL, NULL,
				  &id);

	snprintf(doing, sizeof(doing), "signing in to %s as %s", c->uri,
		 who && who[0] ? who
		 : mechanism   ? "this process's user"
			       : "nobody");
	enum ec rc = dir_conn_answer(c, sent, id, doing, e);
	if (rc == EC_OK || rc == EC_TEMP)
		return rc;
	c->refused = true;
	if (e)
		e->class = EC_BROKEN;
	return EC_BROKEN;
}

static enum ec read_line(struct arena *a, int fd, const char *path, struct secret *out,
			 struct err *e)
{
	struct stat st;
	char *text;
	size_t len;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at %s", path);
	if (st.st_mode & 077)
		return err_set(e, EC_BROKEN, "%s must be readable by its owner only: chmod 600 %s",
			       path, path);
	enum ec rc = file_read_fd(a, fd, path, PASSWORD_FILE_MAX, &text, &len, e);
	if (rc != EC_OK)
		return rc;
	len = strcspn(text, "\r\n");
	if (len == 0)
		return err_set(e, EC_BROKEN, "%s holds no password in its first line", path);
	secret_set(out, text, len);
	return EC_OK;
}

static enum ec read_password(const char *path, struct secret *out, struct err *e)
{
	struct arena *a = arena_new("directory password", PASSWORD_FILE_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum ec rc = fd < 0 ? err_sys(e, "cannot open %s (directory_password_file)", path)
			    : read_line(a, fd, path, out, e);

	if (fd >= 0)
		close(fd);
	arena_drop(&a);
	/* A missing file is a setting to mend, and not what EC_ABSENT means to our callers. */
	if (rc == EC_ABSENT && e)
		e->class = EC_BROKEN;
	return rc == EC_ABSENT ? EC_BROKEN : rc;
}

static enum ec bind_simple(struct dir_conn *c, struct err *e)
{
	const char *who = c->setup->user ? c->setup->user : "";
	struct secret mine = { 0 };
	const struct secret *s = c->setup->password ? c->setup->password : &mine;
	enum ec rc = EC_OK;

	if (who[0] != '\0' && s == &mine)
		rc = read_password(c->setup->password_file, &mine, e);
	if (rc == EC_OK && who[0] != '\0' && s->len == 0) /* would be taken for anonymous */
		rc = err_set(e, EC_DENIED, "an empty password proves nothing");
	if (rc == EC_OK)
		rc = bind_with(c, who, LDAP_SASL_SIMPLE,
			       &(struct berval){ s->len, (char *)s->bytes }, e);
	secret_drop(&mine);
	return rc;
}

enum ec dir_conn_bind(struct dir_conn *c, struct err *e)
{
	switch (c->setup->bind) {
	case DIR_BIND_EXTERNAL: return bind_with(c, NULL, "EXTERNAL", &(struct berval){ 0, "" }, e);
	case DIR_BIND_GSSAPI: return dir_conn_bind_kerberos(c, e);
	case DIR_BIND_SIMPLE:
	default: return bind_simple(c, e);
	}
}
