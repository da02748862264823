/*
 * The accounts of a store: a change and its entry of the audit log are one; the log is only appended to; limits and
 * the last administrator hold when many ask at once; what is over goes.
 */
#include "support.h"

#include "store/accounts.h"
#include "store/sqlite.h"

#include <errno.h>
#include <pthread.h>

static struct store *store_of(void **state)
{
    return ((struct store_fixture *)*state)->store;
}

static struct store_audit entry(const char *action)
{
    return (struct store_audit){ .time_ms = 5,
                                 .kind = STR("user"),
                                 .actor = STR("tester"),
                                 .action = str_of(action),
                                 .result = STR("ok") };
}

static int add_user(struct store *store, const char *name, const char *role, int64_t *ret_id)
{
    struct err err = { 0 };
    struct store_audit audit = entry("user.create");
    struct store_user user = {
        .name = str_of(name), .role = str_of(role), .password = STR("hash"), .created_ms = 1
    };
    int r = store->accounts->user_add(store, &user, false, &audit, &err);
    if (r == 0 && ret_id) {
        *ret_id = user.id;
    }
    return r;
}

static size_t entries(struct store *store, const char *action)
{
    struct err err = { 0 };
    struct arena arena;
    struct store_audit_filter filter = { .action = str_of(action) };
    arena_init(&arena, (size_t)1 << 24);
    struct store_list list = { .arena = &arena, .limit = STORE_PAGE_MAX };
    assert_int_equal(store->accounts->audit_list(store, &filter, &list, &err), 0);
    arena_done(&arena);
    return list.n;
}

static void a_change_and_its_entry_are_one(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    assert_int_equal(add_user(store, "alice", "admin", NULL), 0);
    assert_int_equal(add_user(store, "ALICE", "viewer", NULL), -EEXIST);
    assert_int_equal(add_user(store, "bob", "emperor", NULL), -EINVAL);
    assert_int_equal(entries(store, "user.create"), 1);
    struct store_audit bad = entry("user.create");
    bad.result = STR("maybe");
    struct store_user user = { .name = STR("carol"), .role = STR("viewer"), .password = STR("h") };
    assert_int_equal(store->accounts->user_add(store, &user, false, &bad, &err), -EINVAL);
    int64_t n = 0;
    assert_int_equal(store->accounts->user_count(store, &n, &err), 0);
    assert_int_equal(n, 1);
}

static int tamper_update(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    return sqlite_run(db, err, "UPDATE audit SET actor = 'somebody else'", "");
}

static int tamper_delete(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    return sqlite_run(db, err, "DELETE FROM audit", "");
}

static void the_log_is_only_appended_to(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct store_audit audit = entry("test");
    assert_int_equal(store->accounts->audit_add(store, &audit, &err), 0);
    struct sqlite_write update = { .body = tamper_update }, delete = { .body = tamper_delete };
    assert_int_equal(sqlite_store_write(store, &update, &err), -EINVAL);
    assert_int_equal(sqlite_store_write(store, &delete, &err), -EINVAL);
    assert_int_equal(entries(store, "test"), 1);
}

/* Numbers the log so that the first entry is `before` entries away from the newest. */
static int fake_growth(void *data, struct sqlite3 *db, struct err *err)
{
    return sqlite_run(db, err,
                      "INSERT INTO audit SELECT id + ?1, time_ms, kind, actor, 'late', object, "
                      "result, address, request, detail FROM audit WHERE id = 1",
                      "i", *(int64_t *)data);
}

static void a_million_entries_stay(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct store_audit audit = entry("early");
    struct store_expire expire = { .now_ms = 1000 };
    int64_t growth = 999999;
    assert_int_equal(store->accounts->audit_add(store, &audit, &err), 0);
    struct sqlite_write grow = { .body = fake_growth, .data = &growth };
    assert_int_equal(sqlite_store_write(store, &grow, &err), 0);
    assert_int_equal(store->accounts->expire(store, &expire, &err), 0);
    assert_int_equal(entries(store, "early"), 1);
    growth = 1000000;
    assert_int_equal(sqlite_store_write(store, &grow, &err), 0);
    assert_int_equal(store->accounts->expire(store, &expire, &err), 0);
    assert_int_equal(entries(store, "early"), 0);
    assert_int_equal(entries(store, "late"), 2);
}

static void the_last_administrator_stays(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct store_audit audit = entry("user.change");
    assert_int_equal(add_user(store, "alice", "admin", NULL), 0);
    assert_int_equal(add_user(store, "bob", "viewer", NULL), 0);
    struct store_user_change change = { .name = STR("alice"),
                                        .role = STR("viewer"),
                                        .disabled = -1 };
    assert_int_equal(store->accounts->user_change(store, &change, &audit, &err), -EPERM);
    change.role = (struct str){ 0 };
    change.disabled = 1;
    assert_int_equal(store->accounts->user_change(store, &change, &audit, &err), -EPERM);
    assert_int_equal(store->accounts->user_remove(store, STR("alice"), &audit, &err), -EPERM);
    assert_int_equal(entries(store, "user.change"), 0);
    change = (struct store_user_change){ .name = STR("bob"), .role = STR("admin"), .disabled = -1 };
    assert_int_equal(store->accounts->user_change(store, &change, &audit, &err), 0);
    assert_int_equal(store->accounts->user_remove(store, STR("Alice"), &audit, &err), 0);
    assert_int_equal(store->accounts->user_remove(store, STR("alice"), &audit, &err), -ENOENT);
}

static void the_first_user_is_one(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct store_user user = { .name = STR("a"), .role = STR("admin"), .password = STR("h") };
    assert_int_equal(store->accounts->user_add(store, &user, true, NULL, &err), 0);
    user.name = STR("b");
    assert_int_equal(store->accounts->user_add(store, &user, true, NULL, &err), -EEXIST);
}

static void what_a_user_has_goes_with_it(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct arena arena;
    uint8_t hash[STORE_HASH_SIZE] = { 1 };
    int64_t bob = 0;
    arena_init(&arena, 65536);
    assert_int_equal(add_user(store, "alice", "admin", NULL), 0);
    assert_int_equal(add_user(store, "bob", "viewer", &bob), 0);
    struct store_session session = { .user = bob, .hash = hash, .created_ms = 7, .seen_ms = 7 };
    struct store_token token = { .user = bob, .hash = hash, .name = STR("t"), .may = 1 };
    assert_int_equal(store->accounts->session_add(store, &session, NULL, &err), 0);
    assert_int_equal(store->accounts->session_add(store, &session, NULL, &err), -EEXIST);
    assert_int_equal(store->accounts->token_add(store, &token, NULL, &err), 0);
    assert_int_equal(store->accounts->session_find(store, hash, &arena, &session, &err), 0);
    assert_str(session.owner.name, "bob");
    assert_int_equal(session.owner.login_ms, 7);
    assert_int_equal(store->accounts->user_remove(store, STR("bob"), NULL, &err), 0);
    assert_int_equal(store->accounts->session_find(store, hash, &arena, &session, &err), -ENOENT);
    assert_int_equal(store->accounts->token_find(store, hash, &arena, &token, &err), -ENOENT);
    arena_done(&arena);
}

#define ENROLLERS 4
#define EACH      20
#define USES      33

struct enroller {
    struct store *store;
    int64_t enrolment;
    unsigned number, done;
};

static void *enrol_many(void *data)
{
    struct enroller *enroller = data;
    for (unsigned i = 0; i < EACH; i++) {
        struct err err = { 0 };
        char id[32];
        uint8_t hash[STORE_HASH_SIZE] = { (uint8_t)enroller->number, (uint8_t)i };
        snprintf(id, sizeof(id), "a%u.%u", enroller->number, i);
        struct store_agent agent = { .id = str_of(id),
                                     .name = STR("n"),
                                     .enrolment = enroller->enrolment,
                                     .created_ms = 1,
                                     .credential = { .hash = hash, .agent = str_of(id) } };
        int r = enroller->store->accounts->agent_add(enroller->store, &agent, NULL, &err);
        enroller->done += r == 0;
        if (r < 0 && r != -EKEYEXPIRED) {
            print_error("%s\n", err.message);
        }
    }
    return NULL;
}

static void uses_are_counted_exactly(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct arena arena;
    uint8_t hash[STORE_HASH_SIZE] = { 9 };
    struct store_enrolment e = { .hash = hash,
                                 .name = STR("e"),
                                 .maker = STR("m"),
                                 .cluster = STR("prod"),
                                 .labels = STR("{}"),
                                 .expires_ms = 100,
                                 .max_uses = USES };
    assert_int_equal(store->accounts->enrolment_add(store, &e, NULL, &err), 0);
    struct enroller enrollers[ENROLLERS];
    pthread_t threads[ENROLLERS];
    unsigned done = 0;
    for (unsigned i = 0; i < ENROLLERS; i++) {
        enrollers[i] = (struct enroller){ store, e.id, i, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, enrol_many, &enrollers[i]), 0);
    }
    for (unsigned i = 0; i < ENROLLERS; i++) {
        pthread_join(threads[i], NULL);
        done += enrollers[i].done;
    }
    assert_int_equal(done, USES);
    arena_init(&arena, (size_t)1 << 20);
    struct store_list list = { .arena = &arena, .limit = 10 };
    struct store_agent_filter filter = { .enrolment = e.id };
    assert_int_equal(store->accounts->agent_list(store, &filter, &list, &err), 0);
    assert_int_equal(list.total, USES);
    assert_int_equal(list.n, 10);
    assert_str(((struct store_agent *)list.items)[0].cluster, "prod");
    arena_done(&arena);
}

static void pages_meet(void **state)
{
    struct store *store = store_of(state);
    struct err err = { 0 };
    struct arena arena;
    char name[16];
    arena_init(&arena, (size_t)1 << 20);
    for (unsigned i = 0; i < 25; i++) {
        snprintf(name, sizeof(name), "%s%02u", i % 2 ? "U" : "u", i);
        assert_int_equal(add_user(store, name, "admin", NULL), 0);
    }
    struct store_list list = { .arena = &arena, .limit = 10 };
    unsigned seen = 0;
    do {
        assert_int_equal(store->accounts->user_list(store, &list, &err), 0);
        const struct store_user *users = list.items;
        for (size_t i = 0; i < list.n; i++, seen++) {
            snprintf(name, sizeof(name), "%s%02u", seen % 2 ? "U" : "u", seen);
            assert_str(users[i].name, name);
            assert_null(users[i].password.p);
        }
        list.after_name = list.n ? users[list.n - 1].name : STR("");
    } while (list.n == 10);
    assert_int_equal(seen, 25);
    assert_int_equal(list.total, 25);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_and_its_entry_are_one, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(the_log_is_only_appended_to, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(a_million_entries_stay, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(the_last_administrator_stays, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(the_first_user_is_one, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(what_a_user_has_goes_with_it, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(uses_are_counted_exactly, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(pages_meet, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
