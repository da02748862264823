/*
 * ingest_time: the time of an alert as ms since 1970.
 *
 *     2026-01-31T12:00:00[.123456789](Z|+09:00|-0930)
 *
 * A bare number is told by its size: seconds, milli-, micro- or nanoseconds, each of which is some year between
 * 1973 and 2286 in one of them only.
 */
#include "server/ingest_internal.h"

#define SECONDS_MAX INT64_C(10000000000)

static bool digits(struct str *s, unsigned n, int *ret)
{
    int v = 0;
    if (s->n < n) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') {
            return false;
        }
        v = v * 10 + (s->p[i] - '0');
    }
    *s = str_from_offset(*s, n);
    *ret = v;
    return true;
}

static bool sign(struct str *s, const char *among, char *ret)
{
    if (s->n == 0 || !s->p[0] || !strchr(among, s->p[0])) {
        return false;
    }
    *ret = s->p[0];
    *s = str_from_offset(*s, 1);
    return true;
}

/* Days since 1970-01-01, by eras of 400 years that begin on 1 March. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool offset(struct str *s, int *ret_minutes)
{
    char c;
    int hours, minutes;
    if (!sign(s, "Zz+-", &c)) {
        return false;
    }
    if (c == 'Z' || c == 'z') {
        *ret_minutes = 0;
        return s->n == 0;
    }
    if (!digits(s, 2, &hours)) {
        return false;
    }
    char colon;
    sign(s, ":", &colon);
    if (!digits(s, 2, &minutes) || s->n || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = (hours * 60 + minutes) * (c == '-' ? -1 : 1);
    return true;
}

static bool fraction(struct str *s, int *ret_ms)
{
    char c;
    int scale = 100;
    *ret_ms = 0;
    if (!sign(s, ".,", &c)) {
        return true;
    }
    size_t before = s->n;
    for (int digit; digits(s, 1, &digit); scale /= 10) {
        *ret_ms += digit * scale;
    }
    return s->n < before;
}

static bool parse_text(struct str s, int64_t *ret)
{
    int v[6], ms, minutes;
    char c;
    static const struct {
        unsigned digits;
        const char *then;
    } parts[] = { { 4, "-" }, { 2, "-" }, { 2, "Tt " }, { 2, ":" }, { 2, ":" }, { 2, NULL } };
    for (unsigned i = 0; i < 6; i++) {
        if (!digits(&s, parts[i].digits, &v[i]) ||
            (parts[i].then && !sign(&s, parts[i].then, &c))) {
            return false;
        }
    }
    if (v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 60 ||
        !fraction(&s, &ms) || !offset(&s, &minutes)) {
        return false;
    }
    int64_t seconds = ((days_of(v[0], v[1], v[2]) * 24 + v[3]) * 60 + v[4] - minutes) * 60 + v[5];
    *ret = seconds * 1000 + ms;
    return true;
}

static bool parse_number(int64_t v, int64_t *ret)
{
    if (v < 0) {
        return false;
    }
    *ret = v < SECONDS_MAX             ? v * 1000
           : v < SECONDS_MAX * 1000    ? v
           : v < SECONDS_MAX * 1000000 ? v / 1000
                                       : v / 1000000;
    return true;
}

bool ingest_time(struct jscan value, int64_t *ret_ms)
{
    int64_t v;
    if (value.type == JSCAN_TEXT) {
        return parse_text(str_from(value.raw.p + 1, value.raw.n - 2), ret_ms);
    }
    return jscan_i64(value, &v) && parse_number(v, ret_ms);
}
