/*
 * Our events as those of sysdig 0.29.
 *
 * Today's exit event carries its call's arguments after what the old one carried, under the same names:
 * so the old pair is the first parameters of the exit event, and an enter event whose parameters are
 * looked up by name. Which enter events are in the capture already is remembered per thread. What that
 * table lacks is mapped: `nearest` for calls that only have a later number, else a generic event.
 * With capture_writer_newest() none of this: events go out as they came.
 */
#include "sensor/replay/writer.h"

#include <errno.h>
#include <fcntl.h>

#define OLD_CALLS 329    /* calls that a generic event may name */
#define CALLS_MAX 262144 /* threads in the middle of a call */

static const struct {
    uint16_t kind, old; /* exit events */
} nearest[] = {
    { KIND_DUP2_X, KIND_DUP_X },         { KIND_DUP3_X, KIND_DUP_X },
    { KIND_DUP_1_X, KIND_DUP_X },        { KIND_UMOUNT_1_X, KIND_UMOUNT_X },
    { KIND_UMOUNT2_X, KIND_UMOUNT_X },   { KIND_ACCEPT4_6_X, KIND_ACCEPT4_5_X },
    { KIND_PIPE2_X, KIND_PIPE_X },       { KIND_INOTIFY_INIT1_X, KIND_INOTIFY_INIT_X },
    { KIND_EVENTFD2_X, KIND_EVENTFD_X }, { KIND_SIGNALFD4_X, KIND_SIGNALFD_X },
};

/* Bytes of a parameter that is not there. */
static size_t empty_size(uint8_t type)
{
    switch (type) {
    case PARAM_BYTEBUF:
    case PARAM_SOCKADDR:
    case PARAM_SOCKTUPLE:
    case PARAM_DYN:
    case PARAM_CHARBUFARRAY:
    case PARAM_CHARBUF_PAIR_ARRAY:
        return 0;
    case PARAM_CHARBUF: /* a NUL */
    case PARAM_FSPATH:
    case PARAM_FSRELPATH:
        return 1;
    case PARAM_FDLIST:
        return 2;
    default:
        return param_number_size(type);
    }
}

static bool is_number(uint8_t type)
{
    switch (type) {
    case PARAM_CHARBUF:
    case PARAM_FSPATH:
    case PARAM_FSRELPATH:
    case PARAM_BYTEBUF:
    case PARAM_SOCKADDR:
    case PARAM_SOCKTUPLE:
    case PARAM_FDLIST:
    case PARAM_DYN:
    case PARAM_CHARBUFARRAY:
    case PARAM_CHARBUF_PAIR_ARRAY:
        return false;
    default:
        return true;
    }
}

/* Names that arguments had before. */
static int find_param(const struct event *event, const char *name)
{
    static const struct {
        const char *old, *now;
    } renamed[] = {
        { "fd", "oldfd" },
        { "filename", "trusted_exepath" },
        { "pathname", "trusted_exepath" },
    };
    int i = kind_param(event->kind, str_of(name));
    for (size_t r = 0; i < 0 && r < sizeof renamed / sizeof renamed[0]; r++) {
        if (strcmp(renamed[r].old, name) == 0) {
            i = kind_param(event->kind, str_of(renamed[r].now));
        }
    }
    return i >= 0 && event_has_param(event, (unsigned)i) ? i : -1;
}

static struct str executed_path(const struct event *event)
{
    if (event->path.n) {
        return event->path;
    }
    if (event->thread && event->thread->image->exepath.n) {
        return event->thread->image->exepath;
    }
    return event_text(event, 1);
}

/* What stands for an argument that the event does not carry: zeros, or what is known otherwise. */
static struct str missing_param(struct out_event *out, unsigned i, const struct event *event,
                                const struct param *param)
{
    bool exec = event->kind == KIND_EXECVE_19_X || event->kind == KIND_EXECVEAT_X;
    if (exec && !is_number(param->type)) {
        struct str path = str_first(executed_path(event), sizeof out->path - 1);
        if (path.n) {
            memcpy(out->path, path.p, path.n);
        }
        out->path[path.n] = '\0';
        return str_from(out->path, path.n + 1);
    }
    out->numbers[i] = exec && param->type == PARAM_FD ? (uint64_t)AT_FDCWD : 0;
    return str_from(&out->numbers[i], empty_size(param->type));
}

/* Parameter i of `kind`, from an event of another kind. */
static void fill_param(struct out_event *out, unsigned i, const struct event *event,
                       const struct param *param)
{
    int from = find_param(event, param->name);
    out->params[i] =
        from >= 0 ? event_param(event, (unsigned)from) : missing_param(out, i, event, param);
    if (from >= 0 && is_number(param->type) && out->params[i].n != empty_size(param->type)) {
        out->numbers[i] = event_u64(event, (unsigned)from, 0);
        out->params[i] = str_from(&out->numbers[i], empty_size(param->type));
    }
}

/* What a live sensor could not tell: memory as it was last, else zero. */
static uint64_t untold_number(const struct event *event, const struct param *param)
{
    const struct thread *t = event->thread;
    if (!t) {
        return 0;
    }
    return strcmp(param->name, "vm_size") == 0   ? t->vmsize_kb
           : strcmp(param->name, "vm_rss") == 0  ? t->vmrss_kb
           : strcmp(param->name, "vm_swap") == 0 ? t->vmswap_kb
                                                 : 0;
}

/* Of an event of the same kind. sysdig takes the bytes that follow for a number of no bytes. */
static void copy_param(struct out_event *out, unsigned i, const struct event *event,
                       const struct param *param)
{
    out->params[i] = event_param(event, i);
    if (out->params[i].n == 0 && is_number(param->type)) {
        out->numbers[i] = untold_number(event, param);
        out->params[i] = str_from(&out->numbers[i], empty_size(param->type));
    }
}

static void start(struct out_event *out, const struct event *event, uint16_t kind)
{
    out->ts_ns = event->ts_ns;
    out->tid = event->tid;
    out->flags = event->flags;
    out->cpu = event->cpu;
    out->kind = kind;
    out->nparams = 0;
}

/* The parameters `kind` has in the old table, found by name where the event is of another kind. */
static void fill(struct out_event *out, const struct event *event, uint16_t kind)
{
    const struct kind *table = &kind_table[kind];
    unsigned n = old_kind_nparams[kind];
    start(out, event, kind);
    if (kind == event->kind) {
        out->nparams = n < event->nparams ? n : event->nparams;
        for (unsigned i = 0; i < out->nparams; i++) {
            copy_param(out, i, event, &table->params[i]);
        }
        return;
    }
    out->nparams = n < table->nparams ? n : table->nparams;
    for (unsigned i = 0; i < out->nparams; i++) {
        fill_param(out, i, event, &table->params[i]);
    }
}

static int put_enter(struct capture_writer *w, const struct event *event, uint16_t kind,
                     struct err *err)
{
    struct out_event out;
    fill(&out, event, kind);
    if (event->enter_ts_ns) {
        out.ts_ns = event->enter_ts_ns;
    }
    return writer_put_event(w, &out, err);
}

static bool enter_is_written(struct capture_writer *w, int64_t tid, uint16_t exit)
{
    void *kind = map_remove(&w->calls, (uint64_t)tid);
    return (uintptr_t)kind == exit; /* its number + 1 */
}

static int put_pair(struct capture_writer *w, const struct event *event, uint16_t exit,
                    struct err *err)
{
    struct out_event out;
    if (!enter_is_written(w, event->tid, exit) && kind_table[exit - 1].name) {
        int r = put_enter(w, event, (uint16_t)(exit - 1), err);
        if (r < 0) {
            return r;
        }
    }
    fill(&out, event, exit);
    return writer_put_event(w, &out, err);
}

static int put_old_enter(struct capture_writer *w, const struct event *event, uint16_t kind,
                         struct err *err)
{
    struct out_event out;
    if (w->calls.count >= CALLS_MAX) {
        map_done(&w->calls);
        w->calls = (struct map){ 0 };
    }
    if (kind_table[kind + 1].name &&
        map_put(&w->calls, (uint64_t)event->tid, (void *)(uintptr_t)(kind + 1)) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    fill(&out, event, kind);
    return writer_put_event(w, &out, err);
}

/* A call the table does not have: its name only. */
static int put_generic(struct capture_writer *w, const struct event *event, struct err *err)
{
    static const uint16_t native = 0;
    struct out_event out;
    uint16_t code = event->name;
    bool exit = kind_is_exit(event->kind);
    if (code >= OLD_CALLS || !(kind_table[event->kind].flags & KIND_SYSCALL)) {
        w->stats.skipped++;
        return 0;
    }
    w->stats.mapped++;
    bool entered = exit && enter_is_written(w, event->tid, 1);
    for (int half = exit && entered ? 1 : 0; half <= (exit ? 1 : 0); half++) {
        start(&out, event, (uint16_t)half);
        out.nparams = half == 0 ? 2 : 1;
        out.params[0] = str_from(&code, sizeof code);
        out.params[1] = str_from(&native, sizeof native);
        int r = writer_put_event(w, &out, err);
        if (r < 0) {
            return r;
        }
    }
    if (!exit && map_put(&w->calls, (uint64_t)event->tid, (void *)(uintptr_t)1) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

/* Container metadata as later sources carry it: plugin, name of the event, JSON. */
static int put_async(struct capture_writer *w, const struct event *event, struct err *err)
{
    struct out_event out;
    struct str name = event_text(event, 1);
    if (!str_eqz(name, "container") && !str_eqz(name, "container_added")) {
        w->stats.skipped++;
        return 0;
    }
    w->stats.mapped++;
    start(&out, event, KIND_CONTAINER_JSON_2_E);
    out.params[out.nparams++] = event_param(event, 2);
    return writer_put_event(w, &out, err);
}

static int put_later(struct capture_writer *w, const struct event *event, struct err *err)
{
    if (event->kind == KIND_ASYNCEVENT_E) {
        return put_async(w, event, err);
    }
    for (size_t i = 0; i < sizeof nearest / sizeof nearest[0]; i++) {
        if ((nearest[i].kind | 1) == (event->kind | 1)) {
            bool exit = kind_is_exit(event->kind);
            w->stats.mapped++;
            return exit ? put_pair(w, event, nearest[i].old, err)
                        : put_old_enter(w, event, (uint16_t)(nearest[i].old - 1), err);
        }
    }
    return put_generic(w, event, err);
}

static int put_containers(struct capture_writer *w, const struct event *event, struct err *err)
{
    for (size_t at = 0; at + 4 <= w->containers.n;) {
        uint32_t n = load_u32(w->containers.p + at);
        struct out_event out = { .ts_ns = event->ts_ns,
                                 .tid = -1,
                                 .kind = KIND_CONTAINER_JSON_2_E };
        out.params[out.nparams++] = str_from(w->containers.p + at + 4, n - 4);
        int r = writer_put_event(w, &out, err);
        if (r < 0) {
            return r;
        }
        at += n;
    }
    buf_clear(&w->containers);
    return 0;
}

static uint32_t own_flags(const struct event *event)
{
    return (event->truncated ? EVENT_FLAG_TRUNCATED : 0) | (event->exact ? EVENT_FLAG_EXACT : 0) |
           (uint32_t)event->via << EVENT_FLAG_VIA_SHIFT |
           (uint32_t)event->outcome << EVENT_FLAG_OUTCOME_SHIFT;
}

/* As it is. */
static int put_newest(struct capture_writer *w, const struct event *event, struct err *err)
{
    struct out_event out;
    bool truth = event->path.n || event->path2.n;
    if (event->kind >= KIND_OWN_FIRST) {
        w->stats.skipped++;
        return 0;
    }
    start(&out, event, event->kind);
    out.flags = (event->flags & ~EVENT_FLAGS_OWN) | own_flags(event);
    for (; out.nparams < event->nparams; out.nparams++) {
        out.params[out.nparams] = event_param(event, out.nparams);
    }
    if (truth && event->nparams == kind_table[event->kind].nparams &&
        out.nparams + 2 <= KIND_PARAMS_MAX) {
        out.flags |= EVENT_FLAG_HAS_TRUTH;
        out.params[out.nparams++] = event->path;
        out.params[out.nparams++] = event->path2;
    }
    return writer_put_event(w, &out, err);
}

int capture_write_event(struct capture_writer *w, const struct event *event, struct err *err)
{
    w->stats.events++;
    if (w->containers.n) {
        int r = put_containers(w, event, err);
        if (r < 0) {
            return r;
        }
    }
    if (w->newest) {
        return put_newest(w, event, err);
    }
    if (event->kind >= OLD_KINDS) {
        return put_later(w, event, err);
    }
    return kind_is_exit(event->kind) ? put_pair(w, event, event->kind, err)
                                     : put_old_enter(w, event, event->kind, err);
}
