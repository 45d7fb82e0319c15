#include "program.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

namespace rtpx::cli {

void Program::watch_signals() {
  ::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, not our end
  ::signal(SIGXFSZ, SIG_IGN);  // so is a file over its size limit
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGINT);
  ::sigaddset(&ending, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  std::thread([ending, stop = stop_]() mutable {
    for (int number = 0, seen = 0; ::sigwait(&ending, &number) == 0;)
      if (++seen > 1 || !stop.request_stop()) ::_exit(kFailed);
  }).detach();
}

int exit_code(const Error& error) {
  switch (error.code) {
    case Errc::invalid_argument:
    case Errc::already_exists:
      return kUsage;
    case Errc::not_found:
    case Errc::tracks_not_found:
    case Errc::truncated:
    case Errc::malformed:
    case Errc::unsupported:
    case Errc::nothing_to_convert:
      return kUnusable;
    case Errc::io:
    case Errc::no_space:
    case Errc::too_many_files:
    case Errc::network:
    case Errc::denied:
    case Errc::cancelled:
    case Errc::storage_failed:
    case Errc::internal:
      return kFailed;
  }
  return kFailed;
}

int report(const char* command, const Error& error) {
  std::fprintf(stderr, "rtpx %s: %s\n", command, error.message.c_str());
  return exit_code(error);
}

}  // namespace rtpx::cli
