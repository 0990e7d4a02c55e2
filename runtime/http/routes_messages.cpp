#include <troupe/runtime/http/json_body.hpp>
#include <troupe/runtime/http/proto_json.hpp>
#include <troupe/runtime/http/route.hpp>
#include <troupe/runtime/http/to_json.hpp>

namespace troupe::http {

namespace {

using std::chrono::milliseconds;

milliseconds post_ping(api_call& call, respond done) {
  auto refuse = [&](const api_error& error) {
    done(to_answer(error));
    return milliseconds{};
  };
  auto to = parse_target(call, call.args[0]);
  if (!to)
    return refuse(to.error());
  auto timeout = call.limits.message_timeout;
  if (auto i = call.query.find("timeout_ms"); i != call.query.end()) {
    auto asked = parse_timeout(call.limits, i->first, i->second);
    if (!asked)
      return refuse(asked.error());
    timeout = *asked;
  }
  call.backend.ping(
      {call.args[0], std::move(*to), timeout}, [done](result<ping_reply> x) {
        done(x ? api_answer{200, to_line(to_json(*x))} : to_answer(x.error()));
      });
  return timeout;
}

/// `{"type": "counter.Add", "message": {"by": 3}, "timeout_ms": 500,
/// "mode": "tell"}`, the latter two if wanted.
result<send_request> parse_send(const api_call& call) {
  send_request out;
  out.region = call.args[0];
  out.timeout = call.limits.message_timeout;
  auto to = parse_target(call, out.region);
  if (!to)
    return to.error();
  out.target = std::move(*to);
  auto members = split_json_object(call.body);
  if (!members)
    return members.error();
  for (auto& [name, raw] : *members)
    if (name != "type" && name != "message" && name != "timeout_ms"
        && name != "mode")
      return api_error{api_errc::malformed,
                       "the body has an unknown member \"" + name + '"',
                       "it takes type, message, timeout_ms and mode"};
  auto type = json_string(*members, "type");
  if (!type)
    return type.error();
  out.type = std::move(*type);
  if (auto i = members->find("timeout_ms"); i != members->end()) {
    auto timeout = parse_timeout(call.limits, i->first, i->second);
    if (!timeout)
      return timeout.error();
    out.timeout = *timeout;
  }
  if (auto i = members->find("mode"); i != members->end()) {
    if (i->second == "\"tell\"")
      out.mode = send_mode::tell;
    else if (i->second != "\"ask\"")
      return api_error{api_errc::malformed,
                       "\"mode\" is " + std::string(i->second),
                       "write \"ask\" or \"tell\""};
  }
  auto message = members->find("message");
  if (message == members->end())
    return api_error{api_errc::malformed, "the body has no \"message\"",
                     R"(send {"type": "package.Name", "message": {...}})"};
  auto payload = proto_from_json(out.type, message->second);
  if (!payload)
    return payload.error();
  out.payload = std::move(*payload);
  return out;
}

/// The message is put in as protobuf wrote it, not parsed again.
api_answer send_answer(const send_reply& x, send_mode mode) {
  std::string message = "null";
  std::string detail;
  if (!x.type.empty()) {
    if (auto text = proto_to_json(x.type, x.payload))
      message = std::move(*text);
    else
      detail = text.error().detail;
  }
  json rest{{"node", name_json(x.node)},
            {"partition", x.partition},
            {"epoch", epoch_json(x.epoch)},
            {"path", x.path}};
  if (!detail.empty())
    rest["detail"] = detail;
  auto head = to_line({{"type", name_json(x.type)}});
  head.resize(head.size() - 2); // without its brace and end of line
  return {mode == send_mode::tell ? 202 : 200,
          head + ",\"message\":" + message + ',' + to_line(rest).substr(1)};
}

milliseconds post_send(api_call& call, respond done) {
  auto request = parse_send(call);
  if (!request) {
    done(to_answer(request.error()));
    return {};
  }
  auto timeout = request->timeout;
  auto mode = request->mode;
  call.backend.send(std::move(*request), [done, mode](result<send_reply> x) {
    done(x ? send_answer(*x, mode) : to_answer(x.error()));
  });
  return timeout;
}

} // namespace

std::span<const route> message_routes() {
  static const route table[] = {
      {"POST",
       "/v1/regions/{region}/ping",
       {"partition", "key", "timeout_ms"},
       post_ping},
      {"POST", "/v1/regions/{region}/send", {"partition", "key"}, post_send},
  };
  return table;
}

} // namespace troupe::http
