// Commands that come over HTTP: they pass through the coordinator.
#include <troupe/runtime/http_backend.hpp>

#include <troupe/runtime/http_errors.hpp>

namespace troupe {

void http_backend::planned(std::string region, bool apply,
                           http::callback<http::plan_view> done) {
  auto now = self_.mirror_.state();
  if (!apply && !has_quorum(now)) {
    http::plan_view out;
    out.map_version = now.version.value;
    out.waiting_for = "a quorum";
    return done(std::move(out));
  }
  proto::CommandRequest what;
  what.mutable_plan()->set_region(region);
  what.mutable_plan()->set_apply(apply);
  self_.command(std::move(what), [this, done](const proto::CommandReply& r) {
    if (r.code() != 0)
      return done(to_api(r));
    http::plan_view out;
    out.map_version = self_.mirror_.state().version.value;
    out.waiting_for = r.waiting_for();
    for (auto& m : r.moves())
      out.moves.push_back({m.region(), m.partition(), m.from(), m.to()});
    done(std::move(out));
  });
}

void http_backend::plan(std::string region,
                        http::callback<http::plan_view> done) {
  planned(std::move(region), false, std::move(done));
}

void http_backend::rebalance(std::string region,
                             http::callback<http::plan_view> done) {
  planned(std::move(region), true, std::move(done));
}

void http_backend::move(http::move_request request,
                        http::callback<http::move_accepted> done) {
  http::move_accepted out;
  out.move = {request.region, request.partition, {}, request.to};
  if (auto found = self_.mirror_.find(request.region))
    if (request.partition < found->partitions.size()) {
      auto& a = found->partitions[request.partition];
      out.move.from = self_.mirror_.name_of(a.owner);
      out.epoch = a.epoch;
    }
  proto::CommandRequest what;
  what.mutable_move()->set_region(request.region);
  what.mutable_move()->set_partition(request.partition);
  what.mutable_move()->set_to(request.to);
  self_.command(std::move(what), [out, done](const proto::CommandReply& r) {
    if (r.code() != 0)
      return done(to_api(r));
    done(out);
  });
}

void http_backend::configure(http::region_change change,
                             http::callback<http::region_changed> done) {
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_configure_region();
  cmd.set_region(change.region);
  cmd.set_expected_version(change.if_version);
  cmd.set_partitions(change.partitions);
  for (auto& [partition, weight] : change.weights)
    (*cmd.mutable_weights())[partition] = weight;
  cmd.set_strategy(change.strategy);
  for (auto& [key, value] : change.strategy_options)
    (*cmd.mutable_strategy_options())[key] = value;
  cmd.set_force(change.force);
  self_.command(std::move(what),
                [region = change.region, done](const proto::CommandReply& r) {
                  if (r.code() != 0)
                    return done(to_api(r));
                  done(http::region_changed{region, r.index()});
                });
}

void http_backend::intend(std::string name, proto::Intent intent,
                          http::node_state state,
                          http::callback<http::node_command_accepted> done) {
  auto node = self_.mirror_.node(name);
  if (!node)
    return done(http::api_error{http::api_errc::unknown_node,
                                "no node '" + name + "'"});
  proto::CommandRequest what;
  auto& cmd = *what.mutable_map()->mutable_set_intent();
  cmd.set_node(node->id.value);
  cmd.set_intent(intent);
  cmd.set_cause("asked for");
  self_.command(std::move(what), [this, id = node->id, name, state,
                                  done](const proto::CommandReply& r) {
    if (r.code() != 0)
      return done(to_api(r));
    http::node_command_accepted out{name, state, 0};
    auto all = self_.mirror_.owned();
    for (auto& [region, n] : all[id])
      out.partitions += n;
    done(out);
  });
}

void http_backend::drain(std::string node,
                         http::callback<http::node_command_accepted> done) {
  intend(std::move(node), proto::INTENT_DRAIN, http::node_state::draining,
         std::move(done));
}

void http_backend::undrain(std::string node,
                           http::callback<http::node_command_accepted> done) {
  intend(std::move(node), proto::INTENT_UNSPECIFIED, http::node_state::up,
         std::move(done));
}

void http_backend::restart(std::string node,
                           http::callback<http::node_command_accepted> done) {
  intend(std::move(node), proto::INTENT_RESTART, http::node_state::restarting,
         std::move(done));
}

} // namespace troupe
