/*
 * ledger: an account of the memory whose size the input decides.
 *
 * A block begins with whose it is and how much was charged, so that whoever frees it needs to know
 * neither. What is not a block (arenas, maps) is charged by hand.
 */
#include "event/state_internal.h"

#include <assert.h>
#include <stdlib.h>

struct charged {
    struct ledger *ledger;
    size_t n;
};

static_assert(sizeof(struct charged) == 16, "what follows it is aligned");

bool ledger_charge(struct ledger *ledger, size_t n)
{
    if (n > ledger->limit - ledger->used) {
        return false;
    }
    ledger->used += n;
    return true;
}

void ledger_credit(struct ledger *ledger, size_t n)
{
    ledger->used -= n;
}

static void *block_of(struct ledger *ledger, size_t n, bool zeroed)
{
    n += sizeof(struct charged);
    if (!ledger_charge(ledger, n)) {
        return NULL;
    }
    struct charged *block = zeroed ? mem_zalloc(n) : mem_alloc(n);
    if (!block) {
        ledger_credit(ledger, n);
        return NULL;
    }
    *block = (struct charged){ ledger, n };
    return block + 1;
}

void *ledger_alloc(struct ledger *ledger, size_t n)
{
    return block_of(ledger, n, false);
}

void *ledger_zalloc(struct ledger *ledger, size_t n)
{
    return block_of(ledger, n, true);
}

void ledger_free(void *p)
{
    if (p) {
        struct charged *block = (struct charged *)p - 1;
        ledger_credit(block->ledger, block->n);
        free(block);
    }
}
