/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network back ends in the answer to "info network": those of QEMU 7.2 and 10.0, and what a hostile one might say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "guest/netdev-list.h"

#define USER "n0: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
#define CARD "nic1: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57\r\n"
#define MANY 2000

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* FOUND: "NAME TYPE QUEUES DETAILS" of each, sorted, separated by ";". */
static void
expect(const char *answer, const char *found)
{
    g_autoptr(GHashTable) netdevs = guest_netdev_list_read(answer);
    g_autoptr(GString) text = g_string_new(NULL);
    GList *names = g_list_sort(g_hash_table_get_keys(netdevs), compare);

    for (const GList *name = names; name; name = name->next) {
        const GuestNetdev *netdev = g_hash_table_lookup(netdevs, name->data);
        g_string_append_printf(text, "%s%s %s %u %s", text->len > 0 ? ";" : "", (const char *)name->data, netdev->type, netdev->n_queues,
                               netdev->details);
    }
    g_list_free(names);
    assert_string_equal(text->str, found);
}

static void
each_back_end_is_told(void **state)
{
    (void)state;
    expect("", "");
    expect(CARD, "");
    expect(USER CARD " \\ n1: index=0,type=tap,ifname=tap1,script=no,downscript=no\r\n",
           "n0 user 1 net=10.0.2.0,restrict=off;n1 tap 1 ifname=tap1,script=no,downscript=no");
    expect(CARD " \\ n1: index=0,type=tap,fd=9\r\n" CARD " \\ n1: index=1,type=tap,fd=10\r\n", "n1 tap 2 fd=9");
    expect(CARD " \\ #net012: index=0,type=user,net=10.0.2.0,restrict=off\r\n", "");
    expect(USER "filters:\r\n  - f0: type=filter-dump,file=x: y,netdev=n0\r\n", "n0 user 1 net=10.0.2.0,restrict=off");
}

static void
ports_of_hubs_are_told(void **state)
{
    (void)state;
    expect("hub 0\r\n \\ hub0port1: #net1: index=0,type=user,net=10.0.2.0,restrict=off\r\n"
           " \\ hub0port0: #nic1: index=0,type=nic,model=e1000,macaddr=52:54:00:12:34:56\r\n",
           "");
    expect("hub 0\r\n \\ h1: n1: index=0,type=tap,fd=3\r\n \\ h2\r\n" USER,
           "h1 hubport 1 ;h2 hubport 1 ;n0 user 1 net=10.0.2.0,restrict=off;n1 tap 1 fd=3");
}

static void
what_does_not_end_is_read_to_its_end(void **state)
{
    (void)state;
    expect("n0: index=0,type=tap", "n0 tap 1 ");
    expect("n0: index=0,type=", "n0  1 ");
    expect("n0: index=0,typ", "");
    expect("n0: index=0", "");
    expect("n0: ind", "");
    expect("hub 0\n \\ ", "");
    expect("hub 0\n \\ h1: ", "h1 hubport 1 ");
}

/* One name, two back ends: neither can be told. */
static void
queues_of_different_types_have_none(void **state)
{
    (void)state;
    expect(USER "n0: index=0,type=tap,fd=3\r\n", "n0  2 net=10.0.2.0,restrict=off");
    expect(USER "n0: index=0,type=tap,fd=3\r\n" USER, "n0  3 net=10.0.2.0,restrict=off");
    expect("hub 0\n \\ n0: n0: index=0,type=user,\n", "n0  2 ");
}

static void
other_forms_are_passed_over(void **state)
{
    (void)state;
    expect("n0: index=,type=user\nn0: index=-1,type=user\nn0: index=0 ,type=user\nn0: index=0,model=x,type=user\n", "");
    expect("n0: index=0,type=nic,type=user\nn0: index=x: index=0,type=user\n", "");
    expect("#: index=0,type=user\n \\ #n: index=0,type=tap\n", "");
    expect(": index=0,type=user\n", " user 1 "); /* nobody has such a name: it is refused as one that cannot be told */
    expect("n0: n1: index=0,type=user\n", "n0: n1 user 1 ");
    expect(" \\  \\ n0: index=0,type=user\n", " \\ n0 user 1 ");
}

/* As they are: whoever shows them, or uses them, looks at them. */
static void
control_characters_stay_within_their_line(void **state)
{
    (void)state;
    expect("n\t0\033[2J: index=0,type=us\001er,\177\n\xff: index=0,type=\xfe,\xff\r" USER,
           "n\t0\033[2J us\001er 1 \177;n0 user 1 net=10.0.2.0,restrict=off;\xff \xfe 1 \xff");
}

static void
long_and_many_ones_are_read(void **state)
{
    g_autofree char *name = g_strnfill(60000, 'n'), *line = g_strconcat(name, ": index=0,type=user,", name, NULL);
    g_autofree char *wanted = g_strconcat(name, " user 1 ", name, NULL);
    g_autoptr(GString) many = g_string_new("hub 0\n");

    (void)state;
    expect(line, wanted);
    for (int i = 0; i < MANY; i++)
        g_string_append_printf(many, " \\ p%d: n%d: index=0,type=tap,fd=%d\n", i, i, i);
    g_autoptr(GHashTable) netdevs = guest_netdev_list_read(many->str);
    assert_int_equal(g_hash_table_size(netdevs), 2 * MANY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_back_end_is_told),
        cmocka_unit_test(ports_of_hubs_are_told),
        cmocka_unit_test(what_does_not_end_is_read_to_its_end),
        cmocka_unit_test(queues_of_different_types_have_none),
        cmocka_unit_test(other_forms_are_passed_over),
        cmocka_unit_test(control_characters_stay_within_their_line),
        cmocka_unit_test(long_and_many_ones_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
