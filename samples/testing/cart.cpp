#include "cart.hpp"

namespace {

cart::State to_message(const cart_state& state, bool with_orders) {
  cart::State out;
  for (auto& [customer, cart] : state.carts) {
    auto& row = (*out.mutable_carts())[customer];
    row.mutable_items()->insert(cart.items.begin(), cart.items.end());
    if (with_orders)
      row.mutable_orders()->Add(cart.orders.begin(), cart.orders.end());
  }
  return out;
}

cart_state from_message(const cart::State& message) {
  cart_state out;
  for (auto& [customer, row] : message.carts()) {
    auto& cart = out.carts[customer];
    cart.items.insert(row.items().begin(), row.items().end());
    cart.orders.insert(row.orders().begin(), row.orders().end());
  }
  return out;
}

cart::Content content_of(const cart_state::cart& cart) {
  cart::Content out;
  out.mutable_items()->insert(cart.items.begin(), cart.items.end());
  return out;
}

caf::behavior make_cart(troupe::stateful_partition<cart_state>* self,
                        bool saves_orders) {
  self->on_save([=] {
    return to_message(self->state, saves_orders).SerializeAsString();
  });
  self->on_load([=](std::string_view bytes) {
    cart::State saved;
    saved.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    self->state = from_message(saved);
  });
  return {
      [=](const std::string& customer, const cart::Add& add) {
        auto& cart = self->state.carts[customer];
        if (cart.orders.insert(add.order()).second)
          cart.items[add.item()] += add.count();
        return content_of(cart);
      },
      [=](const std::string& customer, const cart::Get&) {
        return content_of(self->state.carts[customer]);
      },
  };
}

} // namespace

caf::behavior cart_partition(troupe::stateful_partition<cart_state>* self) {
  return make_cart(self, true);
}

caf::behavior forgetful_cart(troupe::stateful_partition<cart_state>* self) {
  return make_cart(self, false);
}
