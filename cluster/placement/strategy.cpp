#include <troupe/cluster/placement/strategy.hpp>

#include <troupe/cluster/placement/balanced.hpp>
#include <troupe/cluster/placement/pinned.hpp>
#include <troupe/cluster/placement/rendezvous.hpp>
#include <troupe/cluster/placement/round_robin.hpp>

namespace troupe {
namespace {

class custom_strategy final : public placement_strategy {
public:
  custom_strategy(std::string name, placement_function place)
      : name_(std::move(name)), place_(std::move(place)) {
    // nop
  }

  std::string_view name() const override { return name_; }

  std::vector<node_id> place(const placement_input& in) const override {
    return place_(in);
  }

private:
  std::string name_;
  placement_function place_;
};

template <class Strategy>
strategy_result without_options(const strategy_options& options) {
  auto result = std::make_shared<const Strategy>();
  if (!options.empty())
    return placement_refusal{placement_errc::bad_option,
                             "strategy '" + std::string{result->name()}
                                 + "' has no options; remove '"
                                 + options.front().first + "'"};
  return result;
}

} // namespace

strategy_result make_strategy(std::string_view name,
                              const strategy_options& options) {
  struct known {
    std::string_view name;
    strategy_result (*make)(const strategy_options&);
  };
  static constexpr known all[] = {
      {"balanced", without_options<balanced_strategy>},
      {"rendezvous", without_options<rendezvous_strategy>},
      {"round_robin", without_options<round_robin_strategy>},
      {"pinned", pinned_strategy::make},
  };
  std::string names;
  for (const auto& x : all) {
    if (x.name == name)
      return x.make(options);
    names += (names.empty() ? "" : ", ") + std::string{x.name};
  }
  return placement_refusal{placement_errc::unknown_strategy,
                           "no strategy '" + std::string{name}
                               + "'; choose one of: " + names};
}

strategy_result make_strategy(std::string name, placement_function place) {
  if (!place)
    return placement_refusal{placement_errc::bad_option,
                             "strategy '" + name
                                 + "' has no function; pass one that can be"
                                   " called"};
  return std::make_shared<const custom_strategy>(std::move(name),
                                                 std::move(place));
}

} // namespace troupe
