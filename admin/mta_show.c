/* mta_show.c - what is to be set in Postfix, line by line, with what it means. */
#include "admin/mta.h"

const char *mta_file_of(const struct pf_want *want)
{
	return want->kind == PF_MAIN ? "main.cf" : "master.cf";
}

static void show_line(struct mta *m, const char *file, const char *line, const char *why)
{
	struct out *o = m->w->out;

	out_record(o);
	out_field(o, "file", file);
	out_field(o, "line", line);
	out_field(o, "meaning", why);
	out_end(o);
}

void mta_tell_of_no_cert(struct mta *m)
{
	if (!postfix_has_cert(m->c, &m->now))
		out_note(m->w->out, "nobody can sign in to send without a certificate: winpop set "
				    "tls_cert File "
				    "tls_key File, then once more");
}

/* Also before Postfix is installed, or for a computer that is not this one. */
enum ec mta_show(struct mta *m, enum ec read)
{
	struct arena *mem = m->w->mem;

	if (read == EC_ABSENT)
		out_note(m->w->out, "%s; this is for Postfix as Debian installs it", m->e->text);
	else if (read != EC_OK)
		return read;
	out_list(m->w->out, "settings");
	for (size_t i = 0; i < PF_SOCKETS; i++)
		show_line(m, "winpop.conf",
			  arena_fmt(mem, "%s = %s", pf_sockets[i].setting,
				    postfix_socket_path(mem, &m->now, &pf_sockets[i])),
			  "A socket that Postfix can reach: its processes see nothing but its "
			  "queue.");
	for (size_t i = 0; i < m->n_wants; i++)
		show_line(m, mta_file_of(&m->wants[i]), postfix_line(mem, &m->wants[i]),
			  m->wants[i].why);
	out_end(m->w->out);
	mta_tell_of_no_cert(m);
	return EC_OK;
}
