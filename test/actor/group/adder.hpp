#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <google/protobuf/wrappers.pb.h>

#include <test/catch.hpp>

#include <troupe/runtime/group/group.hpp>

using google::protobuf::Int64Value;

// A sum that never falls below 0.
struct adder {
  using command = Int64Value;
  using result = Int64Value;

  troupe::raft::applied_result<result> apply(troupe::raft::log_index,
                                             const command& x) {
    if (sum + x.value() < 0)
      return troupe::raft::rejected{"the sum would fall below 0"};
    sum += x.value();
    result out;
    out.set_value(sum);
    return out;
  }
  adder freeze() const { return *this; }
  bool save(troupe::raft::byte_sink& to) const {
    Int64Value out;
    out.set_value(sum);
    return write_message(to, out);
  }
  bool restore(troupe::raft::byte_source& from) {
    Int64Value in;
    if (read_message(from, in) != troupe::raft::read_message_result::message)
      return false;
    sum = in.value();
    return true;
  }

  std::int64_t sum = 0;
};

inline Int64Value number(std::int64_t x) {
  Int64Value out;
  out.set_value(x);
  return out;
}

// A directory that goes with its object.
struct scratch {
  scratch() {
    char name[] = "/tmp/troupe-group-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~scratch() { std::filesystem::remove_all(path); }
  std::string path;
};
