/*
 * log: each line is formatted into one buffer and written with one call, so lines never interleave.
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/fd.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_level = LOG_INFO;
static const char *log_program = "hinomi";

void log_set_level(enum log_level most_detailed)
{
    log_level = most_detailed;
}

void log_set_program(const char *name)
{
    log_program = name;
}

/* Would a terminal act on it? C0, DEL, and C1 as UTF-8 (U+0080 to U+009F). */
static size_t control_length(const char *c)
{
    const unsigned char *u = (const unsigned char *)c;
    if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] <= 0x9f) {
        return 2;
    }
    return u[0] < 0x20 || u[0] == 0x7f;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const words[] = { "error: ", "warning: ", "", "debug: " };
    if (level > log_level) {
        return;
    }
    char message[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    char line[sizeof(message) * 4 + 64];
    struct buf buf;
    buf_init_fixed(&buf, line, sizeof(line));
    buf_printf(&buf, "%s: %s", log_program, words[level]);
    for (const char *c = message; *c;) {
        size_t controls = control_length(c);
        for (size_t i = 0; i < controls; i++) {
            buf_printf(&buf, "\\x%02x", (unsigned char)*c++);
        }
        if (!controls) {
            buf_putc(&buf, *c++);
        }
    }
    buf_putc(&buf, '\n');
    (void)fd_write_all(STDERR_FILENO, buf.p, buf.n);
}
