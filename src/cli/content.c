/*
 * content: the server's policies, rules and macros: look at them, replace, switch, go back. Lists: lists.c.
 *
 * The three differ by their place in the API only. Files hold what the rules language has for one of them; the server
 * checks with the real engine before it saves, and refuses with places.
 */
#include "cli/content.h"

#include <inttypes.h>
#include <stdlib.h>

const char *content_path(struct client_path *path, const char *of, const char *name,
                         const char *rest)
{
    client_path(path, "/v1/");
    client_path_text(path, of);
    client_path_text(path, "/");
    client_path_word(path, name);
    client_path_text(path, rest);
    return client_path_end(path);
}

int content_listed(struct client *client, const struct client_args *args, const char *of,
                   const struct column *columns)
{
    struct client_path path;
    client_path(&path, "/v1/");
    client_path_text(&path, of);
    client_path_query(&path, "search", args->values[CLIENT_SEARCH]);
    return client_list(client, args, &path, columns);
}

/* ---- rollout */

static const char *rollout_text(struct client *client, char *ret, size_t size)
{
    snprintf(ret, size, "version %" PRId64 ", in force on %" PRId64 " of %" PRId64 " agents%s",
             client_int(client->json, "version"), client_int(client->json, "in_force"),
             client_int(client->json, "agents"),
             client_int(client->json, "failed") ? ", refused by some (hinomi coverage)" : "");
    return ret;
}

static int ask_rollout(struct client *client, int64_t version)
{
    char path[96];
    snprintf(path, sizeof(path), "/v1/content/rollout?version=%" PRId64, version);
    return client_get(client, path);
}

/* Until all agents that are heard of have it, or refuse it. */
static int wait_rollout(struct client *client, const struct client_args *args, int64_t version,
                        bool *ret_all)
{
    int64_t seconds = 30, began = client_now_ms();
    if (!client_number(args, CLIENT_TIMEOUT, 0, 86400, &seconds)) {
        return EXIT_USAGE;
    }
    for (;;) {
        int64_t asked = client_now_ms();
        int status = ask_rollout(client, version);
        int64_t passed = client_now_ms() - began, took = client_now_ms() - asked;
        int64_t done = client_int(client->json, "in_force") + client_int(client->json, "failed");
        *ret_all = client_int(client->json, "in_force") >= client_int(client->json, "agents");
        if (status != EXIT_OK || done >= client_int(client->json, "agents") ||
            passed >= seconds * 1000) {
            return status;
        }
        client_sleep_ms(passed > 2000 || took > 50 ? 250 : 5 + (long)took * 4);
    }
}

int content_saved(struct client *client, const struct client_args *args, const char *what)
{
    char text[200];
    bool all = true;
    struct json_object *saved = json_object_get(client->json);
    int64_t version = client_int(saved, "version"), began = client_now_ms();
    bool wait = client_has(args, CLIENT_WAIT);
    int status = wait ? wait_rollout(client, args, version, &all) : ask_rollout(client, version);
    if (status == EXIT_OK && client_has(args, CLIENT_JSON)) {
        json_object_object_add(saved, "rollout", json_object_get(client->json));
        status = client_print_json(saved);
    } else if (status == EXIT_OK && wait) {
        status = client_done(client, args, "%s: %s, after %" PRId64 " ms", what,
                             rollout_text(client, text, sizeof(text)), client_now_ms() - began);
    } else if (status == EXIT_OK) {
        status =
            client_done(client, args, "%s: %s", what, rollout_text(client, text, sizeof(text)));
    }
    json_object_put(saved);
    return status == EXIT_OK && !all ? EXIT_NEGATIVE : status;
}

/* ---- what policies, rules, macros and lists share */

int content_show(struct client *client, const struct client_args *args, const char *of)
{
    struct client_path path;
    return client_one(client, args, content_path(&path, of, args->words[0], ""), "conflict");
}

int content_usage(struct client *client, const struct client_args *args, const char *of)
{
    struct client_path path;
    return client_one(client, args, content_path(&path, of, args->words[0], "/usage"), NULL);
}

int content_versions(struct client *client, const struct client_args *args, const char *of)
{
    static const struct column columns[] = {
        { "VERSION", "version", COLUMN_NUMBER, false },
        { "TIME", "time_ms", COLUMN_TIME, false },
        { "AUTHOR", "author", COLUMN_TEXT, false },
        { "CHANGES", "changes", COLUMN_COUNT, false },
        { "COMMENT", "comment", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    content_path(&path, of, args->words[0], "/versions");
    path.buf.n--; /* the NUL */
    return client_list(client, args, &path, columns);
}

int content_revert(struct client *client, const struct client_args *args, const char *of)
{
    struct client_path path;
    int64_t to = -1;
    struct json_object *body = client_body(args);
    if (!body || !client_number(args, CLIENT_REVERT, 0, INT64_MAX, &to) || to < 0) {
        fputs(to < 0 ? "hinomi: say --to-version N; `versions` lists them\n" : "", stderr);
        json_object_put(body);
        return EXIT_USAGE;
    }
    json_object_object_add(body, "to", json_object_new_int64(to));
    int status =
        client_send(client, "POST", content_path(&path, of, args->words[0], "/revert"), body);
    return status == EXIT_OK ? content_saved(client, args, args->words[0]) : status;
}

int content_delete(struct client *client, const struct client_args *args, const char *of)
{
    struct client_path path;
    int status = client_send(client, "DELETE", content_path(&path, of, args->words[0], ""), NULL);
    return status == EXIT_OK ? content_saved(client, args, args->words[0]) : status;
}

int content_put(struct client *client, const struct client_args *args, const char *of)
{
    struct client_path path;
    struct buf text;
    const char *file = args->values[CLIENT_FILE];
    bool new = client_has(args, CLIENT_NEW);
    if (!file || new == (args->nwords == 1)) {
        fprintf(stderr, "%s: say --file FILE, and NAME or --new\n", args->name);
        return EXIT_USAGE;
    }
    buf_init(&text, CLIENT_FILE_MAX);
    int status = client_file(file, &text);
    struct json_object *body = status == EXIT_OK ? client_body(args) : NULL;
    if (!body) {
        buf_done(&text);
        return status == EXIT_OK ? EXIT_USAGE : status;
    }
    json_object_object_add(body, "text",
                           json_object_new_string_len(text.p ? text.p : "", (int)text.n));
    buf_done(&text);
    snprintf(path.text, sizeof(path.text), "/v1/%s", of);
    status = client_send(client, new ? "POST" : "PUT",
                         new ? path.text : content_path(&path, of, args->words[0], ""), body);
    return status == EXIT_OK ? content_saved(client, args, new ? file : args->words[0]) : status;
}

static int switch_to(struct client *client, const struct client_args *args, const char *of, bool on)
{
    struct client_path path;
    struct json_object *body = client_body(args);
    if (!body) {
        return EXIT_USAGE;
    }
    json_object_object_add(body, "enabled", json_object_new_boolean(on));
    int status = client_send(client, "PATCH", content_path(&path, of, args->words[0], ""), body);
    return status == EXIT_OK ? content_saved(client, args, args->words[0]) : status;
}

/* ---- the verbs */

static const struct column policy_columns[] = {
    { "ENABLED", "enabled", COLUMN_TEXT, false },
    { "SEVERITY", "severity", COLUMN_BAND, false },
    { "RULES", "rules_count", COLUMN_NUMBER, false },
    { "ORIGIN", "origin", COLUMN_TEXT, false },
    { "CHANGED", "overridden", COLUMN_TEXT, false },
    { "POLICY", "name", COLUMN_TEXT, true },
    { "SCOPE", "scope", COLUMN_TEXT, true },
    { 0 },
};
static const struct column rule_columns[] = {
    { "ENABLED", "enabled", COLUMN_TEXT, false }, { "PRIORITY", "priority", COLUMN_TEXT, false },
    { "ORIGIN", "origin", COLUMN_TEXT, false },   { "CHANGED", "overridden", COLUMN_TEXT, false },
    { "RULE", "name", COLUMN_TEXT, true },        { "POLICIES", "policies", COLUMN_TEXT, true },
    { "TAGS", "tags", COLUMN_TEXT, true },        { 0 },
};

/* The actions of one kind: functions that know their place in the API. */
#define CONTENT_ACTIONS(of, columns)                                                               \
    static int of##_list(struct client *c, const struct client_args *a)                            \
    {                                                                                              \
        return content_listed(c, a, #of, columns);                                                 \
    }                                                                                              \
    static int of##_show(struct client *c, const struct client_args *a)                            \
    {                                                                                              \
        return content_show(c, a, #of);                                                            \
    }                                                                                              \
    static int of##_put(struct client *c, const struct client_args *a)                             \
    {                                                                                              \
        return content_put(c, a, #of);                                                             \
    }                                                                                              \
    static int of##_enable(struct client *c, const struct client_args *a)                          \
    {                                                                                              \
        return switch_to(c, a, #of, true);                                                         \
    }                                                                                              \
    static int of##_disable(struct client *c, const struct client_args *a)                         \
    {                                                                                              \
        return switch_to(c, a, #of, false);                                                        \
    }                                                                                              \
    static int of##_revert(struct client *c, const struct client_args *a)                          \
    {                                                                                              \
        return content_revert(c, a, #of);                                                          \
    }                                                                                              \
    static int of##_versions(struct client *c, const struct client_args *a)                        \
    {                                                                                              \
        return content_versions(c, a, #of);                                                        \
    }                                                                                              \
    static int of##_usage(struct client *c, const struct client_args *a)                           \
    {                                                                                              \
        return content_usage(c, a, #of);                                                           \
    }                                                                                              \
    static int of##_delete(struct client *c, const struct client_args *a)                          \
    {                                                                                              \
        return content_delete(c, a, #of);                                                          \
    }

CONTENT_ACTIONS(policies, policy_columns)
CONTENT_ACTIONS(rules, rule_columns)

#define CONTENT_TABLE(of)                                                                          \
    { "list",    NULL,          0,    0, BIT(SEARCH) | BIT(LIMIT_OPTION) | BIT(JSON),              \
      of##_list, "all of them", false },                                                           \
        { "show", "NAME", 1, 1, BIT(JSON), of##_show, "one, with what was changed of it", false }, \
        { "put",                                                                                   \
          "[NAME]",                                                                                \
          0,                                                                                       \
          1,                                                                                       \
          CONTENT_CHANGE | BIT(FILE) | BIT(NEW),                                                   \
          of##_put,                                                                                \
          "make (--new) or replace; a managed one is overridden",                                  \
          false },                                                                                 \
        { "enable", "NAME", 1, 1, CONTENT_CHANGE, of##_enable, "switch it on", false },            \
        { "disable", "NAME", 1, 1, CONTENT_CHANGE, of##_disable, "switch it off", false },         \
        { "revert", "NAME", 1, 1, CONTENT_CHANGE | BIT(REVERT), of##_revert, "as it was", false }, \
        { "versions",                                                                              \
          "NAME",                                                                                  \
          1,                                                                                       \
          1,                                                                                       \
          BIT(LIMIT_OPTION) | BIT(JSON),                                                           \
          of##_versions,                                                                           \
          "who changed it when",                                                                   \
          false },                                                                                 \
        { "usage", "NAME", 1, 1, BIT(JSON), of##_usage, "what uses it", false },                   \
        { "delete",                                                                                \
          "NAME",                                                                                  \
          1,                                                                                       \
          1,                                                                                       \
          CONTENT_WAITS | BIT(JSON),                                                               \
          of##_delete,                                                                             \
          "remove it, or what was changed of a managed one",                                       \
          false },

int cli_policies(int argc, char **argv)
{
    static const struct client_action actions[] = { CONTENT_TABLE(policies) };
    static const struct client_verb verb = {
        "The server's policies: which rules are in force where, how severe, and what is done.\n",
        actions, sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}

int cli_rules_server(int argc, char **argv)
{
    static const struct client_action actions[] = { CONTENT_TABLE(rules) };
    static const struct client_verb verb = { "The server's rules, which its agents run. Files of "
                                             "rules: `hinomi rules check` and its like.\n",
                                             actions, sizeof(actions) / sizeof(*actions) };
    return client_main(&verb, argc, argv);
}
