/*
 * sequence: stages from words, and findings put to steps by trying.
 *
 * A finding may have several stages, but stands for one step only, so a single noisy rule never makes a
 * sequence. Steps are tried in order; for each the findings that fit, the earliest first, since it leaves most
 * to the steps behind. Others are tried only because another step may need that one, so as many as there are
 * steps are enough: what is watched chooses how many findings there are, and cannot make the search long.
 */
#include "server/sequence.h"

#define TAG_MAX 64

struct stage_word {
    struct str word;
    uint32_t stages;
};

static const struct stage_word words[] = {
#define STAGE_WORD(text, set) { { text, sizeof(text) - 1 }, set },
#define STAGE_TECHNIQUE(text, set)
#define SEQUENCE(...)
#include "server/sequences.def"
#undef STAGE_WORD
#undef STAGE_TECHNIQUE
#undef SEQUENCE
};

static const struct stage_word techniques[] = {
#define STAGE_WORD(text, set)
#define STAGE_TECHNIQUE(text, set) { { text, sizeof(text) - 1 }, set },
#define SEQUENCE(...)
#include "server/sequences.def"
#undef STAGE_WORD
#undef STAGE_TECHNIQUE
#undef SEQUENCE
};

static const struct {
    const char *name, *title;
    uint8_t severity;
    uint32_t steps[SEQUENCE_STEPS]; /* 0: the end */
} sequences[] = {
#define STAGE_WORD(text, set)
#define STAGE_TECHNIQUE(text, set)
#define SEQUENCE(id, words_, tenths, ...) { id, words_, tenths, { __VA_ARGS__ } },
#include "server/sequences.def"
#undef STAGE_WORD
#undef STAGE_TECHNIQUE
#undef SEQUENCE
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static uint32_t of_word(struct str word)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        if (str_eq(words[i].word, word)) {
            return words[i].stages;
        }
    }
    return 0;
}

static uint32_t of_technique(struct str tag)
{
    for (size_t i = 0; i < COUNT(techniques); i++) {
        struct str id = techniques[i].word;
        if (str_starts(tag, id) && (tag.n == id.n || tag.p[id.n] == '.')) {
            return techniques[i].stages;
        }
    }
    return 0;
}

static struct str type_tactic(struct str type)
{
    ptrdiff_t colon = str_find_char(type, ':');
    return colon > 0 ? str_first(type, (size_t)colon) : (struct str){ 0 };
}

/* Mining types that are named by what they do to the machine. */
static uint32_t of_type(struct str type)
{
    bool mines = str_find(type, STR("CryptoMiner")) >= 0 || str_find(type, STR("Bitcoin")) >= 0;
    return mines ? STAGE_MINE : of_word(type_tactic(type));
}

static uint32_t of_tag(struct str tag)
{
    char plain[TAG_MAX];
    if (str_find(tag, STR(":Runtime/")) > 0) {
        return of_type(tag);
    }
    if (tag.n > 1 && tag.p[0] == 'T') {
        return of_technique(tag);
    }
    if (str_starts(tag, STR("mitre_"))) {
        tag = str_from_offset(tag, 6);
    }
    if (tag.n > sizeof(plain)) {
        return 0;
    }
    for (size_t i = 0; i < tag.n; i++) {
        plain[i] = tag.p[i];
        if (plain[i] == '-') {
            plain[i] = '_';
        }
    }
    return of_word(str_from(plain, tag.n));
}

uint32_t sequence_stages(struct str type, struct jscan tags)
{
    uint32_t stages = of_type(type);
    struct jscan tag;
    for (struct jscan_walk walk = jscan_begin(tags); jscan_element(&walk, &tag);) {
        if (tag.type == JSCAN_TEXT) {
            stages |= of_tag(str_from(tag.raw.p + 1, tag.raw.n - 2));
        }
    }
    return stages;
}

const char *sequence_stage_name(uint32_t stages)
{
    static const char *const names[] = {
        "initial_access",       "download",     "execution",   "persistence",
        "privilege_escalation", "evasion",      "credentials", "discovery",
        "command_and_control",  "exfiltration", "mining",      "impact",
        "new_program",          "mining_pool",
    };
    for (unsigned i = 0; i < COUNT(names); i++) {
        if (stages & 1u << i) {
            return names[i];
        }
    }
    return "none";
}

bool sequence_possible(uint32_t stages)
{
    for (size_t i = 0; i < COUNT(sequences); i++) {
        unsigned step = 0;
        while (step < SEQUENCE_STEPS && sequences[i].steps[step] & stages) {
            step++;
        }
        if (step == SEQUENCE_STEPS || sequences[i].steps[step] == 0) {
            return true;
        }
    }
    return false;
}

struct search {
    const struct sequence_item *items;
    uint32_t n;
    const uint32_t *steps;
    struct sequence_match *match;
};

static bool is_used(const struct sequence_match *match, uint32_t item)
{
    for (uint32_t i = 0; i < match->nsteps; i++) {
        if (match->items[i] == item) {
            return true;
        }
    }
    return false;
}

static bool go_on(struct search *search, int64_t since_ms)
{
    struct sequence_match *match = search->match;
    uint32_t step = match->nsteps;
    uint32_t tried = 0;
    if (step == SEQUENCE_STEPS || search->steps[step] == 0) {
        return true;
    }
    for (uint32_t i = 0; i < search->n; i++) {
        const struct sequence_item *item = &search->items[i];
        if (!(item->stages & search->steps[step]) || item->last_ms < since_ms ||
            is_used(match, i)) {
            continue;
        }
        if (++tried > SEQUENCE_STEPS) {
            return false;
        }
        match->items[match->nsteps++] = i;
        if (go_on(search, item->first_ms > since_ms ? item->first_ms : since_ms)) {
            return true;
        }
        match->nsteps--;
    }
    return false;
}

bool sequence_find(const struct sequence_item *items, uint32_t n, struct sequence_match *ret)
{
    for (size_t i = 0; i < COUNT(sequences); i++) {
        struct sequence_match match = {
            .name = sequences[i].name,
            .title = sequences[i].title,
            .severity = sequences[i].severity,
        };
        struct search search = {
            .items = items, .n = n, .steps = sequences[i].steps, .match = &match
        };
        if (go_on(&search, INT64_MIN)) {
            *ret = match;
            return true;
        }
    }
    return false;
}
