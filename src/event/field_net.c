/*
 * field_net: addresses and ports of the socket an event is about.
 *
 * The client's side is the source of a connection, the server's its destination; a listening socket
 * has only a server's side. Both are missing while nobody connected. The local side is the one whose
 * part this process plays; a loopback source counts as local. fd.ip, fd.port and fd.net are lists of
 * both ends: a rule is true when one of them is.
 *
 * Names of addresses are never asked for over the network: view->name_of knows those that DNS answers
 * have shown; without it fd.sip.name and the others are missing, as in the reference when nothing
 * resolves.
 */
#include "event/field_extractors.h"

#include <netinet/in.h>

#define ROLES (FD_ROLE_CLIENT | FD_ROLE_SERVER)

enum side { SIDE_SOURCE, SIDE_DEST, SIDE_NONE };

static bool is_loopback(const struct ip *ip)
{
    static const uint8_t v6[16] = { [15] = 1 };
    return ip->family == 4 ? ip->bytes[0] == 127
                           : ip->family == 6 && memcmp(ip->bytes, v6, sizeof(v6)) == 0;
}

static bool is_local_source(const struct fdinfo *fd)
{
    return (fd->flags & FD_ROLE_CLIENT) || is_loopback(&fd->sip);
}

/* Which end a field means. */
static enum side side_of(enum field_id id, const struct fdinfo *fd)
{
    bool connection = fd_is_connection(fd);
    if (connection && !(fd->flags & ROLES)) {
        return SIDE_NONE;
    }
    switch (id) {
    case FIELD_FD_CIP:
    case FIELD_FD_CPORT:
    case FIELD_FD_CNET:
    case FIELD_FD_CPROTO:
    case FIELD_FD_CIP_NAME:
        return connection ? SIDE_SOURCE : SIDE_NONE;
    case FIELD_FD_SIP:
    case FIELD_FD_SPORT:
    case FIELD_FD_SNET:
    case FIELD_FD_SPROTO:
    case FIELD_FD_SIP_NAME:
        return connection ? SIDE_DEST : SIDE_SOURCE; /* the bound address is a listener's source */
    case FIELD_FD_LIP:
    case FIELD_FD_LPORT:
    case FIELD_FD_LNET:
    case FIELD_FD_LPROTO:
    case FIELD_FD_LIP_NAME:
        return !connection ? SIDE_NONE : is_local_source(fd) ? SIDE_SOURCE : SIDE_DEST;
    default:
        return !connection ? SIDE_NONE : is_local_source(fd) ? SIDE_DEST : SIDE_SOURCE;
    }
}

/* The socket of the event, and the end that the field means. */
static bool socket_side(const struct field_ref *field, struct view *view, struct fdinfo **ret_fd,
                        enum side *ret)
{
    if (!fd_of_event(view, ret_fd) || !*ret_fd || !fd_is_ip(*ret_fd)) {
        return false;
    }
    *ret = side_of(field->id, *ret_fd);
    return *ret != SIDE_NONE;
}

void extract_fd_side_ip(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    enum side side;
    if (socket_side(field, view, &fd, &side)) {
        put_ip(ret, side == SIDE_SOURCE ? fd->sip : fd->dip);
    }
}

void extract_fd_side_port(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    enum side side;
    if (socket_side(field, view, &fd, &side)) {
        put_u64(ret, TYPE_PORT, side == SIDE_SOURCE ? fd->sport : fd->dport);
    }
}

void extract_fd_side_proto(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    enum side side;
    if (!socket_side(field, view, &fd, &side)) {
        return;
    }
    uint16_t port = side == SIDE_SOURCE ? fd->sport : fd->dport;
    struct compose text;
    compose_begin(&text, view);
    buf_u64(&text.buf, port);
    put_composed(ret, &text);
}

void extract_fd_side_name(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    enum side side;
    if (!view->name_of || !socket_side(field, view, &fd, &side)) {
        return;
    }
    struct str name = view->name_of(view->name_data, side == SIDE_SOURCE ? &fd->sip : &fd->dip);
    if (name.n) { /* copied: the next look-up may learn others */
        struct compose text;
        compose_begin(&text, view);
        compose_puts(&text, name);
        put_composed(ret, &text);
    }
}

/* Both ends of a connection, the one of a listener. */
static bool both_ends(struct view *view, struct fdinfo **ret_fd, struct value **ret_values,
                      uint32_t *ret_n)
{
    if (!fd_of_event(view, ret_fd) || !*ret_fd || !fd_is_ip(*ret_fd)) {
        return false;
    }
    *ret_n = fd_is_connection(*ret_fd) ? 2 : 1;
    *ret_values = scratch_array(view, *ret_n, sizeof(**ret_values));
    return *ret_values;
}

void extract_fd_ips(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    struct value *values;
    uint32_t n;
    if (!both_ends(view, &fd, &values, &n)) {
        return;
    }
    values[0] = (struct value){ .type = TYPE_IPADDR, .ip = fd->sip };
    if (n == 2) {
        values[1] = (struct value){ .type = TYPE_IPADDR, .ip = fd->dip };
    }
    ret->v = values;
    ret->n = n;
}

void extract_fd_ports(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    struct value *values;
    uint32_t n;
    if (!both_ends(view, &fd, &values, &n)) {
        return;
    }
    values[0] = (struct value){ .type = TYPE_PORT, .u = fd->sport };
    if (n == 2) {
        values[1] = (struct value){ .type = TYPE_PORT, .u = fd->dport };
    }
    ret->v = values;
    ret->n = n;
}

void extract_fd_l4proto(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd) || !fd) {
        return;
    }
    switch (fd_is_ip(fd) ? fd->l4proto : 0) {
    case IPPROTO_TCP:
        put_str(ret, STR("tcp"));
        return;
    case IPPROTO_UDP:
        put_str(ret, STR("udp"));
        return;
    case IPPROTO_ICMP:
        put_str(ret, STR("icmp"));
        return;
    case IPPROTO_RAW:
        put_str(ret, STR("raw"));
        return;
    default:
        put_str(ret, STR("<NA>"));
    }
}

void extract_fd_sockfamily(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd) || !fd) {
        return;
    }
    if (fd_is_ip(fd)) {
        put_str(ret, STR("ip"));
    } else if (fd->type == FD_UNIX_SOCK) {
        put_str(ret, STR("unix"));
    }
}

void extract_fd_is_server(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd) || !fd) {
        return;
    }
    bool listens = fd->type == FD_IPV4_SERVSOCK || fd->type == FD_IPV6_SERVSOCK;
    bool serves = fd_is_connection(fd) && ((fd->flags & FD_ROLE_SERVER) || is_loopback(&fd->dip));
    put_bool(ret, listens || serves);
}

/* The descriptors of a poll, as comma-separated text. */
static struct str poll_list(const struct event *event)
{
    switch (event->kind) {
    case KIND_POLL_E:
    case KIND_PPOLL_E:
        return event_param(event, 0);
    case KIND_POLL_X:
    case KIND_PPOLL_X:
        return event_param(event, 1);
    default:
        return (struct str){ 0 };
    }
}

/* One item of the list; false: none for this descriptor. */
static bool list_item(enum field_id id, int64_t num, const struct fdinfo *fd, struct compose *text)
{
    bool connection = fd && fd_is_connection(fd);
    bool server = id == FIELD_FDLIST_SIPS && fd && fd_is_ip(fd) && !connection;
    switch (id) {
    case FIELD_FDLIST_NUMS:
        buf_i64(&text->buf, num);
        return true;
    case FIELD_FDLIST_NAMES:
        compose_puts(text, fd && fd->name.n ? fd->name : STR("<NA>"));
        return true;
    case FIELD_FDLIST_CIPS:
    case FIELD_FDLIST_SIPS:
        if (connection || server) {
            ip_text(&text->buf, id == FIELD_FDLIST_CIPS || server ? &fd->sip : &fd->dip);
        }
        return connection || server;
    default:
        if (connection) {
            buf_u64(&text->buf, id == FIELD_FDLIST_CPORTS ? fd->sport : fd->dport);
        }
        return connection;
    }
}

#define LIST_ITEM_SIZE 10 /* int64 descriptor, int16 flags */

void extract_fdlist(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct str list = poll_list(view->event);
    if (list.n < 2 || !view->event->thread) {
        return;
    }
    uint16_t count;
    memcpy(&count, list.p, sizeof(count));
    struct compose text;
    compose_begin(&text, view);
    for (size_t i = 0; i < count && 2 + (i + 1) * LIST_ITEM_SIZE <= list.n; i++) {
        int64_t num;
        memcpy(&num, list.p + 2 + i * LIST_ITEM_SIZE, sizeof(num));
        size_t before = text.buf.n;
        if (before) {
            compose_putc(&text, ',');
        }
        const struct fdinfo *fd = state_fd(view->state, view->event->thread, num);
        if (!list_item(field->id, num, fd, &text)) {
            text.buf.n = before;
        }
    }
    if (text.buf.n) {
        put_composed(ret, &text);
    }
}
