/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test guest's settings, from the kernel command line. */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

GuestConfig config = {
    .memory_mib = 16,
    .load_percent = 50,
    .tick_ns = 200000,
    .disks = "auto",
    .disk_mib = 16,
    .disk_pause_ms = 10,
};

static void
config_set_number(const char *name, const char *value, uint64_t max, uint64_t *ret_number)
{
    char *end;
    unsigned long long number = strtoull(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || number > max)
        log_line("ERROR bad value for moult.%s: %s", name, value);
    else
        *ret_number = number;
}

static void
config_set_text(const char *name, const char *value, char *ret_text, size_t size)
{
    if (strlen(value) >= size)
        log_line("ERROR moult.%s is too long", name);
    else
        strcpy(ret_text, value);
}

static void
config_set(const char *name, const char *value)
{
    uint64_t number;

    if (!strcmp(name, "mem")) {
        number = config.memory_mib;
        config_set_number(name, value, 1 << 20, &number);
        config.memory_mib = (unsigned)number;
    } else if (!strcmp(name, "load")) {
        number = config.load_percent;
        config_set_number(name, value, 100, &number);
        config.load_percent = (unsigned)number;
    } else if (!strcmp(name, "tick_ns")) {
        config_set_number(name, value, 1000000000, &config.tick_ns);
    } else if (!strcmp(name, "disk")) {
        config_set_text(name, value, config.disks, sizeof(config.disks));
    } else if (!strcmp(name, "disk_mib")) {
        number = config.disk_mib;
        config_set_number(name, value, 1 << 20, &number);
        config.disk_mib = (unsigned)number;
    } else if (!strcmp(name, "disk_pause_ms")) {
        number = config.disk_pause_ms;
        config_set_number(name, value, 60000, &number);
        config.disk_pause_ms = (unsigned)number;
    } else if (!strcmp(name, "ip")) {
        config_set_text(name, value, config.addresses, sizeof(config.addresses));
    } else {
        log_line("ERROR unknown setting moult.%s", name);
    }
}

void
config_read(void)
{
    static char line[4096];
    FILE *file = fopen("/proc/cmdline", "re");

    if (!file || !fgets(line, sizeof(line), file))
        log_line("ERROR cannot read the kernel command line: %s", log_errno());
    if (file)
        fclose(file);

    for (char *rest = line, *word; (word = strtok_r(rest, " \n", &rest));) {
        char *value = strchr(word, '=');

        if (strncmp(word, "moult.", 6) || !value)
            continue;
        *value++ = '\0';
        config_set(word + 6, value);
    }
}
