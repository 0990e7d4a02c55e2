#pragma once

#include <array>
#include <string>

#include <test/chaos/harness/http_client.hpp>
#include <test/chaos/harness/process.hpp>
#include <test/chaos/harness/proxy.hpp>

namespace troupe::chaos {

/// The path of the program under test.
std::string replicated_kv_program();

/// Three processes of samples/replicated_kv that found a group, with a proxy
/// between them. Members count from 0.
class kv_trio {
public:
  static constexpr int size = 3;

  explicit kv_trio(int snapshot_every);

  /// The same member again, on the same disk.
  void start(int i);
  process& operator[](int i) { return processes_.at(index(i)); }
  proxy& net() { return net_; }

  const std::string& host(int i) const { return hosts_.at(index(i)); }
  std::string http(int i) const;
  http_client client(int i) const { return http_client{http(i)}; }

  /// The end of what each has printed.
  std::string printed() const;

  /// Whom member i takes for the leader; -1: nobody, or it does not say.
  int leader_of(int i, milliseconds limit) const;

private:
  static std::size_t index(int i) { return static_cast<std::size_t>(i); }

  int snapshot_every_;
  scratch_directory files_;
  std::array<std::string, size> hosts_;
  std::array<std::string, size> addresses_; // for the others
  proxy net_;
  std::array<process, size> processes_;
};

} // namespace troupe::chaos
