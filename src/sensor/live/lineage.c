/*
 * lineage: living tasks into the state: one, or one with its ancestors.
 *
 * The chain of parents is walked upwards by ids alone, then read whole from the oldest down, for the state
 * links a child to a parent that it knows.
 */
#include "sensor/live/task.h"

#include <errno.h>

static void fill(const struct live_task *task, struct thread *t)
{
    t->tid = task->tid;
    t->pid = task->pid;
    t->ptid = task->ptid;
    t->vtid = task->vtid;
    t->vpid = task->vpid;
    t->sid = task->sid;
    t->pgid = task->pgid;
    t->vpgid = task->vpgid;
    t->uid = task->euid;
    t->gid = task->egid;
    t->loginuid = task->loginuid;
    t->tty = task->tty;
    t->cap_inheritable = task->cap_inheritable;
    t->cap_permitted = task->cap_permitted;
    t->cap_effective = task->cap_effective;
    t->clone_ts_ns = task->start_ns;
    t->pidns_init_start_ts_ns = task->pidns_init_start_ns;
    t->fdlimit = task->fdlimit;
    t->vmsize_kb = task->vmsize_kb;
    t->vmrss_kb = task->vmrss_kb;
    t->vmswap_kb = task->vmswap_kb;
    t->pfmajor = task->pfmajor;
    t->pfminor = task->pfminor;
}

int live_task_add(struct state *state, const struct live_task *task)
{
    struct str first = str_until_nul(task->argv.p, task->argv.n);
    struct thread_init init = {
        .comm = task->comm,
        .exe = first,
        .exepath = task->exepath,
        .args = str_from_offset(task->argv, first.n + 1),
        .env = task->env,
        .cwd = task->cwd,
        .root = task->root,
        .cgroups = task->cgroups,
        .exe_facts = task->exe_facts,
    };
    fill(task, &init.t);
    return state_add_thread(state, &init);
}

/* The thread, its process, and so on upwards; returns how many. */
static unsigned chain_of(struct live_task *scratch, int64_t tid, int64_t ret[STATE_ANCESTORS_MAX])
{
    unsigned n = 0;
    while (tid > 0 && n < STATE_ANCESTORS_MAX && live_task_read(scratch, tid, LIVE_IDS) == 0) {
        ret[n++] = tid;
        tid = scratch->pid != tid ? scratch->pid : tid == 1 ? 0 : scratch->ptid;
    }
    return n;
}

int live_lineage_add(struct state *state, struct live_task *scratch, int64_t tid)
{
    int64_t chain[STATE_ANCESTORS_MAX];
    unsigned n = chain_of(scratch, tid, chain);
    int r = -ESRCH;
    while (n > 0) {
        r = live_task_read(scratch, chain[--n], LIVE_ALL);
        r = r == 0 ? live_task_add(state, scratch) : r;
    }
    return r;
}

unsigned live_unknown(struct live_task *scratch, int64_t tid,
                      bool (*is_known)(void *data, int64_t tid), void *data,
                      int64_t ret[LIVE_UNKNOWN_MAX])
{
    unsigned n = 0;
    if (live_task_read(scratch, tid, LIVE_IDS) < 0) {
        return 0;
    }
    ret[n++] = tid;
    int64_t next = scratch->pid != tid ? scratch->pid : scratch->ptid;
    while (n < LIVE_UNKNOWN_MAX && next > 1 && !is_known(data, next) &&
           live_task_read(scratch, next, LIVE_IDS) == 0) {
        ret[n++] = next;
        next = scratch->ptid;
    }
    return n;
}
