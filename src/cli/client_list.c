/*
 * client_list: what the listing verbs have in common.
 *
 * Pages are asked for until the limit is met or there are no more. With --json the pages are joined to one answer of
 * the server's own form, whose "next" goes on where the limit ended it.
 */
#include "cli/client_list.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define PAGE 100

static int next_page(struct client *client, const struct client_path *base, int64_t wanted,
                     const char *cursor)
{
    struct client_path path = *base;
    char limit[24];
    path.buf.p = path.text;
    snprintf(limit, sizeof(limit), "%" PRId64, wanted < PAGE ? wanted : (int64_t)PAGE);
    client_path_query(&path, "limit", base->whole ? NULL : limit);
    client_path_query(&path, "cursor", cursor);
    return client_get(client, client_path_end(&path));
}

static void join(struct json_object *all, struct json_object *page, int64_t limit)
{
    struct json_object *items = client_member(page, "items");
    for (size_t i = 0; i < client_length(items); i++) {
        if ((int64_t)client_length(all) < limit) {
            json_object_array_add(all, json_object_get(json_object_array_get_idx(items, i)));
        }
    }
}

/* Takes pages into `ret`, which becomes the first page with all items. */
static int gather(struct client *client, const struct client_path *path, int64_t limit,
                  struct json_object **ret)
{
    struct json_object *first = NULL, *all = json_object_new_array();
    char cursor[2048] = "";
    int status = EXIT_OK;
    for (bool more = true; more && status == EXIT_OK;) {
        size_t before = client_length(all);
        status = next_page(client, path, limit - (int64_t)before, *cursor ? cursor : NULL);
        if (status != EXIT_OK) {
            break;
        }
        if (!json_object_is_type(client_member(client->json, "items"), json_type_array)) {
            fputs("hinomi: this is no answer of a Hinomi server\n", stderr);
            status = EXIT_NEGATIVE;
            break;
        }
        join(all, client->json, limit);
        first = first ? first : json_object_get(client->json);
        json_object_object_add(first, "next", json_object_get(client_member(client->json, "next")));
        snprintf(cursor, sizeof(cursor), "%s", client_text(client->json, "next"));
        size_t after = client_length(all);
        more = *cursor && after > before && (int64_t)after < limit;
    }
    if (status == EXIT_OK) {
        json_object_object_add(first, "items", json_object_get(all));
        *ret = json_object_get(first);
    }
    json_object_put(first);
    json_object_put(all);
    return status;
}

static int show(struct json_object *page, const struct column *columns)
{
    struct buf buf;
    struct json_object *items = client_member(page, "items");
    size_t n = client_length(items);
    int64_t total = client_int(page, "total");
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    if (n > 0) {
        client_table(&buf, items, columns, client_terminal());
    }
    int status = client_print(&buf);
    if (n == 0) {
        fputs("none\n", stderr);
    } else if (*client_text(page, "next")) {
        fprintf(stderr, "%zu shown", n);
        fprintf(stderr,
                total > 0 ? ", %" PRId64 " in all; --limit shows more\n"
                          : ", there are more; --limit shows them\n",
                total);
    }
    buf_done(&buf);
    return status;
}

int client_list(struct client *client, const struct client_args *args, struct client_path *path,
                const struct column *columns)
{
    struct json_object *page = NULL;
    int64_t limit = CLIENT_LIMIT;
    if (!client_number(args, CLIENT_LIMIT_OPTION, 1, CLIENT_LIMIT_MAX, &limit)) {
        return EXIT_USAGE;
    }
    int status = gather(client, path, limit, &page);
    if (status == EXIT_OK && path->amend) {
        path->amend(client_member(page, "items"));
    }
    if (status == EXIT_OK) {
        status = client_has(args, CLIENT_JSON) ? client_print_json(page) : show(page, columns);
    }
    json_object_put(page);
    return status;
}

int client_one(struct client *client, const struct client_args *args, const char *path,
               const char *skip)
{
    struct buf buf;
    int status = client_get(client, path);
    if (status != EXIT_OK || client_has(args, CLIENT_JSON)) {
        return status == EXIT_OK ? client_print_json(client->json) : status;
    }
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    client_object(&buf, client->json, skip);
    status = client_print(&buf);
    buf_done(&buf);
    return status;
}

int client_done(struct client *client, const struct client_args *args, const char *format, ...)
{
    if (client_has(args, CLIENT_JSON)) {
        return client->json ? client_print_json(client->json) : EXIT_OK;
    }
    char text[4096];
    struct buf buf;
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    client_visible(&buf, str_of(text), 0);
    buf_putc(&buf, '\n');
    int status = client_print(&buf);
    buf_done(&buf);
    return status;
}

struct json_object *client_body(const struct client_args *args)
{
    int64_t version = 0;
    if (!client_number(args, CLIENT_VERSION, 0, INT64_MAX, &version)) {
        return NULL;
    }
    struct json_object *body = json_object_new_object();
    client_put(body, "comment", args->values[CLIENT_COMMENT]);
    if (client_has(args, CLIENT_VERSION)) {
        json_object_object_add(body, "version", json_object_new_int64(version));
    }
    return body;
}

void client_put(struct json_object *body, const char *key, const char *value)
{
    if (value) {
        json_object_object_add(body, key, json_object_new_string(value));
    }
}

void client_put_words(struct json_object *body, const char *key, char *const *words, int n)
{
    struct json_object *array = json_object_new_array();
    for (int i = 0; i < n; i++) {
        json_object_array_add(array, json_object_new_string(words[i]));
    }
    json_object_object_add(body, key, array);
}

bool client_reason(const struct client_args *args, struct json_object *body)
{
    if (!client_has(args, CLIENT_REASON)) {
        fprintf(stderr, "%s: say why, with --reason\n", args->name);
        return false;
    }
    client_put(body, "reason", args->values[CLIENT_REASON]);
    return true;
}

int client_end(struct client *client, const struct client_args *args, const char *of,
               const char *what)
{
    struct client_path path;
    client_path(&path, of);
    client_path_word(&path, args->words[0]);
    int status = client_send(client, "DELETE", client_path_end(&path), NULL);
    return status == EXIT_OK ? client_done(client, args, "%s %s is over", what, args->words[0])
                             : status;
}

int client_change(struct client *client, const struct client_args *args, const char *of,
                  struct json_object *body)
{
    struct client_path path;
    if (json_object_object_length(body) == 0) {
        fprintf(stderr, "%s: say what is to be changed\n", args->name);
        json_object_put(body);
        return EXIT_USAGE;
    }
    client_path(&path, of);
    client_path_word(&path, args->words[0]);
    return client_send(client, "PATCH", client_path_end(&path), body);
}

int64_t client_now_ms(void)
{
    return (int64_t)(clock_boot_ns() / 1000000);
}

void client_sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}
