/*
 * notify_making: a delivery as a message: its finding as it is now, its rule's texts, and what it speaks for besides.
 *
 * The finding is read when it is sent, so that what is told is not older than it has to be. One that is gone (retention)
 * cannot be told of.
 */
#include "server/notify_internal.h"

#include "server/accounts.h"
#include "server/config.h"
#include "server/content.h"

#include <errno.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

#define ALERT_MAX ((size_t)1 << 20)
#define JSON_MAX  ((size_t)1 << 20)
#define DEPTH     64

static struct json_object *parse(struct str text)
{
    struct json_tokener *tokener =
        text.n && text.n <= ALERT_MAX ? json_tokener_new_ex(DEPTH) : NULL;
    struct json_object *object =
        tokener ? json_tokener_parse_ex(tokener, text.p, (int)text.n) : NULL;
    json_tokener_free(tokener);
    return object;
}

static struct str kept(struct arena *arena, struct buf *buf)
{
    struct str text = buf->failed ? (struct str){ 0 } : arena_str(arena, buf_str(buf));
    buf_done(buf);
    return text;
}

static struct str finding_json(struct arena *arena, const struct finding *finding)
{
    struct finding brief = *finding;
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, JSON_MAX);
    brief.first_alert = brief.last_alert = (struct str){ 0 };
    findings_write(&w, NULL, &brief);
    return kept(arena, &buf);
}

static int make_report(struct notify_making *m, struct err *err)
{
    const struct report_options options = { .language = m->message.japanese ? REPORT_JA : REPORT_EN,
                                            .others = -1,
                                            .others_of_image = -1 };
    m->message.report = &m->report;
    int r =
        report_make(content_report_texts(m->server), &m->finding, &options, m->arena, &m->report);
    return r < 0 ? err_set(err, r, "the message is too large") : 0;
}

static struct str link_to(const struct notify_making *m, struct str finding)
{
    struct buf buf;
    buf_init(&buf, NOTIFY_URL_MAX);
    accounts_url(m->server, &buf);
    buf_putz(&buf, finding.n ? "/findings/" : "/");
    buf_puts(&buf, finding);
    return kept(m->arena, &buf);
}

/* Titles of some that it speaks for. */
static int find_held(struct notify_making *m, const struct notify_delivery *d, struct err *err)
{
    struct notify_deliveries held = { 0 };
    if (d->held == 0) {
        return 0;
    }
    int r = m->server->store->notify->told_by(m->server->store, d->id, NOTIFY_TITLES_SHOWN,
                                              m->arena, &held, err);
    struct str *titles = r == 0 ? ARENA_ARRAY(m->arena, struct str, held.n) : NULL;
    for (size_t i = 0; titles && i < held.n; i++) {
        titles[i] = held.v[i].title;
    }
    m->message.titles = titles;
    m->message.ntitles = titles ? held.n : 0;
    return r;
}

static int find_finding(struct notify_making *m, const struct notify_delivery *d, struct err *err)
{
    if (d->finding.n == 0) {
        return 0;
    }
    int r =
        m->server->store->findings->get(m->server->store, d->finding, m->arena, &m->finding, err);
    if (r < 0) {
        return r == -ENOENT ? err_set(err, r, "the finding is gone") : r;
    }
    m->message.finding = &m->finding;
    m->message.finding_json = finding_json(m->arena, &m->finding);
    m->message.alert = m->alert =
        parse(m->finding.last_alert.n ? m->finding.last_alert : m->finding.first_alert);
    if (!m->message.finding_json.p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return make_report(m, err);
}

int notify_making_begin(struct notify_making *m, const struct notify_channel *channel,
                        const struct notify_delivery *d, struct err *err)
{
    m->kind = notify_kind(channel->kind);
    if (!m->kind) {
        return err_set(err, -EINVAL, "this server has no such kind of channel");
    }
    m->settings = parse(channel->config);
    m->secrets = parse(channel->secrets);
    m->message =
        (struct notify_message){ .id = d->id,
                                 .now_ms = m->server->now_ms(),
                                 .held = d->held,
                                 .cause = d->cause,
                                 .rule_name = d->rule_name.n || !d->rule ? d->rule_name : STR("-"),
                                 .channel_name = channel->name,
                                 .japanese =
                                     str_eqz(d->language.n ? d->language : channel->language, "ja"),
                                 .link = link_to(m, d->finding),
                                 .version = STR(HINOMI_VERSION),
                                 .settings = m->settings,
                                 .secrets = m->secrets,
                                 .aws = m->server->aws,
                                 .region = str_of(server_config(m->server)->aws_region),
                                 .arena = m->arena };
    int r = find_finding(m, d, err);
    return r == 0 ? find_held(m, d, err) : r;
}

void notify_making_end(struct notify_making *m)
{
    json_object_put(m->settings);
    json_object_put(m->secrets);
    json_object_put(m->alert);
}
