/* peer.c - who is at the other end, as text and as a question. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include "server/base/digits.h"
#include "server/net/conn.h"

static bool has(socklen_t len, size_t n)
{
	return (size_t)len >= n;
}

/* A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d; people and tables know them as IPv4. */
static bool as_v4(const struct sockaddr *sa, socklen_t len, struct in_addr *out)
{
	const struct sockaddr_in6 *v6 = (const void *)sa;

	if (has(len, sizeof(struct sockaddr_in)) && sa->sa_family == AF_INET) {
		*out = ((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		return true;
	}
	if (!has(len, sizeof(*v6)) || sa->sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return false;
	memcpy(out, v6->sin6_addr.s6_addr + 12, 4);
	return true;
}

static bool is_v6(const struct sockaddr *sa, socklen_t len)
{
	return has(len, sizeof(struct sockaddr_in6)) && sa->sa_family == AF_INET6;
}

static bool is_unix(const struct sockaddr *sa, socklen_t len)
{
	return has(len, sizeof(sa->sa_family)) && sa->sa_family == AF_UNIX;
}

/* inet_ntop(3) goes by way of printf(3). */
static const char *v4_text(uint32_t a, char out[PEER_TEXT_MAX])
{
	char *to = out;

	for (int shift = 24; shift >= 0; shift -= 8) {
		to = decimal_put(to, a >> shift & 255);
		*to++ = shift ? '.' : '\0';
	}
	return out;
}

void peer_text(const struct sockaddr *sa, socklen_t len, char out[PEER_TEXT_MAX])
{
	const struct sockaddr_in6 *v6 = (const void *)sa;
	struct in_addr v4;
	const char *text = NULL;

	if (as_v4(sa, len, &v4))
		text = v4_text(ntohl(v4.s_addr), out);
	else if (is_v6(sa, len))
		text = inet_ntop(AF_INET6, &v6->sin6_addr, out, PEER_TEXT_MAX);
	if (!text)
		strcpy(out, is_unix(sa, len) ? "local" : "unknown");
}

bool peer_is_loopback(const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in6 *v6 = (const void *)sa;
	struct in_addr v4;

	if (as_v4(sa, len, &v4))
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	if (is_v6(sa, len))
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	return is_unix(sa, len);
}

bool peer_same_network(const char *a, const char *b)
{
	struct in6_addr v6_a, v6_b;

	if (inet_pton(AF_INET6, a, &v6_a) != 1 || inet_pton(AF_INET6, b, &v6_b) != 1)
		return strcmp(a, b) == 0;
	return memcmp(&v6_a, &v6_b, 8) == 0;
}
