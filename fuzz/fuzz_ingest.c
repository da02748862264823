/*
 * fuzz ingest: any bytes as a batch, as Falco's JSON, as a packed body, as a time: what is taken keeps its promises:
 * numbers follow each other, texts are UTF-8 and no longer than their columns, ids are the agent's own.
 *
 * Input: a byte that chooses, then the text.
 */
#include "fuzz.h"

#include "server/ingest_internal.h"

#include <errno.h>

#include <string.h>

#define AGENT  "a1"
#define NOW_MS INT64_C(1795348800000)

static void check_text(struct str s, size_t max)
{
    FUZZ_CHECK(s.n <= max && str_is_utf8(s));
}

static void check_alert(const struct parsed_alert *a)
{
    const struct ingest_finding *f = &a->finding;
    FUZZ_CHECK(f->rule.n > 0 && f->priority.n > 0 && f->severity <= 100);
    FUZZ_CHECK(f->opened_ms >= NOW_MS - INGEST_CLOCK_MS &&
               f->opened_ms <= NOW_MS + INGEST_CLOCK_MS);
    FUZZ_CHECK(f->scoped == (f->stages != 0) && f->body.n > 0);
    const struct str texts[] = { f->rule,         f->policy,      f->type,         f->title,
                                 f->container_id, f->image,       f->image_digest, f->task_arn,
                                 f->proc_name,    f->proc_exe,    f->user_name,    f->parent_exe,
                                 f->domain,       f->file,        f->item,         f->host,
                                 f->source,       f->parent_name, f->service,      f->region };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        check_text(texts[i], 2 * INGEST_TEXT_MAX + 1);
    }
    check_text(f->output, INGEST_LONG_MAX);
    check_text(f->proc_cmdline, INGEST_LONG_MAX + INGEST_TEXT_MAX + 1);
    check_text(f->tags, INGEST_TAGS_MAX);
    check_text(a->alert.id, 256);
}

static void check_batch(const struct batch *b)
{
    int64_t expected = b->first;
    FUZZ_CHECK(b->nrecords <= INGEST_RECORDS_MAX);
    for (uint32_t i = 0; i < b->nrecords; i++) {
        const struct record *r = &b->records[i];
        FUZZ_CHECK(b->falco || (r->n == expected && r->to >= r->n));
        expected = r->to + 1;
        if (r->kind == RECORD_ALERT) {
            check_alert(r->alert);
            FUZZ_CHECK(b->falco || str_starts(r->alert->alert.id, STR(AGENT ":")));
        } else if (r->kind == RECORD_GAP) {
            FUZZ_CHECK(r->gap->kind.n > 0 && r->gap->count >= -1);
        }
    }
}

static void parse(struct str text, int (*function)(struct parse *, struct str, struct refusal *))
{
    static struct body_packer *packer;
    struct batch *batch = NULL;
    struct refusal refusal = { 0 };
    FUZZ_CHECK((packer || body_packer_new(&packer) == 0) && batch_new(&batch) == 0);
    batch->agent = STR(AGENT);
    batch->spool = STR("0000000000000001");
    batch->first = 1;
    batch->received_ms = NOW_MS;
    struct parse p = { .batch = batch, .packer = packer };
    int r = function(&p, text, &refusal);
    if (r == 0) {
        check_batch(batch);
    } else {
        FUZZ_CHECK(r == -ENOMEM || (refusal.why[0] && strlen(refusal.why) < INGEST_WHY_MAX));
    }
    batch_free(batch);
}

static void unpack(struct str text)
{
    struct buf plain;
    int r = ingest_unpack(text, &plain);
    FUZZ_CHECK(r <= 0 && plain.n <= INGEST_PLAIN_MAX + 1);
    buf_done(&plain);
}

static void time_of(struct str text)
{
    struct jscan value;
    const char *why;
    size_t at;
    int64_t ms = 0;
    if (jscan_check(text, &value, &why, &at) == 0 && ingest_time(value, &ms)) {
        FUZZ_CHECK(ms >= -INT64_C(62200000000000) && ms < INT64_C(1000000000000000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    char *text = malloc(size - 1 ? size - 1 : 1); /* its end is where reading beyond it shows */
    FUZZ_CHECK(text);
    memcpy(text, data + 1, size - 1);
    struct str s = str_from(text, size - 1);
    switch (data[0] % 4) {
    case 0:
        parse(s, ingest_parse_batch);
        break;
    case 1:
        parse(s, ingest_parse_falco);
        break;
    case 2:
        unpack(s);
        break;
    default:
        time_of(s);
    }
    free(text);
    return 0;
}
