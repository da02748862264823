/*
 * Fields of whole captures, event by event, against Debian's `sysdig -r FILE -p FORMAT`.
 *
 * Where we follow the present Falco and not sysdig 0.29, or where that is wrong, a row names a function
 * that says which differences are meant. Everything else must be the same text. sysdig leaves out events
 * of unknown tasks; those it shows are compared.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "event/field.h"
#include "sensor/replay/replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED    77
#define OUTPUT_MAX ((size_t)256 << 20)
#define COLUMN     '\x02'
#define RECORD     "\x03\n"
#define SHOWN      20

struct pair {
    struct str type, ours, theirs;
    const struct thread *thread;
};

typedef bool meant(const struct pair *pair);

static bool is(struct str s, const char *z)
{
    return str_eqz(s, z);
}

static bool has(struct str s, const char *z)
{
    return str_find(s, str_of(z)) >= 0;
}

/*
 * Present Falco trims the blank behind the last one. sysdig cuts long data and shows none as nothing, knows
 * no protocol of new IPv6 sockets, and names a family once.
 */
static bool meant_args(const struct pair *p)
{
    if (has(p->theirs, "...") || has(p->ours, "(<6") || has(p->ours, "AF_LOCAL|AF_UNIX") ||
        has(p->ours, "data=NULL")) {
        return true;
    }
    return p->theirs.n && p->theirs.p[p->theirs.n - 1] == ' ' &&
           str_eq(p->ours, str_first(p->theirs, p->theirs.n - 1));
}

/* Calls that succeeded count 0 errors. */
static bool meant_no_error(const struct pair *p)
{
    return is(p->ours, "0") && is(p->theirs, "<NA>");
}

/* sysdig 0.29 never has the directory. */
static bool meant_no_cwd(const struct pair *p)
{
    return is(p->theirs, "");
}

/* Texts of the host are empty, not missing. */
static bool meant_host(const struct pair *p)
{
    return (is(p->ours, "") || is(p->ours, "false")) && is(p->theirs, "<NA>");
}

/* mmap is about a descriptor now. */
static bool meant_mmap(const struct pair *p)
{
    return str_starts(p->type, STR("mmap")) && is(p->theirs, "<NA>");
}

/* A socket has its protocol from the beginning, also of IPv6; sysdig learns it from the address. */
static bool meant_socket(const struct pair *p)
{
    return meant_mmap(p) || has(p->ours, "6u>") || has(p->ours, "6t>") ||
           ((is(p->ours, "udp") || is(p->ours, "tcp")) && is(p->theirs, "<NA>"));
}

/* The unspecified address of a socket that is not connected is not this machine's. */
static bool meant_server(const struct pair *p)
{
    return meant_mmap(p) || (is(p->ours, "false") && is(p->theirs, "true"));
}

/* A connection in progress is not connected until someone learned that it is. */
static bool meant_connected(const struct pair *p)
{
    return meant_mmap(p) || (is(p->ours, "false") && is(p->theirs, "true"));
}

/* Of a socket that listens: it has no client, and its own port is the server's. */
static bool meant_listener(const struct pair *p)
{
    return is(p->theirs, "") || (is(p->ours, "<NA>") && is(p->theirs, "0"));
}

/* Between two processes of one machine: the local side is this process's, not always the client's. */
static bool meant_side(const struct pair *p)
{
    return p->ours.n && p->theirs.n && !is(p->ours, "<NA>") && !is(p->theirs, "<NA>");
}

/* sysdig reads 64 bits where there are 32. */
static bool meant_narrow(const struct pair *p)
{
    return is(p->ours, "4294967295") && strtoull(p->theirs.p, NULL, 10) > UINT32_MAX;
}

/* The parent of a thread is its process's parent, not the thread that made it. */
static bool meant_thread(const struct pair *p)
{
    return p->thread && !(p->thread->flags & THREAD_MAIN);
}

/* All threads but the first are counted, those of the first too. */
static bool meant_count(const struct pair *p)
{
    return p->thread && p->thread->pid != 0 && is(p->theirs, "0");
}

/* A switch is no call. */
static bool meant_switch(const struct pair *p)
{
    return is(p->type, "switch");
}

static bool meant_unknown(const struct pair *p)
{
    return is(p->theirs, "<unknown>");
}

/* The task made up for a container's event has no login; sysdig's has root's. */
static bool meant_no_login(const struct pair *p)
{
    return is(p->type, "container") && is(p->ours, "-1");
}

/* An event about a container is of no task; sysdig makes one up. */
static bool meant_no_task(const char *field, const struct pair *p)
{
    struct str name = str_of(field);
    return is(p->type, "container") && is(p->ours, "<NA>") &&
           (str_starts(name, STR("proc.")) || str_starts(name, STR("thread.")) ||
            str_starts(name, STR("user.")) || str_starts(name, STR("group.")));
}

static const struct {
    const char *field;
    meant *meant; /* NULL: no difference is */
} rows[] = {
    { "evt.num", NULL }, /* the key; then the type */
    { "evt.type", meant_unknown },
    { "evt.time", NULL },
    { "evt.time.s", NULL },
    { "evt.datetime", NULL },
    { "evt.datetime.s", NULL },
    { "evt.time.iso8601", NULL },
    { "evt.rawtime", NULL },
    { "evt.rawtime.s", NULL },
    { "evt.latency", meant_switch },
    { "evt.latency.s", NULL },
    { "evt.latency.ns", meant_switch },
    { "evt.latency.human", meant_switch },
    { "evt.dir", NULL },
    { "evt.cpu", NULL },
    { "evt.args", meant_args },
    { "evt.buffer", NULL },
    { "evt.buflen", NULL },
    { "evt.res", NULL },
    { "evt.rawres", NULL },
    { "evt.failed", NULL },
    { "evt.is_io", NULL },
    { "evt.is_io_read", NULL },
    { "evt.is_io_write", NULL },
    { "evt.io_dir", NULL },
    { "evt.is_wait", NULL },
    { "evt.is_syslog", NULL },
    { "evt.count", NULL },
    { "evt.count.exit", NULL },
    { "evt.count.error", meant_no_error },
    { "evt.count.error.file", meant_no_error },
    { "evt.count.error.net", meant_no_error },
    { "evt.count.error.memory", meant_no_error },
    { "evt.count.error.other", meant_no_error },
    { "evt.is_open_read", NULL },
    { "evt.is_open_write", NULL },
    { "evt.is_open_exec", NULL },
    { "evt.arg.name", NULL },
    { "evt.arg.fd", meant_socket },
    { "evt.arg.res", NULL },
    { "evt.arg.flags", NULL },
    { "evt.arg.path", NULL },
    { "fd.num", meant_mmap },
    { "fd.type", meant_mmap },
    { "fd.typechar", meant_mmap },
    { "fd.name", meant_mmap },
    { "fd.directory", meant_mmap },
    { "fd.filename", meant_mmap },
    { "fd.uid", meant_mmap },
    { "fd.containername", meant_mmap },
    { "fd.containerdirectory", meant_mmap },
    { "fd.cip", NULL },
    { "fd.sip", NULL },
    { "fd.lip", meant_side },
    { "fd.rip", meant_side },
    { "fd.cport", meant_listener },
    { "fd.sport", NULL },
    { "fd.lport", meant_side },
    { "fd.rport", meant_side },
    { "fd.cproto", meant_listener },
    { "fd.sproto", meant_listener },
    { "fd.lproto", meant_side },
    { "fd.rproto", meant_side },
    { "fd.l4proto", meant_socket },
    { "fd.sockfamily", meant_mmap },
    { "fd.is_server", meant_server },
    { "fd.connected", meant_connected },
    { "fd.name_changed", meant_mmap },
    { "fdlist.nums", NULL },
    { "fdlist.names", NULL },
    { "fdlist.cips", NULL },
    { "fdlist.sips", NULL },
    { "fdlist.cports", NULL },
    { "fdlist.sports", NULL },
    { "proc.pid", NULL },
    { "proc.exe", NULL },
    { "proc.exepath", NULL },
    { "proc.name", NULL },
    { "proc.args", NULL },
    { "proc.env", NULL },
    { "proc.cmdline", NULL },
    { "proc.exeline", NULL },
    { "proc.cwd", meant_no_cwd },
    { "proc.nthreads", NULL },
    { "proc.nchilds", meant_count },
    { "proc.ppid", NULL },
    { "proc.pname", meant_thread },
    { "proc.pcmdline", meant_thread },
    { "proc.apid[1]", NULL },
    { "proc.aname[0]", NULL },
    { "proc.aname[1]", NULL },
    { "proc.aname[2]", NULL },
    { "proc.loginshellid", NULL },
    { "proc.duration", NULL },
    { "proc.fdopencount", NULL },
    { "proc.fdlimit", NULL },
    { "proc.fdusage", NULL },
    { "proc.vmsize", NULL },
    { "proc.vmrss", NULL },
    { "proc.vmswap", NULL },
    { "proc.sid", NULL },
    { "proc.sname", NULL },
    { "proc.tty", NULL },
    { "proc.vpgid", NULL },
    { "proc.is_exe_writable", NULL },
    { "thread.tid", NULL },
    { "thread.ismain", NULL },
    { "thread.nametid", NULL },
    { "thread.pfmajor", NULL },
    { "thread.pfminor", NULL },
    { "thread.vmsize", NULL },
    { "thread.vmrss", NULL },
    { "thread.cgroups", NULL },
    { "thread.cgroup.cpu", NULL },
    { "user.uid", NULL },
    { "user.name", NULL },
    { "user.homedir", NULL },
    { "user.shell", NULL },
    { "user.loginuid", meant_no_login },
    { "user.loginname", NULL },
    { "group.gid", meant_narrow },
    { "group.name", NULL },
    { "container.id", NULL },
    { "container.name", NULL },
    { "container.type", NULL },
    { "container.image", meant_host },
    { "container.image.id", meant_host },
    { "container.image.repository", meant_host },
    { "container.image.tag", meant_host },
    { "container.image.digest", meant_host },
    { "container.privileged", meant_host },
    { "container.mounts", meant_host },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct field_ref refs[ROWS];
static size_t compared, different;

static bool resolve_all(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct str name = str_of(rows[i].field), arg = { 0 };
        ptrdiff_t bracket = str_find_char(name, '[');
        if (bracket >= 0) {
            arg = str_from(name.p + bracket + 1, name.n - (size_t)bracket - 2);
            name.n = (size_t)bracket;
        }
        struct err err = { 0 };
        if (field_resolve(name, arg, &refs[i], &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            return false;
        }
    }
    return true;
}

/*
 * What sysdig prints for every event, as one text. It shows members that it never set: it must see
 * zeroed memory, not what MALLOC_PERTURB_ asks for.
 */
static bool run_sysdig(const char *path, struct buf *ret)
{
    struct buf command;
    buf_init(&command, 65536);
    buf_printf(&command, "env -u MALLOC_PERTURB_ sysdig -r '%s' -p '*", path);
    for (size_t i = 0; i < ROWS; i++) {
        if (i) {
            buf_putc(&command, COLUMN);
        }
        buf_putc(&command, '%');
        buf_putz(&command, rows[i].field);
    }
    buf_puts(&command, STR("\x03' 2>&1"));
    buf_putc(&command, '\0');
    FILE *pipe = popen(command.p, "r"); /* lint: allow popen */
    buf_done(&command);
    size_t n = 1;
    while (pipe && n > 0) {
        char *at = buf_reserve(ret, 65536);
        n = at ? fread(at, 1, 65536, pipe) : 0;
        ret->n += n;
    }
    return pipe && pclose(pipe) == 0 && !ret->failed;
}

/* The next record of the output, split in columns; false at the end. */
static bool next_record(struct str *output, struct str columns[ROWS])
{
    ptrdiff_t end = str_find(*output, STR(RECORD));
    if (end < 0) {
        return false;
    }
    struct str record = str_first(*output, (size_t)end);
    *output = str_from_offset(*output, (size_t)end + strlen(RECORD));
    for (size_t i = 0; i < ROWS; i++) {
        ptrdiff_t at = str_find_char(record, COLUMN);
        columns[i] = at < 0 ? record : str_first(record, (size_t)at);
        record = str_from_offset(record, columns[i].n + 1);
    }
    return true;
}

static void compare(const char *path, struct view *view, const struct str columns[ROWS])
{
    static char storage[1 << 20];
    for (size_t i = 0; i < ROWS; i++) {
        struct extracted value;
        struct buf buf;
        buf_init_fixed(&buf, storage, sizeof(storage));
        field_extract(&refs[i], view, &value);
        if (value.n) {
            field_text(&refs[i], &value, &buf);
        } else {
            buf_puts(&buf, STR("<NA>"));
        }
        struct pair pair = { columns[1], buf_str(&buf), columns[i], view->event->thread };
        compared++;
        if (str_eq(pair.ours, pair.theirs) || (rows[i].meant && rows[i].meant(&pair)) ||
            meant_no_task(rows[i].field, &pair)) {
            continue;
        }
        if (different++ < SHOWN) {
            fprintf(stderr, "%s: event %.*s %.*s: %s is \"%.*s\", theirs \"%.*s\"\n", path,
                    STR_ARG(columns[0]), STR_ARG(columns[1]), rows[i].field, STR_ARG(pair.ours),
                    STR_ARG(pair.theirs));
        }
    }
}

/* Replays the capture beside sysdig's output; events it does not show are passed over. */
static bool compare_capture(const char *path, struct str output)
{
    struct state_config config = { 0 };
    struct state *state = NULL;
    struct sensor *sensor = NULL;
    struct err err = { 0 };
    struct view view = { .source = STR("syscall") };
    if (state_new(&config, &state) < 0 || scratch_init(&view.scratch) < 0 ||
        replay_open(path, state, &sensor, &err) < 0) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        return false;
    }
    view.state = state;
    struct str columns[ROWS];
    bool more = next_record(&output, columns);
    struct event *event;
    while (more && sensor_next(sensor, &event, &err) > 0) {
        state_apply(state, event);
        if (event->num == strtoull(columns[0].p, NULL, 10)) {
            view_event(&view, event);
            compare(path, &view, columns);
            more = next_record(&output, columns);
        }
        state_settle(state, event);
    }
    sensor_close(sensor);
    scratch_done(&view.scratch);
    state_free(state);
    if (more) {
        fprintf(stderr, "%s: event %.*s is not ours\n", path, STR_ARG(columns[0]));
    }
    return !more;
}

static bool compare_folder(const char *folder)
{
    bool ok = true;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!str_ends(str_of(entry->d_name), STR(".scap"))) {
            continue;
        }
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        struct buf output;
        buf_init(&output, OUTPUT_MAX);
        ok &= run_sysdig(path, &output) && compare_capture(path, buf_str(&output));
        buf_done(&output);
    }
    if (dir) {
        closedir(dir);
    }
    return ok;
}

int main(void)
{
    const char *shared = getenv("HINOMI_SHARED");
    char captures[4096], traces[4096];
    snprintf(captures, sizeof(captures), "%s/captures", shared ? shared : "../shared");
    snprintf(traces, sizeof(traces), "%s/vectors/trace_files", shared ? shared : "../shared");
    DIR *dir = opendir(captures);
    if (!dir) {
        printf("skipped: no captures in %s\n", captures);
        return SKIPPED;
    }
    closedir(dir);
    if (system("sysdig --version >/dev/null 2>&1") != 0) { /* lint: allow system */
        printf("skipped: no sysdig here\n");
        return SKIPPED;
    }
    bool ok = resolve_all() && compare_folder(captures) && compare_folder(traces);
    printf("%zu values compared, %zu different\n", compared, different);
    return ok && compared && !different ? 0 : 1;
}
