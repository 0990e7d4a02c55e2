#include "sim_machine.hpp"

#include <sstream>

namespace troupe::sim {

namespace {

std::uint64_t mixed(std::uint64_t before, std::string_view bytes) {
  auto out = before * 0x9e3779b97f4a7c15 + 1;
  for (unsigned char c : bytes)
    out = (out ^ c) * 0x100000001b3;
  return out ^ (out >> 29);
}

} // namespace

std::string sim_machine::encode(const operation& x) {
  return std::to_string(static_cast<int>(x.what)) + " " + x.key + " "
         + std::to_string(x.value) + " " + std::to_string(x.expected);
}

void sim_machine::apply(raft::log_index at, std::string_view command,
                        raft::completion* done) {
  std::istringstream in{std::string{command}};
  int what = 0;
  std::string key;
  std::uint64_t value = 0;
  std::uint64_t expected = 0;
  in >> what >> key >> value >> expected;
  auto before = find(key);
  using kind = operation::kind;
  if (static_cast<kind>(what) == kind::put)
    rows_[key] = value;
  else if (static_cast<kind>(what) == kind::remove)
    rows_.erase(key);
  else if (static_cast<kind>(what) == kind::cas && before == expected)
    rows_[key] = value;
  digest_ = mixed(mixed(digest_, std::to_string(at.value)), command);
  if (done)
    static_cast<value_completion*>(done)->done(before);
}

std::unique_ptr<raft::frozen_machine> sim_machine::freeze() {
  struct frozen final : raft::frozen_machine {
    bool save(raft::byte_sink& to) const override { return to.write(text); }
    std::string text;
  };
  auto out = std::make_unique<frozen>();
  std::ostringstream text;
  text << digest_;
  for (auto& [key, value] : rows_)
    text << ' ' << key << ' ' << value;
  out->text = text.str();
  return out;
}

bool sim_machine::restore(raft::byte_source& from) {
  std::string text;
  char piece[64];
  for (;;) {
    auto n = from.read(piece);
    if (n < 0)
      return false;
    if (n == 0)
      break;
    text.append(piece, static_cast<std::size_t>(n));
  }
  std::istringstream in{text};
  in >> digest_;
  std::string key;
  for (std::uint64_t value = 0; in >> key >> value;)
    rows_[key] = value;
  return !in.bad();
}

} // namespace troupe::sim
