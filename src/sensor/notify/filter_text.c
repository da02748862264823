/*
 * filter_text: a filter as text, and what it says for a call, computed as the kernel would.
 *
 * Shape: one loop over the few instructions that filter.c makes; others, and jumps out of the program,
 * kill, as a damaged program must. All jumps go forward, so it ends.
 */
#include "sensor/notify/filter.h"

#include "base/buf.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

static void print_load(uint32_t offset, struct buf *buf)
{
    uint32_t first = offsetof(struct seccomp_data, args);
    if (offset == offsetof(struct seccomp_data, nr)) {
        buf_putz(buf, "load number");
    } else if (offset == offsetof(struct seccomp_data, arch)) {
        buf_putz(buf, "load architecture");
    } else if (offset >= first) {
        buf_printf(buf, "load argument %u, %s half", (offset - first) / 8,
                   (offset - first) % 8 ? "high" : "low");
    } else {
        buf_printf(buf, "load [%u]", offset);
    }
}

static void print_return(uint32_t k, struct buf *buf)
{
    switch (k & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
        buf_putz(buf, "allow");
        return;
    case SECCOMP_RET_TRACE:
        buf_putz(buf, "trace");
        return;
    case SECCOMP_RET_USER_NOTIF:
        buf_putz(buf, "notify");
        return;
    case SECCOMP_RET_ERRNO:
        buf_printf(buf, "fail with %s", errno_name((int)(k & SECCOMP_RET_DATA)));
        return;
    case SECCOMP_RET_KILL_PROCESS:
        buf_putz(buf, "kill process");
        return;
    default:
        buf_printf(buf, "return %#x", k);
    }
}

static void print_jump(const struct sock_filter *f, unsigned at, const char *comparison,
                       struct buf *buf)
{
    buf_printf(buf, "if %s %#x goto %u else %u", comparison, f->k, at + 1 + f->jt, at + 1 + f->jf);
}

void filter_print(const struct filter *filter, struct buf *buf)
{
    for (unsigned i = 0; i < filter->n; i++) {
        const struct sock_filter *f = &filter->code[i];
        buf_printf(buf, "%4u  ", i);
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            print_load(f->k, buf);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            buf_printf(buf, "and %#x", f->k);
            break;
        case BPF_JMP | BPF_JA:
            buf_printf(buf, "goto %u", i + 1 + f->k);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            print_jump(f, i, "=", buf);
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            print_jump(f, i, ">=", buf);
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            print_jump(f, i, ">", buf);
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            print_jump(f, i, "has a bit of", buf);
            break;
        case BPF_RET | BPF_K:
            print_return(f->k, buf);
            break;
        default:
            buf_printf(buf, "unknown %#x", f->code);
        }
        buf_putc(buf, '\n');
    }
}

static bool holds(uint16_t operation, uint32_t a, uint32_t k)
{
    switch (operation) {
    case BPF_JEQ:
        return a == k;
    case BPF_JGE:
        return a >= k;
    case BPF_JGT:
        return a > k;
    default:
        return a & k;
    }
}

uint32_t filter_evaluate(const struct filter *filter, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (uint64_t i = 0; i < filter->n; i++) {
        const struct sock_filter *f = &filter->code[i];
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (f->k % 4 || f->k > sizeof(*data) - sizeof(a)) {
                return SECCOMP_RET_KILL_PROCESS;
            }
            memcpy(&a, (const char *)data + f->k, sizeof(a));
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= f->k;
            break;
        case BPF_JMP | BPF_JA:
            i += f->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
        case BPF_JMP | BPF_JGE | BPF_K:
        case BPF_JMP | BPF_JGT | BPF_K:
        case BPF_JMP | BPF_JSET | BPF_K:
            i += holds(BPF_OP(f->code), a, f->k) ? f->jt : f->jf;
            break;
        case BPF_RET | BPF_K:
            return f->k;
        default:
            return SECCOMP_RET_KILL_PROCESS;
        }
    }
    return SECCOMP_RET_KILL_PROCESS;
}
