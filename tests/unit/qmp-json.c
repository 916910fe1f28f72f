/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "qmp/json.h"

#define DEPTH 8

static json_object *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    json_object *value = qmp_json_parse(text, strlen(text), DEPTH, &error);

    assert_true((value == NULL) == (error != NULL));
    return value;
}

/* Parsed, and written out again as EXPECTED (NULL: as it was). */
static void
assert_parses(const char *text, const char *expected)
{
    g_autoptr(json_object) value = parse(text);

    if (!value)
        fail_msg("refused: %s", text);
    assert_string_equal(qmp_json_to_text(value, NULL), expected ? expected : text);
}

static void
assert_refused(const char *text)
{
    g_autoptr(json_object) value = parse(text);

    if (value)
        fail_msg("taken: %s", text);
}

static void
valid_texts_survive_a_round_trip(void **state)
{
    (void)state;
    assert_parses("{}", NULL);
    assert_parses("[]", NULL);
    assert_parses(" \t\r\n{ \"a\" : 1 } \n", "{\"a\":1}");
    assert_parses("{\"a\":[1,-2,true,false,null,\"s\",{\"b\":{}}]}", NULL);
    assert_parses("[0.5,1e5,-1.25E-3]", NULL);
    assert_parses("[18446744073709551615,-9223372036854775808]", NULL);
    assert_parses("{\"path\":\"/a/b\"}", NULL);
    assert_parses("[\"}]{[,\\\"\"]", NULL);
    assert_parses("[\"\\u00fc\\ud83d\\ude00\"]", "[\"\303\274\360\237\230\200\"]");
    assert_parses("[\"\303\274 \342\202\254 \360\237\230\200\"]", NULL);
}

static void
a_lone_surrogate_becomes_valid_text(void **state)
{
    (void)state;
    assert_parses("[\"\\ud800\"]", "[\"\357\277\275\"]");
    assert_parses("[\"\\ud800\\u0041\"]", "[\"\357\277\275A\"]");
    assert_parses("[\"\\udc00x\"]", "[\"\357\277\275x\"]");
}

static void
invalid_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "\"s\"",
        "true",
        "{",
        "[1",
        "{}x",
        "{}{}",
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "[1 2]",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "['a']",
        "[NaN]",
        "[Infinity]",
        "[-Infinity]",
        "[01]",
        "[1.]",
        "[1.,2]",
        "[.5]",
        "[+1]",
        "[--1]",
        "[1-2]",
        "[1e]",
        "[tRUE]",
        "[nul]",
        "[\"\\x\"]",
        "[\"\\u12g4\"]",
        "[\"\\u0000\"]",
        "[\"a\nb\"]",
        "{/**/}",
        "{}//",
        "[1}",
        "{]",
        "{\"a\":1]",
        "{1:2}",
        "[\"a]",
        "[\"\\\"]",
        "{\"a\\u0000b\":1}",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_refused(texts[i]);
}

static void
only_utf8_is_taken(void **state)
{
    static const char *const broken[] = {
        "\377",
        "\200",
        "\303",
        "\303x",
        "\300\200" /* overlong */,
        "\340\200\200",
        "\355\240\200" /* surrogate */,
        "\364\220\200\200" /* past U+10FFFF */,
        "\360\200\200\200",
        "\365\200\200\200",
        "\342\202",
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autofree char *text = g_strdup_printf("[\"%s\"]", broken[i]);
        assert_refused(text);
    }
    assert_refused("\303\274");
    assert_refused("\357\273\277{}"); /* a byte order mark */
}

static void
nesting_and_numbers_are_bounded(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *digits = g_strnfill(100, '1');
    g_autofree char *number = g_strdup_printf("[%s]", digits);

    (void)state;
    assert_parses("[[[[[[[[]]]]]]]]", NULL);
    assert_null(qmp_json_parse("[[[[[[[[[]]]]]]]]]", 18, DEPTH, &error));
    assert_non_null(strstr(error->message, "nested too deep"));
    assert_refused(number);
}

/* Three bytes of text that json-c turns into 800: the estimate must see them before it does. */
static void
cost_is_bounded_before_parsing(void **state)
{
    g_autoptr(GString) text = g_string_new("[{}");
    g_autoptr(GError) error = NULL;

    (void)state;
    for (guint i = 0; i < 1000000; i++)
        g_string_append(text, ",{}");
    g_string_append_c(text, ']');
    assert_null(qmp_json_parse(text->str, text->len, DEPTH, &error));
    assert_non_null(strstr(error->message, "too large"));
}

static void
getters_do_not_convert(void **state)
{
    g_autoptr(json_object) object =
        parse("{\"s\":\"1\",\"i\":1,\"b\":true,\"d\":1.0,\"n\":null,\"o\":{},\"a\":[]}");
    gint64 i = 7;
    guint64 u = 7;
    bool b = false;

    (void)state;
    assert_string_equal(qmp_json_get_string(object, "s"), "1");
    assert_null(qmp_json_get_string(object, "i"));
    assert_null(qmp_json_get_string(object, "n"));
    assert_null(qmp_json_get_string(object, "none"));
    assert_null(qmp_json_get_string(NULL, "s"));
    assert_false(qmp_json_get_int64(object, "s", &i));
    assert_false(qmp_json_get_int64(object, "d", &i));
    assert_false(qmp_json_get_int64(object, "b", &i));
    assert_int_equal(i, 7);
    assert_true(qmp_json_get_int64(object, "i", &i));
    assert_int_equal(i, 1);
    assert_true(qmp_json_get_uint64(object, "i", &u));
    assert_int_equal(u, 1);
    assert_false(qmp_json_get_bool(object, "i", &b));
    assert_true(qmp_json_get_bool(object, "b", &b));
    assert_true(b);
    assert_non_null(qmp_json_get_object(object, "o"));
    assert_null(qmp_json_get_object(object, "a"));
    assert_non_null(qmp_json_get_array(object, "a"));
    assert_null(qmp_json_get_array(object, "o"));
    assert_null(qmp_json_get_string(qmp_json_get_array(object, "a"), "s"));
}

static void
numbers_out_of_range_are_not_there(void **state)
{
    g_autoptr(json_object) object = parse(
        "{\"huge\":99999999999999999999,\"low\":-99999999999999999999,\"u\":18446744073709551614,\"m\":-1}");
    gint64 i = 7;
    guint64 u = 7;

    (void)state;
    assert_false(qmp_json_get_int64(object, "huge", &i));
    assert_false(qmp_json_get_int64(object, "low", &i));
    assert_false(qmp_json_get_int64(object, "u", &i));
    assert_int_equal(i, 7);
    assert_false(qmp_json_get_uint64(object, "huge", &u));
    assert_false(qmp_json_get_uint64(object, "m", &u));
    assert_int_equal(u, 7);
    assert_true(qmp_json_get_uint64(object, "u", &u));
    assert_true(u == G_MAXUINT64 - 1);
}

static void
string_vectors_are_all_or_nothing(void **state)
{
    g_autoptr(json_object) object = parse("{\"v\":[\"a\",\"b\"],\"mixed\":[\"a\",1],\"empty\":[]}");
    g_auto(GStrv) v = qmp_json_dup_strv(object, "v");
    g_auto(GStrv) empty = qmp_json_dup_strv(object, "empty");

    (void)state;
    assert_int_equal(g_strv_length(v), 2);
    assert_string_equal(v[1], "b");
    assert_int_equal(g_strv_length(empty), 0);
    assert_null(qmp_json_dup_strv(object, "mixed"));
    assert_null(qmp_json_dup_strv(object, "none"));
}

static void
builders_cannot_make_invalid_json(void **state)
{
    g_autoptr(json_object) object = json_object_new_object();
    const char *const strv[] = {"/dev/\377", "\001", NULL};

    (void)state;
    qmp_json_add_string(object, "skipped", NULL);
    qmp_json_add_strv(object, "skipped", NULL);
    qmp_json_add_value(object, "skipped", NULL);
    qmp_json_add_string(object, "s", "\303");
    qmp_json_add_strv(object, "v", strv);
    qmp_json_add_int64(object, "i", -1);
    qmp_json_add_uint64(object, "u", G_MAXUINT64);
    qmp_json_add_bool(object, "b", true);
    qmp_json_add_value(object, "e", qmp_json_strv_new(NULL));
    size_t length;
    const char *text = qmp_json_to_text(object, &length);
    assert_string_equal(text, "{\"s\":\"\357\277\275\",\"v\":[\"/dev/\357\277\275\",\"\\u0001\"],\"i\":-1,"
                              "\"u\":18446744073709551615,\"b\":true,\"e\":[]}");
    assert_int_equal(length, strlen(text));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_survive_a_round_trip),
        cmocka_unit_test(a_lone_surrogate_becomes_valid_text),
        cmocka_unit_test(invalid_texts_are_refused),
        cmocka_unit_test(only_utf8_is_taken),
        cmocka_unit_test(nesting_and_numbers_are_bounded),
        cmocka_unit_test(cost_is_bounded_before_parsing),
        cmocka_unit_test(getters_do_not_convert),
        cmocka_unit_test(numbers_out_of_range_are_not_there),
        cmocka_unit_test(string_vectors_are_all_or_nothing),
        cmocka_unit_test(builders_cannot_make_invalid_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
