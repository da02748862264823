/*
 * fuzz handoff: any bytes as a shim's message: what is taken has texts that end and arguments within them.
 */
#include "fuzz.h"

#include "agent/handoff.h"

#include <string.h>

static void check_text(const char *text, size_t size)
{
    FUZZ_CHECK(memchr(text, '\0', size) != NULL);
}

static void check_hello(const struct wire_hello *hello)
{
    check_text(hello->host, sizeof(hello->host));
    check_text(hello->cgroup, sizeof(hello->cgroup));
    check_text(hello->task, sizeof(hello->task));
    FUZZ_CHECK(hello->priority < WIRE_PRIORITIES);
    for (uint32_t i = 0; i <= hello->nargs; i++) {
        struct str word = handoff_argument(hello, i);
        FUZZ_CHECK(word.n == 0 ||
                   (word.p >= hello->args && word.p + word.n < hello->args + sizeof(hello->args)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_hello hello;
    struct wire_word word;
    if (handoff_parse_hello(data, size, &hello) == 0) {
        check_hello(&hello);
    }
    if (handoff_parse_word(data, size, &word) == 0) {
        FUZZ_CHECK(word.head.kind == WIRE_LISTENER || word.head.kind == WIRE_UNWATCHED);
    }
    return 0;
}
