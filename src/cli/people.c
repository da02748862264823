/*
 * users, tokens, audit: who may do what, and what was done.
 */
#include "cli/client_list.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *path_of(struct client_path *path, const char *of, const char *name)
{
    client_path(path, of);
    client_path_word(path, name);
    return client_path_end(path);
}

/* ---- users */

static int users_list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_TEXT, true },
        { "ROLE", "role", COLUMN_TEXT, false },
        { "DISABLED", "disabled", COLUMN_TEXT, false },
        { "SESSIONS", "sessions", COLUMN_NUMBER, false },
        { "LAST LOGIN", "login_ms", COLUMN_TIME, false },
        { "CALLED", "display_name", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/users");
    return client_list(client, args, &path, columns);
}

static int users_show(struct client *client, const struct client_args *args)
{
    struct client_path path;
    return client_one(client, args, path_of(&path, "/v1/users/", args->words[0]), NULL);
}

static int put_password(struct json_object *body, const char *file)
{
    char password[CLIENT_SECRET_MAX];
    int status = client_secret(file, "new password", false, password, sizeof(password));
    client_put(body, "password", status == EXIT_OK ? password : NULL);
    explicit_bzero(password, sizeof(password));
    return status;
}

static int users_add(struct client *client, const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    client_put(body, "name", args->words[0]);
    client_put(body, "role", args->values[CLIENT_ROLE] ? args->values[CLIENT_ROLE] : "viewer");
    client_put(body, "display_name", args->values[CLIENT_NAME]);
    int status = put_password(body, args->values[CLIENT_PASSWORD_FILE]);
    if (status != EXIT_OK) {
        json_object_put(body);
        return status;
    }
    status = client_send(client, "POST", "/v1/users", body);
    return status == EXIT_OK ? client_done(client, args, "%s is made", args->words[0]) : status;
}

static int users_set(struct client *client, const struct client_args *args)
{
    struct client_path path;
    bool on = client_has(args, CLIENT_ENABLE), off = client_has(args, CLIENT_DISABLE);
    struct json_object *body = json_object_new_object();
    int status = EXIT_OK;
    client_put(body, "role", args->values[CLIENT_ROLE]);
    client_put(body, "display_name", args->values[CLIENT_NAME]);
    if (on || off) {
        json_object_object_add(body, "disabled", json_object_new_boolean(off));
    }
    if (client_has(args, CLIENT_PASSWORD_FILE)) {
        status = put_password(body, args->values[CLIENT_PASSWORD_FILE]);
    }
    if (status == EXIT_OK && (json_object_object_length(body) == 0 || (on && off))) {
        fprintf(stderr, "%s: say what is to be changed\n", args->name);
        status = EXIT_USAGE;
    }
    if (status != EXIT_OK) {
        json_object_put(body);
        return status;
    }
    status = client_send(client, "PATCH", path_of(&path, "/v1/users/", args->words[0]), body);
    return status == EXIT_OK ? client_done(client, args, "%s is changed", args->words[0]) : status;
}

static int users_delete(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int status = client_send(client, "DELETE", path_of(&path, "/v1/users/", args->words[0]), NULL);
    return status == EXIT_OK ? client_done(client, args, "%s is deleted", args->words[0]) : status;
}

int cli_users(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), users_list, "all of them", false },
        { "show", "NAME", 1, 1, BIT(JSON), users_show, "all of one", false },
        { "add", "NAME", 1, 1, BIT(ROLE) | BIT(NAME) | BIT(PASSWORD_FILE) | BIT(JSON), users_add,
          "make one; the password is asked for, or in a file", false },
        { "set", "NAME", 1, 1,
          BIT(ROLE) | BIT(NAME) | BIT(PASSWORD_FILE) | BIT(ENABLE) | BIT(DISABLE) | BIT(JSON),
          users_set, "change role, password, or whether it may log in", false },
        { "delete", "NAME", 1, 1, BIT(JSON), users_delete, "its sessions and tokens end too",
          false },
    };
    static const struct client_verb verb = {
        "People: viewers read, analysts triage and change rules, administrators do "
        "the rest.\n",
        actions, sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}

/* ---- tokens */

static int tokens_list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "USER", "user", COLUMN_TEXT, false },
        { "MAY", "permissions", COLUMN_TEXT, true },
        { "EXPIRES", "expires_ms", COLUMN_TIME, false },
        { "REVOKED", "revoked_ms", COLUMN_TIME, false },
        { "USED", "used_ms", COLUMN_TIME, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/tokens");
    return client_list(client, args, &path, columns);
}

static void put_permissions(struct json_object *body, const char *names)
{
    struct json_object *array = json_object_new_array();
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, ",");
        json_object_array_add(array, json_object_new_string_len(p, (int)n));
        p += n + (p[n] == ',');
    }
    json_object_object_add(body, "permissions", array);
}

static int tokens_add(struct client *client, const struct client_args *args)
{
    const char *may = args->values[CLIENT_PERMISSIONS];
    struct json_object *body = json_object_new_object();
    client_put(body, "name", args->words[0]);
    put_permissions(body, may ? may : "read");
    if (!client_expiry(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    int status = client_send(client, "POST", "/v1/tokens", body);
    if (status == EXIT_OK && !client_has(args, CLIENT_JSON)) {
        fputs("It is shown this once:\n", stderr);
    }
    return status == EXIT_OK ? client_done(client, args, "%s", client_text(client->json, "token"))
                             : status;
}

static int tokens_revoke(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int status = client_send(client, "DELETE", path_of(&path, "/v1/tokens/", args->words[0]), NULL);
    return status == EXIT_OK ? client_done(client, args, "token %s is revoked", args->words[0])
                             : status;
}

int cli_tokens(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), tokens_list,
          "one's own; administrators see all", false },
        { "add", "NAME", 1, 1, BIT(PERMISSIONS) | BIT(EXPIRES) | BIT(JSON), tokens_add,
          "make one; it is printed once", false },
        { "revoke", "ID", 1, 1, BIT(JSON), tokens_revoke, "it no longer counts", false },
    };
    static const struct client_verb verb = {
        "Tokens for scripts (HINOMI_TOKEN, --token-file) and for Falco.\n", actions,
        sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}

/* ---- audit */

static int audit(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "TIME", "time_ms", COLUMN_TIME, false },  { "ACTOR", "actor", COLUMN_TEXT, true },
        { "ACTION", "action", COLUMN_TEXT, false }, { "OBJECT", "object", COLUMN_TEXT, true },
        { "RESULT", "result", COLUMN_TEXT, false }, { "ADDRESS", "address", COLUMN_TEXT, false },
        { "DETAIL", "detail", COLUMN_TEXT, true },  { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/audit");
    client_path_query(&path, "actor", args->values[CLIENT_ACTOR]);
    client_path_query(&path, "action", args->values[CLIENT_ACTION]);
    client_path_query(&path, "result", args->values[CLIENT_RESULT]);
    return client_list(client, args, &path, columns);
}

int cli_audit(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { NULL, NULL, 0, 0, BIT(ACTOR) | BIT(ACTION) | BIT(RESULT) | BIT(LIMIT_OPTION) | BIT(JSON),
          audit, NULL, false },
    };
    static const struct client_verb verb = {
        "What was done on the server by whom, the newest first.\n", actions, 1
    };
    return client_main(&verb, argc, argv);
}

/* ---- backup */

static int backup(struct client *client, const struct client_args *args)
{
    struct client_path path;
    struct json_object *body = json_object_new_object();
    client_put(body, "name", args->nwords ? args->words[0] : NULL);
    client_path(&path, "/v1/backup");
    const struct client_call call = {
        .method = "POST", .path = client_path_end(&path), .json = body, .timeout_s = 3600
    };
    int status = client_do(client, &call);
    json_object_put(body);
    return status == EXIT_OK ? client_done(client, args, "%s", client_text(client->json, "path"))
                             : status;
}

int cli_backup(int argc, char **argv)
{
    static const struct client_action actions[] = { { NULL, "[NAME]", 0, 1, BIT(JSON), backup, NULL,
                                                      false } };
    static const struct client_verb verb = {
        "Has the server copy everything into a directory of its own while it runs, and prints "
        "which. It holds\n"
        "the keys, too. `hinomi-server restore` puts it back.\n",
        actions, 1
    };
    return client_main(&verb, argc, argv);
}
