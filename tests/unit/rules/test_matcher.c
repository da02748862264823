/*
 * test_matcher: the matcher's own promises: order, first match, evaluation counts, covers, shared lists,
 * evidence, plans, demand, running out of memory. That its matches are right is shown by the property
 * test.
 */
#include "made_rules.h"
#include "world.h"

#include "../event/make_event.h"
#include "base/buf.h"
#include "rules/demand.h"
#include "rules/matcher_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define T0  UINT64_C(1600000000000000000)
#define TID 100

struct fixture {
    struct made_rules made;
    struct world world;
    struct view view;
    struct matcher *matcher;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){ .matcher = NULL };
    assert_int_equal(made_rules_init(&f->made, 2000, (size_t)256 << 20), 0);
    assert_int_equal(world_init(&f->world, 3), 0);
    assert_int_equal(scratch_init(&f->view.scratch), 0);
    f->view.state = f->world.state;
}

static void end(struct fixture *f)
{
    matcher_free(f->matcher);
    made_rules_done(&f->made);
    world_done(&f->world);
    scratch_done(&f->view.scratch);
}

static void add(struct fixture *f, const char *condition)
{
    struct err err = { 0 };
    if (made_rules_add(&f->made, condition, condition, &err) < 0) {
        fail_msg("%s: %s", condition, err.message);
    }
}

static void build(struct fixture *f, bool all)
{
    struct err err = { 0 };
    struct matcher_options options = { .all = all, .threads_max = 64 };
    assert_int_equal(matcher_new(&f->made.ruleset, NULL, &options, &f->matcher, &err), 0);
}

/* The matching rules of an open of this path, as a string of their indices. */
static const char *open_file(struct fixture *f, const char *path, unsigned flags, int64_t fd)
{
    static char text[256];
    const struct rule *const *rules;
    struct event *event =
        make_event(KIND_OPEN_X, TID, T0, "qswwwq", fd, path, flags, 0, 5, (uint64_t)7);
    state_apply(f->world.state, event);
    f->view.event = event;
    f->view.scratch.n = 0;
    uint32_t n = matcher_run(f->matcher, &f->view, &rules);
    size_t at = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u", i ? " " : "", rules[i]->index);
    }
    return text;
}

static void settle(struct fixture *f)
{
    state_settle(f->world.state, f->view.event);
}

static void test_order(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct fixture f;
        begin(&f);
        add(&f, "evt.type = open and fd.name contains shadow");
        add(&f, "evt.type = open and fd.name startswith /etc/");
        add(&f, "evt.type = open and not fd.name = /etc/passwd");
        add(&f, "evt.type = connect and fd.name startswith /etc/");
        add(&f, "evt.type = open and fd.name in (/etc/shadow, /x)");
        build(&f, all);
        assert_string_equal(open_file(&f, "/etc/shadow", 1, 5), all ? "0 1 2 4" : "0");
        settle(&f);
        assert_string_equal(open_file(&f, "/etc/passwd", 1, 5), "1");
        settle(&f);
        assert_string_equal(open_file(&f, "/opt/x", 1, 5), "2");
        settle(&f);
        end(&f);
    }
}

/* Rules under covers are not looked at when nothing of the cover is true. */
static void test_candidates(void **state)
{
    (void)state;
    struct fixture f;
    char text[128];
    struct matcher_stats stats;
    begin(&f);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "evt.type = open and fd.name %s /data/%d and proc.name != x%d",
                 i % 2 ? "startswith" : "=", i, i);
        add(&f, text);
    }
    build(&f, true);
    assert_string_equal(open_file(&f, "/data/500", 1, 5), "5 500");
    settle(&f);
    matcher_get_stats(f.matcher, &stats);
    assert_int_equal(stats.candidates, 2);
    assert_int_equal(stats.rules_run, 2);
    assert_int_equal(stats.uncovered_rules, 0);
    assert_int_equal(stats.rules, 1000);
    assert_true(stats.bytes > 1000 && stats.atoms_grouped >= 1000);
    end(&f);
}

/* One check in a thousand rules is one atom, evaluated once. */
static void test_atoms_shared(void **state)
{
    (void)state;
    struct fixture f;
    char text[128];
    struct matcher_stats stats;
    begin(&f);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "evt.type=open and (fd.num > 3 and proc.pid != %d)", 5000 + i);
        add(&f, text);
    }
    build(&f, false);
    assert_string_equal(open_file(&f, "/data/500", 1, 2), "");
    settle(&f);
    matcher_get_stats(f.matcher, &stats);
    assert_int_equal(stats.atoms, 1002);
    assert_int_equal(stats.atoms_evaluated, 1);
    end(&f);
}

static void test_shared_list(void **state)
{
    (void)state;
    enum { ITEMS = 20000 };
    static struct str items[ITEMS];
    static char texts[ITEMS][16];
    struct fixture f;
    struct err err = { 0 };
    struct matcher_stats one;
    struct matcher_stats many;
    for (int i = 0; i < ITEMS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "/l/%d", i);
        items[i] = str_of(texts[i]);
    }
    struct made_list list = { items, ITEMS };
    for (int rules = 1; rules <= 50; rules += 49) {
        begin(&f);
        for (int i = 0; i < rules; i++) {
            char text[128];
            snprintf(text, sizeof(text), "evt.type=open and fd.name in (LIST) and fd.num != %d", i);
            assert_int_equal(made_rules_add_list(&f.made, "r", text, &list, &err), 0);
        }
        build(&f, false);
        assert_string_equal(open_file(&f, "/l/19999", 1, 300), "0");
        settle(&f);
        assert_string_equal(open_file(&f, "/l/20000", 1, 300), "");
        settle(&f);
        matcher_get_stats(f.matcher, rules == 1 ? &one : &many);
        end(&f);
    }
    assert_true(many.bytes < one.bytes + 200000);
}

static void test_evidence(void **state)
{
    (void)state;
    struct fixture f;
    struct evidence found[4];
    begin(&f);
    add(&f, "evt.type in (open, openat) and fd.name in (/a, /etc/shadow) and "
            "fd.name pmatch (/x, /etc) and not fd.name in (/b) and fd.num in (4, 5)");
    build(&f, true);
    assert_string_equal(open_file(&f, "/etc/shadow", 1, 5), "0");
    uint32_t n = matcher_evidence(f.matcher, &f.view, &f.made.rules[0], found, 4);
    assert_int_equal(n, 3);
    bool exact = false;
    bool path = false;
    bool number = false;
    for (uint32_t i = 0; i < n; i++) {
        exact = exact || str_eqz(found[i].item, "/etc/shadow");
        path = path || str_eqz(found[i].item, "/etc");
        number = number || str_eqz(found[i].item, "5");
        assert_non_null(found[i].field);
    }
    assert_true(exact && path && number);
    assert_int_equal(matcher_evidence(f.matcher, &f.view, &f.made.rules[0], found, 1), 1);
    settle(&f);
    end(&f);
}

static void test_plan(void **state)
{
    (void)state;
    struct fixture f;
    struct rule_plan plan;
    struct buf buf;
    begin(&f);
    add(&f, "evt.type = open and fd.name = /etc/shadow and proc.name != cat");
    add(&f, "evt.type = open and fd.name != /etc/shadow");
    add(&f, "proc.name = cat");
    add(&f, "evt.type = open and evt.num > 5 and proc.name = cat");
    build(&f, true);
    buf_init(&buf, 4096);
    matcher_plan(f.matcher, &f.made.rules[0], &plan);
    assert_true(plan.covered && plan.mutable && !plan.why_not);
    assert_int_equal(plan.natoms, 3);
    assert_int_equal(plan.volatilities, 1U << VOLATILE_EVENT | 1U << VOLATILE_EXEC);
    matcher_plan_cover(f.matcher, &f.made.rules[0], &buf);
    buf_putc(&buf, 0);
    assert_string_equal(buf.p, "fd.name = /etc/shadow\n");
    matcher_plan(f.matcher, &f.made.rules[1], &plan);
    assert_true(!plan.covered && !plan.mutable && plan.why_not);
    matcher_plan(f.matcher, &f.made.rules[2], &plan);
    assert_true(!plan.mutable && plan.why_not);
    matcher_plan(f.matcher, &f.made.rules[3], &plan);
    assert_true(!plan.mutable && plan.why_not);
    buf_done(&buf);
    end(&f);
}

static struct rule_plan plan_of(const struct fixture *f, uint32_t rule)
{
    struct rule_plan plan;
    matcher_plan(f->matcher, &f->made.ruleset.rules[rule], &plan);
    return plan;
}

/* What is known without an event is no atom, keeps no rule from being muted and costs nothing. */
static void test_constants(void **state)
{
    (void)state;
    static const char *const known[] = {
        "evt.num >= 0",
        "evt.num > 0",
        "evt.num != 0",
        "not evt.num = 0",
        "not evt.num in (0)",
        "not evt.num < 1",
        "not fd.name in ()",
        "not evt.num <= 0",
        "(evt.num = 0 or evt.num >= 1)",
        "not (evt.num = 0 and proc.name = x)",
        "(proc.name = x or not (evt.num = 0 or proc.cwd pmatch ()))",
    };
    struct fixture f;
    struct matcher_stats stats;
    char text[256];
    begin(&f);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        snprintf(text, sizeof(text), "evt.type = open and %s and proc.pname = made", known[i]);
        add(&f, text);
        snprintf(text, sizeof(text), "evt.type = open and not (%s) and fd.name = /x", known[i]);
        add(&f, text);
    }
    add(&f, "evt.type = open and evt.num > 0");
    add(&f, "evt.type = open and evt.num > 1 and proc.name = x");
    add(&f, "evt.num = 0");
    add(&f, "evt.num > 0");
    build(&f, true);
    matcher_get_stats(f.matcher, &stats);
    assert_int_equal(stats.atoms, 4);
    for (uint32_t i = 0; i < 2 * sizeof(known) / sizeof(*known); i += 2) {
        struct rule_plan plan = plan_of(&f, i);
        assert_true(plan.mutable && !plan.why_not && plan.covered);
        assert_int_equal(plan.natoms, 2);
        assert_int_equal(plan.volatilities, 1 << VOLATILE_LINEAGE | 1 << VOLATILE_EVENT);
        plan = plan_of(&f, i + 1);
        assert_true(plan.mutable && plan.natoms == 0 && plan.volatilities == 0);
    }
    uint32_t next = (uint32_t)(2 * sizeof(known) / sizeof(*known));
    assert_false(plan_of(&f, next).mutable);
    assert_false(plan_of(&f, next).covered);
    assert_non_null(strstr(plan_of(&f, next + 1).why_not, "evt.num"));
    assert_true(plan_of(&f, next + 2).mutable);
    assert_non_null(strstr(plan_of(&f, next + 3).why_not, "event types"));
    snprintf(text, sizeof(text), "%u %u", next, next + 3);
    assert_string_equal(open_file(&f, "/x", 1, 5), text);
    settle(&f);
    end(&f);
}

static void test_demand(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add(&f, "evt.type in (open, openat) and evt.is_open_write = true and fd.num >= 0 and "
            "(fd.name startswith /etc/ or fd.directory = /root)");
    add(&f, "evt.type = connect and fd.sport = 22");
    add(&f, "evt.type = close and fd.sport = 22");
    build(&f, true);
    const struct demand *demand = matcher_demand(f.matcher);
    const struct demand_kind *kind = demand_of(demand, name_find(STR("openat")));
    assert_true(kind->wanted && !kind->everything);
    assert_int_equal(kind->nclauses, 1);
    assert_int_equal(kind->clauses[0].access, DEMAND_WRITE);
    assert_true(kind->clauses[0].want_ok && !kind->clauses[0].want_failed);
    assert_int_equal(kind->clauses[0].npaths, 2);
    assert_false(demand_of(demand, name_find(STR("connect")))->everything);
    assert_true(demand_of(demand, name_find(STR("close")))->everything);
    assert_false(demand_of(demand, name_find(STR("execve")))->wanted);
    static const struct {
        const char *path;
        unsigned flags;
        int64_t fd;
        bool passes;
    } cases[] = {
        { "/etc/x", 2, 5, true },  { "/etc/x", 1, 5, false },    { "/etc/x", 2, -2, false },
        { "/root/x", 3, 5, true }, { "/usr/etc/", 2, 5, false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        open_file(&f, cases[i].path, cases[i].flags, cases[i].fd);
        assert_int_equal(demand_passes(demand, &f.view), cases[i].passes);
        settle(&f);
    }
    end(&f);
}

/* A thread that cannot match: its name is not wanted; after the exec that changes that, it is. */
static void test_residual(void **state)
{
    (void)state;
    struct fixture f;
    struct residual residual;
    struct matcher_stats stats;
    begin(&f);
    add(&f, "evt.type = open and proc.name = cat and fd.name = /etc/shadow");
    build(&f, true);
    uint16_t open = name_find(STR("open"));
    for (int i = 0; i < 200; i++) {
        open_file(&f, "/etc/shadow", 1, 5);
        settle(&f);
    }
    const struct thread *thread = state_thread(f.world.state, TID);
    matcher_residual(f.matcher, &f.view, thread, &residual);
    bool is_cat = str_eqz(thread->image->comm, "cat");
    assert_int_equal(nameset_has(&residual.names, open), is_cat);
    matcher_get_stats(f.matcher, &stats);
    assert_true(stats.residual_hits > 100);
    struct event *event =
        make_event(KIND_EXECVE_19_X, TID, T0, "qsBqqqsqqqwwws", (int64_t)0, "cat", "", (size_t)0,
                   (int64_t)TID, (int64_t)TID, (int64_t)1, "/", (uint64_t)0, (uint64_t)0,
                   (uint64_t)0, 0, 0, 0, is_cat ? "dog" : "cat");
    state_apply(f.world.state, event);
    state_settle(f.world.state, event);
    assert_string_equal(open_file(&f, "/etc/shadow", 1, 5), is_cat ? "" : "0");
    settle(&f);
    matcher_residual(f.matcher, &f.view, thread, &residual);
    assert_int_equal(nameset_has(&residual.names, open), !is_cat);
    end(&f);
}

static void test_deep(void **state)
{
    (void)state;
    enum { DEPTH = 490 };
    static char text[DEPTH * 64];
    struct fixture f;
    size_t at = (size_t)snprintf(text, sizeof(text), "evt.type = open and ");
    for (int i = 0; i < DEPTH; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, "not (fd.num = %d %s ", i + 1000,
                               i % 2 ? "and" : "or");
    }
    at += (size_t)snprintf(text + at, sizeof(text) - at, "fd.num = 7");
    memset(text + at, ')', DEPTH);
    text[at + DEPTH] = 0;
    begin(&f);
    add(&f, text);
    build(&f, true);
    for (int64_t fd = 5; fd < 9; fd++) {
        open_file(&f, "/x", 1, fd);
        bool want = cond_eval(f.made.rules[0].cond, &f.view);
        settle(&f);
        assert_string_equal(open_file(&f, "/x", 1, fd), want ? "0" : "");
        settle(&f);
    }
    end(&f);
}

/* Many more texts than the memo has slots, twice, with and without it: the same answers. */
static void test_memo(void **state)
{
    (void)state;
    for (int no_memo = 0; no_memo < 2; no_memo++) {
        struct fixture f;
        begin(&f);
        add(&f, "evt.type = open and fd.name startswith /etc/7");
        add(&f, "evt.type = open and (fd.name contains 99 or fd.name endswith 5)");
        struct matcher_options options = { .all = true, .threads_max = 64, .no_memo = no_memo };
        struct err err = { 0 };
        assert_int_equal(matcher_new(&f.made.ruleset, NULL, &options, &f.matcher, &err), 0);
        for (unsigned i = 0; i < 6000; i++) {
            char path[256];
            unsigned n = i % 3000;
            /* From 100 bytes on to past the longest text kept. */
            int length = n % 10 == 5 ? (int)(100 + n % 90) : 0;
            snprintf(path, sizeof(path), "/etc/%u/%0*d", n, length, n % 10 == 5 ? 5 : 8);
            bool first = path[5] == '7';
            bool second = strstr(path, "99") || n % 10 == 5;
            const char *want = first ? second ? "0 1" : "0" : second ? "1" : "";
            assert_string_equal(open_file(&f, path, 1, 5), want);
            settle(&f);
        }
        end(&f);
    }
}

static uint64_t ticks; /* of a clock that every look moves on */

static uint64_t look_at_clock(void)
{
    return ticks += 10;
}

/* What rules cost is estimated, and does not change what they say. */
static void test_costs(void **state)
{
    (void)state;
    struct fixture f;
    struct matcher_costs costs;
    begin(&f);
    add(&f, "evt.type = open and fd.name startswith /etc/");
    add(&f, "evt.type = open and fd.name = /never");
    add(&f, "evt.type = connect");
    struct matcher_options options = { .all = true, .threads_max = 64, .clock = look_at_clock };
    struct err err = { 0 };
    assert_int_equal(matcher_new(&f.made.ruleset, NULL, &options, &f.matcher, &err), 0);
    unsigned events = 64 * 1024;
    for (unsigned i = 0; i < events; i++) {
        ticks += f.matcher->costs.on ? 90 : 0; /* nothing that is measured */
        assert_string_equal(open_file(&f, "/etc/shadow", 1, 5), "0");
        settle(&f);
    }
    matcher_get_costs(f.matcher, &costs);
    assert_in_range(costs.samples, 48, 80);
    assert_int_equal(costs.by_rule_ns[0], 0); /* the looks alone */
    assert_int_equal(costs.by_rule_ns[2], 0);
    f.matcher->costs.look_ns = 0;
    for (unsigned i = 0; i < events; i++) {
        open_file(&f, "/etc/shadow", 1, 5);
        settle(&f);
    }
    uint64_t before = costs.samples;
    matcher_get_costs(f.matcher, &costs);
    assert_int_equal(costs.by_rule_ns[0], (costs.samples - before) * 10 * COST_EVERY);
    assert_int_equal(costs.by_rule_ns[1], 0);
    assert_true(costs.search_ns > 0);
    end(&f);
}

/* Without a clock nothing is looked at, and a look that is too long counts as the longest. */
static void test_costs_bounds(void **state)
{
    (void)state;
    struct fixture f;
    struct matcher_costs costs;
    uint64_t sum = 0;
    begin(&f);
    add(&f, "evt.type = open");
    build(&f, true);
    open_file(&f, "/x", 1, 5);
    settle(&f);
    matcher_get_costs(f.matcher, &costs);
    assert_true(costs.samples == 0 && !costs.by_rule_ns);
    f.matcher->options.clock = look_at_clock;
    cost_add(f.matcher, &sum, ticks + 10 - COST_MAX_NS + 1);
    assert_int_equal(sum, (uint64_t)(COST_MAX_NS - 1) * COST_EVERY);
    cost_add(f.matcher, &sum, 0 - (uint64_t)COST_MAX_NS * 2);
    assert_int_equal(sum, (uint64_t)(2 * COST_MAX_NS - 1) * COST_EVERY);
    f.matcher->options.clock = NULL;
    end(&f);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add(&f, "evt.type = open and fd.name pmatch (/etc, /a/*) and proc.name in (a, b)");
    add(&f, "evt.type in (open, connect) and (fd.name regex '.*a' or fd.name contains b)");
    add(&f,
        "fd.name regex 'a.b' or fd.name regex '[ab]' or fd.name regex '.c' or fd.sip = 1.2.3.4");
    struct matcher_options options = { .threads_max = 64 };
    int r = -1;
    for (unsigned n = 1; r != 0 && n < 2000; n++) {
        struct err err = { 0 };
        mem_fail_after(n);
        r = matcher_new(&f.made.ruleset, NULL, &options, &f.matcher, &err);
        mem_fail_after(0);
        assert_true(r == 0 || r == -12);
    }
    assert_int_equal(r, 0);
    assert_string_equal(open_file(&f, "/etc/a", 1, 5), "1");
    settle(&f);
    end(&f);
}

/* Regexes that the texts they must hold rule out for most values still match those they should. */
static void test_regexes(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        ".*[[:alpha:]]hadow", ".*[^[:digit:]]shadow", "[[:punct:]]etc/s[]h[]adow", ".*/shadow",
        "/etc/s[[:]?hadow",   ".*/[s]hadow",          "/etc/sx?hado(w|x)",         ".*x{0}shadow",
    };
    struct fixture f;
    char text[256];
    begin(&f);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        snprintf(text, sizeof(text), "evt.type = open and fd.name regex '%s'", patterns[i]);
        add(&f, text);
    }
    build(&f, true);
    assert_string_equal(open_file(&f, "/etc/shadow", 1, 5), "0 1 2 3 4 5 6 7");
    settle(&f);
    assert_string_equal(open_file(&f, "/etc/shadowy", 1, 5), "");
    settle(&f);
    end(&f);
}

/* An `or` of thousands of tests takes memory in proportion. */
static void test_wide(void **state)
{
    (void)state;
    struct fixture f;
    struct matcher_stats stats;
    struct buf buf;
    begin(&f);
    buf_init(&buf, (size_t)4 << 20);
    for (int i = 0; i < 4000; i++) {
        buf_printf(&buf, "%sfd.name startswith /opt/%d", i ? " or " : "evt.type = open and (", i);
    }
    buf_putz(&buf, ")");
    buf_putc(&buf, 0);
    for (int i = 0; i < 20; i++) {
        add(&f, buf.p);
    }
    build(&f, false);
    matcher_get_stats(f.matcher, &stats);
    assert_in_range(stats.bytes, 0, 64 << 20);
    assert_string_equal(open_file(&f, "/opt/3999x", 1, 5), "0");
    settle(&f);
    buf_done(&buf);
    end(&f);
}

static void test_nothing(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    build(&f, true);
    assert_string_equal(open_file(&f, "/etc/a", 1, 5), "");
    settle(&f);
    matcher_free(NULL);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),         cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_memo),          cmocka_unit_test(test_atoms_shared),
        cmocka_unit_test(test_shared_list),   cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_plan),          cmocka_unit_test(test_demand),
        cmocka_unit_test(test_residual),      cmocka_unit_test(test_deep),
        cmocka_unit_test(test_costs),         cmocka_unit_test(test_costs_bounds),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_constants),     cmocka_unit_test(test_wide),
        cmocka_unit_test(test_regexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
