/*
 * redact: secrets taken out of what programs were started with.
 *
 * The text is gone through word by word, as a shell would part it without quotes. A word is taken out when the one
 * before it announces a secret (--password X, Authorization: Bearer X, sshpass -p X); a part of one when a name
 * announces it (TOKEN=X, api_key: X), when it is the user part of an address, or by its shape: keys of well-known
 * services, private keys, and long words of mixed letters and digits that are no path, no hash and no uuid. Rather
 * too much than too little: what is gone is not missing in a summary.
 */
#include "summarise/summarise.h"

#include <stdlib.h>

#define GONE      "[redacted]"
#define OPAQUE    32 /* letters and digits, mixed, from so many on */
#define AWS_SHAPE 40 /* a secret access key */

struct redactor {
    struct buf out;
    const char *options; /* of the program that is being told of: its short options with secrets */
    bool expects, any;
    char quote; /* the secret goes on until this one */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void gone(struct redactor *r)
{
    buf_putz(&r->out, GONE);
    r->any = true;
}

/* ---- names that announce a secret */

static bool is_secret_name(struct str name)
{
    static const char *const parts[] = {
        "pass",       "secret",      "token",         "apikey",     "api_key",     "api-key",
        "accesskey",  "access_key",  "access-key",    "privatekey", "private_key", "private-key",
        "credential", "cookie",      "authorization", "session",    "signature",   "bearer",
        "jwt",        "account_key", "accountkey",    "shared_key", "encryption_", "webhook",
    };
    static const char *const whole[] = { "auth", "key", "sig", "otp", "pin", "pw", "passwd" };
    bool directory = str_ieq(name, STR("pwd")) || str_ieq(name, STR("oldpwd"));
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (str_ifind(name, str_of(parts[i])) >= 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        if (str_ieq(name, str_of(whole[i]))) {
            return true;
        }
    }
    return !directory && str_ifind(name, STR("pwd")) >= 0;
}

/* Programs whose short options have secrets; an upper bound of what they mean. */
static const char *options_of(struct str word)
{
    static const struct {
        const char *program, *options;
    } programs[] = { { "mysql", "p" },      { "mysqldump", "p" }, { "mysqladmin", "p" },
                     { "mariadb", "p" },    { "sshpass", "p" },   { "curl", "uUbE" },
                     { "wget", "" },        { "redis-cli", "a" }, { "ldapsearch", "w" },
                     { "ldapmodify", "w" }, { "docker", "p" },    { "podman", "p" },
                     { "smbclient", "U" },  { "mongo", "p" },     { "mongosh", "p" },
                     { "sqlcmd", "P" },     { "zip", "P" },       { "unzip", "P" },
                     { "7z", "p" },         { "ftp", "u" },       { "lftp", "u" } };
    ptrdiff_t slash = str_find_last(word, '/');
    struct str name = slash < 0 ? word : str_from_offset(word, (size_t)slash + 1);
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        if (str_eqz(name, programs[i].program)) {
            return programs[i].options;
        }
    }
    return NULL;
}

/* ---- shapes */

static size_t run_of(struct str s, const char *more)
{
    size_t n = 0;
    while (n < s.n && (is_letter(s.p[n]) || (s.p[n] >= '0' && s.p[n] <= '9') ||
                       (s.p[n] && strchr(more, s.p[n])))) {
        n++;
    }
    return n;
}

static bool is_mixed(struct str s)
{
    bool upper = false, lower = false, digit = false;
    for (size_t i = 0; i < s.n; i++) {
        upper = upper || (s.p[i] >= 'A' && s.p[i] <= 'Z');
        lower = lower || (s.p[i] >= 'a' && s.p[i] <= 'z');
        digit = digit || (s.p[i] >= '0' && s.p[i] <= '9');
    }
    return upper && lower && digit;
}

/* Bytes of the secret of a well-known form that s begins with; 0: none. */
static size_t known_shape(struct str s)
{
    static const struct {
        const char *prefix;
        size_t least; /* letters and digits behind it */
    } shapes[] = {
        { "AKIA", 12 },    { "ASIA", 12 },        { "ghp_", 20 },
        { "gho_", 20 },    { "ghu_", 20 },        { "ghs_", 20 },
        { "ghr_", 20 },    { "github_pat_", 20 }, { "glpat-", 16 },
        { "xoxa-", 10 },   { "xoxb-", 10 },       { "xoxp-", 10 },
        { "xoxr-", 10 },   { "xoxs-", 10 },       { "xapp-", 10 },
        { "sk-", 16 },     { "sk_live_", 10 },    { "rk_live_", 10 },
        { "AIza", 30 },    { "eyJ", 20 },         { "hf_", 20 },
        { "npm_", 20 },    { "pypi-", 20 },       { "ya29.", 20 },
        { "dop_v1_", 20 }, { "SG.", 20 },         { "AGE-SECRET-KEY-", 20 },
        { "hs_", 30 },     { "ht_", 30 },         { "he_", 30 },
        { "ha_", 30 },
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        struct str prefix = str_of(shapes[i].prefix);
        size_t run = str_starts(s, prefix) ? run_of(str_from_offset(s, prefix.n), "_-.") : 0;
        if (run >= shapes[i].least) {
            return prefix.n + run;
        }
    }
    return 0;
}

/* The same of what has no form but looks random, where such a run begins. */
static size_t opaque_shape(struct str word, size_t at)
{
    struct str s = str_from_offset(word, at), before = at ? str_from(word.p + at - 1, 1) : STR("");
    size_t wide = run_of(before, "+/=") == 0 ? run_of(s, "+/=") : 0;
    size_t narrow = run_of(before, "+=_-") == 0 ? run_of(s, "+=_-") : 0;
    if (wide == AWS_SHAPE && s.p[0] != '/' && is_mixed(str_first(s, wide))) {
        return wide;
    }
    return narrow >= OPAQUE && is_mixed(str_first(s, narrow)) ? narrow : 0;
}

/* ---- words */

/* The value of a name: up to what parts it from the next. */
static size_t value_of(struct str s)
{
    char quote = s.n && (s.p[0] == '"' || s.p[0] == '\'') ? s.p[0] : '\0';
    size_t n = quote != '\0';
    while (n < s.n && (quote ? s.p[n] != quote : !strchr("&;,\"'|", s.p[n]))) {
        n++;
    }
    return quote && n < s.n ? n + 1 : n;
}

/* NAME, "NAME" or 'NAME' right before. */
static struct str name_before(struct str word, size_t at)
{
    size_t end = at > 0 && (word.p[at - 1] == '"' || word.p[at - 1] == '\'') ? at - 1 : at;
    size_t begin = end;
    while (begin > 0 && is_word(word.p[begin - 1])) {
        begin--;
    }
    return str_from(word.p + begin, end - begin);
}

/* Behind "://": the user part, with its '@'. */
static size_t user_of(struct str s)
{
    for (size_t i = 0; i < s.n && !strchr("/?#\"'", s.p[i]); i++) {
        if (s.p[i] == '@') {
            return i;
        }
    }
    return 0;
}

/* At a '=' or ':' behind a name. Returns the bytes that were dealt with. */
static size_t take_value(struct redactor *r, struct str rest)
{
    size_t n = value_of(str_from_offset(rest, 1));
    buf_putc(&r->out, rest.p[0]);
    if (n > 0) {
        gone(r);
    } else {
        r->expects = rest.n <= 2;
    }
    return 1 + n;
}

static size_t take_part(struct redactor *r, struct str word, size_t at)
{
    struct str rest = str_from_offset(word, at);
    size_t n = 0;
    if ((rest.p[0] == '=' || rest.p[0] == ':') && !str_starts(rest, STR("://")) &&
        is_secret_name(name_before(word, at))) {
        return take_value(r, rest);
    }
    if (str_starts(rest, STR("://"))) {
        buf_putz(&r->out, "://");
        n = user_of(str_from_offset(rest, 3));
        if (n > 0) {
            gone(r);
        }
        return 3 + n;
    }
    n = at == 0 || !is_word(word.p[at - 1]) ? known_shape(rest) : 0;
    n = n ? n : opaque_shape(word, at);
    if (n > 0) {
        gone(r);
        return n;
    }
    buf_putc(&r->out, rest.p[0]);
    return 1;
}

/* -pSECRET, or -p and the secret apart. */
static bool take_short(struct redactor *r, struct str word)
{
    if (!r->options || word.n < 2 || word.p[0] != '-' || !is_letter(word.p[1]) ||
        !strchr(r->options, word.p[1])) {
        return false;
    }
    buf_puts(&r->out, str_first(word, 2));
    if (word.n > 2) {
        gone(r);
    } else {
        r->expects = true;
    }
    return true;
}

static bool is_scheme(struct str word)
{
    static const char *const schemes[] = { "bearer", "basic", "token", "digest", "negotiate" };
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        if (str_ieq(word, str_of(schemes[i]))) {
            return true;
        }
    }
    return false;
}

/* --password and the like, the value apart. */
static bool announces(struct str word)
{
    size_t dashes = 0;
    while (dashes < word.n && word.p[dashes] == '-') {
        dashes++;
    }
    struct str name = str_from_offset(word, dashes);
    return dashes > 0 && name.n > 0 && run_of(name, "_-.") == name.n && is_secret_name(name);
}

static void take_expected(struct redactor *r, struct str word)
{
    char first = word.p[0], last = word.p[word.n - 1];
    r->quote = (first == '"' || first == '\'') && (word.n == 1 || last != first) ? first : '\0';
    r->expects = false;
    gone(r);
}

static void take_word(struct redactor *r, struct str word)
{
    const char *options = options_of(word);
    if (r->quote) {
        r->quote = word.p[word.n - 1] == r->quote ? '\0' : r->quote;
        return;
    }
    if (r->expects && is_scheme(word)) {
        buf_puts(&r->out, word);
        return;
    }
    if (r->expects) {
        take_expected(r, word);
        return;
    }
    r->options = options ? options : r->options;
    if (take_short(r, word)) {
        return;
    }
    r->expects = announces(word) || str_ieq(word, STR("bearer"));
    for (size_t at = 0; at < word.n;) {
        at += take_part(r, word, at);
    }
}

/* ---- private keys, in lines or one */

static size_t key_of(struct str s)
{
    ptrdiff_t name = str_starts(s, STR("-----BEGIN")) ? str_find(s, STR("PRIVATE KEY")) : -1;
    if (name < 0 || name > 40) {
        return 0;
    }
    ptrdiff_t end = str_find(s, STR("-----END"));
    struct str rest = end < 0 ? (struct str){ 0 } : str_from_offset(s, (size_t)end + 8);
    ptrdiff_t close = str_find(rest, STR("-----"));
    return end < 0 || close < 0 ? s.n : (size_t)end + 8 + (size_t)close + 5;
}

struct str summarise_redact(struct str text, struct str program, struct arena *arena,
                            bool *ret_redacted)
{
    struct redactor r = { .options = program.n ? options_of(program) : NULL };
    buf_init(&r.out, 4 * SUMMARISE_SOURCE_MAX + 4 * text.n);
    while (text.n > 0) {
        size_t n = key_of(text);
        if (n > 0) {
            gone(&r);
        } else if (is_blank(text.p[0])) {
            buf_puts(&r.out, r.quote ? STR("") : STR(" "));
            n = 1;
        } else {
            while (n < text.n && !is_blank(text.p[n])) {
                n++;
            }
            take_word(&r, str_first(text, n));
        }
        text = str_from_offset(text, n);
    }
    struct str kept = r.out.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&r.out));
    buf_done(&r.out);
    *ret_redacted = r.any;
    return kept;
}
