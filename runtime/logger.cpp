#include <troupe/runtime/logger.hpp>

#include <memory>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace troupe {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> it = [] {
    if (auto found = spdlog::get("troupe"))
      return found;
    auto made = spdlog::stderr_color_mt("troupe");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *it;
}

bool is_log_level(const std::string& text) {
  for (auto name : {"debug", "info", "warn", "error", "off"})
    if (text == name)
      return true;
  return false;
}

} // namespace troupe
