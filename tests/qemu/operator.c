/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "operator.h"

char *
operator_expand(const HarnessEngine *engine, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);

    return g_strjoinv(engine->folder, parts);
}

void
operator_say(HarnessGuest *guest, const char *commands)
{
    g_autofree char *text = operator_expand(guest->engine, commands);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line && **line; line++) {
        char *arguments = strchr(*line, ' ');
        if (arguments)
            *arguments++ = '\0';
        harness_guest_qmp_with(guest, *line, arguments);
    }
}

void
operator_say_until_done(HarnessGuest *guest, const char *command, const char *arguments)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, NULL);

    assert_true(client && qmp_client_wait_ready(client, &wait, NULL));
    while (!qmp_client_call(client, command, json_tokener_parse(arguments), &wait, NULL, NULL)) {
        if (g_get_monotonic_time() > wait.deadline_us)
            fail_msg("%s %s", command, arguments);
        g_usleep(10000);
    }
}

char *
operator_hear(HarnessGuest *guest, const char *command, const char *arguments)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, &error);
    g_autoptr(json_object) reply = NULL;

    if (!client || !qmp_client_wait_ready(client, &wait, &error) ||
        !qmp_client_call(client, command, arguments ? json_tokener_parse(arguments) : NULL, &wait, &reply, &error))
        fail_msg("%s: %s: %s", guest->name, command, error->message);
    return g_strdup(qmp_json_to_text(reply, NULL));
}

void
operator_expect(HarnessGuest *guest, const char *command, const char *arguments, const char *words, bool is_there)
{
    g_autofree char *text = operator_hear(guest, command, arguments), *wanted = operator_expand(guest->engine, words);

    if ((strstr(text, wanted) != NULL) != is_there)
        fail_msg("%s: “%s” is %s in: %s", command, wanted, is_there ? "not" : "still", text);
}

void
operator_expect_row(HarnessGuest *guest, const char *row)
{
    g_autoptr(HarnessReply) check = moult(guest->engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), NULL);

    assert_status(check, EXIT_DONE);
    if (!strstr(check->text, row))
        fail_msg("“%s” is not in: %s", row, check->text);
}

void
operator_move_around(HarnessGuest *guest, OperatorLook look)
{
    const char *broken = harness_script(
        guest->engine, "refuses", "case \"$*\" in *q35-7.2*) echo no thanks >&2; exit 1;; esac\nexec %s \"$@\"\n",
        harness_build(BUILD_SECOND));

    look(guest);
    g_autoptr(HarnessReply) failed = moult(guest->engine, "upgrade", guest->name, "--to", broken, "--json", NULL);
    assert_outcome(failed, EXIT_FAILED, "rolled-back", "qemu-start", "no thanks");
    look(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    look(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    look(guest);
}
