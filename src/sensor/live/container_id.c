/*
 * Looks at the fourth and fifth column of /proc/PID/mountinfo (proc_pid_mountinfo(5)): the root of the mount
 * within its file system, and where it is mounted. Only the three files a runtime mounts over count, so a
 * path that merely looks like one does not. Who may mount within the container can make this lie; the
 * namespace's number in its place would still tell the container from the host.
 */
#include "sensor/live/container_id.h"

#include "base/buf.h"
#include "base/fd.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTINFO_MAX ((size_t)4 << 20)
#define ID_DIGITS     64
#define HOST_PID_NS   0xEFFFFFFC /* PROC_PID_INIT_INO of the kernel */

static struct str next_word(struct str *rest, char end)
{
    ptrdiff_t at = str_find_char(*rest, end);
    struct str word = str_first(*rest, at < 0 ? rest->n : (size_t)at);
    *rest = str_from_offset(*rest, at < 0 ? rest->n : (size_t)at + 1);
    return word;
}

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f')) {
            return false;
        }
    }
    return s.n == ID_DIGITS;
}

/* The folder right behind "containers/" or "overlay-containers/". */
static struct str id_in_path(struct str path)
{
    struct str before = { 0 };
    while (path.n) {
        struct str component = next_word(&path, '/');
        if (is_id(component) && str_ends(before, STR("containers"))) {
            return component;
        }
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
            n = snprintf(ret, CONTAINER_CGROUP_MAX, "mountinfo=/container/%.*s", STR_ARG(id));
        }
    }
    buf_done(&text);
    return (size_t)n;
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

size_t container_cgroup(int64_t pid, char ret[CONTAINER_CGROUP_MAX])
{
    uint64_t namespace = container_namespace(pid);
    size_t n = namespace ? from_mounts(pid, ret) : 0;
    if (n || !namespace) {
        return n;
    }
    return (size_t)snprintf(ret, CONTAINER_CGROUP_MAX, "pidns=/container/%012llx%052d",
                            (unsigned long long)namespace & 0xffffffffffff, 0);
}
