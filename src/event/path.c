/*
 * path: component by component into the caller's storage; most paths of real programs are absolute
 * and clean already, which one scan tells, and are then returned as they are.
 *
 * Invariant of the builder: storage[0 .. n) is clean and has no trailing slash, but for the root
 * while it is empty ("" stands for "/").
 */
#include "event/path.h"

struct builder {
    char *p;
    size_t n;
    size_t size;
    size_t floor; /* ".." never goes below */
};

static bool is_clean(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] != '/') {
            continue;
        }
        char next = i + 1 < path.n ? path.p[i + 1] : '/';
        if (next == '/' || next == '.') {
            return path.n == 1;
        }
    }
    return true;
}

static void builder_up(struct builder *b)
{
    while (b->n > b->floor && b->p[b->n - 1] != '/') {
        b->n--;
    }
    b->n -= b->n > b->floor;
}

static void builder_add(struct builder *b, struct str component, bool relative)
{
    size_t slash = b->n > 0 || !relative;
    size_t room = b->size - b->n;
    if (room < slash + 1) {
        return;
    }
    if (slash) {
        b->p[b->n++] = '/';
    }
    component = str_first(component, b->size - b->n);
    memcpy(b->p + b->n, component.p, component.n);
    b->n += component.n;
}

static void builder_walk(struct builder *b, struct str path, bool relative)
{
    size_t i = 0;
    while (i < path.n) {
        if (path.p[i] == '/') {
            i++;
            continue;
        }
        const char *end = memchr(path.p + i, '/', path.n - i);
        size_t n = end ? (size_t)(end - path.p) - i : path.n - i;
        struct str component = { path.p + i, n };
        if (n == 2 && component.p[0] == '.' && component.p[1] == '.') {
            builder_up(b);
        } else if (n != 1 || component.p[0] != '.') {
            builder_add(b, component, relative);
        }
        i += n;
    }
}

struct str path_resolve(struct str base, struct str path, char *storage, size_t size)
{
    bool absolute = path.n > 0 && path.p[0] == '/';
    if (absolute && is_clean(path)) {
        return str_first(path, size);
    }
    struct builder b = { .p = storage, .size = size };
    bool relative = !absolute && (base.n == 0 || base.p[0] != '/');
    if (!absolute && relative) {
        b.n = base.n < size ? base.n : size;
        memcpy(storage, base.n ? base.p : "", b.n);
        while (b.n > 0 && storage[b.n - 1] == '/') {
            b.n--;
        }
        b.floor = b.n;
    } else if (!absolute) {
        builder_walk(&b, base, false);
    }
    builder_walk(&b, path, relative);
    if (b.n == 0 && !relative && size > 0) {
        storage[b.n++] = '/';
    }
    return (struct str){ storage, b.n };
}
