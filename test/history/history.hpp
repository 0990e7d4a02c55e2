#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <troupe/cluster/map/settings.hpp>

namespace troupe::sim {

/// One operation of one client on one key.
struct operation {
  enum class kind { get, put, remove, cas };
  kind what{};
  std::string key;
  std::uint64_t value = 0;    // put, cas: to write
  std::uint64_t expected = 0; // cas
  boot_time invoked{0};
  /// None: nobody knows whether it happened.
  std::optional<boot_time> returned;
  std::uint64_t before = 0; // answered: the value before; 0: none
  int client = 0;
};

std::string to_string(const operation& x);

/// What clients did and were told.
///
/// The check is Wing and Gong's with Lowe's memory of what was tried: is there
/// an order of the operations, each at some instant between its call and its
/// answer, in which a plain map gives the same answers? Keys do not interact,
/// so each is checked alone.
class history {
public:
  /// A number for `answer` and `forget`.
  std::size_t invoke(operation x);
  void answer(std::size_t at, boot_time now, std::uint64_t before);
  /// It certainly did not happen.
  void forget(std::size_t at);

  std::size_t answered() const;
  const std::vector<operation>& operations() const { return operations_; }

  /// Empty: linearizable. Else the operations of a key that is not.
  std::string find_flaw() const;

private:
  std::vector<operation> operations_;
  std::vector<bool> forgotten_;
};

} // namespace troupe::sim
