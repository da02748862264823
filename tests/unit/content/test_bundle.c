/*
 * Bundles: their bytes, what is in them, their signatures; which agents get a difference and which a full one; and
 * orders, once each.
 */
#include "content_fixture.h"

#include "server/bundle.h"
#include "store/content.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sodium.h>

static void decode(struct str text, unsigned char *ret, size_t n)
{
    size_t used = 0;
    assert_int_equal(sodium_base642bin(ret, n, text.p, text.n, NULL, &used, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(used, n);
}

/* Does the last answer carry the server's signature over its type, that version and its body? */
static bool is_signed(struct fixture *f, const char *type, const char *version, struct str body)
{
    unsigned char key[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES];
    struct buf key_text, text;
    char storage[64];
    buf_init_fixed(&key_text, storage, sizeof(storage));
    content_sign_key(&f->server, &key_text);
    decode(buf_str(&key_text), key, sizeof(key));
    decode(http_answer_header(&f->answer, "Hinomi-Signature"), signature, sizeof(signature));
    buf_init(&text, (size_t)64 << 20);
    buf_printf(&text, "hinomi-1\n%s\n%s\n", type, version);
    buf_puts(&text, body);
    bool good = crypto_sign_verify_detached(signature, (unsigned char *)text.p, text.n, key) == 0;
    buf_done(&text);
    return good;
}

/* The member of that name; .p NULL: there is none. In a buffer of the caller's. */
static bool member(struct str tar, const char *name, struct buf *ret)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    bool found = false;
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, tar.p, tar.n), ARCHIVE_OK);
    while (!found && archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        assert_int_equal(archive_entry_mtime(entry), 0);
        assert_int_equal(archive_entry_uid(entry), 0);
        if (strcmp(archive_entry_pathname_utf8(entry), name) == 0) {
            size_t n = (size_t)archive_entry_size(entry);
            char *at = buf_reserve(ret, n + 1);
            assert_int_equal(archive_read_data(archive, at, n), n);
            ret->n += n;
            found = true;
        }
    }
    archive_read_free(archive);
    return found;
}

static void test_full(void **state)
{
    struct fixture *f = *state;
    struct buf first, text;
    buf_init(&first, (size_t)1 << 20);
    buf_init(&text, (size_t)1 << 20);
    assert_int_equal(
        fixture_ask(f, "POST", "/v1/lists/names/append", "{\"items\":[\"a b\",\"c\\nd\"]}"), 200);
    assert_int_equal(fixture_poll(f, "a1", 0, 0), 200);
    assert_string_equal(f->answer.type, BUNDLE_TYPE);
    assert_true(str_eqz(http_answer_header(&f->answer, "Hinomi-Version"), "2"));
    assert_true(is_signed(f, BUNDLE_TYPE, "2", f->answer.body));
    assert_false(is_signed(f, BUNDLE_TYPE, "3", f->answer.body));
    assert_false(is_signed(f, DELTA_TYPE, "2", f->answer.body));
    assert_true(member(f->answer.body, "lists/names.txt", &text));
    assert_true(str_eqz(buf_str(&text), "a b\nc\\nd\n"));
    buf_clear(&text);
    assert_true(member(f->answer.body, "rules/10-a.yaml", &text));
    assert_true(str_eqz(buf_str(&text), MANAGED_RULES));
    buf_clear(&text);
    assert_true(member(f->answer.body, "policies.yaml", &text));
    buf_clear(&text);
    assert_true(member(f->answer.body, "manifest.json", &text));
    assert_true(str_find(buf_str(&text), STR("\"version\":2")) > 0);
    buf_puts(&first, f->answer.body);
    fixture_restart(f);
    assert_int_equal(fixture_poll(f, "a1", 0, 0), 200);
    assert_true(str_eq(buf_str(&first), f->answer.body));
    buf_done(&first);
    buf_done(&text);
}

static void append(struct fixture *f, const char *item)
{
    char body[64];
    snprintf(body, sizeof(body), "{\"items\":[\"%s\"]}", item);
    assert_int_equal(fixture_ask(f, "POST", "/v1/lists/names/append", body), 200);
}

static void test_differences(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_poll(f, "a1", 0, 0), 200);
    append(f, "a");
    append(f, "b");
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 200);
    assert_true(str_eqz(http_answer_header(&f->answer, "Hinomi-Version"), "3"));
    assert_true(is_signed(f, DELTA_TYPE, "3", f->answer.body));
    assert_true(fixture_holds(f, "\"append\":[\"a\"]},{\"list\":\"names\",\"append\":[\"b\"]"));
    assert_int_equal(fixture_poll(f, "a2", 2, 0), 200);
    assert_true(
        str_eqz(f->answer.body,
                "{\"from\":2,\"to\":3,\"changes\":[{\"list\":\"names\",\"append\":[\"b\"]}]}"));
    /* A newcomer gets the bundle that was made before, and then a difference. */
    assert_int_equal(fixture_poll(f, "a3", 0, 0), 200);
    assert_true(str_eqz(http_answer_header(&f->answer, "Hinomi-Version"), "1"));
    assert_int_equal(fixture_ask(f, "PATCH", "/v1/rules/Ports", "{\"enabled\":false}"), 200);
    assert_int_equal(fixture_poll(f, "a1", 3, 0), 200);
    assert_string_equal(f->answer.type, BUNDLE_TYPE);
    assert_true(str_eqz(http_answer_header(&f->answer, "Hinomi-Version"), "4"));
    append(f, "c");
    assert_int_equal(fixture_poll(f, "a1", 4, 0), 200);
    assert_string_equal(f->answer.type, DELTA_TYPE);
    assert_int_equal(fixture_poll(f, "a1", 5, 0), 204);
}

static void test_many_differences(void **state)
{
    struct fixture *f = *state;
    struct bundles *b = calloc(1, sizeof(*b));
    struct bundle *d;
    (void)f;
    bundles_note(b, 1, (struct str){ 0 });
    for (int64_t v = 2; v < 2 + DELTAS_MAX + 10; v++) {
        bundles_note(b, v, STR("{}"));
    }
    assert_null(bundles_difference(b, 1, DELTAS_MAX + 11));
    assert_true(b->n <= DELTAS_MAX);
    d = bundles_difference(b, b->base, DELTAS_MAX + 11);
    assert_non_null(d);
    bundle_drop(d);
    d = bundles_difference(b, DELTAS_MAX + 10, DELTAS_MAX + 11);
    assert_true(str_find(buf_str(&d->body), STR("\"changes\":[{}]")) > 0);
    bundle_drop(d);
    assert_null(bundles_difference(b, DELTAS_MAX + 11, DELTAS_MAX + 11));
    bundles_done(b);
    free(b);
}

/* The store came from a backup: agents must not be left with what is newer, nor ask without end. */
static void test_agents_ahead(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_poll(f, "a1", 40, 0), 204);
    content_module.tick(&f->server);
    assert_int_equal(content_version(&f->server), 41);
    assert_int_equal(fixture_poll(f, "a1", 40, 0), 200);
    assert_true(str_eqz(http_answer_header(&f->answer, "Hinomi-Version"), "41"));
    append(f, "x");
    assert_int_equal(content_version(&f->server), 42);
    /* Not again so soon, and not by far. */
    assert_int_equal(fixture_poll(f, "a1", 100, 0), 204);
    content_module.tick(&f->server);
    assert_int_equal(content_version(&f->server), 42);
    fixture_restart(f);
    assert_int_equal(fixture_poll(f, "a1", INT64_MAX, 0), 204);
    content_module.tick(&f->server);
    assert_int_equal(content_version(&f->server), 42);
}

static int64_t order(struct fixture *f, const char *agent)
{
    struct err err = { 0 };
    int64_t id = 0;
    const struct order o = { .agent = str_of(agent),
                             .kind = STR("kill"),
                             .container = STR("c1"),
                             .finding = STR("f1"),
                             .author = STR("alice"),
                             .pid = 7,
                             .start_ns = 99 };
    assert_int_equal(content_order(&f->server, &o, NULL, &id, &err), 0);
    return id;
}

static void test_orders(void **state)
{
    struct fixture *f = *state;
    char target[96];
    int64_t id = order(f, "a1");
    assert_int_equal(fixture_poll(f, "a2", 1, 0), 204);
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 200);
    assert_string_equal(f->answer.type, ORDERS_TYPE);
    assert_true(
        fixture_holds(f, "\"kind\":\"kill\",\"container\":\"c1\",\"pid\":7,\"start_ns\":99"));
    char version[24];
    snprintf(version, sizeof(version), "%lld", (long long)id);
    assert_true(is_signed(f, ORDERS_TYPE, version, f->answer.body));
    /* Again only for whoever never saw it. */
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 200);
    assert_int_equal(fixture_poll(f, "a1", 1, id), 204);
    struct err err = { 0 };
    const struct store_order done = {
        .id = id, .agent = STR("a1"), .state = STR("done"), .result = STR("killed"), .done_ms = 5
    };
    const struct store_content_ops *ops = f->server.store->content;
    assert_int_equal(ops->order_done(f->server.store, &done, &err), 0);
    assert_int_equal(ops->order_done(f->server.store, &done, &err), -ESTALE);
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 204);
    snprintf(target, sizeof(target), "/v1/agents/a1/orders?finding=f1");
    assert_int_equal(fixture_ask(f, "GET", target, NULL), 200);
    assert_true(fixture_holds(f, "\"state\":\"done\",\"result\":\"killed\""));
}

static void test_orders_expire(void **state)
{
    struct fixture *f = *state;
    order(f, "a1");
    fixture_now_ms += CONTENT_ORDER_LIFE_MS + 1;
    assert_int_equal(fixture_poll(f, "a1", 1, 0), 204);
    content_module.tick(&f->server);
    assert_int_equal(fixture_ask(f, "GET", "/v1/agents/a1/orders", NULL), 200);
    assert_true(fixture_holds(f, "\"state\":\"expired\""));
    struct err err = { 0 };
    int64_t id;
    const struct order bad = { .agent = STR("a1"), .kind = STR("reboot") };
    assert_int_equal(content_order(&f->server, &bad, NULL, &id, &err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full),         TEST(test_differences), TEST(test_many_differences),
        TEST(test_agents_ahead), TEST(test_orders),      TEST(test_orders_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
