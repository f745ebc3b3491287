/* words.h - settings that are lists of attribute names, separated by blanks. Pure. Thread: any. */
#pragma once

struct arena;

/* Its words, in their order, in memory of the arena; ends with NULL. */
const char *const *words_split(struct arena *a, const char *list);
unsigned words_count(const char *const *words);
void words_append(const char **to, unsigned *n, const char *const *words); /* moves *n on */
