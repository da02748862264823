/*
 * uplink_orders: {"agent":ID,"orders":[{"id","kind","container","pid","start_ns","finding","expires_ms"}]}.
 *
 * The number is kept before an order is done: one that was lost to a crash is better than one done twice.
 */
#include "agent/uplink_orders.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 8

static void path_of(const char *dir, char ret[512])
{
    snprintf(ret, 512, "%s/orders", dir);
}

uint64_t orders_last(const char *dir)
{
    char path[512], storage[32];
    struct buf text;
    path_of(dir, path);
    buf_init_fixed(&text, storage, sizeof(storage) - 1);
    if (file_read(path, &text, NULL) < 0) {
        return 0;
    }
    storage[text.n] = '\0';
    return strtoull(storage, NULL, 10);
}

static bool keep(const char *dir, uint64_t last)
{
    char path[512], text[32];
    path_of(dir, path);
    int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)last);
    CLEANUP(cleanup_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 && pwrite(fd, text, (size_t)n, 0) == n && fdatasync(fd) == 0;
}

static int64_t number_of(struct json_object *object, const char *key)
{
    struct json_object *member = json_object_object_get(object, key);
    return json_object_is_type(member, json_type_int) ? json_object_get_int64(member) : 0;
}

static const char *text_of(struct json_object *object, const char *key)
{
    struct json_object *member = json_object_object_get(object, key);
    return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : "";
}

static unsigned action_of(const char *kind)
{
    static const struct {
        const char *kind;
        unsigned action;
    } kinds[] = { { "kill", ACTION_KILL },
                  { "stop", ACTION_STOP },
                  { "pause", ACTION_PAUSE },
                  { "capture", ACTION_CAPTURE } };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kind, kinds[i].kind) == 0) {
            return kinds[i].action;
        }
    }
    return 0;
}

static void do_one(const struct orders_to *to, struct json_object *object)
{
    int64_t expires_ms = number_of(object, "expires_ms");
    int64_t now_ms = (int64_t)(clock_real_ns() / NS_PER_MS);
    const struct respond_order order = {
        .action = action_of(text_of(object, "kind")),
        .pid = number_of(object, "pid"),
        .start_ns = (uint64_t)number_of(object, "start_ns"),
        .container = str_of(text_of(object, "container")),
        .reason = str_of(text_of(object, "finding")),
        .id = (uint64_t)number_of(object, "id"),
        .done = to->done,
        .data = to->data,
    };
    bool test = strcmp(text_of(object, "kind"), "test") == 0;
    if (!order.action && !test) {
        log_warning("an order of a kind that is not known: %s", text_of(object, "kind"));
        to->done(to->data, order.id, false, "this agent does not know such an order");
    } else if (expires_ms && expires_ms < now_ms) {
        log_warning("an order came too late: %s", text_of(object, "kind"));
        to->done(to->data, order.id, false, "it came too late");
    } else if (test) {
        bool good = to->test(to->data, order.id);
        to->done(to->data, order.id, good, good ? "an alert was made" : "no alert could be made");
    } else {
        respond_order(to->respond, &order);
    }
}

void orders_do(const struct orders_to *to, const char *dir, const char *agent, struct str json,
               uint64_t *last)
{
    struct json_tokener *parser = json_tokener_new_ex(DEPTH);
    struct json_object *object = NULL;
    if (parser && json.n <= ORDERS_TEXT_MAX) {
        json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        object = json_tokener_parse_ex(parser, json.p, (int)json.n);
    }
    json_tokener_free(parser);
    struct json_object *orders = json_object_is_type(object, json_type_object)
                                     ? json_object_object_get(object, "orders")
                                     : NULL;
    bool ours = json_object_is_type(orders, json_type_array) &&
                strcmp(text_of(object, "agent"), agent) == 0;
    if (!ours) {
        log_error("orders that are not for this agent");
    }
    size_t n = ours ? json_object_array_length(orders) : 0;
    for (size_t i = 0; i < n && i < ORDERS_MAX; i++) {
        struct json_object *one = json_object_array_get_idx(orders, i);
        uint64_t id =
            json_object_is_type(one, json_type_object) ? (uint64_t)number_of(one, "id") : 0;
        if (id > *last && id <= INT64_MAX) {
            *last = id;
            if (!keep(dir, id)) {
                log_error("an order is not done, for its number cannot be kept");
                continue;
            }
            do_one(to, one);
        }
    }
    json_object_put(object);
}
