/* tlsrig.h - a place with certificates, and a client of plain OpenSSL. Both ends live in one thread:
 * the client's socket does not block, and the two take turns. */
#pragma once
#include "server/conf/conf.h"
#include "server/net/tls.h"
#include "tests/unit/net/pki.h"
#include "tests/unit/net/rig.h"

extern const int tls_versions[2];

struct place {
	char dir[32], crt[64], key[64], ca_pem[64], ocsp[64], sni[64];
	struct pki_cert ca, server, user;
	struct conf conf;
	struct loop *loop;
	char logged[400];
	struct log_sink *sink;
	struct log log;
};

struct peer {
	struct place *p;
	struct owner o;
	int fd;
	size_t in_max; /* of the connection */
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *ticket;
	bool up, refused;
	int alert; /* the last one received, 0 none */
};

int place_open(void **state); /* set-up and tear-down of a test */
int place_close(void **state);
#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)
char *place_path(const struct place *p, const char *file, char out[64]);
void place_add_name(struct place *p, const char *file, const char *dns, bool ocsp);
struct tls *place_tls(struct place *p);

void peer_open(struct peer *c, struct place *p, int version);
void peer_connect(struct peer *c);
bool peer_is_up(void *peer); /* the handshake is over, well or not */
void peer_shake(struct peer *c, struct tls *t);
/* With a ticket for the next time, and the one that was used is gone. */
void peer_shake_for_ticket(struct peer *c, struct tls *t);
int peer_read(struct peer *c, char *to, int len); /* waits for something, or the end */
void peer_hang_up(struct peer *c);
void peer_close(struct peer *c);
