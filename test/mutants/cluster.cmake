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
mutant(echo_joins_a_round_under_way sim_cluster cluster/coordinator/lease.hpp
  "waiting_.push_back(e)" "(round_ ? covered_ : waiting_).push_back(e)"
  cluster/node/node_core*.cpp ${crossing_echo})
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
  [==[if (sent_ == 0) {
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
  "port.drop(std::move(msg), errc::overloaded);" ";"
  test/sim/cluster/sim_node*.cpp ${faulty})
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
  test/sim/cluster/sim_node*.cpp ${strict})
mutant(fence_is_dropped_when_closed sim_cluster cluster/move/intake.hpp
  [==[if (f.epoch != epoch_ || state_ == state::closed)
      port.answer(f);]==]
  [==[if (f.epoch != epoch_ || state_ == state::closed)
      return;]==]
  test/sim/cluster/sim_node*.cpp ${strict})

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
  [==[  if (gone)
    kill(key, r);]==]
  ""
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
  "return r.now.stage == stage::unassigned && r.now.source_epoch"
  "return false && r.now.source_epoch")

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
  [==[      if (out.persist->install) {
        installing_ = out.persist->install;
        installing_batch_ = out.persist->id;
      }]==]
  [==[      if (out.persist->install) {
        auto* whole = snapshot_receiver_.find(out.persist->install->index);
        restore(now, *out.persist->install, *whole->bytes);
      }]==]
  ${strict})
mutant(session_ended_is_not_told_to_the_host sim_cluster
  cluster/node/node_core_commands.cpp
  "  host_.session_ended(with);" ";"
  "*partition that does not stop ends itself*")

# What does not come to an end by itself.
mutant(fence_is_waited_for_for_ever unit_move cluster/move/stream.hpp
  "now - in_the_way_since_ > fence_limit" "false"
  test/unit/move/slot_test.cpp)
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
  "if (a.failures == 0 && held" "if (false && held"
  "*a start whose state lies behind a cut*")
