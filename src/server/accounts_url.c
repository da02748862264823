/*
 * How the server is reached, as far as it knows: for the links and commands that it shows to people.
 */
#include "server/accounts_internal.h"

#include "server/config.h"
#include "server/host.h"
#include "server/http_server.h"
#include "server/tls.h"

#include <arpa/inet.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:8765"

static bool is_any(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET
               ? ((const struct sockaddr_in *)address)->sin_addr.s_addr == INADDR_ANY
               : IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* The one of the configuration, or, for 0, what it came to be. */
static unsigned port_of(const struct server *server, const struct sockaddr_storage *address)
{
    unsigned port =
        ntohs(address->ss_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
                                            : ((const struct sockaddr_in6 *)address)->sin6_port);
    return port == 0 && server->http ? http_port(server) : port;
}

/* The first of the names, or the machine's. */
static void put_name(const struct server_config *config, struct buf *buf)
{
    char host[256] = "localhost";
    if (config->names.n > 0) {
        buf_putz(buf, config->names.items[0]);
        return;
    }
    gethostname(host, sizeof(host) - 1);
    buf_putz(buf, host);
}

static void put_address(const struct sockaddr_storage *address, struct buf *buf)
{
    char text[INET6_ADDRSTRLEN] = "";
    bool six = address->ss_family == AF_INET6;
    const void *bytes = six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    inet_ntop(address->ss_family, bytes, text, sizeof(text));
    buf_printf(buf, six ? "[%s]" : "%s", text);
}

void accounts_url(const struct server *server, struct buf *buf)
{
    const struct server_config *config = server_config(server);
    struct sockaddr_storage address;
    if (config->public_url) {
        struct str url = str_of(config->public_url);
        buf_puts(buf, str_ends(url, STR("/")) ? str_first(url, url.n - 1) : url);
        return;
    }
    struct str listen = str_of(config->listen ? config->listen : LISTEN_DEFAULT);
    if (address_parse(listen, &address) < 0) {
        buf_printf(buf, "http://%s", LISTEN_DEFAULT);
        return;
    }
    buf_putz(buf, server->tls ? "https://" : "http://");
    if (is_any(&address)) {
        put_name(config, buf);
    } else {
        put_address(&address, buf);
    }
    buf_printf(buf, ":%u", port_of(server, &address));
}

const char *accounts_ca_sha256(const struct server *server)
{
    return server->tls && server->tls->ca ? server->tls->ca_fingerprint : NULL;
}
