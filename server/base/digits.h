/* digits.h - numbers as text, where printf would show in the costs. Pure. */
#pragma once
#include <stdint.h>

#define DECIMAL_MAX 20
#define HEX_MAX 16

/* Both return where the number ends, write no NUL, and need room for the longest number whatever theirs is. */
char *decimal_put(char *to, uint64_t n);
char *hex_put(char *to, uint64_t n); /* lower case, no zeros in front */
