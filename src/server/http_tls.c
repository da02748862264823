/*
 * http_tls: is the client's certificate one of the configured CA?
 *
 * libmicrohttpd asks for a certificate in the handshake and leaves it to us what it is worth: none at all, or one
 * that cannot be verified, ends at the first request, which is refused with a reason that a person can read.
 */
#include "server/http_connection.h"

#include <gnutls/gnutls.h>

bool http_client_verified(struct connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    unsigned status = 0;
    if (!c->verified && info && info->tls_session) {
        gnutls_session_t session = info->tls_session;
        c->verified = gnutls_certificate_verify_peers2(session, &status) == 0 && status == 0;
    }
    return c->verified;
}
