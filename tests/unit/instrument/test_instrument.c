/*
 * instrument: limits at their edges, allocations that fail, names of images, the record. What definitions become is
 * in tests/instrument.
 */
#include "test.h"

#include "instrument/image_internal.h"
#include "instrument/instrument.h"
#include "instrument/taskdef.h"

#include <errno.h>

static int no_image(void *context, const struct image_query *query, struct arena *arena,
                    struct image_config *ret, struct err *err)
{
    (void)context;
    (void)query;
    (void)arena;
    (void)ret;
    return err_set(err, -ENOENT, "there is none");
}

static const struct instrument_options options = {
    .image = "agent", .rules = "/r", .memory = 128, .port = 9464, .look_up = no_image
};

static int run(struct str text, struct buf *out, struct err *err)
{
    struct instrument_result result;
    buf_init(out, INSTRUMENT_OUT_MAX);
    return instrument_text(text, &options, out, &result, err);
}

static int code_of(struct str text)
{
    struct err err = { 0 };
    struct buf out;
    int r = run(text, &out, &err);
    assert_true(r == 0 || err.message[0]);
    assert_true(r == 0 || out.n == 0);
    buf_done(&out);
    return r;
}

static const char json[] =
    "{\"containerDefinitions\": [{\"name\": \"a\", \"entryPoint\": [\"/a\"], "
    "\"healthCheck\": {\"command\": [\"CMD-SHELL\", \"b\"]}}]}";
static const char yaml[] = "Resources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n"
                           "      ContainerDefinitions:\n      - Name: a\n        EntryPoint:\n"
                           "        - /a\n        MountPoints: []\n";

static void test_allocations(void **state)
{
    (void)state;
    const char *const texts[] = { json, yaml };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct err err = { 0 };
        struct buf good, out;
        assert_int_equal(run(str_of(texts[i]), &good, &err), 0);
        int r = -ENOMEM;
        for (uint64_t n = 1; r < 0; n++) {
            mem_fail_after(n);
            r = run(str_of(texts[i]), &out, &err);
            mem_fail_after(0);
            assert_true(r < 0 ? out.n == 0 : str_eq(buf_str(&out), buf_str(&good)));
            buf_done(&out);
            assert_true(n < 10000);
        }
        buf_done(&good);
    }
}

/* The definition with blanks after it, up to n bytes. */
static int code_of_size(size_t n)
{
    char *text = mem_alloc(n);
    assert_non_null(text);
    memset(text, ' ', n);
    memcpy(text, json, sizeof(json) - 1);
    int r = code_of(str_from(text, n));
    free(text);
    return r;
}

static void test_size(void **state)
{
    (void)state;
    assert_int_equal(code_of_size(INSTRUMENT_TEXT_MAX - 1), 0);
    assert_int_equal(code_of_size(INSTRUMENT_TEXT_MAX), 0);
    assert_int_equal(code_of_size(INSTRUMENT_TEXT_MAX + 1), -EFBIG);
}

static int code_of_depth(unsigned depth, bool flow)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_putz(&text, yaml);
    buf_putz(&text, "Other: ");
    for (unsigned i = 0; i < depth; i++) {
        buf_putz(&text, flow ? "[" : "- ");
    }
    for (unsigned i = 0; i < depth && flow; i++) {
        buf_putz(&text, "]");
    }
    int r = code_of(buf_str(&text));
    buf_done(&text);
    return r;
}

static void test_depth(void **state)
{
    (void)state;
    assert_int_equal(code_of_depth(NODE_DEPTH_MAX - 1, true), 0);
    assert_int_equal(code_of_depth(NODE_DEPTH_MAX, true), -EINVAL);
    assert_int_equal(code_of_depth(10000, true), -EINVAL);
    assert_int_equal(code_of_depth(10000, false), -EINVAL);
}

static int code_of_containers(unsigned n)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_putz(&text, "{\"containerDefinitions\": [");
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&text, "%s{\"name\": \"c%u\", \"entryPoint\": [\"/a\"]}", i ? "," : "", i);
    }
    buf_putz(&text, "]}");
    int r = code_of(buf_str(&text));
    buf_done(&text);
    return r;
}

static void test_containers(void **state)
{
    (void)state;
    assert_int_equal(code_of_containers(0), -EINVAL);
    assert_int_equal(code_of_containers(8), 0);
    assert_int_equal(code_of_containers(9), -E2BIG);
    assert_int_equal(code_of_containers(INSTRUMENT_CONTAINERS_MAX + 1), -EINVAL);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " \n",
        "{",
        "[",
        "[]",
        "{}",
        "a",
        "a: b",
        "- a",
        "a: *b",
        "a: [",
        "\t",
        "--- a\n--- b",
        "{\"containerDefinitions\": null}",
        "{\"containerDefinitions\": {}}",
        "{\"containerDefinitions\": [1]}",
        "{\"containerDefinitions\": [{\"name\": 1}]}",
        "{\"containerDefinitions\": [{\"name\": \"a\", \"entryPoint\": \"/a\"}]}",
        "{\"containerDefinitions\": [{\"name\": \"a\", \"entryPoint\": [[\"a\"]]}]}",
        "{\"containerDefinitions\": [{\"name\": \"a\", \"entryPoint\": [\"a\"], \"dependsOn\": "
        "1}]}",
        "{\"containerDefinitions\": [{\"name\": \"a\", \"entryPoint\": [\"a\"], \"healthCheck\": "
        "{}}, 2]}",
        "Resources: []",
        "Resources: {T: {Type: AWS::ECS::TaskDefinition}}",
        "Resources: {T: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: !Ref "
        "A}}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_true(code_of(str_of(texts[i])) < 0);
    }
    assert_true(code_of(STR("a: \xff")) < 0);
    assert_true(code_of(STR("\xef\xbb\xbf")) < 0);
    assert_true(code_of(STR("\0")) < 0);
}

/* A line's end more would be in the application's environment. */
static void test_last_text(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4096);
    buf_putz(&text, yaml);
    buf_putz(&text, "        Environment:\n        - Value: |\n            text");
    assert_int_equal(code_of(buf_str(&text)), -EINVAL);
    buf_putz(&text, "\n");
    assert_int_equal(code_of(buf_str(&text)), 0);
    buf_done(&text);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *registry, *repository, *tag;
    } names[] = {
        { "nginx", "registry-1.docker.io", "library/nginx", "latest" },
        { "nginx:1.27", "registry-1.docker.io", "library/nginx", "1.27" },
        { "docker.io/nginx", "registry-1.docker.io", "library/nginx", "latest" },
        { "user/app", "registry-1.docker.io", "user/app", "latest" },
        { "host.example/app", "host.example", "app", "latest" },
        { "host:5000/a/b/c:d", "host:5000", "a/b/c", "d" },
        { "localhost/app", "localhost", "app", "latest" },
        { "public.ecr.aws/nginx/nginx:stable", "public.ecr.aws", "nginx/nginx", "stable" },
    };
    static const char *const bad[] = {
        "",        ":",    "@",    "a:",     "a@sha256:0", "A",   "a b",   "h:x/a",
        "h:1:2/a", "h.x/", "../a", "a/../b", "a?b",        "a#b", "a:b?c", "<IMAGE1_NAME>"
    };
    struct image_reference name;
    struct err err;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(image_reference_parse(str_of(names[i].text), &name, &err), 0);
        assert_string_equal(name.registry, names[i].registry);
        assert_string_equal(name.repository, names[i].repository);
        assert_string_equal(name.tag, names[i].tag);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(image_reference_parse(str_of(bad[i]), &name, &err), -EINVAL);
    }
}

static void test_record(void **state)
{
    (void)state;
    struct buf record;
    buf_init(&record, RECORD_MAX);
    taskdef_record_put(&record, (struct str){ 0 }, 'V', MEMBER_EMPTY);
    taskdef_record_put(&record, (struct str){ 0 }, 'P', MEMBER_ABSENT);
    taskdef_record_put(&record, STR("app2"), 'E', MEMBER_NULL);
    taskdef_record_put(&record, STR("app"), 'D', MEMBER_ABSENT);
    assert_str(buf_str(&record), ":V0P app2:En app:D");
    struct str text = buf_str(&record);
    assert_int_equal(taskdef_record_get(text, (struct str){ 0 }, 'V'), MEMBER_EMPTY);
    assert_int_equal(taskdef_record_get(text, (struct str){ 0 }, 'P'), MEMBER_ABSENT);
    assert_int_equal(taskdef_record_get(text, STR("app"), 'E'), MEMBER_THERE);
    assert_int_equal(taskdef_record_get(text, STR("app"), 'D'), MEMBER_ABSENT);
    assert_int_equal(taskdef_record_get(text, STR("app2"), 'E'), MEMBER_NULL);
    assert_int_equal(taskdef_record_get(text, STR("none"), 'E'), MEMBER_THERE);
    buf_done(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations), cmocka_unit_test(test_size),
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_containers),
        cmocka_unit_test(test_malformed),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_record),      cmocka_unit_test(test_last_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
