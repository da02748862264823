/*
 * exceptions: exceptions of rules: what is in force, what one would have hidden, make it, end it.
 *
 * Each word is one comparison that has to hold: FIELD=VALUE, FIELD!=VALUE or "FIELD OPERATOR VALUE". The value is all
 * that follows; after `in` and `pmatch` it is a list, with commas between its texts (\, is a comma in one). What the
 * operators and fields are is the server's to say.
 */
#include "cli/client_list.h"

#include <inttypes.h>

#define COMPARISONS_MAX 16
#define WORD_MAX        ((size_t)64 << 10)

/* ---- one comparison */

static struct json_object *text_json(struct str s)
{
    return json_object_new_string_len(s.p, (int)s.n);
}

static struct json_object *list_json(struct str value)
{
    struct json_object *list = json_object_new_array();
    struct buf one;
    buf_init(&one, WORD_MAX);
    for (size_t i = 0; i <= value.n; i++) {
        bool escaped = i + 1 < value.n && value.p[i] == '\\' && value.p[i + 1] == ',';
        if (i == value.n || (value.p[i] == ',' && !escaped)) {
            json_object_array_add(list, text_json(str_trim(buf_str(&one))));
            buf_clear(&one);
            continue;
        }
        i += escaped;
        buf_putc(&one, value.p[i]);
    }
    buf_done(&one);
    return list;
}

/* The field ends at the first blank or operator of signs. */
static bool split(struct str word, struct str *ret_field, struct str *ret_op, struct str *ret_value)
{
    size_t n = 0;
    while (n < word.n && !strchr(" =!", word.p[n])) {
        n++;
    }
    struct str rest = str_trim(str_from_offset(word, n));
    bool is = str_starts(rest, STR("=")), is_not = str_starts(rest, STR("!="));
    size_t op = is ? 1 : is_not ? 2 : 0;
    while (!is && !is_not && op < rest.n && rest.p[op] != ' ') {
        op++;
    }
    *ret_field = str_first(word, n);
    *ret_op = str_first(rest, op);
    *ret_value = str_trim(str_from_offset(rest, op));
    return n > 0 && op > 0 && ret_value->n > 0;
}

static bool put_comparison(const struct client_args *args, const char *word,
                           struct json_object *fields)
{
    struct str field, op, value;
    if (strlen(word) > WORD_MAX || !split(str_of(word), &field, &op, &value)) {
        fprintf(stderr, "%s: FIELD=VALUE, FIELD!=VALUE or \"FIELD OPERATOR VALUE\", not %.100s\n",
                args->name, word);
        return false;
    }
    struct json_object *one = json_object_new_object();
    bool list = str_eqz(op, "in") || str_eqz(op, "pmatch");
    json_object_object_add(one, "field", text_json(field));
    json_object_object_add(one, "op", text_json(op));
    json_object_object_add(one, "value", list ? list_json(value) : text_json(value));
    json_object_array_add(fields, one);
    return true;
}

/* Of which rule, and the comparisons; NULL after saying what is wrong. */
static struct json_object *body_of(const struct client_args *args)
{
    struct json_object *body = json_object_new_object(), *fields = json_object_new_array();
    bool good = client_has(args, CLIENT_FINDING) != client_has(args, CLIENT_RULE);
    if (!good) {
        fprintf(stderr, "%s: say --finding or --rule\n", args->name);
    }
    for (int i = 0; good && i < args->nwords; i++) {
        good = put_comparison(args, args->words[i], fields);
    }
    client_put(body, "finding", args->values[CLIENT_FINDING]);
    client_put(body, "rule", args->values[CLIENT_RULE]);
    if (good && args->nwords > 0) {
        json_object_object_add(body, "fields", json_object_get(fields));
    }
    json_object_put(fields);
    if (!good) {
        json_object_put(body);
        return NULL;
    }
    return body;
}

/* ---- actions */

static void put_comparisons(struct buf *buf, struct json_object *fields)
{
    for (size_t i = 0; i < client_length(fields); i++) {
        struct json_object *one = json_object_array_get_idx(fields, i);
        struct json_object *value = client_member(one, "value");
        buf_printf(buf, "%s%s %s ", i ? " and " : "", client_text(one, "field"),
                   client_text(one, "op"));
        buf_putz(buf, json_object_is_type(value, json_type_string)
                          ? json_object_get_string(value)
                          : json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    }
}

/* The comparisons of each as one text, for the table. */
static void add_conditions(struct json_object *items)
{
    for (size_t i = 0; i < client_length(items); i++) {
        struct buf buf;
        struct json_object *item = json_object_array_get_idx(items, i);
        buf_init(&buf, CLIENT_OUTPUT_MAX);
        put_comparisons(&buf, client_member(item, "fields"));
        json_object_object_add(item, "condition", text_json(buf_str(&buf)));
        buf_done(&buf);
    }
}

static int list(struct client *client, const struct client_args *args)
{
    static const struct column columns[] = {
        { "ID", "id", COLUMN_NUMBER, false },
        { "STATE", "state", COLUMN_TEXT, false },
        { "RULE", "rule", COLUMN_TEXT, true },
        { "IS SILENT FOR", "condition", COLUMN_TEXT, true },
        { "REASON", "reason", COLUMN_TEXT, true },
        { "AUTHOR", "author", COLUMN_TEXT, false },
        { "UNTIL", "expires_ms", COLUMN_TIME, false },
        { 0 },
    };
    struct client_path path;
    client_path(&path, "/v1/exceptions");
    client_path_query(&path, "active", client_has(args, CLIENT_ALL) ? NULL : "true");
    path.whole = true;
    path.amend = client_has(args, CLIENT_JSON) ? NULL : add_conditions;
    return client_list(client, args, &path, columns);
}

static void put_proposed(struct buf *buf, struct json_object *proposed)
{
    static const struct column columns[] = {
        { "FIELD", "field", COLUMN_TEXT, false },
        { "VALUE", "value", COLUMN_TEXT, true },
        { "USUAL", "usual", COLUMN_TEXT, false },
        { 0 },
    };
    if (client_length(proposed) > 0) {
        client_table(buf, proposed, columns, client_terminal());
    }
}

static void put_effect(struct buf *buf, struct json_object *effect)
{
    static const struct column samples[] = {
        { "WOULD HAVE BEEN HIDDEN", "time_ms", COLUMN_TIME, false },
        { "OUTPUT", "output", COLUMN_TEXT, true },
        { 0 },
    };
    struct json_object *missing = client_member(effect, "missing");
    buf_printf(buf, "%" PRId64 " of %" PRId64 " alerts would have been hidden",
               client_int(effect, "hidden"), client_int(effect, "alerts"));
    if (client_int(effect, "undecided") > 0) {
        buf_printf(buf, "; of %" PRId64 " it is not known", client_int(effect, "undecided"));
    }
    buf_putz(buf, json_object_get_boolean(client_member(effect, "complete"))
                      ? "\n"
                      : "; not all could be looked at in time\n");
    for (size_t i = 0; i < client_length(missing); i++) {
        struct json_object *one = json_object_array_get_idx(missing, i);
        buf_putz(buf, "  ");
        client_visible(buf, str_of(client_text(one, "field")), 0);
        buf_printf(buf, " is not in %" PRId64 " of them\n", client_int(one, "alerts"));
    }
    if (client_length(client_member(effect, "samples")) > 0) {
        client_table(buf, client_member(effect, "samples"), samples, client_terminal());
    }
}

static int preview(struct client *client, const struct client_args *args)
{
    struct buf buf;
    int64_t days = 7;
    struct json_object *body = body_of(args);
    if (!body || !client_number(args, CLIENT_DAYS, 1, 31, &days)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    json_object_object_add(body, "days", json_object_new_int64(days));
    int status = client_send(client, "POST", "/v1/exceptions/preview", body);
    if (status != EXIT_OK || client_has(args, CLIENT_JSON)) {
        return status == EXIT_OK ? client_print_json(client->json) : status;
    }
    buf_init(&buf, CLIENT_OUTPUT_MAX);
    if (args->nwords > 0) {
        put_effect(&buf, client->json);
    } else {
        put_proposed(&buf, client_member(client->json, "proposed"));
    }
    status = client_print(&buf);
    buf_done(&buf);
    return status;
}

static int add(struct client *client, const struct client_args *args)
{
    struct json_object *body = body_of(args);
    if (!body || !client_reason(args, body) || !client_expiry(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    int status = client_send(client, "POST", "/v1/exceptions", body);
    return status == EXIT_OK
               ? client_done(client, args,
                             "exception %" PRId64 ", version %" PRId64 " of the rules",
                             client_int(client->json, "id"), client_int(client->json, "version"))
               : status;
}

static int end(struct client *client, const struct client_args *args)
{
    return client_end(client, args, "/v1/exceptions/", "exception");
}

static int set(struct client *client, const struct client_args *args)
{
    struct json_object *body = json_object_new_object();
    if (!client_expiry(args, body)) {
        json_object_put(body);
        return EXIT_USAGE;
    }
    client_put(body, "reason", args->values[CLIENT_REASON]);
    int status = client_change(client, args, "/v1/exceptions/", body);
    return status == EXIT_OK ? client_done(client, args, "exception %s is changed", args->words[0])
                             : status;
}

int cli_exceptions(int argc, char **argv)
{
    static const struct client_action actions[] = {
        { "list", NULL, 0, 0, BIT(ALL) | BIT(LIMIT_OPTION) | BIT(JSON), list,
          "those in force; --all: also those that are over", false },
        { "preview", "[COMPARISON...]", 0, COMPARISONS_MAX,
          BIT(FINDING) | BIT(RULE) | BIT(DAYS) | BIT(JSON), preview,
          "what it would have hidden; without any: what it could be made of", false },
        { "add", "COMPARISON...", 1, COMPARISONS_MAX,
          BIT(FINDING) | BIT(RULE) | BIT(REASON) | BIT(EXPIRES) | BIT(JSON), add,
          "the rule is silent where all of them hold", false },
        { "set", "ID", 1, 1, BIT(REASON) | BIT(EXPIRES) | BIT(JSON), set,
          "change reason or end of one in force", false },
        { "end", "ID", 1, 1, BIT(JSON), end, "the rule is silent there no more", false },
    };
    static const struct client_verb verb = {
        "Exceptions of rules. A COMPARISON is FIELD=VALUE, FIELD!=VALUE or \"FIELD OPERATOR "
        "VALUE\";\n"
        "after `in` and `pmatch` the value is a list with commas.\n",
        actions, sizeof(actions) / sizeof(*actions)
    };
    return client_main(&verb, argc, argv);
}
