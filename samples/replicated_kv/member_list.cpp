#include "member_list.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include <troupe/cluster/group/roster.hpp>

std::vector<troupe::raft::founder> parse_members(const std::string& text) {
  std::vector<troupe::raft::founder> out;
  std::istringstream in{text};
  for (std::string one; std::getline(in, one, ';');) {
    if (one.empty())
      continue;
    auto comma = std::min(one.find(','), one.size());
    auto address = one.substr(0, comma);
    auto what = one.substr(comma);
    if (auto flaw = troupe::raft::flaw_of_address(address); !flaw.empty())
      throw std::invalid_argument("--members: " + flaw);
    if (!what.empty() && what != ",nonVoting")
      throw std::invalid_argument(
          "--members: '" + one
          + "': only ',nonVoting' may stand behind an address, and ';' between "
            "two");
    if (std::any_of(out.begin(), out.end(),
                    [&](auto& x) { return x.address == address; }))
      throw std::invalid_argument("--members: " + address
                                  + " is there twice: leave one out");
    out.push_back({address, what.empty()});
  }
  return out;
}
