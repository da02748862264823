/*
 * fuzz filter: any text as a filter, of findings, alerts or activity. What is taken is evaluated over a record and
 * turned into SQL, in which nothing of the text may stand: texts and numbers are parameters.
 */
#include "fuzz.h"

#include "filter/filter.h"

#include <string.h>

#define NOW_MS INT64_C(1763800000000)
#define BODY                                                                                       \
    "{\"proc.name\":\"sh\",\"proc.cmdline\":\"sh -c id\",\"fd.name\":\"/etc/shadow\","             \
    "\"fd.sport\":443,\"fd.sip\":\"10.0.0.1\",\"proc.pid\":7,\"evt.is_open_write\":true}"

static void check_sql(const struct filter *filter, struct arena *arena)
{
    static const struct filter_dialect dialects[] = {
        { .table = "f", .holds = "hinomi_holds", .body = "b.body" },
        { .table = "f", .body = "NULL" },
    };
    for (size_t i = 0; i < sizeof(dialects) / sizeof(*dialects); i++) {
        struct err err = { 0 };
        struct filter_sql sql;
        uint32_t marks = 0;
        if (filter_sql(filter, &dialects[i], arena, &sql, &err) < 0) {
            FUZZ_CHECK(err.code < 0 && err.message[0]);
            continue;
        }
        for (size_t at = 0; at < sql.where.n; at++) {
            marks += sql.where.p[at] == '?';
            FUZZ_CHECK(sql.where.p[at] >= ' ' && !strchr(";\"`", sql.where.p[at]));
        }
        FUZZ_CHECK(marks == sql.nparams && sql.where.n > 0);
        FUZZ_CHECK(str_find(sql.where, STR("--")) < 0 && str_find(sql.where, STR("/*")) < 0);
    }
}

static void check(enum filter_over over, struct str text, struct json_object *fields)
{
    struct filter filter = { 0 };
    struct filter_context *context = NULL;
    struct arena arena;
    struct err err = { 0 };
    uint32_t offset = 0;
    arena_init(&arena, (size_t)64 << 20);
    if (filter_compile(&arena, over, text, NOW_MS, &filter, &offset, &err) < 0) {
        FUZZ_CHECK(err.code < 0 && err.message[0]);
        FUZZ_CHECK(offset <= text.n);
    } else {
        FUZZ_CHECK(filter_context_new(&context) == 0);
        struct record record = { .fields = fields };
        enum filter_answer whole = filter_holds(&filter, context, &record);
        FUZZ_CHECK(whole != FILTER_UNDECIDED);
        record.partial = true;
        filter_holds(&filter, context, &record);
        check_sql(&filter, &arena);
        filter_context_free(context);
    }
    filter_done(&filter);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum filter_over overs[] = { FILTER_FINDINGS, FILTER_ALERTS, FILTER_ACTIVITY };
    if (size == 0 || size > FILTER_TEXT_MAX + 1) {
        return 0;
    }
    struct json_object *fields = json_tokener_parse(BODY);
    FUZZ_CHECK(fields);
    check(overs[data[0] % 3], str_from(data + 1, size - 1), fields);
    json_object_put(fields);
    return 0;
}
