/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/argv.h"

#include <string.h>

#include "qemu/argv-error.h"

#define WORDS_MAX 4096U
#define WORD_MAX_BYTES 131072U /* the kernel's MAX_ARG_STRLEN */
#define TOTAL_MAX_BYTES (1U << 20)

static void
arg_free(QemuArg *arg)
{
    g_free(arg->word);
    g_free(arg->value);
    g_clear_pointer(&arg->settings, qemu_keyval_free);
    g_free(arg);
}

static QemuArgv *
argv_new(void)
{
    QemuArgv *argv = g_new0(QemuArgv, 1);

    argv->args = g_ptr_array_new_with_free_func((GDestroyNotify)arg_free);
    return argv;
}

void
qemu_argv_free(QemuArgv *argv)
{
    if (!argv)
        return;
    g_ptr_array_unref(argv->args);
    g_free(argv);
}

static bool
check_bounds(const char *const *words, GError **error)
{
    size_t total_bytes = 0;

    for (unsigned i = 0; words[i]; i++) {
        size_t length = strnlen(words[i], WORD_MAX_BYTES + 1);
        total_bytes += length;
        if (i == WORDS_MAX || length > WORD_MAX_BYTES || total_bytes > TOTAL_MAX_BYTES)
            return qemu_argv_fail(
                error, QEMU_PLAN_ERROR_ARGUMENTS,
                "the command line is too long at argument %u: at most %u arguments of %u bytes, %u together",
                i + 1, WORDS_MAX, WORD_MAX_BYTES, TOTAL_MAX_BYTES);
        if (!g_utf8_validate_len(words[i], length, NULL))
            return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "argument %u is not UTF-8 text", i + 1);
    }
    return true;
}

static bool
fail_unknown(const char *word, unsigned position, GError **error)
{
    const char *name = word + strspn(word, "-");
    g_autofree char *before = g_strndup(name, strcspn(name, "="));

    if (strchr(name, '=') && qemu_option_find(before))
        qemu_argv_fail(
            error, QEMU_PLAN_ERROR_ARGUMENTS,
            "argument %u: QEMU does not accept “%.100s”: write “-%s” and its value as two arguments",
            position, word, before);
    else
        qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS,
                       "argument %u: “%.100s” is not an option of QEMU; compare with the output of “-help”",
                       position, word);
    return false;
}

static bool
asks_help(const QemuArg *arg)
{
    return qemu_arg_is(arg, "help") || qemu_arg_is(arg, "version") || qemu_arg_is(arg, "audio-help") ||
           (arg->settings ? qemu_keyval_asks_help(arg->settings)
                          : qemu_option_asks_help(arg->option, arg->value));
}

static bool
parse_value(QemuArg *arg, GError **error)
{
    if (arg->option->syntax != QEMU_SYNTAX_NONE && arg->option->syntax != QEMU_SYNTAX_TEXT &&
        !(arg->settings = qemu_keyval_parse(arg->option, arg->value, error)))
        return false;
    if (!asks_help(arg))
        return true;
    return qemu_argv_fail(error, QEMU_PLAN_ERROR_REFUSED,
                          "“%s%s%.100s” makes QEMU print a list and leave: run QEMU itself for that",
                          arg->word, arg->value ? " " : "", arg->value ? arg->value : "");
}

/* One option at words[*POSITION], which is advanced past what it takes. */
static bool
parse_option(QemuArgv *argv, const char *const *words, unsigned *position, GError **error)
{
    const char *word = words[*position];
    QemuArg *arg = g_new0(QemuArg, 1);

    g_ptr_array_add(argv->args, arg);
    arg->word = g_strdup(word);
    ++*position;
    if (word[0] != '-')
        return true;
    /* vl.c:lookup_opt() skips one more dash, so "--m" is -m and "---m" is nothing. */
    arg->option = qemu_option_find(word + (word[1] == '-' ? 2 : 1));
    if (!arg->option)
        return fail_unknown(word, *position, error);
    if (arg->option->syntax == QEMU_SYNTAX_NONE)
        return parse_value(arg, error);
    if (!words[*position])
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS,
                              "argument %u: “%s” needs a value after it, and is the last word", *position,
                              word);
    arg->value = g_strdup(words[(*position)++]);
    return parse_value(arg, error);
}

QemuArgv *
qemu_argv_parse(const char *const *words, GError **error)
{
    g_autoptr(QemuArgv) argv = argv_new();

    if (!check_bounds(words, error))
        return NULL;
    for (unsigned position = 0; words[position];) {
        if (!parse_option(argv, words, &position, error))
            return NULL;
    }
    return g_steal_pointer(&argv);
}

char **
qemu_argv_to_words(const QemuArgv *argv)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        g_ptr_array_add(words, g_strdup(arg->word));
        if (arg->settings)
            g_ptr_array_add(words, qemu_keyval_format(arg->settings));
        else if (arg->value)
            g_ptr_array_add(words, g_strdup(arg->value));
    }
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_steal(words, NULL);
}

bool
qemu_arg_is(const QemuArg *arg, const char *name)
{
    return arg->option && strcmp(arg->option->canonical, name) == 0;
}

const char *
qemu_arg_get_network(const QemuArg *arg)
{
    bool is_network = qemu_arg_is(arg, "netdev") || qemu_arg_is(arg, "nic") || qemu_arg_is(arg, "net");

    return is_network && arg->settings ? qemu_keyval_get(arg->settings, "type") : NULL;
}

QemuArg *
qemu_argv_find(const QemuArgv *argv, const char *name)
{
    for (guint i = argv->args->len; i-- > 0;) {
        QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, name))
            return arg;
    }
    return NULL;
}

QemuArg *
qemu_argv_find_with(const QemuArgv *argv, const char *name, const char *key, const char *value)
{
    for (guint i = 0; i < argv->args->len; i++) {
        QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, name) && arg->settings && g_strcmp0(qemu_keyval_get(arg->settings, key), value) == 0)
            return arg;
    }
    return NULL;
}

const char *
qemu_argv_get_merged(const QemuArgv *argv, const char *name, const char *key)
{
    for (guint i = argv->args->len; i-- > 0;) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        const char *value = qemu_arg_is(arg, name) ? qemu_keyval_get(arg->settings, key) : NULL;
        if (value)
            return value;
    }
    return NULL;
}

static QemuArg *
arg_new(const char *name, const char *value)
{
    QemuArg *arg = g_new0(QemuArg, 1);

    arg->option = qemu_option_find(name);
    arg->word = g_strconcat("-", name, NULL);
    arg->value = g_strdup(value);
    g_assert(arg->option && (arg->option->syntax == QEMU_SYNTAX_NONE) == (value == NULL));
    if (value && !parse_value(arg, NULL))
        g_assert_not_reached();
    return arg;
}

QemuArg *
qemu_argv_append(QemuArgv *argv, const char *name, const char *value)
{
    QemuArg *arg = arg_new(name, value);

    arg->added = true;
    g_ptr_array_add(argv->args, arg);
    return arg;
}

QemuArg *
qemu_argv_replace(QemuArgv *argv, QemuArg *arg, const char *name, const char *value)
{
    guint i;
    QemuArg *replacement;

    if (!g_ptr_array_find(argv->args, arg, &i))
        g_assert_not_reached();
    replacement = arg_new(name, value);
    replacement->added = arg->added;
    arg_free(arg);
    argv->args->pdata[i] = replacement;
    return replacement;
}

void
qemu_argv_remove(QemuArgv *argv, QemuArg *arg)
{
    g_ptr_array_remove(argv->args, arg);
}
