/*
 * fuzz loader: any bytes as a YAML document: nodes lie within the file, and each byte of a scalar can
 * be found again there.
 */
#include "fuzz.h"

#include "rules/doc.h"

#define MEMORY ((size_t)64 << 20)

static void check_node(struct str content, const struct doc_node *node, unsigned depth)
{
    FUZZ_CHECK(node->offset <= content.n && node->offset <= node->end && node->end <= content.n);
    FUZZ_CHECK(depth <= 64);
    if (node->kind == DOC_SCALAR) {
        for (uint32_t at = 0; at <= node->value.n && at < 64; at++) {
            uint32_t where = doc_locate(content, node, at);
            FUZZ_CHECK(where >= node->offset && where <= content.n);
        }
        return;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        check_node(content, node->items[i], depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct doc_documents documents;
    uint32_t offset = UINT32_MAX;
    struct err err = { 0 };
    struct str content = str_from(data, size);
    arena_init(&arena, MEMORY);
    int r = doc_parse(&arena, content, &documents, &offset, &err);
    if (r == 0) {
        for (uint32_t i = 0; i < documents.n; i++) {
            check_node(content, documents.roots[i], 0);
        }
    } else {
        FUZZ_CHECK(err.message[0] != '\0' && offset <= size);
    }
    arena_done(&arena);
    return 0;
}
