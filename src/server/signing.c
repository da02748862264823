/*
 * The signing key's file: written whole under another name and linked into place, so that a key is never half
 * there and never written over: every agent that enrolled has pinned it.
 */
#include "server/signing.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_seed(const char *path, uint8_t seed[crypto_sign_SEEDBYTES], struct err *err)
{
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return err_set(err, -EPERM, "%s: others may read it; chmod 600", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size != crypto_sign_SEEDBYTES ||
        pread(fd, seed, crypto_sign_SEEDBYTES, 0) != crypto_sign_SEEDBYTES) {
        return err_set(err, -EINVAL, "%s: not a key of %d bytes", path, crypto_sign_SEEDBYTES);
    }
    return 0;
}

static int write_seed(const char *path, const uint8_t seed[crypto_sign_SEEDBYTES])
{
    char fresh[PATH_MAX];
    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
        return -ENAMETOOLONG;
    }
    unlink(fresh);
    CLEANUP(cleanup_close)
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    int r = fd_write_all(fd, seed, crypto_sign_SEEDBYTES);
    if (r == 0 && (fsync(fd) < 0 || link(fresh, path) < 0)) {
        r = -errno;
    }
    unlink(fresh);
    return r;
}

static void sync_dir(const char *dir)
{
    CLEANUP(cleanup_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
    }
}

int signing_load(const char *dir, struct signing *ret, struct err *err)
{
    char path[PATH_MAX];
    uint8_t seed[crypto_sign_SEEDBYTES];
    if (sodium_init() < 0) {
        return err_set(err, -EIO, "libsodium does not start");
    }
    if (snprintf(path, sizeof(path), "%s/sign.key", dir) >= (int)sizeof(path)) {
        return err_set(err, -ENAMETOOLONG, "%s: too long", dir);
    }
    int r = read_seed(path, seed, err);
    if (r == -ENOENT) {
        randombytes_buf(seed, sizeof(seed));
        r = write_seed(path, seed);
        if (r < 0) {
            return err_set(err, r, "%s: %s", path, strerror(-r));
        }
        sync_dir(dir);
    }
    if (r == 0) {
        crypto_sign_seed_keypair(ret->public_key, ret->secret_key, seed);
    }
    sodium_memzero(seed, sizeof(seed));
    return r;
}

void signing_sign(const struct signing *signing, struct str text,
                  uint8_t ret[SIGNING_SIGNATURE_SIZE])
{
    crypto_sign_detached(ret, NULL, (const uint8_t *)text.p, text.n, signing->secret_key);
}
