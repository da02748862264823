/*
 * The difference of two texts, as diff -u writes it.
 *
 * Myers' greedy search over lines, with its trace kept for the way back. Texts that differ in more than
 * EDITS_MAX lines are told as wholly replaced: nobody reads such a difference.
 */
#include "server/content_internal.h"

#define EDITS_MAX 2000
#define LINES_MAX 200000
#define AROUND    3 /* lines shown before and after */

struct lines {
    struct str *items;
    int n;
};

struct diff {
    struct lines from, to;
    char *ops; /* ' ', '-', '+' in order */
    int nops;
};

static bool split(struct arena *arena, struct str text, struct lines *ret)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n';
    }
    ret->items = n <= LINES_MAX ? ARENA_ARRAY(arena, struct str, n) : NULL;
    ret->n = 0;
    for (size_t at = 0; ret->items && at < text.n;) {
        struct str rest = str_from_offset(text, at);
        ptrdiff_t end = str_find_char(rest, '\n');
        ret->items[ret->n] = str_first(rest, end < 0 ? rest.n : (size_t)end);
        at += ret->items[ret->n++].n + 1;
    }
    return ret->items;
}

static bool same(const struct diff *d, int x, int y)
{
    return str_eq(d->from.items[x], d->to.items[y]);
}

/* Farthest x on diagonal k after `edits` edits, from the row before. */
static int farthest(const struct diff *d, const int *row, int edits, int k)
{
    bool down = k == -edits || (k != edits && row[k - 1] < row[k + 1]);
    int x = down ? row[k + 1] : row[k - 1] + 1;
    while (x < d->from.n && x - k < d->to.n && same(d, x, x - k)) {
        x++;
    }
    return x;
}

/* The rows of the search; *ret_edits: how many. NULL: too many. Row e has diagonals -e..e, its middle at rows[e]. */
static int **search(const struct diff *d, struct arena *arena, int *ret_edits)
{
    int most = d->from.n + d->to.n < EDITS_MAX ? d->from.n + d->to.n : EDITS_MAX;
    int **rows = ARENA_ARRAY(arena, int *, (size_t)most + 1);
    int start[3] = { 0, 0, 0 };
    const int *before = start + 1;
    for (int e = 0; rows && e <= most; e++) {
        int *row = ARENA_ARRAY(arena, int, 2 * (size_t)e + 5);
        if (!row) {
            return NULL;
        }
        rows[e] = row + e + 2;
        for (int k = -e; k <= e; k += 2) {
            rows[e][k] = farthest(d, before, e, k);
            if (rows[e][k] >= d->from.n && rows[e][k] - k >= d->to.n) {
                *ret_edits = e;
                return rows;
            }
        }
        before = rows[e];
    }
    return NULL;
}

static void back_trace(struct diff *d, int **rows, int edits)
{
    int x = d->from.n, y = d->to.n, at = d->from.n + d->to.n;
    int end = at;
    for (int e = edits; e > 0; e--) {
        const int *row = rows[e - 1];
        int k = x - y;
        bool down = k == -e || (k != e && row[k - 1] < row[k + 1]);
        int before_x = down ? row[k + 1] : row[k - 1];
        int before_y = before_x - (down ? k + 1 : k - 1);
        while (x > before_x + !down && y > before_y + down) {
            d->ops[--at] = ' ';
            x--;
            y--;
        }
        d->ops[--at] = down ? '+' : '-';
        x = before_x;
        y = before_y;
    }
    while (x > 0) {
        d->ops[--at] = ' ';
        x--;
    }
    d->nops = end - at;
    memmove(d->ops, d->ops + at, (size_t)d->nops);
}

static void replace_all(struct diff *d)
{
    memset(d->ops, '-', (size_t)d->from.n);
    memset(d->ops + d->from.n, '+', (size_t)d->to.n);
    d->nops = d->from.n + d->to.n;
}

/* From `begin`: where the run of changes with what surrounds them ends. */
static int hunk_end(const struct diff *d, int begin)
{
    int last = begin;
    for (int i = begin; i < d->nops && i - last <= 2 * AROUND; i++) {
        last = d->ops[i] != ' ' ? i : last;
    }
    return last + AROUND + 1 < d->nops ? last + AROUND + 1 : d->nops;
}

static void put_hunk(const struct diff *d, int begin, int end, struct buf *ret)
{
    int x = 0, y = 0, nx = 0, ny = 0;
    for (int i = 0; i < end; i++) {
        int *px = i < begin ? &x : &nx, *py = i < begin ? &y : &ny;
        *px += d->ops[i] != '+';
        *py += d->ops[i] != '-';
    }
    buf_printf(ret, "@@ -%d,%d +%d,%d @@\n", x + (nx > 0), nx, y + (ny > 0), ny);
    for (int i = begin; i < end; i++) {
        buf_putc(ret, d->ops[i]);
        buf_puts(ret, d->ops[i] == '+' ? d->to.items[y] : d->from.items[x]);
        buf_putc(ret, '\n');
        x += d->ops[i] != '+';
        y += d->ops[i] != '-';
    }
}

void content_diff(struct str from, struct str to, struct arena *arena, struct buf *ret)
{
    struct diff d = { 0 };
    int edits = 0;
    if (str_eq(from, to) || !split(arena, from, &d.from) || !split(arena, to, &d.to)) {
        return;
    }
    d.ops = arena_bytes(arena, (size_t)d.from.n + (size_t)d.to.n + 1);
    if (!d.ops) {
        return;
    }
    int **rows = search(&d, arena, &edits);
    if (rows) {
        back_trace(&d, rows, edits);
    } else {
        replace_all(&d);
    }
    for (int i = 0; i < d.nops; i++) {
        if (d.ops[i] != ' ') {
            int begin = i > AROUND ? i - AROUND : 0;
            int end = hunk_end(&d, i);
            put_hunk(&d, begin, end, ret);
            i = end - 1;
        }
    }
}
