/*
 * findings_history: what was done with one finding, for everybody who may read it.
 *
 * The entries are those of the audit log whose object is the finding. Where somebody called from, and the request's
 * number, stay with the log, which only administrators read. A change of many findings at once is one entry of the
 * log and no finding's.
 */
#include "server/findings_internal.h"

#include "store/accounts.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE_DEFAULT 100

static void put_entry(struct jsonw *w, const struct store_audit *entry)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", entry->id);
    jsonw_i64(w, "time_ms", entry->time_ms);
    jsonw_str(w, "kind", entry->kind);
    jsonw_str(w, "actor", entry->actor);
    jsonw_str(w, "action", entry->action);
    jsonw_str(w, "result", entry->result);
    if (entry->detail.n > 0) {
        jsonw_raw(w, "detail", entry->detail);
    } else {
        jsonw_null(w, "detail");
    }
    jsonw_end(w);
}

static void put_page(struct jsonw *w, const struct store_list *list)
{
    const struct store_audit *entries = list->items;
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list->n; i++) {
        put_entry(w, &entries[i]);
    }
    jsonw_end(w);
    if (list->n == list->limit) {
        char next[24];
        snprintf(next, sizeof(next), "%" PRId64, entries[list->n - 1].id);
        jsonw_strz(w, "next", next);
    } else {
        jsonw_null(w, "next");
    }
    jsonw_end(w);
}

HANDLER(findings_history)
{
    struct finding finding;
    struct err err = { 0 };
    int64_t limit = 0, after = 0;
    if (!request_number(request, "limit", 1, STORE_PAGE_MAX, PAGE_DEFAULT, &limit, reply) ||
        !request_number(request, "cursor", 1, INT64_MAX, 0, &after, reply) ||
        !findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    const struct store_audit_filter filter = { .object =
                                                   audit_object(request, "finding", finding.id) };
    struct store_list list = { .arena = request->arena, .limit = (uint32_t)limit, .after = after };
    if (server->store->accounts->audit_list(server->store, &filter, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    put_page(reply_json(reply, 200), &list);
    return HTTP_DONE;
}
