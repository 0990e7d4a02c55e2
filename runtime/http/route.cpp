#include <troupe/runtime/http/route.hpp>

#include <troupe/runtime/http/to_json.hpp>

#include <charconv>

namespace troupe::http {

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

} // namespace

api_answer to_answer(const api_error& error) {
  // A detail may quote what came; what came may be long.
  auto shown = error;
  if (shown.detail.size() > 1000)
    shown.detail = shown.detail.substr(0, 1000) + "...";
  api_answer out{status_of(error.code), to_line(to_json(shown))};
  if (out.status == 429 || out.status == 503)
    out.headers.emplace_back("Retry-After", "1");
  return out;
}

result<std::uint64_t> parse_number(std::string_view name,
                                   std::string_view text) {
  std::uint64_t x = 0;
  auto res = std::from_chars(text.data(), text.data() + text.size(), x);
  if (!all_digits(text) || res.ec != std::errc())
    return api_error{api_errc::malformed,
                     "'" + std::string(name) + "' is '" + std::string(text)
                         + "', not a number",
                     "write a decimal number, not negative"};
  return x;
}

result<bool> parse_flag(std::string_view name, std::string_view text) {
  if (text == "true" || text == "1")
    return true;
  if (text == "false" || text == "0")
    return false;
  return api_error{api_errc::malformed,
                   "'" + std::string(name) + "' is '" + std::string(text) + "'",
                   "write true or false"};
}

result<std::chrono::milliseconds> parse_timeout(const api_limits& limits,
                                                std::string_view name,
                                                std::string_view text) {
  auto ms = parse_number(name, text);
  if (!ms)
    return ms.error();
  auto max = static_cast<std::uint64_t>(limits.message_timeout_max.count());
  if (*ms == 0 || *ms > max)
    return api_error{api_errc::malformed,
                     "'" + std::string(name) + "' is " + std::to_string(*ms)
                         + " ms",
                     "choose 1 to " + std::to_string(max) + " ms"};
  return std::chrono::milliseconds(*ms);
}

result<target> parse_target(const api_call& call, const std::string& region) {
  auto count = call.backend.partition_count(region);
  if (!count)
    return api_error{api_errc::unknown_region,
                     "there is no region '" + region + "'"};
  auto key = call.query.find("key");
  auto partition = call.query.find("partition");
  auto none = call.query.end();
  if (key != none && partition != none)
    return api_error{api_errc::ambiguous_target,
                     "both a key and a partition are given"};
  if (key != none) {
    if (key->second.size() > call.limits.key_bytes_max)
      return api_error{api_errc::key_too_large,
                       "the key has " + std::to_string(key->second.size())
                           + " bytes, the limit is "
                           + std::to_string(call.limits.key_bytes_max)};
    return target(key->second);
  }
  if (partition == none)
    return api_error{api_errc::missing_target,
                     "neither a key nor a partition is given"};
  auto& text = partition->second;
  if (!all_digits(text))
    return api_error{api_errc::malformed_partition,
                     "the partition '" + text + "' is not a number"};
  partition_id id = 0;
  auto res = std::from_chars(text.data(), text.data() + text.size(), id);
  if (res.ec != std::errc() || id >= *count)
    return api_error{api_errc::partition_out_of_range,
                     "there is no partition " + text + " in region '" + region
                         + "', which has " + std::to_string(*count),
                     *count ? "use 0 to " + std::to_string(*count - 1)
                                  + ", or a key"
                            : std::string("add partitions to the region")};
  return target(id);
}

} // namespace troupe::http
