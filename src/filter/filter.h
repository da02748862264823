/*
 * filter: the filter language of console, API and command line: the grammar of rules over what is kept.
 *
 *     severity >= 7.0 and status = new and proc.name in (sh, bash) and last_seen > -24h
 *
 * Fields are those of fields.def, and every field of events, as far as the record carries it. Operators and
 * transformers mean what they mean in rules: a check of a field that a record does not have is false. Times are
 * RFC 3339 ("2026-11-22T10:00:00Z", "2026-11-22"), milliseconds since 1970, or back from now: -15m -24h -7d -2w.
 *
 * A filter is evaluated (filter_holds), or turned into SQL (filter_sql), where what SQL cannot say is left
 * to a function of the database that calls filter_check_holds(); both mean the same.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "rules/cond.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define FILTER_TEXT_MAX   65536
#define FILTER_CHECKS_MAX 1000

enum filter_over { FILTER_FINDINGS = 1 << 0, FILTER_ALERTS = 1 << 1, FILTER_ACTIVITY = 1 << 2 };

enum own_field {
#define OWN(id, name, type, over, column, doc) OWN_##id,
#include "filter/fields.def"
#undef OWN
    OWN_FIELDS,
};

struct own_desc {
    struct field_desc desc;
    unsigned over;      /* enum filter_over */
    const char *column; /* "": none; the field is in the record's body */
};

extern const struct own_desc own_table[OWN_FIELDS];

/* Ids of own fields follow those of events. OWN_FIELDS: it is an event's. */
static inline enum own_field own_of_field(const struct field_ref *field)
{
    return field->id >= FIELD_COUNT ? (enum own_field)((unsigned)field->id - (unsigned)FIELD_COUNT)
                                    : OWN_FIELDS;
}

struct filter {
    enum filter_over over;
    struct cond *cond; /* NULL: everything */
    struct cond_cache *cache;
};

/* `text` empty: everything. -EINVAL: err says what, *ret_offset where. `now_ms` is what times go back from. */
int filter_compile(struct arena *arena, enum filter_over over, struct str text, int64_t now_ms,
                   struct filter *ret, uint32_t *ret_offset, struct err *err);
void filter_done(struct filter *filter); /* before its arena; also of a zeroed one */

/*
 * A kept record. `own` tells fields of fields.def that the body does not (values as in the store: tenths,
 * milliseconds); NULL: look into the body only. `fields` is the object of events' fields ("output_fields"; of
 * activity "fields"), borrowed; NULL: none.
 */
struct record {
    bool (*own)(void *data, enum own_field field, struct value *ret); /* false: it has none */
    void *data;
    struct json_object *fields;
    struct json_object *tags; /* array of texts; NULL none */
    bool partial; /* a field of events that is not there is not known, instead of missing */
};

enum filter_answer { FILTER_NO, FILTER_YES, FILTER_UNDECIDED };

/* Memory for evaluating, used by one thread at a time. */
struct filter_context;
int filter_context_new(struct filter_context **ret);
void filter_context_free(struct filter_context *context);

enum filter_answer filter_holds(const struct filter *filter, struct filter_context *context,
                                const struct record *record);
/* The same of any condition over events' fields (a rule's), which may name own fields too. */
enum filter_answer filter_cond_holds(const struct cond *cond, struct filter_context *context,
                                     const struct record *record);
enum filter_answer filter_check_holds(const struct check *check, struct filter_context *context,
                                      const struct record *record);

/* How a database says it. Texts are SQL; parameters are `?`, in order. */
struct filter_dialect {
    const char *table; /* alias before own columns: "f" */
    /* A function of (check's pointer, body, own field's number, its column, ...) that calls filter_check_holds();
     * NULL: none, the result is then wider than the filter (`exact` false). */
    const char *holds;
    const char *body; /* SQL of the record's body, "NULL" if it has none */
};

struct filter_param {
    enum { FILTER_PARAM_TEXT, FILTER_PARAM_INT, FILTER_PARAM_CHECK } kind;
    struct str text;
    int64_t number;
    const struct check *check;
};

struct filter_sql {
    struct str where; /* "1" when everything */
    struct filter_param *params;
    uint32_t nparams;
    bool exact;     /* false: evaluate what comes too */
    bool uses_body; /* slow: the body of every row that is left is read */
};

int filter_sql(const struct filter *filter, const struct filter_dialect *dialect,
               struct arena *arena, struct filter_sql *ret, struct err *err);

/* Severity bands: info low medium high critical. In tenths; false: no such band. */
bool filter_band(struct str name, int64_t *ret_least, int64_t *ret_most);
const char *filter_band_of(int64_t tenths);
/* A time as filters take it. False: it is none. */
bool filter_time(struct str text, int64_t now_ms, int64_t *ret_ms);
