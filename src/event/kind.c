/*
 * kind: the table of event kinds, made from kinds.def and kinds_late.def.
 *
 * Shape: one pass over the two files makes the table; parameter lists are constant compound
 * literals of the entries, so that everything lies in read-only memory and nothing is set up at run
 * time.
 *
 * Invariants: at most KIND_PARAMS_MAX parameters a kind; numbers of Hinomi's own kinds start at
 * KIND_OWN_FIRST; relative_to, fd_param and res_param are indexes of parameters that exist (the
 * tests check each entry).
 */
#include "event/kind.h"

#include "event/flags.h"

#include <stddef.h>

/* Types that the first byte of a PARAM_DYN parameter chooses among. */
static const struct param variants_sockopt[] = {
    { .type = PARAM_BYTEBUF, .format = FORMAT_HEX }, { .type = PARAM_ERRNO, .format = FORMAT_DEC },
    { .type = PARAM_UINT32, .format = FORMAT_DEC },  { .type = PARAM_UINT64, .format = FORMAT_DEC },
    { .type = PARAM_RELTIME, .format = FORMAT_DEC },
};

static const struct param variants_ptrace[] = {
    { .type = PARAM_UINT64, .format = FORMAT_HEX },
    { .type = PARAM_SIGTYPE, .format = FORMAT_DEC },
};

static const struct param variants_bpf[] = {
    { .type = PARAM_FD, .format = FORMAT_DEC },
    { .type = PARAM_ERRNO, .format = FORMAT_DEC },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define P(param_name, param_type, param_format)                                                    \
    {                                                                                              \
        .name = #param_name, .type = PARAM_##param_type, .format = FORMAT_##param_format           \
    }
#define F(param_name, param_type, param_format, table)                                             \
    {                                                                                              \
        .name = #param_name, .type = PARAM_##param_type, .format = FORMAT_##param_format,          \
        .flags = flags_##table                                                                     \
    }
#define R(param_name, index)                                                                       \
    {                                                                                              \
        .name = #param_name, .type = PARAM_FSRELPATH, .relative_to = (index)                       \
    }
#define D(param_name, param_format, table)                                                         \
    {                                                                                              \
        .name = #param_name, .type = PARAM_DYN, .format = FORMAT_##param_format,                   \
        .variants = variants_##table, .nvariants = COUNT(variants_##table)                         \
    }

#define PARAMS(...) ((const struct param[]){ __VA_ARGS__ })
#define KIND(number, id, kind_name, kind_category, kind_flags, fd, res, ...)                       \
    [number] = { .name = #kind_name,                                                               \
                 .name_id = NAME_##kind_name,                                                      \
                 .category = CATEGORY_##kind_category,                                             \
                 .nparams = sizeof(PARAMS(__VA_ARGS__)) / sizeof(struct param),                    \
                 .flags = kind_flags,                                                              \
                 .fd_param = fd,                                                                   \
                 .res_param = res,                                                                 \
                 .params = PARAMS(__VA_ARGS__) },

/* The flags by the names that the files use. */
enum {
    CREATES_FD = KIND_CREATES_FD,
    DESTROYS_FD = KIND_DESTROYS_FD,
    USES_FD = KIND_USES_FD,
    READS_FROM_FD = KIND_READS_FROM_FD,
    WRITES_TO_FD = KIND_WRITES_TO_FD,
    MODIFIES_STATE = KIND_MODIFIES_STATE,
    WAITS = KIND_WAITS,
    SKIPPARSERESET = KIND_SKIPPARSERESET,
    OLD_VERSION = KIND_OLD_VERSION,
    LARGE_PAYLOAD = KIND_LARGE_PAYLOAD,
    SYSCALL = KIND_SYSCALL,
    TRACEPOINT = KIND_TRACEPOINT,
    PLUGIN = KIND_PLUGIN,
    META = KIND_META,
};

const struct kind kind_table[KIND_MAX] = {
#include "event/kinds.def"
#include "event/kinds_late.def"
};

size_t param_number_size(uint8_t type)
{
    switch (type) {
    case PARAM_INT8:
    case PARAM_UINT8:
    case PARAM_FLAGS8:
    case PARAM_ENUMFLAGS8:
    case PARAM_SIGTYPE:
    case PARAM_L4PROTO:
    case PARAM_SOCKFAMILY:
        return 1;
    case PARAM_INT16:
    case PARAM_UINT16:
    case PARAM_FLAGS16:
    case PARAM_ENUMFLAGS16:
    case PARAM_SYSCALLID:
    case PARAM_PORT:
        return 2;
    case PARAM_INT64:
    case PARAM_UINT64:
    case PARAM_ERRNO:
    case PARAM_FD:
    case PARAM_PID:
    case PARAM_RELTIME:
    case PARAM_ABSTIME:
    case PARAM_DOUBLE:
        return 8;
    default:
        return 4;
    }
}

int kind_param(uint16_t kind, struct str name)
{
    const struct kind *k = kind < KIND_MAX ? &kind_table[kind] : NULL;
    if (name.n == 0) {
        return -1;
    }
    for (unsigned i = 0; k && i < k->nparams; i++) {
        const char *param = k->params[i].name;
        if (param && param[0] == name.p[0] && str_eqz(name, param)) {
            return (int)i;
        }
    }
    return -1;
}

const char *category_text(enum kind_category category)
{
    static const char *const texts[] = {
        [CATEGORY_UNKNOWN] = "unknown",
        [CATEGORY_OTHER] = "other",
        [CATEGORY_FILE] = "file",
        [CATEGORY_NET] = "net",
        [CATEGORY_IPC] = "ipc",
        [CATEGORY_MEMORY] = "memory",
        [CATEGORY_PROCESS] = "process",
        [CATEGORY_SLEEP] = "sleep",
        [CATEGORY_SYSTEM] = "system",
        [CATEGORY_SIGNAL] = "signal",
        [CATEGORY_USER] = "user",
        [CATEGORY_TIME] = "time",
        [CATEGORY_PROCESSING] = "processing",
        [CATEGORY_IO_READ] = "IO",
        [CATEGORY_IO_WRITE] = "IO",
        [CATEGORY_IO_OTHER] = "IO",
        [CATEGORY_WAIT] = "wait",
        [CATEGORY_SCHEDULER] = "scheduler",
        [CATEGORY_INTERNAL] = "internal",
    };
    return (size_t)category < COUNT(texts) ? texts[category] : "unknown";
}
