#include "counter.hpp"

caf::behavior
counter_partition(troupe::stateful_partition<counter_state>* self) {
  self->on_save([=] { return self->state.totals.SerializeAsString(); });
  self->on_load([=](std::string_view bytes) {
    self->state.totals.ParseFromArray(bytes.data(),
                                      static_cast<int>(bytes.size()));
  });
  return {
      [=](const std::string& key, const counter::Add& add) {
        auto& total = (*self->state.totals.mutable_totals())[key];
        total.set_total(total.total() + add.by());
        total.set_applied(total.applied() + 1);
        return total;
      },
      [=](const std::string& key, const counter::Get&) {
        auto& totals = self->state.totals.totals();
        auto found = totals.find(key);
        return found == totals.end() ? counter::Total{} : found->second;
      },
  };
}
