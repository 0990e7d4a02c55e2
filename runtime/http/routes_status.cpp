#include <troupe/runtime/http/page.hpp>
#include <troupe/runtime/http/route.hpp>
#include <troupe/runtime/http/to_json.hpp>

namespace troupe::http {

namespace {

using std::chrono::milliseconds;

milliseconds get_page(api_call&, respond done) {
  done(page());
  return {};
}

milliseconds get_status(api_call& call, respond done) {
  done(api_answer{200, to_line(to_json(call.backend.status()))});
  return {};
}

milliseconds get_nodes(api_call& call, respond done) {
  bool all = false;
  if (auto i = call.query.find("all"); i != call.query.end()) {
    auto flag = parse_flag(i->first, i->second);
    if (!flag) {
      done(to_answer(flag.error()));
      return {};
    }
    all = *flag;
  }
  auto list = json::array();
  for (auto& row : call.backend.nodes())
    if (all || row.state != node_state::left)
      list.push_back(to_json(row));
  done(api_answer{200, to_line({{"nodes", std::move(list)}})});
  return {};
}

milliseconds get_settings(api_call& call, respond done) {
  auto list = json::array();
  for (auto& row : call.backend.settings())
    list.push_back(to_json(row));
  done(api_answer{200, to_line({{"settings", std::move(list)}})});
  return {};
}

api_answer health_answer(bool good, const health& x) {
  if (good)
    return {200, "ok\n", "text/plain; charset=utf-8"};
  auto why = x.reason.empty() ? "no reason given" : x.reason;
  return {503, why + '\n', "text/plain; charset=utf-8", {{"Retry-After", "1"}}};
}

milliseconds get_live(api_call& call, respond done) {
  auto x = call.backend.health();
  done(health_answer(x.live, x));
  return {};
}

milliseconds get_ready(api_call& call, respond done) {
  auto x = call.backend.health();
  done(health_answer(x.live && x.ready, x));
  return {};
}

milliseconds get_metrics(api_call& call, respond done) {
  done(api_answer{200, call.backend.metrics_text(),
                  "text/plain; version=0.0.4; charset=utf-8"});
  return {};
}

} // namespace

std::span<const route> status_routes() {
  static const route table[] = {
      {"GET", "/", {}, get_page},
      {"GET", "/v1/status", {}, get_status},
      {"GET", "/v1/nodes", {"all"}, get_nodes},
      {"GET", "/v1/settings", {}, get_settings},
      {"GET", "/healthz", {}, get_live},
      {"GET", "/readyz", {}, get_ready},
      {"GET", "/metrics", {}, get_metrics},
  };
  return table;
}

} // namespace troupe::http
