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

/* Sets code (a negative errno) and message, cut at ERR_MESSAGE_MAX - 1 bytes. Returns code. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message. Returns the code already there (-1 for NULL). */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
