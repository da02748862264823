/*
 * time: times and severities as people write them in filters.
 */
#include "filter/filter.h"

#include <stdio.h>
#include <time.h>

#define NUMBER_MAX 15 /* digits */

static const struct band {
    const char *name;
    int64_t least, most;
} bands[] = {
    { "info", 0, 9 },   { "low", 10, 39 },       { "medium", 40, 69 },
    { "high", 70, 89 }, { "critical", 90, 100 },
};

bool filter_band(struct str name, int64_t *ret_least, int64_t *ret_most)
{
    for (size_t i = 0; i < sizeof(bands) / sizeof(bands[0]); i++) {
        if (str_ieq(name, str_of(bands[i].name))) {
            *ret_least = bands[i].least;
            *ret_most = bands[i].most;
            return true;
        }
    }
    return false;
}

const char *filter_band_of(int64_t tenths)
{
    size_t i = 0;
    while (i + 1 < sizeof(bands) / sizeof(bands[0]) && tenths > bands[i].most) {
        i++;
    }
    return bands[i].name;
}

static bool digits(struct str s, int64_t *ret)
{
    int64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        v = v * 10 + (s.p[i] - '0');
    }
    *ret = v;
    return s.n > 0 && s.n <= NUMBER_MAX;
}

static int64_t unit_ms(char c)
{
    switch (c) {
    case 's':
        return 1000;
    case 'm':
        return 60000;
    case 'h':
        return 3600000;
    case 'd':
        return 86400000;
    case 'w':
        return 7 * INT64_C(86400000);
    default:
        return 0;
    }
}

/* -24h */
static bool relative(struct str s, int64_t now_ms, int64_t *ret)
{
    int64_t n;
    int64_t unit = s.n > 2 ? unit_ms(s.p[s.n - 1]) : 0;
    if (unit == 0 || s.p[0] != '-' || !digits(str_from(s.p + 1, s.n - 2), &n) || n > 1000000) {
        return false;
    }
    *ret = now_ms - n * unit;
    return true;
}

/* Z, +09:00, -0330; what is behind it must be nothing. */
static bool zone(const char *p, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (*p == '\0' || ((*p == 'Z' || *p == 'z') && p[1] == '\0')) {
        return true;
    }
    int h, m, n = 0;
    if ((*p != '+' && *p != '-') ||
        (sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 &&
         sscanf(p + 1, "%2d%2d%n", &h, &m, &n) != 2) ||
        p[1 + n] != '\0' || h > 14 || m > 59 || h < 0 || m < 0) {
        return false;
    }
    *ret_ms = (*p == '-' ? -1 : 1) * (h * INT64_C(3600000) + m * INT64_C(60000));
    return true;
}

static const char *fraction(const char *p, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (*p != '.') {
        return p;
    }
    int64_t scale = 100;
    for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10) {
        *ret_ms += (*p - '0') * scale;
    }
    return p;
}

/* RFC 3339, and a date alone (its midnight in UTC). */
static bool absolute(struct str s, int64_t *ret)
{
    char text[48];
    if (s.n < 10 || s.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    int64_t ms = 0, offset = 0;
    if (rest && *rest != '\0') {
        rest = *rest == 'T' || *rest == 't' ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
        rest = rest ? fraction(rest, &ms) : NULL;
        if (!rest || !zone(rest, &offset)) {
            return false;
        }
    }
    if (!rest) {
        return false;
    }
    *ret = (int64_t)timegm(&tm) * 1000 + ms - offset;
    return true;
}

bool filter_time(struct str text, int64_t now_ms, int64_t *ret_ms)
{
    return digits(text, ret_ms) || relative(text, now_ms, ret_ms) || absolute(text, ret_ms);
}
