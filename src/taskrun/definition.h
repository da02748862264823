/*
 * definition: what a task definition says of how its containers run, read into plain structures.
 *
 * Everything lives in the caller's arena and ends with it. Texts are NUL-terminated and hold no NUL. What Fargate would
 * refuse is refused here, with the line; what has no meaning on one machine (ports, log drivers, roles) is kept
 * where the metadata endpoint tells it, and ignored otherwise.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define TASK_CONTAINERS_MAX 10  /* ECS' own limit */
#define TASK_ITEMS_MAX      256 /* of one list of a container */
#define TASK_VOLUMES_MAX    32

enum task_condition { TASK_START, TASK_COMPLETE, TASK_SUCCESS, TASK_HEALTHY };

struct task_words {
    struct str *items;
    uint32_t n;
};

struct task_pair {
    struct str name, value;
};

struct task_pairs {
    struct task_pair *items;
    uint32_t n;
};

struct task_dependency {
    uint32_t on; /* index of a container */
    enum task_condition condition;
};

struct task_mount {
    uint32_t volume;
    struct str path;
    bool read_only;
};

struct task_from {
    uint32_t container;
    bool read_only;
};

struct task_tmpfs {
    struct str path;
    uint32_t size_mib;
    struct task_words options;
};

struct task_limit {
    struct str name;
    uint64_t soft, hard;
};

struct task_health {
    struct task_words command; /* empty: none. A shell's is written out */
    uint32_t interval_s, timeout_s, retries, start_period_s;
};

struct task_restart {
    bool enabled;
    uint32_t attempt_period_s;
    uint8_t ignored[256]; /* by exit status */
};

struct task_container {
    struct str name, image, user, working_directory, log_driver;
    struct task_words entry_point, command, capabilities_dropped;
    struct task_pairs environment, secrets, labels, log_options, sysctls;
    struct task_dependency depends_on[2 * TASK_CONTAINERS_MAX];
    struct task_mount mounts[TASK_VOLUMES_MAX];
    struct task_from from[TASK_CONTAINERS_MAX];
    struct task_tmpfs tmpfs[TASK_VOLUMES_MAX];
    struct task_limit limits[TASK_VOLUMES_MAX];
    uint32_t ndepends_on, nmounts, nfrom, ntmpfs, nlimits;
    struct task_health health;
    struct task_restart restart;
    uint32_t start_timeout_s, stop_timeout_s;
    uint32_t cpu, memory_mib, reservation_mib; /* 0: none */
    bool essential, read_only, ptrace, init;
};

struct task_volume {
    struct str name;
    bool on_host; /* names a path of the host, which Fargate does not have */
};

struct task_definition {
    struct str family, revision, region, account;
    struct task_container *containers;
    struct task_volume volumes[TASK_VOLUMES_MAX];
    uint32_t ncontainers, nvolumes;
    uint32_t cpu, memory_mib; /* of the task; 0: none */
    bool arm64;
    bool pid_shared;
};

/* JSON, YAML or a template of CloudFormation, of which `resource` (NULL: the only one). 0 or -errno with the reason.
 * A list of containers alone is a task with pidMode `task` whose volumes are those that are mounted. */
int task_definition_read(struct str text, const char *resource, struct arena *arena,
                         struct task_definition *ret, struct err *err);

/* Orders, names, and what ECS requires of a task as a whole. Called by task_definition_read. */
int task_definition_check(const struct task_definition *task, struct err *err);

/* -1: there is no container of this name. */
int task_container_find(const struct task_definition *task, struct str name);
