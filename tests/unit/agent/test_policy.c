/*
 * Policies: what a file may say, what is wrong with the others and where, and which policy an alert is of.
 */
#include "../rules/rules_fixture.h"

#include "agent/load_rules.h"
#include "base/fd.h"
#include "event/state.h"
#include "rules/policy.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES                                                                                      \
    RULE("Files written", "evt.type = open")                                                       \
    RULE("Shell started", "evt.type = execve")                                                     \
    RULE("Miner started", "evt.type = execve and proc.name = xmrig")                               \
    "- rule: Urgent\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: CRITICAL\n"

struct policy_set {
    struct loaded rules;
    struct policies *policies;
    struct state *state;
    struct event event;
    struct view view;
    int result;
};

static int set_up(void **data)
{
    struct policy_set *set = calloc(1, sizeof *set);
    struct thread_init web = { .t = { .tid = 10, .pid = 10, .vtid = 1, .vpid = 1 },
                               .comm = STR("web"),
                               .cgroups = STR("cpu=/docker/0123456789abcdef0123456789abcdef"
                                              "0123456789abcdef0123456789abcdef\0") };
    struct thread_init host = { .t = { .tid = 20, .pid = 20, .vtid = 20, .vpid = 20 },
                                .comm = STR("host") };
    struct container container = { .id = STR("0123456789ab"),
                                   .name = STR("shop"),
                                   .image = STR("shop:1"),
                                   .ecs_cluster = STR("prod") };
    set->rules = load_text(RULES);
    assert_non_null(set->rules.ruleset);
    assert_int_equal(policies_new(set->rules.ruleset, &set->policies), 0);
    assert_int_equal(state_new(&(struct state_config){ 0 }, &set->state), 0);
    assert_int_equal(state_add_container(set->state, &container), 0);
    assert_int_equal(state_add_thread(set->state, &web), 0);
    assert_int_equal(state_add_thread(set->state, &host), 0);
    assert_int_equal(scratch_init(&set->view.scratch), 0);
    set->view.state = set->state;
    set->view.hostname = STR("node-1");
    *data = set;
    return 0;
}

static int tear_down(void **data)
{
    struct policy_set *set = *data;
    scratch_done(&set->view.scratch);
    state_free(set->state);
    policies_free(set->policies);
    load_done(&set->rules);
    free(set);
    return 0;
}

static void add(struct policy_set *set, const char *yaml)
{
    set->result = policies_add(set->policies, STR("p.yaml"), str_of(yaml));
}

static void finish(struct policy_set *set)
{
    struct buf text;
    struct err err = { 0 };
    buf_init(&text, 65536);
    policies_explain(set->policies, &text);
    if (policies_finish(set->policies, &err) < 0) {
        fail_msg("%s: %.*s", err.message, STR_ARG(buf_str(&text)));
    }
    buf_done(&text);
}

static struct policy_verdict judge(struct policy_set *set, const char *rule, int64_t tid)
{
    struct policy_verdict verdict;
    set->event = (struct event){ .tid = tid, .thread = state_thread(set->state, tid) };
    view_event(&set->view, &set->event);
    policies_judge(set->policies, ruleset_find(set->rules.ruleset, str_of(rule)), &set->view,
                   &verdict);
    return verdict;
}

/* The whole explanation of one mistake. */
static void assert_wrong(struct policy_set *set, const char *yaml, const char *expected)
{
    struct buf text;
    struct policies *policies;
    struct err err = { 0 };
    assert_int_equal(policies_new(set->rules.ruleset, &policies), 0);
    assert_int_equal(policies_add(policies, STR("p.yaml"), str_of(yaml)), -EINVAL);
    assert_int_equal(policies_finish(policies, &err), -EINVAL);
    buf_init(&text, 1 << 20);
    policies_explain(policies, &text);
    if (str_find(buf_str(&text), str_of(expected)) < 0) {
        print_error("got |%.*s|\nwithout |%s|\n", STR_ARG(buf_str(&text)), expected);
        fail();
    }
    buf_done(&text);
    policies_free(policies);
}

static void test_whole(void **data)
{
    struct policy_set *set = *data;
    add(set, "- policy: Runtime\n"
             "  enabled: true\n"
             "  scope: ecs.cluster = prod and container.image startswith shop\n"
             "  severity: 8.5\n"
             "  rules:\n"
             "    - name: Files written\n"
             "      actions: [deny, kill, stop, pause, capture]\n"
             "    - {name: Shell started, enabled: false, actions: [kill]}\n"
             "  channels: [mail, pager]\n");
    assert_int_equal(set->result, 0);
    finish(set);
    const struct policy *policy = policies_at(set->policies, 0);
    assert_int_equal(policies_count(set->policies), 1);
    assert_str(policy->name, "Runtime");
    assert_int_equal(policy->severity, 85);
    assert_int_equal(policy->nchannels, 2);
    assert_str(policy->channels[1], "pager");
    assert_int_equal(policies_actions(set->policies)[0], 0x1f);
    assert_int_equal(policies_actions(set->policies)[1], 0);
    assert_int_equal(policies_ask(set->policies), 0x1f);
}

static void test_scope(void **data)
{
    struct policy_set *set = *data;
    add(set, "- policy: Runtime\n"
             "  scope: ecs.cluster = prod and container.id != host\n"
             "  severity: 3\n"
             "  rules: [{name: Files written, actions: [kill]}]\n");
    finish(set);
    struct policy_verdict in = judge(set, "Files written", 10);
    struct policy_verdict out = judge(set, "Files written", 20);
    struct policy_verdict unknown = judge(set, "Files written", 999);
    assert_str(in.policy->name, "Runtime");
    assert_int_equal(in.severity, 30);
    assert_int_equal(in.actions, ACTION_KILL);
    assert_null(out.policy);
    assert_int_equal(out.actions, 0);
    assert_int_equal(out.severity, policy_severity_of(PRIORITY_INFORMATIONAL));
    assert_null(unknown.policy);
    assert_null(judge(set, "Shell started", 10).policy);
}

static void test_host_scope(void **data)
{
    struct policy_set *set = *data;
    add(set, "- {policy: A, scope: evt.hostname = node-1, rules: [{name: Files written}]}\n"
             "- {policy: B, scope: evt.hostname = node-2, rules: [{name: Shell started}]}\n"
             "- {policy: C, scope: container.id = host, rules: [{name: Miner started}]}\n");
    finish(set);
    assert_non_null(judge(set, "Files written", 20).policy);
    assert_null(judge(set, "Shell started", 20).policy);
    assert_non_null(judge(set, "Miner started", 20).policy);
    assert_null(judge(set, "Miner started", 10).policy);
}

/* The most severe one gives its name; each gives its actions. */
static void test_several(void **data)
{
    struct policy_set *set = *data;
    add(set, "- {policy: Low, severity: 2.0, rules: [{name: Urgent, actions: [kill, capture]}]}\n"
             "- {policy: High, severity: 9.9, rules: [{name: Urgent, actions: [capture]}]}\n"
             "- {policy: Other, severity: 9.9, rules: [{name: Urgent, actions: [pause]}]}\n"
             "- {policy: Off, enabled: false, severity: 10.0, rules: [{name: Urgent, actions: "
             "[stop]}]}\n");
    finish(set);
    struct policy_verdict v = judge(set, "Urgent", 10);
    assert_str(v.policy->name, "High");
    assert_int_equal(v.severity, 99);
    assert_int_equal(v.actions, ACTION_KILL | ACTION_CAPTURE | ACTION_PAUSE);
    assert_str(v.asked_by[1]->name, "Low");
    assert_str(v.asked_by[4]->name, "High");
    assert_str(v.asked_by[3]->name, "Other");
    assert_null(v.asked_by[2]);
}

/* A rule's own goes before the policy's, and decides which policy's the alert is. */
static void test_severity_of_a_rule(void **data)
{
    struct policy_set *set = *data;
    add(set, "- {policy: Whole, severity: 7.0, rules: [{name: Urgent}]}\n"
             "- {policy: Own, severity: 2.0, rules: [{name: Urgent, severity: 8.0}]}\n");
    finish(set);
    struct policy_verdict v = judge(set, "Urgent", 10);
    assert_int_equal(v.severity, 80);
    assert_str(v.policy->name, "Own");
}

static void test_severity_by_priority(void **data)
{
    struct policy_set *set = *data;
    add(set, "- {policy: P, rules: [{name: Urgent}, {name: Files written}]}\n");
    finish(set);
    assert_int_equal(judge(set, "Urgent", 10).severity, 90);
    assert_int_equal(judge(set, "Files written", 10).severity, 5);
    for (int p = PRIORITY_EMERGENCY; p < PRIORITY_DEBUG; p++) {
        assert_true(policy_severity_of((enum priority)p) >
                    policy_severity_of((enum priority)(p + 1)));
    }
}

static void test_later_file_replaces(void **data)
{
    struct policy_set *set = *data;
    add(set, "- {policy: P, severity: 1, rules: [{name: Urgent, actions: [kill]}]}\n"
             "- {policy: Q, rules: []}\n");
    add(set, "- {policy: P, severity: 2.1, rules: [{name: Urgent}]}\n");
    assert_int_equal(set->result, 0);
    finish(set);
    assert_int_equal(policies_count(set->policies), 2);
    assert_int_equal(judge(set, "Urgent", 10).severity, 21);
    assert_int_equal(judge(set, "Urgent", 10).actions, 0);
}

static void test_selection(void **data)
{
    struct policy_set *set = *data;
    struct selection selection;
    assert_int_equal(selection_init(&selection, set->rules.ruleset), 0);
    add(set, "- {policy: Off, enabled: false, rules: [{name: Urgent}, {name: Shell started}]}\n"
             "- {policy: On, rules: [{name: Urgent}, {name: Miner started, enabled: false}]}\n");
    finish(set);
    policies_select(set->policies, &selection);
    assert_true(selection.enabled[0]);  /* of no policy */
    assert_false(selection.enabled[1]); /* of a disabled one */
    assert_false(selection.enabled[2]); /* disabled in its policy */
    assert_true(selection.enabled[3]);
    selection_done(&selection);
}

static void test_empty(void **data)
{
    struct policy_set *set = *data;
    add(set, "");
    assert_int_equal(set->result, 0);
    add(set, "# nothing\n---\n---\n- {policy: P, rules: [], scope: '', channels: []}\n");
    assert_int_equal(set->result, 0);
    finish(set);
    assert_int_equal(policies_count(set->policies), 1);
    struct policy_verdict verdict;
    policies_judge(NULL, &set->rules.ruleset->rules[3], &set->view, &verdict);
    assert_int_equal(verdict.severity, 90);
}

static void test_mistakes(void **data)
{
    struct policy_set *set = *data;
    static const struct {
        const char *yaml, *expected;
    } cases[] = {
        { "policy: P\nrules: []\n", "p.yaml:1:1: error: a file of policies is a list" },
        { "- P\n", "p.yaml:1:3: error: a policy must be a map" },
        { "- {rules: []}\n", "p.yaml:1:3: error: a policy needs `policy`" },
        { "- {policy: P}\n", "p.yaml:1:3: error: policy `P`: a policy needs `rules`" },
        { "- {policy: [], rules: []}\n", "p.yaml:1:12: error: the name of a policy" },
        { "- policy: P\n  severty: 1\n  rules: []\n",
          "p.yaml:2:3: error: policy `P`: unknown key `severty` [LOAD_ERR_VALIDATE]\n"
          "     2 |   severty: 1\n       |   ^\n       = did you mean `severity`?\n" },
        { "- {policy: P, rules: [], rules: []}\n", "p.yaml:1:26: error: policy `P`: this key" },
        { "- {policy: P, enabled: maybe, rules: []}\n", "`enabled` must be true or false" },
        { "- {policy: P, rules: {name: Urgent}}\n", "`rules` must be a list" },
        { "- {policy: P, rules: [Urgent]}\n", "an item of `rules` must be a map" },
        { "- {policy: P, rules: [{enabled: true}]}\n", "an item of `rules` needs `name`" },
        { "- policy: P\n  rules:\n    - name: Shell startd\n",
          "p.yaml:3:13: error: policy `P`: there is no rule `Shell startd` [LOAD_ERR_VALIDATE]\n"
          "     3 |     - name: Shell startd\n       |             ^\n"
          "       = did you mean `Shell started`?\n" },
        { "- {policy: P, rules: [{name: Urgent}, {name: Urgent}]}\n", "twice" },
        { "- {policy: P, rules: [{name: Urgent, actions: [kil]}]}\n",
          "unknown action `kil` [LOAD_ERR_VALIDATE]\n" },
        { "- {policy: P, rules: [{name: Urgent, actions: [kil]}]}\n", "did you mean `kill`?" },
        { "- {policy: P, rules: [{name: Urgent, actions: [notify]}]}\n",
          "known: deny, kill, stop, pause, capture" },
        { "- {policy: P, rules: [{name: Urgent, actions: kill}]}\n", "`actions` must be a list" },
        { "- {policy: P, rules: [], channels: [{}]}\n", "a channel must be a text" },
        { "- {policy: P, rules: []}\n- {policy: P, rules: []}\n", "p.yaml:2:3: error: policy `P`" },
        { "- {policy: P, rules: []\n", "p.yaml:" },
        { "- {policy: P, scope: [], rules: []}\n", "`scope` must be a condition" },
        { "- policy: P\n  scope: container.id = x and proc.name = sh\n  rules: []\n",
          "p.yaml:2:31: error: policy `P`: scope: proc.name does not say where" },
        { "- {policy: P, scope: tolower(user.name) = x, rules: []}\n", "user.name does not say" },
        { "- {policy: P, scope: container.nme = x, rules: []}\n", "container.nme" },
        { "- {policy: P, scope: container.id =, rules: []}\n", "p.yaml:1:" },
        { "- {policy: P, scope: in_container, rules: []}\n", "macros are not known here" },
        { "- {policy: P, scope: not (container.id = a or b), rules: []}\n", "macros" },
        { "- {policy: P, scope: container.privileged = 17, rules: []}\n", "p.yaml:1:" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_wrong(set, cases[i].yaml, cases[i].expected);
    }
}

static void test_severity_limits(void **data)
{
    struct policy_set *set = *data;
    static const char *const bad[] = { "10.1", "11", "100", "-1",  "7.55", "7.", ".5",
                                       "high", "",   "1e1", "0x1", "7.5x", "[]" };
    static const struct {
        const char *text;
        uint8_t tenths;
    } good[] = { { "0", 0 },    { "0.0", 0 },    { "0.1", 1 },   { "9.9", 99 },
                 { "10", 100 }, { "10.0", 100 }, { "07.5", 75 }, { "'4.2'", 42 } };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char yaml[128];
        snprintf(yaml, sizeof(yaml), "- {policy: P, severity: %s, rules: []}\n", bad[i]);
        assert_wrong(set, yaml, "`severity` must be a number from 0.0 to 10.0");
    }
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        char yaml[128];
        snprintf(yaml, sizeof(yaml), "- {policy: P%zu, severity: %s, rules: []}\n", i,
                 good[i].text);
        add(set, yaml);
        assert_int_equal(set->result, 0);
        assert_int_equal(policies_at(set->policies, (uint32_t)i)->severity, good[i].tenths);
    }
}

static void put_policies(struct buf *text, unsigned n)
{
    buf_clear(text);
    for (unsigned i = 0; i < n; i++) {
        buf_printf(text, "- {policy: P%u, rules: []}\n", i);
    }
    buf_putc(text, '\0');
}

static void test_limits(void **data)
{
    struct policy_set *set = *data;
    struct buf text;
    char name[POLICY_NAME_MAX + 64];
    buf_init(&text, POLICY_FILE_MAX * 2);
    put_policies(&text, POLICIES_MAX + 1);
    assert_wrong(set, text.p, "a list of at most 1000");
    put_policies(&text, POLICIES_MAX);
    add(set, text.p);
    assert_int_equal(set->result, 0);
    add(set, "- {policy: one more, rules: []}\n");
    assert_int_equal(set->result, -EINVAL);
    snprintf(name, sizeof(name), "- {rules: [], policy: %0*d}\n", POLICY_NAME_MAX, 0);
    policies_free(set->policies);
    assert_int_equal(policies_new(set->rules.ruleset, &set->policies), 0);
    add(set, name);
    assert_int_equal(set->result, 0);
    snprintf(name, sizeof(name), "- {rules: [], policy: %0*d}\n", POLICY_NAME_MAX + 1, 0);
    assert_wrong(set, name, "at most 256 bytes");
    buf_done(&text);
}

/* So many mistakes are told, and the rest counted. */
static void test_many_mistakes(void **data)
{
    struct policy_set *set = *data;
    struct buf text;
    buf_init(&text, POLICY_FILE_MAX);
    for (int i = 0; i < POLICY_ERRORS_MAX + 5; i++) {
        buf_printf(&text, "- {policy: P%d, rules: [{name: None}]}\n", i);
    }
    buf_putc(&text, '\0');
    assert_wrong(set, text.p, "and 5 more errors");
    buf_done(&text);
}

static void test_paths(void **data)
{
    struct policy_set *set = *data;
    char folder[] = "/tmp/policies-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    static const char *const names[] = { "b.yaml", "a.yml", ".hidden.yaml", "c.txt" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file, "- {policy: of %s, rules: []}\n", names[i]);
        fclose(file);
    }
    assert_int_equal(load_policies_add(set->policies, folder), 0);
    assert_int_equal(policies_count(set->policies), 2);
    assert_str(policies_at(set->policies, 0)->name, "of a.yml");
    snprintf(path, sizeof(path), "%s/none.yaml", folder);
    assert_int_equal(load_policies_add(set->policies, path), 0);
    assert_int_equal(policies_diagnostics(set->policies)->nerrors, 1);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* The policies that come with Hinomi are of the rules that do, all of them, and act on nothing. */
static void test_own(void **data)
{
    (void)data;
    struct loaded own = load_begin();
    struct policies *policies;
    struct buf text;
    struct err err = { 0 };
    buf_init(&text, POLICY_FILE_MAX);
    assert_int_equal(file_read(SOURCE_ROOT "/content/rules/hinomi.yaml", &text, &err), 0);
    load_more(&own, "hinomi.yaml", buf_str(&text));
    load_end(&own);
    assert_int_equal(own.result, 0);
    assert_int_equal(policies_new(own.ruleset, &policies), 0);
    assert_int_equal(load_policies_add(policies, SOURCE_ROOT "/content/policies"), 0);
    assert_int_equal(policies_finish(policies, &err), 0);
    assert_str(policies_at(policies, 0)->name, "Runtime Threat Intelligence");
    assert_int_equal(policies_at(policies, 0)->nrules, own.ruleset->nrules);
    assert_int_equal(policies_ask(policies), 0);
    policies_free(policies);
    buf_done(&text);
    load_done(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_whole),
        TEST(test_scope),
        TEST(test_host_scope),
        TEST(test_several),
        TEST(test_severity_of_a_rule),
        TEST(test_severity_by_priority),
        TEST(test_later_file_replaces),
        TEST(test_selection),
        TEST(test_empty),
        TEST(test_mistakes),
        TEST(test_severity_limits),
        TEST(test_limits),
        TEST(test_many_mistakes),
        TEST(test_paths),
        TEST(test_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
