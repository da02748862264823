/*
 * Control groups: the path comes from /proc/PID/cgroup and is opened below the root without links or "..".
 *
 * Version 1 has a freezer of its own; version 2 freezes and kills by files of each group. A group counts only
 * when a component of its path holds the container's id.
 */
#include "agent/respond_cgroup.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CGROUP_FILE_MAX ((size_t)64 << 10)
#define PROCS_MAX       ((size_t)1 << 20)
#define ROUNDS          10
#define ID_MIN          12

/* Up to and with the component that has the id in it. */
static struct str up_to_id(struct str path, struct str id)
{
    size_t start = 0;
    while (start < path.n) {
        struct str rest = str_from_offset(path, start + 1);
        ptrdiff_t slash = str_find_char(rest, '/');
        struct str component = str_first(rest, slash < 0 ? rest.n : (size_t)slash);
        if (str_eqz(component, "..") || (start == 0 && path.p[0] != '/')) {
            return (struct str){ 0 };
        }
        start += 1 + component.n;
        if (str_find(component, id) >= 0) {
            return str_first(path, start);
        }
    }
    return (struct str){ 0 };
}

struct str cgroup_of_line(struct str line, struct str id, bool *ret_unified)
{
    ptrdiff_t first = str_find_char(line, ':');
    struct str rest = str_from_offset(line, (size_t)(first + 1));
    ptrdiff_t second = first < 0 ? -1 : str_find_char(rest, ':');
    if (second < 0 || id.n < ID_MIN) {
        return (struct str){ 0 };
    }
    struct str controllers = str_first(rest, (size_t)second);
    *ret_unified = controllers.n == 0;
    if (!*ret_unified && !str_eqz(controllers, "freezer")) {
        return (struct str){ 0 };
    }
    return up_to_id(str_from_offset(rest, (size_t)second + 1), id);
}

/* A directory below another, reached without links and without leaving it. */
static int open_below(const char *root, const char *mount, struct str path)
{
    char base[512], text[4096];
    struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    if (snprintf(base, sizeof(base), "%s%s", root, mount) >= (int)sizeof(base) ||
        path.n >= sizeof(text)) {
        return -ENAMETOOLONG;
    }
    snprintf(text, sizeof(text), ".%.*s", STR_ARG(path));
    int dir CLEANUP(cleanup_close) = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, text, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

static int open_group(const char *root, struct str path, bool unified)
{
    int fd = open_below(root, unified ? "" : "/freezer", path);
    if (unified && fd >= 0 && faccessat(fd, "cgroup.freeze", W_OK, 0) < 0) {
        close(fd);
        fd = -ENOENT;
    }
    return unified && fd < 0 ? open_below(root, "/unified", path) : fd;
}

static int read_groups(int64_t pid, struct buf *text)
{
    char path[64];
    buf_init(text, CGROUP_FILE_MAX);
    snprintf(path, sizeof(path), "/proc/%lld/cgroup", (long long)pid);
    return file_read(path, text, NULL);
}

/* Is this process in a group that holds the id too? */
static bool is_own(struct str id)
{
    struct buf text;
    bool own = false, unified;
    if (read_groups(getpid(), &text) == 0) {
        struct str rest = buf_str(&text);
        for (struct str line; !own && proc_line(&rest, &line);) {
            own = cgroup_of_line(line, id, &unified).n > 0;
        }
    }
    buf_done(&text);
    return own;
}

int cgroup_open(const char *root, int64_t pid, struct str id, struct cgroup_place *ret,
                struct err *err)
{
    struct buf text;
    struct cgroup_place place = { .dir = -1 };
    if (is_own(id)) {
        return err_set(err, -EPERM, "the agent is in that container");
    }
    int r = read_groups(pid, &text);
    struct str rest = buf_str(&text);
    for (struct str line; r == 0 && place.dir < 0 && proc_line(&rest, &line);) {
        struct str path = cgroup_of_line(line, id, &place.unified);
        place.dir = path.n ? open_group(root ? root : CGROUP_ROOT, path, place.unified) : -1;
    }
    buf_done(&text);
    if (place.dir < 0) {
        return err_set(err, -ENOENT, "no control group of the container can be reached");
    }
    *ret = place;
    return 0;
}

static int write_file(int dir, const char *name, const char *text)
{
    int fd CLEANUP(cleanup_close) = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static bool has_text(int dir, const char *name, const char *text)
{
    char have[256];
    ssize_t n = proc_read(dir, name, have, sizeof(have));
    return n > 0 && str_find(str_from(have, (size_t)n), str_of(text)) >= 0;
}

static bool is_frozen(const struct cgroup_place *place)
{
    return place->unified ? has_text(place->dir, "cgroup.events", "frozen 1")
                          : has_text(place->dir, "freezer.state", "FROZEN");
}

int cgroup_freeze(const struct cgroup_place *place, bool frozen, struct err *err)
{
    int r = place->unified ? write_file(place->dir, "cgroup.freeze", frozen ? "1" : "0")
                           : write_file(place->dir, "freezer.state", frozen ? "FROZEN" : "THAWED");
    if (r < 0) {
        return err_set(err, r, "cannot freeze the control group: %s", strerror(-r));
    }
    for (int ms = 0; frozen && ms < CGROUP_WAIT_MS && !is_frozen(place); ms += 10) {
        usleep(10000);
    }
    return frozen && !is_frozen(place)
               ? err_set(err, -ETIMEDOUT, "the control group is slow to freeze")
               : 0;
}

/* Those in it now; frozen, they cannot end and give their ids to others. */
static uint32_t kill_members(int dir)
{
    struct buf text;
    uint32_t n = 0;
    uint64_t pid;
    int fd CLEANUP(cleanup_close) = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    buf_init(&text, PROCS_MAX);
    if (fd >= 0 && fd_read_all(fd, &text) == 0) {
        struct str rest = buf_str(&text);
        for (struct str line; proc_line(&rest, &line);) {
            if (proc_number(&line, &pid) && pid > 1 && (pid_t)pid != getpid()) {
                n += kill((pid_t)pid, SIGKILL) == 0;
            }
        }
    }
    buf_done(&text);
    return n;
}

int cgroup_kill(const struct cgroup_place *place, uint32_t *ret_killed, struct err *err)
{
    uint32_t killed = 0, last = 1;
    *ret_killed = 0;
    if (place->unified && write_file(place->dir, "cgroup.kill", "1") == 0) {
        return 0;
    }
    for (int round = 0; round < ROUNDS && last; round++) {
        int r = cgroup_freeze(place, true, err);
        last = r == 0 || r == -ETIMEDOUT ? kill_members(place->dir) : 0;
        killed += last;
        int thawed = cgroup_freeze(place, false, err);
        if (thawed < 0) {
            return thawed;
        }
        usleep(10000);
    }
    *ret_killed = killed;
    return killed ? 0 : err_set(err, -ESRCH, "nothing is in the control group");
}
