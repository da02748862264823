/*
 * property_append: items appended to the lists of random rules. What ruleset_append() makes of compiled rules must be
 * what compiling the same files with these items makes: the same conditions, names and lists, and for each event of
 * a random world the same matches as plain evaluation of the fully compiled rules finds; demand and residuals let
 * all of them pass.
 *
 *     property-append [worlds [events [seed]]]
 */
#include "random_rules.h"
#include "world.h"

#include "base/buf.h"
#include "rules/demand.h"
#include "rules/matcher.h"
#include "rules/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORLDS_DEFAULT 120
#define EVENTS_DEFAULT 150
#define RULES_MAX      10
#define CHANGES_MAX    4
#define ITEMS_MAX      4
#define TEXT_MAX       16384
#define ITEM_MAX       256

struct sample {
    struct buf yaml;
    struct list_changes changes;
    struct list_items lists[CHANGES_MAX];
    struct str items[CHANGES_MAX][ITEMS_MAX];
    char texts[CHANGES_MAX][ITEMS_MAX][ITEM_MAX];
    char names[CHANGES_MAX][32];
};

/* ---- rules and changes */

/* In quotes: a value that is not empty. */
static void put_item(struct world *w, struct buf *buf, enum operand operand)
{
    size_t before = buf->n;
    do {
        buf->n = before;
        buf_putz(buf, operand == TEXTS || operand == SOCKET_TEXTS ? "" : "\"");
        random_constant(w, buf, operand, world_random(w, 4) == 0);
        buf_putz(buf, operand == TEXTS || operand == SOCKET_TEXTS ? "" : "\"");
    } while (buf->n == before + 2);
}

/* Some are empty, some name others. */
static void put_list(struct world *w, struct buf *buf, enum operand operand, unsigned id)
{
    static const char *const kinds[] = { "texts", "numbers", "ports", "addresses",
                                         "nets",  "sockets", "flags", "events" };
    uint32_t n = world_random(w, 8) ? 1 + world_random(w, 5) : 0;
    buf_printf(buf, "- list: %s_%u\n  items:%s\n", kinds[operand], id, n ? "" : " []");
    for (uint32_t i = 0; i < n; i++) {
        buf_putz(buf, "  - ");
        if (id > 0 && world_random(w, 20) == 0) {
            buf_printf(buf, "%s_0", kinds[operand]);
        } else {
            put_item(w, buf, operand);
        }
        buf_putc(buf, '\n');
    }
}

static void put_condition(struct world *w, struct buf *buf)
{
    char condition[TEXT_MAX];
    random_rule(w, condition, sizeof(condition));
    buf_printf(buf, "  condition: |\n    %s%s\n", world_random(w, 6) ? "" : "made and ", condition);
}

static void put_exception(struct world *w, struct buf *buf)
{
    struct buf list;
    char name[32];
    buf_init_fixed(&list, name, sizeof(name) - 1);
    random_list_name(w, &list, TEXTS);
    buf_printf(buf,
               "  exceptions:\n  - name: known\n    fields: [proc.name, fd.name]\n"
               "    comps: [in, startswith]\n    values:\n    - [[%.*s, sh], /etc]\n",
               STR_ARG(buf_str(&list)));
}

static void put_rules(struct world *w, struct buf *yaml)
{
    for (enum operand operand = 0; operand < RANDOM_OPERANDS; operand++) {
        for (unsigned i = 0; operand != FLAG && i < RANDOM_LISTS; i++) {
            put_list(w, yaml, operand, i);
        }
    }
    char condition[TEXT_MAX];
    random_rule(w, condition, sizeof(condition));
    buf_printf(yaml, "- macro: made\n  condition: |\n    %s\n", condition);
    uint32_t n = 1 + world_random(w, RULES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(yaml, "- rule: rule %u\n  desc: d\n  output: o\n  priority: INFO\n", i);
        put_condition(w, yaml);
        if (world_random(w, 5) == 0) {
            put_exception(w, yaml);
        }
    }
}

static struct str put_change(struct world *w, struct buf *buf, enum operand operand)
{
    static const char *const odd[] = { "a b",         "texts_1",     "(x, texts_0)",
                                       "q\"uo'te",    "back\\slash", "new\nline",
                                       "a=b,c",       "\t",          "",
                                       "\xe7\x81\xab" };
    if (operand == TEXTS && world_random(w, 4) == 0) {
        buf_putz(buf, odd[world_random(w, sizeof(odd) / sizeof(*odd))]);
        return buf_str(buf);
    }
    if (world_random(w, 40) == 0) {
        buf_putz(buf, "nonsense");
        return buf_str(buf);
    }
    put_item(w, buf, operand);
    return str_from(buf->p + 1, buf->n - 2);
}

static void make_changes(struct world *w, struct sample *s)
{
    static const enum operand often[] = { TEXTS, TEXTS,     TEXTS, NUMBERS,
                                          PORTS, ADDRESSES, NETS,  SOCKET_TEXTS };
    uint32_t n = 1 + world_random(w, CHANGES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        enum operand operand =
            world_random(w, 20) ? often[world_random(w, sizeof(often) / sizeof(*often))] : NAMES;
        struct buf name;
        buf_init_fixed(&name, s->names[i], sizeof(s->names[i]));
        random_list_name(w, &name, operand);
        uint32_t items = world_random(w, ITEMS_MAX + 1);
        for (uint32_t k = 0; k < items; k++) {
            struct buf item;
            buf_init_fixed(&item, s->texts[i][k], ITEM_MAX);
            s->items[i][k] = put_change(w, &item, operand);
        }
        s->lists[i] = (struct list_items){ buf_str(&name), s->items[i], items };
    }
    s->changes = (struct list_changes){ s->lists, n };
}

/* ---- both ways */

static int load(const struct sample *s, bool with_items, struct ruleset **ret)
{
    struct loader *loader;
    struct err err = { 0 };
    if (loader_new(NULL, &loader) < 0) {
        return -ENOMEM;
    }
    int r = loader_add(loader, STR("rules.yaml"), buf_str(&s->yaml));
    for (uint32_t i = 0; r == 0 && with_items && i < s->changes.n; i++) {
        struct buf lines;
        buf_init(&lines, (size_t)1 << 20);
        for (uint32_t k = 0; k < s->lists[i].n; k++) {
            for (size_t at = 0; at < s->lists[i].items[k].n; at++) {
                char c = s->lists[i].items[k].p[at];
                buf_putz(&lines, c == '\n' || c == '\\' ? "\\" : "");
                buf_putc(&lines, c == '\n' ? 'n' : c);
            }
            buf_putc(&lines, '\n');
        }
        r = loader_add_items(loader, STR("items.txt"), s->lists[i].list, buf_str(&lines));
        buf_done(&lines);
    }
    r = r < 0 ? r : loader_finish(loader, false, ret, &err);
    const struct diag_list *diags = loader_diagnostics(loader);
    for (uint32_t i = 0; r < 0 && !with_items && i < diags->n; i++) {
        if (diag_is_error(diags->items[i].code)) {
            printf("%.*s\n", STR_ARG(diags->items[i].message));
        }
    }
    loader_free(loader);
    return r;
}

struct flat {
    const struct check *check;
    uint32_t run, at;
};

static bool next_constant(struct flat *f, struct value *ret, struct str *ret_list)
{
    while (f->run < f->check->nconstants && f->at == f->check->constants[f->run].n) {
        f->run++;
        f->at = 0;
    }
    if (f->run == f->check->nconstants) {
        return false;
    }
    const struct constants *run = &f->check->constants[f->run];
    *ret = run->strs ? (struct value){ .type = TYPE_CHARBUF, .s = run->strs[f->at] }
                     : run->values[f->at];
    *ret_list = run->list;
    f->at++;
    return true;
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->type == b->type && (a->type == TYPE_CHARBUF ? str_eq(a->s, b->s)
                                  : a->type == TYPE_IPNET || a->type == TYPE_IPADDR
                                      ? memcmp(&a->net, &b->net, sizeof(a->ip)) == 0
                                      : a->u == b->u);
}

static bool same_check(const struct check *a, const struct check *b)
{
    struct flat x = { .check = a }, y = { .check = b };
    struct value i, j;
    struct str list_i, list_j;
    if (a->op != b->op || a->modifier != b->modifier || a->left->kind != b->left->kind) {
        return false;
    }
    while (next_constant(&x, &i, &list_i)) {
        if (!next_constant(&y, &j, &list_j) || !same_value(&i, &j) || !str_eq(list_i, list_j)) {
            return false;
        }
    }
    return !next_constant(&y, &j, &list_j);
}

static bool same_cond(const struct cond *a, const struct cond *b)
{
    if (!a || !b || a->kind != b->kind || a->nitems != b->nitems) {
        return a == b;
    }
    for (uint32_t i = 0; i < a->nitems; i++) {
        if (!same_cond(a->items[i], b->items[i])) {
            return false;
        }
    }
    return a->kind != COND_CHECK || same_check(a->check, b->check);
}

static const char *compare(const struct ruleset *a, const struct ruleset *b)
{
    for (uint32_t i = 0; i < a->nlists; i++) {
        bool same = a->lists[i].nitems == b->lists[i].nitems;
        for (uint32_t k = 0; same && k < a->lists[i].nitems; k++) {
            same = str_eq(a->lists[i].items[k], b->lists[i].items[k]);
        }
        if (!same) {
            return "a list differs";
        }
    }
    for (uint32_t i = 0; i < a->nrules && a->nrules == b->nrules; i++) {
        const struct rule *x = &a->rules[i], *y = &b->rules[i];
        if (memcmp(&x->names, &y->names, sizeof(x->names)) != 0 || x->any_name != y->any_name) {
            return "the names of a rule differ";
        }
        if (!same_cond(x->cond, y->cond) || ruleset_find(a, y->name) != x) {
            return "a condition differs";
        }
    }
    return a->nrules == b->nrules && a->nlists == b->nlists ? NULL : "there are not as many rules";
}

/* ---- events */

struct run {
    struct world world;
    struct view view;
    const struct ruleset *full, *appended;
    struct matcher *matcher;
    uint64_t matches;
};

static const char *step(struct run *r)
{
    struct event *event = world_next(&r->world);
    const struct rule *const *got;
    struct residual residual;
    const char *wrong = NULL;
    state_apply(r->world.state, event);
    r->view.event = event;
    r->view.scratch.n = 0;
    uint32_t n = matcher_run(r->matcher, &r->view, &got), at = 0;
    for (uint32_t i = 0; i < r->full->nrules && !wrong; i++) {
        r->view.scratch.n = 0;
        bool found = at < n && got[at] == &r->appended->rules[i];
        at += found;
        if (cond_eval(r->full->rules[i].cond, &r->view) != found) {
            wrong = found ? "a match too many" : "a match too few";
        }
    }
    r->matches += n;
    r->view.scratch.n = 0;
    if (n && !demand_passes(matcher_demand(r->matcher), &r->view)) {
        wrong = "demand lost an event";
    }
    if (n && event->thread) {
        matcher_residual(r->matcher, &r->view, event->thread, &residual);
        wrong = nameset_has(&residual.names, event->name) ? wrong : "the residual lost a name";
    }
    state_settle(r->world.state, event);
    return wrong;
}

static const char *run(struct run *r, uint64_t seed, unsigned events)
{
    struct err err = { 0 };
    struct matcher_options options = { .all = true, .threads_max = 64 };
    const char *wrong = NULL;
    if (world_init(&r->world, seed) < 0 || scratch_init(&r->view.scratch) < 0 ||
        matcher_new(r->appended, NULL, &options, &r->matcher, &err) < 0) {
        return "out of memory";
    }
    r->view.state = r->world.state;
    r->view.source = STR("syscall");
    for (unsigned i = 0; i < events && !wrong; i++) {
        wrong = step(r);
    }
    matcher_free(r->matcher);
    scratch_done(&r->view.scratch);
    world_done(&r->world);
    return wrong;
}

struct totals {
    uint64_t appended, refused, compiled, matches;
};

static const char *both_ways(const struct sample *s, uint64_t seed, unsigned events,
                             struct totals *totals)
{
    struct ruleset *base = NULL, *full = NULL, *appended = NULL;
    const char *wrong = NULL;
    if (load(s, false, &base) < 0) {
        return "the rules do not load";
    }
    bool is_good = load(s, true, &full) == 0;
    int r = ruleset_append(base, &s->changes, &appended);
    totals->appended += r == 0;
    totals->refused += !is_good;
    totals->compiled += is_good && r == -EOPNOTSUPP;
    if (r < 0 && r != -EOPNOTSUPP) {
        wrong = "it failed";
    } else if (r == 0 && !is_good) {
        wrong = "it took what the compiler refuses";
    } else if (r == 0) {
        static struct run run_;
        run_ = (struct run){ .full = full, .appended = appended };
        wrong = compare(appended, full);
        wrong = wrong ? wrong : run(&run_, seed, events);
        totals->matches += run_.matches;
    }
    ruleset_free(appended);
    ruleset_free(base);
    ruleset_free(full);
    return wrong;
}

static void show(const struct sample *s)
{
    printf("%.*s", STR_ARG(buf_str(&s->yaml)));
    for (uint32_t i = 0; i < s->changes.n; i++) {
        for (uint32_t k = 0; k < s->lists[i].n; k++) {
            printf("%.*s gets %.*s\n", STR_ARG(s->lists[i].list), STR_ARG(s->lists[i].items[k]));
        }
    }
}

int main(int argc, char **argv)
{
    static struct sample sample;
    unsigned worlds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : WORLDS_DEFAULT;
    unsigned events = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : EVENTS_DEFAULT;
    uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    struct totals totals = { 0 };
    random_rules_use_lists();
    buf_init(&sample.yaml, (size_t)4 << 20);
    for (uint64_t seed = first; seed < first + worlds; seed++) {
        struct world dice = { .random = seed * UINT64_C(0x2545f4914f6cdd1d) };
        buf_clear(&sample.yaml);
        put_rules(&dice, &sample.yaml);
        make_changes(&dice, &sample);
        const char *wrong = both_ways(&sample, seed, events, &totals);
        if (wrong) {
            show(&sample);
            printf("seed %llu: %s\n", (unsigned long long)seed, wrong);
            return 1;
        }
    }
    buf_done(&sample.yaml);
    printf("%u worlds: %llu appended and alike, with %llu matches; %llu take a compilation, %llu "
           "are refused\n",
           worlds, (unsigned long long)totals.appended, (unsigned long long)totals.matches,
           (unsigned long long)totals.compiled, (unsigned long long)totals.refused);
    return totals.appended ? 0 : 1;
}
