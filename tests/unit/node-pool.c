/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for what blocks: work is done side by side, in order when there is but one thread to be had, and its end comes back to
 * the main loop, whether that runs at the moment or not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/pool.h"
#include "node/worker.h"

#define N_THREADS 4
#define N_WORKS 32

/* ---- Side by side ---- */

typedef struct {
    GMutex lock;
    GCond changed;
    guint n_inside, most_inside, n_done;
    bool may_go;
} Room;

static void
enter_and_wait(gpointer data)
{
    Room *room = data;

    g_mutex_lock(&room->lock);
    room->n_inside++;
    room->most_inside = MAX(room->most_inside, room->n_inside);
    g_cond_broadcast(&room->changed);
    while (!room->may_go)
        g_cond_wait(&room->changed, &room->lock);
    room->n_inside--;
    room->n_done++;
    g_cond_broadcast(&room->changed);
    g_mutex_unlock(&room->lock);
}

static void
work_is_done_side_by_side(void **state G_GNUC_UNUSED)
{
    NodePool *pool = node_pool_new(N_THREADS, NULL);
    Room room = {0};

    assert_non_null(pool);
    for (guint i = 0; i < N_WORKS; i++)
        node_pool_push(pool, enter_and_wait, &room);
    g_mutex_lock(&room.lock);
    while (room.n_inside < N_THREADS)
        g_cond_wait(&room.changed, &room.lock);
    room.may_go = true;
    g_cond_broadcast(&room.changed);
    while (room.n_done < N_WORKS)
        g_cond_wait(&room.changed, &room.lock);
    assert_int_equal(room.most_inside, N_THREADS);
    g_mutex_unlock(&room.lock);
    node_pool_free(pool);
}

/* ---- No thread to be had ---- */

static void
count(gpointer data)
{
    g_atomic_int_inc((gint *)data);
}

/* In a child: RLIMIT_NPROC holds for a user other than root, and would stay. 0: all is done by the one thread there is. */
static int
push_without_threads(void)
{
    static gint n_done;
    const struct rlimit none = {0, 0};

    if (geteuid() == 0 && setuid(65534) < 0)
        return 1;
    NodePool *pool = node_pool_new(N_THREADS, NULL);
    if (!pool || setrlimit(RLIMIT_NPROC, &none) < 0)
        return 2;
    for (guint i = 0; i < N_WORKS; i++)
        node_pool_push(pool, count, &n_done);
    for (guint i = 0; i < 10000 && g_atomic_int_get(&n_done) < N_WORKS; i++)
        g_usleep(1000);
    g_autoptr(GError) error = NULL;
    if (g_atomic_int_get(&n_done) < N_WORKS)
        return 3;
    /* And one that has not even that says so. */
    return node_pool_new(N_THREADS, &error) || !error ? 4 : 0;
}

static void
one_thread_is_enough(void **state G_GNUC_UNUSED)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(push_without_threads());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- Back to the main loop ---- */

typedef struct {
    GThread *told_in;
    gint is_told;
} Message;

static gboolean
be_told(gpointer data)
{
    Message *message = data;

    message->told_in = g_thread_self();
    return G_SOURCE_REMOVE;
}

static void
tell(gpointer data)
{
    Message *message = data;

    node_worker_tell(be_told, message);
    g_atomic_int_set(&message->is_told, 1);
}

/* Nobody iterates the main loop when the worker ends, as while an engine starts. */
static void
end_is_told_in_the_main_loop(void **state G_GNUC_UNUSED)
{
    NodePool *pool = node_pool_new(N_THREADS, NULL);
    Message message = {0};

    node_pool_push(pool, tell, &message);
    while (!g_atomic_int_get(&message.is_told))
        g_thread_yield();
    assert_null(message.told_in);
    while (!message.told_in)
        g_main_context_iteration(NULL, TRUE);
    assert_ptr_equal(message.told_in, g_thread_self());
    node_pool_free(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_is_enough), /* forks: before there are threads */
        cmocka_unit_test(work_is_done_side_by_side),
        cmocka_unit_test(end_is_told_in_the_main_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
