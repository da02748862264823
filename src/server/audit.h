/*
 * audit: the log of who did what, from where, and with what result.
 *
 * Entries that belong to a change of the accounts are written in its transaction: audit_of() makes them, the
 * store's operation takes them. Other modules write theirs with audit_write() after the change. Texts are cut at
 * AUDIT_TEXT_MAX; control characters are kept out; secrets never come here.
 */
#pragma once

#include "server/http.h"
#include "store/accounts.h"

#define AUDIT_TEXT_MAX   256  /* bytes of actor, action, object */
#define AUDIT_DETAIL_MAX 4096 /* bytes of the JSON object */
#define AUDIT_SAME_MAX   10   /* written a minute: refusals of one kind from one address... */
#define AUDIT_OWN_MAX    10   /* ...one action of somebody on the account of its own... */
#define AUDIT_EACH_MAX   300  /* ...and all else of somebody; agents that enrol by one token */

/*
 * An entry for this request: "ok", of its principal; action and object as given, in the request's arena. Beyond
 * AUDIT_OWN_MAX and AUDIT_EACH_MAX it is left out: counted, with an entry "audit.suppressed" of whose it is.
 */
struct store_audit audit_of(struct server *server, const struct request *request,
                            const char *action, struct str object);
/* object "KIND:NAME", in the request's arena. */
struct str audit_object(const struct request *request, const char *kind, struct str name);
/* Writes it. A failure is logged: what it tells of was done. */
void audit_write(struct server *server, const struct store_audit *audit);
/* The same for what anybody can cause: what is beyond AUDIT_SAME_MAX a minute is counted. What was left out in a
 * minute is told by one entry ("audit.suppressed") when it is over. */
void audit_refused(struct server *server, const struct request *request, const char *action,
                   struct str object);
/* About once a second. */
void audit_tick(struct server *server);
