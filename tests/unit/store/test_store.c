/*
 * store: what every implementation of store.h keeps to; the same tests over each of store_kinds[].
 *
 * What was written is there after the store was closed; a write that failed left nothing; days go, findings stay; a
 * backup restores to the same; two servers do not share a directory. Nothing here names an engine.
 */
#include "support.h"

#include "store/ingest.h"

#include <errno.h>
#include <pthread.h>

#define DAY_MS   INT64_C(86400000)
#define FIRST_MS (INT64_C(1700006400000) + 5000) /* 2023-11-15 00:00:05 */

struct fixture {
    struct store_dir dir;
    const struct store_kind *kind;
    struct store *store;
};

static void reopen(struct fixture *f)
{
    struct store_options options = { .dir = f->dir.path };
    store_close(f->store);
    f->store = store_opened_as(f->kind, &options);
}

/* Alerts of one finding, made with the first of them, and the agent's cursor. */
struct batch {
    int64_t now_ms, first, n;
    bool finding;
    int fail;
};

static int put_finding(const struct store_ingest_ops *ops, struct ingest_tx *tx, int64_t now_ms,
                       int64_t *ret_row, struct err *err)
{
    struct ingest_finding finding = {
        .id = "f00000000000000000000001",
        .count = 1,
        .opened_ms = now_ms,
        .first_seen_ms = now_ms,
        .last_seen_ms = now_ms,
        .now_ms = now_ms,
        .severity = 70,
        .proc_pid = -1,
        .rule = STR("A rule"),
        .title = STR("A rule"),
        .priority = STR("Warning"),
        .agent = STR("a0000000000000001"),
        .tags = STR("[]"),
        .body = STR("body"),
    };
    int r = ops->last_row(tx, &finding.row, err);
    finding.row++;
    *ret_row = finding.row;
    return r < 0 ? r : ops->add_finding(tx, &finding, err);
}

static int put_alert(const struct store_ingest_ops *ops, struct ingest_tx *tx,
                     const struct batch *batch, int64_t n, struct err *err)
{
    char id[64];
    snprintf(id, sizeof(id), "a0000000000000001:boot:%lld", (long long)n);
    struct ingest_alert alert = {
        .id = str_of(id),
        .agent = STR("a0000000000000001"),
        .spool = STR("00000000000000aa"),
        .rule = STR("A rule"),
        .body = STR("body"),
        .n = n,
        .finding = 1,
        .time_ms = batch->now_ms,
        .received_ms = batch->now_ms,
        .severity = 70,
    };
    return ops->add_alert(tx, &alert, err);
}

struct put {
    const struct store_ingest_ops *ops;
    const struct batch *batch;
};

static int put_batch(void *data, struct ingest_tx *tx, struct err *err)
{
    const struct put *put = data;
    const struct batch *batch = put->batch;
    int64_t row = 0;
    int r = batch->finding ? put_finding(put->ops, tx, batch->now_ms, &row, err) : 0;
    for (int64_t n = batch->first; n < batch->first + batch->n && r == 0; n++) {
        r = put_alert(put->ops, tx, batch, n, err);
    }
    struct ingest_cursor cursor = {
        .agent = STR("a0000000000000001"),
        .spool = STR("00000000000000aa"),
        .n = batch->first + batch->n - 1,
        .alerts = batch->first + batch->n - 1,
        .updated_ms = batch->now_ms,
    };
    r = r < 0 ? r : put->ops->put_cursor(tx, &cursor, err);
    return r < 0 ? r : batch->fail;
}

static int put(struct fixture *f, struct batch batch)
{
    struct err err = { 0 };
    struct put put = { f->store->ingest, &batch };
    struct ingest_write write = { put_batch, &put, batch.now_ms };
    return f->store->ingest->write(f->store, &write, &err);
}

static void assert_stored(struct store *store, int64_t alerts, int64_t kept, int64_t findings)
{
    struct ingest_totals totals = { 0 };
    struct store_size size = { 0 };
    struct err err = { 0 };
    assert_int_equal(store->ingest->totals(store, STR(""), &totals, &err), 0);
    assert_int_equal(totals.alerts, alerts);
    assert_int_equal(totals.findings, findings);
    assert_int_equal(store->ops->size(store, &size, &err), 0);
    assert_int_equal(size.alerts, kept);
    assert_int_equal(size.findings, findings);
}

static void is_empty(struct fixture *f)
{
    struct store_size size = { .alerts = 7 };
    assert_int_equal(f->store->ops->size(f->store, &size, NULL), 0);
    assert_int_equal(size.alerts + size.activity + size.findings + size.days, 0);
    assert_int_equal(size.oldest_day_ms, 0);
    assert_int_equal(f->store->ops->retain(f->store, FIRST_MS, NULL), 0);
    assert_int_equal(f->store->ops->probe(f->store, NULL), 0);
    assert_non_null(f->store->accounts);
    assert_non_null(f->store->ingest);
}

static void is_kept(struct fixture *f)
{
    for (int64_t i = 0; i < 5; i++) {
        assert_int_equal(put(f, (struct batch){ FIRST_MS, i * 10 + 1, 10, i == 0, 0 }), 0);
        assert_stored(f->store, (i + 1) * 10, (i + 1) * 10, 1);
        reopen(f);
        assert_stored(f->store, (i + 1) * 10, (i + 1) * 10, 1);
    }
}

static void failure_leaves_nothing(struct fixture *f)
{
    assert_int_equal(put(f, (struct batch){ FIRST_MS, 1, 10, true, 0 }), 0);
    assert_int_equal(put(f, (struct batch){ FIRST_MS, 11, 10, false, -EINVAL }), -EINVAL);
    assert_int_equal(put(f, (struct batch){ FIRST_MS, 5, 10, false, 0 }), -EEXIST);
    assert_stored(f->store, 10, 10, 1);
    reopen(f);
    assert_stored(f->store, 10, 10, 1);
    assert_int_equal(put(f, (struct batch){ FIRST_MS, 11, 10, false, 0 }), 0);
    assert_stored(f->store, 20, 20, 1);
}

static void days_go_findings_stay(struct fixture *f)
{
    for (int64_t day = 0; day < 4; day++) {
        assert_int_equal(
            put(f, (struct batch){ FIRST_MS + day * DAY_MS, day * 10 + 1, 10, day == 0, 0 }), 0);
    }
    assert_int_equal(f->store->ops->retain(f->store, FIRST_MS + 7 * DAY_MS, NULL), 0);
    assert_int_equal(f->store->ops->retain(f->store, FIRST_MS + 9 * DAY_MS, NULL), 2);
    assert_stored(f->store, 40, 20, 1);
    struct store_size size;
    assert_int_equal(f->store->ops->size(f->store, &size, NULL), 0);
    assert_int_equal(size.days, 2);
    assert_int_equal(size.oldest_day_ms, FIRST_MS - 5000 + 2 * DAY_MS);
    reopen(f);
    assert_stored(f->store, 40, 20, 1);
}

static void backup_is_the_same(struct fixture *f)
{
    char copy[PATH_MAX + 16], restored[PATH_MAX + 16];
    struct err err = { 0 };
    snprintf(copy, sizeof(copy), "%s/copy", f->dir.path);
    snprintf(restored, sizeof(restored), "%s/restored", f->dir.path);
    assert_int_equal(put(f, (struct batch){ FIRST_MS, 1, 10, true, 0 }), 0);
    assert_int_equal(f->store->ops->backup(f->store, copy, &err), 0);
    assert_int_equal(f->store->ops->backup(f->store, copy, &err), -EEXIST);
    assert_int_equal(put(f, (struct batch){ FIRST_MS, 11, 10, false, 0 }), 0);
    assert_int_equal(f->kind->restore(copy, restored, &err), 0);
    assert_int_equal(f->kind->restore(copy, restored, &err), -EEXIST);
    struct store_options options = { .dir = restored };
    struct store *other = store_opened_as(f->kind, &options);
    assert_stored(other, 10, 10, 1);
    assert_stored(f->store, 20, 20, 1);
    store_close(other);
}

static void one_server(struct fixture *f)
{
    struct store *second = NULL;
    struct err err = { 0 };
    struct store_options options = { .dir = f->dir.path };
    assert_int_equal(f->kind->open(&options, &second, &err), -EBUSY);
    assert_null(second);
    store_close(NULL);
}

static void *probe(void *data)
{
    struct fixture *f = data;
    intptr_t wrong = 0;
    for (int i = 0; i < 20; i++) {
        struct store_size size;
        wrong += f->store->ops->probe(f->store, NULL) != 0;
        wrong += f->store->ops->size(f->store, &size, NULL) != 0;
    }
    return (void *)wrong;
}

static void any_thread(struct fixture *f)
{
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, probe, f), 0);
    }
    for (int64_t i = 0; i < 20; i++) {
        assert_int_equal(put(f, (struct batch){ FIRST_MS, i * 10 + 1, 10, i == 0, 0 }), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_stored(f->store, 200, 200, 1);
}

static void over_each(void (*test)(struct fixture *f))
{
    for (size_t i = 0; i < store_nkinds; i++) {
        struct fixture f = { .kind = &store_kinds[i] };
        store_dir_make(&f.dir);
        reopen(&f);
        test(&f);
        store_close(f.store);
        store_dir_remove(&f.dir);
    }
}

#define OVER_EACH(name)                                                                            \
    static void each_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        over_each(name);                                                                           \
    }
OVER_EACH(is_empty)
OVER_EACH(is_kept)
OVER_EACH(failure_leaves_nothing)
OVER_EACH(days_go_findings_stay)
OVER_EACH(backup_is_the_same)
OVER_EACH(one_server)
OVER_EACH(any_thread)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_empty),
        cmocka_unit_test(each_is_kept),
        cmocka_unit_test(each_failure_leaves_nothing),
        cmocka_unit_test(each_days_go_findings_stay),
        cmocka_unit_test(each_backup_is_the_same),
        cmocka_unit_test(each_one_server),
        cmocka_unit_test(each_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
