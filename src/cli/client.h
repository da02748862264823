/*
 * client: the server's API as the verbs of `hinomi` use it.
 *
 * A verb is a table of actions (struct client_action); client_main() reads the command line, makes the help from the
 * tables, opens the connection and calls the action, which returns the exit status. Everything that goes wrong is
 * said once, on standard error, by the function that met it; its status is passed on. One thread.
 */
#pragma once

#include "base/buf.h"
#include "cli/cli.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdio.h>

#define CLIENT_URL_MAX    512
#define CLIENT_SECRET_MAX 1024
#define CLIENT_PATH_MAX   ((size_t)64 << 10)
#define CLIENT_ANSWER_MAX ((size_t)256 << 20)
#define CLIENT_FILE_MAX   ((size_t)64 << 20) /* what the server takes of one import */
#define CLIENT_OUTPUT_MAX ((size_t)512 << 20)

/* name, letter-like place in values[], argument (NULL: a flag), help */
enum client_option {
#define CLIENT_OPTION(id, name, argument, help) CLIENT_##id,
#include "cli/client_options.def"
    CLIENT_OPTIONS
};
static_assert(CLIENT_OPTIONS <= 64, "options are bits");
#define BIT(id) (UINT64_C(1) << CLIENT_##id)
/* What every action takes that talks to a server. */
#define CLIENT_COMMON (BIT(SERVER) | BIT(TOKEN_FILE) | BIT(CA) | BIT(CA_SHA256) | BIT(HELP))

struct client;

struct client_args {
    const char *name;                   /* "hinomi findings show" */
    const char *values[CLIENT_OPTIONS]; /* NULL: not given; flags are "" */
    char **words;                       /* NULL after the last */
    int nwords;
};

struct client_action {
    const char *name;
    const char *words; /* "ID...", for the help */
    int min, max;      /* how many words */
    uint64_t options;  /* beside CLIENT_COMMON */
    int (*run)(struct client *client, const struct client_args *args);
    const char *summary;
    bool offline; /* makes its connection itself */
};

struct client_verb {
    const char *about; /* lines of at most 100 columns */
    const struct client_action *actions;
    size_t n; /* the first is done when none is named */
};

/* argv[0] is the verb's whole name. An only action without a name is the verb itself. */
int client_main(const struct client_verb *verb, int argc, char **argv);

bool client_has(const struct client_args *args, enum client_option option);
/* A whole number; says what is wrong and returns false. Not given: *ret stays. */
bool client_number(const struct client_args *args, enum client_option option, int64_t min,
                   int64_t max, int64_t *ret);

/* ---- the connection */

struct client {
    void *curl;
    char url[CLIENT_URL_MAX]; /* without the last slash */
    char token[CLIENT_SECRET_MAX];
    char ca_sha256[65];
    struct buf ca;            /* PEM; empty: the system's */
    struct buf answer;        /* of the last call, whole */
    struct json_object *json; /* the same, parsed; NULL when it is no JSON */
    long status;
    FILE *sink; /* takes answers that are no refusals as they come, instead of `answer` */
    int (*on_data)(void *data, struct str part); /* of the call that is under way */
    void *data;
    bool stopped; /* by on_data */
};

/* Where and as whom: options, environment, then what `login` kept. EXIT_OK or an exit status. */
int client_open(struct client *client, const struct client_args *args);
void client_close(struct client *client);
/* The URL of a server: checks it, cuts its last slash. */
int client_set_url(struct client *client, const char *url);
/* Asks for the CA of that SHA-256, and trusts it from now on. */
int client_pin(struct client *client, const char *sha256);

struct client_call {
    const char *method, *path;
    struct json_object *json; /* the body: this, else... */
    struct str body;          /* ...this, of that type */
    const char *type;
    /* Takes the answer as it comes, unless it is a refusal; not 0 ends the call well. */
    int (*on_data)(void *data, struct str part);
    void *data;
    long timeout_s;         /* 0: a minute */
    bool unverified, quiet; /* quiet: a refusal is not said */
};

/* EXIT_OK: 2xx. */
int client_do(struct client *client, const struct client_call *call);
int client_get(struct client *client, const char *path);
/* Takes the body, which may be NULL. */
int client_send(struct client *client, const char *method, const char *path,
                struct json_object *body);
/* Says why the server refused. Returns the exit status. */
int client_refused(const struct client *client);

/* ---- paths: all in one buffer on the caller's stack */

struct client_path {
    struct buf buf;
    char text[4096];
    bool asks;                                /* there is a "?" */
    bool whole;                               /* the list comes as one: no pages are asked for */
    void (*amend)(struct json_object *items); /* of a list, before it is shown; NULL: as they are */
};

void client_path(struct client_path *path, const char *text);
void client_path_word(struct client_path *path, const char *word); /* percent-encoded */
void client_path_text(struct client_path *path, const char *text);
void client_path_query(struct client_path *path, const char *key,
                       const char *value); /* NULL: not */
const char *client_path_end(struct client_path *path);

/* ---- what login keeps */

int client_saved_read(struct client *ret, bool *ret_there);
int client_saved_write(const struct client *client, char *ret_path, size_t size);
int client_saved_remove(void);

/* A line, without what ends it: from the file, `-` being standard input, else asked for on the terminal. */
int client_secret(const char *file, const char *prompt, bool visible, char *ret, size_t size);

/* A whole file, `-` being standard input. */
int client_file(const char *path, struct buf *ret);
