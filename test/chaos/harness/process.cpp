#include <test/chaos/harness/process.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace troupe::chaos {

scratch_directory::scratch_directory() {
  auto form =
      (std::filesystem::temp_directory_path() / "troupe-chaos-XXXXXX").string();
  if (!::mkdtemp(form.data()))
    throw std::runtime_error{"no temporary directory can be made"};
  path_ = form;
}

scratch_directory::~scratch_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

process::process(const std::vector<std::string>& command, std::string output)
    : output_(std::move(output)) {
  std::vector<char*> args;
  for (auto& arg : command)
    args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  auto parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0)
    throw std::runtime_error{"cannot fork"};
  if (pid_ > 0)
    return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int out = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  int in = ::open("/dev/null", O_RDONLY);
  if (::getppid() != parent || out < 0 || in < 0)
    ::_exit(126);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::close_range(3, ~0u, 0);
  ::execv(args[0], args.data());
  ::_exit(127);
}

process::~process() {
  kill();
}

process::process(process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      status_(other.status_),
      output_(std::move(other.output_)) {
}

process& process::operator=(process&& other) noexcept {
  kill();
  pid_ = std::exchange(other.pid_, 0);
  status_ = other.status_;
  output_ = std::move(other.output_);
  return *this;
}

void process::reap(int flags) {
  int status = 0;
  if (pid_ == 0 || ::waitpid(pid_, &status, flags) != pid_)
    return;
  pid_ = 0;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool process::running() {
  reap(WNOHANG);
  return pid_ != 0;
}

void process::signal(int number) {
  if (running())
    ::kill(pid_, number);
}

void process::kill() {
  signal(SIGKILL);
  reap(0);
}

std::optional<int> process::wait(milliseconds limit) {
  eventually(limit, [this] { return !running(); });
  return status_;
}

std::string process::output() const {
  std::ifstream in{output_};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

finished run(const std::vector<std::string>& command, milliseconds limit) {
  scratch_directory scratch;
  process child{command, scratch.path() + "/output"};
  auto status = child.wait(limit);
  return {status.value_or(-1), child.output()};
}

} // namespace troupe::chaos
