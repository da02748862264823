/*
 * The reference of the API: structurally whole, and true to the routes of all modules.
 */
#include "server/http_call.h"
#include "server/http_internal.h"
#include "server/http_server.h"
#include "server/openapi.h"
#include "server/schemas.h"
#include "test.h"

static struct server server;
static struct http_answer answer;

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(object, key, &value)) {
        print_error("no member %s\n", key);
        fail();
    }
    return value;
}

static const struct schema *schema_of(const char *name)
{
    for (size_t i = 0; i < nschemas; i++) {
        if (strcmp(schemas[i].name, name) == 0) {
            return &schemas[i];
        }
    }
    return NULL;
}

/* Whatever refers to something within the document refers to something. */
static void check_refs(struct json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            check_refs(json_object_array_get_idx(value, i));
        }
    }
    if (!json_object_is_type(value, json_type_object)) {
        return;
    }
    json_object_object_foreach(value, key, child)
    {
        if (strcmp(key, "$ref") == 0 && json_object_is_type(child, json_type_string)) {
            const char *ref = json_object_get_string(child);
            struct json_object *target = NULL;
            if (strncmp(ref, "#/", 2) == 0 &&
                json_pointer_get(answer.json, ref + 1, &target) != 0) {
                print_error("%s leads nowhere\n", ref);
                fail();
            }
        }
        check_refs(child);
    }
}

static void test_document(void **state)
{
    (void)state;
    assert_int_equal(answer.status, 200);
    assert_non_null(answer.json);
    assert_string_equal(json_object_get_string(member(answer.json, "openapi")), "3.1.0");
    member(member(answer.json, "info"), "title");
    member(member(member(answer.json, "components"), "schemas"), "problem");
    check_refs(answer.json);
}

static void test_routes(void **state)
{
    (void)state;
    struct json_object *paths = member(answer.json, "paths");
    const struct route *route;
    unsigned wrong = 0;
    for (size_t i = 0; (route = routes_at(server.http->routes, i)); i++) {
        if (!route->summary || !route->tag || !route->handle || route->path[0] != '/') {
            print_error("%s: no summary, tag or handler\n", route->path);
            wrong++;
        }
        if ((route->body && !schema_of(route->body)) ||
            (route->answer && !schema_of(route->answer))) {
            print_error("%s: no schema %s or %s\n", route->path, route->body ? route->body : "-",
                        route->answer ? route->answer : "-");
            wrong++;
        }
        if (!(route->flags & ROUTE_HIDDEN)) {
            static const char *const methods[] = { "get", "post", "put", "patch", "delete" };
            struct json_object *one = member(member(paths, route->path), methods[route->method]);
            assert_string_equal(json_object_get_string(member(one, "summary")), route->summary);
            assert_true(route->may == MAY_ANYONE || permission_name(route->may));
        }
    }
    assert_int_equal(wrong, 0);
}

/* The same path and method twice: the second would never be called. Operations have names of their own. */
static void test_unique(void **state)
{
    (void)state;
    const struct route *a, *b;
    for (size_t i = 0; (a = routes_at(server.http->routes, i)); i++) {
        for (size_t k = i + 1; (b = routes_at(server.http->routes, k)); k++) {
            if (a->method == b->method && strcmp(a->path, b->path) == 0) {
                print_error("%s is there twice\n", a->path);
                fail();
            }
        }
    }
}

static void test_schemas(void **state)
{
    (void)state;
    for (size_t i = 0; i < nschemas; i++) {
        struct json_object *schema = json_tokener_parse(schemas[i].text);
        if (!schema || !json_object_is_type(schema, json_type_object)) {
            print_error("%s is no object\n", schemas[i].name);
            fail();
        }
        assert_true(i == 0 || strcmp(schemas[i - 1].name, schemas[i].name) < 0);
        json_object_put(schema);
    }
}

static int set_up(void **state)
{
    (void)state;
    return http_call(&server, &(struct http_call){ .method = "GET", .target = "/v1/openapi.json" },
                     &answer);
}

static int tear_down(void **state)
{
    (void)state;
    http_answer_done(&answer);
    http_free(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_schemas),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
