/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* moult-test-sampler: watches a test guest from the command line; for scripts and by hand. */
#include <glib-unix.h>
#include <glib.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

#define COMMAND_TIMEOUT_MS 5000

typedef struct Options {
    int pid;
    int ready_s;
    double watch_s;
    gboolean until_signal;
    gboolean check;
    gboolean json;
    char *command;
} Options;

static const struct {
    const char *name;
    uint32_t command;
} commands[] = {
    {"power-off", GUEST_COMMAND_POWER_OFF}, {"quiet", GUEST_COMMAND_QUIET}, {"resume", GUEST_COMMAND_RESUME},
    {"panic", GUEST_COMMAND_PANIC},         {"load", GUEST_COMMAND_LOAD},   {"reboot", GUEST_COMMAND_REBOOT},
    {"tick-ns", GUEST_COMMAND_TICK_NS},
};

static void
add_number(json_object *object, const char *name, uint64_t number)
{
    json_object_object_add(object, name, json_object_new_uint64(number));
}

static json_object *
page_to_json(const GuestPage *page)
{
    json_object *object = json_object_new_object();
    g_autofree char *nonce = g_strdup_printf("%016" PRIx64, page->nonce);

    json_object_object_add(object, "kind", json_object_new_string(page->kind == GUEST_KIND_TINY ? "tiny" : "linux"));
    json_object_object_add(object, "nonce", json_object_new_string(nonce));
    json_object_object_add(object, "ready", json_object_new_boolean(page->ready == 1));
    add_number(object, "vcpus", page->vcpus);
    add_number(object, "ticks", page->ticks);
    add_number(object, "tick_period_ns", page->tick_period_ns);
    add_number(object, "tick_gap_max_ns", page->tick_gap_max_ns);
    add_number(object, "clock_errors", page->clock_errors);
    add_number(object, "memory_bytes", page->memory_bytes);
    add_number(object, "memory_passes", page->memory_passes);
    add_number(object, "memory_pages", page->memory_pages);
    add_number(object, "memory_errors", page->memory_errors);
    add_number(object, "load_percent", page->load_percent);
    add_number(object, "disk_bytes", page->disk_bytes);
    add_number(object, "disk_written", page->disk_written);
    add_number(object, "disk_verified", page->disk_verified);
    add_number(object, "disk_errors", page->disk_errors);
    add_number(object, "net_up", page->net_up);
    add_number(object, "net_udp_echoes", page->net_udp_echoes);
    add_number(object, "net_tcp_echoes", page->net_tcp_echoes);
    add_number(object, "net_announced", page->net_announced);
    add_number(object, "net_errors", page->net_errors);
    add_number(object, "rng_bytes", page->rng_bytes);
    add_number(object, "port_echoes", page->port_echoes);
    add_number(object, "power_buttons", page->power_buttons);
    return object;
}

static json_object *
watch_to_json(const WatchResult *result)
{
    json_object *object = json_object_new_object();

    add_number(object, "gap_us", result->gap_us);
    add_number(object, "gap_sure_us", result->gap_sure_us);
    add_number(object, "gap_at_us", result->gap_at_us);
    add_number(object, "look_max_us", result->look_max_us);
    add_number(object, "looks", result->looks);
    add_number(object, "ticks", result->ticks_last - result->ticks_first);
    add_number(object, "duration_us", result->duration_us);
    return object;
}

static gboolean
loop_quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

static void
watch_for(Sampler *sampler, const Options *options, WatchResult *ret_result)
{
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    Watch *watch = watch_start(&sampler, 1);

    g_unix_signal_add(SIGINT, loop_quit, loop);
    g_unix_signal_add(SIGTERM, loop_quit, loop);
    if (options->watch_s > 0)
        g_timeout_add((guint)(options->watch_s * 1000), loop_quit, loop);
    /* Whoever starts this in the background may want to know from when on it looks. */
    fputs("watching\n", stderr);
    g_main_loop_run(loop);
    watch_stop(watch, ret_result);
}

/* NAME or NAME=NUMBER */
static bool
command_send(Sampler *sampler, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    guint64 argument = 0;

    if (parts[0] && parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXUINT64, &argument, error))
        return false;
    for (gsize i = 0; parts[0] && i < G_N_ELEMENTS(commands); i++)
        if (!strcmp(commands[i].name, parts[0]))
            return sampler_command(sampler, commands[i].command, argument, COMMAND_TIMEOUT_MS, error);
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no command '%s'", text);
    return false;
}

static bool
report(Sampler *sampler, const Options *options, const WatchResult *result, GError **error)
{
    GuestPage page;

    if (!sampler_read(sampler, &page)) {
        g_set_error(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE, "the guest's process has ended");
        return false;
    }
    if (options->json) {
        json_object *object = json_object_new_object();

        json_object_object_add(object, "memory", json_object_new_string(sampler_get_name(sampler)));
        add_number(object, "offset", sampler_get_offset(sampler));
        json_object_object_add(object, "guest", page_to_json(&page));
        if (result)
            json_object_object_add(object, "watch", watch_to_json(result));
        puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
        json_object_put(object);
        return true;
    }
    printf("ticks %" PRIu64 ", memory passes %" PRIu64 " errors %" PRIu64 ", disk written %" PRIu64 " verified %" PRIu64
           " errors %" PRIu64 "\n",
           page.ticks, page.memory_passes, page.memory_errors, page.disk_written, page.disk_verified, page.disk_errors);
    if (result)
        printf("longest pause %" PRIu64 " us (at least %" PRIu64 " us) in %" PRIu64 " us\n", result->gap_us,
               result->gap_sure_us, result->duration_us);
    return true;
}

static bool
run(const Options *options, GError **error)
{
    g_autoptr(Sampler) sampler = options->ready_s
                                     ? sampler_open_ready(options->pid, (unsigned)options->ready_s * 1000, error)
                                     : sampler_open(options->pid, error);
    WatchResult result;
    bool has_watched = options->watch_s > 0 || options->until_signal;

    if (!sampler || (options->command && !command_send(sampler, options->command, error)))
        return false;
    if (has_watched)
        watch_for(sampler, options, &result);
    return report(sampler, options, has_watched ? &result : NULL, error) &&
           (!options->check || sampler_check(sampler, error));
}

int
main(int argc, char **argv)
{
    static Options options;
    const GOptionEntry entries[] = {
        {"pid", 'p', 0, G_OPTION_ARG_INT, &options.pid, "the QEMU process", "PID"},
        {"ready", 'r', 0, G_OPTION_ARG_INT, &options.ready_s, "first wait until the guest is ready", "SECONDS"},
        {"command", 'c', 0, G_OPTION_ARG_STRING, &options.command,
         "ask the guest: power-off, quiet, resume, panic, reboot, load=PERCENT, tick-ns=N", "NAME[=N]"},
        {"watch", 'w', 0, G_OPTION_ARG_DOUBLE, &options.watch_s, "look for the longest pause of the ticks", "SECONDS"},
        {"until-signal", 'u', 0, G_OPTION_ARG_NONE, &options.until_signal, "the same, until SIGINT or SIGTERM", NULL},
        {"check", 0, 0, G_OPTION_ARG_NONE, &options.check, "fail when the guest has counted errors", NULL},
        {"json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "print all that is known as JSON", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || options.pid <= 0) {
        fprintf(stderr, "moult-test-sampler: %s\n", error ? error->message : "--pid is needed");
        return 2;
    }
    if (!run(&options, &error)) {
        fprintf(stderr, "moult-test-sampler: %s\n", error->message);
        return 1;
    }
    return 0;
}
