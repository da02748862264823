/*
 * Items of lists: appended, taken out, replaced, imported; what the engine does not take; and what agents are given
 * after each.
 */
#include "content_fixture.h"

#include "server/bundle.h"
#include "store/content.h"

#define ASSERT_STATUS(f, expected, method, target, sent)                                           \
    do {                                                                                           \
        unsigned status_ = fixture_ask((f), (method), (target), (sent));                           \
        if (status_ != (expected)) {                                                               \
            fail_msg("%s %s: %u %s", (method), (target), status_, (f)->answer.body.p);             \
        }                                                                                          \
    } while (0)

/* Items of the list, joined by blanks. */
static const char *items_of(struct fixture *f, const char *list)
{
    static char text[4096];
    char target[128];
    snprintf(target, sizeof(target), "/v1/lists/%s/items", list);
    ASSERT_STATUS(f, 200, "GET", target, NULL);
    struct json_object *items = fixture_member(f, "items");
    struct buf buf;
    buf_init_fixed(&buf, text, sizeof(text));
    for (size_t i = 0; i < json_object_array_length(items); i++) {
        buf_putz(&buf, i ? " " : "");
        buf_putz(&buf, json_object_get_string(
                           json_object_object_get(json_object_array_get_idx(items, i), "item")));
    }
    buf_putc(&buf, '\0');
    return text;
}

static void test_append(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append",
                  "{\"items\":[\"test.txt\",\"test.txt\",\"kinsing\"],\"note\":\"seen\"}");
    assert_int_equal(fixture_number(f, "version"), 2);
    assert_int_equal(fixture_number(f, "changed"), 1);
    assert_string_equal(items_of(f, "names"), "kinsing two words test.txt");
    assert_true(fixture_holds(f, "\"note\":\"seen\""));
    assert_true(fixture_holds(f, "\"author\":\"alice\""));
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append", "{\"items\":[\"test.txt\"]}");
    assert_int_equal(fixture_number(f, "version"), 2);
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 200);
    assert_string_equal(f->answer.type, DELTA_TYPE);
    assert_string_equal(
        f->answer.body.p,
        "{\"from\":1,\"to\":2,\"changes\":[{\"list\":\"names\",\"append\":[\"test.txt\"]}]}");
    assert_int_equal(fixture_poll(f, "a1", 2, 0), 204);
    ASSERT_STATUS(f, 404, "POST", "/v1/lists/none/append", "{\"items\":[\"x\"]}");
}

static void test_engine_looks_at_items(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 422, "POST", "/v1/lists/ports/append",
                  "{\"items\":[\"4444\",\"many\",\"5\"]}");
    assert_true(fixture_holds(f, "\"item\":\"many\""));
    ASSERT_STATUS(f, 422, "POST", "/v1/lists/ports/append", "{\"items\":[\"70000\"]}");
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/ports/append", "{\"items\":[\"4444\"]}");
    ASSERT_STATUS(f, 422, "POST", "/v1/lists/names/append", "{\"items\":[\"\"]}");
    ASSERT_STATUS(f, 422, "POST", "/v1/lists/names/append", "{\"items\":[\"a\\u0001\"]}");
    ASSERT_STATUS(f, 422, "POST", "/v1/lists/names/append", "{\"items\":[7]}");
    /* Items that are there already are looked at when a condition uses the list otherwise. */
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append", "{\"items\":[\"word\"]}");
    ASSERT_STATUS(f, 200, "PUT", "/v1/lists/names",
                  "{\"text\":\"- list: names\\n  items: [1]\\n  override: {items: replace}\\n\"}");
    ASSERT_STATUS(
        f, 422, "POST", "/v1/rules",
        "{\"text\":\"- rule: P\\n  desc: d\\n  condition: evt.type = connect and fd.sport in "
        "(names)\\n  output: o\\n  priority: INFO\\n\"}");
    if (!fixture_holds(f, "\"item\":\"word\"")) {
        fail_msg("%s", f->answer.body.p);
    }
}

/* A list whose items stand in a condition as text, not as a list of values. */
static void test_list_as_text(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 201, "POST", "/v1/lists", "{\"text\":\"- list: one\\n  items: [ab]\\n\"}");
    ASSERT_STATUS(
        f, 201, "POST", "/v1/rules",
        "{\"text\":\"- rule: T\\n  desc: d\\n  condition: evt.type = open and proc.name = "
        "one\\n  output: o\\n  priority: INFO\\n\"}");
    ASSERT_STATUS(f, 422, "POST", "/v1/lists/one/append", "{\"items\":[\"second\"]}");
    assert_true(fixture_holds(f, "\"list\":\"one\""));
}

static void test_items_mean_themselves(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append",
                  "{\"items\":[\"ports\",\"a, b\",\"q\\\"uote\",\"(x)\",\"new\\nline\",\"\\\\\"]}");
    assert_int_equal(fixture_number(f, "changed"), 6);
    ASSERT_STATUS(f, 200, "PATCH", "/v1/rules/Ports", "{\"enabled\":false}");
}

static void test_remove(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append", "{\"items\":[\"x\"]}");
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/remove",
                  "{\"items\":[\"x\",\"kinsing\",\"none\"]}");
    assert_int_equal(fixture_number(f, "changed"), 2);
    assert_string_equal(items_of(f, "names"), "two words");
    assert_int_equal(fixture_poll(f, "a1", 2, 0), 200);
    assert_string_equal(f->answer.type, BUNDLE_TYPE);
    fixture_restart(f);
    assert_string_equal(items_of(f, "names"), "two words");
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append", "{\"items\":[\"kinsing\"]}");
    assert_string_equal(items_of(f, "names"), "kinsing two words");
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/remove", "{\"items\":[\"kinsing\"]}");
    ASSERT_STATUS(f, 200, "DELETE", "/v1/lists/names", NULL);
    assert_string_equal(items_of(f, "names"), "kinsing two words");
}

static void test_replace_and_revert(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "PUT", "/v1/lists/names/items", "{\"items\":[\"a\",\"two words\"]}");
    assert_string_equal(items_of(f, "names"), "two words a");
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append", "{\"items\":[\"b\"]}");
    ASSERT_STATUS(f, 200, "GET", "/v1/lists/names/diff?from=2&to=3", NULL);
    assert_true(fixture_holds(f, "\"appended\":[\"b\"],\"removed\":[]"));
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/revert", "{\"to\":1}");
    assert_string_equal(items_of(f, "names"), "kinsing two words");
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/revert", "{\"to\":3}");
    assert_string_equal(items_of(f, "names"), "two words a b");
}

static void test_own_list(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 422, "POST", "/v1/lists", "{\"name\":\"bad name\",\"items\":[]}");
    ASSERT_STATUS(f, 422, "POST", "/v1/lists", "{\"name\":\"../x\",\"items\":[]}");
    ASSERT_STATUS(f, 201, "POST", "/v1/lists",
                  "{\"name\":\"\xe5\x90\x8d\",\"items\":[\"a\",\"b\"]}");
    ASSERT_STATUS(f, 200, "GET", "/v1/lists/%E5%90%8D/items?limit=1", NULL);
    assert_int_equal(fixture_number(f, "total"), 2);
    char next[64], target[128];
    snprintf(next, sizeof(next), "%s", fixture_text(f, "next"));
    snprintf(target, sizeof(target), "/v1/lists/%%E5%%90%%8D/items?limit=1&cursor=%s", next);
    ASSERT_STATUS(f, 200, "GET", target, NULL);
    assert_true(fixture_holds(f, "\"item\":\"b\""));
    assert_int_equal(fixture_poll(f, "a1", 0, 0), 200);
    ASSERT_STATUS(f, 200, "DELETE", "/v1/lists/%E5%90%8D", NULL);
    ASSERT_STATUS(f, 201, "POST", "/v1/lists", "{\"name\":\"\xe5\x90\x8d\",\"items\":[]}");
    ASSERT_STATUS(f, 200, "GET", "/v1/lists/%E5%90%8D/items", NULL);
    assert_int_equal(fixture_number(f, "total"), 0);
}

static void test_import(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        fixture_ask_raw(f, "/v1/lists/names/import", STR("# feed\r\nx\r\n\r\nx\nkinsing\ny \n")),
        200);
    assert_int_equal(fixture_number(f, "added"), 2);
    assert_int_equal(fixture_number(f, "duplicates"), 2);
    assert_int_equal(fixture_number(f, "comments"), 1);
    assert_int_equal(fixture_number(f, "empty"), 1);
    assert_string_equal(items_of(f, "names"), "kinsing two words x y");
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 200);
    assert_string_equal(f->answer.type, DELTA_TYPE);
    assert_int_equal(fixture_ask_raw(f, "/v1/lists/names/import?kind=hash", STR("zz\n")), 422);
    assert_true(fixture_holds(f, "\"line\":1"));
    assert_int_equal(
        fixture_ask_raw(f, "/v1/lists/names/import?kind=hash&invalid=skip", STR("zz\n")), 200);
    assert_int_equal(fixture_ask_raw(f,
                                     "/v1/lists/names/import?format=csv&column=name&mode=replace",
                                     STR("id,name\n1,\"a,b\"\n2,\"q\"\"q\"\n3,two words\n")),
                     200);
    assert_string_equal(items_of(f, "names"), "two words a,b q\"q");
    assert_int_equal(fixture_ask_raw(f, "/v1/lists/names/import?format=csv&column=no", STR("a\n")),
                     422);
    assert_int_equal(fixture_ask_raw(f, "/v1/lists/ports/import", STR("1\nx\n")), 422);
}

static void test_import_of_many(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    buf_init(&text, (size_t)8 << 20);
    for (int i = 0; i < 30000; i++) {
        buf_printf(&text, "name-%d\n", i);
    }
    assert_int_equal(fixture_ask_raw(f, "/v1/lists/names/import", buf_str(&text)), 200);
    assert_int_equal(fixture_number(f, "added"), 30000);
    assert_int_equal(fixture_number(f, "version"), 2);
    ASSERT_STATUS(f, 200, "GET", "/v1/lists/names/items?search=name-29999", NULL);
    assert_int_equal(fixture_number(f, "total"), 1);
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/revert", "{\"to\":1}");
    assert_string_equal(items_of(f, "names"), "kinsing two words");
    buf_done(&text);
}

/* What was staged by a server that ended before the commit is not there. */
static void test_staged_is_unseen(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    int64_t changed = 0;
    const struct store_content_ops *ops = f->server.store->content;
    const struct store_item_change item = { .item = STR("ghost") };
    const struct store_items_change items = { .list = STR("names"), .append = &item, .nappend = 1 };
    assert_int_equal(ops->stage(f->server.store, 2, &items, &changed, &err), 0);
    assert_string_equal(items_of(f, "names"), "kinsing two words");
    fixture_restart(f);
    ASSERT_STATUS(f, 200, "POST", "/v1/lists/names/append", "{\"items\":[\"real\"]}");
    assert_string_equal(items_of(f, "names"), "kinsing two words real");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_append),
        TEST(test_engine_looks_at_items),
        TEST(test_items_mean_themselves),
        TEST(test_list_as_text),
        TEST(test_remove),
        TEST(test_replace_and_revert),
        TEST(test_own_list),
        TEST(test_import),
        TEST(test_import_of_many),
        TEST(test_staged_is_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
