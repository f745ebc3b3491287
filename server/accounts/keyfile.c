/* keyfile.c - reading and forming the text of the key file. */
#include <stdio.h>
#include <string.h>
#include "server/accounts/keyfile.h"
#include "server/base/b64.h"
#include "server/base/kv.h"
#include "server/base/secret.h"

static bool is_id(const char *p)
{
	return strspn(p, "0123456789abcdef") >= KEY_ID_LEN;
}

static bool parse_key(const char *value, struct key *out)
{
	unsigned char raw[B64_DEC_MAX(B64_ENC_LEN(AEAD_KEY))];
	size_t len = 0;

	if (!is_id(value) || value[KEY_ID_LEN] != ' ')
		return false;
	const char *text = value + KEY_ID_LEN + strspn(value + KEY_ID_LEN, " \t");
	bool good = strlen(text) == B64_ENC_LEN(AEAD_KEY) &&
		    b64_decode(raw, &len, text, strlen(text)) && len == AEAD_KEY;
	if (good) {
		memcpy(out->id, value, KEY_ID_LEN);
		out->id[KEY_ID_LEN] = '\0';
		memcpy(out->bytes, raw, AEAD_KEY);
	}
	wipe(raw, sizeof(raw));
	return good;
}

static enum ec take_lines(const struct kv *kv, const char *path, struct keys *out, struct err *e)
{
	for (size_t i = 0; i < kv->n; i++) {
		const struct kv_line *l = &kv->lines[i];
		struct key *k = &out->all[out->n];
		if (strcmp(l->key, "key") != 0)
			return err_set(e, EC_BROKEN, "key file %s, line %u: expected key = ID KEY",
				       path, l->line);
		if (out->n == KEYS_MAX)
			return err_set(e, EC_BROKEN, "key file %s has more than %d keys", path,
				       KEYS_MAX);
		if (!parse_key(l->value, k))
			return err_set(e, EC_BROKEN, "key file %s, line %u is damaged", path,
				       l->line);
		if (keys_find(out, k->id))
			return err_set(e, EC_BROKEN,
				       "key file %s, line %u: this id was there before", path,
				       l->line);
		out->n++;
	}
	return out->n > 0 ? EC_OK : err_set(e, EC_BROKEN, "key file %s holds no key", path);
}

enum ec keyfile_parse(const char *p, size_t len, const char *path, struct keys *out, struct err *e)
{
	struct arena *a = arena_new("keys", 4096);
	struct kv kv;
	struct err why;
	enum ec rc;

	*out = (struct keys){ 0 };
	if (kv_parse(a, p, len, &kv, &why) != EC_OK)
		/* its text may quote the line, and the line may be a key */
		rc = err_set(e, EC_BROKEN, "key file %s is damaged", path);
	else
		rc = take_lines(&kv, path, out, e);
	arena_drop(&a);
	if (rc != EC_OK)
		wipe(out, sizeof(*out));
	return rc;
}

size_t keyfile_form(const struct keys *k, char out[KEYFILE_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < k->n; i++) {
		char text[B64_ENC_LEN(AEAD_KEY)];
		b64_encode(text, k->all[i].bytes, AEAD_KEY);
		len += (size_t)snprintf(out + len, KEYFILE_MAX - len, "key = %s %.*s\n",
					k->all[i].id, (int)sizeof(text), text);
		wipe(text, sizeof(text));
	}
	return len;
}

const struct key *keys_find(const struct keys *k, const char *id)
{
	if (!id)
		return k->n > 0 ? &k->all[k->n - 1] : NULL;
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->all[i].id, id) == 0)
			return &k->all[i];
	}
	return NULL;
}

bool keys_add_fresh(struct keys *k)
{
	unsigned char id[KEY_ID_LEN / 2];
	struct key *fresh = &k->all[k->n];

	if (k->n == KEYS_MAX)
		return false;
	do {
		random_bytes(id, sizeof(id));
		hex_encode(fresh->id, id, sizeof(id));
		fresh->id[KEY_ID_LEN] = '\0';
	} while (keys_find(k, fresh->id));
	random_bytes(fresh->bytes, sizeof(fresh->bytes));
	k->n++;
	return true;
}

void keys_keep_from(struct keys *k, const char *id)
{
	const struct key *from = keys_find(k, id);
	size_t older = from ? (size_t)(from - k->all) : 0;

	k->n -= older;
	memmove(k->all, k->all + older, sizeof(k->all[0]) * k->n);
	wipe(&k->all[k->n], sizeof(k->all[0]) * older);
}
