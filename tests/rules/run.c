/*
 * run: runs files of rule tests, one case a line.
 *
 *     scene                              what happened, see scene.h; indented lines follow
 *     true CONDITION                     the condition holds for the scene's event
 *     false CONDITION
 *     error CONDITION => message         resolving or parsing fails so, among other problems maybe
 *     warn CONDITION => message
 *     names CONDITION => open close      event names it can be true for; "all", "none"
 *     print TEMPLATE => text             the output's text
 *     json TEMPLATE => {...}             output_fields
 *     badoutput TEMPLATE => message
 *     yaml                               a rules file; indented lines follow
 *     file PATH                          one that is there, from the top of the sources
 *     loads                              it has no error
 *     fails => message                   some error holds this text
 *     warns => message
 *     quiet => message                   no warning holds this text
 *     canonical RULE => condition        after expansion
 *     matches RULE, RULE                 the rules of it that the scene's event matches, in order
 *
 * Lines that begin with # are comments.
 */
#include "scene.h"

#include "base/fd.h"
#include "rules/matcher.h"
#include "rules/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RUN_TEXT_MAX ((size_t)1 << 20)

enum block { BLOCK_NONE, BLOCK_SCENE, BLOCK_YAML };

struct runner {
    struct scene scene;
    struct arena arena; /* of one case */
    struct buf out;
    struct buf yaml;
    struct loader *loader;
    struct ruleset *ruleset;
    bool yaml_loaded;
    enum block block;
    const char *file;
    unsigned line;
    unsigned cases, failures;
};

static void failed(struct runner *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void failed(struct runner *r, const char *format, ...)
{
    va_list args;
    r->failures++;
    fprintf(stderr, "%s:%u: ", r->file, r->line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* "a => b" */
static bool split(struct str s, struct str *ret_left, struct str *ret_right)
{
    ptrdiff_t at = str_find(s, STR("=>"));
    ptrdiff_t last = at;
    while (at >= 0) { /* the last one: join("->") and the like may stand before */
        last = at;
        ptrdiff_t next = str_find(str_from_offset(s, (size_t)at + 2), STR(" => "));
        at = next < 0 ? -1 : at + 2 + next + 1;
    }
    if (last < 0) {
        return false;
    }
    *ret_left = str_trim(str_first(s, (size_t)last));
    *ret_right = str_trim(str_from_offset(s, (size_t)last + 2));
    return true;
}

/* A condition resolved in the runner's arena. Parsing errors count as problems. */
struct resolved {
    struct cond_cache *cache;
    struct cond *cond;
    struct cond_problems problems;
    struct err parse_error;
};

static void resolve(struct runner *r, struct str text, struct resolved *ret)
{
    struct ast *ast;
    uint32_t offset;
    *ret = (struct resolved){ 0 };
    arena_reset(&r->arena);
    ret->cache = cond_cache_new(&r->arena);
    struct str copy = arena_str(&r->arena, text);
    if (parse_condition(&r->arena, copy, CONDITION_DEPTH_MAX, &ast, &offset, &ret->parse_error) ==
        0) {
        cond_resolve(&r->arena, ret->cache, ast, &ret->cond, &ret->problems);
    }
}

static void case_holds(struct runner *r, struct str text, bool expected)
{
    struct resolved res;
    struct view *view = scene_view(&r->scene);
    resolve(r, text, &res);
    if (!view) {
        failed(r, "there is no event");
    } else if (!res.cond) {
        failed(r, "%.*s: %s", STR_ARG(text),
               res.parse_error.code ? res.parse_error.message
               : res.problems.n     ? res.problems.items[0].message.p
                                    : "does not resolve");
    } else if (cond_eval(res.cond, view) != expected) {
        failed(r, "%.*s is %s", STR_ARG(text), expected ? "false" : "true");
    }
    cond_cache_free(res.cache);
}

static void case_problem(struct runner *r, struct str rest, bool is_warning)
{
    struct str text;
    struct str message;
    struct resolved res;
    if (!split(rest, &text, &message)) {
        failed(r, "=> is missing");
        return;
    }
    resolve(r, text, &res);
    bool found = !is_warning && str_find(str_of(res.parse_error.message), message) >= 0 &&
                 res.parse_error.code;
    for (uint32_t i = 0; i < res.problems.n; i++) {
        const struct cond_problem *p = &res.problems.items[i];
        found |= p->is_warning == is_warning && str_eq(str_trim(p->message), message);
        if (!found && i + 1 == res.problems.n) {
            failed(r, "%.*s", STR_ARG(p->message));
        }
    }
    if (!found && !res.problems.n) {
        failed(r, "no problem: %.*s (%s)", STR_ARG(text), res.parse_error.message);
    }
    if (!is_warning && res.cond) {
        failed(r, "resolved although there is an error: %.*s", STR_ARG(text));
    }
    cond_cache_free(res.cache);
}

static struct str names_text(struct runner *r, const struct nameset *set)
{
    buf_clear(&r->out);
    if (nameset_count(set) == 0 || nameset_count(set) == NAME_MAX_ID) {
        return nameset_count(set) ? STR("all") : STR("none");
    }
    for (uint16_t id = 0; id < NAME_MAX_ID; id++) {
        if (nameset_has(set, id) && name_text(id)) {
            buf_putz(&r->out, r->out.n ? " " : "");
            buf_putz(&r->out, name_text(id));
        }
    }
    return buf_str(&r->out);
}

static void case_names(struct runner *r, struct str rest)
{
    struct str text;
    struct str expected;
    struct resolved res;
    struct nameset set;
    if (!split(rest, &text, &expected)) {
        failed(r, "=> is missing");
        return;
    }
    resolve(r, text, &res);
    if (res.cond) {
        cond_names(res.cond, &set);
        struct str got = names_text(r, &set);
        if (!str_eq(got, expected)) {
            failed(r, "names: %.*s", STR_ARG(str_first(got, 300)));
        }
    } else {
        failed(r, "does not resolve: %.*s", STR_ARG(text));
    }
    cond_cache_free(res.cache);
}

static void case_output(struct runner *r, struct str rest, bool as_json)
{
    struct str format;
    struct str expected;
    struct output *output;
    struct err err = { 0 };
    struct view *view = scene_view(&r->scene);
    if (!split(rest, &format, &expected) || !view) {
        failed(r, "=> or the event is missing");
        return;
    }
    arena_reset(&r->arena);
    if (output_compile(&r->arena, format, &output, NULL, &err) < 0) {
        failed(r, "%s", err.message);
        return;
    }
    buf_clear(&r->out);
    if (as_json) {
        output_fields_json(output, view, &r->out);
    } else {
        output_text(output, view, &r->out);
    }
    if (!str_eq(buf_str(&r->out), expected)) {
        failed(r, "prints %.*s", STR_ARG(buf_str(&r->out)));
    }
}

static void case_bad_output(struct runner *r, struct str rest)
{
    struct str format;
    struct str expected;
    struct output *output;
    struct err err = { 0 };
    if (!split(rest, &format, &expected)) {
        failed(r, "=> is missing");
        return;
    }
    arena_reset(&r->arena);
    if (output_compile(&r->arena, format, &output, NULL, &err) == 0) {
        failed(r, "compiles: %.*s", STR_ARG(format));
    } else if (!str_eqz(expected, err.message)) {
        failed(r, "%s", err.message);
    }
}

static void forget_yaml(struct runner *r)
{
    ruleset_free(r->ruleset);
    r->ruleset = NULL;
    loader_free(r->loader);
    r->loader = NULL;
    r->yaml_loaded = false;
}

static void load_yaml(struct runner *r)
{
    if (r->yaml_loaded) {
        return;
    }
    struct err err = { 0 };
    r->yaml_loaded = true;
    if (loader_new(NULL, &r->loader) < 0) {
        failed(r, "out of memory");
        return;
    }
    loader_add(r->loader, STR("test.yaml"), buf_str(&r->yaml));
    loader_finish(r->loader, true, &r->ruleset, &err);
}

static bool diagnosed(const struct runner *r, bool is_error, struct str text)
{
    const struct diag_list *list = loader_diagnostics(r->loader);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct diagnostic *d = &list->items[i];
        if (diag_is_error(d->code) == is_error &&
            (str_find(d->message, text) >= 0 || str_eqz(text, diag_code_text(d->code)))) {
            return true;
        }
    }
    return false;
}

static void show_diagnostics(const struct runner *r)
{
    const struct diag_list *list = loader_diagnostics(r->loader);
    for (uint32_t i = 0; i < list->n; i++) {
        fprintf(stderr, "    %s: %.*s\n", diag_code_text(list->items[i].code),
                STR_ARG(list->items[i].message));
    }
}

static void case_diagnosed(struct runner *r, struct str rest, bool is_error, bool wanted)
{
    struct str left;
    struct str text;
    load_yaml(r);
    if (!split(rest, &left, &text)) {
        failed(r, "=> is missing");
    } else if (diagnosed(r, is_error, text) != wanted) {
        failed(r, "%s: %.*s", wanted ? "not diagnosed" : "diagnosed", STR_ARG(text));
        show_diagnostics(r);
    }
}

static void case_loads(struct runner *r)
{
    load_yaml(r);
    if (loader_diagnostics(r->loader)->nerrors) {
        failed(r, "does not load");
        show_diagnostics(r);
    }
}

static void case_canonical(struct runner *r, struct str rest)
{
    struct str name;
    struct str expected;
    load_yaml(r);
    if (!split(rest, &name, &expected)) {
        failed(r, "=> is missing");
        return;
    }
    const struct rule *rule = r->ruleset ? ruleset_find(r->ruleset, name) : NULL;
    if (!rule || !rule->ast) {
        failed(r, "no rule %.*s", STR_ARG(name));
        return;
    }
    buf_clear(&r->out);
    ast_text(rule->ast, &r->out);
    if (!str_eq(buf_str(&r->out), expected)) {
        failed(r, "is %.*s", STR_ARG(buf_str(&r->out)));
    }
}

/* Names of the rules that hold by the plain evaluation, separated by ", ". */
static void reference_matches(struct runner *r, struct view *view)
{
    buf_clear(&r->out);
    for (uint32_t i = 0; i < r->ruleset->nrules; i++) {
        const struct rule *rule = &r->ruleset->rules[i];
        view->scratch.n = 0;
        if (rule->enabled && rule->cond && cond_eval(rule->cond, view)) {
            buf_putz(&r->out, r->out.n ? ", " : "");
            buf_puts(&r->out, rule->name);
        }
    }
}

static bool matcher_agrees(struct runner *r, struct view *view)
{
    struct selection selection;
    struct matcher *matcher = NULL;
    struct err err = { 0 };
    const struct matcher_options options = { .all = true, .threads_max = 1024 };
    if (selection_init(&selection, r->ruleset) < 0 ||
        matcher_new(r->ruleset, &selection, &options, &matcher, &err) < 0) {
        failed(r, "matcher: %s", err.message);
        return false;
    }
    const struct rule *const *rules;
    char storage[4096];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    view->scratch.n = 0;
    uint32_t n = matcher_run(matcher, view, &rules);
    for (uint32_t i = 0; i < n; i++) {
        buf_putz(&text, i ? ", " : "");
        buf_puts(&text, rules[i]->name);
    }
    bool same = str_eq(buf_str(&text), buf_str(&r->out));
    if (!same) {
        failed(r, "matcher says %.*s", STR_ARG(buf_str(&text)));
    }
    matcher_free(matcher);
    selection_done(&selection);
    return same;
}

static void case_matches(struct runner *r, struct str rest)
{
    struct view *view = scene_view(&r->scene);
    load_yaml(r);
    if (!view || !r->ruleset) {
        failed(r, "no event or no rules");
        return;
    }
    reference_matches(r, view);
    if (!str_eq(buf_str(&r->out), str_trim(rest))) {
        failed(r, "matches %.*s", STR_ARG(buf_str(&r->out)));
    }
    matcher_agrees(r, view);
}

static void run_case(struct runner *r, struct str verb, struct str rest)
{
    r->cases++;
    if (str_eqz(verb, "true") || str_eqz(verb, "false")) {
        case_holds(r, rest, str_eqz(verb, "true"));
    } else if (str_eqz(verb, "error") || str_eqz(verb, "warn")) {
        case_problem(r, rest, str_eqz(verb, "warn"));
    } else if (str_eqz(verb, "names")) {
        case_names(r, rest);
    } else if (str_eqz(verb, "print") || str_eqz(verb, "json")) {
        case_output(r, rest, str_eqz(verb, "json"));
    } else if (str_eqz(verb, "badoutput")) {
        case_bad_output(r, rest);
    } else if (str_eqz(verb, "loads")) {
        case_loads(r);
    } else if (str_eqz(verb, "fails")) {
        case_diagnosed(r, rest, true, true);
    } else if (str_eqz(verb, "warns") || str_eqz(verb, "quiet")) {
        case_diagnosed(r, rest, false, str_eqz(verb, "warns"));
    } else if (str_eqz(verb, "canonical")) {
        case_canonical(r, rest);
    } else if (str_eqz(verb, "matches")) {
        case_matches(r, rest);
    } else {
        failed(r, "unknown case %.*s", STR_ARG(verb));
    }
}

static void run_indented(struct runner *r, struct str line)
{
    struct err err = { 0 };
    if (r->block == BLOCK_SCENE) {
        if (line.n && scene_line(&r->scene, str_trim(line), &err) < 0) {
            failed(r, "%s", err.message[0] ? err.message : "the state refused it");
        }
    } else if (r->block == BLOCK_YAML) {
        buf_puts(&r->yaml, str_from_offset(line, 4));
        buf_putc(&r->yaml, '\n');
    } else if (str_trim(line).n) {
        failed(r, "an indented line outside of a block");
    }
}

/* A file of rules in place of a block of YAML. */
static void take_file(struct runner *r, struct str name)
{
    char path[1024];
    struct err err = { 0 };
    forget_yaml(r);
    buf_clear(&r->yaml);
    snprintf(path, sizeof(path), "%s/%.*s", TEST_SOURCE_ROOT, STR_ARG(name));
    if (file_read(path, &r->yaml, &err) < 0) {
        failed(r, "%s", err.message);
    }
}

static void run_line(struct runner *r, struct str line)
{
    if (line.n && line.p[0] == '#') {
        return;
    }
    if (!line.n || line.p[0] == ' ') {
        run_indented(r, line);
        return;
    }
    ptrdiff_t blank = str_find_char(line, ' ');
    struct str verb = str_first(line, blank < 0 ? line.n : (size_t)blank);
    struct str rest = blank < 0 ? STR("") : str_trim(str_from_offset(line, (size_t)blank));
    r->block = BLOCK_NONE;
    if (str_eqz(verb, "scene")) {
        r->block = BLOCK_SCENE;
        if (scene_reset(&r->scene) < 0) {
            failed(r, "out of memory");
        }
    } else if (str_eqz(verb, "yaml")) {
        r->block = BLOCK_YAML;
        forget_yaml(r);
        buf_clear(&r->yaml);
    } else if (str_eqz(verb, "file")) {
        take_file(r, rest);
    } else {
        run_case(r, verb, rest);
    }
}

static int run_file(struct runner *r, const char *path)
{
    struct buf text;
    struct err err = { 0 };
    buf_init(&text, RUN_TEXT_MAX);
    if (file_read(path, &text, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    struct str rest = buf_str(&text);
    r->file = path;
    for (r->line = 1; rest.n; r->line++) {
        ptrdiff_t end = str_find_char(rest, '\n');
        size_t n = end < 0 ? rest.n : (size_t)end;
        run_line(r, str_first(rest, n));
        rest = str_from_offset(rest, n + 1);
    }
    forget_yaml(r);
    buf_done(&text);
    return 0;
}

int main(int argc, char **argv)
{
    static struct runner r;
    int failures = 0;
    if (scene_init(&r.scene) < 0 || scene_reset(&r.scene) < 0) {
        return 1;
    }
    arena_init(&r.arena, (size_t)64 << 20);
    buf_init(&r.out, RUN_TEXT_MAX);
    buf_init(&r.yaml, RUN_TEXT_MAX);
    setenv("TZ", "UTC", 1);
    for (int i = 1; i < argc; i++) {
        failures += run_file(&r, argv[i]) < 0;
    }
    printf("%u cases, %u failures\n", r.cases, r.failures);
    buf_done(&r.yaml);
    buf_done(&r.out);
    arena_done(&r.arena);
    scene_done(&r.scene);
    return failures || r.failures || r.cases == 0;
}
