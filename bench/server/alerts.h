/*
 * alerts: made-up alerts that look like real ones, for filling stores and loading servers.
 *
 * The nth alert of a world is always the same. Alerts come in the order of time; each tenth or so is the first of its
 * finding, the others repeat a finding of the last hours, the newer the likelier (alerts_per_finding, and
 * hours of 6 at most). Rules, images, clusters and programs are drawn unevenly from small sets, containers, paths
 * and addresses from large ones; texts are as long as Hinomi's own (about 1.7 KB of JSON).
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

struct alerts_world {
    uint64_t seed;
    uint32_t per_finding; /* alerts of a finding, on average */
    uint32_t recent;      /* findings that are repeated: the last so many */
    uint32_t agents, containers;
    int64_t start_ms, step_us; /* time of the first, and between two */
};

/* 10 million in 1 million over 7 days, of 1,000 agents. */
struct alerts_world alerts_world_large(int64_t end_ms, uint64_t alerts);

struct alert_rule {
    const char *name, *policy, *type, *priority, *format, *list;
    uint8_t severity; /* tenths */
    const char *tags; /* JSON */
};

/* Texts are within, valid as long as the struct. */
struct made_alert {
    uint64_t n;
    uint32_t finding, agent_number;
    int64_t time_ms;
    const struct alert_rule *rule;
    int64_t pid;
    char agent[20], id[64], container_id[16], container_name[48], image[96], image_digest[80];
    char cluster[32], task_id[40], task_arn[160], family[48], service[48], account[16], region[20];
    char host[48], proc_name[20], proc_exe[64], proc_cmdline[256], user_name[16], parent_name[20];
    char parent_exe[64], domain[80], file[128], item[80], output[768];
    unsigned revision;
};

uint32_t alerts_finding(const struct alerts_world *world, uint64_t n);
void alert_make(const struct alerts_world *world, uint64_t n, struct made_alert *ret);
/* Alert v1, one line without its end. */
void alert_json(const struct made_alert *alert, struct buf *buf);
