#pragma once

#include <cstdint>
#include <vector>

#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

#include <troupe/cluster/ids.hpp>
#include <troupe/cluster/map/settings.hpp>

namespace troupe {

/// What few messages carry besides their content.
struct message_extra {
  /// Nodes passed, the first router's first; empty: only that one.
  std::vector<std::uint64_t> path;
  boot_time expires{0}; // when nobody may begin it any more; 0: never
  /// Accepted here, though its sender is elsewhere: a partition handed it on.
  bool handed_on = false;

  bool any() const {
    return handed_on || !path.empty() || expires != boot_time{0};
  }
};

/// An element of any form, with an extra. Sender, message id and stages are its
/// own until it is taken out again.
///
/// Threads: as any mailbox element: one at a time.
class extended_element final : public caf::mailbox_element {
public:
  extended_element(caf::mailbox_element_ptr inner, message_extra what)
      : caf::mailbox_element(std::move(inner->sender), inner->mid,
                             std::move(inner->stages)),
        extra(std::move(what)),
        inner_(std::move(inner)) {}

  caf::mailbox_element_ptr take() {
    inner_->sender = std::move(sender);
    inner_->mid = mid;
    inner_->stages = std::move(stages);
    return std::move(inner_);
  }

  message_extra extra;

  caf::type_erased_tuple& content() override { return inner_->content(); }
  const caf::type_erased_tuple& content() const override {
    return const_cast<const caf::mailbox_element&>(*inner_).content();
  }
  caf::message move_content_to_message() override {
    return inner_->move_content_to_message();
  }
  caf::message copy_content_to_message() const override {
    return inner_->copy_content_to_message();
  }

private:
  caf::mailbox_element_ptr inner_;
};

} // namespace troupe
