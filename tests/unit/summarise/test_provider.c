/*
 * provider: questions as the three kinds of services want them, and their answers, good and not.
 */
#include "summarise/summarise.h"
#include "test.h"

static struct arena arena;
static const struct summarise_prompt prompt = { .system = { "S", 1 }, .user = { "U\"", 2 } };

static void check_body(const struct summarise_model *model, const char *path, const char *body)
{
    struct buf buf;
    buf_init(&buf, 4096);
    summarise_path(model, &buf);
    assert_str(buf_str(&buf), path);
    buf_clear(&buf);
    summarise_body(model, &prompt, &buf);
    assert_str(buf_str(&buf), body);
    buf_done(&buf);
}

static void test_bodies(void **state)
{
    (void)state;
    struct summarise_model model = { .provider = SUMMARISE_BEDROCK,
                                     .model = STR("anthropic.some-model-v1:0"),
                                     .max_tokens = 100 };
    check_body(&model, "/model/anthropic.some-model-v1%3A0/converse",
               "{\"system\":[{\"text\":\"S\"}],\"messages\":[{\"role\":\"user\",\"content\":"
               "[{\"text\":\"U\\\"\"}]}],\"inferenceConfig\":{\"maxTokens\":100}}");
    model.guardrail = STR("g1");
    model.guardrail_version = STR("2");
    model.model = STR("arn:aws:bedrock:eu-1:1:inference-profile/x");
    check_body(
        &model, "/model/arn%3Aaws%3Abedrock%3Aeu-1%3A1%3Ainference-profile%2Fx/converse",
        "{\"system\":[{\"text\":\"S\"}],\"messages\":[{\"role\":\"user\",\"content\":"
        "[{\"text\":\"U\\\"\"}]}],\"inferenceConfig\":{\"maxTokens\":100},\"guardrailConfig\":"
        "{\"guardrailIdentifier\":\"g1\",\"guardrailVersion\":\"2\"}}");
    model = (struct summarise_model){ .provider = SUMMARISE_OPENAI,
                                      .model = STR("m"),
                                      .max_tokens = 7 };
    check_body(&model, "/v1/chat/completions",
               "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":"
               "\"user\",\"content\":\"U\\\"\"}],\"max_tokens\":7,\"response_format\":{\"type\":"
               "\"json_object\"}}");
    model.unformed = true;
    check_body(&model, "/v1/chat/completions",
               "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":"
               "\"user\",\"content\":\"U\\\"\"}],\"max_tokens\":7}");
    model.provider = SUMMARISE_ANTHROPIC;
    check_body(
        &model, "/v1/messages",
        "{\"model\":\"m\",\"max_tokens\":7,\"system\":\"S\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"U\\\"\"}]}");
}

static void test_replies(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"a\"},{\"text\":"
        "\"b\"}]}},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":3,\"outputTokens\":2}}",
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ab\","
        "\"refusal\":"
        "null},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}"
        "}",
        "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\"},{\"type\":\"text\",\"text\":"
        "\"ab\"}],"
        "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
        struct summarise_reply reply = { 0 };
        struct err err = { 0 };
        if (summarise_read_reply((enum summarise_provider)i, str_of(good[i]), &arena, &reply,
                                 &err) < 0) {
            fail_msg("%s: %s", good[i], err.message);
        }
        assert_str(reply.text, "ab");
        assert_int_equal(reply.input_tokens, 3);
        assert_int_equal(reply.output_tokens, 2);
    }
}

static void test_bad_replies(void **state)
{
    (void)state;
    static const struct {
        enum summarise_provider provider;
        const char *body, *why;
    } bad[] = {
        { SUMMARISE_BEDROCK, "", "not JSON" },
        { SUMMARISE_BEDROCK, "<html>", "not JSON" },
        { SUMMARISE_BEDROCK, "[]", "not JSON" },
        { SUMMARISE_BEDROCK, "{}", "no text" },
        { SUMMARISE_BEDROCK, "{\"output\":{\"message\":{\"content\":\"x\"}}}", "no text" },
        { SUMMARISE_BEDROCK, "{\"stopReason\":\"max_tokens\"}", "cut off" },
        { SUMMARISE_BEDROCK, "{\"stopReason\":\"guardrail_intervened\"}", "refused" },
        { SUMMARISE_BEDROCK, "{\"stopReason\":\"tool_use\"}", "not known" },
        { SUMMARISE_OPENAI, "{\"choices\":[]}", "no text" },
        { SUMMARISE_OPENAI, "{\"choices\":[{\"message\":{\"content\":null}}]}", "no text" },
        { SUMMARISE_OPENAI, "{\"choices\":[{\"message\":{\"refusal\":\"no\"}}]}", "refused" },
        { SUMMARISE_OPENAI, "{\"choices\":[{\"finish_reason\":\"length\"}]}", "cut off" },
        { SUMMARISE_OPENAI, "{\"choices\":[{\"finish_reason\":\"tool_calls\"}]}", "not known" },
        { SUMMARISE_ANTHROPIC, "{\"content\":[{\"type\":\"image\"}]}", "no text" },
        { SUMMARISE_ANTHROPIC, "{\"stop_reason\":\"refusal\"}", "refused" },
        { SUMMARISE_ANTHROPIC, "{\"content\":[{\"text\":\"a\"}],\"stop_reason\":\"max_tokens\"}",
          "cut off" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct summarise_reply reply;
        struct err err = { 0 };
        if (summarise_read_reply(bad[i].provider, str_of(bad[i].body), &arena, &reply, &err) == 0) {
            fail_msg("taken: %s", bad[i].body);
        }
        if (!strstr(err.message, bad[i].why)) {
            fail_msg("%s: %s", bad[i].body, err.message);
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    assert_str(
        summarise_read_refusal(
            STR("{\"type\":\"error\",\"error\":{\"message\":\"no\\nsuch\\u202e model\"}}"), &arena),
        "no such model");
    assert_str(summarise_read_refusal(STR("{\"message\":\"Too many\"}"), &arena), "Too many");
    assert_str(summarise_read_refusal(
                   STR("{\"error\":{\"message\":\"bad key sk-abcdefghijklmnop1234\"}}"), &arena),
               "bad key [redacted]");
    assert_str(summarise_read_refusal(STR("<html>"), &arena), "");
    assert_str(summarise_read_refusal(STR(""), &arena), "");
}

static void test_names(void **state)
{
    (void)state;
    enum summarise_provider provider;
    assert_true(summarise_provider_of(STR("openai"), &provider));
    assert_int_equal(provider, SUMMARISE_OPENAI);
    assert_string_equal(summarise_provider_name(SUMMARISE_BEDROCK), "bedrock");
    assert_false(summarise_provider_of(STR("Bedrock"), &provider));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),      cmocka_unit_test(test_replies),
        cmocka_unit_test(test_bad_replies), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_names),
    };
    arena_init(&arena, (size_t)4 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
