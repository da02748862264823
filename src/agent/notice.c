/*
 * notice: lines in the alerts' two forms that no event stands behind.
 *
 * A line is put together in one buffer of a fixed limit and handed to the engine's outlet whole, so that it
 * never stands inside an alert. Texts come from containers: they are cut, and lose their control characters.
 */
#include "agent/notice.h"

#include "agent/alert.h"
#include "agent/engine_internal.h"
#include "base/clock.h"

#include <errno.h>
#include <string.h>

#define GAP_TEXT_MAX   512
#define LINE_MAX_BYTES ((size_t)NOTICE_TEXT_MAX * 8 * (NOTICE_FIELDS_MAX + 2))

static void put_message(const struct alert_format *format, const struct notice *notice,
                        uint64_t ts_ns, struct buf *buf)
{
    alert_put_time(format, ts_ns, buf);
    buf_puts(buf, STR(": "));
    buf_putz(buf, priority_text(notice->priority));
    buf_putc(buf, ' ');
    buf_puts(buf, str_first(notice->message, NOTICE_TEXT_MAX));
}

static void put_time_value(uint64_t ts_ns, struct jsonw *w, const char *key)
{
    char storage[64];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    alert_put_utc(ts_ns, &text);
    jsonw_str(w, key, buf_str(&text));
}

static void put_field(const struct notice_field *field, struct jsonw *w)
{
    switch (field->kind) {
    case NOTICE_TEXT:
        jsonw_str(w, field->key, str_first(field->text, NOTICE_TEXT_MAX));
        break;
    case NOTICE_NUMBER:
        jsonw_u64(w, field->key, field->number);
        break;
    case NOTICE_TIME:
        put_time_value(field->number, w, field->key);
        break;
    case NOTICE_NULL:
        jsonw_null(w, field->key);
        break;
    }
}

static struct str container_of(const struct notice *notice)
{
    for (uint32_t i = 0; i < notice->nfields && i < NOTICE_FIELDS_MAX; i++) {
        if (strcmp(notice->fields[i].key, "container.id") == 0 &&
            notice->fields[i].kind == NOTICE_TEXT) {
            return str_first(notice->fields[i].text, 256);
        }
    }
    return (struct str){ 0 };
}

static void put_gap(const struct notice_gap *gap, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    put_time_value(gap->start_ns, &w, "start");
    if (gap->end_ns) {
        put_time_value(gap->end_ns, &w, "end");
    } else {
        jsonw_null(&w, "end");
    }
    jsonw_str(&w, "cause", str_first(gap->cause, GAP_TEXT_MAX));
    jsonw_u64(&w, "calls", gap->passed);
    jsonw_u64(&w, "rescued", gap->rescued);
    jsonw_u64(&w, "refused", gap->refused);
    jsonw_u64(&w, "lost", gap->lost);
    if (gap->calls.n) {
        jsonw_str(&w, "by_call", str_first(gap->calls, GAP_TEXT_MAX));
    } else {
        jsonw_null(&w, "by_call");
    }
    jsonw_end(&w);
}

static void put_hinomi(const struct alert_format *format, const struct notice *notice, uint64_t seq,
                       struct buf *buf)
{
    char storage[GAP_TEXT_MAX * 12 + 512];
    struct buf gap;
    buf_init_fixed(&gap, storage, sizeof(storage));
    if (notice->gap) {
        put_gap(notice->gap, &gap);
    }
    const struct alert_notice own = { .seq = seq,
                                      .severity = policy_severity_of(notice->priority),
                                      .container = container_of(notice),
                                      .gap = gap.failed ? (struct str){ 0 } : buf_str(&gap) };
    buf_putc(buf, ',');
    alert_hinomi_put_notice(format->hinomi, &own, buf);
}

static void put_json(const struct alert_format *format, const struct notice *notice, uint64_t ts_ns,
                     uint64_t seq, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    char storage[NOTICE_TEXT_MAX + 128];
    struct buf output;
    buf_init_fixed(&output, storage, sizeof(storage));
    put_message(format, notice, ts_ns, &output);
    jsonw_object(&w, NULL);
    jsonw_str(&w, "hostname", format->hostname);
    jsonw_str(&w, "output", buf_str(&output));
    jsonw_object(&w, "output_fields");
    for (uint32_t i = 0; i < notice->nfields && i < NOTICE_FIELDS_MAX; i++) {
        put_field(&notice->fields[i], &w);
    }
    jsonw_end(&w);
    jsonw_strz(&w, "priority", priority_text(notice->priority));
    jsonw_strz(&w, "rule", notice->rule);
    jsonw_strz(&w, "source", NOTICE_SOURCE);
    jsonw_array(&w, "tags");
    jsonw_end(&w);
    put_time_value(ts_ns, &w, "time");
    if (seq && format->hinomi) {
        put_hinomi(format, notice, seq, buf);
    }
    jsonw_end(&w);
}

void notice_write(const struct alert_format *format, const struct notice *notice, uint64_t seq,
                  struct buf *buf)
{
    uint64_t ts_ns = notice->ts_ns ? notice->ts_ns : clock_real_ns();
    if (format->json) {
        put_json(format, notice, ts_ns, seq, buf);
    } else {
        char storage[NOTICE_TEXT_MAX + 128];
        struct buf text;
        buf_init_fixed(&text, storage, sizeof(storage));
        put_message(format, notice, ts_ns, &text);
        alert_put_plain(buf_str(&text), buf);
    }
    buf_putc(buf, '\n');
}

/* Also where alerts are kept. */
static void keep(struct engine *engine, const struct alert_format *format,
                 const struct notice *notice, uint64_t seq)
{
    const struct engine_keep *to = &engine->config.keep;
    uint64_t ts_ns = notice->ts_ns ? notice->ts_ns : clock_real_ns();
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    put_json(format, notice, ts_ns, seq, &line);
    to->notice(to->data, line.failed ? (struct str){ 0 } : buf_str(&line),
               policy_severity_of(notice->priority), ts_ns);
    buf_done(&line);
}

int notice_say(struct engine *engine, const struct notice *notice)
{
    /* Not the engine's own: its clock is kept between alerts, under the lock. */
    struct alert_format format = engine->config.options.format;
    struct buf line;
    format.clock = NULL;
    buf_init(&line, LINE_MAX_BYTES);
    bool kept = engine->config.keep.notice && strcmp(notice->rule, NOTICE_GAP_RULE) != 0;
    uint64_t seq = format.hinomi ? engine_next_alert(engine) : 0;
    if (kept) {
        keep(engine, &format, notice, seq);
    }
    notice_write(&format, notice, seq, &line);
    int r = line.failed ? -ENOMEM : engine_say(engine, line.p, line.n);
    buf_done(&line);
    return r;
}

static void describe(const struct notice_gap *gap, uint64_t now_ns, struct buf *buf)
{
    buf_puts(buf, STR(NOTICE_GAP_RULE ": calls passed unseen (start="));
    alert_put_utc(gap->start_ns, buf);
    buf_puts(buf, STR(" end="));
    if (gap->end_ns) {
        alert_put_utc(gap->end_ns, buf);
    } else {
        buf_printf(buf, "open, since %.1f s", (double)(now_ns - gap->start_ns) / (double)NS_PER_S);
    }
    buf_puts(buf, STR(" cause="));
    buf_puts(buf, str_first(gap->cause, 256));
    buf_printf(buf, " calls=%llu rescued=%llu refused=%llu lost_gaps=%llu container=",
               (unsigned long long)gap->passed, (unsigned long long)gap->rescued,
               (unsigned long long)gap->refused, (unsigned long long)gap->lost);
    buf_puts(buf, gap->container.n ? str_first(gap->container, 256) : STR("<NA>"));
    buf_putc(buf, ')');
}

static void count(struct engine *engine, const struct notice_gap *gap)
{
    struct engine_gaps *gaps = &engine->gaps;
    if (gap->end_ns) {
        uint64_t lasted = gap->end_ns > gap->start_ns ? gap->end_ns - gap->start_ns : 0;
        atomic_fetch_add(&gaps->closed, 1);
        atomic_fetch_add(&gaps->calls, gap->passed);
        atomic_fetch_add(&gaps->ns, lasted);
    }
}

int notice_gap(struct engine *engine, const struct notice_gap *gap)
{
    uint64_t now = clock_real_ns();
    if (!gap->end_ns && (now < gap->start_ns || now - gap->start_ns < NOTICE_OPEN_GAP_NS)) {
        return -EAGAIN;
    }
    char storage[1024];
    struct buf message;
    buf_init_fixed(&message, storage, sizeof(storage));
    describe(gap, now, &message);
    const struct notice_field fields[] = {
        { "gap.start", NOTICE_TIME, { 0 }, gap->start_ns },
        { "gap.end", gap->end_ns ? NOTICE_TIME : NOTICE_NULL, { 0 }, gap->end_ns },
        { "gap.cause", NOTICE_TEXT, gap->cause, 0 },
        { "gap.calls", NOTICE_NUMBER, { 0 }, gap->passed },
        { "gap.rescued", NOTICE_NUMBER, { 0 }, gap->rescued },
        { "gap.refused", NOTICE_NUMBER, { 0 }, gap->refused },
        { "gap.lost", NOTICE_NUMBER, { 0 }, gap->lost },
        { "gap.by_call", gap->calls.n ? NOTICE_TEXT : NOTICE_NULL, gap->calls, 0 },
        { "container.id", gap->container.n ? NOTICE_TEXT : NOTICE_NULL, gap->container, 0 },
    };
    const struct notice notice = { .rule = NOTICE_GAP_RULE,
                                   .priority = PRIORITY_WARNING,
                                   .ts_ns = now,
                                   .message = buf_str(&message),
                                   .fields = fields,
                                   .nfields = sizeof(fields) / sizeof(*fields),
                                   .gap = gap };
    count(engine, gap);
    if (gap->end_ns && engine->config.keep.gap) {
        engine->config.keep.gap(engine->config.keep.data, gap);
    }
    return notice_say(engine, &notice);
}
