/*
 * cloud: messages for Amazon SNS (a text for people, JSON for programs) and EventBridge (a finding in GuardDuty's shape).
 *
 * Both have limits: what is too large is sent without the alert, or without the lineage, rather than not at all.
 */
#include "notify/render.h"

#include "aws/aws.h"
#include "notify/guardduty.h"
#include "notify/kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define BODY_MAX   ((size_t)1 << 20)
#define JSON_ROOM  ((size_t)96 << 10) /* of AWS_MESSAGE_MAX, beside the text and what escapes it */
#define EVENT_ROOM ((size_t)120 << 10)

static struct str decimal(const struct notify_message *m)
{
    char text[32];
    int64_t tenths = m->finding ? m->finding->severity : 0;
    snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64, tenths / 10, tenths % 10);
    return arena_str(m->arena, str_of(text));
}

static struct str id_of(const struct notify_message *m)
{
    char text[32];
    snprintf(text, sizeof(text), "hinomi-%" PRId64, m->id);
    return arena_str(m->arena, str_of(text));
}

static struct str plain(const struct notify_message *m)
{
    struct buf buf;
    struct str text;
    struct err err = { 0 };
    buf_init(&buf, BODY_MAX);
    notify_put_plain(&buf, m);
    return notify_keep(m->arena, &buf, &text, &err) == 0 ? text : STR("");
}

static struct str json(const struct notify_message *m)
{
    struct str text = { 0 };
    for (unsigned with_alert = 2; with_alert-- > 0 && !text.p;) {
        struct buf buf;
        struct jsonw w = { .buf = &buf };
        struct err err = { 0 };
        buf_init(&buf, JSON_ROOM);
        notify_put_json(&w, m, with_alert);
        (void)notify_keep(m->arena, &buf, &text, &err);
    }
    return text;
}

static int needs(const struct notify_message *m, struct err *err)
{
    return m->aws ? 0 : err_set(err, -ENOSYS, "this server makes no calls to AWS");
}

int notify_make_sns(const struct notify_message *m, struct courier_request *ret, struct err *err)
{
    const struct aws_publish what = { .topic = notify_text(m->settings, "topic_arn"),
                                      .title = notify_title(m),
                                      .text = plain(m),
                                      .json = json(m),
                                      .type = m->finding && m->finding->type.n ? m->finding->type
                                                                               : m->cause,
                                      .severity = decimal(m),
                                      .id = id_of(m) };
    int r = needs(m, err);
    return r == 0 ? aws_publish(m->aws, &what, m->now_ms / 1000, m->arena, ret, err) : r;
}

static void put_detail(struct jsonw *w, const struct notify_message *m, bool brief)
{
    if (m->finding) {
        guardduty_put(w, &(struct guardduty){ .finding = m->finding,
                                              .alert = m->alert,
                                              .title = notify_title(m),
                                              .summary = notify_summary(m),
                                              .link = m->link,
                                              .cause = m->cause,
                                              .brief = brief });
        return;
    }
    jsonw_object(w, NULL);
    jsonw_str(w, "cause", m->cause);
    jsonw_str(w, "title", notify_title(m));
    jsonw_str(w, "description", notify_summary(m));
    jsonw_end(w);
}

static struct str detail(const struct notify_message *m)
{
    struct str text = { 0 };
    for (unsigned brief = 0; brief < 2 && !text.p; brief++) {
        struct buf buf;
        struct jsonw w = { .buf = &buf };
        struct err err = { 0 };
        buf_init(&buf, EVENT_ROOM);
        put_detail(&w, m, brief);
        (void)notify_keep(m->arena, &buf, &text, &err);
    }
    return text;
}

int notify_make_event(const struct notify_message *m, struct courier_request *ret, struct err *err)
{
    struct str source = notify_text(m->settings, "source"),
               region = notify_text(m->settings, "region");
    const struct aws_event what = { .bus = notify_text(m->settings, "bus"),
                                    .region = region.n ? region : m->region,
                                    .source = source.n ? source : STR("hinomi"),
                                    .detail_type =
                                        m->finding ? STR("Hinomi Finding") : STR("Hinomi Test"),
                                    .detail = detail(m),
                                    .resource =
                                        m->finding ? m->finding->task_arn : (struct str){ 0 },
                                    .time_s = m->now_ms / 1000 };
    int r = needs(m, err);
    return r == 0 ? aws_put_event(m->aws, &what, m->now_ms / 1000, m->arena, ret, err) : r;
}
