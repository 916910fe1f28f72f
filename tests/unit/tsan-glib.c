/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ThreadSanitizer cannot see: GLib's locks and reference counts are futexes and atomics inside a library
 * that is not built with it. Preloaded, or linked into the program, this tells it of the order they make; without it every use
 * of a GMutex is a report.
 */
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* The function of that name that this one stands before. */
#define NEXT(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

void
g_mutex_lock(GMutex *mutex)
{
    NEXT(g_mutex_lock)(mutex);
    __tsan_acquire(mutex);
}

gboolean
g_mutex_trylock(GMutex *mutex)
{
    gboolean locked = NEXT(g_mutex_trylock)(mutex);
    if (locked)
        __tsan_acquire(mutex);
    return locked;
}

void
g_mutex_unlock(GMutex *mutex)
{
    __tsan_release(mutex);
    NEXT(g_mutex_unlock)(mutex);
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
    __tsan_release(mutex);
    NEXT(g_cond_wait)(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    __tsan_release(mutex);
    gboolean signalled = NEXT(g_cond_wait_until)(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return signalled;
}

gboolean(g_atomic_ref_count_dec)(gatomicrefcount *count)
{
    __tsan_release(count);
    gboolean last = NEXT(g_atomic_ref_count_dec)(count);
    if (last)
        __tsan_acquire(count);
    return last;
}

/* ---- From one thread to another: what a main loop is told to call ---- */

typedef struct {
    GSourceFunc func;
    gpointer data;
    GDestroyNotify notify;
} LoopCall;

static gboolean
loop_call(gpointer data)
{
    const LoopCall *call = data;

    __tsan_acquire(data);
    return call->func(call->data);
}

static void
loop_call_free(gpointer data)
{
    const LoopCall *call = data;

    if (call->notify)
        call->notify(call->data);
    g_free(data);
}

/* Only of sources whose function takes nothing but its data. */
void
g_source_set_callback(GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
    if (source->source_funcs != &g_idle_funcs) {
        NEXT(g_source_set_callback)(source, func, data, notify);
        return;
    }
    LoopCall *call = g_new(LoopCall, 1);

    *call = (LoopCall){.func = func, .data = data, .notify = notify};
    __tsan_release(call);
    NEXT(g_source_set_callback)(source, loop_call, call, loop_call_free);
}

/* In libtsan, without a header. */
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

/* What GLib allocates for it here is freed by the thread of the loop, under a lock that is not seen. */
guint
g_source_attach(GSource *source, GMainContext *context)
{
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    guint id = NEXT(g_source_attach)(source, context);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    return id;
}

/* The last reference of a box may be dropped by another thread than the one that wrote it. */
static _Thread_local GDestroyNotify box_clear;

static void
clear_box(gpointer box)
{
    __tsan_acquire(box);
    if (box_clear)
        box_clear(box);
}

void
g_atomic_rc_box_release_full(gpointer box, GDestroyNotify clear)
{
    GDestroyNotify outer = box_clear;

    box_clear = clear;
    __tsan_release(box);
    NEXT(g_atomic_rc_box_release_full)(box, clear_box);
    box_clear = outer;
}
