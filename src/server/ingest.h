/*
 * ingest: what agents and Falco send, taken, folded into findings, acknowledged after the commit.
 */
#pragma once

#include "store/ingest.h"

#include <stdbool.h>
#include <stddef.h>

struct ingest;

/*
 * Who says whether an alert is suppressed by a rule of its users. Called on request threads, several at once,
 * for each alert before it is queued, with its finding's columns (not its id, row, count), and on the writer's
 * for sequences, within its transaction. Set before requests come: from the start of a module that starts after this
 * one. On return the one that was set before is not called any more.
 */
void ingest_set_judge(struct ingest *ingest,
                      bool (*suppressed)(void *data, const struct ingest_finding *finding),
                      void *data);

/* A finding that is new or has grown. Texts live for the call. */
struct ingest_change {
    bool fresh;
    const struct ingest_finding *finding; /* its newest alert's columns; id and row are set */
    const struct ingest_result *result;   /* as it is now */
};

/* Told of them after each commit, in its order, on the writer's thread: be quick. Set like the judge. */
void ingest_set_listener(struct ingest *ingest,
                         void (*changed)(void *data, const struct ingest_change *changes, size_t n),
                         void *data);

/*
 * Somebody who writes beside the findings. `changed` is asked within each transaction that changes some, before its end:
 * what it writes with tx is kept together with them, its failure is the transaction's. `kept` is called when that was
 * committed. One call at a time, on the writer's thread; set like the judge. NULL: nobody.
 */
struct ingest_witness {
    int (*changed)(void *data, struct ingest_tx *tx, const struct ingest_change *changes, size_t n,
                   struct err *err);
    void (*kept)(void *data);
    void *data;
};
void ingest_set_witness(struct ingest *ingest, const struct ingest_witness *witness);

/* "health" of an agent, within an object: state, reasons, when it was heard, containers; null: not known. */
struct jsonw;
struct server;
void ingest_put_health(struct server *server, struct str id, struct jsonw *w);
