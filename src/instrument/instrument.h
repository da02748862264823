/*
 * instrument: puts the agent beside the containers of an ECS task definition, and takes it out again.
 *
 * What it understands: the JSON (or YAML) of register-task-definition, also as describe-task-definition answers it and
 * as CodeDeploy's taskdef.json; CloudFormation templates in JSON and YAML; a list of container definitions, as
 * Terraform has it. Only what has to change is written; every other byte stays. instrument_text() first takes out
 * what an earlier run put in, so running it twice is running it once, and it proves on its own result that
 * instrument_remove() gives back the text that it began with.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define INSTRUMENT_NAMES_MAX      64            /* that can be named by options */
#define INSTRUMENT_CONTAINERS_MAX 32            /* of one task, in all branches */
#define INSTRUMENT_TASKS_MAX      64            /* of one template */
#define INSTRUMENT_TEXT_MAX       (1024 * 1024) /* without what is put in */
#define INSTRUMENT_OUT_MAX        (2 * 1024 * 1024)
#define IMAGE_WORDS_MAX           256 /* of an entry point or command */

#define INSTRUMENT_SHIM  "/hinomi/hinomi-shim"
#define INSTRUMENT_INIT  "hinomi-init"
#define INSTRUMENT_AGENT "hinomi-agent"
#define INSTRUMENT_LABEL "hinomi.instrument"

struct image_words {
    struct str items[IMAGE_WORDS_MAX];
    uint32_t n;
};

/* What an image says of how it is started. */
struct image_config {
    struct image_words entry_point, command;
    struct image_words environment; /* NAME=VALUE */
    struct image_words volumes;     /* paths */
    struct image_words layers;      /* lowest first; files of a layout or tar, else empty */
    struct str digest;              /* of its manifest, "sha256:..."; empty: not known */
    struct str user, working_directory, stop_signal;
};

/* An image whose configuration is wanted. */
struct image_query {
    struct str container, image; /* image is empty where only CloudFormation knows it */
    const char *architecture;    /* amd64, arm64 */
};

struct instrument_names {
    const char *items[INSTRUMENT_NAMES_MAX];
    uint32_t n;
};

struct instrument_options {
    const char *image;        /* of the agent */
    const char *server, *ca;  /* URL, SHA-256; NULL */
    const char *token_secret; /* ARN; NULL */
    const char *token_ref;    /* a parameter or resource of the template that is the ARN; NULL */
    const char *rules;        /* in the agent's image; with a server until the server's are there */
    const char *policies;     /* the same, with a server; NULL: none */
    const char *log_group, *log_region; /* else a container's awslogs */
    const char *wait;                   /* seconds, for the shim; NULL */
    const char *resource;               /* the only one of a template; NULL */
    struct instrument_names only, skip;
    bool security; /* priority */
    bool opt_in;   /* only containers labelled so */
    bool keep_health_checks;
    uint32_t cpu, memory; /* of the agent; cpu 0: none reserved */
    uint32_t port;        /* of its health check */
    /* ret's texts live in the arena. 0, or -errno with the reason: then nothing is instrumented. */
    int (*look_up)(void *context, const struct image_query *query, struct arena *arena,
                   struct image_config *ret, struct err *err);
    void *context;
};

struct instrument_result {
    uint32_t tasks, containers, skipped;
    bool list;   /* without a task: pidMode and volumes are for others to set */
    bool no_log; /* the agent's output goes nowhere */
};

/* Appends to out, whose limit should be INSTRUMENT_OUT_MAX. 0 or -errno. */
int instrument_text(struct str text, const struct instrument_options *options, struct buf *out,
                    struct instrument_result *ret, struct err *err);
int instrument_remove(struct str text, struct buf *out, struct err *err);
