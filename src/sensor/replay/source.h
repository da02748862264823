/*
 * source: the uncompressed bytes of a capture, chunk by chunk, from a file, a pipe or standard input.
 *
 * With `threaded`, reading and inflating run ahead in a thread of their own, by at most SOURCE_CHUNKS
 * chunks; all memory is taken when opening. One consumer.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_CHUNK    ((size_t)256 << 10)
#define SOURCE_HEADROOM ((size_t)128 << 10)
#define SOURCE_CHUNKS   4

struct source_options {
    bool unthreaded;
    bool zlib; /* inflate by zlib though ISA-L is there */
};

struct source_chunk {
    uint8_t *data; /* SOURCE_HEADROOM bytes before it are the consumer's to write */
    size_t n;
    uint64_t offset; /* of data[0] in the uncompressed stream */
    uint64_t in;     /* bytes of the file used once this was made */
};

struct source;

/* path "-": standard input. */
int source_open(const char *path, const struct source_options *options, struct source **ret,
                struct err *err);
/* NULL allowed. */
void source_close(struct source *source);

/*
 * 1 and the next chunk, never empty; 0: the end; negative: what is wrong with the input, after all that
 * could be read. A chunk stays valid until the second call after the one that gave it.
 */
int source_next(struct source *source, struct source_chunk *ret, struct err *err);

bool source_is_gzip(const struct source *source);
/* Size of the file; 0 unknown (a pipe). */
uint64_t source_size(const struct source *source);
