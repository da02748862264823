/*
 * tap: the filter as a program with labels, and the socket.
 *
 * The socket is made for no protocol, given its filter, and only then bound to all, so that it never holds
 * what the filter would not pass. It must be bound to all: taps of one protocol do not see what is sent.
 */
#include "sensor/dns/tap.h"

#include "base/cleanup.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER (4 << 20)
#define PORT           53
#define DOCKER         0x7f00000b
#define OFFSET_MASK    0x1fff
#define SNAP_ALL       0x40000
#define SNAP_HELLO     4096

enum label {
    NEXT, /* the following instruction */
    ANY_INTERFACE,
    VERSION,
    V4,
    V4_UDP,
    V4_TCP,
    V4_DOCKER,
    V4_HELLO,
    V6,
    V6_PORTS,
    V6_HELLO,
    HELLO,
    TAKE_ALL,
    TAKE_HELLO,
    DROP,
    LABELS,
};

struct program {
    struct sock_filter *code;
    unsigned n;
    unsigned at[LABELS];
    uint8_t jt[TAP_PROGRAM_MAX], jf[TAP_PROGRAM_MAX];
};

static void emit(struct program *p, int code, uint32_t k)
{
    p->code[p->n] = (struct sock_filter){ .code = (uint16_t)code, .k = k };
    p->jt[p->n] = p->jf[p->n] = NEXT;
    p->n++;
}

static void label(struct program *p, enum label label)
{
    p->at[label] = p->n;
}

/* If the accumulator is k, go there, else elsewhere. */
static void when(struct program *p, uint32_t k, enum label then, enum label other)
{
    emit(p, BPF_JMP | BPF_JEQ | BPF_K, k);
    p->jt[p->n - 1] = (uint8_t)then;
    p->jf[p->n - 1] = (uint8_t)other;
}

#define LOAD(size)         (BPF_LD | (size) | BPF_ABS)
#define LOAD_INDEXED(size) (BPF_LD | (size) | BPF_IND)
#define AUXILIARY(what)    (uint32_t)(SKF_AD_OFF + (what))

static void interface(struct program *p)
{
    emit(p, LOAD(BPF_W), AUXILIARY(SKF_AD_IFINDEX));
    when(p, TAP_LOOPBACK, NEXT, VERSION);
    emit(p, LOAD(BPF_W), AUXILIARY(SKF_AD_PKTTYPE));
    when(p, PACKET_OUTGOING, VERSION, DROP);
    label(p, VERSION);
    emit(p, LOAD(BPF_B), 0);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
    when(p, 4, V4, NEXT);
    when(p, 6, V6, DROP);
}

static void ports(struct program *p, bool indexed, uint32_t offset, enum label other)
{
    for (unsigned i = 0; i < 2; i++) {
        emit(p, indexed ? LOAD_INDEXED(BPF_H) : LOAD(BPF_H), offset + 2 * i);
        when(p, PORT, TAKE_ALL, i == 0 ? NEXT : other);
    }
}

static void docker(struct program *p, enum label other)
{
    emit(p, LOAD(BPF_W), 12);
    when(p, DOCKER, TAKE_ALL, NEXT);
    emit(p, LOAD(BPF_W), 16);
    when(p, DOCKER, TAKE_ALL, other);
}

static void ipv4(struct program *p, bool tls)
{
    label(p, V4);
    emit(p, LOAD(BPF_H), 6);
    emit(p, BPF_ALU | BPF_AND | BPF_K, OFFSET_MASK);
    when(p, 0, NEXT, DROP);
    emit(p, BPF_LDX | BPF_B | BPF_MSH, 0);
    emit(p, LOAD(BPF_B), 9);
    when(p, IPPROTO_UDP, V4_UDP, NEXT);
    when(p, IPPROTO_TCP, V4_TCP, DROP);
    label(p, V4_UDP);
    ports(p, true, 0, V4_DOCKER);
    label(p, V4_DOCKER);
    docker(p, DROP);
    label(p, V4_TCP);
    ports(p, true, 0, NEXT);
    docker(p, tls ? V4_HELLO : DROP);
    label(p, V4_HELLO);
    emit(p, LOAD_INDEXED(BPF_B), 12);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, 2);
    emit(p, BPF_ALU | BPF_AND | BPF_K, 0x3c);
    emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
    emit(p, BPF_JMP | BPF_JA, 0);
    p->jt[p->n - 1] = HELLO;
}

static void ipv6(struct program *p, bool tls)
{
    static const uint8_t extensions[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
                                          IPPROTO_DSTOPTS };
    label(p, V6);
    emit(p, LOAD(BPF_B), 6);
    for (size_t i = 0; i < sizeof(extensions); i++) {
        when(p, extensions[i], TAKE_ALL, NEXT);
    }
    when(p, IPPROTO_UDP, V6_PORTS, NEXT);
    when(p, IPPROTO_TCP, NEXT, DROP);
    ports(p, false, 40, tls ? V6_HELLO : DROP);
    label(p, V6_HELLO);
    emit(p, LOAD(BPF_B), 52);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, 2);
    emit(p, BPF_ALU | BPF_AND | BPF_K, 0x3c);
    emit(p, BPF_ALU + BPF_ADD + BPF_K, 40);
    emit(p, BPF_JMP | BPF_JA, 0);
    p->jt[p->n - 1] = HELLO;
    label(p, V6_PORTS);
    ports(p, false, 40, DROP);
}

/* The accumulator says where the payload begins. */
static void hello(struct program *p)
{
    static const struct {
        uint32_t at, value;
    } bytes[] = { { 0, 0x16 }, { 1, 0x03 }, { 5, 0x01 } };
    label(p, HELLO);
    emit(p, BPF_MISC | BPF_TAX, 0);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
        emit(p, LOAD_INDEXED(BPF_B), bytes[i].at);
        when(p, bytes[i].value, NEXT, DROP);
    }
    emit(p, LOAD(BPF_W), AUXILIARY(SKF_AD_PKTTYPE));
    when(p, PACKET_OUTGOING, TAKE_HELLO, DROP);
}

static void resolve_labels(struct program *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct sock_filter *code = &p->code[i];
        unsigned next = i + 1;
        if (BPF_CLASS(code->code) != BPF_JMP) {
            continue;
        }
        unsigned jt = p->jt[i] == NEXT ? 0 : p->at[p->jt[i]] - next;
        unsigned jf = p->jf[i] == NEXT ? 0 : p->at[p->jf[i]] - next;
        if (BPF_OP(code->code) == BPF_JA) {
            code->k = jt;
        } else {
            code->jt = (uint8_t)jt;
            code->jf = (uint8_t)jf;
        }
    }
}

unsigned tap_program(bool tls, struct sock_filter ret[TAP_PROGRAM_MAX])
{
    struct program p = { .code = ret };
    interface(&p);
    ipv4(&p, tls);
    ipv6(&p, tls);
    hello(&p);
    label(&p, TAKE_ALL);
    emit(&p, BPF_RET | BPF_K, SNAP_ALL);
    label(&p, TAKE_HELLO);
    emit(&p, BPF_RET | BPF_K, SNAP_HELLO);
    label(&p, DROP);
    emit(&p, BPF_RET | BPF_K, 0);
    resolve_labels(&p);
    return p.n;
}

static int prepare(int fd, bool tls)
{
    struct sock_filter code[TAP_PROGRAM_MAX];
    struct sock_fprog program = { .filter = code };
    struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
    int size = RECEIVE_BUFFER, on = 1;
    program.len = (unsigned short)tap_program(tls, code);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0) {
        return -errno;
    }
    return 0;
}

int tap_open(bool tls, struct err *err)
{
    int fd CLEANUP(cleanup_close) = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_set(err, -errno, "no packet socket: %s%s", strerror(errno),
                       errno == EPERM ? " (CAP_NET_RAW is needed)" : "");
    }
    int r = prepare(fd, tls);
    return r < 0 ? err_set(err, r, "packet socket: %s", strerror(-r)) : TAKE_FD(fd);
}

uint64_t tap_drops(int fd)
{
    struct tpacket_stats stats = { 0 };
    socklen_t n = sizeof(stats);
    return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &n) < 0 ? 0 : stats.tp_drops;
}

bool tap_has_packet(int fd)
{
    int n = 0;
    return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}
