/*
 * answer: what of a model's words is taken.
 *
 * One JSON object with the members that were asked for, each once, and no others; texts within their limits; claims
 * that cite facts which were sent. Texts become one line of plain text: the mark is a blank again, invisible
 * characters, backquotes and ** go, and "://" is written so that nothing makes a link of it. What would be a link, a
 * picture, HTML or an address that no fact has makes the whole answer unfit: it is then the model's own, or somebody
 * else's.
 */
#include "base/jscan.h"
#include "report/report.h"
#include "summarise/summarise.h"

#include <errno.h>

#define SHOWN 48 /* bytes of what is wrong in a reason */

struct taking {
    const struct summarise_facts *facts;
    uint32_t mark;
    struct arena *arena;
    struct err *err;
};

/* ---- plain text */

/* Joiners are part of how some languages are written. */
static bool is_joiner(uint32_t c)
{
    return c == 0x200c || c == 0x200d;
}

static void put_character(struct buf *buf, struct str text, size_t n, uint32_t c, uint32_t mark)
{
    bool wide = buf->n > 0 && (unsigned char)buf->p[buf->n - 1] >= 0x80 && text.n > n &&
                (unsigned char)text.p[n] >= 0x80;
    if (c == mark || c == '\n' || c == '\r' || c == '\t' || c == ' ' || c == 0x2028 ||
        c == 0x2029) {
        buf_puts(buf, buf->n && buf->p[buf->n - 1] != ' ' ? STR(" ") : STR(""));
    } else if (c != UINT32_MAX && c != '`' && (!report_hides(c) || (is_joiner(c) && wide))) {
        buf_puts(buf, str_first(text, n));
    }
}

static struct str plain(struct taking *t, struct str text)
{
    struct buf buf;
    buf_init(&buf, text.n + 1);
    while (text.n > 0) {
        uint32_t c;
        size_t n = report_character(text, &c);
        if (str_starts(text, STR("**"))) {
            n = 2;
        } else {
            put_character(&buf, text, n, c, t->mark);
        }
        text = str_from_offset(text, n);
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(t->arena, buf_str(&buf));
    buf_done(&buf);
    return str_trim(kept);
}

static bool is_tag(struct str s)
{
    static const char *const tags[] = { "a",     "img",   "script", "iframe", "svg",  "style",
                                        "link",  "form",  "object", "embed",  "base", "meta",
                                        "html",  "body",  "div",    "span",   "p",    "br",
                                        "b",     "i",     "ul",     "ol",     "li",   "table",
                                        "h1",    "h2",    "h3",     "code",   "pre",  "input",
                                        "video", "audio", "button" };
    size_t n = 0;
    s = str_from_offset(s, 1);
    s = s.n && s.p[0] == '/' ? str_from_offset(s, 1) : s;
    while (n < s.n && ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z')) {
        n++;
    }
    n += n == 1 && n < s.n && s.p[n] >= '1' && s.p[n] <= '6';
    if (n == s.n || !strchr(" />", s.p[n]) || str_find_char(s, '>') < 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
        if (str_ieq(str_first(s, n), str_of(tags[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_marked_up(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '<' && is_tag(str_from_offset(text, i))) {
            return true;
        }
    }
    return str_find(text, STR("](")) >= 0 || str_find(text, STR("][")) >= 0 ||
           str_find(text, STR("![")) >= 0 || str_find(text, STR("~~~")) >= 0;
}

/* ---- addresses */

static bool is_of_address(struct str s)
{
    return s.n && s.p[0] > ' ' && (unsigned char)s.p[0] < 0x80 && !strchr("\"'<>()[]{}|,;", s.p[0]);
}

/* The whole address around a "://" or "www.". */
static struct str address_at(struct str text, size_t at)
{
    size_t from = at, to = at;
    while (from > 0 && is_of_address(str_from_offset(text, from - 1))) {
        from--;
    }
    while (to < text.n && is_of_address(str_from_offset(text, to))) {
        to++;
    }
    while (to > at + 4 && strchr(".:!?", text.p[to - 1])) {
        to--;
    }
    return str_from(text.p + from, to - from);
}

static bool is_in_facts(const struct summarise_facts *facts, struct str address)
{
    for (uint32_t i = 0; i < facts->n; i++) {
        if (str_ifind(facts->v[i].value, address) >= 0) {
            return true;
        }
    }
    return false;
}

static bool addresses_are_known(const struct taking *t, struct str text)
{
    for (size_t at = 0; at < text.n; at++) {
        struct str rest = str_from_offset(text, at);
        bool www = str_ieq(str_first(rest, 4), STR("www.")) &&
                   (at == 0 || !is_of_address(str_from_offset(text, at - 1)));
        if ((www || str_starts(rest, STR("://"))) && !is_in_facts(t->facts, address_at(text, at))) {
            return false;
        }
    }
    return true;
}

static struct str without_links(struct taking *t, struct str text)
{
    struct buf buf;
    buf_init(&buf, 2 * text.n + 1);
    while (text.n > 0) {
        bool link = str_starts(text, STR("://"));
        buf_puts(&buf, link ? STR("[:]//") : str_first(text, 1));
        text = str_from_offset(text, link ? 3 : 1);
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(t->arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}

/* ---- members */

static int take_text(struct taking *t, struct jscan value, const char *what, size_t max,
                     struct str *ret)
{
    if (value.type != JSCAN_TEXT) {
        return err_set(t->err, -EINVAL, "the model's answer: %s is no text", what);
    }
    struct str text = plain(t, jscan_text(value, t->arena));
    if (text.n == 0 || text.n > max) {
        return text.n ? err_set(t->err, -EINVAL, "the model's answer: %s is too long", what)
                      : err_set(t->err, -EINVAL, "the model's answer: %s is empty", what);
    }
    if (is_marked_up(text)) {
        return err_set(t->err, -EINVAL, "the model's answer: %s is not plain text", what);
    }
    if (!addresses_are_known(t, text)) {
        return err_set(t->err, -EINVAL,
                       "the model's answer: %s has an address that is not in the facts", what);
    }
    *ret = without_links(t, text);
    return ret->p ? 0 : err_set(t->err, -ENOMEM, "out of memory");
}

static uint32_t length_of(struct jscan array)
{
    struct jscan one;
    uint32_t n = 0;
    for (struct jscan_walk walk = jscan_begin(array); jscan_element(&walk, &one);) {
        n++;
    }
    return n;
}

static int check_array(struct taking *t, struct jscan array, const char *what, uint32_t least,
                       uint32_t most)
{
    uint32_t n = array.type == JSCAN_ARRAY ? length_of(array) : UINT32_MAX;
    return n >= least && n <= most
               ? 0
               : err_set(t->err, -EINVAL, "the model's answer: %s is no list of %u to %u", what,
                         least, most);
}

static int take_cited(struct taking *t, struct jscan array, struct summarise_claim *claim)
{
    struct jscan one;
    int r = check_array(t, array, "fields", 1, SUMMARISE_CITED_MAX);
    claim->cited = ARENA_ARRAY(t->arena, const struct summarise_fact *, SUMMARISE_CITED_MAX);
    if (r < 0 || !claim->cited) {
        return r < 0 ? r : err_set(t->err, -ENOMEM, "out of memory");
    }
    for (struct jscan_walk walk = jscan_begin(array); jscan_element(&walk, &one);) {
        struct str id = jscan_text(one, t->arena);
        const struct summarise_fact *fact = id.n ? summarise_fact(t->facts, id) : NULL;
        if (!fact) {
            struct str shown = report_visible(id, SHOWN, t->arena);
            return err_set(t->err, -EINVAL, "the model's answer cites `%.*s`, which was not sent",
                           STR_ARG(shown));
        }
        claim->cited[claim->ncited++] = fact;
    }
    return 0;
}

/* The members of an object, by name, each at most once and none else. */
static int members_of(struct taking *t, struct jscan object, const char *const *names, size_t n,
                      struct jscan *ret)
{
    struct jscan key, value;
    if (object.type != JSCAN_OBJECT) {
        return err_set(t->err, -EINVAL, "the model's answer is not of the form asked for");
    }
    for (struct jscan_walk walk = jscan_begin(object); jscan_member(&walk, &key, &value);) {
        size_t i = 0;
        while (i < n && !jscan_is(key, str_of(names[i]))) {
            i++;
        }
        if (i == n || ret[i].type != JSCAN_NONE) {
            struct str shown = report_visible(key.raw, SHOWN, t->arena);
            return i == n
                       ? err_set(t->err, -EINVAL,
                                 "the model's answer: member %.*s was not asked for",
                                 STR_ARG(shown))
                       : err_set(t->err, -EINVAL, "the model's answer: member %.*s is there twice",
                                 STR_ARG(shown));
        }
        ret[i] = value;
    }
    return 0;
}

static int take_claim(struct taking *t, struct jscan value, struct summarise_claim *claim)
{
    static const char *const names[] = { "text", "fields" };
    struct jscan members[2] = { 0 };
    int r = members_of(t, value, names, 2, members);
    r = r == 0 ? take_text(t, members[0], "a claim", SUMMARISE_CLAIM_MAX, &claim->text) : r;
    return r == 0 ? take_cited(t, members[1], claim) : r;
}

static int take_claims(struct taking *t, struct jscan array, struct summarise_answer *answer)
{
    struct jscan one;
    int r = check_array(t, array, "claims", 1, SUMMARISE_CLAIMS_MAX);
    answer->claims = ARENA_ARRAY(t->arena, struct summarise_claim, SUMMARISE_CLAIMS_MAX);
    if (r == 0 && !answer->claims) {
        return err_set(t->err, -ENOMEM, "out of memory");
    }
    for (struct jscan_walk walk = jscan_begin(array); r == 0 && jscan_element(&walk, &one);) {
        r = take_claim(t, one, &answer->claims[answer->nclaims++]);
    }
    return r;
}

static int take_steps(struct taking *t, struct jscan array, struct summarise_answer *answer)
{
    struct jscan one;
    int r = check_array(t, array, "steps", 0, SUMMARISE_STEPS_MAX);
    answer->steps = ARENA_ARRAY(t->arena, struct str, SUMMARISE_STEPS_MAX);
    if (r == 0 && !answer->steps) {
        return err_set(t->err, -ENOMEM, "out of memory");
    }
    for (struct jscan_walk walk = jscan_begin(array); r == 0 && jscan_element(&walk, &one);) {
        r = take_text(t, one, "a step", SUMMARISE_STEP_MAX, &answer->steps[answer->nsteps++]);
    }
    return r;
}

/* Without the fence that models put around JSON. */
static struct str unfenced(struct str text)
{
    text = str_trim(text);
    if (text.n < 8 || !str_starts(text, STR("```")) || !str_ends(text, STR("```"))) {
        return text;
    }
    text = str_first(str_from_offset(text, 3), text.n - 6);
    return str_trim(str_starts(text, STR("json")) ? str_from_offset(text, 4) : text);
}

int summarise_read_answer(struct str text, const struct summarise_facts *facts, uint32_t mark,
                          struct arena *arena, struct summarise_answer *ret, struct err *err)
{
    static const char *const names[] = { "summary", "claims", "steps" };
    struct taking t = { facts, mark, arena, err };
    struct summarise_answer answer = { 0 };
    struct jscan json, members[3] = { 0 };
    const char *why;
    size_t at;
    if (text.n > SUMMARISE_REPLY_MAX || jscan_check(unfenced(text), &json, &why, &at) < 0) {
        return err_set(err, -EINVAL, "the model's answer is no JSON");
    }
    int r = members_of(&t, json, names, 3, members);
    r = r == 0 ? take_text(&t, members[0], "summary", SUMMARISE_SUMMARY_MAX, &answer.summary) : r;
    r = r == 0 ? take_claims(&t, members[1], &answer) : r;
    r = r == 0 ? take_steps(&t, members[2], &answer) : r;
    if (r == 0) {
        *ret = answer;
    }
    return r;
}

void summarise_write_answer(struct jsonw *w, const struct summarise_answer *answer)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "summary", answer->summary);
    jsonw_array(w, "claims");
    for (uint32_t i = 0; i < answer->nclaims; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "text", answer->claims[i].text);
        jsonw_array(w, "fields");
        for (uint32_t k = 0; k < answer->claims[i].ncited; k++) {
            jsonw_object(w, NULL);
            jsonw_str(w, "id", answer->claims[i].cited[k]->id);
            jsonw_str(w, "value", answer->claims[i].cited[k]->value);
            jsonw_end(w);
        }
        jsonw_end(w);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_array(w, "steps");
    for (uint32_t i = 0; i < answer->nsteps; i++) {
        jsonw_str(w, NULL, answer->steps[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
}
