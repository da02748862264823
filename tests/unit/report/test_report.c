/*
 * report: templates filled from the alert and the finding, our own words where something is missing, sentences in both
 * languages, and what hostile programs write made visible.
 */
#include "report/report_internal.h"

#include "base/fd.h"
#include "test.h"

#include <errno.h>

#define ALERT                                                                                      \
    "{\"output_fields\":{\"proc.name\":\"xmrig\",\"proc.pname\":null,\"fd.name\":\"<NA>\","        \
    "\"fd.sport\":3333},\"hinomi\":{\"outcome\":\"succeeded\",\"lineage\":["                       \
    "{\"pid\":7,\"uid\":0,\"name\":\"xmrig\",\"exe\":\"/tmp/xmrig\",\"args\":\"-o pool\"},"        \
    "{\"pid\":6,\"uid\":33,\"name\":\"sh\",\"exe\":\"/bin/sh\",\"args\":null},"                    \
    "{\"pid\":1,\"uid\":33,\"name\":\"nginx\",\"exe\":null,\"args\":null}],"                       \
    "\"container\":{\"privileged\":true},"                                                         \
    "\"evidence\":[{\"list\":\"miner_names\",\"item\":\"xmrig\",\"field\":\"proc.name\"}]}}"

static const char english[] =
    "- rule: Miner started\n"
    "  title: Cryptominer started\n"
    "  summary: \"{proc.pname} started {proc.name} on port {fd.sport} {where}.\"\n"
    "  why: It mines.\n"
    "  next: [Look., Ask.]\n"
    "  respond: [Stop it.]\n";

static const char japanese[] = "- rule: Miner started\n"
                               "  title: マイナーの起動\n"
                               "  summary: \"{where}、{proc.name} を開始しました。\"\n";

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct finding finding_of(const char *alert)
{
    return (struct finding){ .title = STR("Miner started"),
                             .rule = STR("Miner started"),
                             .container_name = STR("web"),
                             .proc_name = STR("xmrig"),
                             .parent_name = STR("sh"),
                             .tags = STR("[\"mitre_impact\",\"T1496\",\"maturity_stable\"]"),
                             .count = 3,
                             .first_seen_ms = 1795348800000,
                             .last_seen_ms = 1795348860000,
                             .last_alert = str_of(alert) };
}

static struct report_texts *texts(void)
{
    const struct report_file files[] = { { STR("en"), str_of(english) },
                                         { STR("ja"), str_of(japanese) } };
    struct report_texts *made = NULL;
    struct err err = { 0 };
    assert_int_equal(report_texts_new(files, 2, &made, &err), 0);
    return made;
}

static struct report make(const struct report_texts *with, const struct finding *finding,
                          enum report_language language)
{
    const struct report_options options = { .language = language,
                                            .others = 2,
                                            .others_of_image = 1 };
    struct report report;
    assert_int_equal(report_make(with, finding, &options, &arena, &report), 0);
    return report;
}

static void test_english(void **state)
{
    (void)state;
    static const char *const details[] = {
        "The chain of processes was nginx → sh → xmrig.",
        "xmrig is an item of the list miner_names.",
        "The call succeeded.",
        "The process ran as root in a privileged container: it can do to the host what it likes.",
        "It was seen 3 times, from 2026-11-22 12:00:00 UTC to 2026-11-22 12:01:00 UTC.",
        "Other findings of the rule in the last 7 days: 2, of these of the same image: 1.",
        "In MITRE ATT&CK this belongs to Impact (T1496 Resource Hijacking).",
    };
    struct report_texts *with = texts();
    struct finding finding = finding_of(ALERT);
    struct report r = make(with, &finding, REPORT_EN);
    report_texts_free(with);
    assert_str(r.title, "Cryptominer started");
    assert_str(r.summary, "sh started xmrig on port 3333 in the container web.");
    assert_str(r.why, "It mines.");
    assert_int_equal(r.next.n, 2);
    assert_str(r.next.v[1], "Ask.");
    assert_str(r.respond.v[0], "Stop it.");
    assert_int_equal(r.details.n, ARRAY_SIZE(details));
    for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
        assert_str(r.details.v[i], details[i]);
    }
    assert_int_equal(r.nprocesses, 3);
    assert_str(r.processes[0].name, "nginx");
    assert_int_equal(r.processes[0].uid, 33);
    assert_int_equal(r.processes[2].pid, 7);
    assert_str(r.processes[2].args, "-o pool");
}

static void test_japanese(void **state)
{
    (void)state;
    struct report_texts *with = texts();
    struct finding finding = finding_of(ALERT);
    struct report r = make(with, &finding, REPORT_JA);
    report_texts_free(with);
    assert_str(r.title, "マイナーの起動");
    assert_str(r.summary, "コンテナ web で、xmrig を開始しました。");
    assert_str(r.details.v[0], "プロセスの連鎖は nginx → sh → xmrig です。");
    assert_str(r.details.v[6], "MITRE ATT&CK では影響（T1496 Resource Hijacking）に当たります。");
    assert_int_equal(r.next.n, 0);
}

/* Whatever is missing, there is a sentence. */
static void test_own_words(void **state)
{
    (void)state;
    struct finding finding = { .title = STR("A rule"), .rule = STR("A rule"), .agent = STR("a1") };
    struct report r = make(NULL, &finding, REPORT_EN);
    assert_str(
        r.summary,
        "A process (started by an unknown parent) matched the rule “A rule” on the host a1.");
    assert_str(r.why, "");
    finding.file = STR("/etc/shadow");
    finding.proc_name = STR("cat");
    r = make(NULL, &finding, REPORT_JA);
    assert_str(
        r.summary,
        "ホスト a1 で、cat（親: 不明）が /etc/shadow についてルール「A rule」に一致しました。");
    finding.sequence = 1;
    finding.members = STR("[{\"id\":\"f1\"},{\"id\":\"f2\"}]");
    r = make(NULL, &finding, REPORT_EN);
    assert_str(r.summary,
               "Findings on the host a1 follow each other as steps of an attack do: 2 of them.");
}

/* A template whose field nobody knows is not shown half. */
static void test_missing_field(void **state)
{
    (void)state;
    struct report_texts *with = texts();
    struct finding finding = finding_of("{\"output_fields\":{\"proc.name\":\"x\"}}");
    struct report r = make(with, &finding, REPORT_EN);
    report_texts_free(with);
    assert_str(
        r.summary,
        "xmrig (started by sh) matched the rule “Cryptominer started” in the container web.");
}

static void test_hostile(void **state)
{
    (void)state;
    static const char *const alerts[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"hinomi\":[],\"output_fields\":7}",
        "{\"hinomi\":{\"lineage\":{\"pid\":1},\"evidence\":\"x\",\"container\":3,\"outcome\":{}}}",
        "{\"hinomi\":{\"lineage\":[1,null,[],{\"pid\":\"x\",\"name\":7}],\"evidence\":[0]}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(alerts); i++) {
        struct finding finding = finding_of(alerts[i]);
        struct report r = make(NULL, &finding, i % 2 ? REPORT_EN : REPORT_JA);
        assert_true(r.summary.n > 0);
    }
    struct finding finding = finding_of(ALERT);
    finding.container_name = STR("a\nb\xe2\x80\xae{proc.name}\x1b[31m\xff");
    struct report r = make(NULL, &finding, REPORT_EN);
    assert_str(r.where, "in the container a\\nbU+202E{proc.name}\\e[31m\\xff");
    assert_true(str_find(r.summary, STR("{proc.name}")) > 0);
}

static void test_visible(void **state)
{
    (void)state;
    assert_str(report_visible(STR("a\0b\t\x7f\xc2\x85"), 100, &arena), "a\\0b\\t\\x7f\\x85");
    assert_str(report_visible(STR("a\x01\xe2\x80\x8b日本"), 100, &arena), "a\\x01U+200B日本");
    assert_str(report_visible(STR("123456789"), 9, &arena), "123456789");
    assert_str(report_visible(STR("1234567890"), 9, &arena), "123456…");
    assert_str(report_visible(STR("日本語日本語"), 9, &arena), "日本…");
    assert_str(report_visible(STR("日本語"), 9, &arena), "日本語");
    assert_str(report_visible(STR("\xe6\x97"), 9, &arena), "\\xe6\\x97");
    assert_str(report_visible(STR(""), 9, &arena), "");
}

static void test_languages(void **state)
{
    (void)state;
    assert_int_equal(report_language_of(STR("ja")), REPORT_JA);
    assert_int_equal(report_language_of(STR("JA-JP")), REPORT_JA);
    assert_int_equal(report_language_of(STR("jav")), REPORT_EN);
    assert_int_equal(report_language_of(STR("fr")), REPORT_EN);
    assert_int_equal(report_language_of(STR("")), REPORT_EN);
}

static void test_bad_texts(void **state)
{
    (void)state;
    static const char *const bad[] = { "a: b", "- x", "- [", "", "- rule: a\n---\n- rule: b\n" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct report_file file = { STR("en"), str_of(bad[i]) };
        struct report_texts *made = NULL;
        struct err err = { 0 };
        if (report_texts_new(&file, 1, &made, &err) == 0) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_true(err.message[0]);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    struct report_texts *with = texts();
    struct finding finding = finding_of(ALERT);
    const struct report_options options = { .others = -1 };
    for (size_t budget = 0; budget < 40000; budget += 600) {
        struct arena small;
        struct report report;
        arena_init(&small, budget);
        int r = report_make(with, &finding, &options, &small, &report);
        assert_true(r == 0 || r == -ENOMEM);
        arena_done(&small);
    }
    report_texts_free(with);
}

/* The texts that come with the program are taken, in both languages. */
static void test_ours(void **state)
{
    (void)state;
    static const char *const tags[] = { "en", "ja" };
    struct report_file files[2];
    struct buf text[2];
    struct report_texts *made = NULL;
    struct err err = { 0 };
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/content/texts/%s.yaml", HINOMI_SOURCE, tags[i]);
        buf_init(&text[i], (size_t)4 << 20);
        assert_int_equal(file_read(path, &text[i], &err), 0);
        files[i] = (struct report_file){ str_of(tags[i]), buf_str(&text[i]) };
    }
    assert_int_equal(report_texts_new(files, 2, &made, &err), 0);
    assert_non_null(report_texts_find(made, STR("ja"), STR("Known miner run")));
    assert_null(report_texts_find(made, STR("ja"), STR("No such rule")));
    report_texts_free(made);
    buf_done(&text[0]);
    buf_done(&text[1]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_english),   TEST(test_japanese), TEST(test_own_words), TEST(test_missing_field),
        TEST(test_hostile),   TEST(test_visible),  TEST(test_languages), TEST(test_bad_texts),
        TEST(test_no_memory), TEST(test_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
