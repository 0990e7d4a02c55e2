#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <test/chaos/harness/waiting.hpp>

#include <sys/types.h>

namespace troupe::chaos {

/// A directory that goes with its object.
class scratch_directory {
public:
  scratch_directory();
  ~scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// A child process, killed with its object, and with the thread that made it.
/// What it prints goes to a file.
class process {
public:
  process() = default;
  process(const std::vector<std::string>& command, std::string output);
  ~process();
  process(process&& other) noexcept;
  process& operator=(process&& other) noexcept;

  bool running();
  pid_t id() const { return pid_; }
  void signal(int number);

  /// kill -9, and waits until it is gone.
  void kill();

  /// Its exit status once it has ended by itself: 128 and the signal's number
  /// if by a signal. None: it runs on after the limit.
  std::optional<int> wait(milliseconds limit);

  /// All that it and earlier processes of the same file printed.
  std::string output() const;

private:
  void reap(int flags);

  pid_t pid_ = 0; // 0: none
  std::optional<int> status_;
  std::string output_;
};

/// Runs to the end. The status is -1 if that took longer than the limit.
struct finished {
  int status = 0;
  std::string output;
};
finished run(const std::vector<std::string>& command, milliseconds limit);

} // namespace troupe::chaos
