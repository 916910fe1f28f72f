/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interface descriptions: what parses, what a value must look like, and where a fault is said to be. */
#include "control/idl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/descriptions.h"
#include "qmp/json.h"

static const char example[] = "# What it is.\n"
                              "interface org.example.test\n"
                              "type Pair (first: int, second: ?string) # behind\n"
                              "type Colour (red, green_ish)\n"
                              "method Do(\n"
                              "  # a comment within\n"
                              "  flag: bool, number: ?int, ratio: ?float, text: ?string, any: ?object,\n"
                              "  pairs: ?[]Pair, colour: ?Colour, map: ?[string]int, set: ?[string](),\n"
                              "  inner: ?[](a: ?(b: int)), direction: ?(up, down)\n"
                              ") -> (pair: ?Pair)\n"
                              "method Nothing() -> ()\n"
                              "error Broken (why: string)\n";

static void
assert_syntax_error(const char *text, const char *line)
{
    g_autoptr(GError) error = NULL;

    assert_null(control_idl_parse(text, &error));
    assert_true(g_error_matches(error, CONTROL_IDL_ERROR, CONTROL_IDL_ERROR_SYNTAX));
    assert_non_null(strstr(error->message, line));
}

static void
assert_parameters(const char *text, const char *where)
{
    g_autoptr(ControlIdl) idl = control_idl_parse(example, NULL);
    g_autoptr(json_object) value = qmp_json_parse(text, strlen(text), 32, NULL);
    g_autofree char *found = NULL;

    assert_non_null(idl);
    assert_non_null(value);
    const ControlIdlMethod *method = control_idl_find_method(idl, "Do");
    assert_non_null(method);
    assert_int_equal(control_idl_check(idl, method->input, value, &found), where == NULL);
    assert_true(g_strcmp0(found, where) == 0);
}

static void
own_descriptions_parse(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ControlIdl) moult = control_idl_parse(control_description_io_moult, &error);
    g_autoptr(ControlIdl) service = control_idl_parse(control_description_org_varlink_service, &error);

    assert_null(error);
    assert_string_equal(control_idl_get_name(moult), "io.moult");
    assert_string_equal(control_idl_get_name(service), "org.varlink.service");
    assert_non_null(control_idl_find_method(moult, "Upgrade"));
    assert_null(control_idl_find_method(moult, "Refused"));
    assert_non_null(control_idl_find_error(moult, "NeedsOperator"));
    assert_non_null(control_idl_find_error(service, "ExpectedMore"));
}

static void
embedded_text_is_the_file(void **state)
{
    (void)state;
    g_autofree char *contents = NULL;

    assert_true(
        g_file_get_contents(MOULT_SOURCE_DIR "/engine/control/io.moult.varlink", &contents, NULL, NULL));
    assert_string_equal(contents, control_description_io_moult);
}

static void
good_values_pass(void **state)
{
    (void)state;
    assert_parameters("{\"flag\":true}", NULL);
    assert_parameters("{\"flag\":false,\"number\":null,\"ratio\":null}", NULL);
    assert_parameters("{\"flag\":true,\"number\":-3,\"ratio\":2,\"text\":\"\",\"any\":{\"x\":[]}}", NULL);
    assert_parameters(
        "{\"flag\":true,\"ratio\":0.5,\"pairs\":[{\"first\":1},{\"first\":2,\"second\":\"b\"}]}", NULL);
    assert_parameters("{\"flag\":true,\"colour\":\"green_ish\",\"map\":{\"a\":1},\"set\":{\"x\":{}}}", NULL);
    assert_parameters("{\"flag\":true,\"inner\":[{},{\"a\":{\"b\":1}}],\"direction\":\"up\"}", NULL);
}

static void
missing_and_null_are_found(void **state)
{
    (void)state;
    assert_parameters("{}", "flag");
    assert_parameters("{\"flag\":null}", "flag");
    assert_parameters("{\"flag\":true,\"pairs\":[{\"first\":1},{}]}", "pairs[1].first");
    assert_parameters("{\"flag\":true,\"pairs\":[null]}", "pairs[0]");
}

static void
unknown_members_are_found(void **state)
{
    (void)state;
    assert_parameters("{\"flag\":true,\"flags\":1}", "flags");
    assert_parameters("{\"flag\":true,\"flags\":null}", "flags");
    assert_parameters("{\"flag\":true,\"inner\":[{\"a\":{\"b\":1,\"c\":1}}]}", "inner[0].a.c");
    assert_parameters("{\"flag\":true,\"set\":{\"x\":{\"y\":1}}}", "set.x.y");
}

static void
wrong_types_are_found(void **state)
{
    (void)state;
    assert_parameters("{\"flag\":1}", "flag");
    assert_parameters("{\"flag\":\"true\"}", "flag");
    assert_parameters("{\"flag\":true,\"number\":1.5}", "number");
    assert_parameters("{\"flag\":true,\"number\":\"1\"}", "number");
    assert_parameters("{\"flag\":true,\"ratio\":\"1\"}", "ratio");
    assert_parameters("{\"flag\":true,\"text\":[]}", "text");
    assert_parameters("{\"flag\":true,\"any\":[]}", "any");
    assert_parameters("{\"flag\":true,\"pairs\":{}}", "pairs");
    assert_parameters("{\"flag\":true,\"pairs\":[1]}", "pairs[0]");
    assert_parameters("{\"flag\":true,\"colour\":\"blue\"}", "colour");
    assert_parameters("{\"flag\":true,\"colour\":1}", "colour");
    assert_parameters("{\"flag\":true,\"map\":{\"k\":\"v\"}}", "map.k");
    assert_parameters("[]", "parameters");
}

static void
integers_past_64_bits_are_refused(void **state)
{
    (void)state;
    assert_parameters("{\"flag\":true,\"number\":9223372036854775806}", NULL);
    assert_parameters("{\"flag\":true,\"number\":9223372036854775808}", "number");
    assert_parameters("{\"flag\":true,\"number\":-99999999999999999999}", "number");
}

static void
faults_in_descriptions_have_a_line(void **state)
{
    (void)state;
    assert_syntax_error("", "line 1");
    assert_syntax_error("interface x", "line 1");
    assert_syntax_error("interface a.b\nmethod do() -> ()", "line 2");
    assert_syntax_error("interface a.b\nmethod Do()", "line 2");
    assert_syntax_error("interface a.b\n\ntype T (a: int,)", "line 3");
    assert_syntax_error("interface a.b\ntype T (a: in)", "line 2");
    assert_syntax_error("interface a.b\ntype T (a, b: int)", "line 2");
    assert_syntax_error("interface a.b\nerror E (a, b)", "line 2");
    assert_syntax_error("interface a.b\ntype T ()\nmethod T() -> ()", "line 3");
    assert_syntax_error("interface a.b\nwhatever", "line 2");
    assert_syntax_error("interface a.b\ntype T (a: U)", "type U is not declared");
    assert_syntax_error("interface a.b\ntype T (a: [][][][][][][][][][][][][][][][][][]int)", "less depth");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_descriptions_parse),
        cmocka_unit_test(embedded_text_is_the_file),
        cmocka_unit_test(good_values_pass),
        cmocka_unit_test(missing_and_null_are_found),
        cmocka_unit_test(unknown_members_are_found),
        cmocka_unit_test(wrong_types_are_found),
        cmocka_unit_test(integers_past_64_bits_are_refused),
        cmocka_unit_test(faults_in_descriptions_have_a_line),
    };

    return cmocka_run_group_tests_name("control-idl", tests, NULL, NULL);
}
