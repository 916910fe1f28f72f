/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool
cli_terminal_is(FILE *file)
{
    return isatty(fileno(file)) == 1;
}

bool
cli_terminal_has_colour(FILE *file)
{
    const char *no_colour = g_getenv("NO_COLOR"), *kind = g_getenv("TERM");

    if (no_colour && no_colour[0] != '\0')
        return false;
    return cli_terminal_is(file) && kind && strcmp(kind, "dumb") != 0;
}

void
cli_terminal_print(FILE *file, CliColour colour, const char *text)
{
    static const char *const sequences[] = {
        [CLI_COLOUR_BOLD] = "\033[1m",
        [CLI_COLOUR_GOOD] = "\033[32m",
        [CLI_COLOUR_WARN] = "\033[33m",
        [CLI_COLOUR_BAD] = "\033[31m",
    };

    if (colour == CLI_COLOUR_NONE || !cli_terminal_has_colour(file))
        fputs(text, file);
    else
        fprintf(file, "%s%s\033[0m", sequences[colour], text);
}

guint
cli_terminal_get_columns(FILE *file)
{
    struct winsize size;

    return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

guint
cli_terminal_measure(const char *text)
{
    guint columns = 0;

    for (; *text; text = g_utf8_next_char(text)) {
        gunichar character = g_utf8_get_char(text);
        if (!g_unichar_iszerowidth(character))
            columns += g_unichar_iswide(character) ? 2 : 1;
    }
    return columns;
}
