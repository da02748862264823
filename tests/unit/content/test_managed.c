/*
 * test_managed: the content that comes with the program, as a whole: what findings of its rules amount to, what a
 * rule costs whose list is empty, and whether people are told of each rule in each language.
 */
#include "test.h"

#include "base/fd.h"
#include "base/jscan.h"
#include "rules/doc.h"
#include "rules/ruleset.h"
#include "rules/uses.h"
#include "server/sequence.h"

#define RULES    HINOMI_SOURCE "/content/rules/hinomi.yaml"
#define TEXT_MAX ((size_t)1 << 20)
#define DIGEST_ITEM                                                                                \
    "- list: miner_digests\n  override: {items: append}\n"                                         \
    "  items: [85a7ce80d4b3ae1a4a6bbdba43dc6d4d9ba7a2e2df4f2d9ff07e3ccbd1f2b2fb]\n"

struct managed_rules {
    struct loader *loader;
    struct ruleset *ruleset;
    struct buf text;
};

static struct managed_rules load_rules(const char *more)
{
    struct managed_rules m = { 0 };
    struct err err = { 0 };
    buf_init(&m.text, TEXT_MAX);
    assert_int_equal(file_read(RULES, &m.text, &err), 0);
    assert_int_equal(loader_new(NULL, &m.loader), 0);
    assert_int_equal(loader_add(m.loader, STR("hinomi.yaml"), buf_str(&m.text)), 0);
    if (more) {
        assert_int_equal(loader_add(m.loader, STR("more.yaml"), str_of(more)), 0);
    }
    assert_int_equal(loader_finish(m.loader, true, &m.ruleset, &err), 0);
    return m;
}

static void unload(struct managed_rules *m)
{
    ruleset_free(m->ruleset);
    loader_free(m->loader);
    buf_done(&m->text);
}

static const struct rule *rule_named(const struct ruleset *ruleset, const char *name)
{
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        if (str_eqz(ruleset->rules[i].name, name)) {
            return &ruleset->rules[i];
        }
    }
    fail_msg("no rule %s", name);
    return NULL;
}

static uint32_t stages_of(const struct rule *rule)
{
    char storage[1024];
    struct buf buf;
    struct jscan tags = { 0 };
    const char *why;
    size_t at;
    buf_init_fixed(&buf, storage, sizeof(storage));
    struct jsonw w = { .buf = &buf };
    jsonw_array(&w, NULL);
    for (uint32_t i = 0; i < rule->ntags; i++) {
        jsonw_str(&w, NULL, rule->tags[i]);
    }
    jsonw_end(&w);
    assert_int_equal(jscan_check(buf_str(&buf), &tags, &why, &at), 0);
    return sequence_stages((struct str){ 0 }, tags);
}

#define STORY_MAX 4

/* What the findings of these rules, one after the other in one container, are together; "" nothing. */
static const char *story(const struct ruleset *ruleset, const char *const rules[STORY_MAX])
{
    struct sequence_item items[STORY_MAX];
    struct sequence_match match;
    uint32_t n = 0;
    for (; n < STORY_MAX && rules[n]; n++) {
        items[n] =
            (struct sequence_item){ stages_of(rule_named(ruleset, rules[n])), 10 * n, 10 * n };
    }
    return sequence_find(items, n, &match) ? match.name : "";
}

static void test_stories(void **state)
{
    (void)state;
    struct managed_rules m = load_rules(NULL);
    static const struct {
        const char *rules[STORY_MAX];
        const char *name;
    } stories[] = {
        { { "Malicious filenames written", "Program run from a temporary directory",
            "Query for a mining pool" },
          "write-execute-mine" },
        { { "Miner file written", "Miner started", "Query for a mining pool" },
          "write-execute-mine" },
        { { "Miner file written", "Miner started", "Connection to a mining port" },
          "write-execute-mine" },
        { { "Program file made in a temporary directory", "Program told to mine",
            "Connection to a mining pool" },
          "write-execute-mine" },
        { { "Program file made in a temporary directory", "New program run",
            "Mining protocol spoken" },
          "write-execute-mine" },
        { { "New program run", "Query for a mining pool" }, "new-program-mine" },
        { { "New program run", "Connection to a mining pool" }, "new-program-mine" },
        { { "New program run", "Connection to a mining port" }, "" },
        { { "Miner started", "Query for a mining pool" }, "" },
        { { "Query for a mining pool", "New program run" }, "" },
        { { "Program file made in a temporary directory", "New program run",
            "Program run from a temporary directory" },
          "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
        if (strcmp(story(m.ruleset, stories[i].rules), stories[i].name) != 0) {
            fail_msg("story %zu, of %s: %s", i, stories[i].rules[0],
                     story(m.ruleset, stories[i].rules));
        }
    }
    unload(&m);
}

static bool asks_digests(const char *more)
{
    struct managed_rules m = load_rules(more);
    struct selection selection;
    assert_int_equal(selection_init(&selection, m.ruleset), 0);
    bool asks = ruleset_uses_field(m.ruleset, &selection, FIELD_PROC_EXE_SHA256);
    selection_done(&selection);
    unload(&m);
    return asks;
}

static void test_digests_on_demand(void **state)
{
    (void)state;
    assert_false(asks_digests(NULL));
    assert_true(asks_digests(DIGEST_ITEM));
}

/* One type, told by its tag, at most. */
static void test_types(void **state)
{
    (void)state;
    struct managed_rules m = load_rules(NULL);
    for (uint32_t i = 0; i < m.ruleset->nrules; i++) {
        const struct rule *rule = &m.ruleset->rules[i];
        unsigned types = 0, techniques = 0;
        for (uint32_t t = 0; t < rule->ntags; t++) {
            types += str_find(rule->tags[t], STR(":Runtime/")) > 0;
            techniques += rule->tags[t].n > 4 && rule->tags[t].p[0] == 'T' &&
                          rule->tags[t].p[1] >= '0' && rule->tags[t].p[1] <= '9';
        }
        assert_true(types <= 1);
        assert_int_equal(techniques, 1);
    }
    unload(&m);
}

/* Each {name} is a field of the language, or {where}. */
static void check_template(struct str text)
{
    for (ptrdiff_t open; (open = str_find_char(text, '{')) >= 0;) {
        text = str_from_offset(text, (size_t)open + 1);
        ptrdiff_t close = str_find_char(text, '}');
        assert_true(close > 0);
        struct str name = str_first(text, (size_t)close);
        struct field_ref ref;
        struct err err = { 0 };
        if (!str_eqz(name, "where") && field_resolve(name, (struct str){ 0 }, &ref, &err) < 0) {
            fail_msg("{%.*s}: %s", STR_ARG(name), err.message);
        }
        text = str_from_offset(text, (size_t)close + 1);
    }
}

static void check_text(const struct doc_node *map, const char *key, struct str rule)
{
    const struct doc_node *value = doc_get(map, key);
    if (!value || (value->kind == DOC_SCALAR && value->value.n == 0)) {
        fail_msg("%.*s: no %s", STR_ARG(rule), key);
    }
    bool many = strcmp(key, "next") == 0 || strcmp(key, "respond") == 0;
    assert_int_equal(value->kind, many ? DOC_SEQUENCE : DOC_SCALAR);
    for (uint32_t i = 0; many && i < value->n; i++) {
        assert_int_equal(value->items[i]->kind, DOC_SCALAR);
        check_template(value->items[i]->value);
    }
    assert_true(!many || value->n > 0);
    if (!many) {
        check_template(value->value);
    }
}

static void check_language(const char *path, const struct ruleset *ruleset)
{
    static const char *const keys[] = { "title", "summary", "why", "next", "respond" };
    struct arena arena;
    struct doc_documents documents = { 0 };
    struct buf text;
    struct err err = { 0 };
    uint32_t offset;
    arena_init(&arena, (size_t)16 << 20);
    buf_init(&text, TEXT_MAX);
    assert_int_equal(file_read(path, &text, &err), 0);
    assert_int_equal(doc_parse(&arena, buf_str(&text), &documents, &offset, &err), 0);
    assert_int_equal(documents.n, 1);
    const struct doc_node *root = documents.roots[0];
    assert_int_equal(root->n, ruleset->nrules);
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        struct str rule = ruleset->rules[i].name;
        const struct doc_node *found = NULL;
        for (uint32_t t = 0; t < root->n; t++) {
            if (str_eq(doc_get(root->items[t], "rule")->value, rule)) {
                assert_null(found);
                found = root->items[t];
            }
        }
        if (!found) {
            fail_msg("%s says nothing of %.*s", path, STR_ARG(rule));
        }
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            check_text(found, keys[k], rule);
        }
    }
    buf_done(&text);
    arena_done(&arena);
}

static void test_texts(void **state)
{
    (void)state;
    struct managed_rules m = load_rules(NULL);
    check_language(HINOMI_SOURCE "/content/texts/en.yaml", m.ruleset);
    check_language(HINOMI_SOURCE "/content/texts/ja.yaml", m.ruleset);
    unload(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_digests_on_demand),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
