/*
 * taskdef: where the task definitions of a document are, and their containers.
 */
#pragma once

#include "instrument/edit.h"
#include "instrument/instrument.h"
#include "instrument/node.h"

struct taskdef {
    struct str name;          /* of the resource, or family; for messages */
    struct node *node;        /* NULL: a list of containers alone */
    struct node *definitions; /* the list */
    struct node *containers[INSTRUMENT_CONTAINERS_MAX]; /* but ours */
    struct node *init, *agent;                          /* ours */
    uint32_t n;
};

struct taskdefs {
    struct taskdef items[INSTRUMENT_TASKS_MAX];
    uint32_t n;
    bool template; /* CloudFormation */
};

/* Sets doc->pascal. */
int taskdefs_find(struct document *doc, const char *resource, struct taskdefs *ret,
                  struct err *err);

/* A container's name, or `#2` (its place) where only CloudFormation knows it. */
struct str taskdef_container_name(const struct document *doc, const struct taskdef *task,
                                  uint32_t i);

/* Checks what Fargate and ECS hold against it, with the agent counted in. */
int taskdef_check_sizes(const struct document *doc, const struct taskdef *task,
                        const struct instrument_options *options, struct err *err);

/* What of a container or task was not there before, as letters in the agent's label. */
#define RECORD_MAX 4096
enum { MEMBER_THERE, MEMBER_ABSENT, MEMBER_EMPTY, MEMBER_NULL };
/* "name:E D0 ..."; see record.c. */
void taskdef_record_put(struct buf *record, struct str name, char letter, int state);
int taskdef_record_get(struct str record, struct str name, char letter);

/* The edits that take out what the record says. */
int taskdef_remove(struct edits *edits, const struct taskdef *task, struct err *err);
/* The edits that put the agent in. */
int taskdef_add(struct edits *edits, struct taskdef *task, const struct instrument_options *options,
                struct instrument_result *result, struct err *err);

/* hinomi-init and hinomi-agent. */
int sidecar_add(struct edits *edits, struct taskdef *task, const struct instrument_options *options,
                struct str record, struct instrument_result *result);
