/*
 * message: header, the first question, the answers; the extended result code of an OPT record.
 *
 * Every read is checked against the message's end. A compression pointer has to point before the labels it
 * continues, so that following them ends. Counts in the header are only upper bounds; what they promise and
 * the bytes do not hold sets `cut`. Records are linked to the asked name in passes over those kept: each pass
 * but the last follows at least one alias, and there are DNS_CHAIN_MAX at most.
 */
#include "sensor/dns/message.h"

#include <errno.h>
#include <stdio.h>

#define HEADER     12
#define LABEL_MAX  63
#define WIRE_MAX   255 /* of a name, with its length bytes */
#define TYPE_OPT   41
#define CLASS_IN   1
#define QUESTIONS  64 /* looked at; more are nonsense */
#define FLAG_QR    0x8000
#define FLAG_TC    0x0200
#define OTHERS_MAX 512 /* records of the other sections skipped on the way to OPT */

struct reader {
    const uint8_t *p;
    size_t n, at;
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

unsigned dns_put_byte(uint8_t byte, bool is_label, char ret[4])
{
    if (byte > ' ' && byte < 0x7f && !(is_label && byte == '.') && byte != '\\') {
        bool upper = is_label && byte >= 'A' && byte <= 'Z';
        ret[0] = (char)(upper ? byte + ('a' - 'A') : byte);
        return 1;
    }
    if (byte == ' ' && !is_label) {
        ret[0] = ' ';
        return 1;
    }
    ret[0] = '\\';
    if (byte == '.' || byte == '\\') {
        ret[1] = (char)byte;
        return 2;
    }
    ret[1] = (char)('0' + byte / 100);
    ret[2] = (char)('0' + byte / 10 % 10);
    ret[3] = (char)('0' + byte % 10);
    return 4;
}

/* Text of one label, behind a dot if it is not the first. */
static unsigned put_label(const uint8_t *p, unsigned n, unsigned at, char ret[DNS_NAME_MAX])
{
    unsigned begin = at;
    if (at > 0) {
        ret[at++] = '.';
    }
    for (unsigned i = 0; i < n; i++) {
        at += dns_put_byte(p[i], true, ret + at);
    }
    return at - begin;
}

int dns_name_read(const uint8_t *p, size_t n, size_t *at, char ret[DNS_NAME_MAX])
{
    size_t here = *at, end = 0, wire = 0;
    size_t begin = here; /* of the labels being read */
    unsigned text = 0;
    while (here < n) {
        uint8_t length = p[here];
        if (length == 0) {
            *at = end ? end : here + 1;
            if (text == 0) {
                ret[text++] = '.';
            }
            return (int)text;
        }
        if (length >= 0xc0) {
            size_t target = here + 1 < n ? get16(p + here) & 0x3fffu : n;
            if (target >= begin || target < HEADER) {
                return -EBADMSG;
            }
            end = end ? end : here + 2;
            here = begin = target;
            continue;
        }
        wire += 1u + length;
        if (length > LABEL_MAX || wire >= WIRE_MAX || length >= n - here) {
            return -EBADMSG;
        }
        text += put_label(p + here + 1, length, text, ret);
        here += 1u + length;
    }
    return -EBADMSG;
}

/* False: no room; what was there is as before. */
static bool add_text(struct dns_message *m, const char *p, size_t n)
{
    if (n > sizeof(m->texts) - m->texts_n) {
        m->cut = true;
        return false;
    }
    memcpy(m->texts + m->texts_n, p, n);
    m->texts_n = (uint16_t)(m->texts_n + n);
    return true;
}

static void add_record_text(struct dns_message *m, struct dns_record *record, const char *p,
                            size_t n)
{
    uint16_t at = m->texts_n;
    if (add_text(m, p, n)) {
        record->text_at = at;
        record->text_n = (uint16_t)n;
    }
}

static bool read_questions(struct reader *r, unsigned count, struct dns_message *m)
{
    char text[DNS_NAME_MAX];
    int n = dns_name_read(r->p, r->n, &r->at, text);
    if (count == 0 || n < 0 || r->n - r->at < 4) {
        return false;
    }
    add_text(m, text, (size_t)n);
    m->name_n = (uint16_t)n;
    m->type = get16(r->p + r->at);
    m->class = get16(r->p + r->at + 2);
    r->at += 4;
    for (unsigned i = 1; i < count; i++) {
        if (i == QUESTIONS || dns_name_read(r->p, r->n, &r->at, text) < 0 || r->n - r->at < 4) {
            m->cut = true;
            r->at = r->n;
            return true;
        }
        r->at += 4;
    }
    return true;
}

struct raw_record {
    size_t owner, data;
    uint16_t type, class, n;
    uint32_t ttl;
};

static bool read_record(struct reader *r, struct raw_record *ret)
{
    char text[DNS_NAME_MAX];
    struct raw_record raw = { .owner = r->at };
    if (dns_name_read(r->p, r->n, &r->at, text) < 0 || r->n - r->at < 10) {
        return false;
    }
    const uint8_t *p = r->p + r->at;
    raw.type = get16(p);
    raw.class = get16(p + 2);
    raw.ttl = get32(p + 4);
    raw.n = get16(p + 8);
    raw.data = r->at + 10;
    if (raw.n > r->n - raw.data) {
        return false;
    }
    r->at = raw.data + raw.n;
    *ret = raw;
    return true;
}

/* A name within the data, after `skip` bytes. */
static bool name_data(const struct reader *r, const struct raw_record *raw, unsigned skip,
                      struct dns_message *m, struct dns_record *record)
{
    char text[DNS_NAME_MAX];
    size_t at = raw->data + skip;
    int n = skip < raw->n ? dns_name_read(r->p, raw->data + raw->n, &at, text) : -EBADMSG;
    if (n < 0) {
        return false;
    }
    add_record_text(m, record, text, (size_t)n);
    return true;
}

/* The strings of a TXT record, one after the other. */
static bool text_data(const struct reader *r, const struct raw_record *raw, struct dns_message *m,
                      struct dns_record *record)
{
    char text[DNS_NAME_MAX];
    size_t n = 0, end = raw->data + raw->n;
    for (size_t at = raw->data; at < end;) {
        size_t stop = at + 1 + r->p[at];
        stop = stop < end ? stop : end;
        for (at++; at < stop; at++) {
            if (n > sizeof(text) - 4) {
                m->cut = true;
                at = end;
                break;
            }
            n += dns_put_byte(r->p[at], false, text + n);
        }
    }
    add_record_text(m, record, text, n);
    return true;
}

static bool address_data(const struct reader *r, const struct raw_record *raw,
                         struct dns_record *record)
{
    uint16_t n = raw->type == DNS_A ? 4 : 16;
    if (raw->n != n) {
        return false;
    }
    record->family = raw->type == DNS_A ? 4 : 6;
    memcpy(record->address, r->p + raw->data, n);
    return true;
}

/* False: a type without text, or data that are not of their type. */
static bool read_data(const struct reader *r, const struct raw_record *raw, struct dns_message *m,
                      struct dns_record *record)
{
    switch (raw->class == CLASS_IN ? raw->type : 0) {
    case DNS_A:
    case DNS_AAAA:
        return address_data(r, raw, record);
    case DNS_NS:
    case DNS_CNAME:
    case DNS_DNAME:
    case DNS_PTR:
        return name_data(r, raw, 0, m, record);
    case DNS_MX:
        return name_data(r, raw, 2, m, record);
    case DNS_SRV:
        return name_data(r, raw, 6, m, record);
    case DNS_TXT:
        return text_data(r, raw, m, record);
    default:
        return false;
    }
}

static void read_answers(struct reader *r, unsigned count, struct dns_message *m,
                         size_t owners[DNS_RECORDS_MAX])
{
    for (unsigned i = 0; i < count; i++) {
        struct raw_record raw;
        if (m->nrecords == DNS_RECORDS_MAX || !read_record(r, &raw)) {
            m->cut = true;
            r->at = r->n;
            return;
        }
        struct dns_record record = { .type = raw.type, .ttl = raw.ttl };
        if (read_data(r, &raw, m, &record)) {
            owners[m->nrecords] = raw.owner;
            m->records[m->nrecords++] = record;
        }
    }
}

/* Upper bits of the result code, in the section that is for such things. */
static void read_extended(struct reader *r, unsigned count, struct dns_message *m)
{
    for (unsigned i = 0; i < count && i < OTHERS_MAX; i++) {
        struct raw_record raw;
        if (!read_record(r, &raw)) {
            m->cut |= r->at < r->n;
            return;
        }
        if (raw.type == TYPE_OPT) {
            m->rcode = (uint16_t)(m->rcode | (raw.ttl >> 24) << 4);
            return;
        }
    }
}

struct alias {
    const char *p;
    uint16_t n;
    uint32_t ttl;
};

static const struct alias *find_alias(const struct alias *set, unsigned n, const char *p,
                                      size_t length)
{
    for (unsigned i = 0; i < n; i++) {
        if (set[i].n == length && memcmp(set[i].p, p, length) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

/* One pass; returns how many aliases are known after it. */
static unsigned link_pass(const struct reader *r, struct dns_message *m, const size_t *owners,
                          struct alias set[DNS_CHAIN_MAX], unsigned n)
{
    char owner[DNS_NAME_MAX];
    for (unsigned i = 0; i < m->nrecords; i++) {
        struct dns_record *record = &m->records[i];
        size_t at = owners[i];
        int length = record->linked ? -1 : dns_name_read(r->p, r->n, &at, owner);
        const struct alias *alias = length < 0 ? NULL : find_alias(set, n, owner, (size_t)length);
        if (!alias) {
            continue;
        }
        record->linked = true;
        record->ttl = record->ttl < alias->ttl ? record->ttl : alias->ttl;
        if (record->type == DNS_CNAME && record->text_n && n < DNS_CHAIN_MAX) {
            set[n++] = (struct alias){ m->texts + record->text_at, record->text_n, record->ttl };
        }
    }
    return n;
}

static void link_answers(const struct reader *r, struct dns_message *m, const size_t *owners)
{
    struct alias set[DNS_CHAIN_MAX] = { { m->texts, m->name_n, UINT32_MAX } };
    unsigned before = 0, n = 1;
    while (n > before) {
        before = n;
        n = link_pass(r, m, owners, set, n);
    }
}

int dns_message_parse(const uint8_t *p, size_t n, struct dns_message *ret)
{
    struct reader r = { p, n, HEADER };
    size_t owners[DNS_RECORDS_MAX];
    if (n < HEADER) {
        return -EBADMSG;
    }
    struct dns_message *m = ret;
    memset(m, 0, offsetof(struct dns_message, texts));
    uint16_t flags = get16(p + 2);
    m->id = get16(p);
    m->response = (flags & FLAG_QR) != 0;
    m->opcode = flags >> 11 & 0xf;
    m->rcode = flags & 0xf;
    m->cut = (flags & FLAG_TC) != 0;
    if (!read_questions(&r, get16(p + 4), m)) {
        return -EBADMSG;
    }
    if (m->response) {
        read_answers(&r, get16(p + 6), m, owners);
        read_extended(&r, (unsigned)get16(p + 8) + get16(p + 10), m);
        link_answers(&r, m, owners);
    }
    return 0;
}

static unsigned code_text(const char *known, const char *prefix, uint16_t code,
                          char ret[DNS_CODE_TEXT])
{
    int n = known ? snprintf(ret, DNS_CODE_TEXT, "%s", known)
                  : snprintf(ret, DNS_CODE_TEXT, "%s%u", prefix, code);
    return (unsigned)n;
}

unsigned dns_type_text(uint16_t type, char ret[DNS_CODE_TEXT])
{
    static const struct {
        uint16_t type;
        const char *text;
    } types[] = {
        { 1, "A" },      { 2, "NS" },     { 5, "CNAME" },   { 6, "SOA" },    { 10, "NULL" },
        { 12, "PTR" },   { 13, "HINFO" }, { 15, "MX" },     { 16, "TXT" },   { 28, "AAAA" },
        { 33, "SRV" },   { 35, "NAPTR" }, { 39, "DNAME" },  { 41, "OPT" },   { 43, "DS" },
        { 46, "RRSIG" }, { 47, "NSEC" },  { 48, "DNSKEY" }, { 50, "NSEC3" }, { 52, "TLSA" },
        { 64, "SVCB" },  { 65, "HTTPS" }, { 99, "SPF" },    { 251, "IXFR" }, { 252, "AXFR" },
        { 255, "ANY" },  { 257, "CAA" },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (types[i].type == type) {
            return code_text(types[i].text, "", type, ret);
        }
    }
    return code_text(NULL, "TYPE", type, ret);
}

unsigned dns_rcode_text(uint16_t rcode, char ret[DNS_CODE_TEXT])
{
    static const char *const rcodes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                          "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                          "NXRRSET", "NOTAUTH", "NOTZONE" };
    size_t n = sizeof(rcodes) / sizeof(*rcodes);
    return code_text(rcode < n     ? rcodes[rcode]
                     : rcode == 16 ? "BADVERS"
                                   : NULL,
                     "RCODE", rcode, ret);
}
