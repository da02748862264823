/*
 * field_arg: parameters of events: as text (evt.arg), as typed values (evt.rawarg), all of them
 * (evt.args), and the bytes that were read or written (evt.buffer).
 *
 * What a parameter's number stands for (a descriptor's name, a user's) is looked up in the state as it
 * is after the event.
 */
#include "event/field_extractors.h"

#include "event/flags.h"
#include "event/param.h"

#include <netinet/in.h>

static const struct thread *thread_of(const struct event *event)
{
    return event->thread;
}

static bool name_fd(void *data, const struct event *event, int64_t fd, struct param_fd *ret)
{
    const struct view *view = data;
    const struct thread *thread = thread_of(event);
    const struct fdinfo *info = thread ? state_fd(view->state, thread, fd) : NULL;
    if (!info) {
        return false;
    }
    *ret = (struct param_fd){ .name = info->name };
    ret->type[0] = fd_type_char((enum fd_type)info->type);
    if (fd_is_ip(info)) {
        ret->type[1] = info->l4proto == IPPROTO_TCP    ? 't'
                       : info->l4proto == IPPROTO_UDP  ? 'u'
                       : info->l4proto == IPPROTO_ICMP ? 'i'
                       : info->l4proto == IPPROTO_RAW  ? 'r'
                                                       : '\0';
    }
    return true;
}

static bool name_comm(void *data, int64_t tid, struct str *ret)
{
    const struct view *view = data;
    const struct thread *thread = state_thread(view->state, tid);
    if (!thread) {
        return false;
    }
    *ret = thread->image->comm;
    return true;
}

static bool name_user(void *data, const struct event *event, uint32_t uid, struct str *ret)
{
    const struct view *view = data;
    const struct thread *thread = thread_of(event);
    const struct user *user = state_user(view->state, thread ? thread->container : NULL, uid);
    if (user) {
        *ret = user->name;
    }
    return user;
}

static bool name_group(void *data, const struct event *event, uint32_t gid, struct str *ret)
{
    const struct view *view = data;
    const struct thread *thread = thread_of(event);
    const struct group *group = state_group(view->state, thread ? thread->container : NULL, gid);
    if (group) {
        *ret = group->name;
    }
    return group;
}

/* `buf` may be the end of the scratch itself: resolve into what lies behind it. */
static void name_path(void *data, const struct event *event, unsigned i, struct buf *buf)
{
    struct view *view = data;
    const struct param *param = &kind_table[event->kind].params[i];
    int64_t dirfd = DIRFD_CWD;
    if (param->type == PARAM_FSRELPATH) {
        dirfd = event_i64(event, param->relative_to, DIRFD_CWD);
    }
    char storage[PATH_LOCAL_MAX];
    buf_puts(buf, event_resolve_in(view, dirfd, event_text(event, i), storage, sizeof(storage)));
}

struct param_names param_names_of(struct view *view)
{
    return (struct param_names){ .fd = name_fd,
                                 .comm = name_comm,
                                 .user = name_user,
                                 .group = name_group,
                                 .path = name_path,
                                 .data = view };
}

/* The parameter a field names; -1: this event has none such. */
static int param_index(const struct field_ref *field, const struct event *event)
{
    if (field->key.n) {
        int i = kind_param(event->kind, field->key);
        return i < event->nparams ? i : -1;
    }
    return field->index < event->nparams ? field->index : -1;
}

/* Texts that need nothing done to them. */
static bool is_plain_text(const struct event *event, unsigned i)
{
    uint8_t type = kind_table[event->kind].params[i].type;
    return type == PARAM_CHARBUF && event->at[i + 1] > event->at[i];
}

static void put_param_text(struct view *view, unsigned i, struct extracted *ret)
{
    struct param_names names = param_names_of(view);
    struct compose text;
    compose_begin(&text, view);
    param_text(view->event, i, &names, &text.buf);
    put_composed(ret, &text);
}

static bool is_flags(const struct param *param)
{
    return param->type == PARAM_FLAGS8 || param->type == PARAM_FLAGS16 ||
           param->type == PARAM_FLAGS32 || param->type == PARAM_MODE || param_is_enum(param->type);
}

/* Flags: the text is of the number alone. */
static void put_flags(struct view *view, unsigned i, struct extracted *ret)
{
    const struct param *param = &kind_table[view->event->kind].params[i];
    uint64_t value = event_u64(view->event, i, UINT64_MAX);
    uint64_t hash = ((uintptr_t)param ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    struct flag_text *known = &view->flag_texts[hash >> 60];
    if (value == UINT64_MAX || known->param != param || known->value != value) {
        put_param_text(view, i, ret);
        if (value != UINT64_MAX && ret->one.s.n <= FLAG_TEXT_MAX && !view->scratch.truncated) {
            known->param = param;
            known->value = value;
            known->n = (uint8_t)ret->one.s.n;
            memcpy(known->text, ret->one.s.p, ret->one.s.n);
        }
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    compose_puts(&text, str_from(known->text, known->n));
    put_str(ret, compose_end(&text));
}

void extract_evt_arg(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    int i = param_index(field, event);
    if (i < 0 || i >= kind_table[event->kind].nparams) {
        return;
    }
    if (is_plain_text(event, (unsigned)i)) {
        put_str(ret, event_text(event, (unsigned)i));
        return;
    }
    if (is_flags(&kind_table[event->kind].params[i])) {
        put_flags(view, (unsigned)i, ret);
        return;
    }
    put_param_text(view, (unsigned)i, ret);
}

void extract_evt_args(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct param_names names = param_names_of(view);
    struct compose text;
    compose_begin(&text, view);
    param_args(view->event, &names, &text.buf);
    if (text.buf.n && text.buf.p[text.buf.n - 1] == ' ') {
        text.buf.n--;
    }
    put_composed(ret, &text);
}

static bool ip_value(struct str bytes, struct ip *ret)
{
    if (bytes.n != 4 && bytes.n != 16) {
        return false;
    }
    *ret = (struct ip){ .family = bytes.n == 4 ? 4 : 6 };
    memcpy(ret->bytes, bytes.p, bytes.n);
    return true;
}

/* A parameter's number in the field's type, which may be wider. False: it is not a number. */
static bool number_value(enum field_type type, const struct event *event, unsigned i,
                         struct value *ret)
{
    struct str bytes = event_param(event, i);
    if (bytes.n != 1 && bytes.n != 2 && bytes.n != 4 && bytes.n != 8) {
        return false;
    }
    *ret = (struct value){ .type = type };
    if (type == TYPE_DOUBLE) {
        memcpy(&ret->d, bytes.p, bytes.n == 8 ? 8 : 0);
    } else if (type_is_signed(type)) {
        ret->i = event_i64(event, i, 0);
    } else {
        ret->u = event_u64(event, i, 0);
        ret->u = type == TYPE_BOOL ? ret->u != 0 : ret->u;
    }
    return true;
}

static bool is_text_param(uint8_t type)
{
    return type == PARAM_CHARBUF || type == PARAM_FSPATH || type == PARAM_FSRELPATH;
}

void extract_evt_rawarg(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    int i = param_index(field, event);
    if (i < 0 || i >= kind_table[event->kind].nparams) {
        return;
    }
    unsigned at = (unsigned)i;
    struct str bytes = event_param(event, at);
    bool is_text = is_text_param(kind_table[event->kind].params[at].type);
    struct value value;
    struct ip ip;
    switch (field->type) {
    case TYPE_CHARBUF:
        if (is_text && bytes.n) {
            put_str(ret, event_text(event, at));
        }
        return;
    case TYPE_BYTEBUF:
        put_value(ret, (struct value){ .type = TYPE_BYTEBUF, .s = bytes });
        return;
    case TYPE_IPADDR:
        if (ip_value(bytes, &ip)) {
            put_ip(ret, ip);
        }
        return;
    default:
        if (!is_text && number_value(field->type, event, at, &value)) {
            put_value(ret, value);
        }
    }
}

void extract_evt_buffer(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct event *event = view->event;
    int i = kind_param(event->kind, STR("data"));
    if (i >= 0 && i < event->nparams) {
        put_value(ret,
                  (struct value){ .type = TYPE_BYTEBUF, .s = event_param(event, (unsigned)i) });
    }
}

/* What DNS and TLS events carry. */
void extract_protocol(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    uint16_t kind = field->id == FIELD_TLS_SNI ? KIND_TLS_X : KIND_DNS_X;
    unsigned i = field->id == FIELD_DNS_QUESTION_TYPE ? 1 : field->id == FIELD_DNS_RCODE ? 2 : 0;
    if (event->kind == kind && event_text(event, i).n) {
        put_str(ret, event_text(event, i));
    }
}

#define DNS_ANSWERS_MAX 256
#define DNS_ANSWERS_AT  3

void extract_dns_answers(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    if (view->event->kind != KIND_DNS_X) {
        return;
    }
    struct str all = event_param(view->event, DNS_ANSWERS_AT);
    struct value *values = all.n ? scratch_array(view, DNS_ANSWERS_MAX, sizeof(*values)) : NULL;
    uint32_t n = 0;
    for (size_t at = 0; values && at < all.n && n < DNS_ANSWERS_MAX;) {
        struct str s = str_until_nul(all.p + at, all.n - at);
        values[n++] = (struct value){ .type = TYPE_CHARBUF, .s = s };
        at += s.n + 1;
    }
    ret->v = values;
    ret->n = n;
}

#define DNS_RCODE_AT  2
#define DNS_SERVER_AT 4

/* Only answers have a result. */
void extract_dns_response(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    if (view->event->kind == KIND_DNS_X) {
        put_bool(ret, event_text(view->event, DNS_RCODE_AT).n > 0);
    }
}

void extract_dns_server(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct sock_address server = { 0 };
    if (view->event->kind == KIND_DNS_X &&
        sockaddr_parse(event_param(view->event, DNS_SERVER_AT), &server) == 0 && server.ip.family) {
        put_ip(ret, server.ip);
    }
}
