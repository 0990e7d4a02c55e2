#include <troupe/cluster/placement/balanced.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <troupe/cluster/placement/fair_shares.hpp>

namespace troupe {
namespace {

/// One run over one region. Costs and surpluses are in units of
/// 1 / `capacity_`, so they are exact.
class balancing {
public:
  balancing(const placement_input& in, const fair_shares& shares);

  void seat_homeless();

  /// Moves partitions from the nodes most above their share to those most
  /// below, until all are within their tolerance or nobody can give. Each step
  /// lowers the sum of the squared distances, so repeated passes end.
  /// Returns false if there was nothing to do.
  bool pass();

  std::vector<node_id> owners;

private:
  struct seat {
    node_id id;
    std::uint32_t weight = 0;
    wide_int surplus = 0;
    // What it can give, by cost. Within a cost the last one goes first: one
    // that was given to it in this run, if there is any, else the one that it
    // has had for longest.
    std::map<std::uint64_t, std::vector<std::size_t>> stock;
  };

  // (distance from the share, index of the seat)
  using order = std::set<std::pair<wide_int, std::size_t>>;

  void close_overfull(const fair_shares& shares);
  wide_int tolerance(const seat& x, wide_int level) const;
  wide_int key(const seat& x, wide_int level) const;
  order sorted(const std::vector<std::size_t>& open, wide_int level) const;
  void place(seat& to, std::size_t partition, std::uint64_t cost);
  bool give(seat& from, seat& to, wide_int level);

  std::vector<seat> seats_; // of equally full seats, the first takes first
  std::vector<std::pair<std::uint64_t, std::size_t>> homeless_;
  wide_int capacity_ = 0;
  wide_int total_ = 0;
  wide_int lightest_ = 0; // of what can move
  wide_int heaviest_ = 0;
  std::size_t steps_left_; // so that a run ends in time whatever the weights
};

balancing::balancing(const placement_input& in, const fair_shares& shares)
    : owners(current_owners(in)),
      steps_left_(16 * (in.partitions.size() + in.nodes.size())) {
  close_overfull(shares);
  std::map<node_id, std::size_t> index;
  for (std::size_t i = 0; i < seats_.size(); ++i)
    index[seats_[i].id] = i;
  std::vector<std::size_t> seated;
  for (auto i : shares.free) {
    auto cost = shares.cost(in.partitions[i]);
    heaviest_ = std::max(heaviest_, cost * capacity_);
    lightest_ = i == shares.free.front()
                    ? heaviest_
                    : std::min(lightest_, cost * capacity_);
    if (index.count(in.partitions[i].owner) != 0)
      seated.push_back(i);
    else
      homeless_.emplace_back(cost, i);
  }
  std::stable_sort(seated.begin(), seated.end(), [&](auto x, auto y) {
    return in.partitions[y].since < in.partitions[x].since;
  });
  for (auto i : seated)
    place(seats_[index.at(in.partitions[i].owner)], i,
          shares.cost(in.partitions[i]));
}

/// A node with more than its share in partitions that cannot move is full:
/// the others share the rest by their weights.
void balancing::close_overfull(const fair_shares& shares) {
  auto open = shares.nodes;
  capacity_ = shares.capacity;
  total_ = shares.total;
  for (auto again = true; again;) {
    auto full = [&, c = capacity_, t = total_](const auto& x) {
      return x.load * c > t * x.weight;
    };
    again = false;
    for (const auto& x : open) {
      if (full(x)) {
        capacity_ -= x.weight;
        total_ -= x.load;
        again = true;
      }
    }
    std::erase_if(open, full);
  }
  std::sort(open.begin(), open.end(), [](const auto& x, const auto& y) {
    auto a = static_cast<wide_int>(x.other_load) * y.weight;
    auto b = static_cast<wide_int>(y.other_load) * x.weight;
    return std::tie(a, x.id) < std::tie(b, y.id);
  });
  for (const auto& x : open)
    seats_.push_back(
        {x.id, x.weight, x.load * capacity_ - total_ * x.weight, {}});
}

/// How far off its share a node is left alone. What the open nodes share is
/// less than their fair shares where others have too much to give.
wide_int balancing::tolerance(const seat& x, wide_int level) const {
  auto share = total_ * x.weight + level;
  return std::max(lightest_, std::min(heaviest_, share / 10));
}

/// Within the tolerance all that counts is the side, and then the order of the
/// seats: with equal partitions, both are the share rounded up or down.
wide_int balancing::key(const seat& x, wide_int level) const {
  auto distance = x.surplus - level;
  auto limit = tolerance(x, level);
  if (distance >= limit || distance <= -limit)
    return distance;
  return (distance > 0) - (distance < 0);
}

balancing::order balancing::sorted(const std::vector<std::size_t>& open,
                                   wide_int level) const {
  order result;
  for (auto i : open)
    result.emplace(key(seats_[i], level), i);
  return result;
}

void balancing::place(seat& to, std::size_t partition, std::uint64_t cost) {
  to.surplus += cost * capacity_;
  to.stock[cost].push_back(partition);
  owners[partition] = to.id;
}

void balancing::seat_homeless() {
  std::stable_sort(
      homeless_.begin(), homeless_.end(),
      [](const auto& x, const auto& y) { return x.first > y.first; });
  std::vector<std::size_t> all(seats_.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = i;
  auto line = sorted(all, 0);
  for (auto [cost, partition] : homeless_) {
    auto next = line.extract(line.begin());
    auto& to = seats_[next.value().second];
    place(to, partition, cost);
    next.value().first = key(to, 0);
    line.insert(std::move(next));
  }
  homeless_.clear();
}

/// Gives the heaviest partition that takes neither of the two to the other
/// side of the level; else the lightest, if that brings them closer.
bool balancing::give(seat& from, seat& to, wide_int level) {
  auto fits = std::min(from.surplus - level, level - to.surplus);
  auto next = from.stock.begin();
  if (next == from.stock.end()
      || next->first * capacity_ >= from.surplus - to.surplus)
    return false;
  if (next->first * capacity_ <= fits) {
    auto most = fits / capacity_;
    auto heaviest = from.stock.rbegin()->first;
    next = std::prev(most >= heaviest ? from.stock.end()
                                      : from.stock.upper_bound(
                                          static_cast<std::uint64_t>(most)));
  }
  auto cost = next->first;
  auto partition = next->second.back();
  next->second.pop_back();
  if (next->second.empty())
    from.stock.erase(next);
  from.surplus -= cost * capacity_;
  place(to, partition, cost);
  return true;
}

bool balancing::pass() {
  auto changed = false;
  std::vector<std::size_t> open(seats_.size());
  for (std::size_t i = 0; i < open.size(); ++i)
    open[i] = i;
  while (open.size() > 1) {
    // The mean of the open seats: 0 until one that cannot give is left out.
    wide_int level = 0;
    for (auto i : open)
      level += seats_[i].surplus;
    level /= static_cast<wide_int>(open.size());
    auto line = sorted(open, level);
    for (;;) {
      auto last = std::prev(line.end());
      auto near = [&](const auto& x) { return x.first >= -1 && x.first <= 1; };
      if (steps_left_ == 0 || (near(*line.begin()) && near(*last)))
        return changed;
      auto taker = line.extract(line.begin());
      auto giver = line.extract(last);
      auto& [taker_key, to] = taker.value();
      auto& [giver_key, from] = giver.value();
      if (!give(seats_[from], seats_[to], level)) {
        std::erase(open, from);
        break;
      }
      --steps_left_;
      changed = true;
      taker_key = key(seats_[to], level);
      giver_key = key(seats_[from], level);
      line.insert(std::move(taker));
      line.insert(std::move(giver));
    }
  }
  return changed;
}

} // namespace

std::vector<node_id> balanced_strategy::place(const placement_input& in) const {
  fair_shares shares{in};
  if (shares.nodes.empty())
    return current_owners(in);
  balancing run{in, shares};
  run.seat_homeless();
  // Until a pass finds nothing to do: so planning again finds nothing either.
  while (run.pass())
    ;
  return run.owners;
}

} // namespace troupe
