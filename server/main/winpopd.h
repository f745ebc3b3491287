/* winpopd.h - the daemon as a whole: what main.c starts, reload.c replaces, requests.c shows.
 *
 * Two kinds of threads with an event loop: the keeper (the process's first thread: signals, reload, control socket, stop), which
 * serves no session and so may read a file now and then; and `threadcount` loops that serve sessions and never wait. Three pools of
 * workers, so that neither a flood of mail nor a directory that takes its time keeps anybody from the rest: sign-in, mailboxes, delivery.
 * Thread: the keeper's, all of it.
 */
#pragma once
#include "server/auth/auth.h"
#include "server/backends/backends.h"
#include "server/conf/conf.h"
#include "server/lmtp/attach.h"
#include "server/mta/mta.h"
#include "server/net/listen.h"
#include "server/net/loop.h"
#include "server/net/tls.h"
#include "server/net/work.h"
#include "server/ops/control.h"
#include "server/pop3/attach.h"

#define WINPOPD_LOOPS_MAX 32
#define WINPOPD_DOORS_MAX 512
#define WINPOPD_DOORS_SINGLE 64 /* of these for such as no other loop shares */

enum door_kind { DOOR_POP3, DOOR_POP3S, DOOR_LMTP, DOOR_MAPS, DOOR_AUTH, DOOR_CONTROL };

struct winpopd;
struct door { /* one listening socket, and whom its connections belong to */
	struct winpopd *w;
	enum door_kind kind;
	struct listener *l; /* its loop's, once that runs */
	struct loop *home;
	bool one_each; /* every loop has one for this address, and keeps what comes in there */
	unsigned nth;  /* of those */
	struct job shut;
};

/* What the settings opened; its holders are counted, the keeper among them until it is closed. */
struct backing {
	struct share share;
	struct backends backends;
	struct conf *conf; /* lent to them */
	struct winpopd *w;
	struct backing *next; /* retired before it */
	uint64_t retired_ms;
	struct job closing;
	bool is_closing;
};

struct winpopd {
	struct log_sink *sink;
	struct log log;
	uint64_t started_s;

	struct conf *conf;    /* the snapshot in force for new sessions */
	struct conf *started; /* the one we started with: some settings need a restart */
	struct tls *tls;      /* NULL: none */
	struct auth *auth;
	struct auth *smtp_auth;  /* for the MTA's clients: the same one, unless there is Kerberos */
	struct backing *backing; /* for new sessions */
	struct backing *retired; /* older sessions hold them */
	struct timer *look_timer;

	struct loop *keeper;
	struct loop *loops[WINPOPD_LOOPS_MAX];
	unsigned n_loops;
	struct work *signin_work, *mailbox_work, *deliver_work;

	struct door doors[WINPOPD_DOORS_MAX];
	unsigned n_doors;
	struct pop3 *pop3;
	struct lmtp *lmtp;
	struct mta *mta;
	struct control *control;
	struct caretaker *caretaker;
	struct exporter *exporter; /* NULL: off */

	/* What strangers are told of expiry (struct p3_policy). */
	uint32_t expire_days;
	bool expire_differs;

	bool stopping;
	bool pop3_idle, lmtp_idle, mta_idle;
	struct timer *drain_timer;
};

/* doors.c: TCP sockets need root and come first; unix sockets belong to the service's user. */
enum ec doors_open_tcp(struct winpopd *w, struct err *e);
enum ec doors_open_unix(struct winpopd *w, struct err *e);
void doors_start(struct winpopd *w);
void doors_shut(struct winpopd *w);  /* while the loops run: each lets go of its own */
void doors_close(struct winpopd *w); /* after they ended: what is left */
void doors_text(const struct winpopd *w, enum door_kind kind, char *out,
		size_t len); /* "110" or "11000 11001" */

/* reload.c */
enum ec load_tls(const struct conf *c, const struct tls *before, const struct log *log,
		 struct tls **out, struct err *e);
enum ec load_auth(const struct winpopd *w, const struct conf *c, struct backing *b,
		  struct auth **out, struct err *e);
/* For the MTA's clients, beside the one for POP3. */
enum ec load_smtp_auth(const struct winpopd *w, const struct conf *c, struct backing *b,
		       struct auth *pop, struct auth **out, struct err *e);
/* The set that new sessions begin with. */
struct setups {
	struct pop3_setup pop3;
	struct lmtp_setup lmtp;
	struct mta_setup mta;
};
void session_setups(const struct winpopd *w, struct setups *s);
/* Reads the settings again, checks all, then swaps; on failure nothing has changed. restart: names of settings that wait. */
enum ec winpopd_reload(struct winpopd *w, char *restart, size_t restart_len, struct err *e);

/* backing.c */
/* The backends of these settings: the present ones, if they are the same. */
enum ec backing_open(struct winpopd *w, struct conf *c, struct backing **out, struct err *e);
void backing_drop(struct winpopd *w, struct backing **b);  /* opened, and not wanted after all */
void backing_swap(struct winpopd *w, struct backing *now); /* retires what was there before */
unsigned backing_retired(const struct winpopd *w);         /* how many are still held */
const char *backing_method(const struct backing *b);
void backing_end(struct winpopd *w); /* after everybody: closes all */

/* caretaker.c */
/* The thread that does upkeep; it begins at once, with the present backends. */
enum ec caretaker_start(struct winpopd *w, struct err *e);
/* It begins anew, with those that are present now. */
void caretaker_look(struct winpopd *w);
/* Looks for the rules that strangers are told: w->expire_days, w->expire_differs. */
void caretaker_rules(struct winpopd *w);
/* The same for a running service: new sessions are told, and upkeep begins anew. */
void caretaker_look_again(struct winpopd *w);
void caretaker_stop(struct winpopd *w); /* soon; does not wait */
void caretaker_end(struct winpopd *w);  /* waits: as long as one mailbox takes */

/* exporting.c: NULL stays NULL where the settings say so. */
enum ec exporting_open(struct winpopd *w, struct err *e);
void exporting_renew(struct winpopd *w, const struct conf *was);

/* requests.c */
enum ec winpopd_request(void *ctx, const struct json_t *request, struct json_t *reply,
			struct err *e);

/* main.c */
void winpopd_stop(struct winpopd *w);
