/*
 * mail: a message as multipart/alternative, in plain text and HTML.
 *
 * Headers hold nothing that was not encoded (RFC 2047) or checked: no text of a finding can end a line of them. Both
 * parts are base64, so that no line of a body is too long or begins with a dot. The HTML has neither pictures nor
 * scripts, and its only link is the console's. One Message-ID a delivery, and a thread for each finding: who gets a mail
 * twice, since it had to be sent again, sees it once.
 */
#include "notify/render.h"

#include "courier/courier.h"
#include "notify/kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MAIL_MAX    ((size_t)1 << 20)
#define PART_MAX    ((size_t)512 << 10)
#define WORD_BYTES  42 /* of text in one encoded word: 56 of base64 */
#define BASE64_LINE 57 /* bytes of a line of 76 */
#define SUBJECT_MAX 200
#define BOUNDARY    "hinomi-part-8f1c6a2d"

/* ---- headers */

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return str_find(s, STR("=?")) < 0 && s.n <= 60;
}

static size_t cut(struct str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return n;
}

/* As it is when it is short ASCII, else in encoded words, one a line. */
static void put_encoded(struct buf *buf, struct str s)
{
    if (is_plain(s)) {
        buf_puts(buf, s);
        return;
    }
    for (bool first = true; s.n; first = false) {
        size_t n = cut(s, WORD_BYTES);
        n = n ? n : s.n < WORD_BYTES ? s.n : WORD_BYTES;
        buf_putz(buf, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        buf_base64(buf, str_first(s, n));
        buf_putz(buf, "?=");
        s = str_from_offset(s, n);
    }
}

static void put_mailbox(struct buf *buf, struct str name, struct str address)
{
    bool quoted = is_plain(name) && str_find_char(name, '"') < 0 && str_find_char(name, '\\') < 0;
    if (name.n == 0) {
        buf_puts(buf, address);
        return;
    }
    if (quoted) {
        buf_printf(buf, "\"%.*s\"", STR_ARG(name));
    } else if (is_plain(name)) {
        buf_putz(buf, "=?UTF-8?B?");
        buf_base64(buf, name);
        buf_putz(buf, "?=");
    } else {
        put_encoded(buf, name);
    }
    buf_printf(buf, "\r\n <%.*s>", STR_ARG(address));
}

static void put_date(struct buf *buf, int64_t ms)
{
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct tm tm = { 0 };
    time_t s = (time_t)(ms / 1000);
    if (gmtime_r(&s, &tm)) {
        buf_printf(buf, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday % 7],
                   tm.tm_mday, months[tm.tm_mon % 12], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
    }
}

static struct str subject(const struct notify_message *m)
{
    const struct finding *f = m->finding;
    struct buf buf;
    struct str text;
    struct err err = { 0 };
    buf_init(&buf, 4096);
    buf_putz(&buf, "[Hinomi] ");
    if (f) {
        struct str place = f->container_name.n ? f->container_name : f->host;
        buf_puts(&buf, notify_severity(m));
        buf_printf(&buf, ": %.*s", STR_ARG(notify_title(m)));
        if (place.n) {
            buf_printf(&buf, " – %.*s", STR_ARG(notify_clean(m->arena, place, 60)));
        }
    } else {
        buf_puts(&buf, notify_title(m));
    }
    if (m->held > 0) {
        buf_printf(&buf, " (+%" PRId64 ")", m->held);
    }
    return notify_keep(m->arena, &buf, &text, &err) == 0 ? notify_clean(m->arena, text, SUBJECT_MAX)
                                                         : STR("[Hinomi]");
}

static void put_ids(struct buf *buf, const struct notify_message *m, struct str domain)
{
    buf_printf(buf, "Message-ID: <hinomi.%" PRId64 ".%.*s@%.*s>\r\n", m->id,
               STR_ARG(m->finding ? m->finding->id : STR("test")), STR_ARG(domain));
    if (m->finding) {
        buf_printf(buf, "References: <hinomi.%.*s@%.*s>\r\n", STR_ARG(m->finding->id),
                   STR_ARG(domain));
    }
}

static void put_headers(struct buf *buf, const struct notify_message *m,
                        const struct courier_request *r, struct str name)
{
    struct str domain = str_from_offset(r->from, (size_t)str_find_char(r->from, '@') + 1);
    put_date(buf, m->now_ms);
    buf_putz(buf, "From: ");
    put_mailbox(buf, name, r->from);
    buf_putz(buf, "\r\nTo: ");
    for (unsigned i = 0; i < r->nto; i++) {
        buf_putz(buf, i ? ",\r\n " : "");
        buf_puts(buf, r->to[i]);
    }
    buf_putz(buf, "\r\nSubject: ");
    put_encoded(buf, subject(m));
    buf_putz(buf, "\r\n");
    put_ids(buf, m, domain);
    buf_putz(buf, "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"
                  "MIME-Version: 1.0\r\n");
    buf_printf(buf, "Content-Language: %s\r\n", m->japanese ? "ja" : "en");
    buf_putz(buf, "Content-Type: multipart/alternative; boundary=\"" BOUNDARY "\"\r\n\r\n");
}

static void put_part(struct buf *buf, const char *type, struct str text)
{
    buf_printf(buf,
               "--" BOUNDARY "\r\nContent-Type: %s; charset=utf-8\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               type);
    while (text.n) {
        struct str line = str_first(text, BASE64_LINE);
        buf_base64(buf, line);
        buf_putz(buf, "\r\n");
        text = str_from_offset(text, line.n);
    }
}

/* ---- plain text */

static void put_section(struct buf *buf, const char *head, const char *mark,
                        const struct str *lines, size_t n)
{
    if (n) {
        buf_printf(buf, "\n%s\n", head);
    }
    for (size_t i = 0; i < n; i++) {
        buf_printf(buf, "%s%.*s\n", mark, STR_ARG(lines[i]));
    }
}

static void put_held(struct buf *buf, const struct notify_message *m)
{
    struct str held = notify_held(m);
    if (held.n) {
        buf_printf(buf, "\n%.*s\n", STR_ARG(held));
    }
    for (size_t i = 0; i < m->ntitles && i < NOTIFY_TITLES_SHOWN; i++) {
        buf_printf(buf, "- %.*s\n", STR_ARG(notify_clean(m->arena, m->titles[i], 200)));
    }
}

/* {1} and {2} of the last line: rule and channel. */
static void put_footer(struct buf *buf, const struct notify_message *m,
                       void (*put)(struct buf *buf, struct str text))
{
    bool by_rule = m->rule_name.n > 0;
    const char *z = notify_word(m, !m->finding ? WORD_TEST_BY
                                   : by_rule   ? WORD_SENT_BY
                                               : WORD_SENT_BY_POLICY);
    struct str by = by_rule || !m->finding ? m->rule_name : m->finding->policy;
    struct str rule = notify_clean(m->arena, by, 200),
               channel = notify_clean(m->arena, m->channel_name, 200);
    for (; *z; z++) {
        bool hole = z[0] == '{' && (z[1] == '1' || z[1] == '2') && z[2] == '}';
        if (hole) {
            put(buf, m->finding && z[1] == '1' ? rule : channel);
            z += 2;
        } else {
            buf_putc(buf, *z);
        }
    }
}

static enum notify_word word_of_cause(const struct notify_message *m)
{
    return str_eqz(m->cause, "reopened") ? WORD_REOPENED
           : str_eqz(m->cause, "raised") ? WORD_RAISED
           : str_eqz(m->cause, "test")   ? WORD_TEST
                                         : WORD_NEW;
}

void notify_put_plain(struct buf *buf, const struct notify_message *m)
{
    struct notify_fact facts[NOTIFY_FACTS_MAX];
    struct str lines[NOTIFY_LINEAGE_MAX];
    struct str why = notify_why(m);
    buf_printf(buf, "%s: %.*s\n\n%.*s\n", notify_word(m, word_of_cause(m)),
               STR_ARG(notify_title(m)), STR_ARG(notify_summary(m)));
    buf_printf(buf, "\n%s: %.*s\n", notify_word(m, WORD_OPEN), STR_ARG(m->link));
    put_section(buf, notify_word(m, WORD_WHY), "", &why, why.n ? 1 : 0);
    if (m->report) {
        const struct report *r = m->report;
        put_section(buf, notify_word(m, WORD_DETAILS), "- ", r->details.v, r->details.n);
        put_section(buf, notify_word(m, WORD_NEXT), "- ", r->next.v, r->next.n);
        put_section(buf, notify_word(m, WORD_RESPOND), "- ", r->respond.v, r->respond.n);
    }
    size_t n = notify_facts(m, facts);
    if (n) {
        buf_printf(buf, "\n%s\n", notify_word(m, WORD_FACTS));
    }
    for (size_t i = 0; i < n; i++) {
        buf_printf(buf, "%s: %.*s\n", facts[i].label, STR_ARG(facts[i].value));
    }
    put_section(buf, notify_word(m, WORD_TREE), "", lines, notify_lineage(m, lines));
    put_held(buf, m);
    buf_putz(buf, "\n-- \n");
    put_footer(buf, m, buf_puts);
    buf_printf(buf, "\n%s\n", m->finding ? notify_word(m, WORD_WATCHED) : "");
}

/* ---- HTML */

static void put_html(struct buf *buf, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *entity = c == '&'    ? "&amp;"
                             : c == '<'  ? "&lt;"
                             : c == '>'  ? "&gt;"
                             : c == '"'  ? "&quot;"
                             : c == '\'' ? "&#39;"
                                         : NULL;
        if (entity) {
            buf_putz(buf, entity);
        } else {
            buf_putc(buf, c);
        }
    }
}

static const char *colour_of(const struct notify_message *m)
{
    int64_t severity = m->finding ? m->finding->severity : 0;
    return severity >= 90   ? "#8e1030"
           : severity >= 70 ? "#b3261e"
           : severity >= 40 ? "#8a5a00"
           : severity >= 10 ? "#2d5d8a"
                            : "#55606b";
}

#define FONT                                                                                       \
    "font-family:-apple-system,'Segoe UI','Hiragino Sans','Noto Sans CJK JP',Meiryo,sans-serif"
#define MONO "font-family:ui-monospace,Menlo,Consolas,'Noto Sans Mono CJK JP',monospace"

static void put_head(struct buf *buf, const struct notify_message *m)
{
    const char *colour = colour_of(m);
    buf_printf(buf,
               "<!DOCTYPE html><html lang=\"%s\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width\">"
               "<meta name=\"color-scheme\" content=\"light\"><title>",
               m->japanese ? "ja" : "en");
    put_html(buf, notify_title(m));
    buf_putz(buf,
             "</title></head><body style=\"margin:0;padding:24px 12px;background:#f2f4f6;"
             "color:#1b2127;font-size:15px;line-height:1.6;" FONT "\">"
             "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
             "style=\"max-width:680px;margin:0 auto;background:#ffffff;border:1px solid #d8dde2;"
             "border-radius:6px\"><tr><td ");
    buf_printf(buf, "style=\"padding:20px 24px;border-top:6px solid %s\">", colour);
    buf_printf(buf, "<p style=\"margin:0;color:#4a545e\">%s", notify_word(m, word_of_cause(m)));
    if (m->finding) {
        buf_printf(buf, " &middot; <strong style=\"color:%s\">", colour);
        put_html(buf, notify_severity(m));
        buf_putz(buf, "</strong>");
    }
    buf_putz(buf, "</p><h1 style=\"margin:4px 0 12px;font-size:21px;line-height:1.35\">");
    put_html(buf, notify_title(m));
    buf_putz(buf, "</h1><p style=\"margin:0 0 16px;overflow-wrap:anywhere\">");
    put_html(buf, notify_summary(m));
    buf_putz(buf, "</p><p style=\"margin:0 0 8px\"><a href=\"");
    put_html(buf, m->link);
    buf_printf(
        buf,
        "\" style=\"display:inline-block;padding:8px 16px;border-radius:4px;background:#1f4e79;"
        "color:#ffffff;text-decoration:none\">%s</a></p>",
        notify_word(m, WORD_OPEN));
}

static void put_title(struct buf *buf, const char *text)
{
    buf_printf(buf, "<h2 style=\"margin:20px 0 4px;font-size:16px\">%s</h2>", text);
}

static void put_list(struct buf *buf, const char *head, const struct str *lines, size_t n)
{
    if (n == 0) {
        return;
    }
    put_title(buf, head);
    buf_putz(buf, "<ul style=\"margin:0;padding-left:22px\">");
    for (size_t i = 0; i < n; i++) {
        buf_putz(buf, "<li>");
        put_html(buf, lines[i]);
        buf_putz(buf, "</li>");
    }
    buf_putz(buf, "</ul>");
}

static void put_facts(struct buf *buf, const struct notify_message *m)
{
    struct notify_fact facts[NOTIFY_FACTS_MAX];
    size_t n = notify_facts(m, facts);
    if (n == 0) {
        return;
    }
    put_title(buf, notify_word(m, WORD_FACTS));
    buf_putz(buf, "<table cellpadding=\"0\" cellspacing=\"0\" style=\"width:100%;border-collapse:"
                  "collapse;table-layout:fixed\">");
    for (size_t i = 0; i < n; i++) {
        buf_printf(buf,
                   "<tr><th scope=\"row\" style=\"width:32%%;padding:5px 8px 5px 0;text-align:left;"
                   "vertical-align:top;font-weight:normal;color:#4a545e;border-bottom:1px solid "
                   "#e6e9ec\">%s</th><td style=\"padding:5px 0;vertical-align:top;overflow-wrap:"
                   "anywhere;border-bottom:1px solid #e6e9ec;%s\">",
                   facts[i].label, facts[i].mono ? "font-size:13px;" MONO : "");
        put_html(buf, facts[i].value);
        buf_putz(buf, "</td></tr>");
    }
    buf_putz(buf, "</table>");
}

static void put_tree(struct buf *buf, const struct notify_message *m)
{
    struct str lines[NOTIFY_LINEAGE_MAX];
    size_t n = notify_lineage(m, lines);
    if (n == 0) {
        return;
    }
    put_title(buf, notify_word(m, WORD_TREE));
    buf_putz(buf, "<pre style=\"margin:0;padding:10px 12px;background:#f2f4f6;border-radius:4px;"
                  "font-size:13px;line-height:1.5;white-space:pre-wrap;overflow-wrap:anywhere;" MONO
                  "\">");
    for (size_t i = 0; i < n; i++) {
        put_html(buf, lines[i]);
        buf_putc(buf, '\n');
    }
    buf_putz(buf, "</pre>");
}

static void put_document(struct buf *buf, const struct notify_message *m)
{
    struct str titles[NOTIFY_TITLES_SHOWN], why = notify_why(m);
    struct str held = notify_held(m);
    size_t n = m->ntitles < NOTIFY_TITLES_SHOWN ? m->ntitles : NOTIFY_TITLES_SHOWN;
    put_head(buf, m);
    if (why.n) {
        put_title(buf, notify_word(m, WORD_WHY));
        buf_putz(buf, "<p style=\"margin:0\">");
        put_html(buf, why);
        buf_putz(buf, "</p>");
    }
    if (m->report) {
        put_list(buf, notify_word(m, WORD_DETAILS), m->report->details.v, m->report->details.n);
        put_list(buf, notify_word(m, WORD_NEXT), m->report->next.v, m->report->next.n);
        put_list(buf, notify_word(m, WORD_RESPOND), m->report->respond.v, m->report->respond.n);
    }
    put_facts(buf, m);
    put_tree(buf, m);
    for (size_t i = 0; i < n; i++) {
        titles[i] = notify_clean(m->arena, m->titles[i], 200);
    }
    if (held.n) {
        put_title(buf, held.p);
        put_list(buf, "", titles, n);
    }
    buf_putz(buf, "<p style=\"margin:24px 0 0;padding-top:12px;border-top:1px solid #e6e9ec;color:"
                  "#4a545e;font-size:13px\">");
    put_footer(buf, m, put_html);
    buf_printf(buf, "<br>%s</p></td></tr></table></body></html>\n",
               m->finding ? notify_word(m, WORD_WATCHED) : "");
}

/* ---- the exchange */

static int put_relay(const struct notify_message *m, struct courier_request *ret, struct err *err)
{
    struct str host = notify_text(m->settings, "host"),
               security = notify_text(m->settings, "security");
    int64_t port = notify_number(m->settings, "port");
    bool starttls = str_eqz(security, "starttls"), none = str_eqz(security, "none");
    bool six = str_find_char(host, ':') >= 0;
    struct buf url;
    buf_init(&url, NOTIFY_URL_MAX);
    buf_printf(&url, "%s://%s%.*s%s:%d/hinomi", none || starttls ? "smtp" : "smtps", six ? "[" : "",
               STR_ARG(host), six ? "]" : "",
               (int)(port       ? port
                     : none     ? 25
                     : starttls ? 587
                                : 465));
    ret->tls = none ? COURIER_PLAIN : COURIER_STARTTLS;
    ret->user = notify_text(m->settings, "user");
    ret->password = notify_text(m->secrets, "password");
    ret->ca = notify_text(m->settings, "ca");
    return notify_keep(m->arena, &url, &ret->url, err);
}

static int put_people(const struct notify_message *m, struct courier_request *ret,
                      struct str *ret_name, struct err *err)
{
    struct json_object *list = NULL;
    json_object_object_get_ex(m->settings, "to", &list);
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    struct str *to = ARENA_ARRAY(m->arena, struct str, n);
    if (!to || n == 0 || n > NOTIFY_TO_MAX ||
        !notify_mailbox(notify_text(m->settings, "from"), ret_name, &ret->from)) {
        return err_set(err, -EINVAL, "the channel has no sender or nobody to send to");
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = str_of(json_object_get_string(json_object_array_get_idx(list, i)));
    }
    ret->to = to;
    ret->nto = (unsigned)n;
    return 0;
}

static int put_mail(const struct notify_message *m, struct courier_request *ret, struct str name,
                    struct err *err)
{
    struct buf buf, part;
    buf_init(&buf, MAIL_MAX);
    buf_init(&part, PART_MAX);
    put_headers(&buf, m, ret, name);
    notify_put_plain(&part, m);
    put_part(&buf, "text/plain", buf_str(&part));
    buf.failed |= part.failed;
    buf_clear(&part);
    put_document(&part, m);
    put_part(&buf, "text/html", buf_str(&part));
    buf.failed |= part.failed;
    buf_done(&part);
    buf_putz(&buf, "--" BOUNDARY "--\r\n");
    return notify_keep(m->arena, &buf, &ret->body, err);
}

int notify_make_email(const struct notify_message *m, struct courier_request *ret, struct err *err)
{
    struct str name = { 0 };
    int r = put_relay(m, ret, err);
    r = r == 0 ? put_people(m, ret, &name, err) : r;
    return r == 0 ? put_mail(m, ret, name, err) : r;
}
