/*
 * test_sets: rows and text sets against a search that compares every text, on texts that share much.
 */
#include "rules/textset.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXTS    400
#define GROUPS   24
#define SEARCHES 700

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % n;
}

/* Few letters and slashes, so that texts are often parts of each other. */
static struct str random_text(struct arena *arena, uint32_t max)
{
    size_t n = random_below(max + 1);
    char *p = arena_bytes(arena, n + 1);
    for (size_t i = 0; i < n; i++) {
        p[i] = "aabB/"[random_below(5)];
    }
    return str_from(p, n);
}

static bool is_path_text(struct str s)
{
    return s.n && s.p[0] != '/' && s.p[s.n - 1] != '/';
}

static bool satisfies(enum textset_kind kind, struct str value, struct str text)
{
    switch (kind) {
    case TEXTSET_EXACT:
        return str_eq(value, text);
    case TEXTSET_PREFIX:
        return str_starts(value, text);
    case TEXTSET_SUFFIX:
        return str_ends(value, text);
    case TEXTSET_PATH:
        return str_starts(value, text) && (value.n == text.n || value.p[text.n] == '/');
    case TEXTSET_CONTAINS:
        return str_find(value, text) >= 0;
    case TEXTSET_ICONTAINS:
    default:
        return str_ifind(value, text) >= 0;
    }
}

struct fixture {
    struct arena arena;
    struct rows rows;
    struct textset *set;
    struct str *groups[GROUPS];
    size_t counts[GROUPS];
    enum textset_kind kind;
};

static void fixture_init(struct fixture *f, enum textset_kind kind, unsigned ngroups, uint32_t max)
{
    *f = (struct fixture){ .kind = kind };
    arena_init(&f->arena, (size_t)64 << 20);
    assert_int_equal(rows_init(&f->rows), 0);
    assert_int_equal(textset_new(kind, 4, &f->set), 0);
    for (unsigned g = 0; g < ngroups; g++) {
        uint32_t row;
        assert_int_equal(rows_intern(&f->rows, &g, 1, &row), 0);
        f->groups[g] = ARENA_ARRAY(&f->arena, struct str, TEXTS / ngroups);
        for (unsigned i = 0; i < TEXTS / ngroups; i++) {
            struct str s = random_text(&f->arena, max);
            if (kind != TEXTSET_PATH || is_path_text(s)) {
                f->groups[g][f->counts[g]++] = s;
            }
        }
        assert_int_equal(textset_add(f->set, f->groups[g], f->counts[g], row), 0);
    }
    assert_int_equal(textset_finish(f->set, &f->rows), 0);
    assert_true(textset_bytes(f->set) > 0);
}

static void fixture_done(struct fixture *f)
{
    textset_free(f->set);
    rows_done(&f->rows);
    arena_done(&f->arena);
}

static bool expected(const struct fixture *f, unsigned group, struct str value)
{
    for (size_t i = 0; i < f->counts[group]; i++) {
        if (satisfies(f->kind, value, f->groups[group][i])) {
            return true;
        }
    }
    return false;
}

static void compare(const struct fixture *f, unsigned ngroups, struct str value)
{
    struct textset_hits hits = { .n = 0 };
    textset_find(f->set, value, &hits);
    for (unsigned g = 0; g < ngroups; g++) {
        bool found = false;
        for (uint32_t i = 0; i < hits.n; i++) {
            found = found || row_has(rows_get(&f->rows, hits.rows[i]), g);
        }
        if (!hits.overflow && found != expected(f, g, value)) {
            fail_msg("kind %d group %u value '%.*s': found %d", (int)f->kind, g, STR_ARG(value),
                     found);
        }
    }
}

static void search_all(enum textset_kind kind, unsigned ngroups, uint32_t max)
{
    struct fixture f;
    fixture_init(&f, kind, ngroups, max);
    struct arena scratch;
    arena_init(&scratch, (size_t)16 << 20);
    for (unsigned i = 0; i < SEARCHES; i++) {
        compare(&f, ngroups, random_text(&scratch, max + 9));
        unsigned g = random_below(ngroups);
        if (f.counts[g]) {
            compare(&f, ngroups, f.groups[g][random_below((uint32_t)f.counts[g])]);
        }
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    fixture_done(&f);
}

static void test_all_kinds(void **state)
{
    (void)state;
    for (int kind = TEXTSET_EXACT; kind <= TEXTSET_ICONTAINS; kind++) {
        for (uint32_t max = 1; max <= 40; max += 3) {
            random_state = max;
            search_all((enum textset_kind)kind, 1, max);
            search_all((enum textset_kind)kind, 5, max);
            search_all((enum textset_kind)kind, GROUPS, max);
        }
    }
}

/* Lengths about the width of a word, texts that are all prefixes of each other. */
static void test_nested(void **state)
{
    (void)state;
    static const char letters[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct rows rows;
    struct textset *set = NULL;
    struct str texts[34];
    assert_int_equal(rows_init(&rows), 0);
    assert_int_equal(textset_new(TEXTSET_PREFIX, 0, &set), 0);
    for (uint32_t n = 1; n < 34; n++) {
        uint32_t row;
        texts[n] = str_from(letters, n);
        assert_int_equal(rows_intern(&rows, &n, 1, &row), 0);
        assert_int_equal(textset_add(set, &texts[n], 1, row), 0);
    }
    assert_int_equal(textset_finish(set, &rows), 0);
    assert_int_equal(textset_items(set), 33);
    for (uint32_t n = 0; n < 40; n++) {
        struct textset_hits hits = { .n = 0 };
        textset_find(set, str_from(letters, n), &hits);
        assert_int_equal(hits.n, n ? 1 : 0);
        if (n) {
            assert_int_equal(rows_get(&rows, hits.rows[0]).n, n < 34 ? n : 33);
        }
    }
    textset_free(set);
    rows_done(&rows);
}

static int build(enum textset_kind kind, struct rows *rows, struct textset **ret)
{
    static const struct str texts[] = {
        { "/etc/shadow", 11 }, { "/etc", 4 }, { "", 0 }, { "/etc/shadow-backup", 18 }
    };
    struct textset *set = NULL;
    uint32_t row;
    uint32_t members[] = { 3, 5 };
    int r = rows_init(rows);
    r = r < 0 ? r : rows_intern(rows, members, 2, &row);
    r = r < 0 ? r : textset_new(kind, 2, &set);
    r = r < 0 ? r : textset_add(set, texts, 4, row);
    r = r < 0 ? r : rows_intern(rows, members, 1, &row);
    r = r < 0 ? r : textset_add(set, texts + 1, 2, row);
    r = r < 0 ? r : textset_finish(set, rows);
    *ret = set;
    return r;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (int kind = TEXTSET_EXACT; kind <= TEXTSET_ICONTAINS; kind++) {
        int r = -1;
        for (unsigned n = 1; r != 0; n++) {
            struct rows rows = { 0 };
            struct textset *set = NULL;
            mem_fail_after(n);
            r = build((enum textset_kind)kind, &rows, &set);
            mem_fail_after(0);
            assert_true(r == 0 || r == -12);
            textset_free(set);
            rows_done(&rows);
            assert_true(n < 100);
        }
    }
}

static void test_rows(void **state)
{
    (void)state;
    struct rows rows;
    uint32_t a[] = { 1, 4, 9 };
    uint32_t b[] = { 4, 7 };
    uint32_t ids[4];
    uint32_t same;
    uint32_t both;
    assert_int_equal(rows_init(&rows), 0);
    assert_int_equal(rows_get(&rows, 0).n, 0);
    assert_int_equal(rows_intern(&rows, a, 3, &ids[0]), 0);
    assert_int_equal(rows_intern(&rows, b, 2, &ids[1]), 0);
    assert_int_equal(rows_intern(&rows, a, 3, &same), 0);
    assert_int_equal(same, ids[0]);
    ids[2] = ids[0];
    assert_int_equal(rows_union(&rows, ids, 3, &both), 0);
    struct row row = rows_get(&rows, both);
    assert_int_equal(row.n, 4);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(row_has(row, i), i == 1 || i == 4 || i == 7 || i == 9);
        assert_false(row_has(rows_get(&rows, 0), i));
    }
    assert_true(rows_bytes(&rows) > 0);
    rows_done(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
