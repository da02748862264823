/*
 * group: many threads write at once; each result is durable and its own, whatever the others of its commit
 * did; readers and retention go on meanwhile.
 */
#include "days.h"

#include <errno.h>
#include <pthread.h>

#define THREADS 8
#define BATCHES 60

struct worker {
    struct store *store;
    int64_t number;
    pthread_t thread;
    int wrong;
};

/* Every third batch fails after it has written; every fifth breaks a unique key. */
static void *work(void *data)
{
    struct worker *worker = data;
    for (int64_t i = 0; i < BATCHES; i++) {
        int64_t from = (worker->number * BATCHES + i) * 10;
        struct day_batch batch = { DAY(i % 2), from, 10, i % 3 == 0 ? -ENOENT : 0 };
        int expected = batch.fail;
        if (i % 5 == 0) {
            batch = (struct day_batch){ DAY(0), 1000000, 1, 0 };
            expected = -EEXIST;
        }
        worker->wrong += days_put(worker->store, batch) != expected;
        worker->wrong += days_read(worker->store, 0, INT64_MAX, false, 0).n == 0;
    }
    return NULL;
}

static void each_its_own(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    struct worker workers[THREADS];
    int64_t kept = 0;
    for (int64_t i = 0; i < BATCHES; i++) {
        kept += i % 3 && i % 5 ? 10 : 0;
    }
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 1000000, 1, 0 }), 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .store = store, .number = i };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_int_equal(days_count(store), THREADS * kept + 1);
    assert_true(sqlite_of(store)->group <= THREADS * BATCHES + 1);
    print_message("%d writes in %llu commits\n", THREADS * BATCHES + 1,
                  (unsigned long long)sqlite_of(store)->group);
}

static void *write_days(void *data)
{
    struct worker *worker = data;
    for (int64_t i = 0; i < 100; i++) {
        worker->wrong += days_put(worker->store, (struct day_batch){ DAY(i), i * 10, 10, 0 }) != 0;
    }
    return NULL;
}

static void *drop_days(void *data)
{
    struct worker *worker = data;
    for (int64_t i = 0; i < 100; i++) {
        worker->wrong += worker->store->ops->retain(worker->store, DAY(i), NULL) < 0;
        worker->wrong += worker->store->ops->probe(worker->store, NULL) < 0;
    }
    return NULL;
}

static void *read_all(void *data)
{
    struct worker *worker = data;
    for (int64_t i = 0; i < 200; i++) {
        struct days_seen seen = days_read(worker->store, 0, INT64_MAX, i % 2, 60);
        for (size_t day = 0; day < seen.n; day++) {
            worker->wrong += seen.counts[day] != 10 && seen.counts[day] != 0;
        }
    }
    return NULL;
}

static void retained_meanwhile(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    static void *(*const works[])(void *) = { write_days, drop_days, read_all, read_all };
    struct worker workers[ARRAY_SIZE(works)];
    for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
        workers[i] = (struct worker){ .store = store };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, works[i], &workers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_true(store->ops->retain(store, DAY(99), NULL) >= 0);
    assert_int_equal(days_count(store), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_its_own, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(retained_meanwhile, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
