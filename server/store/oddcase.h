/* oddcase.h - finding directories whose names are not written in lower case.
 *
 * A tree copied from a file system that ignores case may say Example.COM and p3_Kim.MBX. Names are
 * looked for in lower case first; only a miss comes here. What a directory holds in odd case is
 * remembered until the directory changes - a very large one's for some seconds beyond - so that
 * guessing at mailboxes that do not exist costs no scan each. Thread: any. /
 */
#pragma once
#include <limits.h>
#include <stdbool.h>

struct oddcase;

struct oddcase *oddcase_new(void);
void oddcase_free(struct oddcase **o);
/* The entry of the directory that equals `lower` but for ASCII case; several: the first in byte
 * order. False with errno: ENOENT if there is none, else nobody can tell. */
bool oddcase_find(struct oddcase *o, int dirfd, const char *lower, char actual[NAME_MAX + 1]);
/* Lower-cases ASCII letters in place. */
void oddcase_fold(char *name);
