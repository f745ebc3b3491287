/* typed.c - one parse for all the ways in which mail programs send a name.
 *
 * Nothing is guessed here about which domain is ours or whether the name exists: that needs the directory. A logon name is any
 * UTF-8 without control characters: it only ever becomes a value in a filter, and escape.c sees to that.
 */
#include <string.h>
#include "ldap/typed.h"
#include "server/base/utf8.h"

static enum ec check_octets(const char *p, size_t len, struct err *e)
{
	if (len == 0)
		return err_set(e, EC_USAGE, "the name is empty");
	if (len > NAME_TEXT_MAX)
		return err_set(e, EC_USAGE, "the name is longer than %d octets", NAME_TEXT_MAX);
	if (!utf8_valid(p, len))
		return err_set(e, EC_USAGE, "the name is not UTF-8");
	if (has_control(p, len))
		return err_set(e, EC_USAGE, "the name holds control characters");
	return EC_OK;
}

static enum ec take_address(struct typed *out, const char *p, size_t len, struct err *e)
{
	enum ec rc = name_parse(&out->address, p, len, NAME_DIRECTORY, e);

	out->is_address = rc == EC_OK;
	if (rc == EC_OK)
		strcpy(out->logon, out->address.local);
	return rc;
}

static enum ec take_logon(struct typed *out, const char *p, size_t len, struct err *e)
{
	if (len == 0)
		return err_set(e, EC_USAGE, "the name is missing behind the domain");
	if (memchr(p, '\\', len))
		return err_set(e, EC_USAGE, "the name has more than one '\\'");
	if (memchr(p, '@', len))
		return take_address(out, p, len, e);
	memcpy(out->logon, p, len);
	return EC_OK;
}

enum ec typed_parse(struct typed *out, const char *p, size_t len, struct err *e)
{
	enum ec rc = check_octets(p, len, e);
	const char *slash;

	*out = (struct typed){ 0 };
	if (rc != EC_OK)
		return rc;
	slash = memchr(p, '\\', len);
	if (!slash)
		return take_logon(out, p, len, e);
	if (slash == p)
		return err_set(e, EC_USAGE, "the domain is missing in front of '\\'");
	memcpy(out->domain, p, (size_t)(slash - p));
	return take_logon(out, slash + 1, len - (size_t)(slash - p) - 1, e);
}

void typed_address(struct typed *out, const struct name *n)
{
	*out = (struct typed){ .is_address = true, .address = *n };
	strcpy(out->logon, n->local);
}
