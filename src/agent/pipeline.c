/*
 * Pipeline: sensor, state, matcher, alerts, in one function.
 *
 * Outputs are compiled once per rule; what a rule's output lacks for an event prints as <NA>. Nothing is
 * allocated per event but what the caller's buffer needs to grow.
 */
#include "agent/pipeline.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "event/names.h"

#include <errno.h>
#include <stdlib.h>

/* Compiled once for the rules of one ruleset_base(). */
struct outputs {
    struct arena arena;
    struct output **items; /* by rule index; NULL: the rule is skipped */
    uint32_t users;
};

struct pipeline {
    const struct ruleset *ruleset;
    struct matcher *matcher;
    struct alert_format format;
    struct pipeline_hooks hooks;
    bool wanted;     /* the last preview */
    struct buf json; /* of an alert that is printed as text */
    struct view view;
    struct arena arena;
    struct outputs *outputs;
    uint64_t *alerts_by_rule;
    struct pipeline_stats stats;
};

#define ALERT_JSON_MAX ((size_t)4 << 20)

CLEANUP_DEFINE(struct pipeline, pipeline_free);

static void outputs_free(struct outputs *outputs)
{
    if (outputs && --outputs->users == 0) {
        arena_done(&outputs->arena);
        free(outputs);
    }
}

static int compile_outputs(struct pipeline *p, bool more, struct err *err)
{
    struct outputs *o = p->outputs;
    for (uint32_t i = 0; i < p->ruleset->nrules; i++) {
        const struct rule *rule = &p->ruleset->rules[i];
        const char *deprecated;
        if (!rule->cond) {
            continue;
        }
        int r = output_compile(&o->arena, rule->output, &o->items[i], &deprecated, err);
        if (r == 0 && more && output_add_more(&o->arena, rule->cond, o->items[i]) < 0) {
            r = err_set(err, -ENOMEM, "out of memory");
        }
        if (r < 0) {
            err_wrap(err, "rule '%.*s'", STR_ARG(rule->name));
            return r;
        }
    }
    return 0;
}

static int make_outputs(struct pipeline *p, const struct pipeline_options *options, struct err *err)
{
    const struct pipeline *like = options->like;
    if (like && ruleset_base(like->ruleset) == ruleset_base(p->ruleset)) {
        p->outputs = like->outputs;
        p->outputs->users++;
        return 0;
    }
    struct outputs *outputs = p->outputs = mem_zalloc(sizeof *outputs);
    if (!outputs) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    outputs->users = 1;
    arena_init(&outputs->arena, RULES_MEMORY_MAX);
    outputs->items = ARENA_ARRAY(&outputs->arena, struct output *, p->ruleset->nrules);
    return outputs->items ? compile_outputs(p, options->more_fields, err)
                          : err_set(err, -ENOMEM, "out of memory");
}

int pipeline_new(const struct ruleset *ruleset, const struct selection *selection,
                 struct state *state, const struct pipeline_options *options, struct pipeline **ret,
                 struct err *err)
{
    CLEANUP(cleanup_pipeline_free) struct pipeline *p = mem_zalloc(sizeof *p);
    if (!p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&p->arena, RULES_MEMORY_MAX);
    p->ruleset = ruleset;
    p->format = options->format;
    p->hooks = options->hooks;
    buf_init(&p->json, ALERT_JSON_MAX);
    p->view.state = state;
    p->view.source = STR("syscall");
    p->view.hostname = options->format.hostname;
    p->view.name_of = state_view_name;
    p->view.name_data = &p->view;
    p->alerts_by_rule = ARENA_ARRAY(&p->arena, uint64_t, ruleset->nrules);
    if (!p->alerts_by_rule || scratch_init(&p->view.scratch) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = make_outputs(p, options, err);
    if (r == 0) {
        r = matcher_new(ruleset, selection, &options->matcher, &p->matcher, err);
        p->format.matcher = p->matcher;
    }
    if (r < 0) {
        return r;
    }
    *ret = TAKE(p);
    return 0;
}

void pipeline_free(struct pipeline *p)
{
    if (p) {
        matcher_free(p->matcher);
        outputs_free(p->outputs);
        scratch_done(&p->view.scratch);
        arena_done(&p->arena);
        buf_done(&p->json);
        free(p);
    }
}

static void tell_alert(struct pipeline *p, const struct buf *json, size_t before)
{
    struct pipeline_alert alert = { .ts_ns = p->view.event->ts_ns };
    alert.severity = p->format.hinomi ? p->format.hinomi->severity : 0;
    if (!json->failed && json->n > before + 1) {
        alert.json = str_from(json->p + before, json->n - before - 1);
    }
    p->hooks.alert(p->hooks.data, &alert);
}

static void emit(struct pipeline *p, const struct rule *rule, struct buf *out)
{
    p->stats.alerts++;
    p->stats.alerts_by_priority[rule->priority]++;
    p->alerts_by_rule[rule->index]++;
    struct buf *json = p->format.json ? out : &p->json;
    size_t before = p->format.json ? out->n : 0;
    buf_clear(&p->json);
    if (p->format.json || p->hooks.alert) {
        alert_json(&p->format, rule, p->outputs->items[rule->index], &p->view, json);
    }
    if (p->hooks.alert) {
        tell_alert(p, json, before);
    }
    if (!p->format.json) {
        alert_text(&p->format, rule, p->outputs->items[rule->index], &p->view, out);
    }
}

static void count_event(struct pipeline *p, const struct event *event)
{
    if (p->stats.events++ == 0) {
        p->view.first_ts_ns = event->ts_ns;
    }
}

static uint32_t match(struct pipeline *p, struct event *event, const struct rule *const **ret_rules)
{
    view_event(&p->view, event);
    return matcher_run(p->matcher, &p->view, ret_rules);
}

uint32_t pipeline_event(struct pipeline *p, struct event *event, struct buf *out,
                        const struct rule *const **ret_rules)
{
    const struct rule *const *rules;
    count_event(p, event);
    state_apply(p->view.state, event);
    uint32_t n = match(p, event, &rules);
    for (uint32_t i = 0; i < n; i++) {
        emit(p, rules[i], out);
    }
    if (p->hooks.seen) {
        p->hooks.seen(p->hooks.data, &p->view);
    }
    state_settle(p->view.state, event);
    if (ret_rules) {
        *ret_rules = rules;
    }
    return n;
}

uint32_t pipeline_preview(struct pipeline *p, struct event *event,
                          const struct rule *const **ret_rules)
{
    state_preview(p->view.state, event);
    uint32_t n = match(p, event, ret_rules);
    p->wanted = n == 0 && p->hooks.wants && p->hooks.wants(p->hooks.data, &p->view);
    state_preview_end(p->view.state, event);
    return n;
}

bool pipeline_is_wanted(const struct pipeline *p)
{
    return p->wanted;
}

uint32_t pipeline_refused(struct pipeline *p, struct event *event, struct buf *out,
                          const struct rule *const **ret_rules)
{
    const struct rule *const *rules;
    count_event(p, event);
    state_preview(p->view.state, event);
    uint32_t n = match(p, event, &rules);
    for (uint32_t i = 0; i < n; i++) {
        emit(p, rules[i], out);
    }
    state_preview_end(p->view.state, event);
    *ret_rules = rules;
    return n;
}

void pipeline_go_on(struct pipeline *p, const struct pipeline *old)
{
    p->stats = old->stats;
    p->view.first_ts_ns = old->view.first_ts_ns;
}

int pipeline_step(struct pipeline *p, struct sensor *sensor, struct buf *out, struct err *err)
{
    struct event *event;
    int r = sensor_next(sensor, &event, err);
    if (r <= 0) {
        return r;
    }
    pipeline_event(p, event, out, NULL);
    return 1;
}

void pipeline_get_stats(const struct pipeline *p, struct pipeline_stats *ret)
{
    *ret = p->stats;
    ret->alerts_by_rule = p->alerts_by_rule;
}

struct matcher *pipeline_matcher(struct pipeline *p)
{
    return p->matcher;
}

struct view *pipeline_view(struct pipeline *p)
{
    return &p->view;
}
