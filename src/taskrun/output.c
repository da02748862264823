/*
 * output: what containers print, a line at a time, with the name of who printed it before it.
 *
 * A line longer than RUN_LINE_MAX is cut in two, as Docker does. Whoever reads what this process prints can hold it up.
 */
#include "taskrun/run.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PREFIX_MAX 300
#define READS_MAX  16 /* of one stream, before the others have their turn */

static void wait_for(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLOUT };
    poll(&one, 1, -1);
}

/* All of it, or nothing more: where nobody reads, nothing is kept. */
static void put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);
        if (written < 0 && errno == EAGAIN) {
            wait_for(fd);
        } else if (written < 0 && errno != EINTR) {
            return;
        }
        p += written > 0 ? written : 0;
        n -= written > 0 ? (size_t)written : 0;
    }
}

/* In one piece, so that lines of others do not come between. */
static void put_line(const struct run *run, const struct slot *slot, const struct stream *stream,
                     const char *line, size_t n)
{
    char storage[RUN_LINE_MAX + PREFIX_MAX];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    if (!run->options->no_prefix) {
        buf_putc(&text, '[');
        buf_puts(&text, slot->def->name);
        buf_put(&text, "] ", 2);
    }
    buf_put(&text, line, n);
    buf_putc(&text, '\n');
    put(stream->to, text.p, text.n);
}

static void put_lines(const struct run *run, const struct slot *slot, struct stream *stream)
{
    size_t at = 0;
    for (;;) {
        const char *line = stream->line + at;
        const char *end = memchr(line, '\n', stream->n - at);
        if (!end) {
            break;
        }
        put_line(run, slot, stream, line, (size_t)(end - line));
        at = (size_t)(end - stream->line) + 1;
    }
    if (at == 0 && stream->n == RUN_LINE_MAX) {
        put_line(run, slot, stream, stream->line, stream->n);
        at = stream->n;
    }
    memmove(stream->line, stream->line + at, stream->n - at);
    stream->n -= (uint32_t)at;
}

void output_read(struct run *run, struct slot *slot, struct stream *stream)
{
    for (int i = 0; i < READS_MAX && stream->fd >= 0; i++) {
        ssize_t n = read(stream->fd, stream->line + stream->n, RUN_LINE_MAX - stream->n);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            if (stream->n) {
                put_line(run, slot, stream, stream->line, stream->n);
                stream->n = 0;
            }
            close(stream->fd);
            stream->fd = -1;
            return;
        }
        stream->n += (uint32_t)n;
        put_lines(run, slot, stream);
    }
}

void output_close(struct run *run, struct slot *slot)
{
    for (int i = 0; i < 2; i++) {
        struct stream *stream = &slot->streams[i];
        if (stream->fd >= 0) {
            output_read(run, slot, stream);
        }
        if (stream->n) {
            put_line(run, slot, stream, stream->line, stream->n);
            stream->n = 0;
        }
        if (stream->fd >= 0) {
            close(stream->fd);
            stream->fd = -1;
        }
    }
}
