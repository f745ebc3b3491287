/* optcheck.h - checks that single rows of the option table name. Pure. Thread: any. */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"

enum ec check_addresses(const char *value, struct err *e);   /* numeric, blank-separated, or "*" */
enum ec check_endpoints(const char *value, struct err *e);   /* the same with ":port" each */
enum ec check_socket_path(const char *value, struct err *e); /* fits struct sockaddr_un */
enum ec check_hostname(const char *value, struct err *e);    /* ASCII form of a domain name */
enum ec check_servers(const char *value, struct err *e);     /* URIs and srv:DOMAIN */
enum ec check_mechanisms(const char *value, struct err *e);  /* some of those below */

bool names_mechanism(const char *list, const char *word); /* is it one of them? */

extern const char known_mechanisms[]; /* what server/auth can offer, blank-separated; the default */
