/*
 * str: comparisons, searches and distances, each against a naive model on random short strings over a
 * small alphabet, plus the edges: empty, NULL, NULs and high bytes within.
 */
#include "test.h"

#include "base/arena.h"
#include "base/cleanup.h"

#define ROUNDS   20000
#define TEXT_MAX 12

static struct str random_text(uint64_t *seed, char *storage, size_t max)
{
    static const char alphabet[] = { 'a', 'B', 'b', 'A', '\0', (char)0xff };
    size_t n = test_random_below(seed, max + 1);
    for (size_t i = 0; i < n; i++) {
        storage[i] = alphabet[test_random_below(seed, sizeof(alphabet))];
    }
    return str_from(storage, n);
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static int naive_cmp(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        if (a.p[i] != b.p[i]) {
            return (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
        }
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static char naive_lower(char c)
{
    return c == 'A' ? 'a' : c == 'B' ? 'b' : c;
}

static ptrdiff_t naive_find(struct str s, struct str needle, bool ignoring_case)
{
    for (size_t at = 0; at + needle.n <= s.n; at++) {
        size_t same = 0;
        while (same < needle.n &&
               (ignoring_case ? naive_lower(s.p[at + same]) == naive_lower(needle.p[same])
                              : s.p[at + same] == needle.p[same])) {
            same++;
        }
        if (same == needle.n) {
            return (ptrdiff_t)at;
        }
    }
    return -1;
}

static void compares(void **state)
{
    (void)state;
    uint64_t seed = 1;
    char p[TEXT_MAX];
    char q[TEXT_MAX];
    for (int i = 0; i < ROUNDS; i++) {
        struct str a = random_text(&seed, p, TEXT_MAX);
        struct str b = random_text(&seed, q, 3);
        int order = naive_cmp(a, b);
        assert_int_equal(sign(str_cmp(a, b)), order);
        assert_int_equal(sign(str_cmp(b, a)), -order);
        assert_int_equal(str_eq(a, b), order == 0);
        assert_int_equal(str_ieq(a, b), a.n == b.n && naive_find(a, b, true) == 0);
        assert_int_equal(str_starts(a, b), naive_cmp(str_first(a, b.n), b) == 0);
        bool ends = b.n <= a.n && naive_cmp(str_from_offset(a, a.n - b.n), b) == 0;
        assert_int_equal(str_ends(a, b), ends);
        if (order == 0) {
            assert_true(str_hash(a) == str_hash(b));
        }
    }
}

static void finds(void **state)
{
    (void)state;
    uint64_t seed = 2;
    char p[TEXT_MAX];
    char q[TEXT_MAX];
    for (int i = 0; i < ROUNDS; i++) {
        struct str s = random_text(&seed, p, TEXT_MAX);
        struct str needle = random_text(&seed, q, 3);
        assert_int_equal(str_find(s, needle), naive_find(s, needle, false));
        assert_int_equal(str_ifind(s, needle), naive_find(s, needle, true));
        assert_int_equal(str_find_char(s, 'a'), naive_find(s, STR("a"), false));
        ptrdiff_t last = str_find_last(s, 'a');
        assert_true(last < 0 ? naive_find(s, STR("a"), false) < 0
                             : s.p[last] == 'a' && naive_find(str_from_offset(s, (size_t)last + 1),
                                                              STR("a"), false) < 0);
    }
}

static void empty_and_null(void **state)
{
    (void)state;
    const struct str none = { 0 };
    assert_true(str_eq(none, STR("")) && str_ieq(none, STR("")) && str_cmp(none, STR("")) == 0);
    assert_int_equal(str_find(none, none), 0);
    assert_int_equal(str_ifind(none, none), 0);
    assert_int_equal(str_find(none, STR("a")), -1);
    assert_int_equal(str_find_char(none, '\0'), -1);
    assert_int_equal(str_find_last(none, '\0'), -1);
    assert_true(str_starts(none, none) && str_ends(none, none));
    assert_int_equal(str_trim(none).n, 0);
    assert_true(str_hash(none) == str_hash(STR("")));
    assert_int_equal(str_of(NULL).n, 0);
    assert_int_equal(str_until_nul(NULL, 5).n, 0);
    assert_int_equal(str_until_nul("ab\0c", 4).n, 2);
    assert_int_equal(str_until_nul("abc", 2).n, 2);
}

static void slices(void **state)
{
    (void)state;
    const struct str s = STR("abc");
    assert_str(str_from_offset(s, 0), "abc");
    assert_str(str_from_offset(s, 2), "c");
    assert_str(str_from_offset(s, 3), "");
    assert_str(str_from_offset(s, 4), "");
    assert_null(str_from_offset((struct str){ 0 }, 1).p);
    assert_str(str_first(s, 2), "ab");
    assert_str(str_first(s, 3), "abc");
    assert_str(str_first(s, 4), "abc");
}

static void trims(void **state)
{
    (void)state;
    assert_str(str_trim(STR(" \t\n\v\f\ra b \r\n")), "a b");
    assert_str(str_trim(STR(" \t ")), "");
    assert_str(str_trim(STR("a")), "a");
    assert_str(str_trim(STR("\x08 a\x0e")), "\x08 a\x0e");
}

static void hashes_differ(void **state)
{
    (void)state;
    static char text[64];
    static uint64_t seen[64 * 64 + 64];
    size_t n = 0;
    for (size_t length = 0; length <= sizeof(text); length++) {
        seen[n++] = str_hash(str_from(text, length)); /* zeros of each length */
        for (size_t at = 0; at < length && length < 64; at++) {
            text[at] = 1;
            seen[n++] = str_hash(str_from(text, length));
            text[at] = 0;
        }
        if (n + 65 > ARRAY_SIZE(seen)) {
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(seen[i] != seen[j]);
        }
    }
    assert_true(hash_u64(0) != hash_u64(1));
}

static unsigned naive_distance(struct str a, struct str b)
{
    if (a.n == 0 || b.n == 0) {
        return (unsigned)(a.n + b.n);
    }
    unsigned change =
        naive_distance(str_from_offset(a, 1), str_from_offset(b, 1)) + (a.p[0] != b.p[0]);
    unsigned drop_a = naive_distance(str_from_offset(a, 1), b) + 1;
    unsigned drop_b = naive_distance(a, str_from_offset(b, 1)) + 1;
    unsigned best = drop_a < drop_b ? drop_a : drop_b;
    return change < best ? change : best;
}

static void distances(void **state)
{
    (void)state;
    uint64_t seed = 3;
    char p[TEXT_MAX];
    char q[TEXT_MAX];
    for (int i = 0; i < 300; i++) {
        struct str a = random_text(&seed, p, 5);
        struct str b = random_text(&seed, q, 5);
        unsigned exact = naive_distance(a, b);
        for (unsigned limit = 0; limit < 6; limit++) {
            assert_int_equal(str_distance(a, b, limit), exact <= limit ? exact : limit + 1);
        }
    }
    char longest[65];
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(str_distance(str_from(longest, 64), str_from(longest, 64), 2), 0);
    assert_int_equal(str_distance(str_from(longest, 64), str_from(longest, 65), 2), 3);
}

static void copies(void **state)
{
    (void)state;
    CLEANUP(cleanup_free) char *copy = str_dupz(STR("ab\0c"));
    assert_memory_equal(copy, "ab\0c", 5);
    CLEANUP(cleanup_free) char *empty = str_dupz((struct str){ 0 });
    assert_string_equal(empty, "");
    mem_fail_after(1);
    assert_null(str_dupz(STR("a")));
    mem_fail_after(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),  cmocka_unit_test(finds),  cmocka_unit_test(empty_and_null),
        cmocka_unit_test(slices),    cmocka_unit_test(trims),  cmocka_unit_test(hashes_differ),
        cmocka_unit_test(distances), cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
