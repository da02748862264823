/*
 * hinomi replay --rules: alerts on standard output, what came of it on standard error.
 */
#include "cli/cli.h"
#include "cli/load_rules.h"
#include "cli/replay_run.h"

#include "agent/pipeline.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/replay/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)64 << 20)

struct rules_run {
    const struct replay_arguments *arguments;
    struct ruleset *ruleset;
    struct selection selection;
    struct state *state;
    struct sensor *sensor;
    struct pipeline *pipeline;
    struct replay_output output;
    struct replay_progress progress;
    uint64_t loaded_ns, started_ns, ended_ns;
};

static void run_done(struct rules_run *run)
{
    pipeline_free(run->pipeline);
    sensor_close(run->sensor);
    state_free(run->state);
    selection_done(&run->selection);
    ruleset_free(run->ruleset);
    buf_done(&run->output.buf);
}

static int fail(const char *message)
{
    fprintf(stderr, "hinomi replay: %s\n", message);
    return EXIT_NEGATIVE;
}

static int open_all(struct rules_run *run)
{
    const struct replay_arguments *a = run->arguments;
    struct err err = { 0 };
    if (state_new(NULL, &run->state) < 0) {
        return fail("out of memory");
    }
    if (replay_open(a->capture, run->state, &run->sensor, &err) < 0) {
        return fail(err.message);
    }
    struct pipeline_options options = {
        .matcher = { .all = a->all },
        .format = { .json = a->json, .hostname = replay_host(run->sensor) },
    };
    if (pipeline_new(run->ruleset, &run->selection, run->state, &options, &run->pipeline, &err) <
        0) {
        return fail(err.message);
    }
    return EXIT_OK;
}

static int run_events(struct rules_run *run)
{
    struct err err = { 0 };
    const struct buf *buf = &run->output.buf;
    size_t seen = 0;
    uint64_t events = 0;
    int r;
    replay_progress_start(&run->progress, run->sensor);
    while ((r = pipeline_step(run->pipeline, run->sensor, &run->output.buf, &err)) > 0) {
        if (buf->n != seen || buf->failed) {
            r = replay_output_flush(&run->output, false, &err);
            if (r < 0) {
                break;
            }
            seen = buf->n;
        }
        if (++events % TICK_EVENTS == 0) {
            replay_progress_tick(&run->progress, run->sensor);
        }
    }
    replay_progress_end(&run->progress);
    replay_report_losses(run->state);
    struct err flush_err = { 0 };
    int flushed = replay_output_flush(&run->output, true, &flush_err);
    if (r < 0) {
        return fail(err.message);
    }
    return flushed < 0 ? fail(flush_err.message) : EXIT_OK;
}

static void print_counts(const struct rules_run *run, const struct pipeline_stats *stats)
{
    for (int p = PRIORITY_EMERGENCY; p <= PRIORITY_DEBUG; p++) {
        if (stats->alerts_by_priority[p] == 0) {
            continue;
        }
        fprintf(stderr, "%10llu  %s\n", (unsigned long long)stats->alerts_by_priority[p],
                priority_text((enum priority)p));
        for (uint32_t i = 0; i < run->ruleset->nrules; i++) {
            const struct rule *rule = &run->ruleset->rules[i];
            if ((int)rule->priority == p && stats->alerts_by_rule[i]) {
                fprintf(stderr, "%14llu  %.*s\n", (unsigned long long)stats->alerts_by_rule[i],
                        STR_ARG(rule->name));
            }
        }
    }
}

static void print_stats(const struct rules_run *run)
{
    struct sensor_stats sensor;
    struct state_stats state;
    struct matcher_stats matcher;
    run->sensor->ops->stats(run->sensor, &sensor);
    state_get_stats(run->state, &state);
    matcher_get_stats(pipeline_matcher(run->pipeline), &matcher);
    fprintf(stderr, "capture: %llu bytes, %llu of the file; %llu blocks or events skipped\n",
            (unsigned long long)sensor.bytes, (unsigned long long)sensor.bytes_in,
            (unsigned long long)sensor.skipped);
    fprintf(
        stderr,
        "state: %llu threads, %llu descriptors, %llu containers, %llu users; %llu threads evicted, "
        "%llu descriptors refused, %llu events of unknown tasks\n",
        (unsigned long long)state.threads, (unsigned long long)state.fds,
        (unsigned long long)state.containers, (unsigned long long)state.users,
        (unsigned long long)state.threads_evicted, (unsigned long long)state.fds_refused,
        (unsigned long long)state.orphan_events);
    fprintf(stderr,
            "matcher: %u rules, %u atoms (%u grouped), %u rules always run; %llu candidates, %llu "
            "rules "
            "run, %llu atoms evaluated, %llu KiB\n",
            matcher.rules, matcher.atoms, matcher.atoms_grouped, matcher.uncovered_rules,
            (unsigned long long)matcher.candidates, (unsigned long long)matcher.rules_run,
            (unsigned long long)matcher.atoms_evaluated, (unsigned long long)(matcher.bytes >> 10));
    fprintf(stderr, "rules loaded in %.1f ms\n", (double)run->loaded_ns / 1e6);
}

static void print_summary(const struct rules_run *run)
{
    struct pipeline_stats stats;
    pipeline_get_stats(run->pipeline, &stats);
    double seconds = (double)(run->ended_ns - run->started_ns) / 1e9;
    fprintf(stderr, "%llu event%s in %.3f s (%.0f events/s), %llu alert%s\n",
            (unsigned long long)stats.events, stats.events == 1 ? "" : "s", seconds,
            seconds > 0 ? (double)stats.events / seconds : 0.0, (unsigned long long)stats.alerts,
            stats.alerts == 1 ? "" : "s");
    print_counts(run, &stats);
    if (run->arguments->stats) {
        print_stats(run);
    }
}

int replay_rules(const struct replay_arguments *a)
{
    CLEANUP(run_done)
    struct rules_run run = {
        .arguments = a,
        .output.at_once = isatty(STDOUT_FILENO),
        .started_ns = clock_boot_ns(),
    };
    buf_init(&run.output.buf, OUTPUT_MAX);
    int r = cli_load_rules(a->choice.rules.items, (int)a->choice.rules.n, &run.ruleset);
    if (r != EXIT_OK) {
        return r;
    }
    run.loaded_ns = clock_boot_ns() - run.started_ns;
    if (rule_choice_select(&a->choice, run.ruleset, &run.selection) < 0) {
        return fail("out of memory");
    }
    r = open_all(&run);
    if (r != EXIT_OK) {
        return r;
    }
    run.started_ns = clock_boot_ns();
    r = run_events(&run);
    run.ended_ns = clock_boot_ns();
    print_summary(&run);
    return r;
}
