/*
 * Rules with more items: what loaded_rules_append() shares, adds up, and leaves to a load. The files are a bundle's.
 */
#include "../test.h"

#include "agent/reload.h"
#include "base/buf.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RULES                                                                                      \
    "- list: names\n  items: [one]\n"                                                              \
    "- list: empty\n  items: []\n"                                                                 \
    "- rule: Named\n  desc: d\n  output: o\n  priority: INFO\n"                                    \
    "  condition: evt.type=open and fd.filename in (names)\n"                                      \
    "- rule: Not named\n  desc: d\n  output: o\n  priority: DEBUG\n"                               \
    "  condition: evt.type=open and not fd.filename in (names)\n"

static char dir[64];
static struct config config = { .rule_priority = PRIORITY_DEBUG };

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int setup(void **state)
{
    char path[80];
    (void)state;
    strcpy(dir, "/tmp/test-append-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/rules", dir);
    mkdir(path, 0700);
    write_file("rules/a.yaml", RULES);
    write_file("policies.yaml",
               "- policy: P\n  severity: 5.0\n  rules:\n  - {name: Named, actions: [deny]}\n");
    return 0;
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : -1;
}

static struct loaded_rules *load(void)
{
    struct loaded_rules *rules = NULL;
    struct err err = { 0 };
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(loaded_rules_of_path(&config, dir, &rules, &text, &err), 0);
    buf_done(&text);
    return rules;
}

static int append(struct loaded_rules *to, const char *list, uint32_t n, struct loaded_rules **ret)
{
    static struct str items[LOADED_APPENDED_MAX + 1];
    for (uint32_t i = 0; i < n; i++) {
        items[i] = STR("two");
    }
    const struct list_items more = { str_of(list), items, n };
    const struct list_changes changes = { &more, 1 };
    return loaded_rules_append(to, &changes, ret);
}

static uint32_t items_of(const struct loaded_rules *rules)
{
    const struct cond *cond = ruleset_find(rules->ruleset, STR("Named"))->cond;
    uint32_t n = 0;
    const struct check *check = cond->items[1]->check;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += check->constants[i].n;
    }
    return n;
}

static void test_adds_up(void **state)
{
    (void)state;
    struct loaded_rules *base = load(), *one = NULL, *two = NULL;
    assert_int_equal(append(base, "names", 1, &one), 0);
    assert_int_equal(append(one, "names", 2, &two), 0);
    assert_int_equal(items_of(base), 1);
    assert_int_equal(items_of(one), 2);
    assert_int_equal(items_of(two), 4);
    assert_ptr_equal(ruleset_base(two->ruleset), base->ruleset);
    assert_ptr_equal(two->policies, base->policies);
    assert_int_equal(two->enabled, base->enabled);
    assert_true(loaded_rules_deny(two));
    loaded_rules_free(base); /* which the others need */
    loaded_rules_free(one);
    struct engine_rules rules = loaded_rules_of(two);
    assert_int_equal(rules.selection->n, 2);
    assert_int_equal(rules.actions[0], ACTION_DENY);
    assert_int_equal(items_of(two), 4);
    loaded_rules_free(two);
}

static void test_has_limits(void **state)
{
    (void)state;
    struct loaded_rules *base = load(), *now = base, *next = NULL;
    assert_int_equal(append(base, "empty", 1, &next), -EOPNOTSUPP);
    assert_int_equal(append(base, "nobody", 1, &next), -EOPNOTSUPP);
    assert_int_equal(append(base, "names", LOADED_APPENDED_MAX + 1, &next), -EOPNOTSUPP);
    assert_int_equal(append(base, "names", LOADED_APPENDED_MAX, &next), 0);
    assert_int_equal(append(next, "names", 1, &now), -EOPNOTSUPP);
    loaded_rules_free(next);
    for (uint32_t i = 0; i < LOADED_APPENDS_MAX; i++) {
        assert_int_equal(append(now, "names", 1, &next), 0);
        if (now != base) {
            loaded_rules_free(now);
        }
        now = next;
    }
    assert_int_equal(items_of(now), LOADED_APPENDS_MAX + 1);
    assert_int_equal(append(now, "names", 1, &next), -EOPNOTSUPP);
    loaded_rules_free(now);
    loaded_rules_free(base);
}

static void test_failing_memory(void **state)
{
    (void)state;
    struct loaded_rules *base = load(), *more = NULL;
    int r = -1;
    for (uint64_t n = 1; r < 0; n++) {
        mem_fail_after(n);
        r = append(base, "names", 1, &more);
        mem_fail_after(0);
        assert_int_equal(base->users, r < 0 ? 1 : 2);
    }
    loaded_rules_free(more);
    assert_int_equal(base->users, 1);
    loaded_rules_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_up),
        cmocka_unit_test(test_has_limits),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
