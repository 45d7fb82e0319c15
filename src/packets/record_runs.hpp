#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rtpx {

/// Which of a layer's records, in file order, make up its main line: the scan writes it, the cursor reads it.
/// Kept as lengths of runs, a byte or two for each change between records of the line and others.
class RecordRuns {
 public:
  /// The next record in file order.
  void add(bool on_line) {
    if (on_line != open_on_line_) close_run();
    ++open_;
  }

  /// Goes through the records again; a copy goes on from where the original stands. The runs must outlive it and may
  /// not grow meanwhile.
  class Reader {
   public:
    /// Behind the first `records`.
    explicit Reader(const RecordRuns& runs, std::uint64_t records = 0);
    /// Whether the next record is of the line; false beyond the last.
    [[nodiscard]] bool next() {
      if (left_ == 0 && !next_run()) return false;
      --left_;
      return on_line_;
    }
    /// Whether a record of the line is left. Passes over those that are not.
    [[nodiscard]] bool any_left();

   private:
    [[nodiscard]] bool next_run();
    [[nodiscard]] std::uint64_t next_length();

    const RecordRuns* runs_;
    std::size_t at_ = 0;
    std::uint64_t left_ = 0;  // of the run
    bool on_line_ = true;     // of the run; the first one is of records beside the line
    bool ended_ = false;
  };

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(lengths_, open_, open_on_line_);
  }

 private:
  void close_run();

  std::vector<std::uint8_t> lengths_;  // of closed runs, 7 bits a byte, the lowest first; they take turns
  std::uint64_t open_ = 0;             // length of the open run
  bool open_on_line_ = false;
};

}  // namespace rtpx
