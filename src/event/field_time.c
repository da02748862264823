/*
 * field_time: when an event was, and how long after what.
 *
 * Clock times are local times, as the reference prints them; evt.time.iso8601 is UTC. Three fields
 * share a time: the whole in nanoseconds, its seconds (.s), and what is left of a second (.ns).
 */
#include "event/field_extractors.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define LATENCY_COLUMNS 80 /* evt.latency.quantized goes from 1 to this, 10^11 ns being the end */
#define LATENCY_DECADES 11
#define CLOCK_TEXT      19 /* bytes of "2018-08-17 17:35:48" */

/* "2018-08-17 17:35:48" or its time of day. localtime_r() takes a lock: the last second is kept. */
static void clock_text(struct buf *buf, struct view *view, bool date)
{
    struct view_clock *last = &view->clock;
    time_t second = (time_t)(view->event->ts_ns / NS_PER_S);
    if (!last->text[0] || last->second != second) {
        struct tm tm;
        if (!localtime_r(&second, &tm) ||
            strftime(last->text, sizeof(last->text), "%Y-%m-%d %H:%M:%S", &tm) != CLOCK_TEXT) {
            last->text[0] = '\0';
            return;
        }
        last->second = second;
    }
    buf_puts(buf, date ? str_from(last->text, CLOCK_TEXT) : str_from(last->text + 11, 8));
}

static void fraction_text(struct buf *buf, uint64_t ts_ns)
{
    char digits[10] = ".000000000";
    uint64_t ns = ts_ns % NS_PER_S;
    for (int i = 9; ns; i--) {
        digits[i] = (char)('0' + ns % 10);
        ns /= 10;
    }
    buf_put(buf, digits, sizeof(digits));
}

void extract_evt_clock(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint64_t ts = view->event->ts_ns;
    bool date = field->id == FIELD_EVT_DATETIME || field->id == FIELD_EVT_DATETIME_S;
    bool whole = field->id == FIELD_EVT_TIME_S || field->id == FIELD_EVT_DATETIME_S;
    struct compose text;
    compose_begin(&text, view);
    clock_text(&text.buf, view, date);
    if (!whole) {
        fraction_text(&text.buf, ts);
    }
    put_composed(ret, &text);
}

void extract_evt_iso8601(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    time_t second = (time_t)(view->event->ts_ns / NS_PER_S);
    struct tm tm;
    char storage[32];
    if (!gmtime_r(&second, &tm) || !strftime(storage, sizeof(storage), "%Y-%m-%dT%H:%M:%S", &tm)) {
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    buf_putz(&text.buf, storage);
    fraction_text(&text.buf, view->event->ts_ns);
    buf_puts(&text.buf, STR("+0000"));
    put_composed(ret, &text);
}

void extract_evt_rawtime(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint64_t ts = view->event->ts_ns;
    ts = field->id == FIELD_EVT_RAWTIME_S    ? ts / NS_PER_S
         : field->id == FIELD_EVT_RAWTIME_NS ? ts % NS_PER_S
                                             : ts;
    put_u64(ret, TYPE_ABSTIME, ts);
}

void extract_evt_reltime(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint64_t ts = view->event->ts_ns;
    ts = ts > view->first_ts_ns ? ts - view->first_ts_ns : 0;
    ts = field->id == FIELD_EVT_RELTIME_S    ? ts / NS_PER_S
         : field->id == FIELD_EVT_RELTIME_NS ? ts % NS_PER_S
                                             : ts;
    put_u64(ret, TYPE_RELTIME, ts);
}

void extract_evt_deltatime(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint64_t delta = view->event->delta_ns;
    delta = field->id == FIELD_EVT_DELTATIME_S    ? delta / NS_PER_S
            : field->id == FIELD_EVT_DELTATIME_NS ? delta % NS_PER_S
                                                  : delta;
    put_u64(ret, TYPE_RELTIME, delta);
}

/* From the call's beginning to its end; 0 for enter events, and when the beginning was not seen. */
static uint64_t latency(const struct event *event)
{
    bool known =
        kind_is_exit(event->kind) && event->enter_ts_ns && event->ts_ns > event->enter_ts_ns;
    return known ? event->ts_ns - event->enter_ts_ns : 0;
}

void extract_evt_latency(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint64_t ns = latency(view->event);
    ns = field->id == FIELD_EVT_LATENCY_S    ? ns / NS_PER_S
         : field->id == FIELD_EVT_LATENCY_NS ? ns % NS_PER_S
                                             : ns;
    put_u64(ret, TYPE_RELTIME, ns);
}

void extract_evt_wait_latency(const struct field_ref *field, struct view *view,
                              struct extracted *ret)
{
    (void)field;
    const struct event *event = view->event;
    if (kind_is_exit(event->kind) && (kind_table[event->kind].flags & KIND_WAITS)) {
        put_u64(ret, TYPE_RELTIME, latency(event));
    }
}

void extract_evt_latency_quantized(const struct field_ref *field, struct view *view,
                                   struct extracted *ret)
{
    (void)field;
    uint64_t ns = latency(view->event);
    if (ns == 0) {
        return;
    }
    /* The decade and, linear within it, its part: near enough to a logarithm for a histogram. */
    uint64_t power = 1;
    unsigned decade = 0;
    while (decade < LATENCY_DECADES && ns / power >= 10) {
        power *= 10;
        decade++;
    }
    double log = decade + ((double)ns / (double)power - 1) / 9;
    log = log > LATENCY_DECADES ? LATENCY_DECADES : log;
    put_u64(ret, TYPE_UINT64, (uint64_t)(log * (LATENCY_COLUMNS - 1) / LATENCY_DECADES) + 1);
}

void extract_evt_latency_human(const struct field_ref *field, struct view *view,
                               struct extracted *ret)
{
    (void)field;
    static const struct {
        uint64_t ns;
        const char *name;
    } units[] = { { 60 * NS_PER_S, "m" }, { NS_PER_S, "s" }, { NS_PER_MS, "ms" }, { 1000, "us" } };
    uint64_t ns = latency(view->event);
    struct compose text;
    compose_begin(&text, view);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (ns >= units[i].ns * 10) {
            buf_printf(&text.buf, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
            put_composed(ret, &text);
            return;
        }
        if (ns >= units[i].ns) {
            uint64_t hundredths = ns % units[i].ns * 100 / units[i].ns;
            buf_printf(&text.buf, "%" PRIu64 ".%02" PRIu64 "%s", ns / units[i].ns, hundredths,
                       units[i].name);
            put_composed(ret, &text);
            return;
        }
    }
    buf_printf(&text.buf, "%" PRIu64 "ns", ns);
    put_composed(ret, &text);
}

/* Distance to the argument's time, in ms, rounded up: "= n" in a rule means at most n. */
void extract_evt_around(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint64_t center = 0;
    if (field->key.n) {
        for (size_t i = 0; i < field->key.n; i++) {
            center = center * 10 + (uint64_t)(field->key.p[i] - '0');
        }
    } else {
        center = (uint64_t)field->index;
    }
    uint64_t ts = view->event->ts_ns;
    uint64_t distance = ts > center ? ts - center : center - ts;
    put_u64(ret, TYPE_UINT64, distance / NS_PER_MS + (distance % NS_PER_MS != 0));
}
