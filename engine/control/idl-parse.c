/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recursive descent over the text, one function a rule of the grammar. The text is moult's own, but a
 * mistake in it should say where it is rather than make the engine misread its calls.
 */
#include "control/idl.h"

#include <string.h>

#include "control/idl-model.h"

#define MAX_DEPTH 16

typedef struct {
    const char *at;
    guint line;
    guint depth;
    ControlIdl *idl;
    GPtrArray *references; /* names of types that are used; borrowed */
} Parser;

static bool
fail(const Parser *parser, GError **error, const char *expected)
{
    g_set_error(error, CONTROL_IDL_ERROR, CONTROL_IDL_ERROR_SYNTAX, "line %u: %s expected", parser->line,
                expected);
    return false;
}

/* Skips white space and comments. */
static void
skip(Parser *parser)
{
    for (;;) {
        if (*parser->at == '#')
            parser->at += strcspn(parser->at, "\n");
        if (!*parser->at || !strchr(" \t\r\n", *parser->at))
            return;
        if (*parser->at == '\n')
            parser->line++;
        parser->at++;
    }
}

static bool
accept(Parser *parser, const char *token)
{
    skip(parser);
    if (!g_str_has_prefix(parser->at, token))
        return false;
    parser->at += strlen(token);
    return true;
}

static bool
expect(Parser *parser, const char *token, GError **error)
{
    return accept(parser, token) || fail(parser, error, token);
}

/* A run of letters, digits and characters of EXTRA that starts with a letter; NULL where there is none. */
static char *
take_word(Parser *parser, const char *extra)
{
    const char *start, *end;

    skip(parser);
    start = end = parser->at;
    if (!g_ascii_isalpha(*start))
        return NULL;
    while (g_ascii_isalnum(*end) || (*end && strchr(extra, *end)))
        end++;
    parser->at = end;
    return g_strndup(start, (gsize)(end - start));
}

static ControlIdlType *parse_type(Parser *parser, GError **error);

/* After "(" and a first NAME that a colon follows. */
static ControlIdlType *
parse_struct_from(Parser *parser, char *name, GError **error)
{
    g_autoptr(ControlIdlType) type = control_idl_type_new(CONTROL_IDL_STRUCT);
    g_autofree char *field = name;

    for (;;) {
        if (!expect(parser, ":", error))
            return NULL;
        ControlIdlType *field_type = parse_type(parser, error);
        if (!field_type)
            return NULL;
        g_ptr_array_add(type->fields, control_idl_field_new(field, field_type));
        if (accept(parser, ")"))
            return g_steal_pointer(&type);
        if (!expect(parser, ",", error))
            return NULL;
        g_free(field);
        field = take_word(parser, "_");
        if (!field)
            return fail(parser, error, "a field's name"), NULL;
    }
}

/* After "(" and a first VALUE that no colon follows. */
static ControlIdlType *
parse_enum_from(Parser *parser, char *value, GError **error)
{
    g_autoptr(ControlIdlType) type = control_idl_type_new(CONTROL_IDL_ENUM);

    for (;;) {
        g_ptr_array_add(type->values, value);
        if (accept(parser, ")"))
            return g_steal_pointer(&type);
        if (!expect(parser, ",", error))
            return NULL;
        value = take_word(parser, "_");
        if (!value)
            return fail(parser, error, "a value's name"), NULL;
    }
}

/* "()" is a structure without fields. */
static ControlIdlType *
parse_parenthesis(Parser *parser, GError **error)
{
    if (!expect(parser, "(", error))
        return NULL;
    if (accept(parser, ")"))
        return control_idl_type_new(CONTROL_IDL_STRUCT);
    char *name = take_word(parser, "_");
    if (!name)
        return fail(parser, error, "a name"), NULL;
    skip(parser);
    return *parser->at == ':' ? parse_struct_from(parser, name, error) : parse_enum_from(parser, name, error);
}

static ControlIdlType *
parse_word_type(Parser *parser, GError **error)
{
    static const struct {
        const char *word;
        ControlIdlKind kind;
    } builtin[] = {
        {"bool", CONTROL_IDL_BOOL},     {"int", CONTROL_IDL_INT},       {"float", CONTROL_IDL_FLOAT},
        {"string", CONTROL_IDL_STRING}, {"object", CONTROL_IDL_OBJECT},
    };
    g_autofree char *word = take_word(parser, "");

    if (!word)
        return fail(parser, error, "a type"), NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(builtin); i++)
        if (strcmp(word, builtin[i].word) == 0)
            return control_idl_type_new(builtin[i].kind);
    if (!g_ascii_isupper(word[0]))
        return fail(parser, error, "a type"), NULL;
    ControlIdlType *type = control_idl_type_new(CONTROL_IDL_NAMED);
    type->name = g_steal_pointer(&word);
    g_ptr_array_add(parser->references, type->name);
    return type;
}

static ControlIdlType *
parse_container(Parser *parser, ControlIdlKind kind, GError **error)
{
    ControlIdlType *element = parse_type(parser, error);

    if (!element)
        return NULL;
    ControlIdlType *type = control_idl_type_new(kind);
    type->element = element;
    return type;
}

static ControlIdlType *
parse_type(Parser *parser, GError **error)
{
    ControlIdlType *type;
    bool nullable = accept(parser, "?");

    if (parser->depth == MAX_DEPTH)
        return fail(parser, error, "less depth"), NULL;
    parser->depth++;
    skip(parser);
    if (accept(parser, "[]"))
        type = parse_container(parser, CONTROL_IDL_ARRAY, error);
    else if (accept(parser, "[string]"))
        type = parse_container(parser, CONTROL_IDL_MAP, error);
    else if (*parser->at == '(')
        type = parse_parenthesis(parser, error);
    else
        type = parse_word_type(parser, error);
    parser->depth--;
    if (type)
        type->nullable = nullable;
    return type;
}

static ControlIdlType *
parse_parameters(Parser *parser, GError **error)
{
    g_autoptr(ControlIdlType) type = parse_parenthesis(parser, error);

    if (type && type->kind != CONTROL_IDL_STRUCT)
        return fail(parser, error, "a list of parameters"), NULL;
    return g_steal_pointer(&type);
}

/* The name of what is being declared: new, as types, methods and errors share one namespace. */
static char *
parse_declared_name(Parser *parser, GError **error)
{
    g_autofree char *name = take_word(parser, "");
    const ControlIdl *idl = parser->idl;

    if (!name || !g_ascii_isupper(name[0]))
        return fail(parser, error, "a name that starts with a capital letter"), NULL;
    if (g_hash_table_contains(idl->types, name) || g_hash_table_contains(idl->methods, name) ||
        g_hash_table_contains(idl->errors, name))
        return fail(parser, error, "a name that is not taken"), NULL;
    return g_steal_pointer(&name);
}

/* A type is a structure or an enumeration. */
static bool
parse_type_member(Parser *parser, GError **error)
{
    g_autofree char *name = parse_declared_name(parser, error);
    ControlIdlType *type = name ? parse_parenthesis(parser, error) : NULL;

    if (!type)
        return false;
    g_hash_table_insert(parser->idl->types, g_steal_pointer(&name), type);
    return true;
}

static bool
parse_error_member(Parser *parser, GError **error)
{
    g_autofree char *name = parse_declared_name(parser, error);
    ControlIdlType *type = name ? parse_parameters(parser, error) : NULL;

    if (!type)
        return false;
    g_hash_table_insert(parser->idl->errors, g_steal_pointer(&name), type);
    return true;
}

static bool
parse_method_member(Parser *parser, GError **error)
{
    g_autofree char *name = parse_declared_name(parser, error);

    if (!name)
        return false;
    g_autoptr(ControlIdlType) input = parse_parameters(parser, error);
    if (!input || !expect(parser, "->", error))
        return false;
    ControlIdlType *output = parse_parameters(parser, error);
    if (!output)
        return false;
    ControlIdlMethod *method = g_new0(ControlIdlMethod, 1);
    method->name = g_strdup(name);
    method->input = g_steal_pointer(&input);
    method->output = output;
    g_hash_table_insert(parser->idl->methods, g_steal_pointer(&name), method);
    return true;
}

static bool
parse_member(Parser *parser, GError **error)
{
    g_autofree char *keyword = take_word(parser, "");

    if (g_strcmp0(keyword, "type") == 0)
        return parse_type_member(parser, error);
    if (g_strcmp0(keyword, "error") == 0)
        return parse_error_member(parser, error);
    if (g_strcmp0(keyword, "method") == 0)
        return parse_method_member(parser, error);
    return fail(parser, error, "type, method or error");
}

static bool
check_references(const Parser *parser, GError **error)
{
    for (guint i = 0; i < parser->references->len; i++) {
        const char *name = g_ptr_array_index(parser->references, i);
        if (!g_hash_table_contains(parser->idl->types, name)) {
            g_set_error(error, CONTROL_IDL_ERROR, CONTROL_IDL_ERROR_SYNTAX, "type %s is not declared", name);
            return false;
        }
    }
    return true;
}

ControlIdl *
control_idl_parse(const char *text, GError **error)
{
    g_autoptr(ControlIdl) idl = control_idl_new();
    g_autoptr(GPtrArray) references = g_ptr_array_new();
    Parser parser = {.at = text, .line = 1, .idl = idl, .references = references};

    if (!expect(&parser, "interface ", error))
        return NULL;
    idl->name = take_word(&parser, ".-");
    if (!idl->name || !strchr(idl->name, '.'))
        return fail(&parser, error, "the interface's name"), NULL;
    for (skip(&parser); *parser.at; skip(&parser))
        if (!parse_member(&parser, error))
            return NULL;
    if (!check_references(&parser, error))
        return NULL;
    return g_steal_pointer(&idl);
}
