/*
 * Activity: every field resolves; records are JSON with the fields of their kind; limits hold, and what is above them
 * is counted and told.
 */
#include "../test.h"

#include "../event/make_event.h"
#include "agent/activity.h"
#include "event/state.h"

#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct spool *spool;
    struct state *state;
    struct activity *activity;
    struct view view;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = { 0 };
    strcpy(f->dir, "/tmp/test-activity-XXXXXX");
    *state = f;
    if (!mkdtemp(f->dir) ||
        spool_open(&(struct spool_config){ .dir = f->dir }, &f->spool, &err) < 0 ||
        state_new(&(struct state_config){ 0 }, &f->state) < 0 ||
        scratch_init(&f->view.scratch) < 0) {
        return -1;
    }
    f->view.state = f->state;
    f->view.source = STR("syscall");
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[96];
    activity_free(f->activity);
    spool_free(f->spool);
    scratch_done(&f->view.scratch);
    state_free(f->state);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    free(f);
    return system(command) == 0 ? 0 : -1;
}

static void make(struct fixture *f, uint32_t per_second, uint32_t per_container)
{
    const struct activity_config config = { .spool = f->spool,
                                            .per_second = per_second,
                                            .per_container = per_container };
    assert_int_equal(activity_new(&config, &f->activity), 0);
}

#define PPM_RDONLY 1
#define PPM_WRONLY 2

static void see_open(struct fixture *f, const char *path, int flags, long result)
{
    struct event *e = make_event(KIND_OPEN_X, 7, 1000, "qswww", result, path, flags, 0, 5);
    state_apply(f->state, e);
    view_event(&f->view, e);
    activity_seen(f->activity, &f->view);
    state_settle(f->state, e);
}

static uint32_t records(struct fixture *f, uint32_t kind, char *ret_last, size_t size)
{
    static char bytes[SPOOL_SEGMENT_BYTES];
    struct spool_batch batch;
    struct spool_scan scan;
    struct spool_record record;
    uint32_t n = 0;
    assert_int_equal(spool_sync(f->spool), 0);
    if (spool_next(f->spool, SPOOL_BATCH_RECORDS, &batch) <= 0) {
        return 0;
    }
    uint64_t base = batch.at & ~(uint64_t)(SPOOL_SLOT - 1);
    assert_true(pread(batch.fd, bytes, batch.end - base, (off_t)base) > 0);
    spool_scan_init(&scan, bytes, batch.end - base, batch.at - base, batch.first, batch.last);
    while (spool_scan_next(&scan, &record)) {
        if (record.kind == kind) {
            snprintf(ret_last, size, "%.*s", STR_ARG(record.payload));
            n++;
        }
    }
    close(batch.fd);
    return n;
}

static void test_record(void **state)
{
    struct fixture *f = *state;
    char text[4096] = "";
    make(f, 0, 0);
    see_open(f, "/tmp/a\"b", PPM_WRONLY, 3);
    assert_int_equal(records(f, SPOOL_ACTIVITY, text, sizeof(text)), 1);
    struct json_object *object = json_tokener_parse(text), *fields;
    assert_non_null(object);
    assert_string_equal(json_object_get_string(json_object_object_get(object, "kind")), "write");
    fields = json_object_object_get(object, "fields");
    assert_string_equal(json_object_get_string(json_object_object_get(fields, "fd.filename")),
                        "a\"b");
    assert_string_equal(json_object_get_string(json_object_object_get(fields, "evt.type")), "open");
    json_object_put(object);
}

static void test_not_activity(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    make(f, 0, 0);
    see_open(f, "/tmp/a", PPM_RDONLY, 3);
    see_open(f, "/tmp/a", PPM_WRONLY, -13);
    assert_int_equal(records(f, SPOOL_ACTIVITY, text, sizeof(text)), 0);
    assert_false(activity_wants(f->activity, NULL, NAME_open, PPM_RDONLY));
    assert_false(activity_wants(f->activity, NULL, NAME_close, 0));
    assert_true(activity_wants(f->activity, NULL, NAME_open, PPM_WRONLY));
    assert_true(activity_wants(f->activity, NULL, NAME_connect, 0));
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    struct activity_stats stats;
    make(f, 1000, 5);
    for (int i = 0; i < 100; i++) {
        see_open(f, "/tmp/a", PPM_WRONLY, 3);
    }
    activity_get_stats(f->activity, &stats);
    assert_int_equal(stats.sent[ACTIVITY_WRITE] + stats.lost[ACTIVITY_WRITE], 100);
    assert_in_range(stats.sent[ACTIVITY_WRITE], 10, 12); /* a burst of two seconds */
    assert_int_equal(records(f, SPOOL_ACTIVITY, text, sizeof(text)), stats.sent[ACTIVITY_WRITE]);
    activity_tick(f->activity, false); /* the minute is not over */
    assert_int_equal(records(f, SPOOL_GAP, text, sizeof(text)), 0);
    activity_tick(f->activity, true);
    activity_tick(f->activity, true);
    assert_int_equal(records(f, SPOOL_GAP, text, sizeof(text)), 1);
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "\"count\":%lu,", (unsigned long)stats.lost[ACTIVITY_WRITE]);
    assert_non_null(strstr(text, wanted));
}

static void test_limit_of_all(void **state)
{
    struct fixture *f = *state;
    struct activity_stats stats;
    make(f, 3, 50);
    for (int i = 0; i < 100; i++) {
        see_open(f, "/tmp/a", PPM_WRONLY, 3);
    }
    activity_get_stats(f->activity, &stats);
    assert_in_range(stats.sent[ACTIVITY_WRITE], 6, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_activity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit_of_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
