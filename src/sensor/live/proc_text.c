/*
 * proc_text: lines and columns of /proc.
 *
 * Shape: a cursor (struct str) loses what was read from its front. A status line is looked up in a table
 * of names; the rest of each file has a function of its own.
 *
 * Invariant: no text, however cut or forged, makes a read beyond it or an overflow; a name may contain
 * anything but in `stat` the last ')' ends it, for only numbers follow.
 */
#include "sensor/live/proc_text.h"

#include "sensor/live/task.h"

#include <errno.h>

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static void skip_blanks(struct str *text)
{
    while (text->n > 0 && (*text->p == ' ' || *text->p == '\t')) {
        *text = str_from_offset(*text, 1);
    }
}

bool proc_number(struct str *text, uint64_t *ret)
{
    skip_blanks(text);
    uint64_t v = 0;
    size_t n = 0;
    for (; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++) {
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(text->p[n] - '0'), &v)) {
            return false;
        }
    }
    if (n == 0) {
        return false;
    }
    *text = str_from_offset(*text, n);
    *ret = v;
    return true;
}

bool proc_integer(struct str *text, int64_t *ret)
{
    skip_blanks(text);
    bool negative = text->n > 0 && *text->p == '-';
    struct str rest = str_from_offset(*text, negative);
    uint64_t v;
    if ((rest.n > 0 && (*rest.p < '0' || *rest.p > '9')) || !proc_number(&rest, &v) ||
        v > INT64_MAX) {
        return false;
    }
    *text = rest;
    *ret = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

static bool hex_number(struct str text, uint64_t *ret)
{
    skip_blanks(&text);
    uint64_t v = 0;
    size_t n = 0;
    for (; n < text.n && n < 16; n++) {
        char c = text.p[n];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            break;
        }
        v = v << 4 | (uint64_t)digit;
    }
    *ret = n ? v : *ret;
    return n > 0;
}

bool proc_line(struct str *text, struct str *ret)
{
    if (text->n == 0) {
        return false;
    }
    ptrdiff_t end = str_find_char(*text, '\n');
    *ret = str_first(*text, end < 0 ? text->n : (size_t)end);
    *text = str_from_offset(*text, end < 0 ? text->n : (size_t)end + 1);
    return true;
}

struct str proc_word(struct str *text)
{
    skip_blanks(text);
    size_t n = 0;
    while (n < text->n && text->p[n] != ' ' && text->p[n] != '\t') {
        n++;
    }
    struct str word = str_first(*text, n);
    *text = str_from_offset(*text, n);
    return word;
}

static void put_i64(struct str text, int64_t *ret)
{
    proc_integer(&text, ret);
}

static void put_u64(struct str text, uint64_t *ret)
{
    proc_number(&text, ret);
}

static void put_u32(struct str text, uint32_t *ret)
{
    uint64_t v;
    if (proc_number(&text, &v) && v <= UINT32_MAX) {
        *ret = (uint32_t)v;
    }
}

/* Ids in the reader's namespace and in the innermost one. */
static unsigned first_and_last(struct str text, int64_t *ret_first, int64_t *ret_last)
{
    int64_t v;
    unsigned n = 0;
    for (; proc_integer(&text, &v); n++) {
        *ret_last = v;
        if (n == 0) {
            *ret_first = v;
        }
    }
    return n;
}

/* Real, effective, saved, file system. */
static void put_ids(struct str text, uint32_t *ret_real, uint32_t *ret_effective, uint32_t *ret_fs)
{
    uint64_t id[4];
    for (unsigned i = 0; i < 4; i++) {
        if (!proc_number(&text, &id[i]) || id[i] > UINT32_MAX) {
            return;
        }
    }
    *ret_real = (uint32_t)id[0];
    *ret_effective = (uint32_t)id[1];
    *ret_fs = (uint32_t)id[3];
}

static void put_groups(struct live_task *task, struct str text)
{
    uint64_t id;
    task->ngroups = 0;
    while (task->ngroups <= LIVE_GROUPS_MAX && proc_number(&text, &id)) {
        if (task->ngroups < LIVE_GROUPS_MAX) {
            task->groups[task->ngroups] = (uint32_t)id;
        }
        task->ngroups++;
    }
}

static void put_octal(struct str text, uint32_t *ret)
{
    skip_blanks(&text);
    uint32_t v = 0;
    for (size_t i = 0; i < text.n && i < 8 && text.p[i] >= '0' && text.p[i] <= '7'; i++) {
        v = v << 3 | (uint32_t)(text.p[i] - '0');
    }
    *ret = v;
}

enum status_name {
    S_UMASK,
    S_TGID,
    S_PID,
    S_PPID,
    S_TRACER,
    S_UID,
    S_GID,
    S_GROUPS,
    S_NSTGID,
    S_NSPID,
    S_NSPGID,
    S_NSSID,
    S_VMSIZE,
    S_VMRSS,
    S_VMSWAP,
    S_THREADS,
    S_CAPINH,
    S_CAPPRM,
    S_CAPEFF,
    S_FILTERS,
};

/* In the order of the file. */
static const struct str status_names[] = {
    [S_UMASK] = { "Umask", 5 },      [S_TGID] = { "Tgid", 4 },
    [S_PID] = { "Pid", 3 },          [S_PPID] = { "PPid", 4 },
    [S_TRACER] = { "TracerPid", 9 }, [S_UID] = { "Uid", 3 },
    [S_GID] = { "Gid", 3 },          [S_GROUPS] = { "Groups", 6 },
    [S_NSTGID] = { "NStgid", 6 },    [S_NSPID] = { "NSpid", 5 },
    [S_NSPGID] = { "NSpgid", 6 },    [S_NSSID] = { "NSsid", 5 },
    [S_VMSIZE] = { "VmSize", 6 },    [S_VMRSS] = { "VmRSS", 5 },
    [S_VMSWAP] = { "VmSwap", 6 },    [S_THREADS] = { "Threads", 7 },
    [S_CAPINH] = { "CapInh", 6 },    [S_CAPPRM] = { "CapPrm", 6 },
    [S_CAPEFF] = { "CapEff", 6 },    [S_FILTERS] = { "Seccomp_filters", 15 },
};

static int status_name(struct str name)
{
    for (size_t i = 0; i < COUNT(status_names); i++) {
        if (status_names[i].n == name.n && status_names[i].p[0] == *name.p &&
            memcmp(status_names[i].p, name.p, name.n) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void namespace_ids(struct live_task *task, enum status_name name, struct str value)
{
    int64_t unused;
    if (name == S_NSTGID) {
        first_and_last(value, &unused, &task->vpid);
    } else if (name == S_NSPID) {
        unsigned depth = first_and_last(value, &unused, &task->vtid);
        task->pidns_depth = depth > UINT8_MAX ? UINT8_MAX : (uint8_t)depth;
    } else if (name == S_NSPGID) {
        first_and_last(value, &task->pgid, &task->vpgid);
    } else {
        first_and_last(value, &task->sid, &unused);
    }
}

void proc_status_line(struct live_task *task, struct str line)
{
    ptrdiff_t colon = str_find_char(line, ':');
    int name = colon > 0 ? status_name(str_first(line, (size_t)colon)) : -1;
    if (name < 0) {
        return;
    }
    struct str value = str_from_offset(line, (size_t)colon + 1);
    switch ((enum status_name)name) {
    case S_UMASK:
        put_octal(value, &task->umask);
        break;
    case S_TGID:
        put_i64(value, &task->pid);
        break;
    case S_PID:
        put_i64(value, &task->tid);
        break;
    case S_PPID:
        put_i64(value, &task->ptid);
        break;
    case S_TRACER:
        put_i64(value, &task->tracer);
        break;
    case S_UID:
        put_ids(value, &task->uid, &task->euid, &task->fsuid);
        break;
    case S_GID:
        put_ids(value, &task->gid, &task->egid, &task->fsgid);
        break;
    case S_GROUPS:
        put_groups(task, value);
        break;
    case S_NSTGID:
    case S_NSPID:
    case S_NSPGID:
    case S_NSSID:
        namespace_ids(task, (enum status_name)name, value);
        break;
    case S_VMSIZE:
        put_u64(value, &task->vmsize_kb);
        break;
    case S_VMRSS:
        put_u64(value, &task->vmrss_kb);
        break;
    case S_VMSWAP:
        put_u64(value, &task->vmswap_kb);
        break;
    case S_THREADS:
        put_u32(value, &task->nthreads);
        break;
    case S_CAPINH:
        hex_number(value, &task->cap_inheritable);
        break;
    case S_CAPPRM:
        hex_number(value, &task->cap_permitted);
        break;
    case S_CAPEFF:
        hex_number(value, &task->cap_effective);
        break;
    case S_FILTERS:
        put_u32(value, &task->seccomp_filters);
        break;
    }
}

/* Columns of stat after the name, from 0: the state's letter. */
enum stat_column {
    STAT_PARENT = 1,
    STAT_GROUP = 2,
    STAT_SESSION = 3,
    STAT_TTY = 4,
    STAT_MINOR = 7,
    STAT_MAJOR = 9,
    STAT_START = 19,
    STAT_COLUMNS,
    STAT_TEXTS = 45, /* where arguments begin and end, where the environment does */
};

int proc_stat(struct live_task *task, struct str text, struct str *ret_comm)
{
    ptrdiff_t open = str_find_char(text, '(');
    ptrdiff_t close = str_find_last(text, ')');
    if (open < 0 || close < open) {
        return -EINVAL;
    }
    struct str rest = str_from_offset(text, (size_t)close + 1);
    int64_t column[STAT_COLUMNS] = { 0 };
    proc_word(&rest);
    for (unsigned i = STAT_PARENT; i < STAT_COLUMNS; i++) {
        if (!proc_integer(&rest, &column[i])) {
            return -EINVAL;
        }
    }
    task->ptid = column[STAT_PARENT];
    task->pgid = column[STAT_GROUP];
    task->sid = column[STAT_SESSION];
    task->tty = (uint32_t)column[STAT_TTY];
    task->pfminor = (uint64_t)column[STAT_MINOR];
    task->pfmajor = (uint64_t)column[STAT_MAJOR];
    task->start_ticks = (uint64_t)column[STAT_START];
    *ret_comm = str_from(text.p + open + 1, (size_t)(close - open - 1));
    for (unsigned i = STAT_COLUMNS; i < STAT_TEXTS; i++) {
        proc_word(&rest);
    }
    for (unsigned i = 0; i < 4 && proc_number(&rest, &task->texts_at[i]); i++) {
    }
    return 0;
}

int64_t proc_limits(struct str text)
{
    static const struct str name = { "Max open files", 14 };
    for (struct str line; proc_line(&text, &line);) {
        if (!str_starts(line, name)) {
            continue;
        }
        struct str value = str_from_offset(line, name.n);
        struct str word = proc_word(&value);
        int64_t limit;
        if (str_eq(word, STR("unlimited"))) {
            return INT64_MAX;
        }
        return proc_integer(&word, &limit) ? limit : -1;
    }
    return -1;
}

static void put_cgroup(struct buf *buf, struct str controller, struct str path)
{
    if (buf->capacity - buf->n > controller.n + path.n + 2) {
        buf_puts(buf, controller);
        buf_putc(buf, '=');
        buf_puts(buf, path);
        buf_putc(buf, '\0');
    }
}

/* "cpu,cpuacct": each has an entry of its own; "name=systemd" has none. */
static void put_controllers(struct buf *buf, struct str list, struct str path)
{
    while (list.n > 0 && !str_starts(list, STR("name="))) {
        ptrdiff_t comma = str_find_char(list, ',');
        size_t n = comma < 0 ? list.n : (size_t)comma;
        put_cgroup(buf, str_first(list, n), path);
        list = str_from_offset(list, n + 1);
    }
}

/*
 * The unified hierarchy counts, under the names that events use, where no other has a controller, or
 * where those are all at their root and it is not.
 */
void proc_cgroups(struct str text, struct buf *buf)
{
    static const char *const unified_names[] = { "cpuset", "cpu", "cpuacct", "io", "memory" };
    struct str unified = { 0 };
    bool placed = false;
    for (struct str line; proc_line(&text, &line);) {
        ptrdiff_t first = str_find_char(line, ':');
        struct str rest = str_from_offset(line, (size_t)(first + 1));
        ptrdiff_t second = first < 0 ? -1 : str_find_char(rest, ':');
        if (second < 0) {
            continue;
        }
        struct str path = str_from_offset(rest, (size_t)second + 1);
        if (second == 0) {
            unified = path;
        }
        size_t before = buf->n;
        put_controllers(buf, str_first(rest, (size_t)second), path);
        placed |= buf->n > before && path.n > 1;
    }
    bool counts = unified.n > 1 ? !placed : unified.n == 1 && buf->n == 0;
    for (size_t i = 0; counts && i < COUNT(unified_names); i++) {
        put_cgroup(buf, str_of(unified_names[i]), unified);
    }
}

bool proc_id_is_mapped(struct str map, uint32_t id)
{
    for (struct str line; proc_line(&map, &line);) {
        uint64_t inside, outside, count;
        if (proc_number(&line, &inside) && proc_number(&line, &outside) &&
            proc_number(&line, &count) && id >= outside && id - outside < count) {
            return true;
        }
    }
    return false;
}
