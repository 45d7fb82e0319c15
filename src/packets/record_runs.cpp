#include "packets/record_runs.hpp"

#include <algorithm>

namespace rtpx {

void RecordRuns::close_run() {
  for (std::uint64_t rest = open_;; rest >>= 7) {
    const bool last = rest < 0x80;
    lengths_.push_back(static_cast<std::uint8_t>((rest & 0x7F) | (last ? 0 : 0x80)));
    if (last) break;
  }
  open_ = 0;
  open_on_line_ = !open_on_line_;
}

RecordRuns::Reader::Reader(const RecordRuns& runs, std::uint64_t records) : runs_(&runs) {
  while (records > 0 && !ended_) {
    left_ = next_length();
    on_line_ = !on_line_;
    const std::uint64_t passed = std::min(records, left_);
    left_ -= passed;
    records -= passed;
  }
}

bool RecordRuns::Reader::next_run() {
  while (left_ == 0) {
    if (ended_) return false;
    left_ = next_length();
    on_line_ = !on_line_;
  }
  return true;
}

bool RecordRuns::Reader::any_left() {
  while (left_ == 0 || !on_line_) {
    if (ended_) return false;
    left_ = next_length();
    on_line_ = !on_line_;
  }
  return true;
}

std::uint64_t RecordRuns::Reader::next_length() {
  if (at_ == runs_->lengths_.size()) {
    ended_ = true;
    return runs_->open_;
  }
  std::uint64_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    const std::uint8_t byte = runs_->lengths_[at_++];
    length |= std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80) == 0) return length;
  }
}

}  // namespace rtpx
