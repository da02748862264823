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

#define EACH_BYTE(c) ((uint64_t)(c)*UINT64_C(0x0101010101010101))

/* Bytes that are not zero where the word at p has no slash with a slash behind it, its lowest bit as
 * `ignored` says: '.' is '/' without it. */
static uint64_t no_pair(const char *p, uint64_t ignored)
{
    uint64_t first, second;
    memcpy(&first, p, sizeof(first));
    memcpy(&second, p + 1, sizeof(second));
    return (first ^ EACH_BYTE('/')) | ((second | ignored) ^ EACH_BYTE('/'));
}

static bool has_zero_byte(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* Is there a slash followed by a slash (or, with the lowest bit ignored, by a dot)? */
static bool has_pair(struct str path, uint64_t ignored)
{
    const size_t word = sizeof(uint64_t);
    size_t i = 0;
    for (; i + word < path.n; i += word) {
        if (has_zero_byte(no_pair(path.p + i, ignored))) {
            return true;
        }
    }
    if (i == 0) {
        for (; i + 1 < path.n; i++) {
            if (path.p[i] == '/' && (path.p[i + 1] | (char)ignored) == '/') {
                return true;
            }
        }
        return false;
    }
    return has_zero_byte(no_pair(path.p + path.n - word - 1, ignored));
}

bool path_has_double_slash(struct str path)
{
    return has_pair(path, 0);
}

bool path_is_clean(struct str path)
{
    return path.n > 0 && path.p[0] == '/' &&
           (path.n == 1 || (path.p[path.n - 1] != '/' && !has_pair(path, EACH_BYTE(1))));
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
    if (path_is_clean(path)) {
        return str_first(path, size);
    }
    bool absolute = path.n > 0 && path.p[0] == '/';
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
