/*
 * regex: the only C++ here. Each entry catches whatever C++ may throw and turns it into -ENOMEM;
 * nothing is logged by RE2.
 *
 * RE2 wants UTF-8. A text that is not is copied once, each offending byte becoming U+FFFD; valid texts
 * are matched in place.
 */
extern "C" {
#include "rules/regex.h"
#include "base/buf.h"
#include "base/err.h"
}

#include <cerrno>
#include <memory>
#include <re2/re2.h>
#include <re2/set.h>
#include <string>
#include <vector>

static_assert(REGEX_TEXT_MAX <= 1 << 16, "patterns are quoted in messages");

struct regex {
    RE2 re;
};

struct regex_set {
    RE2::Set set;
    mutable std::vector<int> matched; /* reused, so that a match allocates nothing once warm */
};

static RE2::Options options(int64_t max_mem)
{
    RE2::Options o(RE2::POSIX);
    o.set_log_errors(false);
    o.set_max_mem(max_mem);
    return o;
}

static re2::StringPiece piece(struct str s)
{
    return re2::StringPiece(s.p, s.n);
}

/* Length of the well-formed sequence at the start of s, at least 1 byte long; 0: none. */
static size_t sequence(struct str s)
{
    for (size_t n = 1; n <= 4 && n <= s.n; n++) {
        if (str_is_utf8(str_from(s.p, n))) {
            return n;
        }
    }
    return 0;
}

static std::string sanitized(struct str s)
{
    std::string text;
    text.reserve(s.n + 64);
    while (s.n) {
        size_t n = sequence(s);
        if (n) {
            text.append(s.p, n);
        } else {
            text.append("\xef\xbf\xbd");
            n = 1;
        }
        s = str_from_offset(s, n);
    }
    return text;
}

static int refuse(const RE2 &re, struct err *err)
{
    int code = re.error_code() == RE2::ErrorPatternTooLarge ? -E2BIG : -EINVAL;
    return err_set(err, code, "invalid regex pattern: %s", re.error().c_str());
}

extern "C" int regex_new(struct str pattern, struct regex **ret, struct err *err)
{
    if (pattern.n > REGEX_TEXT_MAX) {
        return err_set(err, -E2BIG, "invalid regex pattern: longer than %d bytes", REGEX_TEXT_MAX);
    }
    try {
        std::unique_ptr<regex> made(new regex{ { piece(pattern), options(REGEX_MEMORY_MAX) } });
        if (!made->re.ok()) {
            return refuse(made->re, err);
        }
        *ret = made.release();
        return 0;
    } catch (...) {
        return err_set(err, -ENOMEM, "out of memory");
    }
}

extern "C" void regex_free(struct regex *regex)
{
    delete regex;
}

extern "C" bool regex_match(const struct regex *regex, struct str text)
{
    try {
        if (str_is_utf8(text)) {
            return regex->re.Match(piece(text), 0, text.n, RE2::ANCHOR_BOTH, nullptr, 0);
        }
        std::string valid = sanitized(text);
        return regex->re.Match(valid, 0, valid.size(), RE2::ANCHOR_BOTH, nullptr, 0);
    } catch (...) {
        return false;
    }
}

extern "C" uint32_t regex_size(const struct regex *regex)
{
    int n = regex->re.ProgramSize();
    return n > 0 ? (uint32_t)n : 0;
}

extern "C" int regex_set_new(const struct str *patterns, uint32_t n, struct regex_set **ret,
                             struct err *err)
{
    try {
        std::unique_ptr<regex_set> made(
            new regex_set{ { options(REGEX_SET_MEMORY_MAX), RE2::ANCHOR_BOTH }, {} });
        for (uint32_t i = 0; i < n; i++) {
            std::string why;
            if (made->set.Add(piece(patterns[i]), &why) < 0) {
                return err_set(err, -EINVAL, "invalid regex pattern: %s", why.c_str());
            }
        }
        if (!made->set.Compile()) {
            return err_set(err, -E2BIG, "these regex patterns are too large together");
        }
        made->matched.reserve(n);
        *ret = made.release();
        return 0;
    } catch (...) {
        return err_set(err, -ENOMEM, "out of memory");
    }
}

extern "C" void regex_set_free(struct regex_set *set)
{
    delete set;
}

extern "C" int regex_set_match(const struct regex_set *set, struct str text, bool *ret)
{
    try {
        RE2::Set::ErrorInfo failure = { RE2::Set::kNoError };
        bool any = str_is_utf8(text) ? set->set.Match(piece(text), &set->matched, &failure)
                                     : set->set.Match(sanitized(text), &set->matched, &failure);
        if (!any) {
            return failure.kind == RE2::Set::kNoError ? 0 : -ENOMEM;
        }
        for (int i : set->matched) {
            ret[i] = true;
        }
        return 0;
    } catch (...) {
        return -ENOMEM;
    }
}
