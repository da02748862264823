/*
 * findings_fixture: findings at random; see findings_fixture.h.
 *
 * Texts are few, so that filters meet them, and awkward: empty, of several bytes a character, with what SQL and filters
 * take for their own.
 */
#include "findings_fixture.h"

#include "base/buf.h"
#include "store/body.h"
#include "store/ingest.h"

#define NOW_MS INT64_C(1795300000000)

static const char *const texts[] = { "",      "sh",       "bash",    "Bash",
                                     "nginx", "a b",      "100%_x",  "it's",
                                     "q\"q",  "b\\s",     "火の見",  "\xc3\xa9t\xc3\xa9",
                                     "new",   "10.0.0.7", "/bin/sh", "-1" };
static const char *const tags[] = { "[]", "[\"T1059\"]", "[\"T1059\",\"container\"]", "[\"a b\"]" };

static struct str pick(struct findings_fixture *fixture)
{
    return str_of(texts[test_random_below(&fixture->random, ARRAY_SIZE(texts))]);
}

static struct str alert_of(struct findings_fixture *fixture, const struct ingest_finding *f)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    uint64_t random = test_random(&fixture->random);
    buf_init(&buf, 65536);
    jsonw_object(&w, NULL);
    jsonw_raw(&w, "tags", f->tags);
    jsonw_object(&w, "output_fields");
    if (random & 1) {
        jsonw_str(&w, "proc.aname[2]", pick(fixture));
    }
    if (random & 2) {
        jsonw_i64(&w, "fd.sport", (int64_t)test_random_below(&fixture->random, 4) * 100);
    }
    if (random & 4) {
        jsonw_null(&w, "proc.cwd");
    } else {
        jsonw_str(&w, "proc.cwd", pick(fixture));
    }
    if (random & 8) {
        jsonw_strz(&w, "fd.sip", random & 16 ? "10.0.0.7" : "::1");
    }
    jsonw_end(&w);
    jsonw_end(&w);
    struct str kept = arena_str(&fixture->arena, buf_str(&buf));
    buf_done(&buf);
    assert_non_null(kept.p);
    return kept;
}

static void fill(struct findings_fixture *fixture, struct ingest_finding *f, int64_t row)
{
    int64_t at = NOW_MS - (int64_t)test_random_below(&fixture->random, 1000) * 60000;
    *f = (struct ingest_finding){
        .row = row,
        .opened_ms = at,
        .first_seen_ms = at,
        .last_seen_ms = at + (int64_t)test_random_below(&fixture->random, 3) * 60000,
        .now_ms = NOW_MS,
        .count = (int64_t)test_random_below(&fixture->random, 5) + 1,
        .proc_pid = (int64_t)test_random_below(&fixture->random, 3) - 1,
        .severity = (uint8_t)test_random_below(&fixture->random, 101),
        .sequence = test_random_below(&fixture->random, 4) == 0,
        .suppressed = test_random_below(&fixture->random, 4) == 0,
        .priority = STR("Warning"),
        .rule = STR("a rule"),
        .title = STR("a rule"),
        .agent = STR("a1"),
        .tags = str_of(tags[test_random_below(&fixture->random, ARRAY_SIZE(tags))]),
    };
    struct str *const some[] = { &f->policy,       &f->type,     &f->source,       &f->output,
                                 &f->container_id, &f->image,    &f->cluster,      &f->service,
                                 &f->proc_name,    &f->proc_exe, &f->proc_cmdline, &f->user_name,
                                 &f->parent_name,  &f->domain,   &f->file,         &f->item };
    for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
        *some[i] = pick(fixture);
    }
    snprintf(f->id, sizeof(f->id), "f%024llx", (unsigned long long)row);
    memcpy(f->key, f->id + 9, sizeof(f->key));
}

struct making {
    struct findings_fixture *fixture;
    struct body_packer *packer;
    uint32_t n;
    int64_t first;
};

static int make(void *data, struct ingest_tx *tx, struct err *err)
{
    struct making *m = data;
    struct findings_fixture *fixture = m->fixture;
    const struct store_ingest_ops *ops = fixture->base.store->ingest;
    int r = ops->last_row(tx, &m->first, err);
    m->first++;
    for (uint32_t i = 0; r == 0 && i < m->n; i++) {
        struct ingest_finding f;
        fill(fixture, &f, m->first + i);
        if (test_random_below(&fixture->random, 10) > 0) {
            f.body = body_pack(m->packer, alert_of(fixture, &f), &fixture->arena);
        }
        r = ops->add_finding(tx, &f, err);
    }
    return r;
}

int64_t findings_make(struct findings_fixture *fixture, uint32_t n)
{
    struct making m = { .fixture = fixture, .n = n };
    struct err err = { 0 };
    assert_int_equal(body_packer_new(&m.packer), 0);
    if (fixture->base.store->ingest->write(
            fixture->base.store,
            &(struct ingest_write){ .body = make, .data = &m, .now_ms = NOW_MS }, &err) < 0) {
        fail_msg("%s", err.message);
    }
    body_packer_free(m.packer);
    return m.first;
}

int findings_setup(void **state)
{
    struct findings_fixture *fixture = test_calloc(1, sizeof(*fixture));
    store_dir_make(&fixture->base.dir);
    fixture->base.store = store_opened(&fixture->base.dir);
    fixture->random = 7;
    arena_init(&fixture->arena, (size_t)1 << 30);
    *state = fixture;
    return filter_context_new(&fixture->context);
}

int findings_teardown(void **state)
{
    struct findings_fixture *fixture = *state;
    filter_context_free(fixture->context);
    arena_done(&fixture->arena);
    store_close(fixture->base.store);
    store_dir_remove(&fixture->base.dir);
    test_free(fixture);
    return 0;
}

uint32_t findings_all(struct findings_fixture *fixture, struct finding **ret)
{
    struct store *store = fixture->base.store;
    struct findings_query query = { .context = fixture->context };
    int64_t *rows;
    uint32_t n = 0;
    struct err err = { 0 };
    const struct filter all = { .over = FILTER_FINDINGS };
    query.filter = &all;
    assert_int_equal(
        store->findings->select(store, &query, 10000, &fixture->arena, &rows, &n, &err), 0);
    struct finding *brief = ARENA_ARRAY(&fixture->arena, struct finding, n);
    *ret = ARENA_ARRAY(&fixture->arena, struct finding, n);
    assert_int_equal(store->findings->by_rows(store, rows, n, &fixture->arena, brief, &n, &err), 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(
            store->findings->get(store, brief[i].id, &fixture->arena, &(*ret)[i], &err), 0);
    }
    return n;
}

/* By the name of the column. */
static bool own(void *data, enum own_field field, struct value *ret)
{
    const struct finding *f = data;
    const char *column = own_table[field].column;
    *ret = (struct value){ .type = own_table[field].desc.type };
#define FINDING_TEXT(member)                                                                       \
    if (strcmp(column, #member) == 0) {                                                            \
        ret->s = f->member;                                                                        \
        return f->member.n > 0;                                                                    \
    }
#define FINDING_INT(member)                                                                        \
    if (strcmp(column, #member) == 0) {                                                            \
        ret->i = f->member;                                                                        \
        return true;                                                                               \
    }
#include "store/finding_columns.def"
    return false;
}

bool findings_hold(struct findings_fixture *fixture, const struct filter *filter,
                   const struct finding *finding)
{
    struct json_object *tags_json = json_tokener_parse(finding->tags.p);
    struct json_object *alert =
        finding->first_alert.n ? json_tokener_parse(finding->first_alert.p) : NULL;
    struct record record = { .own = own,
                             .data = (void *)(uintptr_t)finding,
                             .tags = tags_json,
                             .fields =
                                 alert ? json_object_object_get(alert, "output_fields") : NULL };
    enum filter_answer answer = filter_holds(filter, fixture->context, &record);
    json_object_put(alert);
    json_object_put(tags_json);
    assert_int_not_equal(answer, FILTER_UNDECIDED);
    return answer == FILTER_YES;
}
