/*
 * Another thread's memory: ends of pages, holes, arrays of pointers of both sizes, limits, the fallback.
 * The linker puts our own process_vm_readv() before the real one, to count and to refuse it.
 */
#include "test.h"

#include "sensor/notify/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u

static unsigned reads;
static int refuse;

ssize_t __real_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long nlocal,
                                const struct iovec *remote, unsigned long nremote,
                                unsigned long flags);
ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long nlocal,
                                const struct iovec *remote, unsigned long nremote,
                                unsigned long flags);

ssize_t __wrap_process_vm_readv(pid_t pid, const struct iovec *local, unsigned long nlocal,
                                const struct iovec *remote, unsigned long nremote,
                                unsigned long flags)
{
    reads++;
    if (refuse) {
        errno = refuse;
        return -1;
    }
    return __real_process_vm_readv(pid, local, nlocal, remote, nremote, flags);
}

static uint64_t address_of(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* `pages` pages with a hole behind them. */
static char *pages_before_hole(size_t pages, int flags)
{
    char *p = mmap(NULL, (pages + 1) * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    assert_int_equal(munmap(p + pages * PAGE, PAGE), 0);
    return p;
}

/* Every test runs once with the call and once with /proc/TID/mem. */
static int with_call(void **data)
{
    (void)data;
    refuse = 0;
    reads = 0;
    return 0;
}

static int with_file(void **data)
{
    (void)data;
    refuse = EPERM;
    reads = 0;
    return 0;
}

static void bytes_whole_or_not_at_all(void **data)
{
    (void)data;
    char *p = pages_before_hole(3, 0);
    char to[3 * PAGE];
    for (size_t i = 0; i < 3 * PAGE; i++) {
        p[i] = (char)(i * 7);
    }
    assert_int_equal(memory_read(getpid(), address_of(p), to, sizeof(to)), 0);
    assert_memory_equal(to, p, sizeof(to));
    assert_int_equal(memory_read(getpid(), address_of(p + PAGE - 1), to, 2), 0);
    assert_memory_equal(to, p + PAGE - 1, 2);
    assert_int_equal(memory_read(getpid(), address_of(p + 3 * PAGE - 8), to, 8), 0);
    assert_int_equal(memory_read(getpid(), address_of(p + 3 * PAGE - 8), to, 9), -EFAULT);
    assert_int_equal(memory_read(getpid(), address_of(p + 3 * PAGE), to, 1), -EFAULT);
    assert_int_equal(memory_read(getpid(), 0, to, 1), -EFAULT);
    assert_int_equal(memory_read(getpid(), UINT64_MAX - 3, to, 8), -EFAULT);
    assert_int_equal(memory_read(getpid(), UINT64_C(0xffffffffff600000) - 1, to, 1), -EFAULT);
    assert_int_equal(memory_read(getpid(), address_of(p), to, 0), 0);
    munmap(p, 3 * PAGE);
}

static void text_up_to_its_nul(void **data)
{
    (void)data;
    char *p = pages_before_hole(2, 0);
    char to[64];
    bool cut = true;
    char *at = p + 2 * PAGE - 6;
    memcpy(at, "hello", 6);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, sizeof(to), &cut), 5);
    assert_string_equal(to, "hello");
    assert_false(cut);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, 6, &cut), 5);
    assert_false(cut);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, 5, &cut), 4);
    assert_string_equal(to, "hell");
    assert_true(cut);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, 1, &cut), 0);
    assert_string_equal(to, "");
    assert_true(cut);
    assert_int_equal(memory_read_text(getpid(), address_of(at + 5), to, 1, &cut), 0);
    assert_false(cut);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, 0, &cut), -EINVAL);
    at[5] = '!'; /* no NUL before the hole */
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, sizeof(to), &cut), -EFAULT);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, 7, &cut), -EFAULT);
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, 6, &cut), 5);
    assert_true(cut);
    memset(p + PAGE - 2, 'x', 4);
    p[PAGE + 2] = '\0';
    assert_int_equal(memory_read_text(getpid(), address_of(p + PAGE - 2), to, sizeof(to), &cut), 4);
    assert_string_equal(to, "xxxx");
    munmap(p, 2 * PAGE);
}

static void long_paths(void **data)
{
    (void)data;
    static char to[PAGE];
    char *p = pages_before_hole(2, 0);
    bool cut = true;
    memset(p, 'a', 2 * PAGE);
    char *at = p + 2 * PAGE - 4096;
    at[4095] = '\0';
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, sizeof(to), &cut), 4095);
    assert_false(cut);
    assert_int_equal(strlen(to), 4095);
    at -= 1; /* 4,096 bytes: one more than a path may have */
    assert_int_equal(memory_read_text(getpid(), address_of(at), to, sizeof(to), &cut), 4095);
    assert_true(cut);
    munmap(p, 2 * PAGE);
}

#define MANY 10000

static char *many[MANY + 1];

static ssize_t read_many(const void *at, uint32_t pointer_size, char *to, size_t size,
                         struct memory_marks *marks)
{
    struct memory_array array = { address_of(at), pointer_size, 4096 };
    return memory_read_array(getpid(), &array, to, size, marks);
}

static void fill_many(char *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        many[i] = texts;
        texts += snprintf(texts, 16, "arg-%zu", i) + 1;
    }
    many[n] = NULL;
}

static void array_in_few_calls(void **data)
{
    (void)data;
    static char texts[MANY * 16], to[MANY * 16];
    struct memory_marks marks;
    fill_many(texts, 1000);
    size_t want = (size_t)(many[999] - texts) + strlen(many[999]) + 1;
    assert_int_equal(read_many(many, 8, to, sizeof(to), &marks), want);
    assert_false(marks.cut || marks.unreadable);
    assert_memory_equal(to, texts, want);
    assert_true(reads < 30);

    fill_many(texts, 4096);
    want = (size_t)(many[4095] - texts) + strlen(many[4095]) + 1;
    assert_int_equal(read_many(many, 8, to, sizeof(to), &marks), want);
    assert_false(marks.cut);

    fill_many(texts, MANY);
    assert_int_equal(read_many(many, 8, to, sizeof(to), &marks), want);
    assert_true(marks.cut && !marks.unreadable);
}

static void array_within_its_size(void **data)
{
    (void)data;
    char *argv[] = { "one", "", "three", NULL };
    char to[32];
    struct memory_marks marks;
    assert_int_equal(read_many(argv, 8, to, sizeof(to), &marks), 11);
    assert_memory_equal(to, "one\0\0three", 11);
    assert_int_equal(read_many(argv, 8, to, 11, &marks), 11);
    assert_false(marks.cut);
    assert_int_equal(read_many(argv, 8, to, 10, &marks), 10);
    assert_memory_equal(to, "one\0\0thre", 10);
    assert_true(marks.cut);
    assert_int_equal(read_many(argv, 8, to, 5, &marks), 5);
    assert_true(marks.cut);
    assert_int_equal(read_many(argv, 8, to, 1, &marks), 1);
    assert_true(marks.cut && to[0] == '\0');
    assert_int_equal(read_many(argv + 3, 8, to, sizeof(to), &marks), 0);
    assert_false(marks.cut || marks.unreadable);
    assert_int_equal(read_many(argv, 16, to, sizeof(to), &marks), -EINVAL);
}

static void array_of_long_texts(void **data)
{
    (void)data;
    static char big[3 * PAGE], to[64 << 10];
    char *argv[] = { "sh", big, "end", big + 100, NULL };
    struct memory_marks marks;
    memset(big, 'p', 5 << 10);
    ssize_t n = read_many(argv, 8, to, sizeof(to), &marks);
    assert_int_equal(n, 3 + 5121 + 4 + 5021);
    assert_false(marks.cut || marks.unreadable);
    assert_memory_equal(to + 3, big, 5121);
    assert_string_equal(to + 3 + 5121, "end");
    assert_int_equal(strlen(to + 3 + 5121 + 4), 5020);
}

static void array_with_bad_pointers(void **data)
{
    (void)data;
    char *p = pages_before_hole(1, 0);
    char *hole = p + PAGE;
    char to[64];
    struct memory_marks marks;
    char *argv[] = { "one", "two", hole, "four", NULL };
    assert_int_equal(read_many(argv, 8, to, sizeof(to), &marks), 8);
    assert_memory_equal(to, "one\0two", 8);
    assert_true(marks.unreadable);
    argv[0] = hole;
    assert_int_equal(read_many(argv, 8, to, sizeof(to), &marks), -EFAULT);
    assert_true(marks.unreadable);
    assert_int_equal(read_many(hole, 8, to, sizeof(to), &marks), -EFAULT);

    /* The array itself runs into the hole: no NULL. */
    char **last = (char **)(void *)(hole - 2 * sizeof(char *));
    last[0] = "a";
    last[1] = "b";
    assert_int_equal(read_many(last, 8, to, sizeof(to), &marks), 4);
    assert_true(marks.unreadable);
    /* A text that does. */
    memset(p, 'x', PAGE);
    argv[0] = hole - 3;
    assert_int_equal(read_many(argv, 8, to, sizeof(to), &marks), -EFAULT);
    assert_true(marks.unreadable);
    munmap(p, PAGE);
}

static void array_across_pages(void **data)
{
    (void)data;
    char *p = pages_before_hole(2, 0);
    char to[64];
    struct memory_marks marks;
    char *texts[] = { "a", "bb", NULL };
    for (size_t shift = 1; shift < 24; shift++) { /* also pointers that lie on both pages */
        memcpy(p + PAGE - shift, texts, sizeof(texts));
        assert_int_equal(read_many(p + PAGE - shift, 8, to, sizeof(to), &marks), 5);
        assert_memory_equal(to, "a\0bb", 5);
    }
    char *at = p + PAGE - 2;
    memcpy(at, "xyz", 4);
    char *argv[] = { at, NULL };
    assert_int_equal(read_many(argv, 8, to, sizeof(to), &marks), 4);
    assert_string_equal(to, "xyz");
    munmap(p, 2 * PAGE);
}

static void array_of_short_pointers(void **data)
{
    (void)data;
    char *p = pages_before_hole(2, MAP_32BIT);
    char to[64];
    struct memory_marks marks;
    memcpy(p, "left\0right", 11);
    uint32_t pointers[] = { (uint32_t)address_of(p), (uint32_t)address_of(p + 5), 0 };
    char *at = p + 2 * PAGE - sizeof(pointers);
    memcpy(at, pointers, sizeof(pointers));
    assert_int_equal(read_many(at, 4, to, sizeof(to), &marks), 11);
    assert_memory_equal(to, "left\0right", 11);
    munmap(p, 2 * PAGE);
}

/* A loop of pointers to one text ends at the limits. */
static void array_without_end(void **data)
{
    (void)data;
    static char *same[5000];
    static char to[8192];
    struct memory_marks marks;
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        same[i] = "x";
    }
    assert_int_equal(read_many(same, 8, to, sizeof(to), &marks), 8192);
    assert_true(marks.cut);
    assert_int_equal(read_many(same, 8, to, 100, &marks), 100);
    assert_true(marks.cut);
}

static void gone_task(void **data)
{
    (void)data;
    char to[8];
    bool cut;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(memory_read(child, address_of(to), to, sizeof(to)), -ESRCH);
    assert_true(memory_read_text(child, address_of(to), to, sizeof(to), &cut) < 0);
}

static void *pause_thread(void *data)
{
    *(volatile pid_t *)data = gettid();
    for (;;) {
        pause();
    }
    return NULL;
}

static void by_thread_id(void **data)
{
    (void)data;
    pthread_t thread;
    volatile pid_t tid = 0;
    char to[8];
    assert_int_equal(pthread_create(&thread, NULL, pause_thread, (void *)&tid), 0);
    while (tid == 0) {
        sched_yield();
    }
    assert_int_equal(memory_read(tid, address_of("thread"), to, 7), 0);
    assert_string_equal(to, "thread");
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

#define BOTH(test)                                                                                 \
    { #test, test, with_call, NULL, NULL },                                                        \
    {                                                                                              \
#test ", /proc/TID/mem", test, with_file, NULL, NULL                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(bytes_whole_or_not_at_all),
        BOTH(text_up_to_its_nul),
        BOTH(long_paths),
        { "array_in_few_calls", array_in_few_calls, with_call, NULL, NULL },
        BOTH(array_within_its_size),
        BOTH(array_of_long_texts),
        BOTH(array_with_bad_pointers),
        BOTH(array_across_pages),
        BOTH(array_of_short_pointers),
        BOTH(array_without_end),
        BOTH(gone_task),
        BOTH(by_thread_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
