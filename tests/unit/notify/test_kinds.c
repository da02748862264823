/*
 * kinds: what people may enter for a channel, what becomes of its secrets, and what answers mean.
 */
#include "test.h"

#include "notify/kinds.h"
#include "notify/verdict.h"

#include <errno.h>

static int settings(const char *kind, const char *json, struct json_object **ret)
{
    struct json_object *sent = json_tokener_parse(json);
    struct err err = { 0 };
    assert_non_null(sent);
    int r = notify_settings(notify_kind(str_of(kind)), sent, ret, &err);
    assert_true(r == 0 || err.message[0]);
    json_object_put(sent);
    return r;
}

static void assert_mailbox(const char *text, const char *name, const char *address)
{
    struct str got_name, got_address;
    assert_true(notify_mailbox(str_of(text), &got_name, &got_address));
    assert_str(got_name, name);
    assert_str(got_address, address);
}

static void assert_no_mailbox(const char *text)
{
    struct str name, address;
    if (notify_mailbox(str_of(text), &name, &address)) {
        fail_msg("|%s| was taken", text);
    }
}

static void mailboxes(void **state)
{
    static const char *const bad[] = { "",        "a",       "@b",         "a@",
                                       "a@b@c",   "a b@c",   "a@b\r\n",    "<a@b",
                                       "a@b>",    "x <>",    "x\n <a@b>",  "a,b@c",
                                       "a@b;c@d", "\"a\"@b", "\x7f <a@b>", "a\xc3\xa9@b" };
    char longest[NOTIFY_ADDRESS_MAX + 2];
    struct str name, address;
    (void)state;
    assert_mailbox("a@b", "", "a@b");
    assert_mailbox("火の見 <a@b>", "火の見", "a@b");
    assert_mailbox("<a@b>", "", "a@b");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_no_mailbox(bad[i]);
    }
    memset(longest, 'a', sizeof(longest));
    longest[1] = '@';
    assert_true(notify_mailbox((struct str){ longest, NOTIFY_ADDRESS_MAX - 1 }, &name, &address));
    assert_true(notify_mailbox((struct str){ longest, NOTIFY_ADDRESS_MAX }, &name, &address));
    assert_false(notify_mailbox((struct str){ longest, NOTIFY_ADDRESS_MAX + 1 }, &name, &address));
}

static void what_is_kept(void **state)
{
    struct json_object *kept = NULL;
    (void)state;
    assert_int_equal(settings("email",
                              "{\"host\":\"a\",\"from\":\"a@b\",\"to\":[\"c@d\"],\"user\":\"\","
                              "\"ca\":null}",
                              &kept),
                     0);
    assert_string_equal(json_object_to_json_string_ext(kept, JSON_C_TO_STRING_PLAIN),
                        "{\"host\":\"a\",\"from\":\"a@b\",\"to\":[\"c@d\"]}");
    json_object_put(kept);
    assert_int_equal(settings("email", "{\"host\":\"a\",\"from\":\"a@b\"}", &kept), -EINVAL);
    assert_int_equal(settings("webhook", "{\"url\":\"https://a\",\"to\":[\"c@d\"]}", &kept),
                     -EINVAL);
    assert_int_equal(settings("webhook", "{\"url\":\"HTTPS://a/b?c=d\"}", &kept), 0);
    json_object_put(kept);
    assert_int_equal(settings("webhook", "{\"url\":\"https://a\\\\@b/\"}", &kept), -EINVAL);
    assert_null(notify_kind(STR("pigeon")));
}

/* ---- secrets */

static int secrets(bool moved, const char *kept, const char *sent, char *ret, size_t size)
{
    struct json_object *before = kept ? json_tokener_parse(kept) : NULL;
    struct json_object *given = sent ? json_tokener_parse(sent) : NULL, *after = NULL;
    struct err err = { 0 };
    int r = notify_secrets(notify_kind(STR("webhook")), before, moved, given, &after, &err);
    if (r == 0) {
        snprintf(ret, size, "%s", json_object_to_json_string_ext(after, JSON_C_TO_STRING_PLAIN));
        json_object_put(after);
    }
    json_object_put(before);
    json_object_put(given);
    return r;
}

#define S16  "0123456789abcdef"
#define KEPT "{\"secret\":\"" S16 "\",\"authorization\":\"x\"}"

static void what_becomes_of_secrets(void **state)
{
    char got[256];
    (void)state;
    assert_int_equal(secrets(false, NULL, "{\"secret\":\"" S16 "\"}", got, sizeof(got)), 0);
    assert_string_equal(got, "{\"secret\":\"" S16 "\"}");
    assert_int_equal(secrets(false, NULL, "{\"secret\":\"0123456789abcde\"}", got, sizeof(got)),
                     -EINVAL);
    assert_int_equal(secrets(false, NULL, NULL, got, sizeof(got)), -EINVAL);
    assert_int_equal(secrets(false, KEPT, NULL, got, sizeof(got)), 0);
    assert_string_equal(got, KEPT);
    assert_int_equal(secrets(false, KEPT, "{\"authorization\":null}", got, sizeof(got)), 0);
    assert_string_equal(got, "{\"secret\":\"" S16 "\"}");
    assert_int_equal(secrets(false, KEPT, "{\"secret\":\"\"}", got, sizeof(got)), -EINVAL);
    assert_int_equal(secrets(true, KEPT, NULL, got, sizeof(got)), -EINVAL);
    assert_int_equal(secrets(true, KEPT, "{\"secret\":\"" S16 "\"}", got, sizeof(got)), -EINVAL);
    assert_int_equal(
        secrets(true, KEPT, "{\"secret\":\"" S16 "g\",\"authorization\":null}", got, sizeof(got)),
        0);
    assert_string_equal(got, "{\"secret\":\"" S16 "g\"}");
}

/* ---- answers */

static enum notify_verdict verdict(enum courier_outcome outcome, int status, bool mail)
{
    struct courier_answer answer = { .outcome = outcome, .status = status };
    char said[NOTIFY_SAID_MAX];
    return notify_judge_answer(&answer, mail, said);
}

static void what_answers_mean(void **state)
{
    static const struct {
        int status;
        bool mail;
        enum notify_verdict verdict;
    } cases[] = {
        { 200, false, NOTIFY_DELIVERED }, { 299, false, NOTIFY_DELIVERED },
        { 199, false, NOTIFY_AGAIN },     { 300, false, NOTIFY_NEVER },
        { 399, false, NOTIFY_NEVER },     { 400, false, NOTIFY_NEVER },
        { 401, false, NOTIFY_AGAIN },     { 404, false, NOTIFY_AGAIN },
        { 422, false, NOTIFY_NEVER },     { 429, false, NOTIFY_AGAIN },
        { 503, false, NOTIFY_AGAIN },     { 250, true, NOTIFY_DELIVERED },
        { 421, true, NOTIFY_AGAIN },      { 450, true, NOTIFY_AGAIN },
        { 535, true, NOTIFY_AGAIN },      { 550, true, NOTIFY_NEVER },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (verdict(COURIER_ANSWERED, cases[i].status, cases[i].mail) != cases[i].verdict) {
            fail_msg("%d", cases[i].status);
        }
    }
    assert_int_equal(verdict(COURIER_REFUSED, 0, false), NOTIFY_NEVER);
    assert_int_equal(verdict(COURIER_BUSY, 0, false), NOTIFY_OURS);
    assert_int_equal(verdict(COURIER_TIMEOUT, 0, false), NOTIFY_AGAIN);
    assert_int_equal(verdict(COURIER_UNKNOWN, 0, false), NOTIFY_AGAIN);
    assert_int_equal(verdict(COURIER_TOO_LARGE, 200, false), NOTIFY_DELIVERED);
}

static void backing_off(void **state)
{
    (void)state;
    assert_int_equal(notify_back_off_ms(0, 0, 0), 2000);
    assert_int_equal(notify_back_off_ms(1, 0, 0), 2000);
    assert_int_equal(notify_back_off_ms(2, 0, 0), 10000);
    assert_true(notify_back_off_ms(2, 0, 999) < 12000);
    for (int64_t i = 1; i < 40; i++) {
        assert_true(notify_back_off_ms(i, 0, 0) <= notify_back_off_ms(i + 1, 0, 0));
        assert_true(notify_back_off_ms(i, 0, 999) <= NOTIFY_RETRY_MOST_MS);
    }
    assert_int_equal(notify_back_off_ms(1, 60, 0), 60000);
    assert_int_equal(notify_back_off_ms(1, 86000, 0), NOTIFY_RETRY_MOST_MS);
    assert_int_equal(notify_back_off_ms(1, -1, 0), 2000);
}

static void what_targets_say(void **state)
{
    struct courier_answer answer = { .outcome = COURIER_ANSWERED,
                                     .status = 500,
                                     .body = STR("a\r\nb\x1b[31m\xff") };
    char said[NOTIFY_SAID_MAX];
    static char body[5000];
    (void)state;
    notify_judge_answer(&answer, false, said);
    assert_string_equal(said, "500: a  b?[31m?");
    memset(body, 'x', sizeof(body));
    answer.body = (struct str){ body, sizeof(body) };
    notify_judge_answer(&answer, false, said);
    assert_true(strlen(said) < 220);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailboxes),
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(what_becomes_of_secrets),
        cmocka_unit_test(what_answers_mean),
        cmocka_unit_test(backing_off),
        cmocka_unit_test(what_targets_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
