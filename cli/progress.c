/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "cli/format.h"
#include "cli/terminal.h"
#include "qmp/json.h"
#include "qmp/text.h"

struct CliProgress {
    bool active; /* standard error is a terminal */
    bool shown;
    GHashTable *guests; /* those that were seen under way */
};

CliProgress *
cli_progress_new(void)
{
    CliProgress *progress = g_new0(CliProgress, 1);

    progress->active = cli_terminal_is(stderr);
    progress->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return progress;
}

void
cli_progress_clear(CliProgress *progress)
{
    if (!progress->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress->shown = false;
}

void
cli_progress_free(CliProgress *progress)
{
    if (!progress)
        return;
    cli_progress_clear(progress);
    g_hash_table_unref(progress->guests);
    g_free(progress);
}

/* "2/5 prepare" for the phases that come in order; "abort" for what may come instead. */
static char *
describe_phase(const char *phase)
{
    static const char *const phases[] = {"begin", "prepare", "perform", "finish", "confirm"};

    for (guint i = 0; i < G_N_ELEMENTS(phases); i++)
        if (g_strcmp0(phase, phases[i]) == 0)
            return g_strdup_printf("%u/%u %s", i + 1, (guint)G_N_ELEMENTS(phases), phase);
    return g_strdup(phase ? phase : "");
}

/* " 35 % of 512 MiB" while memory is copied; "" otherwise. */
static char *
describe_copied(json_object *step)
{
    gint64 copied = 0, total = 0;

    if (!qmp_json_get_int64(step, "copied_bytes", &copied) ||
        !qmp_json_get_int64(step, "total_bytes", &total) || total <= 0)
        return g_strdup("");
    g_autofree char *size = cli_format_bytes(step, "total_bytes");
    return g_strdup_printf(" %d %% of %s", (int)(100.0 * (double)copied / (double)total), size);
}

void
cli_progress_show(CliProgress *progress, json_object *step)
{
    const char *guest = qmp_json_get_string(step, "guest");
    g_autofree char *what = cli_format_step(step);

    if (!progress->active || !guest)
        return;
    g_hash_table_add(progress->guests, g_strdup(guest));
    guint others = g_hash_table_size(progress->guests) - 1;
    g_autofree char *phase = describe_phase(qmp_json_get_string(step, "phase"));
    g_autofree char *count = others > 0 ? g_strdup_printf(" (and %u more)", others) : g_strdup("");
    g_autofree char *copied = describe_copied(step);
    g_autofree char *line = g_strdup_printf("%s: %s: %s%s%s", guest, phase, what, copied, count);
    /* A line that wraps could not be rewritten; cutting by bytes errs on the narrow side. */
    g_autofree char *quoted = qmp_text_quote(line, cli_terminal_get_columns(stderr) - 1);
    fprintf(stderr, "\r\033[K%s", quoted);
    fflush(stderr);
    progress->shown = true;
}
