/*
 * How the server is reached, as far as it knows: for the links and commands that it shows to people.
 */
#include "server/accounts_internal.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "server/config.h"
#include "server/host.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:8765"
#define CA_MAX         65536

static bool is_any(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET
               ? ((const struct sockaddr_in *)address)->sin_addr.s_addr == INADDR_ANY
               : IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static unsigned port_of(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
                                               : ((const struct sockaddr_in6 *)address)->sin6_port);
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
    buf_putz(buf, address_is_loopback(&address) ? "http://" : "https://");
    if (is_any(&address)) {
        put_name(config, buf);
        buf_printf(buf, ":%u", port_of(&address));
    } else {
        address_text(&address, buf);
    }
}

/* The DER of the first certificate of a PEM text; its length, 0: there is none. */
static size_t der_of(struct str pem, uint8_t *der, size_t size)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    ptrdiff_t from = str_find(pem, str_of(begin));
    if (from < 0) {
        return 0;
    }
    struct str rest = str_from_offset(pem, (size_t)from + sizeof(begin) - 1);
    ptrdiff_t to = str_find(rest, STR("-----END"));
    size_t n = 0;
    if (to < 0 || sodium_base642bin(der, size, rest.p, (size_t)to, "\r\n ", &n, NULL,
                                    sodium_base64_VARIANT_ORIGINAL) != 0) {
        return 0;
    }
    return n;
}

bool accounts_ca_sha256(const struct server *server, char ret[65])
{
    char path[PATH_MAX];
    uint8_t hash[crypto_hash_sha256_BYTES];
    struct buf pem;
    snprintf(path, sizeof(path), "%s/ca.pem", server_config(server)->dir);
    buf_init(&pem, CA_MAX);
    uint8_t *der = mem_alloc(CA_MAX);
    bool read = der && !server_config(server)->tls_certificate && file_read(path, &pem, NULL) == 0;
    size_t n = read ? der_of(buf_str(&pem), der, CA_MAX) : 0;
    if (n > 0) {
        crypto_hash_sha256(hash, der, n);
        sodium_bin2hex(ret, 65, hash, sizeof(hash));
    }
    free(der);
    buf_done(&pem);
    return n > 0;
}
