/*
 * call: a signed request, and what its answer means.
 *
 * AWS has three forms of errors: JSON with `__type`, JSON with a header X-Amzn-ErrorType, and XML with Code and Message.
 * Each yields a code and a message for people; whether it is worth another try is told from the code, and from
 * the status where the code is not known.
 */
#include "aws/internal.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#define URL_MAX 1024
#define WANTED  "X-Amzn-ErrorType"

struct json_object *aws_json(struct str text)
{
    struct json_tokener *tokener = json_tokener_new_ex(16);
    struct json_object *json =
        tokener && text.n <= AWS_ANSWER_MAX
            ? json_tokener_parse_ex(tokener, text.n ? text.p : "", (int)text.n)
            : NULL;
    if (tokener) {
        json_tokener_free(tokener);
    }
    return json;
}

const char *aws_member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    return object && json_object_is_type(object, json_type_object) &&
                   json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

/* ---- requests */

/* https, or http on the loopback. */
static bool is_endpoint(const char *text)
{
    static const char *const allowed[] = { "https://", "http://127.0.0.1:", "http://[::1]:" };
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++) {
        if (strncmp(text, allowed[i], strlen(allowed[i])) == 0) {
            return true;
        }
    }
    return false;
}

static int put_base(const struct aws_call *call, struct buf *url, struct err *err)
{
    const char *given = call->endpoint;
    if (!aws_region_is_good(call->region)) {
        return err_set(err, -EINVAL, "the region is not well-formed");
    }
    if (given && !is_endpoint(given)) {
        return err_set(err, -EINVAL, "`aws.endpoint` is not https");
    }
    if (given) {
        buf_putz(url, given);
        while (url->n && url->p[url->n - 1] == '/') {
            url->n--;
        }
    } else {
        buf_printf(url, "https://%s.%.*s.amazonaws.com%s", call->host, STR_ARG(call->region),
                   str_starts(call->region, STR("cn-")) ? ".cn" : "");
    }
    return 0;
}

static struct str host_of(struct str url)
{
    struct str rest = str_from_offset(url, (size_t)str_find(url, STR("://")) + 3);
    ptrdiff_t slash = str_find_char(rest, '/');
    return slash < 0 ? rest : str_first(rest, (size_t)slash);
}

static bool add(struct arena *arena, struct courier_request *ret, struct courier_header *headers,
                struct courier_header header)
{
    headers[ret->nheaders].name = header.name;
    headers[ret->nheaders].value = arena_str(arena, header.value);
    return headers[ret->nheaders++].value.p;
}

static int put_headers(struct arena *arena, const struct aws_request *request,
                       const struct aws_credentials *credentials, struct courier_request *ret)
{
    char date[AWS_DATE];
    struct buf text;
    struct courier_header *headers = ARENA_ARRAY(arena, struct courier_header, AWS_HEADERS_MAX);
    buf_init(&text, 2 * AWS_TOKEN_MAX);
    aws_date(request->time_s, date);
    ret->headers = headers;
    bool good =
        headers && aws_sign(request, credentials, &text) == 0 &&
        add(arena, ret, headers, (struct courier_header){ STR("Authorization"), buf_str(&text) }) &&
        add(arena, ret, headers, (struct courier_header){ STR("X-Amz-Date"), str_of(date) });
    for (unsigned i = 0; good && i < request->nheaders; i++) {
        if (!str_eqz(request->headers[i].name, "host")) {
            good =
                add(arena, ret, headers,
                    (struct courier_header){ request->headers[i].name, request->headers[i].value });
        }
    }
    if (good && credentials->token[0]) {
        good =
            add(arena, ret, headers,
                (struct courier_header){ STR("X-Amz-Security-Token"), str_of(credentials->token) });
    }
    buf_done(&text);
    return good ? 0 : -ENOMEM;
}

int aws_make(struct arena *arena, const struct aws_call *call,
             const struct aws_credentials *credentials, int64_t time_s, struct courier_request *ret,
             struct err *err)
{
    char storage[URL_MAX];
    struct buf url;
    struct courier_request made = { .body = call->body,
                                    .method = STR("POST"),
                                    .wanted = STR(WANTED),
                                    .answer_max = AWS_ANSWER_MAX,
                                    .timeout_ms = AWS_TIMEOUT_MS,
                                    .reach = COURIER_PRIVATE };
    struct str path = call->path.n ? call->path : STR("/");
    buf_init_fixed(&url, storage, sizeof(storage));
    int r = put_base(call, &url, err);
    if (r < 0) {
        return r;
    }
    buf_puts(&url, path);
    made.url = arena_str(arena, buf_str(&url));
    if (url.failed || !made.url.p) {
        return err_set(err, -EINVAL, "the endpoint is too long");
    }
    struct aws_request request = { .method = made.method,
                                   .path = path,
                                   .headers = { { STR("content-type"), str_of(call->type) },
                                                { STR("host"), host_of(made.url) },
                                                { STR("x-amz-target"), call->target } },
                                   .nheaders = call->target.n ? 3 : 2,
                                   .body = call->body,
                                   .region = call->region,
                                   .service = str_of(call->service),
                                   .time_s = time_s };
    r = put_headers(arena, &request, credentials, &made);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    *ret = made;
    return 0;
}

/* ---- answers */

struct refusal {
    char code[128], message[256];
};

static void copy(char *to, size_t size, struct str s)
{
    size_t n = !s.p ? 0 : s.n < size ? s.n : size - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        to[i] = c < ' ' || c == 0x7f ? ' ' : s.p[i];
    }
    to[n] = '\0';
}

/* Of "com.amazonaws.x#Code" and of "Code:http://...". */
static struct str bare(struct str code)
{
    ptrdiff_t hash = str_find_last(code, '#');
    code = str_from_offset(code, (size_t)(hash + 1));
    ptrdiff_t colon = str_find_char(code, ':');
    return colon < 0 ? code : str_first(code, (size_t)colon);
}

static struct str between(struct str text, struct str from, struct str to)
{
    ptrdiff_t begin = str_find(text, from);
    if (begin < 0) {
        return (struct str){ 0 };
    }
    struct str rest = str_from_offset(text, (size_t)begin + from.n);
    ptrdiff_t end = str_find(rest, to);
    return end < 0 ? (struct str){ 0 } : str_first(rest, (size_t)end);
}

static void read_refusal(const struct courier_answer *answer, struct refusal *ret)
{
    struct str header = courier_answer_header(answer, WANTED);
    struct json_object *json = aws_json(answer->body);
    const char *type = aws_member(json, "__type"), *message = aws_member(json, "message");
    message = message ? message : aws_member(json, "Message");
    struct str code = header.n ? header : str_of(type);
    if (json) {
        copy(ret->code, sizeof(ret->code), bare(code));
        copy(ret->message, sizeof(ret->message), str_of(message));
    } else {
        copy(ret->code, sizeof(ret->code),
             header.n ? bare(header) : between(answer->body, STR("<Code>"), STR("</Code>")));
        copy(ret->message, sizeof(ret->message),
             between(answer->body, STR("<Message>"), STR("</Message>")));
    }
    json_object_put(json);
}

static bool has_expired(struct str code)
{
    return str_eqz(code, "ExpiredToken") || str_eqz(code, "ExpiredTokenException") ||
           str_eqz(code, "RequestExpired");
}

int aws_judge(struct aws *aws, const struct courier_answer *answer, struct err *err)
{
    struct refusal refusal = { .code = "" };
    if (answer->outcome != COURIER_ANSWERED) {
        bool never = answer->outcome == COURIER_REFUSED || answer->outcome == COURIER_TOO_LARGE;
        return err_set(err, never ? -EPERM : -EAGAIN, "%s", answer->text);
    }
    if (answer->status >= 200 && answer->status < 300) {
        return 0;
    }
    read_refusal(answer, &refusal);
    struct str code = str_of(refusal.code);
    if (has_expired(code)) {
        aws_credentials_forget(aws);
    }
    bool again = answer->status >= 500 || answer->status == 429 || answer->status == 408 ||
                 aws_error_passes(code);
    return err_set(err, again ? -EAGAIN : -EIO, "AWS answers %d %.120s%s%.250s", answer->status,
                   refusal.code, refusal.code[0] ? " " : "", refusal.message);
}
