/* peer.h - directory servers that misbehave, in a thread of the test's own; and what they may cost. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fault {
	PEER_SILENT,   /* takes the connection, reads nothing, says nothing */
	PEER_CLOSES,   /* hangs up at once */
	PEER_RESETS,   /* reads a request, then resets */
	PEER_GARBAGE,  /* answers with what is no LDAP */
	PEER_HUGE,     /* announces a message of two gigabytes */
	PEER_HALF,     /* sends half an answer, then nothing */
	PEER_TRICKLES, /* an octet of an endless answer now and then */
	PEER_OTHERS,   /* answers to requests that nobody made, without end */
	PEER_SLOW,     /* a right answer, after 300 ms */
	PEER_GOODBYE,  /* a right answer, then a notice of disconnection */
	PEER_GOOD,     /* binds everybody, finds nothing */
};

struct peer {
	atomic_int fault; /* may be changed while it runs */
	atomic_uint n_connections, n_requests;
	atomic_bool once; /* PEER_RESETS: good again after the first */
	atomic_bool closing;
	int fd;
	char plain[64], tls[64]; /* the same port */
	pthread_t thread;
};

void peer_start(struct peer *p, enum fault f);
void peer_stop(struct peer *p);
/* An address of this computer where nobody listens. */
void peer_nobody(char uri[64]);

uint64_t cpu_ms(void); /* of the calling thread */
