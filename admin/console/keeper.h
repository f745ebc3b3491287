/* keeper.h - the half of the console that has rights: it knows who is signed in, decides what they may, and has it done.
 *
 * Everything here is on one loop. What may wait, or may go wrong, is done by a process of its own (proc.h).
 * Thread: main.
 */
#pragma once
#include <jansson.h>
#include <sys/types.h>
#include <time.h>
#include "server/auth/penalty.h"
#include "server/base/log.h"
#include "server/conf/conf.h"
#include "server/net/listen.h"
#include "server/net/loop.h"
#include "admin/console/api.h"
#include "admin/console/proc.h"
#include "admin/console/sessions.h"

struct again;
struct half;
struct jobs;

/* Differs after a file was changed or replaced. */
struct file_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct keeper {
	const char *conf_path;
	struct conf *conf;
	const struct log *log;
	struct loop *loop;
	struct listener **listeners; /* NULL at the end */
	struct procs *procs;
	struct sessions *sessions;
	struct jobs *jobs;
	struct penalty *penalty;
	struct half *halves; /* the first one serves; others finish what they have begun */
	struct ask *signing; /* sign-ins under way, and those whose no has to wait */
	struct again *looks; /* at those who are signed in */
	unsigned n_running, n_signing;      /* processes for short commands, and for sign-in */
	struct ask *waiting, **waiting_end; /* commands that wait for one */
	unsigned n_waiting;
	struct {
		uint64_t until_ms; /* what was found out about winpopd holds so long */
		int status;
		struct ask *waiting; /* for what is being found out; NULL: nothing is */
		unsigned n_waiting;
	} health;
	struct file_stamp rights; /* of the file */
	unsigned n_rights;        /* goes up whenever they may have changed */
	struct ask *asks;         /* all that are open */
	struct timer *again;
	bool ending;
};

/* Serves until SIGTERM or SIGINT. EC_BROKEN: its other half cannot be started. */
enum ec keeper_run(struct keeper *k, struct err *e);
void keeper_reload(struct keeper *k);
void keeper_end_sessions(struct keeper *k);
/* Ends them if the file of rights has changed. */
void keeper_look_at_rights(struct keeper *k);

/* A question of a browser's, until it is answered. */
struct caller {
	const char *who; /* NULL: nobody */
	struct scope scope;
	bool by_token;
};
struct ask {
	struct ask *next;  /* of those that wait for the same, or of sign-ins */
	unsigned n_rights; /* of the keeper, when a sign-in began */
	struct ask *all_next, **all_at;
	struct keeper *keeper;
	struct half *half; /* who passed it on */
	struct arena *mem;
	uint64_t id;
	const struct api_route *route;
	const char *peer, *param, *cookie, *csrf, *authorization; /* "" if not there */
	bool job, idle;
	char *body; /* wiped with it */
	size_t body_len;
	struct caller by;
	struct order *order;
	struct signin *signin;
	struct timer *delay;
};
/* Each answers, and frees. body is dropped. */
void ask_json(struct ask *a, int status, json_t *body);
void ask_json_cookie(struct ask *a, int status, json_t *body, const char *cookie);
void ask_raw(struct ask *a, int status, const char *type, const char *body, size_t len);
void ask_refuse(struct ask *a, int status, enum ec class, const char *text);
void ask_err(struct ask *a, const struct err *e); /* with the status of its class */
int status_of(enum ec class);

/* desk.c: takes it over. */
void desk_take(struct ask *a);
/* Who asks, by the cookie, if he is signed in; touches his session. */
void desk_find_session(struct ask *a);
void desk_go_on(struct ask *a); /* who asks is known */
/* again.c: his account and his rights are looked at, and then desk_go_on. */
void again_look(struct ask *a);
void again_free(struct keeper *k); /* answers nobody */
/* signin_desk.c */
void desk_sign_in(struct ask *a);
json_t *desk_session(const struct keeper *k, const struct caller *by, const char *id);
/* menu.c: the commands that he may run, and the settings if the server is his. */
json_t *menu_for(const struct conf *c, const struct scope *scope);
