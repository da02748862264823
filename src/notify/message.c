/*
 * message: facts and the tree of processes, in the reader's language; sentences are the report's (report/report.h).
 *
 * Every value that is put in is made visible first (report_visible): control characters, and those that turn or hide text,
 * are named, so that what is read is what is there.
 */
#include "notify/message.h"

#include "notify/kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

const char *notify_word(const struct notify_message *message, enum notify_word word)
{
    static const char *const words[][2] = {
#define WORD(id, en, ja) [WORD_##id] = { en, ja },
#include "notify/words.def"
#undef WORD
    };
    return words[word][message->japanese];
}

static struct str keep(struct arena *arena, struct buf *buf)
{
    struct str text = arena_str(arena, buf_str(buf));
    buf_done(buf);
    return text;
}

struct str notify_clean(struct arena *arena, struct str s, size_t max)
{
    struct str text = report_visible(s, max, arena);
    return text.p ? text : STR("");
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

struct str notify_summary(const struct notify_message *m)
{
    return m->report ? m->report->summary : str_of(notify_word(m, WORD_TEST_TEXT));
}

struct str notify_title(const struct notify_message *m)
{
    return m->report ? notify_clean(m->arena, m->report->title, NOTIFY_LINE_MAX)
                     : str_of(notify_word(m, WORD_TEST_TITLE));
}

struct str notify_why(const struct notify_message *m)
{
    return m->report ? m->report->why : (struct str){ 0 };
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

static struct str process_line(const struct notify_message *m, const struct report_process *process,
                               size_t depth)
{
    struct buf buf;
    buf_init(&buf, 4096);
    for (size_t i = 1; i < depth; i++) {
        buf_putz(&buf, "   ");
    }
    buf_putz(&buf, depth ? "└─ " : "");
    buf_puts(&buf, notify_clean(m->arena, process->name.n ? process->name : process->exe, 64));
    if (process->pid > 0) {
        buf_printf(&buf, " (%" PRId64 ")", process->pid);
    }
    if (process->exe.n || process->args.n) {
        buf_putz(&buf, "  ");
        buf_puts(&buf, notify_clean(m->arena, process->exe, 120));
        buf_putz(&buf, process->args.n ? " " : "");
        buf_puts(&buf, notify_clean(m->arena, process->args, 160));
    }
    return keep(m->arena, &buf);
}

size_t notify_lineage(const struct notify_message *m, struct str ret[NOTIFY_LINEAGE_MAX])
{
    size_t n = m->report ? m->report->nprocesses : 0;
    n = n < NOTIFY_LINEAGE_MAX ? n : NOTIFY_LINEAGE_MAX;
    for (size_t i = 0; i < n; i++) {
        ret[i] = process_line(m, &m->report->processes[i], i);
    }
    return n;
}
