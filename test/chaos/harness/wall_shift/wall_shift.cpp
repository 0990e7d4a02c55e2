// Preloaded into a process, moves its wall clock by as many milliseconds as the
// file named by TROUPE_WALL_SHIFT holds, a binary int64 that may change at any
// time. All other clocks stay as they are.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

using clock_function = int (*)(clockid_t, timespec*);

const volatile std::int64_t* shift_ms() {
  static const auto* mapped = []() -> const volatile std::int64_t* {
    static const std::int64_t none = 0;
    auto* path = std::getenv("TROUPE_WALL_SHIFT");
    int file = path ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
      return &none;
    auto* at = ::mmap(nullptr, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return at == MAP_FAILED ? &none : static_cast<const std::int64_t*>(at);
  }
  ();
  return mapped;
}

} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* out) noexcept {
  static auto real =
      reinterpret_cast<clock_function>(::dlsym(RTLD_NEXT, "clock_gettime"));
  int code = real(which, out);
  if (code != 0 || (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE))
    return code;
  auto shift = *shift_ms();
  out->tv_sec += shift / 1000;
  out->tv_nsec += shift % 1000 * 1'000'000;
  if (out->tv_nsec >= 1'000'000'000) {
    out->tv_nsec -= 1'000'000'000;
    ++out->tv_sec;
  } else if (out->tv_nsec < 0) {
    out->tv_nsec += 1'000'000'000;
    --out->tv_sec;
  }
  return code;
}

extern "C" int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  int code = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return code;
}

extern "C" time_t time(time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out)
    *out = now.tv_sec;
  return now.tv_sec;
}
