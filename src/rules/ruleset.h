/*
 * ruleset: rule files read, checked, expanded: what the matcher is built from.
 *
 * Usage: loader_new(), loader_add() for each file in order, loader_finish(). Everything a file got
 * wrong is in the diagnostics, all at once. No I/O here: contents are handed in. A ruleset is
 * immutable and owns all its memory.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "rules/cond.h"
#include "rules/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_FILE_MAX       ((size_t)64 << 20) /* bytes of one file */
#define RULES_MEMORY_MAX     ((size_t)1 << 30)  /* all a ruleset may take */
#define LIST_ITEMS_MAX       10000000           /* of one file of items */
#define RULES_YAML_DEPTH_MAX 64
#define RULES_EXPANSION_MAX  ((size_t)16 << 20) /* bytes of one condition after list expansion */
#define RULES_NODES_MAX      1000000 /* AST nodes of one condition after macro expansion */
#define ENGINE_VERSION_MINOR 63      /* rule files may require up to 0.63.x */

enum priority {
    PRIORITY_EMERGENCY,
    PRIORITY_ALERT,
    PRIORITY_CRITICAL,
    PRIORITY_ERROR,
    PRIORITY_WARNING,
    PRIORITY_NOTICE,
    PRIORITY_INFORMATIONAL,
    PRIORITY_DEBUG,
};

const char *priority_text(enum priority priority);       /* "Emergency", ... "Informational" */
int priority_parse(struct str text, enum priority *ret); /* case-insensitive; -EINVAL */

struct list {
    struct str name;
    struct source_pos pos;
    const struct str *items; /* expanded */
    uint32_t nitems;
    bool used;
};

struct macro {
    struct str name;
    struct str condition_text;
    struct source_pos pos;
    bool used;
};

struct exception {
    struct str name;
    struct str text; /* the clause it becomes, "" with no values */
    struct source_pos pos;
};

struct rule {
    uint32_t index; /* position: evaluation order */
    struct str name, desc, output, source;
    enum priority priority;
    const struct str *tags; /* sorted, unique */
    uint32_t ntags;
    bool enabled; /* as the files say; see selection */
    bool capture;
    uint32_t capture_duration_ms;
    bool warn_evttypes, skip_if_unknown_filter;
    struct source_pos pos;
    struct str condition_text; /* as written, appends joined, without exceptions */
    const struct exception *exceptions;
    uint32_t nexceptions;
    const struct ast *ast;    /* expanded, with exceptions */
    const struct cond *cond;  /* NULL: skipped (unknown filter or source) */
    struct nameset names;     /* event names it can match */
    bool any_name;            /* not restricted: LOAD_NO_EVTTYPE */
    const struct str *macros; /* macros and lists it uses, directly or not */
    uint32_t nmacros;
    const struct str *lists;
    uint32_t nlists;
};

struct ruleset {
    const struct rule *rules; /* in evaluation order, also disabled and skipped ones */
    uint32_t nrules;
    const struct macro *macros;
    uint32_t nmacros;
    const struct list *lists;
    uint32_t nlists;
    const struct str *files; /* names as given to loader_add() */
    uint32_t nfiles;
};

struct loader;

struct loader_options {
    size_t memory_max;         /* 0: RULES_MEMORY_MAX */
    const struct str *plugins; /* "name version" of plugins to claim for required_plugin_versions */
    uint32_t nplugins;
};

int loader_new(const struct loader_options *options, struct loader **ret);
void loader_free(struct loader *loader);

/*
 * Reads one file's content, then recompiles everything read so far, as Falco does. Returns 0, or
 * -EINVAL when this file had errors (all of them in the diagnostics; the loader stays usable, and what
 * was right in the file counts), -ENOMEM.
 */
int loader_add(struct loader *loader, struct str file_name, struct str content);
/*
 * Items appended to a list that is there already: one a line, as it is, with \n and \\ for a newline and a
 * backslash; empty lines are skipped. Whatever an item holds, it means itself: no other list, no quotes. After
 * all files; nothing is compiled before loader_finish(). 0, -EINVAL (as above; good lines count), -ENOMEM.
 */
int loader_add_items(struct loader *loader, struct str file_name, struct str list,
                     struct str content);
/* A file that could not be read: the diagnostic LOAD_ERR_FILE_READ. */
void loader_add_unreadable(struct loader *loader, struct str file_name, struct str reason);

/* Valid until loader_free(). diag.pos.file indexes files in the order of adding. */
const struct diag_list *loader_diagnostics(const struct loader *loader);

/* After all files. The ruleset takes everything over; the loader keeps only the diagnostics.
 * -EINVAL when there were errors, unless `partial`: then rules without errors are given. */
int loader_finish(struct loader *loader, bool partial, struct ruleset **ret, struct err *err);
void ruleset_free(struct ruleset *ruleset);

/* Items that a list gets behind those it has, as they are: what they hold means itself. */
struct list_items {
    struct str list;
    const struct str *items;
    uint32_t n;
};

struct list_changes {
    const struct list_items *items; /* of the same list: one after the other */
    uint32_t n;
};

/*
 * The ruleset of the same files with these items at the end of its lists (loader_add_items()), without compiling
 * anything anew: conditions that use such a list are copied, everything else is the base's, which has to outlive it.
 * Rules keep their places. `ast` remains as it was.
 *
 * -EOPNOTSUPP: that takes a compilation: the base is such a ruleset itself, there is no such list or it is empty, its items
 * went into a text, event names or regexes are made of it, or an item is none, or not of the type that it is compared
 * with. -ENOMEM. Neither changes anything.
 */
int ruleset_append(const struct ruleset *base, const struct list_changes *changes,
                   struct ruleset **ret);

/* The one that ruleset_append() made it of, or itself. */
const struct ruleset *ruleset_base(const struct ruleset *ruleset);

/* NULL when there is none of that name. */
const struct rule *ruleset_find(const struct ruleset *ruleset, struct str name);

/* Which rules run. Operations apply in order to what `enabled` says in the files. */
struct selection {
    bool *enabled; /* one for each rule */
    uint32_t n;
};
int selection_init(struct selection *selection, const struct ruleset *ruleset);
void selection_done(struct selection *selection);
/* Rules whose name matches (`*`, `?` and whole text; or, as_substring, holds the text); returns how
 * many changed. */
uint32_t selection_set_name(struct selection *s, const struct ruleset *r, struct str pattern,
                            bool as_substring, bool enabled);
uint32_t selection_set_tag(struct selection *s, const struct ruleset *r, struct str tag,
                           bool enabled);
/* Disables rules less severe than this. */
uint32_t selection_set_priority(struct selection *s, const struct ruleset *r, enum priority least);
