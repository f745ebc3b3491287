/* doors.c - listening sockets of the service.
 *
 * A socket handed over by systemd replaces what the settings say for its kind; so an administrator who uses socket activation
 * has one place for addresses, and one who does not has none too many.
 *
 * For POP3 each loop has a socket of its own at every address and serves whoever comes in there: handing a connection to another
 * loop costs a wake-up and a change of threads, a fifth of what signing in costs. Sockets that were handed over, and unix
 * sockets, cannot be doubled: there one loop accepts and deals.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "server/main/winpopd.h"

/* Clients of a whole house come at once after a restart, and one that is forgotten by the kernel waits for a greeting for ever:
 * as many as the kernel allows (net.core.somaxconn). */
#define BACKLOG 65535

static const char *const door_name[] = {
	[DOOR_POP3] = "pop3", [DOOR_POP3S] = "pop3s", [DOOR_LMTP] = "lmtp",
	[DOOR_MAPS] = "maps", [DOOR_AUTH] = "auth",   [DOOR_CONTROL] = "control",
};

static enum ec add_door(struct winpopd *w, enum door_kind kind, struct listener *l, struct err *e)
{
	if (w->n_doors == WINPOPD_DOORS_MAX) {
		listen_close(&l);
		return err_set(e, EC_BROKEN, "more than %d listening sockets", WINPOPD_DOORS_MAX);
	}
	w->doors[w->n_doors++] = (struct door){ .w = w, .kind = kind, .l = l };
	return EC_OK;
}

/* EC_ABSENT: systemd handed over none of this kind. */
static enum ec inherit(struct winpopd *w, enum door_kind kind, struct err *e)
{
	struct listener *l;
	enum ec rc, got = EC_ABSENT;
	while ((rc = listen_inherited(door_name[kind], &l, e)) == EC_OK) {
		if ((rc = add_door(w, kind, l, e)) != EC_OK)
			return rc;
		got = EC_OK;
	}
	return rc == EC_ABSENT ? got : rc;
}

static bool next_word(const char **at, char *out, size_t len)
{
	*at += strspn(*at, " \t");
	size_t n = strcspn(*at, " \t");
	if (n == 0 || n >= len)
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at += n;
	return true;
}

/* The others of a door just added, one for each further loop. Of so many addresses that there is no room for that one loop
 * accepts and deals. */
static enum ec one_each(struct winpopd *w, enum door_kind kind, struct err *e)
{
	struct door *first = &w->doors[w->n_doors - 1];
	enum ec rc = EC_OK;

	if (w->n_doors + w->conf->threadcount > WINPOPD_DOORS_MAX - WINPOPD_DOORS_SINGLE)
		return EC_OK;
	first->one_each = true;
	for (unsigned i = 1; rc == EC_OK && i < w->conf->threadcount; i++) {
		struct listener *l;
		rc = listen_beside(first->l, BACKLOG, &l, e);
		if (rc == EC_OK)
			rc = add_door(w, kind, l, e);
		if (rc == EC_OK) {
			w->doors[w->n_doors - 1].one_each = true;
			w->doors[w->n_doors - 1].nth = i;
		}
	}
	return rc;
}

static enum ec open_port(struct winpopd *w, enum door_kind kind, unsigned port, struct err *e)
{
	char host[128];
	enum ec rc = inherit(w, kind, e);
	if (rc != EC_ABSENT)
		return rc;
	if (port == 0)
		return EC_OK;
	for (const char *at = w->conf->listen; next_word(&at, host, sizeof(host));) {
		struct listener *l;
		if ((rc = listen_tcp(host, port, BACKLOG, &l, e)) != EC_OK ||
		    (rc = add_door(w, kind, l, e)) != EC_OK || (rc = one_each(w, kind, e)) != EC_OK)
			return rc;
	}
	return EC_OK;
}

/* "127.0.0.1:24", "[::1]:24" */
static enum ec open_lmtp_tcp(struct winpopd *w, const char *word, struct err *e)
{
	const char *colon = strrchr(word, ':');
	unsigned port;
	char rest, host[128];
	if (!colon || sscanf(colon + 1, "%5u%c", &port, &rest) != 1 || port > 65535)
		return err_set(e, EC_USAGE, "lmtp_listen: \"%s\" is not ADDRESS:PORT", word);
	bool bracket = word[0] == '[' && colon > word + 1 && colon[-1] == ']';
	snprintf(host, sizeof(host), "%.*s", (int)(colon - word - (bracket ? 2 : 0)),
		 word + bracket);
	struct listener *l;
	enum ec rc = listen_tcp(host, port, BACKLOG, &l, e);
	return rc == EC_OK ? add_door(w, DOOR_LMTP, l, e) : rc;
}

enum ec doors_open_tcp(struct winpopd *w, struct err *e)
{
	char word[128];
	enum ec rc = open_port(w, DOOR_POP3, w->conf->port, e);
	if (rc == EC_OK && w->conf->tls_cert[0] != '\0')
		rc = open_port(w, DOOR_POP3S, w->conf->tls_port, e);
	for (const char *at = w->conf->lmtp_listen;
	     rc == EC_OK && next_word(&at, word, sizeof(word));)
		rc = open_lmtp_tcp(w, word, e);
	return rc;
}

static enum ec open_unix(struct winpopd *w, enum door_kind kind, const char *path, unsigned mode,
			 struct err *e)
{
	enum ec rc = inherit(w, kind, e);
	if (rc != EC_ABSENT)
		return rc;
	if (path[0] == '\0')
		return EC_OK;
	struct listener *l;
	rc = listen_unix(path, mode, BACKLOG, &l, e);
	return rc == EC_OK ? add_door(w, kind, l, e) : rc;
}

/* Any local program may hand in mail, as with sendmail(8); only root and ourselves may administer. Which mailboxes there are and
 * whose password is right is for the MTA to ask: its group, by the set-group-id bit of the directory the sockets are in. */
enum ec doors_open_unix(struct winpopd *w, struct err *e)
{
	enum ec rc = open_unix(w, DOOR_LMTP, w->conf->lmtp_socket, 0666, e);
	if (rc == EC_OK)
		rc = open_unix(w, DOOR_MAPS, w->conf->maps_socket, 0660, e);
	if (rc == EC_OK)
		rc = open_unix(w, DOOR_AUTH, w->conf->auth_socket, 0660, e);
	return rc == EC_OK ? open_unix(w, DOOR_CONTROL, w->conf->control_socket, 0600, e) : rc;
}

static void came_in(int fd, const struct sockaddr *sa, socklen_t len, void *ctx)
{
	const struct door *d = ctx;
	switch (d->kind) {
	case DOOR_LMTP: lmtp_accept(d->w->lmtp, fd, sa, len); break;
	case DOOR_MAPS: mta_accept(d->w->mta, fd, MTA_MAPS); break;
	case DOOR_AUTH: mta_accept(d->w->mta, fd, MTA_AUTH); break;
	case DOOR_POP3:
	case DOOR_POP3S:
		pop3_accept(d->w->pop3, d->one_each ? d->home : NULL, fd, sa, len,
			    d->kind == DOOR_POP3S);
		break;
	case DOOR_CONTROL: close(fd); break; /* the control server's own */
	}
}

static void shut_door(struct job *j)
{
	struct door *d = (struct door *)((char *)j - offsetof(struct door, shut));
	listen_close(&d->l);
}

void doors_start(struct winpopd *w)
{
	for (unsigned i = 0; i < w->n_doors; i++) {
		struct door *d = &w->doors[i];
		if (d->kind == DOOR_CONTROL) {
			w->control = control_new(w->keeper, d->l, winpopd_request, w, &w->log);
			d->l = NULL; /* the control server's now */
		} else {
			d->home = w->loops[(d->one_each ? d->nth : i) % w->n_loops];
			d->shut = (struct job){ .home = d->home, .done = shut_door };
			listen_start(d->l, d->home, &w->log, came_in, d);
		}
	}
}

/* A listener is its loop's. Closed rather than paused: whoever comes now is to be refused at once and try
 * elsewhere or later, not to wait in the kernel's queue for a service that will not look there again. */
void doors_shut(struct winpopd *w)
{
	for (unsigned i = 0; i < w->n_doors; i++)
		if (w->doors[i].shut.home)
			loop_post(w->doors[i].shut.home, &w->doors[i].shut);
}

void doors_close(struct winpopd *w)
{
	for (unsigned i = 0; i < w->n_doors; i++)
		listen_close(&w->doors[i].l);
	w->n_doors = 0;
}

void doors_text(const struct winpopd *w, enum door_kind kind, char *out, size_t len)
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < w->n_doors; i++)
		if (w->doors[i].kind == kind && w->doors[i].l && w->doors[i].nth == 0 && n < len)
			n += (size_t)snprintf(out + n, len - n, n ? " %u" : "%u",
					      listen_port(w->doors[i].l));
}
