/*
 * attack: MITRE ATT&CK as tags of rules name it: tactics by their word or number ("mitre_execution", "TA0002"),
 * techniques by their number ("T1496"); a technique stands for its tactic, too.
 */
#include "report/report_internal.h"

#define TECHNIQUES_MAX 4 /* told of one finding */

/* clang-format off */
enum tactic {
#define TACTIC(name, number, en, ja) TACTIC_##name,
#define TECHNIQUE(number, name, tactic)
#include "report/attack.def"
    TACTICS
};
/* clang-format on */

static const struct {
    const char *word, *number;
    struct str name[REPORT_LANGUAGES];
} tactics[] = {
#define TACTIC(name, number, en, ja) { #name, number, { STR(en), STR(ja) } },
#define TECHNIQUE(number, name, tactic)
#include "report/attack.def"
};

static const struct technique {
    struct str number, name;
    enum tactic tactic;
} techniques[] = {
#define TACTIC(name, number, en, ja)
#define TECHNIQUE(number, name, tactic) { STR(number), STR(name), TACTIC_##tactic },
#include "report/attack.def"
};

struct found {
    uint32_t tactics; /* bits */
    const struct technique *techniques[TECHNIQUES_MAX];
    unsigned n;
};

static struct str without_prefix(struct str tag)
{
    return tag.n > 6 && str_ieq(str_first(tag, 6), STR("mitre_")) ? str_from_offset(tag, 6) : tag;
}

static bool same_word(struct str tag, const char *word)
{
    size_t n = strlen(word);
    bool same = tag.n == n;
    for (size_t i = 0; same && i < n; i++) {
        char c = tag.p[i] == '-' ? '_' : tag.p[i];
        same = (c >= 'a' && c <= 'z' ? c - 32 : c) == word[i];
    }
    return same;
}

static void look_for_tactic(struct str tag, struct found *found)
{
    for (unsigned i = 0; i < TACTICS; i++) {
        if (same_word(tag, tactics[i].word) || same_word(tag, tactics[i].number)) {
            found->tactics |= 1U << i;
        }
    }
    if (same_word(tag, "CREDENTIALS")) {
        found->tactics |= 1U << TACTIC_CREDENTIAL_ACCESS;
    } else if (same_word(tag, "PRIVESC")) {
        found->tactics |= 1U << TACTIC_PRIVILEGE_ESCALATION;
    }
}

static void look_for_technique(struct str tag, struct found *found)
{
    for (size_t i = 0; i < sizeof(techniques) / sizeof(*techniques); i++) {
        if (!str_ieq(tag, techniques[i].number)) {
            continue;
        }
        found->tactics |= 1U << techniques[i].tactic;
        for (unsigned k = 0; k < found->n; k++) {
            if (found->techniques[k] == &techniques[i]) {
                return;
            }
        }
        if (found->n < TECHNIQUES_MAX) {
            found->techniques[found->n++] = &techniques[i];
        }
    }
}

static void look(struct str tags, struct found *found, struct arena *arena)
{
    struct jscan all, tag;
    const char *why;
    size_t at;
    if (tags.n == 0 || jscan_check(tags, &all, &why, &at) < 0) {
        return;
    }
    for (struct jscan_walk walk = jscan_begin(all); jscan_element(&walk, &tag);) {
        struct str text = without_prefix(jscan_text(tag, arena));
        look_for_tactic(text, found);
        look_for_technique(text, found);
    }
}

static struct str names_of(const struct found *found, enum report_language language,
                           struct arena *arena)
{
    struct str and = report_say(language, WORD_AND, NULL, arena);
    struct buf buf;
    buf_init(&buf, REPORT_TEXT_MAX);
    for (unsigned i = 0; i < TACTICS; i++) {
        if (found->tactics & 1U << i) {
            buf_puts(&buf, buf.n ? and : (struct str){ 0 });
            buf_puts(&buf, tactics[i].name[language]);
        }
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}

static struct str numbers_of(const struct found *found, enum report_language language,
                             struct arena *arena)
{
    struct str comma = report_say(language, WORD_COMMA, NULL, arena);
    struct buf buf;
    buf_init(&buf, REPORT_TEXT_MAX);
    for (unsigned i = 0; i < found->n; i++) {
        buf_puts(&buf, i ? comma : (struct str){ 0 });
        buf_puts(&buf, found->techniques[i]->number);
        buf_putc(&buf, ' ');
        buf_puts(&buf, found->techniques[i]->name);
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}

struct str report_attack(struct str tags, enum report_language language, struct arena *arena)
{
    struct found found = { 0 };
    look(tags, &found, arena);
    if (!found.tactics) {
        return STR("");
    }
    const struct report_value values[] = {
        { "tactics", names_of(&found, language, arena) },
        { "techniques", found.n ? numbers_of(&found, language, arena) : STR("") },
    };
    return report_say(language, found.n ? WORD_TECHNIQUES : WORD_ATTACK,
                      &(struct report_values){ values, 2 }, arena);
}
