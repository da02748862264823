/*
 * emit: writes a tree as text, on one line where it fits and over several where it does not.
 */
#pragma once

#include "base/buf.h"
#include "instrument/node.h"

#define EMIT_WIDTH 100

struct emit {
    struct buf *buf;
    struct str newline;
    struct str indent; /* before the line that the value begins on */
    struct str unit;   /* one step more of it */
    bool yaml;
    bool compact; /* everything on one line */
};

/* JSON, or YAML's flow style. */
void emit_flow(const struct emit *emit, const struct node *node, unsigned depth);
/* "key: value" of YAML's block style without the line's indent and end; `depth` steps are before it. */
void emit_member(const struct emit *emit, const struct node *member, unsigned depth);
/* "- value". */
void emit_element(const struct emit *emit, const struct node *element, unsigned depth);
