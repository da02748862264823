/*
 * tls: which certificate, from which files.
 *
 * Files of our own are replaced by renaming a new one, written whole and with its mode, over them: a crash leaves
 * the old or the new. The key is replaced first; a certificate that does not fit its key is made again at the
 * next start. The CA is never replaced: agents have pinned it.
 */
#include "server/tls.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "server/host.h"
#include "server/tls_make.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define DAY_MS (INT64_C(86400) * 1000)

static void done_buf(struct buf *buf)
{
    if (buf->p) {
        explicit_bzero(buf->p, buf->n);
    }
    buf_done(buf);
}

static int path_of(const char *dir, const char *name, char ret[4096], struct err *err)
{
    return snprintf(ret, 4096, "%s/%s", dir, name) < 4096
               ? 0
               : err_set(err, -ENAMETOOLONG, "the name of the folder is too long");
}

static int write_whole(int fd, struct str text)
{
    int r = fd_write_all(fd, text.p, text.n);
    return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int write_file(const char *dir, const char *name, struct str text, struct err *err)
{
    char path[4096], fresh[4096 + 8];
    int r = path_of(dir, name, path, err);
    if (r < 0) {
        return r;
    }
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    unlink(fresh);
    bool secret = str_ends(str_of(name), STR(".key"));
    CLEANUP(cleanup_close)
    int fd =
        open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, secret ? 0600 : 0644);
    r = fd < 0 ? -errno : write_whole(fd, text);
    if (r == 0 && rename(fresh, path) < 0) {
        r = -errno;
    }
    return r < 0 ? err_set(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

/* -ENOENT without a message: it is not there. */
static int read_own(const char *dir, const char *name, struct buf *ret, struct err *err)
{
    char path[4096];
    int r = path_of(dir, name, path, err);
    if (r == 0 && access(path, F_OK) < 0 && errno == ENOENT) {
        return -ENOENT;
    }
    return r == 0 ? file_read(path, ret, err) : r;
}

static int load_ca(const char *dir, int64_t now_ms, struct buf *ca, struct buf *key,
                   struct err *err)
{
    int r = read_own(dir, "ca.pem", ca, err), k = read_own(dir, "ca.key", key, err);
    if (r == -ENOENT && k == -ENOENT) {
        r = tls_make_ca(now_ms, ca, key, err);
        r = r == 0 ? write_file(dir, "ca.key", buf_str(key), err) : r;
        return r == 0 ? write_file(dir, "ca.pem", buf_str(ca), err) : r;
    }
    if (r == -ENOENT || k == -ENOENT) {
        return err_set(err, -EINVAL, "%s has only one of ca.pem and ca.key; put back the other",
                       dir);
    }
    return r < 0 ? r : k;
}

/* The names of a certificate: where it is reached from everywhere, here, and as the configuration says. */
struct names {
    const char *items[TLS_NAMES_MAX];
    size_t n;
    char host[256], address[INET6_ADDRSTRLEN], public_host[256];
};

static void add_name(struct names *names, const char *name)
{
    bool known = !name || !*name || names->n == TLS_NAMES_MAX;
    for (size_t i = 0; i < names->n && !known; i++) {
        known = str_ieq(str_of(names->items[i]), str_of(name));
    }
    if (!known) {
        names->items[names->n++] = name;
    }
}

static void listen_name(const struct server_config *config, char ret[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage at;
    const struct sockaddr_in *in = (const struct sockaddr_in *)&at;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&at;
    if (address_parse(str_of(config->listen), &at) == 0 && !address_is_any(&at)) {
        inet_ntop(at.ss_family,
                  at.ss_family == AF_INET6 ? (const void *)&in6->sin6_addr
                                           : (const void *)&in->sin_addr,
                  ret, INET6_ADDRSTRLEN);
    }
}

static void collect_names(const struct server_config *config, struct names *ret)
{
    *ret = (struct names){ 0 };
    struct str public_host = host_of_url(str_of(config->public_url));
    for (size_t i = 0; i < config->names.n; i++) {
        add_name(ret, config->names.items[i]);
    }
    if (public_host.n < sizeof(ret->public_host)) {
        memcpy(ret->public_host, public_host.p ? public_host.p : "", public_host.n);
    }
    if (gethostname(ret->host, sizeof(ret->host) - 1) < 0) {
        ret->host[0] = '\0';
    }
    listen_name(config, ret->address);
    add_name(ret, ret->public_host);
    add_name(ret, ret->host);
    add_name(ret, ret->address);
    add_name(ret, "localhost");
    add_name(ret, "127.0.0.1");
    add_name(ret, "::1");
}

static int load_server(const char *dir, const struct tls_wish *wish, struct buf *certificate,
                       struct buf *key, struct err *err)
{
    int r = read_own(dir, "server.pem", certificate, err);
    int k = read_own(dir, "server.key", key, err);
    if ((r < 0 && r != -ENOENT) || (k < 0 && k != -ENOENT)) {
        return r < 0 && r != -ENOENT ? r : k;
    }
    if (tls_is_good(wish, buf_str(certificate), buf_str(key))) {
        return 0;
    }
    buf_clear(certificate);
    buf_clear(key);
    r = tls_make_server(wish, certificate, key, err);
    r = r == 0 ? write_file(dir, "server.key", buf_str(key), err) : r;
    return r == 0 ? write_file(dir, "server.pem", buf_str(certificate), err) : r;
}

static int keep(const struct buf *text, char **ret, struct err *err)
{
    *ret = str_dupz(buf_str(text));
    return *ret ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int keep_own(const struct buf *ca, const struct buf *certificate, const struct buf *key,
                    struct server_tls *ret)
{
    struct err *no_reason = NULL;
    int r = keep(ca, &ret->ca, no_reason);
    r = r == 0 ? keep(certificate, &ret->certificate, no_reason) : r;
    r = r == 0 ? keep(key, &ret->key, no_reason) : r;
    r = r == 0 ? tls_fingerprint(buf_str(ca), ret->ca_fingerprint) : r;
    r = r == 0 ? tls_ends(buf_str(certificate), &ret->renew_ms) : r;
    ret->renew_ms -= (TLS_RENEW_DAYS - 1) * DAY_MS;
    return r;
}

static int load_own(const struct server_config *config, int64_t now_ms, struct server_tls *ret,
                    struct err *err)
{
    struct names names;
    CLEANUP(done_buf) struct buf ca, ca_key, certificate, key;
    buf_init(&ca, TLS_FILE_MAX);
    buf_init(&ca_key, TLS_FILE_MAX);
    buf_init(&certificate, TLS_FILE_MAX);
    buf_init(&key, TLS_FILE_MAX);
    collect_names(config, &names);
    int r = load_ca(config->dir, now_ms, &ca, &ca_key, err);
    if (r < 0) {
        return r;
    }
    const struct tls_wish wish = { .ca = buf_str(&ca),
                                   .ca_key = buf_str(&ca_key),
                                   .names = names.items,
                                   .nnames = names.n,
                                   .now_ms = now_ms };
    r = load_server(config->dir, &wish, &certificate, &key, err);
    if (r < 0) {
        return r;
    }
    r = keep_own(&ca, &certificate, &key, ret);
    return r < 0 ? err_set(err, r, "the own certificate cannot be used: %s", strerror(-r)) : 0;
}

static int load_file(const char *path, char **ret, struct err *err)
{
    CLEANUP(done_buf) struct buf text;
    buf_init(&text, TLS_FILE_MAX);
    int r = file_read(path, &text, err);
    return r == 0 ? keep(&text, ret, err) : r;
}

int tls_load(const struct server_config *config, int64_t now_ms, struct server_tls *ret,
             struct err *err)
{
    struct server_tls tls = { .renew_ms = INT64_MAX };
    int r;
    if (config->tls_certificate) {
        r = load_file(config->tls_certificate, &tls.certificate, err);
        r = r == 0 ? load_file(config->tls_key, &tls.key, err) : r;
    } else {
        r = load_own(config, now_ms, &tls, err);
    }
    if (r == 0 && config->tls_client_ca) {
        r = load_file(config->tls_client_ca, &tls.client_ca, err);
    }
    if (r < 0) {
        tls_done(&tls);
        return r;
    }
    *ret = tls;
    return 0;
}

void tls_done(struct server_tls *tls)
{
    if (tls->key) {
        explicit_bzero(tls->key, strlen(tls->key));
    }
    free(TAKE(tls->certificate));
    free(TAKE(tls->key));
    free(TAKE(tls->client_ca));
    free(TAKE(tls->ca));
}
