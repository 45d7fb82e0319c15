#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "timeline/model.hpp"

namespace rtpx::test {

/// What a sender does whose source begins anew.
enum class Anew : std::uint8_t { other_ssrc, other_numbers, same_numbers };

/// Writes a model call as a recording: VP8 in several packets a picture with RTX, Opus or G.711, sender
/// reports with CNAMEs. Each frame carries its number among the call's frames.
void record_model(const ModelCall& call, unsigned seed, Anew anew, const std::filesystem::path& folder);

/// The number that a written frame carries; -1: it is one that was put in.
[[nodiscard]] int frame_number(const std::vector<unsigned char>& frame, bool audio);

}  // namespace rtpx::test
