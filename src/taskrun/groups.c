/*
 * groups: files below the mounts that /proc/self/mountinfo lists.
 *
 * runc makes the containers' groups; here are the task's above them, what they use, and their end. A hierarchy that lacks
 * a file is passed over: of each thing that is wanted there is one hierarchy that has it.
 */
#include "taskrun/groups.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTS_MAX (1024 * 1024)
#define FILE_MAX   65536
#define PATH_SIZE  1024
#define PERIOD_US  100000

static struct str next_field(struct str *line)
{
    ptrdiff_t at = str_find_char(*line, ' ');
    struct str field = at < 0 ? *line : str_first(*line, (size_t)at);
    *line = at < 0 ? (struct str){ 0 } : str_from_offset(*line, (size_t)at + 1);
    return field;
}

/* id parent major:minor root POINT options ... - TYPE source SUPER */
static void take_mount(struct groups *groups, struct str line)
{
    struct str point = { 0 };
    for (int i = 0; i < 5; i++) {
        point = next_field(&line);
    }
    ptrdiff_t dash = str_find(line, STR(" - "));
    if (dash < 0 || groups->n == GROUPS_MAX || point.n >= GROUP_PATH_MAX) {
        return;
    }
    line = str_from_offset(line, (size_t)dash + 3);
    struct str type = next_field(&line);
    next_field(&line);
    if (str_eqz(type, "cgroup") || str_eqz(type, "cgroup2")) {
        struct group_mount *one = &groups->items[groups->n++];
        *one = (struct group_mount){ .unified = str_eqz(type, "cgroup2") };
        memcpy(one->path, point.p, point.n);
        snprintf(one->controllers, sizeof(one->controllers), ",%.*s,", STR_ARG(line));
    }
}

int groups_find(struct groups *ret, struct err *err)
{
    struct buf text;
    buf_init(&text, MOUNTS_MAX);
    *ret = (struct groups){ 0 };
    int r = file_read("/proc/self/mountinfo", &text, err);
    struct str left = buf_str(&text);
    while (r == 0 && left.n) {
        ptrdiff_t end = str_find_char(left, '\n');
        take_mount(ret, end < 0 ? left : str_first(left, (size_t)end));
        left = end < 0 ? (struct str){ 0 } : str_from_offset(left, (size_t)end + 1);
    }
    buf_done(&text);
    return r == 0 && ret->n == 0 ? err_set(err, -ENOENT, "no control groups are mounted here") : r;
}

static int write_file(const char *folder, const char *name, const char *text)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    CLEANUP(cleanup_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static bool has(const struct group_mount *mount, const char *controller)
{
    char word[32];
    snprintf(word, sizeof(word), ",%s,", controller);
    return mount->unified || strstr(mount->controllers, word);
}

static void name_group(const struct group_mount *mount, const char *path, char *ret)
{
    snprintf(ret, PATH_SIZE, "%s%s", mount->path, path);
}

static int make_group(const struct group_mount *mount, const char *path)
{
    char folder[PATH_SIZE], above[PATH_SIZE];
    name_group(mount, GROUPS_ROOT, above);
    name_group(mount, path, folder);
    bool made = mkdir(above, 0755) == 0 || errno == EEXIST;
    made = made && (mkdir(folder, 0755) == 0 || errno == EEXIST);
    if (made && mount->unified) {
        write_file(mount->path, "cgroup.subtree_control", "+cpu +memory");
        write_file(above, "cgroup.subtree_control", "+cpu +memory");
    }
    return made ? 0 : -errno;
}

static int limit_cpu(const struct group_mount *mount, const char *folder, uint32_t cpu)
{
    char text[64];
    uint64_t quota = (uint64_t)cpu * PERIOD_US / 1024;
    if (mount->unified) {
        snprintf(text, sizeof(text), "%llu %d", (unsigned long long)quota, PERIOD_US);
        return write_file(folder, "cpu.max", text);
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)quota);
    return write_file(folder, "cpu.cfs_quota_us", text);
}

static int limit_memory(const struct group_mount *mount, const char *folder, uint32_t mib)
{
    char text[64];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)mib << 20);
    return write_file(folder, mount->unified ? "memory.max" : "memory.limit_in_bytes", text);
}

int groups_limit(const struct groups *groups, const char *path, uint32_t cpu, uint32_t memory_mib,
                 struct err *err)
{
    int cpu_is = cpu ? -ENOENT : 0, memory_is = memory_mib ? -ENOENT : 0;
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct group_mount *mount = &groups->items[i];
        char folder[PATH_SIZE];
        bool for_cpu = cpu_is != 0 && has(mount, "cpu");
        bool for_memory = memory_is != 0 && has(mount, "memory");
        name_group(mount, path, folder);
        int r = for_cpu || for_memory ? make_group(mount, path) : 0;
        if (for_cpu) {
            cpu_is = r == 0 ? limit_cpu(mount, folder, cpu) : r;
        }
        if (for_memory) {
            memory_is = r == 0 ? limit_memory(mount, folder, memory_mib) : r;
        }
    }
    int r = cpu_is < 0 ? cpu_is : memory_is;
    return r < 0 ? err_set(err, r, "the task's %s cannot be limited: %s",
                           cpu_is < 0 ? "CPU" : "memory", strerror(-r))
                 : 0;
}

static int read_group(const char *folder, const char *name, struct buf *ret)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    buf_clear(ret);
    return file_read(path, ret, NULL);
}

static void kill_listed(struct str pids)
{
    while (pids.n) {
        int64_t pid = 0;
        size_t i = 0;
        for (; i < pids.n && pids.p[i] >= '0' && pids.p[i] <= '9' && pid < INT32_MAX; i++) {
            pid = pid * 10 + (pids.p[i] - '0');
        }
        if (pid > 1 && pid <= INT32_MAX) {
            kill((pid_t)pid, SIGKILL);
        }
        pids = str_from_offset(pids, i + 1);
    }
}

static void kill_in(const char *folder, struct buf *storage)
{
    if (read_group(folder, "cgroup.procs", storage) == 0 && storage->n > 0) {
        write_file(folder, "freezer.state", "THAWED");
        write_file(folder, "cgroup.freeze", "0");
        kill_listed(buf_str(storage));
    }
}

/* The group's own folders first: function of each, then of the group itself. */
static void for_each(const struct group_mount *mount, const char *path, struct buf *storage,
                     void (*function)(const char *folder, struct buf *storage))
{
    char folder[PATH_SIZE], inner[2 * PATH_SIZE];
    name_group(mount, path, folder);
    DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            snprintf(inner, sizeof(inner), "%s/%s", folder, entry->d_name);
            function(inner, storage);
        }
    }
    if (dir) {
        closedir(dir);
        function(folder, storage);
    }
}

void groups_kill(const struct groups *groups, const char *path)
{
    struct buf storage;
    buf_init(&storage, FILE_MAX);
    for (uint32_t i = 0; i < groups->n; i++) {
        for_each(&groups->items[i], path, &storage, kill_in);
    }
    buf_done(&storage);
}

static void remove_one(const char *folder, struct buf *storage)
{
    (void)storage;
    rmdir(folder);
}

int groups_remove(const struct groups *groups, const char *path, struct err *err)
{
    char folder[PATH_SIZE];
    int r = 0;
    for (uint32_t i = 0; i < groups->n; i++) {
        for_each(&groups->items[i], path, NULL, remove_one);
        name_group(&groups->items[i], path, folder);
        r = access(folder, F_OK) == 0 ? -EBUSY : r;
        name_group(&groups->items[i], GROUPS_ROOT, folder);
        rmdir(folder);
    }
    return r < 0 ? err_set(err, r, "control group %s: a process is left in it", path) : 0;
}

static uint64_t number_after(struct str text, struct str word)
{
    ptrdiff_t at = str_find(text, word);
    uint64_t n = 0;
    if (at < 0) {
        return 0;
    }
    text = str_trim(str_from_offset(text, (size_t)at + word.n));
    for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    }
    return n;
}

static uint64_t read_number(const char *folder, const char *name, struct str word,
                            struct buf *storage)
{
    return read_group(folder, name, storage) == 0 ? number_after(buf_str(storage), word) : 0;
}

void groups_use(const struct groups *groups, const char *path, struct group_use *ret)
{
    struct buf storage;
    buf_init(&storage, FILE_MAX);
    *ret = (struct group_use){ 0 };
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct group_mount *mount = &groups->items[i];
        struct str any = STR("");
        char folder[PATH_SIZE];
        name_group(mount, path, folder);
        uint64_t cpu = mount->unified
                           ? 1000 * read_number(folder, "cpu.stat", STR("usage_usec"), &storage)
                           : read_number(folder, "cpuacct.usage", any, &storage);
        uint64_t memory = read_number(
            folder, mount->unified ? "memory.current" : "memory.usage_in_bytes", any, &storage);
        uint64_t limit = read_number(
            folder, mount->unified ? "memory.max" : "memory.limit_in_bytes", any, &storage);
        ret->cpu_ns = cpu ? cpu : ret->cpu_ns;
        ret->memory = memory ? memory : ret->memory;
        ret->memory_limit = limit && limit < INT64_MAX / 2 ? limit : ret->memory_limit;
    }
    buf_done(&storage);
}
