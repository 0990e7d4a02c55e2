#include <troupe/cluster/raft/core_impl.hpp>

namespace troupe::raft {

raft::status core::status() const {
  auto& self = *impl_;
  raft::status out;
  out.commit = self.log_.committed();
  out.last = self.log_.last();
  if (self.role_ == role::leader)
    for (auto& [id, member] : self.members_.all())
      out.matches.emplace_back(id, member.match());
  return out;
}

} // namespace troupe::raft
