/*
 * Changing documents: create, replace or override, switch, remove.
 *
 * What is managed is never edited: replacing it keeps a document beside it that overrides it, switching it one that
 * says so, removing it takes these away again.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>

enum content_kind route_kind(const struct request *request)
{
    static const struct {
        const char *prefix;
        enum content_kind kind;
    } prefixes[] = { { "/v1/policies", CONTENT_POLICY },
                     { "/v1/rules", CONTENT_RULE },
                     { "/v1/macros", CONTENT_MACRO } };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (str_starts(str_of(request->route->path), str_of(prefixes[i].prefix))) {
            return prefixes[i].kind;
        }
    }
    return CONTENT_LIST;
}

struct content_subject content_subject_of(const struct request *request)
{
    bool all = str_starts(str_of(request->route->path), STR("/v1/content/"));
    return (struct content_subject){ route_kind(request),
                                     all ? (struct str){ 0 } : request_param(request, "name") };
}

enum http_result reply_version(struct reply *reply, unsigned status, int64_t version)
{
    char tag[32];
    snprintf(tag, sizeof(tag), "\"%lld\"", (long long)version);
    reply_header(reply, "ETag", str_of(tag));
    struct jsonw *w = reply_json(reply, status);
    jsonw_object(w, NULL);
    jsonw_i64(w, "version", version);
    jsonw_end(w);
    return HTTP_DONE;
}

/* NULL: there is none, and the reply says so. */
static const struct document *need_document(const struct change *change, const struct document *d)
{
    const struct document *there = set_document(change->old, d->kind, d->name);
    if (!there) {
        reply_problem(change->reply, 404, "not_found", "There is no such %s.",
                      content_kind_text(d->kind));
    }
    return there;
}

static struct str kind_str(enum content_kind kind)
{
    return str_of(content_kind_text(kind));
}

/* Of one document: noted, checked, committed. */
static enum http_result finish(struct change *change, enum content_kind kind, struct str name,
                               const char *action, unsigned status)
{
    struct reply *reply = change->reply;
    const struct store_content_note note = { .kind = kind_str(kind),
                                             .name = name,
                                             .action = str_of(action) };
    if (change_note(change, &note) && change_check(change) && change_commit(change)) {
        reply_version(reply, status, change->version);
    }
    return HTTP_DONE;
}

/* ---- texts */

/* 422 as the engine would say it. */
static bool refuse_text(struct request *request, struct reply *reply, struct str text,
                        uint32_t offset, const struct err *err)
{
    struct content_diag diag = { .error = true,
                                 .code = "LOAD_ERR_YAML_VALIDATE",
                                 .message = str_of(err->message),
                                 .file = STR("text"),
                                 .line = 1,
                                 .column = 1 };
    for (uint32_t i = 0; i < offset && i < text.n; i++) {
        diag.column = text.p[i] == '\n' ? 1 : diag.column + 1;
        diag.line += text.p[i] == '\n';
    }
    reply_diags(reply, request->arena, &diag, 1);
    return false;
}

bool content_split_text(struct request *request, struct reply *reply, struct str text,
                        struct documents *ret)
{
    struct err err = { 0 };
    uint32_t offset = 0;
    int r = documents_split(request->arena, text, ret, &offset, &err);
    if (r == -ENOMEM) {
        reply_memory(reply);
        return false;
    }
    return r == 0 || refuse_text(request, reply, text, offset, &err);
}

/* All documents of the text joined into one, which must be of that kind and, if given, name. */
static bool read_text(struct request *request, struct reply *reply, struct json_object *body,
                      struct document *ret)
{
    struct documents parts = { 0 };
    struct str text = STR("");
    if (!request_member_text(request, body, "text", true, CONTENT_TEXT_MAX, &text, reply) ||
        !content_split_text(request, reply, text, &parts)) {
        return false;
    }
    struct err err = { 0 };
    struct buf all;
    buf_init(&all, CONTENT_TEXT_MAX);
    bool good = parts.n > 0;
    if (!good) {
        err_set(&err, -EINVAL, "the text holds no %s", content_kind_text(ret->kind));
    }
    for (size_t i = 0; i < parts.n && good; i++) {
        const struct document *d = &parts.items[i];
        struct str name = ret->name.n ? ret->name : parts.items[0].name;
        if (d->kind != ret->kind || !str_eq(d->name, name)) {
            err_set(&err, -EINVAL, "the text must be of the %s \"%.*s\" and of nothing else",
                    content_kind_text(ret->kind), STR_ARG(name));
            good = false;
        } else if (i > 0 && !(d->changes && parts.items[0].changes)) {
            err_set(&err, -EINVAL, "only overrides can be several");
            good = false;
        }
        buf_puts(&all, d->text);
    }
    if (!good) {
        buf_done(&all);
        return refuse_text(request, reply, text, 0, &err);
    }
    *ret = parts.items[0];
    ret->file = STR("");
    ret->text = arena_str(request->arena, buf_str(&all));
    buf_done(&all);
    if (!ret->text.p) {
        reply_memory(reply);
    }
    return ret->text.p;
}

static bool exists(struct change *change, const struct document *d)
{
    const struct document *there = set_document(change->old, d->kind, d->name);
    if (there) {
        bool managed = there->part == PART_MANAGED;
        reply_problem(change->reply, 409, managed ? "managed" : "exists",
                      "There is a %s%s of this name already.", managed ? "managed " : "",
                      content_kind_text(d->kind));
    }
    return there;
}

/* ---- create */

/* A name that conditions can refer to. */
static bool is_bare(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (strchr("()\"'= ,\t", name.p[i])) {
            return false;
        }
    }
    return content_name_is_good(CONTENT_LIST, name);
}

/* {"name","items"} of a list. */
static bool read_list(struct request *request, struct reply *reply, struct json_object *body,
                      struct document *ret)
{
    struct buf text;
    if (!request_member_text(request, body, "name", true, CONTENT_NAME_MAX, &ret->name, reply)) {
        return false;
    }
    if (!is_bare(ret->name)) {
        reply_problem(reply, 422, "bad_name",
                      "A list's name has no blanks, no slashes and none of ( ) \" ' = ,");
        return false;
    }
    buf_init(&text, 4096);
    buf_putz(&text, "- list: ");
    buf_json_str(&text, ret->name);
    buf_putz(&text, "\n  items: []\n");
    ret->text = arena_str(request->arena, buf_str(&text));
    buf_done(&text);
    return ret->text.p || (reply_memory(reply), false);
}

HANDLER(content_create_document)
{
    (void)server;
    CLEANUP(change_end) struct change change = { 0 };
    struct document d = { .kind = route_kind(request), .part = PART_OWN };
    struct json_object *body = request_json(request, reply);
    bool list = d.kind == CONTENT_LIST && body && !json_object_object_get(body, "text");
    if (!body ||
        !request_members_only(request, body, list ? "name items comment" : "text comment", reply) ||
        !(list ? read_list(request, reply, body, &d) : read_text(request, reply, body, &d))) {
        return HTTP_DONE;
    }
    if (d.changes) {
        return reply_problem(reply, 422, "not_new",
                             "The text changes something; what is new has no override or append.");
    }
    d.part = PART_OWN;
    if (!change_open(&change, request, reply, NULL, body) || exists(&change, &d) ||
        !change_put(&change, &d)) {
        return HTTP_DONE;
    }
    struct store_items_change items = { .list = d.name };
    if (list && json_object_object_get(body, "items") &&
        (!content_read_items(request, reply, body, NULL, &items) ||
         !change_items(&change, &items))) {
        return HTTP_DONE;
    }
    return finish(&change, d.kind, d.name, "create", 201);
}

/* ---- replace, override */

HANDLER(content_replace_document)
{
    (void)server;
    CLEANUP(change_end) struct change change = { 0 };
    const struct content_subject subject = content_subject_of(request);
    struct document d = { .kind = subject.kind, .name = subject.name };
    struct json_object *body = content_body(request, "text comment version", reply);
    if (!body || !read_text(request, reply, body, &d) ||
        !change_open(&change, request, reply, &subject, body)) {
        return HTTP_DONE;
    }
    const struct document *there = need_document(&change, &d);
    if (!there) {
        return HTTP_DONE;
    }
    bool managed = there->part == PART_MANAGED;
    if (managed && d.kind != CONTENT_POLICY && !d.changes) {
        return reply_problem(
            reply, 409, "managed",
            "It is managed: override parts of it (override: ...), do not replace it.");
    }
    d.part = managed || d.changes ? PART_OVERRIDE : PART_OWN;
    return change_put(&change, &d)
               ? finish(&change, d.kind, d.name, managed ? "override" : "change", 200)
               : HTTP_DONE;
}

/* ---- switch */

static struct str switch_text(struct arena *arena, enum content_kind kind, struct str name, bool on)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "- %s: ", content_kind_text(kind));
    buf_json_str(&text, name);
    buf_printf(&text, "\n  enabled: %s\n", on ? "true" : "false");
    if (kind == CONTENT_RULE) {
        buf_putz(&text, "  override: {enabled: replace}\n");
    }
    struct str kept = text.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&text));
    buf_done(&text);
    return kept;
}

HANDLER(content_patch_document)
{
    (void)server;
    CLEANUP(change_end) struct change change = { 0 };
    const struct content_subject subject = content_subject_of(request);
    struct document d = { .kind = subject.kind, .part = PART_TOGGLE, .name = subject.name };
    struct json_object *body = content_body(request, "enabled comment version", reply);
    bool on = false;
    if (!body || !request_member_bool(request, body, "enabled", true, &on, reply) ||
        !change_open(&change, request, reply, &subject, body) || !need_document(&change, &d)) {
        return HTTP_DONE;
    }
    d.text = switch_text(request->arena, d.kind, d.name, on);
    if (!d.text.p) {
        return reply_memory(reply);
    }
    return change_put(&change, &d) ? finish(&change, d.kind, d.name, on ? "enable" : "disable", 200)
                                   : HTTP_DONE;
}

/* ---- remove */

HANDLER(content_remove_document)
{
    CLEANUP(change_end) struct change change = { 0 };
    static const enum content_part parts[] = { PART_OWN, PART_OVERRIDE, PART_TOGGLE };
    const struct content_subject subject = content_subject_of(request);
    enum content_kind kind = subject.kind;
    struct str name = subject.name;
    if (!change_open(&change, request, reply, &subject, NULL)) {
        return HTTP_DONE;
    }
    const struct document *there = set_document(change.old, kind, name);
    bool own = there && there->part == PART_OWN, some = own;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        const struct document d = { .kind = kind, .part = parts[i], .name = name };
        if (documents_find(&change.old->documents, kind, name, parts[i])) {
            some = true;
            if (!change_put(&change, &d)) {
                return HTTP_DONE;
            }
        }
    }
    int64_t changed = 0;
    struct content *content = server->content;
    if (content->ops->changed(content->store, kind_str(kind), name, &changed, &change.err) < 0) {
        return reply_error(reply, &change.err);
    }
    some = some || (kind == CONTENT_LIST && there && changed > 0);
    if (!some) {
        return there ? reply_problem(reply, 409, "managed", "It is managed, and nobody changed it.")
                     : reply_problem(reply, 404, "not_found", "There is no such %s.",
                                     content_kind_text(kind));
    }
    const struct store_items_change items = { .list = name, .clear = true };
    if (kind == CONTENT_LIST && !change_items(&change, &items)) {
        return HTTP_DONE;
    }
    return finish(&change, kind, name, own ? "remove" : "reset", 200);
}
