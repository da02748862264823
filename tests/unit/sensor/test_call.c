/*
 * call: the table is whole and consistent with the event module, numbers are those of the kernel's
 * headers on each architecture, and the calls that Docker's profile hides are those marked.
 */
#include "test.h"

#include "base/buf.h"
#include "base/fd.h"
#include "sensor/notify/call.h"

#include <json-c/json.h>
#include <linux/net.h>
#include <string.h>

/* No header of the C library in sight brings the numbers of x86-64 in: these are ia32's. */
#ifdef __x86_64__
#include <asm/unistd_32.h>
#endif

static void test_table(void **state)
{
    (void)state;
    assert_true(call_count > 100 && call_count <= CALLS_MAX);
    for (size_t i = 0; i < call_count; i++) {
        const struct call *call = &call_table[i];
        const struct kind *kind = &kind_table[call->kind];
        const char *name = name_text(call->name);
        assert_non_null(name);
        assert_ptr_equal(call_find(call->name), call);
        assert_true(kind_is_exit(call->kind) && !(kind->flags & KIND_OLD_VERSION));
        assert_int_equal(strlen(call->args), call->nargs);
        assert_true(call->nargs <= 6);
        assert_int_equal(strspn(call->args, "ifdpsmaehctb-"), call->nargs);
        if (call->kind != KIND_GENERIC_X && call->name != NAME_fchmodat2) {
            assert_int_equal(kind->name_id, call->name);
        }
        assert_true(call->manner <= MANNER_FORK);
    }
    assert_null(call_find(NAME_read));
    assert_null(call_find(NAME_NONE));
    assert_null(call_find(NAME_MAX_ID));
}

/* Generic only where the format has no kind of that name. */
static void test_newest_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < call_count; i++) {
        for (unsigned k = 3; k < KIND_MAX; k += 2) {
            const struct kind *kind = &kind_table[k];
            if (kind->name && kind->name_id == call_table[i].name &&
                !(kind->flags & KIND_OLD_VERSION)) {
                assert_int_equal(call_table[i].kind, k);
            }
        }
    }
}

/* Letters in the order that the reader of arguments expects. */
static void test_letters(void **state)
{
    (void)state;
    for (size_t i = 0; i < call_count; i++) {
        const char *args = call_table[i].args;
        unsigned paths = 0;
        unsigned texts = 0;
        for (const char *a = args; *a; a++) {
            paths += *a == ARG_PATH;
            texts += *a == ARG_TEXT;
            if (strchr("shc", *a)) {
                assert_int_equal(a[1], ARG_INT);
            }
            if (*a == ARG_DIRFD) {
                assert_int_equal(a[1], ARG_PATH);
            }
        }
        assert_true(paths <= 2 && texts <= 2);
        if (call_table[i].name == NAME_open_by_handle_at) {
            assert_int_equal(call_table[i].manner, MANNER_EXACT);
            continue;
        }
        assert_int_equal(paths > 0, (call_table[i].flags & CALL_PATHS) != 0);
        if (call_table[i].flags & CALL_OPEN) {
            assert_true(paths == 1 && call_table[i].manner == MANNER_CONFIRM);
        }
    }
}

static void test_native_numbers(void **state)
{
    (void)state;
    size_t without = 0;
    for (size_t i = 0; i < call_count; i++) {
        int nr = call_number(CALL_ARCH_NATIVE, &call_table[i]);
        without += nr < 0;
        if (nr >= 0) {
            assert_ptr_equal(call_of_number(CALL_ARCH_NATIVE, (uint32_t)nr), &call_table[i]);
        }
    }
#ifdef __x86_64__
    assert_int_equal(without, 3); /* umount, mmap2, socketcall: ia32's */
    assert_int_equal(call_number(CALL_ARCH_NATIVE, call_find(NAME_openat)), 257);
    assert_int_equal(call_number(CALL_ARCH_NATIVE, call_find(NAME_prlimit)), 302);
    assert_int_equal(call_number(CALL_ARCH_NATIVE, call_find(NAME_fchmodat2)), 452);
#endif
    assert_null(call_of_number(CALL_ARCH_NATIVE, 100000));
    assert_null(call_of_number(CALL_ARCH_NATIVE, UINT32_MAX));
    assert_null(call_of_number(0x12345678, 1));
}

static void test_never(void **state)
{
    (void)state;
    static const uint16_t never[] = {
        NAME_exit,
        NAME_exit_group,
        NAME_read,
        NAME_write,
        NAME_readv,
        NAME_writev,
        NAME_close,
        NAME_rt_sigreturn,
        NAME_recvfrom,
        NAME_recvmsg,
        NAME_recvmmsg,
        NAME_futex,
        NAME_restart_syscall,
    };
    for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
        assert_null(call_find(never[i]));
    }
}

#ifdef __x86_64__
struct number {
    uint32_t ours, theirs;
    uint16_t name;
    const char *text;
};

static const struct number ia32_numbers[] = {
#define IA32(number, call, name) { (number), __NR_##call, NAME_##name, #call },
#define IA32_NEW(number, name)
#include "sensor/notify/ia32.def"
#undef IA32
#undef IA32_NEW
};

static const struct number ia32_new[] = {
#define IA32(number, call, name)
#define IA32_NEW(number, name) { (number), 0, NAME_##name, #name },
#include "sensor/notify/ia32.def"
#undef IA32
#undef IA32_NEW
};

static void test_ia32_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ia32_numbers); i++) {
        const struct number *n = &ia32_numbers[i];
        if (n->ours != n->theirs) {
            fail_msg("%s is %u, not %u", n->text, n->theirs, n->ours);
        }
        assert_ptr_equal(call_of_number(AUDIT_ARCH_I386, n->ours), call_find(n->name));
        assert_non_null(call_find(n->name));
    }
    for (size_t i = 0; i < ARRAY_SIZE(ia32_new); i++) {
        assert_true(ia32_new[i].ours >= 424);
        assert_int_equal(name_of_syscall(ia32_new[i].ours), ia32_new[i].name);
    }
    assert_null(call_of_number(AUDIT_ARCH_I386, __NR_exit));
    assert_null(call_of_number(AUDIT_ARCH_I386, __NR_read));
    assert_null(call_of_number(AUDIT_ARCH_I386, 511));
    assert_null(call_of_number(AUDIT_ARCH_I386, 512));
}

/* Every call of x86-64 that ia32 has as well is in its table. */
static void test_ia32_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < call_count; i++) {
        uint16_t name = call_table[i].name;
        /* By socketcall; not there at all. */
        bool without = name == NAME_accept || name == NAME_kexec_file_load;
        if (call_number(AUDIT_ARCH_I386, &call_table[i]) < 0 && !without) {
            fail_msg("ia32 lacks %s", name_text(name));
        }
    }
}

static void test_x32_numbers(void **state)
{
    (void)state;
    static const struct {
        uint32_t nr;
        uint16_t name;
    } some[] = {
        { 2, NAME_open },
        { 257, NAME_openat },
        { 520, NAME_execve },
        { 521, NAME_ptrace },
        { 518, NAME_sendmsg },
        { 538, NAME_sendmmsg },
        { 545, NAME_execveat },
        { 540, NAME_process_vm_writev },
        { 536, NAME_rt_tgsigqueueinfo },
    };
    for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
        assert_int_equal(call_name_of_number(CALL_ARCH_NATIVE, CALL_X32_BIT | some[i].nr),
                         some[i].name);
        assert_non_null(call_of_number(CALL_ARCH_NATIVE, CALL_X32_BIT | some[i].nr));
    }
    assert_int_equal(call_name_of_number(CALL_ARCH_NATIVE, CALL_X32_BIT | 513), NAME_rt_sigreturn);
    assert_int_equal(call_name_of_number(CALL_ARCH_NATIVE, CALL_X32_BIT | 548), NAME_NONE);
    assert_int_equal(call_name_of_number(CALL_ARCH_NATIVE, UINT32_MAX), NAME_NONE);
}
#endif

static void test_socketcall(void **state)
{
    (void)state;
    assert_ptr_equal(call_of_socketcall(SYS_SOCKET), call_find(NAME_socket));
    assert_ptr_equal(call_of_socketcall(SYS_SENDMMSG), call_find(NAME_sendmmsg));
    assert_ptr_equal(call_of_socketcall(SYS_ACCEPT), call_find(NAME_accept));
    assert_null(call_of_socketcall(SYS_SEND));
    assert_null(call_of_socketcall(SYS_RECVFROM));
    assert_null(call_of_socketcall(0));
    assert_null(call_of_socketcall(SYS_SENDMMSG + 1));
    assert_null(call_of_socketcall(UINT32_MAX));
}

static void test_sets(void **state)
{
    (void)state;
    struct callset set;
    callset_state(&set);
    size_t n = 0;
    for (size_t i = 0; i < call_count; i++) {
        assert_int_equal(callset_has(&set, i), (call_table[i].flags & CALL_STATE) != 0);
        n += callset_has(&set, i);
    }
    assert_true(n > 20 && n < 40);
    assert_true(callset_has(&set, (size_t)(call_find(NAME_execve) - call_table)));
    assert_false(callset_has(&set, (size_t)(call_find(NAME_openat) - call_table)));

    callset_all(&set);
    for (size_t i = 0; i < CALLS_MAX; i++) {
        assert_int_equal(callset_has(&set, i), i < call_count);
    }

    set = (struct callset){ 0 };
    assert_true(callset_add_name(&set, NAME_openat));
    assert_true(callset_has(&set, (size_t)(call_find(NAME_openat) - call_table)));
    assert_false(callset_has(&set, (size_t)(call_find(NAME_open) - call_table)));
    assert_true(callset_add_name(&set, NAME_fchmodat));
    assert_true(callset_has(&set, (size_t)(call_find(NAME_fchmodat2) - call_table)));
    assert_true(callset_has(&set, (size_t)(call_find(NAME_fchmodat) - call_table)));
    assert_true(callset_add_name(&set, NAME_move_mount));
    assert_false(callset_add_name(&set, NAME_fchmodat2));
    assert_false(callset_add_name(&set, NAME_read));
    assert_false(callset_add_name(&set, NAME_procexit));
    assert_false(callset_add_name(&set, NAME_NONE));
}

/* What the engine gives a container by default. */
static bool is_default_capability(const char *name)
{
    static const char *const list[] = {
        "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",      "CAP_FOWNER",           "CAP_MKNOD",
        "CAP_NET_RAW", "CAP_SETGID",       "CAP_SETUID",      "CAP_SETFCAP",          "CAP_SETPCAP",
        "CAP_KILL",    "CAP_SYS_CHROOT",   "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE",
    };
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_this_architecture(const char *name)
{
    return strcmp(name, "amd64") == 0 || strcmp(name, "x86") == 0 || strcmp(name, "x32") == 0;
}

/* All (capabilities) or any (architectures) of the group's list are ours; an absent list: `absent`. */
static bool list_holds(struct json_object *group, const char *key, bool absent)
{
    struct json_object *list = NULL;
    if (!group || !json_object_object_get_ex(group, key, &list) || !list) {
        return absent;
    }
    bool all = true;
    bool any = false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        bool ours = key[0] == 'c' ? is_default_capability(text) : is_this_architecture(text);
        all &= ours;
        any |= ours;
    }
    return key[0] == 'c' && absent ? all : any;
}

static bool names_call(struct json_object *entry, const char *name)
{
    struct json_object *names = json_object_object_get(entry, "names");
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        if (strcmp(json_object_get_string(json_object_array_get_idx(names, i)), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool profile_allows(struct json_object *profile, const char *name)
{
    struct json_object *entries = json_object_object_get(profile, "syscalls");
    for (size_t i = 0; i < json_object_array_length(entries); i++) {
        struct json_object *entry = json_object_array_get_idx(entries, i);
        struct json_object *includes = json_object_object_get(entry, "includes");
        struct json_object *excludes = json_object_object_get(entry, "excludes");
        const char *action = json_object_get_string(json_object_object_get(entry, "action"));
        if (names_call(entry, name) && strcmp(action, "SCMP_ACT_ALLOW") == 0 &&
            list_holds(includes, "caps", true) && list_holds(includes, "arches", true) &&
            !list_holds(excludes, "caps", false) && !list_holds(excludes, "arches", false)) {
            return true;
        }
    }
    return false;
}

/* The profile knows prlimit by the kernel's name. */
static const char *kernel_name(const struct call *call)
{
    return call->name == NAME_prlimit ? "prlimit64" : name_text(call->name);
}

/* Newer than the profile: what it does not name, it refuses. */
static void test_docker_profile(void **state)
{
    (void)state;
    char shared[4096];
    if (!test_shared(SOURCE_ROOT, shared, sizeof shared)) {
        skip();
    }
    char path[4200];
    snprintf(path, sizeof path, "%s/data/docker-default-seccomp.json", shared);
    struct json_object *profile = json_object_from_file(path);
    assert_non_null(profile);
    size_t wrong = 0;
    for (size_t i = 0; i < call_count; i++) {
        const struct call *call = &call_table[i];
        bool hidden = call->flags & CALL_HIDDEN_BY_DOCKER;
        if (profile_allows(profile, kernel_name(call)) == hidden) {
            print_error("%s is %s\n", name_text(call->name), hidden ? "allowed" : "hidden");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    json_object_put(profile);
}

/* The page that lists the calls lists all of them. */
static void test_page(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, 1 << 20);
    assert_int_equal(file_read(SOURCE_ROOT "/docs/calls.md", &page, NULL), 0);
    buf_putc(&page, '\0');
    for (size_t i = 0; i < call_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "`%s`", name_text(call_table[i].name));
        if (!strstr(page.p, name)) {
            fail_msg("docs/calls.md lacks %s", name);
        }
    }
    buf_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_newest_kinds),
        cmocka_unit_test(test_letters),        cmocka_unit_test(test_native_numbers),
        cmocka_unit_test(test_never),
#ifdef __x86_64__
        cmocka_unit_test(test_ia32_numbers),   cmocka_unit_test(test_ia32_is_whole),
        cmocka_unit_test(test_x32_numbers),
#endif
        cmocka_unit_test(test_socketcall),     cmocka_unit_test(test_sets),
        cmocka_unit_test(test_docker_profile), cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
