/*
 * flags: tables of flag names, and how a value is put into words.
 *
 * Shape: flags.def makes one array a table. A value is read in the order of its table: an entry
 * that is the whole value ends the search; an entry whose bits are all there is named and its bits
 * are taken away, so that O_RDWR, which comes first, is not named O_WRONLY and O_RDONLY again.
 * Enumerations have exact values only.
 *
 * Invariant: the order of a table decides texts that rules compare with; append, do not sort.
 */
#include "event/flags.h"

#include <stddef.h>

#define FLAGS(table)      const struct flag_name flags_##table[] = {
#define FLAG(name, value) { #name, (value) },
#define FLAGS_END                                                                                  \
    {                                                                                              \
        NULL, 0                                                                                    \
    }                                                                                              \
    }                                                                                              \
    ;
#include "event/flags.def"
#undef FLAGS
#undef FLAG
#undef FLAGS_END

static void put_name(struct buf *buf, const char *name, bool *first)
{
    if (!*first) {
        buf_putc(buf, '|');
    }
    *first = false;
    buf_putz(buf, name);
}

void flags_names(struct buf *buf, const struct flag_name *table, uint32_t value)
{
    uint32_t left = value;
    bool first = true;
    for (; table && table->name; table++) {
        if (table->value == value) {
            put_name(buf, table->name, &first);
            return;
        }
        if (table->value != 0 && (left & table->value) == table->value) {
            put_name(buf, table->name, &first);
            left &= ~table->value;
        }
    }
}

const char *flags_enum(const struct flag_name *table, uint32_t value)
{
    for (; table && table->name; table++) {
        if (table->value == value) {
            return table->name;
        }
    }
    return NULL;
}

/* Synonyms too: AF_LOCAL|AF_UNIX. */
static void enum_names(struct buf *buf, const struct flag_name *table, uint32_t value)
{
    bool first = true;
    for (; table && table->name; table++) {
        if (table->value == value) {
            put_name(buf, table->name, &first);
        }
    }
}

void flags_text(struct buf *buf, const struct param *param, uint32_t value)
{
    if (param_is_enum(param->type)) {
        enum_names(buf, param->flags, value);
    } else {
        flags_names(buf, param->flags, value);
    }
}

static const char *const capabilities[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

const char *capability_name(unsigned number)
{
    return number < sizeof(capabilities) / sizeof(*capabilities) ? capabilities[number] : NULL;
}
