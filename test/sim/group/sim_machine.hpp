#pragma once

#include <map>
#include <memory>
#include <string>

#include <troupe/runtime/group/machine_port.hpp>

#include <test/history/history.hpp>

namespace troupe::sim {

/// Who waits for the value that an operation found.
class value_completion : public raft::completion {
public:
  virtual void done(std::uint64_t before) = 0;
};

/// Numbers by key, and a digest of all that was ever applied.
class sim_machine final : public raft::machine_port {
public:
  static std::string encode(const operation& x);

  void apply(raft::log_index at, std::string_view command,
             raft::completion* done) override;
  std::unique_ptr<raft::frozen_machine> freeze() override;
  std::unique_ptr<raft::machine_port> make() const override {
    return std::make_unique<sim_machine>();
  }
  bool restore(raft::byte_source& from) override;

  std::uint64_t find(const std::string& key) const {
    auto i = rows_.find(key);
    return i == rows_.end() ? 0 : i->second;
  }
  std::uint64_t digest() const { return digest_; }

private:
  std::map<std::string, std::uint64_t> rows_;
  std::uint64_t digest_ = 0;
};

} // namespace troupe::sim
