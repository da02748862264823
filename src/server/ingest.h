/*
 * ingest: what agents and Falco send, taken, folded into findings, acknowledged after the commit.
 */
#pragma once

#include "store/ingest.h"

#include <stdbool.h>

struct ingest;

/*
 * Who says whether an alert is suppressed by a rule of its users. Called on request threads, several at once,
 * for each alert before it is queued, with its finding's columns (not its id, row, count). Set once, before
 * requests come: from the start of a module that starts after this one.
 */
void ingest_set_judge(struct ingest *ingest,
                      bool (*suppressed)(void *data, const struct ingest_finding *finding),
                      void *data);
