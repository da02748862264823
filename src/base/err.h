/*
 * err: one error object for what a person has to read.
 *
 * Leaf functions return 0 or -errno. Where the reason matters, the last parameter is a `struct err *`
 * on the caller's stack: code and message, no allocation. Every function here accepts err == NULL.
 */
#pragma once

#include <stddef.h>

#define ERR_MESSAGE_MAX 512

struct err {
    int code; /* -errno, 0 while nothing failed */
    char message[ERR_MESSAGE_MAX];
};

void err_format(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets code (a negative errno) and message, cut at ERR_MESSAGE_MAX - 1 bytes. Yields the code; being a
 * macro, in sight of static analysis. */
#define err_set(err, code, ...)                                                                    \
    ({                                                                                             \
        int err_code_ = (code);                                                                    \
        err_format((err), err_code_, __VA_ARGS__);                                                 \
        err_code_;                                                                                 \
    })

/* Puts "context: " before the message. Returns the code already there (-1 for NULL). */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
