/*
 * hinomi replay --filter: prints each event of a capture for which a condition is true.
 *
 * The condition is evaluated by walking it; the format is compiled like a rule's output.
 */
#include "cli/cli.h"
#include "cli/replay_run.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "event/field.h"
#include "rules/cond.h"
#include "rules/output.h"
#include "sensor/replay/replay.h"

#include <stdio.h>
#include <unistd.h>

#define MEMORY_MAX ((size_t)256 << 20)
#define OUTPUT_MAX ((size_t)64 << 20)
#define DEFAULT_FORMAT                                                                             \
    "%evt.num %evt.time %evt.cpu %proc.name (%thread.tid) %evt.dir %evt.type %evt.args"

struct filter_run {
    struct arena arena;
    struct cond_cache *cache;
    struct cond *cond;
    struct output *format;
    struct state *state;
    struct sensor *sensor;
    struct view view;
    struct replay_output output;
    struct replay_progress progress;
};

static void run_done(struct filter_run *run)
{
    sensor_close(run->sensor);
    state_free(run->state);
    scratch_done(&run->view.scratch);
    cond_cache_free(run->cache);
    arena_done(&run->arena);
    buf_done(&run->output.buf);
}

static int fail(const char *what, const char *message)
{
    fprintf(stderr, "hinomi replay: %s%s%s\n", what, *what ? ": " : "", message);
    return EXIT_NEGATIVE;
}

static void print_problems(const struct cond_problems *problems)
{
    for (uint32_t i = 0; i < problems->n; i++) {
        const struct cond_problem *p = &problems->items[i];
        if (!p->is_warning) {
            fprintf(stderr, "hinomi replay: --filter: column %u: %.*s%s%.*s\n", p->offset + 1,
                    STR_ARG(p->message), p->hint.n ? "; " : "", STR_ARG(p->hint));
        }
    }
}

static int compile(struct filter_run *run, const struct replay_arguments *a)
{
    struct ast *ast;
    uint32_t offset;
    const char *deprecated;
    struct err err = { 0 };
    struct cond_problems problems = { 0 };
    if (parse_condition(&run->arena, str_of(a->filter), FILTER_DEPTH_MAX, &ast, &offset, &err) <
        0) {
        char at[48];
        snprintf(at, sizeof at, "--filter: column %u", offset + 1);
        return fail(at, err.message);
    }
    int r = cond_resolve(&run->arena, run->cache, ast, &run->cond, &problems);
    if (r < 0 || !run->cond) {
        print_problems(&problems);
        return r < 0 ? fail("--filter", "too large") : EXIT_NEGATIVE;
    }
    struct str format = str_of(a->format ? a->format : DEFAULT_FORMAT);
    if (output_compile(&run->arena, format, &run->format, &deprecated, &err) < 0) {
        return fail("--format", err.message);
    }
    return EXIT_OK;
}

static void handle(struct filter_run *run, struct event *event)
{
    state_apply(run->state, event);
    view_event(&run->view, event);
    if (cond_eval(run->cond, &run->view)) {
        output_text(run->format, &run->view, &run->output.buf);
        buf_putc(&run->output.buf, '\n');
    }
    state_settle(run->state, event);
}

static int run_events(struct filter_run *run)
{
    struct event *event;
    struct err err = { 0 };
    int r;
    replay_progress_start(&run->progress, run->sensor);
    while ((r = sensor_next(run->sensor, &event, &err)) > 0) {
        if (event->num == 1) {
            run->view.first_ts_ns = event->ts_ns;
        }
        handle(run, event);
        r = replay_output_flush(&run->output, false, &err);
        if (r < 0) {
            break;
        }
        if (event->num % TICK_EVENTS == 0) {
            replay_progress_tick(&run->progress, run->sensor);
        }
    }
    replay_progress_end(&run->progress);
    replay_report_losses(run->state);
    struct err flush_err = { 0 };
    int flushed = replay_output_flush(&run->output, true, &flush_err);
    if (r < 0) {
        return fail("", err.message);
    }
    return flushed < 0 ? fail("", flush_err.message) : EXIT_OK;
}

int replay_filter(const struct replay_arguments *a)
{
    CLEANUP(run_done) struct filter_run run = { .output.at_once = isatty(STDOUT_FILENO) };
    struct err err = { 0 };
    arena_init(&run.arena, MEMORY_MAX);
    buf_init(&run.output.buf, OUTPUT_MAX);
    run.cache = cond_cache_new(&run.arena);
    if (!run.cache || scratch_init(&run.view.scratch) < 0 || state_new(NULL, &run.state) < 0) {
        return fail("", "out of memory");
    }
    int r = compile(&run, a);
    if (r != EXIT_OK) {
        return r;
    }
    if (replay_open(a->capture, run.state, &run.sensor, &err) < 0) {
        return fail("", err.message);
    }
    run.view.state = run.state;
    run.view.source = STR("syscall");
    run.view.hostname = replay_host(run.sensor);
    return run_events(&run);
}
