/*
 * alert_hinomi: the object of Alert v1 over a real state and real rules, read back with a JSON library; texts that
 * are no UTF-8; what is not there; no allocation.
 */
#include "test.h"

#include "agent/pipeline.h"
#include "base/arena.h"
#include "rules/ruleset.h"

#include "../event/make_event.h"

#include <json-c/json.h>
#include <string.h>

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define START UINT64_C(1700000000000000000)

static const char rules[] = "- list: shells\n"
                            "  items: [bash, sh]\n"
                            "- rule: R\n"
                            "  desc: d\n"
                            "  condition: evt.type = close and proc.name in (shells)\n"
                            "  output: o %proc.name\n"
                            "  priority: CRITICAL\n"
                            "  tags: [T1059, 'Execution:Runtime/SuspiciousShellCreated']\n";

struct world {
    struct loader *loader;
    struct ruleset *ruleset;
    struct selection selection;
    struct state *state;
    struct pipeline *pipeline;
    struct alert_hinomi hinomi;
    struct buf out;
};

static void add(struct state *state, int64_t pid, int64_t parent, const char *name, struct str args)
{
    struct thread_init init = {
        .t = { .tid = pid,
               .pid = pid,
               .ptid = parent,
               .vpid = pid - 90,
               .uid = 7,
               .clone_ts_ns = START + (uint64_t)pid,
               .loginuid = -1 },
        .comm = str_of(name),
        .exe = str_of(name),
        .exepath = STR("/bin/\xff"),
        .args = args,
        .cgroups = { "cpu=/docker/" ID, sizeof("cpu=/docker/" ID) },
    };
    assert_int_equal(state_add_thread(state, &init), 0);
}

static int set_up(void **ret)
{
    struct world *w = calloc(1, sizeof(*w));
    struct err err;
    assert_int_equal(loader_new(NULL, &w->loader), 0);
    assert_int_equal(loader_add(w->loader, STR("t.yaml"), str_of(rules)), 0);
    assert_int_equal(loader_finish(w->loader, false, &w->ruleset, &err), 0);
    assert_int_equal(selection_init(&w->selection, w->ruleset), 0);
    assert_int_equal(state_new(&(struct state_config){ 0 }, &w->state), 0);
    assert_int_equal(alert_hinomi_init(&w->hinomi, STR("a gent/1"), &err), 0);
    struct pipeline_options options = { .format = { .json = true, .hinomi = &w->hinomi } };
    assert_int_equal(
        pipeline_new(w->ruleset, &w->selection, w->state, &options, &w->pipeline, &err), 0);
    buf_init(&w->out, 1 << 20);
    add(w->state, 100, 1, "init", (struct str){ 0 });
    add(w->state, 101, 100, "bash", (struct str){ "-c\0x\0", 5 });
    *ret = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    pipeline_free(w->pipeline);
    state_free(w->state);
    selection_done(&w->selection);
    ruleset_free(w->ruleset);
    loader_free(w->loader);
    buf_done(&w->out);
    free(w);
    return 0;
}

static void run(struct world *w)
{
    struct event *event = make_event(KIND_CLOSE_X, 101, START + 1000, "q", (int64_t)0);
    buf_clear(&w->out);
    assert_int_equal(pipeline_event(w->pipeline, event, &w->out, NULL), 1);
}

static struct json_object *alert(struct world *w)
{
    run(w);
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(tokener, w->out.p, (int)w->out.n - 1);
    if (!o) {
        print_error("%.*s", (int)w->out.n, w->out.p);
    }
    json_tokener_free(tokener);
    assert_non_null(o);
    return o;
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(o, key, &value)) {
        fail_msg("no \"%s\" in %s", key, json_object_to_json_string(o));
    }
    return value;
}

static void expect(struct json_object *o, const char *key, const char *expected)
{
    struct json_object *value = member(o, key);
    assert_str(str_of(value ? json_object_get_string(value) : "null"), expected);
}

static void is_uuid(struct json_object *value)
{
    const char *text = json_object_get_string(value);
    assert_int_equal(strlen(text), 36);
    assert_int_equal(text[14], '8');
    assert_non_null(strchr("89ab", text[19]));
}

static void whole(void **state)
{
    struct world *w = *state;
    struct container c = { .id = STR(ID),
                           .name = STR("web"),
                           .image = STR("nginx:1"),
                           .image_digest = STR("sha256:d"),
                           .ecs_cluster = STR("prod"),
                           .ecs_task_arn = STR("arn:x"),
                           .ecs_task_id = STR("t1"),
                           .aws_region = STR("eu-1"),
                           .cpu_limit_milli = 250,
                           .memory_limit_bytes = 1 << 20 };
    assert_int_equal(state_add_container(w->state, &c), 0);
    struct json_object *o = alert(w), *h = member(o, "hinomi");
    char id[256];
    is_uuid(member(o, "uuid"));
    expect(h, "v", "1");
    snprintf(id, sizeof(id), "a-gent-1:%s:1", w->hinomi.boot);
    expect(h, "id", id);
    expect(h, "policy", "null");
    expect(h, "severity", "9.0");
    expect(h, "type", "Execution:Runtime/SuspiciousShellCreated");
    expect(h, "outcome", "succeeded");
    expect(h, "dns", "null");
    expect(h, "gap", "null");
    expect(member(h, "container"), "id", "0123456789ab");
    expect(member(h, "container"), "full_id", ID);
    expect(member(h, "container"), "name", "web");
    expect(member(h, "container"), "digest", "sha256:d");
    expect(member(h, "container"), "cpu_limit_milli", "250");
    expect(member(h, "container"), "memory_limit_bytes", "1048576");
    expect(member(h, "container"), "pending", "false");
    expect(member(h, "ecs"), "cluster", "prod");
    expect(member(h, "ecs"), "task_arn", "arn:x");
    expect(member(h, "ecs"), "service", "null");
    expect(member(h, "ecs"), "region", "eu-1");
    struct json_object *evidence = member(h, "evidence");
    assert_int_equal(json_object_array_length(evidence), 1);
    evidence = json_object_array_get_idx(evidence, 0);
    expect(evidence, "list", "shells");
    expect(evidence, "item", "bash");
    expect(evidence, "field", "proc.name");
    json_object_put(o);
}

static void lineage(void **state)
{
    struct world *w = *state;
    struct json_object *o = alert(w), *h = member(o, "hinomi"), *list = member(h, "lineage");
    assert_int_equal(json_object_array_length(list), 2);
    struct json_object *self = json_object_array_get_idx(list, 0);
    struct json_object *parent = json_object_array_get_idx(list, 1);
    is_uuid(member(self, "uuid"));
    expect(self, "pid", "101");
    expect(self, "ns_pid", "11");
    expect(self, "name", "bash");
    expect(self, "exe", "/bin/\\xff");
    expect(self, "exe.base64", "L2Jpbi//");
    expect(self, "args", "-c x");
    expect(self, "uid", "7");
    expect(self, "start", "2023-11-14T22:13:20.000000101Z");
    expect(parent, "pid", "100");
    expect(parent, "args", "null");
    expect(member(h, "container"), "pending", "true");
    expect(h, "ecs", "null");
    char first[64];
    snprintf(first, sizeof(first), "%s", json_object_get_string(member(self, "uuid")));
    assert_string_not_equal(first, json_object_get_string(member(parent, "uuid")));
    json_object_put(o);
    /* the same process has the same uuid, each alert its own */
    o = alert(w);
    self = json_object_array_get_idx(member(member(o, "hinomi"), "lineage"), 0);
    expect(self, "uuid", first);
    json_object_put(o);
}

static void long_lineage_is_cut(void **state)
{
    struct world *w = *state;
    static char args[5000];
    memset(args, 'x', sizeof(args) - 1);
    args[1023] = '\xc3'; /* a character across the cut */
    args[1024] = '\xa9';
    for (int64_t pid = 200; pid < 240; pid++) {
        add(w->state, pid, pid == 200 ? 100 : pid - 1, "p", str_from(args, sizeof(args)));
    }
    add(w->state, 101, 239, "bash", str_from(args, sizeof(args)));
    struct json_object *o = alert(w), *list = member(member(o, "hinomi"), "lineage");
    assert_int_equal(json_object_array_length(list), ALERT_LINEAGE_MAX);
    struct json_object *one = json_object_array_get_idx(list, 5);
    assert_int_equal(json_object_get_string_len(member(one, "args")), 1023);
    assert_null(json_object_object_get(one, "args.base64"));
    json_object_put(o);
}

static void judge(void *data, const struct rule *rule, struct view *view, struct alert_verdict *ret)
{
    assert_str(rule->name, "R");
    assert_non_null(view->event->thread);
    *ret = *(const struct alert_verdict *)data;
}

static void policy(void **state)
{
    struct world *w = *state;
    static const struct {
        uint8_t tenths;
        const char *text;
    } cases[] = { { 0, "0.0" },   { 9, "0.9" },    { 10, "1.0" },
                  { 99, "9.9" },  { 100, "10.0" }, { ALERT_BY_PRIORITY, "9.0" },
                  { 101, "9.0" }, { 78, "7.8" } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct alert_verdict verdict = { .policy = STR("P \"1\""),
                                         .severity = cases[i].tenths,
                                         .type = STR("Impact:Runtime/X") };
        w->hinomi.judge = judge;
        w->hinomi.data = &verdict;
        struct json_object *o = alert(w), *h = member(o, "hinomi");
        expect(h, "policy", "P \"1\"");
        expect(h, "severity", cases[i].text);
        expect(h, "type", "Impact:Runtime/X");
        json_object_put(o);
    }
}

static void severity_is_in_its_band(void **state)
{
    (void)state;
    assert_in_range(policy_severity_of(PRIORITY_EMERGENCY), 90, 100);
    assert_in_range(policy_severity_of(PRIORITY_CRITICAL), 90, 100);
    assert_in_range(policy_severity_of(PRIORITY_ERROR), 70, 89);
    assert_in_range(policy_severity_of(PRIORITY_WARNING), 40, 69);
    assert_in_range(policy_severity_of(PRIORITY_NOTICE), 10, 39);
    assert_in_range(policy_severity_of(PRIORITY_INFORMATIONAL), 0, 9);
    assert_int_equal(policy_severity_of(PRIORITY_DEBUG), 0);
}

static void nothing_is_allocated(void **state)
{
    struct world *w = *state;
    run(w);
    run(w);
    mem_fail_after(1);
    run(w);
    mem_fail_after(0);
    assert_false(w->out.failed);
}

static void every_start_is_another(void **state)
{
    struct world *w = *state;
    struct alert_hinomi other;
    assert_int_equal(alert_hinomi_init(&other, (struct str){ 0 }, NULL), 0);
    assert_string_not_equal(other.boot, w->hinomi.boot);
    assert_true(other.agent[0]);
    assert_memory_equal(other.host, w->hinomi.host, sizeof(other.host));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(whole),
        TEST(lineage),
        TEST(long_lineage_is_cut),
        TEST(policy),
        TEST(severity_is_in_its_band),
        TEST(nothing_is_allocated),
        TEST(every_start_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
