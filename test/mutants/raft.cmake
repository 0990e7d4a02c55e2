# Of the raft core. `both`: the random schedules find it, and so do the named
# scenarios without them. `named`: the latter do.
set(named "~raft: no schedule of faults*")
set(both "raft: no schedule of faults*" ${named})

# -- votes and terms ----------------------------------------------------------

mutant(votes_twice_in_a_term unit_raft cluster/raft/core_election.cpp
  "vote_ == msg.from || (!vote_ && !leader_)" "true" ${both})
mutant(vote_is_not_persisted unit_raft cluster/raft/core.cpp
  "batch.hard = now;" "batch.hard = hard_state{now.term, {}, now.commit};"
  ${both})
mutant(term_is_not_persisted unit_raft cluster/raft/core.cpp
  "batch.hard = now;"
  "batch.hard = hard_state{told_hard_.term, now.vote, now.commit};" ${both})
mutant(vote_is_not_synced unit_raft cluster/raft/core.cpp
  "|| now.vote != told_hard_.vote" "" ${both})
mutant(vote_leaves_before_the_disk unit_raft cluster/raft/core.cpp
  "std::holds_alternative<vote_reply>(body)" "false" ${both})
mutant(leads_before_its_vote_is_durable unit_raft cluster/raft/core_election.cpp
  "members_.has_vote_of(cfg_.self)" "true" ${both})
mutant(stale_log_gets_a_vote unit_raft cluster/raft/core_election.cpp
  "return free && log_.is_up_to_date(last);" "return free;" ${both})
mutant(term_and_index unit_raft cluster/raft/log_view.cpp
  "return their_last.term > ours.term\n         || (their_last.term == ours.term && their_last.index >= ours.index);"
  "return their_last.term >= ours.term && their_last.index >= ours.index;"
  ${named})
mutant(index_before_term unit_raft cluster/raft/log_view.cpp
  "return their_last.term > ours.term\n         || (their_last.term == ours.term && their_last.index >= ours.index);"
  "return their_last.index >= ours.index;" ${both})
mutant(refusal_counts_as_a_vote unit_raft cluster/raft/core_election.cpp
  "count(msg.from, {x.granted, x.leader_ack_age});"
  "count(msg.from, {true, x.leader_ack_age});" ${both})
mutant(vote_asked_for_counts_as_given unit_raft cluster/raft/core_election.cpp
  "if (granted) {" "{" ${both})
mutant(pre_vote_counts_as_a_vote unit_raft cluster/raft/core_election.cpp
  "role_ != role::pre_candidate || (!asked_now && !cfg_.as_etcd)"
  "role_ != role::pre_candidate && role_ != role::candidate")
mutant(vote_for_a_longer_log_elects unit_raft cluster/raft/core_election.cpp
  "role_ == role::candidate && last == log_.last_position()"
  "role_ == role::candidate" ${named})
mutant(half_elects unit_raft cluster/raft/quorum.hpp
  "voters.size() / 2 + 1" "(voters.size() + 1) / 2"
  cluster/raft/progress_tracker.cpp ${both})
mutant(leads_on_in_a_higher_term unit_raft cluster/raft/core_election.cpp
  "if (msg.term > term_) {"
  "if (msg.term > term_ && role_ == role::leader)\n    return false;\n  if (msg.term > term_) {"
  ${named})
mutant(timeout_drawn_once unit_raft cluster/raft/core_election.cpp
  "auto base = cfg_.election_ticks;"
  "if (timeout_ != 0)\n    return;\n  auto base = cfg_.election_ticks;"
  ${named})
mutant(leads_on_without_a_quorum unit_raft cluster/raft/core_leader.cpp
  "cfg_.check_quorum && !members_.take_quorum_active(cfg_.self)" "false"
  ${named})
mutant(silent_to_old_pre_votes unit_raft cluster/raft/core_election.cpp
  "else if (pre_vote)" "else if (false)" ${named})
mutant(learner_does_not_vote unit_raft cluster/raft/core_election.cpp
  "return free && log_.is_up_to_date(last);"
  "return free && is_voter(members_.conf(), cfg_.self) && log_.is_up_to_date(last);"
  ${named})
mutant(transfer_asks_for_pre_votes unit_raft cluster/raft/core_election.cpp
  "(void)hup(campaign_kind::transfer);" "(void)hup(campaign_kind::pre_vote);"
  ${named})
mutant(leadership_changes_get_lost unit_raft cluster/raft/core.cpp
  "out_.leadership.push_back(now);" "out_.leadership = {now};" ${named})

# -- replication and commit ---------------------------------------------------

mutant(commits_old_terms_by_count unit_raft cluster/raft/core_leader.cpp
  "upto <= from || log_.term_at(upto) != term_" "upto <= from" ${both})
mutant(commits_what_was_only_sent unit_raft cluster/raft/progress_tracker.cpp
  "x->match().value" "x->next().value - 1" ${both})
mutant(half_commits unit_raft cluster/raft/quorum.hpp
  "(numbers.size() - 1) / 2" "numbers.size() / 2"
  cluster/raft/progress_tracker.cpp ${both})
mutant(commits_beyond_the_match unit_raft cluster/raft/core_follower.cpp
  "std::min(x.commit, matched)" "x.commit" ${named})
mutant(heartbeat_commits_beyond_the_match unit_raft cluster/raft/core_leader.cpp
  "std::min(x.match(), log_.committed())" "log_.committed()" ${both})
mutant(entries_get_a_new_term unit_raft cluster/raft/core_follower.cpp
  "log_.merge(prev, x.entries);"
  "auto renamed = x.entries;\n  for (auto& e : renamed)\n    e.term = msg.term;\n  log_.merge(prev, renamed);"
  ${both})
mutant(own_log_counts_before_the_disk unit_raft cluster/raft/core_leader.cpp
  "log_.append(std::move(xs));"
  "log_.append(std::move(xs));\n  if (members_.find(cfg_.self)->matched(log_.last()))\n    advance_commit();"
  ${both})
mutant(acknowledges_before_the_disk unit_raft cluster/raft/core.cpp
  "std::holds_alternative<append_reply>(body)" "false" ${both})
mutant(applies_before_the_disk unit_raft cluster/raft/core.cpp
  "std::min(log_.committed(), writes.durable())" "log_.committed()" ${both})
mutant(truncated_flush_counts unit_raft cluster/raft/write_window.cpp
  "x.upto = std::min(x.upto, upto);" ";" ${both})
mutant(durable_survives_a_truncation unit_raft cluster/raft/write_window.cpp
  "durable_ = std::min(durable_, upto);" "" ${both})
mutant(progress_survives_an_election unit_raft cluster/raft/core_election.cpp
  "members_.reset(log_.last());" "members_.clear_votes();" ${both})
mutant(uncommitted_bytes_leak unit_raft cluster/raft/core_leader.cpp
  "uncommitted_bytes_ -= payload_bytes" "payload_bytes" ${both})
mutant(uncommitted_bytes_survive_a_term unit_raft cluster/raft/core_election.cpp
  "uncommitted_bytes_ = 0;" "" ${both})
mutant(window_is_never_released unit_raft cluster/raft/core_leader.cpp
  "x.release(x.match());" "" ${both})
mutant(window_bytes_leak unit_raft cluster/raft/inflight_window.cpp
  "bytes_ -= appends_.front().bytes;" "" ${both})
mutant(window_survives_a_probe unit_raft cluster/raft/progress.cpp
  "window_.clear();" "")
mutant(term_zero_below_the_log unit_raft cluster/raft/log_view.cpp
  "return std::nullopt;" "return raft::term{};" ${both})
mutant(entries_inside_a_snapshot_are_refused unit_raft
  cluster/raft/core_follower.cpp
  "if (x.prev_index < log_.committed()) {" "if (false) {")
mutant(committed_entries_are_skipped unit_raft cluster/raft/apply_window.cpp
  "applying_ = x.last;" "applying_ = upto;" ${both})
mutant(committed_entries_are_repeated unit_raft cluster/raft/apply_window.cpp
  "log_index{applying_.value + 1}" "log_index{applied_.value + 1}" ${both})
mutant(applying_stays_paused unit_raft cluster/raft/apply_window.cpp
  "paused_ = !flights_.empty() && bytes_ >= bytes_max_;" "" ${both})

# -- changes of the configuration ---------------------------------------------

mutant(campaigns_with_an_unapplied_change unit_raft
  cluster/raft/core_election.cpp
  "if (has_unapplied_change())" "if (false)" ${both})
mutant(two_changes_at_a_time unit_raft cluster/raft/core_requests.cpp
  "if (pending_change_ > applies_.applied())" "if (false)" ${both})
mutant(new_leader_ignores_a_change_under_way unit_raft
  cluster/raft/core_election.cpp
  "pending_change_ = log_.last();" "" ${both})
mutant(joint_is_left_again_and_again unit_raft cluster/raft/core_requests.cpp
  "pending_change_ = at;" "" ${both})
mutant(joint_is_left_at_once unit_raft cluster/raft/core.cpp
  "switch_to(std::move(*next));"
  "switch_to(next->auto_leave ? *changed(*next, {}) : *next);" ${named})
mutant(joint_is_kept_after_a_transfer unit_raft cluster/raft/core_leader.cpp
  "leave_joint(); // a transfer may have kept it from doing so"
  "static_cast<void>(0);" ${named})
mutant(joint_votes_of_the_incoming_alone unit_raft cluster/raft/quorum.hpp
  "majority_vote(conf.voters_outgoing, of)" "majority_vote(conf.voters, of)"
  cluster/raft/progress_tracker.cpp ${both})
mutant(joint_votes_of_the_outgoing_alone unit_raft cluster/raft/quorum.hpp
  "majority_vote(conf.voters, of)"
  "majority_vote(conf.joint() ? conf.voters_outgoing : conf.voters, of)"
  cluster/raft/progress_tracker.cpp ${named})
mutant(joint_commits_by_the_incoming_alone unit_raft cluster/raft/quorum.hpp
  "majority_reached(conf.voters_outgoing, of)"
  "majority_reached(conf.voters, of)"
  cluster/raft/progress_tracker.cpp ${both})
mutant(joint_commits_by_the_outgoing_alone unit_raft cluster/raft/quorum.hpp
  "majority_reached(conf.voters, of)"
  "majority_reached(conf.joint() ? conf.voters_outgoing : conf.voters, of)"
  cluster/raft/progress_tracker.cpp ${both})
mutant(snapshot_leaves_the_configuration unit_raft cluster/raft/core_follower.cpp
  "members_.switch_to(meta.conf, log_.last());" "" ${both})
mutant(removed_leader_leads_on unit_raft cluster/raft/core_leader.cpp
  "if (cfg_.step_down_on_removal)" "if (false)" ${named})

# -- reads and leases ---------------------------------------------------------

mutant(reads_without_a_quorum unit_raft cluster/raft/core_leader.cpp
  "members_.round_of_quorum(cfg_.self, round_)" "round_" ${named})
mutant(older_round_answers_a_read unit_raft cluster/raft/core_requests.cpp
  "reads_.begin(round_ + 1, log_.committed());"
  "reads_.begin(round_, log_.committed());" ${named})
mutant(reads_before_its_term_has_committed unit_raft
  cluster/raft/core_requests.cpp
  "if (!commit_in_term())" "if (false)" ${both})
mutant(leases_before_its_term_has_committed unit_raft
  cluster/raft/core_requests.cpp
  "!commit_in_term() || transferee_" "transferee_" ${named})
mutant(read_numbers_start_again unit_raft cluster/raft/core.cpp
  "remote_reads_(random_.next())" "remote_reads_(0 * random_.next())" ${named})
mutant(forward_numbers_start_again unit_raft cluster/raft/core.cpp
  "forwards_(random_.next())" "forwards_(0 * random_.next())" ${named})
mutant(reads_outlive_their_leader unit_raft cluster/raft/core_election.cpp
  "leader_ = member_id{};\n  fail_pending(code::not_leader);"
  "leader_ = member_id{};" ${named})
mutant(lease_outlives_a_transfer unit_raft cluster/raft/core_requests.cpp
  "|| transfer_sent_" "" ${named})
mutant(votes_within_a_lease unit_raft cluster/raft/core_election.cpp
  "(vote != nullptr && !vote->transfer)) && in_lease()"
  "(vote != nullptr && !vote->transfer)) && false" ${named})
mutant(restart_ends_a_lease unit_raft cluster/raft/core_election.cpp
  "cfg_.lease_reads && restarted_ && ticks_ < cfg_.election_ticks" "false"
  ${named})
mutant(ack_age_of_one_voter unit_raft cluster/raft/progress_tracker.cpp
  "least = std::min(least, x.leader_ack_age);" "least = x.leader_ack_age;"
  ${named})

# -- what a peer sends --------------------------------------------------------

mutant(acknowledged_beyond_the_log_is_believed unit_raft
  cluster/raft/core_leader.cpp
  "if (x.index > log_.last()) {" "if (false) {" ${named})
mutant(round_not_begun_is_believed unit_raft cluster/raft/core_leader.cpp
  "if (x.round > round_) {" "if (false) {" ${named})
mutant(entries_with_gaps_are_believed unit_raft cluster/raft/core_receive.cpp
  "e.index.value != at.index.value + 1 || " "" ${named})
