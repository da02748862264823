/*
 * param: from the bytes of a parameter to its text.
 *
 * Shape: a table from types to two functions, one for the plain and one for the resolved form. Each
 * gets the parameter's description and bytes and what the state knows. Numbers are read by the
 * length of their bytes, not by what the type promises, since captures are not trusted.
 *
 * Invariant: nothing is allocated but in the buffer; a parameter of a wrong length gives a text,
 * never a read beyond its bytes.
 */
#include "event/param.h"

#include "event/flags.h"
#include "event/sockaddr.h"
#include "event/text.h"

#include <inttypes.h>
#include <time.h>

#define AT_CWD       (-100)
#define FDLIST_ENTRY 10 /* i64 descriptor, i16 flags */
#define NS_PER_S     UINT64_C(1000000000)
#define SIGSET_BITS  32
#define ID_NONE      UINT32_MAX

/* One parameter being put into words. */
struct job {
    const struct event *event;
    unsigned i;
    const struct param *param; /* resolved PARAM_DYN */
    uint8_t format;            /* of the declaration, also for PARAM_DYN */
    struct str bytes;
    const struct param_names *names; /* never NULL */
    struct buf *buf;
};

static const struct param_names no_names = { .data = NULL };

/* Little-endian number of up to 8 bytes. */
static uint64_t number(struct str bytes)
{
    uint64_t v = 0;
    if (bytes.p) {
        memcpy(&v, bytes.p, bytes.n < sizeof(v) ? bytes.n : sizeof(v));
    }
    return v;
}

static int64_t signed_number(struct str bytes)
{
    uint64_t v = number(bytes);
    if (bytes.n == 0 || bytes.n >= sizeof(v)) {
        return (int64_t)v;
    }
    unsigned shift = 64 - 8 * (unsigned)bytes.n;
    return (int64_t)(v << shift) >> shift;
}

static void put_in_base(const struct job *job, bool is_signed)
{
    uint64_t v = number(job->bytes);
    if (job->format == FORMAT_HEX) {
        buf_printf(job->buf, "%" PRIX64, v);
    } else if (job->format == FORMAT_OCT) {
        buf_printf(job->buf, "%#" PRIo64, v);
    } else if (is_signed) {
        buf_i64(job->buf, signed_number(job->bytes));
    } else {
        buf_u64(job->buf, v);
    }
}

static void plain_signed(const struct job *job)
{
    put_in_base(job, true);
}

static void plain_unsigned(const struct job *job)
{
    put_in_base(job, false);
}

static void plain_decimal(const struct job *job)
{
    buf_i64(job->buf, signed_number(job->bytes));
}

static void plain_flags(const struct job *job)
{
    buf_u64(job->buf, number(job->bytes));
}

/* Results that are addresses (mmap) are hexadecimal unless they are errors. */
static void plain_errno(const struct job *job)
{
    int64_t v = signed_number(job->bytes);
    if (v < 0) {
        buf_i64(job->buf, v);
    } else {
        put_in_base(job, true);
    }
}

static void put_errno(struct buf *buf, int64_t v)
{
    const char *name = v < 0 && v > INT32_MIN ? errno_name((int)-v) : NULL;
    if (name) {
        buf_putz(buf, name);
    }
}

static void resolved_errno(const struct job *job)
{
    put_errno(job->buf, signed_number(job->bytes));
}

static void resolved_fd(const struct job *job)
{
    int64_t fd = signed_number(job->bytes);
    struct param_fd info = { 0 };
    if (fd == AT_CWD) {
        buf_puts(job->buf, STR("AT_FDCWD"));
    } else if (fd < 0) {
        put_errno(job->buf, fd);
    } else if (job->names->fd && job->names->fd(job->names->data, job->event, fd, &info)) {
        buf_putc(job->buf, '<');
        buf_puts(job->buf, str_until_nul(info.type, sizeof(info.type)));
        buf_putc(job->buf, '>');
        text_printable(job->buf, info.name);
    }
}

static void resolved_pid(const struct job *job)
{
    struct str comm = { 0 };
    int64_t tid = signed_number(job->bytes);
    if (job->names->comm && job->names->comm(job->names->data, tid, &comm)) {
        buf_puts(job->buf, comm);
    }
}

static void plain_id(const struct job *job)
{
    uint32_t id = (uint32_t)number(job->bytes);
    buf_i64(job->buf, id == ID_NONE ? -1 : (int64_t)id);
}

static void put_id_name(const struct job *job, bool known, struct str name)
{
    if (known) {
        text_printable(job->buf, name);
    } else {
        buf_puts(job->buf, STR("<NA>"));
    }
}

static void resolved_uid(const struct job *job)
{
    uint32_t id = (uint32_t)number(job->bytes);
    struct str name = { 0 };
    if (id == ID_NONE) {
        buf_puts(job->buf, STR("<NONE>"));
    } else {
        bool known = job->names->user && job->names->user(job->names->data, job->event, id, &name);
        put_id_name(job, known, name);
    }
}

static void resolved_gid(const struct job *job)
{
    uint32_t id = (uint32_t)number(job->bytes);
    struct str name = { 0 };
    if (id == ID_NONE) {
        buf_puts(job->buf, STR("<NONE>"));
    } else {
        bool known =
            job->names->group && job->names->group(job->names->data, job->event, id, &name);
        put_id_name(job, known, name);
    }
}

static void plain_charbuf(const struct job *job)
{
    text_put(job->buf, str_until_nul(job->bytes.p, job->bytes.n));
}

static void plain_path(const struct job *job)
{
    text_printable(job->buf, str_until_nul(job->bytes.p, job->bytes.n));
}

static void resolved_path(const struct job *job)
{
    struct str path = str_until_nul(job->bytes.p, job->bytes.n);
    if (path.n > 0 && path.p[0] != '/' && !str_eq(path, STR("<NA>")) && job->names->path) {
        job->names->path(job->names->data, job->event, job->i, job->buf);
    }
}

static void plain_bytebuf(const struct job *job)
{
    text_dots(job->buf, job->bytes);
}

/* NUL-terminated strings, with the separators in turn between them. */
static void put_strings(const struct job *job, const char separators[2])
{
    size_t at = 0;
    for (unsigned k = 0; at < job->bytes.n; k++) {
        struct str s = str_until_nul(job->bytes.p + at, job->bytes.n - at);
        if (k > 0) {
            buf_putc(job->buf, separators[(k - 1) % 2]);
        }
        text_put(job->buf, s);
        at += s.n + 1;
    }
}

static void plain_strings(const struct job *job)
{
    put_strings(job, ",,");
}

static void plain_pairs(const struct job *job)
{
    put_strings(job, ":,");
}

static void plain_sockaddr(const struct job *job)
{
    sockaddr_text(job->buf, job->bytes);
}

static void plain_socktuple(const struct job *job)
{
    socktuple_text(job->buf, job->bytes);
}

static void put_polled(const struct job *job, struct str entry)
{
    int64_t fd = signed_number(str_first(entry, 8));
    uint32_t flags = (uint32_t)signed_number(str_from_offset(entry, 8));
    struct param_fd info = { .type = "?" };
    if (job->names->fd) {
        job->names->fd(job->names->data, job->event, fd, &info);
    }
    buf_u64(job->buf, (uint64_t)fd);
    buf_putc(job->buf, ':');
    buf_putc(job->buf, info.type[0]);
    buf_hex(job->buf, flags);
}

static void plain_fdlist(const struct job *job)
{
    size_t count = number(str_first(job->bytes, 2));
    struct str rest = str_from_offset(job->bytes, 2);
    count = count < PARAM_FDLIST_MAX ? count : PARAM_FDLIST_MAX;
    for (size_t k = 0; k < count && rest.n >= FDLIST_ENTRY; k++) {
        if (k > 0) {
            buf_putc(job->buf, ' ');
        }
        put_polled(job, str_first(rest, FDLIST_ENTRY));
        rest = str_from_offset(rest, FDLIST_ENTRY);
    }
}

static void resolved_syscall(const struct job *job)
{
    uint64_t code = number(job->bytes);
    const char *name = code < SYSCALL_CODE_MAX ? name_text((uint16_t)code) : NULL;
    buf_putz(job->buf, name ? name : "<unknown syscall>");
}

static void resolved_signal(const struct job *job)
{
    uint64_t v = number(job->bytes);
    const char *name = v <= UINT8_MAX ? signal_name((unsigned)v) : NULL;
    if (name) {
        buf_putz(job->buf, name);
    }
}

static void plain_sigset(const struct job *job)
{
    uint32_t set = (uint32_t)number(job->bytes);
    bool first = true;
    for (unsigned bit = 0; bit < SIGSET_BITS; bit++) {
        const char *name = set & (UINT32_C(1) << bit) ? signal_name(bit + 1) : NULL;
        if (name) {
            if (!first) {
                buf_putc(job->buf, ' ');
            }
            first = false;
            buf_putz(job->buf, name);
        }
    }
}

static void plain_reltime(const struct job *job)
{
    uint64_t ns = number(job->bytes);
    if (ns == UINT64_MAX) {
        buf_puts(job->buf, STR("none"));
    } else {
        buf_u64(job->buf, ns);
    }
}

static void resolved_reltime(const struct job *job)
{
    uint64_t ns = number(job->bytes);
    if (ns != UINT64_MAX) {
        buf_printf(job->buf, "%gs", (double)ns / (double)NS_PER_S);
    }
}

static void plain_abstime(const struct job *job)
{
    uint64_t ns = number(job->bytes);
    time_t s = (time_t)(ns / NS_PER_S);
    struct tm tm;
    char day[32] = "";
    char zone[8] = "";
    if (localtime_r(&s, &tm)) {
        strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &tm);
        strftime(zone, sizeof(zone), "%z", &tm);
    }
    buf_printf(job->buf, "%s.%09" PRIu64 " %s", day, ns % NS_PER_S, zone);
}

static void resolved_flags(const struct job *job)
{
    flags_text(job->buf, job->param, (uint32_t)number(job->bytes));
}

static void plain_unknown(const struct job *job)
{
    buf_puts(job->buf, STR("INVALID DYNAMIC PARAMETER"));
}

struct forms {
    void (*plain)(const struct job *job);
    void (*resolved)(const struct job *job); /* NULL: never */
};

/* The types that kinds have; the format knows more. */
static const struct forms forms[PARAM_TYPE_COUNT] = {
    [PARAM_INT8] = { plain_signed, NULL },
    [PARAM_INT16] = { plain_signed, NULL },
    [PARAM_INT32] = { plain_signed, NULL },
    [PARAM_INT64] = { plain_signed, NULL },
    [PARAM_UINT8] = { plain_unsigned, NULL },
    [PARAM_UINT16] = { plain_unsigned, NULL },
    [PARAM_UINT32] = { plain_unsigned, NULL },
    [PARAM_UINT64] = { plain_unsigned, NULL },
    [PARAM_CHARBUF] = { plain_charbuf, NULL },
    [PARAM_BYTEBUF] = { plain_bytebuf, NULL },
    [PARAM_ERRNO] = { plain_errno, resolved_errno },
    [PARAM_SOCKADDR] = { plain_sockaddr, NULL },
    [PARAM_SOCKTUPLE] = { plain_socktuple, NULL },
    [PARAM_FD] = { plain_decimal, resolved_fd },
    [PARAM_PID] = { plain_decimal, resolved_pid },
    [PARAM_FDLIST] = { plain_fdlist, NULL },
    [PARAM_FSPATH] = { plain_path, resolved_path },
    [PARAM_SYSCALLID] = { plain_unsigned, resolved_syscall },
    [PARAM_SIGTYPE] = { plain_unsigned, resolved_signal },
    [PARAM_RELTIME] = { plain_reltime, resolved_reltime },
    [PARAM_ABSTIME] = { plain_abstime, NULL },
    [PARAM_L4PROTO] = { plain_unsigned, NULL },
    [PARAM_DYN] = { plain_unknown, NULL },
    [PARAM_FLAGS8] = { plain_flags, resolved_flags },
    [PARAM_FLAGS16] = { plain_flags, resolved_flags },
    [PARAM_FLAGS32] = { plain_flags, resolved_flags },
    [PARAM_UID] = { plain_id, resolved_uid },
    [PARAM_GID] = { plain_id, resolved_gid },
    [PARAM_SIGSET] = { plain_sigset, NULL },
    [PARAM_CHARBUFARRAY] = { plain_strings, NULL },
    [PARAM_CHARBUF_PAIR_ARRAY] = { plain_pairs, NULL },
    [PARAM_MODE] = { plain_unsigned, resolved_flags },
    [PARAM_FSRELPATH] = { plain_path, resolved_path },
    [PARAM_ENUMFLAGS8] = { plain_flags, resolved_flags },
    [PARAM_ENUMFLAGS16] = { plain_flags, resolved_flags },
    [PARAM_ENUMFLAGS32] = { plain_flags, resolved_flags },
};

const struct param *param_of(const struct event *event, unsigned i, struct str *ret_bytes)
{
    const struct kind *kind = event->kind < KIND_MAX ? &kind_table[event->kind] : NULL;
    if (!kind || i >= kind->nparams || !event_has_param(event, i)) {
        return NULL;
    }
    const struct param *param = &kind->params[i];
    struct str bytes = event_param(event, i);
    if (param->type == PARAM_DYN && bytes.n > 0 && (uint8_t)bytes.p[0] < param->nvariants) {
        param = &param->variants[(uint8_t)bytes.p[0]];
        bytes = str_from_offset(bytes, 1);
    }
    *ret_bytes = bytes;
    return param;
}

/* False when there is no such parameter. */
static bool job_init(struct job *job, const struct event *event, unsigned i,
                     const struct param_names *names, struct buf *buf)
{
    struct str bytes = { 0 };
    const struct param *param = param_of(event, i, &bytes);
    if (!param) {
        return false;
    }
    *job = (struct job){ .event = event,
                         .i = i,
                         .param = param,
                         .format = kind_table[event->kind].params[i].format,
                         .bytes = bytes,
                         .names = names ? names : &no_names,
                         .buf = buf };
    return true;
}

static void put_plain(const struct job *job)
{
    const struct forms *f = job->param->type < PARAM_TYPE_COUNT ? &forms[job->param->type] : NULL;
    if (event_param(job->event, job->i).n == 0) {
        buf_puts(job->buf, STR("NULL"));
    } else if (f && f->plain) {
        f->plain(job);
    } else {
        buf_puts(job->buf, STR("(n.a.)"));
    }
}

static void put_resolved(const struct job *job)
{
    const struct forms *f = job->param->type < PARAM_TYPE_COUNT ? &forms[job->param->type] : NULL;
    if (f && f->resolved && job->bytes.n > 0) {
        f->resolved(job);
    }
}

void param_plain(const struct event *event, unsigned i, const struct param_names *names,
                 struct buf *buf)
{
    struct job job;
    if (job_init(&job, event, i, names, buf)) {
        put_plain(&job);
    }
}

void param_resolved(const struct event *event, unsigned i, const struct param_names *names,
                    struct buf *buf)
{
    struct job job;
    if (job_init(&job, event, i, names, buf)) {
        put_resolved(&job);
    }
}

void param_text(const struct event *event, unsigned i, const struct param_names *names,
                struct buf *buf)
{
    struct job job;
    if (job_init(&job, event, i, names, buf)) {
        size_t before = buf->n;
        put_resolved(&job);
        if (buf->n == before) {
            put_plain(&job);
        }
    }
}

void param_full(const struct event *event, unsigned i, const struct param_names *names,
                struct buf *buf)
{
    struct job job;
    if (!job_init(&job, event, i, names, buf)) {
        return;
    }
    put_plain(&job);
    size_t before = buf->n;
    buf_putc(buf, '(');
    put_resolved(&job);
    if (buf->n == before + 1) {
        buf->n = before;
    } else {
        buf_putc(buf, ')');
    }
}

void param_args(const struct event *event, const struct param_names *names, struct buf *buf)
{
    const struct kind *kind = event->kind < KIND_MAX ? &kind_table[event->kind] : NULL;
    if (!kind || kind->name_id == NAME_syscall) {
        return;
    }
    for (unsigned i = 0; i < kind->nparams && i < event->nparams; i++) {
        buf_putz(buf, kind->params[i].name);
        buf_putc(buf, '=');
        param_full(event, i, names, buf);
        buf_putc(buf, ' ');
    }
}
