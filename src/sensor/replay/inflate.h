/*
 * inflate: gzip, streaming, in place of the caller's buffers. Two makers: ISA-L (fast) and zlib.
 *
 * Several members one after the other are one stream, as with gzip. Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inflater;

struct inflate_io {
    const uint8_t *in; /* advanced past what was used */
    size_t in_n;
    uint8_t *out; /* advanced past what was made */
    size_t out_n;
};

struct inflater_ops {
    const char *name;
    struct inflater *(*create)(void); /* NULL: memory is out */
    /*
     * Goes on until input or output is used up, or a member ended. 1: a member ended (call again while
     * there is input), 0: give more input or room, -EBADMSG: not gzip or damaged (*ret_why says what);
     * what could be made before the damage has been.
     */
    int (*run)(struct inflater *inflater, struct inflate_io *io, const char **ret_why);
    void (*destroy)(struct inflater *inflater);
};

extern const struct inflater_ops inflater_isal;
extern const struct inflater_ops inflater_zlib;
