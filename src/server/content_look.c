/*
 * Looking at items before and after: what a check says of items that shall be appended, and a list as a file.
 *
 * A check changes nothing: each item is brought into the form of its kind and compared with the list as it is. An
 * export is written in pieces while it goes out, of the version that was the newest when it was asked for; one that
 * could not be read to its end says so in its last line.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"
#include "server/import.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE          1000
#define PIECE_MEMORY   ((size_t)64 << 20)
#define CHECK_BODY_MAX (8 * HTTP_BODY_MAX)

/* ---- checking */

enum item_state { STATE_NEW, STATE_THERE, STATE_AGAIN, STATE_INVALID, STATES };

static const char *const state_names[STATES] = { "new", "there", "again", "invalid" };

struct checking {
    struct content *content;
    struct request *request;
    const struct list_info *list;
    enum import_kind kind;
    struct smap seen;
    struct buf form;
    uint64_t counts[STATES];
    struct err err;
};

/* The item in its form; NULL: why it is none is in *ret_why. */
static struct str form_of(struct checking *c, struct str item, const char **ret_why)
{
    struct str trimmed = str_trim(item);
    *ret_why = "an item must not be empty";
    if (trimmed.n == 0 || !item_is_good(trimmed, ret_why)) {
        return (struct str){ 0 };
    }
    *ret_why = import_normalise(c->kind, trimmed, &c->form);
    return *ret_why ? (struct str){ 0 } : arena_str(c->request->arena, buf_str(&c->form));
}

static int state_of(struct checking *c, struct str item, enum item_state *ret)
{
    int sign = 0;
    if (smap_get(&c->seen, item)) {
        *ret = STATE_AGAIN;
        return 0;
    }
    if (smap_put(&c->seen, item, c) < 0) {
        return -ENOMEM;
    }
    int r = c->content->ops->item_sign(c->content->store, c->list->name, item, &sign, &c->err);
    bool in_text = smap_get(&c->list->by_item, item);
    *ret = sign > 0 || (in_text && sign == 0) ? STATE_THERE : STATE_NEW;
    return r;
}

static int check_item(struct checking *c, struct json_object *value, struct jsonw *w)
{
    const char *why = "an item must be a text";
    struct str given = { 0 }, item = { 0 };
    enum item_state state = STATE_INVALID;
    if (json_object_is_type(value, json_type_string)) {
        given = str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value));
        item = form_of(c, given, &why);
    }
    int r = item.p ? state_of(c, item, &state) : 0;
    if (r < 0) {
        return r;
    }
    c->counts[state]++;
    jsonw_object(w, NULL);
    jsonw_str(w, "item", item.p ? item : str_is_utf8(given) ? given : STR(""));
    jsonw_strz(w, "state", state_names[state]);
    if (state == STATE_INVALID) {
        jsonw_strz(w, "reason", why);
    }
    jsonw_end(w);
    return 0;
}

static int check_all(struct checking *c, struct json_object *items, struct jsonw *w)
{
    int r = 0;
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; r == 0 && i < json_object_array_length(items); i++) {
        r = check_item(c, json_object_array_get_idx(items, i), w);
    }
    jsonw_end(w);
    for (unsigned i = 0; i < STATES; i++) {
        jsonw_u64(w, state_names[i], c->counts[i]);
    }
    jsonw_end(w);
    return r;
}

/* `items` and `kind` of the body. False: the reply says why not. */
static bool read_check(struct request *request, struct reply *reply, struct checking *c,
                       struct json_object **ret_items)
{
    struct str kind = STR("text");
    struct json_object *body = request_json(request, reply);
    if (!body || !request_members_only(request, body, "items kind", reply) ||
        !request_member_text(request, body, "kind", false, 20, &kind, reply)) {
        return false;
    }
    *ret_items = json_object_object_get(body, "items");
    if (!*ret_items || !json_object_is_type(*ret_items, json_type_array) ||
        json_object_array_length(*ret_items) > CONTENT_APPEND_MAX) {
        reply_problem(reply, 422, "bad_member", "`items` must be a list of at most %d texts.",
                      CONTENT_APPEND_MAX);
        return false;
    }
    if (!import_kind_of(kind, &c->kind)) {
        reply_problem(reply, 422, "bad_member",
                      "`kind` is text, domain, hash, path, filename or address.");
        return false;
    }
    return true;
}

static enum http_result check(struct checking *c, struct json_object *items, struct reply *reply)
{
    struct buf body;
    struct jsonw w = { .buf = &body };
    buf_init(&c->form, IMPORT_ITEM_MAX);
    buf_init(&body, CHECK_BODY_MAX);
    int r = check_all(c, items, &w);
    if (r == -ENOMEM || body.failed) {
        reply_memory(reply);
    } else if (r < 0) {
        reply_error(reply, &c->err);
    } else {
        reply_bytes(reply, 200, "application/json", buf_str(&body));
    }
    buf_done(&body);
    buf_done(&c->form);
    smap_done(&c->seen);
    return HTTP_DONE;
}

HANDLER(content_check_items)
{
    struct checking c = { .content = server->content, .request = request };
    struct json_object *items = NULL;
    if (!read_check(request, reply, &c, &items)) {
        return HTTP_DONE;
    }
    struct content_set *set = content_hold(server->content, NULL);
    c.list = set_list(set, request_param(request, "name"));
    if (c.list) {
        check(&c, items, reply);
    } else {
        reply_problem(reply, 404, "not_found", "There is no such list.");
    }
    set_drop(set);
    return HTTP_DONE;
}

/* ---- exporting */

struct export
{
    struct content *content;
    struct content_set *set;
    const struct list_info *list;
    int64_t version, after;
    size_t at; /* of the items of the text */
    bool csv, begun;
    struct arena arena; /* of a piece */
};

/* As a cell of RFC 4180, always quoted; what a spreadsheet would take for a formula gets a ' in front. */
static void put_cell(struct buf *buf, struct str s)
{
    buf_putz(buf, s.n > 0 && strchr("=+-@\t\r\n", s.p[0]) ? "\"'" : "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') {
            buf_putc(buf, '"');
        }
        buf_putc(buf, s.p[i]);
    }
    buf_putc(buf, '"');
}

static void put_item(const struct export *e, struct buf *buf, const struct store_item *item)
{
    if (!e->csv) {
        item_put_line(item->item, buf);
        return;
    }
    put_cell(buf, item->item);
    buf_putz(buf, item->time_ms ? ",appended," : ",text,");
    put_cell(buf, item->author);
    buf_putc(buf, ',');
    put_cell(buf, item->note);
    buf_putc(buf, ',');
    if (item->time_ms) {
        buf_i64(buf, item->time_ms);
    }
    buf_putz(buf, "\r\n");
}

static bool put_text_items(struct export *e, struct buf *buf)
{
    for (size_t n = 0; e->at < e->list->n && n < PIECE; n++) {
        const struct store_item item = { .item = e->list->items[e->at++],
                                         .author = STR(""),
                                         .note = STR("") };
        put_item(e, buf, &item);
    }
    return true;
}

/* False: there are no more. */
static bool put_appended_items(struct export *e, struct buf *buf)
{
    const struct store_items_filter filter = {
        .list = e->list->name, .at = e->version, .after = e->after, .limit = PIECE, .sign = 1
    };
    struct store_item *items = NULL;
    struct err err = { 0 };
    size_t n = 0;
    arena_reset(&e->arena);
    int r = e->content->ops->items(e->content->store, &filter, &e->arena, &items, &n, &err);
    if (r < 0) {
        buf_putz(buf, "incomplete: the rest could not be read\n");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        put_item(e, buf, &items[i]);
        e->after = items[i].id;
    }
    return n == PIECE;
}

static bool more(void *data, struct buf *buf)
{
    struct export *e = data;
    if (!e->begun && e->csv) {
        buf_putz(buf, "item,origin,author,note,time_ms\r\n");
    }
    e->begun = true;
    return e->at < e->list->n ? put_text_items(e, buf) : put_appended_items(e, buf);
}

static void done(void *data)
{
    struct export *e = data;
    set_drop(e->set);
    arena_done(&e->arena);
    free(e);
}

static enum http_result export(struct export *e, struct reply *reply) {
    reply_header(reply, "Content-Disposition",
                 e->csv ? STR("attachment; filename=\"list.csv\"")
                        : STR("attachment; filename=\"list.txt\""));
    return reply_stream(reply, 200,
                        e->csv ? "text/csv; charset=utf-8" : "text/plain; charset=utf-8",
                        &(struct reply_source){ more, done, e });
}

HANDLER(content_export_items)
{
    struct str format = request_query(request, "format");
    bool csv = format.p && str_eqz(format, "csv");
    if (format.p && !csv && !str_eqz(format, "plain")) {
        return reply_problem(reply, 400, "bad_query", "`format` is plain or csv.");
    }
    int64_t version = 0;
    struct content_set *set = content_hold(server->content, &version);
    const struct list_info *list = set_list(set, request_param(request, "name"));
    struct export *e = list ? mem_zalloc(sizeof(*e)) : NULL;
    if (!e) {
        set_drop(set);
        return list ? reply_memory(reply)
                    : reply_problem(reply, 404, "not_found", "There is no such list.");
    }
    *e = (struct export){
        .content = server->content, .set = set, .list = list, .version = version, .csv = csv
    };
    arena_init(&e->arena, PIECE_MEMORY);
    return export(e, reply);
}
