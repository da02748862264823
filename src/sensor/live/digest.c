/*
 * digest: hashes what a descriptor of /proc/PID/exe gives, in a job that may be left behind (limited.h).
 *
 * Shape: a cache of fixed size: entries in one array, found by a hash chain, kept in order of use; the
 * least recently used one makes room. A file is stat'ed before and after it is read: a digest of something
 * that changed meanwhile is not given, nor kept.
 */
#include "sensor/live/digest.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "sensor/live/limited.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUCKETS    (2 * DIGEST_CACHE)
#define BLOCK_SIZE (256 << 10)
#define BINARY     32
#define NONE       UINT32_MAX
#define PATH_SIZE  32

struct file_key {
    uint64_t dev, ino, size, mtime_ns, ctime_ns;
};

struct entry {
    struct file_key key;
    uint32_t chain;        /* next in its bucket */
    uint32_t newer, older; /* by use */
    char hex[DIGEST_HEX];
};

struct digest {
    pthread_mutex_t lock;
    struct limiter *limiter;
    uint32_t used, newest, oldest;
    uint32_t bucket[BUCKETS];
    struct entry entries[DIGEST_CACHE];
};

struct job {
    struct limited_job limited; /* first */
    int fd, result;
    struct file_key key;
    char hex[DIGEST_HEX];
};

int digest_new(struct digest **ret, struct err *err)
{
    struct digest *digest = mem_zalloc(sizeof(*digest));
    if (!digest || limiter_new(&digest->limiter) < 0) {
        free(digest);
        return err_set(err, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&digest->lock, NULL);
    digest->newest = digest->oldest = NONE;
    memset(digest->bucket, 0xff, sizeof(digest->bucket));
    *ret = digest;
    return 0;
}

void digest_free(struct digest *digest)
{
    if (digest) {
        pthread_mutex_destroy(&digest->lock);
        limiter_free(digest->limiter);
        free(digest);
    }
}

static uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

static int key_of(int fd, struct file_key *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return -EINVAL;
    }
    *ret = (struct file_key){ .dev = st.st_dev,
                              .ino = st.st_ino,
                              .size = (uint64_t)st.st_size,
                              .mtime_ns = ns_of(&st.st_mtim),
                              .ctime_ns = ns_of(&st.st_ctim) };
    return (uint64_t)st.st_size > DIGEST_BYTES_MAX ? -EFBIG : 0;
}

static bool is_same(const struct file_key *a, const struct file_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static uint32_t *bucket_of(struct digest *digest, const struct file_key *key)
{
    return &digest->bucket[str_hash(str_from(key, sizeof(*key))) % BUCKETS];
}

static void list_remove(struct digest *digest, uint32_t i)
{
    const struct entry *e = &digest->entries[i];
    *(e->newer == NONE ? &digest->newest : &digest->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &digest->oldest : &digest->entries[e->older].newer) = e->newer;
}

static void list_put_first(struct digest *digest, uint32_t i)
{
    struct entry *e = &digest->entries[i];
    e->newer = NONE;
    e->older = digest->newest;
    *(digest->newest == NONE ? &digest->oldest : &digest->entries[digest->newest].newer) = i;
    digest->newest = i;
}

static uint32_t find(struct digest *digest, const struct file_key *key)
{
    uint32_t i = *bucket_of(digest, key);
    while (i != NONE && !is_same(&digest->entries[i].key, key)) {
        i = digest->entries[i].chain;
    }
    return i;
}

static bool cache_get(struct digest *digest, const struct file_key *key, char ret_hex[DIGEST_HEX])
{
    pthread_mutex_lock(&digest->lock);
    uint32_t i = find(digest, key);
    if (i != NONE) {
        list_remove(digest, i);
        list_put_first(digest, i);
        memcpy(ret_hex, digest->entries[i].hex, DIGEST_HEX);
    }
    pthread_mutex_unlock(&digest->lock);
    return i != NONE;
}

/* A free entry, or the one least recently used. */
static uint32_t entry_take(struct digest *digest)
{
    if (digest->used < DIGEST_CACHE) {
        return digest->used++;
    }
    uint32_t i = digest->oldest;
    uint32_t *at = bucket_of(digest, &digest->entries[i].key);
    while (*at != i) {
        at = &digest->entries[*at].chain;
    }
    *at = digest->entries[i].chain;
    list_remove(digest, i);
    return i;
}

static void cache_put(struct digest *digest, const struct job *job)
{
    pthread_mutex_lock(&digest->lock);
    if (find(digest, &job->key) == NONE) {
        uint32_t i = entry_take(digest);
        uint32_t *bucket = bucket_of(digest, &job->key);
        struct entry *e = &digest->entries[i];
        e->key = job->key;
        memcpy(e->hex, job->hex, DIGEST_HEX);
        e->chain = *bucket;
        *bucket = i;
        list_put_first(digest, i);
    }
    pthread_mutex_unlock(&digest->lock);
}

static int hash_file(int fd, EVP_MD_CTX *context, unsigned char ret[BINARY])
{
    unsigned char *block CLEANUP(cleanup_free) = mem_alloc(BLOCK_SIZE);
    if (!context || !block || !EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
        return -ENOMEM;
    }
    for (uint64_t total = 0;;) {
        ssize_t n = pread(fd, block, BLOCK_SIZE, (off_t)total);
        if (n <= 0) {
            return n < 0 ? -errno : EVP_DigestFinal_ex(context, ret, NULL) ? 0 : -EIO;
        }
        total += (uint64_t)n;
        if (total > DIGEST_BYTES_MAX) {
            return -EFBIG;
        }
        if (!EVP_DigestUpdate(context, block, (size_t)n)) {
            return -EIO;
        }
    }
}

static void put_hex(const unsigned char binary[BINARY], char ret_hex[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < BINARY; i++) {
        ret_hex[2 * i] = digits[binary[i] >> 4];
        ret_hex[2 * i + 1] = digits[binary[i] & 15];
    }
}

static void job_run(struct limited_job *limited)
{
    struct job *job = (struct job *)limited;
    unsigned char binary[BINARY] = { 0 };
    struct file_key after;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    job->result = hash_file(job->fd, context, binary);
    EVP_MD_CTX_free(context);
    if (job->result == 0) {
        put_hex(binary, job->hex);
        job->result = key_of(job->fd, &after) == 0 && is_same(&after, &job->key) ? 0 : -ESTALE;
    }
}

static void job_free(struct limited_job *limited)
{
    struct job *job = (struct job *)limited;
    cleanup_close(&job->fd);
    free(job);
}

static void cleanup_job(struct job **job)
{
    if (*job) {
        limited_put(&(*job)->limited);
    }
}

static int compute(struct digest *digest, int *fd, const struct file_key *key,
                   char ret_hex[DIGEST_HEX])
{
    struct job *job CLEANUP(cleanup_job) = mem_zalloc(sizeof(*job));
    if (!job) {
        return -ENOMEM;
    }
    job->limited.run = job_run;
    job->limited.free = job_free;
    job->limited.refs = 1;
    job->fd = TAKE_FD(*fd);
    job->key = *key;
    int r = limited_run(digest->limiter, &job->limited, DIGEST_WAIT_MS);
    r = r == 0 ? job->result : r;
    if (r == 0) {
        cache_put(digest, job);
        memcpy(ret_hex, job->hex, DIGEST_HEX);
    }
    return r;
}

/* An executable cannot be a device or a FIFO, and opening it for reading starts nothing. */
static int open_exe(int64_t pid, int flags)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "/proc/%lld/exe", (long long)pid);
    int fd = open(path, flags | O_CLOEXEC);
    return fd >= 0 ? fd : errno == ENOENT ? -ESRCH : errno == EPERM ? -EACCES : -errno;
}

int digest_of_exe(struct digest *digest, int64_t pid, char ret_hex[DIGEST_HEX])
{
    struct file_key key;
    int fd CLEANUP(cleanup_close) = open_exe(pid, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    int r = fd < 0 ? fd : key_of(fd, &key);
    if (r < 0 || cache_get(digest, &key, ret_hex)) {
        return r;
    }
    return compute(digest, &fd, &key, ret_hex);
}

int digest_cached(struct digest *digest, int64_t pid, char ret_hex[DIGEST_HEX])
{
    struct file_key key;
    int fd CLEANUP(cleanup_close) = open_exe(pid, O_PATH);
    int r = fd < 0 ? fd : key_of(fd, &key);
    return r < 0 ? r : cache_get(digest, &key, ret_hex) ? 0 : -EAGAIN;
}
