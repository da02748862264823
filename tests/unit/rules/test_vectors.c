/*
 * The reference implementation's own expectations, read from the shared vectors, and its stock
 * rules.
 */
#include "rules_fixture.h"

#include "base/fd.h"

#include <json-c/json.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static struct str file_text(struct buf *buf, const char *path)
{
    struct err err = { 0 };
    buf_clear(buf);
    if (file_read(path, buf, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return buf_str(buf);
}

static const char *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

static struct json_object *array(struct json_object *object, const char *key, size_t *ret_n)
{
    struct json_object *value = NULL;
    bool is_array = json_object_object_get_ex(object, key, &value) &&
                    json_object_is_type(value, json_type_array);
    *ret_n = is_array ? json_object_array_length(value) : 0;
    return is_array ? value : NULL;
}

/* Runs `test` over each line of a file of vectors. */
static void each_line(const char *file, void (*test)(struct json_object *, const char *shared),
                      unsigned expected)
{
    char storage[4096], path[4352];
    const char *shared = test_shared(TEST_SOURCE_ROOT, storage, sizeof(storage));
    if (!shared) {
        skip();
    }
    snprintf(path, sizeof(path), "%s/vectors/%s", shared, file);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char *line = NULL;
    size_t size = 0;
    unsigned n = 0;
    while (getline(&line, &size, in) > 0) {
        struct json_object *json = json_tokener_parse(line);
        assert_non_null(json);
        test(json, shared);
        json_object_put(json);
        n++;
    }
    free(line);
    fclose(in);
    assert_int_equal(n, expected);
}

/* ---- filter_grammar.ndjson */

static bool parses(const char *filter, struct buf *canonical)
{
    struct arena arena;
    struct ast *ast;
    uint32_t offset;
    arena_init(&arena, TEXT_MAX);
    bool ok = parse_condition(&arena, str_of(filter), FILTER_DEPTH_MAX, &ast, &offset, NULL) == 0;
    if (ok) {
        ast_text(ast, canonical);
        buf_putc(canonical, '\0');
    }
    arena_done(&arena);
    return ok;
}

static void check_blanks(const char *filter, char blank, const char *canonical)
{
    char *copy = strdup(filter);
    assert_non_null(copy);
    bool quoted = false;
    for (char *c = copy; *c; c++) {
        quoted |= *c == '"' || *c == '\'';
        *c = *c == ' ' ? blank : *c;
    }
    struct buf again;
    buf_init(&again, TEXT_MAX);
    if (!parses(copy, &again)) {
        fail_msg("refused with other blanks: %s", filter);
    }
    if (!quoted) {
        assert_string_equal(again.p, canonical);
    }
    buf_done(&again);
    free(copy);
}

static void check_grammar(struct json_object *json, const char *shared)
{
    (void)shared;
    const char *filter = member(json, "filter");
    struct json_object *ok;
    assert_true(json_object_object_get_ex(json, "ok", &ok));
    struct buf canonical, again;
    buf_init(&canonical, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    bool accepted = parses(filter, &canonical);
    if (accepted != (bool)json_object_get_boolean(ok)) {
        fail_msg("%s: %s", accepted ? "accepted" : "refused", filter);
    }
    if (accepted) {
        assert_true(parses(canonical.p, &again));
        assert_string_equal(again.p, canonical.p);
        check_blanks(filter, '\n', canonical.p);
        check_blanks(filter, '\t', canonical.p);
    }
    buf_done(&again);
    buf_done(&canonical);
}

static void test_grammar(void **state)
{
    (void)state;
    each_line("filter_grammar.ndjson", check_grammar, 304);
}

/* ---- rule_loading.ndjson */

/* A vector that contradicts itself: no condition or output of it has the field it wants a warning
 * of. */
static const char contradictory[] = "no_deprecated_field_warning_in_output";

static bool has_message(const struct loaded *l, bool error, const char *text)
{
    const struct diag_list *diags = loader_diagnostics(l->loader);
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct diagnostic *d = &diags->items[i];
        if (diag_is_error(d->code) == error && str_find(d->message, str_of(text)) >= 0) {
            return true;
        }
    }
    return false;
}

static void check_messages(const struct loaded *l, struct json_object *json, const char *key)
{
    size_t n;
    struct json_object *texts = array(json, key, &n);
    bool errors = strcmp(key, "errors") == 0;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(texts, i));
        if (!has_message(l, errors, text)) {
            print_diags(l);
            fail_msg("%s: nothing says \"%s\"", member(json, "name"), text);
        }
    }
}

static void check_loading(struct json_object *json, const char *shared)
{
    (void)shared;
    const char *name = member(json, "name");
    struct loaded l = load_text(member(json, "yaml"));
    struct json_object *ok, *compiled;
    assert_true(json_object_object_get_ex(json, "ok", &ok));
    if ((l.result == 0) != (bool)json_object_get_boolean(ok)) {
        print_diags(&l);
        fail_msg("%s: %s", name, l.result == 0 ? "loaded" : "refused");
    }
    check_messages(&l, json, "errors");
    if (strcmp(name, contradictory) != 0) {
        check_messages(&l, json, "warnings");
    } else {
        print_message("left out: warnings of %s, which name a field that is not there\n", name);
        assert_null(find_diag(&l, LOAD_DEPRECATED_ITEM, "evt.dir"));
    }
    if (str_starts(str_of(name), STR("no_evttype_warning")) ||
        str_ends(str_of(name), STR("disabled_by_warn_evttypes"))) {
        assert_int_equal(count_code(&l, LOAD_NO_EVTTYPE), 0);
    }
    if (strcmp(name, "evttype_warning_for_broad_condition") == 0) {
        assert_int_equal(count_code(&l, LOAD_NO_EVTTYPE), 1);
    }
    assert_true(json_object_object_get_ex(json, "compiled", &compiled));
    json_object_object_foreach(compiled, rule, condition)
    {
        assert_condition(l.ruleset, rule, json_object_get_string(condition));
    }
    load_done(&l);
}

static void test_loading(void **state)
{
    (void)state;
    each_line("rule_loading.ndjson", check_loading, 46);
}

/* ---- engine_cases.ndjson: the cases that validate */

static void load_path(struct loaded *l, const char *shared, const char *name)
{
    char path[4352];
    struct buf content;
    buf_init(&content, TEXT_MAX);
    snprintf(path, sizeof(path), "%s/vectors/%s", shared, name);
    load_more(l, name, file_text(&content, path));
    buf_done(&content);
}

static bool is_about(const struct diagnostic *d, const char *type, const char *name)
{
    return (str_eqz(d->item_type, type) && str_eqz(d->item_name, name)) ||
           (str_eqz(d->parent.type, type) && str_eqz(d->parent.name, name));
}

static bool fits(const struct diagnostic *d, struct json_object *expected)
{
    const char *message = member(expected, "message");
    message = message ? message : member(expected, "message_contains");
    return strcmp(diag_code_text(d->code), member(expected, "code")) == 0 &&
           str_find(d->message, str_of(message)) >= 0 &&
           is_about(d, member(expected, "item_type"), member(expected, "item_name"));
}

static void check_met(const struct loaded *l, struct json_object *json, const char *key,
                      bool errors)
{
    size_t n;
    struct json_object *expected = array(json, key, &n);
    const struct diag_list *diags = loader_diagnostics(l->loader);
    for (size_t i = 0; i < n; i++) {
        bool found = false, past_first = false;
        for (uint32_t k = 0; k < diags->n && !found; k++) {
            const struct diagnostic *d = &diags->items[k];
            bool counts = diag_is_error(d->code) == errors && !(errors && past_first);
            past_first |= diag_is_error(d->code);
            found = counts && fits(d, json_object_array_get_idx(expected, i));
        }
        if (!found) {
            print_diags(l);
            fail_msg("%s: %s not met", member(json, "name"), key);
        }
    }
}

static void check_engine(struct json_object *json, const char *shared)
{
    size_t n;
    struct json_object *files = array(json, "validate_rules_file", &n);
    if (!files) {
        return;
    }
    struct loaded l = load_begin();
    for (size_t i = 0; i < n; i++) {
        load_path(&l, shared, json_object_get_string(json_object_array_get_idx(files, i)));
        assert_true(i + 1 == n || l.result == 0);
    }
    load_end(&l);
    assert_int_equal(l.result < 0, atoi(member(json, "exit_status")));
    check_met(&l, json, "validate_errors", true);
    check_met(&l, json, "validate_warnings", false);
    load_done(&l);
}

static void test_engine(void **state)
{
    (void)state;
    each_line("engine_cases.ndjson", check_engine, 69);
}

/* ---- stock rules */

static void test_stock_rules(void **state)
{
    (void)state;
    static const char *const names[] = { "falco_rules.yaml", "falco-incubating_rules.yaml",
                                         "falco-sandbox_rules.yaml",
                                         "falco-deprecated_rules.yaml" };
    char storage[4096], path[4352];
    const char *shared = test_shared(TEST_SOURCE_ROOT, storage, sizeof(storage));
    if (!shared) {
        skip();
    }
    struct loaded l = load_begin();
    struct buf content;
    buf_init(&content, TEXT_MAX);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/peer-rules/%s", shared, names[i]);
        load_more(&l, names[i], file_text(&content, path));
        if (l.result < 0) {
            print_diags(&l);
            fail_msg("%s has errors", names[i]);
        }
    }
    buf_done(&content);
    load_end(&l);
    assert_non_null(l.ruleset);
    assert_int_equal(l.ruleset->nrules, 97);
    for (uint32_t i = 0; i < l.ruleset->nrules; i++) {
        const struct rule *rule = &l.ruleset->rules[i];
        struct buf first, second;
        buf_init(&first, TEXT_MAX);
        buf_init(&second, TEXT_MAX);
        assert_non_null(rule->cond);
        ast_text(rule->ast, &first);
        buf_putc(&first, '\0');
        assert_true(parses(first.p, &second));
        assert_string_equal(first.p, second.p);
        buf_done(&first);
        buf_done(&second);
    }
    load_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_loading),
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_stock_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
