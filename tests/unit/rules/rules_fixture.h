/*
 * rules_fixture: loading rules from text, and one-line assertions on what came of it.
 */
#pragma once

#include "../test.h"
#include "base/buf.h"
#include "rules/ruleset.h"

struct loaded {
    struct loader *loader;
    struct ruleset *ruleset; /* NULL when there is none */
    int result;              /* of the last loader_add() */
};

static inline struct loaded load_begin(void)
{
    struct loaded l = { 0 };
    assert_int_equal(loader_new(NULL, &l.loader), 0);
    return l;
}

static inline void load_more(struct loaded *l, const char *name, struct str yaml)
{
    l->result = loader_add(l->loader, str_of(name), yaml);
}

static inline void load_end(struct loaded *l)
{
    struct err err = { 0 };
    if (loader_finish(l->loader, true, &l->ruleset, &err) < 0) {
        l->ruleset = NULL;
    }
}

static inline struct loaded load_text(const char *yaml)
{
    struct loaded l = load_begin();
    load_more(&l, "test.yaml", str_of(yaml));
    load_end(&l);
    return l;
}

static inline void load_done(struct loaded *l)
{
    ruleset_free(l->ruleset);
    loader_free(l->loader);
}

/* The first diagnostic of that code whose message holds the text; NULL: there is none. */
static inline const struct diagnostic *find_diag(const struct loaded *l, enum diag_code code,
                                                 const char *text)
{
    const struct diag_list *diags = loader_diagnostics(l->loader);
    for (uint32_t i = 0; i < diags->n; i++) {
        if (diags->items[i].code == code && str_find(diags->items[i].message, str_of(text)) >= 0) {
            return &diags->items[i];
        }
    }
    return NULL;
}

static inline void print_diags(const struct loaded *l)
{
    const struct diag_list *diags = loader_diagnostics(l->loader);
    for (uint32_t i = 0; i < diags->n; i++) {
        struct buf text;
        buf_init(&text, 65536);
        diag_text(&diags->items[i], STR("test.yaml"), &text);
        print_message("%.*s", STR_ARG(buf_str(&text)));
        buf_done(&text);
    }
}

static inline uint32_t count_code(const struct loaded *l, enum diag_code code)
{
    const struct diag_list *diags = loader_diagnostics(l->loader);
    uint32_t n = 0;
    for (uint32_t i = 0; i < diags->n; i++) {
        n += diags->items[i].code == code;
    }
    return n;
}

static inline void assert_diag_at(const struct loaded *l, enum diag_code code, const char *text,
                                  uint32_t line, uint32_t column)
{
    const struct diagnostic *d = find_diag(l, code, text);
    if (!d) {
        print_diags(l);
        fail_msg("no %s with \"%s\"", diag_code_text(code), text);
        return;
    }
    if (d->pos.line != line || d->pos.column != column) {
        fail_msg("\"%s\" is at %u:%u, not %u:%u", text, d->pos.line, d->pos.column, line, column);
    }
}

static inline void assert_condition(const struct ruleset *ruleset, const char *rule,
                                    const char *canonical)
{
    const struct rule *found = ruleset ? ruleset_find(ruleset, str_of(rule)) : NULL;
    if (!found || !found->ast) {
        fail_msg("there is no rule \"%s\"", rule);
        return;
    }
    struct buf text;
    buf_init(&text, (size_t)1 << 24);
    ast_text(found->ast, &text);
    buf_putc(&text, '\0');
    assert_string_equal(text.p, canonical);
    buf_done(&text);
}

#define RULE(name, condition)                                                                      \
    "- rule: " name "\n  desc: d\n  condition: " condition "\n  output: o\n  priority: INFO\n"
