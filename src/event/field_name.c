/*
 * field_name: from the name a rule writes to a field and its argument, and hints for misspelt names.
 *
 * Names are looked up as they are first; then fields whose argument may follow a dot are tried, the
 * longest name first: "evt.arg.flags" is evt.arg with the key "flags". What an argument must look like
 * is in the table's flags: FIELD_ARG_INDEX a number, FIELD_ARG_KEY any text, both: a number is an index.
 *
 * evt.rawarg gets the type of the parameters of that name: of the first kind that has it, widened to 64
 * bits where another kind's is.
 */
#include "event/field_internal.h"

#include <errno.h>
#include <stdlib.h>

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return s.n > 0;
}

/* Fails past INT32_MAX. */
static bool parse_index(struct str s, int32_t *ret)
{
    int64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        v = v * 10 + (s.p[i] - '0');
        if (v > INT32_MAX) {
            return false;
        }
    }
    *ret = (int32_t)v;
    return true;
}

#define FIELD(id, name, type, flags, volatility, class, doc) sizeof(name) - 1,
static const uint8_t name_lengths[FIELD_COUNT] = {
#include "event/fields.def"
};
#undef FIELD

static int find_exact(struct str name)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (name.n == name_lengths[i] && memcmp(name.p, field_table[i].name, name.n) == 0) {
            return i;
        }
    }
    return -1;
}

/* The field with the longest name of which `name` is "field.argument". */
static int find_dotted(struct str name, struct str *ret_arg)
{
    int found = -1;
    size_t longest = 0;
    for (int i = 0; i < FIELD_COUNT; i++) {
        struct str field = str_of(field_table[i].name);
        if ((field_table[i].flags & FIELD_ARG_DOT) && field.n > longest && name.n > field.n + 1 &&
            name.p[field.n] == '.' && str_starts(name, field)) {
            found = i;
            longest = field.n;
        }
    }
    if (found >= 0) {
        *ret_arg = str_from_offset(name, longest + 1);
    }
    return found;
}

/* lint: table */
static const uint8_t param_value_types[PARAM_TYPE_COUNT] = {
    [PARAM_NONE] = TYPE_BYTEBUF,
    [PARAM_INT8] = TYPE_INT16,
    [PARAM_INT16] = TYPE_INT16,
    [PARAM_INT32] = TYPE_INT32,
    [PARAM_INT64] = TYPE_INT64,
    [PARAM_UINT8] = TYPE_UINT32,
    [PARAM_UINT16] = TYPE_UINT32,
    [PARAM_UINT32] = TYPE_UINT32,
    [PARAM_UINT64] = TYPE_UINT64,
    [PARAM_CHARBUF] = TYPE_CHARBUF,
    [PARAM_BYTEBUF] = TYPE_BYTEBUF,
    [PARAM_ERRNO] = TYPE_INT64,
    [PARAM_SOCKADDR] = TYPE_BYTEBUF,
    [PARAM_SOCKTUPLE] = TYPE_BYTEBUF,
    [PARAM_FD] = TYPE_INT64,
    [PARAM_PID] = TYPE_INT64,
    [PARAM_FDLIST] = TYPE_BYTEBUF,
    [PARAM_FSPATH] = TYPE_CHARBUF,
    [PARAM_SYSCALLID] = TYPE_UINT32,
    [PARAM_SIGTYPE] = TYPE_UINT32,
    [PARAM_RELTIME] = TYPE_RELTIME,
    [PARAM_ABSTIME] = TYPE_ABSTIME,
    [PARAM_PORT] = TYPE_PORT,
    [PARAM_L4PROTO] = TYPE_UINT32,
    [PARAM_SOCKFAMILY] = TYPE_UINT32,
    [PARAM_BOOL] = TYPE_BOOL,
    [PARAM_IPV4ADDR] = TYPE_IPADDR,
    [PARAM_DYN] = TYPE_BYTEBUF,
    [PARAM_FLAGS8] = TYPE_UINT32,
    [PARAM_FLAGS16] = TYPE_UINT32,
    [PARAM_FLAGS32] = TYPE_UINT32,
    [PARAM_UID] = TYPE_UINT32,
    [PARAM_GID] = TYPE_UINT32,
    [PARAM_DOUBLE] = TYPE_DOUBLE,
    [PARAM_SIGSET] = TYPE_UINT32,
    [PARAM_CHARBUFARRAY] = TYPE_BYTEBUF,
    [PARAM_CHARBUF_PAIR_ARRAY] = TYPE_BYTEBUF,
    [PARAM_IPV4NET] = TYPE_BYTEBUF,
    [PARAM_IPV6ADDR] = TYPE_IPADDR,
    [PARAM_IPV6NET] = TYPE_BYTEBUF,
    [PARAM_IPADDR] = TYPE_IPADDR,
    [PARAM_IPNET] = TYPE_BYTEBUF,
    [PARAM_MODE] = TYPE_UINT32,
    [PARAM_FSRELPATH] = TYPE_CHARBUF,
    [PARAM_ENUMFLAGS8] = TYPE_UINT32,
    [PARAM_ENUMFLAGS16] = TYPE_UINT32,
    [PARAM_ENUMFLAGS32] = TYPE_UINT32,
};

static enum field_type widened(enum field_type first, enum field_type other)
{
    if (first == TYPE_UINT32 && other == TYPE_UINT64) {
        return TYPE_UINT64;
    }
    if ((first == TYPE_INT16 || first == TYPE_INT32) && type_is_signed(other)) {
        return other > first ? other : first;
    }
    return first;
}

/* The type of the parameters of that name, TYPE_DYN when no kind has one. */
static enum field_type param_named_type(struct str name)
{
    enum field_type type = TYPE_DYN;
    for (unsigned kind = 0; kind < KIND_MAX; kind++) {
        int i = kind_table[kind].name ? kind_param((uint16_t)kind, name) : -1;
        if (i < 0) {
            continue;
        }
        enum field_type other = param_value_types[kind_table[kind].params[i].type];
        type = type == TYPE_DYN ? other : widened(type, other);
    }
    return type;
}

/* evt.type.is: the number of the first kind (the enter event) of that name. */
static int resolve_kind(struct str name, struct field_ref *ref, struct err *err)
{
    for (unsigned kind = 0; kind < KIND_MAX; kind++) {
        if (kind_table[kind].name && str_eqz(name, kind_table[kind].name)) {
            ref->index = (int32_t)kind;
            ref->key = name;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "unknown event type %.*s", STR_ARG(name));
}

static int resolve_key(struct str arg, struct field_ref *ref, struct err *err)
{
    ref->index = -1;
    ref->key = arg;
    switch (ref->id) {
    case FIELD_EVT_TYPE_IS:
        return resolve_kind(arg, ref, err);
    case FIELD_EVT_ARG:
    case FIELD_EVT_RAWARG: {
        enum field_type type = param_named_type(arg);
        if (type == TYPE_DYN) {
            return err_set(err, -EINVAL, "unknown event argument %.*s", STR_ARG(arg));
        }
        if (ref->id == FIELD_EVT_RAWARG) {
            ref->type = type;
        }
        return 0;
    }
    case FIELD_EVT_ABSPATH:
        if (!str_eq(arg, STR("src")) && !str_eq(arg, STR("dst"))) {
            return err_set(err, -EINVAL, "the argument of evt.abspath is src or dst, not '%.*s'",
                           STR_ARG(arg));
        }
        return 0;
    default:
        return 0;
    }
}

static int resolve_arg(struct str arg, struct field_ref *ref, struct err *err)
{
    const struct field_desc *desc = &field_table[ref->id];
    if (!(desc->flags & (FIELD_ARG_REQUIRED | FIELD_ARG_ALLOWED))) {
        return err_set(err, -EINVAL, "the field %s takes no argument", desc->name);
    }
    if (arg.n > FIELD_ARG_MAX) {
        return err_set(err, -EINVAL, "the argument of %s is longer than %d bytes", desc->name,
                       FIELD_ARG_MAX);
    }
    if (arg.n == 0) {
        return err_set(err, -EINVAL, "the argument of %s is empty", desc->name);
    }
    ref->has_arg = true;
    if ((desc->flags & FIELD_ARG_INDEX) && is_number(arg)) {
        if (!parse_index(arg, &ref->index)) {
            return err_set(err, -EINVAL, "%.*s is too large an index for %s", STR_ARG(arg),
                           desc->name);
        }
        return 0;
    }
    if (!(desc->flags & FIELD_ARG_KEY)) {
        return err_set(err, -EINVAL, "the argument of %s must be a number, not '%.*s'", desc->name,
                       STR_ARG(arg));
    }
    if (ref->id == FIELD_EVT_AROUND && (!is_number(arg) || arg.n > 20)) {
        return err_set(err, -EINVAL, "the argument of evt.around is a time in ns, not '%.*s'",
                       STR_ARG(arg));
    }
    return resolve_key(arg, ref, err);
}

static int unknown_field(struct str name, struct err *err)
{
    const char *hint = err ? field_suggest(name) : NULL;
    struct str shown = str_first(name, FIELD_ARG_MAX);
    if (hint) {
        return err_set(err, -ENOENT, "nonexistent field %.*s; did you mean %s?", STR_ARG(shown),
                       hint);
    }
    return err_set(err, -ENOENT, "nonexistent field %.*s", STR_ARG(shown));
}

int field_resolve(struct str name, struct str arg, struct field_ref *ret, struct err *err)
{
    int id = find_exact(name);
    if (id < 0 && !arg.p) {
        id = find_dotted(name, &arg);
    }
    if (id < 0) {
        return unknown_field(name, err);
    }
    const struct field_desc *desc = &field_table[id];
    struct field_ref ref = { .id = (enum field_id)id, .type = desc->type, .index = -1 };
    if (arg.p) {
        int r = resolve_arg(arg, &ref, err);
        if (r < 0) {
            return r;
        }
    } else if (desc->flags & FIELD_ARG_REQUIRED) {
        return err_set(err, -EINVAL, "the field %s requires an argument", desc->name);
    }
    *ret = ref;
    return 0;
}

static struct str after_first_dot(struct str name)
{
    ptrdiff_t dot = str_find_char(name, '.');
    return dot < 0 ? name : str_from_offset(name, (size_t)dot + 1);
}

/* How far a name is from a field's: edits, or 1 for the same name under another prefix. */
static unsigned name_distance(struct str name, struct str field, unsigned limit)
{
    unsigned distance = str_distance(name, field, limit);
    struct str tail = after_first_dot(name);
    if (distance > 1 && tail.n >= 3 && str_eq(tail, after_first_dot(field))) {
        return 1;
    }
    return distance;
}

#define SUGGEST_NAME_MAX 64

const char *field_suggest(struct str name)
{
    if (name.n < 3 || name.n > SUGGEST_NAME_MAX) {
        return NULL;
    }
    unsigned limit = name.n < 8 ? 2 : 3;
    unsigned best = limit + 1;
    const char *found = NULL;
    for (int i = 0; i < FIELD_COUNT; i++) {
        unsigned distance = name_distance(name, str_of(field_table[i].name), limit);
        if (distance < best) {
            best = distance;
            found = field_table[i].name;
        }
    }
    return found;
}
