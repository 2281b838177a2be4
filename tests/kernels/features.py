# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's core: which tests show that a feature works on a kernel.

Those that depend on what kernels do differently. Not those about a time limit: an emulated machine
is 10 to 20 times slower. A test belongs to one feature; without parameters, its name means all.
"""

FEATURES = {
    "limits": [
        "test_limits.py::test_eleventh_connection_bans",
        "test_limits.py::test_eleven_of_which_one_closed",
        "test_limits.py::test_eleven_handshakes_closed_at_once",
        "test_limits.py::test_syns_without_handshake",
        "test_limits.py::test_redirected_port_counts",
        "test_startup.py::test_connections_from_before_the_start_count",
    ],
    "bans": [
        "test_operator_lists.py::test_banned_prefix",
        "test_operator_lists.py::test_allow_lifts_and_spares",
        "test_adoption.py::test_element_by_hand_is_adopted",
        "test_never.py::test_own_addresses_are_followed",
    ],
    "timeout refresh": [
        "test_control.py::test_ban_by_hand",
        "test_operator_lists.py::test_overlaps_and_duplicates",
    ],
    "ceilings": [
        "test_ceiling.py::test_thousand_at_once",
        "test_ceiling.py::test_one_ceiling_for_all_ports_of_a_service",
        "test_ceiling.py::test_verified_name_passes_where_names_count",
        "test_ceiling.py::test_reload_changes_the_limit",
    ],
    "reconcile": [
        "test_reconcile.py::test_change_by_others[flush-ruleset]",
        "test_reconcile.py::test_change_by_others[delete-table]",
        "test_reconcile.py::test_change_by_others[delete-element-6]",
        "test_reconcile.py::test_change_by_others[add-rule]",
        "test_reconcile.py::test_old_copy_is_restored[one-transaction]",
        "test_reconcile.py::test_own_changes_are_no_reason[host]",
        "test_reconcile.py::test_saved_ruleset_can_be_loaded",
    ],
    "lost events": [
        "test_losses.py::test_lost_closes_ban_nobody",
    ],
    "closing connections": [
        "test_slots.py::test_counts_follow",
        "test_slots.py::test_peers_of_a_dual_stack_listener",
        "test_slots.py::test_half_open_connections_go_too",
        "test_slots.py::test_scope_host",
    ],
    "gate": [
        "test_gate.py::test_strict",
        "test_gate.py::test_verified_ipv6_and_submission",
        "test_gate.py::test_mismatch[4]",
        "test_gate.py::test_who_never_waits",
        "test_gate.py::test_hold_is_as_configured",
        "test_gate.py::test_parallel_connections_of_one_source",
        "test_gate.py::test_reload_to_and_from_require",
        "test_gate_fail_open.py::test_what_this_kernel_says",
    ],
    "gate, ruleset": [
        "test_gate.py::test_flushed_ruleset_comes_back_with_the_gate",
        "test_gate.py::test_saved_ruleset",
    ],
    "gate fails open": [
        "test_gate_fail_open.py::test_killed",
        "test_gate_fail_open.py::test_stopped_releases_what_it_holds",
        "test_gate_fail_open.py::test_hangs_under_load",
        "test_gate_fail_open.py::test_queue_is_full",
    ],
    "IPv6": [
        "test_ipv6.py::test_one_prefix_many_addresses",
        "test_ipv6.py::test_verified_name",
        "test_ceiling.py::test_ipv6_prefix_is_one_source",
        "test_slots.py::test_ipv6_prefix",
    ],
}


def feature_of(test):
    """The feature of a test as pytest calls it: FILE::NAME or FILE::NAME[PARAMETERS]; or None."""
    for feature, tests in FEATURES.items():
        if test in tests or test.partition("[")[0] in tests:
            return feature
    return None
