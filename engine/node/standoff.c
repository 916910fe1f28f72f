/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node/standoff.h"

#include <glib-unix.h>
#include <unistd.h>

#include "guest/error.h"
#include "node/answer.h"
#include "node/guests.h"
#include "node/state.h"
#include "qmp/json.h"

/* A QEMU that answers now and then, but not when it matters, must not keep us looking for ever: then only the operator does. */
#define MAX_ANSWERS 32

typedef struct {
    Node *node;
    ObjlistDomain *domain;
    UpgradeRecord *record;
    NodeAnswer *answers[RECOVER_N_KEEPS]; /* of the one that did not answer; NULL: it did, or cannot be heard */
    int target_pidfd;
    guint ends[RECOVER_N_KEEPS]; /* GLib sources: of the one's end; 0: nothing to wait for */
} Standoff;

static void
standoff_free(gpointer data)
{
    Standoff *standoff = data;

    for (int i = 0; i < RECOVER_N_KEEPS; i++) {
        if (standoff->ends[i])
            g_source_remove(standoff->ends[i]);
        node_answer_free(standoff->answers[i]);
    }
    if (standoff->target_pidfd >= 0)
        close(standoff->target_pidfd);
    upgrade_record_free(standoff->record);
    objlist_domain_unref(standoff->domain);
    g_free(standoff);
}

GHashTable *
node_standoff_new_table(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, standoff_free);
}

/* Takes the upgrade up again; the standoff is over until that says otherwise. */
static void
take_up(Standoff *standoff, NodeTakeUp what, NodeTakeUpFunc func, gpointer user_data)
{
    Node *node = standoff->node;
    g_autoptr(ObjlistDomain) domain = objlist_domain_ref(standoff->domain);
    UpgradeRecord *record = g_steal_pointer(&standoff->record);

    g_hash_table_remove(node->standoffs, objlist_domain_get_name(domain));
    node_take_up(node, record, domain, what, func, user_data);
}

static void
on_answer(gpointer user_data)
{
    Standoff *standoff = user_data;

    standoff->record->n_answers++;
    take_up(standoff, NODE_TAKE_UP_DECIDE, NULL, NULL);
}

static gboolean
on_end(gint pidfd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    take_up(user_data, NODE_TAKE_UP_DECIDE, NULL, NULL); /* which has removed this source, too */
    return G_SOURCE_REMOVE;
}

/* One that has ended already was seen to have: it would be taken up for ever. */
static void
watch_end(Standoff *standoff, RecoverKeep which, int pidfd)
{
    if (pidfd >= 0 && !process_has_exited(pidfd))
        standoff->ends[which] = g_unix_fd_add(pidfd, G_IO_IN, on_end, standoff);
}

static void
await_answer(Standoff *standoff, Upgrade *upgrade, RecoverKeep which)
{
    g_autoptr(QmpClient) client = upgrade_steal_mute(upgrade, which);

    if (client && standoff->record->n_answers < MAX_ANSWERS)
        standoff->answers[which] = node_answer_await(g_steal_pointer(&client), on_answer, standoff);
}

static void
tell(Node *node, ObjlistDomain *domain)
{
    json_object *data = json_object_new_object();

    qmp_json_add_string(data, "state", objlist_domain_state_to_string(OBJLIST_DOMAIN_NEEDS_OPERATOR));
    node_events_emit(node->events, "guest-state", objlist_domain_get_name(domain), objlist_domain_get_id(domain), data);
}

void
node_standoff_add(Node *node, ObjlistDomain *domain, Upgrade *upgrade)
{
    Standoff *standoff = g_new0(Standoff, 1);
    GuestInstance *source = objlist_domain_get_data(domain);

    json_object_put(source->evidence);
    source->evidence = upgrade_steal_evidence(upgrade);
    objlist_domain_set_state(domain, OBJLIST_DOMAIN_NEEDS_OPERATOR);
    if (!node_guests_is_known(node, domain))
        objlist_tables_add_primary(node->environment.tables, domain, NULL);
    *standoff = (Standoff){.node = node, .domain = objlist_domain_ref(domain), .record = upgrade_steal_record(upgrade)};
    standoff->target_pidfd = process_identity_open(&standoff->record->target, NULL);
    watch_end(standoff, RECOVER_KEEP_SOURCE, source->pidfd);
    watch_end(standoff, RECOVER_KEEP_TARGET, standoff->target_pidfd);
    for (int i = 0; i < RECOVER_N_KEEPS; i++)
        await_answer(standoff, upgrade, (RecoverKeep)i);
    /* Nobody reads it meanwhile, and QEMU keeps what nobody reads. */
    g_clear_pointer(&source->monitor, qmp_client_free);
    g_hash_table_replace(node->standoffs, (gpointer)objlist_domain_get_name(domain), standoff);
    tell(node, domain);
}

static Standoff *
find(Node *node, const char *name, GError **error)
{
    g_autoptr(ObjlistDomain) domain = node_guests_find(node, name, error);
    Standoff *standoff = domain ? g_hash_table_lookup(node->standoffs, name) : NULL;

    if (domain && !standoff && objlist_domain_get_state(domain) == OBJLIST_DOMAIN_NEEDS_OPERATOR)
        guest_error_set(error, GUEST_ERROR_REFUSED, "job-running", "try again in a moment",
                        "guest '%s' is being looked at again", name);
    else if (domain && !standoff)
        guest_error_set(error, GUEST_ERROR_REFUSED, "not-in-doubt", "moult show tells its state",
                        "guest '%s' does not need its operator", name);
    return standoff;
}

json_object *
node_standoff_dup_evidence(Node *node, const char *name, GError **error)
{
    const Standoff *standoff = find(node, name, error);

    return standoff ? json_object_get(((GuestInstance *)objlist_domain_get_data(standoff->domain))->evidence) : NULL;
}

void
node_standoff_take_up(Node *node, const char *name, NodeTakeUp what, NodeTakeUpFunc func, gpointer user_data)
{
    g_autoptr(GError) error = NULL;
    Standoff *standoff = find(node, name, &error);

    if (standoff)
        take_up(standoff, what, func, user_data);
    else
        func(NULL, error, user_data);
}
