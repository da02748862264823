/*
 * report_internal: what the files of the report share; nobody else includes it.
 */
#pragma once

#include "base/buf.h"
#include "base/jscan.h"
#include "report/report.h"

#define REPORT_TEXT_MAX ((size_t)16 << 10) /* bytes of one sentence */

enum report_word {
#define WORD(id, en, ja) WORD_##id,
#include "report/words.def"
    REPORT_WORDS
};

/* A value for a {name} of a template. */
struct report_value {
    const char *name;
    struct str text;
};

struct report_values {
    const struct report_value *v;
    size_t n;
};

/* A template's sentence in the arena. .p NULL: a name has no value, or the arena is spent. */
struct report_filler {
    struct str (*value)(void *data, struct str name); /* .p NULL: none */
    void *data;
};
struct str report_fill(struct str template, const struct report_filler *filler,
                       struct arena *arena);
/* One of our own sentences. */
struct str report_say(enum report_language language, enum report_word word,
                      const struct report_values *values, struct arena *arena);

/* The rule's texts in a language; NULL: none. Members are scalars or sequences. */
struct doc_node;
const struct doc_node *report_texts_find(const struct report_texts *texts, struct str language,
                                         struct str rule);

/* Tactics and techniques of a finding's tags (JSON) as a sentence; empty: none. .p NULL: the arena is spent. */
struct str report_attack(struct str tags, enum report_language language, struct arena *arena);
