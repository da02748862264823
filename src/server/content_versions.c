/*
 * Versions: what each changed, the difference of two, and going back to one.
 *
 * Going back makes a new version in which everything, or one document, is as it was. Routes of one document and
 * of all content share their handlers: a name in the path narrows them.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DIFF_ITEMS_MAX    1000
#define DIFF_VERSIONS_MAX 10000

static bool concerns(const struct content_subject *subject, struct str kind, struct str name)
{
    return !subject->name.p ||
           (str_eqz(kind, content_kind_text(subject->kind)) && str_eq(name, subject->name));
}

/* ---- the list of them */

static void put_version(struct jsonw *w, const struct store_version *v)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "version", v->version);
    jsonw_i64(w, "time_ms", v->time_ms);
    jsonw_str(w, "author", v->author);
    jsonw_str(w, "comment", v->comment);
    jsonw_array(w, "changes");
    for (size_t i = 0; i < v->nnotes; i++) {
        const struct store_content_note *n = &v->notes[i];
        jsonw_object(w, NULL);
        jsonw_str(w, "kind", n->kind);
        jsonw_str(w, "name", n->name);
        jsonw_str(w, "action", n->action);
        if (str_eqz(n->kind, "list")) {
            jsonw_i64(w, "appended", n->appended);
            jsonw_i64(w, "removed", n->removed);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

HANDLER(content_get_versions)
{
    struct content *content = server->content;
    struct content_subject subject = content_subject_of(request);
    struct store_versions_filter filter = { .name = subject.name };
    struct store_version *versions = NULL;
    struct err err = { 0 };
    int64_t limit = 0;
    size_t n = 0;
    if (!request_number(request, "limit", 1, CONTENT_PAGE_MAX, 50, &limit, reply) ||
        !request_number(request, "cursor", 1, INT64_MAX, 0, &filter.before, reply)) {
        return HTTP_DONE;
    }
    filter.kind = subject.name.p ? str_of(content_kind_text(subject.kind)) : (struct str){ 0 };
    filter.limit = (uint32_t)limit;
    if (content->ops->versions(content->store, &filter, request->arena, &versions, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    char next[24];
    snprintf(next, sizeof(next), "%lld", n ? (long long)versions[n - 1].version : 0LL);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_version(w, &versions[i]);
    }
    jsonw_end(w);
    jsonw_strz(w, "next", n == (size_t)limit ? next : NULL);
    jsonw_end(w);
    return HTTP_DONE;
}

/* ---- two of them */

struct two {
    struct content *content;
    struct request *request;
    struct content_subject subject;
    int64_t from, to;
    struct store_document *before, *after;
    size_t nbefore, nafter;
    struct str *lists; /* whose items may differ */
    size_t nlists;
    struct err err;
};

static const struct store_document *find_in(const struct store_document *items, size_t n,
                                            const struct store_document *like)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(items[i].kind, like->kind) && str_eq(items[i].name, like->name) &&
            str_eq(items[i].part, like->part)) {
            return &items[i];
        }
    }
    return NULL;
}

static int add_list(struct two *two, struct smap *seen, struct str name)
{
    if (smap_get(seen, name)) {
        return 0;
    }
    two->lists[two->nlists++] = name;
    return smap_put(seen, name, two);
}

/* Lists that some version in between changed. */
static int gather_lists(struct two *two)
{
    struct content *content = two->content;
    struct store_version *versions = NULL;
    struct smap seen = { 0 };
    size_t n = 0, most = 0;
    int64_t low = two->from < two->to ? two->from : two->to;
    int64_t high = two->from < two->to ? two->to : two->from;
    const struct store_versions_filter filter = { .after = low,
                                                  .before = high == INT64_MAX ? 0 : high + 1,
                                                  .limit = DIFF_VERSIONS_MAX };
    int r = content->ops->versions(content->store, &filter, two->request->arena, &versions, &n,
                                   &two->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        most += versions[i].nnotes;
    }
    two->lists = ARENA_ARRAY(two->request->arena, struct str, most);
    r = r == 0 && !two->lists ? -ENOMEM : r;
    for (size_t i = 0; i < n && r == 0; i++) {
        for (size_t k = 0; k < versions[i].nnotes && r == 0; k++) {
            const struct store_content_note *note = &versions[i].notes[k];
            bool list =
                str_eqz(note->kind, "list") && concerns(&two->subject, note->kind, note->name);
            r = list ? add_list(two, &seen, note->name) : 0;
        }
    }
    smap_done(&seen);
    return r;
}

static int read_two(struct two *two)
{
    struct content *content = two->content;
    struct arena *arena = two->request->arena;
    int r = content->ops->documents(content->store, two->from, arena, &two->before, &two->nbefore,
                                    &two->err);
    r = r == 0 ? content->ops->documents(content->store, two->to, arena, &two->after, &two->nafter,
                                         &two->err)
               : r;
    return r == 0 ? gather_lists(two) : r;
}

static void put_difference(struct jsonw *w, struct two *two, const struct store_document *like,
                           struct str before, struct str after)
{
    struct buf text;
    struct arena arena;
    arena_init(&arena, CONTENT_SET_MAX);
    buf_init(&text, 3 * CONTENT_TEXT_MAX);
    content_diff(before, after, &arena, &text);
    (void)two;
    jsonw_object(w, NULL);
    jsonw_str(w, "kind", like->kind);
    jsonw_str(w, "name", like->name);
    jsonw_str(w, "part", like->part);
    jsonw_strz(w, "change", !before.p ? "added" : !after.p ? "removed" : "changed");
    jsonw_str(w, "diff", buf_str(&text));
    jsonw_end(w);
    buf_done(&text);
    arena_done(&arena);
}

static void put_documents(struct jsonw *w, struct two *two)
{
    jsonw_array(w, "documents");
    for (size_t i = 0; i < two->nbefore; i++) {
        const struct store_document *d = &two->before[i];
        const struct store_document *other = find_in(two->after, two->nafter, d);
        if (concerns(&two->subject, d->kind, d->name) && !(other && str_eq(other->text, d->text))) {
            put_difference(w, two, d, d->text, other ? other->text : (struct str){ 0 });
        }
    }
    for (size_t i = 0; i < two->nafter; i++) {
        const struct store_document *d = &two->after[i];
        if (concerns(&two->subject, d->kind, d->name) && !find_in(two->before, two->nbefore, d)) {
            put_difference(w, two, d, (struct str){ 0 }, d->text);
        }
    }
    jsonw_end(w);
}

static void put_side(struct jsonw *w, const char *key, const struct store_item *items, size_t n,
                     int sign)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < n; i++) {
        if (items[i].sign == sign) {
            jsonw_str(w, NULL, items[i].item);
        }
    }
    jsonw_end(w);
}

static int put_list(struct jsonw *w, struct two *two, struct str list)
{
    struct content *content = two->content;
    bool back = two->from > two->to;
    struct store_item *items = NULL;
    size_t n = 0;
    const struct store_items_difference d = { .list = list,
                                              .from = back ? two->to : two->from,
                                              .to = back ? two->from : two->to,
                                              .limit = DIFF_ITEMS_MAX + 1 };
    int r =
        content->ops->items_differ(content->store, &d, two->request->arena, &items, &n, &two->err);
    if (r < 0 || n == 0) {
        return r;
    }
    size_t shown = n < DIFF_ITEMS_MAX ? n : DIFF_ITEMS_MAX;
    jsonw_object(w, NULL);
    jsonw_str(w, "name", list);
    put_side(w, "appended", items, shown, back ? -1 : 1);
    put_side(w, "removed", items, shown, back ? 1 : -1);
    jsonw_bool(w, "more", n > shown);
    jsonw_end(w);
    return 0;
}

HANDLER(content_get_diff)
{
    struct two two = { .content = server->content,
                       .request = request,
                       .subject = content_subject_of(request) };
    int64_t newest = content_version(server);
    if (!request_number(request, "from", 0, newest, newest ? newest - 1 : 0, &two.from, reply) ||
        !request_number(request, "to", 0, newest, newest, &two.to, reply)) {
        return HTTP_DONE;
    }
    int r = read_two(&two);
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_i64(w, "from", two.from);
    jsonw_i64(w, "to", two.to);
    if (r == 0) {
        put_documents(w, &two);
    }
    jsonw_array(w, "lists");
    for (size_t i = 0; i < two.nlists && r == 0; i++) {
        r = put_list(w, &two, two.lists[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return r == -ENOMEM ? reply_memory(reply) : r < 0 ? reply_error(reply, &two.err) : HTTP_DONE;
}

/* ---- going back */

static bool put_back(struct change *change, const struct store_document *d, bool gone)
{
    struct document document = { .name = d->name };
    const struct store_content_note note = { .kind = d->kind,
                                             .name = d->name,
                                             .action = STR("revert") };
    if (!content_kind_of(d->kind, &document.kind) || !content_part_of(d->part, &document.part)) {
        return true;
    }
    document.text = gone ? (struct str){ 0 } : d->text;
    return change_put(change, &document) && change_note(change, &note);
}

/* two->from is now, two->to then. */
static bool revert_documents(struct change *change, struct two *two)
{
    bool good = true;
    for (size_t i = 0; i < two->nbefore && good; i++) {
        const struct store_document *d = &two->before[i];
        if (concerns(&two->subject, d->kind, d->name) && !find_in(two->after, two->nafter, d)) {
            good = put_back(change, d, true);
        }
    }
    for (size_t i = 0; i < two->nafter && good; i++) {
        const struct store_document *d = &two->after[i];
        const struct store_document *now = find_in(two->before, two->nbefore, d);
        if (concerns(&two->subject, d->kind, d->name) && !(now && str_eq(now->text, d->text))) {
            good = put_back(change, d, false);
        }
    }
    return good;
}

/* One piece of a list's items the other way round. */
static bool revert_piece(struct change *change, struct str name, const struct store_item *items,
                         size_t n)
{
    struct content *content = change->content;
    struct store_items_change piece = { .list = name };
    const struct list_info *list = set_list(change->old, name);
    struct store_item_change *append = ARENA_ARRAY(change->arena, struct store_item_change, n);
    struct store_item_change *out = ARENA_ARRAY(change->arena, struct store_item_change, n);
    int64_t changed = 0;
    if (!append || !out) {
        reply_memory(change->reply);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct store_item_change c = { .item = items[i].item,
                                             .in_text =
                                                 list && smap_get(&list->by_item, items[i].item) };
        if (items[i].sign > 0) {
            out[piece.nremove++] = c;
        } else {
            append[piece.nappend++] = c;
        }
    }
    piece.append = append;
    piece.remove = out;
    const struct store_content_note note = { .kind = STR("list"),
                                             .name = name,
                                             .action = STR("revert"),
                                             .appended = (int64_t)piece.nappend,
                                             .removed = (int64_t)piece.nremove };
    if (!change_items(change, &piece) || !change_note(change, &note)) {
        return false;
    }
    change->nitems = 0;
    if (content->ops->stage(content->store, change->version + 1, &piece, &changed, &change->err) <
        0) {
        reply_error(change->reply, &change->err);
        return false;
    }
    return true;
}

static bool revert_list(struct change *change, struct two *two, struct str name)
{
    struct content *content = two->content;
    struct store_items_difference d = {
        .list = name, .from = two->to, .to = two->from, .limit = STORE_ITEMS_PIECE
    };
    for (;;) {
        struct store_item *items = NULL;
        size_t n = 0;
        if (content->ops->items_differ(content->store, &d, change->arena, &items, &n, &two->err) <
            0) {
            reply_error(change->reply, &two->err);
            return false;
        }
        if (n == 0) {
            return true;
        }
        if (!revert_piece(change, name, items, n)) {
            return false;
        }
        d.after = items[n - 1].id;
    }
}

static bool revert(struct change *change, struct two *two)
{
    bool good = revert_documents(change, two);
    for (size_t i = 0; i < two->nlists && good; i++) {
        good = revert_list(change, two, two->lists[i]);
    }
    if (good && change->nnotes == 0) {
        reply_version(change->reply, 200, change->version);
        return true;
    }
    good = good && change_check(change) && change_commit(change);
    if (good) {
        reply_version(change->reply, 200, change->version);
        return true;
    }
    struct err again = { 0 };
    two->content->ops->recover(two->content->store, &again);
    return false;
}

HANDLER(content_revert)
{
    CLEANUP(change_end) struct change change = { 0 };
    struct two two = { .content = server->content,
                       .request = request,
                       .subject = content_subject_of(request) };
    struct json_object *body = content_body(request, "to comment version", reply);
    if (!body || !request_member_number(request, body, "to", true, 0, INT64_MAX, &two.to, reply) ||
        !change_open(&change, request, reply, two.subject.name.p ? &two.subject : NULL, body)) {
        return HTTP_DONE;
    }
    two.from = change.version;
    if (two.to > change.version) {
        return reply_problem(reply, 422, "no_such_version", "The newest version is %lld.",
                             (long long)change.version);
    }
    int r = read_two(&two);
    if (r < 0) {
        return r == -ENOMEM ? reply_memory(reply) : reply_error(reply, &two.err);
    }
    struct arena arena, *before = change.arena;
    arena_init(&arena, CONTENT_SET_MAX * 2);
    change.arena = &arena;
    revert(&change, &two);
    change.arena = before;
    arena_done(&arena);
    return HTTP_DONE;
}
