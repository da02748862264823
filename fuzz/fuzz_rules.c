/*
 * fuzz rules: any bytes as rule files, separated by form feeds: loading never breaks, what is refused
 * is explained, and what is accepted has a canonical form that parses.
 */
#include "fuzz.h"

#include "rules/ruleset.h"

#define MEMORY ((size_t)64 << 20)

static void check_rule(const struct rule *rule)
{
    struct arena arena;
    struct buf text;
    struct ast *ast;
    uint32_t offset;
    if (!rule->ast) {
        return;
    }
    arena_init(&arena, 4 * MEMORY);
    buf_init(&text, MEMORY);
    ast_text(rule->ast, &text);
    if (!text.failed) {
        int r =
            parse_condition(&arena, buf_str(&text), 8 * CONDITION_DEPTH_MAX, &ast, &offset, NULL);
        FUZZ_CHECK(r == 0 || r == -12);
    }
    buf_done(&text);
    arena_done(&arena);
}

static void check_diags(const struct loader *loader)
{
    const struct diag_list *diags = loader_diagnostics(loader);
    struct buf text;
    buf_init(&text, MEMORY);
    for (uint32_t i = 0; i < diags->n; i++) {
        struct jsonw w = { .buf = &text };
        buf_clear(&text);
        diag_text(&diags->items[i], STR("file"), &text);
        diag_json(&diags->items[i], STR("file"), &w);
        FUZZ_CHECK(!text.failed && str_is_utf8(buf_str(&text)));
    }
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loader *loader;
    struct loader_options options = { .memory_max = MEMORY };
    struct str rest = str_from(data, size);
    FUZZ_CHECK(loader_new(&options, &loader) == 0);
    for (int files = 0; files < 4 && rest.n > 0; files++) {
        ptrdiff_t end = str_find_char(rest, '\f');
        struct str file = str_first(rest, end < 0 ? rest.n : (size_t)end);
        uint32_t errors = loader_diagnostics(loader)->nerrors;
        int r = loader_add(loader, STR("file"), file);
        FUZZ_CHECK((r < 0) == (loader_diagnostics(loader)->nerrors > errors) || r == 0 ||
                   errors > 0);
        rest = str_from_offset(rest, file.n + 1);
    }
    struct ruleset *ruleset = NULL;
    if (loader_finish(loader, true, &ruleset, NULL) == 0) {
        for (uint32_t i = 0; i < ruleset->nrules; i++) {
            check_rule(&ruleset->rules[i]);
        }
    }
    check_diags(loader);
    ruleset_free(ruleset);
    loader_free(loader);
    return 0;
}
