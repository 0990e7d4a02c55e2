#include <troupe/runtime/http/route.hpp>

namespace troupe::http {

namespace {

result<event_stream> parse_stream(const api_call& call) {
  event_stream out;
  for (auto& [name, text] : call.query) {
    if (name == "since") {
      auto since = parse_number(name, text);
      if (!since)
        return since.error();
      out.since = *since;
      continue;
    }
    auto flag = parse_flag(name, text);
    if (!flag)
      return flag.error();
    if (name == "follow")
      out.follow = *flag;
    else if (*flag)
      out.sequence = event_sequence::local;
  }
  return out;
}

std::chrono::milliseconds get_events(api_call& call, respond done) {
  auto stream = parse_stream(call);
  if (stream)
    done(*stream);
  else
    done(to_answer(stream.error()));
  return {};
}

} // namespace

std::span<const route> event_routes() {
  static const route table[] = {
      {"GET", "/v1/events", {"since", "follow", "local"}, get_events},
  };
  return table;
}

} // namespace troupe::http
