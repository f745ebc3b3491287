/* record.c - sealing and opening. A nonce is 96 random bits per sealing; a key seals a few thousand
 * records in its life, far from where random nonces would meet. /
 */
#include <stdio.h>
#include <string.h>
#include "server/accounts/record.h"
#include "server/base/b64.h"
#include "server/base/kv.h"
#include "server/base/utf8.h"

#define LABEL "winpop password record v1 "
#define HEAD "v1 = "
#define PAD 64 /* plain text: two octets of length, the password, zeros up to a multiple of this */
#define PLAIN_MAX ((2 + PASSWORD_MAX + PAD - 1) / PAD * PAD)

_Static_assert(PLAIN_MAX + AEAD_TAG == RECORD_SEALED_MAX, "a sealed record's size");
_Static_assert(RECORD_TEXT_MAX >
		       16 + KEY_ID_LEN + B64_ENC_LEN(AEAD_NONCE) + B64_ENC_LEN(RECORD_SEALED_MAX),
	       "a record's text");

enum ec password_check(const struct secret *s, struct err *e)
{
	const char *p = (const char *)s->bytes;

	if (s->len == 0)
		return err_set(e, EC_USAGE, "the password is empty");
	if (s->len > PASSWORD_MAX)
		return err_set(e, EC_USAGE, "the password is longer than %d octets", PASSWORD_MAX);
	if (memchr(p, '\0', s->len) || memchr(p, '\r', s->len) || memchr(p, '\n', s->len))
		return err_set(e, EC_USAGE,
			       "the password holds an octet no mail program can send "
			       "(NUL or a line end)");
	if (!utf8_valid(p, s->len))
		return err_set(e, EC_USAGE, "the password is not UTF-8");
	return EC_OK;
}

static enum ec damaged(const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	return err_set(e, EC_BROKEN,
		       "the password record of %s is damaged; set the password again with "
		       "changepwd",
		       name_text(n, text));
}

struct words { /* separated by blanks */
	const char *p, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *next_word(struct words *w, size_t *len)
{
	while (w->p < w->end && is_blank(*w->p))
		w->p++;
	const char *word = w->p;
	while (w->p < w->end && !is_blank(*w->p))
		w->p++;
	*len = (size_t)(w->p - word);
	return word;
}

static bool is_key_id(const char *p, size_t len)
{
	if (len != KEY_ID_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!(p[i] >= '0' && p[i] <= '9') && !(p[i] >= 'a' && p[i] <= 'f'))
			return false;
	}
	return true;
}

static bool parse_value(const char *value, size_t len, struct record *out)
{
	struct words left = { value, value + len };
	size_t id_len, nonce_len, data_len, rest, n = 0;
	const char *id = next_word(&left, &id_len);
	const char *nonce = next_word(&left, &nonce_len);
	const char *data = next_word(&left, &data_len);

	next_word(&left, &rest);
	if (rest > 0 || !is_key_id(id, id_len))
		return false;
	memcpy(out->key_id, id, KEY_ID_LEN);
	if (nonce_len != B64_ENC_LEN(AEAD_NONCE) || !b64_decode(out->nonce, &n, nonce, nonce_len) ||
	    n != AEAD_NONCE)
		return false;
	return B64_DEC_MAX(data_len) <= sizeof(out->sealed) &&
	       b64_decode(out->sealed, &out->sealed_len, data, data_len) &&
	       out->sealed_len > AEAD_TAG && (out->sealed_len - AEAD_TAG) % PAD == 0;
}

/* One line as record_form writes it, which all are that nobody touched by hand. */
static bool parse_ours(const char *p, size_t len, struct record *out)
{
	size_t head = sizeof(HEAD) - 1;

	return len > head && memcmp(p, HEAD, head) == 0 && memchr(p, '\n', len) == p + len - 1 &&
	       parse_value(p + head, len - head - 1, out);
}

static bool parse_any(const char *p, size_t len, struct record *out)
{
	struct arena *a = arena_new("record", 1024);
	struct kv kv;
	const char *value = kv_parse(a, p, len, &kv, NULL) == EC_OK ? kv_get(&kv, "v1") : NULL;
	bool good = value && parse_value(value, strlen(value), out);

	arena_drop(&a);
	return good;
}

enum ec record_parse(const char *p, size_t len, const struct name *n, struct record *out,
		     struct err *e)
{
	*out = (struct record){ 0 };
	return parse_ours(p, len, out) || parse_any(p, len, out) ? EC_OK : damaged(n, e);
}

size_t record_form(const struct record *r, char out[RECORD_TEXT_MAX])
{
	char nonce[B64_ENC_LEN(AEAD_NONCE)], data[B64_ENC_LEN(RECORD_SEALED_MAX)];
	size_t nonce_len = b64_encode(nonce, r->nonce, AEAD_NONCE);
	size_t data_len = b64_encode(data, r->sealed, r->sealed_len);

	return (size_t)snprintf(out, RECORD_TEXT_MAX, HEAD "%s %.*s %.*s\n", r->key_id,
				(int)nonce_len, nonce, (int)data_len, data);
}

static size_t bind(const struct name *n, char out[sizeof(LABEL) + NAME_TEXT_MAX])
{
	memcpy(out, LABEL, sizeof(LABEL) - 1);
	name_text(n, out + sizeof(LABEL) - 1);
	return strlen(out);
}

void record_seal(struct record *out, const unsigned char key[AEAD_KEY],
		 const char key_id[KEY_ID_LEN + 1], const struct name *n, const struct secret *s)
{
	unsigned char plain[PLAIN_MAX] = { (unsigned char)(s->len >> 8), (unsigned char)s->len };
	char aad[sizeof(LABEL) + NAME_TEXT_MAX];
	size_t len = (2 + s->len + PAD - 1) / PAD * PAD;

	*out = (struct record){ .sealed_len = len + AEAD_TAG };
	memcpy(out->key_id, key_id, KEY_ID_LEN);
	memcpy(plain + 2, s->bytes, s->len);
	random_bytes(out->nonce, sizeof(out->nonce));
	aead_seal(out->sealed, key, out->nonce, aad, bind(n, aad), plain, len);
	wipe(plain, sizeof(plain));
}

enum ec record_open(const struct record *r, const unsigned char key[AEAD_KEY], const struct name *n,
		    struct secret *out, struct err *e)
{
	unsigned char plain[PLAIN_MAX];
	char aad[sizeof(LABEL) + NAME_TEXT_MAX];
	size_t plain_len = r->sealed_len - AEAD_TAG, len;
	enum ec rc = EC_OK;

	if (!aead_open(plain, key, r->nonce, aad, bind(n, aad), r->sealed, r->sealed_len)) {
		char text[NAME_TEXT_MAX + 1];
		return err_set(e, EC_BROKEN,
			       "the password record of %s does not open: damaged, or copied from "
			       "another mailbox; set the password again with changepwd",
			       name_text(n, text));
	}
	len = (size_t)plain[0] << 8 | plain[1];
	if (len == 0 || len > PASSWORD_MAX || 2 + len > plain_len)
		rc = damaged(n, e);
	else
		secret_set(out, plain + 2, len);
	wipe(plain, sizeof(plain));
	return rc;
}
