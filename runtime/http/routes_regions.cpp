#include <troupe/runtime/http/json_body.hpp>
#include <troupe/runtime/http/route.hpp>
#include <troupe/runtime/http/to_json.hpp>

#include <limits>

namespace troupe::http {

namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t weight_max = 1'000'000;

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

api_error malformed(const std::string& name, const char* hint) {
  return {api_errc::malformed, "\"" + name + "\" is not as it has to be", hint};
}

template <class T>
bool read_number(const json& x, T& to, T min = 0) {
  if (!x.is_number_unsigned() || x.get<std::uint64_t>() < min
      || x.get<std::uint64_t>() > std::numeric_limits<T>::max())
    return false;
  to = x.get<T>();
  return true;
}

/// `{"3": 200, "4": 50}`: partition and weight.
bool read_weights(const json& x, std::map<partition_id, std::uint32_t>& to) {
  if (!x.is_object())
    return false;
  for (auto& [name, value] : x.items()) {
    auto p = parse_number("weights", name);
    std::uint32_t weight = 0;
    if (!p || *p > std::numeric_limits<partition_id>::max()
        || !read_number(value, weight, 1u) || weight > weight_max)
      return false;
    to[static_cast<partition_id>(*p)] = weight;
  }
  return true;
}

bool read_options(const json& x, std::map<std::string, std::string>& to) {
  if (!x.is_object())
    return false;
  for (auto& [name, value] : x.items()) {
    if (!value.is_string())
      return false;
    to[name] = value.get<std::string>();
  }
  return true;
}

result<region_change> parse_change(const api_call& call) {
  region_change out;
  out.region = call.args[0];
  if (!call.backend.partition_count(out.region))
    return api_error{api_errc::unknown_region,
                     "there is no region '" + out.region + "'"};
  auto members = split_json_object(call.body);
  if (!members)
    return members.error();
  for (auto& [name, raw] : *members) {
    auto value = json::parse(raw);
    if (name == "partitions") {
      if (!read_number(value, out.partitions, 1u))
        return malformed(name, "write a number from 1");
    } else if (name == "if_version") {
      if (!read_number(value, out.if_version, std::uint64_t{1}))
        return malformed(name, "GET the region, and write its \"version\"");
    } else if (name == "weights") {
      if (!read_weights(value, out.weights))
        return malformed(name, R"(write {"PARTITION": WEIGHT}, 1 to 1000000)");
    } else if (name == "strategy_options") {
      if (!read_options(value, out.strategy_options))
        return malformed(name, R"(write {"NAME": "VALUE"})");
    } else if (name == "strategy" && value.is_string() && !value.empty()) {
      out.strategy = value.get<std::string>();
    } else if (name == "force" && value.is_boolean()) {
      out.force = value.get<bool>();
    } else if (name == "strategy" || name == "force") {
      return malformed(name, name == "force" ? "write true or false"
                                             : "write a strategy's name");
    } else {
      return api_error{api_errc::malformed,
                       "the body has an unknown member \"" + name + '"',
                       "it takes partitions, weights, strategy, "
                       "strategy_options, if_version and force"};
    }
  }
  if (out.partitions == 0 && out.weights.empty() && out.strategy.empty())
    return api_error{api_errc::malformed, "the body changes nothing",
                     "give partitions, weights or a strategy"};
  if (out.strategy.empty() && !out.strategy_options.empty())
    return api_error{api_errc::malformed,
                     "\"strategy_options\" without \"strategy\"",
                     "name the strategy that they are for"};
  return out;
}

milliseconds post_region(api_call& call, respond done) {
  auto change = parse_change(call);
  if (!change) {
    done(to_answer(change.error()));
    return {};
  }
  call.backend.configure(std::move(*change), [done](result<region_changed> x) {
    done(x ? api_answer{200, to_line(to_json(*x))} : to_answer(x.error()));
  });
  return call.limits.command_timeout;
}

} // namespace

std::span<const route> region_routes() {
  static const route table[] = {
      {"GET", "/v1/regions", {}, get_regions},
      {"GET", "/v1/regions/{region}", {}, get_region},
      {"POST", "/v1/regions/{region}", {}, post_region},
  };
  return table;
}

} // namespace troupe::http
