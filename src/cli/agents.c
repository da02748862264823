/*
 * agents, coverage: who watches, whether it is well, and how others come to be enrolled.
 */
#include "cli/client_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static const char *path_of(struct client_path *path, const char *id, const char *rest)
{
    client_path(path, "/v1/agents/");
    client_path_word(path, id);
    client_path_text(path, rest);
    return client_path_end(path);
}

static int list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_TEXT, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "STATE", "state", COLUMN_TEXT, false },
        { "HEALTH", "health.state", COLUMN_TEXT, false },
        { "SENSOR", "sensor", COLUMN_TEXT, false },
        { "CLUSTER", "cluster", COLUMN_TEXT, true },
        { "HOST", "hostname", COLUMN_TEXT, true },
        { "VERSION", "version", COLUMN_TEXT, false },
        { "SEEN", "seen_ms", COLUMN_TIME, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/agents");
    client_path_query(&path, "state", args->values[CLIENT_STATE]);
    return client_list(client, args, &path, columns);
}

static int show(struct client *client, const struct client_args *args)
{
    struct client_path path;
    return client_one(client, args, path_of(&path, args->words[0], ""), NULL);
}

/* 90m, 12h, 30d: so many milliseconds; 0 when it is none. */
static int64_t duration_ms(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    int64_t unit = *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
    return n > 0 && n < 100000 && unit && !end[1] ? n * unit * 1000 : 0;
}

bool client_expiry(const struct client_args *args, struct json_object *body)
{
    const char *text = args->values[CLIENT_EXPIRES];
    bool never = text && strcmp(text, "never") == 0;
    int64_t ms = text && !never ? duration_ms(text) : 0;
    if (text && !ms && !never) {
        fprintf(stderr, "%s: --expires is a number with m, h or d, or never, not %s\n", args->name,
                text);
        return false;
    }
    if (never) {
        json_object_object_add(body, "expires_ms", NULL);
    }
    if (ms) {
        json_object_object_add(body, "expires_ms",
                               json_object_new_int64((int64_t)time(NULL) * 1000 + ms));
    }
    return true;
}

static int show_token(struct client *client, const struct client_args *args)
{
    struct buf buf;
    if (client_has(args, CLIENT_JSON)) {
        return client_print_json(client->json);
    }
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    buf_printf(&buf, "Enrolment token %" PRId64 ", for %" PRId64 " agents, until ",
               client_int(client->json, "id"), client_int(client->json, "max_uses"));
    client_time(&buf, client_int(client->json, "expires_ms"));
    buf_putz(&buf, ". It is shown this once:\n\n    ");
    client_visible(&buf, str_of(client_text(client->json, "token")), 0);
    if (*client_text(client->json, "ca_sha256")) {
        buf_putz(&buf, "\n\nSHA-256 of the server's CA:\n\n    ");
        client_visible(&buf, str_of(client_text(client->json, "ca_sha256")), 0);
    }
    buf_putz(&buf, "\n\nOn the machine to be watched:\n\n    ");
    client_visible(&buf, str_of(client_text(client->json, "command")), 0);
    buf_putz(&buf, "\n");
    int status = client_print(&buf);
    buf_done(&buf);
    return status;
}

static int enrol(struct client *client, const struct client_args *args)
{
    int64_t uses = 1;
    struct json_object *body = json_object_new_object();
    if (!client_number(args, CLIENT_USES, 0, 100000, &uses) || !client_expiry(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    client_put(body, "name", args->nwords ? args->words[0] : "command line");
    client_put(body, "cluster", args->values[CLIENT_CLUSTER]);
    json_object_object_add(body, "max_uses", json_object_new_int64(uses));
    int status = client_send(client, "POST", "/v1/enrolments", body);
    return status == EXIT_OK ? show_token(client, args) : status;
}

static int enrolments(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "NAME", "name", COLUMN_TEXT, true },
        { "STATE", "state", COLUMN_TEXT, false },
        { "USES", "uses", COLUMN_NUMBER, false },
        { "OF", "max_uses", COLUMN_NUMBER, false },
        { "CLUSTER", "cluster", COLUMN_TEXT, true },
        { "MAKER", "maker", COLUMN_TEXT, false },
        { "EXPIRES", "expires_ms", COLUMN_TIME, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/enrolments");
    return client_list(client, args, &path, columns);
}

static int withdraw(struct client *client, const struct client_args *args)
{
    struct client_path path;
    client_path(&path, "/v1/enrolments/");
    client_path_word(&path, args->words[0]);
    int status = client_send(client, "DELETE", client_path_end(&path), NULL);
    return status == EXIT_OK
               ? client_done(client, args, "enrolment token %s no longer counts", args->words[0])
               : status;
}

static int revoke(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int status = client_send(client, "POST", path_of(&path, args->words[0], "/revoke"), NULL);
    return status == EXIT_OK ? client_done(client, args, "%s is revoked", args->words[0]) : status;
}

static int accept(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int status = client_send(client, "POST", path_of(&path, args->words[0], "/accept"), NULL);
    return status == EXIT_OK ? client_done(client, args, "%s is accepted", args->words[0]) : status;
}

static int delete (struct client *client, const struct client_args *args)
{
    struct client_path path;
    int status = client_send(client, "DELETE", path_of(&path, args->words[0], ""), NULL);
    return status == EXIT_OK ? client_done(client, args, "%s is deleted", args->words[0]) : status;
}

int cli_agents(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(STATE) | BIT(LIMIT_OPTION) | BIT(JSON), list, "all of them",
          false },
        { "show", "ID", 1, 1, BIT(JSON), show, "all of one", false },
        { "enrol", "[NAME]", 0, 1, BIT(CLUSTER) | BIT(USES) | BIT(EXPIRES) | BIT(JSON), enrol,
          "a token for new agents, with the command to copy", false },
        { "enrolments", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), enrolments, "such tokens",
          false },
        { "withdraw", "TOKEN", 1, 1, BIT(JSON), withdraw,
          "such a token (its number) no longer counts", false },
        { "revoke", "ID", 1, 1, BIT(JSON), revoke, "its credential no longer counts", false },
        { "accept", "ID", 1, 1, BIT(JSON), accept, "one that was taken for cloned counts again",
          false },
        { "delete", "ID", 1, 1, BIT(JSON), delete, "a revoked one is forgotten", false },
    };
    static const struct client_verb verb = {
        "The agents that report to the server, and how new ones are enrolled.\n", actions,
        sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}

/* ---- coverage */

/* "text" of each reason becomes one text, for the table. */
static int covered(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "AGENT", "agent", COLUMN_TEXT, false },
        { "STATE", "state", COLUMN_TEXT, false },
        { "WATCHED", "watched_containers", COLUMN_NUMBER, false },
        { "UNWATCHED", "unwatched_containers", COLUMN_NUMBER, false },
        { "RULES", "heartbeat.rules", COLUMN_NUMBER, false },
        { "VERSION", "heartbeat.bundle.version", COLUMN_NUMBER, false },
        { "HEARD", "received_ms", COLUMN_TIME, false },
        { "SENSOR", "heartbeat.sensor", COLUMN_TEXT, true },
        { "REASONS", "reasons", COLUMN_REASONS, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/coverage");
    client_path_query(&path, "state", args->values[CLIENT_STATE]);
    return client_list(client, args, &path, columns);
}

static int gaps(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "FROM", "from_ms", COLUMN_TIME, false },
        { "TO", "to_ms", COLUMN_TIME, false },
        { "KIND", "kind", COLUMN_TEXT, false },
        { "COUNT", "count", COLUMN_NUMBER, false },
        { "AGENT", "agent", COLUMN_TEXT, false },
        { "WHY", "why", COLUMN_TEXT, true },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/gaps");
    return client_list(client, args, &path, columns);
}

static int stats(struct client *client, const struct client_args *args)
{
    return client_one(client, args, "/v1/stats", NULL);
}

int cli_coverage(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(STATE) | BIT(LIMIT_OPTION) | BIT(JSON), covered,
          "each agent, and what ails it", false },
        { "gaps", NULL, 0, 0, BIT(LIMIT_OPTION) | BIT(JSON), gaps, "what is known to be missing",
          false },
        { "stats", NULL, 0, 0, BIT(JSON), stats, "how much was stored and lost", false },
    };
    static const struct client_verb verb = { "What is watched, what is not, and why.\n", actions,
                                             sizeof(actions) / sizeof(*actions) };
    return client_main(&verb, argc, argv);
}
