/*
 * host: by which names the server is reached, and who the client behind a proxy is.
 */
#pragma once

#include "server/config.h"
#include "server/http.h"

/* "http://HOST/path" becomes "/path". False: it is absolute, and names another host. */
bool host_take_absolute(struct str *target, struct str host);
/* Whether a Host header names this server: an address, localhost, the machine, one of `names` or of public_url. */
bool host_is_ours(const struct server_config *config, struct str host);
/* HOST of "https://HOST:PORT/..."; empty: there is none. */
struct str host_of_url(struct str url);
/* Puts the client's address into request->peer when a trusted proxy sent the request; *secure likewise. */
void proxy_client(const struct server_config *config, struct request *request, bool *secure);
/* Whether the address is within one of the list: ADDRESS or ADDRESS/BITS. */
bool address_is_among(const struct setting_list *list, const struct sockaddr_storage *address);
/* ADDRESS or ADDRESS/BITS. */
bool address_is_network(const char *text);
bool address_is_any(const struct sockaddr_storage *address); /* 0.0.0.0, :: */
bool address_is_loopback(const struct sockaddr_storage *address);
/* ADDRESS:PORT, [ADDRESS]:PORT, or PORT alone on 127.0.0.1. -EINVAL. */
int address_parse(struct str text, struct sockaddr_storage *ret);
uint16_t address_port(const struct sockaddr_storage *address);
void address_set_port(struct sockaddr_storage *address, uint16_t port);
socklen_t address_size(const struct sockaddr_storage *address);
/* ADDRESS:PORT as text. */
void address_text(const struct sockaddr_storage *address, struct buf *buf);
