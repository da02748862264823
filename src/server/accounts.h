/*
 * accounts: who sends a request, and what that one may do.
 *
 * Called on request threads, once per request, when its headers are there and before its body is read.
 */
#pragma once

#include "server/http.h"

/*
 * By `Authorization: Bearer` or the session's cookie. 0: *ret, whose name lives in request->arena;
 * PRINCIPAL_NOBODY when the request carries no credentials. Otherwise the request is refused:
 * -EACCES: credentials that are not valid (any more): 401 `unauthorized`; -EKEYREVOKED: 401 `agent_revoked`;
 * -ENOTUNIQ: 409 `agent_cloned`; -EBADMSG: an agent without Hinomi-Instance: 400 `instance_wanted`;
 * -EAGAIN: 429; -EBUSY: 503; others: 500.
 *
 * Asked of by the hash of the secret; what was found is kept, so that a request of somebody who was here lately
 * reads nothing. What is revoked is forgotten before the revocation is answered.
 */
int accounts_identify(struct server *server, const struct request *request, struct principal *ret);

/* Of a request that waited: whether who sent it still may; as accounts_identify(), but nobody is noted. */
int accounts_still(struct server *server, const struct request *request);

/* Whether `token` is the CSRF token of the session whose cookie the request carries. */
bool accounts_csrf(struct server *server, const struct request *request, struct str token);

/* A route with ROUTE_AUDIT succeeded: into the audit log. Before the reply is sent. */
void accounts_audit_request(struct server *server, const struct request *request, unsigned status);

/* Higher after each revocation of anything: who answers for longer than a request (streams) asks
 * accounts_identify() again when it changed, and every few minutes. Any thread. */
uint64_t accounts_generation(const struct server *server);

/* The key that bundles are signed with; NULL before accounts were started. */
struct signing; /* server/signing.h */
const struct signing *accounts_signing(const struct server *server);

/* How the server is reached: "https://HOST:PORT", of public_url if that is set. */
void accounts_url(const struct server *server, struct buf *buf);
