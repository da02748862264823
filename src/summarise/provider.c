/*
 * provider: the three forms of services: Bedrock's Converse, chat completions as OpenAI has them, Anthropic's messages.
 *
 *                 question                                        answer                          cut off
 *     bedrock     system[].text, messages[].content[].text        output.message.content[].text   stopReason max_tokens
 *     openai      messages[] of system and user                   choices[0].message.content      finish_reason length
 *     anthropic   system, messages[].content                      content[].text                  stop_reason max_tokens
 */
#include "base/jscan.h"
#include "summarise/summarise.h"

#include <errno.h>

#define REASON_MAX 200

static const char *const names[] = { "bedrock", "openai", "anthropic" };

bool summarise_provider_of(struct str name, enum summarise_provider *ret)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eqz(name, names[i])) {
            *ret = (enum summarise_provider)i;
            return true;
        }
    }
    return false;
}

const char *summarise_provider_name(enum summarise_provider provider)
{
    return names[provider];
}

/* ---- the question */

static void put_encoded(struct buf *buf, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        buf_printf(buf, plain ? "%c" : "%%%02X", c);
    }
}

void summarise_path(const struct summarise_model *model, struct buf *buf)
{
    if (model->provider == SUMMARISE_BEDROCK) {
        buf_putz(buf, "/model/");
        put_encoded(buf, model->model);
        buf_putz(buf, "/converse");
    } else {
        buf_putz(buf,
                 model->provider == SUMMARISE_OPENAI ? "/v1/chat/completions" : "/v1/messages");
    }
}

static void put_text(struct jsonw *w, const char *key, struct str text)
{
    jsonw_array(w, key);
    jsonw_object(w, NULL);
    jsonw_str(w, "text", text);
    jsonw_end(w);
    jsonw_end(w);
}

static void put_bedrock(struct jsonw *w, const struct summarise_model *model,
                        const struct summarise_prompt *prompt)
{
    put_text(w, "system", prompt->system);
    jsonw_array(w, "messages");
    jsonw_object(w, NULL);
    jsonw_strz(w, "role", "user");
    put_text(w, "content", prompt->user);
    jsonw_end(w);
    jsonw_end(w);
    jsonw_object(w, "inferenceConfig");
    jsonw_u64(w, "maxTokens", model->max_tokens);
    jsonw_end(w);
    if (model->guardrail.n > 0) {
        jsonw_object(w, "guardrailConfig");
        jsonw_str(w, "guardrailIdentifier", model->guardrail);
        jsonw_str(w, "guardrailVersion", model->guardrail_version);
        jsonw_end(w);
    }
}

static void put_message(struct jsonw *w, const char *role, struct str text)
{
    jsonw_object(w, NULL);
    jsonw_strz(w, "role", role);
    jsonw_str(w, "content", text);
    jsonw_end(w);
}

static void put_openai(struct jsonw *w, const struct summarise_model *model,
                       const struct summarise_prompt *prompt)
{
    jsonw_str(w, "model", model->model);
    jsonw_array(w, "messages");
    put_message(w, "system", prompt->system);
    put_message(w, "user", prompt->user);
    jsonw_end(w);
    jsonw_u64(w, "max_tokens", model->max_tokens);
    if (!model->unformed) {
        jsonw_object(w, "response_format");
        jsonw_strz(w, "type", "json_object");
        jsonw_end(w);
    }
}

static void put_anthropic(struct jsonw *w, const struct summarise_model *model,
                          const struct summarise_prompt *prompt)
{
    jsonw_str(w, "model", model->model);
    jsonw_u64(w, "max_tokens", model->max_tokens);
    jsonw_str(w, "system", prompt->system);
    jsonw_array(w, "messages");
    put_message(w, "user", prompt->user);
    jsonw_end(w);
}

void summarise_body(const struct summarise_model *model, const struct summarise_prompt *prompt,
                    struct buf *buf)
{
    static void (*const put[])(struct jsonw *, const struct summarise_model *,
                               const struct summarise_prompt *) = { put_bedrock, put_openai,
                                                                    put_anthropic };
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    put[model->provider](&w, model, prompt);
    jsonw_end(&w);
}

/* ---- the answer */

static int64_t number(struct jscan object, const char *key)
{
    int64_t n;
    return jscan_i64(jscan_get(object, str_of(key)), &n) && n >= 0 ? n : -1;
}

/* All text parts of a list of content, one behind the other. */
static struct str texts_of(struct jscan content, struct arena *arena)
{
    struct buf buf;
    struct jscan part;
    buf_init(&buf, SUMMARISE_REPLY_MAX);
    for (struct jscan_walk walk = jscan_begin(content); jscan_element(&walk, &part);) {
        buf_puts(&buf, jscan_text(jscan_get(part, STR("text")), arena));
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}

struct read {
    struct str text, stop; /* stop: why the model ended */
    int64_t input, output;
};

static void read_bedrock(struct jscan body, struct arena *arena, struct read *r)
{
    struct jscan message = jscan_get(jscan_get(body, STR("output")), STR("message"));
    struct jscan usage = jscan_get(body, STR("usage"));
    *r = (struct read){ .text = texts_of(jscan_get(message, STR("content")), arena),
                        .stop = jscan_text(jscan_get(body, STR("stopReason")), arena),
                        .input = number(usage, "inputTokens"),
                        .output = number(usage, "outputTokens") };
}

static void read_openai(struct jscan body, struct arena *arena, struct read *r)
{
    struct jscan choice = jscan_at(jscan_get(body, STR("choices")), 0);
    struct jscan message = jscan_get(choice, STR("message")), usage = jscan_get(body, STR("usage"));
    bool refused = jscan_get(message, STR("refusal")).type == JSCAN_TEXT;
    *r =
        (struct read){ .text = jscan_text(jscan_get(message, STR("content")), arena),
                       .stop = refused ? STR("refusal")
                                       : jscan_text(jscan_get(choice, STR("finish_reason")), arena),
                       .input = number(usage, "prompt_tokens"),
                       .output = number(usage, "completion_tokens") };
}

static void read_anthropic(struct jscan body, struct arena *arena, struct read *r)
{
    struct jscan usage = jscan_get(body, STR("usage"));
    *r = (struct read){ .text = texts_of(jscan_get(body, STR("content")), arena),
                        .stop = jscan_text(jscan_get(body, STR("stop_reason")), arena),
                        .input = number(usage, "input_tokens"),
                        .output = number(usage, "output_tokens") };
}

static bool among(struct str text, const char *const *words)
{
    for (; *words; words++) {
        if (str_eqz(text, *words)) {
            return true;
        }
    }
    return false;
}

static int check_stop(struct str stop, struct err *err)
{
    static const char *const cut[] = { "max_tokens", "length", "model_context_window_exceeded",
                                       NULL };
    static const char *const refused[] = { "refusal", "content_filter", "content_filtered",
                                           "guardrail_intervened", NULL };
    static const char *const ended[] = { "end_turn", "stop", "stop_sequence", "", NULL };
    if (among(stop, cut)) {
        return err_set(err, -EINVAL, "the model's answer is cut off: raise `summaries.max_tokens`");
    }
    if (among(stop, refused)) {
        return err_set(err, -EINVAL, "the model or its guardrail refused to answer");
    }
    return among(stop, ended)
               ? 0
               : err_set(err, -EINVAL, "the model ended for a reason that is not known here");
}

int summarise_read_reply(enum summarise_provider provider, struct str body, struct arena *arena,
                         struct summarise_reply *ret, struct err *err)
{
    static void (*const readers[])(struct jscan, struct arena *,
                                   struct read *) = { read_bedrock, read_openai, read_anthropic };
    struct jscan json;
    struct read read = { 0 };
    const char *why = "";
    size_t at = 0;
    if (body.n > SUMMARISE_REPLY_MAX) {
        return err_set(err, -EINVAL, "the service's answer is too long");
    }
    if (jscan_check(body, &json, &why, &at) < 0 || json.type != JSCAN_OBJECT) {
        return err_set(err, -EINVAL, "the service's answer is not JSON (%s, byte %zu)", why, at);
    }
    readers[provider](json, arena, &read);
    int r = check_stop(read.stop, err);
    if (r < 0) {
        return r;
    }
    if (read.text.n == 0) {
        return err_set(err, -EINVAL, "the service's answer has no text where %s has it",
                       names[provider]);
    }
    *ret = (struct summarise_reply){ read.text, read.input, read.output };
    return 0;
}

/* {"error":{"message"}} of OpenAI and Anthropic, {"message"} of AWS. */
struct str summarise_read_refusal(struct str body, struct arena *arena)
{
    struct jscan json;
    const char *why;
    size_t at;
    if (body.n == 0 || body.n > SUMMARISE_REPLY_MAX || jscan_check(body, &json, &why, &at) < 0) {
        return STR("");
    }
    struct str text = jscan_text(jscan_get(jscan_get(json, STR("error")), STR("message")), arena);
    text = text.n ? text : jscan_text(jscan_get(json, STR("message")), arena);
    text = text.n ? text : jscan_text(jscan_get(json, STR("Message")), arena);
    bool redacted;
    text = summarise_redact(summarise_clean(text, arena), (struct str){ 0 }, arena, &redacted);
    size_t n = text.n < REASON_MAX ? text.n : REASON_MAX;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return str_first(text, n);
}
