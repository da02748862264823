/*
 * privileges: what the agent keeps of the rights it was started with.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Before any thread is made, after what needs more was opened: nothing more can be gained by exec, this
 * process and its memory are closed to others of its user, and of the capabilities those stay that
 * watching needs (docs/deployment.md has the table).
 */
int privileges_drop(struct err *err);
/* Of this thread, effective. */
bool privileges_has(unsigned capability);
