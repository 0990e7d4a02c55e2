#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <troupe/cluster/node/node_core.hpp>

namespace troupe {

/// A copy of the map for those who may not wait for the coordinator.
///
/// Threads: any reads; the coordinator's writes.
class map_mirror {
public:
  struct summary {
    raft::leadership leadership;
    raft::configuration members;
    log_index version;
    boot_time lease_end{0};
    boot_time degraded_since{0}; // zero: not degraded
    bool joined = false;
    std::string cluster_id;
    std::vector<node_id> suspected;
  };
  /// A region that runs on here without a lease.
  struct degraded_region {
    boot_time since{0};
    std::string level; // the last alert
  };
  /// Partitions of a region as they were at one moment. There may be a million:
  /// a copy shares them with the mirror, which puts others beside what changes.
  class rows {
  public:
    rows() = default;
    explicit rows(const std::vector<assignment>& from);

    std::size_t size() const { return size_; }
    const assignment& operator[](partition_id p) const {
      return (*pages_[p / page_size].rows)[p % page_size];
    }
    template <class F>
    void each(F f) const {
      for (auto& page : pages_)
        for (auto& a : *page.rows)
          f(a);
    }

  private:
    friend class map_mirror;
    static constexpr std::size_t page_size = 256;

    struct page {
      std::shared_ptr<std::vector<assignment>> rows;
      std::uint64_t made = 0;
    };
    void set(partition_id p, const assignment& to);

    std::vector<page> pages_;
    std::size_t size_ = 0;
    mutable std::uint64_t copies_ =
        0; // pages made before the last one are shared
  };

  struct region {
    region_id id;
    region_settings settings;
    log_index version; // of the settings
    std::vector<node_id> hosts;
    rows partitions;
  };

  void update(const node_core& core, boot_time now);
  void update_nodes(const node_core& core);
  void update(const region_record& region);
  void update(partition_key key, const assignment& now);
  /// Of the node itself.
  void happened(const proto::Event& event, boot_time now);

  summary state() const;
  std::map<node_id, node_record> nodes() const;
  std::optional<node_record> node(node_id id) const;
  std::optional<node_record> node(std::string_view name) const;
  std::string name_of(node_id id) const;
  std::vector<region> regions() const;
  std::optional<region> find(std::string_view name) const;
  std::optional<std::uint32_t> partition_count(std::string_view name) const;
  std::map<std::string, degraded_region> degraded() const;
  /// How many partitions each node owns, by region; of every region.
  std::map<node_id, std::map<std::string, std::uint32_t>> owned() const;

private:
  mutable std::mutex mutex_;
  summary state_;
  std::map<node_id, node_record> nodes_;
  std::map<region_id, region> regions_;
  std::map<std::string, degraded_region> degraded_;
};

} // namespace troupe
