/*
 * Tampering: signals, tracing and memory writes aimed at the sensor, its holder, or whoever else is named in
 * the configuration are refused, whatever the rules say; the refused call is an event like others.
 *
 * Only calls that name one process are looked at: kill(-1) and signals to process groups pass, for scripts
 * use them to end everything and mean no harm. Ids are compared as numbers of this process' pid namespace;
 * a caller in one below cannot name us. A thread of ours is named by tkill and tgkill.
 */
#include "sensor/notify/notify_internal.h"
#include "sensor/notify/tamper.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

/* The process behind a pidfd of the caller. */
static int64_t pid_of_pidfd(int64_t tid, int fd)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%lld/fdinfo/%d", (long long)tid, fd);
    int info CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    const char *at = strstr(text, "\nPid:");
    return at ? strtoll(at + strlen("\nPid:"), NULL, 10) : 0;
}

/* Whom the call is aimed at; 0 nobody in particular. */
static int64_t aim_of(const struct call *call, const struct seccomp_data *data, int64_t tid)
{
    switch (call->name) {
    case NAME_kill:
    case NAME_tkill:
    case NAME_rt_sigqueueinfo:
    case NAME_process_vm_writev:
    case NAME_prlimit:
        return (int32_t)data->args[0];
    case NAME_tgkill:
    case NAME_rt_tgsigqueueinfo:
        return (int32_t)data->args[1];
    case NAME_ptrace:
        return data->args[0] == PTRACE_TRACEME ? 0 : (int32_t)data->args[1];
    case NAME_pidfd_send_signal:
    case NAME_pidfd_getfd:
        return pid_of_pidfd(tid, (int32_t)data->args[0]);
    default:
        return 0;
    }
}

static bool is_task_of(int64_t pid, int64_t tid)
{
    char path[64];
    if (pid == tid) {
        return true;
    }
    snprintf(path, sizeof(path), "/proc/%lld/task/%lld", (long long)pid, (long long)tid);
    return access(path, F_OK) == 0;
}

bool tamper_is_aimed(const struct tamper_aim *aimed, const struct call *call)
{
    if (!call || !(call->flags & CALL_TAMPERS)) {
        return false;
    }
    int64_t aim = aim_of(call, aimed->data, aimed->tid);
    for (size_t i = 0; i < aimed->n && aim > 0; i++) {
        if (aimed->protected[i] > 0 && is_task_of(aimed->protected[i], aim)) {
            return true;
        }
    }
    for (size_t i = 0; i < aimed->nalso_protected && aim > 0; i++) {
        int64_t pid = atomic_load(&aimed->also_protected[i]);
        if (pid > 0 && is_task_of(pid, aim)) {
            return true;
        }
    }
    return false;
}

bool flow_is_tampering(const struct receiver *r, const struct call *call)
{
    const struct seccomp_notif *notif = &r->slot->notif;
    const struct notify_config *config = &r->notify->config;
    const struct tamper_aim aimed = { .tid = notif->pid,
                                      .data = &notif->data,
                                      .protected = config->protected,
                                      .n = NOTIFY_PROTECTED_MAX,
                                      .also_protected = config->also_protected,
                                      .nalso_protected = config->nalso_protected };
    return tamper_is_aimed(&aimed, call);
}

void flow_refuse_tampering(struct receiver *r)
{
    struct notify *n = r->notify;
    struct call_outcome outcome = flow_predicted(r, 0);
    outcome.at = NULL;
    event_of_call(&r->args, &outcome, &r->made);
    flow_refuse(r);
    pthread_mutex_lock(n->lock);
    n->stats.tampering++;
    pthread_mutex_unlock(n->lock);
}
