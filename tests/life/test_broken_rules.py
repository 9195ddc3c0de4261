"""Do the rules bite? Each broken rule is noticed by its scenario, and by drawn lives."""

from __future__ import annotations

import pytest
from harness.sampling import every
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from life.building import Building
from life.machine import Life
from life.planted_told import PAIRS
from life.scenarios import MakeLab
from life.test_life import QUICK

SCENARIOS = {scenario.__name__: scenario for _, scenario in PAIRS.values()}


@pytest.mark.parametrize("name", every(3, ([name] for name in PAIRS)))
def test_a_broken_rule_is_noticed(name: str, make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    change, scenario = PAIRS[name]
    change(monkeypatch)
    with pytest.raises(AssertionError):
        scenario(make_lab)


@pytest.mark.parametrize("name", every(2, ([name] for name in SCENARIOS)))
def test_the_scenario_holds_as_the_rules_are(name: str, make_lab: MakeLab) -> None:
    SCENARIOS[name](make_lab)


SELDOM = frozenset(  # what drawn lives come upon too seldom; the scenario notices it
    {
        "a_warning_an_hour_before_is_enough", "an_extension_does_not_warn_anew", "the_new_owner_counts_as_warned",
        "the_grace_time_is_cut_short", "there_is_no_lease_on_placements", "there_is_no_lease_on_telling",
        "the_dead_are_not_buried", "the_night_of_a_dead_process_is_nobodys",
        "a_night_under_way_is_taken_from_the_living", "who_was_buried_goes_on",
        "what_changed_meanwhile_is_overwritten", "a_copy_is_made_without_a_look",
        "a_server_goes_while_its_copy_is_wanted", "a_copy_goes_although_nobody_was_warned",
        "a_form_is_good_for_every_reset", "a_size_is_confirmed_before_anybody_gets_in",
        "a_size_is_given_up_at_the_first_look", "the_room_of_a_new_size_is_not_held",
        "a_server_is_rebuilt_without_a_look", "a_disk_goes_before_its_new_key_is_there",
        "a_name_goes_to_the_next_person_at_once", "a_name_that_another_has_is_given_away",
        "the_proxy_is_not_looked_at_again", "what_an_admin_took_off_is_served",
        "an_extension_takes_what_is_promised", "a_promise_keeps_no_room", "who_waits_lapses_a_day_early",
        "somebody_is_asked_although_nobody_waits", "somebody_is_asked_every_day",
        "what_is_approved_is_forgotten_with_the_process", "what_is_approved_takes_room_that_there_is_not",
        "no_answer_is_no_news", "each_look_at_a_silent_node_is_told", "a_blink_is_told_to_owners",
    }
)  # fmt: skip


OF_DAYS = frozenset(  # what takes days, or a second process, to be noticed
    {
        "a_rental_ends_a_day_early", "the_night_takes_whom_nobody_warned",
        "a_warning_counts_although_it_was_not_delivered", "the_ledger_of_nights_is_ignored",
        "the_end_does_not_wait_for_its_copy", "a_copy_that_fails_once_is_given_up",
        "the_first_one_goes_when_the_other_one_is_only_active", "a_disk_is_copied_while_its_server_runs",
        "what_was_stopped_for_a_move_stays_off", "an_extension_is_lost_with_the_move",
        "the_room_of_the_first_one_is_promised_to_the_other", "the_rows_keep_the_old_size",
        "a_size_that_has_come_is_still_waited_for", "a_size_that_no_node_gives_is_forgotten",
        "a_move_leaves_names_behind", "what_is_served_once_stays_for_ever",
        "what_is_approved_waits_on", "what_is_declined_is_built",
        "the_last_click_wins", "nobody_is_told_of_the_answer",
        "nobody_gets_the_room_that_comes",
    }
)  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in PAIRS if name not in SELDOM])
def test_drawn_lives_find_the_broken_rule_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PAIRS[name][0](monkeypatch)
    drawn = settings(
        QUICK, phases=[Phase.generate], derandomize=True, max_examples=400, stateful_step_count=40
    )
    with pytest.raises(BaseException):  # noqa: B017 - the first failure, or the group of two
        run_state_machine_as_test(Life if name in OF_DAYS else Building, settings=drawn)
