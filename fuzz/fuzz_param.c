/*
 * fuzz param: any bytes as the parameters of any kind give texts: plain, resolved and whole, never
 * a read beyond them, and texts without control characters where the types promise that.
 *
 * Input: u16 kind, then parameters, each a length byte and that many bytes (the last may be short).
 */
#include "fuzz.h"

#include "event/param.h"

#include <string.h>

#define LIMIT ((size_t)1 << 20)

static void check_param(const struct event *event, unsigned i, struct buf *buf)
{
    struct str bytes;
    const struct param *param = param_of(event, i, &bytes);
    if (!param) {
        return;
    }
    buf_clear(buf);
    param_text(event, i, NULL, buf);
    param_plain(event, i, NULL, buf);
    param_resolved(event, i, NULL, buf);
    param_full(event, i, NULL, buf);
    FUZZ_CHECK(!buf->failed);
    if (param->type == PARAM_CHARBUF || param->type == PARAM_CHARBUFARRAY ||
        param->type == PARAM_CHARBUF_PAIR_ARRAY) {
        return;
    }
    FUZZ_CHECK(str_is_utf8(buf_str(buf)));
    for (size_t k = 0; k < buf->n; k++) {
        FUZZ_CHECK((unsigned char)buf->p[k] >= ' ' && buf->p[k] != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t kind;
    if (size < sizeof(kind)) {
        return 0;
    }
    memcpy(&kind, data, sizeof(kind));
    size_t at = sizeof(kind);
    uint8_t *bytes = malloc(size);
    FUZZ_CHECK(bytes);
    struct event event = { .kind = kind, .data = bytes };
    while (at < size && event.nparams < KIND_PARAMS_MAX) {
        size_t n = data[at++];
        n = n < size - at ? n : size - at;
        uint32_t from = event.at[event.nparams];
        memcpy(bytes + from, data + at, n);
        event.at[++event.nparams] = from + (uint32_t)n;
        at += n;
    }

    struct buf buf;
    buf_init(&buf, LIMIT);
    for (unsigned i = 0; i < event.nparams; i++) {
        check_param(&event, i, &buf);
    }
    buf_clear(&buf);
    param_args(&event, NULL, &buf);
    buf_done(&buf);
    free(bytes);
    return 0;
}
