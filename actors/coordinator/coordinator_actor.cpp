#include <troupe/actors/coordinator/coordinator_actor.hpp>

#include <exception>

#include <caf/actor_cast.hpp>

#include <troupe/actors/error.hpp>

namespace troupe {

static partition& as_partition(const caf::actor& x) {
  return *static_cast<partition*>(caf::actor_cast<caf::abstract_actor*>(x));
}

coordinator_actor::coordinator_actor(caf::actor_config& cfg,
                                     std::unique_ptr<node_core> core,
                                     coordinator_ports& ports,
                                     data_plane& plane, link::transport& links,
                                     coordinator_clock clock)
    : caf::event_based_actor(cfg),
      core_(std::move(core)),
      ports_(ports),
      plane_(plane),
      links_(links),
      clock_(std::move(clock)) {
  // Without it the node would be a zombie: the process is to know.
  set_exception_handler([this](caf::scheduled_actor*, std::exception_ptr& x) {
    failure why{errc::wrong_state, "the coordinator failed", "report this"};
    try {
      std::rethrow_exception(x);
    } catch (const std::exception& e) {
      why.detail += std::string{": "} + e.what();
    } catch (...) {
    }
    ports_.stop_process(why);
    return make_error(why);
  });
}

caf::behavior coordinator_actor::make_behavior() {
  perform();
  delayed_send(this, core_->config().settings.tick, coordinator_tick{});
  return {
      [this](coordinator_tick) {
        core_->tick(now(), clock_.wall_ms());
        perform();
        plane_.tick();
        ports_.ticked(*core_);
        delayed_send(this, core_->config().settings.tick, coordinator_tick{});
      },
      [this](frame_arrived& frame) {
        core_->receive(now(), frame.from, frame.kind, frame.bytes);
        perform();
      },
      [this](session_over over) {
        core_->session_ended(now(), over.peer);
        perform();
      },
      [this](disk_done done) {
        using kind = disk_done::kind;
        switch (done.what) {
        case kind::persisted:
          core_->persisted(now(), done.number);
          break;
        case kind::snapshot_saved:
          core_->snapshot_saved(log_index{done.number});
          break;
        case kind::snapshot_stored:
          core_->snapshot_stored(now(), log_index{done.number});
          break;
        case kind::state_kept:
          core_->state_kept(now(), done.key, done.epoch);
          break;
        case kind::state_refused:
          core_->state_refused(now(), done.key, done.epoch);
        }
        perform();
      },
      [this](partition_report& report) { on_report(report); },
      [this](coordinator_task& task) {
        task.run(*this);
        perform();
      },
  };
}

void coordinator_actor::perform() {
  for (auto effects = core_->take(); !effects.empty(); effects = core_->take())
    for (auto& effect : effects)
      std::visit([this](auto& x) { on(x); }, effect);
  plane_.flush_fences();
}

void coordinator_actor::host(hosted_region region) {
  auto settings = region.settings;
  bool hosts = region.hosts;
  region.context = std::make_shared<region_context>(
      region_context{&plane_, settings.name, settings.keep_running,
                     core_->config().settings.stop_deadline});
  hosted_[settings.name] = std::move(region);
  core_->announce(now(), std::move(settings), hosts);
}

void coordinator_actor::command(
    proto::CommandRequest request,
    std::function<void(const proto::CommandReply&)> done) {
  auto id = core_->command(now(), std::move(request));
  waiting_[id] = std::move(done);
}

std::vector<caf::actor> coordinator_actor::shut_down() {
  std::vector<caf::actor> out;
  for (auto& [key, one] : actors_) {
    as_partition(one.actor).kill();
    plane_.close(key, one.epoch);
    out.push_back(one.actor);
  }
  actors_.clear();
  quit();
  return out;
}

std::string coordinator_actor::region_name(region_id id) const {
  auto* region = core_->map().region(id);
  return region ? region->settings.name : std::string{};
}

// -- effects ------------------------------------------------------------------

void coordinator_actor::on(const persist& x) {
  ports_.persist(x.batch);
}

void coordinator_actor::on(const save_snapshot& x) {
  ports_.save_snapshot(x.meta, x.bytes);
}

void coordinator_actor::on(const store_snapshot& x) {
  ports_.store_snapshot(x.meta, x.bytes);
}

void coordinator_actor::on(const send_frame& x) {
  std::string_view parts[] = {x.bytes};
  bool repeated = is_control(x.kind) && !is_said_once(x.kind);
  auto how =
      repeated ? link::frame_class::control : link::frame_class::reserved;
  links_.send(x.to, how, static_cast<std::uint8_t>(x.kind), parts);
}

void coordinator_actor::on(const owner_lost& x) {
  plane_.owner_lost(x.node, x.upto, x.at);
}

void coordinator_actor::on(const route_changed& x) {
  plane_.route_changed(x.key, x.to);
  auto* a = core_->map().find(x.key);
  if (!a)
    return;
  ports_.partition_changed(x.key, *a);
  bool came_back = a->stage == stage::pausing && a->owner == a->target
                   && a->owner == core_->config().self
                   && a->owner_incarnation < core_->config().started;
  if (!came_back)
    return;
  auto name = region_name(x.key.region);
  if (auto state = ports_.find_state(x.key, name, a->epoch))
    core_->state_found(x.key, a->epoch, std::move(*state));
}

void coordinator_actor::on(const region_changed& x) {
  auto* region = core_->map().region(x.region);
  if (!region)
    return;
  plane_.region_known(x.region, region->settings.name,
                      region->settings.partitions);
  ports_.region_changed(*region);
}

void coordinator_actor::on(const nodes_changed&) {
  ports_.nodes_changed(*core_);
}

void coordinator_actor::on(const lease_extended& x) {
  plane_.lease_extended(x.end);
}

void coordinator_actor::on(const happened& x) {
  for (auto& event : x.events)
    ports_.happened(event);
}

void coordinator_actor::on(const command_done& x) {
  auto i = waiting_.find(x.reply.id());
  if (i == waiting_.end())
    return ports_.command_done(x.reply);
  auto done = std::move(i->second);
  waiting_.erase(i);
  done(x.reply);
}

void coordinator_actor::on(const stop_process& x) {
  ports_.stop_process(x.why);
}

void coordinator_actor::on(const departing& x) {
  ports_.goes_on_leaving(x);
}

// -- partitions ---------------------------------------------------------------

void coordinator_actor::on(const start_actor& x) {
  auto name = region_name(x.key.region);
  auto i = hosted_.find(name);
  if (i == hosted_.end() || !i->second.make) {
    core_->actor_failed(now(), x.key, x.epoch,
                        "this node does not host region '" + name + "'");
    return;
  }
  caf::actor actor;
  std::string why = "the region's factory made no actor";
  try {
    actor =
        i->second.make(system(), {i->second.context, x.key, x.epoch, x.state});
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {
    why = "an exception without a text";
  }
  if (!actor) {
    core_->actor_failed(now(), x.key, x.epoch, why);
    return;
  }
  as_partition(actor).begin();
  actors_[x.key] = {x.epoch, std::move(actor)};
}

void coordinator_actor::on(const stop_actor& x) {
  plane_.close(x.key, x.epoch);
}

void coordinator_actor::on(const kill_actor& x) {
  auto i = actors_.find(x.key);
  if (i == actors_.end() || i->second.epoch != x.epoch)
    return;
  as_partition(i->second.actor).kill();
  plane_.close(x.key, x.epoch); // what still comes waits until it is gone
}

void coordinator_actor::on(const keep_on_disk& x) {
  ports_.keep_state(x.key, region_name(x.key.region), x.epoch, x.state);
}

void coordinator_actor::on(const drop_from_disk& x) {
  ports_.drop_state(x.key, region_name(x.key.region));
}

void coordinator_actor::on_report(partition_report& report) {
  using kind = partition_report::kind;
  auto i = actors_.find(report.key);
  if (i == actors_.end() || i->second.epoch != report.epoch)
    return;
  if (report.what == kind::started) {
    plane_.started(report.key, report.epoch,
                   caf::actor_cast<caf::strong_actor_ptr>(i->second.actor));
    core_->actor_started(now(), report.key, report.epoch);
  } else {
    actors_.erase(i);
    if (report.what == kind::stopped)
      core_->actor_stopped(now(), report.key, report.epoch,
                           std::move(report.state));
    else
      core_->actor_failed(now(), report.key, report.epoch,
                          std::move(report.why));
  }
  perform();
}

} // namespace troupe
