/*
 * notifications: who is told of findings: channels, the rules that choose, what was sent, and tests.
 *
 * A channel is read from a file of JSON, so that its secrets are on no command line.
 */
#include "cli/client_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS "/v1/notifications/channels"
#define RULES    "/v1/notifications/rules"
#define LOG      "/v1/notifications/deliveries"

static const char *with_id(struct client_path *path, const char *of, const char *id,
                           const char *rest)
{
    client_path(path, of);
    client_path_text(path, "/");
    client_path_word(path, id);
    client_path_text(path, rest);
    return client_path_end(path);
}

static int removed(struct client *client, const struct client_args *args, const char *of,
                   const char *what)
{
    struct client_path path;
    int status = client_send(client, "DELETE", with_id(&path, of, args->words[0], ""), NULL);
    return status == EXIT_OK ? client_done(client, args, "%s %s is removed", what, args->words[0])
                             : status;
}

static void put_switch(const struct client_args *args, struct json_object *body)
{
    bool on = client_has(args, CLIENT_ENABLE);
    if (on || client_has(args, CLIENT_DISABLE)) {
        json_object_object_add(body, "enabled", json_object_new_boolean(on));
    }
}

/* ---- channels */

static int channels(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "KIND", "kind", COLUMN_TEXT, false },
        { "TARGET", "target", COLUMN_TEXT, true },
        { "ON", "enabled", COLUMN_TEXT, false },
        { "LANGUAGE", "language", COLUMN_TEXT, false },
        { "WAIT", "queued", COLUMN_NUMBER, false },
        { "DEAD", "dead", COLUMN_NUMBER, false },
        { "DELIVERED", "delivered_ms", COLUMN_TIME, false },
        { "ERROR", "error", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, CHANNELS);
    path.whole = true;
    return client_list(client, args, &path, columns);
}

/* The object that --file holds; NULL after saying what is wrong with it. */
static struct json_object *read_object(const struct client_args *args)
{
    struct buf text;
    struct json_object *object = NULL;
    buf_init(&text, CLIENT_FILE_MAX);
    if (client_file(args->values[CLIENT_FILE], &text) == EXIT_OK) {
        buf_putc(&text, '\0');
        object = text.failed ? NULL : json_tokener_parse(text.p);
        if (!json_object_is_type(object, json_type_object)) {
            fprintf(stderr, "%s: %s is not an object of JSON\n", args->name,
                    args->values[CLIENT_FILE]);
            json_object_put(object);
            object = NULL;
        }
    }
    buf_done(&text);
    return object;
}

static int add_channel(struct client *client, const struct client_args *args)
{
    if (!client_has(args, CLIENT_FILE)) {
        fprintf(stderr, "%s: say where the channel's JSON is, with --file\n", args->name);
        return EXIT_USAGE;
    }
    struct json_object *body = read_object(args);
    if (!body) {
        return EXIT_USAGE;
    }
    int status = client_send(client, "POST", CHANNELS, body);
    return status == EXIT_OK
               ? client_done(client, args, "channel %" PRId64 ", %s to %s",
                             client_int(client->json, "id"), client_text(client->json, "kind"),
                             client_text(client->json, "target"))
               : status;
}

static int set_channel(struct client *client, const struct client_args *args)
{
    struct json_object *body =
        client_has(args, CLIENT_FILE) ? read_object(args) : json_object_new_object();
    if (!body) {
        return EXIT_USAGE;
    }
    put_switch(args, body);
    client_put(body, "name", args->values[CLIENT_NAME]);
    client_put(body, "language", args->values[CLIENT_LANGUAGE]);
    int status = client_change(client, args, CHANNELS "/", body);
    return status == EXIT_OK ? client_done(client, args, "channel %s is changed", args->words[0])
                             : status;
}

static int remove_channel(struct client *client, const struct client_args *args)
{
    return removed(client, args, CHANNELS, "channel");
}

static int test(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int status =
        client_send(client, "POST", with_id(&path, CHANNELS, args->words[0], "/test"), NULL);
    if (status != EXIT_OK) {
        return status;
    }
    bool good = strcmp(client_text(client->json, "state"), "delivered") == 0;
    status = client_done(client, args, "%s: %s", good ? "delivered" : "not delivered",
                         client_text(client->json, "result"));
    return status == EXIT_OK && !good ? EXIT_NEGATIVE : status;
}

/* ---- rules */

static int rules(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "FILTER", "filter", COLUMN_TEXT, true },
        { "CHANNELS", "channels", COLUMN_TEXT, false },
        { "LANGUAGE", "language", COLUMN_TEXT, false },
        { "SECONDS", "throttle_s", COLUMN_NUMBER, false },
        { "ON", "enabled", COLUMN_TEXT, false },
        { "MATCHED", "matched_ms", COLUMN_TIME, false },
        { "ERROR", "error", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, RULES);
    path.whole = true;
    return client_list(client, args, &path, columns);
}

/* "1,3" as [1,3]; false after saying that it is none. */
static bool put_channels(const struct client_args *args, struct json_object *body)
{
    const char *at = args->values[CLIENT_CHANNEL];
    struct json_object *list = at ? json_object_new_array() : NULL;
    while (at) {
        char *end;
        long long id = strtoll(at, &end, 10);
        if (end == at || id <= 0 || (*end && *end != ',')) {
            fprintf(stderr, "%s: --channel takes ids with commas between\n", args->name);
            json_object_put(list);
            return false;
        }
        json_object_array_add(list, json_object_new_int64(id));
        at = *end ? end + 1 : NULL;
    }
    if (list) {
        json_object_object_add(body, "channels", list);
    }
    return true;
}

/* What --filter, --channel and the others say; NULL after saying what is wrong. */
static struct json_object *rule_body(const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    int64_t throttle = 0;
    if (!put_channels(args, body) ||
        !client_number(args, CLIENT_THROTTLE, 0, INT64_C(7) * 24 * 3600, &throttle)) {
        json_object_put(body);
        return NULL;
    }
    client_put(body, "filter", args->values[CLIENT_FILTER]);
    if (client_has(args, CLIENT_THROTTLE)) {
        json_object_object_add(body, "throttle_s", json_object_new_int64(throttle));
    }
    const char *language = args->values[CLIENT_LANGUAGE];
    if (language) {
        json_object_object_add(body, "language",
                               *language ? json_object_new_string(language) : NULL);
    }
    put_switch(args, body);
    return body;
}

static int add_rule(struct client *client, const struct client_args *args)
{
    if (!client_has(args, CLIENT_FILTER) || !client_has(args, CLIENT_CHANNEL)) {
        fprintf(stderr, "%s: say what it selects, with --filter, and for whom, with --channel\n",
                args->name);
        return EXIT_USAGE;
    }
    struct json_object *body = rule_body(args);
    if (!body) {
        return EXIT_USAGE;
    }
    client_put(body, "name", args->words[0]);
    int status = client_send(client, "POST", RULES, body);
    return status == EXIT_OK
               ? client_done(client, args, "rule %" PRId64 ", %s", client_int(client->json, "id"),
                             client_text(client->json, "name"))
               : status;
}

static int set_rule(struct client *client, const struct client_args *args)
{
    struct json_object *body = rule_body(args);
    if (!body) {
        return EXIT_USAGE;
    }
    client_put(body, "name", args->values[CLIENT_NAME]);
    int status = client_change(client, args, RULES "/", body);
    return status == EXIT_OK ? client_done(client, args, "rule %s is changed", args->words[0])
                             : status;
}

static int remove_rule(struct client *client, const struct client_args *args)
{
    return removed(client, args, RULES, "rule");
}

/* ---- deliveries */

static int deliveries(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "TIME", "created_ms", COLUMN_TIME, false },
        { "CHANNEL", "channel_name", COLUMN_TEXT, true },
        { "RULE", "rule_name", COLUMN_TEXT, true },
        { "FINDING", "finding", COLUMN_TEXT, false },
        { "WHAT", "title", COLUMN_TEXT, true },
        { "CAUSE", "cause", COLUMN_TEXT, false },
        { "STATE", "state", COLUMN_TEXT, false },
        { "TRIES", "attempts", COLUMN_NUMBER, false },
        { "MORE", "held", COLUMN_NUMBER, false },
        { "RESULT", "result", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, LOG);
    client_path_query(&path, "state", args->values[CLIENT_STATE]);
    client_path_query(&path, "channel", args->values[CLIENT_CHANNEL]);
    client_path_query(&path, "finding", args->values[CLIENT_FINDING]);
    return client_list(client, args, &path, columns);
}

static int retry(struct client *client, const struct client_args *args)
{
    int status = EXIT_OK;
    for (int i = 0; i < args->nwords && status == EXIT_OK; i++) {
        struct client_path path;
        status = client_send(client, "POST", with_id(&path, LOG, args->words[i], "/retry"), NULL);
    }
    return status == EXIT_OK ? client_done(client, args, "%d to be tried again", args->nwords)
                             : status;
}

int cli_notifications(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "channels", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), channels, "where messages go",
          false },
        { "add-channel", NULL, 0, 0, BIT(FILE) | BIT(JSON), add_channel,
          "add one from a file of JSON: name, kind, config, secrets", false },
        { "set-channel", "ID", 1, 1,
          BIT(FILE) | BIT(NAME) | BIT(LANGUAGE) | BIT(ENABLE) | BIT(DISABLE) | BIT(JSON),
          set_channel, "change one", false },
        { "remove-channel", "ID", 1, 1, BIT(JSON), remove_channel, "remove one", false },
        { "test", "ID", 1, 1, BIT(JSON), test, "send a message, and say what came of it", false },
        { "rules", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), rules,
          "which findings go to which channels", false },
        { "add-rule", "NAME", 1, 1,
          BIT(FILTER) | BIT(CHANNEL) | BIT(THROTTLE) | BIT(LANGUAGE) | BIT(ENABLE) | BIT(DISABLE) |
              BIT(JSON),
          add_rule, "send what the filter selects to channels", false },
        { "set-rule", "ID", 1, 1,
          BIT(NAME) | BIT(FILTER) | BIT(CHANNEL) | BIT(THROTTLE) | BIT(LANGUAGE) | BIT(ENABLE) |
              BIT(DISABLE) | BIT(JSON),
          set_rule, "change one", false },
        { "remove-rule", "ID", 1, 1, BIT(JSON), remove_rule, "remove one", false },
        { "deliveries", NULL, 0, 0,
          BIT(STATE) | BIT(CHANNEL) | BIT(FINDING) | BIT(LIMIT_OPTION) | BIT(JSON), deliveries,
          "what was sent, waits, or was given up (--state dead)", false },
        { "retry", "ID...", 1, 1000, BIT(JSON), retry, "try again what was given up", false },
    };
    static const struct client_verb verb = { "Who is told of findings, and what came of it.\n",
                                             actions, sizeof(actions) / sizeof(*actions) };
    return client_main(&verb, argc, argv);
}
