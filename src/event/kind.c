#include "event/kind.h"

const struct kind kind_table[KIND_MAX];
