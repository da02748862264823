/*
 * name: event names and their ids, the system calls of this machine, names of errors and signals.
 *
 * Shape: names.def is sorted by text, so one array of it is searched by halving; a second, indexed
 * by id, gives the text. syscalls.def makes the array from the machine's numbers to name ids.
 *
 * Invariant: both arrays hold the same names (the tests walk them).
 */
#include "event/kind.h"

#include <asm/unistd.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct named {
    struct str text;
    uint16_t id;
};

static const struct named by_text[] = {
#define NAME(number, name) { { #name, sizeof(#name) - 1 }, number },
#include "event/names.def"
#undef NAME
};

static const char *const by_id[NAME_MAX_ID] = {
#define NAME(number, name) [number] = #name,
#include "event/names.def"
#undef NAME
};

uint16_t name_find(struct str name)
{
    size_t low = 0;
    size_t high = COUNT(by_text);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(name, by_text[middle].text);
        if (order == 0) {
            return by_text[middle].id;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NAME_NONE;
}

const char *name_text(uint16_t id)
{
    return id < NAME_MAX_ID ? by_id[id] : NULL;
}

/* Ids plus one, so that the gaps are zero. */
static const uint16_t by_number[] = {
#define SYSCALL(call, name)          [__NR_##call] = NAME_##name + 1,
#define SYSCALL_NUMBER(number, name) [number] = NAME_##name + 1,
#include "event/syscalls.def"
#undef SYSCALL
#undef SYSCALL_NUMBER
};

uint16_t name_of_syscall(unsigned nr)
{
    return nr < COUNT(by_number) && by_number[nr] ? (uint16_t)(by_number[nr] - 1) : NAME_NONE;
}

#define E(name) [name] = #name
static const char *const errors[] = {
    E(EPERM),
    E(ENOENT),
    E(ESRCH),
    E(EINTR),
    E(EIO),
    E(ENXIO),
    E(E2BIG),
    E(ENOEXEC),
    E(EBADF),
    E(ECHILD),
    E(EAGAIN),
    E(ENOMEM),
    E(EACCES),
    E(EFAULT),
    E(ENOTBLK),
    E(EBUSY),
    E(EEXIST),
    E(EXDEV),
    E(ENODEV),
    E(ENOTDIR),
    E(EISDIR),
    E(EINVAL),
    E(ENFILE),
    E(EMFILE),
    E(ENOTTY),
    E(ETXTBSY),
    E(EFBIG),
    E(ENOSPC),
    E(ESPIPE),
    E(EROFS),
    E(EMLINK),
    E(EPIPE),
    E(EDOM),
    E(ERANGE),
    E(EDEADLK),
    E(ENAMETOOLONG),
    E(ENOLCK),
    E(ENOSYS),
    E(ENOTEMPTY),
    E(ELOOP),
    E(ENOMSG),
    E(EIDRM),
    E(ECHRNG),
    E(EL2NSYNC),
    E(EL3HLT),
    E(EL3RST),
    E(ELNRNG),
    E(EUNATCH),
    E(ENOCSI),
    E(EL2HLT),
    E(EBADE),
    E(EBADR),
    E(EXFULL),
    E(ENOANO),
    E(EBADRQC),
    E(EBADSLT),
    E(EBFONT),
    E(ENOSTR),
    E(ENODATA),
    E(ETIME),
    E(ENOSR),
    E(ENONET),
    E(ENOPKG),
    E(EREMOTE),
    E(ENOLINK),
    E(EADV),
    E(ESRMNT),
    E(ECOMM),
    E(EPROTO),
    E(EMULTIHOP),
    E(EDOTDOT),
    E(EBADMSG),
    E(EOVERFLOW),
    E(ENOTUNIQ),
    E(EBADFD),
    E(EREMCHG),
    E(ELIBACC),
    E(ELIBBAD),
    E(ELIBSCN),
    E(ELIBMAX),
    E(ELIBEXEC),
    E(EILSEQ),
    E(ERESTART),
    E(ESTRPIPE),
    E(EUSERS),
    E(ENOTSOCK),
    E(EDESTADDRREQ),
    E(EMSGSIZE),
    E(EPROTOTYPE),
    E(ENOPROTOOPT),
    E(EPROTONOSUPPORT),
    E(ESOCKTNOSUPPORT),
    E(EOPNOTSUPP),
    E(EPFNOSUPPORT),
    E(EAFNOSUPPORT),
    E(EADDRINUSE),
    E(EADDRNOTAVAIL),
    E(ENETDOWN),
    E(ENETUNREACH),
    E(ENETRESET),
    E(ECONNABORTED),
    E(ECONNRESET),
    E(ENOBUFS),
    E(EISCONN),
    E(ENOTCONN),
    E(ESHUTDOWN),
    E(ETOOMANYREFS),
    E(ETIMEDOUT),
    E(ECONNREFUSED),
    E(EHOSTDOWN),
    E(EHOSTUNREACH),
    E(EALREADY),
    E(EINPROGRESS),
    E(ESTALE),
    E(EUCLEAN),
    E(ENOTNAM),
    E(ENAVAIL),
    E(EISNAM),
    E(EREMOTEIO),
    E(EDQUOT),
    E(ENOMEDIUM),
    E(EMEDIUMTYPE),
    E(ECANCELED),
    E(ENOKEY),
    E(EKEYEXPIRED),
    E(EKEYREVOKED),
    E(EKEYREJECTED),
    E(EOWNERDEAD),
    E(ENOTRECOVERABLE),
    E(ERFKILL),
    E(EHWPOISON),
    /* The kernel's own, which tracepoints see. */
    [512] = "ERESTARTSYS",
    [513] = "ERESTARTNOINTR",
    [514] = "ERESTARTNOHAND",
    [515] = "ENOIOCTLCMD",
    [516] = "ERESTART_RESTARTBLOCK",
    [517] = "EPROBE_DEFER",
    [518] = "EOPENSTALE",
    [519] = "ENOPARAM",
    [521] = "EBADHANDLE",
    [522] = "ENOTSYNC",
    [523] = "EBADCOOKIE",
    [524] = "ENOTSUPP",
    [525] = "ETOOSMALL",
    [526] = "ESERVERFAULT",
    [527] = "EBADTYPE",
    [528] = "EJUKEBOX",
    [529] = "EIOCBQUEUED",
    [530] = "ERECALLCONFLICT",
};
#undef E

const char *errno_name(int number)
{
    return number >= 0 && (size_t)number < COUNT(errors) ? errors[number] : NULL;
}

#define S(name) [name] = #name
static const char *const signals[] = {
    S(SIGHUP),  S(SIGINT),    S(SIGQUIT), S(SIGILL),  S(SIGTRAP),   S(SIGABRT), S(SIGBUS),
    S(SIGFPE),  S(SIGKILL),   S(SIGUSR1), S(SIGSEGV), S(SIGUSR2),   S(SIGPIPE), S(SIGALRM),
    S(SIGTERM), S(SIGSTKFLT), S(SIGCHLD), S(SIGCONT), S(SIGSTOP),   S(SIGTSTP), S(SIGTTIN),
    S(SIGTTOU), S(SIGURG),    S(SIGXCPU), S(SIGXFSZ), S(SIGVTALRM), S(SIGPROF), S(SIGWINCH),
    S(SIGIO),   S(SIGPWR),    S(SIGSYS),
};
#undef S

const char *signal_name(unsigned number)
{
    return number < COUNT(signals) ? signals[number] : NULL;
}
