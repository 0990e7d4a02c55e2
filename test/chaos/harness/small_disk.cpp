#include <test/chaos/harness/small_disk.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace troupe::chaos {

small_disk::small_disk(const std::string& directory, unsigned mebibytes)
    : directory_(directory) {
  ::mkdir(directory.c_str(), 0755);
  if (::unshare(CLONE_NEWNS) != 0
      || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
      || !mount(mebibytes, 0))
    why_ = std::strerror(errno);
}

small_disk::~small_disk() {
  ::umount2(directory_.c_str(), MNT_DETACH);
}

bool small_disk::skipped() const {
  if (!why_.empty())
    std::printf("skipped: no file system can be mounted here: %s\n",
                why_.c_str());
  return !why_.empty();
}

bool small_disk::resize(unsigned mebibytes) {
  return mount(mebibytes, MS_REMOUNT);
}

void small_disk::fill() {
  auto file = directory_ + "/filling";
  int out =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  char bytes[4096] = {1};
  while (::write(out, bytes, sizeof bytes) > 0)
    ;
  ::close(out);
}

void small_disk::make_room() {
  ::unlink((directory_ + "/filling").c_str());
}

bool small_disk::mount(unsigned mebibytes, unsigned long flags) {
  auto size = "size=" + std::to_string(mebibytes) + "m";
  return ::mount("tmpfs", directory_.c_str(), "tmpfs", flags, size.c_str())
         == 0;
}

} // namespace troupe::chaos
