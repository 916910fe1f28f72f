/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * moult-bench-bare: a test guest of its own, moved by bare QMP as its standard input says, one word a line; each is
 * answered by one line of JSON. "floor", "copy", "file": one move; "quiet", "busy": the guest's loads; "idle": how long
 * the guest's ticks stand still when nothing happens. Ends, and the guest with it, at the end of the input.
 */
#include <gio/gio.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "bare.h"
#include "qmp/json.h"

#define READY_TIMEOUT_MS 120000
#define COMMAND_TIMEOUT_MS 60000
#define TICKS_TIMEOUT_MS 60000
#define TICKS_AFTER 500
#define IDLE_US 1000000

static void
add_watch(json_object *object, const WatchResult *watch)
{
    qmp_json_add_uint64(object, "gap_us", watch->gap_us);
    qmp_json_add_uint64(object, "gap_sure_us", watch->gap_sure_us);
    qmp_json_add_uint64(object, "look_max_us", watch->look_max_us);
}

static json_object *
move_to_json(const Bare *bare, const Move *move)
{
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "to", bare->binaries[0]);
    qmp_json_add_int64(object, "pid", bare->vm->pid);
    qmp_json_add_int64(object, "command_us", move->command_us);
    qmp_json_add_int64(object, "stop_us", move->stop_us);
    qmp_json_add_int64(object, "resume_us", move->resume_us);
    qmp_json_add_int64(object, "end_us", move->end_us);
    qmp_json_add_uint64(object, "file_bytes", move->file_bytes);
    add_watch(object, &move->watch);
    return object;
}

/* The guest must go on afterwards, and have found nothing wrong. */
static json_object *
run_move(Bare *bare, BareMove move_func, GError **error)
{
    Move move = {0};
    Watch *watch = watch_start(&bare->sampler, 1);
    bool ok = move_func(bare, watch, &move, error) &&
              sampler_wait_ticks(bare->sampler, TICKS_AFTER, TICKS_TIMEOUT_MS, error);

    watch_stop(watch, &move.watch);
    g_clear_pointer(&bare->peer, sampler_free);
    return ok && sampler_check(bare->sampler, error) ? move_to_json(bare, &move) : NULL;
}

static json_object *
run_idle(Bare *bare)
{
    json_object *object = json_object_new_object();
    WatchResult watch;

    sampler_max_gap(bare->sampler, IDLE_US, &watch);
    add_watch(object, &watch);
    return object;
}

static json_object *
run_command(Bare *bare, uint32_t command, GError **error)
{
    return sampler_command(bare->sampler, command, 0, COMMAND_TIMEOUT_MS, error) ? json_object_new_object() : NULL;
}

static json_object *
obey(Bare *bare, const char *word, GError **error)
{
    if (!strcmp(word, "floor"))
        return run_move(bare, floor_move, error);
    if (!strcmp(word, "copy"))
        return run_move(bare, whole_move_copy, error);
    if (!strcmp(word, "file"))
        return run_move(bare, whole_move_file, error);
    if (!strcmp(word, "idle"))
        return run_idle(bare);
    if (!strcmp(word, "quiet"))
        return run_command(bare, GUEST_COMMAND_QUIET, error);
    if (!strcmp(word, "busy"))
        return run_command(bare, GUEST_COMMAND_RESUME, error);
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no command '%s'", word);
    return NULL;
}

static void
answer(json_object *object)
{
    puts(qmp_json_to_text(object, NULL));
    fflush(stdout);
    json_object_put(object);
}

static bool
serve(Bare *bare, GError **error)
{
    char line[64];
    json_object *object = json_object_new_object();

    qmp_json_add_int64(object, "pid", bare->vm->pid);
    answer(object);
    while (fgets(line, sizeof(line), stdin)) {
        object = obey(bare, g_strchomp(line), error);
        if (!object)
            return false;
        answer(object);
    }
    return true;
}

/* What is left of the command line is QEMU's. */
static bool
parse(Bare *bare, int argc, char **argv, GError **error)
{
    const GOptionEntry entries[] = {
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &bare->binaries[0], "the QEMU it starts on", "BINARY"},
        {"to", 0, 0, G_OPTION_ARG_FILENAME, &bare->binaries[1], "the other one", "BINARY"},
        {"machine", 0, 0, G_OPTION_ARG_STRING, &bare->machine, "a machine type of both", "TYPE"},
        {"ram", 0, 0, G_OPTION_ARG_INT, &bare->ram_mib, "the guest's RAM", "MIB"},
        {"folder", 0, 0, G_OPTION_ARG_FILENAME, &bare->folder, "where a saved guest goes", "FOLDER"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("-- QEMU ARGUMENTS");

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, error))
        return false;
    if (!bare->binaries[0] || !bare->binaries[1] || !bare->machine || !bare->ram_mib || !bare->folder) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "all options are needed");
        return false;
    }
    bare->arguments = (const char *const *)argv + 1 + (argc > 1 && !strcmp(argv[1], "--"));
    return true;
}

int
main(int argc, char **argv)
{
    static Bare bare = {.ram_fd = -1};
    g_autoptr(GError) error = NULL;
    bool ok = parse(&bare, argc, argv, &error) && bare_start(&bare, READY_TIMEOUT_MS, &error) && serve(&bare, &error);

    if (!ok)
        fprintf(stderr, "moult-bench-bare: %s\n", error ? error->message : "failed");
    bare_clear(&bare);
    return ok ? 0 : 1;
}
