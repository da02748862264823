/*
 * suppressions, filters: filters that the server keeps: those that suppress what arrives, and those that people look
 * through.
 */
#include "cli/client_list.h"

#include <inttypes.h>

static bool needs_filter(const struct client_args *args)
{
    if (!client_has(args, CLIENT_FILTER)) {
        fprintf(stderr, "%s: say what it selects, with --filter\n", args->name);
    }
    return client_has(args, CLIENT_FILTER);
}

/* ---- suppressions */

static int suppressions_list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "FILTER", "filter", COLUMN_TEXT, true },
        { "ALERTS", "hits", COLUMN_NUMBER, false },
        { "LAST", "last_hit_ms", COLUMN_TIME, false },
        { "REASON", "reason", COLUMN_TEXT, true },
        { "AUTHOR", "author", COLUMN_TEXT, false },
        { "UNTIL", "expires_ms", COLUMN_TIME, false },
        { "ERROR", "error", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/suppressions");
    path.whole = true;
    return client_list(client, args, &path, columns);
}

static int suppressions_add(struct client *client, const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    if (!needs_filter(args) || !client_reason(args, body) || !client_expiry(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    client_put(body, "name", args->words[0]);
    client_put(body, "filter", args->values[CLIENT_FILTER]);
    if (client_has(args, CLIENT_EXISTING)) {
        json_object_object_add(body, "existing", json_object_new_boolean(true));
    }
    int status = client_send(client, "POST", "/v1/suppressions", body);
    return status == EXIT_OK
               ? client_done(client, args,
                             "suppression %" PRId64 ", %" PRId64 " findings that were there",
                             client_int(client->json, "id"), client_int(client->json, "changed"))
               : status;
}

static int suppressions_set(struct client *client, const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    if (!client_expiry(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    client_put(body, "name", args->values[CLIENT_NAME]);
    client_put(body, "filter", args->values[CLIENT_FILTER]);
    client_put(body, "reason", args->values[CLIENT_REASON]);
    int status = client_change(client, args, "/v1/suppressions/", body);
    return status == EXIT_OK
               ? client_done(client, args, "suppression %s is changed", args->words[0])
               : status;
}

static int suppressions_end(struct client *client, const struct client_args *args)
{
    return client_end(client, args, "/v1/suppressions/", "suppression");
}

int cli_suppressions(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), suppressions_list, "all of them",
          false },
        { "add", "NAME", 1, 1, BIT(FILTER) | BIT(REASON) | BIT(EXPIRES) | BIT(EXISTING) | BIT(JSON),
          suppressions_add, "suppress what the filter selects", false },
        { "set", "ID", 1, 1, BIT(NAME) | BIT(FILTER) | BIT(REASON) | BIT(EXPIRES) | BIT(JSON),
          suppressions_set, "change one", false },
        { "end", "ID", 1, 1, BIT(JSON), suppressions_end, "suppress it no more", false },
    };
    static const struct client_verb verb = {
        "What is suppressed as it arrives: kept and counted, with status suppressed.\n", actions,
        sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}

/* ---- filters */

static int filters_list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "FILTER", "filter", COLUMN_TEXT, true },
        { "SHARED", "shared", COLUMN_TEXT, false },
        { "DEFAULT", "default", COLUMN_TEXT, false },
        { "OWNER", "owner", COLUMN_TEXT, false },
        { "CHANGED", "updated_ms", COLUMN_TIME, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/filters");
    path.whole = true;
    return client_list(client, args, &path, columns);
}

static bool put_filter(const struct client_args *args, struct json_object *body)
{
    bool shared = client_has(args, CLIENT_SHARED), private = client_has(args, CLIENT_PRIVATE);
    if (shared && private) {
        fprintf(stderr, "%s: --shared or --private, not both\n", args->name);
        return false;
    }
    client_put(body, "filter", args->values[CLIENT_FILTER]);
    if (shared || private) {
        json_object_object_add(body, "shared", json_object_new_boolean(shared));
    }
    if (client_has(args, CLIENT_DEFAULT)) {
        json_object_object_add(body, "default", json_object_new_boolean(true));
    }
    return true;
}

static int kept(struct client *client, const struct client_args *args, int status)
{
    return status == EXIT_OK
               ? client_done(client, args, "filter %" PRId64 ", %s", client_int(client->json, "id"),
                             client_text(client->json, "name"))
               : status;
}

static int filters_add(struct client *client, const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    client_put(body, "name", args->words[0]);
    if (!needs_filter(args) || !put_filter(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    return kept(client, args, client_send(client, "POST", "/v1/filters", body));
}

static int filters_set(struct client *client, const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    client_put(body, "name", args->values[CLIENT_NAME]);
    if (!put_filter(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    return kept(client, args, client_change(client, args, "/v1/filters/", body));
}

static int filters_delete(struct client *client, const struct client_args *args)
{
    return client_end(client, args, "/v1/filters/", "filter");
}

int cli_filters(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), filters_list,
          "one's own, and what others share", false },
        { "add", "NAME", 1, 1, BIT(FILTER) | BIT(SHARED) | BIT(PRIVATE) | BIT(DEFAULT) | BIT(JSON),
          filters_add, "keep a filter", false },
        { "set", "ID", 1, 1,
          BIT(NAME) | BIT(FILTER) | BIT(SHARED) | BIT(PRIVATE) | BIT(DEFAULT) | BIT(JSON),
          filters_set, "change one of one's own", false },
        { "delete", "ID", 1, 1, BIT(JSON), filters_delete, "keep it no longer", false },
    };
    static const struct client_verb verb = { "Filters of findings that are kept under a name.\n",
                                             actions, sizeof(actions) / sizeof(*actions) };
    return client_main(&verb, argc, argv);
}
