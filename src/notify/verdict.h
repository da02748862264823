/*
 * verdict: what an exchange means for the delivery: done, to be tried again, or no use to try again.
 */
#pragma once

#include "courier/courier.h"

enum notify_verdict {
    NOTIFY_DELIVERED,
    NOTIFY_AGAIN, /* it may work later */
    NOTIFY_NEVER, /* it will not, until somebody changes something */
    NOTIFY_OURS,  /* it was not tried: nothing is to be counted */
};

#define NOTIFY_SAID_MAX      300
#define NOTIFY_ATTEMPTS_MAX  30
#define NOTIFY_RETRY_MOST_MS (INT64_C(3600) * 1000)

/* `said`: what the target answered, or why it failed, one line for people. `mail`: by SMTP. */
enum notify_verdict notify_judge_answer(const struct courier_answer *answer, bool mail,
                                        char said[NOTIFY_SAID_MAX]);
/* How long to wait after so many attempts failed, from 2 s to an hour; `random` spreads it by a fifth. */
int64_t notify_back_off_ms(int64_t attempts, int64_t retry_after_s, uint32_t random);
/* It was not tried: the server stops, or the target has too much to do. */
bool notify_was_not_tried(const struct courier_answer *answer);
