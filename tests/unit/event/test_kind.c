/*
 * The tables of kinds, names, flags and services: invariants of every entry, and what a reader of
 * captures and rules relies on.
 */
#include "event/event.h"
#include "event/flags.h"
#include "event/kind.h"

#include <asm/unistd.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_param(const struct kind *k, unsigned i)
{
    const struct param *p = &k->params[i];
    assert_non_null(p->name);
    assert_true(p->type > PARAM_NONE && p->type < PARAM_TYPE_COUNT);
    bool named = p->type == PARAM_MODE || param_is_enum(p->type);
    assert_true(!named || p->flags);
    assert_int_equal(p->type == PARAM_DYN, p->nvariants > 0);
    if (p->type == PARAM_FSRELPATH) {
        assert_true(p->relative_to < k->nparams);
        assert_int_equal(k->params[p->relative_to].type, PARAM_FD);
    }
    for (unsigned j = 0; j < i; j++) {
        assert_string_not_equal(k->params[j].name, p->name);
    }
}

static void check_kind(unsigned number)
{
    const struct kind *k = &kind_table[number];
    assert_true(k->nparams <= KIND_PARAMS_MAX);
    assert_int_equal(name_find(str_of(k->name)), k->name_id);
    assert_string_equal(name_text(k->name_id), k->name);
    unsigned classes = k->flags & (KIND_SYSCALL | KIND_TRACEPOINT | KIND_PLUGIN | KIND_META);
    assert_true(classes && (classes & (classes - 1)) == 0);
    assert_true(k->fd_param >= -1 && k->fd_param < k->nparams);
    assert_true(k->res_param >= -1 && k->res_param < k->nparams);
    assert_true(k->res_param < 0 || kind_is_exit((uint16_t)number));
    if (k->fd_param >= 0) {
        uint8_t type = k->params[k->fd_param].type;
        assert_true(type == PARAM_FD || type == PARAM_ERRNO);
    }
    for (unsigned i = 0; i < k->nparams; i++) {
        check_param(k, i);
    }
}

static void test_every_kind_is_consistent(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned n = 0; n < KIND_MAX; n++) {
        if (kind_table[n].name) {
            check_kind(n);
            count++;
        }
    }
    assert_true(count > 400);
}

/* Both directions of a call have one name, so that rules file both under it. */
static void test_pairs_share_their_name(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KIND_MAX; n += 2) {
        const struct kind *enter = &kind_table[n];
        const struct kind *leave = &kind_table[n + 1];
        if (enter->name && leave->name) {
            assert_int_equal(enter->name_id, leave->name_id);
        }
    }
}

static void test_numbers_of_the_format(void **state)
{
    (void)state;
    assert_string_equal(kind_table[3].name, "open");
    assert_string_equal(kind_table[293].name, "execve");
    assert_int_equal(kind_table[293].nparams, 30);
    assert_string_equal(kind_table[307].name, "openat");
    assert_string_equal(kind_table[331].name, "execveat");
    assert_string_equal(kind_table[335].name, "clone3");
    assert_string_equal(kind_table[402].name, "asyncevent");
    assert_string_equal(kind_table[405].name, "memfd_create");
    assert_string_equal(kind_table[425].name, "delete_module");
    assert_string_equal(kind_table[429].name, "setregid");
    assert_string_equal(kind_table[57].name, "accept");
    assert_string_equal(kind_table[389].name, "accept4");
    assert_null(kind_table[17].name);
    assert_null(kind_table[430].name);
    assert_null(kind_table[KIND_MAX - 1].name);
    assert_int_equal(KIND_DNS_X, KIND_OWN_FIRST + 1);
    assert_int_equal(KIND_SETREGID_X, 429);
}

static void test_param_by_name(void **state)
{
    (void)state;
    assert_int_equal(kind_param(KIND_OPENAT_2_X, STR("fd")), 0);
    assert_int_equal(kind_param(KIND_OPENAT_2_X, STR("ino")), 6);
    assert_int_equal(kind_param(KIND_OPENAT_2_X, STR("in")), -1);
    assert_int_equal(kind_param(KIND_OPENAT_2_X, STR("inos")), -1);
    assert_int_equal(kind_param(KIND_OPENAT_2_X, STR("")), -1);
    assert_int_equal(kind_param(KIND_EXECVE_18_E, STR("res")), -1);
    assert_int_equal(kind_param(KIND_MAX - 1, STR("fd")), -1);
    assert_int_equal(kind_param(KIND_MAX, STR("fd")), -1);
    assert_int_equal(kind_param(UINT16_MAX, STR("fd")), -1);
}

static void test_descriptor_and_result(void **state)
{
    (void)state;
    assert_int_equal(kind_table[KIND_OPEN_X].fd_param, 0);
    assert_int_equal(kind_table[KIND_OPEN_X].res_param, 0);
    assert_int_equal(kind_table[KIND_OPEN_E].fd_param, -1);
    assert_int_equal(kind_table[KIND_READ_E].fd_param, 0);
    assert_int_equal(kind_table[KIND_READ_X].fd_param, 2);
    assert_int_equal(kind_table[KIND_READ_X].res_param, 0);
    assert_int_equal(kind_table[KIND_MMAP_E].fd_param, 4);
    assert_int_equal(kind_table[KIND_FCNTL_X].fd_param, 1);
    assert_int_equal(kind_table[KIND_GETUID_X].res_param, -1);
    assert_int_equal(kind_table[KIND_PROCEXIT_1_E].res_param, -1);
}

static void test_names_are_sorted_and_unique(void **state)
{
    (void)state;
    static const char *const texts[] = {
#define NAME(id, name) #name,
#include "event/names.def"
#undef NAME
    };
    static const uint16_t ids[] = {
#define NAME(id, name) id,
#include "event/names.def"
#undef NAME
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_true(i == 0 || str_cmp(str_of(texts[i - 1]), str_of(texts[i])) < 0);
        assert_true(ids[i] < NAME_MAX_ID);
        assert_int_equal(name_find(str_of(texts[i])), ids[i]);
        assert_string_equal(name_text(ids[i]), texts[i]);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(name_find(STR("open")), 5);
    assert_int_equal(name_find(STR("mseal")), 442);
    assert_int_equal(name_find(STR("file_setattr")), 450);
    assert_true(name_find(STR("procexit")) >= SYSCALL_CODE_MAX);
    assert_true(name_find(STR("dns")) < NAME_MAX_ID);
    assert_int_equal(name_find(STR("")), NAME_NONE);
    assert_int_equal(name_find(STR("opena")), NAME_NONE);
    assert_int_equal(name_find(STR("ope")), NAME_NONE);
    assert_int_equal(name_find(STR("OPEN")), NAME_NONE);
    assert_int_equal(name_find(str_from("open\0x", 6)), NAME_NONE);
    assert_int_equal(name_find(STR("zzz")), NAME_NONE);
    assert_null(name_text(382));
    assert_null(name_text(NAME_MAX_ID - 1));
    assert_null(name_text(NAME_MAX_ID));
    assert_null(name_text(NAME_NONE));
}

static void test_system_calls_of_this_machine(void **state)
{
    (void)state;
    assert_int_equal(name_of_syscall(__NR_execve), NAME_execve);
    assert_int_equal(name_of_syscall(__NR_read), NAME_read);
    assert_int_equal(name_of_syscall(__NR_pread64), NAME_pread);
    assert_int_equal(name_of_syscall(__NR_prlimit64), NAME_prlimit);
    assert_int_equal(name_of_syscall(__NR_close_range), NAME_close_range);
    assert_int_equal(name_of_syscall(452), NAME_fchmodat2);
    assert_int_equal(name_of_syscall(469), NAME_file_setattr);
    assert_int_equal(name_of_syscall(470), NAME_NONE);
#ifdef __x86_64__
    assert_int_equal(name_of_syscall(2), NAME_open);
    assert_int_equal(name_of_syscall(335), NAME_uretprobe);
    assert_int_equal(name_of_syscall(183), NAME_NONE); /* afs_syscall, never implemented */
#endif
    assert_int_equal(name_of_syscall(1023), NAME_NONE);
    assert_int_equal(name_of_syscall(UINT32_MAX), NAME_NONE);
}

static void test_errors_and_signals(void **state)
{
    (void)state;
    assert_string_equal(errno_name(ENOENT), "ENOENT");
    assert_string_equal(errno_name(EAGAIN), "EAGAIN");
    assert_string_equal(errno_name(EHWPOISON), "EHWPOISON");
    assert_string_equal(errno_name(512), "ERESTARTSYS");
    assert_string_equal(errno_name(530), "ERECALLCONFLICT");
    assert_null(errno_name(0));
    assert_null(errno_name(134));
    assert_null(errno_name(531));
    assert_null(errno_name(-1));
    assert_string_equal(signal_name(SIGTERM), "SIGTERM");
    assert_string_equal(signal_name(1), "SIGHUP");
    assert_string_equal(signal_name(31), "SIGSYS");
    assert_null(signal_name(0));
    assert_null(signal_name(32));
}

static void test_categories(void **state)
{
    (void)state;
    assert_string_equal(category_text(CATEGORY_FILE), "file");
    assert_string_equal(category_text(CATEGORY_INTERNAL), "internal");
    assert_string_equal(category_text((enum kind_category)(CATEGORY_INTERNAL + 1)), "unknown");
}

static void test_services(void **state)
{
    (void)state;
    assert_int_equal(service_port(STR("https")), 443);
    assert_int_equal(service_port(STR("ssh")), 22);
    assert_int_equal(service_port(STR("domain")), 53);
    assert_int_equal(service_port(STR("http")), 80);
    assert_int_equal(service_port(STR("HTTP")), 0);
    assert_int_equal(service_port(STR("")), 0);
    assert_string_equal(service_name(443, false), "https");
    assert_string_equal(service_name(53, true), "domain");
    assert_string_equal(service_name(123, true), "ntp");
    assert_null(service_name(123, false));
    assert_null(service_name(0, false));
    assert_null(service_name(UINT16_MAX, true));
}

/* Each port finds a name of its own, and each name its port. */
static void test_services_are_sorted(void **state)
{
    (void)state;
    static const struct {
        uint16_t port;
        const char *name;
    } all[] = {
#define SERVICE(port, protocols, name) { port, name },
#include "event/services.def"
#undef SERVICE
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        assert_true(i == 0 || all[i - 1].port <= all[i].port);
        assert_true(service_name(all[i].port, false) || service_name(all[i].port, true));
        assert_int_not_equal(service_port(str_of(all[i].name)), 0);
    }
}

static const char *flags_of(uint16_t kind, const char *param, uint32_t value)
{
    static char storage[512];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage) - 1);
    int i = kind_param(kind, str_of(param));
    assert_true(i >= 0);
    flags_text(&buf, &kind_table[kind].params[i], value);
    storage[buf.n] = '\0';
    return storage;
}

static void test_flags(void **state)
{
    (void)state;
    assert_string_equal(flags_of(KIND_OPEN_X, "flags", 0), "O_NONE");
    assert_string_equal(flags_of(KIND_OPEN_X, "flags", 1), "O_RDONLY");
    assert_string_equal(flags_of(KIND_OPEN_X, "flags", 3), "O_RDWR");
    assert_string_equal(flags_of(KIND_OPEN_X, "flags", 4097), "O_RDONLY|O_CLOEXEC");
    assert_string_equal(flags_of(KIND_OPEN_X, "flags", 0x107), "O_TRUNC|O_CREAT|O_RDWR");
    assert_string_equal(flags_of(KIND_OPEN_X, "flags", 0x80000000), "");
    assert_string_equal(flags_of(KIND_FUTEX_E, "op", 129), "FUTEX_PRIVATE_FLAG|FUTEX_WAKE");
    assert_string_equal(flags_of(KIND_FUTEX_E, "op", 0), "FUTEX_WAIT");
    assert_string_equal(flags_of(KIND_CHMOD_X, "mode", 07), "S_IXOTH|S_IWOTH|S_IROTH");
    assert_string_equal(flags_of(KIND_CHMOD_X, "mode", 04001), "S_IXOTH|S_ISUID");
}

static void test_enumerations(void **state)
{
    (void)state;
    assert_string_equal(flags_of(KIND_SOCKET_E, "domain", 10), "AF_INET6");
    assert_string_equal(flags_of(KIND_SOCKET_E, "domain", 1), "AF_LOCAL|AF_UNIX");
    assert_string_equal(flags_of(KIND_SOCKET_E, "domain", 11 + 64), "");
    assert_string_equal(flags_of(KIND_PRCTL_X, "option", 15), "PR_SET_NAME");
    assert_string_equal(flags_of(KIND_PTRACE_E, "request", 27), "PTRACE_SETREGS");
    assert_string_equal(flags_of(KIND_BPF_2_X, "cmd", 5), "BPF_PROG_LOAD");
    assert_string_equal(flags_enum(flags_socket_families, 16), "AF_ROUTE");
    assert_null(flags_enum(flags_socket_families, 77));
    assert_null(flags_enum(NULL, 0));
    assert_string_equal(capability_name(21), "CAP_SYS_ADMIN");
    assert_string_equal(capability_name(40), "CAP_CHECKPOINT_RESTORE");
    assert_null(capability_name(41));
}

static void test_flags_without_table(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 64);
    struct param p = { .name = "x", .type = PARAM_FLAGS32 };
    flags_text(&buf, &p, 3);
    assert_int_equal(buf.n, 0);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_is_consistent),
        cmocka_unit_test(test_pairs_share_their_name),
        cmocka_unit_test(test_numbers_of_the_format),
        cmocka_unit_test(test_param_by_name),
        cmocka_unit_test(test_descriptor_and_result),
        cmocka_unit_test(test_names_are_sorted_and_unique),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_system_calls_of_this_machine),
        cmocka_unit_test(test_errors_and_signals),
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_services_are_sorted),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_enumerations),
        cmocka_unit_test(test_flags_without_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
