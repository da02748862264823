/*
 * kinds: the table of channels, and the checks of what people enter for them.
 *
 * What a check lets through is what courier would send without a doubt: no control characters anywhere, addresses
 * of printable ASCII without what separates addresses, URLs without credentials. An unknown member is refused, so that
 * a mistyped one is not silently without effect.
 */
#include "notify/kinds.h"

#include "aws/aws.h"
#include "notify/render.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* ---- what values have to be */

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == 0x7f) {
            return false;
        }
    }
    return str_is_utf8(s);
}

static bool is_among(struct str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eqz(s, words[i])) {
            return true;
        }
    }
    return false;
}

static const char *wrong_text(struct str s)
{
    return is_plain(s) ? NULL : "a text without control characters";
}

static const char *wrong_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_' || c == ':';
        if (!good) {
            return "a host name or an address";
        }
    }
    return s.n <= 253 ? NULL : "a host name or an address";
}

static const char *wrong_security(struct str s)
{
    static const char *const words[] = { "tls", "starttls", "none" };
    return is_among(s, words, 3) ? NULL : "tls, starttls or none";
}

static const char *wrong_mailbox(struct str s)
{
    struct str name, address;
    return notify_mailbox(s, &name, &address) ? NULL : "an address of mail, or NAME <ADDRESS>";
}

static bool starts_as_url(struct str s, struct str *ret_rest)
{
    struct str schemes[] = { STR("https://"), STR("http://") };
    for (size_t i = 0; i < 2; i++) {
        if (s.n > schemes[i].n && str_ieq(str_first(s, schemes[i].n), schemes[i])) {
            *ret_rest = str_from_offset(s, schemes[i].n);
            return true;
        }
    }
    return false;
}

struct str notify_host_of(struct str url)
{
    struct str rest = { 0 };
    if (!starts_as_url(url, &rest)) {
        return rest;
    }
    size_t n = 0;
    while (n < rest.n && !strchr("/?#", rest.p[n])) {
        n++;
    }
    return str_first(rest, n);
}

static const char *wrong_url(struct str s)
{
    static const char what[] = "an address that begins with https:// or http://, without user, "
                               "password and fragment";
    struct str host = notify_host_of(s);
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '#' ||
            s.p[i] == '\\') {
            return what;
        }
    }
    return host.n && str_find_char(host, '@') < 0 ? NULL : what;
}

static const char *wrong_https(struct str s)
{
    return wrong_url(s) || !str_ieq(str_first(s, 8), STR("https://"))
               ? "an address that begins with https://"
               : NULL;
}

static const char *wrong_ca(struct str s)
{
    return str_find(s, STR("-----BEGIN CERTIFICATE-----")) >= 0 &&
                   str_find(s, STR("PRIVATE KEY")) < 0 && str_find_char(s, '\0') < 0
               ? NULL
               : "certificates in PEM";
}

/* A value of a header. */
static const char *wrong_header(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7f) {
            return "printable ASCII";
        }
    }
    return NULL;
}

static const char *wrong_topic(struct str s)
{
    return aws_topic_is_good(s) ? NULL : "the ARN of a topic of SNS";
}

static const char *wrong_bus(struct str s)
{
    return aws_bus_is_good(s) ? NULL : "the name or ARN of a bus of EventBridge";
}

static const char *wrong_region(struct str s)
{
    return aws_region_is_good(s) ? NULL : "a region of AWS";
}

static const char *wrong_source(struct str s)
{
    return wrong_header(s) || str_starts(s, STR("aws."))
               ? "printable ASCII that does not begin with aws."
               : NULL;
}

static bool is_address(struct str s)
{
    ptrdiff_t at = str_find_char(s, '@');
    if (at <= 0 || (size_t)at + 1 >= s.n || s.n > NOTIFY_ADDRESS_MAX ||
        str_find_last(s, '@') != at) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("<>()[]\\,;:\"", s.p[i])) {
            return false;
        }
    }
    return true;
}

bool notify_mailbox(struct str text, struct str *ret_name, struct str *ret_address)
{
    ptrdiff_t open = str_find_last(text, '<');
    struct str name = { 0 }, address = text;
    if (open >= 0 && text.n && text.p[text.n - 1] == '>') {
        name = str_trim(str_first(text, (size_t)open));
        address = (struct str){ text.p + open + 1, text.n - (size_t)open - 2 };
    }
    if (!is_address(address) || !is_plain(text) || name.n > 200) {
        return false;
    }
    *ret_name = name;
    *ret_address = address;
    return true;
}

/* ---- what must fit together */

static int email_fits(struct json_object *settings, struct json_object *secrets, struct err *err)
{
    bool has_password = notify_text(secrets, "password").n > 0;
    if (has_password && str_eqz(notify_text(settings, "security"), "none")) {
        return err_set(err, -EINVAL,
                       "a password is not sent without TLS: `security` is tls or starttls");
    }
    if (has_password != (notify_text(settings, "user").n > 0)) {
        return err_set(err, -EINVAL, "`user` and `password` go together");
    }
    return 0;
}

static int header_fits(struct json_object *settings, struct json_object *secrets, struct err *err)
{
    struct str url = notify_text(settings, "url");
    if (notify_text(secrets, "authorization").n && wrong_https(url)) {
        return err_set(err, -EINVAL, "`authorization` is not sent without TLS: `url` is https://");
    }
    return 0;
}

static void email_target(struct json_object *settings, struct json_object *secrets, struct buf *buf)
{
    struct json_object *to = json_object_object_get(settings, "to");
    size_t n = to ? json_object_array_length(to) : 0;
    (void)secrets;
    for (size_t i = 0; i < n && i < 3; i++) {
        buf_putz(buf, i ? ", " : "");
        buf_putz(buf, json_object_get_string(json_object_array_get_idx(to, i)));
    }
    if (n > 3) {
        buf_printf(buf, " + %zu", n - 3);
    }
}

static void url_target(struct json_object *settings, struct json_object *secrets, struct buf *buf)
{
    (void)secrets;
    buf_puts(buf, notify_host_of(notify_text(settings, "url")));
}

static void sns_target(struct json_object *settings, struct json_object *secrets, struct buf *buf)
{
    (void)secrets;
    buf_puts(buf, notify_text(settings, "topic_arn"));
}

static void event_target(struct json_object *settings, struct json_object *secrets, struct buf *buf)
{
    struct str bus = notify_text(settings, "bus");
    (void)secrets;
    buf_puts(buf, bus.n ? bus : STR("default"));
}

static void slack_target(struct json_object *settings, struct json_object *secrets, struct buf *buf)
{
    (void)settings;
    buf_puts(buf, notify_host_of(notify_text(secrets, "url")));
}

/* ---- the table */

#define CA                                                                                         \
    {                                                                                              \
        .name = "ca", .moves = true, .most = NOTIFY_CA_MAX, .wrong = wrong_ca                      \
    }
#define URL                                                                                        \
    {                                                                                              \
        .name = "url", .required = true, .moves = true, .most = NOTIFY_URL_MAX, .wrong = wrong_url \
    }
#define AUTHORIZATION                                                                              \
    {                                                                                              \
        .name = "authorization", .least = 1, .most = 2048, .wrong = wrong_header                   \
    }

static const struct notify_kind kinds[] = {
    { .name = "email",
      .fields = { { .name = "host",
                    .required = true,
                    .moves = true,
                    .most = 253,
                    .wrong = wrong_host },
                  { .name = "port", .kind = NOTIFY_PORT, .moves = true },
                  { .name = "security", .moves = true, .most = 8, .wrong = wrong_security },
                  { .name = "from", .required = true, .most = 500, .wrong = wrong_mailbox },
                  { .name = "to", .kind = NOTIFY_ADDRESSES, .required = true },
                  { .name = "user", .most = 255, .wrong = wrong_text },
                  CA },
      .secrets = { { .name = "password",
                     .least = 1,
                     .most = NOTIFY_SECRET_MAX,
                     .wrong = wrong_text } },
      .fits = email_fits,
      .target = email_target,
      .make = notify_make_email },
    { .name = "slack",
      .secrets = { { .name = "url",
                     .required = true,
                     .least = 1,
                     .most = NOTIFY_URL_MAX,
                     .wrong = wrong_url } },
      .fields = { CA },
      .target = slack_target,
      .make = notify_make_slack },
    { .name = "webhook",
      .fields = { URL, CA },
      .secrets = { { .name = "secret",
                     .required = true,
                     .least = NOTIFY_SECRET_LEAST,
                     .most = NOTIFY_SECRET_MAX,
                     .wrong = wrong_text },
                   AUTHORIZATION },
      .fits = header_fits,
      .target = url_target,
      .make = notify_make_webhook },
    { .name = "falcosidekick",
      .fields = { URL, CA },
      .secrets = { AUTHORIZATION },
      .fits = header_fits,
      .target = url_target,
      .make = notify_make_falcosidekick },
    { .name = "sns",
      .fields = { { .name = "topic_arn", .required = true, .most = 512, .wrong = wrong_topic } },
      .target = sns_target,
      .make = notify_make_sns,
      .judge = aws_judge },
    { .name = "eventbridge",
      .fields = { { .name = "bus", .most = 512, .wrong = wrong_bus },
                  { .name = "region", .most = 64, .wrong = wrong_region },
                  { .name = "source", .most = 256, .wrong = wrong_source } },
      .target = event_target,
      .make = notify_make_event,
      .judge = aws_judge_event },
};

const struct notify_kind *notify_kind(struct str name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (str_eqz(name, kinds[i].name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- what people send */

struct str notify_text(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (!object || !json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string)) {
        return (struct str){ 0 };
    }
    return (struct str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) };
}

int64_t notify_number(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    return object && json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, json_type_int)
               ? json_object_get_int64(value)
               : 0;
}

static const struct notify_field *field_of(const struct notify_kind *kind, const char *name)
{
    for (size_t i = 0; i < NOTIFY_FIELDS_MAX && kind->fields[i].name; i++) {
        if (strcmp(kind->fields[i].name, name) == 0) {
            return &kind->fields[i];
        }
    }
    return NULL;
}

static const struct notify_secret *secret_of(const struct notify_kind *kind, const char *name)
{
    for (size_t i = 0; i < NOTIFY_FIELDS_MAX && kind->secrets[i].name; i++) {
        if (strcmp(kind->secrets[i].name, name) == 0) {
            return &kind->secrets[i];
        }
    }
    return NULL;
}

static int check_text(const struct notify_field *field, struct json_object *value, struct err *err)
{
    if (!json_object_is_type(value, json_type_string)) {
        return err_set(err, -EINVAL, "`config.%s` must be a text", field->name);
    }
    struct str s = { json_object_get_string(value), (size_t)json_object_get_string_len(value) };
    if (s.n > field->most) {
        return err_set(err, -EINVAL, "`config.%s` is longer than %zu bytes", field->name,
                       field->most);
    }
    const char *wrong = s.n ? field->wrong(s) : NULL;
    return wrong ? err_set(err, -EINVAL, "`config.%s` must be %s", field->name, wrong) : 0;
}

static int check_addresses(const struct notify_field *field, struct json_object *value,
                           struct err *err)
{
    size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
    if (n == 0 || n > NOTIFY_TO_MAX) {
        return err_set(err, -EINVAL, "`config.%s` must be a list of 1 to %d addresses", field->name,
                       NOTIFY_TO_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        struct json_object *one = json_object_array_get_idx(value, i);
        struct str s = { 0 };
        if (json_object_is_type(one, json_type_string)) {
            s = str_from(json_object_get_string(one), (size_t)json_object_get_string_len(one));
        }
        if (!is_address(s)) {
            return err_set(err, -EINVAL, "`config.%s`: `%.*s` is no address of mail", field->name,
                           STR_ARG(str_first(s, 64)));
        }
    }
    return 0;
}

static int check_field(const struct notify_field *field, struct json_object *value, struct err *err)
{
    if (field->kind == NOTIFY_ADDRESSES) {
        return check_addresses(field, value, err);
    }
    if (field->kind == NOTIFY_TEXT) {
        return check_text(field, value, err);
    }
    int64_t port = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
    return port >= 1 && port <= UINT16_MAX
               ? 0
               : err_set(err, -EINVAL, "`config.%s` must be a number from 1 to 65535", field->name);
}

static bool is_nothing(struct json_object *value)
{
    return !value ||
           (json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 0);
}

static int keep(struct json_object *to, const char *key, struct json_object *value, struct err *err)
{
    struct json_object *own = json_object_get(value);
    if (json_object_object_add(to, key, own) != 0) {
        json_object_put(own);
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

static int check_settings(const struct notify_kind *kind, struct json_object *sent,
                          struct json_object *to, struct err *err)
{
    json_object_object_foreach(sent, key, value)
    {
        const struct notify_field *field = field_of(kind, key);
        int r = 0;
        if (!field) {
            return err_set(err, -EINVAL, "%s has no `config.%.64s`", kind->name, key);
        }
        if (!is_nothing(value)) {
            r = check_field(field, value, err);
            r = r == 0 ? keep(to, key, value, err) : r;
        }
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < NOTIFY_FIELDS_MAX && kind->fields[i].name; i++) {
        if (kind->fields[i].required && !json_object_object_get(to, kind->fields[i].name)) {
            return err_set(err, -EINVAL, "`config.%s` is missing", kind->fields[i].name);
        }
    }
    return 0;
}

int notify_settings(const struct notify_kind *kind, struct json_object *sent,
                    struct json_object **ret, struct err *err)
{
    struct json_object *to = json_object_new_object();
    int r = to ? check_settings(kind, sent, to, err) : err_set(err, -ENOMEM, "out of memory");
    if (r < 0) {
        json_object_put(to);
        return r;
    }
    *ret = to;
    return 0;
}

static int check_secret(const struct notify_kind *kind, const char *key, struct json_object *value,
                        struct json_object *to, struct err *err)
{
    const struct notify_secret *secret = secret_of(kind, key);
    if (!secret) {
        return err_set(err, -EINVAL, "%s has no `secrets.%.64s`", kind->name, key);
    }
    if (is_nothing(value)) {
        json_object_object_del(to, key);
        return 0;
    }
    if (!json_object_is_type(value, json_type_string)) {
        return err_set(err, -EINVAL, "`secrets.%s` must be a text", key);
    }
    size_t n = (size_t)json_object_get_string_len(value);
    if (n < secret->least || n > secret->most) {
        return err_set(err, -EINVAL, "`secrets.%s` must have %zu to %zu bytes", key, secret->least,
                       secret->most);
    }
    const char *wrong = secret->wrong(str_from(json_object_get_string(value), n));
    return wrong ? err_set(err, -EINVAL, "`secrets.%s` must be %s", key, wrong)
                 : keep(to, key, value, err);
}

static int collect_secrets(const struct notify_kind *kind, struct json_object *kept,
                           struct json_object *sent, struct json_object *to, struct err *err)
{
    int r = 0;
    if (kept) {
        json_object_object_foreach(kept, key, value)
        {
            r = r == 0 && secret_of(kind, key) ? keep(to, key, value, err) : r;
        }
    }
    if (sent) {
        json_object_object_foreach(sent, name, given)
        {
            r = r == 0 ? check_secret(kind, name, given, to, err) : r;
        }
    }
    for (size_t i = 0; r == 0 && i < NOTIFY_FIELDS_MAX && kind->secrets[i].name; i++) {
        if (kind->secrets[i].required && !json_object_object_get(to, kind->secrets[i].name)) {
            r = err_set(err, -EINVAL, "`secrets.%s` is missing", kind->secrets[i].name);
        }
    }
    return r;
}

int notify_secrets(const struct notify_kind *kind, struct json_object *kept, bool moved,
                   struct json_object *sent, struct json_object **ret, struct err *err)
{
    struct json_object *to = json_object_new_object();
    bool lost = false;
    if (moved && kept) {
        json_object_object_foreach(kept, key, value)
        {
            (void)value;
            lost |= !sent || !json_object_object_get_ex(sent, key, NULL);
        }
    }
    int r =
        !to    ? err_set(err, -ENOMEM, "out of memory")
        : lost ? err_set(err, -EINVAL, "it would go elsewhere: its `secrets` have to be given anew")
               : collect_secrets(kind, moved ? NULL : kept, sent, to, err);
    if (r < 0) {
        json_object_put(to);
        return r;
    }
    *ret = to;
    return 0;
}

bool notify_moved(const struct notify_kind *kind, struct json_object *from, struct json_object *to)
{
    for (size_t i = 0; i < NOTIFY_FIELDS_MAX && kind->fields[i].name; i++) {
        const struct notify_field *field = &kind->fields[i];
        if (field->moves && !json_object_equal(json_object_object_get(from, field->name),
                                               json_object_object_get(to, field->name))) {
            return true;
        }
    }
    return false;
}
