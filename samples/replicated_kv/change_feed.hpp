#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

/// A change of a key.
struct change {
  std::uint64_t index = 0;
  std::string key;
  bool put = false; // false: deleted
  std::string value;
};

/// The newest changes, for those who watch.
///
/// Threads: any. What `listen` is given runs in the thread of the change, and
///          must not block.
class change_feed {
public:
  explicit change_feed(std::size_t kept = 4096) : kept_(kept) {}

  void add(change x) {
    std::lock_guard guard{mutex_};
    newest_ = x.index;
    changes_.push_back(std::move(x));
    if (changes_.size() > kept_) {
      lost_upto_ = changes_.front().index;
      changes_.pop_front();
    }
    for (auto& [id, wake] : listeners_)
      wake();
  }

  /// The state came from a snapshot: nobody here saw what led to it.
  void jump() {
    std::lock_guard guard{mutex_};
    lost_upto_ = newest_ + 1;
    changes_.clear();
  }

  struct page {
    std::vector<change> changes;
    bool gap = false; // some above `since` are not known here any more
  };
  page after(std::uint64_t since, const std::string& prefix) const {
    std::lock_guard guard{mutex_};
    page out;
    out.gap = since < lost_upto_;
    for (auto& x : changes_)
      if (x.index > since && x.key.compare(0, prefix.size(), prefix) == 0)
        out.changes.push_back(x);
    return out;
  }

  std::uint64_t newest() const {
    std::lock_guard guard{mutex_};
    return newest_;
  }

  std::uint64_t listen(std::function<void()> wake) {
    std::lock_guard guard{mutex_};
    listeners_[++last_] = std::move(wake);
    return last_;
  }
  void unlisten(std::uint64_t id) {
    std::lock_guard guard{mutex_};
    listeners_.erase(id);
  }

private:
  const std::size_t kept_;
  mutable std::mutex mutex_;
  std::deque<change> changes_;
  std::uint64_t newest_ = 0;
  std::uint64_t lost_upto_ = 0;
  std::map<std::uint64_t, std::function<void()>> listeners_;
  std::uint64_t last_ = 0;
};
