/*
 * words: templates filled. A {name} without a value leaves no sentence: half of one would tell something else.
 */
#include "report/report_internal.h"

static const struct str words[REPORT_LANGUAGES][REPORT_WORDS] = {
#define WORD(id, en, ja) [WORD_##id] = STR(en),
    [REPORT_EN] = {
#include "report/words.def"
    },
#define WORD(id, en, ja) [WORD_##id] = STR(ja),
    [REPORT_JA] = {
#include "report/words.def"
    },
};

const char *report_language_tag(enum report_language language)
{
    return language == REPORT_JA ? "ja" : "en";
}

enum report_language report_language_of(struct str tag)
{
    ptrdiff_t end = str_find_char(tag, '-');
    struct str first = str_first(tag, end < 0 ? tag.n : (size_t)end);
    return str_ieq(first, STR("ja")) ? REPORT_JA : REPORT_EN;
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_')) {
            return false;
        }
    }
    return s.n > 0;
}

/* The {name} that s begins with; empty: none. */
static struct str name_at(struct str s)
{
    ptrdiff_t end = s.n && s.p[0] == '{' ? str_find_char(s, '}') : -1;
    struct str name = end > 1 ? str_from(s.p + 1, (size_t)end - 1) : (struct str){ 0 };
    return is_name(name) ? name : (struct str){ 0 };
}

struct str report_fill(struct str template, const struct report_filler *filler, struct arena *arena)
{
    struct buf buf;
    bool whole = true;
    buf_init(&buf, REPORT_TEXT_MAX);
    while (template.n > 0 && whole) {
        struct str name = name_at(template);
        if (name.n) {
            struct str value = filler->value(filler->data, name);
            whole = value.n > 0;
            buf_puts(&buf, value);
            template = str_from_offset(template, name.n + 2);
        } else {
            buf_putc(&buf, template.p[0]);
            template = str_from_offset(template, 1);
        }
    }
    struct str kept = whole && !buf.failed ? arena_str(arena, buf_str(&buf)) : (struct str){ 0 };
    buf_done(&buf);
    return kept;
}

static struct str value_of(void *data, struct str name)
{
    const struct report_values *values = data;
    for (size_t i = 0; i < values->n; i++) {
        if (str_eqz(name, values->v[i].name)) {
            return values->v[i].text;
        }
    }
    return (struct str){ 0 };
}

struct str report_say(enum report_language language, enum report_word word,
                      const struct report_values *values, struct arena *arena)
{
    static const struct report_values none;
    const struct report_filler filler = { value_of, (void *)(values ? values : &none) };
    return report_fill(words[language][word], &filler, arena);
}
