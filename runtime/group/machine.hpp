#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <variant>

#include <google/protobuf/message_lite.h>

#include <troupe/runtime/group/machine_port.hpp>

namespace troupe::raft {

/// What a state machine answers to a command that it does not take. It must
/// have changed nothing.
struct rejected {
  std::string why;
};

/// What came of a command.
template <class Result>
using applied_result = std::variant<Result, rejected>;

/// The state that a group replicates.
///
/// `command` is a protobuf message. `apply` must depend on nothing but the
/// state, the command and its index: no clock, no chance, no address. What it
/// throws counts as `rejected`, alike on all members, so it must throw before
/// it changes anything; a want of memory ends the process instead. `freeze`
/// gives a copy that no longer changes, in next to no time (see cow_map); its
/// `save` runs on another thread, for as long as it takes. If it answers false
/// or throws, there is no snapshot, and the next one is due by the policy.
/// `restore` is given what `save` wrote, and makes a new machine the same.
///
/// Threads: all but `save` and `restore` run on the group's thread, one at a
///          time, and should take less than a heartbeat: a leader that is in
///          one of them for an election timeout is succeeded. With
///          group_options::machine_thread they run on a thread of the
///          machine's, and may take their time.
template <class T>
concept machine = requires(T& x, const typename T::command& command,
                           byte_source& from, byte_sink& to) {
  requires std::derived_from<typename T::command,
                             google::protobuf::MessageLite>;
  {
    x.apply(log_index{}, command)
    } -> std::convertible_to<applied_result<typename T::result>>;
  { x.freeze().save(to) } -> std::same_as<bool>;
  { x.restore(from) } -> std::same_as<bool>;
};

/// Who waits for a result.
template <class Result>
class result_completion : public completion {
public:
  virtual void done(Result result) = 0;
};

/// A machine_port made of a user's machine.
template <machine T>
class typed_machine final : public machine_port {
public:
  using factory = std::function<std::unique_ptr<T>()>;

  explicit typed_machine(factory make)
      : make_(std::move(make)), machine_(make_()) {}

  const T& get() const { return *machine_; }

  void apply(log_index at, std::string_view command,
             completion* done) override {
    auto result = apply(at, command);
    if (done == nullptr)
      return;
    if (auto* x = std::get_if<typename T::result>(&result))
      static_cast<result_completion<typename T::result>&>(*done).done(
          std::move(*x));
    else
      done->fail({group_code::rejected, std::get<rejected>(result).why});
  }

  std::unique_ptr<frozen_machine> freeze() override {
    using copy = decltype(machine_->freeze());
    struct frozen final : frozen_machine {
      explicit frozen(copy x) : what(std::move(x)) {}
      bool save(byte_sink& to) const override {
        try {
          return what.save(to);
        } catch (...) {
          return false;
        }
      }
      copy what;
    };
    return std::make_unique<frozen>(machine_->freeze());
  }

  std::unique_ptr<machine_port> make() const override {
    return std::make_unique<typed_machine>(make_);
  }

  bool restore(byte_source& from) override {
    try {
      return machine_->restore(from);
    } catch (...) {
      return false;
    }
  }

private:
  applied_result<typename T::result> apply(log_index at,
                                           std::string_view command) {
    if (!command_.ParseFromArray(command.data(),
                                 static_cast<int>(command.size())))
      return rejected{"the command cannot be read"};
    try {
      return machine_->apply(at, command_);
    } catch (const std::bad_alloc&) {
      throw; // of this process alone: it must not go on with another state
    } catch (const std::exception& e) {
      return rejected{e.what()};
    } catch (...) {
      return rejected{"the state machine threw what is no std::exception"};
    }
  }

  factory make_;
  std::unique_ptr<T> machine_;
  typename T::command command_; // reused
};

} // namespace troupe::raft
