/*
 * report: from offsets to diagnostics with line, column and source line.
 *
 * Positions are kept as byte offsets and become lines only here, when there is something to say.
 */
#include "rules/load.h"

#include <stdarg.h>
#include <stdio.h>

static void index_lines(struct loader *loader, struct source_file *file)
{
    size_t n = 1;
    for (size_t i = 0; i < file->content.n; i++) {
        n += file->content.p[i] == '\n';
    }
    file->lines = ARENA_ARRAY(&loader->arena, uint32_t, n);
    if (!file->lines) {
        return;
    }
    file->nlines = 1;
    for (size_t i = 0; i < file->content.n; i++) {
        if (file->content.p[i] == '\n') {
            file->lines[file->nlines++] = (uint32_t)i + 1;
        }
    }
}

/* Index of the line the offset is on. */
static uint32_t line_of(const struct source_file *file, uint32_t offset)
{
    uint32_t low = 0, high = file->nlines;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (file->lines[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct source_pos position_of(struct loader *loader, struct where where)
{
    struct source_pos pos = { .file = where.file };
    if (where.file >= loader->nfiles) {
        return pos;
    }
    struct source_file *file = &loader->files[where.file];
    if (!file->lines) {
        index_lines(loader, file);
    }
    if (file->lines) {
        uint32_t line = line_of(file, where.offset);
        pos.line = line + 1;
        pos.column = where.offset - file->lines[line] + 1;
    }
    return pos;
}

/* The line around pos; of a long one a window around the column. */
static struct str snippet_of(const struct loader *loader, struct source_pos pos,
                             uint32_t *ret_caret)
{
    *ret_caret = 0;
    if (pos.line == 0) {
        return (struct str){ 0 };
    }
    const struct source_file *file = &loader->files[pos.file];
    uint32_t start = file->lines[pos.line - 1];
    size_t end = pos.line < file->nlines ? file->lines[pos.line] - 1 : file->content.n;
    struct str line = str_first(str_from_offset(file->content, start), end - start);
    while (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    size_t cut = pos.column > DIAG_SNIPPET_MAX / 2 && line.n > DIAG_SNIPPET_MAX
                     ? pos.column - DIAG_SNIPPET_MAX / 2
                     : 0;
    while (cut > 0 && cut < line.n && ((unsigned char)line.p[cut] & 0xc0) == 0x80) {
        cut--;
    }
    line = str_from_offset(line, cut);
    size_t n = line.n < DIAG_SNIPPET_MAX ? line.n : DIAG_SNIPPET_MAX;
    while (n > 0 && n < line.n && ((unsigned char)line.p[n] & 0xc0) == 0x80) {
        n--;
    }
    *ret_caret = pos.column - (uint32_t)cut;
    return str_first(line, n);
}

void suggest_item(const struct loader *loader, const struct table *table, struct str name,
                  struct buf *hint)
{
    struct diag_suggestion suggestion;
    diag_suggest_init(&suggestion, name);
    for (uint32_t i = 0; i < table->n && loader->diags.n < HINTS_MAX; i++) {
        diag_suggest_try(&suggestion, ((const struct item *)table->items[i])->name);
    }
    diag_suggest_text(&suggestion, hint);
}

static struct diag_place place_of(struct loader *loader, const struct context *context)
{
    return (struct diag_place){
        .type = str_of(context->type),
        .name = context->name,
        .pos = position_of(loader, context->where),
        .offset = context->where.offset,
    };
}

void report(struct loader *loader, const struct context *context, const struct report *what,
            const char *format, ...)
{
    struct buf message;
    char storage[4096];
    va_list args;
    if (loader->diags.n >= DIAG_MAX) {
        diag_add(&loader->diags, &(struct diagnostic){ .code = what->code });
        return;
    }
    va_start(args, format);
    int n = vsnprintf(storage, sizeof(storage), format, args);
    va_end(args);
    buf_init_fixed(&message, storage, sizeof(storage));
    message.n = n < 0 ? 0 : (size_t)n < sizeof(storage) ? (size_t)n : sizeof(storage) - 1;
    struct diagnostic d = {
        .code = what->code,
        .pos = position_of(loader, what->where),
        .offset = what->where.offset,
        .item_type = str_of(context->type),
        .item_name = context->name,
        .message = buf_str(&message),
        .hint = what->hint,
        .item = place_of(loader, context),
    };
    if (context->parent) {
        d.parent = place_of(loader, context->parent);
    }
    if (what->part) {
        d.part = (struct diag_place){
            .type = str_of(what->part), .name = what->part_name, .pos = d.pos, .offset = d.offset
        };
    }
    d.snippet = snippet_of(loader, d.pos, &d.caret);
    diag_add(&loader->diags, &d);
}

void report_memory(struct loader *loader)
{
    if (loader->out_of_memory) {
        return;
    }
    loader->out_of_memory = true;
    struct context context = { .type = "rules content",
                               .where = { .file = loader->nfiles ? loader->nfiles - 1 : 0 } };
    report(loader, &context, &(struct report){ .code = LOAD_ERR_VALIDATE, .where = context.where },
           "the rules need more memory than allowed");
}

struct where text_where(const struct loader *loader, const struct text *text, uint32_t at)
{
    uint32_t i = text->npieces;
    while (i > 1 && text->pieces[i - 1].start > at) {
        i--;
    }
    if (i == 0) {
        return (struct where){ 0 };
    }
    const struct piece *piece = &text->pieces[i - 1];
    if (!piece->scalar || loader->diags.n >= DIAG_MAX) {
        return (struct where){ piece->file,
                               piece->scalar ? piece->scalar->offset : piece->scalar_at };
    }
    uint32_t within = at > piece->start ? at - piece->start : 0;
    return (struct where){ piece->file,
                           doc_locate(loader->files[piece->file].content, piece->scalar, within) };
}
