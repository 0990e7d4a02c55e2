# Of the cluster: what its promises rest on. Each line names who finds it: plans
# drawn from seeds where these do, else a scenario or a unit test. Where two
# guards stand in a row, one alone can go without harm to the whole: only the
# test of the part itself finds that.
set(strict "*planned changes*")
set(faulty "*a cluster under faults*")
set(slow_clock "*cut off with a slow clock*")
set(crossing_echo "*an echo that crosses the loss*")
set(late_echo "*however late its*")
set(networks "*whatever the network does*")

# Leases.
mutant(margin_is_zero sim_cluster cluster/coordinator/failure_detector.hpp
  "settings.lease + settings.margin + settings.crash_grace"
  "settings.lease + settings.crash_grace"
  cluster/coordinator/coordinator*.cpp ${slow_clock})
mutant(echo_index_ignored sim_cluster cluster/coordinator/lease.hpp
  "index > applied" "false"
  cluster/node/node_core*.cpp ${crossing_echo})
mutant(lease_from_the_arrival_of_the_echo sim_cluster
  cluster/node/node_core_messages.cpp
  [==[void node_core::on(boot_time, const proto::Echo& echo) {
  if (echo.incarnation() != config_.started.value)
    return;
  if (lease_.echoed(boot_time{echo.sent_ns()}]==]
  [==[void node_core::on(boot_time now, const proto::Echo& echo) {
  if (echo.incarnation() != config_.started.value)
    return;
  if (lease_.echoed(now]==]
  ${late_echo})
mutant(echo_joins_a_round_under_way unit_coordinator
  cluster/coordinator/lease.hpp
  "waiting_.push_back(e)" "(round_ ? covered_ : waiting_).push_back(e)"
  test/unit/coordinator/echoes_test.cpp "*one round at a time*")
mutant(echo_needs_no_round sim_cluster cluster/node/node_core_messages.cpp
  [==[  if (auto round = raft_.start_round())
    echoes_.round_started(*round);]==]
  [==[  echoes_.round_started(1);
  for (auto& e : echoes_.confirmed(1)) {
    proto::Echo reply;
    reply.set_sent_ns(e.sent.count());
    reply.set_last_index(e.last_index.value);
    reply.set_incarnation(e.started.value);
    if (e.to == config_.self)
      on(boot_time{0}, reply);
    else
      send(e.to, frame_kind::echo, reply);
  }]==]
  ${networks})
mutant(new_leader_waits_for_no_old_lease sim_cluster
  cluster/coordinator/failure_detector.hpp
  "base_ = base" "base_ = boot_time{0}"
  cluster/coordinator/coordinator*.cpp ${faulty})
mutant(lease_runs_twice_as_long sim_cluster cluster/coordinator/lease.hpp
  "end_ = sent + length_" "end_ = sent + 2 * length_"
  cluster/node/node_core*.cpp ${faulty})
mutant(silence_counts_from_suspicion sim_cluster
  cluster/coordinator/failure_detector.hpp
  "now - last_heard(node) > silence_max_"
  "now - last_heard(node) > suspicion_"
  cluster/coordinator/coordinator*.cpp ${faulty})

# Streams.
mutant(first_return_does_not_close_the_stream sim_cluster
  cluster/move/stream.hpp
  [==[    returned_.push_back(std::move(msg));
    if (state_ == state::open)
      close(port);]==]
  "    returned_.push_back(std::move(msg));"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(stream_ends_without_a_fence sim_cluster cluster/move/stream.hpp
  [==[if (sent_ == settled_ && !unseen_) {
      end();]==]
  [==[if (true) {
      end();]==]
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(fence_is_not_sent sim_cluster cluster/move/stream.hpp
  "port.fence(owner_, epoch_);" ";"
  test/sim/cluster/sim_node*.cpp ${strict})
mutant(fence_of_another_epoch_is_taken_as_answered unit_move
  cluster/move/stream.hpp
  "state_ != state::fencing || at != epoch_" "state_ != state::fencing"
  test/unit/move/slot_test.cpp)
mutant(stream_opens_at_an_old_epoch sim_cluster cluster/move/stream.hpp
  "!route_.open() || route_.epoch <= last_" "!route_.open()"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(held_goes_before_returned sim_cluster cluster/move/stream.hpp
  [==[    release(returned_, port, false);
    release(held_, port, true);]==]
  [==[    release(held_, port, true);
    release(returned_, port, false);]==]
  test/sim/cluster/sim_node*.cpp ${strict})
mutant(late_return_is_dropped unit_move cluster/move/stream.hpp
  "if (at <= void_epoch_)" "if (at <= void_epoch_ || at < epoch_)"
  test/unit/move/slot_test.cpp)
mutant(return_of_a_void_stream_is_sent_again sim_cluster cluster/move/stream.hpp
  "if (at <= void_epoch_)" "if (false)"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(processed_counts_twice sim_cluster cluster/move/stream.hpp
  "std::min(messages, sent_ - settled_)"
  "std::min(2 * messages, sent_ - settled_)"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(processed_of_any_epoch_counts unit_move cluster/move/stream.hpp
  "state_ != state::waiting && at == epoch_ && owner == owner_"
  "state_ != state::waiting"
  test/unit/move/slot_test.cpp)
mutant(loss_counts_what_was_settled sim_cluster cluster/move/stream.hpp
  "port.lost(owner_, epoch_, sent_ - settled_);"
  "port.lost(owner_, epoch_, sent_);"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(loss_is_not_told sim_cluster cluster/move/stream.hpp
  "if (sent_ > settled_)" "if (false)"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(expired_is_dropped_in_silence sim_cluster cluster/move/stream.hpp
  "      port.drop(std::move(msg), errc::expired);" ";"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(overload_is_dropped_in_silence sim_cluster cluster/move/stream.hpp
  [==[!port.hold(msg)) {
      port.drop(std::move(msg), errc::overloaded);]==]
  [==[!port.hold(msg)) {
      ;]==]
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(stream_has_no_bound unit_move cluster/move/stream.hpp
  "if (port.room(owner_, under_way(), bytes_))" "if (true)"
  test/unit/move/stream_test.cpp "*no more is on its way*")
mutant(stream_forgets_what_is_under_way sim_cluster cluster/move/stream.hpp
  "port.room(owner_, under_way(), bytes_)" "port.room(owner_, 0, bytes_)"
  test/sim/cluster/sim_node*.cpp "*ten times the load*")
mutant(what_a_link_refused_stays_under_way unit_move cluster/move/stream.hpp
  "      --sent_;" "      ;"
  test/unit/move/stream_test.cpp "*what a link refuses*")
mutant(mailbox_has_no_bound actor_data_plane actors/data_plane.cpp
  "crowded = a.here.is_crowded();" ";" "*senders fill a mailbox*")
mutant(next_actor_begins_crowded actor_data_plane actors/data_plane.cpp
  "s.put_offset = 0 - static_cast<std::uint32_t>(s.door.entered());" ";"
  "*what another actor*")
mutant(give_up_forgets_what_it_led_to sim_cluster cluster/move/stream.hpp
  [==[    void_epoch_ = epoch_;
]==]
  ""
  test/sim/cluster/sim_node*.cpp ${faulty})

# Intakes.
mutant(message_of_another_epoch_is_taken sim_cluster cluster/move/intake.hpp
  "if (at != epoch_ || state_ == state::closed)"
  "if (state_ == state::closed)"
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(parked_is_dropped sim_cluster cluster/move/intake.hpp
  "give_back(std::exchange(parked_, {}), port);" "parked_ = {};"
  test/sim/cluster/sim_node*.cpp ${strict})
mutant(nothing_parks unit_move cluster/move/intake.hpp
  "      parked_.emplace_back(std::move(msg));"
  "      port.deliver(std::move(msg), at);"
  test/unit/move/slot_test.cpp)
mutant(fence_is_answered_before_what_parks sim_cluster cluster/move/intake.hpp
  "      parked_.emplace_back(f);" "      port.answer(f);"
  test/sim/cluster/sim_node*.cpp ${strict})
mutant(fence_overtakes_the_mailbox sim_cluster cluster/move/intake.hpp
  "      port.deliver(f);" "      port.answer(f);"
  test/sim/cluster/sim_node*.cpp ${strict})
mutant(parked_goes_before_the_mailbox sim_cluster cluster/move/intake.hpp
  [==[    give_back(std::move(left), port);
    give_back(std::exchange(parked_, {}), port);]==]
  [==[    give_back(std::exchange(parked_, {}), port);
    give_back(std::move(left), port);]==]
  test/sim/cluster/sim_node*.cpp ${faulty})
mutant(fence_is_dropped_when_closed sim_cluster cluster/move/intake.hpp
  [==[if (f.epoch != epoch_ || state_ == state::closed)
      port.answer(f);]==]
  [==[if (f.epoch != epoch_ || state_ == state::closed)
      return;]==]
  test/sim/cluster/sim_node*.cpp "*gives back what it did not begin*")

# Hosts.
mutant(confirmed_before_it_stopped unit_move cluster/move/partition_host.cpp
  [==[  if (now.stage != stage::pausing)
    return false;
]==]
  [==[  if (now.stage != stage::pausing)
    return false;
  if (now.owner == self_ && now.target != self_)
    return true;
]==])
mutant(confirmed_before_its_state_was_taken unit_move
  cluster/move/partition_host.cpp
  "r.saved->taken_by == now.target" "true")
mutant(started_before_its_state_arrived unit_move
  cluster/move/partition_host.cpp
  "      return; // on its way: the source sends it when it sees the same entry"
  "      ;")
mutant(own_state_goes_before_it_runs_elsewhere unit_move
  cluster/move/partition_host.cpp
  "if (r.saved && now.stage == stage::running && now.epoch > r.saved->epoch)"
  "if (r.saved && now.epoch > r.saved->epoch)")
mutant(received_state_goes_before_it_runs unit_move
  cluster/move/partition_host.cpp
  [==[if (r.received && now.stage == stage::running
      && now.epoch > r.received->epoch)]==]
  "if (r.received && now.epoch > r.received->epoch)")
mutant(actor_that_lost_its_partition_lives_on sim_cluster
  cluster/move/partition_host.cpp
  [==[    kill(key, r);
  } else if]==]
  "  } else if"
  ${faulty})
mutant(start_of_an_earlier_incarnation_is_mine sim_cluster
  cluster/move/partition_host.hpp
  "return r.now.owner == self_ && r.now.owner_incarnation == incarnation_;"
  "return r.now.owner == self_;"
  cluster/move/partition_host.cpp ${strict})
mutant(starts_while_it_is_paused sim_cluster cluster/move/partition_host.cpp
  [==[  if (now.stage != stage::starting)
    return;
]==]
  ""
  ${strict})
mutant(state_lost_with_its_session_is_not_sent_again unit_move
  cluster/move/partition_host.cpp
  "          kept->sent_to = kept->taken_by = {};" ";")
mutant(holder_of_an_orphan_says_nothing unit_move
  cluster/move/partition_host.cpp
  "return r.now.stage == stage::unassigned && r.now.source_epoch
"
  "return false
")

# The map.
mutant(rollback_keeps_the_epoch sim_cluster cluster/map/shard_map_partitions.cpp
  "    a->epoch = epoch{ctx.at.value};"
  [==[    if (cmd.cause() != "rolled back")
      a->epoch = epoch{ctx.at.value};]==]
  ${faulty})
mutant(row_of_another_epoch_is_obeyed unit_map cluster/map/shard_map.cpp
  "a && a->epoch.value == row.epoch() ? a : nullptr" "a")
mutant(state_of_a_lost_owner_is_forgotten unit_map
  cluster/map/shard_map_partitions.cpp
  [==[    a.source_epoch = a.epoch;
]==]
  "")
mutant(failed_start_is_not_counted unit_coordinator
  cluster/map/shard_map_partitions.cpp
  "    ++a->failures;" ";")
mutant(earlier_start_may_come_up unit_map cluster/map/shard_map_nodes.cpp
  [==[started < node.incarnation
      ||]==]
  "false ||")

# The coordinator.
mutant(late_pause_counts_as_confirmed unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "region->settings.overrun == overrun_policy::fence" "true")
mutant(state_is_given_up_too_soon unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  "node.liveness == liveness::up && !said && !long_ago" "false")
mutant(node_is_let_go_with_its_partitions unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "bool empty = owns_nothing(b.map, id);" "bool empty = true;")

# The node.
mutant(messages_of_the_node_leave_before_the_disk sim_cluster
  cluster/node/node_core.cpp
  "waiting_.front().first <= batch" "true"
  ${strict})
mutant(routes_come_after_the_host sim_cluster cluster/node/node_core_map.cpp
  [==[    if (routing_)
      emit(route_changed{key, route_of(*a)});
    host_.learn(key, *a);
    perform_host();]==]
  [==[    host_.learn(key, *a);
    perform_host();
    if (routing_)
      emit(route_changed{key, route_of(*a)});]==]
  ${strict})
mutant(owner_lost_is_not_told unit_node cluster/node/node_core_map.cpp
  [==[  farewells_.erase(id);
  if (in_order)]==]
  [==[  farewells_.erase(id);
  if (true)
    return;
  if (in_order)]==])
mutant(farewell_is_not_waited_for unit_node cluster/node/node_core_map.cpp
  [==[  if (in_order)
]==]
  [==[  if (false)
]==])
mutant(snapshot_counts_before_it_is_durable sim_cluster
  cluster/node/node_core.cpp
  [==[        installing_ = {*whole, out.persist->id};
      }]==]
  [==[        restore(now, whole->meta, *whole->bytes);
      }]==]
  ${strict})
mutant(session_ended_is_not_told_to_the_host unit_node
  cluster/node/node_core_commands.cpp
  "  host_.session_ended(with);" ";" "*sent again when the session*")

# What does not come to an end by itself.
mutant(fence_is_waited_for_for_ever unit_move cluster/move/stream.hpp
  "now - in_the_way_since_ > fence_limit" "false"
  test/unit/move/slot_test.cpp)
mutant(stream_begins_in_the_session_there_is sim_cluster cluster/move/stream.hpp
  "port.reach(owner_, owner_started_);" ";"
  test/sim/cluster/sim_node*.cpp "*sent on to a start*")
mutant(state_is_waited_for_for_ever unit_move
  cluster/move/partition_host.cpp
  "now - one.since > limit)
      late" "false)
      late"
  "*a new owner waits*")
mutant(start_without_a_state_counts_for_quarantine unit_coordinator
  cluster/map/shard_map_partitions.cpp
  "if (!row.unstarted())" "if (true)"
  "*what never began elsewhere*")
mutant(closed_way_is_tried_at_once sim_cluster
  cluster/coordinator/coordinator_placement.cpp
  "way == closed_.end() ? boot_time{0} : way->second.until" "boot_time{0}"
  "*moves to balance between*")
mutant(state_without_an_owner_goes_as_planned sim_cluster
  cluster/coordinator/coordinator_placement.cpp
  "if (holder && !closed(holder))" "if (false)"
  "*a start whose state lies behind a cut*")

# Starts, restarts, and what is said of them.
mutant(new_start_waits_for_no_old_lease unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "if (old_runs && !detector_.expired(id, b.now))" "if (false)"
  "*a node that starts anew is up when*")
mutant(new_start_waits_for_who_begins_nothing_more unit_coordinator
  cluster/coordinator/failure_detector.hpp
  [==[return is_released(node)
           ||]==]
  "return false ||"
  cluster/coordinator/coordinator*.cpp "*a node that starts anew is up when*")
mutant(who_speaks_again_has_still_gone unit_coordinator
  cluster/coordinator/failure_detector.hpp
  [==[    released_.erase(node);
]==]
  ""
  cluster/coordinator/coordinator*.cpp "*and speaks again*")
mutant(what_an_earlier_start_says_is_heard unit_coordinator
  cluster/coordinator/coordinator.cpp
  [==[if (!leading_ || !node || node->incarnation != started)
    return;
  detector_]==]
  [==[if (!leading_ || !node)
    return;
  detector_]==]
  "*what an earlier start says*")
mutant(restart_starts_empty_at_once unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "b.now - std::max(since, nodes_changed_) < settings_.move_step" "false"
  "*restarted partition starts empty*")
mutant(restart_starts_empty_unheard unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  [==[seen->second < a->version
]==]
  [==[false
]==]
  "*restarted partition starts empty*")
mutant(restart_goes_on_in_the_process_that_ends unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  [==[node->liveness == liveness::up
          && node->incarnation != a->owner_incarnation)]==]
  "node->liveness == liveness::up)"
  "*by the process that is about to end*")
mutant(anybody_holds_what_waits_for_a_restart unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "a->target == a->owner && held.node == a->owner" "a->target == a->owner"
  "*only who is to start again*")
mutant(restart_is_given_up_while_it_runs_on unit_coordinator
  cluster/coordinator/coordinator.cpp
  "bool away = node.intent == intent::restart && node.liveness != liveness::up;"
  "bool away = node.intent == intent::restart;"
  "*goes on running is not given up*")
mutant(restart_forgets_what_waits_for_it unit_map
  cluster/map/shard_map_nodes.cpp
  "unassign_all(ctx, node.id, restarting && !given_up);"
  "unassign_all(ctx, node.id, false);"
  "*keeps only what stopped for it*")
mutant(confirmation_of_another_epoch_counts unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  [==[a->epoch.value == row.epoch()
                                             && a->stage == stage::pausing]==]
  "a->stage == stage::pausing"
  "*about another epoch or stage*")
mutant(failure_of_another_epoch_counts unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  [==[a->epoch.value == row.epoch()
                                             && a->stage != stage::unassigned]==]
  "a->stage != stage::unassigned"
  "*about another epoch or stage*")
mutant(confirmed_to_a_target_that_is_lost unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "if (!target || target->liveness != liveness::up || !b.claim(key))"
  "if (!target || !b.claim(key))"
  "*for a target that is lost*")
mutant(partition_is_touched_twice_in_an_entry unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  "!add_source(b, row, key, a) || !b.claim(key)"
  "!add_source(b, row, key, a)"
  "*one entry gives a partition*")

# What another leader does not know.
mutant(leader_believes_what_the_last_one_heard unit_coordinator
  cluster/coordinator/coordinator.cpp
  [==[  facts_.clear();
  holders_.clear();
  versions_.clear();
]==]
  ""
  "*a new leader believes nothing*")
mutant(leader_lets_go_who_asked_the_last_one unit_coordinator
  cluster/coordinator/coordinator.cpp
  [==[  leaves_.clear();
  leaving_.clear();
]==]
  ""
  "*a new leader believes nothing*")
mutant(leader_forgets_what_was_cut_off unit_coordinator
  cluster/coordinator/coordinator.cpp
  [==[    cut_[id] = now;
]==]
  ""
  "*may have been cut off*")
mutant(lost_node_still_holds_states unit_coordinator
  cluster/coordinator/coordinator.cpp
  [==[    std::erase_if(holders_, [&](auto& kv) { return kv.second.node == id; });
]==]
  ""
  "*said that it holds is gone with it*")
mutant(holder_of_another_epoch_is_asked unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  "held != holders_.end() && held->second.epoch == a.epoch"
  "held != holders_.end()"
  "*a holder of an earlier state*")
mutant(failed_proposal_is_not_made_again unit_coordinator
  cluster/coordinator/coordinator.cpp
  [==[      orphaned_.insert(region_id{row.region()});
]==]
  [==[      ;
]==]
  "*what a failed proposal was to place*")
mutant(anybody_may_assign unit_coordinator cluster/coordinator/coordinator.cpp
  "if (!may_ask(what.map())) {" "if (false) {"
  "*only the leader says*")
# Regions of very many partitions.
mutant(entry_is_never_full unit_coordinator
  cluster/coordinator/entry_builder.hpp
  "return touched.size() >= rows_max;" "return false;"
  cluster/coordinator/coordinator*.cpp "*names no more partitions*")
mutant(all_start_at_once unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  "starting + count >= settings_.starts_max" "false"
  "*names no more partitions*")
mutant(facts_without_room_are_forgotten unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  "facts_ = std::move(facts);" ";" "*facts that an entry has no room for*")
mutant(request_without_room_is_refused unit_coordinator
  cluster/coordinator/coordinator_entry.cpp
  [==[    if (b.full()) {
      queue_.push_back]==]
  [==[    if (false) {
      queue_.push_back]==]
  "*request waits when the entry is full*")
mutant(plan_outlives_the_nodes_that_it_is_for unit_coordinator
  cluster/coordinator/coordinator.cpp
  "if (what.nodes || !what.regions.empty())" "if (false)"
  "*given up when something else*")
mutant(plan_does_not_see_moves_by_hand unit_coordinator
  cluster/coordinator/coordinator.cpp
  "!follows(run->second, key, a)" "false"
  "*does not reach one node*")
mutant(plan_does_not_look_back_for_what_failed unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  "run.first = std::min(run.first, key.partition);" ""
  "*while the plan's moves go on*")
mutant(moves_are_not_counted_where_they_go unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  [==[    ++busy[to];
]==]
  ""
  "*moves at a time are counted*")
mutant(moves_under_way_are_not_counted unit_coordinator
  cluster/coordinator/coordinator_placement.cpp
  [==[      ++busy[a->owner];
]==]
  ""
  "*moves at a time are counted*")

# States and actors of a host.
mutant(confirmed_before_its_state_was_on_disk unit_move
  cluster/move/partition_host.cpp
  [==[now.target == self_ ? r.saved->on_disk
]==]
  [==[now.target == self_ ? true
]==]
  "*when it is on the disk*")
mutant(state_of_another_epoch_is_taken_for_it unit_move
  cluster/move/partition_host.cpp
  "if (r.received && r.received->epoch == at)" "if (r.received)"
  "*a state of another epoch*")
mutant(own_state_of_another_epoch_is_taken_for_it unit_move
  cluster/move/partition_host.cpp
  "if (r.saved && r.saved->epoch == at)" "if (r.saved)"
  "*a state of another epoch*")
mutant(copy_of_another_epoch_is_offered unit_move
  cluster/move/partition_host.cpp
  "return r.received && r.received->epoch == now.epoch && now.target == self_;"
  "return r.received && now.target == self_;"
  "*a copy of another epoch*")
mutant(orphan_of_another_epoch_is_offered unit_move
  cluster/move/partition_host.cpp
  [==[    return kept && kept->epoch == r.now.source_epoch;
  };
  return r.now.stage]==]
  [==[    return kept.has_value();
  };
  return r.now.stage]==]
  "*a copy of another epoch*")
mutant(older_state_replaces_a_newer unit_move cluster/move/partition_host.cpp
  "if (!r.received || r.received->epoch < at)" "if (true)"
  "*the newer is kept*")
mutant(state_goes_when_the_log_is_read_again unit_move
  cluster/move/partition_host.cpp
  "if (r.saved && now.stage == stage::running && now.epoch > r.saved->epoch)"
  "if (r.saved && now.stage == stage::running)"
  "*what the map said before*")
mutant(state_is_asked_of_an_earlier_life unit_move
  cluster/move/partition_host.cpp
  [==[      kept->sent_to = to;
      kept->taken_by = {};]==]
  "      kept->sent_to = to;"
  "*a move that goes elsewhere*")
mutant(second_kill_is_not_said unit_move cluster/move/partition_host.cpp
  [==[  if (next == life::none)
    r.killed = false;]==]
  "  ;"
  "*two actors in a row*")
mutant(failed_start_is_tried_again_at_once unit_move
  cluster/move/partition_host.cpp
  "!mine(r) || r.has_failed()" "!mine(r)"
  "*not tried again at its epoch*")
mutant(running_actor_is_taken_for_the_next unit_move
  cluster/move/partition_host.cpp
  "return r.actor == life::running && r.epoch == now.epoch;"
  "return r.actor == life::running;"
  "*ends that one*")
mutant(actor_is_told_to_stop_twice unit_move cluster/move/partition_host.cpp
  [==[

             && r.actor == life::running) {]==]
  ") {"
  "*a move that goes elsewhere*")
mutant(actor_of_an_earlier_epoch_lives_on unit_move
  cluster/move/partition_host.cpp
  "!(mine(r) && now.epoch == r.epoch)" "!mine(r)"
  "*ends that one*")

# Books and order of a stream.
mutant(every_return_counts_for_the_stream unit_move cluster/move/stream.hpp
  "if (state_ != state::waiting && at == epoch_)\n      done_with(1);"
  "if (state_ != state::waiting)\n      done_with(1);"
  test/unit/move/stream_test.cpp "*of its own epoch counts*")
mutant(return_counts_for_the_next_stream unit_move cluster/move/stream.hpp
  "if (state_ != state::waiting && at == epoch_)\n      done_with(1);"
  "if (at == epoch_)\n      done_with(1);"
  test/unit/move/stream_test.cpp "*when it has ended*")
mutant(back_at_once_goes_last unit_move cluster/move/stream.hpp
  "returned_.push_front(std::move(*back));"
  "returned_.push_back(std::move(*back));"
  test/unit/move/stream_test.cpp "*still the first to go*")
mutant(back_at_once_is_not_settled unit_move cluster/move/stream.hpp
  [==[    ++settled_;
    returned_]==]
  "    returned_"
  test/unit/move/stream_test.cpp "*came back at once as settled*")
mutant(stream_begins_with_old_books unit_move cluster/move/stream.hpp
  [==[    sent_ = settled_ = bytes_ = 0;
    unseen_]==]
  "    unseen_"
  test/unit/move/stream_test.cpp "*begins with empty books*")
mutant(what_is_sent_stays_charged unit_move cluster/move/stream.hpp
  [==[      auto msg = queue.pop_front();
      if (charged)
        port.unhold(msg);]==]
  "      auto msg = queue.pop_front();"
  test/unit/move/stream_test.cpp "*charged until it is sent*")
mutant(what_expires_stays_charged unit_move cluster/move/stream.hpp
  [==[        continue;
      }
      if (charged)
        port.unhold(msg);]==]
  [==[        continue;
      }]==]
  test/unit/move/stream_test.cpp "*charged until it is sent*")
mutant(what_came_back_never_expires unit_move cluster/move/stream.hpp
  [==[    expire(returned_, now, port, false);
]==]
  ""
  test/unit/move/stream_test.cpp "*expires like what waits*")
mutant(older_map_is_believed unit_move cluster/move/stream.hpp
  [==[    if (next.version <= route_.version)
      return;
]==]
  ""
  test/unit/move/stream_test.cpp "*a map that is older*")
mutant(epoch_of_an_earlier_stream_is_enough unit_move cluster/move/stream.hpp
  [==[    last_ = std::max(last_, epoch_);
    sent_]==]
  "    sent_"
  test/unit/move/stream_test.cpp "*epoch of an earlier one*")
mutant(loss_of_an_owner_voids_the_next unit_move cluster/move/stream.hpp
  "if (route_.owner == owner_ && route_" "if (route_"
  test/unit/move/stream_test.cpp "*is not that of the next*")
mutant(fence_of_another_epoch_waits unit_move cluster/move/intake.hpp
  "if (f.epoch != epoch_ || state_" "if (state_"
  test/unit/move/intake_test.cpp "*fence of another epoch*")
mutant(second_marker unit_move cluster/move/intake.hpp
  [==[    if (state_ != state::open)
      return;
]==]
  ""
  test/unit/move/intake_test.cpp "*one marker*")
mutant(fence_in_the_mailbox_is_dropped unit_move cluster/move/intake.hpp
  "        port.answer(*f);" "        ;"
  test/unit/move/intake_test.cpp "*one marker*")

# What a node tells, and whom it hears.
mutant(routes_before_it_is_up unit_node cluster/node/node_core_map.cpp
  "if (routing_ || !joined())" "if (routing_)"
  "*before the map shows the node up*")
mutant(routes_of_the_past unit_node cluster/node/node_core_map.cpp
  [==[    if (routing_)
      emit(route_changed{key, route_of(*a)});]==]
  "    emit(route_changed{key, route_of(*a)});"
  "*before the map shows the node up*")
mutant(retired_with_actors unit_node cluster/node/node_core_messages.cpp
  [==[  if (host_.alive() > 0)
    return;
]==]
  ""
  "*begins nothing more when nothing runs*")
mutant(retired_and_starts unit_node cluster/node/node_core_commands.cpp
  "} else if (!retired_ || !std::holds_alternative<start_actor>(effect)) {"
  "} else {"
  "*begins nothing more when nothing runs*")
mutant(heartbeat_of_another_start_counts unit_node
  cluster/node/node_core_messages.cpp
  [==[  if (!node || node->incarnation != started)
    return;
]==]
  [==[  if (!node)
    return;
]==]
  "*a heartbeat of another start*")
mutant(who_is_down_gets_an_echo unit_node cluster/node/node_core_messages.cpp
  "else if (node->liveness == liveness::up) {" "else {"
  "*who is down in the map gets no echo*")
mutant(echo_before_it_knows_all unit_node cluster/node/node_core_messages.cpp
  "if (leadership_.role != raft::role::leader || !leadership_.caught_up)"
  "if (leadership_.role != raft::role::leader)"
  "*no echo before it knows*")
mutant(own_streams_are_given_up unit_node cluster/node/node_core_map.cpp
  [==[  for (auto id : what.lost)
    if (id != config_.self)
      lose(now, id);]==]
  [==[  for (auto id : what.lost)
    lose(now, id);]==]
  "*its own loss gives up no streams*")
mutant(snapshot_counts_with_an_earlier_batch unit_node
  cluster/node/node_core.cpp
  "if (installing_ && batch >= installing_->batch) {" "if (installing_) {"
  "*with what was written before it*")
mutant(snapshot_tells_of_no_new_start unit_node cluster/node/node_core_map.cpp
  "!node || node->incarnation != started || node" "!node || node"
  "*routers hear of whoever went*")
mutant(snapshot_extends_no_lease unit_node cluster/node/node_core_map.cpp
  [==[  publish_all(now, lost);
  if (lease_.applied(applied_))
    emit(lease_extended{lease_.end()});]==]
  "  publish_all(now, lost);"
  "*a lease is extended that waited*")
mutant(state_on_the_disk_is_for_nobody unit_node
  cluster/node/node_core_commands.cpp
  [==[  if (auto* a = map_.find(key)) // of the snapshot on this disk
    host_.learn(key, *a);
]==]
  ""
  "*what its states are for*")
mutant(who_steps_down_keeps_what_it_proposed unit_node
  cluster/node/node_core.cpp
  [==[    if (proposed_)
      coordinator_.failed]==]
  [==[    if (false)
      coordinator_.failed]==]
  "*a leader that steps down*")
mutant(who_steps_down_answers_nobody unit_node cluster/node/node_core.cpp
  [==[    coordinator_.retire();
]==]
  ""
  "*a leader that steps down*")
mutant(leadership_goes_to_who_goes unit_node cluster/node/node_core.cpp
  "        && node->intent == intent::none && !" "        && !"
  "*nobody who is about to go*")

# Nodes in the map.
mutant(word_about_another_start_counts unit_map cluster/map/shard_map_nodes.cpp
  [==[  if (i == nodes_.end() || i->second.incarnation.value != cmd.incarnation())
    return {};
  auto& node = i->second;
  bool restarting]==]
  [==[  if (i == nodes_.end())
    return {};
  auto& node = i->second;
  bool restarting]==]
  "*about another start of a node*")
mutant(new_start_keeps_partitions unit_map cluster/map/shard_map_nodes.cpp
  [==[    unassign_all(ctx, node.id, true);
    ctx]==]
  "    ctx"
  "*a new start loses*")
mutant(replaced_node_keeps_partitions unit_map cluster/map/shard_map_nodes.cpp
  [==[    unassign_all(ctx, id, false);
]==]
  ""
  "*under the name of a dead node*")
mutant(replaced_node_comes_back unit_map cluster/map/shard_map_nodes.cpp
  "if (i == nodes_.end() || i->second.liveness == liveness::removed)"
  "if (i == nodes_.end())"
  "*under the name of a dead node*")
mutant(id_is_free_while_it_votes unit_map cluster/map/shard_map.cpp
  "node.liveness == liveness::removed && !is_member(id)"
  "node.liveness == liveness::removed"
  "*an id is free when*")
mutant(assigned_to_who_is_down unit_map cluster/map/shard_map_partitions.cpp
  "if (!a || !owner || owner->liveness != liveness::up)" "if (!a || !owner)"
  "*nobody gets a partition who*")
mutant(failures_are_never_forgotten unit_map
  cluster/map/shard_map_partitions.cpp
  [==[    a->failures = 0;
]==]
  ""
  "*failures are counted until it runs*")
mutant(started_twice unit_map cluster/map/shard_map_partitions.cpp
  "if (!a || a->stage != stage::starting)" "if (!a)"
  "*until it runs*")

# Links.
mutant(resent_frames_are_taken_again unit_link cluster/link/inbox.cpp
  [==[  if (x.header.number <= received_) {
    ++counters_.pieces_duplicate;
    return std::nullopt;
  }
  if (x.header.number != received_ + 1)]==]
  "  if (x.header.number > received_ + 1)"
  "*numbers are taken once*")
mutant(goodbye_is_not_counted unit_link runtime/link/peer_link.cpp
  "if (!out_.acknowledge(number)) {" "if (false) {"
  "*a goodbye says what was taken*")
mutant(goodbye_of_a_number_never_sent_is_believed unit_link
  cluster/link/outbox.cpp
  [==[  if (number > written_)
    return false;
]==]
  ""
  "*what was never written*")

# Actors: the gate, and what is counted.
mutant(lease_is_ignored_at_the_gate actor_partition
  actors/partition/partition.cpp
  "return context_.region->keep_running || lease_holds();" "return true;"
  "*a closed gate lets nothing begin*")
mutant(budget_is_ignored_at_the_gate actor_partition
  actors/partition/partition.cpp
  "plane.now() + plane.cfg().settings.handler_budget < plane.lease_end()"
  "plane.now() < plane.lease_end()"
  "*a closed gate lets nothing begin*")
mutant(drop_is_not_counted actor_data_plane actors/data_plane.cpp
  "  counters_.drop(letter.why);" ";"
  "*a drop is counted once*")
mutant(loss_is_not_counted actor_data_plane actors/data_plane.cpp
  "plane.counters_.unknown.add(messages);" ";"
  "*only what an owner had not reported*")

# How a node goes in order.
mutant(leader_goes_without_handing_over sim_cluster cluster/node/departure.cpp
  "if (leads(core) && !is_last(core) && now < until_) {" "if (false) {"
  "*the leader hands over before it goes*")
mutant(leadership_is_handed_over_once sim_cluster cluster/node/departure.cpp
  ": core.config().settings.tick);" ": hand_over_max);"
  "*are told to stop at once*")
mutant(vote_goes_while_others_need_it sim_cluster cluster/node/departure.cpp
  "if (quorum_without(core))" "if (true)" "*told to restart at once*")
mutant(wish_to_go_is_said_once sim_cluster cluster/node/departure.cpp
  "if (!shows_intent(core) && !refused)" "if (false)" "*wish is taken back*")
mutant(cut_off_node_waits_for_a_majority sim_cluster cluster/node/departure.cpp
  "return now - heard > 2 * core.config().settings.election_max + 1s;"
  "return false;" "*cannot reach the others*")
mutant(departure_does_not_look_back sim_cluster cluster/node/departure.cpp
  "if (complete_ && !still && now < empty_until_) {" "if (false) {"
  "*drain is taken back when it has nothing left*")
mutant(late_answer_counts_for_the_next_question unit_node
  cluster/node/departure.cpp "if (asked_in_ == stage_)" "if (true)"
  "*late answer to the intent*")
mutant(voter_goes_whose_vote_is_needed sim_cluster
  cluster/coordinator/voter_plan.cpp
  "if (!serves(id) || enough_without(id))" "if (true)" "*another one goes*")
