/*
 * memory: another thread's memory, in as few calls as the pages allow.
 *
 * Every piece that is asked for lies within one page: it is there as a whole or not at all, so a short
 * answer of process_vm_readv(2) says exactly which piece was the bad one. Texts are read to the end of
 * their page, then page by page until their NUL. Of an array the pointers come in blocks, and the texts of
 * a block together: as much of each as its neighbour's address suggests, neighbours as one piece, and what
 * is longer one by one.
 *
 * When the call is refused (a seccomp profile of the agent's own container) /proc/TID/mem is opened,
 * once per request.
 */
#include "sensor/notify/memory.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>

#define PAGE          4096u
#define PIECES_MAX    128   /* of one call */
#define GUESS_MAX     256   /* bytes of a text, where its neighbours say nothing */
#define BATCH_BYTES   16384 /* of texts, read together */
#define POINTER_BLOCK 512u

struct reader {
    pid_t tid;
    int mem; /* /proc/TID/mem; -1: process_vm_readv */
};

struct piece {
    uint64_t address;
    size_t n; /* within one page, not 0 */
};

static size_t page_rest(uint64_t address, size_t n)
{
    size_t rest = PAGE - (size_t)(address % PAGE);
    return n < rest ? n : rest;
}

static int open_mem(struct reader *reader)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)reader->tid);
    reader->mem = open(path, O_RDONLY | O_CLOEXEC);
    return reader->mem >= 0 ? 0 : errno == ENOENT ? -ESRCH : -errno;
}

static int read_from_mem(const struct reader *reader, const struct piece *piece, char *to)
{
    ssize_t n;
    if (piece->address > INT64_MAX) {
        return -EFAULT;
    }
    do {
        n = pread(reader->mem, to, piece->n, (off_t)piece->address);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)piece->n ? 0 : n < 0 && errno == ESRCH ? -ESRCH : -EFAULT;
}

/* How many of the pieces, from the first on, were read: one after the other into `to`. -errno: none. */
static int pieces_from_mem(const struct reader *reader, const struct piece *pieces, int n, char *to)
{
    for (int i = 0; i < n; i++) {
        int r = read_from_mem(reader, &pieces[i], to);
        if (r < 0) {
            return i ? i : r;
        }
        to += pieces[i].n;
    }
    return n;
}

static int whole_pieces(const struct piece *pieces, int n, size_t bytes)
{
    int i = 0;
    while (i < n && bytes >= pieces[i].n) {
        bytes -= pieces[i++].n;
    }
    return i;
}

static int read_pieces(struct reader *reader, const struct piece *pieces, int n, char *to)
{
    struct iovec remote[PIECES_MAX];
    struct iovec local = { .iov_base = to };
    if (n < 1) {
        return -EINVAL;
    }
    if (reader->mem >= 0) {
        return pieces_from_mem(reader, pieces, n, to);
    }
    for (int i = 0; i < n; i++) {
        remote[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)pieces[i].address,
                                    .iov_len = pieces[i].n };
        local.iov_len += pieces[i].n;
    }
    ssize_t got = process_vm_readv(reader->tid, &local, 1, remote, (unsigned long)n, 0);
    if (got >= 0) {
        int whole = whole_pieces(pieces, n, (size_t)got);
        return whole ? whole : -EFAULT;
    }
    if (errno != EPERM && errno != ENOSYS && errno != EACCES) {
        return -errno;
    }
    int r = open_mem(reader);
    return r < 0 ? r : pieces_from_mem(reader, pieces, n, to);
}

static int read_all(struct reader *reader, uint64_t address, char *to, size_t n)
{
    while (n) {
        struct piece pieces[PIECES_MAX];
        int count = 0;
        size_t total = 0;
        for (; count < PIECES_MAX && total < n; count++) {
            size_t rest = page_rest(address + total, n - total);
            pieces[count] = (struct piece){ address + total, rest };
            total += rest;
        }
        int r = read_pieces(reader, pieces, count, to);
        if (r != count) {
            return r < 0 ? r : -EFAULT;
        }
        address += total;
        to += total;
        n -= total;
    }
    return 0;
}

/* As much of a text as comes before its NUL, or before `size` bytes are full (*ret_cut: no NUL). */
static ssize_t read_text(struct reader *reader, uint64_t address, char *to, size_t size,
                         bool *ret_cut)
{
    size_t n = 0;
    while (n < size) {
        struct piece piece = { address + n, page_rest(address + n, size - n) };
        int r = read_pieces(reader, &piece, 1, to + n);
        if (r < 0) {
            return r;
        }
        const char *nul = memchr(to + n, 0, piece.n);
        if (nul) {
            *ret_cut = false;
            return nul - to;
        }
        n += piece.n;
    }
    *ret_cut = true;
    return (ssize_t)n;
}

int memory_read(pid_t tid, uint64_t address, void *ret, size_t n)
{
    struct reader reader = { .tid = tid, .mem = -1 };
    int r = read_all(&reader, address, ret, n);
    cleanup_close(&reader.mem);
    return r;
}

ssize_t memory_read_text(pid_t tid, uint64_t address, char *ret, size_t size, bool *ret_cut)
{
    struct reader reader = { .tid = tid, .mem = -1 };
    bool cut = false;
    if (size == 0) {
        return -EINVAL;
    }
    ssize_t n = read_text(&reader, address, ret, size, &cut);
    cleanup_close(&reader.mem);
    if (n < 0) {
        return n;
    }
    if (cut) {
        n = (ssize_t)size - 1;
        ret[n] = '\0';
    }
    *ret_cut = cut;
    return n;
}

/* Texts on their way into the caller's storage. */
struct texts {
    char *to;
    size_t n, size;
    uint32_t count, max;
    struct memory_marks *marks;
};

/* Pointers up to the NULL; *ret_last when that is among them. -errno: not even the first. */
static int read_pointers(struct reader *reader, const struct memory_array *array, uint32_t from,
                         uint64_t *ret, bool *ret_last)
{
    uint8_t raw[POINTER_BLOCK * 8];
    size_t size = array->pointer_size;
    uint64_t address = array->address + (uint64_t)from * size;
    size_t want = page_rest(address, POINTER_BLOCK * size) / size * size;
    want = want ? want : size; /* a pointer across two pages */
    int r = read_all(reader, address, (char *)raw, want);
    if (r < 0) {
        return r;
    }
    int n = 0;
    *ret_last = false;
    for (size_t at = 0; at < want; at += size) {
        uint64_t pointer = 0;
        memcpy(&pointer, raw + at, size);
        if (pointer == 0) {
            *ret_last = true;
            break;
        }
        ret[n++] = pointer;
    }
    return n;
}

/* How much of text i to read at first: up to its neighbour, when that follows closely. */
static size_t guess(const uint64_t *pointers, int i, int n)
{
    uint64_t gap = i + 1 < n ? pointers[i + 1] - pointers[i] : GUESS_MAX;
    size_t want = gap > 0 && gap < GUESS_MAX ? (size_t)gap : GUESS_MAX;
    return page_rest(pointers[i], want);
}

/* Takes over a text of which `n` bytes are known. False: no more fits. */
static bool take_text(struct reader *reader, struct texts *texts, const struct piece *piece,
                      const char *known)
{
    size_t room = texts->size - texts->n;
    size_t n = piece->n < room ? piece->n : room;
    char *to = texts->to + texts->n;
    memcpy(to, known, n);
    const char *nul = memchr(to, 0, n);
    bool cut = false;
    if (nul) {
        n = (size_t)(nul - to);
    } else {
        ssize_t more = read_text(reader, piece->address + n, to + n, room - n, &cut);
        if (more < 0) {
            texts->marks->unreadable = true;
            return false;
        }
        n += (size_t)more;
    }
    texts->marks->cut |= cut;
    n -= cut && n ? 1 : 0;
    to[n] = '\0';
    texts->n += n + 1;
    texts->count++;
    return !cut;
}

/* Texts that are read together: those that follow each other within a page are one piece. */
struct batch {
    struct piece pieces[PIECES_MAX];
    uint32_t ends[PIECES_MAX]; /* of the pieces, in bytes[] */
    int npieces, ntexts;
    uint32_t at[POINTER_BLOCK]; /* of the texts */
    uint16_t piece[POINTER_BLOCK];
    char bytes[BATCH_BYTES];
};

static void plan_batch(struct batch *batch, const uint64_t *pointers, int n)
{
    uint32_t total = 0;
    batch->npieces = 0;
    for (batch->ntexts = 0; batch->ntexts < n; batch->ntexts++) {
        int i = batch->ntexts;
        size_t want = guess(pointers, i, n);
        struct piece *last = batch->npieces ? &batch->pieces[batch->npieces - 1] : NULL;
        bool joins = last && last->address + last->n == pointers[i] && pointers[i] % PAGE != 0;
        if (want > sizeof(batch->bytes) - total || (!joins && batch->npieces == PIECES_MAX)) {
            return;
        }
        if (joins) {
            last->n += want;
        } else {
            batch->pieces[batch->npieces++] = (struct piece){ pointers[i], want };
        }
        batch->at[i] = total;
        batch->piece[i] = (uint16_t)(batch->npieces - 1);
        total += (uint32_t)want;
        batch->ends[batch->npieces - 1] = total;
    }
}

/* Reads the texts of some pointers together; how many were taken over, -1 to end the array there. */
static int take_batch(struct reader *reader, struct texts *texts, const uint64_t *pointers, int n)
{
    struct batch batch;
    plan_batch(&batch, pointers, n);
    int got = read_pieces(reader, batch.pieces, batch.npieces, batch.bytes);
    if (got < 0) {
        texts->marks->unreadable = true;
        return -1;
    }
    int i = 0;
    for (; i < batch.ntexts && batch.piece[i] < got; i++) {
        if (texts->n == texts->size || texts->count == texts->max) {
            texts->marks->cut = true;
            return -1;
        }
        struct piece rest = { pointers[i], batch.ends[batch.piece[i]] - batch.at[i] };
        if (!take_text(reader, texts, &rest, batch.bytes + batch.at[i])) {
            return -1;
        }
    }
    return i;
}

static bool take_block(struct reader *reader, struct texts *texts, const uint64_t *pointers, int n)
{
    for (int i = 0; i < n;) {
        int got = take_batch(reader, texts, pointers + i, n - i);
        if (got < 0) {
            return false;
        }
        i += got;
    }
    return true;
}

static int read_array(struct reader *reader, const struct memory_array *array, struct texts *texts)
{
    uint64_t pointers[POINTER_BLOCK] = { 0 };
    bool last = false;
    for (uint32_t from = 0; !last;) {
        int n = read_pointers(reader, array, from, pointers, &last);
        if (n < 0) {
            texts->marks->unreadable = true;
            return texts->n ? 0 : n;
        }
        if (!take_block(reader, texts, pointers, n)) {
            return texts->n ? 0 : -EFAULT;
        }
        from += (uint32_t)n;
    }
    return 0;
}

ssize_t memory_read_array(pid_t tid, const struct memory_array *array, char *ret, size_t size,
                          struct memory_marks *ret_marks)
{
    struct reader reader = { .tid = tid, .mem = -1 };
    struct texts texts = { .to = ret, .size = size, .max = array->max, .marks = ret_marks };
    *ret_marks = (struct memory_marks){ 0 };
    if (array->pointer_size != 4 && array->pointer_size != 8) {
        return -EINVAL;
    }
    int r = read_array(&reader, array, &texts);
    cleanup_close(&reader.mem);
    return r < 0 ? r : (ssize_t)texts.n;
}
