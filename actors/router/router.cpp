#include <troupe/actors/router/router.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <thread>

#include <caf/system_messages.hpp>

#include <troupe/actors/data_plane.hpp>

namespace troupe {

partition_id partition_of(std::string_view key, std::uint32_t partitions) {
  return static_cast<partition_id>(XXH3_64bits(key.data(), key.size())
                                   % partitions);
}

void router::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* ctx) {
  auto& content = what->content();
  bool addressed = content.size() > 1
                   && (content.match_element<std::string>(0)
                       || content.match_element<to_partition>(0));
  if (!addressed && handle_system_message(*what, ctx, false))
    return;
  plane_.accept(region_, std::move(what), ctx);
}

namespace {

caf::mailbox_element_ptr from_nobody(caf::message what) {
  return caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                                   std::move(what));
}

} // namespace

errc router::send(caf::message what) {
  return plane_.accept(region_, from_nobody(std::move(what)), nullptr);
}

errc router::send_within(std::chrono::milliseconds limit,
                         const caf::message& what) {
  using namespace std::chrono_literals;
  auto until = std::chrono::steady_clock::now() + limit;
  for (std::chrono::nanoseconds pause = 1ms;;
       pause = std::min<std::chrono::nanoseconds>(2 * pause, 10ms)) {
    auto left = until - std::chrono::steady_clock::now();
    auto last = left <= 0ns;
    auto became = plane_.accept(region_, from_nobody(what), nullptr,
                                last ? data_plane::overload::is_told
                                     : data_plane::overload::is_kept);
    if (last || became != errc::overloaded)
      return became;
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(pause, left));
  }
}

} // namespace troupe
