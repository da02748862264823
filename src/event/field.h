/*
 * field: the vocabulary of rules, and how a field's value is drawn from an event and the state.
 *
 * The one table is fields.def; it makes enum field_id, the descriptions here, the reference page and
 * the extractors' dispatch. `volatility` says how long a value can be kept for a thread.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "event/event.h"
#include "event/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;

/* What ends the validity of a value kept for a thread; see docs/design.md. */
enum volatility {
    VOLATILE_EVENT, /* never kept */
    VOLATILE_EXEC,
    VOLATILE_CRED,
    VOLATILE_SESSION,
    VOLATILE_CWD,
    VOLATILE_LINEAGE,
    VOLATILE_CONTAINER,
    VOLATILE_COUNT,
};

enum field_flag {
    FIELD_LIST = 1 << 0, /* yields several values */
    FIELD_ARG_REQUIRED = 1 << 1,
    FIELD_ARG_ALLOWED = 1 << 2,
    FIELD_ARG_INDEX = 1 << 3,   /* the argument is a number */
    FIELD_ARG_KEY = 1 << 4,     /* the argument is a name */
    FIELD_TABLE_ONLY = 1 << 5,  /* output only */
    FIELD_FILTER_ONLY = 1 << 6, /* conditions only */
    FIELD_PRINT_ONLY = 1 << 7,
    FIELD_DEPRECATED = 1 << 8,
    FIELD_NO_RHS = 1 << 9,
    FIELD_NO_TRANSFORMER = 1 << 10,
    FIELD_OWN = 1 << 11,     /* Hinomi's, not Falco's */
    FIELD_EMPTY = 1 << 12,   /* known, but only sources that Hinomi does not have carry it */
    FIELD_ARG_DOT = 1 << 13, /* the argument may follow a dot: evt.arg.flags */
};

enum field_id {
#define FIELD(id, name, type, flags, volatility, class, doc) FIELD_##id,
#include "event/fields.def"
#undef FIELD
    FIELD_COUNT,
};

struct field_desc {
    const char *name;
    enum field_type type;
    uint16_t flags; /* enum field_flag */
    enum volatility volatility;
    const char *class; /* "event", "fd", "process", ...: grouping for the reference */
    const char *doc;   /* one line */
};

extern const struct field_desc field_table[FIELD_COUNT];

#define FIELD_ARG_MAX 128

/* A field with its argument: what a rule names. Plain data; `key` is borrowed from the rule's text. */
struct field_ref {
    enum field_id id;
    enum field_type type; /* of the values; TYPE_DYN resolved where the parameter's type is known */
    bool has_arg;
    int32_t index;  /* FIELD_ARG_INDEX */
    struct str key; /* FIELD_ARG_KEY: the name; index is then -1 (evt.type.is: the enter kind's) */
};

/*
 * Looks up "proc.aname", with the argument's text (arg.p NULL: none). Also takes names that carry
 * their argument after a dot: "evt.arg.flags", "evt.rawarg.res", "thread.cgroup.cpu",
 * "container.label.app". Errors: -ENOENT unknown field (message with a hint), -EINVAL argument missing,
 * not allowed or not of its form.
 */
int field_resolve(struct str name, struct str arg, struct field_ref *ret, struct err *err);

/* The known field nearest to a misspelt name, or NULL. */
const char *field_suggest(struct str name);

/* Scratch memory of one event: composed texts and lists. Reset for each event; cut when full. */
#define SCRATCH_SIZE ((size_t)1 << 18)

struct scratch {
    char *p;
    size_t n;
    size_t capacity;
    bool truncated;
};

int scratch_init(struct scratch *scratch);
void scratch_done(struct scratch *scratch);

/* The second whose local time was put into words last. */
struct view_clock {
    int64_t second;
    char text[20]; /* empty: none yet */
};

/* Text of a parameter's flags, composed before; most events have one of a few values. */
#define FLAG_TEXTS    16
#define FLAG_TEXT_MAX 103

struct flag_text {
    const struct param *param; /* NULL: none */
    uint64_t value;
    uint8_t n;
    char text[FLAG_TEXT_MAX];
};

struct extracted;

/*
 * Everything extraction looks at. Zeroed but for what is known; `view` lives as long as the engine,
 * the event changes: set it with view_event().
 */
struct view {
    struct state *state;
    struct event *event;
    struct scratch scratch;
    struct str source;    /* evt.source: "syscall" */
    struct str hostname;  /* evt.hostname */
    uint64_t first_ts_ns; /* of the sensor's first event: evt.reltime */
    /* Name of an address, from DNS answers seen; empty unknown. NULL: no names at all. Looked at before
     * the next call. */
    struct str (*name_of)(void *data, const struct ip *ip);
    void *name_data;
    /* NULL, or where conditions' fields come from instead of event and state: a kept record. */
    void (*extract)(void *data, const struct field_ref *field, struct extracted *ret);
    void *extract_data;
    struct view_clock clock;
    struct flag_text flag_texts[FLAG_TEXTS];
};

/* Turns to the next event: what was extracted before is gone. */
static inline void view_event(struct view *view, struct event *event)
{
    view->event = event;
    view->scratch.n = 0;
    view->scratch.truncated = false;
}

/* n == 0: the field is not there for this event (every check on it is false). */
struct extracted {
    const struct value
        *v; /* n values, valid until the next event (or, for `one`, as long as this) */
    uint32_t n;
    struct value one;
};

/* Never fails: a value that does not fit the scratch is cut and event->truncated set. */
void field_extract(const struct field_ref *field, struct view *view, struct extracted *ret);

/*
 * How fd.name, fd.nameraw, fd.directory and fd.filename follow from one path alone. False: they do not
 * (it was not clean, the kernel's differs from the caller's, it is no file).
 */
enum path_form { PATH_OF_FILE, PATH_OF_DIRECTORY, PATH_NOT_OPENED, PATH_FORMS };
bool field_path_form(struct view *view, struct str *ret_path, enum path_form *ret);

/* Text of extracted values as in Falco's outputs; lists as (a, b). Not escaped. */
void field_text(const struct field_ref *field, const struct extracted *value, struct buf *buf);
/* JSON of the same as in Falco's output_fields: numbers, booleans, strings, arrays, null if missing. */
void field_json(const struct field_ref *field, const struct extracted *value,
                const struct view *view, struct buf *buf);
