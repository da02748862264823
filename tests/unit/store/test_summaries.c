/*
 * summaries: asked for, told, failed, removed, abandoned; the quota and the one that is queued, also when many ask at
 * once.
 */
#include "findings_fixture.h"

#include "store/summaries.h"

#include <errno.h>
#include <pthread.h>

#define NOW_MS INT64_C(1795300000000)

static const struct store_summaries_quota wide = { .since_ms = 0, .most = 100000 };

static struct str an_id(struct findings_fixture *fixture)
{
    struct finding *v;
    findings_make(fixture, 1);
    uint32_t n = findings_all(fixture, &v);
    return v[n - 1].id;
}

static struct store_summary summary_of(struct str finding, const char *language, int64_t ms)
{
    return (struct store_summary){ .finding = finding,
                                   .language = str_of(language),
                                   .author = STR("alice"),
                                   .provider = STR("openai"),
                                   .model = STR("m"),
                                   .created_ms = ms };
}

static int add(struct store *store, const struct store_summary *s,
               const struct store_summaries_quota *quota, int64_t *ret_id)
{
    struct err err = { 0 };
    int r = store->summaries->add(store, s, quota, ret_id, &err);
    assert_true(r == 0 || (err.code == r && err.message[0]));
    return r;
}

static size_t list(struct findings_fixture *fixture, struct str finding, struct store_summary **ret)
{
    struct store *store = fixture->base.store;
    struct err err = { 0 };
    size_t n = 0;
    assert_int_equal(store->summaries->list(store, finding, &fixture->arena, ret, &n, &err), 0);
    return n;
}

static int done(struct store *store, int64_t id, const char *state, const char *body)
{
    const struct store_summary s = { .id = id,
                                     .state = str_of(state),
                                     .body = str_of(body),
                                     .prompt_hash = STR("abc"),
                                     .input_tokens = 3,
                                     .output_tokens = -1,
                                     .done_ms = NOW_MS + 5 };
    struct err err = { 0 };
    return store->summaries->done(store, &s, &err);
}

static void test_life(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    struct str finding = an_id(fixture);
    struct store_summary s = summary_of(finding, "ja", NOW_MS), *v;
    struct err err = { 0 };
    int64_t first = 0, again = 0, second = 0;
    assert_int_equal(add(store, &s, &wide, &first), 0);
    assert_int_equal(add(store, &s, &wide, &again), -EEXIST);
    assert_int_equal(again, first);
    s.language = STR("en");
    assert_int_equal(add(store, &s, &wide, &second), 0);
    assert_int_equal(list(fixture, finding, &v), 2);
    assert_int_equal(v[0].id, second);
    assert_str(v[1].state, "queued");
    assert_int_equal(v[1].input_tokens, -1);
    assert_int_equal(store->summaries->remove(store, finding, first, &err), -ENOENT);

    assert_int_equal(done(store, first, "done", "{\"summary\":\"x\"}"), 0);
    assert_int_equal(done(store, first, "failed", ""), -ENOENT);
    assert_int_equal(list(fixture, finding, &v), 2);
    assert_str(v[1].state, "done");
    assert_str(v[1].body, "{\"summary\":\"x\"}");
    assert_str(v[1].prompt_hash, "abc");
    assert_int_equal(v[1].input_tokens, 3);
    assert_int_equal(v[1].output_tokens, -1);
    assert_int_equal(v[1].done_ms, NOW_MS + 5);

    assert_int_equal(store->summaries->remove(store, STR("f0"), first, &err), -ENOENT);
    assert_int_equal(store->summaries->remove(store, finding, first, &err), 0);
    assert_int_equal(store->summaries->remove(store, finding, first, &err), -ENOENT);
    assert_int_equal(list(fixture, finding, &v), 1);

    assert_int_equal(store->summaries->abandon(store, NOW_MS + 9, &err), 0);
    assert_int_equal(list(fixture, finding, &v), 1);
    assert_str(v[0].state, "failed");
    assert_true(v[0].error.n > 0);
}

static void test_limits(void **state)
{
    struct findings_fixture *fixture = *state;
    struct store *store = fixture->base.store;
    struct str finding = an_id(fixture);
    const struct store_summaries_quota two = { .since_ms = NOW_MS, .most = 2 };
    struct store_summary s = summary_of(STR("f0"), "en", NOW_MS - 1);
    struct err err = { 0 };
    int64_t id, used;
    assert_int_equal(add(store, &s, &wide, &id), -ENOENT);
    s.finding = finding;
    assert_int_equal(add(store, &s, &two, &id), 0); /* before the hour */
    assert_int_equal(done(store, id, "done", "{}"), 0);
    s.created_ms = NOW_MS;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(add(store, &s, &two, &id), 0);
        assert_int_equal(done(store, id, i ? "failed" : "done", ""), 0);
    }
    assert_int_equal(store->summaries->remove(store, finding, id, &err), 0);
    assert_int_equal(add(store, &s, &two, &id), -EDQUOT);
    assert_int_equal(store->summaries->used(store, NOW_MS, &used, &err), 0);
    assert_int_equal(used, 2);
    for (unsigned i = 3; i < SUMMARIES_MAX; i++) {
        assert_int_equal(add(store, &s, &wide, &id), 0);
        assert_int_equal(done(store, id, "failed", ""), 0);
    }
    assert_int_equal(add(store, &s, &wide, &id), -EINVAL);
}

struct asker {
    struct store *store;
    struct str finding;
    const char *language;
    int result;
};

static void *ask(void *data)
{
    struct asker *a = data;
    const struct store_summaries_quota four = { .since_ms = NOW_MS, .most = 4 };
    const struct store_summary s = summary_of(a->finding, a->language, NOW_MS);
    struct err err = { 0 };
    int64_t id;
    a->result = a->store->summaries->add(a->store, &s, &four, &id, &err);
    return NULL;
}

static void test_at_once(void **state)
{
    struct findings_fixture *fixture = *state;
    static const char *const languages[] = { "en", "en", "ja", "de", "fr", "es", "it", "pt" };
    struct asker askers[ARRAY_SIZE(languages)];
    pthread_t threads[ARRAY_SIZE(languages)];
    struct str finding = an_id(fixture);
    unsigned taken = 0;
    for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
        askers[i] = (struct asker){ fixture->base.store, finding, languages[i], 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
        pthread_join(threads[i], NULL);
        taken += askers[i].result == 0;
        assert_true(askers[i].result == 0 || askers[i].result == -EDQUOT ||
                    askers[i].result == -EEXIST);
    }
    assert_int_equal(taken, 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, findings_setup, findings_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_life), TEST(test_limits), TEST(test_at_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
