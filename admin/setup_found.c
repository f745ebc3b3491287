/* setup_found.c - see setup_found.h.
 *
 * A computer that belongs to a directory has that in a file of one of the programs that made it so. These are looked through in
 * order of how much they say; what they say is a default in a question, so a file that cannot be made out is passed over.
 */
#include <ctype.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "admin/identity.h"
#include "admin/run.h"
#include "admin/setup_found.h"

#define FILE_MAX_BYTES (1 << 20)
#define SMB_CONF "/etc/samba/smb.conf"
#define LDAP_CONF "/etc/ldap/ldap.conf"
#define LDAPI_SOCKET "/run/slapd/ldapi"
#define LETSENCRYPT "/etc/letsencrypt/live"
#define SYSTEMD "/run/systemd/system" /* sd_booted(3) */

static const char *read_text(struct arena *mem, const char *path)
{
	char *text;
	size_t len;

	if (file_read_at(mem, AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, NULL) != EC_OK)
		return "";
	return text;
}

/* ---- files of other programs ---- */

static const char *next_line(struct arena *mem, const char **at)
{
	size_t len = strcspn(*at, "\n");
	const char *line = arena_str(mem, *at, len);

	*at += len + ((*at)[len] == '\n');
	return line + strspn(line, " \t");
}

/* Behind `name` and the sign between, without blanks; NULL: it is another line. */
static const char *value_of(struct arena *mem, const char *line, const char *name, const char *sign)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0)
		return NULL;
	line += len;
	const char *value = line + strspn(line, sign);
	if (value == line)
		return NULL;
	len = strcspn(value, "\r#");
	while (len > 0 && isspace((unsigned char)value[len - 1]))
		len--;
	return arena_str(mem, value, len);
}

static const char *lower(struct arena *mem, const char *text)
{
	char *out = arena_strz(mem, text);

	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

/* A computer that only shares its files with Windows has no realm. */
void found_in_smb_conf(struct arena *mem, const char *text, struct found_directory *out)
{
	const char *realm = "", *role = "", *security = "";

	while (*text) {
		const char *line = next_line(mem, &text), *value;
		if ((value = value_of(mem, line, "realm", " \t=")) != NULL)
			realm = lower(mem, value);
		else if ((value = value_of(mem, line, "server role", " \t=")) != NULL)
			role = lower(mem, value);
		else if ((value = value_of(mem, line, "security", " \t=")) != NULL)
			security = lower(mem, value);
	}
	bool controller = strstr(role, "domain controller") != NULL;
	if (!*realm || !(controller || strstr(role, "member") || strcmp(security, "ads") == 0))
		return;
	*out = (struct found_directory){ .kind = "ad",
					 .servers = arena_fmt(mem, "srv:%s", realm),
					 .base = "",
					 .where = SMB_CONF,
					 .controller = controller };
}

void found_in_ldap_conf(struct arena *mem, const char *text, struct found_directory *out)
{
	const char *servers = NULL, *base = "";

	while (*text) {
		const char *line = next_line(mem, &text), *value;
		if ((value = value_of(mem, line, "URI", " \t")) != NULL)
			servers = value;
		else if ((value = value_of(mem, line, "BASE", " \t")) != NULL)
			base = value;
	}
	if (servers && *servers)
		*out = (struct found_directory){
			.kind = "openldap", .servers = servers, .base = base, .where = LDAP_CONF
		};
}

static void find_directory(struct arena *mem, struct found_directory *out)
{
	struct stat st;

	found_in_smb_conf(mem, read_text(mem, SMB_CONF), out);
	if (!out->kind && stat(LDAPI_SOCKET, &st) == 0 && S_ISSOCK(st.st_mode))
		*out = (struct found_directory){ .kind = "openldap",
						 .servers = "ldapi:///",
						 .base = "",
						 .where = LDAPI_SOCKET };
	if (!out->kind)
		found_in_ldap_conf(mem, read_text(mem, LDAP_CONF), out);
}

/* ---- the computer itself ---- */

static const char *canonical(struct arena *mem, const char *name)
{
	const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	const char *out = name;

	if (getaddrinfo(name, NULL, &hints, &list) == 0 && list && list->ai_canonname &&
	    strchr(list->ai_canonname, '.'))
		out = arena_strz(mem, list->ai_canonname);
	if (list)
		freeaddrinfo(list);
	return out;
}

static void find_names(struct arena *mem, struct found *f)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	const char *full = strchr(name, '.') ? name : canonical(mem, name);
	const char *dot = strchr(full, '.');
	f->host = dot ? lower(mem, full) : "";
	f->domain = dot && strchr(dot + 1, '.') ? lower(mem, dot + 1) : f->host;
}

static void find_cert(struct arena *mem, struct found *f)
{
	const char *cert = arena_fmt(mem, LETSENCRYPT "/%s/fullchain.pem", f->host);
	const char *key = arena_fmt(mem, LETSENCRYPT "/%s/privkey.pem", f->host);

	if (*f->host && access(cert, R_OK) == 0 && access(key, R_OK) == 0) {
		f->cert = cert;
		f->key = key;
	}
}

static const char *find_admins(void)
{
	static const char *const groups[] = { "sudo", "wheel" };

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (getgrnam(groups[i]))
			return groups[i];
	}
	return "root";
}

/* ---- settings ---- */

const char *found_removed(struct arena *mem, const char *conf_path)
{
	return arena_fmt(mem, "%s.removed", conf_path);
}

static enum ec find_conf(struct arena *mem, const char *path, struct found *f, struct err *e)
{
	enum ec rc = identity_may_read(path, e);

	if (rc == EC_OK)
		rc = conf_load(path, &f->conf, e);
	if (rc == EC_USAGE) /* a fault in the settings is no fault of this command line */
		rc = e->class = EC_BROKEN;
	if (rc != EC_OK)
		return rc;
	f->conf_from = path;
	f->conf_text = read_text(mem, path);
	return EC_OK;
}

enum ec found_all(struct arena *mem, const char *conf_path, struct found *out, struct err *e)
{
	*out = (struct found){ .conf_text = "",
			       .postfix = run_find(mem, "postconf") != NULL,
			       .systemd = access(SYSTEMD, F_OK) == 0,
			       .admins = find_admins() };
	find_names(mem, out);
	find_directory(mem, &out->directory);
	find_cert(mem, out);
	enum ec rc = find_conf(mem, conf_path, out, e);
	out->in_role = rc == EC_OK;
	if (rc == EC_ABSENT)
		rc = find_conf(mem, found_removed(mem, conf_path), out, e);
	return rc == EC_ABSENT ? conf_parse(conf_path, "", 0, &out->conf, e) : rc;
}

void found_drop(struct found *f)
{
	conf_unref(&f->conf);
}
