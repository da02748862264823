/*
 * alert: one match of one rule, as text and as Alert v1 (Falco's JSON).
 */
#pragma once

#include "base/buf.h"
#include "event/field.h"
#include "rules/matcher.h"
#include "rules/output.h"

#include <stdbool.h>
#include <stdint.h>

struct alert_format {
    bool json;
    bool time_iso8601; /* in text: 2026-01-31T12:00:00.000000000+0000; else 12:00:00.000000000 local */
    struct str hostname;
};

/* `<evt.time>: <Priority> <message>` and a newline; control characters escaped. */
void alert_text(const struct alert_format *format, const struct rule *rule,
                const struct output *output, struct view *view, struct buf *buf);
/* One line of JSON: time rule priority source hostname output tags output_fields. */
void alert_json(const struct alert_format *format, const struct rule *rule,
                const struct output *output, struct view *view, struct buf *buf);
