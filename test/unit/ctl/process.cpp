#include <test/unit/ctl/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace troupe::ctl {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& x : texts)
    out.push_back(const_cast<char*>(x.c_str()));
  out.push_back(nullptr);
  return out;
}

/// Like a pipe, but the end to write to is a terminal.
bool open_terminal(int (&ends)[2]) {
  ends[0] = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (ends[0] < 0 || ::grantpt(ends[0]) != 0 || ::unlockpt(ends[0]) != 0)
    return false;
  ends[1] = ::open(::ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
  return ends[1] >= 0;
}

/// Reads both pipes to their ends.
void drain(int out_fd, int err_fd, outcome& result,
           const std::function<void(const std::string&)>& on_out) {
  std::array<pollfd, 2> fds{pollfd{out_fd, POLLIN, 0},
                            pollfd{err_fd, POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (::poll(fds.data(), fds.size(), 60'000) <= 0)
      return;
    for (auto& x : fds) {
      if (x.fd < 0 || !x.revents)
        continue;
      std::array<char, 4096> buf;
      auto n = ::read(x.fd, buf.data(), buf.size());
      if (n <= 0) {
        x.fd = -1;
        continue;
      }
      auto& text = x.fd == out_fd ? result.out : result.err;
      text.append(buf.data(), static_cast<std::size_t>(n));
      if (x.fd == out_fd && on_out)
        on_out(text);
    }
  }
}

} // namespace

outcome run(const std::vector<std::string>& args, const run_options& options) {
  std::vector<std::string> all{TROUPECTL_PATH};
  all.insert(all.end(), args.begin(), args.end());
  auto argv = pointers(all);
  auto envp = pointers(options.env);
  int out[2];
  int err[2];
  if ((options.terminal ? !open_terminal(out) : ::pipe2(out, O_CLOEXEC) != 0)
      || ::pipe2(err, O_CLOEXEC) != 0)
    return {};
  auto pid = ::fork();
  if (pid == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  outcome result;
  drain(out[0], err[0], result, options.on_out);
  ::close(out[0]);
  ::close(err[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

} // namespace troupe::ctl
