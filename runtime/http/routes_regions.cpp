#include <troupe/runtime/http/route.hpp>
#include <troupe/runtime/http/to_json.hpp>

namespace troupe::http {

namespace {

using std::chrono::milliseconds;

milliseconds get_regions(api_call& call, respond done) {
  auto list = json::array();
  for (auto& row : call.backend.regions())
    list.push_back(to_json(row));
  done(api_answer{200, to_line({{"regions", std::move(list)}})});
  return {};
}

milliseconds get_region(api_call& call, respond done) {
  auto view = call.backend.region(call.args[0]);
  if (view)
    done(api_answer{200, to_line(to_json(*view))});
  else
    done(to_answer({api_errc::unknown_region,
                    "there is no region '" + call.args[0] + "'"}));
  return {};
}

} // namespace

std::span<const route> region_routes() {
  static const route table[] = {
      {"GET", "/v1/regions", {}, get_regions},
      {"GET", "/v1/regions/{region}", {}, get_region},
  };
  return table;
}

} // namespace troupe::http
