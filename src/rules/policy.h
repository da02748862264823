/*
 * policy: named sets of rules with a severity, a scope and actions, read from YAML.
 *
 *     policies_new(), policies_add() for each file in order, policies_finish()
 *
 * Strict: an unknown key, an unknown rule, a scope over other fields than container.*, k8s.*, ecs.*, aws.*
 * and evt.hostname are errors with file, line and column, all at once. A policy of the same name in a
 * later file takes the earlier one's place. Borrows the ruleset; immutable after policies_finish(). No I/O.
 */
#pragma once

#include "rules/diag.h"
#include "rules/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_FILE_MAX     ((size_t)4 << 20)
#define POLICY_FILES_MAX    1000
#define POLICIES_MAX        1000  /* of one file, and in all */
#define POLICY_RULES_MAX    10000 /* of one policy */
#define POLICY_CHANNELS_MAX 100
#define POLICY_NAME_MAX     256 /* bytes, of a policy and of a channel */
#define POLICY_SCOPE_MAX    ((size_t)64 << 10)
#define POLICY_MEMORY_MAX   ((size_t)64 << 20)
#define POLICY_ERRORS_MAX   100 /* told of one load */
#define POLICY_ACTIONS      5   /* bits of enum policy_action */
#define POLICY_BY_PRIORITY  UINT8_MAX

/* What a matched rule asks for beside its alert; bits. */
enum policy_action {
    ACTION_DENY = 1 << 0, /* the call is refused before it happens, where the sensor can */
    ACTION_KILL = 1 << 1, /* the process */
    ACTION_STOP = 1 << 2, /* the container, by its runtime */
    ACTION_PAUSE = 1 << 3,
    ACTION_CAPTURE = 1 << 4,
};

struct policy_rule {
    const struct rule *rule;
    bool enabled;
    uint8_t actions; /* enum policy_action */
    uint8_t
        severity; /* in tenths; POLICY_BY_PRIORITY: the policy's, or else that of the rule's priority */
};

struct policy {
    struct str name;
    struct str scope_text;    /* as written */
    const struct cond *scope; /* NULL: everywhere */
    struct source_pos pos;
    bool enabled;
    uint8_t severity; /* in tenths, 0..100; POLICY_BY_PRIORITY: that of the rule's priority */
    const struct policy_rule *rules;
    uint32_t nrules;
    const struct str *channels;
    uint32_t nchannels;
};

struct policies;

int policies_new(const struct ruleset *ruleset, struct policies **ret);
void policies_free(struct policies *policies);

/* One file's content: a list of policies. -EINVAL: the diagnostics tell; -ENOMEM. */
int policies_add(struct policies *policies, struct str file_name, struct str content);
/* A file that could not be read: an error that says so. */
void policies_add_unreadable(struct policies *policies, struct str file_name, struct str reason);
/* -EINVAL when there were errors: nothing of it may be used but the diagnostics. */
int policies_finish(struct policies *policies, struct err *err);

const struct diag_list *policies_diagnostics(const struct policies *policies);
/* All diagnostics as people read them. */
void policies_explain(const struct policies *policies, struct buf *buf);

uint32_t policies_count(const struct policies *policies);
const struct policy *policies_at(const struct policies *policies, uint32_t i);
/* What any policy may ask for, by rule index, whatever its scope: engine_rules.actions. */
const uint8_t *policies_actions(const struct policies *policies);
/* All that some policy may ask for. */
uint8_t policies_ask(const struct policies *policies);
/* Disables rules that only disabled policies (or disabled entries of them) name. */
void policies_select(const struct policies *policies, struct selection *selection);

struct policy_verdict {
    const struct policy
        *policy;      /* the most severe one whose scope holds, then the first; NULL none */
    uint8_t severity; /* in tenths */
    uint8_t actions;  /* of all whose scope holds */
    const struct policy *asked_by[POLICY_ACTIONS]; /* for each bit the first of them */
};

/* Of a rule that matched the view's event, whose thread must be set. Any policies, or NULL: none. */
void policies_judge(const struct policies *policies, const struct rule *rule, struct view *view,
                    struct policy_verdict *ret);

/* In tenths, within the band that fits the priority. */
uint8_t policy_severity_of(enum priority priority);
const char *action_text(enum policy_action action); /* "kill" */
