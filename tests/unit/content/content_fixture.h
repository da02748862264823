/*
 * content_fixture: a server of the content alone, in a directory of its own, with managed content that the test
 * writes, called without a socket.
 */
#pragma once

#include "support.h"

#include "server/content.h"
#include "server/http_call.h"
#include "server/server.h"

#define MANAGED_RULES                                                                              \
    "# What comes with the program.\n"                                                             \
    "- list: names\n  items: [kinsing, \"two words\"]\n"                                           \
    "- list: ports\n  items: [3333]\n"                                                             \
    "- macro: written\n  condition: evt.type = open and evt.is_open_write = true\n"                \
    "- rule: Names written\n  desc: d\n  condition: written and fd.filename in (names)\n"          \
    "  output: o\n  priority: CRITICAL\n  tags: [T1105]\n"                                         \
    "- rule: Ports\n  desc: d\n  condition: evt.type = connect and fd.sport in (ports)\n"          \
    "  output: o\n  priority: WARNING\n"
#define MANAGED_POLICIES                                                                           \
    "- policy: Threats\n  rules:\n    - name: Names written\n    - name: Ports\n"

struct fixture {
    char dir[64], content[96];
    struct server server;
    struct server_config *config;
    struct http_answer answer; /* of the last call */
    bool answered;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Writes a file of managed content: "rules/a.yaml". */
void fixture_write(struct fixture *fixture, const char *name, const char *text);
/* Stops and starts, with what is on the disk. */
void fixture_restart(struct fixture *fixture);
int fixture_start(struct fixture *fixture, struct err *err);
void fixture_stop(struct fixture *fixture);

extern int64_t fixture_now_ms;

/* The status; the answer stays until the next. `body` may be NULL; agent NULL: a user who may everything. */
unsigned fixture_ask(struct fixture *fixture, const char *method, const char *target,
                     const char *body);
unsigned fixture_ask_raw(struct fixture *fixture, const char *target, struct str body);
unsigned fixture_poll(struct fixture *fixture, const char *agent, int64_t after, int64_t orders);

/* Of the last answer. */
int64_t fixture_number(struct fixture *fixture, const char *key);
const char *fixture_text(struct fixture *fixture, const char *key);
struct json_object *fixture_member(struct fixture *fixture, const char *key);
/* The answer, formatted; does it hold the text? */
bool fixture_holds(struct fixture *fixture, const char *text);
