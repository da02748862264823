/*
 * fuzz grammar: any bytes as a condition. What parses has a canonical form that parses to itself.
 */
#include "fuzz.h"

#include "rules/ast.h"

#define MEMORY ((size_t)64 << 20)

static void check_again(struct str canonical)
{
    struct arena arena;
    struct buf again;
    struct ast *ast;
    uint32_t offset;
    struct err err = { 0 };
    arena_init(&arena, 4 * MEMORY);
    buf_init(&again, MEMORY);
    int r = parse_condition(&arena, canonical, 2 * CONDITION_DEPTH_MAX, &ast, &offset, &err);
    FUZZ_CHECK(r == 0);
    ast_text(ast, &again);
    FUZZ_CHECK(str_eq(buf_str(&again), canonical));
    buf_done(&again);
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf canonical;
    struct ast *ast;
    uint32_t offset = UINT32_MAX;
    struct err err = { 0 };
    arena_init(&arena, MEMORY);
    buf_init(&canonical, MEMORY);
    int r = parse_condition(&arena, str_from(data, size), CONDITION_DEPTH_MAX, &ast, &offset, &err);
    if (r == 0) {
        ast_text(ast, &canonical);
        FUZZ_CHECK(!canonical.failed);
        check_again(buf_str(&canonical));
    } else {
        FUZZ_CHECK(err.message[0] != '\0' && offset <= size);
    }
    buf_done(&canonical);
    arena_done(&arena);
    return 0;
}
