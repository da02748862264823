/*
 * macros: identifiers in a condition's tree become the trees of the macros they name.
 *
 * Macros are resolved in order of definition. A macro sees those defined before its own last
 * change; one it uses that was resolved earlier is shared as it is, one that comes later is
 * expanded with the sight of the user. Trees share nodes, so size and depth are counted as if they
 * were written out, and limited: RULES_NODES_MAX nodes, AST_LEVELS_MAX levels.
 */
#include "rules/load.h"

#include <errno.h>

/* One item's tree while its macros are replaced. */
struct resolver {
    struct loader *loader;
    struct compilation *c;
    const struct context *context;
    const struct text *text;
    const struct expansion *expansion;
    struct uses *uses;
    uint32_t visibility; /* macros with a lower index are seen */
    uint32_t owner;      /* for the memo: unique for each item, from 1 */
    uint32_t npath;      /* of c->path: macros being expanded, as indices */
    uint32_t at;         /* offset in the item's own text of the reference being expanded */
    uint64_t nodes;
    int error; /* the worst so far */
};

struct size {
    uint64_t nodes;
    uint32_t levels;
};

static struct size resolve(struct resolver *resolver, struct ast **slot, uint32_t level);

struct compiled_macro *compiled_macro_find(const struct loader *loader, const struct compilation *c,
                                           struct str name)
{
    const struct collected_macro *macro = table_get(&loader->macros, name);
    uint32_t low = 0, high = macro ? c->nmacros : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->macros[middle].from->item.index < macro->item.index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return macro && low < c->nmacros && c->macros[low].from == macro ? &c->macros[low] : NULL;
}

/* The macro of that name, if it is in sight. */
static struct compiled_macro *find_macro(const struct resolver *resolver, struct str name)
{
    struct compiled_macro *macro = compiled_macro_find(resolver->loader, resolver->c, name);
    return macro && macro->from->item.index < resolver->visibility ? macro : NULL;
}

static void fail(struct resolver *resolver, enum diag_code code, struct str hint,
                 const char *message)
{
    struct where where = text_where(resolver->loader, resolver->text,
                                    expansion_origin(resolver->expansion, resolver->at));
    report(resolver->loader, resolver->context,
           &(struct report){
               .code = code, .where = where, .part = "condition expression", .hint = hint },
           "%s", message);
    if (resolver->error != -ENOMEM) {
        resolver->error = -EINVAL;
    }
}

static void fail_unknown(struct resolver *resolver, struct str name)
{
    const struct table *macros = &resolver->loader->macros;
    char message[160], storage[192];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    if (smap_get(&resolver->loader->broken_names, name)) {
        resolver->error = resolver->error ? resolver->error : -ECANCELED;
        return;
    }
    if (table_get(macros, name) && str_eq(name, resolver->context->name)) {
        buf_putz(&hint, "a macro cannot use itself");
    } else if (table_get(macros, name)) {
        buf_putz(&hint, "the macro is defined further down than this one");
    } else if (table_get(&resolver->loader->lists, name)) {
        buf_putz(&hint, "that is a list: write `FIELD in (LIST)`");
    } else {
        suggest_item(resolver->loader, macros, name, &hint);
    }
    __builtin_snprintf(message, sizeof(message), "Undefined macro '%.*s' used in filter.",
                       STR_ARG(str_first(name, 100)));
    fail(resolver, LOAD_ERR_VALIDATE, buf_str(&hint), message);
}

/* A tree whose inner nodes are new, so that its macros can be replaced; checks are shared. */
static struct ast *clone(struct resolver *resolver, const struct ast *ast, uint32_t level)
{
    struct ast *copy = level < AST_LEVELS_MAX && ++resolver->nodes <= RULES_NODES_MAX
                           ? ARENA_NEW(&resolver->c->arena, struct ast)
                           : NULL;
    if (!copy) {
        return NULL;
    }
    *copy = *ast;
    if (ast->nitems > 0) {
        copy->items = ARENA_ARRAY(&resolver->c->arena, struct ast *, ast->nitems);
    }
    for (uint32_t i = 0; i < ast->nitems; i++) {
        struct ast *child = copy->items ? clone(resolver, ast->items[i], level + 1) : NULL;
        if (!child) {
            return NULL;
        }
        copy->items[i] = child;
    }
    return copy;
}

static struct size expand_unresolved(struct resolver *resolver, struct compiled_macro *macro,
                                     struct ast **slot, uint32_t level)
{
    if (macro->memo_owner == resolver->owner) {
        *slot = macro->memo;
        return (struct size){ macro->nodes, macro->levels };
    }
    struct ast *copy = clone(resolver, macro->ast, 0);
    if (!copy) {
        fail(resolver, LOAD_ERR_COMPILE_CONDITION, STR(""), "the condition's macros are too large");
        return (struct size){ 1, 1 };
    }
    macro->on_path = true;
    resolver->npath++;
    struct size size = resolve(resolver, &copy, level + 1);
    resolver->npath--;
    macro->on_path = false;
    if (resolver->error == 0) {
        macro->memo_owner = resolver->owner;
        macro->memo = copy;
        macro->nodes = size.nodes;
        macro->levels = size.levels;
        *slot = copy;
    }
    return size;
}

static struct size resolve_name(struct resolver *resolver, struct ast **slot, uint32_t level)
{
    struct size one = { 1, 1 };
    struct str name = (*slot)->name;
    if (resolver->npath == 0) {
        resolver->at = (*slot)->offset;
    }
    struct compiled_macro *macro = find_macro(resolver, name);
    if (!macro) {
        fail_unknown(resolver, name);
        return one;
    }
    uint32_t index = (uint32_t)(macro - resolver->c->macros);
    if (macro->on_path) {
        char message[160];
        __builtin_snprintf(message, sizeof(message), "reference loop in macro '%.*s'",
                           STR_ARG(str_first(name, 100)));
        fail(resolver, LOAD_ERR_VALIDATE, STR(""), message);
        return one;
    }
    macro->used = true;
    if (resolver->npath == 0 && add_use(&resolver->c->arena, &resolver->uses->macros,
                                        &resolver->uses->nmacros, index) < 0) {
        resolver->error = -ENOMEM;
        return one;
    }
    if (macro->broken) {
        resolver->error = resolver->error ? resolver->error : -ECANCELED;
        return one;
    }
    if (macro->resolved) {
        *slot = macro->ast;
        return (struct size){ macro->nodes, macro->levels };
    }
    return expand_unresolved(resolver, macro, slot, level);
}

/* Replaces all macros at and below *slot; the size is that of the tree written out. */
static struct size resolve(struct resolver *resolver, struct ast **slot, uint32_t level)
{
    struct ast *ast = *slot;
    struct size size = { 1, 1 };
    if (level >= AST_LEVELS_MAX) {
        fail(resolver, LOAD_ERR_COMPILE_CONDITION, STR(""), "the condition is nested too deeply");
        return size;
    }
    if (ast->kind == AST_MACRO) {
        return resolve_name(resolver, slot, level);
    }
    for (uint32_t i = 0; i < ast->nitems; i++) {
        struct size child = resolve(resolver, &ast->items[i], level + 1);
        size.nodes += child.nodes;
        size.levels = child.levels + 1 > size.levels ? child.levels + 1 : size.levels;
    }
    return size;
}

/* 0; -EINVAL: reported; -ECANCELED: uses something broken; -ENOMEM. */
static int resolve_item(struct resolver *resolver, struct ast **slot, struct size *ret)
{
    *ret = resolve(resolver, slot, 0);
    if (resolver->error == 0 && ret->nodes > RULES_NODES_MAX) {
        fail(resolver, LOAD_ERR_COMPILE_CONDITION, STR(""),
             "the condition has more than 1000000 parts after its macros were expanded");
    }
    if (resolver->error == 0 && ret->levels > AST_LEVELS_MAX) {
        fail(resolver, LOAD_ERR_COMPILE_CONDITION, STR(""), "the condition is nested too deeply");
    }
    return resolver->error;
}

static struct context context_of_macro(const struct compiled_macro *macro)
{
    return (struct context){ .type = "macro",
                             .name = macro->from->item.name,
                             .where = macro->from->item.where };
}

static int parse_macro(struct loader *loader, struct compilation *c, struct compiled_macro *macro)
{
    struct context context = context_of_macro(macro);
    struct condition_source source = { .context = &context,
                                       .text = &macro->from->condition,
                                       .macro = macro->from->item.name,
                                       .part = "macro condition" };
    uint32_t nodes;
    int r =
        condition_parse(loader, c, &source, &macro->expansion, &macro->uses, &macro->ast, &nodes);
    macro->broken = r < 0;
    return r == -ENOMEM ? r : 0;
}

int macros_compile(struct loader *loader, struct compilation *c)
{
    c->nmacros = loader->macros.n;
    c->macros = ARENA_ARRAY(&c->arena, struct compiled_macro, c->nmacros);
    int r = c->macros ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < c->nmacros && r == 0; i++) {
        c->macros[i].from = loader->macros.items[i];
    }
    for (uint32_t i = 0; i < c->nmacros && r == 0; i++) {
        r = parse_macro(loader, c, &c->macros[i]);
    }
    return r == 0 ? macros_resolve(loader, c) : r;
}

int macros_resolve(struct loader *loader, struct compilation *c)
{
    for (uint32_t i = 0; i < c->nmacros; i++) {
        struct compiled_macro *macro = &c->macros[i];
        if (macro->broken) {
            continue;
        }
        struct context context = context_of_macro(macro);
        struct resolver resolver = { .loader = loader,
                                     .c = c,
                                     .context = &context,
                                     .text = &macro->from->condition,
                                     .expansion = &macro->expansion,
                                     .uses = &macro->uses,
                                     .visibility = macro->from->item.visibility,
                                     .owner = i + 1 };
        struct size size;
        int r = resolve_item(&resolver, &macro->ast, &size);
        if (r == -ENOMEM) {
            return r;
        }
        macro->broken = r < 0;
        macro->resolved = true;
        macro->nodes = size.nodes;
        macro->levels = size.levels;
    }
    return 0;
}

int rule_resolve_macros(struct loader *loader, struct compilation *c, struct compiled_rule *rule,
                        const struct context *context)
{
    struct resolver resolver = { .loader = loader,
                                 .c = c,
                                 .context = context,
                                 .text = &rule->condition,
                                 .expansion = &rule->expansion,
                                 .uses = &rule->uses,
                                 .visibility = UINT32_MAX,
                                 .owner = UINT32_MAX };
    struct size size;
    return resolve_item(&resolver, &rule->ast, &size);
}
