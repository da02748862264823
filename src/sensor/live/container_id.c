/*
 * Looks at the fourth and fifth column of /proc/PID/mountinfo (proc_pid_mountinfo(5)): the root of the mount
 * within its file system, and where it is mounted. Only the three files a runtime mounts over count, so a
 * path that merely looks like one does not. Who may mount within the container can make this lie; the
 * namespace's number in its place would still tell the container from the host.
 */
#include "sensor/live/container_id.h"

#include "base/buf.h"
#include "base/fd.h"
#include "event/state.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNTINFO_MAX      ((size_t)4 << 20)
#define ID_DIGITS          64
#define FARGATE_HEX        32
#define FARGATE_DIGITS_MAX 20
#define CPUSET_MAX         ((size_t)8192)
#define HOST_PID_NS        0xEFFFFFFC /* PROC_PID_INIT_INO of the kernel */

static struct str next_word(struct str *rest, char end)
{
    ptrdiff_t at = str_find_char(*rest, end);
    struct str word = str_first(*rest, at < 0 ? rest->n : (size_t)at);
    *rest = str_from_offset(*rest, at < 0 ? rest->n : (size_t)at + 1);
    return word;
}

static bool is_hex(struct str s, size_t n)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f')) {
            return false;
        }
    }
    return s.n == n;
}

static bool is_fargate_id(struct str s)
{
    struct str digits = str_from_offset(s, FARGATE_HEX + 1);
    for (size_t i = 0; i < digits.n; i++) {
        if (!isdigit((unsigned char)digits.p[i])) {
            return false;
        }
    }
    return digits.n > 0 && digits.n <= FARGATE_DIGITS_MAX && s.p[FARGATE_HEX] == '-' &&
           is_hex(str_first(s, FARGATE_HEX), FARGATE_HEX);
}

/* The folder behind "containers/" or "overlay-containers/", at most one between (a namespace's). */
static struct str id_in_path(struct str path)
{
    struct str before = { 0 }, earlier = { 0 };
    while (path.n) {
        struct str component = next_word(&path, '/');
        bool behind = str_ends(before, STR("containers")) || str_eq(earlier, STR("containers"));
        if ((is_hex(component, ID_DIGITS) && behind) || is_fargate_id(component)) {
            return component;
        }
        earlier = before;
        before = component;
    }
    return (struct str){ 0 };
}

static bool is_runtime_file(struct str path)
{
    return str_eq(path, STR("/etc/hostname")) || str_eq(path, STR("/etc/hosts")) ||
           str_eq(path, STR("/etc/resolv.conf"));
}

struct str container_id_in_mounts(struct str mountinfo)
{
    while (mountinfo.n) {
        struct str line = next_word(&mountinfo, '\n');
        for (int i = 0; i < 3; i++) {
            next_word(&line, ' ');
        }
        struct str root = next_word(&line, ' ');
        struct str id =
            is_runtime_file(next_word(&line, ' ')) ? id_in_path(root) : (struct str){ 0 };
        if (id.n) {
            return id;
        }
    }
    return (struct str){ 0 };
}

static size_t from_mounts(int64_t pid, char ret[CONTAINER_CGROUP_MAX])
{
    char path[64];
    struct buf text;
    int n = 0;
    snprintf(path, sizeof(path), "/proc/%lld/mountinfo", (long long)pid);
    buf_init(&text, MOUNTINFO_MAX);
    if (file_read(path, &text, NULL) == 0) {
        struct str id = container_id_in_mounts(buf_str(&text));
        if (id.n) {
            n = snprintf(ret, CONTAINER_CGROUP_MAX, "mountinfo=/ecs/%.*s", STR_ARG(id));
        }
    }
    buf_done(&text);
    return (size_t)n;
}

/* The group's path as a file of its own, where reading the list of all did not get that far. */
static size_t from_cpuset(int64_t pid, char ret[CONTAINER_CGROUP_MAX])
{
    char path[64], storage[CPUSET_MAX];
    struct buf text;
    snprintf(path, sizeof(path), "/proc/%lld/cpuset", (long long)pid);
    buf_init_fixed(&text, storage, sizeof(storage));
    if (file_read(path, &text, NULL) < 0) {
        return 0;
    }
    struct str id = cgroup_container_id(str_trim(buf_str(&text)));
    if (id.n == 0 || id.n > FARGATE_HEX + 1 + FARGATE_DIGITS_MAX) {
        return 0;
    }
    /* Behind "/lxc/" any name is one, also an id that was cut already. */
    return (size_t)snprintf(ret, CONTAINER_CGROUP_MAX, "cpuset=/lxc/%.*s", STR_ARG(id));
}

bool container_is_made_up(struct str cgroups)
{
    while (cgroups.n) {
        struct str one = str_until_nul(cgroups.p, cgroups.n);
        if (str_starts(one, STR("pidns=/container/")) ||
            str_starts(one, STR("mntns=/container/"))) {
            return true;
        }
        cgroups = str_from_offset(cgroups, one.n + 1);
    }
    return false;
}

uint64_t container_mounts(int64_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%lld/ns/mnt", (long long)pid);
    return stat(path, &st) < 0 ? 0 : st.st_ino;
}

uint64_t container_namespace_of(uint64_t pidns)
{
    return pidns == HOST_PID_NS ? 0 : pidns;
}

uint64_t container_namespace(int64_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%lld/ns/pid", (long long)pid);
    return stat(path, &st) < 0 ? 0 : container_namespace_of(st.st_ino);
}

/* Containers that share this process' namespace are told apart by what they mount. */
static size_t made_up(int64_t pid, uint64_t namespace, char ret[CONTAINER_CGROUP_MAX])
{
    int64_t self = getpid();
    uint64_t mounts = container_mounts(pid);
    bool is_sibling =
        namespace == container_namespace(self) && mounts && mounts != container_mounts(self);
    return (size_t)snprintf(
        ret, CONTAINER_CGROUP_MAX, "%s=/container/%012llx%052d", is_sibling ? "mntns" : "pidns",
        (unsigned long long)(is_sibling ? mounts : namespace) & 0xffffffffffff, 0);
}

size_t container_cgroup(int64_t pid, char ret[CONTAINER_CGROUP_MAX])
{
    uint64_t namespace = container_namespace(pid);
    if (!namespace) {
        return 0;
    }
    size_t n = from_mounts(pid, ret);
    n = n ? n : from_cpuset(pid, ret);
    return n ? n : made_up(pid, namespace, ret);
}
