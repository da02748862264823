/*
 * args_layout: how calls are laid out that do not keep their arguments where x86-64's own calls do.
 */
#pragma once

#include "sensor/notify/args.h"

#include <stddef.h>
#include <stdint.h>

/* enum event_via of a notified call. */
uint8_t args_via(uint32_t arch, uint32_t nr);
/*
 * An ia32 call's registers as those of the same call of x86-64: socketcall's arguments fetched from
 * memory (marks `unreadable`), ids of 16 bits widened, offsets in two registers joined. Sets
 * .call where the number alone does not say it; NULL: none of ours.
 */
void args_from_ia32(uint32_t nr, struct call_args *args);
/* Bytes of the structure that register i points to, given the other arguments; 0: of no interest. */
size_t args_struct_size(const struct call_args *args, unsigned i);
