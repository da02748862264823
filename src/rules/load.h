/*
 * load: the loader's insides, shared by reading, expanding and compiling. Internal to src/rules.
 *
 * Three stages. Reading turns YAML into collected items, which stay as written and can be appended
 * to and replaced. Compiling, done again after each file, expands and resolves all of them into
 * memory of its own. The last compilation becomes the ruleset.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "rules/diag.h"
#include "rules/doc.h"
#include "rules/output.h"
#include "rules/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define RULES_FILES_MAX     1000
#define RULES_ITEMS_MAX     1000000 /* lists, macros, rules: of each */
#define AST_LEVELS_MAX      (4 * CONDITION_DEPTH_MAX)
#define RULE_EXCEPTIONS_MAX 1000
#define RULE_TAGS_MAX       1000
#define ITEM_KEYS_MAX       1000 /* keys of one map */
#define CONDITION_LISTS_MAX 1000 /* different lists in one condition */
#define ODD_LISTS_MAX       100  /* lists whose names hold delimiters: each is searched for */
#define HINTS_MAX           200 /* diagnostics after which nothing is looked for that resembles a name */

struct where {
    uint32_t file;
    uint32_t offset;
};

struct source_file {
    struct str name;
    struct str content;
    uint32_t *lines; /* offsets of line starts; made when first asked for */
    uint32_t nlines;
};

/* Text put together from scalars of files: a condition and what was appended to it. */
struct piece {
    uint32_t start; /* in the whole text */
    uint32_t file;
    const struct doc_node *scalar; /* a copy; NULL: made up, `scalar_at` says for what */
    uint32_t scalar_at;
};

struct text {
    struct str s;
    struct piece *pieces;
    uint32_t npieces;
    size_t capacity, pieces_capacity; /* behind s.p and pieces, for appending */
};

/* One value, or a list of entries, of an exception's fields, comps or values. */
struct entry {
    bool is_set, is_list;
    struct str item;
    struct entry *items;
    uint32_t n;
};

struct collected_exception {
    struct str name;
    struct where where;
    struct entry fields, comps;
    struct entry *values;
    uint32_t nvalues;
};

/* What lists, macros and rules have in common. */
struct item {
    struct str name;
    struct where where;
    uint32_t index;      /* of the first definition */
    uint32_t visibility; /* of the last definition or append */
    bool broken;         /* reported already: whoever uses it is not blamed again */
};

struct collected_list {
    struct item item;
    struct str *items;
    uint32_t n, capacity;
};

struct collected_macro {
    struct item item;
    struct text condition;
};

struct collected_rule {
    struct item item;
    struct text condition, output;
    struct str desc, source;
    bool source_known, enabled, warn_evttypes, skip_if_unknown_filter, capture;
    enum priority priority;
    uint32_t capture_duration_ms;
    struct str *tags;
    uint32_t ntags;
    struct collected_exception *exceptions;
    uint32_t nexceptions;
};

/* Items by name and in order of first definition. */
struct table {
    void **items; /* struct collected_* */
    uint32_t n, capacity;
    struct smap by_name;
};

struct compiled_list {
    const struct collected_list *from;
    struct str *items; /* as they go into a text */
    uint32_t n;
    uint32_t *later; /* indices of lists that items name and that come later */
    uint32_t nlater;
    bool shared; /* every item is one plain value: `run` stands for them */
    bool used;
    bool copied; /* somewhere its items are, as text or as those of another list */
    struct ast_values run;
};

/* Direct references, as indices of lists and macros. */
struct uses {
    uint32_t *lists, *macros;
    uint32_t nlists, nmacros;
};

struct segment {
    uint32_t out;  /* offset in the expanded text */
    uint32_t in;   /* in the text before */
    uint32_t list; /* index + 1 of the list it was copied from; 0: copied as it was */
};

struct expansion {
    struct str s;
    const struct segment *segments;
    uint32_t nsegments;
};

struct compiled_macro {
    const struct collected_macro *from;
    struct expansion expansion;
    struct ast *ast;
    uint64_t nodes;
    uint32_t levels;
    bool resolved, broken, used, on_path;
    uint32_t memo_owner; /* index + 1 of the item that last expanded it while unresolved */
    struct ast *memo;
    struct uses uses;
};

struct compiled_rule {
    const struct collected_rule *from;
    struct text condition; /* with exceptions */
    struct expansion expansion;
    struct ast *ast;
    const struct cond *cond;
    struct str output;
    struct exception *exceptions;
    struct nameset names;
    bool any_name, broken;
    struct uses uses;
};

#define NAMES_MANY 100 /* event names: a condition that fits more is not restricted */

/* Everything one compilation makes; the arena owns it all. */
struct compilation {
    struct arena arena;
    struct cond_cache *cache;
    struct compiled_list *lists;
    uint32_t nlists;
    struct compiled_macro *macros;
    uint32_t nmacros;
    struct compiled_rule *rules;
    uint32_t nrules;
    uint32_t *odd_lists; /* lists whose names hold delimiters: found by searching */
    uint32_t nodd;
};

/* What a ruleset owns besides what it shows. */
struct owned_ruleset {
    struct ruleset public;
    struct arena arena;               /* the loader's: names and texts */
    struct compilation *compilation;  /* NULL: of ruleset_append() */
    const struct owned_ruleset *base; /* what that was made of */
    struct smap by_name;
    struct str *files;
};

struct loader {
    struct arena arena; /* files and collected items */
    struct arena diag_arena;
    struct diag_list diags;
    struct source_file *files;
    uint32_t nfiles, files_capacity;
    struct table lists, macros, rules;
    struct smap broken_names; /* macros and lists that could not be read */
    uint32_t next_index;
    struct compilation *compilation; /* the latest */
    struct str *plugins;             /* claimed: "name version" */
    uint32_t nplugins;
    size_t memory_max;
    bool out_of_memory;
    bool stale; /* changed since the latest compilation */
};

/* ---- diagnostics (report.c) */

/* Who is being talked about. `parent` for exceptions: the rule. */
struct context {
    const char *type;
    struct str name;
    struct where where;
    const struct context *parent;
};

struct report {
    enum diag_code code;
    struct where where; /* the very spot */
    const char *part;   /* "rule condition", ...; NULL: the item itself */
    struct str part_name;
    struct str hint;
};

void report(struct loader *loader, const struct context *context, const struct report *what,
            const char *format, ...) __attribute__((format(printf, 4, 5)));
void report_memory(struct loader *loader);
struct source_pos position_of(struct loader *loader, struct where where);
/* Where the byte at `at` of the text is in its file. */
struct where text_where(const struct loader *loader, const struct text *text, uint32_t at);

/* "did you mean `x`?" for the item of the table whose name is nearest. */
void suggest_item(const struct loader *loader, const struct table *table, struct str name,
                  struct buf *hint);

/* ---- collecting (collect.c) */

/* NULL: none, or (after table_put) memory is out. */
void *table_get(const struct table *table, struct str name);
int table_put(struct loader *loader, struct table *table, struct str name, void *item);
void table_done(struct table *table);

struct str keep_str(struct loader *loader, struct str s);
int text_set(struct loader *loader, struct text *text, struct str s, uint32_t file,
             const struct doc_node *scalar);
int text_append(struct loader *loader, struct text *text, struct str s, uint32_t file,
                const struct doc_node *scalar);

/* ---- reading (read.c, read_rule.c, read_exception.c); -EINVAL: reported, -ENOMEM */

/* A file without its content being looked at. */
int file_add(struct loader *loader, struct str name, struct str content);

struct reader {
    struct loader *loader;
    uint32_t file;
};

enum presence { ABSENT, PRESENT, BAD };

int read_documents(struct reader *reader, const struct doc_documents *documents);
struct where node_where(const struct reader *reader, const struct doc_node *node);
/* A scalar under a key; required unless `optional`. BAD: reported. */
enum presence read_str(struct reader *reader, const struct doc_node *map, const char *key,
                       bool optional, const struct context *context, struct str *ret);
enum presence read_bool(struct reader *reader, const struct doc_node *map, const char *key,
                        const struct context *context, bool *ret);
int read_rule(struct reader *reader, const struct doc_node *map);
struct context context_of(const struct reader *reader, const char *type, struct str name,
                          const struct doc_node *node);
/* The name of an item, under the key that makes it one. False: reported. */
bool read_name(struct reader *reader, const struct doc_node *map, const char *key, struct str *ret);
/* Reports a value of the wrong kind. */
enum presence bad_value(struct reader *reader, const struct doc_node *value, const char *key,
                        const struct context *context, const char *message);
/* Puts an item into its table, or over the earlier one of that name, whose place it keeps. */
int item_define(struct loader *loader, struct table *table, const void *item, size_t size);
/* Reports that there is nothing to append to or replace, with a hint. */
int item_missing(struct reader *reader, const struct table *table, const struct context *context,
                 const char *message);
/* Remembers the name of an item that could not be read. -EINVAL or -ENOMEM. */
int item_broken(struct reader *reader, struct str name);
/* Warns of keys not among the names (NULL at the end), with a hint. */
void check_keys(struct reader *reader, const struct doc_node *map, const char *const *names,
                const struct context *context);
/* The keys under `override`, as bits of their place in `names`. */
struct overrides {
    uint32_t append, replace;
};
int read_overrides(struct reader *reader, const struct doc_node *map, const char *const *names,
                   uint32_t appendable, const struct context *context, struct overrides *ret);
bool read_append(struct reader *reader, const struct doc_node *map, const struct context *context,
                 const struct overrides *overrides, bool *ret);

/* The exceptions of a rule item; `append`: fields may be missing. */
int read_exceptions(struct reader *reader, const struct doc_node *map, bool append,
                    const struct context *rule, struct collected_exception **ret, uint32_t *ret_n);
/* Checks and completes an exception that stands for itself. */
int exception_validate(struct loader *loader, const struct context *rule, bool source_known,
                       struct collected_exception *exception);
int exceptions_append(struct loader *loader, const struct context *rule, struct collected_rule *to,
                      struct collected_exception *more, uint32_t n);
/* The clause it becomes ("" without values), into buf. -EINVAL: reported. */
int exception_clause(struct loader *loader, const struct context *rule,
                     const struct collected_exception *exception, struct buf *buf);

/* ---- compiling (compile.c, expand.c, macros.c) */

int compile_all(struct loader *loader);
void compilation_free(struct compilation *compilation);
/* Unused macros and lists, after the last file. */
void report_unused(struct loader *loader);

struct compiled_macro *compiled_macro_find(const struct loader *loader, const struct compilation *c,
                                           struct str name);
int lists_compile(struct loader *loader, struct compilation *c);
struct compiled_list *compiled_list_find(const struct loader *loader, const struct compilation *c,
                                         struct str name);
/* Replaces names of lists. -E2BIG: longer than RULES_EXPANSION_MAX; -EDOM: too many lists. */
int expand_lists(struct loader *loader, struct compilation *c, struct str text,
                 struct expansion *ret, struct uses *uses);
/* Offset in the text before expansion. */
uint32_t expansion_origin(const struct expansion *expansion, uint32_t offset);

/* Expands and parses a condition. Errors are reported. */
struct condition_source {
    const struct context *context;
    const struct text *text;
    struct str macro; /* its name when it is a macro's */
    const char *part; /* "macro condition" */
};
int condition_parse(struct loader *loader, struct compilation *c,
                    const struct condition_source *source, struct expansion *ret_expansion,
                    struct uses *uses, struct ast **ret_ast, uint32_t *ret_nodes);
int macros_resolve(struct loader *loader, struct compilation *c);
int macros_compile(struct loader *loader, struct compilation *c);
/* Replaces macros in a rule's tree. -EINVAL: reported; -ECANCELED: uses something broken. */
int rule_resolve_macros(struct loader *loader, struct compilation *c, struct compiled_rule *rule,
                        const struct context *context);
/* Does some list's name stand in the text, as expand_lists() would see it? */
bool names_list(const struct loader *loader, struct str text);
int add_use(struct arena *arena, uint32_t **list, uint32_t *n, uint32_t index);
