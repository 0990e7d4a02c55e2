#include <troupe/actors/message_path.hpp>

#include <utility>

namespace troupe {

handling& handling_now() {
  thread_local handling now;
  return now;
}

handling_scope::handling_scope(const partition* by) {
  auto& now = handling_now();
  if (now.by)
    outer_ = std::move(now);
  now.by = by;
  now.path.clear();
}

handling_scope::~handling_scope() {
  auto& now = handling_now();
  if (outer_.by) {
    now = std::move(outer_);
  } else {
    now.by = nullptr;
    now.path.clear(); // keeps its memory for the next message
  }
}

} // namespace troupe
