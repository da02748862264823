/*
 * doc: a file's documents as trees of nodes with byte offsets. Internal to src/rules.
 *
 * Built from libyaml's events in a budgeted arena; nodes borrow nothing else. Aliases share the
 * node they name; what they would amount to when written out is limited to DOC_ALIASED_MAX nodes.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define DOC_ALIASED_MAX   100000
#define DOC_ANCHORS_MAX   1000
#define DOC_DOCUMENTS_MAX 10000
#define DOC_LOCATE_MAX    (1 << 17) /* bytes of a scalar in the file that messages tell apart */

enum doc_kind { DOC_SCALAR, DOC_SEQUENCE, DOC_MAP };
enum doc_style { DOC_PLAIN, DOC_SINGLE, DOC_DOUBLE, DOC_LITERAL, DOC_FOLDED };

struct doc_node {
    enum doc_kind kind : 8;
    enum doc_style style : 8; /* of a scalar */
    uint32_t offset, end;     /* bytes of the file */
    uint32_t n;               /* items; of a map: keys and values, alternating */
    uint64_t weight;          /* nodes when written out */
    union {
        struct str value;        /* of a scalar */
        struct doc_node **items; /* of a sequence or map */
    };
};

struct doc_documents {
    struct doc_node **roots; /* never NULL; an empty document is a null scalar */
    uint32_t n;
};

/* -EINVAL with *ret_offset where; -ENOMEM: the arena's budget is spent. */
int doc_parse(struct arena *arena, struct str content, struct doc_documents *ret,
              uint32_t *ret_offset, struct err *err);

bool doc_is_null(const struct doc_node *node);
/* The first value of that key in a map; NULL: there is none. */
const struct doc_node *doc_get(const struct doc_node *map, const char *key);
/* Booleans as in YAML 1.1, quoted ones too. */
bool doc_bool(struct str text, bool *ret);
/* Decimal or 0x hexadecimal. */
bool doc_u32(struct str text, uint32_t *ret);

/* Where in the file the byte at `at` of a scalar's value stands, or nearly: no farther than DOC_LOCATE_MAX. */
uint32_t doc_locate(struct str content, const struct doc_node *scalar, uint32_t at);
