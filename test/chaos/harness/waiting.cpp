#include <test/chaos/harness/waiting.hpp>

#include <cstdio>
#include <thread>

namespace troupe::chaos {

bool eventually(milliseconds limit, const std::function<bool()>& check) {
  auto end = clock::now() + limit;
  while (!check()) {
    if (clock::now() > end)
      return false;
    std::this_thread::sleep_for(milliseconds{10}); // between two looks
  }
  return true;
}

double ms_since(clock::time_point from) {
  return std::chrono::duration<double, std::milli>(clock::now() - from).count();
}

void measured(const char* what, double value, const char* unit) {
  std::printf("measured: %s %.0f %s\n", what, value, unit);
  std::fflush(stdout);
}

} // namespace troupe::chaos
