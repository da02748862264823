/*
 * message: what people are told of a finding, before it is given the form of a channel.
 *
 * Names, arguments, files and domains in it were chosen by whoever is watched: as facts they come cleaned
 * (notify_clean) and cut, and each form of a channel escapes them for itself. Sentences of a rule come from Hinomi's own
 * texts, with such values put into them.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "report/report.h"
#include "store/findings.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_MEMORY       ((size_t)16 << 20) /* arena of one message */
#define NOTIFY_LINE_MAX     300                /* bytes of one fact */
#define NOTIFY_TEXT_MAX     4000               /* of a sentence of our own */
#define NOTIFY_FACTS_MAX    32
#define NOTIFY_LINEAGE_MAX  REPORT_PROCESSES_MAX
#define NOTIFY_TITLES_SHOWN 20

struct aws;

struct notify_message {
    int64_t id, now_ms, held; /* held: findings more than this one */
    struct str cause;         /* new, reopened, raised, test */
    struct str rule_name, channel_name;
    const struct finding *finding; /* NULL: a test */
    struct str finding_json;       /* as the API has it, without its alerts */
    struct json_object *alert;     /* its newest, taken apart; NULL: there is none */
    const struct report *report;   /* of it, in that language; NULL: a test */
    bool japanese;
    const struct str *titles; /* of those that were held back, some */
    size_t ntitles;
    struct str link;    /* to the finding, or the console */
    struct str version; /* of the server */
    struct json_object *settings, *secrets;
    struct aws *aws;   /* NULL: there is none */
    struct str region; /* of AWS, where a channel names none */
    struct arena *arena;
};

enum notify_word {
#define WORD(id, en, ja) WORD_##id,
#include "notify/words.def"
#undef WORD
    NOTIFY_WORDS,
};

/* NUL-terminated. */
const char *notify_word(const struct notify_message *message, enum notify_word word);

struct notify_fact {
    const char *label;
    struct str value;
    bool mono; /* a path, a number, a name: nothing to translate */
};

/* Those that are known, in the order in which people read them. */
size_t notify_facts(const struct notify_message *message, struct notify_fact ret[NOTIFY_FACTS_MAX]);

/* report_visible(), never without a text. */
struct str notify_clean(struct arena *arena, struct str s, size_t max);
struct str notify_title(const struct notify_message *message);
/* What happened, in a sentence or two. */
struct str notify_summary(const struct notify_message *message);
/* "why", of the rule's texts; empty: there is none. */
struct str notify_why(const struct notify_message *message);
/* Process by process, ancestors first, as a tree of text; empty: not known. */
size_t notify_lineage(const struct notify_message *message, struct str ret[NOTIFY_LINEAGE_MAX]);
/* "8.5 high", in the language. */
struct str notify_severity(const struct notify_message *message);
/* "and 12 more": empty when none was held back. */
struct str notify_held(const struct notify_message *message);
/* "2026-11-22 10:00:00 UTC" */
struct str notify_time(struct arena *arena, int64_t ms);
