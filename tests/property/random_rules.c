/*
 * random_rules: conditions of rules, at random, over what a world has.
 */
#include "random_rules.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *field;
    enum operand operand;
    bool is_list; /* only in, intersects, exists */
} fields[] = {
    { "fd.name", TEXTS, false },
    { "fd.name", TEXTS, false },
    { "fd.name", TEXTS, false },
    { "fd.directory", TEXTS, false },
    { "fd.filename", TEXTS, false },
    { "fd.nameraw", TEXTS, false },
    { "evt.arg.flags", TEXTS, false },
    { "evt.arg.name", TEXTS, false },
    { "fs.path.name", TEXTS, false },
    { "proc.name", TEXTS, false },
    { "proc.name", TEXTS, false },
    { "proc.cmdline", TEXTS, false },
    { "proc.exepath", TEXTS, false },
    { "proc.args", TEXTS, false },
    { "proc.env", TEXTS, false },
    { "proc.cwd", TEXTS, false },
    { "proc.pname", TEXTS, false },
    { "proc.aname", TEXTS, false },
    { "proc.aname[2]", TEXTS, false },
    { "proc.pcmdline", TEXTS, false },
    { "proc.sname", TEXTS, false },
    { "user.name", TEXTS, false },
    { "group.name", TEXTS, false },
    { "thread.cap_effective", TEXTS, false },
    { "container.id", TEXTS, false },
    { "container.name", TEXTS, false },
    { "container.image.repository", TEXTS, false },
    { "container.privileged", FLAG, false },
    { "proc.pid", NUMBERS, false },
    { "proc.ppid", NUMBERS, false },
    { "proc.apid", NUMBERS, false },
    { "user.uid", NUMBERS, false },
    { "proc.sid", NUMBERS, false },
    { "fd.num", NUMBERS, false },
    { "evt.rawres", NUMBERS, false },
    { "proc.tty", NUMBERS, false },
    { "evt.num", NUMBERS, false },
    { "fd.port", PORTS, false },
    { "fd.sport", PORTS, false },
    { "fd.ip", ADDRESSES, false },
    { "fd.sip", ADDRESSES, false },
    { "fd.cip", ADDRESSES, false },
    { "fd.rip", ADDRESSES, false },
    { "fd.lip", ADDRESSES, false },
    { "fd.net", NETS, false },
    { "fd.snet", NETS, false },
    { "fd.cnet", NETS, false },
    { "fd.rnet", NETS, false },
    { "fd.rport", PORTS, false },
    { "fd.cport", PORTS, false },
    { "fd.lport", PORTS, false },
    { "fd.l4proto", SOCKET_TEXTS, false },
    { "fd.type", SOCKET_TEXTS, false },
    { "fd.sockfamily", SOCKET_TEXTS, false },
    { "fd.typechar", SOCKET_TEXTS, false },
    { "evt.arg.domain", SOCKET_TEXTS, false },
    { "evt.res", SOCKET_TEXTS, false },
    { "fd.connected", FLAG, false },
    { "fd.name_changed", FLAG, false },
    { "fd.is_server", FLAG, false },
    { "evt.is_open_read", FLAG, false },
    { "evt.is_open_write", FLAG, false },
    { "evt.is_open_create", FLAG, false },
    { "evt.failed", FLAG, false },
    { "proc.is_exe_upper_layer", FLAG, false },
    { "fd.typechar", TEXTS, false },
    { "fd.types", TEXTS, true },
    { "evt.type", NAMES, false },
    { "evt.type", NAMES, false },
    { "evt.res", TEXTS, false },
    { "evt.dir", TEXTS, false },
    { "tolower(fd.name)", TEXTS, false },
    { "basename(fd.name)", TEXTS, false },
};

static const char *const words[] = { "/etc",     "shadow",
                                     "/usr/",    "sh",
                                     "bash",     "f",
                                     "root",     "x",
                                     "/",        "me",
                                     "O_WRONLY", "O_RDONLY",
                                     "ENOENT",   "SUCCESS",
                                     "docker",   "host",
                                     "nginx",    "CAP_SYS_ADMIN",
                                     ".so",      "lib",
                                     "passwd",   "directory",
                                     "ipv4",     "-c touch",
                                     "<",        "000000000001",
                                     "" };
static const char *const socket_texts[] = {
    "4",   "6",   "u",    "f",       "o",           "ipv4",         "ipv6",      "unix",   "ip",
    "tcp", "udp", "<NA>", "SUCCESS", "EINPROGRESS", "ECONNREFUSED", "AF_PACKET", "AF_INET"
};
static const unsigned port_numbers[] = { 0, 22, 53, 79, 80, 443, 3333, 8080, 30001, 40000, 65535 };
static const char *const socket_names[] = { "connect", "connect", "accept",  "accept4",  "bind",
                                            "listen",  "sendto",  "sendmsg", "recvfrom", "socket" };
static const char *const event_names[] = { "open",   "openat",    "connect",  "execve",   "clone",
                                           "setuid", "chdir",     "unlinkat", "procexit", "socket",
                                           "close",  "container", "kill",     "read" };
static const char *const placeholders[] = { "evt.num = 0",  "evt.num >= 0",   "evt.num > 0",
                                            "evt.num != 0", "evt.num in (0)", "evt.num < 1" };
static const char *const addresses[] = { "10.0.0.1", "8.8.8.8", "10.0.0.9", "127.0.0.1", "::1" };
static const char *const nets[] = { "10.0.0.0/8", "10.0.1.0/24", "192.168.0.0/15", "172.16.0.0/12",
                                    "0.0.0.0/0",  "10.0.0.1/32", "2001:db8::/33",  "127.0.0.0/9" };

#define PICK(w, array) (array)[world_random((w), (uint32_t)(sizeof(array) / sizeof(*(array))))]

static void put_text(struct world *w, struct buf *buf, bool glob)
{
    uint32_t dice = world_random(w, 10);
    if (dice < 4) {
        const char *path = world_path(w);
        size_t n = strlen(path);
        size_t from = world_random(w, 3) ? 0 : world_random(w, (uint32_t)n + 1);
        size_t to = world_random(w, 3) ? n : from + world_random(w, (uint32_t)(n - from) + 1);
        buf_printf(buf, "\"%.*s%s\"", (int)(to - from), path + from,
                   glob && world_random(w, 2) ? "*" : "");
    } else if (dice < 6) {
        buf_printf(buf, "\"%s%s\"", world_name(w), glob && world_random(w, 3) == 0 ? "?" : "");
    } else {
        buf_printf(buf, "\"%s%s\"", glob && world_random(w, 2) ? "*" : "", PICK(w, words));
    }
}

void random_constant(struct world *w, struct buf *buf, enum operand operand, bool glob)
{
    switch (operand) {
    case TEXTS:
        put_text(w, buf, glob);
        break;
    case NUMBERS:
        buf_printf(buf, "%d",
                   (int)world_random(w, 3) == 0 ? 100 + (int)world_random(w, 24)
                                                : (int)world_random(w, 9));
        break;
    case PORTS:
        buf_printf(buf, "%u", PICK(w, port_numbers));
        break;
    case SOCKET_TEXTS:
        buf_printf(buf, "\"%s\"", PICK(w, socket_texts));
        break;
    case ADDRESSES:
        buf_putz(buf, PICK(w, addresses));
        break;
    case NETS:
        buf_putz(buf, PICK(w, nets));
        break;
    case FLAG:
        buf_putz(buf, world_random(w, 2) ? "true" : "false");
        break;
    case NAMES:
    default:
        buf_putz(buf, PICK(w, event_names));
        break;
    }
}

static bool lists_used;

void random_rules_use_lists(void)
{
    lists_used = true;
}

void random_list_name(struct world *w, struct buf *buf, enum operand operand)
{
    static const char *const kinds[] = { "texts", "numbers", "ports", "addresses",
                                         "nets",  "sockets", "flags", "events" };
    buf_printf(buf, "%s_%u", kinds[operand], world_random(w, RANDOM_LISTS));
}

static void put_list(struct world *w, struct buf *buf, enum operand operand, bool glob)
{
    uint32_t n = world_random(w, 30) ? 1 + world_random(w, world_random(w, 8) ? 4 : 30) : 0;
    buf_putc(buf, '(');
    for (uint32_t i = 0; i < n; i++) {
        buf_putz(buf, i ? ", " : "");
        if (lists_used && operand != FLAG && world_random(w, 2)) {
            random_list_name(w, buf, operand);
        } else {
            random_constant(w, buf, operand, glob);
        }
    }
    buf_putc(buf, ')');
}

static void put_regex(struct world *w, struct buf *buf)
{
    static const char *const patterns[] = { "/etc/.*",
                                            ".*shadow",
                                            "(ba)?sh",
                                            "/[a-z]+/.*",
                                            "x|y",
                                            "/tmp/kin.*",
                                            ".*/lib.*",
                                            "[^/]*",
                                            "ro+t",
                                            ".*(shad)?ow",
                                            ".*/[]/]?etc/.*",
                                            ".*[a]b{0,1}sh",
                                            "(/[a-z]*){2}/x?sshd",
                                            "[^]]*so.6",
                                            ".*[[:alpha:]]hadow",
                                            "[/[:lower:]]*[w]",
                                            "[[:]/]etc/.*",
                                            ".*[^[:digit:]]/passwd",
                                            "x{2}.*" };
    buf_printf(buf, " regex \"%s\"", PICK(w, patterns));
}

static void put_text_check(struct world *w, struct buf *buf)
{
    static const char *const ops[] = { "=",         "!=",   "startswith", "endswith", "contains",
                                       "icontains", "glob", "iglob",      "<",        ">=" };
    static const char *const modifiers[] = { "oneof", "anyof", "allof" };
    uint32_t dice = world_random(w, 20);
    if (dice == 0) {
        put_regex(w, buf);
    } else if (dice < 5) {
        buf_putz(buf, " in ");
        put_list(w, buf, TEXTS, false);
    } else if (dice < 8) {
        buf_putz(buf, " pmatch ");
        put_list(w, buf, TEXTS, world_random(w, 3) == 0);
    } else if (dice == 8) {
        uint32_t op = world_random(w, 8);
        buf_printf(buf, " %s %s ", ops[op], PICK(w, modifiers));
        put_list(w, buf, TEXTS, op >= 6);
    } else {
        uint32_t op = world_random(w, sizeof(ops) / sizeof(*ops) - (world_random(w, 4) ? 2 : 0));
        bool is_order = op >= 8;
        buf_printf(buf, " %s ", is_order ? "=" : ops[op]);
        put_text(w, buf, op == 6 || op == 7);
    }
}

static bool is_about_sockets(uint32_t field)
{
    enum operand operand = fields[field].operand;
    return operand == PORTS || operand == ADDRESSES || operand == NETS || operand == SOCKET_TEXTS ||
           (operand == FLAG && strncmp(fields[field].field, "fd.", 3) == 0);
}

static void put_operator(struct world *w, struct buf *buf, enum operand operand, bool is_list)
{
    static const char *const ops[] = { "=", "!=", "<", "<=", ">", ">=" };
    static const char *const modifiers[] = { "oneof", "anyof", "allof" };
    bool takes_order = operand == NUMBERS || operand == PORTS;
    bool takes_list = operand != TEXTS && operand != FLAG;
    if (world_random(w, 20) == 0) {
        buf_putz(buf, " exists");
    } else if (is_list || (takes_list && world_random(w, 3) == 0)) {
        buf_putz(buf, is_list && world_random(w, 2) ? " intersects " : " in ");
        put_list(w, buf, operand, false);
    } else if (operand == TEXTS) {
        put_text_check(w, buf);
    } else if (takes_list && operand != NAMES && world_random(w, 12) == 0) {
        buf_printf(buf, " %s %s ", ops[world_random(w, 2)], PICK(w, modifiers));
        put_list(w, buf, operand, false);
    } else {
        buf_printf(buf, " %s ", ops[world_random(w, takes_order ? 6 : 2)]);
        random_constant(w, buf, operand, false);
    }
}

static void put_check(struct world *w, struct buf *buf, bool sockets)
{
    uint32_t i = world_random(w, sizeof(fields) / sizeof(*fields));
    for (int n = 0; sockets && n < 4 && !is_about_sockets(i); n++) {
        i = world_random(w, sizeof(fields) / sizeof(*fields));
    }
    if (world_random(w, 12) == 0) {
        buf_putz(buf, PICK(w, placeholders));
        return;
    }
    buf_putz(buf, fields[i].field);
    put_operator(w, buf, fields[i].operand, fields[i].is_list);
}

static void put_condition(struct world *w, struct buf *buf, unsigned depth, bool sockets)
{
    uint32_t dice = world_random(w, 10);
    if (depth == 0 || dice < 3) {
        put_check(w, buf, sockets);
    } else if (dice < 5) {
        buf_putz(buf, "not (");
        put_condition(w, buf, depth - 1, sockets);
        buf_putc(buf, ')');
    } else {
        uint32_t n = 2 + world_random(w, 3);
        for (uint32_t i = 0; i < n; i++) {
            buf_putz(buf, i == 0 ? "(" : dice < 8 ? " and " : " or ");
            put_condition(w, buf, depth - 1, sockets);
        }
        buf_putc(buf, ')');
    }
}

static void put_socket_rule(struct world *w, struct buf *buf)
{
    static const char *const results[] = { "(evt.rawres >= 0 or evt.res = EINPROGRESS) and ",
                                           "evt.rawres >= 0 and ", "not evt.failed = true and " };
    if (world_random(w, 3)) {
        buf_printf(buf, "evt.type = %s and ", PICK(w, socket_names));
    } else {
        buf_printf(buf, "evt.type in (%s, %s) and ", PICK(w, socket_names), PICK(w, socket_names));
    }
    buf_putz(buf, world_random(w, 2) ? "(fd.typechar = 4 or fd.typechar = 6) and " : "");
    buf_putz(buf, world_random(w, 3) ? "" : PICK(w, results));
    put_condition(w, buf, world_random(w, 3), true);
}

/* Most rules begin as real ones do. */
void random_rule(struct world *w, char *ret, size_t size)
{
    struct buf buf;
    buf_init_fixed(&buf, ret, size - 1);
    uint32_t dice = world_random(w, 12);
    if (dice < 4) {
        buf_putz(&buf, "evt.type in (open, openat) and ");
        buf_putz(&buf, world_random(w, 2) ? "evt.is_open_write=true and fd.num>=0 and " : "");
    } else if (dice < 7) {
        buf_printf(&buf, "evt.type = %s and ", PICK(w, event_names));
    } else if (dice < 10) {
        put_socket_rule(w, &buf);
        ret[buf.n] = 0;
        return;
    }
    put_condition(w, &buf, world_random(w, 4), false);
    ret[buf.n] = 0;
}
