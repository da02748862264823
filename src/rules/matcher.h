/*
 * matcher: which rules an event matches, at a cost that grows with the fields touched and not with the
 * number of rules or list items. docs/design.md tells how; cond_eval() tells what.
 *
 * One matcher per state; not thread-safe. The ruleset must outlive it.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "event/field.h"
#include "rules/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

struct matcher;

struct matcher_options {
    bool all;          /* rule_matching: all; otherwise only the first match in definition order */
    bool no_residuals; /* for tests and benchmarks: nothing kept per thread */
    bool no_memo;      /* the same: nothing kept of texts seen lately */
    uint32_t threads_max;    /* the state's bound on threads; 0: STATE_THREADS_DEFAULT */
    uint64_t (*clock)(void); /* ns; to find out what rules cost. NULL: that is not wanted */
};

int matcher_new(const struct ruleset *ruleset, const struct selection *selection,
                const struct matcher_options *options, struct matcher **ret, struct err *err);
void matcher_free(struct matcher *matcher);

/*
 * Between state_apply() and state_settle(). Returns how many rules match; *ret_rules are they, in
 * definition order, valid until the next call. Never allocates.
 */
uint32_t matcher_run(struct matcher *matcher, struct view *view,
                     const struct rule *const **ret_rules);

#define EVIDENCE_SCAN_MAX                                                                          \
    65536 /* items of one check that are looked at: it costs a pass over them */

/* Which list items made a matching rule's positive list checks true; after matcher_run(). */
struct evidence {
    struct str list, item; /* list empty: written in the condition */
    const struct field_ref *field;
};
uint32_t matcher_evidence(struct matcher *matcher, struct view *view, const struct rule *rule,
                          struct evidence *ret, uint32_t max);

struct matcher_stats {
    uint64_t events, candidates, rules_run, atoms_evaluated, residual_hits, residual_builds;
    uint32_t rules, atoms, atoms_grouped, uncovered_rules;
    uint64_t bytes; /* all memory of the matcher's structures */
};
void matcher_get_stats(const struct matcher *matcher, struct matcher_stats *ret);

/* Estimated by one event in some 1,000; valid as long as the matcher. */
struct matcher_costs {
    uint64_t samples;           /* events that were looked at */
    uint64_t search_ns;         /* finding candidates, for all rules together */
    const uint64_t *by_rule_ns; /* trying them, by the ruleset's index; NULL: there is no clock */
};
void matcher_get_costs(const struct matcher *matcher, struct matcher_costs *ret);

/* What `hinomi rules describe` prints of a rule's place in the index. */
struct rule_plan {
    bool covered; /* false: runs for every event of its kinds */
    bool mutable; /* false: residuals cannot mute it (and why_not says why) */
    const char *why_not;
    uint32_t natoms;
    uint32_t volatilities; /* bit set of enum volatility */
};
void matcher_plan(const struct matcher *matcher, const struct rule *rule, struct rule_plan *ret);
/* The cover's atoms, one per line of text. */
void matcher_plan_cover(const struct matcher *matcher, const struct rule *rule, struct buf *buf);
