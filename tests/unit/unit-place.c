/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Units, from control groups as kernels show them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/place.h"

static void
expect(const char *cgroups, const char *service, uid_t manager)
{
    g_auto(UnitPlace) place = unit_place_parse(cgroups);

    assert_true(g_strcmp0(place.service, service) == 0);
    assert_int_equal(place.manager, manager);
}

static void
service_of_the_system(void **state G_GNUC_UNUSED)
{
    expect("0::/system.slice/web1.service\n", "web1.service", UNIT_SYSTEM_MANAGER);
    expect("5:cpu:/\n1:name=systemd:/system.slice/system-vm.slice/vm@7.service\n", "vm@7.service", UNIT_SYSTEM_MANAGER);
    expect("9:name=systemd:/\n0::/system.slice/web1.service\n", "web1.service", UNIT_SYSTEM_MANAGER);
}

static void
service_of_a_user(void **state G_GNUC_UNUSED)
{
    expect("0::/user.slice/user-1000.slice/user@1000.service/app.slice/web1.service\n", "web1.service", 1000);
    expect("0::/user.slice/user-0.slice/user@0.service/web1.service\n", "web1.service", 0);
}

static void
innermost_service_counts(void **state G_GNUC_UNUSED)
{
    expect("0::/system.slice/web1.service/sub/vcpu\n", "web1.service", UNIT_SYSTEM_MANAGER);
    expect("0::/system.slice/outer.service/payload/inner.service\n", "inner.service", UNIT_SYSTEM_MANAGER);
}

/* Neither a scope nor the manager itself is looked after for its processes' sake. */
static void
no_service(void **state G_GNUC_UNUSED)
{
    static const char *const cases[] = {
        "",
        "garbage",
        "0::/\n",
        "0::/user.slice/user-0.slice/session-3.scope\n",
        "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n",
        "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n",
        "5:memory:/system.slice/web1.service\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(UnitPlace) place = unit_place_parse(cases[i]);
        assert_null(place.service);
    }
}

/* It is below a user's manager all the same, where that user may move processes. */
static void
manager_is_known_without_a_service(void **state G_GNUC_UNUSED)
{
    expect("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n", NULL, 1000);
    expect("1:name=systemd:/user.slice/user-7.slice/user@7.service/init.scope\n0::/\n", NULL, 7);
    expect("0::/user.slice/user-1000.slice/session-3.scope\n", NULL, UNIT_SYSTEM_MANAGER);
}

/* A service that only looks like a user's manager. */
static void
names_are_not_believed(void **state G_GNUC_UNUSED)
{
    expect("0::/system.slice/user@nobody.service\n", "user@nobody.service", UNIT_SYSTEM_MANAGER);
    expect("0::/system.slice/user@4294967295.service\n", "user@4294967295.service", UNIT_SYSTEM_MANAGER);
}

static void
paths_are_of_the_manager(void **state G_GNUC_UNUSED)
{
    g_autofree char *bus = unit_place_dup_bus_path(UNIT_SYSTEM_MANAGER), *notify = unit_place_dup_notify_path(7),
                    *folder = unit_place_dup_unit_folder(UNIT_SYSTEM_MANAGER);

    assert_string_equal(bus, "/run/systemd/private");
    assert_string_equal(notify, "/run/user/7/systemd/notify");
    assert_string_equal(folder, "/run/systemd/system");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_of_the_system), cmocka_unit_test(service_of_a_user),
        cmocka_unit_test(innermost_service_counts), cmocka_unit_test(no_service),
        cmocka_unit_test(manager_is_known_without_a_service), cmocka_unit_test(names_are_not_believed),
        cmocka_unit_test(paths_are_of_the_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
