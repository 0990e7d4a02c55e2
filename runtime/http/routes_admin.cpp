#include <troupe/runtime/http/json_body.hpp>
#include <troupe/runtime/http/route.hpp>
#include <troupe/runtime/http/to_json.hpp>

namespace troupe::http {

namespace {

using std::chrono::milliseconds;

/// Hands a command's result on as JSON.
template <class T>
callback<T> answering(respond done, int status) {
  return [done = std::move(done), status](result<T> x) {
    done(x ? api_answer{status, to_line(to_json(*x))} : to_answer(x.error()));
  };
}

/// The region that a plan is for; empty: all of them.
result<std::string> parse_scope(const api_call& call) {
  auto i = call.query.find("region");
  if (i == call.query.end())
    return std::string();
  if (!call.backend.partition_count(i->second))
    return api_error{api_errc::unknown_region,
                     "there is no region '" + i->second + "'"};
  return i->second;
}

milliseconds post_plan(api_call& call, respond done) {
  auto scope = parse_scope(call);
  if (!scope) {
    done(to_answer(scope.error()));
    return {};
  }
  call.backend.plan(*scope, answering<plan_view>(std::move(done), 200));
  return call.limits.command_timeout;
}

milliseconds post_rebalance(api_call& call, respond done) {
  auto scope = parse_scope(call);
  if (!scope) {
    done(to_answer(scope.error()));
    return {};
  }
  call.backend.rebalance(*scope, answering<plan_view>(std::move(done), 202));
  return call.limits.command_timeout;
}

result<move_request> parse_move(const api_call& call) {
  auto members = split_json_object(call.body);
  if (!members)
    return members.error();
  for (auto& [name, raw] : *members)
    if (name != "region" && name != "partition" && name != "to")
      return api_error{api_errc::malformed,
                       "the body has an unknown member \"" + name + '"',
                       "it takes region, partition and to"};
  auto region = json_string(*members, "region");
  if (!region)
    return region.error();
  auto to = json_string(*members, "to");
  if (!to)
    return to.error();
  // The same rules as for the partition of a message.
  api_call as_query{call.backend, call.limits, {}, {}, {}};
  if (auto i = members->find("partition"); i != members->end())
    as_query.query.emplace("partition", i->second);
  auto partition = parse_target(as_query, *region);
  if (!partition) {
    if (partition.error().code == api_errc::missing_target)
      return api_error{api_errc::missing_target,
                       "the body has no \"partition\"",
                       R"(add "partition": P)"};
    return partition.error();
  }
  return move_request{std::move(*region), std::get<partition_id>(*partition),
                      std::move(*to)};
}

milliseconds post_move(api_call& call, respond done) {
  auto request = parse_move(call);
  if (!request) {
    done(to_answer(request.error()));
    return {};
  }
  call.backend.move(std::move(*request),
                    answering<move_accepted>(std::move(done), 202));
  return call.limits.command_timeout;
}

template <void (api_backend::*Command)(std::string,
                                       callback<node_command_accepted>)>
milliseconds post_node(api_call& call, respond done) {
  (call.backend.*Command)(
      call.args[0], answering<node_command_accepted>(std::move(done), 202));
  return call.limits.command_timeout;
}

} // namespace

std::span<const route> admin_routes() {
  static const route table[] = {
      {"POST", "/v1/plan", {"region"}, post_plan},
      {"POST", "/v1/rebalance", {"region"}, post_rebalance},
      {"POST", "/v1/moves", {}, post_move},
      {"POST", "/v1/nodes/{name}/drain", {}, post_node<&api_backend::drain>},
      {"POST",
       "/v1/nodes/{name}/undrain",
       {},
       post_node<&api_backend::undrain>},
      {"POST",
       "/v1/nodes/{name}/restart",
       {},
       post_node<&api_backend::restart>},
  };
  return table;
}

} // namespace troupe::http
