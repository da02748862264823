/*
 * Checking texts, importing files of rules, and what editors and the console ask for.
 *
 * A file of Falco's rules comes in as it is: each rule, macro and list becomes a document of the user's own, an
 * append or override one beside what it changes. Names that are taken already are conflicts, which are told; the
 * caller says whether they are left out or replaced.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"
#include "event/field.h"
#include "rules/ast.h"

#include <errno.h>

/* ---- a text's documents as they would be kept */

enum on_conflict { CONFLICT_FAIL, CONFLICT_SKIP, CONFLICT_REPLACE };

struct incoming {
    struct request *request;
    struct reply *reply;
    const struct content_set *set; /* what there is */
    struct documents documents;    /* each name and part once */
    struct str file;
    enum on_conflict on_conflict;
    struct documents conflicts, created, changed;
    size_t unchanged;
};

/* What is defined twice counts as defined last; changes add up. */
static bool merge(struct incoming *in, const struct document *d)
{
    struct document *there = documents_find(&in->documents, d->kind, d->name, d->part);
    if (!there) {
        return documents_add(&in->documents, in->request->arena, d) == 0;
    }
    if (!d->changes) {
        uint32_t line = d->line;
        there->text = d->text;
        there->line = line;
        return true;
    }
    struct buf both;
    buf_init(&both, CONTENT_TEXT_MAX);
    buf_puts(&both, there->text);
    buf_puts(&both, d->text);
    there->text = both.failed ? (struct str){ 0 } : arena_str(in->request->arena, buf_str(&both));
    buf_done(&both);
    return there->text.p;
}

static enum content_part part_for(const struct incoming *in, const struct document *d)
{
    bool managed_policy =
        d->kind == CONTENT_POLICY &&
        documents_find(&in->set->managed->documents, d->kind, d->name, PART_MANAGED) &&
        !documents_find(&in->set->documents, d->kind, d->name, PART_OWN);
    return d->changes || managed_policy ? PART_OVERRIDE : PART_OWN;
}

static bool take_text(struct incoming *in, struct str text)
{
    struct documents all = { 0 };
    if (!content_split_text(in->request, in->reply, text, &all)) {
        return false;
    }
    for (size_t i = 0; i < all.n; i++) {
        struct document *d = &all.items[i];
        d->part = part_for(in, d);
        d->file = in->file;
        if (!merge(in, d)) {
            reply_memory(in->reply);
            return false;
        }
    }
    return true;
}

/* ---- check */

static void put_diags(struct jsonw *w, const char *key, const struct content_set *set,
                      struct arena *arena, struct str file)
{
    struct content_diag *diags = NULL;
    size_t n = 0;
    jsonw_array(w, key);
    if (set_diags(set, arena, false, &diags, &n) == 0) {
        for (size_t i = 0; i < n; i++) {
            const struct document *d = diags[i].document;
            if (diags[i].error || (d && str_eq(d->file, file))) {
                content_diag_json(&diags[i], w);
            }
        }
    }
    jsonw_end(w);
}

static bool put_all(struct incoming *in, struct content_set *set)
{
    for (size_t i = 0; i < in->documents.n; i++) {
        if (set_put(set, &in->documents.items[i]) < 0) {
            reply_memory(in->reply);
            return false;
        }
    }
    return true;
}

HANDLER(content_check_text)
{
    struct err err = { 0 };
    struct str text = STR("");
    struct content_set *set = NULL;
    struct json_object *body = request_json(request, reply);
    struct incoming in = { .request = request, .reply = reply, .file = STR("text") };
    if (!body || !request_members_only(request, body, "text", reply) ||
        !request_member_text(request, body, "text", true, CONTENT_TEXT_MAX, &text, reply)) {
        return HTTP_DONE;
    }
    struct content_set *old = content_hold(server->content, NULL);
    in.set = old;
    if (take_text(&in, text)) {
        int r = set_copy(old, &set);
        if (r == 0 && put_all(&in, set)) {
            r = set_make(set, &err);
        }
        if (r < 0) {
            reply_memory(reply);
        } else if (set->loader) {
            struct jsonw *w = reply_json(reply, 200);
            jsonw_object(w, NULL);
            jsonw_bool(w, "ok", set->nerrors == 0);
            put_diags(w, "diagnostics", set, request->arena, in.file);
            jsonw_end(w);
        }
    }
    set_drop(set);
    set_drop(old);
    return HTTP_DONE;
}

/* ---- importing files */

/* Why the document cannot simply be added; NULL: it can. *ret_same: it is there as it is. */
static const char *conflict_of(const struct incoming *in, const struct document *d, bool *ret_same)
{
    const struct document *own = documents_find(&in->set->documents, d->kind, d->name, d->part);
    const struct document *managed =
        documents_find(&in->set->managed->documents, d->kind, d->name, PART_MANAGED);
    *ret_same = (own && str_eq(own->text, d->text)) ||
                (!own && managed && d->part != PART_OVERRIDE && str_eq(managed->text, d->text));
    if (own) {
        return d->part == PART_OWN ? "exists" : "overridden";
    }
    return managed && d->part == PART_OWN ? "managed" : NULL;
}

static bool add_name(struct incoming *in, struct documents *to, const struct document *d,
                     const char *why)
{
    struct document copy = *d;
    copy.conflict = str_of(why);
    if (documents_add(to, in->request->arena, &copy) < 0) {
        reply_memory(in->reply);
        return false;
    }
    return true;
}

static bool import_one(struct incoming *in, struct change *change, const struct document *d)
{
    bool same = false;
    const char *conflict = conflict_of(in, d, &same);
    if (same) {
        in->unchanged++;
        return true;
    }
    if (conflict && !add_name(in, &in->conflicts, d, conflict)) {
        return false;
    }
    if (conflict && in->on_conflict != CONFLICT_REPLACE) {
        return true;
    }
    const struct store_content_note note = { .kind = str_of(content_kind_text(d->kind)),
                                             .name = d->name,
                                             .action = STR("import") };
    return add_name(in, conflict ? &in->changed : &in->created, d, NULL) && change_put(change, d) &&
           change_note(change, &note);
}

static void put_names(struct jsonw *w, const char *key, const struct documents *documents)
{
    jsonw_array(w, key);
    for (size_t i = 0; i < documents->n; i++) {
        const struct document *d = &documents->items[i];
        jsonw_object(w, NULL);
        jsonw_strz(w, "kind", content_kind_text(d->kind));
        jsonw_str(w, "name", d->name);
        jsonw_u64(w, "line", d->line);
        if (d->conflict.n > 0) {
            jsonw_str(w, "reason", d->conflict);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void put_result(struct jsonw *w, const struct incoming *in, const struct change *change)
{
    jsonw_i64(w, "version", change->version);
    put_names(w, "created", &in->created);
    put_names(w, "changed", &in->changed);
    put_names(w, "conflicts", &in->conflicts);
    jsonw_u64(w, "unchanged", in->unchanged);
    if (change->set) {
        put_diags(w, "warnings", change->set, in->request->arena, in->file);
    }
}

static void refuse_conflicts(struct incoming *in)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, HTTP_BODY_MAX * 4);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "type", "about:blank");
    jsonw_strz(&w, "title", "Conflict");
    jsonw_u64(&w, "status", 409);
    jsonw_strz(&w, "code", "names_taken");
    jsonw_strz(&w, "detail",
               "Some names are taken; nothing was imported (conflicts=skip or "
               "conflicts=replace goes on).");
    put_names(&w, "conflicts", &in->conflicts);
    jsonw_end(&w);
    reply_bytes(in->reply, 409, "application/problem+json", buf_str(&buf));
    buf_done(&buf);
}

static bool read_conflicts(struct incoming *in)
{
    static const char *const words[] = { "fail", "skip", "replace" };
    struct str how = request_query(in->request, "conflicts");
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!how.p || str_eqz(how, words[i])) {
            in->on_conflict = (enum on_conflict)i;
            return true;
        }
    }
    reply_problem(in->reply, 400, "bad_query", "`conflicts` is fail, skip or replace.");
    return false;
}

static bool import_all(struct incoming *in, struct change *change)
{
    for (size_t i = 0; i < in->documents.n; i++) {
        if (!import_one(in, change, &in->documents.items[i])) {
            return false;
        }
    }
    if (in->conflicts.n > 0 && in->on_conflict == CONFLICT_FAIL) {
        refuse_conflicts(in);
        return false;
    }
    struct str dry = request_query(in->request, "dry");
    bool only_look = dry.p && !str_eqz(dry, "false");
    return change_check(change) && (only_look || change->nnotes == 0 || change_commit(change));
}

HANDLER(content_import_files)
{
    CLEANUP(change_end) struct change change = { 0 };
    struct incoming in = { .request = request, .reply = reply };
    struct str comment = request_query(request, "comment");
    in.file = request_query(request, "name");
    in.file = in.file.p && str_is_utf8(in.file) ? str_first(in.file, CONTENT_NAME_MAX)
                                                : STR("import.yaml");
    if (!read_conflicts(&in) || !change_begin(&change, server->content, request, reply)) {
        return HTTP_DONE;
    }
    change.comment = comment.p ? str_first(comment, CONTENT_COMMENT_MAX) : in.file;
    in.set = change.old;
    if (take_text(&in, request->body) && import_all(&in, &change)) {
        struct jsonw *w = reply_json(reply, 200);
        jsonw_object(w, NULL);
        put_result(w, &in, &change);
        jsonw_end(w);
    }
    return HTTP_DONE;
}

/* ---- for editors */

static const char *type_text(enum field_type type)
{
    static const char *const names[TYPE_COUNT] = {
        [TYPE_CHARBUF] = "text",  [TYPE_BYTEBUF] = "bytes", [TYPE_BOOL] = "bool",
        [TYPE_INT16] = "int16",   [TYPE_INT32] = "int32",   [TYPE_INT64] = "int64",
        [TYPE_UINT32] = "uint32", [TYPE_UINT64] = "uint64", [TYPE_RELTIME] = "duration",
        [TYPE_ABSTIME] = "time",  [TYPE_PORT] = "port",     [TYPE_IPADDR] = "address",
        [TYPE_IPNET] = "network", [TYPE_DOUBLE] = "double", [TYPE_DYN] = "as declared",
    };
    return type < TYPE_COUNT && names[type] ? names[type] : "text";
}

static void put_fields(struct jsonw *w)
{
    jsonw_array(w, "fields");
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_desc *f = &field_table[i];
        jsonw_object(w, NULL);
        jsonw_strz(w, "name", f->name);
        jsonw_strz(w, "class", f->class);
        jsonw_strz(w, "type", type_text(f->type));
        jsonw_strz(w, "argument",
                   f->flags & FIELD_ARG_REQUIRED  ? "required"
                   : f->flags & FIELD_ARG_ALLOWED ? "allowed"
                                                  : "none");
        jsonw_bool(w, "list", f->flags & FIELD_LIST);
        jsonw_bool(w, "deprecated", f->flags & FIELD_DEPRECATED);
        jsonw_strz(w, "doc", f->doc);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void put_operators(struct jsonw *w)
{
    static const char *const docs[OP_COUNT] = {
        [OP_EXISTS] = "The field has a value for this event.",
        [OP_EQ] = "Equal.",
        [OP_EQ_EQ] = "Equal.",
        [OP_NE] = "Not equal.",
        [OP_LT] = "Less than the number.",
        [OP_LE] = "At most the number.",
        [OP_GT] = "More than the number.",
        [OP_GE] = "At least the number.",
        [OP_CONTAINS] = "The text is within it.",
        [OP_ICONTAINS] = "The text is within it, whatever the case.",
        [OP_BCONTAINS] = "The bytes, in hexadecimal, are within it.",
        [OP_STARTSWITH] = "Begins with the text.",
        [OP_BSTARTSWITH] = "Begins with the bytes, in hexadecimal.",
        [OP_ENDSWITH] = "Ends with the text.",
        [OP_GLOB] = "The shell pattern fits the whole of it; * crosses /.",
        [OP_IGLOB] = "The shell pattern fits the whole of it, whatever the case.",
        [OP_REGEX] = "The regular expression (RE2) fits the whole of it.",
        [OP_IN] = "Is one of the items; of a list, all of its values are.",
        [OP_INTERSECTS] = "One of its values is among the items.",
        [OP_PMATCH] = "One of the items is the path or a directory above it.",
    };
    jsonw_array(w, "operators");
    for (int i = 0; i < OP_COUNT; i++) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "name", op_text((enum ast_op)i));
        jsonw_strz(w, "doc", docs[i]);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void put_transformers(struct jsonw *w)
{
    static const char *const all[][2] = {
        { "tolower", "Letters of ASCII in lower case." },
        { "toupper", "Letters of ASCII in upper case." },
        { "b64", "What the text decodes to." },
        { "basename", "What follows the last /." },
        { "len", "Bytes of a text." },
        { "join", "The texts of a list, with a separator between them." },
        { "concat", "The texts of a list, one after the other." },
        { "getopt", "The value of an option in arguments." },
        { "val", "Right side only: the field's value." },
    };
    jsonw_array(w, "transformers");
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "name", all[i][0]);
        jsonw_strz(w, "doc", all[i][1]);
        jsonw_end(w);
    }
    jsonw_end(w);
}

HANDLER(content_complete)
{
    struct content_set *set = content_hold(server->content, NULL);
    struct jsonw *w = reply_json(reply, 200);
    (void)request;
    jsonw_object(w, NULL);
    put_fields(w);
    put_operators(w);
    put_transformers(w);
    jsonw_array(w, "macros");
    for (uint32_t i = 0; i < set->ruleset->nmacros; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "name", set->ruleset->macros[i].name);
        jsonw_str(w, "doc", str_first(set->ruleset->macros[i].condition_text, 1000));
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_array(w, "lists");
    for (size_t i = 0; i < set->nlists; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "name", set->lists[i].name);
        jsonw_u64(w, "text_items", set->lists[i].n);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_array(w, "rules");
    for (uint32_t i = 0; i < set->ruleset->nrules; i++) {
        jsonw_str(w, NULL, set->ruleset->rules[i].name);
    }
    jsonw_end(w);
    jsonw_array(w, "priorities");
    for (int p = PRIORITY_EMERGENCY; p <= PRIORITY_DEBUG; p++) {
        jsonw_strz(w, NULL, priority_text((enum priority)p));
    }
    jsonw_end(w);
    jsonw_array(w, "actions");
    for (unsigned bit = 0; bit < POLICY_ACTIONS; bit++) {
        jsonw_strz(w, NULL, action_text((enum policy_action)(1u << bit)));
    }
    jsonw_end(w);
    jsonw_end(w);
    set_drop(set);
    return HTTP_DONE;
}

/* ---- overview */

static void put_conflicts(struct jsonw *w, const struct content_set *set)
{
    jsonw_array(w, "conflicts");
    for (size_t i = 0; i < set->documents.n; i++) {
        const struct document *d = &set->documents.items[i];
        if (d->conflict.n > 0) {
            jsonw_object(w, NULL);
            jsonw_strz(w, "kind", content_kind_text(d->kind));
            jsonw_str(w, "name", d->name);
            jsonw_strz(w, "part", content_part_text(d->part));
            jsonw_str(w, "conflict", d->conflict);
            jsonw_bool(w, "in_force", !d->excluded);
            jsonw_end(w);
        }
    }
    jsonw_end(w);
}

HANDLER(content_overview)
{
    int64_t version = 0;
    struct content_set *set = content_hold(server->content, &version);
    struct jsonw *w = reply_json(reply, 200);
    (void)request;
    jsonw_object(w, NULL);
    jsonw_i64(w, "version", version);
    jsonw_str(w, "managed", set->managed->hash);
    jsonw_u64(w, "rules", set->ruleset->nrules);
    jsonw_u64(w, "macros", set->ruleset->nmacros);
    jsonw_u64(w, "lists", set->nlists);
    jsonw_u64(w, "policies", policies_count(set->policies));
    put_conflicts(w, set);
    jsonw_end(w);
    set_drop(set);
    return HTTP_DONE;
}

/* ---- in force on n of m */

static void put_agent(struct jsonw *w, const struct store_rollout *a, int64_t version,
                      int64_t since_ms)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "agent", a->agent);
    jsonw_i64(w, "version", a->version);
    jsonw_bool(w, "in_force", a->version >= version);
    jsonw_bool(w, "heard", a->received_ms >= since_ms);
    jsonw_bool(w, "ok", a->ok);
    if (a->error.n > 0) {
        jsonw_str(w, "error", a->error);
    }
    jsonw_i64(w, "received_ms", a->received_ms);
    jsonw_end(w);
}

struct rollout {
    struct content *content;
    struct request *request;
    int64_t version, since_ms, limit;
    bool lagging; /* only those that lack it */
    struct err err;
};

/* Agents from the cursor on; *ret_next is the next cursor, .p == NULL: there are no more. */
static int put_agents(struct rollout *rollout, struct jsonw *w, struct str *ret_next)
{
    struct content *content = rollout->content;
    struct str after = *ret_next;
    uint32_t piece = rollout->lagging ? CONTENT_PAGE_MAX : (uint32_t)rollout->limit + 1;
    size_t n = piece;
    int64_t shown = 0;
    while (n == piece) {
        struct store_rollout *agents = NULL;
        int r = content->ops->rollout(content->store, after, piece, rollout->request->arena,
                                      &agents, &n, &rollout->err);
        if (r < 0) {
            return r;
        }
        for (size_t i = 0; i < n; i++) {
            if (rollout->lagging && agents[i].version >= rollout->version) {
                continue;
            }
            if (shown == rollout->limit) {
                *ret_next = after;
                return 0;
            }
            put_agent(w, &agents[i], rollout->version, rollout->since_ms);
            after = agents[i].agent;
            shown++;
        }
        after = n > 0 ? agents[n - 1].agent : after;
    }
    *ret_next = (struct str){ 0 };
    return 0;
}

HANDLER(content_get_rollout)
{
    struct content *content = server->content;
    struct rollout rollout = { .content = content, .request = request };
    int64_t newest = content_version(server), in_force = 0, failed = 0, all = 0;
    struct str cursor = request_query(request, "cursor");
    struct str lagging = request_query(request, "lagging");
    if (!request_number(request, "version", 1, INT64_MAX, newest, &rollout.version, reply) ||
        !request_number(request, "limit", 1, CONTENT_PAGE_MAX, 100, &rollout.limit, reply)) {
        return HTTP_DONE;
    }
    rollout.lagging = lagging.p && str_eqz(lagging, "true");
    rollout.since_ms = server->now_ms() - CONTENT_HEARD_MS;
    if (content->ops->rollout_count(content->store, rollout.version, rollout.since_ms, &in_force,
                                    &failed, &all, &rollout.err) < 0) {
        return reply_error(reply, &rollout.err);
    }
    struct str next = cursor.p ? cursor : STR("");
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_i64(w, "version", rollout.version);
    jsonw_i64(w, "newest", newest);
    jsonw_i64(w, "in_force", in_force);
    jsonw_i64(w, "failed", failed);
    jsonw_i64(w, "agents", all);
    jsonw_array(w, "items");
    int r = put_agents(&rollout, w, &next);
    jsonw_end(w);
    if (next.p) {
        jsonw_str(w, "next", next);
    } else {
        jsonw_null(w, "next");
    }
    jsonw_end(w);
    return r < 0 ? reply_error(reply, &rollout.err) : HTTP_DONE;
}
