/*
 * events: a call and what came of it, as its exit event.
 *
 * One interpreter of the recipes (event_recipes.c) makes all events but those of tasks; widths come from
 * the kind table, so a recipe cannot disagree with the format about them. Calls that the format has no
 * kind for are generic events: their name, and what the file is in event->path.
 *
 * The kernel's flags are told in the format's numbers, ids and modes as they are. A relative path stays as
 * the caller wrote it; what it names is in event->path and path2, where that is known for sure.
 */
#include "sensor/notify/events_internal.h"

#include "sensor/live/flags.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#define FORMAT_O_ACCESS  3u
#define FORMAT_O_CREATED (1u << 14)
#define FORMAT_O_UPPER   (1u << 15)
#define FORMAT_O_LOWER   (1u << 16)
#define CREAT_UPPER      1
#define CREAT_LOWER      2
#define TMPFILE_BIT      (O_TMPFILE & ~O_DIRECTORY)
#define MODE_BITS        07777
#define PTRACE_VALUE     0 /* of the format's two ways to say ptrace's arguments: a number, */
#define PTRACE_SIGNAL    1 /* a signal */
#define PR_SET_NAME      15

void event_put_text(struct made_event *made, struct str text)
{
    made_str(made, text.p ? text : STR("<NA>"));
}

static void put_text_if(struct made_event *made, struct str text)
{
    if (text.p) {
        made_str(made, text);
    } else {
        made_bytes(made, NULL, 0);
    }
}

static const struct resolved *file_of(const struct making *m)
{
    return m->outcome->at;
}

/* The file did not exist, and the open made it. */
static bool is_created(const struct making *m)
{
    const struct resolved *file = file_of(m);
    return (m->args->open_flags & O_CREAT) && m->outcome->result >= 0 && file &&
           file->error == -ENOENT;
}

static uint32_t open_flags(const struct making *m)
{
    const struct resolved *file = file_of(m);
    uint32_t flags = live_open_flags(m->args->open_flags);
    flags |= is_created(m) ? FORMAT_O_CREATED : 0;
    if (file && file->error == 0) {
        flags |= file->upper_layer ? FORMAT_O_UPPER : 0;
        flags |= file->lower_layer ? FORMAT_O_LOWER : 0;
    }
    return flags;
}

/* The kernel looks at the mode only where the open may make a file. */
static uint64_t open_mode(const struct making *m)
{
    bool makes = m->args->open_flags & (O_CREAT | TMPFILE_BIT);
    return makes ? m->args->open_mode & MODE_BITS : 0;
}

static int creat_layer(const struct making *m)
{
    const struct resolved *file = file_of(m);
    if (!file || file->error) {
        return 0;
    }
    return (file->upper_layer ? CREAT_UPPER : 0) | (file->lower_layer ? CREAT_LOWER : 0);
}

/* As the kernel encodes a device for user space: 8 low bits of the minor, the major, the rest. */
static int64_t device(const struct making *m)
{
    const struct resolved *file = file_of(m);
    if (!file || file->error) {
        return 0;
    }
    uint32_t minor_number = minor((dev_t)file->dev);
    return (int64_t)((minor_number & 0xff) | major((dev_t)file->dev) << 8 |
                     (minor_number & ~0xffu) << 12);
}

static int64_t inode(const struct making *m)
{
    const struct resolved *file = file_of(m);
    return file && file->error == 0 ? (int64_t)file->ino : 0;
}

static uint32_t word32(const struct making *m, unsigned i)
{
    uint32_t v = 0;
    if (4 * i + 4 <= m->args->bytes_n) {
        memcpy(&v, m->args->bytes + (size_t)4 * i, sizeof(v));
    }
    return v;
}

/* struct __user_cap_data_struct: three words for the low half, three for the high. */
static uint64_t capability_set(const struct making *m, unsigned i)
{
    return word32(m, i) | (uint64_t)word32(m, i + 3) << 32;
}

static int64_t limit(const struct making *m, unsigned i)
{
    bool is_given = m->args->reg[m->args->call->name == NAME_prlimit ? 2 : 1] != 0;
    uint64_t v = UINT64_MAX;
    if (is_given && m->args->bytes_n == 2 * sizeof(uint32_t)) {
        v = word32(m, i) == UINT32_MAX ? UINT64_MAX : word32(m, i);
    } else if (is_given && m->args->bytes_n == 2 * sizeof(uint64_t)) {
        memcpy(&v, m->args->bytes + (size_t)8 * i, sizeof(v));
    }
    return (int64_t)v;
}

static uint64_t mount_flags(uint64_t flags)
{
    return (flags & MS_MGC_MSK) == MS_MGC_VAL ? flags & ~(uint64_t)MS_MGC_MSK : flags;
}

/* Requests whose data is a signal to go on with. */
static bool takes_signal(uint64_t request)
{
    enum { CONT = 7, SINGLESTEP = 9, DETACH = 17, SYSCALL = 24 };
    return request == CONT || request == SINGLESTEP || request == DETACH || request == SYSCALL;
}

static void put_ptrace(struct making *m, unsigned i)
{
    uint64_t value = m->args->reg[i];
    uint8_t bytes[1 + sizeof(value)] = { PTRACE_VALUE };
    if (i == 3 && takes_signal(m->args->reg[0])) {
        bytes[0] = PTRACE_SIGNAL;
        bytes[1] = (uint8_t)value;
        made_bytes(m->made, bytes, 2);
        return;
    }
    memcpy(bytes + 1, &value, sizeof(value));
    made_bytes(m->made, bytes, sizeof(bytes));
}

/* The flags among a token's registers; false: not one of those. */
static bool converted(const struct making *m, char letter, unsigned i, uint64_t *ret)
{
    uint64_t v = m->args->reg[i];
    switch (letter) {
    case 'o':
        *ret = live_open_flags(v) & ~FORMAT_O_ACCESS;
        return true;
    case 'c':
        *ret = live_clone_flags((uint32_t)v);
        return true;
    case 'g':
        *ret = live_prot_flags(v);
        return true;
    case 'h':
        *ret = live_mmap_flags(v);
        return true;
    case 'k':
        *ret = mount_flags(v);
        return true;
    case 'v':
        *ret = live_delete_module_flags(v);
        return true;
    case 'm':
        *ret = v & MODE_BITS;
        return true;
    case 'f':
        *ret = live_fcntl_command((uint32_t)v);
        return true;
    case 'P':
        *ret = live_ptrace_request(v);
        return true;
    case 'Q':
        *ret = (uint32_t)m->args->reg[0] == PR_SET_NAME ? 0 : v;
        return true;
    case 'U':
        *ret = live_io_uring_setup_flags(word32(m, i));
        return true;
    default:
        return false;
    }
}

/* Numbers; false: the token is something else. */
static bool number(const struct making *m, char letter, unsigned i, uint64_t *ret)
{
    const struct call_args *args = m->args;
    switch (letter) {
    case 'r':
        *ret = (uint64_t)m->outcome->result;
        return true;
    case 'i':
        *ret = (uint64_t)(int32_t)args->reg[i];
        return true;
    case 'y':
        *ret = (uint32_t)args->reg[i];
        return true;
    case 'x':
        *ret = args->reg[i];
        return true;
    case 'd':
        *ret = (uint64_t)args->dirfd[0];
        return true;
    case 'e':
        *ret = (uint64_t)args->dirfd[1];
        return true;
    case 'O':
        *ret = open_flags(m);
        return true;
    case 'M':
        *ret = open_mode(m);
        return true;
    case 'V':
        *ret = live_resolve_flags(args->open_resolve);
        return true;
    case 'H':
        *ret = (uint64_t)creat_layer(m);
        return true;
    case 'D':
        *ret = (uint64_t)device(m);
        return true;
    case 'I':
        *ret = (uint64_t)inode(m);
        return true;
    case 'Z':
        *ret = args->send_size;
        return true;
    case 'a':
        *ret = word32(m, i);
        return true;
    case 'B':
        *ret = capability_set(m, i);
        return true;
    case 'L':
        *ret = (uint64_t)limit(m, i);
        return true;
    case 'z':
        *ret = 0;
        return true;
    case 'n':
        *ret = UINT64_MAX;
        return true;
    default:
        return converted(m, letter, i, ret);
    }
}

static void put(struct making *m, char letter, unsigned i)
{
    const struct call_args *args = m->args;
    uint64_t v;
    if (number(m, letter, i, &v)) {
        made_int(m->made, (int64_t)v);
        return;
    }
    switch (letter) {
    case 'p':
        event_put_text(m->made, args->path[0]);
        return;
    case 'q':
        event_put_text(m->made, args->path[1]);
        return;
    case 't':
        event_put_text(m->made, args->text[0]);
        return;
    case 'j':
        put_text_if(m->made, args->text[0]);
        return;
    case 'J':
        put_text_if(m->made, args->text[1]);
        return;
    case 'N':
        event_put_text(m->made, m->made->event.path);
        return;
    case 'b':
        made_bytes(m->made, args->bytes, args->bytes_n);
        return;
    case 's':
        event_put_address(m);
        return;
    case 'T':
        event_put_sent_tuple(m);
        return;
    case 'A':
        event_put_accepted_tuple(m);
        return;
    case 'X':
        put_ptrace(m, i);
        return;
    default:
        made_bytes(m->made, NULL, 0);
    }
}

static void follow(struct making *m, const char *recipe)
{
    while (*recipe) {
        char letter = *recipe++;
        unsigned i = 0;
        if (isdigit((unsigned char)*recipe)) {
            i = (unsigned)(*recipe++ - '0');
        }
        if (letter != ' ') {
            put(m, letter, i);
        }
    }
}

/* Of kinds without a recipe: the result alone. */
static void put_result(struct making *m)
{
    const struct kind *kind = &kind_table[m->made->event.kind];
    for (int i = 0; i <= kind->res_param; i++) {
        if (i == kind->res_param) {
            made_int(m->made, m->outcome->result);
        } else {
            made_bytes(m->made, NULL, 0);
        }
    }
}

/* Its name and its number on its architecture, as the format has it. */
static void put_generic(struct making *m)
{
    m->made->event.name = m->args->call->name;
    made_int(m->made, m->args->call->name);
    made_int(m->made, (uint16_t)m->args->nr);
}

/* The canonical path, where it is the kernel's and not a guess. */
static struct str truth(const struct resolved *at, bool exact)
{
    return at->unsure && !exact ? (struct str){ 0 } : at->path;
}

/* A symbolic link's target is a text; its only path is the destination. */
static bool is_symlink(const struct call *call)
{
    return call->name == NAME_symlink || call->name == NAME_symlinkat;
}

static bool is_about_a_path(const struct call *call)
{
    return (call->flags & (CALL_OPEN | CALL_PATHS)) || call->name == NAME_open_by_handle_at;
}

static void put_truth(struct making *m)
{
    const struct resolved *at = m->outcome->at;
    struct event *event = &m->made->event;
    if (!at || !is_about_a_path(m->args->call)) {
        return;
    }
    if (is_symlink(m->args->call)) {
        event->path2 = truth(&at[0], m->outcome->exact);
        return;
    }
    event->path = truth(&at[0], m->outcome->exact);
    if (event->path.n == 0 && m->args->unreadable && !m->args->path[0].p &&
        m->args->call->flags & CALL_OPEN) {
        event->path = STR("<UNKNOWN>/<NA>"); /* a name alone would be one of some directory */
    }
    if (m->args->path[1].p) {
        event->path2 = truth(&at[1], m->outcome->exact);
    }
}

void event_begin(struct making *m, uint16_t kind)
{
    made_begin(m->made, kind, m->args->tid, m->outcome->ts_ns);
    struct event *event = &m->made->event;
    event->via = m->args->via;
    event->outcome = m->outcome->outcome;
    event->exact = m->outcome->exact;
}

void event_end(struct making *m)
{
    made_done(m->made);
    m->made->event.truncated = m->made->overflow || m->args->truncated || m->args->unreadable;
}

void event_refused(struct made_event *made, int error)
{
    struct event *event = &made->event;
    int8_t i = kind_table[event->kind].res_param;
    int64_t result = error;
    if (i >= 0 && i < event->nparams && event->at[i + 1] - event->at[i] == sizeof(result)) {
        memcpy(made->data + event->at[i], &result, sizeof(result));
    }
    event->outcome = OUTCOME_DENIED;
}

void event_of_call(const struct call_args *args, const struct call_outcome *outcome,
                   struct made_event *made)
{
    struct making m = { args, outcome, made };
    const char *recipe = event_recipe(args->call->kind);
    event_begin(&m, args->call->kind);
    put_truth(&m);
    if (args->call->kind == KIND_GENERIC_X) {
        put_generic(&m);
    } else if (recipe) {
        follow(&m, recipe);
    } else {
        put_result(&m);
    }
    event_end(&m);
}
