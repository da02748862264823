/*
 * doctor: what was found, as text and as JSON. Keys of the JSON stay as they are.
 */
#include "cli/doctor.h"

#include "sensor/notify/feature.h"

#include <errno.h>
#include <string.h>

#define FEATURE_BITS 13
#define CPUS_LEAST   1.0 /* below, a call may wait for its answer until the next period */

static const char *const feature_keys[FEATURE_BITS] = {
    "user_notification",    "continue",         "addfd",        "addfd_send",
    "wait_killable_recv",   "sync_wake_up",     "tsync_esrch",  "spec_allow",
    "pidfd_getfd",          "process_vm_readv", "ptrace_seize", "openat2",
    "without_no_new_privs",
};

static const char *sensor_reason(const struct doctor_facts *f)
{
    if (doctor_can_notify(f)) {
        return "seccomp user notification works here, without privilege";
    }
    if (f->listener == -EBUSY) {
        return "these processes are watched by a seccomp listener already, and there can be only "
               "one";
    }
    return f->features & FEATURE_NOTIFY
               ? "user notification cannot let calls go on (Linux 5.5 can)"
               : "there is no seccomp user notification, or a filter refuses it";
}

static const char *ptrace_reason(const struct doctor_facts *f)
{
    if (!doctor_can_ptrace(f)) {
        return "ptrace is refused";
    }
    if (f->listener == -EBUSY) {
        return "works here, at every call: the other listener would be asked before a filter's "
               "tracer";
    }
    return f->filter == 0 ? "works here, slower"
                          : "works here, at every call: a filter cannot be installed";
}

/* The one that `--sensor auto` takes; NULL none. */
static const char *sensor_name(const struct doctor_facts *f)
{
    return doctor_can_notify(f) ? "notify" : doctor_can_ptrace(f) ? "ptrace" : NULL;
}

static bool bpf_works(const struct doctor_facts *f)
{
    return f->bpf[1].loads == 0 && f->bpf[1].attaches == 0;
}

static const char *ebpf_reason(const struct doctor_facts *f)
{
    return bpf_works(f) ? "not built yet; kernel programs load and attach"
                        : "not built yet; kernel programs cannot be attached besides";
}

static const char *result_text(int result)
{
    return result == 0 ? "yes" : strerrorname_np(-result) ? strerrorname_np(-result) : "no";
}

static const char *listener_text(const struct doctor_facts *f)
{
    return f->listener == 0 ? "free" : f->listener == -EBUSY ? "taken" : "refused";
}

static const char *mode_text(int mode)
{
    static const char *const modes[] = { "off", "strict", "filter" };
    return mode >= 0 && mode < 3 ? modes[mode] : "unknown";
}

static void put_features(const struct doctor_facts *f, struct buf *buf)
{
    buf_putz(buf, "user notification\n");
    for (unsigned i = 0; i < FEATURE_BITS; i++) {
        buf_printf(buf, "  %-28s %s\n", feature_text((enum notify_feature)(1u << i)),
                   f->features >> i & 1 ? "yes" : "no");
    }
}

static void put_bpf(const struct doctor_facts *f, struct buf *buf)
{
    buf_printf(buf, "kernel programs\n  %-28s %s\n", "type information (BTF)",
               f->btf ? "yes" : "no");
    for (size_t i = 0; i < DOCTOR_BPF_MAX; i++) {
        const struct doctor_bpf *b = &f->bpf[i];
        buf_printf(buf, "  %-28s loads: %s", b->name, result_text(b->loads));
        if (b->attaches != DOCTOR_NOT_TRIED) {
            buf_printf(buf, ", attaches: %s", result_text(b->attaches));
        }
        buf_putc(buf, '\n');
    }
}

static void put_capabilities(const struct doctor_facts *f, struct buf *buf)
{
    size_t start = buf->n;
    buf_putz(buf, "  capabilities                ");
    for (unsigned i = 0; i < 64; i++) {
        if (!(f->capabilities >> i & 1)) {
            continue;
        }
        const char *name = doctor_capability(i);
        if (buf->n - start > 84) {
            start = buf->n;
            buf_putz(buf, "\n                              ");
        }
        buf_printf(buf, " %s", name ? name : "?");
    }
    buf_putz(buf, f->capabilities ? "\n" : " none\n");
}

static void put_process(const struct doctor_facts *f, struct buf *buf)
{
    buf_printf(buf, "this process\n  %-28s %s", "seccomp", mode_text(f->seccomp_mode));
    if (f->seccomp_filters >= 0) {
        buf_printf(buf, ", %d filter%s in force", f->seccomp_filters,
                   f->seccomp_filters == 1 ? "" : "s");
    }
    buf_printf(buf, "\n  %-28s %s\n", "listener", listener_text(f));
    buf_printf(buf, "  %-28s %s\n", "no_new_privs", f->no_new_privs == 1 ? "set" : "not set");
    buf_printf(buf, "  %-28s %s\n", "ptrace", result_text(f->ptrace));
    buf_printf(buf, "  %-28s %s\n", "process_vm_readv", result_text(f->read_memory));
    buf_printf(buf, "  %-28s %s\n", "pidfd_getfd", result_text(f->get_descriptor));
    put_capabilities(f, buf);
}

static void put_place(const struct doctor_facts *f, struct buf *buf)
{
    buf_putz(buf, "this place\n");
    if (f->yama >= 0) {
        buf_printf(buf, "  %-28s %d\n", "Yama ptrace_scope", f->yama);
    } else {
        buf_printf(buf, "  %-28s %s\n", "Yama ptrace_scope", "no Yama");
    }
    if (f->cgroup_version) {
        buf_printf(buf, "  %-28s version %d\n", "control groups", f->cgroup_version);
    } else {
        buf_printf(buf, "  %-28s %s\n", "control groups", "not found");
    }
    if (f->cpus > 0) {
        buf_printf(buf, "  %-28s %.2f CPUs\n", "CPU quota", f->cpus);
    } else {
        buf_printf(buf, "  %-28s %s\n", "CPU quota", "none");
    }
    buf_printf(buf, "  %-28s %s\n", "container", f->nhints ? "yes" : "no sign of one");
    for (unsigned i = 0; i < f->nhints; i++) {
        buf_printf(buf, "    %s\n", f->hints[i]);
    }
}

struct warning {
    const char *key, *text;
};

static unsigned find_warnings(const struct doctor_facts *f, struct warning ret[4])
{
    unsigned n = 0;
    if (f->cpus > 0 && f->cpus < CPUS_LEAST) {
        ret[n++] = (struct warning){ "cpu_quota",
                                     "the CPU quota is below one CPU: while it is used up, watched "
                                     "calls wait for their answers (up to a tenth of a second)" };
    }
    if (doctor_can_notify(f) && !(f->features & FEATURE_WAIT_KILLABLE)) {
        ret[n++] =
            (struct warning){ "wait_killable",
                              "without WAIT_KILLABLE_RECV (Linux 6.0) signals interrupt watched "
                              "calls, which are then repeated" };
    }
    if (doctor_can_notify(f) && !(f->features & FEATURE_SYNC_WAKE_UP)) {
        ret[n++] =
            (struct warning){ "sync_wake_up",
                              "without SYNC_WAKE_UP (Linux 6.7) each watched call costs several "
                              "times as much" };
    }
    if (doctor_can_notify(f) && !(f->features & FEATURE_WITHOUT_NNP)) {
        ret[n++] =
            (struct warning){ "no_new_privs",
                              "without CAP_SYS_ADMIN, watched commands run with no_new_privs: "
                              "sudo, su and ping do not gain rights" };
    }
    return n;
}

void doctor_text(const struct doctor_facts *f, struct buf *buf)
{
    struct warning warnings[4];
    unsigned n = find_warnings(f, warnings);
    buf_printf(buf, "kernel %s, %s\n\n", f->release, f->machine);
    buf_printf(buf, "sensor: %s\n", sensor_name(f) ? sensor_name(f) : "none");
    buf_printf(buf, "  notify: %s\n", sensor_reason(f));
    buf_printf(buf, "  ptrace: %s\n  ebpf:   %s\n", ptrace_reason(f), ebpf_reason(f));
    for (unsigned i = 0; i < n; i++) {
        buf_printf(buf, "warning: %s\n", warnings[i].text);
    }
    buf_putc(buf, '\n');
    put_features(f, buf);
    put_bpf(f, buf);
    put_process(f, buf);
    put_place(f, buf);
}

static void json_sensors(const struct doctor_facts *f, struct jsonw *w)
{
    const struct {
        const char *name, *reason;
        bool works;
    } sensors[] = {
        { "notify", sensor_reason(f), doctor_can_notify(f) },
        { "ptrace", ptrace_reason(f), doctor_can_ptrace(f) },
        { "ebpf", ebpf_reason(f), false },
    };
    jsonw_strz(w, "sensor", sensor_name(f));
    jsonw_array(w, "sensors");
    for (size_t i = 0; i < 3; i++) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "name", sensors[i].name);
        jsonw_bool(w, "works", sensors[i].works);
        jsonw_strz(w, "reason", sensors[i].reason);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void json_result(struct jsonw *w, const char *key, int result)
{
    if (result == DOCTOR_NOT_TRIED) {
        jsonw_null(w, key);
    } else {
        jsonw_strz(w, key, result_text(result));
    }
}

static void json_bpf(const struct doctor_facts *f, struct jsonw *w)
{
    jsonw_object(w, "bpf");
    jsonw_bool(w, "btf", f->btf);
    jsonw_object(w, "programs");
    for (size_t i = 0; i < DOCTOR_BPF_MAX; i++) {
        jsonw_object(w, f->bpf[i].name);
        json_result(w, "loads", f->bpf[i].loads);
        json_result(w, "attaches", f->bpf[i].attaches);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void json_process(const struct doctor_facts *f, struct jsonw *w)
{
    jsonw_object(w, "seccomp");
    jsonw_strz(w, "mode", mode_text(f->seccomp_mode));
    jsonw_i64(w, "filters", f->seccomp_filters);
    jsonw_strz(w, "listener", listener_text(f));
    jsonw_bool(w, "no_new_privs", f->no_new_privs == 1);
    jsonw_end(w);
    json_result(w, "ptrace", f->ptrace);
    json_result(w, "process_vm_readv", f->read_memory);
    json_result(w, "pidfd_getfd", f->get_descriptor);
    jsonw_array(w, "capabilities");
    for (unsigned i = 0; i < 64; i++) {
        if (f->capabilities >> i & 1 && doctor_capability(i)) {
            jsonw_strz(w, NULL, doctor_capability(i));
        }
    }
    jsonw_end(w);
}

static void json_place(const struct doctor_facts *f, struct jsonw *w)
{
    jsonw_i64(w, "yama", f->yama);
    jsonw_object(w, "cgroups");
    jsonw_i64(w, "version", f->cgroup_version);
    if (f->cpus > 0) {
        jsonw_double(w, "cpus", f->cpus);
    } else {
        jsonw_null(w, "cpus");
    }
    jsonw_end(w);
    jsonw_object(w, "container");
    jsonw_bool(w, "inside", f->nhints > 0);
    jsonw_array(w, "hints");
    for (unsigned i = 0; i < f->nhints; i++) {
        jsonw_strz(w, NULL, f->hints[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
}

void doctor_json(const struct doctor_facts *f, struct jsonw *w)
{
    struct warning warnings[4];
    unsigned n = find_warnings(f, warnings);
    jsonw_strz(w, "kernel", f->release);
    jsonw_strz(w, "machine", f->machine);
    json_sensors(f, w);
    jsonw_object(w, "notify");
    for (unsigned i = 0; i < FEATURE_BITS; i++) {
        jsonw_bool(w, feature_keys[i], f->features >> i & 1);
    }
    jsonw_end(w);
    json_bpf(f, w);
    json_process(f, w);
    json_place(f, w);
    jsonw_array(w, "warnings");
    for (unsigned i = 0; i < n; i++) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "key", warnings[i].key);
        jsonw_strz(w, "text", warnings[i].text);
        jsonw_end(w);
    }
    jsonw_end(w);
}
