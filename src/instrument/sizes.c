/*
 * sizes: what ECS refuses when the definition is registered is said before that, with the way out.
 *
 * Fargate's pairs of CPU and memory; the sums of what containers reserve within the task's; the number of
 * containers; what only CloudFormation knows is left to it.
 */
#include "instrument/taskdef.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define CONTAINERS_MAX 10 /* of a task definition */
#define NUMBER_MAX     32

/* "256", "0.25 vCPU", "1 GB" in units or MiB; -1: not a number here. */
static int64_t units(const struct node *node)
{
    char text[NUMBER_MAX], *end;
    if (!node_is_text(node) || node->value.n >= sizeof(text)) {
        return -1;
    }
    memcpy(text, node->value.p, node->value.n);
    text[node->value.n] = '\0';
    double number = strtod(text, &end);
    while (isspace((unsigned char)*end)) {
        end++;
    }
    bool large = str_ieq(str_of(end), STR("vcpu")) || str_ieq(str_of(end), STR("gb"));
    if (end == text || (*end && !large) || !isfinite(number) || number < 0 || number > 1e9) {
        return -1;
    }
    return (int64_t)((large ? number * 1024 : number) + 0.5);
}

static bool is_pair(int64_t cpu, int64_t memory)
{
    static const struct {
        int64_t cpu, low, high, step;
    } pairs[] = {
        { 256, 512, 512, 1 },         { 256, 1024, 2048, 1024 },      { 512, 1024, 4096, 1024 },
        { 1024, 2048, 8192, 1024 },   { 2048, 4096, 16384, 1024 },    { 4096, 8192, 30720, 1024 },
        { 8192, 16384, 61440, 4096 }, { 16384, 32768, 122880, 8192 },
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        if (cpu == pairs[i].cpu && memory >= pairs[i].low && memory <= pairs[i].high &&
            (memory - pairs[i].low) % pairs[i].step == 0) {
            return true;
        }
    }
    return false;
}

static bool requires(const struct document *doc, const struct taskdef *task, const char *what)
{
    const struct node *list = node_get(doc, task->node, "requiresCompatibilities");
    for (const struct node *at = list ? list->first : NULL; at; at = at->next) {
        if (str_eqz(at->value, what)) {
            return true;
        }
    }
    return false;
}

struct sums {
    int64_t cpu, memory;
};

static struct sums sum_up(const struct document *doc, const struct taskdef *task)
{
    struct sums sums = { 0 };
    for (uint32_t i = 0; i < task->n; i++) {
        int64_t cpu = units(node_get(doc, task->containers[i], "cpu"));
        int64_t soft = units(node_get(doc, task->containers[i], "memoryReservation"));
        int64_t hard = units(node_get(doc, task->containers[i], "memory"));
        sums.cpu += cpu > 0 ? cpu : 0;
        sums.memory += soft > 0 ? soft : hard > 0 ? hard : 0;
    }
    return sums;
}

int taskdef_check_sizes(const struct document *doc, const struct taskdef *task,
                        const struct instrument_options *options, struct err *err)
{
    int64_t cpu = units(node_get(doc, task->node, "cpu"));
    int64_t memory = units(node_get(doc, task->node, "memory"));
    struct sums sums = sum_up(doc, task);
    if (task->definitions->n + 2 > CONTAINERS_MAX) {
        return err_set(err, -E2BIG,
                       "%u containers and two of Hinomi's: a task definition has at most %d",
                       task->definitions->n, CONTAINERS_MAX);
    }
    if (requires(doc, task, "FARGATE") && cpu >= 0 && memory >= 0 && !is_pair(cpu, memory)) {
        return err_set(err, -EINVAL, "Fargate has no task of cpu %lld and memory %lld",
                       (long long)cpu, (long long)memory);
    }
    if (cpu >= 0 && sums.cpu + options->cpu > cpu) {
        return err_set(
            err, -E2BIG,
            "its containers have %lld CPU units of the task's %lld, and the agent needs %u: "
            "give the task more, or the agent less (--agent-cpu)",
            (long long)sums.cpu, (long long)cpu, options->cpu);
    }
    if (memory >= 0 && sums.memory + options->memory > memory) {
        return err_set(
            err, -E2BIG,
            "its containers have %lld MiB of the task's %lld, and the agent needs %u: give "
            "the task more, or the agent less (--agent-memory)",
            (long long)sums.memory, (long long)memory, options->memory);
    }
    return 0;
}
