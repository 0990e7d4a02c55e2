#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <troupe/runtime/group/group.hpp>

#include "change_feed.hpp"
#include "kv.pb.h"

/// The replicated state: keys with their values.
class kv_machine {
public:
  using command = kv::Command;
  using result = kv::Result;

  struct row {
    std::string value;
    std::uint64_t index = 0; // of the change that made it
  };

  explicit kv_machine(std::shared_ptr<change_feed> feed)
      : feed_(std::move(feed)) {}

  const row* find(std::string_view key) const { return rows_.find(key); }
  std::size_t size() const { return rows_.size(); }

  troupe::raft::applied_result<result> apply(troupe::raft::log_index at,
                                             const command& what);

  struct frozen {
    bool save(troupe::raft::byte_sink& to) const;
    troupe::raft::cow_map<row> rows;
  };
  frozen freeze() { return {rows_.freeze()}; }
  bool restore(troupe::raft::byte_source& from);

private:
  troupe::raft::cow_map<row> rows_;
  std::shared_ptr<change_feed> feed_;
};
