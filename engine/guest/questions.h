/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a stretch of work is going to ask a QEMU, asked all at once at its beginning (qmp_client_ask_ahead): a QEMU that runs a
 * busy guest takes half a millisecond for each question that it is asked by itself, and answers while we wait for the other QEMU.
 * What is missing here is asked when it is needed; what is here for nothing costs its answer. For a part of QEMU's answers to
 * be of the stretch's beginning must do: its end says qmp_client_forget_ahead.
 */
#pragma once

#include "guest/instance.h"

/* What does not change for as long as a QEMU lives: for a time when nobody waits. All need a monitor that is greeted. */
void guest_ask_for_constants(QmpClient *monitor);
/* What the preflight looks at. */
void guest_ask_for_preflight(const GuestInstance *source);
/* What is compared between the running QEMU and the new one (compare.h), and of the first its objects and state. */
void guest_ask_for_comparison(QmpClient *source, QmpClient *target);
