/*
 * findings: list, look at, triage and export what agents found.
 *
 * `set` changes the findings that are named, or all that a filter selects when their number is what the caller
 * expects.
 */
#include "cli/respond.h"
#include "cli/summarise.h"

#include <inttypes.h>
#include <stdlib.h>

#define QUERY   (BIT(FILTER) | BIT(TEXT) | BIT(FROM) | BIT(TO))
#define IDS_MAX 500

static void query(struct client_path *path, const struct client_args *args)
{
    client_path_query(path, "filter", args->values[CLIENT_FILTER]);
    client_path_query(path, "text", args->values[CLIENT_TEXT]);
    client_path_query(path, "from", args->values[CLIENT_FROM]);
    client_path_query(path, "to", args->values[CLIENT_TO]);
    client_path_query(path, "sort", args->values[CLIENT_SORT]);
}

static int list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "SEVERITY", "severity", COLUMN_BAND, false },
        { "LAST SEEN", "last_seen_ms", COLUMN_TIME, false },
        { "COUNT", "count", COLUMN_NUMBER, false },
        { "STATUS", "status", COLUMN_TEXT, false },
        { "FINDING", "title", COLUMN_TEXT, true },
        { "CONTAINER", "container_name|container_id", COLUMN_TEXT, true },
        { "HOST", "host", COLUMN_TEXT, true },
        { "COMMAND", "proc_cmdline", COLUMN_TEXT, true },
        { "FILE", "file", COLUMN_TEXT, true },
        { "ID", "id", COLUMN_TEXT, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/findings");
    query(&path, args);
    return client_list(client, args, &path, columns);
}

static const char *of_finding(struct client_path *path, const char *id, const char *rest)
{
    client_path(path, "/v1/findings/");
    client_path_word(path, id);
    client_path_text(path, rest);
    return client_path_end(path);
}

static int show(struct client *client, const struct client_args *args)
{
    struct client_path path;
    return client_one(client, args, of_finding(&path, args->words[0], ""), "first_alert key");
}

static int alerts(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "TIME", "time", COLUMN_TEXT, false },
        { "PRIORITY", "priority", COLUMN_TEXT, false },
        { "RULE", "rule", COLUMN_TEXT, true },
        { "OUTPUT", "output", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/findings/");
    client_path_word(&path, args->words[0]);
    client_path_text(&path, "/alerts");
    client_path_query(&path, "filter", args->values[CLIENT_FILTER]);
    client_path_query(&path, "from", args->values[CLIENT_FROM]);
    client_path_query(&path, "to", args->values[CLIENT_TO]);
    return client_list(client, args, &path, columns);
}

static bool put_change(struct json_object *body, const struct client_args *args)
{
    const char *assignee = args->values[CLIENT_ASSIGNEE];
    if (!args->values[CLIENT_STATUS] && !assignee) {
        fprintf(stderr, "%s: say --status, --assignee, or both\n", args->name);
        return false;
    }
    client_put(body, "status", args->values[CLIENT_STATUS]);
    if (assignee && !*assignee) {
        json_object_object_add(body, "assignee", NULL);
    } else {
        client_put(body, "assignee", assignee);
    }
    return true;
}

/* One finding: only if it is still as it was seen. */
static int set_one(struct client *client, const struct client_args *args, struct json_object *body)
{
    struct client_path path;
    int64_t version = 0;
    if (!client_number(args, CLIENT_VERSION, 1, INT64_MAX, &version)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    if (version) {
        json_object_object_add(body, "version", json_object_new_int64(version));
    }
    int status = client_send(client, "PATCH", of_finding(&path, args->words[0], ""), body);
    return status == EXIT_OK ? client_done(client, args, "%s is %s, version %" PRId64,
                                           args->words[0], client_text(client->json, "status"),
                                           client_int(client->json, "version"))
                             : status;
}

static int set_many(struct client *client, const struct client_args *args, struct json_object *body)
{
    int64_t expected = 0;
    if (args->nwords > 0) {
        client_put_words(body, "ids", args->words, args->nwords);
    } else if (client_number(args, CLIENT_EXPECTED, 0, INT64_MAX, &expected)) {
        client_put(body, "filter", args->values[CLIENT_FILTER]);
        json_object_object_add(body, "expected", json_object_new_int64(expected));
    } else {
        json_object_put(body);
        return EXIT_USAGE;
    }
    int status = client_send(client, "POST", "/v1/findings/bulk", body);
    return status == EXIT_OK ? client_done(client, args, "%" PRId64 " changed",
                                           client_int(client->json, "changed"))
                             : status;
}

static int set(struct client *client, const struct client_args *args)
{
    bool filter = client_has(args, CLIENT_FILTER);
    if (filter == (args->nwords > 0) || filter != client_has(args, CLIENT_EXPECTED)) {
        fprintf(stderr, "%s: name findings, or --filter and --expected\n", args->name);
        return EXIT_USAGE;
    }
    struct json_object *body = json_object_new_object();
    if (!put_change(body, args)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    return args->nwords == 1 ? set_one(client, args, body) : set_many(client, args, body);
}

static int note(struct client *client, const struct client_args *args)
{
    struct client_path path;
    struct json_object *body = json_object_new_object();
    client_put(body, "text", args->words[1]);
    int status = client_send(client, "POST", of_finding(&path, args->words[0], "/notes"), body);
    return status == EXIT_OK ? client_done(client, args, "noted") : status;
}

static int notes(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "TIME", "time_ms", COLUMN_TIME, false },
        { "AUTHOR", "author", COLUMN_TEXT, false },
        { "NOTE", "text", COLUMN_TEXT, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/findings/");
    client_path_word(&path, args->words[0]);
    client_path_text(&path, "/notes");
    path.whole = true;
    return client_list(client, args, &path, columns);
}

static int export(struct client *client, const struct client_args *args)
{
    struct client_path path;
    const char *file = args->values[CLIENT_OUTPUT];
    client_path(&path, "/v1/findings/export");
    query(&path, args);
    client_path_query(&path, "format", args->values[CLIENT_FORMAT]);
    client->sink = file ? fopen(file, "we") : stdout;
    if (!client->sink) {
        fprintf(stderr, "hinomi: %s: %m\n", file);
        return EXIT_NEGATIVE;
    }
    const struct client_call call = { .method = "GET",
                                      .path = client_path_end(&path),
                                      .timeout_s = -1 };
    int status = client_do(client, &call);
    bool lost = file ? fclose(client->sink) != 0 : fflush(stdout) != 0;
    client->sink = NULL;
    if (lost && status == EXIT_OK) {
        fprintf(stderr, "hinomi: %s: %m\n", file ? file : "standard output");
        return EXIT_NEGATIVE;
    }
    return status;
}

static void put_facet(struct buf *buf, struct json_object *facet)
{
    static const struct column columns[] = {
        { "COUNT", "count", COLUMN_NUMBER, false },
        { "VALUE", "value", COLUMN_TEXT, true },
        { 0 },
    };
    buf_putz(buf, buf->n ? "\n" : "");
    client_visible(buf, str_of(client_text(facet, "name")), 0);
    buf_putc(buf, '\n');
    client_table(buf, client_member(facet, "values"), columns, client_terminal());
    if (client_int(facet, "rest") > 0) {
        buf_printf(buf, "%5" PRId64 "  in others\n", client_int(facet, "rest"));
    }
}

static int facets(struct client *client, const struct client_args *args)
{
    struct client_path path;
    struct buf buf;
    client_path(&path, "/v1/findings/facets");
    query(&path, args);
    client_path_query(&path, "facets", args->values[CLIENT_FACETS]);
    int status = client_get(client, client_path_end(&path));
    if (status != EXIT_OK || client_has(args, CLIENT_JSON)) {
        return status == EXIT_OK ? client_print_json(client->json) : status;
    }
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    struct json_object *all = client_member(client->json, "facets");
    all = all ? all : client_member(client->json, "items");
    for (size_t i = 0; i < client_length(all); i++) {
        put_facet(&buf, json_object_array_get_idx(all, i));
    }
    status = client_print(&buf);
    buf_done(&buf);
    return status;
}

static int fields(struct client *client, const struct client_args *args)
{
    return client_one(client, args, "/v1/fields", NULL);
}

int cli_findings(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, QUERY | BIT(SORT) | BIT(LIMIT_OPTION) | BIT(JSON), list,
          "the newest first", false },
        { "show", "ID", 1, 1, BIT(JSON), show, "all of one, with its newest alert", false },
        { "alerts", "ID", 1, 1, BIT(FILTER) | BIT(FROM) | BIT(TO) | BIT(LIMIT_OPTION) | BIT(JSON),
          alerts, "the alerts of one", false },
        { "set", "[ID...]", 0, IDS_MAX,
          BIT(STATUS) | BIT(ASSIGNEE) | BIT(VERSION) | BIT(FILTER) | BIT(EXPECTED) | BIT(JSON), set,
          "change status or assignee", false },
        { "note", "ID TEXT", 2, 2, BIT(JSON), note, "write a note at one", false },
        { "notes", "ID", 1, 1, BIT(JSON), notes, "read them", false },
        { "respond", "ID ACTION", 2, 2, BIT(REASON) | BIT(WAIT) | BIT(TIMEOUT) | BIT(JSON),
          client_respond_order, "kill, stop, pause, capture or stop_task", false },
        { "responses", "ID", 1, 1, BIT(JSON), respond_list, "what was done, and what came of it",
          false },
        { "report", "ID", 1, 1, BIT(LANGUAGE) | BIT(JSON), summarise_report,
          "one in sentences, from what is known alone", false },
        { "summarise", "ID", 1, 1, BIT(LANGUAGE) | BIT(PREVIEW) | BIT(TIMEOUT) | BIT(JSON),
          summarise_ask, "the same, and what a language model says of it (where that is on)",
          false },
        { "export", NULL, 0, 0, QUERY | BIT(SORT) | BIT(FORMAT) | BIT(OUTPUT), export,
          "all of them as CSV, NDJSON or Falco's JSON", false },
        { "facets", NULL, 0, 0, QUERY | BIT(FACETS) | BIT(JSON), facets,
          "how many have which value", false },
        { "fields", NULL, 0, 0, BIT(JSON), fields, "fields and operators of filters", false },
    };
    static const struct client_verb verb = {
        "What agents found, folded: alerts of one rule in one container by one "
        "program.\n",
        actions, sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}
