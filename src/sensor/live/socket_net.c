/*
 * socket_net: lines of tcp, udp, raw, icmp (and their IPv6 kin), unix and netlink.
 *
 * An address is the hexadecimal value of each 32-bit word as this machine reads it, so that the word in
 * memory is the address in network order. A Unix path is printed as it is: one with a line end in it can
 * forge a line, about the process' own sockets only.
 */
#include "sensor/live/socket_net.h"

#include "base/cleanup.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"

#include <netinet/in.h>
#include <sys/un.h>

#define COUNT(table)    (sizeof(table) / sizeof(*(table)))
#define LINE_BUFFER     (16 << 10)
#define STATE_SYN_SENT  2
#define STATE_LISTEN    10
#define UNIX_LISTENING  0x10000
#define SKIPPED_COLUMNS 5 /* queues, timer, retransmits, uid, timeout */
#define WORD_DIGITS     8

static const struct {
    const char *file;
    int family, type, protocol;
} tables[] = {
    { "net/tcp", AF_INET, SOCK_STREAM, IPPROTO_TCP },
    { "net/tcp6", AF_INET6, SOCK_STREAM, IPPROTO_TCP },
    { "net/udp", AF_INET, SOCK_DGRAM, IPPROTO_UDP },
    { "net/udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP },
    { "net/raw", AF_INET, SOCK_RAW, -1 },
    { "net/raw6", AF_INET6, SOCK_RAW, -1 },
    { "net/icmp", AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
    { "net/icmp6", AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 },
    { "net/unix", AF_UNIX, -1, 0 },
    { "net/netlink", AF_NETLINK, SOCK_RAW, -1 },
};

static bool take_hex(struct str *text, size_t digits, uint32_t *ret)
{
    uint32_t v = 0;
    if (text->n < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        char c = text->p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        v = v << 4 | (uint32_t)digit;
    }
    *text = str_from_offset(*text, digits);
    *ret = v;
    return true;
}

/* "0100007F:1F90" */
static bool take_endpoint(struct str word, int family, struct sockaddr_storage *ret, bool *ret_set)
{
    uint32_t words[4] = { 0 }, port;
    size_t n = family == AF_INET ? 1 : 4;
    for (size_t i = 0; i < n; i++) {
        if (!take_hex(&word, WORD_DIGITS, &words[i])) {
            return false;
        }
    }
    if (word.n == 0 || *word.p != ':') {
        return false;
    }
    word = str_from_offset(word, 1);
    if (!take_hex(&word, 4, &port)) {
        return false;
    }
    *ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)ret;
        memcpy(&in->sin_addr, words, 4);
        in->sin_port = htons((uint16_t)port);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret;
        memcpy(&in6->sin6_addr, words, 16);
        in6->sin6_port = htons((uint16_t)port);
    }
    *ret_set = port != 0;
    return true;
}

/* sl local remote st queues timer retransmits uid timeout inode */
bool socket_net_inet_line(struct str line, int family, struct socket_facts *facts)
{
    struct sockaddr_storage local, peer;
    bool has_local, has_peer;
    uint32_t state;
    uint64_t ino;
    proc_word(&line);
    struct str local_word = proc_word(&line);
    struct str peer_word = proc_word(&line);
    struct str state_word = proc_word(&line);
    for (unsigned i = 0; i < SKIPPED_COLUMNS; i++) {
        proc_word(&line);
    }
    if (!proc_number(&line, &ino) || ino != facts->ino ||
        !take_endpoint(local_word, family, &local, &has_local) ||
        !take_endpoint(peer_word, family, &peer, &has_peer) || !take_hex(&state_word, 2, &state)) {
        return false;
    }
    uint32_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    facts->local = local;
    facts->local_n = n;
    facts->peer = peer;
    facts->peer_n = has_peer ? n : 0;
    facts->listening = state == STATE_LISTEN;
    facts->connecting = state == STATE_SYN_SENT;
    return true;
}

/* address: references protocol flags type state inode path */
bool socket_net_unix_line(struct str line, struct socket_facts *facts)
{
    uint32_t flags, type;
    uint64_t ino;
    proc_word(&line);
    proc_word(&line);
    proc_word(&line);
    struct str flags_word = proc_word(&line);
    struct str type_word = proc_word(&line);
    proc_word(&line);
    if (!proc_number(&line, &ino) || ino != facts->ino || !take_hex(&flags_word, 8, &flags) ||
        !take_hex(&type_word, 4, &type)) {
        return false;
    }
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&facts->local;
    struct str path = str_first(str_from_offset(line, 1), sizeof(un->sun_path) - 1);
    facts->local = (struct sockaddr_storage){ .ss_family = AF_UNIX };
    if (path.n > 0) {
        bool is_abstract = *path.p == '@';
        memcpy(un->sun_path, path.p, path.n);
        un->sun_path[0] = is_abstract ? '\0' : un->sun_path[0];
    }
    facts->local_n = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + path.n);
    facts->type = (int)type;
    facts->listening = flags & UNIX_LISTENING;
    return true;
}

/* sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode */
static bool netlink_line(struct str line, const struct socket_facts *facts)
{
    uint64_t ino = 0;
    for (unsigned i = 0; i < 9; i++) {
        proc_word(&line);
    }
    return proc_number(&line, &ino) && ino == facts->ino;
}

struct search {
    struct socket_facts *facts;
    int family;
    bool found;
};

static void search_line(void *data, struct str line)
{
    struct search *search = data;
    if (search->found) {
        return;
    }
    search->found = search->family == AF_UNIX ? socket_net_unix_line(line, search->facts)
                    : search->family == AF_NETLINK
                        ? netlink_line(line, search->facts)
                        : socket_net_inet_line(line, search->family, search->facts);
}

void socket_net_find(int64_t pid, struct socket_facts *facts)
{
    char buffer[LINE_BUFFER];
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    for (size_t i = 0; dir >= 0 && i < COUNT(tables); i++) {
        if (facts->family != -1 && facts->family != tables[i].family) {
            continue;
        }
        struct search search = { .facts = facts, .family = tables[i].family };
        struct proc_reader reader = { .buffer = buffer,
                                      .size = sizeof(buffer),
                                      .max = SOCKET_TABLE_MAX,
                                      .line = search_line,
                                      .data = &search };
        proc_each_line(dir, tables[i].file, &reader);
        if (search.found) {
            facts->family = tables[i].family;
            facts->type = tables[i].type >= 0 ? tables[i].type : facts->type;
            facts->protocol = tables[i].protocol;
            return;
        }
    }
}
