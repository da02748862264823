/*
 * findings_query: filter, words, times, order and place of a request, as a query of the store.
 *
 * Words become a part of the filter: each has to occur in one of the texts that lists show. A cursor is
 * "SORT.VALUE.ROW", the place after which a page begins; it is stable while findings come and go.
 */
#include "server/findings.h"
#include "server/server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMIT_DEFAULT 50
#define CURSOR_MAX    64

static const struct sort_name {
    const char *name;
    enum columns_sort sort;
    bool ascending;
} sorts[] = {
    { "-last_seen", SORT_LAST_SEEN, false },   { "last_seen", SORT_LAST_SEEN, true },
    { "-first_seen", SORT_FIRST_SEEN, false }, { "first_seen", SORT_FIRST_SEEN, true },
    { "-severity", SORT_SEVERITY, false },     { "severity", SORT_SEVERITY, true },
    { "-count", SORT_COUNT, false },           { "count", SORT_COUNT, true },
};
#define SORTS (sizeof(sorts) / sizeof(sorts[0]))

static const char *const searched[] = { "rule",
                                        "type",
                                        "file",
                                        "domain",
                                        "item",
                                        "container.name",
                                        "container.image",
                                        "container.id",
                                        "proc.name",
                                        "proc.exepath",
                                        "proc.cmdline",
                                        "user.name",
                                        "host",
                                        "ecs.cluster",
                                        "ecs.task.id" };

static void put_quoted(struct buf *buf, struct str s)
{
    buf_putc(buf, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') {
            buf_putc(buf, '\\');
        }
        buf_putc(buf, s.p[i]);
    }
    buf_putc(buf, '"');
}

/* (rule icontains "w" or output icontains "w" ...) */
static void put_word(struct buf *buf, struct str word)
{
    for (size_t i = 0; i < sizeof(searched) / sizeof(searched[0]); i++) {
        buf_printf(buf, "%s%s icontains ", i == 0 ? "(" : " or ", searched[i]);
        put_quoted(buf, word);
    }
    buf_putc(buf, ')');
}

static bool next_word(struct str *text, struct str *ret)
{
    *text = str_trim(*text);
    size_t n = 0;
    while (n < text->n && (unsigned char)text->p[n] > ' ') {
        n++;
    }
    *ret = str_first(*text, n);
    *text = str_from_offset(*text, n);
    return n > 0;
}

bool findings_words(struct request *request, struct str filter, struct str text, struct str *ret,
                    struct reply *reply)
{
    struct buf buf;
    struct str word;
    unsigned n = 0;
    if (text.n > FINDINGS_TEXT_MAX) {
        reply_problem(reply, 400, "text_too_long", "at most %d bytes of words", FINDINGS_TEXT_MAX);
        return false;
    }
    buf_init(&buf, FILTER_TEXT_MAX);
    if (filter.n > 0) {
        buf_putc(&buf, '(');
        buf_puts(&buf, filter);
        buf_putc(&buf, ')');
    }
    for (; next_word(&text, &word) && n < FINDINGS_WORDS_MAX; n++) {
        buf_putz(&buf, buf.n > 0 ? " and " : "");
        put_word(&buf, word);
    }
    *ret = arena_str(request->arena, buf_str(&buf));
    bool failed = buf.failed || (buf.n > 0 && !ret->p);
    buf_done(&buf);
    if (failed || n == FINDINGS_WORDS_MAX) {
        reply_problem(reply, 400, "text_too_long", "at most %d words", FINDINGS_WORDS_MAX - 1);
        return false;
    }
    return true;
}

bool findings_filter(struct server *server, struct request *request, enum filter_over over,
                     struct str text, struct filter *ret, struct reply *reply)
{
    struct err err = { 0 };
    uint32_t offset;
    int r = filter_compile(request->arena, over, text, server->now_ms(), ret, &offset, &err);
    if (r < 0) {
        reply_problem(reply, 400, "bad_filter", "filter, column %u: %s", offset + 1, err.message);
    }
    return r == 0;
}

bool findings_time(struct server *server, struct str text, const char *name, int64_t *ret,
                   struct reply *reply)
{
    *ret = 0;
    if (text.n == 0 || filter_time(text, server->now_ms(), ret)) {
        return true;
    }
    reply_problem(reply, 400, "bad_time",
                  "%s: a time is 2026-11-22T10:00:00Z, -24h, or milliseconds since 1970", name);
    return false;
}

static const struct sort_name *find_sort(struct str name)
{
    if (name.n == 0) {
        return &sorts[0];
    }
    for (size_t i = 0; i < SORTS; i++) {
        if (str_eqz(name, sorts[i].name)) {
            return &sorts[i];
        }
    }
    return NULL;
}

static bool read_cursor(struct str cursor, struct columns_page *page)
{
    char text[CURSOR_MAX];
    unsigned sort;
    int n = 0;
    if (cursor.n == 0 || cursor.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, cursor.p, cursor.n);
    text[cursor.n] = '\0';
    if (sscanf(text, "%u.%" SCNd64 ".%" SCNd64 "%n", &sort, &page->value, &page->row, &n) != 3 ||
        (size_t)n != cursor.n || sort >= SORTS || sorts[sort].sort != page->sort ||
        sorts[sort].ascending != page->ascending) {
        return false;
    }
    page->resumed = true;
    return true;
}

static bool ask_page(struct request *request, struct columns_page *ret, struct reply *reply)
{
    const struct sort_name *sort = find_sort(request_query(request, "sort"));
    struct str cursor = request_query(request, "cursor");
    int64_t limit, skip;
    if (!sort) {
        reply_problem(reply, 400, "bad_sort",
                      "sort is last_seen, first_seen, severity or count, with - before it for the "
                      "greatest first");
        return false;
    }
    if (!request_number(request, "limit", 1, FINDINGS_PAGE_MAX, LIMIT_DEFAULT, &limit, reply) ||
        !request_number(request, "offset", 0, FINDINGS_SKIP_MAX, 0, &skip, reply)) {
        return false;
    }
    *ret = (struct columns_page){ .sort = sort->sort,
                                  .ascending = sort->ascending,
                                  .skip = (uint32_t)skip,
                                  .limit = (uint32_t)limit };
    if (cursor.p && !read_cursor(cursor, ret)) {
        reply_problem(reply, 400, "bad_cursor",
                      "cursor is not the \"next\" of an answer with the same sort");
        return false;
    }
    return true;
}

struct str findings_cursor(const struct request *request, const struct columns_page *page,
                           const struct columns_place *last)
{
    char text[CURSOR_MAX];
    unsigned i = 0;
    while (sorts[i].sort != page->sort || sorts[i].ascending != page->ascending) {
        i++;
    }
    int n = snprintf(text, sizeof(text), "%u.%" PRId64 ".%" PRId64, i, last->value, last->row);
    return arena_str(request->arena, str_from(text, (size_t)n));
}

bool findings_ask(struct server *server, struct request *request, struct findings_asked *ret,
                  struct reply *reply)
{
    struct findings_asked asked = { 0 };
    struct str text;
    if (!findings_words(request, request_query(request, "filter"), request_query(request, "text"),
                        &text, reply) ||
        !findings_time(server, request_query(request, "from"), "from", &asked.query.from_ms,
                       reply) ||
        !findings_time(server, request_query(request, "to"), "to", &asked.query.to_ms, reply) ||
        !ask_page(request, &asked.page, reply) ||
        !findings_filter(server, request, FILTER_FINDINGS, text, &asked.filter, reply)) {
        return false;
    }
    if (filter_context_new(&asked.query.context) < 0) {
        findings_asked_done(&asked);
        reply_problem(reply, 503, "out_of_memory", "out of memory");
        return false;
    }
    *ret = asked;
    ret->query.filter = &ret->filter;
    return true;
}

void findings_asked_done(struct findings_asked *asked)
{
    filter_context_free(asked->query.context);
    filter_done(&asked->filter);
}
