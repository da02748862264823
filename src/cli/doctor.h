/*
 * doctor: what a kernel and a container allow, found by trying.
 */
#pragma once

#include "agent/options.h"
#include "base/buf.h"
#include "sensor/notify/call.h"

#include <stdbool.h>
#include <stdint.h>

#define DOCTOR_NOT_TRIED 1 /* else 0 or -errno */
#define DOCTOR_HINTS_MAX 8
#define DOCTOR_BPF_MAX   7

struct doctor_bpf {
    const char *name; /* "tracepoint", ... */
    int loads, attaches;
};

struct doctor_facts {
    char release[65], machine[65];
    uint32_t features;                       /* enum notify_feature */
    int listener;                            /* of installing a filter with a listener */
    int filter;                              /* of installing one without */
    int ptrace, read_memory, get_descriptor; /* of a child of one's own */
    struct doctor_bpf bpf[DOCTOR_BPF_MAX];
    bool btf;
    uint64_t capabilities;                           /* effective */
    int seccomp_mode, seccomp_filters, no_new_privs; /* -1 unknown */
    int cgroup_version;                              /* 0 unknown */
    double cpus;                                     /* of the quota; 0 none */
    int yama;                                        /* -1: not there */
    const char *hints[DOCTOR_HINTS_MAX];
    unsigned nhints;
};

void doctor_find(struct doctor_facts *ret);
bool doctor_can_notify(const struct doctor_facts *facts);
bool doctor_can_ptrace(const struct doctor_facts *facts);
/* "cap_chown"; NULL beyond the last one known. */
const char *doctor_capability(unsigned number);

/* 0 or -errno of installing a filter with a listener: -EBUSY when one is in force. In a child. */
int doctor_try_listener(void);
/* The same without a listener. */
int doctor_try_filter(void);
void doctor_try_bpf(struct doctor_bpf ret[DOCTOR_BPF_MAX]);
void doctor_try_child(struct doctor_facts *ret);
void doctor_find_container(struct doctor_facts *ret);

/* What becomes of a call under the filters in force. */
enum doctor_call {
    DOCTOR_CALL_SEEN,    /* the sensor would be asked */
    DOCTOR_CALL_HIDDEN,  /* refused before */
    DOCTOR_CALL_LACKS,   /* this machine does not have it */
    DOCTOR_CALL_UNKNOWN, /* could not be tried */
};

/* *ret_error: what a hidden call returns, 0 when it is the end of the process. */
enum doctor_call doctor_try_call(const struct call *call, int *ret_error);

/* What rules cannot do here. */
struct doctor_rules;
/* 0, or an exit status, having said why. */
int doctor_rules_new(const struct rule_choice *choice, bool try_calls, struct doctor_rules **ret);
void doctor_rules_free(struct doctor_rules *rules);
void doctor_rules_text(const struct doctor_rules *rules, struct buf *buf);
void doctor_rules_json(const struct doctor_rules *rules, struct jsonw *json);

void doctor_text(const struct doctor_facts *facts, struct buf *buf);
/* Members of the outermost object. */
void doctor_json(const struct doctor_facts *facts, struct jsonw *json);
