/*
 * request_json: bodies and their members, strictly: what is missing, of another type, too long or unknown is
 * refused with its name.
 *
 * The parser is json-c's in strict mode with UTF-8 checked and a limit of depth; a number is one of 64 bits.
 * Texts of members are borrowed from the parsed body, which the exchange keeps.
 */
#include "server/http_internal.h"

#include "rules/diag.h"

#include <errno.h>

static bool is_json_type(struct str type)
{
    ptrdiff_t semicolon = str_find_char(type, ';');
    struct str parameter =
        semicolon < 0 ? STR("") : str_trim(str_from_offset(type, (size_t)semicolon + 1));
    struct str name = str_trim(semicolon < 0 ? type : str_first(type, (size_t)semicolon));
    return str_ieq(name, STR("application/json")) &&
           (!parameter.n || str_ieq(parameter, STR("charset=utf-8")) ||
            str_ieq(parameter, STR("charset=\"utf-8\"")));
}

static struct json_object *parse(struct str body, enum json_tokener_error *ret_error,
                                 size_t *ret_at)
{
    struct json_tokener *tokener = json_tokener_new_ex(HTTP_JSON_DEPTH);
    if (!tokener) {
        *ret_error = json_tokener_error_size;
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, body.p, (int)body.n);
    *ret_error = json_tokener_get_error(tokener);
    *ret_at = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    return object;
}

static struct json_object *not_json(struct reply *reply, enum json_tokener_error error, size_t at)
{
    reply_problem(reply, 400, "bad_json", "the body is not JSON: %s, at byte %zu",
                  error == json_tokener_success    ? "something follows it"
                  : error == json_tokener_continue ? "it ends too early"
                                                   : json_tokener_error_desc(error),
                  at);
    return NULL;
}

/* What json-c takes although it is none of JSON: names in single quotes, comments, raw control characters. */
static bool has_json_bytes_only(struct str body)
{
    bool quoted = false;
    for (size_t i = 0; i < body.n; i++) {
        unsigned char c = (unsigned char)body.p[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (quoted ? c < 0x20 : !c || !strchr(" \t\r\n{}[]:,+-.0123456789Eaeflnrstu", c)) {
            return false;
        }
    }
    return true;
}

static bool only_blanks(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!strchr(" \t\r\n", text.p[i]) || !text.p[i]) {
            return false;
        }
    }
    return true;
}

struct json_object *request_json(struct request *request, struct reply *reply)
{
    struct exchange *x = request->connection;
    struct str encoding = request_header(request, "Content-Encoding");
    enum json_tokener_error error;
    size_t at = 0;
    if (!is_json_type(request_header(request, "Content-Type"))) {
        reply_problem(reply, 415, "not_json", "the Content-Type must be application/json");
        return NULL;
    }
    if (encoding.p && !str_ieq(encoding, STR("identity"))) {
        reply_problem(reply, 415, "encoded", "the body must not be compressed");
        return NULL;
    }
    if (x->nparsed == HTTP_JSON_MAX || !request->body.n || request->body.n > INT32_MAX ||
        !has_json_bytes_only(request->body)) {
        reply_problem(reply, 400, "bad_json", "the body is not JSON");
        return NULL;
    }
    struct json_object *object = parse(request->body, &error, &at);
    if (error != json_tokener_success || !only_blanks(str_from_offset(request->body, at))) {
        json_object_put(object);
        return not_json(reply, error, at);
    }
    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        reply_problem(reply, 400, "bad_json", "the body must be a JSON object");
        return NULL;
    }
    x->parsed[x->nparsed++] = object;
    return object;
}

/* 1: it is there; 0: it is not, and need not be; -1: it should be, the reply says so. */
static int find(struct json_object *object, const char *key, bool required,
                struct json_object **ret, struct reply *reply)
{
    if (json_object_object_get_ex(object, key, ret) && *ret) {
        return 1;
    }
    if (required) {
        reply_problem(reply, 422, "missing", "`%s` is missing", key);
        return -1;
    }
    return 0;
}

static bool wrong(struct reply *reply, const char *key, const char *what)
{
    reply_problem(reply, 422, "bad_member", "`%s` must be %s", key, what);
    return false;
}

bool request_member_text(struct request *request, struct json_object *object, const char *key,
                         bool required, size_t max, struct str *ret, struct reply *reply)
{
    struct json_object *value;
    int found = find(object, key, required, &value, reply);
    (void)request;
    if (found <= 0) {
        return found == 0;
    }
    if (!json_object_is_type(value, json_type_string)) {
        return wrong(reply, key, "a text");
    }
    struct str text = { json_object_get_string(value), (size_t)json_object_get_string_len(value) };
    if (text.n > max) {
        reply_problem(reply, 422, "too_long", "`%s` is longer than %zu bytes", key, max);
        return false;
    }
    if (str_find_char(text, '\0') >= 0) {
        return wrong(reply, key, "a text without NUL");
    }
    *ret = text;
    return true;
}

bool request_member_number(struct request *request, struct json_object *object, const char *key,
                           bool required, int64_t least, int64_t most, int64_t *ret,
                           struct reply *reply)
{
    struct json_object *value;
    int found = find(object, key, required, &value, reply);
    (void)request;
    if (found <= 0) {
        return found == 0;
    }
    if (!json_object_is_type(value, json_type_int)) {
        return wrong(reply, key, "a whole number");
    }
    int64_t number = json_object_get_int64(value);
    if (number < least || number > most) {
        reply_problem(reply, 422, "out_of_range", "`%s` is a number from %lld to %lld", key,
                      (long long)least, (long long)most);
        return false;
    }
    *ret = number;
    return true;
}

bool request_member_bool(struct request *request, struct json_object *object, const char *key,
                         bool required, bool *ret, struct reply *reply)
{
    struct json_object *value;
    int found = find(object, key, required, &value, reply);
    (void)request;
    if (found <= 0) {
        return found == 0;
    }
    if (!json_object_is_type(value, json_type_boolean)) {
        return wrong(reply, key, "true or false");
    }
    *ret = json_object_get_boolean(value);
    return true;
}

static struct str next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    ptrdiff_t blank = str_find_char(*rest, ' ');
    struct str word = blank < 0 ? *rest : str_first(*rest, (size_t)blank);
    *rest = str_from_offset(*rest, word.n);
    return word;
}

static bool is_among(struct str name, const char *names)
{
    struct str rest = str_of(names);
    for (struct str word = next_word(&rest); word.n; word = next_word(&rest)) {
        if (str_eq(word, name)) {
            return true;
        }
    }
    return false;
}

static void unknown_member(struct str key, const char *names, struct reply *reply)
{
    char storage[160];
    struct buf hint;
    struct diag_suggestion near;
    struct str rest = str_of(names);
    buf_init_fixed(&hint, storage, sizeof(storage));
    diag_suggest_init(&near, key);
    for (struct str word = next_word(&rest); word.n; word = next_word(&rest)) {
        diag_suggest_try(&near, word);
    }
    diag_suggest_text(&near, &hint);
    reply_problem(reply, 422, "unknown_member", "there is no member `%.*s`%s%.*s",
                  STR_ARG(str_first(key, 64)), hint.n ? "; " : "", STR_ARG(buf_str(&hint)));
}

bool request_members_only(struct request *request, struct json_object *object, const char *names,
                          struct reply *reply)
{
    (void)request;
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        if (!is_among(str_of(key), names)) {
            unknown_member(str_of(key), names, reply);
            return false;
        }
    }
    return true;
}
