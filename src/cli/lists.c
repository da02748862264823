/*
 * lists: the server's lists, by item: append, remove, import.
 *
 * An appended item reaches agents alone, in well under a second; --wait says when it is in force.
 */
#include "cli/content.h"

#include <inttypes.h>

#define LISTS     "lists"
#define ITEMS_MAX 10000

static int list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "LIST", "name", COLUMN_TEXT, true },
        { "ORIGIN", "origin", COLUMN_TEXT, false },
        { "CHANGED", "overridden", COLUMN_TEXT, false },
        { "ITEMS", "text_items", COLUMN_NUMBER, false },
        { 0 },
    };
    return content_listed(client, args, LISTS, columns);
}

static int show(struct client *client, const struct client_args *args)
{
    return content_show(client, args, LISTS);
}

static int items(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ITEM", "item", COLUMN_TEXT, true },      { "ORIGIN", "origin", COLUMN_TEXT, false },
        { "AUTHOR", "author", COLUMN_TEXT, false }, { "TIME", "time_ms", COLUMN_TIME, false },
        { "NOTE", "note", COLUMN_TEXT, true },      { 0 },
    };
    struct client_path path;
    content_path(&path, LISTS, args->words[0], "/items");
    path.buf.n--; /* the NUL */
    client_path_query(&path, "search", args->values[CLIENT_SEARCH]);
    return client_list(client, args, &path, columns);
}

static int versions(struct client *client, const struct client_args *args)
{
    return content_versions(client, args, LISTS);
}

static int usage(struct client *client, const struct client_args *args)
{
    return content_usage(client, args, LISTS);
}

static int revert(struct client *client, const struct client_args *args)
{
    return content_revert(client, args, LISTS);
}

static int delete (struct client *client, const struct client_args *args)
{
    return content_delete(client, args, LISTS);
}

static int change(struct client *client, const struct client_args *args, const char *rest)
{
    struct client_path path;
    char what[64];
    struct json_object *body = client_body(args);
    if (!body) {
        return EXIT_USAGE;
    }
    client_put_words(body, "items", args->words + 1, args->nwords - 1);
    client_put(body, "note", args->values[CLIENT_NOTE]);
    int status =
        client_send(client, "POST", content_path(&path, LISTS, args->words[0], rest), body);
    snprintf(what, sizeof(what), "%" PRId64 " changed, %" PRId64 " were so already",
             client_int(client->json, "changed"), client_int(client->json, "unchanged"));
    return status == EXIT_OK ? content_saved(client, args, what) : status;
}

static int append(struct client *client, const struct client_args *args)
{
    return change(client, args, "/append");
}

static int take_out(struct client *client, const struct client_args *args)
{
    return change(client, args, "/remove");
}

static int create(struct client *client, const struct client_args *args)
{
    struct json_object *body = client_body(args);
    if (!body) {
        return EXIT_USAGE;
    }
    client_put(body, "name", args->words[0]);
    client_put_words(body, "items", args->words + 1, args->nwords - 1);
    int status = client_send(client, "POST", "/v1/lists", body);
    return status == EXIT_OK ? content_saved(client, args, args->words[0]) : status;
}

static void import_query(struct client_path *path, const struct client_args *args)
{
    static const struct {
        const char *key;
        enum client_option option;
    } queries[] = { { "format", CLIENT_FORMAT },   { "kind", CLIENT_KIND },
                    { "column", CLIENT_COLUMN },   { "mode", CLIENT_MODE },
                    { "invalid", CLIENT_INVALID }, { "comment", CLIENT_COMMENT } };
    for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        client_path_query(path, queries[i].key, args->values[queries[i].option]);
    }
    client_path_query(path, "header", client_has(args, CLIENT_HEADER) ? "true" : NULL);
}

static int import(struct client *client, const struct client_args *args)
{
    struct client_path path;
    struct buf text;
    char what[200];
    buf_init(&text, CLIENT_FILE_MAX);
    content_path(&path, LISTS, args->words[0], "/import");
    path.buf.n--; /* the NUL */
    import_query(&path, args);
    int status = client_file(args->words[1], &text);
    const struct client_call call = { .method = "POST",
                                      .path = client_path_end(&path),
                                      .body = buf_str(&text),
                                      .type = "text/plain",
                                      .timeout_s = 600 };
    status = status == EXIT_OK ? client_do(client, &call) : status;
    buf_done(&text);
    if (status != EXIT_OK) {
        return status;
    }
    snprintf(what, sizeof(what),
             "%" PRId64 " lines: %" PRId64 " added, %" PRId64 " duplicates, %" PRId64
             " comments, %" PRId64 " invalid",
             client_int(client->json, "lines"), client_int(client->json, "added"),
             client_int(client->json, "duplicates"), client_int(client->json, "comments"),
             client_int(client->json, "invalid"));
    return content_saved(client, args, what);
}

int cli_lists(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(SEARCH) | BIT(LIMIT_OPTION) | BIT(JSON), list, "all of them",
          false },
        { "show", "NAME", 1, 1, BIT(JSON), show, "one, with what was changed of it", false },
        { "items", "NAME", 1, 1, BIT(SEARCH) | BIT(LIMIT_OPTION) | BIT(JSON), items, "its items",
          false },
        { "create", "NAME [ITEM...]", 1, ITEMS_MAX, CONTENT_CHANGE, create, "a list of your own",
          false },
        { "append", "NAME ITEM...", 2, ITEMS_MAX, CONTENT_CHANGE | BIT(NOTE), append,
          "items that count from now on", false },
        { "remove", "NAME ITEM...", 2, ITEMS_MAX, CONTENT_CHANGE | BIT(NOTE), take_out,
          "items that no longer count", false },
        { "import", "NAME FILE", 2, 2,
          CONTENT_WAITS | BIT(COMMENT) | BIT(JSON) | BIT(FORMAT) | BIT(KIND) | BIT(COLUMN) |
              BIT(HEADER) | BIT(MODE) | BIT(INVALID),
          import, "items of a file, one a line or CSV; -: standard input", false },
        { "revert", "NAME", 1, 1, CONTENT_CHANGE | BIT(REVERT), revert, "as it was", false },
        { "versions", "NAME", 1, 1, BIT(LIMIT_OPTION) | BIT(JSON), versions, "who changed it when",
          false },
        { "usage", "NAME", 1, 1, BIT(JSON), usage, "what uses it", false },
        { "delete", "NAME", 1, 1, CONTENT_WAITS | BIT(JSON), delete,
          "remove it, or what was changed of a managed one", false },
    };
    static const struct client_verb verb = {
        "The server's lists, which rules compare with. An item may begin with a dash "
        "after `--`.\n",
        actions, sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}
