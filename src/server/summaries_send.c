/*
 * summaries_send: a question on its way: address, key or signature, and what came back.
 *
 * The key is read from its file for each question, so that a new one is used from then on, and forgotten after. A service
 * that asks to wait a little is waited for, once; one that does not know response_format is asked without it.
 */
#include "server/summaries_internal.h"

#include "aws/aws.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "courier/courier.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

#define HEADERS 8

/* One attempt. */
struct attempt {
    struct summaries *summaries;
    struct summarise_model model;
    char url[SUMMARIES_URL_MAX + SUMMARISE_MODEL_MAX * 3 + 32];
    struct buf body, ca;
    struct courier_header headers[HEADERS];
    unsigned nheaders;
    char key[SUMMARIES_KEY_MAX], bearer[SUMMARIES_KEY_MAX + 8], date[AWS_DATE];
    struct aws_credentials credentials;
    struct buf authorization;
};

static void attempt_done(struct attempt *a)
{
    OPENSSL_cleanse(a->key, sizeof(a->key));
    OPENSSL_cleanse(a->bearer, sizeof(a->bearer));
    OPENSSL_cleanse(&a->credentials, sizeof(a->credentials));
    buf_done(&a->authorization);
    buf_done(&a->body);
    buf_done(&a->ca);
}

static void add_header(struct attempt *a, const char *name, struct str value)
{
    if (a->nheaders < HEADERS) {
        a->headers[a->nheaders++] = (struct courier_header){ str_of(name), value };
    }
}

/* ---- who asks */

static int read_key(struct attempt *a, struct err *err)
{
    const char *path = a->summaries->settings.key_file;
    struct buf text;
    buf_init(&text, 4 * SUMMARIES_KEY_MAX);
    int r = file_read(path, &text, err);
    struct str key = str_trim(buf_str(&text));
    bool good = key.n > 0 && key.n < sizeof(a->key);
    for (size_t i = 0; good && i < key.n; i++) {
        good = key.p[i] > ' ' && key.p[i] <= '~';
    }
    if (r == 0 && good) {
        snprintf(a->key, sizeof(a->key), "%.*s", STR_ARG(key));
        snprintf(a->bearer, sizeof(a->bearer), "Bearer %s", a->key);
    }
    if (text.p) {
        OPENSSL_cleanse(text.p, text.n);
    }
    buf_done(&text);
    if (r < 0) {
        return err_set(err, r, "the key's file (`summaries.key_file`) cannot be read: %s",
                       strerror(-r));
    }
    return good ? 0 : err_set(err, -EINVAL, "the key's file (`summaries.key_file`) has no key");
}

static int sign(struct attempt *a, struct err *err)
{
    const struct summaries_settings *s = &a->summaries->settings;
    struct server *server = a->summaries->server;
    int64_t time_s = server->now_ms() / 1000;
    struct str url = str_of(a->url);
    struct str rest = str_from_offset(url, (size_t)str_find(url, STR("://")) + 3);
    ptrdiff_t slash = str_find_char(rest, '/');
    const struct aws_request request = { .method = STR("POST"),
                                         .path = str_from_offset(rest, (size_t)slash),
                                         .headers = { { STR("content-type"),
                                                        STR("application/json") },
                                                      { STR("host"), str_of(s->host) } },
                                         .nheaders = 2,
                                         .body = buf_str(&a->body),
                                         .region = s->region,
                                         .service = STR("bedrock"),
                                         .time_s = time_s };
    int r = aws_credentials_wait(server->aws, time_s, &a->credentials, err);
    if (r < 0) {
        return r;
    }
    if (aws_sign(&request, &a->credentials, &a->authorization) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    aws_date(time_s, a->date);
    add_header(a, "X-Amz-Date", str_of(a->date));
    if (a->credentials.token[0]) {
        add_header(a, "X-Amz-Security-Token", str_of(a->credentials.token));
    }
    add_header(a, "Authorization", buf_str(&a->authorization));
    return 0;
}

static int authorise(struct attempt *a, struct err *err)
{
    const struct summaries_settings *s = &a->summaries->settings;
    int r = s->key_file ? read_key(a, err) : 0;
    if (r < 0) {
        return r;
    }
    if (a->model.provider == SUMMARISE_ANTHROPIC) {
        add_header(a, "x-api-key", str_of(a->key));
        add_header(a, "anthropic-version", STR("2023-06-01"));
    } else if (s->key_file) {
        add_header(a, "Authorization", str_of(a->bearer));
    } else if (a->model.provider == SUMMARISE_BEDROCK) {
        return sign(a, err);
    }
    return 0;
}

/* ---- one exchange */

static int make(struct attempt *a, const struct summarise_prompt *prompt,
                char hash[SUMMARIES_HASH_MAX], struct err *err)
{
    const struct summaries_settings *s = &a->summaries->settings;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buf url;
    buf_init_fixed(&url, a->url, sizeof(a->url));
    buf_putz(&url, s->endpoint);
    summarise_path(&a->model, &url);
    buf_putc(&url, '\0');
    summarise_body(&a->model, prompt, &a->body);
    if (url.failed || a->body.failed) {
        return err_set(err, -E2BIG, "the question is too long");
    }
    SHA256((const unsigned char *)a->body.p, a->body.n, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(hash + 2 * i, 3, "%02x", digest[i]);
    }
    add_header(a, "Content-Type", STR("application/json"));
    add_header(a, "Accept", STR("application/json"));
    int r = s->ca ? file_read(s->ca, &a->ca, err) : 0;
    return r < 0 ? err_set(err, r, "`summaries.ca` cannot be read: %s", strerror(-r))
                 : authorise(a, err);
}

static int exchange(struct attempt *a, struct courier_answer *answer, struct err *err)
{
    const struct courier_request request = {
        .url = str_of(a->url),
        .method = STR("POST"),
        .headers = a->headers,
        .nheaders = a->nheaders,
        .body = buf_str(&a->body),
        .ca = buf_str(&a->ca),
        .answer_max = SUMMARISE_REPLY_MAX,
        .timeout_ms = a->summaries->settings.timeout_ms,
        .reach = COURIER_PRIVATE,
    };
    struct courier *courier = a->summaries->server->courier;
    return courier ? courier_exchange(courier, &request, answer, err)
                   : err_set(err, -ENOSYS, "nothing goes out of this server");
}

static int not_answered(const struct courier_answer *answer, struct err *err)
{
    return err_set(err, -EIO, "the service was not reached (%s): %.200s",
                   courier_outcome_name(answer->outcome), answer->text);
}

static int not_well(const struct attempt *a, const struct courier_answer *answer,
                    struct arena *arena, struct err *err)
{
    struct str reason = summarise_read_refusal(answer->body, arena);
    char later[64] = "";
    if (a->key[0] && str_find(reason, str_of(a->key)) >= 0) {
        reason = STR("");
    }
    if (answer->retry_after_s > 0) {
        snprintf(later, sizeof(later), "; it can be tried again in %lld seconds",
                 (long long)answer->retry_after_s);
    }
    return err_set(err, -EIO, "the service answers %d%s%.*s%s", answer->status,
                   reason.n ? ": " : "", STR_ARG(reason), later);
}

/* True: the answer is one after which asking again is of use, and it was waited for. */
static bool again(struct summaries *summaries, struct summarise_model *model,
                  const struct courier_answer *answer, unsigned *waits)
{
    int status = answer->outcome == COURIER_ANSWERED ? answer->status : 0;
    if (status == 400 && model->provider == SUMMARISE_OPENAI && !model->unformed) {
        model->unformed = true;
        return true;
    }
    bool asks = (status == 429 || status == 503 || status == 529) &&
                answer->retry_after_s <= SUMMARIES_RETRY_S && (*waits)++ == 0;
    return asks && summaries_wait(summaries, answer->retry_after_s ? answer->retry_after_s : 1);
}

static int read_answer(const struct attempt *a, const struct courier_answer *answer,
                       struct arena *arena, struct summarise_reply *ret, struct err *err)
{
    if (answer->outcome != COURIER_ANSWERED) {
        return not_answered(answer, err);
    }
    struct str body = arena_str(arena, answer->body);
    return answer->status != 200 ? not_well(a, answer, arena, err)
           : body.p              ? summarise_read_reply(a->model.provider, body, arena, ret, err)
                                 : err_set(err, -ENOMEM, "out of memory");
}

int summaries_send(struct summaries *summaries, const struct summarise_prompt *prompt,
                   struct arena *arena, struct summaries_sent *ret, struct err *err)
{
    struct summarise_model model = summaries->settings.model;
    unsigned waits = 0;
    bool more = true;
    int r = -EIO;
    for (unsigned i = 0; more && i < SUMMARIES_ATTEMPTS; i++) {
        struct attempt a = { .summaries = summaries, .model = model };
        struct courier_answer answer = { 0 };
        buf_init(&a.body, SUMMARISE_BODY_MAX);
        buf_init(&a.ca, COURIER_CA_MAX);
        buf_init(&a.authorization, 2 * AWS_TOKEN_MAX);
        r = make(&a, prompt, ret->hash, err);
        r = r == 0 ? exchange(&a, &answer, err) : r;
        more = r == 0 && again(summaries, &model, &answer, &waits);
        r = r == 0 ? read_answer(&a, &answer, arena, &ret->reply, err) : r;
        courier_answer_done(&answer);
        attempt_done(&a);
    }
    return r;
}
