/*
 * alert: lines of text and of JSON from a match.
 *
 * Dates are computed from days (proleptic Gregorian), digits are written two at a time, and the time
 * zone's offset is kept for a quarter of an hour, the finest step at which zones change.
 */
#include "agent/alert.h"

#include "base/clock.h"

#include <time.h>

#define QUARTER_S 900
#define DAY_S     86400

static void put_digits(char *at, uint64_t v, unsigned n)
{
    while (n--) {
        at[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* HH:MM:SS.nnnnnnnnn */
static void put_clock(struct buf *buf, int64_t s, uint64_t ns)
{
    char text[] = "00:00:00.000000000";
    uint64_t of_day = (uint64_t)(((s % DAY_S) + DAY_S) % DAY_S);
    put_digits(text, of_day / 3600, 2);
    put_digits(text + 3, of_day / 60 % 60, 2);
    put_digits(text + 6, of_day % 60, 2);
    put_digits(text + 9, ns, 9);
    buf_put(buf, text, sizeof(text) - 1);
}

/* Year, month, day of a day counted from 1970-01-01, by eras of 400 years that begin on 1 March. */
static void put_date(struct buf *buf, int64_t s)
{
    char text[] = "0000-00-00";
    int64_t days = (s >= 0 ? s : s - DAY_S + 1) / DAY_S + 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    uint64_t of_era = (uint64_t)(days - era * 146097);
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* from March */
    put_digits(text + 8, of_year - (153 * month + 2) / 5 + 1, 2);
    put_digits(text + 5, month < 10 ? month + 3 : month - 9, 2);
    put_digits(text, year + (uint64_t)era * 400 + (month >= 10), 4);
    buf_put(buf, text, sizeof(text) - 1);
}

static int32_t local_offset(time_t s)
{
    struct tm tm;
    return localtime_r(&s, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

static int32_t offset_at(struct alert_clock *clock, uint64_t s)
{
    if (!clock) {
        return local_offset((time_t)s);
    }
    if (clock->quarter != s / QUARTER_S + 1) {
        clock->quarter = s / QUARTER_S + 1;
        clock->offset_s = local_offset((time_t)s);
    }
    return clock->offset_s;
}

void alert_put_time(const struct alert_format *format, uint64_t ts_ns, struct buf *buf)
{
    uint64_t s = ts_ns / NS_PER_S;
    if (format->time_iso8601) {
        put_date(buf, (int64_t)s);
        buf_putc(buf, 'T');
        put_clock(buf, (int64_t)s, ts_ns % NS_PER_S);
        buf_puts(buf, STR("+0000"));
        return;
    }
    put_clock(buf, (int64_t)s + offset_at(format->clock, s), ts_ns % NS_PER_S);
}

/* `<time>: <Priority> `, which needs no escaping. */
static void put_prefix(const struct alert_format *format, const struct rule *rule,
                       const struct view *view, struct buf *buf)
{
    alert_put_time(format, view->event->ts_ns, buf);
    buf_puts(buf, STR(": "));
    buf_putz(buf, priority_text(rule->priority));
    buf_putc(buf, ' ');
}

static void put_control(struct buf *buf, unsigned char c)
{
    static const char short_form[] = "btn\0fr"; /* 0x08 to 0x0d; \v has none */
    static const char hex[] = "0123456789abcdef";
    char text[] = "\\u0000";
    if (c >= 0x08 && c <= 0x0d && short_form[c - 0x08]) {
        text[1] = short_form[c - 0x08];
        buf_put(buf, text, 2);
        return;
    }
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    buf_put(buf, text, 6);
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* Terminals and log readers get nothing that could steer them; other bytes pass as they are. */
void alert_put_plain(struct str s, struct buf *buf)
{
    size_t start = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (is_control((unsigned char)s.p[i])) {
            buf_put(buf, s.p + start, i - start);
            put_control(buf, (unsigned char)s.p[i]);
            start = i + 1;
        }
    }
    buf_put(buf, s.p + start, s.n - start);
}

void alert_text(const struct alert_format *format, const struct rule *rule,
                const struct output *output, struct view *view, struct buf *buf)
{
    struct scratch *scratch = &view->scratch;
    size_t kept = scratch->n;
    put_prefix(format, rule, view, buf);
    const struct extracted *values = output_extract(output, view);
    struct buf message;
    buf_init_fixed(&message, scratch->p + scratch->n, scratch->capacity - scratch->n);
    output_put_text(output, values, &message);
    scratch->truncated |= message.failed;
    alert_put_plain(buf_str(&message), buf);
    buf_putc(buf, '\n');
    scratch->n = kept;
}

static void put_tags(const struct rule *rule, struct buf *buf)
{
    buf_putc(buf, '[');
    for (uint32_t i = 0; i < rule->ntags; i++) {
        if (i) {
            buf_putc(buf, ',');
        }
        buf_json_str(buf, rule->tags[i]);
    }
    buf_putc(buf, ']');
}

void alert_put_utc(uint64_t ts_ns, struct buf *buf)
{
    put_date(buf, (int64_t)(ts_ns / NS_PER_S));
    buf_putc(buf, 'T');
    put_clock(buf, (int64_t)(ts_ns / NS_PER_S), ts_ns % NS_PER_S);
    buf_putc(buf, 'Z');
}

void alert_json(const struct alert_format *format, const struct rule *rule,
                const struct output *output, struct view *view, struct buf *buf)
{
    size_t kept = view->scratch.n;
    const struct extracted *values = output_extract(output, view);
    buf_puts(buf, STR("{\"hostname\":"));
    buf_json_str(buf, format->hostname);
    buf_puts(buf, STR(",\"output\":\""));
    put_prefix(format, rule, view, buf);
    output_put_text_json(output, values, view, buf);
    buf_puts(buf, STR("\",\"output_fields\":"));
    output_put_fields_json(output, values, view, buf);
    buf_puts(buf, STR(",\"priority\":\""));
    buf_putz(buf, priority_text(rule->priority));
    buf_puts(buf, STR("\",\"rule\":"));
    buf_json_str(buf, rule->name);
    buf_puts(buf, STR(",\"source\":"));
    buf_json_str(buf, rule->source);
    buf_puts(buf, STR(",\"tags\":"));
    put_tags(rule, buf);
    buf_puts(buf, STR(",\"time\":\""));
    alert_put_utc(view->event->ts_ns, buf);
    buf_putc(buf, '"');
    if (format->hinomi) {
        buf_putc(buf, ',');
        alert_hinomi_put(format->hinomi, format->matcher, rule, view, buf);
    }
    buf_puts(buf, STR("}\n"));
    view->scratch.n = kept;
}
