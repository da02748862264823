/*
 * alert: one match of one rule, as text and as Alert v1 (Falco's JSON).
 *
 * Nothing is allocated but by the buffer that is written to.
 */
#pragma once

#include "agent/alert_hinomi.h"
#include "base/buf.h"
#include "event/field.h"
#include "rules/matcher.h"
#include "rules/output.h"

#include <stdbool.h>
#include <stdint.h>

/* What is kept of the time zone between alerts; zeroed at first. */
struct alert_clock {
    uint64_t quarter; /* the quarter of an hour that offset_s is right for, plus 1 */
    int32_t offset_s; /* local time minus UTC */
};

struct alert_format {
    bool json;
    bool
        time_iso8601; /* in text: 2026-01-31T12:00:00.000000000+0000; else 12:00:00.000000000 local */
    struct str hostname;
    struct alert_clock *clock;   /* NULL: the time zone is looked up for each alert */
    struct alert_hinomi *hinomi; /* of Alert v1; NULL: only Falco's keys. Borrowed */
    struct matcher *matcher;     /* tells evidence; the pipeline sets its own */
};

/* `<evt.time>: <Priority> <message>` and a newline; control characters escaped as in JSON. */
void alert_text(const struct alert_format *format, const struct rule *rule,
                const struct output *output, struct view *view, struct buf *buf);
/*
 * One line of JSON, Falco's keys in its order: hostname output output_fields priority rule source tags
 * time; with format->hinomi then uuid and hinomi (agent/alert_hinomi.h). `output` is the whole text line.
 */
void alert_json(const struct alert_format *format, const struct rule *rule,
                const struct output *output, struct view *view, struct buf *buf);

/* The parts, for lines that no event stands behind: evt.time as the format has it; RFC 3339 in UTC. */
void alert_put_time(const struct alert_format *format, uint64_t ts_ns, struct buf *buf);
void alert_put_utc(uint64_t ts_ns, struct buf *buf);
/* Control characters escaped as in JSON, other bytes as they are. */
void alert_put_plain(struct str s, struct buf *buf);
