/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an upgrade says about itself, as `Result` of io.moult.
 */
#pragma once

#include <json-c/json.h>

#include "guest/instance.h"

/* {"path","version","package"}; owned; NULL when BINARY has no path. */
json_object *upgrade_qemu_to_json(const GuestBinary *binary);
