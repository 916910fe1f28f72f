/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The decision of recovery over its whole cross product: the rules that must hold in every case, and the table of
 * docs/recovery.rst, which must say the same of every case, once.
 *
 * With "--list": every case and its decision, one a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "upgrade/phase.h"
#include "upgrade/recover.h"

#define PAGE MOULT_SOURCE_DIR "/docs/recovery.rst"
#define N_RAN (UPGRADE_RAN_YES + 1)
#define N_COLUMNS 8

typedef struct {
    RecoverStage stage;
    RecoverObserved seen;
} Case;

#define N_CASES (RECOVER_N_STAGES * RECOVER_N_SOURCES * RECOVER_N_TARGETS * N_RAN * 2 * 2)

/* The case of that number: each digit of it is one dimension. */
static Case
get_case(unsigned number)
{
    Case one = {0};

    one.seen.waited = number % 2;
    number /= 2;
    one.seen.expects_run = number % 2;
    number /= 2;
    one.seen.target_ran = (UpgradeRan)(number % N_RAN);
    number /= N_RAN;
    one.seen.source = (RecoverSource)(number % RECOVER_N_SOURCES);
    number /= RECOVER_N_SOURCES;
    one.seen.target = (RecoverTarget)(number % RECOVER_N_TARGETS);
    one.stage = (RecoverStage)(number / RECOVER_N_TARGETS);
    return one;
}

static const char *
yes_no(bool value)
{
    return value ? "yes" : "no";
}

/* The columns of the page's table. */
static void
describe(const Case *one, const char *ret_words[N_COLUMNS])
{
    ret_words[0] = recover_stage_to_string(one->stage);
    ret_words[1] = recover_target_to_string(one->seen.target);
    ret_words[2] = upgrade_ran_to_string(one->seen.target_ran);
    ret_words[3] = recover_source_to_string(one->seen.source);
    ret_words[4] = yes_no(one->seen.expects_run);
    ret_words[5] = yes_no(one->seen.waited);
    ret_words[6] = recover_action_to_string(recover_decide(one->stage, &one->seen));
    ret_words[7] = recover_explain(one->stage, &one->seen);
}

static void
fail_case(const Case *one, const char *why)
{
    const char *words[N_COLUMNS];

    describe(one, words);
    fail_msg("stage %s, target %s (ran: %s), source %s, expected to run: %s, waited: %s -> %s: %s", words[0], words[1],
             words[2], words[3], words[4], words[5], words[6], why);
}

/* One that waits for its state cannot have run, whatever else is claimed. */
static bool
has_run(const Case *one)
{
    return one->seen.target == RECOVER_TARGET_RUNS ||
           (one->seen.target_ran == UPGRADE_RAN_YES && one->seen.target != RECOVER_TARGET_WAITING);
}

static bool
is_alive(const Case *one)
{
    return one->seen.target != RECOVER_TARGET_GONE;
}

/* ---- Never two running ---- */

static void
test_source_gets_nothing_back_after_target_ran(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        /* Before `migrate` a target that claims to run is lying, or is no QEMU: its memory is the guest's all the same. */
        if (one.stage != RECOVER_STAGE_BEFORE && has_run(&one) &&
            recover_decide(one.stage, &one.seen) == RECOVER_ROLL_BACK)
            fail_case(&one, "a target that ran is rolled back");
    }
}

static void
test_source_that_stands_gets_nothing_back_unless_target_never_ran(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        bool by_itself = recover_source_has_guest(one.seen.source) || one.seen.source == RECOVER_SOURCE_HANDING;
        bool never_ran = one.seen.target_ran == UPGRADE_RAN_NO || one.seen.target == RECOVER_TARGET_WAITING;
        if (one.stage != RECOVER_STAGE_BEFORE && !by_itself && !never_ran &&
            recover_decide(one.stage, &one.seen) == RECOVER_ROLL_BACK)
            fail_case(&one, "it is not certain that the target never ran");
    }
}

static void
test_two_that_claim_the_guest_need_an_operator(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (one.stage != RECOVER_STAGE_BEFORE && one.seen.source == RECOVER_SOURCE_HOLDS &&
            one.seen.target == RECOVER_TARGET_RUNS &&
            recover_decide(one.stage, &one.seen) != RECOVER_NEEDS_OPERATOR)
            fail_case(&one, "both have it");
    }
}

static void
test_forward_never_with_a_source_that_holds(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (one.seen.source == RECOVER_SOURCE_HOLDS && recover_decide(one.stage, &one.seen) == RECOVER_ROLL_FORWARD)
            fail_case(&one, "the source has the guest");
    }
}

/* QEMU gives a source its guest back when the target dies after RESUME and before its last acknowledgement. */
static void
test_source_that_resumed_after_target_ran_is_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (one.stage != RECOVER_STAGE_MIGRATING || one.seen.source != RECOVER_SOURCE_RESUMED || !has_run(&one))
            continue;
        if (recover_decide(one.stage, &one.seen) != (is_alive(&one) ? RECOVER_ROLL_FORWARD : RECOVER_ENDED))
            fail_case(&one, "the memory is not the source's any more");
    }
}

/* ---- Never none ---- */

static void
test_nothing_is_ended_while_somebody_has_the_guest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        bool source_has = one.seen.source == RECOVER_SOURCE_HOLDS ||
                          (one.seen.source == RECOVER_SOURCE_RESUMED && !has_run(&one));
        bool target_has = one.seen.target == RECOVER_TARGET_RUNS || one.seen.target == RECOVER_TARGET_LOADED;
        if (recover_decide(one.stage, &one.seen) != RECOVER_ENDED)
            continue;
        if (source_has || (target_has && one.stage != RECOVER_STAGE_BEFORE))
            fail_case(&one, "somebody has the guest");
    }
}

static void
test_nothing_is_ended_while_the_source_can_go_on(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        bool never_ran = one.seen.target_ran == UPGRADE_RAN_NO;
        if (one.seen.source != RECOVER_SOURCE_GONE && never_ran &&
            recover_decide(one.stage, &one.seen) == RECOVER_ENDED)
            fail_case(&one, "the target never ran it: the source can have it back");
    }
}

static void
test_forward_only_to_a_target_that_can_have_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        bool has_state = one.seen.target == RECOVER_TARGET_RUNS || one.seen.target == RECOVER_TARGET_LOADED ||
                         (one.seen.target == RECOVER_TARGET_MUTE &&
                          (has_run(&one) || one.stage == RECOVER_STAGE_PROVED));
        if (recover_decide(one.stage, &one.seen) == RECOVER_ROLL_FORWARD &&
            (!has_state || one.stage == RECOVER_STAGE_BEFORE))
            fail_case(&one, "the target does not have the guest");
    }
}

/* ---- It comes to an end ---- */

static void
test_waiting_once_is_enough(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (one.seen.waited && recover_decide(one.stage, &one.seen) == RECOVER_WAIT)
            fail_case(&one, "it would wait for ever");
    }
}

static void
test_every_decision_has_its_reason(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        const char *reason = recover_explain(one.stage, &one.seen);
        if (!reason || strlen(reason) < 10 || strchr(reason, '"'))
            fail_case(&one, "no reason that can be printed");
    }
}

/* ---- The operator's choice ---- */

static void
test_who_needs_an_operator_has_a_choice(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (recover_decide(one.stage, &one.seen) == RECOVER_NEEDS_OPERATOR &&
            recover_refuse_choice(one.stage, &one.seen, RECOVER_KEEP_SOURCE) &&
            recover_refuse_choice(one.stage, &one.seen, RECOVER_KEEP_TARGET))
            fail_case(&one, "nothing is left to choose");
    }
}

static void
test_no_choice_of_what_is_not_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (one.seen.source == RECOVER_SOURCE_GONE && !recover_refuse_choice(one.stage, &one.seen, RECOVER_KEEP_SOURCE))
            fail_case(&one, "the source is gone");
        if (!is_alive(&one) && !recover_refuse_choice(one.stage, &one.seen, RECOVER_KEEP_TARGET))
            fail_case(&one, "the target is gone");
    }
}

/* The source on memory that a target which lives has changed: two would have run it, one after the other. */
static void
test_no_choice_of_a_source_beside_a_target_that_ran(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        if (is_alive(&one) && has_run(&one) && !recover_refuse_choice(one.stage, &one.seen, RECOVER_KEEP_SOURCE))
            fail_case(&one, "the source could be chosen");
    }
}

static void
test_every_choice_is_described(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        for (unsigned keep = 0; keep < RECOVER_N_KEEPS; keep++)
            assert_non_null(recover_describe_choice(one.stage, &one.seen, (RecoverKeep)keep));
    }
}

static void
test_choices_by_name(void **state)
{
    RecoverKeep keep = RECOVER_N_KEEPS;

    (void)state;
    assert_true(recover_keep_from_string("source", &keep) && keep == RECOVER_KEEP_SOURCE);
    assert_true(recover_keep_from_string("target", &keep) && keep == RECOVER_KEEP_TARGET);
    assert_false(recover_keep_from_string("both", &keep));
    assert_false(recover_keep_from_string(NULL, &keep));
    assert_string_equal(recover_keep_to_string(keep), "target");
}

/* ---- The stage ---- */

static void
test_stage_follows_the_phase_table(void **state)
{
    int migrate = upgrade_step_find(UPGRADE_STEP_MIGRATE), prove = upgrade_step_find(UPGRADE_STEP_PROVE);

    (void)state;
    assert_true(migrate > 0 && prove > migrate);
    for (int i = 0; upgrade_steps[i].name; i++) {
        const UpgradeRecord record = {.step = (char *)upgrade_steps[i].name};
        RecoverStage expected = i < migrate  ? RECOVER_STAGE_BEFORE
                                : i <= prove ? RECOVER_STAGE_MIGRATING
                                             : RECOVER_STAGE_PROVED;
        assert_int_equal(recover_stage_of(&record), expected);
    }
}

/* ---- The page ---- */

static GPtrArray *
read_rows(void)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);

    if (!g_file_get_contents(PAGE, &text, NULL, &error))
        fail_msg("%s", error->message);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (!g_str_has_prefix(*line, "   \""))
            continue;
        char *cells = *line + strlen("   \"");
        assert_true(g_str_has_suffix(cells, "\""));
        cells[strlen(cells) - 1] = '\0';
        g_ptr_array_add(rows, g_strsplit(cells, "\", \"", -1));
        assert_int_equal(g_strv_length(g_ptr_array_index(rows, rows->len - 1)), N_COLUMNS);
    }
    return rows;
}

static bool
cell_holds(const char *cell, const char *word)
{
    g_auto(GStrv) words = g_strsplit(cell, ", ", -1);

    return g_str_equal(cell, "any") || g_strv_contains((const char *const *)words, word);
}

static bool
row_matches(char **row, const char *words[N_COLUMNS])
{
    for (int i = 0; i < N_COLUMNS - 2; i++)
        if (!cell_holds(row[i], words[i]))
            return false;
    return true;
}

static void
test_page_says_the_same_of_every_case_once(void **state)
{
    g_autoptr(GPtrArray) rows = read_rows();
    g_autofree unsigned *n_uses = g_new0(unsigned, rows->len + 1);

    (void)state;
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        const char *words[N_COLUMNS];
        unsigned n_matches = 0;
        describe(&one, words);
        for (guint j = 0; j < rows->len; j++) {
            char **row = g_ptr_array_index(rows, j);
            if (!row_matches(row, words))
                continue;
            n_matches++;
            n_uses[j]++;
            if (!g_str_equal(row[6], words[6]) || !g_str_equal(row[7], words[7]))
                fail_case(&one, row[7]);
        }
        if (n_matches != 1)
            fail_case(&one, n_matches ? "the page has several rows for it" : "the page has no row for it");
    }
    for (guint j = 0; j < rows->len; j++)
        if (n_uses[j] == 0)
            fail_msg("row %u of the page is of no case", j + 1);
}

static int
list(void)
{
    for (unsigned i = 0; i < N_CASES; i++) {
        Case one = get_case(i);
        const char *words[N_COLUMNS + 1] = {0};
        describe(&one, words);
        g_autofree char *line = g_strjoinv("|", (char **)words);
        puts(line);
    }
    return 0;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_gets_nothing_back_after_target_ran),
        cmocka_unit_test(test_source_that_stands_gets_nothing_back_unless_target_never_ran),
        cmocka_unit_test(test_two_that_claim_the_guest_need_an_operator),
        cmocka_unit_test(test_forward_never_with_a_source_that_holds),
        cmocka_unit_test(test_source_that_resumed_after_target_ran_is_given_up),
        cmocka_unit_test(test_nothing_is_ended_while_somebody_has_the_guest),
        cmocka_unit_test(test_nothing_is_ended_while_the_source_can_go_on),
        cmocka_unit_test(test_forward_only_to_a_target_that_can_have_it),
        cmocka_unit_test(test_waiting_once_is_enough),
        cmocka_unit_test(test_every_decision_has_its_reason),
        cmocka_unit_test(test_who_needs_an_operator_has_a_choice),
        cmocka_unit_test(test_no_choice_of_what_is_not_there),
        cmocka_unit_test(test_no_choice_of_a_source_beside_a_target_that_ran),
        cmocka_unit_test(test_every_choice_is_described),
        cmocka_unit_test(test_choices_by_name),
        cmocka_unit_test(test_stage_follows_the_phase_table),
        cmocka_unit_test(test_page_says_the_same_of_every_case_once),
    };

    if (argc > 1 && g_str_equal(argv[1], "--list"))
        return list();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
