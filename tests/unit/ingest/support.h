/*
 * support: a server with only the intake, on a store in a temporary directory, called without a socket.
 *
 * The clock is the test's: `now_ms` of the fixture.
 */
#pragma once

#include "store/support.h"

#include "server/http_call.h"
#include "server/server.h"
#include "store/ingest.h"

#define AGENT "a00000000000000a1"
#define OTHER "a00000000000000b2"
#define SPOOL "00000000000000c3"

struct intake {
    struct store_dir dir;
    struct server server;
};

extern int64_t intake_now_ms;

int intake_setup(void **state);
int intake_teardown(void **state);
void intake_open(struct intake *intake);  /* store and module, in intake->dir */
void intake_close(struct intake *intake); /* the directory stays */

/* An alert of AGENT by its sequence number. Members of `more` go into hinomi. */
struct made {
    int64_t seq, time_ms;
    const char *agent, *rule, *container, *priority, *type, *tags, *exe, *output_fields;
};
void put_made(struct buf *buf, const struct made *made);
void put_line(struct buf *buf, int64_t n, const struct made *made); /* {"n":..,"alert":..} */

/* Sends; the answer's body as a number: ack or expect or record. */
struct sent {
    unsigned status;
    int64_t number;
    char code[32];
};
struct sent send_batch(struct intake *intake, const char *agent, const char *spool, int64_t first,
                       struct str body);
struct sent send_packed(struct intake *intake, int64_t first, struct str packed);
struct http_answer call(struct intake *intake, const char *method, const char *target,
                        struct str body);

/* One number of hinomi.db, by SQL; of the day files together with `days`. */
int64_t count_of(struct intake *intake, const char *sql);
int64_t count_in_days(struct intake *intake, const char *sql);
/* A text of hinomi.db, in static storage. */
const char *text_of(struct intake *intake, const char *sql);
