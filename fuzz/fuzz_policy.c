/*
 * Files of policies: read against a few rules; whatever is taken is judged.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "event/state.h"
#include "rules/policy.h"

#define RULE(name)                                                                                 \
    "- rule: " name "\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n"

static struct ruleset *rules(void)
{
    static struct ruleset *ruleset;
    struct loader *loader;
    struct err err = { 0 };
    if (!ruleset && loader_new(NULL, &loader) == 0) {
        loader_add(loader, STR("rules"), STR(RULE("a") RULE("b") RULE("Shell started")));
        loader_finish(loader, false, &ruleset, &err);
        loader_free(loader);
    }
    return ruleset;
}

static void judge_all(const struct policies *policies, const struct ruleset *ruleset)
{
    struct state *state = NULL;
    struct view view = { 0 };
    struct event event = { .tid = 1 };
    if (state_new(&(struct state_config){ .threads_max = 8 }, &state) == 0 &&
        scratch_init(&view.scratch) == 0) {
        view.state = state;
        view_event(&view, &event);
        for (uint32_t i = 0; i < ruleset->nrules; i++) {
            struct policy_verdict verdict;
            policies_judge(policies, &ruleset->rules[i], &view, &verdict);
        }
    }
    scratch_done(&view.scratch);
    state_free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ruleset *ruleset = rules();
    struct policies *policies = NULL;
    struct err err = { 0 };
    struct buf text;
    buf_init(&text, (size_t)1 << 22);
    if (ruleset && policies_new(ruleset, &policies) == 0) {
        policies_add(policies, STR("fuzz.yaml"), str_from(data, size));
        policies_explain(policies, &text);
        if (policies_finish(policies, &err) == 0) {
            judge_all(policies, ruleset);
        }
    }
    policies_free(policies);
    buf_done(&text);
    return 0;
}
