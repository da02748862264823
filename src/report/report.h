/*
 * report: a finding told to people, from what is known alone: the deterministic summary.
 *
 * The rule's texts (content/texts/LANGUAGE.yaml) filled with the finding's fields, and sentences about processes, list
 * items, outcome, rights, times and ATT&CK. Nothing here is a guess, nothing is asked of anybody. Whoever shows it
 * escapes for its own medium; what programs wrote is made visible already (report_visible()): no control characters, no
 * bidirectional or zero-width ones, no line breaks, bounded.
 *
 * Texts are read-only once loaded and may be used by any number of threads. Reports live in the caller's arena.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/findings.h"

#include <stdbool.h>
#include <stdint.h>

#define REPORT_VALUE_MAX     400 /* bytes of one value within a sentence; cut with "…" */
#define REPORT_LINES_MAX     24
#define REPORT_PROCESSES_MAX 16
#define REPORT_LANGUAGES_MAX 16

/* The languages whose sentences are here; others are told in English. */
enum report_language { REPORT_EN, REPORT_JA, REPORT_LANGUAGES };
const char *report_language_tag(enum report_language language); /* "en" */
/* By a tag's first part: "ja", "ja-JP". */
enum report_language report_language_of(struct str tag);

/* ---- rules' texts */

struct report_texts;

struct report_file {
    struct str language, text; /* "ja", and what content/texts/ja.yaml holds */
};
/* -EINVAL: no such texts, err says where. Nothing is kept of `files`. */
int report_texts_new(const struct report_file *files, size_t n, struct report_texts **ret,
                     struct err *err);
void report_texts_free(struct report_texts *texts); /* NULL is fine */

/* ---- a report */

struct report_process {
    int64_t pid; /* 0: not known */
    int64_t uid; /* -1: not known */
    struct str name, exe, args;
};

struct report_lines {
    struct str *v;
    uint32_t n;
};

struct report {
    struct str title;   /* of the rule, or the finding's own */
    struct str summary; /* what happened: one sentence */
    struct str why;     /* why it matters; empty: the rule has no texts */
    struct str where;   /* "in the container NAME", "コンテナ NAME で" */
    struct report_lines details, next, respond;
    struct report_process *processes; /* from the oldest ancestor to the process itself */
    uint32_t nprocesses;
};

struct report_options {
    enum report_language language;
    /* Other findings of the rule in the last 7 days, and of these of the same image; -1: not counted. */
    int64_t others, others_of_image;
};

/* texts NULL: none. The finding is one of get(): with its alerts. -ENOMEM: the arena is spent. */
int report_make(const struct report_texts *texts, const struct finding *finding,
                const struct report_options *options, struct arena *arena, struct report *ret);

/*
 * What a program wrote, so that nobody is deceived by it: control, bidirectional, zero-width and private characters are
 * named (\n, \x9b, U+202E), and so are bytes that are no UTF-8. At most max bytes, cut at a character with "…" then.
 * .p NULL: the arena is spent.
 */
struct str report_visible(struct str text, size_t max, struct arena *arena);
/* Is this character one that report_visible() names? */
bool report_hides(uint32_t character);
/* The character that the text, not empty, begins with, and its bytes. No UTF-8: one byte, UINT32_MAX. */
size_t report_character(struct str text, uint32_t *ret);
