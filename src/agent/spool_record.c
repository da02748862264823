/*
 * spool_record: encoding, checksums, and the reader of segments.
 *
 * A record counts when its magic, length, checksum and number fit. Where none is at the expected place, the next
 * slot of dropped ones is looked at, then every multiple of 8 behind it for a record with a higher number, with a
 * limit on the bytes that are checksummed: what is read may be anything.
 */
#include "agent/spool_record.h"

#include <string.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define RECORD_MAGIC  UINT32_C(0xf1a5cf01)
#define SEGMENT_MAGIC UINT32_C(0xf1a55e91)
#define POLYNOMIAL    UINT32_C(0x82f63b78) /* Castagnoli, reflected */
#define VERSION       1

struct record_head {
    uint32_t magic, crc;
    uint64_t n, to;
    int64_t time_ms;
    uint32_t length;
    uint8_t kind, severity, unused[2];
    uint64_t reserved;
};
_Static_assert(sizeof(struct record_head) == SPOOL_RECORD_HEAD, "as on disk");
_Static_assert(sizeof(struct spool_dropped) + SPOOL_RECORD_HEAD <= SPOOL_SLOT, "fits its slot");

struct segment_head {
    uint32_t magic, crc;
    uint32_t version, unused;
    char id[SPOOL_ID_DIGITS];
    uint64_t first, last;
    uint64_t reserved[2];
};
_Static_assert(sizeof(struct segment_head) == SPOOL_SEGMENT_HEAD, "as on disk");

static uint32_t crc_in_software(uint32_t crc, const uint8_t *p, size_t n)
{
    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (POLYNOMIAL & (0 - (crc & 1)));
        }
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_in_hardware(uint32_t crc, const uint8_t *p,
                                                                  size_t n)
{
    uint64_t wide = crc, eight;
    for (; n >= sizeof(eight); n -= sizeof(eight), p += sizeof(eight)) {
        memcpy(&eight, p, sizeof(eight));
        wide = _mm_crc32_u64(wide, eight);
    }
    crc = (uint32_t)wide;
    while (n--) {
        crc = _mm_crc32_u8(crc, *p++);
    }
    return crc;
}
#endif

uint32_t spool_crc32c(uint32_t crc, const void *p, size_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc_in_hardware(~crc, p, n);
    }
#endif
    return ~crc_in_software(~crc, p, n);
}

enum spool_band spool_band_of(uint8_t kind, uint8_t severity)
{
    switch (kind) {
    case SPOOL_ACTIVITY:
        return SPOOL_BAND_ACTIVITY;
    case SPOOL_ALERT:
        return severity >= 90   ? SPOOL_BAND_CRITICAL
               : severity >= 70 ? SPOOL_BAND_HIGH
               : severity >= 40 ? SPOOL_BAND_MEDIUM
               : severity >= 10 ? SPOOL_BAND_LOW
                                : SPOOL_BAND_INFO;
    default:
        return SPOOL_BAND_GAP;
    }
}

size_t spool_record_size(size_t payload)
{
    return SPOOL_RECORD_HEAD + ((payload + 7) & ~(size_t)7);
}

void spool_record_head(const struct spool_record *record, uint8_t *ret)
{
    struct record_head head = { .magic = RECORD_MAGIC,
                                .n = record->n,
                                .to = record->to,
                                .time_ms = record->time_ms,
                                .length = (uint32_t)record->payload.n,
                                .kind = record->kind,
                                .severity = record->severity };
    const size_t before = offsetof(struct record_head, n);
    head.crc = spool_crc32c(0, (const uint8_t *)&head + before, sizeof(head) - before);
    head.crc = spool_crc32c(head.crc, record->payload.p, record->payload.n);
    memcpy(ret, &head, sizeof(head));
}

void spool_segment_head_put(const struct spool_segment_head *head, uint8_t *ret)
{
    struct segment_head out = {
        .magic = SEGMENT_MAGIC, .version = VERSION, .first = head->first, .last = head->last
    };
    const size_t before = offsetof(struct segment_head, version);
    memcpy(out.id, head->id, sizeof(out.id));
    out.crc = spool_crc32c(0, (const uint8_t *)&out + before, sizeof(out) - before);
    memcpy(ret, &out, sizeof(out));
}

bool spool_segment_head_get(const uint8_t *p, struct spool_segment_head *ret)
{
    struct segment_head in;
    const size_t before = offsetof(struct segment_head, version);
    memcpy(&in, p, sizeof(in));
    if (in.magic != SEGMENT_MAGIC || in.version != VERSION || in.first == 0 ||
        in.crc != spool_crc32c(0, p + before, sizeof(in) - before)) {
        return false;
    }
    ret->first = in.first;
    ret->last = in.last;
    memcpy(ret->id, in.id, sizeof(in.id));
    return true;
}

/* ---- reading */

void spool_scan_init(struct spool_scan *scan, const void *p, size_t n, size_t at, uint64_t next,
                     uint64_t last)
{
    *scan = (struct spool_scan){ .p = p, .n = n, .at = at, .next = next, .last = last };
}

static bool sane(const struct record_head *head, size_t room)
{
    bool range = head->to > head->n;
    return head->magic == RECORD_MAGIC && head->length <= SPOOL_PAYLOAD_MAX &&
           spool_record_size(head->length) <= room && head->to >= head->n &&
           head->to < UINT64_MAX && head->kind >= SPOOL_ALERT && head->kind <= SPOOL_DROPPED &&
           (!range || head->kind == SPOOL_DROPPED) &&
           (head->kind != SPOOL_DROPPED || head->length == sizeof(struct spool_dropped));
}

/* A whole record at this place; its size, 0: none. */
static size_t record_at(struct spool_scan *scan, size_t at, struct spool_record *ret)
{
    struct record_head head;
    if (at > scan->n || scan->n - at < sizeof(head)) {
        return 0;
    }
    memcpy(&head, scan->p + at, sizeof(head));
    if (!sane(&head, scan->n - at)) {
        return 0;
    }
    const size_t before = offsetof(struct record_head, n);
    size_t checked = sizeof(head) - before + head.length;
    scan->work += checked;
    if (head.crc != spool_crc32c(0, scan->p + at + before, checked)) {
        return 0;
    }
    *ret = (struct spool_record){ .n = head.n,
                                  .to = head.to,
                                  .time_ms = head.time_ms,
                                  .kind = head.kind,
                                  .severity = head.severity,
                                  .payload = str_from(scan->p + at + sizeof(head), head.length) };
    return spool_record_size(head.length);
}

static size_t slot_after(size_t at)
{
    return (at + SPOOL_SLOT - 1) & ~(SPOOL_SLOT - 1);
}

static bool expected_at(struct spool_scan *scan, size_t at, struct spool_record *ret)
{
    struct spool_record record;
    size_t size = record_at(scan, at, &record);
    if (size == 0 || record.n != scan->next) {
        return false;
    }
    *ret = record;
    scan->at = at + size;
    scan->time_ms = record.time_ms;
    scan->next = record.to + 1;
    return true;
}

static bool put_damage(struct spool_scan *scan, uint64_t to, int64_t to_ms,
                       struct spool_record *ret)
{
    scan->damage = (struct spool_dropped){ .why = SPOOL_DAMAGED,
                                           .from_ms = scan->time_ms ? scan->time_ms : to_ms,
                                           .to_ms = to_ms };
    scan->damage.counts[SPOOL_BAND_GAP] = to - scan->next + 1; /* of what kind is not known */
    *ret = (struct spool_record){ .n = scan->next,
                                  .to = to,
                                  .time_ms = to_ms,
                                  .kind = SPOOL_DROPPED,
                                  .payload = str_from(&scan->damage, sizeof(scan->damage)) };
    scan->next = to + 1;
    return true;
}

/* The next record that can be read; what is missing before it is returned first. */
static bool resync(struct spool_scan *scan, struct spool_record *ret)
{
    const uint64_t most = scan->next + SPOOL_SEGMENT_BYTES / SPOOL_RECORD_HEAD;
    for (size_t at = (scan->at + 8) & ~(size_t)7; at + SPOOL_RECORD_HEAD <= scan->n; at += 8) {
        struct spool_record record;
        if (scan->work > SPOOL_SCAN_WORK) {
            break;
        }
        if (record_at(scan, at, &record) && record.n > scan->next && record.n <= most) {
            scan->at = at;
            return put_damage(scan, record.n - 1, record.time_ms, ret);
        }
    }
    if (scan->last >= scan->next) {
        scan->at = scan->n;
        return put_damage(scan, scan->last, scan->time_ms, ret);
    }
    return false;
}

bool spool_scan_next(struct spool_scan *scan, struct spool_record *ret)
{
    if (scan->last && scan->next > scan->last) {
        return false;
    }
    return expected_at(scan, scan->at, ret) || expected_at(scan, slot_after(scan->at), ret) ||
           resync(scan, ret);
}

/* ---- lines */

const char *spool_why_text(uint32_t why)
{
    static const char *const texts[] = { "spool_lost",  "spool_full", "spool_no_space",
                                         "spool_error", "too_large",  "spool_damaged",
                                         "refused",     "server_lost" };
    return texts[why < sizeof(texts) / sizeof(*texts) ? why : 0];
}

static const char *why_sentence(uint32_t why)
{
    static const char *const texts[] = {
        "lost",
        "the spool had reached spool.max_bytes: the least severe were dropped first",
        "the file system of the spool had no space left",
        "the spool could not be written",
        "a record was larger than one may be",
        "the spool's files were damaged",
        "the server refused the record",
        "acknowledged by a server that does not have it any more",
    };
    return texts[why < sizeof(texts) / sizeof(*texts) ? why : 0];
}

static void put_counts(const struct spool_dropped *dropped, struct jsonw *w)
{
    static const char *const names[SPOOL_BANDS] = { "activity", "info",     "low",  "medium",
                                                    "high",     "critical", "other" };
    jsonw_object(w, "where");
    for (unsigned band = 0; band < SPOOL_BANDS; band++) {
        if (dropped->counts[band]) {
            jsonw_u64(w, names[band], dropped->counts[band]);
        }
    }
    jsonw_end(w);
}

static void put_dropped(const struct spool_record *record, struct jsonw *w)
{
    struct spool_dropped dropped;
    memcpy(&dropped, record->payload.p, sizeof(dropped));
    if (record->to > record->n) {
        jsonw_u64(w, "to", record->to);
    }
    jsonw_object(w, "gap");
    jsonw_strz(w, "kind", spool_why_text(dropped.why));
    jsonw_i64(w, "from_ms", dropped.from_ms);
    jsonw_i64(w, "to_ms", dropped.to_ms);
    jsonw_u64(w, "count", record->to - record->n + 1);
    put_counts(&dropped, w);
    jsonw_strz(w, "why", why_sentence(dropped.why));
    jsonw_end(w);
}

/* Within a JSON text no string can hold these bytes: its quotes are escaped. */
static void put_alert(struct str alert, struct str agent, struct buf *buf)
{
    static const struct str before = { ",\"hinomi\":{\"v\":1,\"id\":\"", 23 };
    ptrdiff_t found = agent.n ? str_find(alert, before) : -1;
    if (found >= 0) {
        size_t id = (size_t)found + before.n;
        ptrdiff_t colon = str_find_char(str_from_offset(alert, id), ':');
        if (colon >= 0) {
            buf_puts(buf, str_first(alert, id));
            buf_puts(buf, agent);
            buf_puts(buf, str_from_offset(alert, id + (size_t)colon));
            return;
        }
    }
    buf_puts(buf, alert);
}

void spool_put_line(const struct spool_record *record, struct str agent, struct buf *buf)
{
    static const char *const keys[] = {
        [SPOOL_ALERT] = "alert", [SPOOL_ACTIVITY] = "activity", [SPOOL_GAP] = "gap"
    };
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "n", record->n);
    if (record->kind == SPOOL_DROPPED) {
        put_dropped(record, &w);
    } else {
        jsonw_raw(&w, keys[record->kind], (struct str){ 0 });
        if (record->kind == SPOOL_ALERT) {
            put_alert(record->payload, agent, buf);
        } else {
            buf_puts(buf, record->payload);
        }
    }
    jsonw_end(&w);
    buf_putc(buf, '\n');
}
