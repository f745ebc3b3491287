/* capa.c - CAPA and LANG: what can be had here.
 *
 * Lines of commands come from the command table, so that a command and its announcement cannot disagree; the rest describes
 * the server. RFC 2449 section 5 wants everything that can be used before sign-in announced after it too, unchanged: a
 * client asks once, and one that asks again can see whether somebody tampered with the first answer.
 */
#include <inttypes.h>
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/pop3/p3.h"

void p3_capa_name(struct p3 *s, const struct p3_verb *v)
{
	p3_line(s, "%s", v->name);
}

void p3_capa_sasl(struct p3 *s, const struct p3_verb *v)
{
	(void)v;
	if (s->allowed.mechs[0])
		p3_words(s, "SASL", s->allowed.mechs);
}

/* USER: names and passwords may be UTF-8 (RFC 6856 section 2.2). */
void p3_capa_utf8(struct p3 *s, const struct p3_verb *v)
{
	p3_line(s, "%s USER", v->name);
}

/* RFC 2449 section 6.7: before sign-in the shortest rule that there is, with USER where it is not everybody's; after it the user's
 * own, which is what a client goes by. What is not known yet is not promised. */
static void expire_line(struct p3 *s)
{
	bool own = p3_signed_in(s);
	uint32_t days = own ? s->expire_days : s->policy->expire_days;

	if (days == EXPIRE_NEVER)
		p3_putz(s, "EXPIRE NEVER\r\n");
	else if (days != EXPIRE_UNSET)
		p3_line(s, "EXPIRE %" PRIu32 "%s", days,
			!own && s->policy->expire_differs ? " USER" : "");
}

static void policy_lines(struct p3 *s)
{
	const struct p3_policy *is = s->policy;

	p3_putz(s, "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
	expire_line(s);
	if (is->login_delay_s)
		p3_line(s, "LOGIN-DELAY %u", is->login_delay_s);
	p3_line(s, "IMPLEMENTATION %s", is->implementation);
}

enum verdict p3_capa(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	p3_ok(s, "this can be had here");
	for (size_t i = 0; i < p3_n_verbs; i++) {
		const struct p3_verb *v = &p3_verbs[i];

		if (v->capa && (!v->offered || v->offered(s)))
			v->capa(s, v);
	}
	policy_lines(s);
	p3_putz(s, ".\r\n");
	return V_NEXT;
}

static const struct {
	const char *tag, *name;
} languages[] = { { "en", "English" }, { "i-default", "English" } };
#define N_LANGUAGES (sizeof(languages) / sizeof(languages[0]))

/* RFC 6856 section 3. Every text here is English, so there is nothing to switch; "*" is the administrator's choice. */
enum verdict p3_lang(struct p3 *s, const struct p3_req *req)
{
	if (req->argc == 0) {
		p3_ok(s, "languages of the texts here");
		for (size_t i = 0; i < N_LANGUAGES; i++)
			p3_line(s, "%s %s", languages[i].tag, languages[i].name);
		p3_putz(s, ".\r\n");
		return V_NEXT;
	}
	const char *want = p3_is(req->arg[0], "*") ? languages[0].tag : NULL;
	for (size_t i = 0; i < N_LANGUAGES && !want; i++)
		want = p3_is(req->arg[0], languages[i].tag) ? languages[i].tag : NULL;
	if (want)
		p3_ok(s, "%s texts are in English", want);
	else
		p3_err(s, "this language is not known here; LANG alone lists those that are");
	return V_NEXT;
}
