#include <troupe/actors/router/router.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

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

} // namespace troupe
