/*
 * filters: random filters over random findings: the columns in memory, SQL, and plain evaluation select the same ones.
 */
#include "findings_fixture.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "store/sqlite_findings.h"

#define FINDINGS 400
#define FILTERS  1500
#define NOW_MS   INT64_C(1795300000000)

static const char *const text_fields[] = {
    "id",
    "rule",
    "policy",
    "type",
    "priority",
    "status",
    "source",
    "output",
    "host",
    "agent",
    "domain",
    "file",
    "list",
    "item",
    "proc.name",
    "proc.exepath",
    "proc.cmdline",
    "proc.pname",
    "user.name",
    "container.id",
    "container.image",
    "ecs.cluster",
    "ecs.service",
    "tag",
    "proc.cwd",
    "proc.aname[2]",
    "tolower(proc.name)",
    "toupper(file)",
};
static const char *const text_ops[] = { "=",          "!=",       "contains", "icontains",
                                        "startswith", "endswith", "glob",     "in",
                                        "exists",     "pmatch",   "regex",    "intersects",
                                        "bcontains" };
static const char *const number_ops[] = { "=", "!=", "<", "<=", ">", ">=", "in", "exists" };
static const char *const words[] = {
    "sh",         "bash",     "Bash",       "nginx",      "\"a b\"",
    "\"100%_x\"", "\"it's\"", "\"q\\\"q\"", "\"b\\\\s\"", "火の見",
    "\"\"",       "été",      "new",        "suppressed", "T1059",
    "'b*'",       "a",        "\"a rule\"", "Warning",    "f0000000000000000000000a1",
    "'*'",        "/bin/sh",
};
static const char *const number_fields[] = { "count", "severity", "fd.sport", "evt.num",
                                             "len(proc.name)" };
static const char *const time_fields[] = { "first_seen", "last_seen", "created", "updated" };
static const char *const times[] = { "-60m", "-8h", "1795299000000", "-0s",
                                     "2026-11-21T20:00:00Z" };

struct maker {
    uint64_t *random;
    struct buf buf;
};

#define ONE(m, array) ((array)[test_random_below((m)->random, ARRAY_SIZE(array))])

static void put_values(struct maker *m, const char *op, const char *const *values, size_t n)
{
    bool list = strcmp(op, "in") == 0 || strcmp(op, "intersects") == 0 || strcmp(op, "pmatch") == 0;
    if (strcmp(op, "exists") == 0) {
        return;
    }
    size_t count = list ? test_random_below(m->random, 3) + 1 : 1;
    buf_putz(&m->buf, list ? " (" : " ");
    for (size_t i = 0; i < count; i++) {
        buf_putz(&m->buf, i ? ", " : "");
        buf_putz(&m->buf, values[test_random_below(m->random, n)]);
    }
    buf_putz(&m->buf, list ? ")" : "");
}

static void put_check(struct maker *m)
{
    static const char *const numbers[] = { "0", "1", "3", "5", "7", "10", "100" };
    static const char *const bands[] = { "high", "low", "info", "critical", "medium" };
    static const char *const flags[] = { "sequence = true",         "sequence = false",
                                         "severity in (high, 5.0)", "severity != medium",
                                         "fd.sip = 10.0.0.7",       "file = val(proc.name)" };
    const char *op;
    switch (test_random_below(m->random, 8)) {
    case 0:
        op = ONE(m, number_ops);
        buf_printf(&m->buf, "%s %s", ONE(m, number_fields), op);
        put_values(m, op, numbers, ARRAY_SIZE(numbers));
        break;
    case 1:
        op = ONE(m, number_ops);
        buf_printf(&m->buf, "%s %s", ONE(m, time_fields), op);
        put_values(m, op, times, ARRAY_SIZE(times));
        break;
    case 2:
        buf_printf(&m->buf, "severity = %s", ONE(m, bands));
        break;
    case 3:
        buf_putz(&m->buf, ONE(m, flags));
        break;
    default:
        op = ONE(m, text_ops);
        buf_printf(&m->buf, "%s %s", ONE(m, text_fields), op);
        put_values(m, op, words, ARRAY_SIZE(words));
        break;
    }
}

static void put_filter(struct maker *m, unsigned depth)
{
    uint64_t kind = depth == 0 ? 0 : test_random_below(m->random, 4);
    if (kind == 0) {
        put_check(m);
        return;
    }
    if (kind == 1) {
        buf_putz(&m->buf, "not (");
        put_filter(m, depth - 1);
        buf_putc(&m->buf, ')');
        return;
    }
    uint64_t n = test_random_below(m->random, 3) + 1;
    for (uint64_t i = 0; i < n; i++) {
        buf_putz(&m->buf, i == 0 ? "(" : kind == 2 ? ") and (" : ") or (");
        put_filter(m, depth - 1);
    }
    buf_putc(&m->buf, ')');
}

static bool has_row(const int64_t *rows, uint32_t n, int64_t row)
{
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i] == row) {
            return true;
        }
    }
    return false;
}

static uint32_t by_columns(struct findings_fixture *fixture, const struct filter *filter,
                           struct arena *arena, int64_t **ret)
{
    struct store *store = fixture->base.store;
    struct findings_query query = { .filter = filter, .context = fixture->context };
    struct err err = { 0 };
    uint32_t n = 0;
    if (store->findings->select(store, &query, 10000, arena, ret, &n, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return n;
}

static uint32_t by_sql(struct findings_fixture *fixture, const struct filter *filter,
                       struct arena *arena, int64_t *ret)
{
    static const struct filter_dialect dialect = { "f", "hinomi_holds",
                                                   "coalesce(b.last_alert,b.first_alert)" };
    struct store *store = fixture->base.store;
    struct sqlite3 *db;
    sqlite3_stmt *s;
    struct filter_sql sql;
    struct err err = { 0 };
    struct buf text;
    uint32_t n = 0;
    assert_int_equal(filter_sql(filter, &dialect, arena, &sql, &err), 0);
    assert_true(sql.exact);
    buf_init(&text, 1 << 20);
    buf_putz(&text,
             "SELECT f.row FROM findings f LEFT JOIN finding_bodies b ON b.row=f.row WHERE ");
    buf_puts(&text, sql.where);
    assert_int_equal(sqlite_store_read_begin(store, &db, &err), 0);
    assert_int_equal(sqlite3_prepare_v2(db, text.p, (int)text.n, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite_bind_filter(s, 1, &sql, &err), 0);
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        ret[n++] = sqlite3_column_int64(s, 0);
    }
    assert_int_equal(code, SQLITE_DONE);
    sqlite3_finalize(s);
    sqlite_store_read_end(store, db);
    buf_done(&text);
    return n;
}

static unsigned compare(struct findings_fixture *fixture, const struct filter *filter,
                        const struct finding *all, uint32_t n, struct str text)
{
    CLEANUP(arena_done) struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    int64_t *columns, *sql = ARENA_ARRAY(&arena, int64_t, n);
    uint32_t ncolumns = by_columns(fixture, filter, &arena, &columns);
    uint32_t nsql = by_sql(fixture, filter, &arena, sql), wanted = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool holds = findings_hold(fixture, filter, &all[i]);
        bool in_columns = has_row(columns, ncolumns, all[i].row);
        bool in_sql = has_row(sql, nsql, all[i].row);
        wanted += holds;
        if (holds != in_columns || holds != in_sql) {
            print_error("%.*s\nrow %lld: holds %d, columns %d, SQL %d\n", STR_ARG(text),
                        (long long)all[i].row, holds, in_columns, in_sql);
            fail();
        }
    }
    assert_int_equal(wanted, ncolumns);
    assert_int_equal(wanted, nsql);
    return wanted > 0 && wanted < n;
}

static void test_same(void **state)
{
    struct findings_fixture *fixture = *state;
    struct finding *all;
    uint64_t random = 11;
    unsigned compiled = 0, telling = 0;
    struct maker m = { .random = &random };
    findings_make(fixture, FINDINGS);
    uint32_t n = findings_all(fixture, &all);
    assert_int_equal(n, FINDINGS);
    buf_init(&m.buf, 65536);
    for (unsigned i = 0; i < FILTERS; i++) {
        struct arena arena;
        struct filter filter = { 0 };
        struct err err = { 0 };
        uint32_t offset;
        arena_init(&arena, (size_t)16 << 20);
        buf_clear(&m.buf);
        put_filter(&m, (unsigned)test_random_below(&random, 4));
        if (filter_compile(&arena, FILTER_FINDINGS, buf_str(&m.buf), NOW_MS, &filter, &offset,
                           &err) == 0) {
            compiled++;
            telling += compare(fixture, &filter, all, n, buf_str(&m.buf));
        }
        filter_done(&filter);
        arena_done(&arena);
    }
    buf_done(&m.buf);
    print_message("%u of %d compiled, %u select some but not all\n", compiled, FILTERS, telling);
    assert_true(compiled > FILTERS / 4 && telling > compiled / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, findings_setup, findings_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
