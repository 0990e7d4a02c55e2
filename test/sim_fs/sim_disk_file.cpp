#include <test/sim_fs/sim_disk_file.hpp>

#include <algorithm>

namespace troupe::test {

namespace {

void overwrite(std::string& to, std::uint64_t offset, std::string_view bytes) {
  if (to.size() < offset + bytes.size())
    to.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(),
            to.begin() + static_cast<std::ptrdiff_t>(offset));
}

} // namespace

void sim_disk_file::write(std::uint64_t offset, std::string_view bytes) {
  overwrite(now_, offset, bytes);
  sizes_.push_back(now_.size());
  pending_.push_back({offset, std::string{bytes}});
}

void sim_disk_file::truncate(std::uint64_t bytes) {
  // Zeros in the place of what is cut off, for the case that it grows again.
  if (bytes < now_.size())
    pending_.push_back({bytes, std::string(now_.size() - bytes, '\0')});
  now_.resize(bytes);
  sizes_.push_back(bytes);
}

void sim_disk_file::sync() {
  // Not what the cache holds: that may be what an earlier sync lost.
  for (auto& w : pending_)
    overwrite(durable_, w.offset, w.bytes);
  if (!sizes_.empty())
    durable_.resize(now_.size());
  pending_.clear();
  sizes_.clear();
}

void sim_disk_file::lose_pending() {
  pending_.clear();
  sizes_.clear();
}

void sim_disk_file::drop_cache() {
  auto size = sizes_.empty() ? durable_.size() : now_.size();
  now_ = durable_;
  now_.resize(size);
  for (auto& w : pending_)
    overwrite(now_, w.offset, w.bytes);
  now_.resize(size);
}

void sim_disk_file::crash(std::mt19937_64& random) {
  auto below = [&](std::uint64_t n) { return random() % n; };
  auto size = durable_.size();
  if (auto pick = below(sizes_.size() + 1); pick < sizes_.size())
    size = sizes_[pick];
  std::set<std::uint64_t> sectors;
  for (auto& w : pending_)
    for (auto s = w.offset / sector_bytes;
         s * sector_bytes < w.offset + w.bytes.size(); ++s)
      sectors.insert(s);
  auto after = durable_;
  for (auto s : sectors) {
    auto begin = s * sector_bytes;
    std::vector<const pending_write*> touching;
    for (auto& w : pending_)
      if (w.offset < begin + sector_bytes && w.offset + w.bytes.size() > begin)
        touching.push_back(&w);
    auto keep = below(touching.size() + 1);
    auto torn = touching.back() == &pending_.back() && below(4) == 0;
    if (torn)
      keep = touching.size();
    for (std::size_t i = 0; i < keep; ++i) {
      auto& w = *touching[i];
      auto from = std::max(w.offset, begin);
      auto to = std::min(w.offset + w.bytes.size(), begin + sector_bytes);
      auto part = w.bytes.substr(from - w.offset, to - from);
      if (torn && i + 1 == keep) {
        // The head of the sector made it; the rest is old or garbage.
        auto good = below(part.size());
        part.resize(good);
        if (below(2) == 0)
          while (from + part.size() < to)
            part += static_cast<char>(random());
      }
      overwrite(after, from, part);
    }
  }
  after.resize(size);
  now_ = durable_ = std::move(after);
  pending_.clear();
  sizes_.clear();
}

void sim_disk_file::flip(std::uint64_t offset, std::uint8_t mask) {
  auto at = static_cast<std::size_t>(offset);
  now_[at] = static_cast<char>(now_[at] ^ mask);
  if (at < durable_.size())
    durable_[at] = static_cast<char>(durable_[at] ^ mask);
}

} // namespace troupe::test
