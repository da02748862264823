/*
 * Bundles that were made, their signatures, and the differences that lead on from them.
 *
 * Differences are remembered as the text of their change, so that any two versions among them can be joined; the
 * last join is kept, since many agents ask for the same one at the same moment.
 */
#include "server/bundle.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bundle *bundle_hold(struct bundle *bundle)
{
    __atomic_add_fetch(&bundle->refs, 1, __ATOMIC_RELAXED);
    return bundle;
}

void bundle_drop(struct bundle *bundle)
{
    if (bundle && __atomic_sub_fetch(&bundle->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        buf_done(&bundle->body);
        free(bundle);
    }
}

/* ---- signing */

static bool sign(const struct signing *key, struct bundle *bundle)
{
    uint8_t signature[SIGNING_SIGNATURE_SIZE];
    struct buf text, out;
    buf_init(&text, BUNDLE_MAX);
    buf_printf(&text, "hinomi-1\n%s\n%lld\n", bundle->type, (long long)bundle->version);
    buf_puts(&text, buf_str(&bundle->body));
    bool good = !text.failed;
    if (good) {
        signing_sign(key, buf_str(&text), signature);
    }
    buf_done(&text);
    buf_init_fixed(&out, bundle->signature, sizeof(bundle->signature));
    buf_base64(&out, str_from(signature, sizeof(signature)));
    buf_putc(&out, '\0');
    return good && !out.failed;
}

int bundle_sign(const struct signing *key, const char *type, int64_t version, struct buf *body,
                struct bundle **ret)
{
    struct bundle *bundle = mem_zalloc(sizeof(*bundle));
    if (!bundle) {
        buf_done(body);
        return -ENOMEM;
    }
    *bundle = (struct bundle){ .refs = 1, .type = type, .version = version, .body = *body };
    buf_init(body, 0);
    if (bundle->body.failed || !sign(key, bundle)) {
        bundle_drop(bundle);
        return -ENOMEM;
    }
    *ret = bundle;
    return 0;
}

/* ---- differences */

static void forget(struct bundles *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        b->bytes -= b->deltas[i].n;
        b->base = b->deltas[i].version;
        free(b->deltas[i].change);
    }
    b->n -= n;
    if (b->n > 0) {
        memmove(b->deltas, b->deltas + n, b->n * sizeof(*b->deltas));
    }
}

static void begin_anew(struct bundles *b, int64_t version)
{
    forget(b, b->n);
    b->base = version;
    bundle_drop(b->difference);
    b->difference = NULL;
}

void bundles_done(struct bundles *b)
{
    begin_anew(b, 0);
    bundle_drop(b->full);
    free(b->deltas);
    explicit_bzero(&b->key, sizeof(b->key));
    *b = (struct bundles){ 0 };
}

void bundles_note(struct bundles *b, int64_t version, struct str change)
{
    if (!b->deltas) {
        b->deltas = mem_resize(NULL, DELTAS_MAX, sizeof(*b->deltas));
    }
    char *copy =
        b->deltas && change.n > 0 && change.n <= DELTA_BODY_MAX ? mem_alloc(change.n) : NULL;
    if (!copy) {
        begin_anew(b, version);
        return;
    }
    size_t old = b->n == DELTAS_MAX ? DELTAS_MAX / 4 : 0;
    forget(b, old);
    while (b->n > 0 && b->bytes + change.n > DELTAS_BYTES_MAX) {
        forget(b, (b->n + 3) / 4);
    }
    memcpy(copy, change.p, change.n);
    b->deltas[b->n++] = (struct delta){ version, copy, change.n };
    b->bytes += change.n;
}

static struct bundle *join(struct bundles *b, int64_t from, int64_t to)
{
    struct buf body;
    struct bundle *bundle = NULL;
    buf_init(&body, DELTA_BODY_MAX + 256);
    buf_printf(&body, "{\"from\":%lld,\"to\":%lld,\"changes\":[", (long long)from, (long long)to);
    bool first = true;
    for (size_t i = 0; i < b->n; i++) {
        if (b->deltas[i].version > from && b->deltas[i].version <= to) {
            buf_putz(&body, first ? "" : ",");
            buf_put(&body, b->deltas[i].change, b->deltas[i].n);
            first = false;
        }
    }
    buf_putz(&body, "]}");
    if (bundle_sign(&b->key, DELTA_TYPE, to, &body, &bundle) == 0) {
        bundle->from = from;
    }
    return bundle;
}

struct bundle *bundles_difference(struct bundles *b, int64_t from, int64_t to)
{
    if (from < b->base || from >= to) {
        return NULL;
    }
    if (!b->difference || b->difference->from != from || b->difference->version != to) {
        bundle_drop(b->difference);
        b->difference = join(b, from, to);
    }
    return b->difference ? bundle_hold(b->difference) : NULL;
}
