/*
 * accounts_fixture: a server of the accounts alone, its clock in the test's hand, called without a socket.
 */
#pragma once

#include "store/support.h"

#include "server/http_call.h"
#include "server/server.h"

#define SECRET_TEXT 64
#define PASSWORD    "correct horse battery"

struct fixture {
    struct store_dir dir;
    struct server server;
    struct server_config *config;
    struct http_answer answer; /* of the last call */
    bool answered;
    char admin[SECRET_TEXT]; /* a session of the administrator "admin" */
};

/* `config` and the store; the module is started, nobody is there. */
int fixture_setup(void **state);
/* The same with the administrator. */
int fixture_setup_admin(void **state);
int fixture_teardown(void **state);

/* Closes and opens everything but the directory. */
void fixture_restart(struct fixture *fixture);

/* The clock of all fixtures, ms. */
extern int64_t fixture_now_ms;

/* Members that a call does not name are not sent. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct ask {
    const char *method, *target, *bearer, *body, *peer;
    const char *cookie, *csrf, *instance, *site;
};
/* The status; the answer stays in the fixture until the next. */
unsigned fixture_ask(struct fixture *fixture, const struct ask *ask);
#define ASK(fixture, ...) fixture_ask((fixture), &(struct ask){ __VA_ARGS__ })

/* A member of the last answer: text, or number. */
const char *fixture_text(struct fixture *fixture, const char *key);
int64_t fixture_number(struct fixture *fixture, const char *key);
/* How many `items` it has. */
size_t fixture_items(struct fixture *fixture);

/* A session's token; fails the test when nobody is let in. */
void fixture_log_in(struct fixture *fixture, const char *name, const char *password,
                    char ret[SECRET_TEXT]);
/* A user with PASSWORD, and a session of it. */
void fixture_user(struct fixture *fixture, const char *name, const char *role,
                  char ret[SECRET_TEXT]);
void fixture_token(struct fixture *fixture, const char *session, const char *permissions,
                   char ret[SECRET_TEXT]);
/* Entries of the audit log with that action. */
size_t fixture_audit(struct fixture *fixture, const char *action);

struct enrolled {
    char id[SECRET_TEXT], credential[SECRET_TEXT];
};
void fixture_enrolment(struct fixture *fixture, const char *members, char ret[SECRET_TEXT]);
void fixture_enrol(struct fixture *fixture, const char *token, const char *instance,
                   struct enrolled *ret);
