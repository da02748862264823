/*
 * Checking: the real engine over all files of a set, and over single items of lists.
 *
 * Compiling the whole takes tens of milliseconds; items appended to a list need far less: what conditions do with
 * the list (field, operator) is known from the set, and a rule for each such use, over the new items alone,
 * says whether they would be taken.
 */
#include "server/content_set.h"

#include "rules/ast.h"
#include "rules/lex.h"

#include <errno.h>

#define USES_MAX 1000 /* of one list: different left sides and operators */

/* ---- the engine */

static int load_rules(struct content_set *set, struct err *err)
{
    int r = loader_new(NULL, &set->loader);
    for (size_t i = 0; i < set->nfiles && r != -ENOMEM; i++) {
        r = loader_add(set->loader, set->files[i].name, set->files[i].text);
    }
    if (r == -ENOMEM) {
        return err_set(err, r, "the rules need more memory than allowed");
    }
    return loader_finish(set->loader, true, &set->ruleset, err);
}

static int load_policies(struct content_set *set, struct err *err)
{
    int r = policies_new(set->ruleset, &set->policies);
    r = r == 0 ? policies_add(set->policies, STR("policies.yaml"), set->policies_text) : r;
    r = r == -ENOMEM ? r : 0;
    if (r == 0 && policies_diagnostics(set->policies)->nerrors == 0) {
        r = policies_finish(set->policies, err);
    }
    return r < 0 ? err_set(err, r, "the policies need more memory than allowed") : 0;
}

/* ---- uses of lists */

static bool has_use(const struct list_info *list, const struct list_use *use)
{
    for (size_t i = 0; i < list->nuses; i++) {
        if (str_eq(list->uses[i].left, use->left) && str_eq(list->uses[i].op, use->op)) {
            return true;
        }
    }
    return false;
}

static int add_use_of(struct content_set *set, struct list_info *list, const struct list_use *use)
{
    if (has_use(list, use) || list->nuses == USES_MAX) {
        return 0;
    }
    if (list->nuses == list->uses_capacity) {
        size_t capacity = list->uses_capacity ? list->uses_capacity * 2 : 4;
        struct list_use *uses = ARENA_ARRAY(&set->arena, struct list_use, capacity);
        if (!uses) {
            return -ENOMEM;
        }
        if (list->nuses > 0) {
            memcpy(uses, list->uses, list->nuses * sizeof(*uses));
        }
        list->uses = uses;
        list->uses_capacity = capacity;
    }
    struct list_use kept = { arena_str(&set->arena, use->left), arena_str(&set->arena, use->op) };
    list->uses[list->nuses++] = kept;
    return kept.left.p && kept.op.p ? 0 : -ENOMEM;
}

static int add_check(struct content_set *set, const struct ast_check *check)
{
    struct buf left, op;
    char op_storage[64];
    int r = 0;
    buf_init(&left, CONTENT_TEXT_MAX);
    buf_init_fixed(&op, op_storage, sizeof(op_storage));
    ast_expr_text(check->left, &left);
    buf_putz(&op, op_text(check->op));
    if (check->modifier != MODIFIER_NONE) {
        buf_printf(&op, " %s", modifier_text(check->modifier));
    }
    struct list_use use = { buf_str(&left), buf_str(&op) };
    for (uint32_t i = 0; i < check->nvalues && r == 0; i++) {
        struct str name = check->values[i].list;
        struct list_info *list = name.n ? set_list(set, name) : NULL;
        r = list ? add_use_of(set, list, &use) : 0;
    }
    buf_done(&left);
    return r;
}

static int walk(struct content_set *set, const struct ast *ast)
{
    int r = 0;
    if (ast->kind == AST_CHECK) {
        return add_check(set, &ast->check);
    }
    for (uint32_t i = 0; i < ast->nitems && r == 0; i++) {
        r = walk(set, ast->items[i]);
    }
    return r;
}

static bool is_run_of(const struct ast *ast, struct str list)
{
    for (uint32_t i = 0; ast->kind == AST_CHECK && i < ast->check.nvalues; i++) {
        if (str_eq(ast->check.values[i].list, list)) {
            return true;
        }
    }
    for (uint32_t i = 0; ast->kind != AST_CHECK && i < ast->nitems; i++) {
        if (is_run_of(ast->items[i], list)) {
            return true;
        }
    }
    return false;
}

static int uses_of_rule(struct content_set *set, const struct rule *rule)
{
    int r = rule->ast ? walk(set, rule->ast) : 0;
    for (uint32_t i = 0; i < rule->nlists && r == 0; i++) {
        struct list_info *list = set_list(set, rule->lists[i]);
        if (list && rule->ast && !list->textual) {
            list->textual = !is_run_of(rule->ast, list->name);
        }
    }
    return r;
}

/* Lists that name others among their items pass their uses on. */
static int inherit_uses(struct content_set *set)
{
    int r = 0;
    for (size_t i = 0; i < set->nlists && r == 0; i++) {
        const struct list_info *outer = &set->lists[i];
        for (size_t k = 0; k < outer->n && r == 0; k++) {
            struct list_info *inner = set_list(set, outer->items[k]);
            for (size_t u = 0; inner && inner != outer && u < outer->nuses && r == 0; u++) {
                struct list_use use = outer->uses[u];
                r = add_use_of(set, inner, &use);
            }
        }
    }
    return r;
}

int set_compile(struct content_set *set, struct err *err)
{
    int r = load_rules(set, err);
    r = r == 0 ? load_policies(set, err) : r;
    if (r < 0) {
        return r;
    }
    set->nerrors =
        loader_diagnostics(set->loader)->nerrors + policies_diagnostics(set->policies)->nerrors;
    for (uint32_t i = 0; i < set->ruleset->nrules && r == 0; i++) {
        r = uses_of_rule(set, &set->ruleset->rules[i]);
    }
    r = r == 0 ? inherit_uses(set) : r;
    return r < 0 ? err_set(err, r, "the content is too large") : 0;
}

int set_make(struct content_set *set, struct err *err)
{
    int r = set_write_files(set, err);
    return r == 0 ? set_compile(set, err) : r;
}

/* ---- diagnostics */

static const struct document *document_at(const struct content_set *set, uint32_t file,
                                          uint32_t line, uint32_t *ret_line)
{
    const struct document *found = NULL;
    for (size_t i = 0; i < set->nplaces; i++) {
        const struct place *p = &set->places[i];
        if (p->file == file && p->line <= line) {
            found = p->document;
            *ret_line = line - p->line + 1;
        }
    }
    return found;
}

/* Of a managed file the document whose lines these are. */
static const struct document *managed_at(const struct content_set *set, struct str file,
                                         uint32_t line)
{
    const struct document *found = NULL;
    for (size_t i = 0; i < set->managed->documents.n; i++) {
        const struct document *d = &set->managed->documents.items[i];
        if (str_eq(d->file, file) && d->line <= line) {
            found = d;
        }
    }
    return found;
}

static void take_diag(const struct content_set *set, const struct diagnostic *d, bool policy,
                      struct content_diag *ret)
{
    uint32_t line = d->pos.line;
    const struct document *document = NULL;
    struct str file = policy ? STR("policies.yaml") : STR("");
    if (!policy && d->pos.file < set->ruleset->nfiles) {
        file = set->ruleset->files[d->pos.file];
    }
    document = document_at(set, policy ? UINT32_MAX : d->pos.file, d->pos.line, &line);
    document = document ? document : managed_at(set, file, d->pos.line);
    *ret = (struct content_diag){
        .error = diag_is_error(d->code),
        .code = diag_code_text(d->code),
        .message = d->message,
        .hint = d->hint,
        .snippet = d->snippet,
        .file = file,
        .line = line,
        .column = d->pos.column,
        .caret = d->caret,
        .document = document,
    };
    if (document && document->part != PART_MANAGED && document->file.n > 0) {
        ret->file = document->file;
        ret->line = line + document->line - 1;
    }
}

struct gather {
    const struct content_set *set;
    struct content_diag *items;
    size_t n;
};

static void gather(struct gather *g, const struct diag_list *diags, bool errors, bool policy)
{
    for (uint32_t i = 0; i < diags->n && g->n < CONTENT_DIAGS_MAX; i++) {
        if (diag_is_error(diags->items[i].code) == errors) {
            take_diag(g->set, &diags->items[i], policy, &g->items[g->n++]);
        }
    }
}

int set_diags(const struct content_set *set, struct arena *arena, bool errors_only,
              struct content_diag **ret, size_t *ret_n)
{
    struct gather g = { .set = set };
    g.items = ARENA_ARRAY(arena, struct content_diag, CONTENT_DIAGS_MAX);
    if (!g.items) {
        return -ENOMEM;
    }
    for (int errors = 1; errors >= (errors_only ? 1 : 0); errors--) {
        gather(&g, loader_diagnostics(set->loader), errors, false);
        gather(&g, policies_diagnostics(set->policies), errors, true);
    }
    *ret = g.items;
    *ret_n = g.n;
    return 0;
}

void content_diag_json(const struct content_diag *diag, struct jsonw *w)
{
    const struct document *d = diag->document;
    jsonw_object(w, NULL);
    jsonw_strz(w, "severity", diag->error ? "error" : "warning");
    jsonw_strz(w, "code", diag->code);
    jsonw_str(w, "message", diag->message);
    if (diag->hint.n > 0) {
        jsonw_str(w, "hint", diag->hint);
    }
    if (d) {
        jsonw_strz(w, "kind", content_kind_text(d->kind));
        jsonw_str(w, "name", d->name);
        jsonw_strz(w, "part", content_part_text(d->part));
    }
    if (diag->list.n > 0) {
        jsonw_str(w, "list", diag->list);
        jsonw_str(w, "item", diag->item);
    }
    jsonw_str(w, "file", diag->file);
    jsonw_u64(w, "line", diag->line);
    jsonw_u64(w, "column", diag->column);
    if (diag->snippet.n > 0) {
        jsonw_str(w, "snippet", diag->snippet);
        jsonw_u64(w, "caret", diag->caret);
    }
    jsonw_end(w);
}

/* ---- items */

bool item_is_good(struct str item, const char **ret_why)
{
    *ret_why = item.n == 0                 ? "an item must not be empty"
               : item.n > CONTENT_ITEM_MAX ? "an item has at most 4096 bytes"
               : !str_is_utf8(item)        ? "an item must be UTF-8"
                                           : NULL;
    for (size_t i = 0; i < item.n && !*ret_why; i++) {
        unsigned char c = (unsigned char)item.p[i];
        if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f) {
            *ret_why = "an item must not hold control characters";
        }
    }
    return !*ret_why;
}

void item_put_line(struct str item, struct buf *buf)
{
    for (size_t i = 0; i < item.n; i++) {
        if (item.p[i] == '\\' || item.p[i] == '\n') {
            buf_putc(buf, '\\');
        }
        buf_putc(buf, item.p[i] == '\n' ? 'n' : item.p[i]);
    }
    buf_putc(buf, '\n');
}

/* A rule for each use of the list. */
static void put_uses(const struct list_info *list, struct buf *buf)
{
    buf_putz(buf, "- list: items_to_check\n  items: []\n");
    for (size_t i = 0; i < list->nuses; i++) {
        buf_printf(buf,
                   "- rule: use %zu\n  desc: d\n  output: o\n  priority: INFO\n  condition: ", i);
        struct buf condition;
        buf_init(&condition, CONTENT_TEXT_MAX);
        buf_putz(&condition, "evt.type = open and ");
        buf_puts(&condition, list->uses[i].left);
        buf_putc(&condition, ' ');
        buf_puts(&condition, list->uses[i].op);
        buf_putz(&condition, " (items_to_check)");
        buf_json_str(buf, buf_str(&condition));
        buf_putc(buf, '\n');
        buf_done(&condition);
    }
}

/* Files and then items of one of their lists. 1: they are taken; 0: not, and the first error is copied; -ENOMEM. */
static int try_files(const struct content_file *files, size_t n, struct str list, struct str lines,
                     struct arena *arena, struct content_diag *ret)
{
    struct loader *loader = NULL;
    struct ruleset *ruleset = NULL;
    struct err err = { 0 };
    int r = loader_new(NULL, &loader);
    for (size_t i = 0; i < n && r != -ENOMEM; i++) {
        r = loader_add(loader, files[i].name, files[i].text);
    }
    r = r == -ENOMEM ? r : loader_add_items(loader, STR("items"), list, lines);
    r = r == -ENOMEM ? r : loader_finish(loader, true, &ruleset, &err);
    const struct diag_list *diags = r == 0 ? loader_diagnostics(loader) : NULL;
    if (diags && diags->nerrors > 0) {
        uint32_t i = 0;
        while (!diag_is_error(diags->items[i].code)) {
            i++;
        }
        *ret = (struct content_diag){
            .error = true,
            .code = diag_code_text(diags->items[i].code),
            .message = arena_str(arena, diags->items[i].message),
            .hint = arena_str(arena, diags->items[i].hint),
        };
    }
    int result = diags ? diags->nerrors == 0 : -ENOMEM;
    ruleset_free(ruleset);
    loader_free(loader);
    return result;
}

/* Over the rules made of the uses. */
static int try_items(struct str rules, struct str lines, struct arena *arena,
                     struct content_diag *ret)
{
    const struct content_file file = { STR("uses"), rules };
    return try_files(&file, 1, STR("items_to_check"), lines, arena, ret);
}

/* The first half of the lines, at least one, less than all. */
static size_t half_of(struct str lines)
{
    size_t at = lines.n / 2;
    ptrdiff_t end = str_find_char(str_from_offset(lines, at), '\n');
    if (end >= 0 && at + (size_t)end + 1 < lines.n) {
        return at + (size_t)end + 1;
    }
    while (at > 0 && lines.p[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* Halves the lines until one is left that is not taken. */
static int find_bad(struct str rules, struct str lines, struct arena *arena,
                    struct content_diag *ret)
{
    for (;;) {
        size_t half = half_of(lines);
        if (half == 0 || half == lines.n) {
            break;
        }
        int r = try_items(rules, str_first(lines, half), arena, ret);
        if (r < 0) {
            return r;
        }
        lines = r == 0 ? str_first(lines, half) : str_from_offset(lines, half);
    }
    int r = try_items(rules, lines, arena, ret);
    struct str item =
        lines.n && lines.p[lines.n - 1] == '\n' ? str_first(lines, lines.n - 1) : lines;
    ret->item = arena_str(arena, item);
    return r == -ENOMEM ? r : -EINVAL;
}

int items_check(const struct content_set *set, const struct list_info *list, struct str lines,
                struct arena *arena, struct content_diag *ret)
{
    struct buf rules;
    buf_init(&rules, CONTENT_SET_MAX);
    put_uses(list, &rules);
    int r = rules.failed ? -ENOMEM : try_items(buf_str(&rules), lines, arena, ret);
    if (r == 0) {
        r = find_bad(buf_str(&rules), lines, arena, ret);
        ret->list = list->name;
        ret->file = STR("items");
    }
    buf_done(&rules);
    if (r == 1 && list->textual) {
        /* Its items stand in conditions as they are: nothing less than the whole says what comes of them. */
        r = try_files(set->files, set->nfiles, list->name, lines, arena, ret);
        ret->list = list->name;
        ret->file = STR("items");
        r = r == 0 ? -EINVAL : r;
    }
    return r == 1 ? 0 : r;
}
