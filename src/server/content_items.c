/*
 * Items of lists: shown, appended, removed, replaced, imported.
 *
 * Appending is what users wait for: a few lookups, a compilation of the new items alone, one commit. An import
 * of many stages its items in pieces before, so that alerts are stored meanwhile; nobody sees them until the
 * version is committed.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"
#include "server/import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The list, or a 404. */
static const struct list_info *need_list(const struct content_set *set, struct str name,
                                         struct reply *reply)
{
    const struct list_info *list = set_list(set, name);
    if (!list) {
        reply_problem(reply, 404, "not_found", "There is no such list.");
    }
    return list;
}

/* ---- showing */

struct page {
    struct str search;
    int64_t limit, after; /* of appended ones, the id */
    size_t at;            /* of those of the text, the index */
    bool appended;        /* the cursor is among appended ones */
};

static bool read_cursor(struct request *request, struct reply *reply, struct page *page)
{
    struct str cursor = request_query(request, "cursor");
    int64_t number = 0;
    if (!request_number(request, "limit", 1, CONTENT_PAGE_MAX, 100, &page->limit, reply)) {
        return false;
    }
    page->search = request_query(request, "search");
    if (!cursor.p) {
        return true;
    }
    bool good = cursor.n > 1 && cursor.n < 19 && (cursor.p[0] == 't' || cursor.p[0] == 'i');
    for (size_t i = 1; i < cursor.n && good; i++) {
        good = cursor.p[i] >= '0' && cursor.p[i] <= '9';
        number = number * 10 + (cursor.p[i] - '0');
    }
    if (!good) {
        reply_problem(reply, 400, "bad_cursor", "This is no cursor of a list's items.");
        return false;
    }
    page->appended = cursor.p[0] == 'i';
    page->after = page->appended ? number : 0;
    page->at = page->appended ? SIZE_MAX : (size_t)number;
    return true;
}

static bool fits(const struct page *page, struct str item)
{
    return !page->search.p || str_find(item, page->search) >= 0;
}

static void put_appended(struct jsonw *w, const struct store_item *item)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "item", item->item);
    jsonw_strz(w, "origin", "appended");
    jsonw_str(w, "author", item->author);
    jsonw_str(w, "note", item->note);
    jsonw_i64(w, "version", item->version);
    jsonw_i64(w, "time_ms", item->time_ms);
    jsonw_end(w);
}

static uint64_t count_in_text(const struct page *page, const struct list_info *list)
{
    uint64_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        n += fits(page, list->items[i]);
    }
    return n;
}

/* Items of the text from the cursor; returns how many. */
static size_t put_text_items(struct jsonw *w, const struct page *page, const struct list_info *list,
                             size_t *ret_at)
{
    size_t shown = 0, i = page->at;
    for (; i < list->n && shown < (size_t)page->limit; i++) {
        if (fits(page, list->items[i])) {
            jsonw_object(w, NULL);
            jsonw_str(w, "item", list->items[i]);
            jsonw_strz(w, "origin", "text");
            jsonw_end(w);
            shown++;
        }
    }
    *ret_at = i;
    return shown;
}

static enum http_result show_items(struct content *content, struct request *request,
                                   struct reply *reply, const struct list_info *list,
                                   int64_t version)
{
    struct page page = { 0 };
    struct err err = { 0 };
    struct store_item *items = NULL;
    size_t n = 0, at = 0;
    int64_t appended = 0;
    if (!read_cursor(request, reply, &page)) {
        return HTTP_DONE;
    }
    struct store_items_filter filter = { .list = list->name,
                                         .search = page.search,
                                         .at = version,
                                         .after = page.after,
                                         .limit = (uint32_t)page.limit + 1,
                                         .sign = 1 };
    if (content->ops->items_count(content->store, &filter, &appended, &err) < 0 ||
        content->ops->items(content->store, &filter, request->arena, &items, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    char next[24] = "";
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    size_t room = (size_t)page.limit - put_text_items(w, &page, list, &at);
    for (size_t i = 0; i < n && i < room; i++) {
        put_appended(w, &items[i]);
    }
    jsonw_end(w);
    if (at < list->n && !page.appended) {
        snprintf(next, sizeof(next), "t%zu", at);
    } else if (n > room) {
        snprintf(next, sizeof(next), "i%lld", room ? (long long)items[room - 1].id : 0LL);
    }
    jsonw_strz(w, "next", next[0] ? next : NULL);
    jsonw_u64(w, "total", count_in_text(&page, list) + (uint64_t)appended);
    jsonw_end(w);
    return HTTP_DONE;
}

HANDLER(content_get_items)
{
    int64_t version = 0;
    struct content_set *set = content_hold(server->content, &version);
    const struct list_info *list = need_list(set, request_param(request, "name"), reply);
    if (list) {
        show_items(server->content, request, reply, list, version);
    }
    set_drop(set);
    return HTTP_DONE;
}

/* ---- reading requests */

static bool add_item(struct request *request, struct reply *reply, struct json_object *value,
                     const struct list_info *list, struct store_item_change *ret)
{
    const char *why = "an item must be a text";
    struct str item = { 0 };
    if (json_object_is_type(value, json_type_string)) {
        item = str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value));
        if (item_is_good(item, &why)) {
            *ret = (struct store_item_change){ .item = item,
                                               .in_text = list && smap_get(&list->by_item, item) };
            return true;
        }
    }
    const struct content_diag diag = { .error = true,
                                       .code = "LOAD_ERR_VALIDATE",
                                       .message = str_of(why),
                                       .file = STR("items"),
                                       .list = list ? list->name : STR("new"),
                                       .item = str_is_utf8(item) ? str_first(item, 200) : STR("") };
    reply_diags(reply, request->arena, &diag, 1);
    return false;
}

bool content_read_items(struct request *request, struct reply *reply, struct json_object *body,
                        const struct list_info *list, struct store_items_change *ret)
{
    struct json_object *array = json_object_object_get(body, "items");
    size_t n = array && json_object_is_type(array, json_type_array)
                   ? json_object_array_length(array)
                   : SIZE_MAX;
    struct smap seen = { 0 };
    if (n > CONTENT_APPEND_MAX) {
        reply_problem(reply, 422, "bad_member", "`items` must be a list of at most %d texts.",
                      CONTENT_APPEND_MAX);
        return false;
    }
    struct store_item_change *items = ARENA_ARRAY(request->arena, struct store_item_change, n);
    size_t used = 0;
    bool good = items || (reply_memory(reply), false);
    for (size_t i = 0; i < n && good; i++) {
        good = add_item(request, reply, json_object_array_get_idx(array, i), list, &items[used]);
        if (good && !smap_get(&seen, items[used].item)) {
            good = smap_put(&seen, items[used].item, items) == 0 || (reply_memory(reply), false);
            used++;
        }
    }
    smap_done(&seen);
    ret->append = items;
    ret->nappend = used;
    return good;
}

/* Leaves what would change something: `append` is whether the items are to be there. */
static bool keep_changes(struct change *change, struct str list, struct store_item_change *items,
                         size_t *n, bool append)
{
    struct content *content = change->content;
    size_t used = 0;
    for (size_t i = 0; i < *n; i++) {
        int sign = 0;
        int r = content->ops->item_sign(content->store, list, items[i].item, &sign, &change->err);
        if (r < 0) {
            reply_error(change->reply, &change->err);
            return false;
        }
        bool there = sign > 0 || (items[i].in_text && sign == 0);
        if (there != append) {
            items[used++] = items[i];
        }
    }
    *n = used;
    return true;
}

/* ---- checking, committing */

static void put_lines(const struct store_item_change *items, size_t n, struct buf *buf)
{
    for (size_t i = 0; i < n; i++) {
        item_put_line(items[i].item, buf);
    }
}

static bool check_lines(struct change *change, const struct list_info *list, struct str lines)
{
    struct content_diag diag = { 0 };
    int r = items_check(change->old, list, lines, change->arena, &diag);
    if (r == -EINVAL) {
        reply_diags(change->reply, change->arena, &diag, 1);
    } else if (r < 0) {
        reply_memory(change->reply);
    }
    return r == 0;
}

static bool check_items(struct change *change, const struct list_info *list,
                        const struct store_items_change *items)
{
    struct buf lines;
    buf_init(&lines, CONTENT_IMPORT_MAX * 2);
    put_lines(items->append, items->nappend, &lines);
    bool good = lines.failed ? (reply_memory(change->reply), false)
                             : check_lines(change, list, buf_str(&lines));
    buf_done(&lines);
    return good;
}

/* {"list":...,"append":[...]} */
static void make_delta(struct change *change, struct str list,
                       const struct store_items_change *items)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, DELTA_BODY_MAX);
    jsonw_object(&w, NULL);
    jsonw_str(&w, "list", list);
    jsonw_array(&w, "append");
    for (size_t i = 0; i < items->nappend && !buf.failed; i++) {
        jsonw_str(&w, NULL, items->append[i].item);
    }
    jsonw_end(&w);
    jsonw_end(&w);
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(change->arena, buf_str(&buf));
    change->delta = kept.p ? kept : STR("");
    buf_done(&buf);
}

static enum http_result reply_counts(struct reply *reply, int64_t version, size_t changed,
                                     size_t unchanged)
{
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_i64(w, "version", version);
    jsonw_u64(w, "changed", changed);
    jsonw_u64(w, "unchanged", unchanged);
    jsonw_end(w);
    return HTTP_DONE;
}

static bool commit_items(struct change *change, const char *action,
                         const struct store_items_change *items)
{
    const struct store_content_note note = { .kind = STR("list"),
                                             .name = items->list,
                                             .action = str_of(action),
                                             .appended = (int64_t)items->nappend,
                                             .removed = (int64_t)items->nremove };
    return change_items(change, items) && change_note(change, &note) && change_check(change) &&
           change_commit(change);
}

/* A note for each item. */
static bool read_note(struct request *request, struct reply *reply, struct json_object *body,
                      struct store_items_change *items)
{
    struct str note = STR("");
    if (!request_member_text(request, body, "note", false, CONTENT_COMMENT_MAX, &note, reply)) {
        return false;
    }
    struct store_item_change *all = (struct store_item_change *)(uintptr_t)items->append;
    for (size_t i = 0; i < items->nappend; i++) {
        all[i].note = note;
    }
    return true;
}

/* Append or remove. */
static enum http_result change_list(struct request *request, struct reply *reply, bool append)
{
    CLEANUP(change_end) struct change change = { 0 };
    const struct content_subject subject = content_subject_of(request);
    struct str name = subject.name;
    struct store_items_change items = { .list = name };
    struct json_object *body = content_body(
        request, append ? "items note comment version" : "items comment version", reply);
    if (!body || !change_open(&change, request, reply, &subject, body)) {
        return HTTP_DONE;
    }
    const struct list_info *list = need_list(change.old, name, reply);
    if (!list || !content_read_items(request, reply, body, list, &items) ||
        (append && !read_note(request, reply, body, &items))) {
        return HTTP_DONE;
    }
    struct store_item_change *all = (struct store_item_change *)(uintptr_t)items.append;
    size_t asked = items.nappend;
    if (!keep_changes(&change, name, all, &items.nappend, append)) {
        return HTTP_DONE;
    }
    size_t n = items.nappend;
    if (n == 0) {
        return reply_counts(reply, change.version, 0, asked);
    }
    if (append) {
        make_delta(&change, name, &items);
        if (!check_items(&change, list, &items)) {
            return HTTP_DONE;
        }
    } else {
        items = (struct store_items_change){ .list = name, .remove = all, .nremove = n };
    }
    return commit_items(&change, append ? "append" : "remove_items", &items)
               ? reply_counts(reply, change.version, n, asked - n)
               : HTTP_DONE;
}

HANDLER(content_append_items)
{
    (void)server;
    return change_list(request, reply, true);
}

HANDLER(content_remove_items)
{
    (void)server;
    return change_list(request, reply, false);
}

/* ---- replacing */

/* What becomes of the list when only these items shall be in it: all is cleared, then this is done. */
static bool plan_replacement(struct change *change, const struct list_info *list,
                             const struct str *wanted, size_t n, struct store_items_change *ret)
{
    struct smap by_item = { 0 };
    struct store_item_change *append = ARENA_ARRAY(change->arena, struct store_item_change, n);
    struct store_item_change *out =
        ARENA_ARRAY(change->arena, struct store_item_change, list->nall);
    bool good = append && out;
    *ret = (struct store_items_change){ .list = list->name, .clear = true };
    for (size_t i = 0; i < n && good; i++) {
        good = smap_put(&by_item, wanted[i], append) == 0;
        if (!smap_get(&list->by_item, wanted[i])) {
            append[ret->nappend++].item = wanted[i];
        }
    }
    size_t cursor = 0;
    const struct smap_slot *slot;
    while (good && (slot = smap_next(&list->by_item, &cursor))) {
        if (!smap_get(&by_item, slot->key)) {
            out[ret->nremove++] = (struct store_item_change){ .item = slot->key, .in_text = true };
        }
    }
    smap_done(&by_item);
    ret->append = append;
    ret->remove = out;
    if (!good) {
        reply_memory(change->reply);
    }
    return good;
}

HANDLER(content_replace_items)
{
    (void)server;
    CLEANUP(change_end) struct change change = { 0 };
    const struct content_subject subject = content_subject_of(request);
    struct store_items_change given = { .list = subject.name }, items;
    struct json_object *body = content_body(request, "items comment version", reply);
    if (!body || !change_open(&change, request, reply, &subject, body)) {
        return HTTP_DONE;
    }
    const struct list_info *list = need_list(change.old, subject.name, reply);
    if (!list || !content_read_items(request, reply, body, list, &given)) {
        return HTTP_DONE;
    }
    struct str *wanted = ARENA_ARRAY(request->arena, struct str, given.nappend);
    for (size_t i = 0; wanted && i < given.nappend; i++) {
        wanted[i] = given.append[i].item;
    }
    if (!wanted) {
        return reply_memory(reply);
    }
    if (!plan_replacement(&change, list, wanted, given.nappend, &items) ||
        !check_items(&change, list, &items) || !commit_items(&change, "replace", &items)) {
        return HTTP_DONE;
    }
    return reply_counts(reply, change.version, items.nappend + items.nremove, 0);
}

/* ---- importing */

static bool read_options(struct request *request, struct reply *reply, struct import_options *ret,
                         bool *ret_replace, bool *ret_skip)
{
    struct str format = request_query(request, "format"), kind = request_query(request, "kind");
    struct str column = request_query(request, "column"), mode = request_query(request, "mode");
    struct str delimiter = request_query(request, "delimiter");
    struct str header = request_query(request, "header"), skip = request_query(request, "invalid");
    int64_t number = 0;
    *ret = (struct import_options){ .csv = format.p && str_eqz(format, "csv") };
    if (format.p && !ret->csv && !str_eqz(format, "plain")) {
        reply_problem(reply, 400, "bad_query", "`format` is plain or csv.");
        return false;
    }
    if (kind.p && !import_kind_of(kind, &ret->kind)) {
        reply_problem(reply, 400, "bad_query",
                      "`kind` is text, domain, hash, path, filename or address.");
        return false;
    }
    if ((mode.p && !str_eqz(mode, "append") && !str_eqz(mode, "replace")) || delimiter.n > 1 ||
        (skip.p && !str_eqz(skip, "skip") && !str_eqz(skip, "refuse"))) {
        reply_problem(
            reply, 400, "bad_query",
            "`mode` is append or replace, `invalid` refuse or skip, `delimiter` one byte.");
        return false;
    }
    bool digits = column.n > 0 && column.n < 5;
    for (size_t i = 0; i < column.n && digits; i++) {
        digits = column.p[i] >= '0' && column.p[i] <= '9';
        number = number * 10 + (column.p[i] - '0');
    }
    ret->column_number = digits && number > 0 ? (uint32_t)number : 0;
    ret->column_name = column.n && !digits ? column : (struct str){ 0 };
    ret->delimiter = delimiter.n ? delimiter.p[0] : '\0';
    ret->header = header.p && (str_eqz(header, "true") || str_eqz(header, "1"));
    *ret_replace = mode.p && str_eqz(mode, "replace");
    *ret_skip = skip.p && str_eqz(skip, "skip");
    return true;
}

static void put_import(struct jsonw *w, const struct import *import, uint64_t added,
                       int64_t version)
{
    jsonw_i64(w, "version", version);
    jsonw_u64(w, "lines", import->lines);
    jsonw_u64(w, "added", added);
    jsonw_u64(w, "duplicates", import->duplicates + (import->n - added));
    jsonw_u64(w, "comments", import->comments);
    jsonw_u64(w, "empty", import->empty);
    jsonw_u64(w, "normalised", import->normalised);
    jsonw_u64(w, "invalid", import->invalid);
    jsonw_array(w, "problems");
    for (size_t i = 0; i < import->nproblems; i++) {
        jsonw_object(w, NULL);
        jsonw_u64(w, "line", import->problems[i].line);
        jsonw_str(w, "text", import->problems[i].text);
        jsonw_strz(w, "reason", import->problems[i].reason);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void refuse_import(struct reply *reply, const struct import *import, int64_t version)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, HTTP_BODY_MAX);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "type", "about:blank");
    jsonw_strz(&w, "title", "Unprocessable Content");
    jsonw_u64(&w, "status", 422);
    jsonw_strz(&w, "code", "invalid_items");
    jsonw_strz(&w, "detail",
               "Some lines are no items; nothing was imported (invalid=skip leaves them out).");
    put_import(&w, import, 0, version);
    jsonw_end(&w);
    reply_bytes(reply, 422, "application/problem+json", buf_str(&buf));
    buf_done(&buf);
}

/* The rest in pieces, which nobody sees yet. */
static bool stage(struct change *change, const struct store_items_change *items,
                  int64_t *ret_changed)
{
    struct content *content = change->content;
    int64_t all = 0;
    int r = 0;
    for (size_t at = 0; r == 0 && (at < items->nappend || (at == 0 && items->clear));) {
        size_t left = items->nappend - at;
        struct store_items_change piece = { .list = items->list, .clear = at == 0 && items->clear };
        int64_t changed = 0;
        piece.append = items->append + at;
        piece.nappend = left < STORE_ITEMS_PIECE ? left : STORE_ITEMS_PIECE;
        r = content->ops->stage(content->store, change->version + 1, &piece, &changed,
                                &change->err);
        all += changed;
        at += piece.nappend ? piece.nappend : 1;
    }
    if (r < 0) {
        struct err again = { 0 };
        content->ops->recover(content->store, &again);
        reply_error(change->reply, &change->err);
    }
    *ret_changed = all;
    return r == 0;
}

/* What the import means for the list; items of its text that are there count as there. */
static bool plan_import(struct change *change, const struct list_info *list,
                        const struct import *import, bool replace, struct store_items_change *ret)
{
    if (replace) {
        return plan_replacement(change, list, import->items, import->n, ret);
    }
    struct store_item_change *append =
        ARENA_ARRAY(change->arena, struct store_item_change, import->n);
    *ret = (struct store_items_change){ .list = list->name, .append = append };
    for (size_t i = 0; append && i < import->n; i++) {
        bool in_text = smap_get(&list->by_item, import->items[i]);
        bool taken = in_text && list->n != list->nall;
        if (!in_text || taken) {
            append[ret->nappend++] =
                (struct store_item_change){ .item = import->items[i], .in_text = in_text };
        }
    }
    return append || (reply_memory(change->reply), false);
}

static bool has_room(struct change *change, const struct list_info *list, size_t more)
{
    struct content *content = change->content;
    const struct store_items_filter filter = { .list = list->name,
                                               .at = STORE_VERSION_NEWEST,
                                               .sign = 1 };
    int64_t n = 0;
    if (content->ops->items_count(content->store, &filter, &n, &change->err) < 0) {
        reply_error(change->reply, &change->err);
        return false;
    }
    if ((uint64_t)n + more > CONTENT_LIST_ITEMS_MAX) {
        reply_problem(change->reply, 422, "too_many_items", "A list has at most %d items.",
                      CONTENT_LIST_ITEMS_MAX);
        return false;
    }
    return true;
}

static bool commit_import(struct change *change, const struct list_info *list,
                          struct store_items_change *items, uint64_t *ret_added)
{
    int64_t changed = 0;
    make_delta(change, list->name, items);
    if (items->clear) {
        change->delta = STR("");
    }
    /* Whatever is of the text makes a new set; the rest can go ahead. */
    if (!change_items(change, items) || !change_check(change)) {
        return false;
    }
    change->nitems = 0;
    if (!stage(change, items, &changed)) {
        return false;
    }
    *ret_added = items->clear ? items->nappend : (uint64_t)changed;
    if (changed == 0 && items->nremove == 0) {
        return true;
    }
    struct store_items_change rest = *items;
    rest.clear = false;
    rest.nappend = 0;
    const struct store_content_note note = { .kind = STR("list"),
                                             .name = list->name,
                                             .action = STR("import"),
                                             .appended = (int64_t)*ret_added,
                                             .removed = (int64_t)items->nremove };
    change->items = &rest;
    change->nitems = 1;
    if (change_note(change, &note) && change_commit(change)) {
        return true;
    }
    struct err again = { 0 };
    change->content->ops->recover(change->content->store, &again);
    return false;
}

static enum http_result import_into(struct change *change, const struct import *import,
                                    bool replace)
{
    struct store_items_change items;
    uint64_t added = 0;
    struct arena arena;
    const struct list_info *list =
        need_list(change->old, request_param(change->request, "name"), change->reply);
    if (!list || !has_room(change, list, import->n)) {
        return HTTP_DONE;
    }
    arena_init(&arena, IMPORT_MEMORY_MAX);
    struct arena *before = change->arena;
    change->arena = &arena;
    change->comment = request_query(change->request, "comment");
    change->comment = change->comment.p ? str_first(change->comment, CONTENT_COMMENT_MAX) : STR("");
    bool good = plan_import(change, list, import, replace, &items) &&
                check_items(change, list, &items) && commit_import(change, list, &items, &added);
    if (good) {
        struct jsonw *w = reply_json(change->reply, 200);
        jsonw_object(w, NULL);
        put_import(w, import, added, change->version);
        jsonw_end(w);
    }
    change->arena = before;
    change->notes = NULL;
    change->items = NULL;
    arena_done(&arena);
    return HTTP_DONE;
}

HANDLER(content_import_items)
{
    CLEANUP(change_end) struct change change = { 0 };
    struct content *content = server->content;
    struct import_options options;
    struct import import = { 0 };
    struct err err = { 0 };
    bool replace = false, skip = false;
    if (!read_options(request, reply, &options, &replace, &skip)) {
        return HTTP_DONE;
    }
    int r = import_read(&import, &options, request->body, &err);
    if (r < 0) {
        reply_error(reply, &err);
    } else if (import.invalid > 0 && !skip) {
        refuse_import(reply, &import, content_version(server));
    } else if (change_begin(&change, content, request, reply)) {
        __atomic_store_n(&content->importing, true, __ATOMIC_RELAXED);
        if (change_matches(&change, CONTENT_LIST, request_param(request, "name"), NULL)) {
            import_into(&change, &import, replace);
        }
        __atomic_store_n(&content->importing, false, __ATOMIC_RELAXED);
    }
    import_done(&import);
    return HTTP_DONE;
}
