/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Labels through libselinux, always in their raw form (untranslated categories): they are given back to the
 * kernel.
 */
#include "selinux/label.h"

#include <errno.h>
#include <selinux/selinux.h>
#include <string.h>
#include <sys/stat.h>

#include "selinux/context.h"

G_DEFINE_QUARK(moult - selinux - label - error - quark, selinux_label_error)

typedef char *Context; /* of libselinux: freed with freecon */
static void
context_free(Context *context)
{
    freecon(*context);
}
#define AUTO_CONTEXT __attribute__((cleanup(context_free))) Context

static void
set_errno(GError **error, const char *what, const char *of)
{
    g_set_error(error, SELINUX_LABEL_ERROR, SELINUX_LABEL_ERROR_FAILED, "%s %s: %s", what, of,
                g_strerror(errno));
}

bool
selinux_label_is_active(void)
{
    return is_selinux_enabled() > 0;
}

char *
selinux_label_dup_of_process(pid_t pid, GError **error)
{
    if (!selinux_label_is_active())
        return NULL;
    AUTO_CONTEXT context = NULL;
    if (getpidcon_raw(pid, &context) < 0) {
        g_autofree char *number = g_strdup_printf("%d", (int)pid);
        set_errno(error, "Cannot read the SELinux label of process", number);
        return NULL;
    }
    return g_strdup(context);
}

/* NULL when the policy has no such files or does not know the process as a virtual machine. */
static char *
dup_image_context(const char *process_context)
{
    g_autofree char *domains = NULL;
    g_autofree char *images = NULL;
    const char *domain_path = selinux_virtual_domain_context_path(),
               *image_path = selinux_virtual_image_context_path();
    if (!domain_path || !image_path || !g_file_get_contents(domain_path, &domains, NULL, NULL) ||
        !g_file_get_contents(image_path, &images, NULL, NULL))
        return NULL;
    return selinux_context_derive_image(process_context, domains, images);
}

static bool
compute_class(const char *path, security_class_t *ret_class, GError **error)
{
    struct stat info;
    if (lstat(path, &info) < 0) {
        set_errno(error, "Cannot look at", path);
        return false;
    }
    *ret_class = mode_to_security_class(info.st_mode);
    if (*ret_class)
        return true;
    set_errno(error, "The SELinux policy has no class for", path);
    return false;
}

/* What the file would be labelled with had the process made it. */
static char *
dup_created_context(const char *path, const char *process_context, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    AUTO_CONTEXT folder_context = NULL;
    AUTO_CONTEXT context = NULL;
    security_class_t class;
    if (!compute_class(path, &class, error))
        return NULL;
    if (getfilecon_raw(folder, &folder_context) < 0 ||
        security_compute_create_raw(process_context, folder_context, class, &context) < 0) {
        set_errno(error, "Cannot find the SELinux label for", path);
        return NULL;
    }
    return g_strdup(context);
}

bool
selinux_label_set_file(const char *path, const char *process_context, GError **error)
{
    if (!process_context || !selinux_label_is_active())
        return true;
    g_autofree char *context = dup_image_context(process_context);
    if (!context && !(context = dup_created_context(path, process_context, error)))
        return false;
    if (lsetfilecon_raw(path, context) == 0)
        return true;
    set_errno(error, "Cannot set the SELinux label of", path);
    return false;
}

bool
selinux_label_set_fd(int fd, const char *process_context, GError **error)
{
    if (!process_context || !selinux_label_is_active())
        return true;
    g_autofree char *context = dup_image_context(process_context);
    if (!context || fsetfilecon_raw(fd, context) == 0)
        return true;
    set_errno(error, "Cannot set the SELinux label of", "a memory file");
    return false;
}

/* What the policy does not know by name it does not forbid; what cannot be asked the kernel will say. */
static bool
allows(const char *source, const char *target, const char *class_name, const char *permission)
{
    security_class_t class = string_to_security_class(class_name);
    access_vector_t wanted = class ? string_to_av_perm(class, permission) : 0;
    struct av_decision decision = {0};

    if (!wanted || security_compute_av_raw(source, target, class, wanted, &decision) < 0)
        return true;
    return (decision.allowed & wanted) == wanted;
}

static bool
refuse(const char *source, const char *target, const char *permission, GError **error)
{
    g_set_error(error, SELINUX_LABEL_ERROR, SELINUX_LABEL_ERROR_FAILED, "SELinux does not give %s the permission %s on %s",
                source, permission, target);
    return false;
}

bool
selinux_label_may_run(const char *process_context, const char *binary, GError **error)
{
    AUTO_CONTEXT own = NULL;
    AUTO_CONTEXT file = NULL;
    if (!selinux_label_is_active() || security_getenforce() != 1)
        return true;
    if (getcon_raw(&own) < 0 || getfilecon_raw(binary, &file) < 0) {
        set_errno(error, "Cannot read the SELinux label of", own ? binary : "this process");
        return false;
    }
    if (!allows(own, own, "process", "setexec"))
        return refuse(own, own, "setexec", error);
    if (strcmp(own, process_context) != 0 && !allows(own, process_context, "process", "transition"))
        return refuse(own, process_context, "transition", error);
    return allows(process_context, file, "file", "entrypoint") || refuse(process_context, file, "entrypoint", error);
}
