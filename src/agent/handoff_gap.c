/*
 * Gaps: what holders let pass while no agent answered, read out of their record.
 *
 * The record is memory of somebody whom we do not trust: it is checked to be a memory file that cannot shrink,
 * and read with pread, so that its contents can lie but not hurt. How many gaps were told is written back, for the
 * agent after us.
 */
#include "agent/handoff_internal.h"

#include "base/clock.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct record_head {
    uint32_t version, serving, agent_pid, ngaps, ntold;
};

_Static_assert(offsetof(struct holder_shared, ngaps) == offsetof(struct record_head, ngaps) &&
                   offsetof(struct holder_shared, ntold) == offsetof(struct record_head, ntold),
               "layout of holder_shared");

static bool read_at(const struct member *m, size_t offset, void *ret, size_t size)
{
    return pread(m->record, ret, size, (off_t)offset) == (ssize_t)size;
}

static bool read_head(const struct member *m, struct record_head *ret)
{
    return read_at(m, 0, ret, sizeof *ret);
}

int member_take_record(struct member *m, int fd)
{
    struct record_head head;
    int r = holder_shared_check(fd);
    m->record = fd;
    if (r == 0 && read_head(m, &head)) {
        m->ntold = head.ntold <= head.ngaps ? head.ntold : head.ngaps;
        read_at(m, offsetof(struct holder_shared, told_by_number), m->passed, sizeof(m->passed));
    }
    return r;
}

static void since_last(struct member *m, uint64_t ret[HOLDER_NUMBERS])
{
    uint64_t now[HOLDER_NUMBERS];
    if (!read_at(m, offsetof(struct holder_shared, passed_by_number), now, sizeof(now))) {
        return;
    }
    for (size_t i = 0; i < HOLDER_NUMBERS; i++) {
        ret[i] = now[i] > m->passed[i] ? now[i] - m->passed[i] : 0;
        m->passed[i] = now[i];
    }
}

/* For the next agent; where it fails, that one tells more than it had to. */
static void note_told(const struct member *m)
{
    if (pwrite(m->record, m->passed, sizeof(m->passed),
               (off_t)offsetof(struct holder_shared, told_by_number)) < 0 ||
        pwrite(m->record, &m->ntold, sizeof(m->ntold),
               (off_t)offsetof(struct holder_shared, ntold)) < 0) {
        return;
    }
}

static bool tell(struct handoff *h, struct member *m, const struct handoff_gap *gap)
{
    const struct handoff_watch *watch = &h->config.watch;
    return !watch->gap || watch->gap(watch->data, &m->container, gap);
}

/* A record can lie as often as it likes; what is not told in time is counted as lost by those that are. */
static bool may_tell(struct member *m)
{
    return bucket_take(&m->gaps, HANDOFF_GAPS_PER_MIN / 60.0, HOLDER_GAPS, clock_boot_ns());
}

static void count(struct handoff *h, const struct holder_gap *gap)
{
    pthread_mutex_lock(&h->lock);
    h->stats.gaps++;
    h->stats.passed += gap->passed;
    h->stats.refused_calls += gap->refused;
    pthread_mutex_unlock(&h->lock);
}

/* False: it is still open. */
static bool tell_one(struct handoff *h, struct member *m, struct handoff_gap *gap,
                     uint64_t by_number[HOLDER_NUMBERS])
{
    size_t at = offsetof(struct holder_shared, gaps) + m->ntold % HOLDER_GAPS * sizeof(gap->gap);
    if (!read_at(m, at, &gap->gap, sizeof(gap->gap))) {
        return false;
    }
    bool open = gap->gap.end_ns == 0;
    if ((open && m->told_open) || !may_tell(m)) {
        return false;
    }
    if (!open) {
        since_last(m, by_number);
        count(h, &gap->gap);
    }
    gap->lost = m->lost;
    bool told = tell(h, m, gap);
    m->lost = told ? 0 : m->lost;
    m->gaps.tokens += !told; /* that one is asked for again */
    m->told_open = told && open;
    return !open;
}

void member_tell_gaps(struct handoff *h, struct member *m)
{
    struct record_head head;
    uint64_t by_number[HOLDER_NUMBERS] = { 0 };
    struct handoff_gap gap = { .by_number = by_number };
    if (m->record < 0 || !read_head(m, &head) || head.ngaps <= m->ntold) {
        return;
    }
    if (head.ngaps - m->ntold > HOLDER_GAPS) {
        m->lost += head.ngaps - m->ntold - HOLDER_GAPS;
        m->ntold = head.ngaps - HOLDER_GAPS;
    }
    uint32_t before = m->ntold;
    for (int i = 0; i < HANDOFF_GAPS_AT_ONCE && m->ntold < head.ngaps; i++) {
        memset(by_number, 0, sizeof(by_number));
        if (!tell_one(h, m, &gap, by_number)) {
            break;
        }
        m->ntold++;
    }
    if (m->ntold != before) {
        note_told(m);
    }
}
