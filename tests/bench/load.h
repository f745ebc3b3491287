/* load.h - what the parts of the load generator share.
 *
 * load.c     options, the event loop, the figures
 * client.c   one connection: its socket, its TLS, octets in and out
 * script.c   what a client says, and whether the answer is right
 *
 * One thread. A part that finds a fault calls client_fail() and touches the client no more: it may be another session by then.
 */
#pragma once
#include "tests/bench/pattern.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum mode { MODE_SIGNIN, MODE_FETCH, MODE_LIST, MODE_DELIVER, MODE_HOLD };

/* What a client waits for: a line, unless it says otherwise. */
enum step {
	AT_REST, /* no connection */
	AT_CONNECT,
	AT_HANDSHAKE,
	AT_GREETING,
	AT_USER,
	AT_PASS,
	AT_STAT,
	AT_LIST,
	AT_LIST_LINES,
	AT_UIDL,
	AT_UIDL_LINES,
	AT_RETR,
	AT_HEADER,
	AT_BODY, /* octets of the pattern */
	AT_QUIT,
	AT_HELD, /* silence */
	AT_LHLO,
	AT_MAIL,
	AT_RCPT,
	AT_DATA,
	AT_DELIVERED,
};

struct options {
	enum mode mode;
	unsigned port, n_clients, n_users, first_user, n_messages, size, n_sources, ramp;
	double seconds, rate, patience;
	const char *socket_path, *domain, *password;
	bool tls, resume, pipeline, list, dots;
};

/* Latencies in microseconds. */
struct times {
	uint32_t *us;
	size_t n, max;
};

/* A line that was not whole when the socket was empty waits here. */
#define LINE_MAX_OCTETS 1024
struct client {
	int fd;
	SSL *ssl;
	SSL_SESSION *ticket; /* of this client's last session, with --resume */
	bool was_here;       /* so it must have a ticket */
	enum step step;
	uint32_t watched;
	unsigned number, user, message;
	uint64_t session_us, op_us; /* when the session, and the operation being timed, began */

	size_t matched; /* octets of the pattern seen so far */
	size_t octets;  /* of the message's header so far, as a mailbox holds it */
	unsigned own;   /* lines of the header seen so far that are the generator's own */

	unsigned n_listed, n_ids;
	uint64_t listed_octets, stat_octets;
	uint32_t *sizes; /* as LIST told them */
	uint64_t *ids;   /* hashes of UIDL's, an open table */

	bool takes_size; /* the server offered SIZE (RFC 1870) */
	bool unsaid;     /* nothing of `out` was sent yet: no answer can be there */
	const char *out;
	size_t out_len, text_len;
	char *text; /* commands to send */
	size_t kept_len;
	char kept[LINE_MAX_OCTETS];
};

/* Octets just read, and what is left of them. */
struct input {
	char *at;
	size_t len;
};

#define IN_SIZE (256u << 10)
struct load {
	struct options o;
	int epoll;
	SSL_CTX *tls;
	struct pattern pattern;
	char *mail;
	size_t mail_len, text_max, n_slots; /* n_slots: of the table of ids */
	struct client *clients, **idle;
	unsigned n_idle, n_held;
	unsigned *boxes; /* a ring: those nobody is in, the one left longest ago first */
	size_t n_taken, n_left;
	uint64_t n_ops, n_errors, n_resumed, octets;
	struct times ops, sessions, late;
	char *in;
	bool stopping, was_full;
};

uint64_t now_us(void);
void times_add(struct times *, uint64_t us);
void *zeroed(size_t n, size_t size); /* or the end */

/* client.c */
void client_tls(struct load *);
void client_open(struct load *, struct client *, uint64_t due_us);
void client_close(struct load *, struct client *); /* at rest from now on; its mailbox is free */
void client_ready(struct load *, struct client *, uint32_t events);
void client_fail(struct load *, struct client *, const char *why, const char *line);

/* script.c */
void script_begin(struct load *, struct client *);
bool script_take(struct load *, struct client *,
		 struct input *); /* false: the client is at rest or another by now */
