/*
 * Reports: a notice for each outcome, and numbers for the metrics.
 *
 * What can come as often as alerts do (refusals, limits, denials) is told at once when it is new; the like of
 * it (action, result, container, rule, policy) is counted for a minute and told then with its number.
 */
#include "agent/respond_internal.h"

#include "agent/notice.h"
#include "base/clock.h"
#include "rules/policy.h"

#include <stdio.h>
#include <string.h>

#define MERGE_NS    (60 * NS_PER_S)
#define MESSAGE_MAX 2048

const char *respond_result_text(enum respond_result result)
{
    static const char *const texts[] = {
        "done", "gone", "refused", "limited", "failed", "dropped"
    };
    return result < RESPOND_RESULTS ? texts[result] : "none";
}

static struct str or_none(const char *text)
{
    return text[0] ? str_of(text) : STR("<NA>");
}

static void put_message(struct buf *buf, const struct request *q, const struct outcome *o,
                        uint64_t count)
{
    buf_printf(buf, "%s: %s %s (", RESPOND_RULE, action_text((enum policy_action)(1u << q->bit)),
               respond_result_text(o->result));
    if (o->reason[0]) {
        buf_printf(buf, "reason=%s ", o->reason);
    }
    if (o->by && o->result == RESPOND_DONE) {
        buf_printf(buf, "by=%s ", o->by);
    }
    if (count > 1) {
        buf_printf(buf, "times=%llu ", (unsigned long long)count);
    }
    buf_printf(buf, "pid=%lld process=%.*s container=%.*s policy=%.*s rule=%.*s)",
               (long long)q->target.pid, STR_ARG(or_none(q->process)),
               STR_ARG(or_none(q->container)), STR_ARG(or_none(q->policy)),
               STR_ARG(or_none(q->rule)));
}

static struct notice_field text_field(const char *key, const char *text)
{
    return (struct notice_field){ key, text && text[0] ? NOTICE_TEXT : NOTICE_NULL, str_of(text),
                                  0 };
}

static struct notice_field number_field(const char *key, uint64_t number)
{
    return (struct notice_field){ key, NOTICE_NUMBER, { 0 }, number };
}

static void tell(struct respond *r, const struct request *q, const struct outcome *o,
                 uint64_t count)
{
    char message[MESSAGE_MAX];
    struct buf buf;
    buf_init_fixed(&buf, message, sizeof(message));
    put_message(&buf, q, o, count);
    const struct notice_field fields[] = {
        text_field("response.action", action_text((enum policy_action)(1u << q->bit))),
        text_field("response.result", respond_result_text(o->result)),
        number_field("response.errno", (uint64_t)o->error),
        text_field("response.reason", o->reason),
        text_field("response.by", o->result == RESPOND_DONE ? o->by : NULL),
        text_field("response.policy", q->policy),
        text_field("response.rule", q->rule),
        number_field("response.count", count),
        number_field("proc.pid", (uint64_t)q->target.pid),
        text_field("proc.name", q->process),
        text_field("container.id", q->container),
    };
    bool harmless = o->result == RESPOND_DONE || o->result == RESPOND_GONE;
    struct notice notice = {
        .rule = RESPOND_RULE,
        .priority = harmless ? PRIORITY_NOTICE : PRIORITY_WARNING,
        .message = buf_str(&buf),
        .fields = fields,
        .nfields = sizeof(fields) / sizeof(*fields),
    };
    notice_say(r->engine, &notice);
}

static bool is_like(const struct merge *m, const struct request *q, const struct outcome *o)
{
    return m->since_ns && m->request.bit == q->bit && m->outcome.result == o->result &&
           strcmp(m->request.container, q->container) == 0 &&
           strcmp(m->request.rule, q->rule) == 0 && strcmp(m->request.policy, q->policy) == 0 &&
           strcmp(m->outcome.reason, o->reason) == 0;
}

/* Tells what was not told, and frees the place. */
static void end_merge(struct respond *r, struct merge *m)
{
    if (m->untold) {
        tell(r, &m->request, &m->outcome, m->untold);
    }
    m->since_ns = 0;
    m->untold = 0;
}

/* That of the like of it; made, with untold 0, if there is none. */
static struct merge *merge_of(struct respond *r, const struct request *q, const struct outcome *o,
                              bool *ret_new)
{
    struct merge *oldest = &r->merges[0];
    for (int i = 0; i < RESPOND_MERGES; i++) {
        struct merge *m = &r->merges[i];
        if (is_like(m, q, o)) {
            *ret_new = false;
            return m;
        }
        oldest = m->since_ns < oldest->since_ns ? m : oldest;
    }
    end_merge(r, oldest);
    *oldest = (struct merge){ .request = *q, .outcome = *o, .since_ns = clock_boot_ns() };
    *ret_new = true;
    return oldest;
}

void respond_report(struct respond *r, const struct request *q, const struct outcome *o)
{
    atomic_fetch_add(&r->counts[q->bit][o->result], 1);
    if (!o->merged) {
        tell(r, q, o, 1);
        return;
    }
    bool is_new;
    pthread_mutex_lock(&r->telling);
    struct merge *m = merge_of(r, q, o, &is_new);
    if (is_new) {
        tell(r, q, o, 1);
    } else {
        m->request = *q;
        m->untold++;
    }
    pthread_mutex_unlock(&r->telling);
}

bool respond_report_merged(struct respond *r, bool all)
{
    uint64_t now = clock_boot_ns();
    bool waits = false;
    pthread_mutex_lock(&r->telling);
    for (int i = 0; i < RESPOND_MERGES; i++) {
        struct merge *m = &r->merges[i];
        if (m->since_ns && (all || now - m->since_ns >= MERGE_NS)) {
            end_merge(r, m);
        }
        waits |= m->since_ns != 0;
    }
    pthread_mutex_unlock(&r->telling);
    return waits;
}

void respond_captured(void *data, const struct recorder_result *result)
{
    struct respond *r = data;
    struct outcome outcome = { .result = result->error ? RESPOND_FAILED : RESPOND_DONE,
                               .error = result->error,
                               .by = "capture" };
    struct request q = { .bit = CAPTURE_BIT, .target = { .pid = result->cause.pid } };
    snprintf(q.rule, sizeof(q.rule), "%.*s", STR_ARG(result->cause.rule));
    snprintf(q.policy, sizeof(q.policy), "%.*s", STR_ARG(result->cause.policy));
    snprintf(q.container, sizeof(q.container), "%.*s", STR_ARG(result->cause.container));
    if (result->error) {
        snprintf(outcome.reason, sizeof(outcome.reason), "%s", strerror(result->error));
    } else {
        snprintf(outcome.reason, sizeof(outcome.reason), "file %s events %llu alerts %u%s%s",
                 result->file, (unsigned long long)result->events, result->joined + 1,
                 result->cut ? ", cut at the limit" : "",
                 result->lost ? ", the oldest events were lost" : "");
    }
    if (r->engine) {
        respond_report(r, &q, &outcome);
    }
}
