/*
 * The parts of the accounts alone: secrets, names and passwords, the throttle, the cache.
 */
#include "test.h"

#include "server/accounts_cache.h"
#include "server/accounts_names.h"
#include "server/accounts_secret.h"
#include "server/accounts_throttle.h"

#include <sodium.h>

static void secrets_are_recognised(void **state)
{
    struct secret a, b;
    char text[SECRET_LENGTH + 2];
    (void)state;
    secret_make("hs_", &a);
    secret_make("hs_", &b);
    assert_int_equal(strlen(a.text), SECRET_LENGTH);
    assert_true(secret_looks_right(secret_str(&a), "hs_"));
    assert_false(secret_looks_right(secret_str(&a), "ht_"));
    assert_false(secret_hash_equal(a.hash, b.hash));
    snprintf(text, sizeof(text), "%sx", a.text);
    assert_false(secret_looks_right(str_of(text), "hs_"));
    assert_false(secret_looks_right(str_first(secret_str(&a), SECRET_LENGTH - 1), "hs_"));
    text[SECRET_LENGTH] = '\0';
    text[10] = '+';
    assert_false(secret_looks_right(str_of(text), "hs_"));
    assert_false(secret_looks_right((struct str){ 0 }, "hs_"));
}

static void csrf_belongs_to_one_session(void **state)
{
    struct secret a, b;
    char csrf[CSRF_LENGTH + 1];
    (void)state;
    secret_make("hs_", &a);
    secret_make("hs_", &b);
    secret_csrf(secret_str(&a), csrf);
    assert_int_equal(strlen(csrf), CSRF_LENGTH);
    assert_true(secret_csrf_ok(secret_str(&a), str_of(csrf)));
    assert_false(secret_csrf_ok(secret_str(&b), str_of(csrf)));
    assert_false(secret_csrf_ok(secret_str(&a), str_first(str_of(csrf), CSRF_LENGTH - 1)));
    assert_false(secret_csrf_ok(secret_str(&a), (struct str){ 0 }));
}

static void names_of_users(void **state)
{
    char longest[USER_NAME_MAX + 2];
    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_null(user_name_wrong(STR("alice@example.org")));
    assert_null(user_name_wrong(str_from(longest, USER_NAME_MAX)));
    assert_non_null(user_name_wrong(str_from(longest, USER_NAME_MAX + 1)));
    assert_non_null(user_name_wrong(STR("")));
    assert_non_null(user_name_wrong(STR("-a")));
    assert_non_null(user_name_wrong(STR("a/b")));
    assert_non_null(user_name_wrong(STR("a b")));
    assert_non_null(user_name_wrong(STR("a\nb")));
    assert_non_null(user_name_wrong(STR("あ")));
}

static void passwords_are_long(void **state)
{
    char text[3 * (PASSWORD_MOST + 1)];
    (void)state;
    for (unsigned i = 0; i <= PASSWORD_MOST; i++) {
        memcpy(text + (size_t)3 * i, "あ", 3);
    }
    assert_non_null(password_wrong(STR("12345678901"), STR("a")));
    assert_null(password_wrong(STR("123456789012"), STR("a")));
    assert_non_null(password_wrong(str_from(text, 33), STR("a")));
    assert_null(password_wrong(str_from(text, 36), STR("a")));
    assert_null(password_wrong(str_from(text, (size_t)3 * PASSWORD_MOST), STR("a")));
    assert_non_null(password_wrong(str_from(text, (size_t)3 * (PASSWORD_MOST + 1)), STR("a")));
    assert_non_null(password_wrong(STR("Administrator"), STR("administrator")));
    assert_non_null(password_wrong(str_from("1234567890\0002", 12), STR("a")));
    assert_non_null(password_wrong(STR("12345678901\xff"), STR("a")));
}

static void texts_hide_nothing(void **state)
{
    (void)state;
    assert_true(text_is_plain(STR("plain 日本語")));
    assert_false(text_is_plain(STR("a\x1b[31m")));
    assert_false(text_is_plain(STR("a\xc2\x9b")));
    assert_false(text_is_plain(STR("a\xe2\x80\xaeg")));
    assert_false(text_is_plain(STR("a\xe2\x81\xa6g")));
    assert_false(text_is_plain(STR("a\xff")));
    assert_true(time_zone_ok(STR("Asia/Tokyo")));
    assert_false(time_zone_ok(STR("a b")));
}

static void nobody_gives_more_than_the_role(void **state)
{
    (void)state;
    assert_int_equal(role_may(STR("root")), 0);
    assert_int_equal(role_may(STR("viewer")), MAY_READ | MAY_SELF);
    assert_false(role_may(STR("analyst")) & MAY_ADMIN);
    assert_false(role_may_give(STR("analyst")) & (MAY_ADMIN | MAY_SEND_FALCO));
    assert_false((role_may(STR("admin")) | role_may_give(STR("admin"))) & (MAY_AGENT | MAY_ENROL));
    assert_int_equal(permission_of(STR("agent")), 0);
}

static void waits_double_and_end(void **state)
{
    static const struct throttle_rule rule = { .free = 3, .most_ms = 60000, .forget_ms = 900000 };
    struct throttle throttle;
    int64_t now = 1000000;
    (void)state;
    assert_int_equal(throttle_init(&throttle, &rule), 0);
    assert_int_equal(throttle_wait(&throttle, 7, now), 0);
    assert_false(throttle_failed(&throttle, 7, now));
    assert_false(throttle_failed(&throttle, 7, now));
    assert_int_equal(throttle_wait(&throttle, 7, now), 0);
    assert_true(throttle_failed(&throttle, 7, now));
    assert_int_equal(throttle_wait(&throttle, 7, now), 1000);
    assert_int_equal(throttle_wait(&throttle, 7, now + 999), 1);
    assert_int_equal(throttle_wait(&throttle, 7, now + 1000), 0);
    assert_false(throttle_failed(&throttle, 7, now));
    assert_int_equal(throttle_wait(&throttle, 7, now), 2000);
    for (int i = 0; i < 100; i++) {
        throttle_failed(&throttle, 7, now);
    }
    assert_int_equal(throttle_wait(&throttle, 7, now), 60000);
    assert_int_equal(throttle_wait(&throttle, 8, now), 0);
    assert_int_equal(throttle_wait(&throttle, 7, now - 5000000), 60000); /* the clock went back */
    assert_int_equal(throttle_wait(&throttle, 7, now + 900000), 0);
    assert_false(throttle_failed(&throttle, 7, now + 900000));
    throttle_done(&throttle);
}

static void many_keys_are_bounded(void **state)
{
    static const struct throttle_rule rule = { .free = 1, .most_ms = 60000, .forget_ms = 900000 };
    struct throttle throttle;
    (void)state;
    assert_int_equal(throttle_init(&throttle, &rule), 0);
    for (uint64_t key = 1; key <= UINT64_C(10) * THROTTLE_SETS * THROTTLE_WAYS; key++) {
        throttle_failed(&throttle, key, (int64_t)key);
    }
    uint64_t last = UINT64_C(10) * THROTTLE_SETS * THROTTLE_WAYS;
    assert_true(throttle_wait(&throttle, last, (int64_t)last) > 0);
    assert_int_equal(throttle_wait(&throttle, 1, (int64_t)last), 0);
    throttle_done(&throttle);
}

static struct identity make(unsigned n, enum principal_kind kind)
{
    struct identity identity = { .kind = kind, .id = (int64_t)n, .user = (int64_t)n % 3 };
    uint64_t bytes[4] = { n, 0, 0, n };
    memcpy(identity.hash, bytes, sizeof(identity.hash));
    identity.name_length = (uint8_t)snprintf(identity.name, sizeof(identity.name), "n%u", n);
    return identity;
}

static void forgotten_at_once(void **state)
{
    struct cache cache;
    (void)state;
    assert_int_equal(cache_init(&cache), 0);
    struct identity a = make(1, PRINCIPAL_USER), b = make(2, PRINCIPAL_AGENT);
    uint64_t generation = cache.generation;
    assert_non_null(cache_put(&cache, &a, generation));
    assert_non_null(cache_put(&cache, &b, generation));
    cache_forget(&cache, &(struct cache_wish){ .kind = PRINCIPAL_AGENT, .name = STR("n2") });
    assert_non_null(cache_get(&cache, a.hash));
    assert_null(cache_get(&cache, b.hash));
    /* What the store said before the revocation is not believed after it. */
    assert_null(cache_put(&cache, &b, generation));
    cache_forget(&cache, &(struct cache_wish){ .user = 1 });
    assert_null(cache_get(&cache, a.hash));
    cache_done(&cache);
}

static void the_oldest_makes_room(void **state)
{
    struct cache cache;
    (void)state;
    assert_int_equal(cache_init(&cache), 0);
    for (unsigned i = 0; i <= CACHE_WAYS; i++) {
        struct identity one = make(1 + i * CACHE_SETS, PRINCIPAL_USER);
        assert_non_null(cache_put(&cache, &one, cache.generation));
        struct identity first = make(1, PRINCIPAL_USER);
        assert_non_null(cache_get(&cache, first.hash));
    }
    struct identity second = make(1 + CACHE_SETS, PRINCIPAL_USER);
    assert_null(cache_get(&cache, second.hash));
    cache_done(&cache);
}

static void seen_is_told_once(void **state)
{
    struct cache cache;
    struct store_seen items[4];
    (void)state;
    assert_int_equal(cache_init(&cache), 0);
    struct identity a = make(1, PRINCIPAL_USER), b = make(2, PRINCIPAL_AGENT);
    a.seen_ms = b.seen_ms = 5;
    cache_put(&cache, &a, cache.generation);
    cache_put(&cache, &b, cache.generation);
    assert_int_equal(cache_seen(&cache, items, 1), 1);
    assert_int_equal(cache_seen(&cache, items, 4), 1);
    assert_int_equal(cache_seen(&cache, items, 4), 0);
    cache_done(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_recognised), cmocka_unit_test(csrf_belongs_to_one_session),
        cmocka_unit_test(names_of_users),         cmocka_unit_test(passwords_are_long),
        cmocka_unit_test(texts_hide_nothing),     cmocka_unit_test(nobody_gives_more_than_the_role),
        cmocka_unit_test(waits_double_and_end),   cmocka_unit_test(many_keys_are_bounded),
        cmocka_unit_test(forgotten_at_once),      cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(seen_is_told_once),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
