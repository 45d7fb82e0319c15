#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/describe.hpp"

namespace rtpx::cli {

struct WhepArguments {
  std::string url, token, token_file, listen, folder;
  Description about;
  std::vector<std::string> stun;
  std::vector<std::string> recipients;  ///< public keys; none: it is not sealed
  double retry_seconds = 60;
  int max_duration = 0;
  std::uint64_t max_bytes = 0, max_bit_rate = 0;
  bool json = false;
};

/// `rtpx record --whep URL`: what a WHEP server plays becomes the recording `folder`. Answers the exit status.
int record_whep(const WhepArguments& arguments, const std::stop_token& stop);

}  // namespace rtpx::cli
