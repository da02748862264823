/*
 * bundle: a container's configuration for runc (OCI runtime specification): what Docker gives a container by default, with
 * Fargate's capabilities, and what the definition says.
 *
 * Who is not root has no capabilities but those that a set-user-id program may get (the bounding set), as with Docker.
 */
#include "taskrun/run.h"

#include "base/fd.h"
#include "taskrun/embedded.h"
#include "taskrun/seccomp.h"
#include "taskrun/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONFIG_MAX       (4 * 1024 * 1024)
#define CAPABILITIES_MAX 20
#define VARIABLES_MAX    1024
#define FILES_LIMIT      65535 /* Fargate's */
#define PATH_DEFAULT     "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FROM_DEPTH       TASK_CONTAINERS_MAX

static const char *const defaults[] = {
    "CAP_CHOWN",      "CAP_DAC_OVERRIDE", "CAP_FOWNER",           "CAP_FSETID",      "CAP_KILL",
    "CAP_SETGID",     "CAP_SETUID",       "CAP_SETPCAP",          "CAP_MKNOD",       "CAP_NET_RAW",
    "CAP_SYS_CHROOT", "CAP_SETFCAP",      "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE",
};

struct capabilities {
    const char *items[CAPABILITIES_MAX + 1];
    uint32_t n;
};

struct variables {
    struct task_pair items[VARIABLES_MAX];
    uint32_t n;
    bool full;
};

static bool is_dropped(const struct task_container *c, const char *name)
{
    for (uint32_t i = 0; i < c->capabilities_dropped.n; i++) {
        struct str word = c->capabilities_dropped.items[i];
        if (str_eqz(word, "ALL") || str_ieq(word, str_from_offset(str_of(name), strlen("CAP_"))) ||
            str_ieq(word, str_of(name))) {
            return true;
        }
    }
    return false;
}

static void find_capabilities(const struct task_container *c, struct capabilities *ret)
{
    *ret = (struct capabilities){ 0 };
    for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
        if (!is_dropped(c, defaults[i])) {
            ret->items[ret->n++] = defaults[i];
        }
    }
    if (c->ptrace) {
        ret->items[ret->n++] = "CAP_SYS_PTRACE";
    }
}

static void put_variable(struct variables *v, struct str name, struct str value)
{
    uint32_t i = 0;
    while (i < v->n && !str_eq(v->items[i].name, name)) {
        i++;
    }
    if (i == VARIABLES_MAX) {
        v->full = true;
        return;
    }
    v->items[i] = (struct task_pair){ name, value };
    v->n += i == v->n;
}

static void put_image_variables(struct variables *v, const struct image_words *words)
{
    for (uint32_t i = 0; i < words->n; i++) {
        ptrdiff_t at = str_find_char(words->items[i], '=');
        struct str name = at < 0 ? words->items[i] : str_first(words->items[i], (size_t)at);
        put_variable(v, name, at < 0 ? STR("") : str_from_offset(words->items[i], (size_t)at + 1));
    }
}

static int find_variables(const struct run *run, const struct slot *slot, struct variables *v)
{
    char uri[160];
    const struct task_container *c = slot->def;
    struct str region = run->task.region;
    snprintf(uri, sizeof(uri), "%s/v4/%s", run->uri, slot->id);
    struct str copy = arena_str(run->arena, str_of(uri));
    put_variable(v, STR("PATH"), STR(PATH_DEFAULT));
    put_variable(v, STR("HOSTNAME"), str_of(run->hostname));
    put_image_variables(v, &slot->image->config.environment);
    put_variable(v, STR("AWS_EXECUTION_ENV"), STR("AWS_ECS_FARGATE"));
    put_variable(v, STR("AWS_DEFAULT_REGION"), region);
    put_variable(v, STR("AWS_REGION"), region);
    put_variable(v, STR("ECS_CONTAINER_METADATA_URI_V4"), copy);
    for (uint32_t i = 0; i < c->secrets.n; i++) {
        struct str value;
        int r = run_find_secret(run, slot, &c->secrets.items[i], &value);
        if (r < 0) {
            return r;
        }
        put_variable(v, c->secrets.items[i].name, value);
    }
    for (uint32_t i = 0; i < c->environment.n; i++) {
        put_variable(v, c->environment.items[i].name, c->environment.items[i].value);
    }
    return v->full || !copy.p
               ? err_set(run->err, -E2BIG, "container `%s`: too many variables", c->name.p)
               : 0;
}

static void write_capabilities(struct jsonw *w, const struct slot *slot)
{
    static const char *const sets[] = { "bounding", "permitted", "effective" };
    struct capabilities all;
    find_capabilities(slot->def, &all);
    jsonw_object(w, "capabilities");
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        jsonw_array(w, sets[i]);
        for (uint32_t k = 0; k < all.n && (i == 0 || slot->account.uid == 0); k++) {
            jsonw_strz(w, NULL, all.items[k]);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Nobody can be given more than this process may have itself. */
static void write_limits(struct jsonw *w, const struct task_container *c)
{
    struct rlimit mine = { FILES_LIMIT, FILES_LIMIT };
    uint64_t soft = FILES_LIMIT, hard = FILES_LIMIT;
    getrlimit(RLIMIT_NOFILE, &mine);
    for (uint32_t i = 0; i < c->nlimits; i++) {
        soft = c->limits[i].soft;
        hard = c->limits[i].hard;
    }
    hard = hard > mine.rlim_max ? mine.rlim_max : hard;
    jsonw_array(w, "rlimits");
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", "RLIMIT_NOFILE");
    jsonw_u64(w, "hard", hard);
    jsonw_u64(w, "soft", soft > hard ? hard : soft);
    jsonw_end(w);
    jsonw_end(w);
}

static void write_user(struct jsonw *w, const struct account *account)
{
    jsonw_object(w, "user");
    jsonw_u64(w, "uid", account->uid);
    jsonw_u64(w, "gid", account->gid);
    jsonw_array(w, "additionalGids");
    for (uint32_t i = 0; i < account->ngroups; i++) {
        jsonw_u64(w, NULL, account->groups[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
}

static int write_variables(struct run *run, const struct slot *slot, struct jsonw *w)
{
    struct variables *v = mem_zalloc(sizeof(*v));
    int r = v ? find_variables(run, slot, v) : err_set(run->err, -ENOMEM, "out of memory");
    jsonw_array(w, "env");
    for (uint32_t i = 0; r == 0 && i < v->n; i++) {
        struct buf word;
        buf_init(&word, CONFIG_MAX);
        buf_puts(&word, v->items[i].name);
        buf_putc(&word, '=');
        buf_puts(&word, v->items[i].value);
        jsonw_str(w, NULL, buf_str(&word));
        buf_done(&word);
    }
    jsonw_end(w);
    free(v);
    return r;
}

static int write_process(struct run *run, const struct slot *slot, struct jsonw *w, const char *key,
                         const struct task_words *args, bool init)
{
    jsonw_object(w, key);
    jsonw_bool(w, "terminal", false);
    write_user(w, &slot->account);
    jsonw_array(w, "args");
    if (init) {
        jsonw_strz(w, NULL, "/dev/init");
        jsonw_strz(w, NULL, "--");
    }
    for (uint32_t i = 0; i < args->n; i++) {
        jsonw_str(w, NULL, args->items[i]);
    }
    jsonw_end(w);
    int r = write_variables(run, slot, w);
    jsonw_str(w, "cwd", slot->directory);
    write_capabilities(w, slot);
    write_limits(w, slot->def);
    jsonw_bool(w, "noNewPrivileges", false);
    jsonw_end(w);
    return r;
}

/* options: up to NULL. */
static void write_mount(struct jsonw *w, struct str to, const char *type, const char *from,
                        const char *const *options)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "destination", to);
    jsonw_strz(w, "type", type);
    jsonw_strz(w, "source", from);
    jsonw_array(w, "options");
    for (; *options; options++) {
        jsonw_strz(w, NULL, *options);
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void write_bind(struct jsonw *w, struct str to, const char *from, bool read_only)
{
    const char *const options[] = { "rbind", "rprivate", read_only ? "ro" : "rw", NULL };
    write_mount(w, to, "bind", from, options);
}

static void write_own_mounts(const struct run *run, struct jsonw *w)
{
    static const char *const none[] = { NULL };
    static const char *const dev[] = { "nosuid", "strictatime", "mode=755", "size=65536k", NULL };
    static const char *const pts[] = { "nosuid",    "noexec", "newinstance", "ptmxmode=0666",
                                       "mode=0620", "gid=5",  NULL };
    static const char *const shm[] = {
        "nosuid", "noexec", "nodev", "mode=1777", "size=65536k", NULL
    };
    static const char *const closed[] = { "nosuid", "noexec", "nodev", NULL };
    static const char *const read[] = { "nosuid", "noexec", "nodev", "ro", NULL };
    static const char *const files[] = { "hosts", "hostname", "resolv.conf" };
    char from[PATH_MAX], to[32];
    write_mount(w, STR("/proc"), "proc", "proc", none);
    write_mount(w, STR("/dev"), "tmpfs", "tmpfs", dev);
    write_mount(w, STR("/dev/pts"), "devpts", "devpts", pts);
    write_mount(w, STR("/sys"), "sysfs", "sysfs", read);
    write_mount(w, STR("/sys/fs/cgroup"), "cgroup", "cgroup", read);
    write_mount(w, STR("/dev/mqueue"), "mqueue", "mqueue", closed);
    write_mount(w, STR("/dev/shm"), "tmpfs", "shm", shm);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        snprintf(from, sizeof(from), "%.4000s/%s", run->private, files[i]);
        snprintf(to, sizeof(to), "/etc/%s", files[i]);
        write_bind(w, str_of(to), from, false);
    }
}

/* A container's own, then those that it has from others. */
static void write_volumes(const struct run *run, const struct task_container *c, bool read_only,
                          struct jsonw *w, int depth)
{
    const struct slot *slot = &run->slots[c - run->task.containers];
    for (uint32_t i = 0; i < slot->ndeclared; i++) {
        write_bind(w, slot->declared[i].path, slot->declared[i].folder, read_only);
    }
    for (uint32_t i = 0; i < c->nmounts; i++) {
        write_bind(w, c->mounts[i].path, run->volumes[c->mounts[i].volume],
                   read_only || c->mounts[i].read_only);
    }
    for (uint32_t i = 0; i < c->nfrom && depth < FROM_DEPTH; i++) {
        write_volumes(run, &run->task.containers[c->from[i].container],
                      read_only || c->from[i].read_only, w, depth + 1);
    }
}

static void write_tmpfs(const struct task_container *c, struct jsonw *w)
{
    for (uint32_t i = 0; i < c->ntmpfs; i++) {
        const char *options[TASK_ITEMS_MAX + 8] = { "nosuid", "nodev", "noexec" };
        uint32_t n = 3;
        char size[32];
        snprintf(size, sizeof(size), "size=%um", c->tmpfs[i].size_mib);
        options[n++] = size;
        for (uint32_t k = 0; k < c->tmpfs[i].options.n; k++) {
            options[n++] = c->tmpfs[i].options.items[k].p;
        }
        write_mount(w, c->tmpfs[i].path, "tmpfs", "tmpfs", options);
    }
}

static void write_mounts(const struct run *run, const struct slot *slot, struct jsonw *w)
{
    char init[PATH_MAX];
    jsonw_array(w, "mounts");
    write_own_mounts(run, w);
    write_volumes(run, slot->def, false, w, 0);
    write_tmpfs(slot->def, w);
    if (slot->def->init) {
        snprintf(init, sizeof(init), "%.4000s/init", run->private);
        write_bind(w, STR("/dev/init"), init, true);
    }
    jsonw_end(w);
}

static void write_namespace(struct jsonw *w, const char *type, pid_t of)
{
    char path[64];
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", type);
    if (of) {
        snprintf(path, sizeof(path), "/proc/%d/ns/%s", of, strcmp(type, "network") ? type : "net");
        jsonw_strz(w, "path", path);
    }
    jsonw_end(w);
}

static void write_resources(const struct run *run, const struct slot *slot, struct jsonw *w)
{
    const struct task_container *c = slot->def;
    bool limited = !run->options->no_limits;
    jsonw_object(w, "resources");
    jsonw_array(w, "devices");
    jsonw_object(w, NULL);
    jsonw_bool(w, "allow", false);
    jsonw_strz(w, "access", "rwm");
    jsonw_end(w);
    jsonw_end(w);
    if (limited && (c->memory_mib || c->reservation_mib)) {
        jsonw_object(w, "memory");
        if (c->memory_mib) {
            jsonw_u64(w, "limit", (uint64_t)c->memory_mib << 20);
        }
        if (c->reservation_mib) {
            jsonw_u64(w, "reservation", (uint64_t)c->reservation_mib << 20);
        }
        jsonw_end(w);
    }
    if (limited) {
        jsonw_object(w, "cpu");
        jsonw_u64(w, "shares", c->cpu > 2 ? c->cpu : 2);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void write_paths(struct jsonw *w)
{
    static const char *const masked[] = {
        "/proc/asound",
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/sys/firmware",
        "/sys/devices/virtual/powercap",
    };
    static const char *const read_only[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                             "/proc/sysrq-trigger" };
    jsonw_array(w, "maskedPaths");
    for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
        jsonw_strz(w, NULL, masked[i]);
    }
    jsonw_end(w);
    jsonw_array(w, "readonlyPaths");
    for (size_t i = 0; i < sizeof(read_only) / sizeof(*read_only); i++) {
        jsonw_strz(w, NULL, read_only[i]);
    }
    jsonw_end(w);
}

static int write_linux(struct run *run, const struct slot *slot, struct jsonw *w)
{
    struct capabilities all;
    find_capabilities(slot->def, &all);
    struct seccomp_place here = seccomp_here(all.items);
    jsonw_object(w, "linux");
    write_resources(run, slot, w);
    jsonw_strz(w, "cgroupsPath", slot->group);
    jsonw_array(w, "namespaces");
    write_namespace(w, "pid", run->task.pid_shared ? run->pause : 0);
    write_namespace(w, "network", getpid());
    write_namespace(w, "ipc", 0);
    write_namespace(w, "uts", 0);
    write_namespace(w, "mount", 0);
    jsonw_end(w);
    if (slot->def->sysctls.n) {
        jsonw_object(w, "sysctl");
        for (uint32_t i = 0; i < slot->def->sysctls.n; i++) {
            jsonw_key(w, slot->def->sysctls.items[i].name);
            jsonw_str(w, NULL, slot->def->sysctls.items[i].value);
        }
        jsonw_end(w);
    }
    write_paths(w);
    int r = seccomp_write(str_from(embedded_seccomp, embedded_seccomp_size), &here, w, "seccomp",
                          run->arena, run->err);
    jsonw_end(w);
    return r;
}

static int finish(struct run *run, const struct buf *text, const char *path, int r)
{
    if (r == 0 && text->failed) {
        r = err_set(run->err, -EFBIG, "a container's configuration is too large");
    }
    unlink(path);
    return r == 0 ? file_make(path, text->p, text->n, 0600, run->err) : r;
}

int bundle_write_process(struct run *run, const struct slot *slot, const char *path,
                         const struct task_words *args)
{
    struct buf text;
    struct jsonw w = { .buf = &text };
    buf_init(&text, CONFIG_MAX);
    int r = write_process(run, slot, &w, NULL, args, false);
    r = finish(run, &text, path, r);
    buf_done(&text);
    return r;
}

int bundle_write(struct run *run, struct slot *slot)
{
    char path[PATH_MAX];
    struct buf text;
    struct jsonw w = { .buf = &text };
    buf_init(&text, CONFIG_MAX);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "ociVersion", "1.0.2");
    int r = write_process(run, slot, &w, "process", &slot->args, slot->def->init);
    jsonw_object(&w, "root");
    jsonw_strz(&w, "path", slot->root);
    jsonw_bool(&w, "readonly", slot->def->read_only);
    jsonw_end(&w);
    jsonw_strz(&w, "hostname", run->hostname);
    write_mounts(run, slot, &w);
    r = r == 0 ? write_linux(run, slot, &w) : r;
    jsonw_end(&w);
    r = r == 0 ? path_join(path, sizeof(path), slot->bundle, "config.json", run->err) : r;
    r = finish(run, &text, path, r);
    buf_done(&text);
    return r;
}
