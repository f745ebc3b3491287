/* postfix.c - see postfix.h.
 *
 * Domains, mailboxes and senders are asked for while mail comes in, by socketmap, so nothing is written into a map that would
 * have to be kept in step. The services for senders carry all of their settings themselves: what main.cf says about mail from
 * the Internet - block lists, greeting rules - is not meant for an office's own people, and a service that was there before
 * shows line by line where it differs.
 */
#include <stdio.h>
#include <string.h>
#include "admin/postfix.h"

#define MAPS "unix:winpop/maps"
#define MAP(name) "socketmap:" MAPS ":" name
/* Without an answer the maps and the delivery say what is to be done; Postfix's own default would put off other mail, too. */
#define POLICY "check_policy_service { " MAPS ", default_action=DUNNO }"
#define GAPS ", \t{}"
#define SNAKEOIL "ssl-cert-snakeoil" /* Debian's, which nobody trusts: as good as none */

const struct pf_socket pf_sockets[PF_SOCKETS] = {
	{ "lmtp_socket", "lmtp" },
	{ "maps_socket", "maps" },
	{ "auth_socket", "auth" },
};

const char *pf_get(const struct pf_list *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->at[i].key, key) == 0)
			return l->at[i].value;
	}
	return NULL;
}

const char *postfix_socket_dir(struct arena *mem, const struct pf_now *now)
{
	return arena_fmt(mem, "%s/winpop", now->queue);
}

const char *postfix_socket_path(struct arena *mem, const struct pf_now *now,
				const struct pf_socket *s)
{
	return arena_fmt(mem, "%s/%s", postfix_socket_dir(mem, now), s->name);
}

const char *postfix_socket_set(const struct conf *c, const struct pf_socket *s)
{
	const char *set[PF_SOCKETS] = { c->lmtp_socket, c->maps_socket, c->auth_socket };

	return set[s - pf_sockets];
}

const char *postfix_line(struct arena *mem, const struct pf_want *want)
{
	const char *name = strrchr(want->key, '/');

	if (want->kind == PF_MAIN)
		return arena_fmt(mem, "%s = %s", want->key, want->value);
	if (want->kind == PF_SERVICE)
		return want->value;
	return arena_fmt(mem, "  -o %s=%s", name + 1, want->value);
}

/* ---- a list that grows ---- */

struct wants {
	struct arena *mem;
	const struct conf *c;
	const struct pf_now *now;
	struct pf_want *out;
	size_t n;
};

static struct pf_want *add(struct wants *w, enum pf_kind kind, const char *key, const char *now,
			   const char *value, const char *why)
{
	struct pf_want *want = &w->out[w->n++];

	*want = (struct pf_want){ kind, key, value, now ? now : "", why, PF_GOOD };
	if (!now)
		want->state = PF_FREE;
	else if (strcmp(now, value) != 0)
		want->state = PF_TAKEN;
	return want;
}

static struct pf_want *add_main(struct wants *w, const char *key, const char *value,
				const char *why)
{
	return add(w, PF_MAIN, key, pf_get(&w->now->set, key), value, why);
}

/* ---- values ---- */

/* Words of Postfix's lists are parted by blanks and commas, and grouped by braces. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p && (p = strstr(p, word)) != NULL; p += len) {
		bool begins = p == list || strchr(GAPS, p[-1]);
		if (begins && strchr(GAPS, p[len]))
			return true;
	}
	return false;
}

/* A list in which ours may be one of several. */
static void add_among(struct wants *w, const char *key, const char *value, const char *why)
{
	struct pf_want *want = add_main(w, key, value, why);

	if (has_word(want->now, value) || has_word(pf_get(&w->now->worth, key), value)) {
		want->value = want->now;
		want->state = PF_GOOD;
	}
}

/* What decides about everything that is left: nothing behind it is ever asked. */
static bool is_last_word(const char *word, size_t len)
{
	static const char *const words[] = { "permit", "reject", "defer" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == len && strncmp(words[i], word, len) == 0)
			return true;
	}
	return false;
}

/* `rule` behind what is there, but before a last word. It only ever refuses, so it opens nothing wherever it stands. */
static const char *put_rule(struct arena *mem, const char *list, const char *rule)
{
	size_t end = strlen(list);

	while (end > 0 && strchr(", \t", list[end - 1]))
		end--;
	size_t word = end;
	while (word > 0 && !strchr(", \t", list[word - 1]))
		word--;
	if (end == 0)
		return rule;
	if (!is_last_word(list + word, end - word))
		return arena_fmt(mem, "%.*s, %s", (int)end, list, rule);
	return arena_fmt(mem, "%.*s%s, %.*s", (int)word, list, rule, (int)(end - word),
			 list + word);
}

static void add_recipient_rule(struct wants *w)
{
	static const char key[] = "smtpd_recipient_restrictions";
	static const char why[] = "Mail to a mailbox that is held, or too full for it, is refused "
				  "before it is sent over.";
	const char *now = pf_get(&w->now->set, key), *worth = pf_get(&w->now->worth, key);
	struct pf_want *want =
		add(w, PF_MAIN, key, now, put_rule(w->mem, now ? now : "", POLICY), why);

	if (has_word(now, MAPS) || has_word(worth, MAPS)) {
		want->value = want->now;
		want->state = PF_GOOD;
	} else {
		want->state = PF_FREE; /* what was there stays */
	}
}

static uint64_t number(const char *text)
{
	unsigned long long n = 0;

	if (text)
		sscanf(text, "%llu", &n);
	return n;
}

/* Smaller is an administrator's business; larger, or none (0), would be taken in and then come back. */
static void add_size(struct wants *w)
{
	uint64_t max = w->c->message_max_bytes;
	const char *text = arena_fmt(w->mem, "%ju", (uintmax_t)max);
	struct pf_want *want =
		add_main(w, "message_size_limit", text,
			 "The largest message, as message_max of winpop.conf has it.");
	uint64_t set = number(want->now), local;

	if (set > 0 && set <= max) {
		want->value = want->now;
		want->state = PF_GOOD;
		return;
	}
	/* Postfix's own delivery to local users gives up altogether where this one is the smaller. */
	local = number(pf_get(&w->now->worth, "mailbox_size_limit"));
	if (local > 0 && local < max)
		add_main(w, "mailbox_size_limit", "0", "It may not be below message_size_limit.")
			->state = PF_FREE;
}

/* ---- TLS ---- */

static const char *own_cert(const struct pf_now *now)
{
	static const char *const keys[] = { "smtpd_tls_chain_files", "smtpd_tls_cert_file",
					    "smtpd_tls_eccert_file" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *set = pf_get(&now->set, keys[i]);
		if (set && *set && strcmp(set, "none") != 0)
			return set;
	}
	return NULL;
}

bool postfix_has_cert(const struct conf *c, const struct pf_now *now)
{
	return *c->tls_cert || own_cert(now);
}

/* A certificate of its own is left alone, but for one that nobody trusts. */
static void add_cert(struct wants *w)
{
	const char *own = own_cert(w->now);

	if (!*w->c->tls_cert || (own && !strstr(own, SNAKEOIL) && strcmp(own, w->c->tls_cert) != 0))
		return;
	size_t first = w->n;
	add_main(w, "smtpd_tls_cert_file", w->c->tls_cert, "The certificate, as tls_cert has it.");
	add_main(w, "smtpd_tls_key_file", w->c->tls_key, "And its key.");
	for (size_t i = first; i < w->n; i++) {
		if (strstr(w->out[i].now, SNAKEOIL))
			w->out[i].state = PF_FREE;
	}
	if (!pf_get(&w->now->set, "smtpd_tls_security_level"))
		add_main(w, "smtpd_tls_security_level", "may",
			 "TLS for other mail servers that ask for it.");
}

/* ---- who sends ---- */

struct option_row {
	const char *name, *value, *why;
};

static const struct option_row sending[] = {
	{ "smtpd_sasl_auth_enable", "yes", "Senders sign in ..." },
	{ "smtpd_sasl_type", "dovecot", "... by the protocol that winpopd offers ..." },
	{ "smtpd_sasl_path", "winpop/auth", "... on this socket." },
	{ "smtpd_sasl_security_options", "noanonymous", "Whoever signs in is somebody." },
	{ "smtpd_client_restrictions", "", "Block lists and the like are for other servers." },
	{ "smtpd_helo_restrictions", "", "Mail programs greet with any name." },
	{ "smtpd_sender_login_maps", MAP("senders"), "Who may send as an address ..." },
	{ "smtpd_sender_restrictions", "reject_sender_login_mismatch",
	  "... and nobody else does." },
	{ "smtpd_relay_restrictions", "permit_sasl_authenticated,reject",
	  "Nothing is taken from who has not signed in." },
	{ "smtpd_recipient_restrictions", "",
	  "What cannot be delivered waits here, or comes back as a message: a mail program has no "
	  "queue." },
};
static const struct option_row by_starttls = { "smtpd_tls_security_level", "encrypt",
					       "No password without TLS." };
static const struct option_row from_first_octet = { "smtpd_tls_wrappermode", "yes",
						    "TLS from the first octet." };

static void add_option(struct wants *w, const char *service, const struct option_row *row)
{
	const char *key = arena_fmt(w->mem, "%s/%s", service, row->name);

	add(w, PF_OPTION, key, pf_get(&w->now->options, key), row->value, row->why);
}

/* The name under which the port is served already, or the first. */
static const char *service_name(const struct pf_now *now, const char *const names[])
{
	for (size_t i = 0; names[i]; i++) {
		if (pf_get(&now->services, names[i]))
			return names[i];
	}
	return names[0];
}

/* Columns are no business of ours where there is one: only that it is smtpd. */
static bool runs_smtpd(const char *line)
{
	char command[32] = "";

	sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %31s", command);
	return strcmp(command, "smtpd") == 0;
}

static void add_service(struct wants *w, const char *const names[], const struct option_row *tls,
			const char *why)
{
	const char *key = service_name(w->now, names), *now = pf_get(&w->now->services, key);
	int len = (int)strcspn(key, "/");
	struct pf_want *want =
		add(w, PF_SERVICE, key, now,
		    arena_fmt(w->mem, "%-10.*s inet  n - y - - smtpd", len, key), why);

	if (now && runs_smtpd(now)) {
		want->value = now;
		want->state = PF_GOOD;
	}
	add_option(w, key,
		   &(struct option_row){ "syslog_name", arena_fmt(w->mem, "postfix/%.*s", len, key),
					 "Its name in the log." });
	add_option(w, key, tls);
	for (size_t i = 0; i < sizeof(sending) / sizeof(sending[0]); i++)
		add_option(w, key, &sending[i]);
}

static void add_services(struct wants *w)
{
	static const char *const starttls[] = { "submission/inet", "587/inet", NULL };
	static const char *const tls[] = { "submissions/inet", "smtps/inet", "465/inet",
					   "urd/inet",         "ssmtp/inet", NULL };

	if (!postfix_has_cert(w->c, w->now))
		return;
	add_service(w, starttls, &by_starttls, "Port 587: mail programs send, after STARTTLS.");
	add_service(w, tls, &from_first_octet, "Port 465: the same with TLS from the first octet.");
}

size_t postfix_wants(struct arena *mem, const struct conf *c, const struct pf_now *now,
		     struct pf_want out[PF_WANTS_MAX])
{
	struct wants w = { .mem = mem, .c = c, .now = now, .out = out };
	const char *utf8 = pf_get(&now->worth, "smtputf8_enable");

	add_main(&w, "virtual_transport", "lmtp:unix:winpop/lmtp",
		 "Mail for mailboxes comes to us.");
	add_among(&w, "virtual_mailbox_domains", MAP("domains"),
		  "Which domains have mailboxes is asked for each time.");
	add_among(&w, "virtual_mailbox_maps", MAP("mailboxes"),
		  "So is which mailboxes there are; others are refused at once.");
	add_recipient_rule(&w);
	add_size(&w);
	if (utf8 && strcmp(utf8, "yes") != 0 && !pf_get(&now->set, "smtputf8_enable"))
		add_main(&w, "smtputf8_enable", "yes", "Addresses in every script.");
	add_cert(&w);
	add_services(&w);
	return w.n;
}
