/*
 * memo: what searches said about texts seen lately.
 *
 * Programs open the same libraries and configuration files over and over. Whatever a site's groups yield
 * depends on nothing but the text, so the rows found are kept beside a copy of it: one slot for each
 * hash, the newer text displaces the older. A text is compared whole before its slot is believed; long
 * texts and long answers are searched anew each time. Hashes are seeded: nobody can aim at a slot.
 */
#include "rules/matcher_internal.h"

#include <errno.h>

/* Texts of one field repeat; exact searches alone cost no more than the memo. */
static bool site_is_worth(const struct site *site)
{
    static const enum group_kind slow[] = { GROUP_PREFIX,   GROUP_SUFFIX,    GROUP_PATH,
                                            GROUP_CONTAINS, GROUP_ICONTAINS, GROUP_REGEX };
    for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
        if (site->groups[slow[i]] != NONE) {
            return true;
        }
    }
    return false;
}

/* One mapping for all: most places are never used. */
int memos_build(struct matcher *m)
{
    uint32_t nmemos = 0;
    size_t entries = 0;
    for (uint32_t i = 0; !m->options.no_memo && i < m->nsites && nmemos < MEMO_SITES_MAX; i++) {
        struct site *site = &m->sites[i];
        if (site_is_worth(site)) {
            site->memo_mask = (site->volatilities & KEPT_NONE ? MEMO_ENTRIES : MEMO_KEPT) - 1;
            entries += site->memo_mask + 1;
            nmemos++;
        }
    }
    m->memos_bytes = entries * sizeof(struct memo_entry);
    m->memos = entries ? mem_pages(m->memos_bytes) : NULL;
    struct memo_entry *next = m->memos;
    for (uint32_t i = 0; next && i < m->nsites; i++) {
        struct site *site = &m->sites[i];
        site->memo = site->memo_mask ? next : NULL;
        next += site->memo_mask ? site->memo_mask + 1 : 0;
    }
    return entries && !m->memos ? -ENOMEM : 0;
}

struct memo_entry *memo_find(const struct site *site, struct str text)
{
    if (text.n == 0 || text.n > MEMO_TEXT_MAX) {
        return NULL;
    }
    uint64_t hash = str_hash(text);
    struct memo_entry *entry = &site->memo[hash & site->memo_mask];
    if (entry->hash != hash || entry->length != text.n ||
        memcmp(entry->text, text.p, text.n) != 0) {
        *entry = (struct memo_entry){ .hash = hash, .length = (uint16_t)text.n };
        memcpy(entry->text, text.p, text.n);
    }
    return entry;
}

bool memo_recall(const struct memo_entry *entry, enum group_kind kind, struct textset_hits *ret)
{
    if (!(entry->known >> kind & 1)) {
        return false;
    }
    ret->n = 0;
    for (unsigned i = 0; i < entry->nrows; i++) {
        if (entry->kinds[i] == kind) {
            ret->rows[ret->n++] = entry->rows[i];
        }
    }
    return true;
}

void memo_keep(struct memo_entry *entry, enum group_kind kind, const struct textset_hits *hits)
{
    if (hits->overflow || hits->n > MEMO_ROWS_MAX - (uint32_t)entry->nrows) {
        return;
    }
    for (uint32_t i = 0; i < hits->n; i++) {
        entry->kinds[entry->nrows] = (uint8_t)kind;
        entry->rows[entry->nrows++] = hits->rows[i];
    }
    entry->known |= (uint16_t)(1U << kind);
    entry->quiet |= (uint16_t)((hits->n == 0) << kind);
}
