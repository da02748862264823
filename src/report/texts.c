/*
 * texts: what is said of each rule in words, by language, parsed once.
 *
 *     - rule: NAME
 *       title, summary, why: TEXT
 *       next, respond: [TEXT, ...]
 */
#include "report/report_internal.h"

#include "base/cleanup.h"
#include "rules/doc.h"

#include <errno.h>

#define TEXTS_MAX ((size_t)16 << 20) /* of memory, all languages */

struct language {
    struct str tag;
    const struct doc_node *root; /* a sequence of maps */
};

struct report_texts {
    struct arena arena;
    struct language languages[REPORT_LANGUAGES_MAX];
    size_t n;
};

CLEANUP_DEFINE(struct report_texts, report_texts_free);

void report_texts_free(struct report_texts *texts)
{
    if (texts) {
        arena_done(&texts->arena);
        free(texts);
    }
}

static int add(struct report_texts *texts, const struct report_file *file, struct err *err)
{
    struct doc_documents documents = { 0 };
    uint32_t offset = 0;
    struct language *language = &texts->languages[texts->n];
    struct str text = arena_str(&texts->arena, file->text);
    language->tag = arena_str(&texts->arena, file->language);
    if (!text.p || !language->tag.p) {
        return err_set(err, -ENOMEM, "the texts are too large");
    }
    int r = doc_parse(&texts->arena, text, &documents, &offset, err);
    if (r < 0) {
        return err_wrap(err, "texts in %.32s, byte %u", language->tag.p, offset);
    }
    bool sound = documents.n == 1 && documents.roots[0]->kind == DOC_SEQUENCE;
    for (uint32_t i = 0; sound && i < documents.roots[0]->n; i++) {
        sound = documents.roots[0]->items[i]->kind == DOC_MAP;
    }
    if (!sound) {
        return err_set(err, -EINVAL, "texts in %.32s are not one list of rules", language->tag.p);
    }
    language->root = documents.roots[0];
    texts->n++;
    return 0;
}

int report_texts_new(const struct report_file *files, size_t n, struct report_texts **ret,
                     struct err *err)
{
    CLEANUP(cleanup_report_texts_free) struct report_texts *texts = mem_zalloc(sizeof(*texts));
    if (!texts) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&texts->arena, TEXTS_MAX);
    for (size_t i = 0; i < n; i++) {
        int r = texts->n < REPORT_LANGUAGES_MAX
                    ? add(texts, &files[i], err)
                    : err_set(err, -E2BIG, "texts in more than %d languages", REPORT_LANGUAGES_MAX);
        if (r < 0) {
            return r;
        }
    }
    *ret = TAKE(texts);
    return 0;
}

static const struct doc_node *find_in(const struct doc_node *root, struct str rule)
{
    for (uint32_t i = 0; i < root->n; i++) {
        const struct doc_node *name = doc_get(root->items[i], "rule");
        if (name && name->kind == DOC_SCALAR && str_eq(name->value, rule)) {
            return root->items[i];
        }
    }
    return NULL;
}

const struct doc_node *report_texts_find(const struct report_texts *texts, struct str language,
                                         struct str rule)
{
    for (size_t i = 0; texts && i < texts->n; i++) {
        if (str_eq(texts->languages[i].tag, language)) {
            return find_in(texts->languages[i].root, rule);
        }
    }
    return NULL;
}
