/*
 * doctor: what files in /proc and /sys say, and the order in which everything is found out.
 *
 * A limit on CPU time is the least of all control groups from this process' own upwards, as far as they
 * can be seen: inside a container with its own view of them, that is the container's own at most.
 */
#include "cli/doctor.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "sensor/notify/feature.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILE_MAX_BYTES     ((size_t)64 << 10)
#define OVERLAY_MAGIC      0x794c7630
#define FIRST_PID_NS_INODE 0xeffffffcU /* of the machine itself: PROC_PID_INIT_INO */

static const char *const capabilities[] = {
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
};

const char *doctor_capability(unsigned number)
{
    return number < sizeof(capabilities) / sizeof(*capabilities) ? capabilities[number] : NULL;
}

bool doctor_can_notify(const struct doctor_facts *facts)
{
    uint32_t needed = FEATURE_NOTIFY | FEATURE_CONTINUE;
    return (facts->features & needed) == needed;
}

bool doctor_can_ptrace(const struct doctor_facts *facts)
{
    return facts->ptrace == 0;
}

/* Empty when it cannot be read. */
static void read_file(const char *path, struct buf *ret)
{
    buf_init(ret, FILE_MAX_BYTES);
    if (file_read(path, ret, NULL) < 0) {
        buf_clear(ret);
    }
    buf_putc(ret, '\0');
    if (ret->failed) {
        buf_clear(ret);
    }
}

/* The number after "name:" at the start of a line. */
static bool find_number(const struct buf *text, const char *name, int base, uint64_t *ret)
{
    size_t n = strlen(name);
    for (const char *line = text->n ? text->p : NULL; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            *ret = strtoull(line + n + 1, NULL, base);
            return true;
        }
    }
    return false;
}

static void find_status(struct doctor_facts *f)
{
    CLEANUP(buf_done) struct buf text;
    uint64_t value;
    read_file("/proc/self/status", &text);
    f->seccomp_mode = find_number(&text, "Seccomp", 10, &value) ? (int)value : -1;
    f->seccomp_filters = find_number(&text, "Seccomp_filters", 10, &value) ? (int)value : -1;
    f->capabilities = find_number(&text, "CapEff", 16, &value) ? value : 0;
    f->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void find_yama(struct doctor_facts *f)
{
    CLEANUP(buf_done) struct buf text;
    read_file("/proc/sys/kernel/yama/ptrace_scope", &text);
    f->yama = text.n > 1 ? (int)strtol(text.p, NULL, 10) : -1;
}

/* CPUs that "quota period" amounts to, 0 for none. */
static double quota_of(const char *quota, const char *period)
{
    double q = strtod(quota, NULL), p = strtod(period, NULL);
    return q > 0 && p > 0 ? q / p : 0;
}

static double quota_in(const char *folder)
{
    char path[PATH_MAX];
    CLEANUP(buf_done) struct buf text;
    snprintf(path, sizeof(path), "%s/cpu.max", folder);
    read_file(path, &text);
    const char *space = text.n > 1 ? strchr(text.p, ' ') : NULL;
    return space ? quota_of(text.p, space) : 0;
}

static double quota_v1(void)
{
    CLEANUP(buf_done) struct buf quota;
    CLEANUP(buf_done) struct buf period;
    read_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota);
    read_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period);
    return quota.n > 1 && period.n > 1 ? quota_of(quota.p, period.p) : 0;
}

/* From this process' control group up to the mount. */
static double quota_v2(void)
{
    static const char mount[] = "/sys/fs/cgroup";
    char folder[PATH_MAX];
    CLEANUP(buf_done) struct buf text;
    read_file("/proc/self/cgroup", &text);
    const char *own = text.n ? strstr(text.p, "0::/") : NULL;
    int n = snprintf(folder, sizeof(folder), "%s%.*s", mount, own ? (int)strcspn(own + 3, "\n") : 0,
                     own ? own + 3 : "");
    double least = 0;
    while (n >= (int)sizeof(mount) - 1 && n < (int)sizeof(folder)) {
        double cpus = quota_in(folder);
        least = cpus > 0 && (least == 0 || cpus < least) ? cpus : least;
        char *slash = strrchr(folder, '/');
        if (!slash || slash < folder + sizeof(mount) - 1) {
            break;
        }
        *slash = '\0';
    }
    return least;
}

static void find_cgroup(struct doctor_facts *f)
{
    struct stat status;
    if (stat("/sys/fs/cgroup/cgroup.controllers", &status) == 0) {
        f->cgroup_version = 2;
        f->cpus = quota_v2();
    } else if (stat("/sys/fs/cgroup/cpu", &status) == 0) {
        f->cgroup_version = 1;
        f->cpus = quota_v1();
    }
}

static void hint(struct doctor_facts *f, bool holds, const char *text)
{
    if (holds && f->nhints < DOCTOR_HINTS_MAX) {
        f->hints[f->nhints++] = text;
    }
}

void doctor_find_container(struct doctor_facts *f)
{
    struct stat status;
    struct statfs root;
    hint(f, stat("/.dockerenv", &status) == 0, "/.dockerenv (Docker)");
    hint(f, stat("/run/.containerenv", &status) == 0, "/run/.containerenv (podman)");
    hint(f, getenv("container") != NULL, "environment: container");
    hint(f, getenv("KUBERNETES_SERVICE_HOST") != NULL, "environment: Kubernetes");
    hint(f, getenv("ECS_CONTAINER_METADATA_URI_V4") || getenv("ECS_CONTAINER_METADATA_URI"),
         "environment: Amazon ECS");
    const char *execution = getenv("AWS_EXECUTION_ENV");
    hint(f, execution && strcmp(execution, "AWS_ECS_FARGATE") == 0, "environment: Fargate");
    hint(f, statfs("/", &root) == 0 && (unsigned long)root.f_type == OVERLAY_MAGIC,
         "the root is an overlay");
    hint(f, stat("/proc/self/ns/pid", &status) == 0 && status.st_ino != FIRST_PID_NS_INODE,
         "a PID namespace of its own");
}

void doctor_find(struct doctor_facts *f)
{
    struct utsname name;
    struct stat status;
    *f = (struct doctor_facts){ .yama = -1 };
    if (uname(&name) == 0) {
        snprintf(f->release, sizeof(f->release), "%s", name.release);
        snprintf(f->machine, sizeof(f->machine), "%s", name.machine);
    }
    f->features = feature_probe();
    f->listener = doctor_try_listener();
    f->filter = doctor_try_filter();
    f->btf = stat("/sys/kernel/btf/vmlinux", &status) == 0;
    find_status(f);
    find_yama(f);
    find_cgroup(f);
    doctor_find_container(f);
    doctor_try_child(f);
    doctor_try_bpf(f->bpf);
}
