/*
 * Filters: the first byte says over which records, the rest is the text. What is taken is evaluated on a record, whole and
 * partial, and made SQL of; what is refused is refused with a reason and a place. Times alone, too.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "filter/filter.h"

#include <string.h>

#define NOW_MS INT64_C(1795348800000)

static bool own(void *data, enum own_field field, struct value *ret)
{
    (void)data;
    *ret = (struct value){ .type = own_table[field].desc.type };
    if (ret->type == TYPE_CHARBUF) {
        ret->s = STR("new");
    } else {
        ret->i = 70;
    }
    return field % 3 != 0;
}

static void evaluate(const struct filter *filter)
{
    struct filter_context *context = NULL;
    if (filter_context_new(&context) < 0) {
        return;
    }
    struct json_object *fields = json_tokener_parse(
        "{\"proc.name\":\"sh\",\"fd.sport\":443,\"fd.sip\":\"10.1.2.3\",\"proc.cwd\":null,"
        "\"proc.aname[2]\":[\"a\",\"b\"],\"evt.num\":-1,\"user.uid\":\"text\"}");
    struct json_object *tags = json_tokener_parse("[\"T1059\",5,null]");
    struct record record = { .own = own, .fields = fields, .tags = tags };
    enum filter_answer whole = filter_holds(filter, context, &record);
    record.partial = true;
    enum filter_answer partial = filter_holds(filter, context, &record);
    FUZZ_CHECK(whole != FILTER_UNDECIDED);
    FUZZ_CHECK(partial == FILTER_UNDECIDED || partial == whole);
    json_object_put(fields);
    json_object_put(tags);
    filter_context_free(context);
}

/* Nothing of the text stands in it: texts and numbers are parameters. */
static void check_where(const struct filter_sql *sql)
{
    uint32_t marks = 0;
    for (size_t i = 0; i < sql->where.n; i++) {
        marks += sql->where.p[i] == '?';
        FUZZ_CHECK(sql->where.p[i] >= ' ' && !strchr(";\"`", sql->where.p[i]));
    }
    FUZZ_CHECK(marks == sql->nparams);
    FUZZ_CHECK(str_find(sql->where, STR("--")) < 0 && str_find(sql->where, STR("/*")) < 0);
}

static void make_sql(const struct filter *filter, struct arena *arena)
{
    static const struct filter_dialect with = { "f", "holds", "f.body" };
    static const struct filter_dialect without = { "f", NULL, "NULL" };
    struct filter_sql sql;
    struct err err = { 0 };
    if (filter_sql(filter, &with, arena, &sql, &err) == 0) {
        FUZZ_CHECK(sql.exact && sql.where.n > 0 && sql.nparams <= 32766);
        check_where(&sql);
    } else {
        FUZZ_CHECK(err.message[0] != '\0');
    }
    if (filter_sql(filter, &without, arena, &sql, &err) == 0) {
        check_where(&sql);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_done) struct arena arena;
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct err err = { 0 };
    uint32_t offset = 0;
    int64_t ms;
    if (size == 0) {
        return 0;
    }
    struct str text = str_from(data + 1, size - 1);
    arena_init(&arena, (size_t)64 << 20);
    filter_time(text, NOW_MS, &ms);
    if (filter_compile(&arena, 1U << (data[0] % 3), text, NOW_MS, &filter, &offset, &err) == 0) {
        evaluate(&filter);
        make_sql(&filter, &arena);
    } else {
        FUZZ_CHECK(err.message[0] != '\0' && offset <= text.n);
    }
    return 0;
}
