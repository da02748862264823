/*
 * hello: the server's name and protocols in the first TLS message of a client, from untrusted bytes. Pure.
 */
#pragma once

#include "sensor/dns/message.h"

/*
 * The first bytes of a connection: a ClientHello, whole or cut. The name is text as of dns_name_read(),
 * lower-case; protocols (ALPN) have a NUL behind each. They lie in ret->texts: the name first (name_n), then
 * the protocols up to texts_n; .id is the newest version offered, .cut says that the end was not here.
 * -EBADMSG: no ClientHello.
 */
int hello_parse(const uint8_t *p, size_t n, struct dns_message *ret);
