/* slapd.h - a real directory server of the test's own, in a directory of its own, on a port of its own. */
#pragma once
#include <stdbool.h>
#include "ldap/conn.h"

#define SLAPD_BASE "dc=test"
#define SLAPD_ADMIN "cn=admin,dc=test"
#define SLAPD_PASSWORD "the administrator's"

struct slapd {
	char dir[64];
	char plain[64];  /* ldap://127.0.0.1:N */
	char tls[64];    /* ldaps://localhost:N, certificate for localhost */
	char local[160]; /* ldapi://... ; this user is the administrator there */
	char ca[80];     /* PEM, and one that has nothing to do with it */
	char other_ca[80];
	char password_file[80];
	int pid;
};

/* Ends the test program if there is no slapd to be had. */
void slapd_start(struct slapd *s);
/* With further lines of slapd.conf: of the global part, and of the database, in front of the rules of access there are. */
void slapd_start_with(struct slapd *s, const char *global, const char *database);
void slapd_stop(struct slapd *s);  /* processes and files */
void slapd_kill(struct slapd *s);  /* the process; the files stay */
void slapd_again(struct slapd *s); /* after slapd_kill: the same addresses */
void slapd_freeze(struct slapd *s);
void slapd_thaw(struct slapd *s);

/* As its administrator, by simple bind. */
struct link_setup slapd_setup(const struct slapd *s);
/* A person cn=NAME,ou=people,dc=test with that password. */
void slapd_add_person(struct dir_conn *c, const char *name, const char *password);
