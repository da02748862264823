/*
 * Documents: what users may change, what the engine refuses and where, versions, differences, going back, and what
 * an update of the managed content does to all of it.
 */
#include "content_fixture.h"

#define ASSERT_STATUS(f, expected, method, target, sent)                                           \
    do {                                                                                           \
        unsigned status_ = fixture_ask((f), (method), (target), (sent));                           \
        if (status_ != (expected)) {                                                               \
            fail_msg("%s %s: %u %s", (method), (target), status_, (f)->answer.body.p);             \
        }                                                                                          \
    } while (0)

static void test_begins(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "GET", "/v1/content", NULL);
    assert_int_equal(fixture_number(f, "version"), 1);
    assert_int_equal(fixture_number(f, "rules"), 2);
    ASSERT_STATUS(f, 200, "GET", "/v1/rules", NULL);
    assert_int_equal(fixture_number(f, "total"), 2);
    assert_true(fixture_holds(f, "\"policies\":[\"Threats\"]"));
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Names%20written", NULL);
    assert_string_equal(fixture_text(f, "origin"), "managed");
    assert_string_equal(fixture_text(f, "priority"), "Critical");
    ASSERT_STATUS(f, 404, "GET", "/v1/rules/None", NULL);
    ASSERT_STATUS(f, 200, "GET", "/v1/content/rollout", NULL);
    assert_int_equal(fixture_number(f, "agents"), 0);
    fixture_restart(f);
    assert_int_equal(content_version(&f->server), 1);
}

static void test_own_rule(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 201, "POST", "/v1/rules",
                  "{\"text\":\"- rule: Mine\\n  desc: d\\n  condition: written and fd.name = /x\\n"
                  "  output: o\\n  priority: INFO\\n\",\"comment\":\"why\"}");
    assert_int_equal(fixture_number(f, "version"), 2);
    ASSERT_STATUS(f, 409, "POST", "/v1/rules",
                  "{\"text\":\"- rule: Mine\\n  desc: d\\n  condition: written\\n"
                  "  output: o\\n  priority: INFO\\n\"}");
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Mine", NULL);
    assert_string_equal(fixture_text(f, "origin"), "own");
    assert_int_equal(fixture_number(f, "version"), 2);
    ASSERT_STATUS(f, 200, "PATCH", "/v1/rules/Mine", "{\"enabled\":false}");
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Mine", NULL);
    assert_false(json_object_get_boolean(fixture_member(f, "enabled")));
    ASSERT_STATUS(f, 200, "DELETE", "/v1/rules/Mine", NULL);
    ASSERT_STATUS(f, 404, "GET", "/v1/rules/Mine", NULL);
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Mine/versions", NULL);
    assert_int_equal(json_object_array_length(fixture_member(f, "items")), 3);
}

static void test_refused_with_places(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(
        f, 422, "POST", "/v1/rules",
        "{\"text\":\"# above\\n- rule: Bad\\n  desc: d\\n  condition: evt.type = open and "
        "fd.filenam = x\\n  output: o\\n  priority: INFO\\n\"}");
    struct json_object *d = json_object_array_get_idx(fixture_member(f, "diagnostics"), 0);
    assert_int_equal(json_object_get_int(json_object_object_get(d, "line")), 4);
    assert_int_equal(json_object_get_int(json_object_object_get(d, "column")), 34);
    assert_string_equal(json_object_get_string(json_object_object_get(d, "hint")),
                        "did you mean `fd.filename`?");
    assert_string_equal(json_object_get_string(json_object_object_get(d, "name")), "Bad");
    ASSERT_STATUS(f, 422, "POST", "/v1/rules", "{\"text\":\"- rule: [\\n\"}");
    ASSERT_STATUS(f, 422, "POST", "/v1/macros",
                  "{\"text\":\"- rule: M\\n  condition: evt.type = open\\n\"}");
    ASSERT_STATUS(f, 422, "POST", "/v1/macros",
                  "{\"text\":\"- macro: \\\"..\\\"\\n  condition: evt.type = open\\n\"}");
    ASSERT_STATUS(f, 422, "POST", "/v1/policies",
                  "{\"text\":\"- policy: P\\n  rules:\\n    - name: Nams written\\n\"}");
    assert_true(fixture_holds(f, "did you mean `Names written`?"));
    ASSERT_STATUS(f, 200, "POST", "/v1/content/check",
                  "{\"text\":\"- macro: m\\n  condition: evt.type = opne\\n\"}");
    assert_int_equal(content_version(&f->server), 1);
}

static void test_managed_is_not_edited(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 409, "PUT", "/v1/rules/Ports",
                  "{\"text\":\"- rule: Ports\\n  desc: d\\n  condition: evt.type = open\\n"
                  "  output: o\\n  priority: INFO\\n\"}");
    ASSERT_STATUS(f, 409, "DELETE", "/v1/rules/Ports", NULL);
    ASSERT_STATUS(
        f, 200, "PUT", "/v1/rules/Ports",
        "{\"text\":\"- rule: Ports\\n  condition: and proc.name != nc\\n  priority: ERROR\\n"
        "  override: {condition: append, priority: replace}\\n\"}");
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Ports", NULL);
    assert_string_equal(fixture_text(f, "priority"), "Error");
    assert_true(fixture_holds(f, "proc.name != nc"));
    ASSERT_STATUS(f, 200, "PATCH", "/v1/policies/Threats", "{\"enabled\":false}");
    ASSERT_STATUS(f, 200, "GET", "/v1/policies/Threats", NULL);
    assert_false(json_object_get_boolean(fixture_member(f, "enabled")));
    ASSERT_STATUS(
        f, 200, "PUT", "/v1/policies/Threats",
        "{\"text\":\"- policy: Threats\\n  severity: 9.5\\n  rules:\\n    - name: Ports\\n"
        "      actions: [kill]\\n\"}");
    ASSERT_STATUS(f, 200, "GET", "/v1/policies/Threats", NULL);
    assert_string_equal(fixture_text(f, "severity"), "9.5");
    assert_false(json_object_get_boolean(fixture_member(f, "enabled")));
    ASSERT_STATUS(f, 200, "DELETE", "/v1/policies/Threats", NULL);
    ASSERT_STATUS(f, 200, "DELETE", "/v1/rules/Ports", NULL);
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Ports", NULL);
    assert_string_equal(fixture_text(f, "priority"), "Warning");
}

static void test_macros_in_any_order(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 201, "POST", "/v1/macros",
                  "{\"text\":\"- macro: first\\n  condition: proc.name = a\\n\"}");
    ASSERT_STATUS(f, 201, "POST", "/v1/macros",
                  "{\"text\":\"- macro: second\\n  condition: proc.name = b\\n\"}");
    ASSERT_STATUS(f, 200, "PUT", "/v1/macros/first",
                  "{\"text\":\"- macro: first\\n  condition: second or proc.name = a\\n\"}");
    ASSERT_STATUS(f, 422, "PUT", "/v1/macros/second",
                  "{\"text\":\"- macro: second\\n  condition: first or proc.name = a\\n\"}");
    ASSERT_STATUS(f, 422, "DELETE", "/v1/macros/second", NULL);
    ASSERT_STATUS(f, 200, "GET", "/v1/macros/second/usage", NULL);
    assert_true(fixture_holds(f, "\"macros\":[\"first\"]"));
}

static void test_versions_and_matches(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "PATCH", "/v1/rules/Ports", "{\"enabled\":false,\"version\":0}");
    ASSERT_STATUS(f, 409, "PATCH", "/v1/rules/Ports", "{\"enabled\":true,\"version\":0}");
    ASSERT_STATUS(f, 200, "PATCH", "/v1/rules/Ports", "{\"enabled\":true,\"version\":2}");
    ASSERT_STATUS(f, 200, "GET", "/v1/content/diff?from=2&to=3", NULL);
    assert_true(fixture_holds(f, "-  enabled: false\\n+  enabled: true\\n"));
    ASSERT_STATUS(f, 200, "POST", "/v1/rules/Ports/revert", "{\"to\":1}");
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Ports", NULL);
    assert_int_equal(json_object_array_length(fixture_member(f, "parts")), 1);
    ASSERT_STATUS(f, 200, "POST", "/v1/content/revert", "{\"to\":2,\"comment\":\"back\"}");
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Ports", NULL);
    assert_false(json_object_get_boolean(fixture_member(f, "enabled")));
    ASSERT_STATUS(f, 200, "GET", "/v1/content/versions", NULL);
    assert_int_equal(json_object_array_length(fixture_member(f, "items")), 5);
    assert_true(fixture_holds(f, "\"author\":\"alice\""));
    ASSERT_STATUS(f, 422, "POST", "/v1/content/revert", "{\"to\":9}");
}

static void test_update_of_managed(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "PATCH", "/v1/rules/Ports", "{\"enabled\":false}");
    ASSERT_STATUS(f, 200, "PUT", "/v1/rules/Names%20written",
                  "{\"text\":\"- rule: Names written\\n  condition: and proc.name != cp\\n"
                  "  override: {condition: append}\\n\"}");
    ASSERT_STATUS(f, 201, "POST", "/v1/rules",
                  "{\"text\":\"- rule: Mine\\n  desc: d\\n  condition: written\\n  output: o\\n"
                  "  priority: INFO\\n\"}");
    fixture_write(f, "policies/a.yaml", "- policy: Threats\n  rules: [{name: Names written}]\n");
    fixture_write(
        f, "rules/a.yaml",
        "- list: names\n  items: [new]\n"
        "- rule: Names written\n  desc: d\n  condition: evt.type = creat and fd.filename in "
        "(names)\n  output: o\n  priority: CRITICAL\n");
    fixture_restart(f);
    ASSERT_STATUS(f, 200, "GET", "/v1/content", NULL);
    assert_int_equal(fixture_number(f, "version"), 5);
    assert_int_equal(json_object_array_length(fixture_member(f, "conflicts")), 3);
    assert_true(fixture_holds(f, "managed_gone"));
    assert_true(fixture_holds(f, "managed_changed"));
    assert_true(fixture_holds(f, "does_not_compile"));
    /* What was in force before is so again when the program goes back. */
    fixture_write(f, "rules/a.yaml", MANAGED_RULES);
    fixture_write(f, "policies/a.yaml", MANAGED_POLICIES);
    fixture_restart(f);
    ASSERT_STATUS(f, 200, "GET", "/v1/content", NULL);
    assert_int_equal(json_object_array_length(fixture_member(f, "conflicts")), 0);
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/Mine", NULL);
}

static void test_import_of_files(void **state)
{
    struct fixture *f = *state;
    const char *file =
        "- required_engine_version: 0.40.0\n"
        "- macro: open_read\n  condition: evt.type = open\n"
        "- list: names\n  items: [other]\n"
        "- rule: R\n  desc: d\n  condition: open_read\n  output: o\n  priority: INFO\n"
        "- rule: R\n  condition: and proc.name = x\n  append: true\n";
    assert_int_equal(fixture_ask_raw(f, "/v1/content/import?name=f.yaml", str_of(file)), 409);
    assert_true(fixture_holds(f, "\"reason\":\"managed\""));
    assert_int_equal(fixture_ask_raw(f, "/v1/content/import?conflicts=skip&dry=true", str_of(file)),
                     200);
    assert_int_equal(content_version(&f->server), 1);
    assert_int_equal(
        fixture_ask_raw(f, "/v1/content/import?conflicts=skip&name=f.yaml", str_of(file)), 200);
    assert_int_equal(json_object_array_length(fixture_member(f, "created")), 3);
    ASSERT_STATUS(f, 200, "GET", "/v1/rules/R", NULL);
    assert_string_equal(fixture_text(f, "condition"), "open_read and proc.name = x");
    assert_int_equal(
        fixture_ask_raw(f, "/v1/content/import?conflicts=skip&name=f.yaml", str_of(file)), 200);
    assert_int_equal(fixture_number(f, "unchanged"), 3);
    assert_int_equal(content_version(&f->server), 2);
    const char *bad = "- macro: x\n  condition: evt.type = open\n\n- rule: S\n  desc: d\n"
                      "  condition: x and fd.nme = 1\n  output: o\n  priority: INFO\n";
    assert_int_equal(fixture_ask_raw(f, "/v1/content/import?name=bad.yaml", str_of(bad)), 422);
    assert_true(fixture_holds(f, "\"file\":\"bad.yaml\",\"line\":6,\"column\":20"));
}

static void test_complete(void **state)
{
    struct fixture *f = *state;
    ASSERT_STATUS(f, 200, "GET", "/v1/content/complete", NULL);
    assert_true(json_object_array_length(fixture_member(f, "fields")) > 200);
    assert_int_equal(json_object_array_length(fixture_member(f, "macros")), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_begins),
        TEST(test_own_rule),
        TEST(test_refused_with_places),
        TEST(test_managed_is_not_edited),
        TEST(test_macros_in_any_order),
        TEST(test_versions_and_matches),
        TEST(test_update_of_managed),
        TEST(test_import_of_files),
        TEST(test_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
