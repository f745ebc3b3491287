/* listen_own.h - between the two halves of listen.h: making a socket, and accepting from it. */
#pragma once
#include "server/net/listen.h"

struct listener *listener_new(int fd, const char *path);
