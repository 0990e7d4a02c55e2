// A defect of each kind, on purpose: a test says that each is heard.
#include <iostream>
#include <limits>
#include <string>
#include <thread>

namespace {

void leak() {
  auto* volatile bytes = new char[64];
  bytes = nullptr;
}

void overflow() {
  volatile int number = std::numeric_limits<int>::max();
  number = number + 1;
}

void race() {
  int number = 0;
  std::thread other{[&] { ++number; }};
  ++number;
  other.join();
}

} // namespace

int main(int argc, char** argv) {
  std::string which = argc > 1 ? argv[1] : "";
  if (which == "address")
    leak();
  else if (which == "undefined")
    overflow();
  else if (which == "thread")
    race();
  else
    return std::cerr << "sanitizer_defect address|undefined|thread\n", 2;
}
