/*
 * publish: SNS Publish (a form), EventBridge PutEvents (JSON).
 *
 * One message for all who subscribed: SNS gives people the text and programs the JSON. Neither call waits: without
 * credentials at hand it says -EAGAIN. A try that is made again is told by SNS's FIFO topics from a new message by
 * its id; others may deliver it twice, which is what at-least-once means.
 */
#include "aws/internal.h"

#include <errno.h>
#include <json-c/json.h>

#define FORM_MAX  (4 * AWS_MESSAGE_MAX)
#define NAME_MOST 256

/* ---- names */

bool aws_topic_is_good(struct str text)
{
    struct aws_arn arn;
    return aws_arn_parse(text, &arn) && str_eqz(arn.service, "sns") &&
           aws_is_among(arn.rest, "-_.", NAME_MOST);
}

bool aws_bus_is_good(struct str bus)
{
    struct aws_arn arn;
    return aws_arn_parse(bus, &arn)
               ? str_eqz(arn.service, "events") && str_starts(arn.rest, STR("event-bus/"))
               : aws_is_among(bus, "-_./", NAME_MOST);
}

/* ---- SNS */

static void put_encoded(struct buf *buf, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        struct str one = { s.p + i, 1 };
        if (aws_is_among(one, "-_.~", 1)) {
            buf_putc(buf, s.p[i]);
        } else {
            buf_printf(buf, "%%%02X", (unsigned char)s.p[i]);
        }
    }
}

static void put_pair(struct buf *buf, const char *name, struct str value)
{
    buf_putz(buf, buf->n ? "&" : "");
    buf_putz(buf, name);
    buf_putc(buf, '=');
    put_encoded(buf, value);
}

/* Printable ASCII, a "?" for each other character. */
static struct str plain(struct str title, char text[AWS_SUBJECT_MAX])
{
    size_t n = 0;
    title = str_trim(title);
    for (size_t i = 0; i < title.n && n < AWS_SUBJECT_MAX; i++) {
        unsigned char c = (unsigned char)title.p[i];
        if ((c & 0xc0) != 0x80) {
            text[n++] = c < ' ' || c > '~' ? '?' : (char)c;
        }
    }
    return (struct str){ text, n };
}

/* What has no form of its own gets the default. */
static bool put_message(struct buf *form, const struct aws_publish *what, struct str subject)
{
    struct buf all;
    struct jsonw w = { .buf = &all };
    buf_init(&all, AWS_MESSAGE_MAX);
    jsonw_object(&w, NULL);
    jsonw_str(&w, "default", what->json);
    jsonw_str(&w, "email", what->text);
    jsonw_str(&w, "sms", subject);
    jsonw_end(&w);
    put_pair(form, "MessageStructure", STR("json"));
    put_pair(form, "Message", buf_str(&all));
    bool fits = !all.failed;
    buf_done(&all);
    return fits;
}

static void put_attribute(struct buf *form, unsigned number, const char *name, const char *type,
                          struct str value)
{
    static const char *const parts[] = { "Name", "Value.DataType", "Value.StringValue" };
    const struct str values[] = { str_of(name), str_of(type), value };
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        buf_printf(form, "&MessageAttributes.entry.%u.%s=", number, parts[i]);
        put_encoded(form, values[i]);
    }
}

static bool put_publish(struct buf *form, const struct aws_publish *what)
{
    char storage[AWS_SUBJECT_MAX];
    struct str subject = plain(what->title, storage);
    unsigned n = 0;
    put_pair(form, "Action", STR("Publish"));
    put_pair(form, "Version", STR("2010-03-31"));
    put_pair(form, "TopicArn", what->topic);
    if (subject.n) {
        put_pair(form, "Subject", subject);
    }
    bool fits = put_message(form, what, subject);
    if (what->severity.n) {
        put_attribute(form, ++n, "severity", "Number", what->severity);
    }
    if (what->type.n) {
        put_attribute(form, ++n, "type", "String", str_first(what->type, NAME_MOST));
    }
    if (str_ends(what->topic, STR(".fifo"))) {
        put_pair(form, "MessageGroupId", STR("hinomi"));
        put_pair(form, "MessageDeduplicationId", what->id);
    }
    return fits;
}

/* ---- both */

static int make(struct aws *aws, struct arena *arena, const struct aws_call *call, int64_t now_s,
                struct courier_request *ret, struct err *err)
{
    struct aws_credentials credentials = { .id = "" };
    int r = aws_credentials_now(aws, now_s, &credentials, err);
    r = r == 0 ? aws_make(arena, call, &credentials, now_s, ret, err) : r;
    explicit_bzero(&credentials, sizeof(credentials));
    return r;
}

/* The buffer's text in the arena, the buffer ended. */
static int keep(struct arena *arena, struct buf *buf, bool fits, struct str *ret, struct err *err)
{
    *ret = buf->failed ? (struct str){ 0 } : arena_str(arena, buf_str(buf));
    buf_done(buf);
    if (!fits) {
        return err_set(err, -EFBIG, "the message is larger than AWS takes it");
    }
    return ret->p ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int aws_publish(struct aws *aws, const struct aws_publish *what, int64_t now_s, struct arena *arena,
                struct courier_request *ret, struct err *err)
{
    struct aws_arn topic;
    struct buf form;
    if (!aws_topic_is_good(what->topic) || !aws_arn_parse(what->topic, &topic)) {
        return err_set(err, -EINVAL, "the topic is no ARN of SNS");
    }
    if (!aws) {
        return err_set(err, -ENOENT, "there are no credentials for AWS");
    }
    buf_init(&form, FORM_MAX);
    bool fits = put_publish(&form, what);
    struct aws_call call = { .host = "sns",
                             .service = "sns",
                             .region = topic.region,
                             .endpoint = aws->options.sns_endpoint,
                             .type = "application/x-www-form-urlencoded; charset=utf-8" };
    int r = keep(arena, &form, fits, &call.body, err);
    return r == 0 ? make(aws, arena, &call, now_s, ret, err) : r;
}

/* ---- EventBridge */

static void put_entry(struct buf *buf, const struct aws_event *what)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_array(&w, "Entries");
    jsonw_object(&w, NULL);
    jsonw_i64(&w, "Time", what->time_s);
    jsonw_str(&w, "Source", what->source);
    jsonw_str(&w, "DetailType", what->detail_type);
    jsonw_str(&w, "Detail", what->detail);
    jsonw_array(&w, "Resources");
    if (what->resource.n) {
        jsonw_str(&w, NULL, what->resource);
    }
    jsonw_end(&w);
    if (what->bus.n) {
        jsonw_str(&w, "EventBusName", what->bus);
    }
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_end(&w);
}

int aws_put_event(struct aws *aws, const struct aws_event *what, int64_t now_s, struct arena *arena,
                  struct courier_request *ret, struct err *err)
{
    struct aws_arn bus;
    struct buf body;
    if ((what->bus.n && !aws_bus_is_good(what->bus)) || str_starts(what->source, STR("aws."))) {
        return err_set(err, -EINVAL, "the bus is no name and no ARN, or the source is AWS's");
    }
    if (!aws) {
        return err_set(err, -ENOENT, "there are no credentials for AWS");
    }
    buf_init(&body, FORM_MAX);
    put_entry(&body, what);
    struct aws_call call = { .host = "events",
                             .service = "events",
                             .region = aws_arn_parse(what->bus, &bus) ? bus.region : what->region,
                             .endpoint = aws->options.events_endpoint,
                             .type = "application/x-amz-json-1.1",
                             .target = STR("AWSEvents.PutEvents") };
    size_t entry = what->detail.n + what->detail_type.n + what->source.n + what->resource.n + 14;
    int r = keep(arena, &body, entry <= AWS_MESSAGE_MAX, &call.body, err);
    return r == 0 ? make(aws, arena, &call, now_s, ret, err) : r;
}

static int judge_entry(struct json_object *entry, struct err *err)
{
    const char *code = aws_member(entry, "ErrorCode"), *message = aws_member(entry, "ErrorMessage");
    bool again = code && aws_error_passes(str_of(code));
    return code ? err_set(err, again ? -EAGAIN : -EIO, "EventBridge did not take it: %.100s %.200s",
                          code, message ? message : "")
                : 0;
}

int aws_judge_event(struct aws *aws, const struct courier_answer *answer, struct err *err)
{
    struct json_object *entries = NULL;
    int r = aws_judge(aws, answer, err);
    if (r < 0) {
        return r;
    }
    struct json_object *json = aws_json(answer->body);
    bool good = json && json_object_is_type(json, json_type_object) &&
                json_object_object_get_ex(json, "Entries", &entries) &&
                json_object_is_type(entries, json_type_array) &&
                json_object_array_length(entries) == 1;
    r = good ? judge_entry(json_object_array_get_idx(entries, 0), err)
             : err_set(err, -EAGAIN, "what EventBridge answers is not understood");
    json_object_put(json);
    return r;
}
