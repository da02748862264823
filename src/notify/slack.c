/*
 * slack: a message as blocks of an incoming webhook.
 *
 * Everything is plain text, nothing is mrkdwn: what attackers chose is then neither a link nor a mention. Slack wants
 * &, < and > escaped in all texts.
 */
#include "notify/render.h"

#include "courier/courier.h"
#include "notify/kinds.h"

#define BODY_MAX    ((size_t)256 << 10)
#define HEADER_MAX  148  /* of 150 */
#define SECTION_MAX 2800 /* of 3,000 */
#define FIELD_MAX   1900 /* of 2,000 */
#define BUTTON_MAX  70   /* of 75 */
#define FIELDS      10   /* of one section */

static struct str escaped(const struct notify_message *m, struct str s)
{
    struct buf buf;
    struct str text;
    struct err err = { 0 };
    buf_init(&buf, s.n * 5 + 16);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        buf_putz(&buf, c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "");
        if (c != '&' && c != '<' && c != '>') {
            buf_putc(&buf, c);
        }
    }
    return notify_keep(m->arena, &buf, &text, &err) == 0 ? text : STR("");
}

/* Cut at a character, by what is there before it is escaped. */
static struct str cut(struct str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return str_first(s, n);
}

/* At most `max` bytes when it is escaped, as Slack counts at worst: it refuses a message with a text too long. */
static void put_plain(struct jsonw *w, const struct notify_message *m, const char *key,
                      struct str text, size_t max)
{
    struct str all = escaped(m, text), s = cut(all, max);
    ptrdiff_t entity = str_find_last(s, '&');
    if (s.n < all.n && entity >= 0 && str_find_char(str_from_offset(s, (size_t)entity), ';') < 0) {
        s = str_first(s, (size_t)entity);
    }
    jsonw_object(w, key);
    jsonw_strz(w, "type", "plain_text");
    jsonw_str(w, "text", s);
    jsonw_bool(w, "emoji", false);
    jsonw_end(w);
}

static void put_section(struct jsonw *w, const struct notify_message *m, struct str text)
{
    if (text.n) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "type", "section");
        put_plain(w, m, "text", text, SECTION_MAX);
        jsonw_end(w);
    }
}

static void put_facts(struct jsonw *w, const struct notify_message *m)
{
    struct notify_fact facts[NOTIFY_FACTS_MAX];
    size_t n = notify_facts(m, facts);
    for (size_t i = 0; i < n; i++) {
        char storage[1024];
        struct buf line;
        if (i % FIELDS == 0) {
            jsonw_object(w, NULL);
            jsonw_strz(w, "type", "section");
            jsonw_array(w, "fields");
        }
        buf_init_fixed(&line, storage, sizeof(storage));
        buf_putz(&line, facts[i].label);
        buf_putc(&line, '\n');
        buf_puts(&line, facts[i].value);
        put_plain(w, m, NULL, buf_str(&line), FIELD_MAX);
        if (i % FIELDS == FIELDS - 1 || i + 1 == n) {
            jsonw_end(w);
            jsonw_end(w);
        }
    }
}

static void put_list(struct jsonw *w, const struct notify_message *m, const char *head,
                     const struct str *lines, size_t n)
{
    struct buf buf;
    buf_init(&buf, (size_t)64 << 10);
    buf_putz(&buf, head);
    for (size_t i = 0; i < n; i++) {
        buf_putz(&buf, "\n• ");
        buf_puts(&buf, lines[i]);
    }
    if (n) {
        put_section(w, m, buf_str(&buf));
    }
    buf_done(&buf);
}

static void put_tree(struct jsonw *w, const struct notify_message *m)
{
    struct str lines[NOTIFY_LINEAGE_MAX];
    size_t n = notify_lineage(m, lines);
    struct buf buf;
    buf_init(&buf, (size_t)64 << 10);
    buf_putz(&buf, notify_word(m, WORD_TREE));
    for (size_t i = 0; i < n; i++) {
        buf_putc(&buf, '\n');
        buf_puts(&buf, lines[i]);
    }
    if (n) {
        put_section(w, m, buf_str(&buf));
    }
    buf_done(&buf);
}

static void put_link(struct jsonw *w, const struct notify_message *m)
{
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", "actions");
    jsonw_array(w, "elements");
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", "button");
    put_plain(w, m, "text", str_of(notify_word(m, WORD_OPEN)), BUTTON_MAX);
    jsonw_str(w, "url", m->link);
    jsonw_end(w);
    jsonw_end(w);
    jsonw_end(w);
}

static struct str headline(const struct notify_message *m)
{
    struct buf buf;
    struct str text;
    struct err err = { 0 };
    buf_init(&buf, 4096);
    if (m->finding) {
        buf_puts(&buf, notify_severity(m));
        buf_putz(&buf, " – ");
    }
    buf_puts(&buf, notify_title(m));
    return notify_keep(m->arena, &buf, &text, &err) == 0 ? text : STR("Hinomi");
}

static void put_held(struct jsonw *w, const struct notify_message *m)
{
    struct str titles[NOTIFY_TITLES_SHOWN];
    size_t n = m->ntitles < NOTIFY_TITLES_SHOWN ? m->ntitles : NOTIFY_TITLES_SHOWN;
    for (size_t i = 0; i < n; i++) {
        titles[i] = notify_clean(m->arena, m->titles[i], 120);
    }
    struct str held = notify_held(m);
    if (n) {
        put_list(w, m, held.p ? held.p : "", titles, n);
    } else {
        put_section(w, m, held);
    }
}

static void put_blocks(struct jsonw *w, const struct notify_message *m)
{
    jsonw_object(w, NULL);
    jsonw_strz(w, "type", "header");
    put_plain(w, m, "text", headline(m), HEADER_MAX);
    jsonw_end(w);
    put_section(w, m, notify_summary(m));
    put_section(w, m, notify_why(m));
    put_facts(w, m);
    put_tree(w, m);
    if (m->report) {
        put_list(w, m, notify_word(m, WORD_DETAILS), m->report->details.v, m->report->details.n);
        put_list(w, m, notify_word(m, WORD_NEXT), m->report->next.v, m->report->next.n);
        put_list(w, m, notify_word(m, WORD_RESPOND), m->report->respond.v, m->report->respond.n);
    }
    put_held(w, m);
    put_link(w, m);
}

int notify_make_slack(const struct notify_message *m, struct courier_request *ret, struct err *err)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    struct str body;
    buf_init(&buf, BODY_MAX);
    jsonw_object(&w, NULL);
    jsonw_str(&w, "text", escaped(m, headline(m)));
    jsonw_array(&w, "blocks");
    put_blocks(&w, m);
    jsonw_end(&w);
    jsonw_end(&w);
    int r = notify_keep(m->arena, &buf, &body, err);
    return r == 0 ? notify_post(m, notify_text(m->secrets, "url"), body, ret, err) : r;
}
