/*
 * findings: the module's routes, and what it does beside answering: suppressing what arrives, ending exceptions whose time
 * is over, and responses that the server carries out itself.
 */
#include "server/findings_internal.h"

#include <errno.h>
#include <stdlib.h>

#define QUERY "filter text from to sort limit cursor"

/* lint: table */
static const struct route routes[] = {
    { .method = HTTP_GET,
      .path = "/v1/findings",
      .may = MAY_READ,
      .handle = findings_list,
      .tag = "findings",
      .summary = "Findings, a page at a time",
      .query = QUERY " offset",
      .answer = "findings" },
    { .method = HTTP_GET,
      .path = "/v1/findings/facets",
      .may = MAY_READ,
      .handle = findings_facets,
      .tag = "findings",
      .summary = "How many findings have which value",
      .query = QUERY " facets top",
      .answer = "facets" },
    { .method = HTTP_GET,
      .path = "/v1/findings/histogram",
      .may = MAY_READ,
      .handle = findings_histogram,
      .tag = "findings",
      .summary = "Findings over time, by severity",
      .query = QUERY " width_ms",
      .answer = "histogram" },
    { .method = HTTP_POST,
      .path = "/v1/findings/bulk",
      .may = MAY_TRIAGE,
      .handle = findings_bulk,
      .tag = "findings",
      .summary = "Changes status or assignee of many findings",
      .body = "findings-bulk",
      .answer = "changed" },
    { .method = HTTP_GET,
      .path = "/v1/findings/{id}",
      .may = MAY_READ,
      .handle = findings_get,
      .tag = "findings",
      .summary = "One finding, with its first and newest alert",
      .answer = "finding" },
    { .method = HTTP_PATCH,
      .path = "/v1/findings/{id}",
      .may = MAY_TRIAGE,
      .handle = findings_patch,
      .tag = "findings",
      .summary = "Changes status or assignee",
      .body = "finding-change",
      .answer = "finding" },
    { .method = HTTP_GET,
      .path = "/v1/findings/{id}/alerts",
      .may = MAY_READ,
      .handle = findings_alerts_of,
      .tag = "findings",
      .summary = "Alerts of a finding, newest first",
      .query = "filter from to limit cursor",
      .answer = "alerts" },
    { .method = HTTP_GET,
      .path = "/v1/alerts",
      .may = MAY_READ,
      .handle = findings_alerts,
      .tag = "findings",
      .summary = "Alerts that are kept, newest first",
      .query = "filter from to limit cursor",
      .answer = "alerts" },
    { .method = HTTP_GET,
      .path = "/v1/activity",
      .may = MAY_READ,
      .handle = findings_activity,
      .tag = "findings",
      .summary = "What happened beside alerts: programs, connections, names, writes",
      .query = "filter from to limit cursor",
      .answer = "activity" },
    { .method = HTTP_GET,
      .path = "/v1/activity/histogram",
      .may = MAY_READ,
      .handle = findings_activity_histogram,
      .tag = "findings",
      .summary = "Activity over time, by kind",
      .query = "filter from to width_ms",
      .answer = "activity-histogram" },
    { .method = HTTP_GET,
      .path = "/v1/fields",
      .may = MAY_READ,
      .handle = findings_fields,
      .tag = "findings",
      .summary = "Fields and operators of filters",
      .answer = "fields" },
    { HTTP_GET, "/v1/findings/export", MAY_READ, 0, findings_export, "findings",
      "All findings of a filter: csv, ndjson, or falco", "filter text from to format", NULL, NULL,
      0 },
    { HTTP_GET, "/v1/findings/{id}/notes", MAY_READ, 0, findings_notes, "findings",
      "Notes on a finding", NULL, NULL, "notes", 0 },
    { HTTP_POST, "/v1/findings/{id}/notes", MAY_TRIAGE, 0, findings_note_add, "findings",
      "Adds a note", NULL, "note-new", "note", 0 },
    { HTTP_GET, "/v1/findings/{id}/audit", MAY_READ, 0, findings_history, "findings",
      "What was done with a finding, newest first", "limit cursor", NULL, "finding-audit", 0 },
    { HTTP_GET, "/v1/findings/{id}/responses", MAY_READ, 0, findings_responses, "findings",
      "What was done from a finding, and what came of it", NULL, NULL, "responses", 0 },
    { HTTP_POST, "/v1/findings/{id}/respond", MAY_RESPOND, 0, findings_respond, "findings",
      "Kills the process, stops or pauses the container, captures, stops the task", NULL, "respond",
      "response", 0 },
    { HTTP_GET, "/v1/filters", MAY_SELF, 0, findings_filters, "filters",
      "One's own filters, and those that others share", NULL, NULL, "filters", 0 },
    { HTTP_POST, "/v1/filters", MAY_SELF, 0, findings_filter_add, "filters", "Keeps a filter", NULL,
      "filter-new", "filter", 0 },
    { HTTP_PATCH, "/v1/filters/{id}", MAY_SELF, 0, findings_filter_change, "filters",
      "Changes a filter of one's own", NULL, "filter-change", "filter", 0 },
    { HTTP_DELETE, "/v1/filters/{id}", MAY_SELF, 0, findings_filter_remove, "filters",
      "Removes a filter of one's own", NULL, NULL, NULL, 0 },
    { HTTP_GET, "/v1/suppressions", MAY_READ, 0, findings_suppressions, "suppressions",
      "Filters that suppress what arrives", NULL, NULL, "suppressions", 0 },
    { HTTP_POST, "/v1/suppressions", MAY_TRIAGE, 0, findings_suppression_add, "suppressions",
      "Suppresses what a filter holds for", NULL, "suppression-new", "suppression-made", 0 },
    { HTTP_PATCH, "/v1/suppressions/{id}", MAY_TRIAGE, 0, findings_suppression_change,
      "suppressions", "Changes name, filter, reason or end", NULL, "suppression-change",
      "suppression", 0 },
    { HTTP_DELETE, "/v1/suppressions/{id}", MAY_TRIAGE, 0, findings_suppression_remove,
      "suppressions", "Suppresses no longer", NULL, NULL, NULL, 0 },
    { HTTP_GET, "/v1/exceptions", MAY_READ, 0, findings_exceptions, "exceptions",
      "Exceptions of rules that were made from findings", "active", NULL, "exceptions", 0 },
    { HTTP_POST, "/v1/exceptions", MAY_TRIAGE, 0, findings_exception_add, "exceptions",
      "Makes an exception of a rule", NULL, "exception-new", "exception-made", 0 },
    { HTTP_POST, "/v1/exceptions/preview", MAY_READ, 0, findings_exception_preview, "exceptions",
      "What an exception would have hidden", NULL, "exception-preview", "exception-effect", 0 },
    { HTTP_PATCH, "/v1/exceptions/{id}", MAY_TRIAGE, 0, findings_exception_change, "exceptions",
      "Changes reason or end of one in force", NULL, "exception-change", "exception", 0 },
    { HTTP_DELETE, "/v1/exceptions/{id}", MAY_TRIAGE, 0, findings_exception_remove, "exceptions",
      "Takes an exception out of its rule", NULL, NULL, NULL, 0 },
    { HTTP_POST, "/v1/content/dry-run", MAY_READ, 0, findings_dry_run, "content",
      "Tries a condition or rule on what is kept", NULL, "dry-run", "dry-run-result",
      (size_t)8 << 20 },
};

static void stop(struct server *server)
{
    struct findings *findings = server->findings;
    if (findings) {
        responses_stop(findings->respond);
        suppress_stop(server, findings->suppress);
        free(findings);
        server->findings = NULL;
    }
}

static int start(struct server *server, struct err *err)
{
    if (!server->store || !server->store->triage) {
        return err_set(err, -ENOSYS, "this store keeps no findings");
    }
    server->findings = mem_zalloc(sizeof(*server->findings));
    if (!server->findings) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = suppress_start(server, &server->findings->suppress, err);
    r = r == 0 ? responses_start(server, &server->findings->respond, err) : r;
    if (r < 0) {
        stop(server);
    }
    return r;
}

static void tick(struct server *server)
{
    suppress_tick(server, server->findings->suppress);
    exceptions_tick(server);
}

const struct server_module findings_module = {
    .name = "findings",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
    .tick = tick,
    .stop = stop,
};
