/*
 * matcher_internal: the parts of a matcher and who builds them.
 *
 *   atom.c      expressions and atoms: one of each, however many rules use it
 *   group.c     atoms that one search decides together
 *   memo.c      what searches said about texts seen lately
 *   tree.c      conditions as and/or trees of literals, then as jump programs
 *   cover.c     what must be true for a rule to match, per event name
 *   index.c     classes of event names with the same rules, their plans
 *   residual.c  which rules can still match for a thread
 *   demand.c    what sensors must deliver
 *   paths.c     which rules a path seen lately triggers
 *   explain.c   plans and evidence for people
 *   matcher.c   putting it together; running it
 */
#pragma once

#include "base/arena.h"
#include "rules/cost.h"
#include "rules/demand.h"
#include "rules/matcher.h"
#include "rules/memo.h"
#include "rules/textset.h"

#define MATCHER_MEMORY_MAX ((size_t)2 << 30)
#define TREE_DEPTH_MAX     1200 /* deeper conditions are evaluated by cond_eval() */
#define GUARDS_MAX         16   /* literals that are tested before everything else, per class */
#define CLASS_UNITS_MAX    32
#define CLASS_GROUPS_MAX   64
#define GROUP_FAST_MAX     8         /* atoms of a group that may still be compared on the spot */
#define ROW_RULES_MAX      (1 << 20) /* words of all row_rules together, else there are none */
#define NONE               UINT32_MAX

/* Bit sets of enum volatility. */
#define KEPT_NONE (1U << VOLATILE_EVENT)
#define KEPT_BY_EPOCH                                                                              \
    (1U << VOLATILE_CRED | 1U << VOLATILE_SESSION | 1U << VOLATILE_LINEAGE |                       \
     1U << VOLATILE_CONTAINER)

enum group_kind {
    GROUP_EXACT,
    GROUP_NUMBER,  /* eight bytes of the number */
    GROUP_ADDRESS, /* family and bytes; networks are prefixes */
    GROUP_PREFIX,
    GROUP_SUFFIX,
    GROUP_PATH,
    GROUP_CONTAINS,
    GROUP_ICONTAINS,
    GROUP_REGEX,
    GROUP_KINDS,
};

struct site { /* one distinct expression */
    const struct expr *expr;
    uint32_t epoch;
    uint32_t volatilities;
    uint32_t cost;
    uint32_t groups[GROUP_KINDS]; /* NONE */
    struct memo_entry *memo;      /* NULL: none */
    uint32_t memo_mask;           /* entries - 1 */
    struct memo_entry *entry;     /* of the present value, with entry_epoch; NULL: none */
    uint32_t entry_epoch;
    struct extracted value;
};

/* Members of rows: atom * 2, plus 1 where the text found is only necessary for the atom. */
#define MEMBER_ATOM(member) ((member) >> 1)

struct atom_group {
    enum group_kind kind;
    uint32_t site;
    uint32_t epoch;
    uint32_t cost;
    struct textset *set;
    struct regex_set *regexes;
    uint32_t *regex_rows; /* row of each pattern */
    bool *regex_found;
    uint32_t nregexes;
    uint32_t natoms;
    bool has_maybes;          /* some text is only necessary for some atom */
    struct textset_hits hits; /* overflow: any atom of the group may be true */
};

enum atom_flag {
    ATOM_ALL_VALUES = 1 << 0,  /* all values must do: a hit of one among several says little */
    ATOM_EVENT_NAME = 1 << 1,  /* decided by the event's name: names[] */
    ATOM_COVER = 1 << 2,       /* some rule is filed under it */
    ATOM_NEVER_MUTES = 1 << 3, /* evt.num, evt.deltatime, evt.count */
};

/* Atoms on one constant that are compared on the spot. */
enum fast { FAST_NONE, FAST_TEXT_EQ, FAST_TEXT_NE, FAST_SIGNED, FAST_UNSIGNED };

struct atom {
    const struct check *check; /* NULL: a whole condition, `cond` */
    const struct cond *cond;
    struct nameset *names;
    uint32_t site, right; /* right: NONE */
    uint32_t group;       /* NONE */
    uint32_t cost;
    uint8_t volatilities;
    uint8_t flags;
    uint8_t fast;   /* enum fast */
    uint8_t orders; /* of a number to `number`: bit 0 less, 1 equal, 2 more make it true */
    float chance;   /* guess of how often it is true */
    union {         /* the constant of a fast one */
        struct str text;
        uint64_t number;
    };
};

/* An atom, negated or not. */
struct literal {
    uint32_t atom;
    bool negated;
};

enum node_kind { NODE_AND, NODE_OR, NODE_LITERAL };

enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };

struct node {
    enum node_kind kind;
    enum truth truth; /* of the last tree_fold() */
    uint32_t nitems;  /* 0: known to be true (AND) or false (OR); only a whole tree is */
    struct node **items;
    const struct cond *cond; /* LITERAL: what it tests */
    struct literal literal;
    float cost;   /* expected, of deciding it */
    float chance; /* guess of how often it is true */
};

#define STEP_ACCEPT UINT32_MAX
#define STEP_REJECT (UINT32_MAX - 1)

struct step {
    uint32_t atom;
    uint32_t on_true, on_false; /* next step, STEP_ACCEPT or STEP_REJECT */
};

struct matched_rule {
    const struct rule *rule;
    struct node *tree;
    uint32_t start; /* first step */
    uint32_t volatilities;
    uint32_t natoms;
    bool covered;          /* in all its classes */
    const char *not_muted; /* why residuals cannot decide it; NULL: they can */
    const uint32_t *cover; /* atoms, of the class with most */
    uint32_t ncover;
};

/* A rule's place in a class. */
struct filed_rule {
    uint32_t rule;   /* index into matcher->rules */
    uint32_t guards; /* bits of the class's guards that it needs */
    uint64_t groups; /* bits of the class's groups its cover is in; 0: no cover, always runs */
};

struct trigger {
    uint32_t atom;     /* NONE: free */
    uint32_t first, n; /* of class->triggered */
};

struct unit { /* rules that need the same guards */
    uint32_t guards;
    uint64_t groups;
};

/* What to do for an event of a class: for all its rules, or those still possible for a thread. */
struct plan {
    uint64_t *live;   /* NULL: all */
    uint64_t *always; /* rules without a cover, or whose cover the thread's residual stands for */
    uint32_t nalways;
    uint32_t nunits;  /* 0: nothing can match */
    uint32_t nothers; /* of these, the first have groups that are not of paths */
    struct unit units[CLASS_UNITS_MAX];
};

struct class
{
    uint32_t nrules;
    struct filed_rule *rules; /* in definition order */
    uint32_t nguards;
    struct literal guards[GUARDS_MAX];
    uint32_t ngroups;
    uint32_t groups[CLASS_GROUPS_MAX]; /* indices of matcher->groups */
    uint32_t trigger_mask;
    struct trigger *triggers; /* hashed by atom */
    uint32_t *triggered;      /* class-local rule numbers */
    uint32_t nwords;          /* of bit sets over its rules */
    uint64_t kept_groups;     /* bits of groups on state that residuals keep */
    uint64_t path_groups;     /* bits of groups that paths_recall() knows about; 0: none */
    uint64_t *row_rules;      /* of each row, bits of the rules it triggers; NULL: triggers tell */
    struct plan all;
};

struct residuals; /* residual.c */

struct matcher {
    struct arena arena;
    const struct ruleset *ruleset;
    struct matcher_options options;

    struct site *sites;
    uint32_t nsites;
    struct atom *atoms;
    uint32_t natoms;
    struct atom_group *groups;
    uint32_t ngroups;
    struct rows rows;
    uint32_t *cover_members, *cover_at; /* rows reduced to atoms that are covers */

    struct matched_rule *rules; /* enabled ones, in definition order */
    uint32_t nrules;
    struct step *steps;
    size_t nsteps;

    struct class *classes;
    uint32_t nclasses;
    uint32_t class_of[NAME_MAX_ID + 1]; /* NONE: no rule; [NAME_MAX_ID]: any other id */

    struct nameset names_decide; /* names that are the value of evt.type */

    uint32_t epoch;
    uint32_t *stamps;         /* by atom: epoch * 2 + value */
    struct memo_entry *memos; /* of all sites */
    size_t memos_bytes, paths_bytes;
    struct path_set *paths; /* NULL: none are kept */
    uint32_t path_way;      /* where the next path displaces another */
    uint64_t *fired;        /* bits of a class's rules */
    uint64_t *fired_words;  /* a bit for each word of `fired` that is not 0 */
    const struct rule **matches;
    struct view *view;

    struct residuals *residuals;
    struct demand *demand;
    struct matcher_stats stats;
    struct costs costs;
};

/* atom.c */
struct atoms_builder;
int atoms_builder_new(struct matcher *m, struct atoms_builder **ret);
void atoms_builder_free(struct atoms_builder *builder);
/* The atom of a check, found or made. */
int atom_of(struct atoms_builder *builder, const struct check *check, uint32_t *ret);
int atom_of_cond(struct atoms_builder *builder, const struct cond *cond, uint32_t *ret);
void atom_estimate(struct atom *atom, const struct check *check);
/* Is the atom on a field with few values and few constants? Not worth a group. */
bool atom_is_trivial(const struct check *check);
uint32_t expr_volatilities(const struct expr *expr);
bool atom_compute(struct matcher *m, uint32_t atom);

static inline bool atom_value(struct matcher *m, uint32_t atom)
{
    uint32_t stamp = m->stamps[atom];
    if (stamp >> 1 == m->epoch) {
        return stamp & 1;
    }
    bool value = atom_compute(m, atom);
    m->stamps[atom] = m->epoch << 1 | value;
    return value;
}

static inline const struct extracted *site_value(struct matcher *m, uint32_t site)
{
    struct site *s = &m->sites[site];
    if (s->epoch != m->epoch) {
        s->epoch = m->epoch;
        if (s->expr->kind == EXPR_FIELD) {
            field_extract(&s->expr->field, m->view, &s->value);
        } else {
            expr_extract(s->expr, m->view, &s->value);
        }
    }
    return &s->value;
}

/* group.c */
int groups_build(struct matcher *m);
void group_free(struct atom_group *group);
void group_search(struct matcher *m, struct atom_group *group);
size_t group_bytes(const struct atom_group *group);

static inline struct atom_group *group_run(struct matcher *m, uint32_t i)
{
    struct atom_group *group = &m->groups[i];
    if (group->epoch != m->epoch) {
        group->epoch = m->epoch;
        group_search(m, group);
    }
    return group;
}

/* memo.c */
/* After the groups. */
int memos_build(struct matcher *m);
/* The text's entry, made when it has none; NULL: too long or empty. */
struct memo_entry *memo_find(const struct site *site, struct str text);

/* The memo's entry of the site's text; NULL: it has none. */
static inline struct memo_entry *site_entry(struct matcher *m, struct site *site)
{
    if (site->entry_epoch != m->epoch) {
        site->entry_epoch = m->epoch;
        site->entry = site->value.n == 1 ? memo_find(site, site->value.v->s) : NULL;
    }
    return site->entry;
}

/* Is it known without a search that the group yields nothing? */
static inline bool group_is_quiet(struct matcher *m, uint32_t id)
{
    const struct atom_group *group = &m->groups[id];
    struct site *site = &m->sites[group->site];
    if (site_value(m, group->site)->n == 0) {
        return true;
    }
    const struct memo_entry *entry = site->memo ? site_entry(m, site) : NULL;
    return entry && entry->quiet >> group->kind & 1;
}

/* False: not known yet. */
bool memo_recall(const struct memo_entry *entry, enum group_kind kind, struct textset_hits *ret);
void memo_keep(struct memo_entry *entry, enum group_kind kind, const struct textset_hits *hits);

/* paths.c */
/* After the index. */
int paths_build(struct matcher *m);
/* Bits of the class's rules that its path groups trigger for this event; NULL: not known. */
const uint64_t *paths_recall(struct matcher *m, const struct class *class);

/* tree.c */
int tree_build(struct atoms_builder *builder, struct arena *arena, const struct cond *cond,
               struct node **ret);
/* TRUE or FALSE when the whole condition is known without an event. */
static inline enum truth tree_truth(const struct node *tree)
{
    bool known = tree->kind != NODE_LITERAL && tree->nitems == 0;
    return !known ? TRUTH_UNKNOWN : tree->kind == NODE_AND ? TRUTH_TRUE : TRUTH_FALSE;
}

/* After all atoms have their estimates: orders the tree by cost. */
void tree_order(const struct matcher *m, struct node *node);
size_t tree_steps(const struct node *node);
/*
 * Decides the nodes that the event's name decides: name is its id, or NONE: nothing is decided.
 * *ret_named: some atom is about names.
 */
enum truth tree_fold(const struct matcher *m, struct node *node, uint32_t name, bool *ret_named);
/* Appends steps to m->steps (room made by the caller), returns the first. */
uint32_t tree_compile(struct matcher *m, const struct node *node, uint32_t on_true,
                      uint32_t on_false);

/* cover.c */
/* A set of literals, sorted by atom. */
struct literals {
    struct literal *items;
    uint32_t n;
};

struct cover {
    uint32_t *atoms; /* sorted, unique */
    uint32_t n;
    float weight; /* expected rule runs an event */
    bool possible;
};

/* After tree_fold(): of what the name leaves open. */
int cover_choose(const struct matcher *m, struct arena *arena, const struct node *node,
                 struct cover *ret);
/* Literals that hold whenever the node does, only those fit to be guards. */
int cover_guards(const struct matcher *m, struct arena *arena, const struct node *node,
                 struct literals *ret);

/* index.c */
int index_build(struct matcher *m);
/* plan->live is set; plan->always has room. */
void plan_fill(const struct class *class, struct plan *plan);
const struct trigger *class_trigger(const struct class *class, uint32_t atom);

/* residual.c */
int residuals_new(struct matcher *m);
void residuals_free(struct residuals *residuals);
size_t residuals_bytes(const struct residuals *residuals);
/* The plan of the event's thread, or the class's own. */
const struct plan *residual_plan(struct matcher *m, uint32_t class);

/* explain.c */
int explain_build(struct matcher *m);

/* demand.c */
int demand_build(struct matcher *m);
/* Access bits of the rule's clause (m->rules index) where `name` opens files, else 0. */
uint8_t demand_open_access(const struct matcher *m, uint16_t name, uint32_t rule);

/* matcher.c */
void matcher_next_epoch(struct matcher *m);
