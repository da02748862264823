/*
 * message: sentences, facts and the tree of processes, in the reader's language.
 *
 * Sentences of rules are templates with {fields}; one with a field that the alert does not have is not used, a general
 * sentence stands for it. Every value that is put in is cleaned first: control characters, characters that turn or hide
 * text, and what is no UTF-8 become U+FFFD, so that what is read is what is there.
 */
#include "notify/message.h"

#include "notify/kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define FIELD_MAX   64

const char *notify_word(const struct notify_message *message, enum notify_word word)
{
    static const char *const words[][2] = {
#define WORD(id, en, ja) [WORD_##id] = { en, ja },
#include "notify/words.def"
#undef WORD
    };
    return words[word][message->japanese];
}

/* ---- cleaning */

/* Bytes of the character at the beginning; 0: it is not well-formed. */
static size_t character(struct str s, uint32_t *ret)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t code = n == 1 ? c : c & (0x7fu >> n);
    if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || s.n < n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    *ret = code;
    return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? n : 0;
}

/* Controls, separators of lines, and what has no width or turns the direction. */
static bool is_bad(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
           (c >= 0xfff0 && c <= 0xfffb) || (c & 0xfffe) == 0xfffe || c >= 0xe0000;
}

static void put_clean(struct buf *buf, struct str s, size_t max)
{
    size_t begin = buf->n;
    while (s.n) {
        uint32_t code = 0;
        size_t n = character(s, &code);
        bool good = n > 0 && !is_bad(code);
        struct str piece = good                           ? str_first(s, n)
                           : code == '\n' || code == '\t' ? STR(" ")
                                                          : STR(REPLACEMENT);
        if (buf->n - begin + piece.n > max - 3) {
            buf_putz(buf, "…");
            return;
        }
        buf_puts(buf, piece);
        s = str_from_offset(s, n ? n : 1);
    }
}

static struct str keep(struct arena *arena, struct buf *buf)
{
    struct str text = arena_str(arena, buf_str(buf));
    buf_done(buf);
    return text;
}

struct str notify_clean(struct arena *arena, struct str s, size_t max)
{
    struct buf buf;
    buf_init(&buf, max + 8);
    put_clean(&buf, s, max);
    return keep(arena, &buf);
}

struct str notify_time(struct arena *arena, int64_t ms)
{
    char text[40] = "";
    struct tm tm;
    time_t s = (time_t)(ms / 1000);
    if (gmtime_r(&s, &tm)) {
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    return arena_str(arena, str_of(text));
}

/* ---- sentences */

/* {1} {2} {3} of our own words. */
static struct str woven(const struct notify_message *m, enum notify_word word,
                        const struct str *values)
{
    const char *z = notify_word(m, word);
    struct buf buf;
    buf_init(&buf, NOTIFY_TEXT_MAX);
    for (; *z; z++) {
        if (z[0] == '{' && z[1] >= '1' && z[1] <= '3' && z[2] == '}') {
            buf_puts(&buf, values[z[1] - '1']);
            z += 2;
        } else {
            buf_putc(&buf, *z);
        }
    }
    return keep(m->arena, &buf);
}

static struct str number(struct arena *arena, int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, n);
    return arena_str(arena, str_of(text));
}

static struct str where(const struct notify_message *m)
{
    const struct finding *f = m->finding;
    struct str id = str_first(f->container_id, 12);
    struct str name = f->container_name.n ? f->container_name : id;
    struct str value = notify_clean(m->arena, name.n ? name : f->host, NOTIFY_LINE_MAX);
    return woven(m, name.n ? WORD_IN_CONTAINER : WORD_ON_HOST, &value);
}

static struct str text_of(struct json_object *value)
{
    return json_object_is_type(value, json_type_string)
               ? (struct str){ json_object_get_string(value),
                               (size_t)json_object_get_string_len(value) }
               : str_of(value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)
                              : NULL);
}

/* The value of a {field}; false: the alert has none. */
static bool put_field(const struct notify_message *m, struct str name, struct buf *buf)
{
    struct json_object *fields = NULL, *value = NULL;
    char key[FIELD_MAX + 1] = "";
    if (str_eqz(name, "where")) {
        buf_puts(buf, where(m));
        return true;
    }
    if (name.n > FIELD_MAX || !json_object_object_get_ex(m->alert, "output_fields", &fields) ||
        !json_object_is_type(fields, json_type_object)) {
        return false;
    }
    memcpy(key, name.p, name.n);
    if (!json_object_object_get_ex(fields, key, &value) || !value || text_of(value).n == 0) {
        return false;
    }
    put_clean(buf, text_of(value), NOTIFY_LINE_MAX);
    return true;
}

static bool fill(const struct notify_message *m, struct str text, struct buf *buf)
{
    while (text.n) {
        ptrdiff_t open = str_find_char(text, '{');
        struct str before = open < 0 ? text : str_first(text, (size_t)open);
        struct str rest = str_from_offset(text, before.n + 1);
        ptrdiff_t close = open < 0 ? -1 : str_find_char(rest, '}');
        put_clean(buf, before, NOTIFY_TEXT_MAX);
        if (close < 0) {
            return open < 0;
        }
        if (!put_field(m, str_first(rest, (size_t)close), buf)) {
            return false;
        }
        text = str_from_offset(rest, (size_t)close + 1);
    }
    return !buf->failed;
}

static struct str general(const struct notify_message *m)
{
    const struct finding *f = m->finding;
    struct str values[3];
    struct str name = f->proc_name.n ? f->proc_name : str_of(notify_word(m, WORD_A_PROCESS));
    values[0] = notify_clean(m->arena, name, NOTIFY_LINE_MAX);
    values[1] = notify_clean(m->arena, f->rule, NOTIFY_LINE_MAX);
    values[2] = where(m);
    return woven(m, f->sequence ? WORD_SENTENCE_SEQUENCE : WORD_SENTENCE, values);
}

struct str notify_summary(const struct notify_message *m)
{
    struct str template = notify_text(m->texts, "summary"), filled = { 0 };
    struct buf buf;
    if (!m->finding) {
        return str_of(notify_word(m, WORD_TEST_TEXT));
    }
    buf_init(&buf, NOTIFY_TEXT_MAX);
    bool good = template.n > 0 && fill(m, template, &buf);
    if (good) {
        filled = arena_str(m->arena, buf_str(&buf));
    }
    buf_done(&buf);
    return good ? filled : general(m);
}

struct str notify_title(const struct notify_message *m)
{
    if (!m->finding) {
        return str_of(notify_word(m, WORD_TEST_TITLE));
    }
    struct str title = notify_text(m->texts, "title");
    return notify_clean(m->arena, title.n && !m->finding->sequence ? title : m->finding->title,
                        NOTIFY_LINE_MAX);
}

struct str notify_why(const struct notify_message *m)
{
    return notify_clean(m->arena, notify_text(m->texts, "why"), NOTIFY_TEXT_MAX);
}

size_t notify_steps(const struct notify_message *m, const char *key,
                    struct str ret[NOTIFY_STEPS_MAX])
{
    struct json_object *list = NULL;
    size_t n = m->texts && json_object_object_get_ex(m->texts, key, &list) &&
                       json_object_is_type(list, json_type_array)
                   ? json_object_array_length(list)
                   : 0;
    n = n < NOTIFY_STEPS_MAX ? n : NOTIFY_STEPS_MAX;
    for (size_t i = 0; i < n; i++) {
        ret[i] =
            notify_clean(m->arena, text_of(json_object_array_get_idx(list, i)), NOTIFY_TEXT_MAX);
    }
    return n;
}

struct str notify_severity(const struct notify_message *m)
{
    static const struct {
        const char *band;
        enum notify_word word;
    } bands[] = { { "info", WORD_INFO },
                  { "low", WORD_LOW },
                  { "medium", WORD_MEDIUM },
                  { "high", WORD_HIGH },
                  { "critical", WORD_CRITICAL } };
    int64_t tenths = m->finding ? m->finding->severity : 0;
    const char *band = filter_band_of(tenths);
    char text[64] = "";
    for (size_t i = 0; i < sizeof(bands) / sizeof(*bands); i++) {
        if (band && strcmp(band, bands[i].band) == 0) {
            snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64 " %s", tenths / 10, tenths % 10,
                     notify_word(m, bands[i].word));
        }
    }
    return arena_str(m->arena, str_of(text));
}

struct str notify_held(const struct notify_message *m)
{
    struct str n = number(m->arena, m->held);
    return m->held > 0 ? woven(m, WORD_HELD, &n) : (struct str){ 0 };
}

/* ---- facts */

struct facts {
    const struct notify_message *message;
    struct notify_fact *v;
    size_t n;
};

static void add(struct facts *facts, enum notify_word label, struct str value, bool mono)
{
    if (value.n && facts->n < NOTIFY_FACTS_MAX) {
        facts->v[facts->n++] =
            (struct notify_fact){ notify_word(facts->message, label),
                                  notify_clean(facts->message->arena, value, NOTIFY_LINE_MAX),
                                  mono };
    }
}

/* Two texts with something between, if both are there. */
static struct str joined(struct arena *arena, struct str a, const char *between, struct str b)
{
    struct buf buf;
    if (a.n == 0 || b.n == 0) {
        return a.n ? a : b;
    }
    buf_init(&buf, 4096);
    buf_puts(&buf, str_first(a, 1024));
    buf_putz(&buf, between);
    buf_puts(&buf, str_first(b, 1024));
    return keep(arena, &buf);
}

static void add_place(struct facts *facts, const struct finding *f)
{
    struct arena *arena = facts->message->arena;
    add(facts, WORD_F_CLUSTER, f->cluster, true);
    add(facts, WORD_F_SERVICE, f->service, true);
    add(facts, WORD_F_TASK, f->task_id, true);
    add(facts, WORD_F_DEFINITION, joined(arena, f->task_family, ":", f->task_revision), true);
    add(facts, WORD_F_ACCOUNT, joined(arena, f->account, " / ", f->region), true);
    add(facts, WORD_F_CONTAINER,
        joined(arena, f->container_name, " / ", str_first(f->container_id, 12)), true);
    add(facts, WORD_F_IMAGE, f->image, true);
    add(facts, WORD_F_DIGEST, f->image_digest, true);
    add(facts, WORD_F_HOST, f->host, true);
}

static void add_process(struct facts *facts, const struct finding *f)
{
    struct arena *arena = facts->message->arena;
    add(facts, WORD_F_PROCESS, joined(arena, f->proc_name, "  ", f->proc_exe), true);
    add(facts, WORD_F_COMMAND, f->proc_cmdline, true);
    add(facts, WORD_F_PID, f->proc_pid > 0 ? number(arena, f->proc_pid) : (struct str){ 0 }, true);
    add(facts, WORD_F_USER, f->user_name, true);
    add(facts, WORD_F_PARENT, joined(arena, f->parent_name, "  ", f->parent_exe), true);
    add(facts, WORD_F_DOMAIN, f->domain, true);
    add(facts, WORD_F_FILE, f->file, true);
    add(facts, WORD_F_LIST, joined(arena, f->list, ": ", f->item), true);
}

size_t notify_facts(const struct notify_message *m, struct notify_fact ret[NOTIFY_FACTS_MAX])
{
    const struct finding *f = m->finding;
    struct facts facts = { .message = m, .v = ret };
    if (!f) {
        return 0;
    }
    add(&facts, WORD_F_SEVERITY, notify_severity(m), false);
    add(&facts, WORD_F_RULE, f->rule, false);
    add(&facts, WORD_F_POLICY, f->policy, false);
    add(&facts, WORD_F_TYPE, f->type, true);
    add_place(&facts, f);
    add_process(&facts, f);
    add(&facts, WORD_F_COUNT, number(m->arena, f->count), false);
    add(&facts, WORD_F_FIRST, notify_time(m->arena, f->first_seen_ms), false);
    add(&facts, WORD_F_LAST, notify_time(m->arena, f->last_seen_ms), false);
    add(&facts, WORD_F_FINDING, f->id, true);
    return facts.n;
}

/* ---- the tree */

static struct json_object *lineage_of(struct json_object *alert)
{
    struct json_object *hinomi = NULL, *lineage = NULL;
    return alert && json_object_object_get_ex(alert, "hinomi", &hinomi) &&
                   json_object_is_type(hinomi, json_type_object) &&
                   json_object_object_get_ex(hinomi, "lineage", &lineage) &&
                   json_object_is_type(lineage, json_type_array)
               ? lineage
               : NULL;
}

static struct str process_line(const struct notify_message *m, struct json_object *process,
                               size_t depth)
{
    struct str name = notify_text(process, "name"), exe = notify_text(process, "exe"),
               args = notify_text(process, "args");
    struct buf buf;
    buf_init(&buf, 4096);
    for (size_t i = 1; i < depth; i++) {
        buf_putz(&buf, "   ");
    }
    buf_putz(&buf, depth ? "└─ " : "");
    put_clean(&buf, name.n ? name : exe, 64);
    buf_printf(&buf, " (%" PRId64 ")", notify_number(process, "pid"));
    if (exe.n || args.n) {
        buf_putz(&buf, "  ");
        put_clean(&buf, exe, 120);
        buf_putz(&buf, args.n ? " " : "");
        put_clean(&buf, args, 160);
    }
    return keep(m->arena, &buf);
}

size_t notify_lineage(const struct notify_message *m, struct str ret[NOTIFY_LINEAGE_MAX])
{
    struct json_object *lineage = lineage_of(m->alert);
    size_t n = lineage ? json_object_array_length(lineage) : 0;
    n = n < NOTIFY_LINEAGE_MAX ? n : NOTIFY_LINEAGE_MAX;
    for (size_t i = 0; i < n; i++) {
        struct json_object *process = json_object_array_get_idx(lineage, n - 1 - i);
        ret[i] =
            process_line(m, json_object_is_type(process, json_type_object) ? process : NULL, i);
    }
    return n;
}
