/*
 * str: searching, comparing and hashing of borrowed byte runs.
 *
 * The hash folds 128-bit products of the input with secret words drawn once per process, so that
 * whoever chooses file names cannot choose collisions.
 */
#include "base/str.h"

#include "base/arena.h"

#include <sys/random.h>

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) {
        return 0;
    }
    const char *at = s.n >= needle.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t str_find_char(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t str_find_last(struct str s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

static inline unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool same_ignoring_case(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && same_ignoring_case(a.p, b.p, a.n);
}

ptrdiff_t str_ifind(struct str s, struct str needle)
{
    if (needle.n == 0) {
        return 0;
    }
    for (size_t at = 0; at + needle.n <= s.n; at++) {
        if (same_ignoring_case(s.p + at, needle.p, needle.n)) {
            return (ptrdiff_t)at;
        }
    }
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

char *str_dupz(struct str s)
{
    char *copy = s.n == SIZE_MAX ? NULL : mem_alloc(s.n + 1);
    if (copy) {
        if (s.n) {
            memcpy(copy, s.p, s.n);
        }
        copy[s.n] = '\0';
    }
    return copy;
}

static uint64_t hash_secret[2];

__attribute__((constructor)) static void hash_seed(void)
{
    if (getrandom(hash_secret, sizeof(hash_secret), GRND_NONBLOCK) != sizeof(hash_secret)) {
        hash_secret[0] ^= (uint64_t)(uintptr_t)&hash_secret;
    }
    hash_secret[0] |= 1;
    hash_secret[1] |= 1;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint64_t load32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* 1 to 7 bytes; texts of one length and different bytes differ. */
static inline uint64_t load_tail(const char *p, size_t n)
{
    if (n >= 4) {
        return load32(p) << 32 | load32(p + n - 4);
    }
    return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n >> 1] << 8 |
           (unsigned char)p[n - 1];
}

uint64_t str_hash(struct str s)
{
    uint64_t h = hash_secret[0];
    const char *p = s.p;
    size_t n = s.n;
    for (; n >= 16; p += 16, n -= 16) {
        h = fold(load64(p) ^ h, load64(p + 8) ^ hash_secret[1]);
    }
    uint64_t a = 0;
    uint64_t b = 0;
    if (n >= 8) {
        a = load64(p);
        b = load64(p + n - 8);
    } else if (n) {
        a = load_tail(p, n);
    }
    return fold(a ^ h, b ^ hash_secret[1] ^ s.n * 0x9e3779b97f4a7c15U);
}

uint64_t hash_u64(uint64_t key)
{
    return fold(key ^ hash_secret[0], hash_secret[1] ^ 0x9e3779b97f4a7c15U);
}

#define DISTANCE_MAX 64

unsigned str_distance(struct str a, struct str b, unsigned limit)
{
    size_t difference = a.n > b.n ? a.n - b.n : b.n - a.n;
    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX || difference > limit) {
        return limit + 1;
    }
    unsigned row[DISTANCE_MAX + 1];
    for (unsigned j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        unsigned least = i;
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) {
                best = row[j] + 1;
            }
            if (row[j - 1] + 1 < best) {
                best = row[j - 1] + 1;
            }
            row[j] = best;
            least = best < least ? best : least;
        }
        if (least > limit) {
            return limit + 1;
        }
    }
    return row[b.n] > limit ? limit + 1 : row[b.n];
}
