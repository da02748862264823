/*
 * Lists of indicators, plain and CSV, as they are imported; and texts of YAML taken apart into documents. The
 * first byte chooses.
 */
#include "fuzz.h"

#include "server/content_set.h"
#include "server/import.h"

static void import(struct str text, unsigned how)
{
    struct import result;
    struct err err = { 0 };
    const char *why;
    const struct import_options options = {
        .kind = (enum import_kind)(how % IMPORT_KINDS),
        .csv = how & 8,
        .delimiter = how & 16 ? ';' : ',',
        .column_number = how & 32 ? 2 : 1,
        .column_name = how & 64 ? STR("name") : (struct str){ 0 },
        .header = how & 128,
    };
    import_read(&result, &options, text, &err);
    struct buf form;
    buf_init(&form, IMPORT_ITEM_MAX);
    for (size_t i = 0; i < result.n; i++) {
        /* What was taken is good, and in its form already. */
        FUZZ_CHECK(item_is_good(result.items[i], &why));
        FUZZ_CHECK(!import_normalise(options.kind, result.items[i], &form));
        FUZZ_CHECK(str_eq(buf_str(&form), result.items[i]));
    }
    buf_done(&form);
    import_done(&result);
}

static void split(struct str text)
{
    struct arena arena;
    struct documents documents = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    arena_init(&arena, CONTENT_SET_MAX);
    if (documents_split(&arena, text, &documents, &offset, &err) == 0) {
        for (size_t i = 0; i < documents.n; i++) {
            struct documents again = { 0 };
            FUZZ_CHECK(documents_split(&arena, documents.items[i].text, &again, &offset, &err) ==
                       0);
            FUZZ_CHECK(again.n == 1 && str_eq(again.items[0].name, documents.items[i].name));
        }
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct str text = str_from(data + 1, size - 1);
        if (data[0] == 0xff) {
            split(text);
        } else {
            import(text, data[0]);
        }
    }
    return 0;
}
