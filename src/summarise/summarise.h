/*
 * summarise: a finding told by a language model: what is sent, and what is taken of the answer.
 *
 * No I/O, no time, no randomness of its own. A finding is a list of facts with ids, out of a fixed choice of members;
 * values are cut, cleaned of characters that cannot be seen, and secrets in them are taken out, before anything else
 * looks at them. The prompt has them between lines with a random word, blanks replaced by a random mark. Of the answer only JSON of
 * one form is taken: plain texts, and claims that cite ids of facts that were sent. There is no member for severity,
 * status or suppression, and so no way for a model to change any.
 *
 * Everything lives in the caller's arena; texts given are borrowed.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "store/findings.h"

#include <stdbool.h>
#include <stdint.h>

#define SUMMARISE_FACTS_MAX    96
#define SUMMARISE_ID_MAX       48
#define SUMMARISE_VALUE_MAX    512  /* bytes of a value as it is sent, without marks */
#define SUMMARISE_SOURCE_MAX   8192 /* bytes of a value that are looked at */
#define SUMMARISE_VALUES_MAX   ((size_t)24 << 10) /* of all */
#define SUMMARISE_PROMPT_MAX   ((size_t)128 << 10)
#define SUMMARISE_BODY_MAX     ((size_t)512 << 10)
#define SUMMARISE_REPLY_MAX    ((size_t)256 << 10) /* what a model's service answers */
#define SUMMARISE_LANGUAGE_MAX 35
#define SUMMARISE_MODEL_MAX    256
#define SUMMARISE_NONCE        16

#define SUMMARISE_SUMMARY_MAX 2000 /* bytes, each */
#define SUMMARISE_CLAIM_MAX   800
#define SUMMARISE_STEP_MAX    600
#define SUMMARISE_CLAIMS_MAX  8
#define SUMMARISE_CITED_MAX   8 /* ids of one claim */
#define SUMMARISE_STEPS_MAX   6

/* A language tag of BCP 47, by its form. */
bool summarise_language_is_good(struct str tag);

/* ---- what is sent */

struct summarise_fact {
    struct str id, value;
    bool redacted; /* a secret was taken out */
    bool cut;
};

struct summarise_facts {
    struct summarise_fact *v;
    uint32_t n;
    bool more; /* there would have been others */
};

/* Of a finding with its alerts. -ENOMEM: the arena is spent. */
int summarise_facts(const struct finding *finding, struct arena *arena,
                    struct summarise_facts *ret);
const struct summarise_fact *summarise_fact(const struct summarise_facts *facts, struct str id);

/* Without secrets: passwords, tokens and keys in command lines, variables, headers and addresses. `program`: what the
 * text is the command line or arguments of; may be empty. .p NULL: the arena is spent. */
struct str summarise_redact(struct str text, struct str program, struct arena *arena,
                            bool *ret_redacted);
/* Without control, bidirectional, zero-width and private characters; line breaks and tabs are blanks, and what is no
 * UTF-8 is "?". */
struct str summarise_clean(struct str text, struct arena *arena);

struct summarise_question {
    const struct summarise_facts *facts;
    struct str language;                  /* a good tag */
    struct str about_rule;                /* what the rule means, in our own words; empty: none */
    unsigned char nonce[SUMMARISE_NONCE]; /* random, of this question */
};

struct summarise_prompt {
    struct str system, user;
    uint32_t mark; /* the character in the place of blanks */
};

int summarise_prompt(const struct summarise_question *question, struct arena *arena,
                     struct summarise_prompt *ret);

/* ---- to whom */

enum summarise_provider { SUMMARISE_BEDROCK, SUMMARISE_OPENAI, SUMMARISE_ANTHROPIC };
bool summarise_provider_of(struct str name, enum summarise_provider *ret);
const char *summarise_provider_name(enum summarise_provider provider);

struct summarise_model {
    enum summarise_provider provider;
    struct str model;
    struct str guardrail, guardrail_version; /* of Bedrock; empty: none */
    uint32_t max_tokens;
    bool unformed; /* without response_format, for services that do not know it */
};

/* The path that requests go to, behind the endpoint's own; percent-encoded. */
void summarise_path(const struct summarise_model *model, struct buf *buf);
/* JSON. `buf` fails when it is longer than it may be. */
void summarise_body(const struct summarise_model *model, const struct summarise_prompt *prompt,
                    struct buf *buf);

/* ---- what comes back */

struct summarise_reply {
    struct str text;                     /* the model's own words */
    int64_t input_tokens, output_tokens; /* -1: not said */
};

/* What the service answered with 200. -EINVAL: it is not of its form; cut off; the model refused. err says which. */
int summarise_read_reply(enum summarise_provider provider, struct str body, struct arena *arena,
                         struct summarise_reply *ret, struct err *err);
/* The reason that a service gives with another status, cleaned; empty: none. */
struct str summarise_read_refusal(struct str body, struct arena *arena);

struct summarise_claim {
    struct str text;
    const struct summarise_fact **cited;
    uint32_t ncited;
};

struct summarise_answer {
    struct str summary;
    struct summarise_claim *claims;
    struct str *steps;
    uint32_t nclaims, nsteps;
};

/* The model's words against the form that was asked for. -EINVAL: err says why they are not taken. */
int summarise_read_answer(struct str text, const struct summarise_facts *facts, uint32_t mark,
                          struct arena *arena, struct summarise_answer *ret, struct err *err);
/* {"summary","claims":[{"text","fields":[{"id","value"}]}],"steps":[...]}: what is kept. */
void summarise_write_answer(struct jsonw *w, const struct summarise_answer *answer);
