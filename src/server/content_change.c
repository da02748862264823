/*
 * Making a change: collected, checked, committed, told.
 *
 * Most changes make a new set and compile it. Appended items do not: they are checked against what conditions do
 * with their list, committed, and become a difference that waiting agents are given at once.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

struct content_set *content_hold(struct content *content, int64_t *ret_version)
{
    pthread_mutex_lock(&content->lock);
    struct content_set *set = set_hold(content->set);
    if (ret_version) {
        *ret_version = content->version;
    }
    pthread_mutex_unlock(&content->lock);
    return set;
}

enum http_result reply_memory(struct reply *reply)
{
    return reply_problem(reply, 413, "too_large", "The content would be larger than allowed.");
}

/* -errno in change->err as a reply, where somebody asked. */
static bool fail(struct change *change, int code)
{
    if (change->reply) {
        if (code == -ENOMEM) {
            reply_memory(change->reply);
        } else {
            reply_error(change->reply, &change->err);
        }
    }
    return false;
}

/* ---- begin, end */

static bool lock_change(struct content *content)
{
    struct timespec until;
    if (pthread_mutex_trylock(&content->change) == 0) {
        return true;
    }
    if (__atomic_load_n(&content->importing, __ATOMIC_RELAXED)) {
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CONTENT_WAIT_MS / 1000;
    return pthread_mutex_clocklock(&content->change, CLOCK_MONOTONIC, &until) == 0;
}

bool change_begin(struct change *change, struct content *content, struct request *request,
                  struct reply *reply)
{
    *change = (struct change){ .content = content, .request = request, .reply = reply };
    change->arena = request ? request->arena : NULL;
    change->author = request ? request->principal->name : STR("hinomi");
    change->comment = STR("");
    if (!lock_change(content)) {
        if (reply) {
            reply_header(reply, "Retry-After", STR("1"));
            reply_problem(reply, 503, "busy", "Somebody else is changing the content.");
        }
        return false;
    }
    change->locked = true;
    change->old = content_hold(content, &change->version);
    return true;
}

void change_end(struct change *change)
{
    set_drop(change->set);
    set_drop(change->old);
    if (change->locked) {
        pthread_mutex_unlock(&change->content->change);
    }
    *change = (struct change){ 0 };
}

/* ---- collecting */

static bool need_set(struct change *change)
{
    return change->set || set_copy(change->old, &change->set) == 0 || fail(change, -ENOMEM);
}

/* One more of an array in the arena. */
static void *one_more(struct change *change, void **items, size_t *n, size_t *capacity, size_t size)
{
    if (*n == *capacity) {
        size_t more = *capacity ? *capacity * 2 : 8;
        void *grown = arena_array(change->arena, more, size);
        if (!grown) {
            fail(change, -ENOMEM);
            return NULL;
        }
        if (*n > 0) {
            memcpy(grown, *items, *n * size);
        }
        *items = grown;
        *capacity = more;
    }
    return (char *)*items + (*n)++ * size;
}

bool change_put(struct change *change, const struct document *document)
{
    if (!need_set(change)) {
        return false;
    }
    struct document d = *document;
    const struct document *managed =
        documents_find(&change->set->managed->documents, d.kind, d.name, PART_MANAGED);
    d.base = managed && d.part != PART_OWN ? managed->base : STR("");
    d.conflict = STR("");
    struct store_document_change *c =
        one_more(change, (void **)&change->documents, &change->ndocuments,
                 &change->documents_capacity, sizeof(*c));
    if (!c) {
        return false;
    }
    *c = (struct store_document_change){ .kind = str_of(content_kind_text(d.kind)),
                                         .name = d.name,
                                         .part = str_of(content_part_text(d.part)),
                                         .text = d.text,
                                         .base = d.base };
    return set_put(change->set, &d) == 0 || fail(change, -ENOMEM);
}

bool change_note(struct change *change, const struct store_content_note *note)
{
    struct store_content_note *n = one_more(change, (void **)&change->notes, &change->nnotes,
                                            &change->notes_capacity, sizeof(*n));
    if (n) {
        *n = *note;
    }
    return n;
}

static bool take_items(struct change *change, const struct store_items_change *items)
{
    if (items->clear) {
        if (!need_set(change)) {
            return false;
        }
        set_untake(change->set, items->list);
    }
    for (size_t i = 0; i < items->nappend + items->nremove; i++) {
        bool out = i >= items->nappend;
        const struct store_item_change *c =
            out ? &items->remove[i - items->nappend] : &items->append[i];
        if (c->in_text) {
            if (!need_set(change)) {
                return false;
            }
            if (set_take(change->set, items->list, c->item, out) < 0) {
                return fail(change, -ENOMEM);
            }
        }
    }
    return true;
}

bool change_items(struct change *change, const struct store_items_change *items)
{
    struct store_items_change *all =
        ARENA_ARRAY(change->arena, struct store_items_change, change->nitems + 1);
    if (!all) {
        return fail(change, -ENOMEM);
    }
    if (change->nitems > 0) {
        memcpy(all, change->items, change->nitems * sizeof(*all));
    }
    all[change->nitems++] = *items;
    change->items = all;
    return take_items(change, items);
}

/* ---- preconditions */

/* The number of an If-Match: "12", W/"12" or 12. */
static bool parse_tag(struct str tag, int64_t *ret)
{
    int64_t n = 0;
    tag = str_starts(tag, STR("W/")) ? str_from_offset(tag, 2) : tag;
    if (tag.n > 1 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"') {
        tag = str_first(str_from_offset(tag, 1), tag.n - 2);
    }
    for (size_t i = 0; i < tag.n; i++) {
        if (tag.p[i] < '0' || tag.p[i] > '9' || i > 15) {
            return false;
        }
        n = n * 10 + (tag.p[i] - '0');
    }
    *ret = n;
    return tag.n > 0;
}

bool change_matches(struct change *change, enum content_kind kind, struct str name,
                    struct json_object *body)
{
    struct content *content = change->content;
    struct str tag = request_header(change->request, "If-Match");
    int64_t wanted = -1, is = 0;
    if (tag.p && !str_eqz(tag, "*") && !parse_tag(str_trim(tag), &wanted)) {
        reply_problem(change->reply, 400, "bad_if_match", "If-Match is no version.");
        return false;
    }
    if (body && !request_member_number(change->request, body, "version", false, 0, INT64_MAX,
                                       &wanted, change->reply)) {
        return false;
    }
    int r = content->ops->changed(content->store, str_of(content_kind_text(kind)), name, &is,
                                  &change->err);
    if (r < 0) {
        return fail(change, r);
    }
    if (wanted >= 0 && wanted != is) {
        reply_problem(change->reply, 409, "changed_meanwhile",
                      "It was changed meanwhile: it is at version %lld, not %lld.", (long long)is,
                      (long long)wanted);
        return false;
    }
    return true;
}

bool change_open(struct change *change, struct request *request, struct reply *reply,
                 const struct content_subject *subject, struct json_object *body)
{
    return change_begin(change, request->server->content, request, reply) &&
           (!body || request_member_text(request, body, "comment", false, CONTENT_COMMENT_MAX,
                                         &change->comment, reply)) &&
           (!subject || change_matches(change, subject->kind, subject->name, body));
}

struct json_object *content_body(struct request *request, const char *members, struct reply *reply)
{
    struct json_object *body = request_json(request, reply);
    return body && request_members_only(request, body, members, reply) ? body : NULL;
}

/* ---- checking */

enum http_result reply_diags(struct reply *reply, struct arena *arena,
                             const struct content_diag *diags, size_t n)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    (void)arena;
    buf_init(&buf, HTTP_BODY_MAX);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "type", "about:blank");
    jsonw_strz(&w, "title", "Unprocessable Content");
    jsonw_u64(&w, "status", 422);
    jsonw_strz(&w, "code", "content_invalid");
    jsonw_strz(&w, "detail", "The content has errors; nothing was saved.");
    jsonw_array(&w, "diagnostics");
    for (size_t i = 0; i < n; i++) {
        content_diag_json(&diags[i], &w);
    }
    jsonw_end(&w);
    jsonw_end(&w);
    reply_bytes(reply, 422, "application/problem+json", buf_str(&buf));
    buf_done(&buf);
    return HTTP_DONE;
}

static bool refuse(struct change *change, const struct content_diag *diags, size_t n)
{
    if (change->reply) {
        reply_diags(change->reply, change->arena, diags, n);
    }
    return false;
}

static bool uses_are_known(const struct list_info *list, const struct list_info *old)
{
    for (size_t i = 0; i < list->nuses; i++) {
        bool known = false;
        for (size_t k = 0; old && k < old->nuses && !known; k++) {
            known = str_eq(list->uses[i].left, old->uses[k].left) &&
                    str_eq(list->uses[i].op, old->uses[k].op);
        }
        if (!known) {
            return false;
        }
    }
    return !list->textual || (old && old->textual);
}

/* Items that were appended before are to do for what conditions do with them now. */
static bool check_stored(struct change *change)
{
    struct content *content = change->content;
    for (size_t i = 0; i < change->set->nlists; i++) {
        const struct list_info *list = &change->set->lists[i];
        if (uses_are_known(list, set_list(change->old, list->name))) {
            continue;
        }
        struct buf lines;
        struct content_diag diag;
        buf_init(&lines, BUNDLE_MAX);
        int r = content_list_lines(content, list->name, change->version, &lines, &change->err);
        int checked = r == 0 && lines.n > 0
                          ? items_check(change->set, list, buf_str(&lines), change->arena, &diag)
                          : 0;
        buf_done(&lines);
        if (checked == -EINVAL) {
            return refuse(change, &diag, 1);
        }
        if (r < 0 || checked < 0) {
            return fail(change, r < 0 ? r : checked);
        }
    }
    return true;
}

bool change_check(struct change *change)
{
    if (!change->set) {
        return true;
    }
    int r = set_make(change->set, &change->err);
    if (r < 0) {
        return fail(change, r);
    }
    if (change->set->nerrors > 0) {
        struct content_diag *diags = NULL;
        size_t n = 0;
        if (set_diags(change->set, change->arena, true, &diags, &n) < 0) {
            return fail(change, -ENOMEM);
        }
        return refuse(change, diags, n);
    }
    return check_stored(change);
}

/* ---- committing */

static void publish(struct change *change)
{
    struct content *content = change->content;
    struct content_set *before = NULL;
    char text[64];
    struct buf message;
    pthread_mutex_lock(&content->lock);
    if (change->set) {
        before = content->set;
        content->set = set_hold(change->set);
    }
    content->version = change->version;
    bundles_note(&content->bundles, change->version, change->set ? STR("") : change->delta);
    pthread_mutex_unlock(&content->lock);
    set_drop(before);
    bell_ring(content->bell);
    buf_init_fixed(&message, text, sizeof(text));
    buf_printf(&message, "{\"version\":%lld}", (long long)change->version);
    if (content->server->hub) {
        hub_publish(content->server->hub, HUB_CONTENT, buf_str(&message));
    }
}

bool change_commit(struct change *change)
{
    struct content *content = change->content;
    const struct store_content_commit commit = {
        .expected = change->version,
        .time_ms = content->server->now_ms(),
        .author = change->author,
        .comment = change->comment,
        .managed = content->managed->hash,
        .documents = change->documents,
        .ndocuments = change->ndocuments,
        .items = change->items,
        .nitems = change->nitems,
        .notes = change->notes,
        .nnotes = change->nnotes,
    };
    int r = content->ops->commit(content->store, &commit, &change->version, &change->err);
    if (r < 0) {
        return fail(change, r);
    }
    publish(change);
    return true;
}
