/*
 * bell: something that requests wait for (HTTP_WAIT) without holding a thread.
 *
 * Take the generation before looking at what is waited for: bell_generation(), look, reply_wait(). A ring in
 * between is then not missed. Any thread rings.
 */
#pragma once

#include <stdint.h>

struct bell;

int bell_new(struct bell **ret);
void bell_free(struct bell *bell); /* nobody waits any more */
void bell_ring(struct bell *bell);
