/*
 * findings_notes: notes on findings, and the filters that people keep.
 *
 * A filter belongs to who made it (a user, or a token); others see it when it is shared, and only an administrator can
 * take somebody else's away. What is not to be seen is not there: 404, as for a number that never was.
 */
#include "server/findings_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- notes */

static void put_note(struct jsonw *w, const struct triage_note *note)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", note->id);
    jsonw_i64(w, "time_ms", note->time_ms);
    jsonw_str(w, "author", note->author);
    jsonw_str(w, "text", note->text);
    jsonw_end(w);
}

HANDLER(findings_notes)
{
    struct finding finding;
    struct triage_note *notes = NULL;
    size_t n = 0;
    struct err err = { 0 };
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->notes(server->store, finding.id, request->arena, &notes, &n, &err) <
        0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_note(w, &notes[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

HANDLER(findings_note_add)
{
    struct json_object *body = request_json(request, reply);
    struct triage_note note = { .finding = request_param(request, "id"),
                                .time_ms = server->now_ms(),
                                .author = request->principal->name };
    struct err err = { 0 };
    if (!body || !request_members_only(request, body, "text", reply) ||
        !findings_text(request, body, "text", FINDINGS_NOTE_MAX, true, &note.text, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->note_add(server->store, &note, &note.id, &err) < 0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "finding.note", audit_object(request, "finding", note.finding),
                   (struct str){ 0 });
    findings_tell(server, note.finding, "updated");
    put_note(reply_json(reply, 201), &note);
    return HTTP_DONE;
}

/* ---- filters */

static struct str owner_of(const struct request *request)
{
    char text[40];
    int n = snprintf(text, sizeof(text), "%s:%" PRId64,
                     request->principal->kind == PRINCIPAL_TOKEN ? "token" : "user",
                     request->principal->id);
    return arena_str(request->arena, str_from(text, (size_t)n));
}

static void put_filter(struct jsonw *w, const struct triage_filter *f, struct str owner)
{
    bool own = str_eq(f->owner, owner);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", f->id);
    jsonw_str(w, "name", f->name);
    jsonw_str(w, "filter", f->filter);
    jsonw_str(w, "view", f->view.p ? f->view : STR(""));
    jsonw_bool(w, "shared", f->shared);
    jsonw_bool(w, "default", own && f->preferred);
    jsonw_bool(w, "own", own);
    jsonw_str(w, "owner", f->owner_name);
    jsonw_i64(w, "created_ms", f->created_ms);
    jsonw_i64(w, "updated_ms", f->updated_ms);
    jsonw_end(w);
}

static bool load_filters(struct server *server, struct request *request, struct str owner,
                         struct triage_filter **ret, size_t *ret_n, struct reply *reply)
{
    struct err err = { 0 };
    if (server->store->triage->filters(server->store, owner, request->arena, ret, ret_n, &err) <
        0) {
        reply_error(reply, &err);
        return false;
    }
    return true;
}

HANDLER(findings_filters)
{
    struct str owner = owner_of(request);
    struct triage_filter *filters = NULL;
    size_t n = 0;
    if (!load_filters(server, request, owner, &filters, &n, reply)) {
        return HTTP_DONE;
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_filter(w, &filters[i], owner);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

/* Members that are there, checked; the filter is compiled for its errors. */
static bool read_filter(struct server *server, struct request *request, struct json_object *body,
                        struct triage_filter *f, struct reply *reply)
{
    CLEANUP(filter_done) struct filter compiled = { 0 };
    bool fresh = f->id == 0;
    if (!request_members_only(request, body, "name filter view shared default", reply)) {
        return false;
    }
    if ((fresh || json_object_object_get(body, "name")) &&
        !findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &f->name, reply)) {
        return false;
    }
    return request_member_text(request, body, "filter", fresh, FILTER_TEXT_MAX, &f->filter,
                               reply) &&
           request_member_text(request, body, "view", false, FILTER_TEXT_MAX, &f->view, reply) &&
           request_member_bool(request, body, "shared", false, &f->shared, reply) &&
           request_member_bool(request, body, "default", false, &f->preferred, reply) &&
           findings_filter(server, request, FILTER_FINDINGS, f->filter, &compiled, reply);
}

static enum http_result keep_filter(struct server *server, struct request *request,
                                    struct triage_filter *f, struct reply *reply)
{
    struct err err = { 0 };
    bool fresh = f->id == 0;
    f->updated_ms = server->now_ms();
    f->created_ms = fresh ? f->updated_ms : f->created_ms;
    if (server->store->triage->filter_put(server->store, f, &f->id, &err) < 0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, fresh ? "filter.create" : "filter.change",
                   findings_object(request, "filter", f->id), f->name);
    put_filter(reply_json(reply, fresh ? 201 : 200), f, f->owner);
    return HTTP_DONE;
}

HANDLER(findings_filter_add)
{
    struct json_object *body = request_json(request, reply);
    struct triage_filter f = { .owner = owner_of(request), .owner_name = request->principal->name };
    return body && read_filter(server, request, body, &f, reply)
               ? keep_filter(server, request, &f, reply)
               : HTTP_DONE;
}

HANDLER(findings_filter_change)
{
    struct json_object *body = request_json(request, reply);
    struct str owner = owner_of(request);
    struct triage_filter *filters = NULL;
    size_t n = 0;
    int64_t id;
    if (!body || !findings_number(request, &id, reply) ||
        !load_filters(server, request, owner, &filters, &n, reply)) {
        return HTTP_DONE;
    }
    for (size_t i = 0; i < n; i++) {
        if (filters[i].id == id && str_eq(filters[i].owner, owner)) {
            return read_filter(server, request, body, &filters[i], reply)
                       ? keep_filter(server, request, &filters[i], reply)
                       : HTTP_DONE;
        }
    }
    return reply_problem(reply, 404, "not_found", "You have no such filter.");
}

HANDLER(findings_filter_remove)
{
    struct err err = { 0 };
    int64_t id;
    bool admin = request->principal->may & MAY_ADMIN;
    if (!findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->filter_remove(server->store, id, owner_of(request), admin, &err) <
        0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "filter.remove", findings_object(request, "filter", id),
                   (struct str){ 0 });
    return reply_empty(reply, 204);
}
