/*
 * birth: parent and child of a fork as tasks, from what the state knows of the parent instead of /proc.
 */
#pragma once

#include "sensor/live/task.h"

/* Ids of both, where the child's differ by its own number alone: no namespaces, no CLONE_PARENT. */
void live_birth_ids(const struct thread *parent, int64_t child, uint64_t clone_flags,
                    struct live_task *ret_parent, struct live_task *ret_child);
/* The rest of either, whose ids are there already: image, arguments, directory, limits. Texts are borrowed
 * from the state, but for argv. */
void live_birth_inherit(struct live_task *task, const struct state *state,
                        const struct thread *parent);
