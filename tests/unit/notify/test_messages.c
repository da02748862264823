/*
 * messages: every kind makes a request of every message that courier takes, with all that is hostile in it, in little
 * memory, too; headers of mail are whole whatever a finding says.
 */
#include "test.h"

#include "courier/courier.h"
#include "notify/kinds.h"
#include "notify/message.h"

#include <errno.h>

#define HOSTILE "a\r\nBcc: x@y\r\n\r\n.\r\n<b>\"'&\x1b[2J\xff\xfe\xe2\x80\xae"

static const char *const kinds[][3] = {
    { "email",
      "{\"host\":\"::1\",\"from\":\"火\\\"の見 "
      "<a@b.c>\",\"to\":[\"c@d\",\"e@f\"],\"security\":\"starttls\","
      "\"user\":\"u\"}",
      "{\"password\":\"p\"}" },
    { "slack", "{}", "{\"url\":\"https://hooks.example/x\"}" },
    { "webhook", "{\"url\":\"https://a.example/\"}", "{\"secret\":\"0123456789abcdef\"}" },
    { "falcosidekick", "{\"url\":\"http://a.example/\"}", "{\"authorization\":\"Bearer x\"}" },
};

static struct finding hostile(const char *text)
{
    struct str s = str_of(text),
               name = s.n ? s : STR("r"); /* the intake takes no rule without a name */
    return (struct finding){ .id = STR("f0123456789ab0123456789ab"),
                             .title = name,
                             .rule = name,
                             .policy = s,
                             .type = s,
                             .priority = STR("Warning"),
                             .status = STR("new"),
                             .severity = 85,
                             .count = 3,
                             .container_id = s,
                             .container_name = s,
                             .image = s,
                             .image_digest = s,
                             .cluster = s,
                             .task_id = s,
                             .task_family = s,
                             .task_revision = s,
                             .host = s,
                             .agent = s,
                             .proc_name = s,
                             .proc_exe = s,
                             .proc_cmdline = s,
                             .proc_pid = -1,
                             .domain = s,
                             .file = s,
                             .tags = STR("[]") };
}

struct made {
    struct arena arena;
    struct report report;
    struct json_object *settings, *secrets;
    struct courier_request request;
    int result;
};

static void make(struct made *m, const char *const kind[3], const struct finding *finding,
                 size_t memory)
{
    struct err err = { 0 };
    *m = (struct made){ .settings = json_tokener_parse(kind[1]),
                        .secrets = json_tokener_parse(kind[2]) };
    assert_non_null(m->settings);
    arena_init(&m->arena, memory);
    const struct report_options options = { .language = REPORT_JA,
                                            .others = -1,
                                            .others_of_image = -1 };
    struct str title = finding ? finding->title : STR("t");
    struct notify_message message = { .id = 7,
                                      .now_ms = INT64_C(1795350057460),
                                      .held = 3,
                                      .cause = finding ? STR("new") : STR("test"),
                                      .rule_name = title,
                                      .channel_name = title,
                                      .finding = finding,
                                      .finding_json = STR("{}"),
                                      .japanese = true,
                                      .titles = &title,
                                      .ntitles = 1,
                                      .link = STR("https://h.example/findings/f1"),
                                      .settings = m->settings,
                                      .secrets = m->secrets,
                                      .arena = &m->arena };
    m->result = finding ? report_make(NULL, finding, &options, &m->arena, &m->report) : 0;
    message.report = finding ? &m->report : NULL;
    if (m->result == 0) {
        m->result = notify_kind(str_of(kind[0]))->make(&message, &m->request, &err);
    }
    assert_true(m->result == 0 || m->result == -ENOMEM);
}

static void done(struct made *m)
{
    json_object_put(m->settings);
    json_object_put(m->secrets);
    arena_done(&m->arena);
}

static void assert_good(const struct made *m, const char *kind)
{
    struct err err = { 0 };
    if (m->result < 0) {
        fail_msg("%s was not made, with %zu bytes used", kind, m->arena.used);
    }
    if (courier_check(&m->request, &err) < 0) {
        fail_msg("%s: %s", kind, err.message);
    }
    if (!str_eqz(str_of(kind), "email")) {
        struct json_object *body = json_tokener_parse(m->request.body.p);
        assert_non_null(body);
        json_object_put(body);
    }
}

static void all_are_good(void **state)
{
    static char much[1025]; /* as long as the intake keeps a column */
    (void)state;
    memset(much, '<', sizeof(much) - 1);
    const char *const texts[] = { "", "web", HOSTILE, much, "。" };
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct made m;
        make(&m, kinds[i], NULL, NOTIFY_MEMORY);
        assert_good(&m, kinds[i][0]);
        done(&m);
        for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
            struct finding finding = hostile(texts[t]);
            make(&m, kinds[i], &finding, NOTIFY_MEMORY);
            assert_good(&m, kinds[i][0]);
            done(&m);
        }
    }
}

/* Names of headers, up to the empty line. */
static void headers_are_ours(void **state)
{
    static const char *const names[] = { "Date",
                                         "From",
                                         "To",
                                         "Subject",
                                         "Message-ID",
                                         "References",
                                         "Auto-Submitted",
                                         "X-Auto-Response-Suppress",
                                         "MIME-Version",
                                         "Content-Language",
                                         "Content-Type" };
    struct finding finding = hostile(HOSTILE);
    struct made m;
    size_t n = 0;
    (void)state;
    make(&m, kinds[0], &finding, NOTIFY_MEMORY);
    struct str rest = m.request.body;
    for (ptrdiff_t end; (end = str_find(rest, STR("\r\n"))) > 0;
         rest = str_from_offset(rest, (size_t)end + 2)) {
        struct str line = str_first(rest, (size_t)end);
        assert_true(line.n <= 78);
        if (line.p[0] != ' ') {
            assert_true(n < ARRAY_SIZE(names));
            assert_str(str_first(line, (size_t)str_find_char(line, ':')), names[n++]);
        }
    }
    assert_int_equal(n, ARRAY_SIZE(names));
    done(&m);
}

/* Memory that is out at any place is said, and nothing is half made. */
static void little_memory(void **state)
{
    struct finding finding = hostile("web");
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        for (size_t memory = 0; memory < 200000; memory += 1777) {
            struct made m;
            make(&m, kinds[i], &finding, memory);
            if (m.result == 0) {
                assert_good(&m, kinds[i][0]);
            }
            done(&m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_good),
        cmocka_unit_test(headers_are_ours),
        cmocka_unit_test(little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
