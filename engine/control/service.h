/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which methods there are: finds the one a call names, checks its parameters against the interface
 * description and hands it to its handler. The interfaces are io.moult and org.varlink.service; the latter is
 * answered here.
 */
#pragma once

#include "control/call.h"

/* CALL and PARAMETERS (always an object that matches the method's description) are borrowed. */
typedef void (*ControlHandler)(ControlCall *call, json_object *parameters, gpointer user_data);

typedef struct {
    const char *name; /* qualified: "io.moult.List" */
    ControlHandler handle;
    bool needs_more; /* a call without `more` is answered with ExpectedMore */
} ControlMethod;

typedef struct ControlService ControlService;

/*
 * METHODS (N of them; borrowed, must outlive the service) are those of io.moult that are implemented; naming
 * one that is not declared is a bug. Never NULL.
 */
ControlService *control_service_new(const ControlMethod *methods, size_t n, gpointer user_data);
void control_service_free(ControlService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ControlService, control_service_free)

/* Answers CALL, now or later. Both are borrowed; PARAMETERS is an object. */
void control_service_handle(const ControlService *service, ControlCall *call, json_object *parameters);
