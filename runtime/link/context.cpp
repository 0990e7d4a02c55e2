#include <troupe/runtime/link/context.hpp>

#include <utility>

#include <troupe/cluster/link/hello_codec.hpp>
#include <troupe/runtime/link/peer_link.hpp>

namespace troupe::link {

bool is_passing(refusal_code x) {
  switch (x) {
  case refusal_code::stale_hello:
  case refusal_code::superseded:
  case refusal_code::session_over:
  case refusal_code::not_ready:
  case refusal_code::overloaded:
  case refusal_code::stopped:
    return true;
  default:
    return false;
  }
}

void flush_sends(context& in) {
  for (auto* x : std::exchange(in.gathered, {}))
    x->pump();
}

void refuse(context& in, connection& to, const refusal& why) {
  auto* self = in.self.load();
  std::string frame;
  append_frame(
      frame, piece_type::refused,
      encode(sent_refusal{why, self ? self->incarnation : incarnation{}}));
  to.finish(std::move(frame));
}

} // namespace troupe::link
