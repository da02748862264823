/*
 * The queue of hashes: slots in a fixed array, taken in the order of their tickets by the one thread.
 *
 * A slot belongs to its request until its result is fetched. A request that ended meanwhile leaves a result
 * behind; such a slot is taken again after HASH_KEPT_MS. Passwords are wiped as soon as they are hashed.
 */
#include "server/accounts_hash.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "server/bell.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>

static_assert(HASH_TEXT_MAX >= crypto_pwhash_STRBYTES, "texts of argon2id fit");

#define OPERATIONS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY     crypto_pwhash_MEMLIMIT_INTERACTIVE

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_RUNNING, SLOT_DONE };

struct slot {
    enum slot_state state;
    uint64_t ticket, owner;
    bool verify, good, failed;
    uint64_t done_ns;
    size_t length;
    char password[PASSWORD_BYTES];
    char text[HASH_TEXT_MAX];
};

struct hasher {
    struct bell *bell;
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t thread;
    bool started, stopping;
    uint64_t tickets;
    struct slot slots[HASH_QUEUE_MAX];
    char nobody[HASH_TEXT_MAX];
};

CLEANUP_DEFINE(struct hasher, hasher_free);

static void run(struct slot *slot)
{
    if (slot->verify) {
        slot->good = crypto_pwhash_str_verify(slot->text, slot->password, slot->length) == 0;
    } else {
        slot->good =
            crypto_pwhash_str(slot->text, slot->password, slot->length, OPERATIONS, MEMORY) == 0;
        slot->failed = !slot->good;
    }
    sodium_memzero(slot->password, sizeof(slot->password));
}

static struct slot *next_slot(struct hasher *hasher)
{
    struct slot *next = NULL;
    for (unsigned i = 0; i < HASH_QUEUE_MAX; i++) {
        struct slot *slot = &hasher->slots[i];
        if (slot->state == SLOT_QUEUED && (!next || slot->ticket < next->ticket)) {
            next = slot;
        }
    }
    return next;
}

static void *work(void *data)
{
    struct hasher *hasher = data;
    pthread_mutex_lock(&hasher->lock);
    while (!hasher->stopping) {
        struct slot *slot = next_slot(hasher);
        if (!slot) {
            pthread_cond_wait(&hasher->work, &hasher->lock);
            continue;
        }
        slot->state = SLOT_RUNNING;
        pthread_mutex_unlock(&hasher->lock);
        run(slot);
        pthread_mutex_lock(&hasher->lock);
        slot->state = SLOT_DONE;
        slot->done_ns = clock_boot_ns();
        pthread_mutex_unlock(&hasher->lock);
        bell_ring(hasher->bell);
        pthread_mutex_lock(&hasher->lock);
    }
    pthread_mutex_unlock(&hasher->lock);
    return NULL;
}

static int start_thread(struct hasher *hasher)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&hasher->thread, NULL, work, hasher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    hasher->started = r == 0;
    return -r;
}

int hasher_new(struct bell *bell, struct hasher **ret, struct err *err)
{
    uint8_t random[32];
    if (sodium_init() < 0) {
        return err_set(err, -EIO, "libsodium does not start");
    }
    CLEANUP(cleanup_hasher_free) struct hasher *hasher = mem_zalloc(sizeof(*hasher));
    if (!hasher) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    hasher->bell = bell;
    pthread_mutex_init(&hasher->lock, NULL);
    pthread_cond_init(&hasher->work, NULL);
    randombytes_buf(random, sizeof(random));
    if (crypto_pwhash_str(hasher->nobody, (const char *)random, sizeof(random), OPERATIONS,
                          MEMORY) != 0) {
        return err_set(err, -ENOMEM, "no memory to hash passwords (64 MiB)");
    }
    int r = start_thread(hasher);
    if (r < 0) {
        return err_set(err, r, "no thread to hash passwords: %s", strerror(-r));
    }
    *ret = TAKE(hasher);
    return 0;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher) {
        return;
    }
    if (hasher->started) {
        pthread_mutex_lock(&hasher->lock);
        hasher->stopping = true;
        pthread_cond_signal(&hasher->work);
        pthread_mutex_unlock(&hasher->lock);
        pthread_join(hasher->thread, NULL);
    }
    pthread_cond_destroy(&hasher->work);
    pthread_mutex_destroy(&hasher->lock);
    sodium_memzero(hasher, sizeof(*hasher));
    free(hasher);
}

/* NULL: the queue is full, or this owner's part of it. */
static struct slot *free_slot(struct hasher *hasher, uint64_t owner)
{
    struct slot *found = NULL;
    uint64_t now_ns = clock_boot_ns();
    unsigned own = 0;
    for (unsigned i = 0; i < HASH_QUEUE_MAX; i++) {
        struct slot *slot = &hasher->slots[i];
        if (slot->state == SLOT_DONE && now_ns - slot->done_ns > HASH_KEPT_MS * NS_PER_MS) {
            slot->state = SLOT_FREE;
        }
        if (slot->state == SLOT_FREE) {
            found = slot;
        } else {
            own += slot->owner == owner && slot->state != SLOT_DONE;
        }
    }
    return own < HASH_ADDRESS_MAX ? found : NULL;
}

static bool hand_in(struct hasher *hasher, struct hash_job *job)
{
    pthread_mutex_lock(&hasher->lock);
    struct slot *slot = free_slot(hasher, job->owner);
    if (slot && job->password.n <= sizeof(slot->password)) {
        *slot = (struct slot){ .state = SLOT_QUEUED,
                               .ticket = ++hasher->tickets,
                               .owner = job->owner,
                               .verify = job->verify,
                               .length = job->password.n };
        if (job->password.n > 0) {
            memcpy(slot->password, job->password.p, job->password.n);
        }
        memcpy(slot->text, job->text, sizeof(slot->text));
        job->ticket = slot->ticket;
        pthread_cond_signal(&hasher->work);
    }
    pthread_mutex_unlock(&hasher->lock);
    return job->ticket != 0;
}

/* -EAGAIN: not yet; -ENOENT: nothing known of that ticket; 1 yes, 0 no, -EIO failed. */
static int fetch(struct hasher *hasher, struct hash_job *job)
{
    int r = -ENOENT;
    pthread_mutex_lock(&hasher->lock);
    for (unsigned i = 0; i < HASH_QUEUE_MAX; i++) {
        struct slot *slot = &hasher->slots[i];
        if (slot->state == SLOT_FREE || slot->ticket != job->ticket) {
            continue;
        }
        r = -EAGAIN;
        if (slot->state == SLOT_DONE) {
            memcpy(job->text, slot->text, sizeof(job->text));
            r = slot->failed ? -EIO : slot->good;
            slot->state = SLOT_FREE;
        }
        break;
    }
    pthread_mutex_unlock(&hasher->lock);
    return r;
}

enum hashed hasher_step(struct hasher *hasher, struct hash_job *job, struct reply *reply)
{
    if (!job->ticket && !hand_in(hasher, job)) {
        reply_header(reply, "Retry-After", STR("1"));
        reply_problem(reply, 429, "busy", "too many passwords are being checked; try again");
        return HASHED_OVER;
    }
    switch (fetch(hasher, job)) {
    case 1:
        return HASHED_YES;
    case 0:
        return HASHED_NO;
    case -EAGAIN:
        reply_wait(reply, hasher->bell, HASH_WAIT_MS);
        return HASHED_WAIT;
    default:
        reply_problem(reply, 503, "busy", "the password could not be checked; try again");
        return HASHED_OVER;
    }
}

void hasher_nobody(const struct hasher *hasher, char ret[HASH_TEXT_MAX])
{
    memcpy(ret, hasher->nobody, HASH_TEXT_MAX);
}
