/*
 * verdict: answers of HTTP and SMTP servers, and failures on the way, as what becomes of a delivery.
 *
 * Delivery is at least once: when it is not known whether it arrived, it is tried again. A message that is refused as
 * such is given up at once. Where the channel is what is refused (a password, a token, an address that is gone), it is tried
 * again for a day: people may have set it right by then.
 */
#include "notify/verdict.h"

#include <stdio.h>

/* What would be refused again: this message, not whoever sends it. */
static bool is_final(int status, bool mail)
{
    static const int of_http[] = { 400, 405, 410, 411, 413, 414, 415, 422 };
    if (mail) {
        return status >= 500 && status != 530 && status != 534 && status != 535 && status != 538;
    }
    for (size_t i = 0; i < sizeof(of_http) / sizeof(*of_http); i++) {
        if (status == of_http[i]) {
            return true;
        }
    }
    return status >= 300 && status <= 399;
}

static enum notify_verdict judge_status(int status, bool mail)
{
    if (status >= 200 && status <= 299) {
        return NOTIFY_DELIVERED;
    }
    return is_final(status, mail) ? NOTIFY_NEVER : NOTIFY_AGAIN;
}

static enum notify_verdict judge(const struct courier_answer *a, bool mail)
{
    switch (a->outcome) {
    case COURIER_ANSWERED:
        return judge_status(a->status, mail);
    case COURIER_REFUSED:
        return NOTIFY_NEVER;
    case COURIER_BUSY:
    case COURIER_STOPPED:
        return NOTIFY_OURS;
    case COURIER_TOO_LARGE:
    case COURIER_UNREACHABLE:
    case COURIER_UNTRUSTED:
    case COURIER_TIMEOUT:
    case COURIER_BROKEN:
    case COURIER_UNKNOWN:
        break;
    }
    return a->status >= 200 && a->status <= 299 ? NOTIFY_DELIVERED : NOTIFY_AGAIN;
}

bool notify_was_not_tried(const struct courier_answer *a)
{
    return a->outcome == COURIER_BUSY || a->outcome == COURIER_STOPPED;
}

/* The beginning of what was answered, on one line. */
static void quote(const struct courier_answer *a, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < a->body.n && n + 1 < size && n < 200; i++) {
        char c = a->body.p[i];
        to[n++] = c >= ' ' && c < 0x7f ? c : (c == '\n' || c == '\r' || c == '\t') ? ' ' : '?';
    }
    to[n] = '\0';
}

enum notify_verdict notify_judge_answer(const struct courier_answer *a, bool mail,
                                        char said[NOTIFY_SAID_MAX])
{
    char body[NOTIFY_SAID_MAX];
    quote(a, body, sizeof(body));
    if (a->outcome != COURIER_ANSWERED) {
        snprintf(said, NOTIFY_SAID_MAX, "%s%s%s", courier_outcome_name(a->outcome),
                 a->text[0] ? ": " : "", a->text);
    } else if (body[0]) {
        snprintf(said, NOTIFY_SAID_MAX, "%d: %s", a->status, body);
    } else if (a->text[0]) {
        snprintf(said, NOTIFY_SAID_MAX, "%s", a->text);
    } else {
        snprintf(said, NOTIFY_SAID_MAX, "%d", a->status);
    }
    return judge(a, mail);
}

int64_t notify_back_off_ms(int64_t attempts, int64_t retry_after_s, uint32_t random)
{
    static const int64_t seconds[] = { 2, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600 };
    const int64_t n = sizeof(seconds) / sizeof(*seconds);
    int64_t at = attempts < 1 ? 0 : attempts - 1;
    int64_t ms = seconds[at < n ? at : n - 1] * 1000;
    ms += ms / 5 * (int64_t)(random % 1000) / 1000;
    int64_t asked = retry_after_s > 0 && retry_after_s < 86400 ? retry_after_s * 1000 : 0;
    ms = asked > ms ? asked : ms;
    return ms < NOTIFY_RETRY_MOST_MS ? ms : NOTIFY_RETRY_MOST_MS;
}
