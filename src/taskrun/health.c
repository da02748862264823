/*
 * health: a container's health check, as Docker and ECS run it.
 *
 * The first one comes an interval after the start, the next an interval after the end of the one before. A check that takes
 * too long is killed and counts as failed. What fails within the start period does not count; the first success ends it.
 */
#include "taskrun/run.h"

#include "base/clock.h"

#include <sys/wait.h>

void health_begin(struct slot *slot, uint64_t now)
{
    const struct task_health *health = &slot->def->health;
    slot->check = (struct check){ .since_ns = slot->started_ns };
    slot->health = HEALTH_UNKNOWN;
    if (health->command.n) {
        slot->check.next_ns = now + health->interval_s * NS_PER_S;
    }
}

static void change(struct run *run, struct slot *slot, enum health health)
{
    if (slot->health != health) {
        slot->health = health;
        slot->check.since_ns = clock_real_ns();
        run_say(run, slot, "%s", health == HEALTH_HEALTHY ? "is healthy" : "is unhealthy");
    }
}

static void judge(struct run *run, struct slot *slot, bool good)
{
    const struct task_health *health = &slot->def->health;
    uint64_t now = clock_boot_ns();
    slot->check.next_ns = now + health->interval_s * NS_PER_S;
    slot->check.deadline_ns = 0;
    slot->check.pid = 0;
    if (slot->phase != PHASE_RUNNING) {
        return;
    }
    if (good) {
        slot->check.failed = 0;
        change(run, slot, HEALTH_HEALTHY);
    } else if (slot->health != HEALTH_UNKNOWN ||
               now >= slot->began_ns + health->start_period_s * NS_PER_S) {
        slot->check.failed++;
        if (slot->check.failed >= health->retries) {
            change(run, slot, HEALTH_UNHEALTHY);
        }
    }
}

void health_step(struct run *run, struct slot *slot, uint64_t now)
{
    struct check *check = &slot->check;
    if (check->deadline_ns && now >= check->deadline_ns && check->pid && !check->late) {
        check->late = true;
        check->deadline_ns = 0;
        kill(check->pid, SIGKILL);
    }
    if (!check->next_ns || now < check->next_ns || check->runtime || check->pid || slot->stopping) {
        return;
    }
    check->next_ns = 0;
    check->late = false;
    check->deadline_ns = now + slot->def->health.timeout_s * NS_PER_S;
    if (runtime_check(run, slot) < 0) {
        judge(run, slot, false);
    }
}

/* False: neither is its check's. */
bool health_exited(struct run *run, struct slot *slot, pid_t pid, int status)
{
    struct check *check = &slot->check;
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    int end;
    if (pid == check->pid) {
        judge(run, slot, good && !check->late);
        return true;
    }
    if (pid != check->runtime) {
        return false;
    }
    check->runtime = 0;
    check->pid = good ? runtime_pid(slot, "check-pid") : 0;
    if (check->pid <= 0) {
        judge(run, slot, false);
    } else if (orphan_claim(run, check->pid, &end)) {
        judge(run, slot, WIFEXITED(end) && WEXITSTATUS(end) == 0);
    } else if (slot->phase != PHASE_RUNNING) {
        kill(check->pid, SIGKILL);
    }
    return true;
}

void health_end(struct slot *slot)
{
    slot->check.next_ns = slot->check.deadline_ns = 0;
    if (slot->check.pid) {
        kill(slot->check.pid, SIGKILL);
    }
}
