/*
 * summarise: a finding in sentences: what is known of it, and on demand what a language model says.
 *
 * The server takes the question at once and answers later: its summaries are asked for until this one is over. What
 * needs no model is always shown first, and the model's words are marked for what they are.
 */
#include "cli/summarise.h"

#include <inttypes.h>
#include <stdlib.h>

#define WAIT_S   180
#define PAUSE_MS 200

static const char *path_of(struct client_path *path, const struct client_args *args,
                           const char *rest)
{
    client_path(path, "/v1/findings/");
    client_path_word(path, args->words[0]);
    client_path_text(path, rest);
    return client_path_end(path);
}

static const char *path_in(struct client_path *path, const struct client_args *args,
                           const char *rest)
{
    client_path(path, "/v1/findings/");
    client_path_word(path, args->words[0]);
    client_path_text(path, rest);
    client_path_query(path, "language", args->values[CLIENT_LANGUAGE]);
    return client_path_end(path);
}

static void put_line(struct buf *buf, const char *before, const char *text)
{
    buf_putz(buf, before);
    client_visible(buf, str_of(text), 0);
    buf_putc(buf, '\n');
}

static void put_list(struct buf *buf, struct json_object *list)
{
    for (size_t i = 0; i < client_length(list); i++) {
        put_line(buf, "  - ", json_object_get_string(json_object_array_get_idx(list, i)));
    }
}

/* ---- the report */

static void put_section(struct buf *buf, const char *title, struct json_object *list)
{
    if (client_length(list) > 0) {
        buf_printf(buf, "\n%s\n", title);
        put_list(buf, list);
    }
}

static void put_report(struct buf *buf, struct json_object *report)
{
    put_line(buf, "", client_text(report, "title"));
    put_line(buf, "", client_text(report, "summary"));
    if (*client_text(report, "why")) {
        put_line(buf, "", client_text(report, "why"));
    }
    put_section(buf, "Known", client_member(report, "details"));
    put_section(buf, "Check", client_member(report, "next"));
    put_section(buf, "Respond", client_member(report, "respond"));
}

int summarise_report(struct client *client, const struct client_args *args)
{
    struct client_path path;
    struct buf buf;
    int status = client_get(client, path_in(&path, args, "/report"));
    if (status != EXIT_OK || client_has(args, CLIENT_JSON)) {
        return status == EXIT_OK ? client_print_json(client->json) : status;
    }
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    put_report(&buf, client->json);
    status = client_print(&buf);
    buf_done(&buf);
    return status;
}

/* ---- what would be sent */

static void put_fact(struct buf *buf, struct json_object *fact)
{
    bool cut = json_object_get_boolean(client_member(fact, "cut"));
    buf_putz(buf, "  ");
    client_visible(buf, str_of(client_text(fact, "id")), 0);
    buf_putz(buf, ": ");
    client_visible(buf, str_of(client_text(fact, "value")), 0);
    buf_putz(buf, cut ? "…\n" : "\n");
}

static int preview(struct client *client, const struct client_args *args)
{
    struct client_path path;
    struct buf buf;
    int status = client_get(client, path_in(&path, args, "/summaries/preview"));
    if (status != EXIT_OK || client_has(args, CLIENT_JSON)) {
        return status == EXIT_OK ? client_print_json(client->json) : status;
    }
    struct json_object *facts = client_member(client->json, "facts");
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    if (json_object_get_boolean(client_member(client->json, "enabled"))) {
        buf_putz(&buf, "What would be sent to ");
        client_visible(&buf, str_of(client_text(client->json, "model")), 0);
        buf_putz(&buf, " at ");
        client_visible(&buf, str_of(client_text(client->json, "host")), 0);
        buf_putz(&buf, ", beside the instructions (--json):\n");
    } else {
        buf_putz(&buf, "Summaries are off: nothing is sent. These facts would be:\n");
    }
    for (size_t i = 0; i < client_length(facts); i++) {
        put_fact(&buf, json_object_array_get_idx(facts, i));
    }
    status = client_print(&buf);
    buf_done(&buf);
    return status;
}

/* ---- asking */

/* Makes the summary, as it is then, the answer of the last call. */
static int wait_for(struct client *client, const struct client_args *args, int64_t id,
                    int64_t seconds)
{
    struct client_path path;
    int64_t began = client_now_ms();
    for (;;) {
        int status = client_get(client, path_of(&path, args, "/summaries"));
        struct json_object *summary = client_item(client->json, id);
        if (status != EXIT_OK || !summary) {
            return status == EXIT_OK ? EXIT_NEGATIVE : status;
        }
        if (strcmp(client_text(summary, "state"), "queued") != 0 ||
            client_now_ms() - began >= seconds * 1000) {
            json_object_get(summary);
            json_object_put(client->json);
            client->json = summary;
            return EXIT_OK;
        }
        client_sleep_ms(PAUSE_MS);
    }
}

static void put_claim(struct buf *buf, struct json_object *claim)
{
    struct json_object *fields = client_member(claim, "fields");
    buf_putz(buf, "  - ");
    client_visible(buf, str_of(client_text(claim, "text")), 0);
    buf_putz(buf, " [");
    for (size_t i = 0; i < client_length(fields); i++) {
        buf_putz(buf, i ? ", " : "");
        client_visible(buf, str_of(client_text(json_object_array_get_idx(fields, i), "id")), 0);
    }
    buf_putz(buf, "]\n");
}

static void put_answer(struct buf *buf, struct json_object *summary)
{
    struct json_object *answer = client_member(summary, "answer");
    struct json_object *claims = client_member(answer, "claims");
    buf_putz(buf, "\nA language model says (");
    client_visible(buf, str_of(client_text(summary, "model")), 0);
    buf_putz(buf, ", unverified)\n");
    put_line(buf, "  ", client_text(answer, "summary"));
    for (size_t i = 0; i < client_length(claims); i++) {
        put_claim(buf, json_object_array_get_idx(claims, i));
    }
    put_section(buf, "It would look next at", client_member(answer, "steps"));
}

static int tell(struct client *client, const struct client_args *args)
{
    const char *state = client_text(client->json, "state");
    struct buf buf;
    if (client_has(args, CLIENT_JSON)) {
        int status = client_print_json(client->json);
        return status == EXIT_OK && strcmp(state, "done") != 0 ? EXIT_NEGATIVE : status;
    }
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    if (strcmp(state, "done") != 0) {
        const char *error = client_text(client->json, "error");
        client_visible(&buf, str_of(*error ? error : "not yet answered"), 0);
        fprintf(stderr, "hinomi: %.*s\n", STR_ARG(buf_str(&buf)));
        buf_done(&buf);
        return EXIT_NEGATIVE;
    }
    put_answer(&buf, client->json);
    int status = client_print(&buf);
    buf_done(&buf);
    return status;
}

int summarise_ask(struct client *client, const struct client_args *args)
{
    struct client_path path;
    int64_t seconds = WAIT_S;
    if (client_has(args, CLIENT_PREVIEW)) {
        return preview(client, args);
    }
    if (!client_number(args, CLIENT_TIMEOUT, 0, 86400, &seconds)) {
        return EXIT_USAGE;
    }
    int status = client_has(args, CLIENT_JSON) ? EXIT_OK : summarise_report(client, args);
    if (status != EXIT_OK) {
        return status;
    }
    struct json_object *body = json_object_new_object();
    client_put(body, "language", args->values[CLIENT_LANGUAGE]);
    status = client_send(client, "POST", path_of(&path, args, "/summaries"), body);
    status = status == EXIT_OK ? wait_for(client, args, client_int(client->json, "id"), seconds)
                               : status;
    return status == EXIT_OK ? tell(client, args) : status;
}
