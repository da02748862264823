/*
 * events: what happens on the server as it happens, by server-sent events.
 *
 * The stream is cut into lines as it comes; an event is shown when its empty line has come. The server ends a stream
 * after some minutes: it is asked for again from where it ended.
 */
#include "cli/client_list.h"

#include <inttypes.h>
#include <time.h>

#define EVENT_MAX ((size_t)1 << 20)
#define AGAIN_MS  500
#define TRIES     20

struct follower {
    const struct client_args *args;
    struct buf line, data, out;
    char event[64];
    int64_t left; /* events still to be shown; -1: any number */
    int status;
};

static void show(struct follower *f)
{
    struct json_object *json;
    buf_putc(&f->data, '\0');
    json = json_tokener_parse(f->data.p);
    if (client_has(f->args, CLIENT_JSON)) {
        struct json_object *whole = json_object_new_object();
        client_put(whole, "event", f->event);
        json_object_object_add(whole, "data", json);
        f->status = client_print_json(whole);
        json_object_put(whole);
        return;
    }
    client_time(&f->out, (int64_t)time(NULL) * 1000);
    buf_putz(&f->out, "  ");
    client_visible(&f->out, str_of(f->event), 0);
    json_object_object_foreach(json ? json : json_object_new_object(), key, value)
    {
        buf_putc(&f->out, ' ');
        client_visible(&f->out, str_of(key), 0);
        buf_putc(&f->out, '=');
        const char *text = json_object_is_type(value, json_type_string)
                               ? json_object_get_string(value)
                               : json_object_to_json_string_ext(value, 0);
        client_visible(&f->out, str_of(text), 200);
    }
    buf_putc(&f->out, '\n');
    f->status = client_print(&f->out);
    json_object_put(json);
}

static void take_line(struct follower *f)
{
    struct str line = f->line.p ? buf_str(&f->line) : STR("");
    if (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    if (str_starts(line, STR("event: "))) {
        snprintf(f->event, sizeof(f->event), "%.*s", STR_ARG(str_from_offset(line, 7)));
    } else if (str_starts(line, STR("data: "))) {
        buf_puts(&f->data, str_from_offset(line, 6));
    } else if (line.n == 0) {
        if (f->data.n > 0 && f->left != 0) {
            f->left -= f->left > 0;
            show(f);
        }
        buf_clear(&f->data);
        f->event[0] = '\0';
    }
}

static int on_data(void *data, struct str part)
{
    struct follower *f = data;
    for (size_t i = 0; i < part.n; i++) {
        if (part.p[i] != '\n') {
            buf_putc(&f->line, part.p[i]);
            continue;
        }
        take_line(f);
        buf_clear(&f->line);
        if (f->left == 0 || f->status != EXIT_OK) {
            return 1;
        }
    }
    return 0;
}

static int follow(struct client *client, const struct client_args *args)
{
    struct follower f = { .args = args, .left = -1 };
    if (!client_number(args, CLIENT_COUNT, 1, INT64_MAX, &f.left)) {
        return EXIT_USAGE;
    }
    buf_init(&f.line, EVENT_MAX);
    buf_init(&f.data, EVENT_MAX);
    buf_init(&f.out, EVENT_MAX * 8);
    const struct client_call call = {
        .method = "GET", .path = "/v1/events", .on_data = on_data, .data = &f, .timeout_s = -1
    };
    int status = EXIT_OK;
    for (int tries = 0; status == EXIT_OK && f.status == EXIT_OK && f.left != 0 && tries < TRIES;
         tries++) {
        int64_t began = client_now_ms();
        status = client_do(client, &call);
        tries = client_now_ms() - began > 10000 ? -1 : tries;
        if (f.left != 0 && status == EXIT_OK) {
            client_sleep_ms(AGAIN_MS);
        }
    }
    buf_done(&f.line);
    buf_done(&f.data);
    buf_done(&f.out);
    return status == EXIT_OK ? f.status : status;
}

int cli_events(int argc, char **argv)
{
    static const struct client_action actions[] = { { NULL, NULL, 0, 0, BIT(COUNT) | BIT(JSON),
                                                      follow, NULL, false } };
    static const struct client_verb verb = { "Shows what happens on the server as it happens: "
                                             "findings that are new or grow, agents, content. One\n"
                                             "line each, until it is interrupted.\n",
                                             actions, 1 };
    return client_main(&verb, argc, argv);
}
