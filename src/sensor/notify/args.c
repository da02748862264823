/*
 * args: what a notified call was given.
 *
 * The table of calls has a letter for each register; reading is one walk along them. What differs by
 * architecture is dealt with before (registers of 32 bits, socketcall, ids of 16 bits) or in the few
 * structures that hold pointers (msghdr, argv). Re-reading for a comparison walks the same letters.
 *
 * The memory is the caller's, who may change it at any time: each text is bounded, is read once, and
 * what cannot be read is said (`unreadable`), for another thread may map it before the kernel looks.
 */
#include "sensor/notify/args.h"

#include "sensor/notify/args_layout.h"
#include "sensor/notify/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <string.h>

#define PR_SET_NAME_OPTION 15
#define COMM_SIZE          16
#define CLONE_SIGNAL_MASK  UINT64_C(0xff)
#define CLONE_ARGS_MIN     64 /* the first version */

static bool is_compat(const struct call_args *args)
{
    return args->via == VIA_IA32 || args->via == VIA_X32;
}

static pid_t tid_of(const struct call_args *args)
{
    return (pid_t)args->tid;
}

static bool get(struct call_args *args, uint64_t address, void *to, size_t n)
{
    if (memory_read(tid_of(args), address, to, n) < 0) {
        args->unreadable = true;
        return false;
    }
    return true;
}

static struct str read_text(struct call_args *args, uint64_t address, size_t limit)
{
    char *to = args->storage + args->used;
    size_t room = sizeof(args->storage) - args->used;
    bool cut = false;
    if (address == 0) {
        return (struct str){ 0 };
    }
    ssize_t n = memory_read_text(tid_of(args), address, to, limit < room ? limit : room, &cut);
    if (n < 0) {
        args->unreadable = true;
        return (struct str){ 0 };
    }
    args->truncated |= cut;
    args->used += (size_t)n + 1;
    return str_from(to, (size_t)n);
}

static struct str read_array(struct call_args *args, uint64_t address, size_t limit)
{
    struct memory_array array = { .address = address,
                                  .pointer_size = is_compat(args) ? 4 : 8,
                                  .max = ARGS_TEXTS_MAX };
    struct memory_marks marks = { 0 };
    char *to = args->storage + args->used;
    if (address == 0) {
        return (struct str){ 0 };
    }
    ssize_t n = memory_read_array(tid_of(args), &array, to, limit, &marks);
    args->unreadable |= n < 0 || marks.unreadable;
    args->truncated |= marks.cut;
    if (n <= 0) {
        return (struct str){ 0 };
    }
    args->used += (size_t)n;
    return str_from(to, (size_t)n);
}

/* An address as the kernel would take it: none when its length is no address' length. */
static void read_address(struct call_args *args, uint64_t address, int64_t size)
{
    if (address == 0 || size <= 0) {
        return;
    }
    size_t n = (size_t)size;
    if (n > sizeof(args->address)) {
        args->truncated = true;
        n = sizeof(args->address);
    }
    if (get(args, address, &args->address, n)) {
        args->address_n = (uint32_t)n;
    }
}

static uint64_t sum_iovecs(struct call_args *args, uint64_t address, uint64_t count)
{
    uint64_t words[2 * ARGS_IOVECS_MAX];
    uint32_t halves[2 * ARGS_IOVECS_MAX];
    uint64_t total = 0;
    size_t n = count < ARGS_IOVECS_MAX ? (size_t)count : ARGS_IOVECS_MAX;
    bool compat = is_compat(args);
    if (n == 0 ||
        !get(args, address, compat ? (void *)halves : (void *)words, n * (compat ? 8 : 16))) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        total += compat ? halves[2 * i + 1] : words[2 * i + 1];
    }
    return total;
}

/* struct user_msghdr: name, its length, vectors, their number, ... */
static void read_message(struct call_args *args, uint64_t address)
{
    uint64_t words[4];
    uint32_t halves[4];
    if (is_compat(args)) {
        if (!get(args, address, halves, sizeof(halves))) {
            return;
        }
        for (int i = 0; i < 4; i++) {
            words[i] = halves[i];
        }
    } else if (!get(args, address, words, sizeof(words))) {
        return;
    }
    read_address(args, words[0], (int32_t)words[1]);
    args->send_size = sum_iovecs(args, words[2], words[3]);
}

static void read_how(struct call_args *args, uint64_t address, uint64_t size)
{
    struct open_how how = { 0 };
    if (size < sizeof(how) || !get(args, address, &how, sizeof(how))) {
        return;
    }
    args->open_flags = how.flags;
    args->open_mode = how.mode;
    args->open_resolve = how.resolve;
}

static void read_clone_args(struct call_args *args, uint64_t address, uint64_t size)
{
    struct clone_args clone = { 0 };
    size_t n = size < sizeof(clone) ? (size_t)size : sizeof(clone);
    if (size >= CLONE_ARGS_MIN && get(args, address, &clone, n)) {
        args->clone_flags = clone.flags;
    }
}

/* Structures follow each other in .bytes; each has its place whether it could be read or not. */
static void read_struct(struct call_args *args, unsigned i)
{
    size_t n = args_struct_size(args, i);
    size_t room = sizeof(args->bytes) - args->bytes_n;
    args->truncated |= n > room;
    n = n < room ? n : room;
    memset(args->bytes + args->bytes_n, 0, n);
    if (args->reg[i] && n) {
        get(args, args->reg[i], args->bytes + args->bytes_n, n);
    }
    args->bytes_n += (uint32_t)n;
}

/* What a walk along the letters has met. */
struct walk {
    unsigned paths, texts;
    int64_t dirfd;
};

static void read_path(struct call_args *args, struct walk *walk, uint64_t address)
{
    if (walk->paths < 2) {
        args->dirfd[walk->paths] = walk->dirfd;
        args->path[walk->paths++] = read_text(args, address, ARGS_PATH_MAX);
    }
    walk->dirfd = AT_FDCWD;
}

static void read_other_text(struct call_args *args, struct walk *walk, uint64_t address)
{
    if (walk->texts < 2) {
        args->text[walk->texts++] = read_text(args, address, ARGS_TEXT_MAX);
    }
}

/* The value of fsconfig's binary option is no text. */
static bool is_binary_option(const struct call_args *args, unsigned i)
{
    return args->call->name == NAME_fsconfig && i == 3 &&
           (uint32_t)args->reg[1] == FSCONFIG_SET_BINARY;
}

static void read_arg(struct call_args *args, struct walk *walk, unsigned i)
{
    uint64_t value = args->reg[i];
    uint64_t next = i + 1 < 6 ? args->reg[i + 1] : 0;
    switch ((enum call_arg)args->call->args[i]) {
    case ARG_DIRFD:
        walk->dirfd = (int64_t)value;
        return;
    case ARG_PATH:
        read_path(args, walk, value);
        return;
    case ARG_TEXT:
        if (is_binary_option(args, i)) {
            read_struct(args, i);
        } else {
            read_other_text(args, walk, value);
        }
        return;
    case ARG_SOCKADDR:
        read_address(args, value, (int32_t)next);
        return;
    case ARG_MSGHDR:
        read_message(args, value);
        return;
    case ARG_ARGV:
        args->argv = read_array(args, value, ARGS_ARGV_MAX);
        return;
    case ARG_ENVP:
        args->env = read_array(args, value, ARGS_ENV_MAX);
        return;
    case ARG_HOW:
        read_how(args, value, next);
        return;
    case ARG_CLONE:
        read_clone_args(args, value, next);
        return;
    case ARG_STRUCT:
        read_struct(args, i);
        return;
    case ARG_INT:
    case ARG_FD:
    case ARG_SKIP:
        return;
    }
}

static unsigned letters(const struct call *call)
{
    return call->nargs < 6 ? call->nargs : 6;
}

/* Descriptors are ints, whatever is above them. */
static void extend_descriptors(struct call_args *args)
{
    for (unsigned i = 0; i < letters(args->call); i++) {
        char letter = args->call->args[i];
        if (letter == ARG_FD || letter == ARG_DIRFD) {
            args->reg[i] = (uint64_t)(int64_t)(int32_t)args->reg[i];
        }
    }
}

/* What an open or a clone asks for, where that is in registers. */
static void read_flags(struct call_args *args)
{
    const uint64_t *reg = args->reg;
    switch (args->call->name) {
    case NAME_open:
        args->open_flags = (uint32_t)reg[1];
        args->open_mode = (uint32_t)reg[2];
        return;
    case NAME_openat:
        args->open_flags = (uint32_t)reg[2];
        args->open_mode = (uint32_t)reg[3];
        return;
    case NAME_creat:
        args->open_flags = O_CREAT | O_WRONLY | O_TRUNC;
        args->open_mode = (uint32_t)reg[1];
        return;
    case NAME_open_by_handle_at:
        args->open_flags = (uint32_t)reg[2];
        return;
    case NAME_clone:
        args->clone_flags = (uint32_t)(reg[0] & ~CLONE_SIGNAL_MASK);
        return;
    case NAME_vfork:
        args->clone_flags = CLONE_VFORK | CLONE_VM;
        return;
    case NAME_prctl:
        if ((uint32_t)reg[0] == PR_SET_NAME_OPTION) {
            bool truncated = args->truncated; /* longer names are cut by the kernel as well */
            args->text[0] = read_text(args, reg[1], COMM_SIZE);
            args->truncated = truncated;
        }
        return;
    default:
        return;
    }
}

static void clear(struct call_args *args, const struct seccomp_notif *notif)
{
    memset(args, 0, offsetof(struct call_args, storage));
    args->tid = notif->pid;
    args->nr = (uint32_t)notif->data.nr;
    args->dirfd[0] = args->dirfd[1] = AT_FDCWD;
    args->via = args_via(notif->data.arch, (uint32_t)notif->data.nr);
    for (int i = 0; i < 6; i++) {
        uint64_t v = notif->data.args[i];
        args->reg[i] = args->via == VIA_IA32 ? (uint32_t)v : v;
    }
}

int args_read(const struct seccomp_notif *notif, struct call_args *ret)
{
    clear(ret, notif);
    ret->call = call_of_number(notif->data.arch, (uint32_t)notif->data.nr);
    if (ret->via == VIA_IA32) {
        args_from_ia32((uint32_t)notif->data.nr, ret);
    }
    if (!ret->call) {
        return -ENOENT;
    }
    extend_descriptors(ret);
    struct walk walk = { .dirfd = AT_FDCWD };
    for (unsigned i = 0; i < letters(ret->call); i++) {
        read_arg(ret, &walk, i);
    }
    read_flags(ret);
    return 0;
}

static bool is_same_text(const struct call_args *args, struct str was, uint64_t address)
{
    char text[ARGS_PATH_MAX];
    bool cut;
    if (address == 0) {
        return was.n == 0;
    }
    ssize_t n = memory_read_text(tid_of(args), address, text, sizeof(text), &cut);
    return n < 0 ? was.p == NULL : was.p && str_eq(was, str_from(text, (size_t)n));
}

static bool is_same_address(const struct call_args *args, uint64_t address, int64_t size)
{
    struct sockaddr_storage now;
    size_t n = size <= 0 || !address ? 0 : (size_t)size;
    n = n < sizeof(now) ? n : sizeof(now);
    bool readable = n && memory_read(tid_of(args), address, &now, n) == 0;
    return readable ? n == args->address_n && memcmp(&now, &args->address, n) == 0
                    : args->address_n == 0;
}

static bool is_same_message(const struct call_args *args, uint64_t address)
{
    uint64_t words[2];
    uint32_t halves[2];
    if (!is_compat(args)) {
        return memory_read(tid_of(args), address, words, sizeof(words)) < 0
                   ? args->address_n == 0
                   : is_same_address(args, words[0], (int32_t)words[1]);
    }
    return memory_read(tid_of(args), address, halves, sizeof(halves)) < 0
               ? args->address_n == 0
               : is_same_address(args, halves[0], (int32_t)halves[1]);
}

static bool is_same_how(const struct call_args *args, uint64_t address, uint64_t size)
{
    struct open_how how = { 0 };
    if (size >= sizeof(how)) {
        memory_read(tid_of(args), address, &how, sizeof(how));
    }
    return how.flags == args->open_flags && how.mode == args->open_mode &&
           how.resolve == args->open_resolve;
}

bool args_unchanged(const struct call_args *args)
{
    unsigned paths = 0;
    for (unsigned i = 0; args->call && i < letters(args->call); i++) {
        uint64_t value = args->reg[i];
        uint64_t next = i + 1 < 6 ? args->reg[i + 1] : 0;
        bool same = true;
        switch (args->call->args[i]) {
        case ARG_PATH:
            same = paths == 2 || is_same_text(args, args->path[paths++], value);
            break;
        case ARG_SOCKADDR:
            same = is_same_address(args, value, (int32_t)next);
            break;
        case ARG_MSGHDR:
            same = is_same_message(args, value);
            break;
        case ARG_HOW:
            same = is_same_how(args, value, next);
            break;
        default:
            break;
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

int args_read_result(struct call_args *args)
{
    args->bytes_n = 0;
    bool unreadable = args->unreadable;
    args->unreadable = false;
    for (unsigned i = 0; args->call && i < letters(args->call); i++) {
        if (args->call->args[i] == ARG_STRUCT) {
            read_struct(args, i);
        }
    }
    int r = args->unreadable ? -EFAULT : 0;
    args->unreadable |= unreadable;
    return r;
}
