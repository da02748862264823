/*
 * err: formatting into the caller's error object. Messages are cut, never allocated.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_format(struct err *err, int code, const char *format, ...)
{
    if (!err) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    err->code = code;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (!err) {
        return -1;
    }
    char inner[ERR_MESSAGE_MAX];
    memcpy(inner, err->message, sizeof(inner));

    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(err->message)) {
        snprintf(err->message + n, sizeof(err->message) - (size_t)n, ": %s", inner);
    }
    return err->code;
}
