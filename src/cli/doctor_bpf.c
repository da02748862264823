/*
 * doctor: which kinds of kernel programs load, and attach, here.
 *
 * Each program is `r0 = 0; exit`. Those that hang on a kernel function or tracepoint need its number in
 * the kernel's type information (BTF): a header, then types of varying length, then strings. What is
 * attached is let go at once; a program that returns 0 changes nothing.
 *
 * Sources: bpf(2), Linux' Documentation/bpf/btf.rst.
 */
#include "cli/doctor.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BTF_PATH     "/sys/kernel/btf/vmlinux"
#define BTF_SIZE_MAX ((size_t)64 << 20)

struct program {
    const char *name;
    uint32_t type, attach_type;
    uint32_t btf_kind;       /* 0: needs no type */
    const char *btf_name;    /* what it hangs on */
    const char *attach_name; /* of a raw tracepoint */
    bool attaches;           /* by BPF_RAW_TRACEPOINT_OPEN */
};

static const struct program programs[DOCTOR_BPF_MAX] = {
    { "tracepoint", BPF_PROG_TYPE_TRACEPOINT, 0, 0, NULL, NULL, false },
    { "raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, NULL, "sys_enter", true },
    { "tp_btf", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, BTF_KIND_TYPEDEF, "btf_trace_sys_enter",
      NULL, true },
    { "kprobe", BPF_PROG_TYPE_KPROBE, 0, 0, NULL, NULL, false },
    { "fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, BTF_KIND_FUNC, "vfs_open", NULL, true },
    { "lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, BTF_KIND_FUNC, "bpf_lsm_file_open", NULL, true },
    { "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 0, NULL, NULL, false },
};

/* Bytes that follow a type's head, by its kind and number of members; -1: not a kind that is known. */
static int tail_size(uint32_t kind, uint32_t members)
{
    switch (kind) {
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case BTF_KIND_DECL_TAG:
        return 4;
    case BTF_KIND_ARRAY:
        return sizeof(struct btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return (int)(members * sizeof(struct btf_member));
    case BTF_KIND_ENUM:
    case BTF_KIND_FUNC_PROTO:
        return (int)(members * 8);
    case BTF_KIND_DATASEC:
    case BTF_KIND_ENUM64:
        return (int)(members * 12);
    default:
        return kind <= BTF_KIND_TYPE_TAG ? 0 : -1;
    }
}

/* 0: there is none. */
static uint32_t find_type(struct str btf, uint32_t kind, const char *name)
{
    struct btf_header header;
    if (btf.n < sizeof(header)) {
        return 0;
    }
    memcpy(&header, btf.p, sizeof(header));
    uint64_t types = (uint64_t)header.hdr_len + header.type_off;
    uint64_t texts = (uint64_t)header.hdr_len + header.str_off;
    if (header.magic != BTF_MAGIC || types + header.type_len > btf.n ||
        texts + header.str_len > btf.n) {
        return 0;
    }
    uint32_t id = 1;
    for (uint64_t at = 0; at + sizeof(struct btf_type) <= header.type_len; id++) {
        struct btf_type type;
        memcpy(&type, btf.p + types + at, sizeof(type));
        int tail = tail_size(BTF_INFO_KIND(type.info), BTF_INFO_VLEN(type.info));
        if (tail < 0) {
            return 0;
        }
        if (BTF_INFO_KIND(type.info) == kind && type.name_off < header.str_len &&
            str_eqz(str_until_nul(btf.p + texts + type.name_off, header.str_len - type.name_off),
                    name)) {
            return id;
        }
        at += sizeof(type) + (uint64_t)tail;
    }
    return 0;
}

static int bpf(int command, union bpf_attr *attr)
{
    int fd = (int)syscall(SYS_bpf, command, attr, sizeof *attr);
    return fd < 0 ? -errno : fd;
}

static int load(const struct program *program, uint32_t type_id)
{
    static const struct bpf_insn code[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
        { .code = BPF_JMP | BPF_EXIT },
    };
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.prog_type = program->type;
    attr.expected_attach_type = program->attach_type;
    attr.attach_btf_id = type_id;
    attr.insns = (uintptr_t)code;
    attr.insn_cnt = 2;
    attr.license = (uintptr_t) "GPL";
    return bpf(BPF_PROG_LOAD, &attr);
}

static int attach(const struct program *program, int fd)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.raw_tracepoint.name = (uintptr_t)program->attach_name;
    attr.raw_tracepoint.prog_fd = (uint32_t)fd;
    int link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
    if (link >= 0) {
        close(link);
    }
    return link < 0 ? link : 0;
}

static void try_program(const struct program *program, struct str btf, struct doctor_bpf *ret)
{
    uint32_t id = program->btf_kind ? find_type(btf, program->btf_kind, program->btf_name) : 0;
    *ret = (struct doctor_bpf){ program->name, DOCTOR_NOT_TRIED, DOCTOR_NOT_TRIED };
    if (program->btf_kind && id == 0) {
        ret->loads = -ENOENT;
        return;
    }
    int fd = load(program, id);
    ret->loads = fd < 0 ? fd : 0;
    if (fd >= 0 && program->attaches) {
        ret->attaches = attach(program, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
}

void doctor_try_bpf(struct doctor_bpf ret[DOCTOR_BPF_MAX])
{
    struct buf btf;
    buf_init(&btf, BTF_SIZE_MAX);
    if (file_read(BTF_PATH, &btf, NULL) < 0) {
        buf_clear(&btf);
    }
    for (size_t i = 0; i < DOCTOR_BPF_MAX; i++) {
        try_program(&programs[i], buf_str(&btf), &ret[i]);
    }
    buf_done(&btf);
}
