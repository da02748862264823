/*
 * content_set: one state of the content: documents, the files made of them, and what the engine says of those.
 *
 * A set does not hold items that were appended to lists: there may be millions, and they change nothing else. It
 * is made once, is immutable then, and is shared by counting. Internal to the content module.
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "rules/policy.h"
#include "rules/ruleset.h"

#define CONTENT_SET_MAX       ((size_t)256 << 20) /* memory of a set beside the engine's */
#define CONTENT_TEXT_MAX      ((size_t)4 << 20)   /* of one document */
#define CONTENT_DOCUMENTS_MAX 20000               /* of users */
#define CONTENT_FILES_MAX     200                 /* of managed content */
#define CONTENT_NAME_MAX      200
#define CONTENT_ITEM_MAX      4096
#define CONTENT_DIAGS_MAX     200 /* told of one save */

enum content_kind { CONTENT_POLICY, CONTENT_RULE, CONTENT_MACRO, CONTENT_LIST, CONTENT_KINDS };
enum content_part { PART_OWN, PART_OVERRIDE, PART_TOGGLE, PART_MANAGED };

/* One item of YAML, or several of one name (overrides), as whole lines. */
struct document {
    enum content_kind kind;
    enum content_part part;
    struct str name, text;
    struct str file; /* it was read from, and its first line there, from 1 */
    uint32_t line;
    struct str base; /* hash of the managed text it was made for */
    int64_t place, added;
    bool changes;        /* its text has override, append, or enabled alone */
    struct str conflict; /* why it is not in force as it was meant; empty: it is */
    bool excluded;       /* not in force at all */
};

struct documents {
    struct document *items;
    size_t n, capacity;
};

const char *content_kind_text(enum content_kind kind);
const char *content_part_text(enum content_part part);
bool content_kind_of(struct str text, enum content_kind *ret);
bool content_part_of(struct str text, enum content_part *ret);

/* -ENOMEM only. */
int documents_add(struct documents *documents, struct arena *arena, const struct document *d);
struct document *documents_find(const struct documents *documents, enum content_kind kind,
                                struct str name, enum content_part part);
/*
 * Takes the text of a file apart: every rule, macro, list and policy with its lines. What is not needed any more
 * (required_engine_version and the like) is left out. -EINVAL: it is no such file; *ret_offset where.
 */
int documents_split(struct arena *arena, struct str text, struct documents *ret,
                    uint32_t *ret_offset, struct err *err);
/* Names that can be a part of an address; a list's also that of a file. */
struct doc_node;
/* An item as one line of JSON, which YAML includes. */
void document_write(const struct doc_node *item, struct buf *buf);
bool content_name_is_good(enum content_kind kind, struct str name);
/* Hex of the SHA-256's first 16 bytes. */
struct str content_hash(struct arena *arena, struct str text);

/* ---- managed content (content_managed.c) */

struct content_file {
    struct str name, text;
};

struct managed {
    struct arena arena;
    struct content_file *rules, *policies; /* files as they are */
    size_t nrules, npolicies;
    struct content_file *texts; /* for people; named after their language, "ja" */
    size_t ntexts;
    struct documents documents;
    struct str hash, dir;
    struct report_texts *report; /* the same texts, for reports; NULL: none, or not sound */
};

/* dir NULL or absent (and not `required`): there is none. */
int managed_load(const char *dir, bool required, struct managed **ret, struct err *err);
void managed_free(struct managed *managed);
/* What people are told of a rule, by language, as members of an object: "en": {"title", ...}. */
void managed_put_texts(const struct managed *managed, struct str rule, struct jsonw *w);

/* Of all rules, by language and name: "en": {"a rule": "its title"}. */
void managed_put_titles(const struct managed *managed, struct jsonw *w);

/* ---- a set (content_set.c, content_make.c, content_check.c) */

/* Items of a list's text that were taken out. */
struct taken {
    struct str list;
    struct str *items;
    size_t n;
};

/* A line of a file that was made, and the document that begins there. */
struct place {
    uint32_t file, line; /* the file's index */
    const struct document *document;
};

/* How conditions compare with a list: the left side, and the operator with its modifier. */
struct list_use {
    struct str left, op;
};

struct list_info {
    struct str name;
    struct str *items; /* of its text, without what was taken out */
    size_t n;
    struct smap by_item; /* all of its text */
    size_t nall;
    struct list_use *uses; /* also of lists that have this one among their items */
    size_t nuses, uses_capacity;
    bool textual; /* some condition has it otherwise than as a list of values */
};

struct content_set {
    unsigned refs;
    struct arena arena;
    const struct managed *managed;
    struct documents documents; /* the users', by place */
    struct taken *taken;
    size_t ntaken;
    struct content_file *files; /* rules, in the order of loading */
    size_t nfiles;
    struct str policies_text;
    struct place *places;
    size_t nplaces;
    struct loader *loader; /* for its diagnostics */
    struct ruleset *ruleset;
    struct policies *policies;
    struct list_info *lists;
    size_t nlists;
    struct smap lists_by_name;
    uint32_t nerrors;
};

/* Copies the documents and what was taken out; not yet made. */
int set_new(const struct managed *managed, struct content_set **ret);
struct content_set *set_hold(struct content_set *set);
void set_drop(struct content_set *set); /* NULL is fine */
int set_copy(const struct content_set *from, struct content_set **ret);
/* text.p == NULL removes it. */
int set_put(struct content_set *set, const struct document *d);
/* All of it is there again. */
void set_untake(struct content_set *set, struct str list);
int set_take(struct content_set *set, struct str list, struct str item, bool out);
/* Files, then the engine. 0 also when there are errors: set->nerrors. -ENOMEM */
int set_make(struct content_set *set, struct err *err);
int set_write_files(struct content_set *set, struct err *err);
int set_compile(struct content_set *set, struct err *err);
struct list_info *set_list(const struct content_set *set, struct str name);
const struct document *set_document(const struct content_set *set, enum content_kind kind,
                                    struct str name);
/* The document that a diagnostic is about and the line in its text; NULL: none. */
const struct document *set_place(const struct content_set *set, const struct diagnostic *d,
                                 uint32_t *ret_line);

/* One diagnostic for programs: which document and where in it. `own`: NULL, or the engine's of items. */
struct content_diag {
    bool error;
    const char *code;
    struct str message, hint, snippet, file;
    uint32_t line, column, caret;
    const struct document *document;
    struct str list, item;
};
/* At most CONTENT_DIAGS_MAX, errors first. */
int set_diags(const struct content_set *set, struct arena *arena, bool errors_only,
              struct content_diag **ret, size_t *ret_n);
void content_diag_json(const struct content_diag *diag, struct jsonw *w);

/* Would the engine take these items in that list? They are lines as in a bundle's file. 0, -EINVAL: *ret says of
 * which item and why; -ENOMEM. */
int items_check(const struct content_set *set, const struct list_info *list, struct str lines,
                struct arena *arena, struct content_diag *ret);
/* One item alone: bytes and length. False: *ret_why. */
bool item_is_good(struct str item, const char **ret_why);
void item_put_line(struct str item, struct buf *buf);
