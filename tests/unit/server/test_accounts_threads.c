/*
 * Many at once: what is revoked is refused from the moment the revocation is answered, whatever was being looked up;
 * log-ins beyond the queue are told to come later; one of many gets to use the set-up link.
 */
#include "accounts_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS 4
#define ROUNDS  25

struct hammer {
    struct fixture *fixture;
    char bearer[SECRET_TEXT + 16];
    atomic_bool revoked, stop;
    atomic_uint wrong, good;
};

static unsigned ask_me(struct fixture *f, const char *bearer)
{
    struct http_answer answer;
    struct http_call call = { .method = "GET", .target = "/v1/me" };
    call.headers[0] = (struct http_call_header){ "Authorization", bearer };
    if (http_call(&f->server, &call, &answer) < 0) {
        return 0;
    }
    unsigned status = answer.status;
    http_answer_done(&answer);
    return status;
}

static void *hammer_on(void *data)
{
    struct hammer *hammer = data;
    while (!atomic_load(&hammer->stop)) {
        bool late = atomic_load(&hammer->revoked);
        unsigned status = ask_me(hammer->fixture, hammer->bearer);
        hammer->wrong += late && status != 401;
        hammer->good += status == 200;
    }
    return NULL;
}

static void revoked_is_revoked(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        struct hammer hammer = { .fixture = f };
        pthread_t threads[THREADS];
        char token[SECRET_TEXT], target[64];
        fixture_token(f, f->admin, "\"read\"", token);
        snprintf(target, sizeof(target), "/v1/tokens/%d", (int)fixture_number(f, "id"));
        snprintf(hammer.bearer, sizeof(hammer.bearer), "Bearer %s", token);
        for (unsigned i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, hammer_on, &hammer), 0);
        }
        while (round % 2 && atomic_load(&hammer.good) == 0) {
            sched_yield();
        }
        assert_int_equal(ASK(f, "DELETE", target, f->admin), 204);
        atomic_store(&hammer.revoked, true);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(ask_me(f, hammer.bearer), 401);
        }
        atomic_store(&hammer.stop, true);
        for (unsigned i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
        assert_int_equal(hammer.wrong, 0);
    }
}

struct caller {
    struct fixture *fixture;
    const char *target, *peer;
    char body[256];
    unsigned status;
};

static void *call_once(void *data)
{
    struct caller *caller = data;
    struct http_answer answer;
    struct http_call call = { .method = "POST",
                              .target = caller->target,
                              .body = str_of(caller->body),
                              .peer = caller->peer };
    if (http_call(&caller->fixture->server, &call, &answer) == 0) {
        caller->status = answer.status;
        http_answer_done(&answer);
    }
    return NULL;
}

static unsigned call_all(struct caller *callers, size_t n, unsigned wanted)
{
    pthread_t threads[32];
    unsigned found = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_once, &callers[i]), 0);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        found += callers[i].status == wanted;
    }
    return found;
}

static void log_ins_are_queued(void **state)
{
    struct caller callers[16];
    for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
        callers[i] = (struct caller){ .fixture = *state,
                                      .target = "/v1/session",
                                      .peer = i == 0 ? "192.0.2.1" : "198.51.100.1" };
        snprintf(callers[i].body, sizeof(callers[i].body),
                 "{\"name\":\"admin\",\"password\":\"" PASSWORD "\"}");
    }
    unsigned in = call_all(callers, ARRAY_SIZE(callers), 201), later = 0;
    assert_int_equal(callers[0].status, 201);
    for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
        later += callers[i].status == 429;
    }
    assert_true(in >= 1);
    assert_int_equal(in + later, ARRAY_SIZE(callers));
}

static void one_sets_up(void **state)
{
    struct fixture *f = *state;
    struct caller callers[4];
    char path[PATH_MAX + 16], link[256] = "";
    snprintf(path, sizeof(path), "%s/setup-link", f->dir.path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(link, sizeof(link), file));
    fclose(file);
    link[strcspn(link, "\n")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(callers); i++) {
        callers[i] = (struct caller){ .fixture = f, .target = "/v1/setup" };
        snprintf(callers[i].body, sizeof(callers[i].body),
                 "{\"token\":\"%s\",\"name\":\"user%zu\",\"password\":\"" PASSWORD "\"}",
                 strchr(link, '#') + 1, i);
    }
    assert_int_equal(call_all(callers, ARRAY_SIZE(callers), 201), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(revoked_is_revoked, fixture_setup_admin, fixture_teardown),
        cmocka_unit_test_setup_teardown(log_ins_are_queued, fixture_setup_admin, fixture_teardown),
        cmocka_unit_test_setup_teardown(one_sets_up, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
