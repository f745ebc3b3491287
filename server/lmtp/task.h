/* task.h - a session's question on its way through a worker.
 *
 * It owns or has counted all it touches, so that it can outlive its session.
 * Thread: run on a worker, the rest on its loop.
 */
#pragma once
#include <stdint.h>
#include "server/base/counter.h"
#include "server/lmtp/attach.h"
#include "server/lmtp/mail.h"
#include "server/net/conn.h"
#include "server/net/work.h"

enum task_kind { TASK_RCPT, TASK_SPOOL, TASK_DELIVER, TASK_FORGET };

struct task_id { /* for the log of a worker */
	char sid[24], peer[PEER_TEXT_MAX];
};
struct task_counts {
	struct counter delivered, refused; /* recipients */
};
struct home;

struct task {
	struct job job; /* first, so that the one is the other */
	enum task_kind kind;
	struct home *home;
	struct task *next, **at; /* home's list */
	struct task_id id;
	struct log_sink *sink;
	struct task_counts *counts;
	struct lmtp_setup with; /* references */
	struct lm_mail *mail;   /* SPOOL, DELIVER, FORGET: owned */
	uint64_t asked_us;      /* DELIVER, in */
	struct name name;       /* RCPT, in and out */
	uint64_t size_hint;     /* RCPT, in */
	struct charge charge;   /* RCPT, out; its account is the next */
	char account[NAME_TEXT_MAX + 1];
	enum ec class;
	struct err err;
};

/* A setup with references of its own. */
void lmtp_setup_hold(struct lmtp_setup *to, const struct lmtp_setup *from);
void lmtp_setup_drop(struct lmtp_setup *s);

struct task *task_new(enum task_kind kind, const struct lmtp_setup *with);
void task_free(struct task **t);
