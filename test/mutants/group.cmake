# Of the group: the core with its clock, its disk and its state machine. In the
# simulation every history must be linearizable, whatever happens to processes,
# disks, clocks and links; and the classic defects of the core must show there
# as well, to who knows nothing of it.
set(histories "*group: every history is linearizable*")

mutant(lease_never_ends sim_group cluster/group/lease_clock.hpp
  "return now < end_;" "return end_ != boot_time{0};"
  cluster/group/group_core*.cpp ${histories})
mutant(lease_is_longer_than_an_election sim_group cluster/group/settings.cpp
  "return x.tick * ticks" "return x.tick * 3 * ticks" ${histories})
mutant(messages_leave_before_the_disk sim_group cluster/group/group_core.cpp
  "waiting_.front().first <= told_" "true" ${histories})
mutant(unknown_is_told_as_replaced sim_group cluster/group/own_batches.cpp
  "fail(number, x->index <= unseen ?" "fail(number, false ?" ${histories})
mutant(unknown_is_proposed_again sim_group cluster/group/group_core.cpp
  "why == code::not_leader ||"
  "why == code::not_leader || why == code::outcome_unknown ||" ${histories})

mutant(group_votes_twice_in_a_term sim_group cluster/raft/core_election.cpp
  "vote_ == msg.from || (!vote_ && !leader_)" "true" ${histories})
mutant(group_gives_a_stale_log_its_vote sim_group
  cluster/raft/core_election.cpp
  "return free && log_.is_up_to_date(last);" "return free;" ${histories})
mutant(group_elects_by_half sim_group cluster/raft/quorum.hpp
  "voters.size() / 2 + 1" "(voters.size() + 1) / 2"
  cluster/raft/progress_tracker.cpp ${histories})
mutant(group_renames_entries sim_group cluster/raft/core_follower.cpp
  "log_.merge(prev, x.entries);"
  "auto renamed = x.entries;\n  for (auto& e : renamed)\n    e.term = msg.term;\n  log_.merge(prev, renamed);"
  ${histories})
mutant(group_leads_on_in_a_higher_term sim_group cluster/raft/core_election.cpp
  "if (msg.term > term_) {"
  "if (msg.term > term_ && role_ == role::leader)\n    return false;\n  if (msg.term > term_) {"
  ${histories})
mutant(group_commits_what_was_only_sent sim_group
  cluster/raft/progress_tracker.cpp
  "x->match().value" "x->next().value - 1" ${histories})
mutant(group_reads_without_a_quorum sim_group cluster/raft/core_leader.cpp
  "members_.round_of_quorum(cfg_.self, round_)" "round_" ${histories})

mutant(late_subscriber_hears_of_nobody actor_group runtime/group/engine.cpp
  "(*to)(view().leader);" "(*to)(leader_view{});" "*a late subscriber*")
