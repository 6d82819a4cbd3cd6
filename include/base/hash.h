/* 64-bit content hash (XXH3, from xxHash). */
#ifndef DT_BASE_HASH_H
#define DT_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* XXH3-64, seed 0, of `size` bytes. source: https://github.com/Cyan4973/xxHash */
uint64_t dt_hash(const void *bytes, size_t size);

/* The same with a seed: different seeds, different hashes. */
uint64_t dt_hash_seeded(const void *bytes, size_t size, uint64_t seed);

/* Length of a printed hash: 16 hexadecimal digits and the terminating 0. */
#define DT_HASH_TEXT 17

/* Writes `hash` as 16 lower-case hexadecimal digits; returns `text`. */
char *dt_hash_text(uint64_t hash, char text[DT_HASH_TEXT]);

/* Reads what dt_hash_text has written. False: the text is another; *hash is 0. */
bool dt_hash_parse(const char *text, uint64_t *hash);

#endif
