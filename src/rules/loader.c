/*
 * loader: files in, ruleset out.
 *
 * What files hold is kept in the loader's arena, since conditions borrow their text and diagnostics
 * quote lines. The tree of one file's YAML lives only while it is read. The finished ruleset takes
 * over the arena of collected items and the last compilation.
 */
#include "rules/load.h"

#include <errno.h>
#include <stdlib.h>

int loader_new(const struct loader_options *options, struct loader **ret)
{
    static const struct str container = { "container 0.99.0", 16 };
    struct loader *loader = mem_zalloc(sizeof(*loader));
    if (!loader) {
        return -ENOMEM;
    }
    loader->memory_max = options && options->memory_max ? options->memory_max : RULES_MEMORY_MAX;
    arena_init(&loader->arena, loader->memory_max);
    arena_init(&loader->diag_arena, DIAG_MEMORY_MAX);
    diag_init(&loader->diags, &loader->diag_arena);
    uint32_t n = options ? options->nplugins : 0;
    loader->plugins = ARENA_ARRAY(&loader->arena, struct str, n + 1);
    bool ok = loader->plugins != NULL;
    for (uint32_t i = 0; i < n && ok; i++) {
        loader->plugins[i] = keep_str(loader, options->plugins[i]);
        ok = loader->plugins[i].p != NULL;
    }
    if (!ok) {
        loader_free(loader);
        return -ENOMEM;
    }
    loader->plugins[n] = container; /* what that plugin does is built in */
    loader->nplugins = n + 1;
    *ret = loader;
    return 0;
}

void loader_free(struct loader *loader)
{
    if (!loader) {
        return;
    }
    compilation_free(loader->compilation);
    table_done(&loader->lists);
    table_done(&loader->macros);
    table_done(&loader->rules);
    smap_done(&loader->broken_names);
    diag_done(&loader->diags);
    arena_done(&loader->diag_arena);
    arena_done(&loader->arena);
    free(loader->files);
    free(loader);
}

const struct diag_list *loader_diagnostics(const struct loader *loader)
{
    return &loader->diags;
}

int file_add(struct loader *loader, struct str name, struct str content)
{
    if (loader->nfiles == RULES_FILES_MAX) {
        return -ENOMEM;
    }
    if (loader->nfiles == loader->files_capacity) {
        uint32_t capacity = loader->files_capacity ? loader->files_capacity * 2 : 8;
        struct source_file *files = mem_resize(loader->files, capacity, sizeof(*files));
        if (!files) {
            return -ENOMEM;
        }
        loader->files = files;
        loader->files_capacity = capacity;
    }
    struct source_file file = { .name = keep_str(loader, name),
                                .content = keep_str(loader, content) };
    if (!file.name.p || !file.content.p) {
        return -ENOMEM;
    }
    loader->files[loader->nfiles++] = file;
    return 0;
}

/* Reports about the file as a whole. */
static void report_file(struct loader *loader, enum diag_code code, uint32_t offset,
                        const char *message)
{
    struct context context = { .type = "rules content", .where = { loader->nfiles - 1, offset } };
    report(loader, &context, &(struct report){ .code = code, .where = context.where }, "%s",
           message);
}

void loader_add_unreadable(struct loader *loader, struct str file_name, struct str reason)
{
    if (file_add(loader, file_name, STR("")) < 0) {
        report_memory(loader);
        return;
    }
    struct context context = { .type = "rules content", .where = { loader->nfiles - 1, 0 } };
    report(loader, &context, &(struct report){ .code = LOAD_ERR_FILE_READ, .where = context.where },
           "%.*s", STR_ARG(reason));
}

static int read_file(struct loader *loader)
{
    struct arena tree;
    arena_init(&tree, loader->memory_max);
    struct doc_documents documents;
    uint32_t offset;
    struct err err = { 0 };
    uint32_t file = loader->nfiles - 1;
    int r = doc_parse(&tree, loader->files[file].content, &documents, &offset, &err);
    if (r == -EINVAL) {
        report_file(loader, LOAD_ERR_YAML_PARSE, offset, err.message);
    } else if (r == 0) {
        struct reader reader = { .loader = loader, .file = file };
        r = read_documents(&reader, &documents);
    }
    arena_done(&tree);
    return r;
}

int loader_add(struct loader *loader, struct str file_name, struct str content)
{
    uint32_t errors = loader->diags.nerrors;
    bool too_large = content.n > RULES_FILE_MAX;
    int r = file_add(loader, file_name, too_large ? STR("") : content);
    if (r == 0 && too_large) {
        report_file(loader, LOAD_ERR_FILE_READ, 0, "the file is larger than 64 MiB");
        return -EINVAL;
    }
    if (r == 0) {
        r = read_file(loader);
    }
    if (r != -ENOMEM) {
        loader->stale = false;
        int compiled = compile_all(loader);
        r = compiled < 0 ? compiled : r;
    }
    if (r == -ENOMEM) {
        report_memory(loader);
        return r;
    }
    return r < 0 || loader->diags.nerrors > errors ? -EINVAL : 0;
}
