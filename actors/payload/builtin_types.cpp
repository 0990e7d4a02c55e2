#include <troupe/actors/payload/builtin_types.hpp>

#include <vector>

#include <caf/all.hpp>
#include <caf/type_nr.hpp>

namespace troupe {

namespace {

template <class... Ts>
bool is_one_of(std::uint16_t nr) {
  return ((nr == caf::type_nr<Ts>::value) || ...);
}

} // namespace

const char* why_it_stays(std::uint16_t nr) {
  if (is_one_of<caf::actor, std::vector<caf::actor>, caf::actor_addr,
                std::vector<caf::actor_addr>, caf::group, caf::strong_actor_ptr,
                caf::weak_actor_ptr>(nr))
    return "an actor handle means nothing on another node; send the key of a "
           "partition instead";
  if (is_one_of<caf::down_msg, caf::downstream_msg, caf::exit_msg,
                caf::group_down_msg, caf::open_stream_msg, caf::timeout_msg,
                caf::upstream_msg>(nr))
    return "CAF's system messages are for actors of one process; send a "
           "message of your own";
  // CAF prints its unit by an unchecked index.
  if (is_one_of<caf::duration>(nr))
    return "CAF does not check what a peer puts into it; send a timespan";
  return nullptr;
}

std::string builtin_name(std::uint16_t nr) {
  return is_builtin(nr) ? caf::numbered_type_names[nr - 1] : "?";
}

bool is_builtin(std::uint64_t nr) {
  return nr > 0 && nr < caf::type_nrs;
}

} // namespace troupe
