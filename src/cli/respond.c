/*
 * respond: orders a response to a finding, and tells what came of those before.
 *
 * The server takes an order at once and an agent does it later. With --wait the finding's responses are asked for until
 * this one is over; it is a negative result when it failed, expired or was not over in time.
 */
#include "cli/respond.h"

#include <inttypes.h>

#define WAIT_S   30
#define PAUSE_MS 200

static const char *path_of(struct client_path *path, const char *id, const char *rest)
{
    client_path(path, "/v1/findings/");
    client_path_word(path, id);
    client_path_text(path, rest);
    return client_path_end(path);
}

static bool is_under_way(struct json_object *response)
{
    const char *state = client_text(response, "state");
    return strcmp(state, "queued") == 0 || strcmp(state, "delivered") == 0;
}

/* Makes what the server says of it the answer of the last call. */
static int wait_for(struct client *client, const char *finding, int64_t id, int64_t seconds)
{
    struct client_path path;
    int64_t began = client_now_ms();
    for (;;) {
        int status = client_get(client, path_of(&path, finding, "/responses"));
        struct json_object *response = client_item(client->json, id);
        if (status != EXIT_OK || !response) {
            return status == EXIT_OK ? EXIT_NEGATIVE : status;
        }
        if (!is_under_way(response) || client_now_ms() - began >= seconds * 1000) {
            json_object_get(response);
            json_object_put(client->json);
            client->json = response;
            return EXIT_OK;
        }
        client_sleep_ms(PAUSE_MS);
    }
}

static int tell(struct client *client, const struct client_args *args)
{
    const char *state = client_text(client->json, "state");
    const char *result = client_text(client->json, "result");
    bool good = strcmp(state, "done") == 0 || !client_has(args, CLIENT_WAIT);
    int status =
        client_done(client, args, "%s: %s%s%s", args->words[1], state, *result ? ": " : "", result);
    return status == EXIT_OK && !good ? EXIT_NEGATIVE : status;
}

int client_respond_order(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int64_t seconds = WAIT_S;
    struct json_object *body = json_object_new_object();
    client_put(body, "action", args->words[1]);
    if (!client_number(args, CLIENT_TIMEOUT, 0, 86400, &seconds) || !client_reason(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    int status = client_send(client, "POST", path_of(&path, args->words[0], "/respond"), body);
    if (status == EXIT_OK && client_has(args, CLIENT_WAIT)) {
        status = wait_for(client, args->words[0], client_int(client->json, "id"), seconds);
    }
    return status == EXIT_OK ? tell(client, args) : status;
}

int respond_list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },       { "ASKED", "created_ms", COLUMN_TIME, false },
        { "ACTION", "action", COLUMN_TEXT, false }, { "STATE", "state", COLUMN_TEXT, false },
        { "RESULT", "result", COLUMN_TEXT, true },  { "AUTHOR", "author", COLUMN_TEXT, false },
        { "REASON", "reason", COLUMN_TEXT, true },  { "TARGET", "target", COLUMN_TEXT, true },
        { "DONE", "done_ms", COLUMN_TIME, false },  { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/findings/");
    client_path_word(&path, args->words[0]);
    client_path_text(&path, "/responses");
    path.whole = true;
    return client_list(client, args, &path, columns);
}
