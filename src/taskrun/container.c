/*
 * container: from waiting over starting, running and removing to its end, or to never.
 *
 *     waiting   -> starting   all it depends on is as it has to be; never, if that cannot come about any more
 *     starting  -> running    runc has ended well, and said the process
 *     running   -> removing   the process has ended; what it left in its group is killed, and runc told to forget it
 *     removing  -> ended      runc has ended, and its outputs are read to their end; or starting, by a restart policy
 *
 * Stopping goes the other way round: a container is told to end when those that depend on it have.
 */
#include "taskrun/run.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#define DRAIN_NS (2 * NS_PER_S) /* somebody else may hold an output open */
#define SIGNALS  128

bool container_is_over(const struct slot *slot)
{
    return slot->phase == PHASE_ENDED || slot->phase == PHASE_NEVER;
}

static bool has_ended(const struct slot *slot)
{
    return slot->phase == PHASE_ENDED || (slot->phase == PHASE_REMOVING && !slot->again);
}

/* 0 not yet, 1 yes, -1 never. */
static int is_met(const struct task_dependency *dependency, const struct slot *on)
{
    bool ended = has_ended(on);
    if (on->phase == PHASE_NEVER || (ended && !on->started)) {
        return -1;
    }
    switch (dependency->condition) {
    case TASK_START:
        return on->started;
    case TASK_COMPLETE:
        return ended;
    case TASK_SUCCESS:
        return !ended ? 0 : on->status == 0 ? 1 : -1;
    default:
        return ended ? -1 : on->health == HEALTH_HEALTHY;
    }
}

static uint64_t gives_up_at(const struct slot *on)
{
    return on->started ? on->began_ns + on->def->start_timeout_s * NS_PER_S : UINT64_MAX;
}

int container_may_start(const struct run *run, const struct slot *slot, uint64_t now)
{
    int all = 1;
    for (uint32_t i = 0; i < slot->def->ndepends_on; i++) {
        const struct task_dependency *one = &slot->def->depends_on[i];
        const struct slot *on = &run->slots[one->on];
        int met = is_met(one, on);
        if (met < 0 || (met == 0 && now >= gives_up_at(on))) {
            return -1;
        }
        all = met == 0 ? 0 : all;
    }
    return all;
}

static void begin(struct run *run, struct slot *slot)
{
    slot->created_ns = clock_real_ns();
    slot->again = false;
    if (runtime_start(run, slot) < 0) {
        slot->phase = PHASE_NEVER;
        output_close(run, slot);
        run_fail(run, slot, "could not be started: %s", run->err->message);
    } else {
        slot->phase = PHASE_STARTING;
    }
}

static void never(struct run *run, struct slot *slot)
{
    slot->phase = PHASE_NEVER;
    if (slot->def->essential && !run->stopping) {
        run_fail(run, slot, "never started: what it depends on did not come about");
    } else if (!run->stopping) {
        run_say(run, slot, "never started: what it depends on did not come about");
    }
}

void container_stop(struct run *run, struct slot *slot, uint64_t now)
{
    slot->stopping = true;
    slot->deadline_ns = now + slot->def->stop_timeout_s * NS_PER_S;
    run_say(run, slot, "is being stopped");
    kill(slot->pid, slot->stop_signal);
}

static bool dependents_are_over(const struct run *run, const struct slot *slot)
{
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        const struct slot *other = &run->slots[i];
        for (uint32_t k = 0; k < other->def->ndepends_on; k++) {
            if (other->def->depends_on[k].on == slot->index && !container_is_over(other)) {
                return false;
            }
        }
    }
    return true;
}

static void run_on(struct run *run, struct slot *slot, uint64_t now)
{
    if (run->stopping && !slot->stopping && dependents_are_over(run, slot)) {
        container_stop(run, slot, now);
    }
    if (slot->stopping && !slot->killed && now >= slot->deadline_ns) {
        slot->killed = true;
        run_say(run, slot, "did not stop within %u s, and is killed", slot->def->stop_timeout_s);
        kill(slot->pid, SIGKILL);
    }
    health_step(run, slot, now);
}

static void finish(struct run *run, struct slot *slot, uint64_t now)
{
    bool open = slot->streams[0].fd >= 0 || slot->streams[1].fd >= 0;
    if (slot->runtime || slot->check.runtime || slot->check.pid ||
        (open && now < slot->drained_ns)) {
        return;
    }
    output_close(run, slot);
    if (slot->again && !run->stopping) {
        begin(run, slot);
    } else {
        slot->phase = PHASE_ENDED;
    }
}

void container_step(struct run *run, struct slot *slot, uint64_t now)
{
    int may;
    switch (slot->phase) {
    case PHASE_WAITING:
        may = run->stopping ? -1 : container_may_start(run, slot, now);
        if (may > 0) {
            begin(run, slot);
        } else if (may < 0) {
            never(run, slot);
        }
        break;
    case PHASE_RUNNING:
        run_on(run, slot, now);
        break;
    case PHASE_REMOVING:
        finish(run, slot, now);
        break;
    default:
        break;
    }
}

uint64_t container_due(const struct run *run, const struct slot *slot)
{
    uint64_t due = UINT64_MAX;
    if (slot->phase == PHASE_WAITING) {
        for (uint32_t i = 0; i < slot->def->ndepends_on; i++) {
            const struct task_dependency *one = &slot->def->depends_on[i];
            uint64_t at = gives_up_at(&run->slots[one->on]);
            due = is_met(one, &run->slots[one->on]) == 0 && at < due ? at : due;
        }
    }
    if (slot->phase == PHASE_RUNNING) {
        due = slot->stopping && !slot->killed ? slot->deadline_ns : due;
        due = slot->check.next_ns && slot->check.next_ns < due ? slot->check.next_ns : due;
        bool timed = slot->check.pid && slot->check.deadline_ns;
        due = timed && slot->check.deadline_ns < due ? slot->check.deadline_ns : due;
    }
    bool busy = slot->runtime || slot->check.runtime || slot->check.pid;
    return slot->phase == PHASE_REMOVING && !busy ? slot->drained_ns : due;
}

static int as_shell(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALS + WTERMSIG(status);
}

static void remove_it(struct run *run, struct slot *slot)
{
    slot->phase = PHASE_REMOVING;
    slot->drained_ns = clock_boot_ns() + DRAIN_NS;
    health_end(slot);
    groups_kill(&run->groups, slot->group);
    runtime_remove(run, slot);
}

static void ended(struct run *run, struct slot *slot, int status)
{
    const struct task_restart *restart = &slot->def->restart;
    slot->pid = 0;
    slot->status = as_shell(status);
    slot->finished_ns = clock_real_ns();
    slot->again = restart->enabled && !run->stopping && !restart->ignored[slot->status & 255] &&
                  clock_boot_ns() - slot->began_ns >= restart->attempt_period_s * NS_PER_S;
    run_say(run, slot, "ended with %d%s", slot->status,
            slot->again ? ", and is started again" : "");
    if (slot->def->essential && !slot->again) {
        run->status = run->status < 0 ? slot->status : run->status;
        run->stopping = true;
    }
    remove_it(run, slot);
}

static void was_started(struct run *run, struct slot *slot, int status)
{
    pid_t pid = as_shell(status) == 0 ? runtime_pid(slot, "pid") : 0;
    int end;
    if (pid <= 0) {
        run_fail(run, slot, "could not be started");
        remove_it(run, slot);
        return;
    }
    slot->pid = pid;
    slot->phase = PHASE_RUNNING;
    slot->started = true;
    slot->killed = slot->stopping = false;
    slot->started_ns = clock_real_ns();
    slot->began_ns = clock_boot_ns();
    run_say(run, slot, "started");
    health_begin(slot, slot->began_ns);
    if (orphan_claim(run, pid, &end)) {
        ended(run, slot, end);
    }
}

void container_exited(struct run *run, struct slot *slot, pid_t pid, int status)
{
    if (pid == slot->pid) {
        ended(run, slot, status);
        return;
    }
    slot->runtime = 0;
    if (slot->phase == PHASE_STARTING) {
        was_started(run, slot, status);
    }
}

bool orphan_claim(struct run *run, pid_t pid, int *ret_status)
{
    for (uint32_t i = 0; i < run->norphans; i++) {
        if (run->orphans[i].pid == pid) {
            *ret_status = run->orphans[i].status;
            run->orphans[i] = run->orphans[--run->norphans];
            return true;
        }
    }
    return false;
}

void orphan_keep(struct run *run, pid_t pid, int status)
{
    if (run->norphans == RUN_ORPHANS_MAX) {
        memmove(run->orphans, run->orphans + 1, (RUN_ORPHANS_MAX - 1) * sizeof(*run->orphans));
        run->norphans--;
    }
    run->orphans[run->norphans++] = (struct orphan){ pid, status };
}
