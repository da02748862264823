/*
 * findings: lists that stay in order while findings come, facets and histograms that equal a slow count, triage.
 */
#include "findings_fixture.h"

#include "base/cleanup.h"
#include "store/triage.h"

#include <errno.h>

#define NOW_MS INT64_C(1795300000000)

static void compile(struct findings_fixture *fixture, const char *text, struct filter *ret)
{
    struct err err = { 0 };
    uint32_t offset;
    if (filter_compile(&fixture->arena, FILTER_FINDINGS, str_of(text), NOW_MS, ret, &offset, &err) <
        0) {
        fail_msg("%s: %s", text, err.message);
    }
}

static struct findings_page list(struct findings_fixture *fixture, const struct filter *filter,
                                 const struct columns_page *page)
{
    struct store *store = fixture->base.store;
    struct findings_query query = { .filter = filter, .context = fixture->context };
    struct findings_page ret;
    struct err err = { 0 };
    if (store->findings->list(store, &query, page, &fixture->arena, &ret, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return ret;
}

static int64_t sorted_by(const struct finding *f, enum columns_sort sort)
{
    return sort == SORT_LAST_SEEN    ? f->last_seen_ms
           : sort == SORT_FIRST_SEEN ? f->first_seen_ms
           : sort == SORT_SEVERITY   ? f->severity
                                     : f->count;
}

/* Every finding that was there at the first page is met once, in order, whatever comes meanwhile. */
static void check_paging(struct findings_fixture *fixture, enum columns_sort sort, bool ascending)
{
    const struct filter all = { .over = FILTER_FINDINGS };
    struct columns_page page = { .sort = sort, .ascending = ascending, .limit = 7 };
    struct findings_page got = list(fixture, &all, &page);
    uint64_t before = got.total, met = 0;
    int64_t newest = 0, last_value = 0, last_row = 0;
    struct finding *v;
    uint32_t n = findings_all(fixture, &v);
    for (uint32_t i = 0; i < n; i++) {
        newest = v[i].row > newest ? v[i].row : newest;
    }
    for (;;) {
        for (uint32_t i = 0; i < got.n; i++) {
            int64_t value = sorted_by(&got.v[i], sort), row = got.v[i].row;
            if (met > 0 || i > 0) {
                assert_true(ascending
                                ? value > last_value || (value == last_value && row > last_row)
                                : value < last_value || (value == last_value && row < last_row));
            }
            last_value = value;
            last_row = row;
            met += row <= newest;
        }
        if (!got.more) {
            break;
        }
        findings_make(fixture, 2);
        page.resumed = true;
        page.value = got.last.value;
        page.row = got.last.row;
        got = list(fixture, &all, &page);
        if (met > 1000) {
            break;
        }
    }
    assert_int_equal(met, before);
}

static void test_paging(void **state)
{
    struct findings_fixture *fixture = *state;
    findings_make(fixture, 60);
    check_paging(fixture, SORT_LAST_SEEN, false);
    check_paging(fixture, SORT_COUNT, false);
    check_paging(fixture, SORT_SEVERITY, true);
}

static void test_page_limits(void **state)
{
    struct findings_fixture *fixture = *state;
    const struct filter all = { .over = FILTER_FINDINGS };
    findings_make(fixture, FINDINGS_PAGE_MAX + 1);
    struct columns_page page = { .limit = FINDINGS_PAGE_MAX };
    assert_int_equal(list(fixture, &all, &page).n, FINDINGS_PAGE_MAX);
    page.limit = FINDINGS_PAGE_MAX - 1;
    assert_int_equal(list(fixture, &all, &page).n, FINDINGS_PAGE_MAX - 1);
    page.limit = FINDINGS_PAGE_MAX + 1;
    struct findings_query query = { .filter = &all, .context = fixture->context };
    struct findings_page ret;
    struct err err = { 0 };
    assert_int_equal(fixture->base.store->findings->list(fixture->base.store, &query, &page,
                                                         &fixture->arena, &ret, &err),
                     -EINVAL);
}

static struct str text_of(const struct finding *f, enum column column)
{
    const char *name = column_table[column].sql;
#define FINDING_TEXT(member)                                                                       \
    if (strcmp(name, #member) == 0) {                                                              \
        return f->member;                                                                          \
    }
#define FINDING_INT(member)
#include "store/finding_columns.def"
    return (struct str){ 0 };
}

/* What a facet says of its own column's part of the filter is left out: `filter` has none of these columns. */
static void check_facet(struct findings_fixture *fixture, const struct filter *filter,
                        const struct findings_facet *facet, const struct finding *all, uint32_t n)
{
    uint64_t sum = facet->rest, wanted = 0;
    for (uint32_t i = 0; i < facet->n; i++) {
        uint64_t count = 0;
        for (uint32_t k = 0; k < n; k++) {
            count += str_eq(text_of(&all[k], facet->column), facet->v[i].text) &&
                     findings_hold(fixture, filter, &all[k]);
        }
        assert_int_equal(facet->v[i].count, count);
        assert_true(i == 0 || facet->v[i].count <= facet->v[i - 1].count);
        sum += count;
    }
    for (uint32_t k = 0; k < n; k++) {
        wanted += findings_hold(fixture, filter, &all[k]);
    }
    assert_int_equal(sum, wanted);
}

static void test_facets(void **state)
{
    static const char *const filters[] = { "", "count > 2", "proc.cwd = sh",
                                           "not file exists or severity >= 7.0" };
    static const enum column columns[] = { COLUMN_STATUS, COLUMN_PROC_NAME, COLUMN_USER,
                                           COLUMN_CLUSTER };
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    struct finding *all;
    findings_make(fixture, 300);
    uint32_t n = findings_all(fixture, &all);
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        CLEANUP(filter_done) struct filter filter = { 0 };
        struct findings_facets facets;
        struct err err = { 0 };
        compile(fixture, filters[i], &filter);
        struct findings_query query = { .filter = &filter, .context = fixture->context };
        assert_int_equal(store->findings->facets(store, &query, columns, ARRAY_SIZE(columns), 5,
                                                 &fixture->arena, &facets, &err),
                         0);
        for (uint32_t k = 0; k < facets.n; k++) {
            check_facet(fixture, &filter, &facets.v[k], all, n);
        }
    }
}

static void test_histogram(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct finding *all;
    struct findings_histogram h = { .width_ms = 3600000 };
    struct err err = { 0 };
    findings_make(fixture, 300);
    uint32_t n = findings_all(fixture, &all);
    compile(fixture, "proc.name contains sh", &filter);
    struct findings_query query = { .filter = &filter, .context = fixture->context };
    assert_int_equal(store->findings->histogram(store, &query, &fixture->arena, &h, &err), 0);
    for (uint32_t b = 0; b < h.n; b++) {
        int64_t from = h.from_ms + b * h.width_ms;
        for (unsigned band = 0; band < COLUMNS_BANDS; band++) {
            static const int64_t least[] = { 0, 10, 40, 70, 90, 101 };
            uint64_t wanted = 0;
            for (uint32_t i = 0; i < n; i++) {
                wanted += all[i].last_seen_ms >= from && all[i].last_seen_ms < from + h.width_ms &&
                          all[i].severity >= least[band] && all[i].severity < least[band + 1] &&
                          findings_hold(fixture, &filter, &all[i]);
            }
            assert_int_equal(h.v[b][band], wanted);
        }
    }
    h = (struct findings_histogram){ .width_ms = 1 };
    assert_int_equal(store->findings->histogram(store, &query, &fixture->arena, &h, &err), -EINVAL);
}

static void test_triage(void **state)
{
    struct findings_fixture *fixture = *state;
    const struct store_findings_ops *ops = fixture->base.store->findings;
    struct store *store = fixture->base.store;
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct finding *all, one;
    struct err err = { 0 };
    uint32_t changed;
    findings_make(fixture, 3);
    findings_all(fixture, &all);
    struct findings_change change = { .set_status = true,
                                      .status = STR("acknowledged"),
                                      .set_assignee = true,
                                      .assignee = STR("anna"),
                                      .version = all[0].version,
                                      .now_ms = NOW_MS + 1 };
    assert_int_equal(ops->change(store, &all[0].row, 1, &change, &changed, &err), 0);
    assert_int_equal(changed, 1);
    assert_int_equal(ops->change(store, &all[0].row, 1, &change, &changed, &err), -ESTALE);
    assert_int_equal(ops->get(store, all[0].id, &fixture->arena, &one, &err), 0);
    assert_str(one.status, "acknowledged");
    assert_str(one.assignee, "anna");
    assert_int_equal(one.version, all[0].version + 1);
    compile(fixture, "status = acknowledged and assignee = anna", &filter);
    assert_int_equal(list(fixture, &filter, &(struct columns_page){ .limit = 10 }).total, 1);
    assert_int_equal(ops->get(store, STR("f0"), &fixture->arena, &one, &err), -ENOENT);
    change = (struct findings_change){ .set_status = true, .status = STR("nonsense") };
    assert_int_equal(ops->change(store, &all[0].row, 1, &change, &changed, &err), -EINVAL);
}

static void test_notes(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    struct finding *all;
    struct triage_note *notes;
    struct err err = { 0 };
    int64_t id;
    size_t n;
    findings_make(fixture, 1);
    findings_all(fixture, &all);
    struct triage_note note = { .finding = all[0].id, .author = STR("a"), .text = STR("t") };
    for (unsigned i = 0; i < TRIAGE_NOTES_MAX; i++) {
        assert_int_equal(store->triage->note_add(store, &note, &id, &err), 0);
    }
    assert_int_equal(store->triage->note_add(store, &note, &id, &err), -EINVAL);
    assert_int_equal(store->triage->notes(store, note.finding, &fixture->arena, &notes, &n, &err),
                     0);
    assert_int_equal(n, TRIAGE_NOTES_MAX);
    note.finding = STR("f0");
    assert_int_equal(store->triage->note_add(store, &note, &id, &err), -ENOENT);
}

static void test_filters(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    const struct store_triage_ops *ops = store->triage;
    struct triage_filter f = { .owner = STR("user:1"),
                               .owner_name = STR("anna"),
                               .name = STR("one"),
                               .filter = STR("count > 1"),
                               .preferred = true,
                               .updated_ms = 1 };
    struct triage_filter *seen;
    struct err err = { 0 };
    size_t n;
    assert_int_equal(ops->filter_put(store, &f, &f.id, &err), 0);
    struct triage_filter theirs = f;
    theirs.owner = STR("user:2");
    assert_int_equal(ops->filter_put(store, &theirs, &theirs.id, &err), -ENOENT);
    assert_int_equal(ops->filter_remove(store, f.id, theirs.owner, true, &err), -ENOENT);
    assert_int_equal(ops->filters(store, theirs.owner, &fixture->arena, &seen, &n, &err), 0);
    assert_int_equal(n, 0);
    f.shared = true;
    assert_int_equal(ops->filter_put(store, &f, &f.id, &err), 0);
    assert_int_equal(ops->filters(store, theirs.owner, &fixture->arena, &seen, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(ops->filter_remove(store, f.id, theirs.owner, false, &err), -ENOENT);
    assert_int_equal(ops->filter_remove(store, f.id, theirs.owner, true, &err), 0);
}

static void test_exceptions(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    const struct store_triage_ops *ops = store->triage;
    struct triage_exception e = { .mark = STR("m"),
                                  .rule = STR("r"),
                                  .finding = STR(""),
                                  .fields = STR("[]"),
                                  .reason = STR("x"),
                                  .author = STR("a") };
    struct triage_exception *all;
    struct err err = { 0 };
    size_t n;
    assert_int_equal(ops->exception_add(store, &e, &e.id, &err), 0);
    assert_int_equal(ops->exception_add(store, &e, &e.id, &err), -EEXIST);
    assert_int_equal(ops->exceptions(store, true, &fixture->arena, &all, &n, &err), 0);
    assert_int_equal(n, 1);
    e.id = all[0].id;
    e.reason = STR("longer");
    e.expires_ms = 9;
    assert_int_equal(ops->exception_change(store, &e, &err), 0);
    assert_int_equal(ops->exceptions(store, true, &fixture->arena, &all, &n, &err), 0);
    assert_str(all[0].reason, "longer");
    assert_int_equal(all[0].expires_ms, 9);
    assert_int_equal(ops->exception_end(store, all[0].id, "expired", 5, &err), 0);
    assert_int_equal(ops->exception_change(store, &e, &err), -ENOENT);
    assert_int_equal(ops->exception_end(store, all[0].id, "removed", 6, &err), -ENOENT);
    assert_int_equal(ops->exceptions(store, true, &fixture->arena, &all, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(ops->exceptions(store, false, &fixture->arena, &all, &n, &err), 0);
    assert_str(all[0].state, "expired");
    assert_int_equal(all[0].ended_ms, 5);
}

static uint32_t of_status(struct findings_fixture *fixture, const char *filter)
{
    CLEANUP(filter_done) struct filter compiled = { 0 };
    compile(fixture, filter, &compiled);
    return (uint32_t)list(fixture, &compiled, &(struct columns_page){ .limit = 1 }).total;
}

/* Archived and suppressed findings go when their last alert and their last change are 90 days ago. */
static void test_forgotten(void **state)
{
    const int64_t hour_ms = 3600000, keep_ms = 90 * 24 * hour_ms;
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    struct err err = { 0 };
    findings_make(fixture, 3000);
    uint32_t suppressed = of_status(fixture, "status = suppressed");
    uint32_t others = 3000 - suppressed;
    assert_true(suppressed > 600);
    assert_int_equal(store->ops->retain(store, NOW_MS + keep_ms, &err), 0);
    assert_int_equal(of_status(fixture, "status = suppressed"), suppressed);
    /* One that was archived since has its time before it. */
    struct finding *all;
    int64_t archived = 0;
    uint32_t n = findings_all(fixture, &all), changed;
    for (uint32_t i = 0; i < n && !archived; i++) {
        archived = str_eqz(all[i].status, "new") ? all[i].row : 0;
    }
    const struct findings_change change = { .set_status = true,
                                            .status = STR("archived"),
                                            .now_ms = NOW_MS + hour_ms + 1 };
    assert_int_equal(store->findings->change(store, &archived, 1, &change, &changed, &err), 0);
    assert_int_equal(store->ops->retain(store, NOW_MS + keep_ms + hour_ms, &err), 0);
    assert_int_equal(of_status(fixture, "status = suppressed"), 0);
    assert_int_equal(of_status(fixture, "status = archived"), 1);
    assert_int_equal(of_status(fixture, "severity >= 0"), others);
    assert_int_equal(store->ops->retain(store, NOW_MS + keep_ms + 3 * hour_ms, &err), 0);
    assert_int_equal(of_status(fixture, "severity >= 0"), others - 1);
    /* The same after a new start. */
    store_close(store);
    fixture->base.store = store_opened(&fixture->base.dir);
    assert_int_equal(of_status(fixture, "severity >= 0"), others - 1);
}

static void test_suppressions(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    const struct store_triage_ops *ops = store->triage;
    struct triage_suppression s = {
        .name = STR("one"), .filter = STR("count > 1"), .reason = STR("x"), .author = STR("a")
    };
    struct triage_suppression *all;
    struct err err = { 0 };
    int64_t first, second;
    size_t n;
    assert_int_equal(ops->suppression_add(store, &s, &first, &err), 0);
    s.name = STR("two");
    assert_int_equal(ops->suppression_add(store, &s, &second, &err), 0);
    s.id = first;
    assert_int_equal(ops->suppression_change(store, &s, &err), -EEXIST);
    s.name = STR("three");
    s.filter = STR("count > 2");
    s.expires_ms = 7;
    assert_int_equal(ops->suppression_change(store, &s, &err), 0);
    assert_int_equal(ops->suppressions(store, &fixture->arena, &all, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_str(all[0].name, "three");
    assert_str(all[0].filter, "count > 2");
    assert_int_equal(all[0].expires_ms, 7);
    assert_str(all[1].name, "two");
    assert_int_equal(ops->suppression_remove(store, first, &err), 0);
    assert_int_equal(ops->suppression_change(store, &s, &err), -ENOENT);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, findings_setup, findings_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(test_forgotten),    FRESH(test_paging),    FRESH(test_page_limits),
        FRESH(test_facets),       FRESH(test_histogram), FRESH(test_triage),
        FRESH(test_notes),        FRESH(test_filters),   FRESH(test_exceptions),
        FRESH(test_suppressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
